"""models/dsp58.py against arithmetic on integers: products, accumulations, shifts, pre-adder, cascades, latencies.

The oracles are one-line formulas on the operands that were put in and on the edge at which the result must appear;
they know nothing of registers or multiplexers.
"""

from __future__ import annotations

import itertools
import random

import pytest

from models.dsp58 import Alu, Config, Dsp58, IllegalControl, Inputs, Outputs, W, X, Y, Z, inmode, opmode

MASK = (1 << 58) - 1
CORNERS_A = (-2**26, -2**26 + 1, -1, 0, 1, 2**26 - 1)
CORNERS_B = (-2**23, -2**23 + 1, -1, 0, 1, 2**23 - 1)
CORNERS_P = (-2**57, -2**57 + 1, -2**23, -1, 0, 1, 2**23 - 1, 2**23, 2**57 - 1)
M = dict(x=X.M, y=Y.M)


def number(bits: int) -> int:
    """58 bits as two's complement."""
    return bits - (1 << 58) if bits >> 57 else bits


def wrap(value: int, bits: int) -> int:
    """Nearest integer of `bits` bits that is congruent modulo 2^bits."""
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def run(config: Config, cycles: list[dict[str, int]]) -> list[Outputs]:
    """Outputs after each edge; operands may be negative."""
    dsp = Dsp58(config)
    widths = {"a": 34, "b": 24, "c": 58, "d": 27, "acin": 34, "bcin": 24, "pcin": 58}
    masked = [{k: v & ((1 << widths[k]) - 1) if k in widths else int(v) for k, v in cycle.items()} for cycle in cycles]
    return [dsp.step(Inputs(**cycle)) for cycle in masked]


def settle(config: Config, edges: int, **inputs: int) -> int:
    """P after `edges` edges under constant inputs."""
    return number(run(config, [inputs] * edges)[-1].p)


@pytest.mark.parametrize("negate", [0, 1])
def test_product(negate: int) -> None:
    """27x24 signed products, corners in all pairs and random ones; also the product that needs all 51 bits."""
    rng = random.Random(1)
    pairs = list(itertools.product(CORNERS_A, CORNERS_B))
    pairs += [(rng.randrange(-2**26, 2**26), rng.randrange(-2**23, 2**23)) for _ in range(500)]
    for a, b in pairs:
        assert settle(Config(), 3, a=a, b=b, opmode=opmode(**M), negate=negate) == (-1) ** negate * a * b


def test_upper_bits_of_a_do_not_multiply() -> None:
    """A[33:27] belong to A:B only."""
    assert settle(Config(), 3, a=0x7F << 27 | 5, b=7, opmode=opmode(**M)) == 35


def test_accumulation_of_8_products() -> None:
    """A stream of sums of 8 products, each restarted by one cycle without feedback; P holds every partial sum."""
    rng = random.Random(2)
    terms = [(rng.randrange(-2**26, 2**26), rng.randrange(-2**23, 2**23)) for _ in range(80)]
    # OPMODE passes one register, the factors two in front of the adder: one cycle later.
    modes = [opmode(**M, w=W.ZERO if (k - 1) % 8 == 0 else W.P) for k in range(len(terms) + 2)]
    outputs = run(Config(), [dict(a=a, b=b, opmode=mode) for (a, b), mode in zip(terms + [(0, 0)] * 2, modes)])
    for k in range(len(terms)):
        first = k - k % 8
        assert number(outputs[k + 2].p) == sum(a * b for a, b in terms[first:k + 1])


def test_accumulator_wraps_at_58_bits() -> None:
    """C + C + ... leaves the range and comes back modulo 2^58."""
    for c, terms in itertools.product(CORNERS_P, (1, 2, 5)):
        outputs = run(Config(), [dict(c=c)] + [dict(c=c, opmode=opmode(z=Z.C, w=W.P))] * terms + [{}])
        assert outputs[-2].p == c * (terms - 1) & MASK


@pytest.mark.parametrize("value", CORNERS_P)
def test_shift_of_p(value: int) -> None:
    """P >> 23 is arithmetic: floor of the quotient."""
    load, shift = dict(c=value, opmode=opmode(z=Z.C)), dict(opmode=opmode(z=Z.P_SHIFT))
    assert number(run(Config(), [load, shift, shift])[-1].p) == value // 2**23


@pytest.mark.parametrize("value", CORNERS_P)
def test_shift_of_pcin(value: int) -> None:
    """So is PCIN >> 23; PCIN has no register."""
    assert settle(Config(), 2, pcin=value, opmode=opmode(z=Z.PCIN_SHIFT)) == value // 2**23
    assert settle(Config(), 2, pcin=value, opmode=opmode(z=Z.PCIN)) == value


@pytest.mark.parametrize("alu", Alu)
def test_alu_functions(alu: Alu) -> None:
    """All four functions on four operands and a carry."""
    rng = random.Random(3)
    config = Config(use_mult="DYNAMIC", rnd=0x155_5555_5555_5555)
    for _ in range(300):
        a, b, c, z = (rng.choice(CORNERS_P) for _ in range(4))
        ab, carry = a, rng.randrange(2)
        inputs = dict(a=ab >> 24, b=ab, c=c, pcin=z, carry=carry, alumode=alu)
        total = ab + c + config.rnd + carry
        expected = {Alu.ADD: z + total, Alu.SUBTRACT: z - total,
                    Alu.NOT_Z_ADD: -z + total - 1, Alu.NOT_ADD: -(z + total) - 1}
        got = settle(config, 2, **inputs, opmode=opmode(X.AB, Y.C, Z.PCIN, W.RND))
        assert got & MASK == expected[alu] & MASK


def test_all_ones_is_minus_one() -> None:
    """Y of all ones."""
    assert settle(Config(), 2, opmode=opmode(y=Y.ONES)) == -1


@pytest.mark.parametrize(("gate", "use_d", "subtract"), list(itertools.product([0, 1], repeat=3)))
def test_pre_adder(gate: int, use_d: int, subtract: int) -> None:
    """(D +- A) * B with each operand let in or not, modulo 2^27, on the path of A and on that of B."""
    mode = inmode(gate=gate, d=use_d, subtract=subtract)
    on_a = Config(a_mult_sel="AD", b_reg=2)
    on_b = Config(b_mult_sel="AD", preadd_sel="B", a_reg=2)
    for a, b, d in itertools.product(CORNERS_A, CORNERS_B, CORNERS_A):
        inputs = dict(a=a, b=b, d=d, inmode=mode, opmode=opmode(**M))
        for operand, config in ((a, on_a), (b, on_b)):
            sum_ = use_d * d + (-1) ** subtract * (0 if gate else operand)
            expected = wrap(sum_, 27) * b if config is on_a else wrap(sum_, 24) * a
            assert settle(config, 4, **inputs) == expected


def test_pre_adder_squared() -> None:
    """Both factors from AD, the second from its low 24 bits."""
    for a, d in itertools.product((-2**22, -3, 0, 5, 2**22 - 1), repeat=2):
        config = Config(a_mult_sel="AD", b_mult_sel="AD")
        assert settle(config, 4, a=a, d=d, inmode=inmode(d=True), opmode=opmode(**M)) == (a + d) ** 2


def test_gate_zeroes_the_direct_factor() -> None:
    """INMODE[1] also acts without the pre-adder."""
    assert settle(Config(), 3, a=3, b=4, inmode=inmode(gate=True), opmode=opmode(**M)) == 0
    assert settle(Config(preadd_sel="B"), 3, a=3, b=4, inmode=inmode(gate=True), opmode=opmode(**M)) == 0


@pytest.mark.parametrize(("ab", "m", "p"), list(itertools.product((0, 1, 2), (0, 1), (0, 1))))
def test_latency_of_the_product(ab: int, m: int, p: int) -> None:
    """An impulse on A and B appears after exactly AReg + MReg + PReg edges, for one cycle."""
    config, edges = Config(a_reg=ab, b_reg=ab, m_reg=m, p_reg=p), ab + m + p
    impulse = 4
    cycles = [dict(a=3 * (k == impulse), b=5 * (k == impulse), opmode=opmode(**M)) for k in range(12)]
    got = [o.p for o in run(config, cycles)]
    # The output after edge k is seen while input k is still there: 0 edges means the same entry.
    assert got == [15 * (k == impulse + max(edges - 1, 0)) for k in range(12)]


IMPULSES = {  # port -> (attributes, constant inputs, value on the port, P, edges)
    "c": (Config(), dict(opmode=opmode(z=Z.C)), 9, 9, 2),
    "c without register": (Config(c_reg=0), dict(opmode=opmode(z=Z.C)), 9, 9, 1),
    "carry": (Config(), {}, 1, 1, 2),
    "pcin": (Config(), dict(opmode=opmode(z=Z.PCIN)), 9, 9, 1),
    "a into A:B": (Config(use_mult="DYNAMIC"), dict(opmode=opmode(X.AB)), 9, 9 << 24, 2),
    "d": (Config(a_mult_sel="AD"), dict(b=2, inmode=inmode(d=True), opmode=opmode(**M)), 9, 18, 4),
    "a through AD": (Config(a_mult_sel="AD"), dict(b=2, opmode=opmode(**M)), 9, 18, 4),
    "d past AD": (Config(a_mult_sel="AD", ad_reg=0), dict(b=2, inmode=inmode(d=True), opmode=opmode(**M)), 9, 18, 3),
    "opmode": (Config(), dict(c=9), opmode(z=Z.C), 9, 2),
    "alumode": (Config(), dict(c=9, opmode=opmode(z=Z.C)), Alu.NOT_Z_ADD, -10, 2),
    "negate": (Config(), dict(a=3, b=5, opmode=opmode(**M)), 1, -15, 3),
    "inmode": (Config(), dict(a=3, b=5, opmode=opmode(**M)), inmode(gate=True), 0, 3),
}


@pytest.mark.parametrize("name", IMPULSES)
def test_latency_of_every_port(name: str) -> None:
    """One cycle of another value changes P for one cycle, after exactly the stated edges."""
    config, constant, value, changed, edges = IMPULSES[name]
    port = name.split()[0]
    rest = settle(config, 8, **constant)
    cycles = [constant | ({port: value} if k == 6 else {}) for k in range(14)]
    got = [number(o.p) for o in run(config, cycles)][6:]
    assert changed != rest and got == [changed if k == edges - 1 else rest for k in range(8)]


def test_first_register_of_one() -> None:
    """With one register the factor may come from A1 while A:B holds A2, each with its own enable."""
    config = Config(use_mult="DYNAMIC")
    first = dict(a=3, b=1, cea2=0, inmode=inmode(a1=True), opmode=opmode(**M))
    assert settle(config, 3, **first) == 3
    assert settle(config, 3, **(first | dict(opmode=opmode(X.AB)))) == 1


def test_second_register_follows_the_first() -> None:
    """With two registers A1 is one edge earlier than A2, also as a factor."""
    config = Config(a_reg=2, b_reg=2)
    for a1, edges in ((False, 4), (True, 3)):
        rest = dict(b=5, inmode=inmode(a1=a1), opmode=opmode(**M))
        outputs = run(config, [rest] * 6 + [rest | dict(a=3)] + [rest] * 7)
        assert [number(o.p) for o in outputs[6:]] == [15 * (k == edges - 1) for k in range(8)]


@pytest.mark.parametrize(("registers", "cascade", "edges"), [(0, 0, 0), (1, 1, 1), (2, 1, 1), (2, 2, 2)])
def test_cascade_outputs(registers: int, cascade: int, edges: int) -> None:
    """ACOUT and BCOUT follow A and B after a_casc_reg and b_casc_reg edges, with all their bits."""
    config = Config(a_reg=registers, a_casc_reg=cascade, b_reg=registers, b_casc_reg=cascade)
    values = [(k * 0x2_1234_5679 & (1 << 34) - 1, k * 0xABCDE7 & (1 << 24) - 1) for k in range(1, 9)]
    outputs = run(config, [dict(a=a, b=b) for a, b in values])
    late = max(edges - 1, 0)
    assert [(o.acout, o.bcout) for o in outputs][late:] == values[:len(values) - late]


def test_chain_of_slices() -> None:
    """A systolic filter of four slices: A cascades through two registers a slice, sums through PCIN."""
    rng = random.Random(4)
    taps = [rng.randrange(-2**23, 2**23) for _ in range(4)]
    samples = [rng.randrange(-2**26, 2**26) for _ in range(40)]
    slices = [Dsp58(Config(a_reg=2, casc_a=k > 0)) for k in range(4)]
    last = [Outputs(0, 0, 0, 0)] * 4
    got = []
    for sample in samples + [0] * 16:
        new = []
        for k, dsp in enumerate(slices):
            before = last[k - 1] if k else Outputs(0, 0, 0, 0)
            z = Z.PCIN if k else Z.ZERO
            new.append(dsp.step(Inputs(a=sample & (1 << 34) - 1, acin=before.acout, pcin=before.pcout,
                                       b=taps[k] & 0xFFFFFF, opmode=opmode(**M, z=z))))
        last = new
        got.append(number(last[-1].p))
    padded = [0] * 3 + samples + [0] * 3
    expected = [sum(taps[k] * padded[n + 3 - k] for k in range(4)) for n in range(len(samples) + 3)]
    start = 6  # 2 + 1 + 1 edges of the first slice, one more P in each of the three that follow
    assert got[start:start + len(expected)] == expected


def test_wide_product_over_two_slices() -> None:
    """A 27x47 product: the low 23 bits from the first slice, its sum shifted into the second."""
    rng = random.Random(5)
    for a, b in [(x, y) for x in CORNERS_A for y in (-2**46, -1, 0, 2**46 - 1)] + [
            (rng.randrange(-2**26, 2**26), rng.randrange(-2**46, 2**46)) for _ in range(200)]:
        low, high = b & (2**23 - 1), b >> 23
        first = settle(Config(), 3, a=a, b=low, opmode=opmode(**M))
        second = settle(Config(), 3, a=a, b=high, pcin=first, opmode=opmode(**M, z=Z.PCIN_SHIFT))
        assert (second << 23) + (first & (2**23 - 1)) == a * b


def lanes(terms: list[tuple[int, int, int]], bias: int) -> tuple[int, int]:
    """Sums of a1 * b and a0 * b read from the lanes P[57:18] and P[17:0] of the products (a1 << 18 | a0) * b."""
    modes = [opmode(), opmode(**M, w=W.RND)] + [opmode(**M, w=W.P)] * len(terms)
    operands = [((a1 << 18) + a0, b) for a1, a0, b in terms] + [(0, 0)] * 2
    cycles = [dict(a=a, b=b, opmode=mode) for (a, b), mode in zip(operands, modes)]
    total = number(run(Config(rnd=bias), cycles)[-1].p)
    return total >> 18, (total & (1 << 18) - 1) - bias


def test_lanes_of_int8() -> None:
    """8 full-range products stay exact in a low lane that starts from 2^17 - 1: every worst case, and random ones."""
    rng = random.Random(6)
    sets = [[(a1, a0, b)] * 8 for a1 in (-128, 127) for a0 in (-128, 127) for b in (-128, 127)]
    sets += [[tuple(rng.randrange(-128, 128) for _ in range(3)) for _ in range(8)] for _ in range(300)]
    for terms in sets:
        sums = sum(t[0] * t[2] for t in terms), sum(t[1] * t[2] for t in terms)
        assert lanes(terms, (1 << 17) - 1) == sums


def test_bias_of_a_lane_is_tight() -> None:
    """8 products lie in [-8 * 128 * 127, 8 * 128 * 128]: a bias of 2^17 is one too much, 9 products are too many."""
    worst = (0, -128, -128)
    assert lanes([worst] * 8, (1 << 17) - 1) == (0, 2**17)
    assert lanes([worst] * 8, 1 << 17) != (0, 2**17)
    assert lanes([worst] * 9, (1 << 17) - 1) != (0, 9 * 2**14)


REGISTERS = [  # enable, reset, P with the register frozen while the operands become 1, P with the register in reset
    ("cec", "rstc", 2 * 1 + 7, 14 * 5),
    ("cem", "rstm", 14 * 5 + 1, 7),
    ("cep", "rstp", 14 * 5 + 7, 0),
    ("cead", "rstd", 14 * 1 + 1, 7),
    ("ceb2", "rstb", 2 * 5 + 1, 7),
    ("cea2", "rsta", (1 + 3) * 1 + 1, 11 * 5 + 7),
    ("ced", "rstd", (11 + 1) * 1 + 1, 7),
]


@pytest.mark.parametrize(("enable", "reset", "frozen", "cleared"), REGISTERS, ids=[r[0] for r in REGISTERS])
def test_enables_and_resets(enable: str, reset: str, frozen: int, cleared: int) -> None:
    """A register holds without its enable; its reset clears it, with or without the enable."""
    config = Config(a_mult_sel="AD")
    busy = dict(a=3, b=5, c=7, d=11, inmode=inmode(d=True), opmode=opmode(**M, z=Z.C))
    assert number(run(config, [busy] * 5)[-1].p) == 14 * 5 + 7
    assert number(run(config, [busy] * 5 + [busy | dict(a=1, b=1, c=1, d=1) | {enable: 0}] * 5)[-1].p) == frozen
    for enabled in (0, 1):
        assert number(run(config, [busy] * 5 + [busy | {reset: 1, enable: enabled}] * 5)[-1].p) == cleared


def test_reset_of_the_control_registers() -> None:
    """rstctrl clears INMODE with NEGATE, OPMODE, ALUMODE and carry."""
    busy = dict(a=3, b=5, c=7, carry=1, negate=1, inmode=inmode(a1=True))
    busy |= dict(opmode=opmode(**M, z=Z.C), alumode=Alu.NOT_ADD)
    assert number(run(Config(), [busy] * 5)[-1].p) == -(-15 + 7 + 1) - 1
    assert run(Config(), [busy] * 5 + [busy | dict(rstctrl=1)] * 2)[-1].p == 0


def test_absent_registers_are_wires() -> None:
    """Without registers P follows the inputs of the same cycle, whatever enables and resets say."""
    config = Config(**{f"{r}_reg": 0 for r in ("a", "b", "c", "m", "p", "inmode", "opmode", "alumode", "carry")})
    off = dict.fromkeys(("cea1", "cea2", "ceb1", "ceb2", "cec", "cem", "cep"), 0)
    off |= dict.fromkeys(("rsta", "rstb", "rstc", "rstm", "rstp", "rstctrl"), 1)
    cycles = [dict(a=k, b=3, c=100, carry=1, opmode=opmode(**M, z=Z.C)) | off for k in range(-5, 5)]
    assert [number(o.p) for o in run(config, cycles)] == [3 * k + 101 for k in range(-5, 5)]


@pytest.mark.parametrize(("config", "bad"), [
    (Config(), dict(opmode=opmode(x=X.M))),
    (Config(), dict(opmode=opmode(y=Y.M))),
    (Config(), dict(opmode=0b00_100_10_00)),
    (Config(), dict(opmode=0b00_111_00_00)),
    (Config(), dict(opmode=opmode(x=X.AB))),
    (Config(use_mult="NONE", m_reg=0), dict(opmode=opmode(**M))),
    (Config(p_reg=0), dict(opmode=opmode(w=W.P))),
    (Config(p_reg=0), dict(opmode=opmode(z=Z.P_SHIFT))),
    (Config(), dict(alumode=0b0100)),
    (Config(a_reg=0), dict(inmode=inmode(a1=True))),
    (Config(b_reg=0), dict(inmode=inmode(b1=True))),
])
def test_illegal_control(config: Config, bad: dict[str, int]) -> None:
    """What the manual calls illegal raises once it is used, and only then."""
    with pytest.raises(IllegalControl):
        run(config, [bad] * 2)
    if "inmode" not in bad and config.p_reg:
        run(config, [bad | dict(cep=0)] * 2)


@pytest.mark.parametrize(("name", "attributes"), [
    ("a_reg", dict(a_reg=3)), ("b_reg", dict(b_reg=-1)), ("c_reg", dict(c_reg=2)),
    ("a_casc_reg", dict(a_casc_reg=0)), ("a_casc_reg", dict(a_reg=2, a_casc_reg=0)),
    ("b_casc_reg", dict(b_reg=0, b_casc_reg=1)), ("a_mult_sel", dict(a_mult_sel="B")),
    ("b_mult_sel", dict(b_mult_sel="A")), ("preadd_sel", dict(preadd_sel="D")), ("use_mult", dict(use_mult="OFF")),
    ("m_reg", dict(use_mult="NONE")),
])
def test_illegal_attributes(name: str, attributes: dict[str, object]) -> None:
    """A configuration that the primitive does not have is refused by name."""
    with pytest.raises(ValueError, match=f"dsp58: {name} = "):
        Config(**attributes)
