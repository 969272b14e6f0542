"""DSP-E, the arithmetic unit of the mpu array, bit-exact; the RTL is rtl/dspe/.

`State` and `step` are the plain unit (fvgm_dspe), step by step. `tile` and `passes` are the array of chains
(fvgm_dspe_array): what a tile's sums are, and how many passes a step of eight k takes.

A step is an outer product: INT8 2x2 of signed bytes, FP16 1x2. INT8 sums are int32. An FP16 sum is the exact fixed-point
integer of docs/numerics.md (unit 2^-48, 96 bits two's complement) with sticky flags. Everything works on arrays of units: the leading
dimensions `...` of operands and state are free. A sum is kept as two limbs of 48 bits, because numpy has no integer wider
than 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.isa import Precision

HALF_BITS = 48
_LOW = np.int64(2**HALF_BITS - 1)
FLAG_NAN, FLAG_PINF, FLAG_NINF = 4, 2, 1


@dataclass(frozen=True)
class State:
    """Sums and drain register of an array of units.

    int8 int32[..., 2 columns, 2 rows]; hi int64[..., 2] (signed 48 bits) and lo int64[..., 2] (in [0, 2^48)): FP16 sum
    hi * 2^48 + lo; flags uint8[..., 2]: FLAG_*. drain is the state that the last step with `last` left, None before.
    """

    int8: np.ndarray
    hi: np.ndarray
    lo: np.ndarray
    flags: np.ndarray
    drain: State | None = None


def initial(shape: tuple[int, ...] = ()) -> State:
    """All sums zero, nothing drained."""
    return State(np.zeros((*shape, 2, 2), np.int32), np.zeros((*shape, 2), np.int64),
                 np.zeros((*shape, 2), np.int64), np.zeros((*shape, 2), np.uint8))


def int8_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """int32[..., 2 columns, 2 rows]: products of the bytes {a1, a0} of a uint16[...] and the low bytes of b uint16[..., 2]."""
    rows = np.stack([a & 0xFF, a >> 8], axis=-1).astype(np.uint8).view(np.int8).astype(np.int32)
    cols = (b & 0xFF).astype(np.uint8).view(np.int8).astype(np.int32)
    return cols[..., :, None] * rows[..., None, :]


def fp16_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(hi, lo, flags), each [..., 2], of a * b[..., c]: FP16 bit patterns a uint16[...], b uint16[..., 2].

    The product of finite numbers is (-1)^s * sig_a * sig_b * 2^(e_a + e_b) in units of 2^-48, e = max(exponent field, 1) - 1.
    A product with an infinity or NaN adds nothing and sets a flag.
    """
    a, b = np.asarray(a, np.int64)[..., None], np.asarray(b, np.int64)
    exp_a, exp_b = (a >> 10) & 31, (b >> 10) & 31
    man_a, man_b = a & 1023, b & 1023
    sig = (man_a + 1024 * (exp_a > 0)) * (man_b + 1024 * (exp_b > 0))
    shift = np.maximum(exp_a, 1) + np.maximum(exp_b, 1) - 2
    negative = ((a ^ b) >> 15) & 1 == 1
    special = (exp_a == 31) | (exp_b == 31)
    zero = (a & 0x7FFF == 0) | (b & 0x7FFF == 0)
    nan = special & (((exp_a == 31) & (man_a != 0)) | ((exp_b == 31) & (man_b != 0)) | zero)
    inf = special & ~nan
    sig = np.where(special, 0, sig)
    # At most 22 + 15 bits before the coarse shift by 0, 16, 32 or 48, so neither half overflows 64 bits.
    fine, coarse = sig << (shift & 15), shift >> 4
    lo = np.choose(coarse, [fine, fine << 16, (fine & 0xFFFF) << 32, 0 * fine]) & _LOW
    hi = np.choose(coarse, [0 * fine, fine >> 32, fine >> 16, fine])
    hi, lo = np.where(negative, -hi - (lo != 0), hi), np.where(negative, -lo & _LOW, lo)
    flags = nan * FLAG_NAN + (inf & ~negative) * FLAG_PINF + (inf & negative) * FLAG_NINF
    return hi, lo, flags.astype(np.uint8)


def step(state: State, a: np.ndarray, b: np.ndarray, precision: Precision, first: bool, last: bool) -> State:
    """One k step of every unit: a uint16[...], b uint16[..., 2] as the ports a_i and b_i. Sums of the other precision keep."""
    a, b = np.asarray(a, np.uint16), np.asarray(b, np.uint16)
    if precision == Precision.INT8:
        with np.errstate(over="ignore"):
            new = replace(state, int8=int8_product(a, b) + (np.int32(0) if first else state.int8))
    else:
        hi, lo, flags = fp16_product(a, b)
        if not first:
            hi, lo, flags = hi + state.hi, lo + state.lo, flags | state.flags
        hi = hi + (lo >> HALF_BITS)
        hi = (hi << (64 - HALF_BITS)) >> (64 - HALF_BITS)  # wraps at 96 bits as the register does
        new = replace(state, hi=hi, lo=lo & _LOW, flags=flags)
    return replace(new, drain=replace(new, drain=None)) if last else new


def drain_bits(state: State, precision: Precision) -> tuple[np.ndarray, ...]:
    """What drain_o means: INT8 (int32[..., 2, 2],); FP16 (hi, lo, flags). Raises ValueError if nothing was drained."""
    if state.drain is None:
        raise ValueError("dspe: no step with `last` yet, the drain register is undefined")
    d = state.drain
    return (d.int8,) if precision == Precision.INT8 else (d.hi, d.lo, d.flags)


DEPTH = 8  # k of a step of an array of chains
ROW_WINDOW, COL_WINDOW = 16, 13  # exponents that an aligned operand of a row, of a column holds
COL_SLACK = 3  # further exponents that one of a column holds, if the number ends in so many zero bits


def tile(a: np.ndarray, b: np.ndarray, precision: Precision) -> tuple[np.ndarray, ...]:
    """Sums of a tile: lines of rows a uint16[L, K], columns b uint16[C, K], as the ports a_i and b_i hold them.

    INT8 (line l holds rows 2l and 2l + 1 in its low and high bytes): (int32[2L, C],). FP16: (hi, lo, flags), each
    [L, C], as in `State`: exact for K up to 2^14.
    """
    a, b = np.asarray(a, np.uint16), np.asarray(b, np.uint16)
    if precision == Precision.INT8:
        rows = np.stack([a & 0xFF, a >> 8], 1).reshape(2 * len(a), -1).astype(np.uint8).view(np.int8).astype(np.int64)
        cols = (b & 0xFF).astype(np.uint8).view(np.int8).astype(np.int64)
        return ((rows @ cols.T).astype(np.int32),)
    hi, lo, flags = fp16_product(a, b.T[None])
    hi, lo, flags = hi.sum(1), lo.sum(1), np.bitwise_or.reduce(flags, 1)
    hi = hi + (lo >> HALF_BITS)
    return (hi << (64 - HALF_BITS)) >> (64 - HALF_BITS), lo & _LOW, flags


def classes(x: np.ndarray, window: int, slack: int = 0) -> np.ndarray:
    """Class of each operand of lines uint16[..., 8]: how many windows it lies below its line's greatest; -1 if it adds
    nothing (zero, infinity, NaN)."""
    x = np.asarray(x, np.int64)
    field = (x >> 10) & 31
    exponent = np.where(field == 31, 0, np.maximum(field, 1) - 1)
    distance = exponent.max(-1, keepdims=True) - exponent
    extra = distance - window + 1  # low bits that would be lost in class 0
    fits = (extra > 0) & (extra <= slack) & (x & ((1 << np.clip(extra, 0, slack)) - 1) == 0)
    below = np.where(fits, 0, distance // window)
    return np.where((field == 31) | (x & 0x7FFF == 0), -1, below)


def passes(a: np.ndarray, b: np.ndarray, precision: Precision) -> int:
    """Passes of one step, a uint16[L, 8], b uint16[C, 8]: pairs of classes that rows and columns have; at least 1."""
    if precision == Precision.INT8:
        return 1
    rows, cols = (len(np.unique(c[c >= 0])) or 1 for c in (classes(a, ROW_WINDOW), classes(b, COL_WINDOW, COL_SLACK)))
    return rows * cols
