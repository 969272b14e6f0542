"""Matrix unit: what a GEMM command writes into vbuf, bit-exact, and the cycles that its array needs.

The RTL is rtl/mpu/. `fields` are the GEMM fields of models.isa by name, as `isa.decode` returns them. Buffer images are
uint8[units, 16] (abuf, bbuf, vbuf), pbuf any contiguous array of 64 bytes an entry (8 channels x {FP32 a, FP32 b}),
rbuf any contiguous array of 4 bytes a word. The order of rounding is the drain of docs/numerics.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models import dspe, numerics
from models.config import UNIT_BYTES, Config
from models.isa import Layout, Precision

GROUP = 8  # columns of one pbuf entry and of one FP16 unit
UNIT_K = {Precision.INT8: 16, Precision.FP16: 8}  # k of one unit


class GemmError(ValueError):
    """A command or an image is unusable; the message names the field."""


def _check(fields: Mapping[str, int], images: Mapping[str, tuple[np.ndarray, int]]) -> None:
    for name in ("m", "n", "k", "batch"):
        if fields[name] < 1:
            raise GemmError(f"GEMM.{name} is {fields[name]}, must be at least 1")
    if fields["precision"] == Precision.INT8 and fields["b_layout"] == Layout.KN:
        raise GemmError("GEMM.b_layout is KN, which FP16 alone has")
    for name in ("a_base", "a_step", "a_batch"):
        if fields["precision"] == Precision.INT8 and fields[name] % 2:
            raise GemmError(f"GEMM.{name} is {fields[name]}, must be even with INT8")
    if fields["b_layout"] == Layout.KN and fields["b_step"] % 2 == 0:
        raise GemmError(f"GEMM.b_step is {fields['b_step']}, must be odd with KN")
    for name, (image, size) in images.items():
        if image.nbytes != size:
            raise GemmError(f"{name} has {image.nbytes} bytes, the configuration says {size}")


def _panel(buffer: np.ndarray, base: int, step: int, product: int, batch: int, rows: int, k: int, dtype: type) -> np.ndarray:
    """[batch, rows, k] out of a panel: unit (row r, k group g) at base + batch*product + g*step + r, modulo the buffer."""
    per_unit = UNIT_BYTES // np.dtype(dtype).itemsize
    groups = -(-k // per_unit)
    b, r, g = np.ogrid[:batch, :rows, :groups]
    units = buffer[(base + b * product + g * step + r) % len(buffer)]
    return units.reshape(batch, rows, groups * UNIT_BYTES).view(dtype)[..., :k]


def operand_a(fields: Mapping[str, int], abuf: np.ndarray) -> np.ndarray:
    """A as int8 or float16 [batch, m, k]."""
    dtype = np.int8 if fields["precision"] == Precision.INT8 else np.float16
    return _panel(abuf, fields["a_base"], fields["a_step"], fields["a_batch"], fields["batch"], fields["m"], fields["k"], dtype)


def operand_b(fields: Mapping[str, int], bbuf: np.ndarray) -> np.ndarray:
    """B as int8 or float16 [batch, k, n]."""
    batch, n, k = fields["batch"], fields["n"], fields["k"]
    base, step, product = fields["b_base"], fields["b_step"], fields["b_batch"]
    if fields["precision"] == Precision.FP16 and fields["b_layout"] == Layout.KN:
        groups = -(-n // GROUP)
        b, row, j = np.ogrid[:batch, :k, :groups]
        units = bbuf[(base + b * product + row * step + j) % len(bbuf)]
        return units.reshape(batch, k, groups * UNIT_BYTES).view(np.float16)[..., :n]
    dtype = np.int8 if fields["precision"] == Precision.INT8 else np.float16
    return np.swapaxes(_panel(bbuf, base, step, product, batch, n, k, dtype), 1, 2)


def epilogue(fields: Mapping[str, int], value: np.ndarray, pbuf: np.ndarray, rbuf: np.ndarray) -> np.ndarray:
    """Row scale and column affine of FP32 values [batch, m, n]."""
    batch, m, n = value.shape
    if fields["row_scale"]:
        words = np.ascontiguousarray(rbuf).reshape(-1).view(np.float32)
        rows = (fields["rbuf_base"] + np.arange(batch * m)) % len(words)
        value = numerics.f32_mul(value, words[rows].reshape(batch, m, 1))
    if fields["col_affine"]:
        entries = np.ascontiguousarray(pbuf).reshape(-1).view(np.float32).reshape(-1, GROUP, 2)
        columns = np.arange(n)
        affine = entries[(fields["pbuf_base"] + columns // GROUP) % len(entries), columns % GROUP]
        value = numerics.f32_add(numerics.f32_mul(value, affine[:, 0]), affine[:, 1])
    return value


def gemm_writes(
    fields: Mapping[str, int], abuf: np.ndarray, bbuf: np.ndarray, pbuf: np.ndarray, rbuf: np.ndarray, vbuf_units: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Units that the command writes: (addresses int64[w], data uint8[w, 16]), rows in order, columns in order."""
    _check(fields, {})
    batch, m, n = fields["batch"], fields["m"], fields["n"]
    a, b = operand_a(fields, abuf), operand_b(fields, bbuf)
    if fields["precision"] == Precision.INT8:
        value = numerics.i32_to_f32(numerics.int8_matmul(a, b))
    else:
        value = numerics.fp16_matmul_exact(a, b)
    value = epilogue(fields, value, pbuf, rbuf)
    groups = -(-n // GROUP)
    out = np.zeros((batch, m, groups * GROUP), np.float32 if fields["out_fp32"] else np.float16)
    out[..., :n] = value if fields["out_fp32"] else numerics.f32_to_f16(value)
    data = out.view(np.uint8).reshape(batch, m, -1, UNIT_BYTES)
    i, r, u = np.ogrid[:batch, :m, : data.shape[2]]
    address = (fields["o_base"] + i * fields["o_batch"] + r * fields["o_step"] + u) % vbuf_units
    return np.broadcast_to(address, data.shape[:3]).reshape(-1), data.reshape(-1, UNIT_BYTES)


def gemm(
    fields: Mapping[str, int], abuf: np.ndarray, bbuf: np.ndarray, pbuf: np.ndarray, rbuf: np.ndarray, vbuf: np.ndarray,
    config: Config,
) -> np.ndarray:
    """vbuf after the command, a new array. Raises GemmError when a field is 0 or an image has not the configured size."""
    _check(fields, {
        "abuf": (abuf, config.abuf * UNIT_BYTES), "bbuf": (bbuf, config.bbuf * UNIT_BYTES), "pbuf": (pbuf, config.pbuf * 64),
        "rbuf": (rbuf, config.rbuf * 4), "vbuf": (vbuf, config.vbuf * UNIT_BYTES),
    })
    address, data = gemm_writes(fields, abuf, bbuf, pbuf, rbuf, len(vbuf))
    out = vbuf.copy()
    out[address] = data
    return out


def macs(fields: Mapping[str, int]) -> int:
    """Multiply-accumulates of the algorithm, padding not counted."""
    return fields["batch"] * fields["m"] * fields["n"] * fields["k"]


def _tile_rows(fields: Mapping[str, int], config: Config) -> int:
    return config.int8_rows if fields["precision"] == Precision.INT8 else config.fp16_rows


def steps(fields: Mapping[str, int], config: Config) -> int:
    """Steps of the array: one per eight k of every tile, leftover tiles and k as whole ones. Those of one pass each."""
    tiles = -(-fields["m"] // _tile_rows(fields, config)) * -(-fields["n"] // config.tile_cols)
    return fields["batch"] * tiles * -(-fields["k"] // dspe.DEPTH)


def drain_cycles(fields: Mapping[str, int], config: Config) -> int:
    """Cycles that the drain needs: one per row of every tile."""
    return fields["batch"] * fields["m"] * -(-fields["n"] // config.tile_cols)


def ideal_cycles(fields: Mapping[str, int], config: Config) -> int:
    """Cycles for which a command occupies the array when no step takes several passes: a tile's steps, or its rows in the
    drain if these are more."""
    tile, depth = _tile_rows(fields, config), -(-fields["k"] // dspe.DEPTH)
    full, rest = divmod(fields["m"], tile)
    column = full * max(depth, tile) + (max(depth, rest) if rest else 0)
    return fields["batch"] * -(-fields["n"] // config.tile_cols) * column


def passes(fields: Mapping[str, int], abuf: np.ndarray, bbuf: np.ndarray, config: Config) -> np.ndarray:
    """int64[tiles]: passes of the steps of every tile of a command on these operands (models/dspe.py), in the order of the tiles: one a
    step, more where the exponents of FP16 lie far apart."""
    if fields["precision"] == Precision.INT8:
        tiles = fields["batch"] * -(-fields["m"] // config.int8_rows) * -(-fields["n"] // config.tile_cols)
        return np.full(tiles, -(-fields["k"] // dspe.DEPTH))

    def kinds(lines: np.ndarray, tile: int, *window: int) -> np.ndarray:
        """Number of classes [batch, tiles, steps] of lines [batch, n, k], tile by tile."""
        batch, n, k = lines.shape
        padded = np.zeros((batch, -(-n // tile) * tile, -(-k // dspe.DEPTH) * dspe.DEPTH), np.uint16)
        padded[:, :n, :k] = lines.view(np.uint16)
        found = dspe.classes(padded.reshape(batch, -1, tile, padded.shape[2] // dspe.DEPTH, dspe.DEPTH), *window)
        return np.maximum(1, sum((found == c).any((2, 4)).astype(np.int64) for c in range(3)))

    rows = kinds(operand_a(fields, abuf), config.fp16_rows, dspe.ROW_WINDOW)
    cols = kinds(np.ascontiguousarray(np.swapaxes(operand_b(fields, bbuf), 1, 2)), config.tile_cols, dspe.COL_WINDOW, dspe.COL_SLACK)
    return np.einsum("bmk,bnk->bmn", rows, cols).reshape(-1)
