"""pyuvm environment of a DSP-E by itself: fvgm_dspe, fvgm_dspe_packed.

An item is one accumulation (tb/dspe/stimulus.py). The driver changes inputs after the falling edge; the monitor samples inputs and
the drain register at the falling edge, so it sees what the rising edge before saw. The scoreboard runs models/dspe.py step by step and
compares the drain register in every cycle: it changes exactly FVGM_DSPE_LATENCY cycles after a `last`, and only then.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from pyuvm import (
    ConfigDB, uvm_agent, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_monitor, uvm_sequence, uvm_sequence_item,
    uvm_sequencer, uvm_subscriber,
)

from models import dspe
from models.isa import Precision
from tb.common.coverage import Coverage
from tb.dspe import stimulus
from tb.dspe.stimulus import Accumulation

LATENCY = int(os.environ.get("FVGM_DSPE_LATENCY", "4"))  # DspeLatency or DspePackedLatency of rtl/dspe/fvgm_dspe_pkg.sv
ROW_LSB = int(os.environ.get("FVGM_DSPE_ROW_LSB", "48"))  # of the second row's INT8 sum in lane_t
LANE_BITS = 99


class DspeItem(uvm_sequence_item):
    """One accumulation."""

    def __init__(self, name: str, accumulation: Accumulation) -> None:
        super().__init__(name)
        self.accumulation = accumulation


class DspeSequence(uvm_sequence):
    """Accumulations in order, without a gap of its own."""

    def __init__(self, name: str, accumulations: list[Accumulation]) -> None:
        super().__init__(name)
        self.accumulations = accumulations

    async def body(self) -> None:
        """One item each."""
        for accumulation in self.accumulations:
            item = DspeItem("accumulation", accumulation)
            await self.start_item(item)
            await self.finish_item(item)


@dataclass(frozen=True)
class Sample:
    """One clock cycle: the step taken (None: idle) as (precision, first, last, a, b0, b1), and drain_o after the edge."""

    step: tuple[int, int, int, int, int, int] | None
    drain: int


class DspeDriver(uvm_driver):
    """Drives items; in idle cycles every other input is garbage, which must not matter."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.rng: np.random.Generator = ConfigDB().get(self, "", "RNG")

    async def idle(self) -> None:
        """One cycle without a step."""
        self.dut.en_i.value = 0
        a, b = self.rng.integers(0, 1 << 16), self.rng.integers(0, 1 << 32)
        self.set(int(self.rng.integers(0, 2)), 1, 1, int(a), int(b))
        await FallingEdge(self.dut.clk_i)

    def set(self, precision: int, first: int, last: int, a: int, b: int) -> None:
        """All inputs but en_i."""
        dut = self.dut
        dut.precision_i.value, dut.first_i.value, dut.last_i.value, dut.a_i.value, dut.b_i.value = precision, first, last, a, b

    async def run_phase(self) -> None:
        """Reset, then item after item."""
        self.dut.rst_ni.value = 0
        for _ in range(3):
            await self.idle()
        self.dut.rst_ni.value = 1
        while True:
            item = await self.seq_item_port.get_next_item()
            todo = item.accumulation
            steps = len(todo.operands)
            for k, (a, b0, b1) in enumerate(todo.operands.tolist()):
                while todo.idle and self.rng.random() < todo.idle:
                    await self.idle()
                self.dut.en_i.value = 1
                self.set(int(todo.precision), int(k == 0), int(todo.last and k == steps - 1), a, b1 << 16 | b0)
                await FallingEdge(self.dut.clk_i)
            self.dut.en_i.value = 0
            self.seq_item_port.item_done()


class DspeMonitor(uvm_monitor):
    """Publishes a Sample per cycle out of reset. FLIP inverts one bit of the drain register in one cycle (negative test)."""

    def build_phase(self) -> None:
        self.ap = uvm_analysis_port("ap", self)
        self.dut = cocotb.top
        self.flip = ConfigDB().get(self, "", "FLIP")

    async def run_phase(self) -> None:
        """Inputs do not change between the rising and the falling edge."""
        dut, cycle = self.dut, 0
        while True:
            await FallingEdge(dut.clk_i)
            if not int(dut.rst_ni.value):
                continue
            step = None
            if int(dut.en_i.value):
                b = int(dut.b_i.value)
                step = (int(dut.precision_i.value), int(dut.first_i.value), int(dut.last_i.value), int(dut.a_i.value), b & 0xFFFF, b >> 16)
            cycle += 1
            self.ap.write(Sample(step, int(dut.drain_o.value) ^ (int(self.flip and cycle == 1000) << 3)))


class DspeScoreboard(uvm_subscriber):
    """Model against drain_o, in every cycle."""

    def build_phase(self) -> None:
        self.state = dspe.initial()
        self.pipeline: list[dict[int, int] | None] = [None] * (LATENCY - 1)  # drains under way, by age
        self.expected: dict[int, int] = {}
        self.errors: list[str] = []
        self.cycle = self.drains = 0

    @staticmethod
    def fields(state: dspe.State, precision: Precision) -> dict[int, int]:
        """Defined bits of drain_o: value by (lsb * 1000 + width)."""
        out = {}
        if precision == Precision.INT8:
            (sums,) = dspe.drain_bits(state, precision)
            for column, row in np.ndindex(2, 2):
                out[(column * LANE_BITS + ROW_LSB * row) * 1000 + 32] = int(sums[column, row]) & 0xFFFFFFFF
        else:
            hi, lo, flags = dspe.drain_bits(state, precision)
            for c in range(2):
                value = int(flags[c]) << 96 | (int(hi[c]) & (2**48 - 1)) << 48 | int(lo[c])
                out[c * LANE_BITS * 1000 + LANE_BITS] = value
        return out

    def write(self, tt: Sample) -> None:
        self.cycle += 1
        new = None
        if tt.step is not None:
            precision, first, last, a, *b = tt.step
            self.state = dspe.step(self.state, np.uint16(a), np.array(b, np.uint16), Precision(precision), bool(first), bool(last))
            if last:
                new = self.fields(self.state, Precision(precision))
        self.pipeline.append(new)
        arrived = self.pipeline.pop(0)
        if arrived is not None:
            self.expected = arrived
            self.drains += 1
        for where, value in self.expected.items():
            got = tt.drain >> where // 1000 & (1 << where % 1000) - 1
            if got != value:
                self.errors.append(f"cycle {self.cycle}: drain_o[{where // 1000}+:{where % 1000}] = {got:x}, model {value:x}")

    def check_phase(self) -> None:
        self.logger.info(f"{self.cycle} cycles, {self.drains} results compared, {len(self.errors)} errors")
        assert self.drains and not self.errors, f"{len(self.errors)} errors, first: " + "; ".join(self.errors[:3])


class DspeCoverage(uvm_subscriber):
    """docs/dspe.md lists the points."""

    def build_phase(self) -> None:
        cover = self.coverage = Coverage("dspe", os.environ.get("FVGM_DSPE_UNIT", "plain"))
        modes = [p.name for p in Precision]
        cover.point("cp_mode", modes, goal=100)
        cover.point("cp_switch", [(a, b) for a in modes for b in modes], goal=10)
        cover.point("cp_restart", ("after_last", "cut_off"), goal=10)
        cover.point("cp_single_step", modes, goal=10)
        cover.point("cp_idle", ("inside_sum", "after_last"), goal=10)
        cover.point("cp_back_to_back_last", ("yes",), goal=5)
        for operand in "ab":
            cover.point(f"cp_class_{operand}", stimulus.CLASSES)
        cover.cross("cp_class_a_x_b", "cp_class_a", "cp_class_b", goal=3)
        cover.point("cp_int8_extreme", [(x, y) for x in (-128, 127) for y in (-128, 127)], goal=3)
        cover.point("cp_longest", ("fp16_positive", "fp16_negative", "int8"))
        self.last_step: tuple | None = None
        self.idle = False
        self.length = 0

    def write(self, tt: Sample) -> None:
        cover = self.coverage
        if tt.step is None:
            if self.last_step is not None:
                cover.sample("cp_idle", "after_last" if self.last_step[2] else "inside_sum")
            self.idle = True
            return
        precision, first, last, a, *b = tt.step
        mode = Precision(precision).name
        cover.sample("cp_mode", mode)
        if first:
            self.length = 0
            if self.last_step is not None:
                cover.sample("cp_restart", "after_last" if self.last_step[2] else "cut_off")
                cover.sample("cp_switch", (Precision(self.last_step[0]).name, mode))
            if last:
                cover.sample("cp_single_step", mode)
                if self.last_step is not None and self.last_step[2] and not self.idle:
                    cover.sample("cp_back_to_back_last", "yes")
        self.length += 1
        if last and self.length == stimulus.LONG:
            cover.sample("cp_longest", "int8" if mode == "INT8" else "fp16_negative" if (a ^ b[0]) >> 15 else "fp16_positive")
        if mode == "FP16":
            kind_a = stimulus.CLASSES[stimulus.classify(np.array(a))]
            for word in b:
                cover.sample_all(cp_class_a=kind_a, cp_class_b=stimulus.CLASSES[stimulus.classify(np.array(word))])
        else:
            pair = ((a & 0xFF ^ 0x80) - 0x80, (b[0] & 0xFF ^ 0x80) - 0x80)
            if abs(pair[0] * 2 + 1) == 255 and abs(pair[1] * 2 + 1) == 255:
                cover.sample("cp_int8_extreme", pair)
        self.last_step, self.idle = tt.step, False

    def check_phase(self) -> None:
        self.coverage.check()


class DspeAgent(uvm_agent):
    """Sequencer, driver, monitor."""

    def build_phase(self) -> None:
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = DspeDriver("driver", self)
        self.monitor = DspeMonitor("monitor", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)


class DspeEnv(uvm_env):
    """Agent, scoreboard, coverage."""

    def __init__(self, name: str, parent: uvm_component) -> None:
        super().__init__(name, parent)

    def build_phase(self) -> None:
        self.agent = DspeAgent("agent", self)
        self.scoreboard = DspeScoreboard("scoreboard", self)
        self.coverage = DspeCoverage("coverage", self)

    def connect_phase(self) -> None:
        self.agent.monitor.ap.connect(self.scoreboard.analysis_export)
        self.agent.monitor.ap.connect(self.coverage.analysis_export)
