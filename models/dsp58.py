"""AMD's DSP58 in INT24 mode, clock by clock, on plain integers; the RTL is rtl/prim, the page docs/prim.md.

Written from AMD's Versal DSP engine manual AM004. A `Dsp58` holds the registers of one slice; `step` is one clock
cycle. Numbers go in and come out as unsigned bit patterns, inside they are signed integers. What the twin in rtl/prim
leaves out is left out here; a selection that the manual calls illegal, or that is left out, raises IllegalControl
where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

A_BITS, B_BITS, C_BITS, D_BITS, P_BITS = 34, 24, 58, 27, 58
SHIFT = 23  # of P and PCIN on their way into Z (AM004, Two's Complement Multiplier, and Differences)


class IllegalControl(ValueError):
    """OPMODE, ALUMODE or INMODE selects what does not exist; the message names the field."""


class W(IntEnum):
    """OPMODE[8:7] (AM004, W, X, Y, and Z Multiplexers, table 1)."""

    ZERO, P, RND, C = range(4)


class X(IntEnum):
    """OPMODE[1:0] (table 2)."""

    ZERO, M, P, AB = range(4)


class Y(IntEnum):
    """OPMODE[3:2] (table 3)."""

    ZERO, M, ONES, C = range(4)


class Z(IntEnum):
    """OPMODE[6:4] (table 4). 100 is MACC_EXTEND, which is left out; 111 is illegal."""

    ZERO, PCIN, P, C = range(4)
    PCIN_SHIFT = 5
    P_SHIFT = 6


class Alu(IntEnum):
    """ALUMODE of the four arithmetic functions (AM004, ALUMODE Inputs, table 1); S = W + X + Y + CIN."""

    ADD = 0b0000  # Z + S
    NOT_Z_ADD = 0b0001  # -Z + S - 1
    NOT_ADD = 0b0010  # -(Z + S) - 1
    SUBTRACT = 0b0011  # Z - S


def opmode(x: X = X.ZERO, y: Y = Y.ZERO, z: Z = Z.ZERO, w: W = W.ZERO) -> int:
    """OPMODE[8:0] of four selections."""
    return w << 7 | z << 4 | y << 2 | x


def inmode(a1: bool = False, gate: bool = False, d: bool = False, subtract: bool = False, b1: bool = False) -> int:
    """INMODE[4:0] (AM004, A, B, C, and D Ports, and Pre-Adder).

    a1, b1: factor from A1, B1 instead of A2, B2; gate: operand of the pre-adder replaced by 0; d: D let in;
    subtract: D - A instead of D + A.
    """
    return b1 << 4 | subtract << 3 | d << 2 | gate << 1 | a1


def signed(bits: int, width: int) -> int:
    """Value of the low `width` bits as two's complement."""
    half = 1 << width - 1
    return (bits + half) % (2 * half) - half


@dataclass(frozen=True)
class Config:
    """Static attributes (AM004, Attributes): register counts and data path selections, named as in fvgm_dsp58."""

    a_reg: int = 1
    b_reg: int = 1
    c_reg: int = 1
    d_reg: int = 1
    ad_reg: int = 1
    m_reg: int = 1
    p_reg: int = 1
    inmode_reg: int = 1
    opmode_reg: int = 1
    alumode_reg: int = 1
    carry_reg: int = 1
    a_casc_reg: int | None = None  # None: a_reg
    b_casc_reg: int | None = None
    casc_a: bool = False
    casc_b: bool = False
    a_mult_sel: str = "A"
    b_mult_sel: str = "B"
    preadd_sel: str = "A"
    use_mult: str = "MULTIPLY"
    rnd: int = 0

    def __post_init__(self) -> None:
        """Refuse what fvgm_dsp58 refuses at elaboration."""
        choices = {"a_reg": (0, 1, 2), "b_reg": (0, 1, 2), "a_mult_sel": ("A", "AD"), "b_mult_sel": ("B", "AD"),
                   "preadd_sel": ("A", "B"), "use_mult": ("MULTIPLY", "NONE", "DYNAMIC")}
        choices |= {f"{name}_reg": (0, 1) for name in ("c", "d", "ad", "p", "inmode", "opmode", "alumode", "carry")}
        choices["m_reg"] = (0,) if self.use_mult == "NONE" else (0, 1)
        choices["a_casc_reg"] = (None, self.a_reg, max(self.a_reg - 1, 1)) if self.a_reg else (None, 0)
        choices["b_casc_reg"] = (None, self.b_reg, max(self.b_reg - 1, 1)) if self.b_reg else (None, 0)
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"dsp58: {name} = {getattr(self, name)!r}, allowed are {allowed}")


class Inputs(NamedTuple):
    """The ports of one clock cycle, without their _i. Everything is enabled and nothing in reset unless said so."""

    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0
    carry: int = 0
    inmode: int = 0
    opmode: int = 0
    alumode: int = 0
    negate: int = 0
    cea1: int = 1
    cea2: int = 1
    ceb1: int = 1
    ceb2: int = 1
    cec: int = 1
    ced: int = 1
    cead: int = 1
    cem: int = 1
    cep: int = 1
    rsta: int = 0
    rstb: int = 0
    rstc: int = 0
    rstd: int = 0
    rstm: int = 0
    rstp: int = 0
    rstctrl: int = 0
    acin: int = 0
    bcin: int = 0
    pcin: int = 0


class Outputs(NamedTuple):
    """The output ports as bit patterns."""

    p: int
    pcout: int
    acout: int
    bcout: int


class Product(NamedTuple):
    """One use of the multiplier: its control and its two factors as signed numbers."""

    inmode: int
    negate: int
    a: int
    b: int
    value: int


class Sum(NamedTuple):
    """One use of the adder: its control, its operands and its result before it is reduced to 58 bits."""

    opmode: int
    alumode: int
    carry: int
    z: int
    value: int


_ALU = {
    Alu.ADD: lambda z, s: z + s,
    Alu.NOT_Z_ADD: lambda z, s: s - z - 1,
    Alu.NOT_ADD: lambda z, s: -1 - z - s,
    Alu.SUBTRACT: lambda z, s: z - s,
}


class _Delay:
    """A pipeline register that may be absent: out comes the stored value, or the live one if there is no register."""

    def __init__(self, present: int) -> None:
        self.present, self.stored = bool(present), 0

    def out(self, live: int) -> int:
        """Value behind the register while `live` is in front of it."""
        return self.stored if self.present else live

    def clock(self, live: int, enable: int, reset: int) -> None:
        """Rising edge: reset goes before enable."""
        if reset:
            self.stored = 0
        elif enable:
            self.stored = live


class _Operand:
    """The A or B port: up to two registers (AM004, A, B, C, and D Ports).

    With two registers the second follows the first; with one, both load the port side by side, the first serving only
    as the factor that INMODE[0] or INMODE[4] asks for (AM004, Attributes, AREG and BREG).
    """

    def __init__(self, registers: int, cascade: int | None) -> None:
        self.registers = registers
        self.cascade_first = registers == 2 and cascade == 1
        self.first = self.second = 0

    def direct(self, port: int) -> int:
        """What A:B sees."""
        return self.second if self.registers else port

    def factor(self, port: int, use_first: int) -> int:
        """What multiplier and pre-adder see."""
        return self.first if use_first else self.direct(port)

    def cascade(self, port: int) -> int:
        """ACOUT or BCOUT."""
        return self.first if self.cascade_first else self.direct(port)

    def clock(self, port: int, enable1: int, enable2: int, reset: int) -> None:
        """Rising edge."""
        if reset:
            self.first = self.second = 0
            return
        before = self.first if self.registers == 2 else port
        if enable2:
            self.second = before
        if enable1:
            self.first = port


class Dsp58:
    """One slice. All registers start at 0, as after configuration.

    After `step`, `product` and `sum` tell how the multiplier and the adder were used at that edge; None where nothing
    took their result over.
    """

    def __init__(self, config: Config = Config()) -> None:
        self.config = c = config
        self._a, self._b = _Operand(c.a_reg, c.a_casc_reg), _Operand(c.b_reg, c.b_casc_reg)
        self._c, self._d, self._ad = _Delay(c.c_reg), _Delay(c.d_reg), _Delay(c.ad_reg)
        self._m, self._p = _Delay(c.m_reg), _Delay(c.p_reg)
        self._inmode, self._negate = _Delay(c.inmode_reg), _Delay(c.inmode_reg)
        self._opmode, self._alumode, self._carry = _Delay(c.opmode_reg), _Delay(c.alumode_reg), _Delay(c.carry_reg)
        self._rnd = signed(c.rnd, P_BITS)
        self.product: Product | None = None
        self.sum: Sum | None = None

    def step(self, x: Inputs) -> Outputs:
        """One rising edge under the inputs `x`; the outputs after it, while `x` is still there."""
        cfg = self.config
        a_port = x.acin if cfg.casc_a else x.a
        b_port = x.bcin if cfg.casc_b else x.b
        ad, product = self._multiply(x, a_port, b_port)
        adds = x.cep and not x.rstp if cfg.p_reg else True
        total = self._add(x, a_port, b_port, product.value) if adds else None
        multiplies = x.cem and not x.rstm if cfg.m_reg else adds
        self.product, self.sum = product if multiplies else None, total

        self._p.clock(signed(total.value, P_BITS) if total else 0, x.cep, x.rstp)
        self._m.clock(product.value, x.cem, x.rstm)
        self._ad.clock(ad, x.cead, x.rstd)
        self._d.clock(signed(x.d, D_BITS), x.ced, x.rstd)
        self._c.clock(signed(x.c, C_BITS), x.cec, x.rstc)
        self._a.clock(a_port, x.cea1, x.cea2, x.rsta)
        self._b.clock(b_port, x.ceb1, x.ceb2, x.rstb)
        for name in ("inmode", "negate", "opmode", "alumode", "carry"):
            getattr(self, "_" + name).clock(getattr(x, name), 1, x.rstctrl)
        return self._outputs(x, a_port, b_port)

    def _outputs(self, x: Inputs, a_port: int, b_port: int) -> Outputs:
        """Ports under the present registers and inputs."""
        p = self._p.stored
        if not self._p.present:
            p = self._add(x, a_port, b_port, self._multiply(x, a_port, b_port)[1].value).value
        p &= (1 << P_BITS) - 1
        return Outputs(p, p, self._a.cascade(a_port), self._b.cascade(b_port))

    def _multiply(self, x: Inputs, a_port: int, b_port: int) -> tuple[int, Product]:
        """Pre-adder result in front of AD, and the product in front of M."""
        cfg = self.config
        mode, negate = self._inmode.out(x.inmode), self._negate.out(x.negate)
        if (mode & 1 and not cfg.a_reg) or (mode & 16 and not cfg.b_reg):
            raise IllegalControl(f"dsp58: INMODE {mode:05b} takes a factor from a first register that is not there")
        a = signed(self._a.factor(a_port, mode & 1), D_BITS)
        b = signed(self._b.factor(b_port, mode & 16), B_BITS)
        if mode & 2:
            a, b = (0, b) if cfg.preadd_sel == "A" else (a, 0)
        operand = a if cfg.preadd_sel == "A" else b
        gated_d = self._d.out(signed(x.d, D_BITS)) if mode & 4 else 0
        ad = signed(gated_d - operand if mode & 8 else gated_d + operand, D_BITS)
        if cfg.a_mult_sel == "AD":
            a = self._ad.out(ad)
        if cfg.b_mult_sel == "AD":
            b = signed(self._ad.out(ad), B_BITS)
        return ad, Product(mode, negate, a, b, -a * b if negate else a * b)

    def _add(self, x: Inputs, a_port: int, b_port: int, product: int) -> Sum:
        """The adder under the present registers and inputs; `product` is in front of M."""
        cfg = self.config
        mode, alu = self._opmode.out(x.opmode), self._alumode.out(x.alumode)
        x_sel, y_sel, z_sel, w_sel = mode & 3, mode >> 2 & 3, mode >> 4 & 7, mode >> 7 & 3
        if (x_sel == X.M) != (y_sel == Y.M):
            raise IllegalControl(f"dsp58: OPMODE {mode:09b} selects the product in one of X and Y only")
        if z_sel in (0b100, 0b111):
            raise IllegalControl(f"dsp58: OPMODE {mode:09b} has no Z")
        if alu not in _ALU:
            raise IllegalControl(f"dsp58: ALUMODE {alu:04b} is not arithmetic")
        if (x_sel == X.M and cfg.use_mult == "NONE") or (x_sel == X.AB and cfg.use_mult == "MULTIPLY"):
            raise IllegalControl(f"dsp58: OPMODE {mode:09b} against use_mult = {cfg.use_mult}")
        if not cfg.p_reg and (x_sel == X.P or w_sel == W.P or z_sel in (Z.P, Z.P_SHIFT)):
            raise IllegalControl(f"dsp58: OPMODE {mode:09b} selects P, which has no register")
        c, p = self._c.out(signed(x.c, C_BITS)), self._p.stored
        if x_sel == X.M:
            in_x_and_y = self._m.out(product)
        else:
            if x_sel == X.AB:
                in_x_and_y = signed(self._a.direct(a_port) << B_BITS | self._b.direct(b_port), P_BITS)
            else:
                in_x_and_y = p if x_sel == X.P else 0
            in_x_and_y += c if y_sel == Y.C else -1 if y_sel == Y.ONES else 0
        in_w = (0, p, self._rnd, c)[w_sel]
        pcin = signed(x.pcin, P_BITS)
        in_z = (0, pcin, p, c, None, pcin >> SHIFT, p >> SHIFT)[z_sel]
        carry = self._carry.out(x.carry)
        return Sum(mode, alu, carry, in_z, _ALU[alu](in_z, in_w + in_x_and_y + carry))
