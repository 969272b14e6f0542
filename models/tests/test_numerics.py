"""models/numerics.py against exact arithmetic on Python integers and fractions.

The oracle rounds a Fraction to a binary format by integer division; it shares nothing with numpy's floating point.
Operands: the corners and bent random numbers of tb/fp/stimulus.py, every FP16 pattern, random matrices.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from models import numerics as nm
from tb.fp import stimulus
from tb.fp.operators import OPERATORS

NAN32, NAN16 = 0x7FC00000, 0x7E00
COUNT = 40000


def decode(bits: int, exp_bits: int, man_bits: int) -> Fraction | str:
    """A pattern as an exact number, or "nan", "inf", "-inf"."""
    sign, man = bits >> (exp_bits + man_bits), bits & ((1 << man_bits) - 1)
    exp = (bits >> man_bits) & ((1 << exp_bits) - 1)
    bias = (1 << (exp_bits - 1)) - 1
    if exp == (1 << exp_bits) - 1:
        return "nan" if man else "-inf" if sign else "inf"
    value = Fraction(man if exp == 0 else man | (1 << man_bits)) * Fraction(2) ** (max(exp, 1) - bias - man_bits)
    return -value if sign else value


def nearest_even(x: Fraction) -> int:
    """A non-negative fraction as the nearest integer, ties to even."""
    floor, rest = divmod(x.numerator, x.denominator)
    twice = 2 * rest - x.denominator
    return floor + (twice > 0 or (twice == 0 and floor % 2 == 1))


def encode(x: Fraction, exp_bits: int, man_bits: int, flush: bool, zero_sign: int = 0) -> int:
    """Nearest-even pattern of an exact number. `flush`: what rounds to less than the smallest normal number is zero."""
    sign_bit = (1 if x < 0 else 0 if x > 0 else zero_sign) << (exp_bits + man_bits)
    x = abs(x)
    bias = (1 << (exp_bits - 1)) - 1
    # Just below 2^n a significand of man_bits + 1 bits has steps of 2^(n - 1 - man_bits), and the odd one before 2^n rounds up at the half.
    if x == 0 or (flush and x < Fraction(2) ** (1 - bias) * (1 - Fraction(1, 2 ** (man_bits + 2)))):
        return sign_bit
    exponent = x.numerator.bit_length() - x.denominator.bit_length()
    exponent -= x < Fraction(2) ** exponent
    exponent = max(exponent, 1 - bias)
    man = nearest_even(x / Fraction(2) ** (exponent - man_bits))
    # A significand that rounded up to the next power of two, or from subnormal to normal, carries by itself.
    bits = ((exponent + bias - 1) << man_bits) + man
    return sign_bit | min(bits, ((1 << exp_bits) - 1) << man_bits)


def flushed(bits: int) -> int:
    """FP32 pattern with a subnormal replaced by its zero."""
    return bits if bits & 0x7F800000 else bits & 0x80000000


def oracle_add(a: int, b: int) -> int:
    """FP32 sum of two patterns."""
    a, b = flushed(a), flushed(b)
    x, y = decode(a, 8, 23), decode(b, 8, 23)
    if "nan" in (x, y) or {x, y} == {"inf", "-inf"}:
        return NAN32
    if isinstance(x, str) or isinstance(y, str):
        return 0xFF800000 if "-inf" in (x, y) else 0x7F800000
    return encode(x + y, 8, 23, True, (a >> 31) & (b >> 31))


def oracle_mul(a: int, b: int) -> int:
    """FP32 product of two patterns."""
    a, b = flushed(a), flushed(b)
    x, y, sign = decode(a, 8, 23), decode(b, 8, 23), (a ^ b) >> 31
    if isinstance(x, str) or isinstance(y, str):
        return NAN32 if "nan" in (x, y) or x == 0 or y == 0 else sign << 31 | 0x7F800000
    return encode(x * y, 8, 23, True, sign)


def oracle_to_f16(a: int) -> int:
    """FP32 pattern to FP16 pattern."""
    x = decode(a, 8, 23)
    if isinstance(x, str):
        return {"nan": NAN16, "inf": 0x7C00, "-inf": 0xFC00}[x]
    return encode(x, 5, 10, False, a >> 31)


def oracle_from_f16(a: int) -> int:
    """FP16 pattern to FP32 pattern."""
    x = decode(a, 5, 10)
    if isinstance(x, str):
        return {"nan": NAN32, "inf": 0x7F800000, "-inf": 0xFF800000}[x]
    return encode(x, 8, 23, False, a >> 15)


def oracle_to_i8(a: int) -> int:
    """FP32 pattern to an int8 pattern."""
    x = decode(a, 8, 23)
    if isinstance(x, str):
        return {"nan": 0, "inf": 127, "-inf": 0x81}[x]
    value = min(nearest_even(abs(x)), 127)
    return (-value if x < 0 else value) & 0xFF


def oracle_from_i32(a: int) -> int:
    """int32 pattern to FP32 pattern."""
    return encode(Fraction(a - (a >> 31 << 32)), 8, 23, True)


def oracle_acc(w0: int, w1: int, w2: int, flags: int) -> int:
    """Accumulator words and flags (ninf, pinf, nan from bit 0) to FP32 pattern."""
    if flags & 4 or flags & 3 == 3:
        return NAN32
    if flags:
        return 0xFF800000 if flags & 1 else 0x7F800000
    value = w2 << 64 | w1 << 32 | w0
    return encode(Fraction(value - (value >> 95 << 96), 1 << 48), 8, 23, True)


ORACLES = {
    "fp32_mul": (oracle_mul, 2), "fp32_add": (oracle_add, 2), "fp32_to_fp16": (oracle_to_f16, 1),
    "fp32_to_i8": (oracle_to_i8, 1), "i32_to_fp32": (oracle_from_i32, 1), "acc_to_fp32": (oracle_acc, 4),
    "fp16_to_fp32": (oracle_from_f16, 1),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_is_exact_arithmetic(name: str) -> None:
    """Every bit of every operator, over corners and random operands; for conversions from FP16, all patterns."""
    rng = np.random.default_rng(1)
    words = stimulus.operands(name, rng, COUNT)
    # All values and midpoints of FP16 with their neighbours are many for this oracle: take part of them.
    if len(words) > 70000:
        words = np.concatenate([words[:4000], rng.choice(words, 60000, replace=False)])
    oracle, arguments = ORACLES[name]
    expected = np.array([oracle(*row[:arguments]) for row in words.tolist()], np.uint32)
    wrong = np.flatnonzero(OPERATORS[name].model(words) != expected)
    assert not wrong.size, f"{name}: {wrong.size} wrong, first {[hex(w) for w in words[wrong[0]]]}"


def test_f16_round_trip() -> None:
    """All FP16 patterns survive FP32 and back; NaN patterns become the canonical one."""
    bits = np.arange(2**16, dtype=np.uint16)
    back = nm.f32_to_f16(nm.f16_to_f32(bits.view(np.float16))).view(np.uint16)
    assert (back == np.where((bits & 0x7FFF) > 0x7C00, NAN16, bits)).all()


def test_subtract_and_broadcast() -> None:
    """f32_sub negates its second operand; operators broadcast and keep float32."""
    a, b = np.float32([[1.5], [2.0]]), np.float32([1.0, 2.0, np.nan])
    result = nm.f32_sub(a, b)
    assert result.dtype == np.float32 and result.shape == (2, 3)
    assert result[:, :2].tolist() == [[0.5, -0.5], [1.0, 0.0]] and (result[:, 2].view(np.uint32) == NAN32).all()
    assert nm.f32_add(1.0, 2.0).dtype == np.float32


def test_max() -> None:
    """Maxima order -0 below +0, keep subnormals and spread NaN; the reduction is the pairwise maximum."""
    values = stimulus.SPECIAL32.view(np.float32)
    a, b = np.meshgrid(values, values)
    got = nm.f32_max(a, b)
    for x, y, z in zip(a.ravel(), b.ravel(), got.ravel()):
        if np.isnan(x) or np.isnan(y):
            assert z.view(np.uint32) == NAN32
        else:
            signed = max((float(x), not np.signbit(x)), (float(y), not np.signbit(y)))
            assert float(z) == signed[0] and np.signbit(z) != signed[1]
    pair = np.stack([a.ravel(), b.ravel()], axis=1)
    assert (nm.f32_max_reduce(pair).view(np.uint32) == got.ravel().view(np.uint32)).all()


def test_int8_matmul_is_exact() -> None:
    """Random and saturated operands, K across the chunk boundary, batches; K too large is refused."""
    rng = np.random.default_rng(2)
    for m, k, n in ((3, 1, 5), (7, 216, 9), (5, 1023, 4), (4, 1025, 6), (2, 9000, 2)):
        a, b = rng.integers(-128, 128, (2, m, k), dtype=np.int8), rng.integers(-128, 128, (2, k, n), dtype=np.int8)
        a[0], b[0] = -128, -128
        product = nm.int8_matmul(a, b)
        assert product.dtype == np.int32 and (product == a.astype(object) @ b.astype(object)).all()
    with pytest.raises(ValueError, match="131072"):
        nm.int8_matmul(np.zeros((1, 2**17), np.int8), np.zeros((2**17, 1), np.int8))


def kulisch(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float16[M, K] x float16[K, N] by exact fractions; uint32 patterns."""
    out = np.zeros((a.shape[0], b.shape[1]), np.uint32)
    rows = [[decode(int(x), 5, 10) for x in row] for row in a.view(np.uint16)]
    columns = [[decode(int(x), 5, 10) for x in column] for column in b.T.copy().view(np.uint16)]
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            total, infinities, invalid = Fraction(0), set(), False
            for x, y in zip(row, column):
                if isinstance(x, str) or isinstance(y, str):
                    invalid |= "nan" in (x, y) or x == 0 or y == 0
                    negative = sum(v == "-inf" or (not isinstance(v, str) and v < 0) for v in (x, y)) == 1
                    infinities.add("-inf" if negative else "inf")
                else:
                    total += x * y
            if invalid or len(infinities) == 2:
                out[i, j] = NAN32
            elif infinities:
                out[i, j] = 0xFF800000 if "-inf" in infinities else 0x7F800000
            else:
                out[i, j] = encode(total, 8, 23, True)
    return out


def fp16_operands(kind: str, rng: np.random.Generator, m: int, k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrices of one kind: normal data, any finite pattern, near cancellation, attention rows, with special values."""
    def any_bits(*shape: int) -> np.ndarray:
        return rng.integers(0, 2**16, shape, dtype=np.uint16).view(np.float16)

    if kind == "normal":
        return rng.standard_normal((m, k)).astype(np.float16), rng.standard_normal((k, n)).astype(np.float16)
    if kind == "wide":
        a, b = any_bits(m, k), any_bits(k, n)
        return np.where(np.isfinite(a), a, np.float16(1)), np.where(np.isfinite(b), b, np.float16(-1))
    if kind == "cancellation":
        half, same = fp16_operands("normal", rng, m, k // 2, n)
        tail = (same.astype(np.float32) * (1 + rng.integers(-1, 2, same.shape) * 2.0**-10)).astype(np.float16)
        return np.concatenate([half, -half], axis=1), np.concatenate([same, tail])
    if kind == "attention":
        scores = rng.standard_normal((m, k)) * 4
        weights = np.exp(scores - scores.max(axis=1, keepdims=True)).astype(np.float16)
        return weights, rng.standard_normal((k, n)).astype(np.float16)
    if kind == "ties":
        a, b = 2.0 ** rng.integers(-12, 13, (m, k)), 2.0 ** rng.integers(-12, 1, (k, n))
        return a.astype(np.float16), b.astype(np.float16)
    a, b = fp16_operands("wide", rng, m, k, n)
    for x in (a, b):
        special = rng.random(x.shape) < 0.04
        x[special] = rng.choice(np.float16([np.inf, -np.inf, np.nan, 0, -0.0]), int(special.sum()))
    return a, b


KINDS = ("normal", "wide", "cancellation", "attention", "ties", "special")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 2, 8, 72, 130])
def test_fp16_matmul_is_correctly_rounded(kind: str, k: int) -> None:
    """The exact product is the fraction sum rounded once, special values included."""
    a, b = fp16_operands(kind, np.random.default_rng([3, k]), 6, max(k, 2), 7)
    with np.errstate(invalid="ignore"):
        got = nm.fp16_matmul_exact(a, b).view(np.uint32)
    assert (got == kulisch(a, b)).all()


def test_fp16_matmul_at_its_limits() -> None:
    """The largest sums over the longest K are exact; batches agree with single products; a longer K is refused."""
    k = nm.FP16_MAX_K
    a = np.full((1, k), 65504, np.float16)
    for value in (65504, -65504, 2.0**-24):
        b = np.full((k, 1), value, np.float16)
        exact = Fraction(65504) * Fraction(float(b[0, 0])) * k
        assert nm.fp16_matmul_exact(a, b).view(np.uint32).item() == encode(exact, 8, 23, True)
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((3, 2, 5, 72)).astype(np.float16), rng.standard_normal((3, 2, 72, 4)).astype(np.float16)
    single = np.stack([[nm.fp16_matmul_exact(p, q) for p, q in zip(i, j)] for i, j in zip(x, y)])
    assert (nm.fp16_matmul_exact(x, y) == single).all()
    with pytest.raises(ValueError, match="at most"):
        nm.fp16_matmul_exact(np.zeros((1, k + 1), np.float16), np.zeros((k + 1, 1), np.float16))


def fp32_accumulation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The usual unit: FP16 products (exact in FP32) added in FP32, one after the other."""
    total = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for k in range(a.shape[1]):
        total += np.outer(a[:, k].astype(np.float32), b[k].astype(np.float32))
    return total


@pytest.mark.parametrize("kind", ["normal", "wide", "cancellation", "attention"])
def test_fp16_error_is_no_worse_than_fp32_accumulation(kind: str) -> None:
    """Against fractions, each element: at most half an ulp, and never farther off than FP32 accumulation."""
    a, b = fp16_operands(kind, np.random.default_rng(5), 8, 256, 8)
    exact, plain = nm.fp16_matmul_exact(a, b), fp32_accumulation(a, b)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            truth = sum((Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a[i], b[:, j])), Fraction(0))
            error = abs(Fraction(float(exact[i, j])) - truth)
            assert error <= abs(Fraction(float(plain[i, j])) - truth)
            assert error <= Fraction(float(np.spacing(np.abs(exact[i, j])))) / 2
