"""Bit-exact arithmetic of the accelerator on numpy arrays; the contract is docs/numerics.md, the RTL rtl/fp/.

FP32 values are float32 arrays, FP16 values float16 arrays; every function returns the exact bits that the hardware
returns, NaN included (0x7FC00000 and 0x7E00). All functions broadcast and are pure. Rounding is to nearest even.

Why numpy's own operators may be used underneath: x86 and Arm round float32 and float64 to nearest even, the product of
two float32 is exact in float64, and integers below 2^53 are exact in a float64 matrix product in any order. What numpy
does differently (subnormals, NaN bits) is put right here. models/tests/test_numerics.py proves it against integers.
"""

from __future__ import annotations

import numpy as np

FP32_NAN = np.uint32(0x7FC00000).view(np.float32)
FP16_NAN = np.uint16(0x7E00).view(np.float16)
FP32_MIN_NORMAL = np.float32(2.0**-126)

ACC_BITS = 96
ACC_FRAC_BITS = 48
INT8_MAX_K = 2**17 - 1
FP16_MAX_K = 2**14

_LOW48 = np.int64(2**48 - 1)
_FP16_CHUNK_K = 2**13  # limbs below 2^20: 2^13 products of 2^40 stay within the 53 bits of float64
_INT8_CHUNK_K = 2**10  # 2^10 products of 2^14 stay within the 24 bits of float32


def _flush(x: np.ndarray) -> np.ndarray:
    """Subnormals of a float32 array become zeros of their sign."""
    return np.where(np.abs(x) < FP32_MIN_NORMAL, np.copysign(np.float32(0), x), x)


def _canonical(x: np.ndarray, nan: np.floating) -> np.ndarray:
    """The same array with every NaN as `nan`."""
    return np.where(np.isnan(x), nan, x)


def f32(x: object) -> np.ndarray:
    """`x` as a float32 array, without changing the bits of a float32."""
    return np.asarray(x, np.float32)


def f32_add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """FP32 sum; subnormal operands and tiny results are zero of their sign."""
    with np.errstate(all="ignore"):
        # A sum of normal numbers below 2^-126 is a multiple of 2^-149, hence exact: no rounding hides tininess.
        return _canonical(_flush(_flush(f32(a)) + _flush(f32(b))), FP32_NAN)


def f32_sub(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """FP32 difference: `f32_add(a, -b)`."""
    return f32_add(a, np.negative(f32(b)))


def f32_mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """FP32 product; subnormal operands and results that are tiny after rounding are zero of their sign."""
    with np.errstate(all="ignore"):
        exact = _flush(f32(a)).astype(np.float64) * _flush(f32(b)).astype(np.float64)
        # From half a unit of the last place below 2^-126 on, a product rounds up to it.
        exact = np.where(np.abs(exact) < float(FP32_MIN_NORMAL) - 2.0**-151, np.copysign(0.0, exact), exact)
        return _canonical(exact.astype(np.float32), FP32_NAN)


def f32_max(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The greater FP32 value; NaN if either is NaN; +0 is greater than -0; subnormals keep their value."""
    a, b = np.broadcast_arrays(f32(a), f32(b))
    nan = np.isnan(a) | np.isnan(b)
    return np.where(nan, FP32_NAN, np.where(f32_order(a) >= f32_order(b), a, b))


def f32_max_reduce(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """`f32_max` over one axis (the order of a maximum does not matter)."""
    x = f32(x)
    key = np.max(f32_order(x), axis=axis)
    top = np.where(key < 0, key ^ 0x7FFFFFFF, key).astype(np.int32).view(np.float32)
    return np.where(np.isnan(x).any(axis=axis), FP32_NAN, top)


def f32_order(x: np.ndarray) -> np.ndarray:
    """int32 keys that order float32 bit patterns as numbers, -0 below +0 (NaN patterns lie outside the infinities)."""
    bits = np.ascontiguousarray(f32(x)).view(np.int32).reshape(np.shape(x))
    return np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits)


def f16_to_f32(a: np.ndarray) -> np.ndarray:
    """FP16 to FP32, exact; NaN becomes 0x7FC00000."""
    with np.errstate(all="ignore"):
        return _canonical(np.asarray(a, np.float16).astype(np.float32), FP32_NAN)


def f32_to_f16(a: np.ndarray) -> np.ndarray:
    """FP32 to FP16 with gradual underflow and overflow to infinity; NaN becomes 0x7E00."""
    with np.errstate(all="ignore"):
        return _canonical(f32(a).astype(np.float16), FP16_NAN)


def i32_to_f32(a: np.ndarray) -> np.ndarray:
    """int32 to FP32."""
    return np.asarray(a, np.int32).astype(np.float32)


def f32_to_i8(a: np.ndarray) -> np.ndarray:
    """FP32 to int8: nearest even integer, saturated at -127 and 127; NaN becomes 0."""
    a = f32(a)
    with np.errstate(invalid="ignore"):
        return np.where(np.isnan(a), np.float32(0), np.clip(np.rint(a), -127, 127)).astype(np.int8)


def acc_to_f32(
    hi: np.ndarray, lo: np.ndarray, nan: np.ndarray | bool = False, pinf: np.ndarray | bool = False,
    ninf: np.ndarray | bool = False,
) -> np.ndarray:
    """Exact accumulator to FP32 with one rounding.

    The value is `hi + lo * 2^-48`: hi int64 within 48 signed bits, lo int64 in [0, 2^48). nan, pinf and ninf are the
    sticky flags; nan, or pinf together with ninf, gives NaN. Exact zero is +0.
    """
    hi, lo = np.asarray(hi, np.int64), np.asarray(lo, np.int64)
    negative = hi < 0
    mag_lo = np.where(negative, (-lo) & _LOW48, lo)
    mag_hi = np.where(negative, -hi - (lo != 0), hi)
    # Round to odd at 52 bits (exact in float64), then once to nearest even at 24 bits: same as one rounding.
    shift = np.maximum(np.frexp(mag_hi.astype(np.float64))[1].astype(np.int64) - 4, 0)
    sticky = (mag_lo & ((np.int64(1) << shift) - 1)) != 0
    top = (mag_hi << (48 - shift)) | (mag_lo >> shift) | sticky
    value = np.ldexp(top.astype(np.float64), (shift - 48).astype(np.int32))
    result = np.where(negative, -value, value).astype(np.float32)
    result = np.where(pinf, np.float32(np.inf), np.where(ninf, np.float32(-np.inf), result))
    return np.where(np.logical_or(nan, np.logical_and(pinf, ninf)), FP32_NAN, result)


def int8_matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Exact int32 product of int8[..., M, K] and int8[..., K, N], K at most INT8_MAX_K."""
    k = a.shape[-1]
    if k > INT8_MAX_K:
        raise ValueError(f"int8_matmul: K = {k} may overflow int32, at most {INT8_MAX_K}")
    total = None
    for start in range(0, k, _INT8_CHUNK_K):
        part = slice(start, start + _INT8_CHUNK_K)
        product = np.matmul(a[..., part].astype(np.float32), b[..., part, :].astype(np.float32)).astype(np.int32)
        total = product if total is None else total + product
    return total


def _limbs(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """FP16 as integers of unit 2^-24, cut into h * 2^20 + l with |h| <= 2^20, |l| <= 2^19; non-finite values as 0."""
    wide = np.where(np.isfinite(x), x, np.float16(0)).astype(np.float64) * 2.0**24
    high = np.rint(wide * 2.0**-20)
    return high, wide - high * 2.0**20


def fp16_accumulate(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact product of the finite values of float16[..., M, K] and float16[..., K, N]: (hi, lo) as acc_to_f32 takes."""
    hi = lo = np.int64(0)
    for start in range(0, a.shape[-1], _FP16_CHUNK_K):
        part = slice(start, start + _FP16_CHUNK_K)
        (a_high, a_low), (b_high, b_low) = _limbs(a[..., part]), _limbs(b[..., part, :])
        high = np.matmul(a_high, b_high).astype(np.int64)
        mid = np.matmul(a_high, b_low).astype(np.int64) + np.matmul(a_low, b_high).astype(np.int64)
        low = np.matmul(a_low, b_low).astype(np.int64)
        fraction = lo + ((high & 0xFF) << 40) + ((mid & 0xFFFFFFF) << 20) + (low & _LOW48)
        hi = hi + (high >> 8) + (mid >> 28) + (low >> 48) + (fraction >> 48)
        lo = fraction & _LOW48
    return hi, lo


def _any_pair(*pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Whether for (m, n) some k has p[..., m, k] and q[..., k, n], for any of the given pairs of boolean arrays."""
    return np.logical_or.reduce([np.matmul(p.astype(np.float32), q.astype(np.float32)) > 0 for p, q in pairs])


def fp16_flags(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sticky flags (nan, pinf, ninf) of the products of float16[..., M, K] and float16[..., K, N]."""
    every_a, every_b = np.ones_like(a, bool), np.ones_like(b, bool)
    nan = _any_pair((np.isnan(a), every_b), (every_a, np.isnan(b)), (np.isinf(a), b == 0), (a == 0, np.isinf(b)))
    pinf = _any_pair((np.isposinf(a), b > 0), (np.isneginf(a), b < 0), (a > 0, np.isposinf(b)), (a < 0, np.isneginf(b)))
    ninf = _any_pair((np.isposinf(a), b < 0), (np.isneginf(a), b > 0), (a > 0, np.isneginf(b)), (a < 0, np.isposinf(b)))
    return nan | (pinf & ninf), pinf, ninf


def fp16_matmul_exact(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float16[..., M, K] x float16[..., K, N] -> float32[..., M, N], exact and rounded once. K at most FP16_MAX_K."""
    a, b = np.asarray(a, np.float16), np.asarray(b, np.float16)
    if a.shape[-1] > FP16_MAX_K:
        raise ValueError(f"fp16_matmul_exact: K = {a.shape[-1]} may overflow the accumulator, at most {FP16_MAX_K}")
    finite = np.isfinite(a).all() and np.isfinite(b).all()
    return acc_to_f32(*fp16_accumulate(a, b), *(() if finite else fp16_flags(a, b)))
