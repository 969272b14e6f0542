"""Cycles and bytes of instructions, for ordering and for the compiler's statement of ideal cycles.

`busy` is how long an instruction occupies its unit when nothing holds it up; `latency` how long after that its result
is visible.
"""

from __future__ import annotations

import numpy as np

from models.config import Config
from models.isa import Layout, Opcode, Precision, SfuOp
from models.mpu import BLOCK_STEPS, TAIL_BLOCKS

LATENCY = {Opcode.LOAD: 120, Opcode.STORE: 120, Opcode.GEMM: 60, Opcode.SFU: 80}
# Passes over a row, INT8 out and FP16 out.
PASSES = {
    SfuOp.LAYERNORM: (4, 3), SfuOp.QUANT: (2, 1), SfuOp.GELU: (2, 1), SfuOp.SOFTMAX: (2, 2), SfuOp.RESIDUAL: (1, 1),
}

Column = np.ndarray


def _column(fields: list[dict[str, int]], rows: np.ndarray, name: str) -> Column:
    return np.array([fields[r].get(name, 0) for r in rows], np.int64)


def gemm_cycles(m: Column, n: Column, k: Column, batch: Column, precision: Column, layout: Column,
                config: Config) -> Column:
    """Cycles of a command: the longest of the array's steps, the reads of operand blocks, and the drained rows.

    Vectorised `ideal_cycles`, `load_cycles` and `drain_cycles` of models/mpu.py.
    """
    int8 = precision == Precision.INT8
    tile = np.where(int8, config.int8_rows, config.fp16_rows)
    block = np.where(int8, BLOCK_STEPS[Precision.INT8], BLOCK_STEPS[Precision.FP16])
    kn = ~int8 & (layout == Layout.KN)
    full, rest = k // block, k % block
    last = np.where(rest > 0, rest, block)  # steps of the last block
    before = np.where(rest > 0, full, full - 1)  # blocks in front of it
    width = config.tile_cols
    wide, narrow = n // width, n % width

    def tile_load(reads_a: Column, columns: Column | int, first: bool) -> Column:
        reads_b = -(-columns // config.bbuf_port)
        body = np.maximum(reads_a, np.where(kn, block, reads_b))
        tail_b = np.where(kn, last, reads_b)
        tail = np.maximum(reads_a, tail_b)
        if not first:
            tail = np.where(before + 1 >= TAIL_BLOCKS, tail_b, tail)
        return before * body + tail

    load = np.zeros_like(m)
    for count, rows in ((m // tile, tile), (np.minimum(m % tile, 1), m % tile)):
        reads_a = -(-rows // config.abuf_port)
        first = np.where(wide > 0, tile_load(reads_a, width, True), tile_load(reads_a, narrow, True))
        more = np.maximum(wide - 1, 0) * tile_load(reads_a, width, False)
        more += np.where((wide > 0) & (narrow > 0), tile_load(reads_a, narrow, False), 0)
        load += count * (first + more)
    n_tiles = -(-n // width)
    steps = -(-m // tile) * n_tiles * k
    return batch * np.maximum(np.maximum(steps, load), m * n_tiles)


def sfu_cycles(op: Column, rows: Column, cols: Column, out_fp16: Column) -> Column:
    """Cycles of the lanes: rows x groups of eight elements x passes; RESIDUAL reads its groups in pairs."""
    passes = np.zeros((16, 2), np.int64)
    for what, count in PASSES.items():
        passes[what] = count
    groups = -(-cols // 8)
    return rows * (groups + np.where(op == SfuOp.RESIDUAL, groups % 2, 0)) * passes[op, out_fp16]


def table(opcodes: list[Opcode], fields: list[dict[str, int]], config: Config) -> tuple[np.ndarray, np.ndarray]:
    """(busy, latency) of every instruction, int64."""
    kinds = np.array([int(o) for o in opcodes], np.int64)
    busy, latency = np.zeros(len(kinds), np.int64), np.zeros(len(kinds), np.int64)
    for opcode, cycles in LATENCY.items():
        rows = np.flatnonzero(kinds == int(opcode))
        latency[rows] = cycles

        def get(name: str, rows: np.ndarray = rows) -> np.ndarray:
            return _column(fields, rows, name)

        if opcode in (Opcode.LOAD, Opcode.STORE):
            busy[rows] = get("rows") * -(-get("row_units") // 2)
        elif opcode == Opcode.GEMM:
            busy[rows] = gemm_cycles(get("m"), get("n"), get("k"), get("batch"), get("precision"), get("b_layout"),
                                     config)
        else:
            busy[rows] = sfu_cycles(get("op"), get("rows"), get("cols"), get("out_fp16"))
    return busy, latency


def moved(opcodes: list[Opcode], fields: list[dict[str, int]]) -> np.ndarray:
    """Bytes that every instruction moves between HBM and the buffers."""
    out = np.zeros(len(opcodes), np.int64)
    for index, opcode in enumerate(opcodes):
        if opcode in (Opcode.LOAD, Opcode.STORE):
            out[index] = 16 * fields[index]["rows"] * fields[index]["row_units"]
    return out
