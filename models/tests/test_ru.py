"""The ru model against a literal reading of docs/isa.md in Python integers and fractions.

Method: an FP32 whose every operation is exact in fractions.Fraction and rounded by integers, beside `extrapolate` on every kind of
number; rows moved by plain loops over bytes, beside `results` on random commands with overlaid rows. What this does not prove
(equality with the RTL) is proven in tb/ru.
"""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest

from models import ru
from models.isa import RuOp

NAN32, INF32, NAN16 = 0x7FC00000, 0x7F800000, 0x7E00
UNITS, ENTRIES = 512, 64

# An FP32 in the oracle: ("nan",), ("inf", sign), ("num", sign, Fraction magnitude).


def half(bits: int) -> tuple:
    """The number that 16 bits stand for."""
    sign, exponent, fraction = bits >> 15, bits >> 10 & 31, bits & 1023
    if exponent == 31:
        return ("nan",) if fraction else ("inf", sign)
    magnitude = Fraction(fraction, 1 << 24) if exponent == 0 else Fraction(fraction + 1024) * Fraction(2) ** (exponent - 25)
    return ("num", sign, magnitude)


def single(bits: int) -> tuple:
    """The number that 32 bits stand for; a subnormal is zero."""
    sign, exponent, fraction = bits >> 31, bits >> 23 & 255, bits & 0x7FFFFF
    if exponent == 255:
        return ("nan",) if fraction else ("inf", sign)
    return ("num", sign, Fraction(0) if exponent == 0 else Fraction(fraction + (1 << 23)) * Fraction(2) ** (exponent - 150))


def nearest_even(value: Fraction, exponent: int) -> int:
    """`value` in units of 2^exponent as an integer."""
    scaled = value / Fraction(2) ** exponent
    whole = scaled.numerator // scaled.denominator
    rest = scaled - whole
    return whole + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2))


def binade(value: Fraction) -> int:
    """e with 2^e <= value < 2^(e+1)."""
    e = value.numerator.bit_length() - value.denominator.bit_length()
    return e if Fraction(2) ** e <= value else e - 1


def round_single(sign: int, magnitude: Fraction) -> tuple:
    """One rounding to FP32; below 2^-126 zero."""
    if magnitude < Fraction(1, 1 << 126):
        return ("num", sign, Fraction(0))
    place = binade(magnitude) - 23
    rounded = nearest_even(magnitude, place) * Fraction(2) ** place
    return ("inf", sign) if rounded >= Fraction(2) ** 128 else ("num", sign, rounded)


def multiply(a: tuple, b: tuple) -> tuple:
    """FP32 product."""
    if a[0] == "nan" or b[0] == "nan":
        return ("nan",)
    sign = a[1] ^ b[1]
    if "inf" in (a[0], b[0]):
        zero = any(x[0] == "num" and x[2] == 0 for x in (a, b))
        return ("nan",) if zero else ("inf", sign)
    return round_single(sign, a[2] * b[2])


def add(a: tuple, b: tuple) -> tuple:
    """FP32 sum."""
    if a[0] == "nan" or b[0] == "nan":
        return ("nan",)
    if "inf" in (a[0], b[0]):
        if a[0] == b[0] and a[1] != b[1]:
            return ("nan",)
        return a if a[0] == "inf" else b
    total = (-a[2] if a[1] else a[2]) + (-b[2] if b[1] else b[2])
    if total == 0:
        return ("num", a[1] & b[1], Fraction(0))
    return round_single(int(total < 0), abs(total))


def negate(a: tuple) -> tuple:
    """The same number with the other sign."""
    return a if a[0] == "nan" else (a[0], 1 - a[1], *a[2:])


def to_half(a: tuple) -> int:
    """FP16 bits of a number, gradual underflow."""
    if a[0] == "nan":
        return NAN16
    sign = a[1] << 15
    if a[0] == "inf":
        return sign | 0x7C00
    if a[2] == 0:
        return sign
    place = max(binade(a[2]) - 10, -24)
    # The significand may carry into the exponent, up to infinity.
    return sign | min(nearest_even(a[2], place) + (place + 24 << 10), 0x7C00)


def one_element(c1: int, c2: int, coef: int, age: int) -> int:
    """FP16 bits of c1 + (coef * age) * (c1 - c2)."""
    k = multiply(single(coef), ("num", 0, Fraction(age)))
    return to_half(add(half(c1), multiply(k, add(half(c1), negate(half(c2))))))


def pattern(x: float) -> int:
    return struct.unpack("<I", struct.pack("<f", x))[0]


COEFS = [0, 1 << 31, pattern(1.0), pattern(-1.0), pattern(0.5), pattern(1 / 3), 1, 0x807FFFFF, 0x00800000, 0x7F7FFFFF,
         0xFF7FFFFF, INF32, INF32 | 1 << 31, NAN32, 0xFFFFFFFF, pattern(1e-30), pattern(2.0**-24), pattern(3e4)]
HALVES = [0, 0x8000, 1, 0x8001, 0x3FF, 0x400, 0x3C00, 0xBC00, 0x3C01, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, NAN16, 0xFE01, 0x7C01,
          0x3555, 0xB555, 0x0200]


def check(c1: list[int], c2: list[int], coef: int, age: list[int]) -> None:
    a, b = (np.array(x, np.uint16).view(np.float16) for x in (c1, c2))
    got = ru.extrapolate(a, b, np.array(coef, np.uint32).view(np.float32), np.array(age)).view(np.uint16).tolist()
    for x, y, n, value in zip(c1, c2, age, got, strict=True):
        want = one_element(x, y, coef, n)
        assert value == want, f"c1 {x:04x} c2 {y:04x} coef {coef:08x} age {n}: {value:04x}, oracle {want:04x}"


@pytest.mark.parametrize("coef", COEFS, ids=lambda c: f"{c:08x}")
def test_extrapolate_special_values(coef: int) -> None:
    every = [(x, y, n) for x in HALVES for y in HALVES for n in (0, 1, 3, 15)]
    check(*([e[i] for e in every] for i in (0, 1)), coef, [e[2] for e in every])


def test_extrapolate_random_bits() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        c1, c2 = (rng.integers(0, 1 << 16, 100).tolist() for _ in range(2))
        near = rng.random() < 0.5  # rows that resemble each other: cancellation
        c2 = [x ^ int(rng.integers(8)) for x in c1] if near else c2
        coef = int(rng.integers(0, 1 << 32)) if rng.random() < 0.5 else pattern(rng.normal())
        check(c1, c2, coef, rng.integers(0, 16, 100).tolist())


def test_extrapolate_ages_of_rows() -> None:
    """The age belongs to the leading axis, whatever follows it."""
    c1, c2 = np.float16([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]), np.zeros((2, 2, 2), np.float16)
    out = ru.extrapolate(c1, c2, np.float32(0.5), np.array([0, 2]))
    assert (out == c1 * np.float16([1, 2]).reshape(2, 1, 1)).all() and out.dtype == np.float16
    assert (ru.extrapolate(c1[0], c2[0], np.float32(1), 3) == 4 * c1[0]).all()


def execute(f: dict[str, int], vbuf: bytes, mbuf: list[int]) -> bytes:
    """The memory after the instruction, unit by unit."""
    out = bytearray(vbuf)

    def unit(base: int, step: int, row: int, u: int) -> int:
        return (base + row * step + u) % UNITS * 16

    for i in range(f["rows"]):
        e = mbuf[(f["map_base"] + i) % ENTRIES]
        row, slot, age, step = e & 1023, e >> 10 & 1023, e >> 20 & 15, e >> 24 & 1
        for u in range(f["units"]):
            a1, a2 = (unit(f[f"{c}_base"], f[f"{c}_step"], i, u) for c in ("c1", "c2"))
            if f["op"] == 0:
                source = unit(f["y_base"], f["y_step"], row, u)
            else:
                source = a1 if step else unit(f["y_base"], f["y_step"], slot, u)
            data = vbuf[source:source + 16]
            if f["op"] == 1 and step and f["extrapolate"]:
                x, y = (struct.unpack("<8H", vbuf[a:a + 16]) for a in (a1, a2))
                data = struct.pack("<8H", *(one_element(p, q, f["coef"], age) for p, q in zip(x, y)))
            target = unit(f["d_base"], f["d_step"], i, u)
            out[target:target + 16] = data
    return bytes(out)


@pytest.mark.parametrize("op", list(RuOp))
@pytest.mark.parametrize("overlay", ["none", "c1", "c2"])
def test_results(op: RuOp, overlay: str) -> None:
    rng = np.random.default_rng([int(op), len(overlay)])
    for trial in range(12):
        rows, units = int(rng.integers(1, 12)), int(rng.integers(1, 7))
        step = units + int(rng.integers(0, 3))
        bases = (rng.integers(0, 4) * UNITS + 128 * np.arange(4) + rng.integers(0, 24, 4)).tolist()
        f = {"op": int(op), "extrapolate": trial % 2, "rows": rows, "units": units, "map_base": int(rng.integers(2 * ENTRIES)),
             "coef": pattern(float(rng.choice([0.5, -1.0, 0.0, 1e30]))), **{f"{n}_base": b for n, b in zip(("y", "c1", "c2", "d"), bases)}}
        f |= {f"{n}_step": step for n in ("y", "c1", "c2", "d")}
        if overlay != "none":
            f["d_base"] = f[f"{overlay}_base"]
        vbuf = rng.integers(0, 256, (UNITS, 16), dtype=np.uint8)
        mbuf = rng.integers(0, 12, ENTRIES) | rng.integers(0, 12, ENTRIES) << 10 | rng.integers(0, 256, ENTRIES) << 20
        before = vbuf.copy()
        address, data = ru.results(f, vbuf, mbuf.astype(np.uint32))
        assert (vbuf == before).all(), "the model wrote into its operand"
        assert address.shape == (rows * units,) and address.dtype == np.int64
        assert data.shape == (rows * units, 16) and data.dtype == np.uint8
        vbuf[address] = data
        assert vbuf.tobytes() == execute(f, before.tobytes(), mbuf.tolist())


def test_results_largest_addresses() -> None:
    """Bases and steps of 20 bits and a map at the end of mbuf: nothing overflows, all wraps."""
    f = {"op": 0, "extrapolate": 0, "rows": 3, "units": 2, "y_base": 0xFFFFF, "y_step": 0xFFFFF, "c1_base": 0, "c1_step": 0,
         "c2_base": 0, "c2_step": 0, "d_base": 0xFFFFE, "d_step": 4, "map_base": 0xFFFF, "coef": 0}
    vbuf = np.random.default_rng(3).integers(0, 256, (UNITS, 16), dtype=np.uint8)
    mbuf = np.full(ENTRIES, 1023, np.uint32)
    address, data = ru.results(f, vbuf, mbuf)
    assert address.tolist() == [UNITS - 2, UNITS - 1, 2, 3, 6, 7]
    first = (0xFFFFF + 1023 * 0xFFFFF) % UNITS
    assert (data == np.tile(vbuf[[first, (first + 1) % UNITS]], (3, 1))).all()


def test_ideal_cycles() -> None:
    f = {"op": 1, "extrapolate": 1, "rows": 10, "units": 5}
    assert ru.ideal_cycles(f, 0) == 30 and ru.ideal_cycles(f, 4) == 42 and ru.ideal_cycles(f) == 60
    assert ru.ideal_cycles(f | {"extrapolate": 0}, 4) == 30 and ru.ideal_cycles(f | {"op": 0}) == 30
