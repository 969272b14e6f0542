"""pyuvm environment of rtl/prim.

An item is a stretch of cycles. The driver changes inputs after the falling edge, the monitor samples inputs and outputs
at it, so it sees the outputs behind the rising edge under the inputs of that edge, which is what `step` of
models/dsp58.py returns. The scoreboard compares every bit of P, PCOUT, ACOUT and BCOUT in every cycle.
"""

from __future__ import annotations

from typing import NamedTuple

import cocotb
from cocotb.triggers import FallingEdge
from pyuvm import (
    ConfigDB, uvm_agent, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_monitor, uvm_sequence,
    uvm_sequence_item, uvm_sequencer, uvm_subscriber,
)

from models.dsp58 import Config, Dsp58, Inputs, Outputs, Product, Sum, W, X, Y, Z
from tb.common.coverage import Coverage
from tb.prim import stimulus
from tb.prim.stimulus import ALUMODES, CONFIGS, WIDTHS

_IN = [WIDTHS[name] for name in Inputs._fields]
_OUT = [58, 58, 34, 24]
CORNERS = ("min", "negative", "-1", "0", "1", "positive", "max")
WRAPS = ("in range", "above", "below")


def pack(values: tuple[int, ...], widths: list[int]) -> int:
    """One word, the first value on top."""
    word = 0
    for value, width in zip(values, widths):
        word = word << width | value
    return word


def unpack(word: int, widths: list[int]) -> list[int]:
    """Inverse of pack."""
    values = []
    for width in reversed(widths):
        values.append(word & ((1 << width) - 1))
        word >>= width
    return values[::-1]


class PrimItem(uvm_sequence_item):
    """Inputs of consecutive cycles."""

    def __init__(self, name: str, cycles: list[Inputs]) -> None:
        super().__init__(name)
        self.cycles = cycles


class PrimSequence(uvm_sequence):
    """One item per phase of the stimulus."""

    def __init__(self, name: str, stretches: list[list[Inputs]]) -> None:
        super().__init__(name)
        self.stretches = stretches

    async def body(self) -> None:
        """All of them, without a gap."""
        for cycles in self.stretches:
            item = PrimItem("cycles", cycles)
            await self.start_item(item)
            await self.finish_item(item)


class Sample(NamedTuple):
    """One clock cycle: the inputs of the edge, and the outputs behind it."""

    inputs: Inputs
    outputs: Outputs


class PrimDriver(uvm_driver):
    """Resets the slice, then drives items; between items the inputs rest at zero."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.index = list(CONFIGS).index(ConfigDB().get(self, "", "CONFIG"))

    async def run_phase(self) -> None:
        """A word per cycle."""
        dut = self.dut
        dut.rst_ni.value, dut.sel_i.value, dut.x_i.value = 0, self.index, 0
        for _ in range(3):
            await FallingEdge(dut.clk_i)
        dut.rst_ni.value = 1
        while True:
            item = await self.seq_item_port.get_next_item()
            for inputs in item.cycles:
                dut.x_i.value = pack(inputs, _IN)
                await FallingEdge(dut.clk_i)
            dut.x_i.value = 0
            self.seq_item_port.item_done()


class PrimMonitor(uvm_monitor):
    """Publishes a Sample per cycle out of reset. FLIP = n inverts one bit of the n-th (negative test)."""

    def build_phase(self) -> None:
        self.ap = uvm_analysis_port("ap", self)
        self.dut = cocotb.top
        self.flip: int = ConfigDB().get(self, "", "FLIP")

    async def run_phase(self) -> None:
        """Inputs do not change between the rising and the falling edge."""
        dut, cycle = self.dut, 0
        while True:
            await FallingEdge(dut.clk_i)
            if not int(dut.rst_ni.value):
                continue
            cycle += 1
            word = int(dut.y_o.value) ^ ((cycle == self.flip) << 100)
            self.ap.write(Sample(Inputs(*unpack(int(dut.x_i.value), _IN)), Outputs(*unpack(word, _OUT))))


class PrimScoreboard(uvm_subscriber):
    """Model against RTL; hands on how the model used its multiplier and its adder."""

    def build_phase(self) -> None:
        self.model = Dsp58(CONFIGS[ConfigDB().get(self, "", "CONFIG")])
        self.errors: list[str] = []
        self.cycle = 0
        self.ap = uvm_analysis_port("ap", self)

    def write(self, tt: Sample) -> None:
        self.cycle += 1
        expected = self.model.step(tt.inputs)
        if expected != tt.outputs:
            wrong = (f"{name} = {got:x}, model {want:x}" for name, got, want in
                     zip(Outputs._fields, tt.outputs, expected) if got != want)
            self.errors.append(f"cycle {self.cycle}: " + ", ".join(wrong))
        self.ap.write((tt.inputs, self.model.product, self.model.sum))

    def check_phase(self) -> None:
        self.logger.info(f"{self.cycle} cycles compared, {len(self.errors)} errors")
        assert self.cycle and not self.errors, f"{len(self.errors)} errors, first: " + "; ".join(self.errors[:3])


def corner(value: int, bits: int) -> str:
    """Name of a factor in CORNERS."""
    named = {-(1 << bits - 1): "min", -1: "-1", 0: "0", 1: "1", (1 << bits - 1) - 1: "max"}
    return named.get(value, "negative" if value < 0 else "positive")


def registers(config: Config) -> dict[str, tuple[str | None, str]]:
    """Registers of a configuration: their enable (None: always on) and their reset."""
    present = {
        "a1": (config.a_reg, "cea1", "rsta"), "a2": (config.a_reg, "cea2", "rsta"),
        "b1": (config.b_reg, "ceb1", "rstb"), "b2": (config.b_reg, "ceb2", "rstb"),
        "c": (config.c_reg, "cec", "rstc"), "d": (config.d_reg, "ced", "rstd"), "ad": (config.ad_reg, "cead", "rstd"),
        "m": (config.m_reg, "cem", "rstm"), "p": (config.p_reg, "cep", "rstp"),
        "inmode": (config.inmode_reg, None, "rstctrl"), "opmode": (config.opmode_reg, None, "rstctrl"),
        "alumode": (config.alumode_reg, None, "rstctrl"), "carry": (config.carry_reg, None, "rstctrl"),
    }
    return {name: (enable, reset) for name, (there, enable, reset) in present.items() if there}


class PrimCoverage(uvm_subscriber):
    """docs/prim.md lists the points. Control counts where its result is taken over, not where it is driven."""

    def build_phase(self) -> None:
        name = ConfigDB().get(self, "", "CONFIG")
        self.config = config = CONFIGS[name]
        self.registers = registers(config)
        cover = self.coverage = Coverage("prim", name)
        z_choices = [z.name for z in stimulus.z_choices(config)]
        cover.point("cp_w", [w.name for w in stimulus.w_choices(config)], goal=20)
        cover.point("cp_xy", [f"{x.name}+{y.name}" for x, y in stimulus.xy_pairs(config)], goal=20)
        cover.point("cp_z", z_choices, goal=20)
        cover.point("cp_alumode", ALUMODES, goal=20)
        cover.cross("cp_opmode_x_alumode", "cp_w", "cp_xy", "cp_z", "cp_alumode")
        cover.point("cp_carry", (0, 1), goal=20)
        cover.cross("cp_carry_x_alumode", "cp_carry", "cp_alumode", goal=5)
        cover.point("cp_wrap", WRAPS, goal=5)
        self.shifts = [z for z in z_choices if z.endswith("SHIFT")]
        cover.point("cp_shift_sign", [(z, sign) for z in self.shifts for sign in "+-"], goal=5)
        if config.use_mult != "NONE":
            cover.point("cp_inmode", stimulus.inmodes(config), goal=5)
            cover.point("cp_negate", (0, 1), goal=20)
            cover.cross("cp_inmode_x_negate", "cp_inmode", "cp_negate", goal=3)
            cover.point("cp_factor_a", CORNERS, goal=5)
            cover.point("cp_factor_b", CORNERS, goal=5)
            if config.a_mult_sel + config.b_mult_sel != "ADAD":
                cover.cross("cp_factor_a_x_b", "cp_factor_a", "cp_factor_b")
        if self.registers:
            uses = [(r, use) for r, (enable, _) in self.registers.items()
                    for use in ("load", "reset") + (("hold", "reset over enable") if enable else ())]
            cover.point("cp_register", uses, goal=5)

    def write(self, tt: tuple[Inputs, Product | None, Sum | None]) -> None:
        inputs, product, total = tt
        cover = self.coverage
        if total is not None:
            mode = total.opmode
            x, y, z, w = X(mode & 3).name, Y(mode >> 2 & 3).name, Z(mode >> 4 & 7).name, W(mode >> 7 & 3).name
            cover.sample_all(cp_w=w, cp_xy=f"{x}+{y}", cp_z=z, cp_alumode=total.alumode, cp_carry=total.carry)
            high = total.value >> 57
            cover.sample("cp_wrap", "above" if high > 0 else "below" if high < -1 else "in range")
            if z in self.shifts:
                cover.sample("cp_shift_sign", (z, "-" if total.z < 0 else "+"))
        if product is not None and self.config.use_mult != "NONE":
            cover.sample_all(cp_inmode=product.inmode, cp_negate=product.negate)
            cover.sample_all(cp_factor_a=corner(product.a, 27), cp_factor_b=corner(product.b, 24))
        for name, (enable, reset) in self.registers.items():
            on = enable is None or getattr(inputs, enable)
            if getattr(inputs, reset):
                cover.sample("cp_register", (name, "reset over enable" if on and enable else "reset"))
            else:
                cover.sample("cp_register", (name, "load" if on else "hold"))

    def check_phase(self) -> None:
        self.coverage.check()


class PrimAgent(uvm_agent):
    """Sequencer, driver, monitor."""

    def build_phase(self) -> None:
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = PrimDriver("driver", self)
        self.monitor = PrimMonitor("monitor", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)


class PrimEnv(uvm_env):
    """Agent, scoreboard, coverage."""

    def __init__(self, name: str, parent: uvm_component) -> None:
        super().__init__(name, parent)

    def build_phase(self) -> None:
        self.agent = PrimAgent("agent", self)
        self.scoreboard = PrimScoreboard("scoreboard", self)
        self.coverage = PrimCoverage("coverage", self)

    def connect_phase(self) -> None:
        self.agent.monitor.ap.connect(self.scoreboard.analysis_export)
        self.scoreboard.ap.connect(self.coverage.analysis_export)
