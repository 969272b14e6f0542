"""Configurations of the primitive, and random legal sequences for each: operands bent to corners, enables, resets."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from models.dsp58 import Config, Inputs, W, X, Y, Z, opmode

RND = 0x2A5_0F0F_3C3C_9696

# In the order of the columns of fvgm_prim_tb.sv: what a name stands for is what is special in it.
CONFIGS: dict[str, Config] = {
    "full": Config(a_reg=2, b_reg=2, b_casc_reg=1, a_mult_sel="AD", use_mult="DYNAMIC", rnd=RND),
    "product": Config(rnd=RND),
    "preadd_b": Config(a_reg=2, a_casc_reg=1, d_reg=0, ad_reg=0, m_reg=0, inmode_reg=0, b_mult_sel="AD",
                       preadd_sel="B", use_mult="DYNAMIC", rnd=RND),
    "square": Config(a_mult_sel="AD", b_mult_sel="AD", preadd_sel="B", use_mult="DYNAMIC", rnd=RND),
    "wires": Config(a_reg=0, b_reg=0, c_reg=0, d_reg=0, ad_reg=0, m_reg=0, p_reg=0, inmode_reg=0, opmode_reg=0,
                    alumode_reg=0, carry_reg=0, a_mult_sel="AD", use_mult="DYNAMIC", rnd=RND),
    "adder": Config(c_reg=0, m_reg=0, opmode_reg=0, use_mult="NONE", rnd=RND),
    "cascade": Config(a_reg=2, a_casc_reg=1, b_reg=2, alumode_reg=0, carry_reg=0, casc_a=True, casc_b=True,
                      use_mult="DYNAMIC", rnd=RND),
    "mixed": Config(a_reg=0, b_reg=2, c_reg=0, ad_reg=0, opmode_reg=0, a_mult_sel="AD", use_mult="DYNAMIC", rnd=RND),
}

WIDTHS = dict.fromkeys(Inputs._fields, 1) | {
    "a": 34, "b": 24, "c": 58, "d": 27, "inmode": 5, "opmode": 9, "alumode": 4, "acin": 34, "bcin": 24, "pcin": 58,
}
ENABLES = ("cea1", "cea2", "ceb1", "ceb2", "cec", "ced", "cead", "cem", "cep")
RESETS = ("rsta", "rstb", "rstc", "rstd", "rstm", "rstp", "rstctrl")

ALUMODES = (0b0000, 0b0001, 0b0010, 0b0011)
_WORD = [0, 1, -1, 2**57 - 1, -2**57, 2**23 - 1, 2**23, -2**23, 2**50, -2**50, 2**56]
_FACTOR_A = [0, 1, -1, 2**26 - 1, -2**26, 2**23 - 1, -2**23]
_FACTOR_B = [0, 1, -1, 2**23 - 1, -2**23]
CORNERS = {"a": _FACTOR_A, "acin": _FACTOR_A, "d": _FACTOR_A, "b": _FACTOR_B, "bcin": _FACTOR_B, "c": _WORD,
           "pcin": _WORD}


def xy_pairs(config: Config) -> list[tuple[X, Y]]:
    """Legal pairs of X and Y: both the product, or neither."""
    pairs = [(x, y) for x in (X.ZERO, X.P, X.AB) for y in (Y.ZERO, Y.ONES, Y.C)] + [(X.M, Y.M)]
    return [(x, y) for x, y in pairs if (x != X.P or config.p_reg) and (x != X.AB or config.use_mult != "MULTIPLY")
            and (x != X.M or config.use_mult != "NONE")]


def z_choices(config: Config) -> list[Z]:
    """Legal selections of Z."""
    return [z for z in Z if config.p_reg or z not in (Z.P, Z.P_SHIFT)]


def w_choices(config: Config) -> list[W]:
    """Legal selections of W."""
    return [w for w in W if config.p_reg or w != W.P]


def inmodes(config: Config) -> list[int]:
    """Legal INMODE: the first register of A or B only where there is one."""
    return [m for m in range(32) if (config.a_reg or not m & 1) and (config.b_reg or not m & 16)]


@dataclass(frozen=True)
class Phase:
    """`cycles` cycles; each enable is on with probability `enable`, each reset with `reset`; operands are corners with
    probability `corner`."""

    cycles: int
    enable: float = 1.0
    reset: float = 0.0
    corner: float = 0.5


def _operands(name: str, rng: np.random.Generator, phase: Phase) -> list[int]:
    """Values of one data port; a sixteenth of the corners has one random bit inverted."""
    width = WIDTHS[name]
    random = rng.integers(0, 2**width, phase.cycles)
    corner = rng.choice(np.array(CORNERS[name], np.int64), phase.cycles)
    noise = np.where(rng.random(phase.cycles) < 1 / 16, np.int64(1) << rng.integers(0, width, phase.cycles), 0)
    chosen = np.where(rng.random(phase.cycles) < phase.corner, corner ^ noise, random)
    return (chosen & (2**width - 1)).tolist()


def _controls(config: Config, rng: np.random.Generator, cycles: int) -> tuple[list[int], list[int]]:
    """OPMODE and ALUMODE of every cycle: all legal pairs, shuffled, again and again. A pair meets at the adder, also
    where only one of the two has a register."""
    every = np.array([(opmode(x, y, z, w), alu) for (x, y), z, w, alu in
                      itertools.product(xy_pairs(config), z_choices(config), w_choices(config), ALUMODES)])
    pairs = np.concatenate([rng.permutation(every) for _ in range(-(-cycles // len(every)))])[:cycles]
    for column, later in ((0, config.alumode_reg - config.opmode_reg), (1, config.opmode_reg - config.alumode_reg)):
        if later > 0:
            pairs[1:, column] = pairs[:-1, column]
    return pairs[:, 0].tolist(), pairs[:, 1].tolist()


def sequence(config: Config, rng: np.random.Generator, phases: list[Phase]) -> list[list[Inputs]]:
    """Inputs of all phases, a list per phase."""
    stretches = []
    modes = inmodes(config)
    controls = _controls(config, rng, sum(phase.cycles for phase in phases))
    start = 0
    for phase in phases:
        n = phase.cycles
        columns = {name: _operands(name, rng, phase) for name in CORNERS}
        columns["opmode"], columns["alumode"] = (column[start:start + n] for column in controls)
        columns["inmode"] = rng.choice(modes, n).tolist()
        columns["negate"], columns["carry"] = rng.integers(0, 2, n).tolist(), rng.integers(0, 2, n).tolist()
        columns |= {name: (rng.random(n) < phase.enable).astype(int).tolist() for name in ENABLES}
        columns |= {name: (rng.random(n) < phase.reset).astype(int).tolist() for name in RESETS}
        stretches.append([Inputs(*row) for row in zip(*(columns[name] for name in Inputs._fields))])
        start += n
    return stretches


def phases(count: int) -> list[Phase]:
    """Streaming, corners only, then enables and resets: about 6 * `count` cycles."""
    return [Phase(2 * count), Phase(count, corner=1.0), Phase(2 * count, enable=0.85, reset=0.01),
            Phase(count, enable=0.5, reset=0.08)]


def illegal(kind: str) -> list[Inputs]:
    """A few cycles that use one illegal selection (named after the assertion that finds it)."""
    return [Inputs(**{
        "ProductInXAndY": {"opmode": opmode(X.M)},
        "ProductNeedsUseMult": {"opmode": opmode(X.M, Y.M)},
        "ConcatNeedsUseMult": {"opmode": opmode(X.AB)},
        "ZIsLegal": {"opmode": 0b00_100_10_00},
        "FeedbackNeedsPReg": {"opmode": opmode(w=W.P)},
        "AlumodeIsArithmetic": {"alumode": 0b0100},
        "FirstRegisterOfA": {"inmode": 0b00001},
        "FirstRegisterOfB": {"inmode": 0b10000},
    }[kind])] * 4
