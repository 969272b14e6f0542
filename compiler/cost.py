"""Cycles and bytes of instructions, for ordering and for the compiler's statement of ideal cycles.

`busy` is how long an instruction occupies its unit when nothing holds it up; `latency` how long after that its result
is visible.
"""

from __future__ import annotations

import numpy as np

from models.config import Config
from models.dspe import DEPTH
from models.isa import PAYLOAD, Opcode, Precision, SfuOp
from models.ru import ideal_cycles as ru_cycles
from models.sfu import LANES, LONGEST_ROW
from models.su import ideal_cycles as su_cycles

LATENCY = {Opcode.LOAD: 120, Opcode.STORE: 120, Opcode.GEMM: 60, Opcode.SFU: 70, Opcode.SU: 60, Opcode.RU: 40}

Column = np.ndarray


def _column(fields: list[dict[str, int]], rows: np.ndarray, name: str) -> Column:
    if name in ("rows", "m"):
        return np.array([expected_rows(fields[r], name) for r in rows], np.int64)
    return np.array([fields[r].get(name, 0) for r in rows], np.int64)


def expected_rows(fields: dict[str, int], name: str) -> int:
    """Rows of an instruction, or the estimate where a count bounds them."""
    return fields.get("expected", fields[name])


def gemm_cycles(m: Column, n: Column, k: Column, batch: Column, precision: Column, config: Config) -> Column:
    """Cycles of a command: the vectorised `ideal_cycles` of models/mpu.py."""
    tile = np.where(precision == Precision.INT8, config.int8_rows, config.fp16_rows)
    depth = -(-k // DEPTH)
    rest = m % tile
    column = m // tile * np.maximum(depth, tile) + np.where(rest > 0, np.maximum(depth, rest), 0)
    return batch * -(-n // config.tile_cols) * column


def sfu_cycles(op: Column, rows: Column, cols: Column, out_fp16: Column) -> Column:
    """Cycles of the lanes: the vectorised `ideal_cycles` of models/sfu.py."""
    groups = -(-cols // LANES)
    int8 = (out_fp16 == 0) & (op != SfuOp.SOFTMAX) & (op != SfuOp.RESIDUAL)
    passes = 1 + (op == SfuOp.LAYERNORM) + (int8 & (groups > LONGEST_ROW))
    return rows * (groups + np.where(op == SfuOp.RESIDUAL, groups % 2, 0)) * passes


def sfu_latency(op: Column, cols: Column, out_fp16: Column) -> Column:
    """What the scan of the first row and the scaling of the last one add (docs/sfu.md)."""
    groups = -(-cols // LANES)
    scan = np.where(op == SfuOp.LAYERNORM, groups + 32, np.where(op == SfuOp.SOFTMAX, groups + 9, 0))
    int8 = (out_fp16 == 0) & (op != SfuOp.SOFTMAX) & (op != SfuOp.RESIDUAL)
    return scan + np.where(int8, groups, 0)


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
            busy[rows] = gemm_cycles(get("m"), get("n"), get("k"), get("batch"), get("precision"), config)
        elif opcode in (Opcode.SU, Opcode.RU):
            cycles = su_cycles if opcode == Opcode.SU else ru_cycles
            empty = {f.name: 0 for f in PAYLOAD[opcode]}
            busy[rows] = [cycles(empty | fields[r] | {"rows": expected_rows(fields[r], "rows")}) for r in rows]
        else:
            busy[rows] = sfu_cycles(get("op"), get("rows"), get("cols"), get("out_fp16"))
            latency[rows] += sfu_latency(get("op"), get("cols"), get("out_fp16"))
    return busy, latency


def moved(opcodes: list[Opcode], fields: list[dict[str, int]]) -> np.ndarray:
    """Bytes that every instruction moves between HBM and the buffers."""
    out = np.zeros(len(opcodes), np.int64)
    for index, opcode in enumerate(opcodes):
        if opcode in (Opcode.LOAD, Opcode.STORE):
            out[index] = 16 * expected_rows(fields[index], "rows") * fields[index]["row_units"]
    return out
