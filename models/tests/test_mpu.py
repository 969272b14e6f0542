"""models/mpu.py against loops over Python integers and fractions on small commands, and float64 on full-size layers.

The oracle reads every operand byte by the address formula of docs/isa.md, sums exactly, and rounds with struct (FP32 and FP16
of a Fraction), so it shares nothing with numpy's vector code.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from models import config, dspe, isa, mpu
from models.isa import Layout, Precision

TINY = config.load("tiny")


def round_binary(x: Fraction, digits: int, least: int, top: int) -> Fraction | None:
    """`x` to nearest even with `digits` significant bits, spacing at least 2^least; None at and beyond 2^top (overflow)."""
    if x == 0:
        return x
    exponent = 0
    while abs(x) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(x) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** max(exponent - digits + 1, least)
    quotient, remainder = divmod(x, unit)
    if remainder * 2 > unit or (remainder * 2 == unit and quotient % 2):
        quotient += 1
    return None if abs(quotient * unit) >= Fraction(2) ** top else quotient * unit


def to_f32(x: Fraction) -> Fraction:
    """FP32 rounding of the accelerator for numbers that stay finite; tiny results are 0."""
    rounded = round_binary(x, 24, -(10**6), 128)
    assert rounded is not None
    return Fraction(0) if abs(x) < Fraction(2) ** -126 else rounded


def random_images(generator: np.random.Generator, machine: config.Config) -> dict[str, np.ndarray]:
    """Images whose FP16 and FP32 contents are finite and moderate, any bytes otherwise."""
    abuf = generator.integers(0, 256, (machine.abuf, 16)).astype(np.uint8)
    bbuf = generator.integers(0, 256, (machine.bbuf, 16)).astype(np.uint8)
    for image in (abuf, bbuf):
        image[:, 1::2] = (image[:, 1::2] & 0x80) | generator.integers(0, 0x4C, image[:, 1::2].shape).astype(np.uint8)
    return {
        "abuf": abuf, "bbuf": bbuf,
        "pbuf": generator.normal(size=(machine.pbuf, 8, 2)).astype(np.float32),
        "rbuf": generator.normal(size=machine.rbuf).astype(np.float32),
        "vbuf": generator.integers(0, 256, (machine.vbuf, 16)).astype(np.uint8),
    }


def oracle(f: dict[str, int], images: dict[str, np.ndarray]) -> dict[int, bytes]:
    """Units written, by address, one multiplication at a time."""
    fp16, kn = f["precision"] == Precision.FP16, f["b_layout"] == Layout.KN
    width = 8 if fp16 else 16
    written = {}

    def element(buffer: np.ndarray, unit: int, index: int) -> Fraction:
        raw = buffer[unit % len(buffer)]
        value = raw[2 * index : 2 * index + 2].view(np.float16)[0] if fp16 else raw[index : index + 1].view(np.int8)[0]
        return Fraction(float(value))

    for p in range(f["batch"]):
        for r in range(f["m"]):
            row = []
            for n in range(f["n"]):
                total = Fraction(0)
                for k in range(f["k"]):
                    a = element(images["abuf"], f["a_base"] + p * f["a_batch"] + k // width * f["a_step"] + r, k % width)
                    at = f["b_base"] + p * f["b_batch"]
                    b = (element(images["bbuf"], at + k * f["b_step"] + n // 8, n % 8) if kn
                         else element(images["bbuf"], at + k // width * f["b_step"] + n, k % width))
                    total += a * b
                v = to_f32(total)
                if f["row_scale"]:
                    v = to_f32(v * Fraction(float(images["rbuf"][f["rbuf_base"] + p * f["m"] + r])))
                if f["col_affine"]:
                    scale, bias = images["pbuf"][f["pbuf_base"] + n // 8, n % 8]
                    v = to_f32(to_f32(v * Fraction(float(scale))) + Fraction(float(bias)))
                overflow = np.inf if v > 0 else -np.inf
                if not f["out_fp32"]:
                    v = round_binary(v, 11, -24, 16)
                row.append(float(v) if v is not None else overflow)
            row += [0.0] * (-len(row) % 8)
            data = np.array(row, np.float32 if f["out_fp32"] else np.float16).tobytes()
            for u in range(len(data) // 16):
                written[f["o_base"] + p * f["o_batch"] + r * f["o_step"] + u] = data[16 * u : 16 * u + 16]
    return written


def command(**values: int) -> dict[str, int]:
    """GEMM fields through the encoder, so that widths are checked."""
    return isa.decode(isa.encode(isa.Opcode.GEMM, **values))


CASES = [
    pytest.param({"precision": 0, "m": 3, "n": 5, "k": 19, "batch": 2, "a_step": 8, "a_batch": 20, "b_step": 9, "b_batch": 31, "o_step": 2, "o_batch": 9}, id="int8"),
    pytest.param({"precision": 1, "m": 2, "n": 9, "k": 11, "batch": 2, "a_step": 5, "a_batch": 20, "b_step": 9, "b_batch": 40, "o_step": 5, "o_batch": 17}, id="fp16-nk"),
    pytest.param({"precision": 1, "b_layout": 1, "m": 3, "n": 10, "k": 9, "batch": 2, "a_step": 3, "a_batch": 20, "b_step": 3, "b_batch": 40, "o_step": 5, "o_batch": 17}, id="fp16-kn"),
]


@pytest.mark.parametrize("flags", range(8), ids=lambda f: f"flags{f:03b}")
@pytest.mark.parametrize("case", CASES)
def test_against_exact_arithmetic(case: dict[str, int], flags: int) -> None:
    """Every layout with every combination of out_fp32, row_scale, col_affine: every unit written, and no other."""
    f = command(**case, out_fp32=flags & 1, row_scale=flags >> 1 & 1, col_affine=flags >> 2,
                a_base=4, b_base=17, o_base=100, rbuf_base=5, pbuf_base=2)
    images = random_images(np.random.default_rng(flags), TINY)
    before = {name: image.copy() for name, image in images.items()}
    out = mpu.gemm(f, **images, config=TINY)
    assert all((images[name] == before[name]).all() for name in images), "gemm is pure"
    expected = oracle(f, images)
    for unit in range(TINY.vbuf):
        if unit in expected:
            got, want = out[unit].tobytes(), expected[unit]
            kind = np.float32 if f["out_fp32"] else np.float16
            # a Fraction has no sign of zero: compare values, then the bits of everything that is not zero
            got, want = np.frombuffer(got, kind), np.frombuffer(want, kind)
            assert (got == want).all(), f"unit {unit}"
        else:
            assert (out[unit] == images["vbuf"][unit]).all(), f"unit {unit} must not be written"


@pytest.mark.parametrize(("m", "n", "k"), [(64, 864, 216), (64, 216, 864)])
def test_full_layers_against_float64(m: int, n: int, k: int) -> None:
    """Full-size INT8 layers: exact sums in float64; three FP32 roundings and one FP16 rounding bound the error; fast."""
    machine = config.load("sim")
    images = random_images(np.random.default_rng(m), machine)
    f = command(m=m, n=n, k=k, batch=1, a_step=m, b_step=n, o_step=-(-n // 8), row_scale=1, col_affine=1)
    start = time.perf_counter()
    out = mpu.gemm(f, **images, config=machine)
    assert time.perf_counter() - start < 2
    a, b = mpu.operand_a(f, images["abuf"])[0].astype(float), mpu.operand_b(f, images["bbuf"])[0].astype(float)
    columns = images["pbuf"].reshape(-1, 2)[:n].astype(float)
    product = a @ b * images["rbuf"][:m, None] * columns[:, 0]
    exact = product + columns[:, 1]
    got = out[: m * f["o_step"]].reshape(m, -1).view(np.float16)[:, :n].astype(float)
    bound = 2.0**-11 * np.abs(exact) + 2.0**-21 * (np.abs(product) + np.abs(columns[:, 1])) + 2.0**-25
    fits = np.abs(exact) < 65504
    assert fits.any() and (np.abs(got - exact)[fits] <= bound[fits]).all()


def test_special_values_reach_the_output() -> None:
    """inf, NaN and the sign of zero follow docs/numerics.md through the whole epilogue."""
    images = random_images(np.random.default_rng(3), TINY)
    a = np.zeros((8, 8), np.float16)
    a[:5, 0] = [np.inf, np.nan, 1, -1, 0]
    images["abuf"][:8] = a.view(np.uint8).reshape(8, 16)
    images["bbuf"][:8] = 0
    images["bbuf"][:8].view(np.float16)[:, 0] = [1, -1, 0, 2.0**-24, np.inf, 65504, -65504, 0.5]
    f = command(precision=1, m=5, n=8, k=8, batch=1, a_step=8, b_step=8, o_step=1)
    out = mpu.gemm(f, **images, config=TINY)[:5].view(np.float16)
    inf, nan = np.inf, np.nan
    expected = np.array([
        [nan] * 8,  # inf * column and 0 * 0 elsewhere; column 2 is inf * 0
        [nan] * 8, [1, -1, 0, 2.0**-24, inf, 65504, -65504, 0.5],
        [-1, 1, 0, -(2.0**-24), -inf, -65504, 65504, -0.5], [0, 0, 0, 0, nan, 0, 0, 0]], np.float16)
    expected[0] = [inf, -inf, nan, inf, inf, inf, -inf, inf]
    assert np.array_equal(out, expected, equal_nan=True)
    assert (out.view(np.uint16)[1] == 0x7E00).all() and not np.signbit(out[4, 0])


def test_wrong_input_is_named() -> None:
    """Zero lengths, KN in INT8 and images of a wrong size are refused by name."""
    images = random_images(np.random.default_rng(4), TINY)
    good = {"m": 1, "n": 1, "k": 1, "batch": 1}
    for name in good:
        with pytest.raises(mpu.GemmError, match=name):
            mpu.gemm(command(**{**good, name: 0}), **images, config=TINY)
    with pytest.raises(mpu.GemmError, match="b_layout"):
        mpu.gemm(command(**good, b_layout=1), **images, config=TINY)
    with pytest.raises(mpu.GemmError, match="b_step"):
        mpu.gemm(command(**good, precision=1, b_layout=1, b_step=2), **images, config=TINY)
    with pytest.raises(mpu.GemmError, match="bbuf"):
        mpu.gemm(command(**good), **{**images, "bbuf": images["bbuf"][:-1]}, config=TINY)


def test_passes_step_by_step() -> None:
    """Against `dspe.passes` of each step, on operands with exponents far apart."""
    rng, machine = np.random.default_rng(6), config.load("tiny")
    images = random_images(rng, machine)
    f = command(precision=1, b_layout=1, m=6, n=11, k=21, batch=2, a_step=7, a_batch=25, b_step=3, b_batch=70)
    a, b = (x.view(np.uint16) for x in (mpu.operand_a(f, images["abuf"]), mpu.operand_b(f, images["bbuf"]).swapaxes(1, 2).copy()))
    tiles = []
    for i, m0, n0, k0 in itertools.product(range(2), range(0, 6, machine.fp16_rows), range(0, 11, 8), range(0, 21, 8)):
        tiles += [0] * (k0 == 0)
        lines, cols = np.zeros((machine.fp16_rows, 8), np.uint16), np.zeros((8, 8), np.uint16)
        for full, part in ((lines, a[i, m0:m0 + machine.fp16_rows, k0:k0 + 8]), (cols, b[i, n0:n0 + 8, k0:k0 + 8])):
            full[:part.shape[0], :part.shape[1]] = part
        tiles[-1] += dspe.passes(lines, cols, Precision.FP16)
    assert mpu.passes(f, images["abuf"], images["bbuf"], machine).tolist() == tiles and sum(tiles) > mpu.steps(f, machine)


def test_cycle_counts() -> None:
    """Counts by hand: with one row of chains tiles are 4x8 in INT8 and 2x8 in FP16."""
    machine = replace(config.load("sim"), chain_rows=1)
    f = command(m=64, n=216, k=216, batch=1)
    assert mpu.macs(f) == 64 * 216 * 216
    assert mpu.steps(f, machine) == mpu.ideal_cycles(f, machine) == 16 * 27 * 27
    assert mpu.drain_cycles(f, machine) == 64 * 27
    f = command(precision=1, m=17, n=9, k=20, batch=3)
    assert mpu.steps(f, machine) == mpu.ideal_cycles(f, machine) == 3 * 9 * 2 * 3
    f = command(precision=1, m=17, n=9, k=8, batch=1)
    assert mpu.steps(f, machine) == 9 * 2 and mpu.ideal_cycles(f, machine) == (8 * 2 + 1) * 2
