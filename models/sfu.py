"""Model of the special-function unit: row operations on vbuf, bit-exact with rtl/sfu. The page is docs/sfu.md.

Every value passes x -> FP32 -> [+ c0] -> [* c1] -> [exp2 | gelu gate] -> [* a] -> [+ b] -> [* c2] -> FP16 | INT8; a bypassed
step changes no bit. The functions below work on whole rows at once: float32[rows, cols] in, no padding. `results` executes
one instruction (fields by name as models/isa.py decodes them) and returns what it writes; `execute` applies it to buffers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.config import UNIT_BYTES
from models.isa import Buffer, SfuOp
from models.numerics import f16_to_f32, f32, f32_add, f32_max_reduce, f32_mul, f32_to_f16, f32_to_i8
from models.sfu_functions import exp2, gelu, recip, rsqrt

LANES = 8
BATCH_ROWS = 16
STORE_GROUPS = 1024  # groups between the lanes and the scaling to INT8
LONGEST_ROW = STORE_GROUPS - 64  # groups of a row that the store takes whole
INV_127 = np.float32(1 / 127)
_127 = np.float32(127)


def _flushed(x: np.ndarray) -> np.ndarray:
    """FP32 input as the lanes see it: NaN canonical, subnormals zero of their sign."""
    return f32_mul(x, np.float32(1))


def row_sum(x: np.ndarray) -> np.ndarray:
    """Sum of float32[rows, cols] over the columns in the hardware's order.

    A group of 8 lanes by a binary tree (missing lanes +0), groups into 4 partial sums by group index modulo 4 that start at +0,
    then (p0 + p1) + (p2 + p3).
    """
    rows, cols = x.shape
    groups = -(-cols // LANES)
    lanes = np.zeros((rows, groups * LANES), np.float32)
    lanes[:, :cols] = x
    tree = lanes.reshape(rows, groups, LANES)
    while tree.shape[-1] > 1:
        tree = f32_add(tree[..., 0::2], tree[..., 1::2])
    partial = np.zeros((rows, 4), np.float32)
    for start in range(0, groups, 4):
        count = min(4, groups - start)
        partial[:, :count] = f32_add(partial[:, :count], tree[:, start:start + count, 0])
    return f32_add(f32_add(partial[:, 0], partial[:, 1]), f32_add(partial[:, 2], partial[:, 3]))


def row_absmax(x: np.ndarray) -> np.ndarray:
    """Greatest magnitude of each row of float32[rows, cols]; NaN if the row holds one."""
    return f32_max_reduce(np.abs(x))


def layernorm(x: np.ndarray, inv_cols: float, epsilon: float) -> np.ndarray:
    """(x - mean) * rsqrt(var + epsilon) of float32[rows, cols], mean = sum * inv_cols, var = sum((x - mean)^2) * inv_cols."""
    mean = f32_mul(row_sum(x), f32(inv_cols))
    t = f32_add(x, np.negative(mean)[:, None])
    variance = f32_mul(row_sum(f32_mul(t, t)), f32(inv_cols))
    return f32_mul(t, rsqrt(f32_add(variance, f32(epsilon)))[:, None])


def quant(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int8[rows, cols], float32[rows] scale): scale = amax * (1/127), q = round(y * (127 * recip(amax)))."""
    amax = row_absmax(y)
    inverse = f32_mul(recip(amax), _127)
    return f32_to_i8(f32_mul(y, inverse[:, None])), f32_mul(amax, INV_127)


def softmax(x: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """(float16[rows, cols] p, float32[rows] 1/sum(p)): p = 2^((x - max) * factor), rounded to FP16 before it is summed."""
    x = _flushed(x)
    t = f32_mul(f32_add(x, np.negative(f32_max_reduce(x))[:, None]), f32(factor))
    p = f32_to_f16(exp2(t))
    return p, recip(row_sum(f16_to_f32(p)))


def residual(x: np.ndarray, y: np.ndarray, gate: np.ndarray | None = None) -> np.ndarray:
    """x + gate * y (x + y without a gate) of float32[rows, cols], gate float32[cols], as float16."""
    return f32_to_f16(f32_add(y if gate is None else f32_mul(y, f32(gate)), x))


@dataclass(frozen=True)
class Writes:
    """What one instruction writes: units `data` uint8[n, 16] at `addr` int64[n] of `dst`, scales `scale` at rbuf `row`."""

    dst: Buffer
    addr: np.ndarray
    data: np.ndarray
    row: np.ndarray
    scale: np.ndarray


def _float(bits: int) -> np.float32:
    return np.uint32(bits).view(np.float32)


def _rows(vbuf: np.ndarray, base: int, step: int, rows: int, cols: int, dtype: type) -> np.ndarray:
    """[rows, cols] of `dtype` at units base + r*step of vbuf; raises IndexError beyond the buffer."""
    units = -(-cols * np.dtype(dtype).itemsize // UNIT_BYTES)
    addr = (base + step * np.arange(rows))[:, None] + np.arange(units)
    return np.ascontiguousarray(vbuf[addr].reshape(rows, -1)).view(dtype)[:, :cols]


def results(fields: Mapping[str, int], vbuf: np.ndarray, pbuf: np.ndarray) -> Writes:
    """Execute one SFU instruction.

    vbuf uint8[units, 16]; pbuf uint8[entries, 64], entry = 8 channels x {FP32 a, FP32 b}. All reads come before all writes
    (in the hardware, x and y rows may be overwritten only by their own row at their own place). Raises ValueError on an
    unknown operation and IndexError on a read beyond a buffer.
    """
    op = SfuOp(fields["op"])
    rows, cols = fields["rows"], fields["cols"]
    x_type = np.float32 if op == SfuOp.SOFTMAX and fields["x_fp32"] else np.float16
    x = _rows(vbuf, fields["x_base"], fields["x_step"], rows, cols, x_type)
    if x_type is np.float16:
        x = f16_to_f32(x)
    affine = None
    if fields["affine"] and op != SfuOp.SOFTMAX:
        entries = pbuf[fields["pbuf_base"] + np.arange(-(-cols // LANES))]
        affine = np.ascontiguousarray(entries).view(np.float32).reshape(-1, 2)[:cols].T

    scale = np.zeros(0, np.float32)
    if op == SfuOp.SOFTMAX:
        out, scale = softmax(x, _float(fields["imm0"]))
    elif op == SfuOp.RESIDUAL:
        y = f16_to_f32(_rows(vbuf, fields["y_base"], fields["y_step"], rows, cols, np.float16))
        out = residual(x, y, None if affine is None else affine[0])
    else:
        if op == SfuOp.LAYERNORM:
            x = layernorm(x, _float(fields["imm0"]), _float(fields["imm1"]))
        elif op == SfuOp.GELU:
            x = gelu(x)
        if affine is not None:
            x = f32_add(x if op == SfuOp.GELU else f32_mul(x, affine[0]), affine[1])
        if fields["out_fp16"]:
            out = f32_to_f16(x)
        else:
            out, scale = quant(x)

    units = -(-cols * out.itemsize // UNIT_BYTES)
    padded = np.zeros((rows, units * UNIT_BYTES // out.itemsize), out.dtype)
    padded[:, :cols] = out
    addr = fields["d_base"] + (fields["d_row"] * np.arange(rows))[:, None] + fields["d_unit"] * np.arange(units)
    return Writes(Buffer(fields["dst"]), addr.reshape(-1), padded.view(np.uint8).reshape(-1, UNIT_BYTES),
                  fields["rbuf_base"] + np.arange(len(scale)), scale)


def execute(
    fields: Mapping[str, int], vbuf: np.ndarray, pbuf: np.ndarray, rbuf: np.ndarray, abuf: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(vbuf, rbuf, abuf) after one instruction; the arguments are left alone. rbuf is float32[words], abuf like vbuf."""
    writes = results(fields, vbuf, pbuf)
    out = {Buffer.V: vbuf.copy(), Buffer.A: abuf.copy()}
    out[writes.dst][writes.addr] = writes.data
    rbuf = rbuf.copy()
    rbuf[writes.row] = writes.scale
    return out[Buffer.V], rbuf, out[Buffer.A]


def passes(fields: Mapping[str, int]) -> int:
    """Passes of the lanes over each row; an INT8 row that the store does not take whole needs another one."""
    op = SfuOp(fields["op"])
    int8 = not fields.get("out_fp16", 0) and op not in (SfuOp.SOFTMAX, SfuOp.RESIDUAL)
    return 1 + (op == SfuOp.LAYERNORM) + (int8 and -(-fields["cols"] // LANES) > LONGEST_ROW)


def ideal_cycles(fields: Mapping[str, int]) -> int:
    """Cycles in which the lanes need to issue a group: rows x groups x passes.

    RESIDUAL reads an x pair and a y pair of groups in two cycles, so that an odd number of groups costs one cycle a row more.
    """
    groups = -(-fields["cols"] // LANES)
    if fields["op"] == SfuOp.RESIDUAL:
        groups += groups & 1
    return fields["rows"] * groups * passes(fields)
