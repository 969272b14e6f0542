"""models/dspe.py against Python integers and fractions: every sum is compared as an exact number, no tolerance."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from models import dspe
from models.isa import Precision


def fraction(bits: int) -> Fraction:
    """Exact value of a finite FP16 bit pattern, from the definition of the format."""
    sign, exp, man = bits >> 15, (bits >> 10) & 31, bits & 1023
    value = Fraction(man, 1024) * Fraction(2) ** -14 if exp == 0 else (1 + Fraction(man, 1024)) * Fraction(2) ** (exp - 15)
    return -value if sign else value


def total(hi: int, lo: int) -> Fraction:
    """Exact value of a sum."""
    return Fraction(int(hi) * 2**48 + int(lo), 2**48)


SPECIALS = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x8400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF]


@pytest.mark.parametrize("x", SPECIALS, ids=hex)
def test_fp16_product_is_exact(x: int) -> None:
    """Each special value with random and special partners: the product is the exact rational product."""
    generator = np.random.default_rng(x)
    partners = np.concatenate([SPECIALS, generator.integers(0, 1 << 16, 200)]).astype(np.uint16)
    partners = partners[(partners >> 10) & 31 != 31]
    partners = partners[: len(partners) // 2 * 2].reshape(-1, 2)
    hi, lo, flags = dspe.fp16_product(np.full(len(partners), x, np.uint16), partners)
    assert not flags.any() and (lo >= 0).all() and (lo < 2**48).all()
    for index, y in np.ndenumerate(partners):
        assert total(hi[index], lo[index]) == fraction(x) * fraction(int(y))


def test_fp16_random_sums_are_exact() -> None:
    """Random lengths with restarts: sums of a 3x2 array of units equal sums of fractions; infinities never appear."""
    generator = np.random.default_rng(1)
    state = dspe.initial((3, 2))
    for length in (1, 2, 17, 64):
        a = generator.integers(0, 0x7C00, (length, 3, 2)).astype(np.uint16) | generator.choice([0, 0x8000], (length, 3, 2)).astype(np.uint16)
        b = generator.integers(0, 0x7C00, (length, 3, 2, 2)).astype(np.uint16)
        for k in range(length):
            state = dspe.step(state, a[k], b[k], Precision.FP16, k == 0, k == length - 1)
        hi, lo, flags = dspe.drain_bits(state, Precision.FP16)
        assert not flags.any()
        for i, j, c in np.ndindex(3, 2, 2):
            expected = sum(fraction(int(a[k, i, j])) * fraction(int(b[k, i, j, c])) for k in range(length))
            assert total(hi[i, j, c], lo[i, j, c]) == expected


def test_fp16_largest_sum() -> None:
    """2^14 products of the largest magnitude of either sign stay exact."""
    for sign in (0, 0x8000):
        state = dspe.initial()
        for k in range(2**14):
            state = dspe.step(state, np.uint16(0x7BFF | sign), np.array([0x7BFF, 0xFBFF], np.uint16), Precision.FP16, k == 0, k == 2**14 - 1)
        hi, lo, _ = dspe.drain_bits(state, Precision.FP16)
        expected = 2**14 * Fraction(65504) ** 2 * (-1 if sign else 1)
        assert [total(h, v) for h, v in zip(hi, lo, strict=True)] == [expected, -expected]


@pytest.mark.parametrize(("a", "b", "flag"), [
    (0x7C00, 0x3C00, dspe.FLAG_PINF), (0x7C00, 0xBC00, dspe.FLAG_NINF), (0xFC00, 0xFC00, dspe.FLAG_PINF),
    (0x7C00, 0x0001, dspe.FLAG_PINF), (0x7C00, 0x0000, dspe.FLAG_NAN), (0x8000, 0xFC00, dspe.FLAG_NAN),
    (0x7E00, 0x3C00, dspe.FLAG_NAN), (0x0000, 0x7C01, dspe.FLAG_NAN), (0x7C00, 0xFE00, dspe.FLAG_NAN),
], ids=lambda v: f"{v:04x}")
def test_fp16_flags(a: int, b: int, flag: int) -> None:
    """Special products set one flag, add nothing, and the flag stays until the next restart."""
    state = dspe.step(dspe.initial(), np.uint16(a), np.array([b, 0x3C00], np.uint16), Precision.FP16, True, False)
    state = dspe.step(state, np.uint16(0x3C00), np.array([0x3C00, 0x3C00], np.uint16), Precision.FP16, False, True)
    hi, lo, flags = dspe.drain_bits(state, Precision.FP16)
    assert flags[0] == flag and total(hi[0], lo[0]) == 1
    state = dspe.step(state, np.uint16(0x3C00), np.array([0x4000, 0x3C00], np.uint16), Precision.FP16, True, True)
    hi, lo, flags = dspe.drain_bits(state, Precision.FP16)
    assert flags[0] == 0 and total(hi[0], lo[0]) == 2


def test_int8_every_product() -> None:
    """All 65,536 byte pairs, in both rows and both columns."""
    x, y = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    x, y = x.ravel(), y.ravel()
    a = ((x & 0xFF) | ((y & 0xFF) << 8)).astype(np.uint16)
    b = np.stack([y & 0xFF, (x & 0xFF) | 0xAB00], axis=-1).astype(np.uint16)  # the high byte of b is not read
    products = dspe.int8_product(a, b)
    for (column, row), expected in {(0, 0): x * y, (0, 1): y * y, (1, 0): x * x, (1, 1): x * y}.items():
        assert (products[:, column, row] == expected).all()


def test_int8_sums_restart_and_mode_switch() -> None:
    """An FP16 accumulation between two INT8 ones leaves both exact; a step with `first` alone is a sum of one."""
    generator = np.random.default_rng(2)
    state = dspe.initial()
    for length in (1, 5, 300):
        x = generator.integers(-128, 128, (length, 2))
        y = generator.integers(-128, 128, (length, 2))
        for k in range(length):
            a = np.uint16((x[k, 0] & 0xFF) | ((x[k, 1] & 0xFF) << 8))
            state = dspe.step(state, a, (y[k] & 0xFF).astype(np.uint16), Precision.INT8, k == 0, k == length - 1)
        (sums,) = dspe.drain_bits(state, Precision.INT8)
        assert (sums == y.T @ x).all()
        state = dspe.step(state, np.uint16(0x4000), np.array([0x4000, 0xC000], np.uint16), Precision.FP16, True, True)
        hi, lo, _ = dspe.drain_bits(state, Precision.FP16)
        assert [total(h, v) for h, v in zip(hi, lo, strict=True)] == [4, -4]


def test_int8_extremes() -> None:
    """-128 * -128 summed 2^17 - 1 times fits int32 (checked at the last step)."""
    k = 2**17 - 1
    state = dspe.replace(dspe.initial(), int8=np.full((2, 2), (k - 1) * 16384, np.int32))
    state = dspe.step(state, np.uint16(0x8080), np.array([0x80, 0x80], np.uint16), Precision.INT8, False, True)
    assert (dspe.drain_bits(state, Precision.INT8)[0] == k * 16384).all()


def test_nothing_drained_is_an_error() -> None:
    """Reading the drain register before any `last` is a mistake of the caller."""
    with pytest.raises(ValueError, match="drain"):
        dspe.drain_bits(dspe.initial(), Precision.INT8)
