"""Operands for the FP operators: directed corners first, then random numbers bent towards the hard cases.

FP32 and int32 values are uint32 bit patterns. `operands(name, rng, count)` gives uint32[n, 4] words in the layout of
fvgm_fp_tb, n about count or more: word 0 a, word 1 b; for `acc_to_fp32` words 0..2 the 96-bit accumulator, word 3 the
flags (ninf, pinf, nan from bit 0).
"""

from __future__ import annotations

import numpy as np

U32 = np.uint32
SIGN = U32(0x80000000)


def _bits(values: object) -> np.ndarray:
    return np.asarray(values, np.float32).view(U32)


def _near(patterns: np.ndarray) -> np.ndarray:
    """The patterns and both neighbours, both signs."""
    p = np.asarray(patterns, np.int64)[:, None] + np.array([-1, 0, 1])
    p = np.clip(p, 0, 0x7FFFFFFF).astype(U32).ravel()
    return np.unique(np.concatenate([p, p | SIGN]))


SPECIAL32 = _near(np.concatenate([
    np.array([0, 1, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0x7F800000, 0x7F800002, 0x7FC00000, 0x7FFFFFFF], np.int64),
    _bits([0.5, 1.0, 1.5, 2.0, 3.0, 2.0**-63, 2.0**-64, 2.0**63, 2.0**64, 2.0**127]).astype(np.int64),
    _bits([2.0**-126 * 1.5, 2.0**-125]).astype(np.int64),
]))


def all_f16() -> np.ndarray:
    """Every FP16 pattern, as uint32."""
    return np.arange(2**16, dtype=U32)


def random_f32(rng: np.random.Generator, n: int) -> np.ndarray:
    """FP32 patterns: any bits, moderate exponents, few significant bits, and special values."""
    any_bits = rng.integers(0, 2**32, n, dtype=U32)
    moderate = (any_bits & U32(0x807FFFFF)) | (rng.integers(100, 155, n).astype(U32) << U32(23))
    short = any_bits & ~((U32(1) << rng.integers(1, 24, n).astype(U32)) - U32(1))
    special = rng.choice(SPECIAL32, n)
    return np.choose(rng.choice(4, n, p=[0.45, 0.3, 0.15, 0.1]), [any_bits, moderate, short, special]).astype(U32)


def _special_pairs() -> tuple[np.ndarray, np.ndarray]:
    a, b = (np.tile(x.ravel(), 2) for x in np.meshgrid(SPECIAL32, SPECIAL32))
    return a, b


def _with_exponent(bits: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    return (bits & U32(0x807FFFFF)) | (np.clip(exponent, 0, 254).astype(U32) << U32(23))


def pairs_add(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs for the adder: all special pairs, near exponents (cancellation), ties, far exponents, near overflow."""
    q = n // 5
    a = random_f32(rng, n)
    exponent = ((a >> U32(23)) & U32(0xFF)).astype(np.int64)
    b = random_f32(rng, n)
    near = _with_exponent(b, exponent + rng.integers(-3, 4, n))
    cancel = (a ^ SIGN) + rng.integers(-4, 5, n).astype(U32)
    # One bit at or next to half a unit in the last place of a, alone or with a bit far below it.
    tail = rng.choice(np.array([0, 0, 1, 0x400000, 0x7FFFFF], U32), n)
    tie = _with_exponent((b & SIGN) | tail, exponent - rng.integers(22, 28, n))
    top = _with_exponent(b, rng.integers(250, 255, n))
    second = np.concatenate([b[:q], near[q:2 * q], cancel[2 * q:3 * q], tie[3 * q:4 * q], top[4 * q:]])
    first = a.copy()
    first[4 * q:] = _with_exponent(a[4 * q:], rng.integers(250, 255, n - 4 * q))
    # Both numbers just above the smallest normal: differences become tiny.
    low = rng.choice(n, n // 10, replace=False)
    first[low] = _with_exponent(first[low], rng.integers(1, 4, low.size))
    second[low] = _with_exponent(second[low], rng.integers(1, 4, low.size))
    sa, sb = _special_pairs()
    return np.concatenate([sa, first]), np.concatenate([sb, second])


def pairs_mul(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs for the multiplier: all special pairs, ties (25-bit products), exponents around underflow and overflow."""
    q = n // 4
    a, b = random_f32(rng, n), random_f32(rng, n)
    exponent = ((a >> U32(23)) & U32(0xFF)).astype(np.int64)
    # 12 by 13 significant bits: the product has 24 or 25, so that half of the long ones are ties.
    a[q:2 * q] = (a[q:2 * q] & U32(0xFFFFF800)) | U32(0x800)
    b[q:2 * q] = (b[q:2 * q] & U32(0xFFFFF000)) | U32(0x1000)
    tiny, huge = slice(2 * q, 3 * q), slice(3 * q, n)
    b[tiny] = _with_exponent(b[tiny], 127 - exponent[tiny] + rng.integers(-2, 3, q))
    b[huge] = _with_exponent(b[huge], 127 + 254 - exponent[huge] + rng.integers(-2, 3, n - 3 * q))
    # (2 - u)(1 + u) 2^-127 is below 2^-126 by less than half a unit: tininess is judged after rounding.
    edge = rng.integers(1, 127, 256)
    u = rng.integers(0, 4, (2, 256)).astype(U32)
    ea = (edge.astype(U32) << U32(23)) | (U32(0x7FFFFF) - u[0])
    eb = ((127 - edge).astype(U32) << U32(23)) | u[1]
    sa, sb = _special_pairs()
    return np.concatenate([sa, ea, a]), np.concatenate([sb, eb, b])


def for_f16(rng: np.random.Generator, n: int) -> np.ndarray:
    """FP32 patterns for the conversion to FP16: every FP16 value and midpoint with neighbours, then random ones."""
    half = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    middle = half + np.diff(np.append(half, np.float32(65536))) / np.float32(2)
    exponents = _with_exponent(rng.integers(0, 2**32, n, dtype=U32), rng.integers(98, 146, n))
    return np.concatenate([_near(_bits(half)), _near(_bits(middle)), SPECIAL32, exponents, random_f32(rng, n)])


def for_i8(rng: np.random.Generator, n: int) -> np.ndarray:
    """FP32 patterns for the conversion to INT8: all multiples of 1/4 up to 132 with neighbours, then random ones."""
    exponents = _with_exponent(rng.integers(0, 2**32, n, dtype=U32), rng.integers(122, 137, n))
    return np.concatenate([_near(_bits(np.arange(0, 132, 0.25))), SPECIAL32, exponents, random_f32(rng, n)])


def for_i32(rng: np.random.Generator, n: int) -> np.ndarray:
    """int32 patterns: neighbours of powers of two and of midpoints, every leading position, carries into the next."""
    powers = (np.int64(1) << np.arange(32))[:, None] + np.arange(-3, 4)
    leading = (np.int64(1) << rng.integers(0, 31, n)) | (rng.integers(0, 2**31, n) >> rng.integers(0, 31, n))
    length = np.frexp(leading.astype(np.float64))[1]
    tail = np.maximum(length - 24, 1)
    tie = ((leading >> tail) << tail) | (np.int64(1) << (tail - 1))
    whole = (np.int64(1) << rng.integers(25, 32, n // 16)) - 1  # all ones: rounds up to a power of two
    value = np.concatenate([powers.ravel(), leading, tie + rng.integers(-1, 2, n), whole])
    value = np.where(rng.random(value.size) < 0.5, -value, value)
    return (value & 0xFFFFFFFF).astype(U32)


def for_acc(rng: np.random.Generator, n: int) -> np.ndarray:
    """Accumulators with flags, uint32[n, 4]: all leading positions, ties and neighbours, both signs, all flags."""
    limbs = rng.integers(0, 2**32, (n, 3), dtype=np.uint64).astype(object)
    value = (limbs[:, 0] << 64) | (limbs[:, 1] << 32) | limbs[:, 2]
    leading = rng.integers(0, 95, n)
    out = np.zeros((n, 4), U32)
    kinds, signs, deltas = rng.integers(0, 4, n), rng.random(n) < 0.5, rng.integers(-1, 2, n)
    for i in range(n):
        top = int(leading[i])
        v = (int(value[i]) & ((1 << top) - 1)) | (1 << top)
        tail = max(top - 23, 0)
        if kinds[i] == 1 and tail:
            v = ((v >> tail) << tail) + (1 << (tail - 1)) + int(deltas[i])
        elif kinds[i] == 2 and tail:
            v = (1 << (top + 1)) - 1 - (v & ((1 << max(tail - 1, 0)) - 1))  # rounds up into the next power of two
        elif kinds[i] == 3:
            v &= ~((1 << tail) - 1)
        v = -v if signs[i] else v
        for w in range(3):
            out[i, w] = (v >> (32 * w)) & 0xFFFFFFFF
    out[:16, :3] = 0
    out[:n // 8, 3] = rng.integers(0, 8, n // 8)
    out[:8, 3] = np.arange(8)
    return out


def operands(name: str, rng: np.random.Generator, count: int) -> np.ndarray:
    """Operand words of operator `name` (tb/fp/operators.py), shuffled behind nothing: directed ones come first."""
    if name == "acc_to_fp32":
        return for_acc(rng, count)
    if name in ("fp32_mul", "fp32_add"):
        pair = (pairs_mul if name == "fp32_mul" else pairs_add)(rng, count)
    elif name == "fp16_to_fp32":
        pair = (all_f16(),)
    else:
        pair = ({"fp32_to_fp16": for_f16, "fp32_to_i8": for_i8, "i32_to_fp32": for_i32}[name](rng, count),)
    words = np.zeros((pair[0].size, 4), U32)
    for column, values in enumerate(pair):
        words[:, column] = values
    return words
