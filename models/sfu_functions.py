"""Elementary functions of the sfu, bit-exact: float32 arrays in and out, integers in between (models/sfu_tables.py).

A subnormal argument counts as zero of its sign, a result below 2^-126 is zero of its sign, NaN results are 0x7FC00000. The
relative error of exp2, recip and rsqrt is at most 2^-21, the absolute error of the gelu gate at most 2^-20
(models/tests/test_sfu.py measures and asserts both).
"""

from __future__ import annotations

import numpy as np

from models.numerics import FP32_NAN, f32, f32_mul
from models.sfu_tables import FRACTION_BITS, STEP_BITS, evaluate

_ONE = 1 << FRACTION_BITS
_STEP_MASK = (1 << STEP_BITS) - 1


def _unpack(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(sign, biased exponent, significand with hidden bit, is NaN, is zero) as integer arrays; subnormals are zeros."""
    bits = np.ascontiguousarray(f32(x)).view(np.uint32).reshape(np.shape(x)).astype(np.int64)
    exponent, fraction = (bits >> 23) & 0xFF, bits & 0x7FFFFF
    zero = exponent == 0
    return bits >> 31, exponent, np.where(zero, 0, fraction | 0x800000), (exponent == 255) & (fraction != 0), zero


def _pack(sign: np.ndarray, exponent: np.ndarray, significand: np.ndarray) -> np.ndarray:
    """float32 of a 24-bit significand in [2^23, 2^24]; 2^24 carries into the exponent; out of range gives 0 or infinity."""
    exponent = exponent + (significand >> 24)
    bits = (exponent << 23) | (significand & 0x7FFFFF)
    bits = np.where(exponent < 1, 0, np.where(exponent > 254, 0x7F800000, bits)) | (sign << 31)
    return bits.astype(np.uint32).view(np.float32)


def exp2(x: np.ndarray) -> np.ndarray:
    """2^x. At and above 128 infinity, below -126 zero; exp2(0) is exactly 1."""
    sign, exponent, significand, nan, _ = _unpack(x)
    far = exponent > 133  # |x| >= 128
    magnitude = (significand << 7) >> np.clip(133 - exponent, 0, 31)  # 7 integer and 24 fraction bits
    fixed = np.where(sign == 1, -magnitude, magnitude)
    fraction = fixed & 0xFFFFFF
    y = evaluate("exp2", fraction >> 17, (fraction << 1) & _STEP_MASK)
    out = _pack(np.zeros_like(sign), (fixed >> 24) + 127, (y + 8) >> 4)
    out = np.where(far, np.where(sign == 1, np.float32(0), np.float32(np.inf)), out)
    return np.where(nan, FP32_NAN, out)


def gelu_gate(x: np.ndarray) -> np.ndarray:
    """s(x) with gelu(x) = x s(x), tanh form; s(-x) = 1 - s(x), both as 27-bit fractions cut to 24 significant bits."""
    sign, exponent, significand, _, _ = _unpack(x)
    far = exponent > 129  # |x| >= 8
    magnitude = (significand << 7) >> np.clip(129 - exponent, 0, 31)  # 3 integer and 28 fraction bits
    y = np.minimum(evaluate("gelu", magnitude >> 24, (magnitude >> 6) & _STEP_MASK), _ONE)
    y = np.where(far, _ONE, y)
    y = np.where(sign == 1, _ONE - y, y)
    length = np.frexp(y.astype(np.float64))[1]  # bits of y
    drop = np.maximum(length - 24, 0)
    return (((y >> drop) << drop).astype(np.float64) / _ONE).astype(np.float32)


def gelu(x: np.ndarray) -> np.ndarray:
    """x s(x) in FP32; -infinity and every x <= -8 give -0."""
    x = f32(x)
    return f32_mul(np.where(x <= -8, np.float32(-0.0), x), gelu_gate(x))


def recip(x: np.ndarray) -> np.ndarray:
    """1/x. Zero gives infinity of its sign, infinity zero of its sign; exact for powers of two."""
    sign, exponent, significand, nan, zero = _unpack(x)
    fraction = significand & 0x7FFFFF
    y = evaluate("recip", fraction >> 16, (fraction << 2) & _STEP_MASK)
    out = _pack(sign, 253 - exponent, (np.minimum(y, _ONE) + 4) >> 3)
    out = np.where(exponent == 255, np.copysign(np.float32(0), x), out)
    out = np.where(zero, np.copysign(np.float32(np.inf), x), out)
    return np.where(nan, FP32_NAN, out)


def rsqrt(x: np.ndarray) -> np.ndarray:
    """1/sqrt(x). A zero of either sign gives +infinity, a negative number NaN, +infinity +0."""
    sign, exponent, significand, nan, zero = _unpack(x)
    fraction = significand & 0x7FFFFF
    odd = (exponent & 1) ^ 1  # of the unbiased exponent
    y = evaluate("rsqrt", (odd << 6) | (fraction >> 17), (fraction << 1) & _STEP_MASK)
    out = _pack(np.zeros_like(sign), 126 - ((exponent - 127 - odd) >> 1), (np.minimum(y, _ONE) + 4) >> 3)
    out = np.where(exponent == 255, np.float32(0), out)
    out = np.where(nan | (sign == 1), FP32_NAN, out)
    return np.where(zero, np.float32(np.inf), out)
