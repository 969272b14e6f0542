"""The sfu model against exact definitions in float64, with a stated bound per function.

Method: the elementary functions over dense sweeps (every FP16 number for gelu, every significand for recip and rsqrt); row
functions on random and adversarial rows; `results` against a slow, literal reading of docs/isa.md. What this does not prove
(equality with the RTL) is proven in tb/sfu.
"""

from __future__ import annotations

import numpy as np
import pytest

from models import sfu, sfu_tables
from models.isa import Buffer, SfuOp
from models.numerics import f16_to_f32, f32_add
from models.sfu_functions import exp2, gelu, gelu_gate, recip, rsqrt

RELATIVE_BOUND = 2.0**-21  # exp2, recip, rsqrt
GELU_BOUND = 2.0**-20  # absolute, all FP16 arguments
SPECIALS = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan])


def bits(x: np.ndarray) -> list[int]:
    return np.atleast_1d(np.float32(x)).view(np.uint32).tolist()


def significands(first: float, last: float) -> np.ndarray:
    low, high = (int(np.float32(v).view(np.uint32)) for v in (first, last))
    return np.arange(low, high, dtype=np.uint32).view(np.float32)


def relative(name: str, got: np.ndarray, want: np.ndarray) -> float:
    error = float(np.max(np.abs(got.astype(np.float64) / want - 1)))
    print(f"{name}: relative error 2^{np.log2(error):.1f} over {len(got)} arguments")
    return error


def gelu_exact(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def finite_f16() -> np.ndarray:
    x = f16_to_f32(np.arange(1 << 16, dtype=np.uint16).view(np.float16))
    return x[np.isfinite(x)]


def test_generated_package_is_fresh() -> None:
    path = sfu_tables.Path(sfu_tables.__file__).resolve().parent.parent / "rtl/sfu/fvgm_sfu_rom_pkg.sv"
    assert path.read_text() == sfu_tables.systemverilog()


def test_exp2_dense() -> None:
    x = np.concatenate([np.linspace(-126, 128, 2_000_001)[:-1], -np.linspace(0, 1, 1_000_001)]).astype(np.float32)
    x = x[x < 128]
    assert relative("exp2", exp2(x), np.exp2(x.astype(np.float64))) <= RELATIVE_BOUND


def test_exp2_specials() -> None:
    assert bits(exp2(SPECIALS)) == [0x3F800000, 0x3F800000, 0x7F800000, 0, 0x7FC00000]
    assert bits(exp2(np.float32([1, -126, -126.001, -127, -1e30, 128, 1e30, 127]))) == \
        [0x40000000, 0x00800000, 0, 0, 0, 0x7F800000, 0x7F800000, 0x7F000000]


def test_recip_every_significand() -> None:
    x = significands(1, 2)
    assert relative("recip", recip(x), 1 / x.astype(np.float64)) <= RELATIVE_BOUND
    powers = np.float32(2.0) ** np.arange(-126, 127)
    assert (recip(powers) == 1 / powers).all()
    assert bits(recip(SPECIALS)) == [0x7F800000, 0xFF800000, 0, 0x80000000, 0x7FC00000]
    assert bits(recip(np.float32([-4, 1.7e38, 3e38, 1e-40]))) == [0xBE800000, 0, 0, 0x7F800000]


def test_rsqrt_every_significand() -> None:
    x = significands(1, 4)
    for power in (-124, -60, 0, 2, 124):
        part = (x if power == 0 else x[::97]) * np.float32(2.0**power)
        assert relative("rsqrt", rsqrt(part), 1 / np.sqrt(part.astype(np.float64))) <= RELATIVE_BOUND
    assert bits(rsqrt(SPECIALS)) == [0x7F800000, 0x7F800000, 0, 0x7FC00000, 0x7FC00000]
    assert bits(rsqrt(np.float32([-1, 1e-40]))) == [0x7FC00000, 0x7F800000]


def test_gelu_every_fp16() -> None:
    x = finite_f16()
    error = float(np.max(np.abs(gelu(x) - gelu_exact(x))))
    print(f"gelu: absolute error {error:.2e} = 2^{np.log2(error):.1f} over {len(x)} arguments")
    assert error <= GELU_BOUND
    gate = gelu_gate(x)
    assert (gate >= 0).all() and (gate <= 1).all()
    assert bits(gelu(SPECIALS)) == [0, 0x80000000, 0x7F800000, 0x80000000, 0x7FC00000]


def test_row_sum_order() -> None:
    """The order of docs/sfu.md, spelled out element by element, on data where the order matters."""
    rng = np.random.default_rng(1)
    for cols in (1, 3, 8, 9, 31, 40, 216):
        x = (rng.normal(size=(3, cols)) * 10.0 ** rng.integers(-6, 6, (3, cols))).astype(np.float32)
        for row, got in zip(x, sfu.row_sum(x), strict=True):
            p = [np.float32(0)] * 4
            for g in range(-(-cols // 8)):
                v = [row[8 * g + i] if 8 * g + i < cols else np.float32(0) for i in range(8)]
                s = f32_add(f32_add(f32_add(v[0], v[1]), f32_add(v[2], v[3])), f32_add(f32_add(v[4], v[5]), f32_add(v[6], v[7])))
                p[g % 4] = f32_add(p[g % 4], s)
            assert got == f32_add(f32_add(p[0], p[1]), f32_add(p[2], p[3]))


def random_rows(rows: int, cols: int, seed: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.normal(), 10.0 ** rng.integers(-2, 3, (rows, 1)), (rows, cols))
    return f16_to_f32(x.astype(np.float16))


@pytest.mark.parametrize("cols", [1, 7, 16, 216, 864])
def test_layernorm(cols: int) -> None:
    """Error at most 2^-17 of the row's greatest normalised value: FP32 cancellation in x - mean and the sums' rounding."""
    x, epsilon = random_rows(64, cols), 1e-6
    wide = x.astype(np.float64)
    want = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + epsilon)
    got = sfu.layernorm(x, np.float32(1 / cols), np.float32(epsilon))
    # A mean far from zero costs its own rounding, seen through rstd.
    slack = 2.0**-22 * np.abs(wide).max(1) / np.sqrt(wide.var(1) + epsilon)
    assert (np.abs(got - want).max(1) <= 2.0**-17 * np.maximum(np.abs(want).max(1), 1) + slack).all()


def test_layernorm_equal_row_is_small() -> None:
    x = np.full((1, 216), 3.0, np.float32)
    assert np.abs(sfu.layernorm(x, np.float32(1 / 216), np.float32(1e-6))).max() < 1e-2


def test_quant() -> None:
    """|x - q*scale| at most (1/2 + 2^-13) steps, and the greatest element becomes +-127."""
    x = random_rows(200, 216)
    q, scale = sfu.quant(x)
    amax = np.abs(x.astype(np.float64)).max(1)
    assert np.max(np.abs(scale / (amax / 127) - 1)) <= 2.0**-23
    assert (np.abs(q.astype(int)).max(1) == 127).all()
    assert (np.abs(x - q * scale.astype(np.float64)[:, None]) <= (0.5 + 2.0**-13) * scale[:, None]).all()


def test_quant_specials() -> None:
    x = np.zeros((5, 16), np.float32)
    x[1, 3], x[2, 5], x[3], x[4, 2] = np.nan, np.inf, -2.0**-24, np.float32(-65504)
    q, scale = sfu.quant(x)
    assert (q[:3] == 0).all() and (q[3] == -127).all() and q[4, 2] == -127 and np.abs(q[4]).sum() == 127
    assert bits(scale)[:3] == [0, 0x7FC00000, 0x7F800000]


@pytest.mark.parametrize("cols", [1, 16, 64, 300])
def test_softmax(cols: int) -> None:
    """p/sum against the exact softmax: FP16's half ulp twice (p and its part of the sum) and the functions' errors."""
    x, factor = random_rows(64, cols, 3) / 8, np.float32(np.log2(np.e) / np.sqrt(72))
    p, inverse = sfu.softmax(x, factor)
    t = (x.astype(np.float64) - x.max(1, keepdims=True)) * float(factor)
    want = np.exp2(t) / np.exp2(t).sum(1, keepdims=True)
    got = p.astype(np.float64) * inverse.astype(np.float64)[:, None]
    assert (np.abs(got - want) <= 2.0**-10 * 1.01 * want + 2.0**-24).all()
    assert np.max(np.abs(got.sum(1) - 1)) <= 2.0**-18
    assert (p.max(1) == 1).all()


def test_softmax_specials() -> None:
    x = np.zeros((5, 8), np.float32)
    x[0, 1], x[1, 2], x[2, 3], x[3] = np.nan, np.inf, -np.inf, -np.inf
    p, inverse = sfu.softmax(x, np.float32(1))
    assert np.isnan(p[0]).all() and np.isnan(inverse[[0, 1, 3]]).all() and np.isnan(p[1, 2]) and (p[1, 3:] == 0).all()
    assert p[2, 3] == 0 and inverse[2] == recip(np.float32(7)) and (p[4] == 1).all() and inverse[4] == 0.125
    low = np.uint32([0x80000001, 0x7F800001] + [0xFF7FFFFF] * 6).view(np.float32)[None]
    assert (sfu.softmax(low, np.float32(1))[0].view(np.uint16) == 0x7E00).all()


def test_residual() -> None:
    """Rounded once to FP16 after two FP32 operations: within one FP16 ulp of the exact value."""
    x, y, gate = random_rows(8, 216, 4), random_rows(8, 216, 5), random_rows(1, 216, 6)[0]
    want = x.astype(np.float64) + y.astype(np.float64) * gate
    got = sfu.residual(x, y, gate).astype(np.float64)
    size = np.abs(x) + np.abs(y * gate)
    ok = np.abs(want) < 60000
    assert (np.abs(got - want)[ok] <= (2.0**-11 * np.abs(want) + 2.0**-22 * size + 2.0**-25)[ok]).all()
    assert np.isinf(sfu.residual(np.float32([[65504]]), np.float32([[65504]]))).all()


def fields(op: SfuOp, **values: int) -> dict[str, int]:
    base = dict.fromkeys(("x_fp32", "out_fp16", "affine", "x_base", "x_step", "y_base", "y_step", "dst", "d_base", "d_row",
                          "d_unit", "pbuf_base", "rbuf_base", "imm0", "imm1"), 0)
    return {**base, "op": int(op), **values}


@pytest.mark.parametrize("cols", [5, 8, 13, 20])
@pytest.mark.parametrize("fp16", [0, 1])
@pytest.mark.parametrize("op", [SfuOp.LAYERNORM, SfuOp.QUANT, SfuOp.GELU])
def test_results_addresses(op: SfuOp, cols: int, fp16: int) -> None:
    """Units, padding, scales and affine against a literal loop; buffers that it must not touch stay."""
    rng = np.random.default_rng(7)
    rows, groups = 3, -(-cols // 8)
    vbuf, abuf = (rng.integers(0, 256, (256, 16), np.uint8) for _ in range(2))
    vbuf[:64] = rng.normal(size=(64, 8)).astype(np.float16).view(np.uint8)
    pbuf = rng.normal(size=(8, 16)).astype(np.float32).view(np.uint8)
    rbuf = np.arange(32, dtype=np.float32)
    f = fields(op, rows=rows, cols=cols, x_base=2, x_step=7, out_fp16=fp16, affine=1, dst=int(Buffer.A), d_base=9,
               d_row=1, d_unit=11, pbuf_base=3, rbuf_base=5, imm0=bits(1 / cols)[0], imm1=bits(1e-5)[0])
    before = [b.copy() for b in (vbuf, pbuf, rbuf, abuf)]
    v, r, a = sfu.execute(f, vbuf, pbuf, rbuf, abuf)
    assert all((x == y).all() for x, y in zip(before, (vbuf, pbuf, rbuf, abuf), strict=True))
    ab = pbuf.view(np.float32).reshape(-1, 8, 2)
    expected, scales = abuf.copy(), rbuf.copy()
    for row in range(rows):
        x = f16_to_f32(vbuf[2 + 7 * row:2 + 7 * row + groups].view(np.float16).reshape(-1)[:cols])[None]
        factor, term = (ab[3:3 + groups, :, i].reshape(-1)[:cols] for i in range(2))
        if op == SfuOp.LAYERNORM:
            x = sfu.layernorm(x, np.float32(1 / cols), np.float32(1e-5))
        y = f32_add(gelu(x) if op == SfuOp.GELU else x * factor, term)
        if fp16:
            out = y.astype(np.float16)
        else:
            out, s = sfu.quant(y)
            scales[5 + row] = s[0]
        raw = out.tobytes()
        units = -(-len(raw) // 16)
        raw = raw.ljust(units * 16, b"\0")
        for u in range(units):
            expected[9 + row + 11 * u] = np.frombuffer(raw[16 * u:16 * u + 16], np.uint8)
    assert (v == vbuf).all() and (a == expected).all() and (r == scales).all()


def test_ideal_cycles() -> None:
    assert sfu.ideal_cycles(fields(SfuOp.LAYERNORM, rows=64, cols=216)) == 64 * 27 * 2
    assert sfu.ideal_cycles(fields(SfuOp.GELU, rows=64, cols=864)) == 64 * 108
    assert sfu.ideal_cycles(fields(SfuOp.GELU, rows=3, cols=8 * 960)) == 3 * 960
    assert sfu.ideal_cycles(fields(SfuOp.GELU, rows=3, cols=8 * 960 + 1)) == 3 * 961 * 2
    assert sfu.ideal_cycles(fields(SfuOp.GELU, rows=3, cols=8 * 960 + 1, out_fp16=1)) == 3 * 961
    assert sfu.ideal_cycles(fields(SfuOp.QUANT, rows=2, cols=9, out_fp16=1)) == 4
    assert sfu.ideal_cycles(fields(SfuOp.RESIDUAL, rows=64, cols=216)) == 64 * 28
    assert sfu.ideal_cycles(fields(SfuOp.SOFTMAX, rows=16, cols=16)) == 32
