"""pyuvm environment of the array of DSP-E chains (fvgm_dspe_array).

An item is one tile (tb/dspe/array_stimulus.py). The driver changes inputs after the falling edge of clk_i; in cycles without a
step all other inputs are garbage. The monitor publishes every step taken, every reset and every result. The scoreboard computes
whole tiles with models/dspe.py, compares every defined bit, and the cycle of each result: it must come exactly when the passes of
the steps in front of it allow.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from pyuvm import (
    ConfigDB, uvm_agent, uvm_analysis_port, uvm_driver, uvm_env, uvm_monitor, uvm_sequence_item,
    uvm_sequencer, uvm_subscriber,
)

from models import dspe
from models.dspe import DEPTH
from models.isa import Precision
from tb.common.coverage import Coverage
from tb.common.limited import LimitedSequence
from tb.dspe import array_stimulus
from tb.dspe.array_stimulus import Tile

ACC_BITS, LANE_BITS = 96, 99
LATENCY = 15  # cycles from the edge that takes a step of one pass to the one that shows its result


class TileItem(uvm_sequence_item):
    """One tile."""

    def __init__(self, name: str, tile: Tile) -> None:
        super().__init__(name)
        self.tile = tile


class TileSequence(LimitedSequence):
    """Tiles in order, without a gap of its own."""

    def __init__(self, name: str, tiles: list[Tile]) -> None:
        super().__init__(name)
        self.tiles = tiles

    async def body(self) -> None:
        """One item each."""
        for tile in self.tiles:
            item = TileItem("tile", tile)
            await self.start_item(item)
            await self.finish_item(item)


@dataclass(frozen=True)
class Event:
    """What happened in one cycle: a step taken (precision, last, a_i, b_i), a result (drain_o), or a reset.

    waited: why the step was not taken a cycle earlier: none (it was not late), idle (no step was offered), passes (of the steps
    before it). stalls: cycles so far in which the edges could not take a step.
    """

    cycle: int
    stalls: int
    step: tuple[int, int, int, int] | None = None
    drain: int | None = None
    reset: bool = False
    waited: str = "none"


def to_bits(operands: np.ndarray) -> int:
    """Lines [L, 8] as the value of a port."""
    return int.from_bytes(np.ascontiguousarray(operands, np.uint16).tobytes(), "little")


def from_bits(value: int, lines: int) -> np.ndarray:
    """The inverse of to_bits."""
    return np.frombuffer(value.to_bytes(lines * DEPTH * 2, "little"), np.uint16).reshape(lines, DEPTH)


class ArrayDriver(uvm_driver):
    """Drives steps against step_ready_o."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.rng: np.random.Generator = ConfigDB().get(self, "", "RNG")
        self.lines, self.cols = ConfigDB().get(self, "", "SIZE")

    async def idle(self) -> None:
        """One cycle without a step: garbage."""
        dut, rng = self.dut, self.rng
        dut.step_valid_i.value = 0
        dut.precision_i.value, dut.last_i.value = int(rng.integers(2)), 1
        dut.a_i.value = to_bits(rng.integers(0, 1 << 16, (self.lines, DEPTH)))
        dut.b_i.value = to_bits(rng.integers(0, 1 << 16, (self.cols, DEPTH)))
        await FallingEdge(dut.clk_i)

    async def reset(self) -> None:
        """A few cycles of reset."""
        self.dut.rst_ni.value = 0
        for _ in range(3):
            await self.idle()
        self.dut.rst_ni.value = 1

    async def run_phase(self) -> None:
        """Reset, then tile after tile."""
        dut = self.dut
        await FallingEdge(dut.clk_i)
        await self.reset()
        while True:
            item = await self.seq_item_port.get_next_item()
            tile = item.tile
            steps = tile.a.shape[1] // DEPTH
            for step in range(steps):
                if tile.reset and step == steps - 1:
                    break
                while tile.idle and self.rng.random() < tile.idle:
                    await self.idle()
                part = slice(DEPTH * step, DEPTH * step + DEPTH)
                dut.step_valid_i.value, dut.precision_i.value = 1, int(tile.precision)
                dut.last_i.value = int(step == steps - 1)
                dut.a_i.value, dut.b_i.value = to_bits(tile.a[:, part]), to_bits(tile.b[:, part])
                while not int(dut.step_ready_o.value):
                    await FallingEdge(dut.clk_i)
                await FallingEdge(dut.clk_i)
            dut.step_valid_i.value = 0
            if tile.reset:
                await self.reset()
            self.seq_item_port.item_done()


class ArrayMonitor(uvm_monitor):
    """Publishes an Event for each step, result and cycle of reset. FLIP inverts one bit of the 20th result (negative test).

    At the falling edge inputs are those that the rising edge before saw, and outputs what it made of them; step_ready_o belongs to
    the next rising edge, so the step taken is judged by what it was one cycle ago.
    """

    def build_phase(self) -> None:
        self.ap = uvm_analysis_port("ap", self)
        self.dut = cocotb.top
        self.flip = ConfigDB().get(self, "", "FLIP")

    async def run_phase(self) -> None:
        """One look per cycle."""
        dut, cycle, stalls, results, ready, waited = self.dut, 0, 0, 0, 1, "none"
        while True:
            await FallingEdge(dut.clk_i)
            cycle += 1
            stalls += not ready
            if not int(dut.rst_ni.value):
                self.ap.write(Event(cycle, stalls, reset=True))
                waited = "none"
            elif not int(dut.step_valid_i.value):
                waited = "idle"
            elif not ready:
                waited = "passes"
            else:
                step = tuple(int(getattr(dut, f"{n}_i").value) for n in ("precision", "last", "a", "b"))
                self.ap.write(Event(cycle, stalls, step=step, waited=waited))
                waited = "none"
            if int(dut.rst_ni.value) and int(dut.drain_valid_o.value):
                results += 1
                self.ap.write(Event(cycle, stalls, drain=int(dut.drain_o.value) ^ (int(self.flip and results == 20) << 5)))
            ready = int(dut.step_ready_o.value) if dut.step_ready_o.value.is_resolvable else 1


class ArrayScoreboard(uvm_subscriber):
    """Whole tiles against the model, and the cycle of every result."""

    def build_phase(self) -> None:
        self.lines, self.cols = ConfigDB().get(self, "", "SIZE")
        self.errors: list[str] = []
        self.results = 0
        self.clear(0)

    def clear(self, stalls: int) -> None:
        """Nothing under way."""
        self.steps: list[tuple[np.ndarray, np.ndarray]] = []
        self.expected: deque[tuple[int, Precision, tuple[np.ndarray, ...]]] = deque()
        self.stalls = stalls  # after the steps so far

    def write(self, tt: Event) -> None:
        if tt.reset:
            self.clear(tt.stalls)
        elif tt.step is not None:
            self.take(tt.cycle - tt.stalls, *tt.step)
        else:
            self.compare(tt.cycle, tt.drain)

    def take(self, advance: int, precision: int, last: int, a: int, b: int) -> None:
        """One step, at the given cycle without stalls: the stages of the edges move together, bubbles included."""
        kind = Precision(precision)
        step = from_bits(a, self.lines), from_bits(b, self.cols)
        self.steps.append(step)
        self.stalls += dspe.passes(*step, kind) - 1
        if last:
            a_all, b_all = (np.concatenate(part, 1) for part in zip(*self.steps))
            self.expected.append((advance + self.stalls + LATENCY, kind, dspe.tile(a_all, b_all, kind)))
            self.steps = []

    def compare(self, cycle: int, drain: int) -> None:
        """One result."""
        if not self.expected:
            self.errors.append(f"cycle {cycle}: a result that no tile has")
            return
        due, kind, sums = self.expected.popleft()
        self.results += 1
        if cycle != due:
            self.errors.append(f"cycle {cycle}: result expected in cycle {due}")
        for l, c in np.ndindex(self.lines, self.cols):
            lane = drain >> LANE_BITS * ((l // 2 * self.cols + c) * 2 + l % 2) & (1 << LANE_BITS) - 1
            if kind == Precision.INT8:
                got = (lane & 0xFFFFFFFF, lane >> 32 & 0xFFFFFFFF)
                want = tuple(int(sums[0][2 * l + i, c]) & 0xFFFFFFFF for i in (0, 1))
            else:
                hi, lo, flags = (int(s[l, c]) for s in sums)
                got = (lane & (1 << ACC_BITS) - 1, lane >> ACC_BITS)
                want = ((hi << 48 | lo) & (1 << ACC_BITS) - 1, flags)
            if got != want:
                self.errors.append(f"cycle {cycle}: {kind.name} line {l} column {c}: {[hex(g) for g in got]}, model {[hex(w) for w in want]}")

    def check_phase(self) -> None:
        self.logger.info(f"{self.results} tiles compared, {len(self.errors)} errors")
        if self.expected:
            self.errors.append(f"{len(self.expected)} tiles without a result")
        assert self.results and not self.errors, f"{len(self.errors)} errors, first: " + "; ".join(self.errors[:3])


class ArrayCoverage(uvm_subscriber):
    """docs/dspe.md lists the points."""

    def build_phase(self) -> None:
        self.lines, self.cols = ConfigDB().get(self, "", "SIZE")
        cover = self.coverage = Coverage("dspe", f"array_{self.lines // 2}x{self.cols}")
        modes = [p.name for p in Precision]
        cover.point("cp_mode", modes)
        cover.point("cp_restart", ("after_last", "after_reset"), goal=5)
        cover.point("cp_switch", [(a, b) for a in modes for b in modes], goal=5)
        cover.point("cp_back_to_back_last", ("yes",), goal=5)
        cover.point("cp_waited", ("idle", "passes", "none"), goal=5)
        cover.cross("cp_mode_x_waited", "cp_mode", "cp_waited", goal=5)
        cover.point("cp_passes", (1, 2, 3, 4, 6), goal=3)
        cover.point("cp_lane", [(l, c) for l in range(self.lines) for c in range(self.cols)])
        cover.point("cp_special", ("nan", "pinf", "ninf", "finite"), goal=3)
        cover.cross("cp_special_x_lane", "cp_special", "cp_lane")
        cover.point("cp_class", [(side, k) for side, n in (("row", 2), ("col", 3)) for k in range(n)], goal=5)
        cover.point("cp_slack", ("fits", "too_low"), goal=5)
        cover.point("cp_greatest_int8_sum", ("2^17",), goal=1)
        self.last: tuple[int, int, int] | None = None
        self.after_reset = True
        self.steps: list[tuple[np.ndarray, np.ndarray]] = []

    def write(self, tt: Event) -> None:
        cover = self.coverage
        if tt.reset:
            self.after_reset, self.last, self.steps = True, None, []
            return
        if tt.step is None:
            return
        precision, last, *ports = tt.step
        kind = Precision(precision)
        a, b = from_bits(ports[0], self.lines), from_bits(ports[1], self.cols)
        if not self.steps:
            cover.sample("cp_restart", "after_reset" if self.after_reset else "after_last")
            if self.last is not None:
                cover.sample("cp_switch", (Precision(self.last[1]).name, kind.name))
        cover.sample_all(cp_mode=kind.name, cp_waited=tt.waited)
        cover.sample("cp_passes", dspe.passes(a, b, kind))
        if last and self.last is not None and self.last[2] and tt.cycle == self.last[0] + 1:
            cover.sample("cp_back_to_back_last", "yes")
        self.steps.append((a, b))
        if kind == Precision.FP16:
            for side, x, window in (("row", a, (dspe.ROW_WINDOW,)), ("col", b, (dspe.COL_WINDOW, dspe.COL_SLACK))):
                for k in np.unique(dspe.classes(x, *window)):
                    if k >= 0:
                        cover.sample("cp_class", (side, int(k)))
            plain, slack = dspe.classes(b, dspe.COL_WINDOW), dspe.classes(b, dspe.COL_WINDOW, dspe.COL_SLACK)
            for name, seen in (("fits", (plain > 0) & (slack == 0)), ("too_low", slack > 0)):
                if seen.any():
                    cover.sample("cp_slack", name)
        elif (a == 0x8080).all() and (b & 0xFF == 0x80).all():
            cover.sample("cp_greatest_int8_sum", "2^17")
        if last:
            self.sample_results(kind)
            self.steps = []
        self.last, self.after_reset = (tt.cycle, precision, last), False

    def sample_results(self, kind: Precision) -> None:
        """Special values by lane."""
        a, b = (np.concatenate(part, 1) for part in zip(*self.steps))
        flags = dspe.tile(a, b, kind)[2] if kind == Precision.FP16 else np.zeros((self.lines, self.cols), int)
        for l, c in np.ndindex(self.lines, self.cols):
            for name, bit in (("nan", 4), ("pinf", 2), ("ninf", 1)):
                if flags[l, c] & bit:
                    self.coverage.sample_all(cp_special=name, cp_lane=(l, c))
            if not flags[l, c]:
                self.coverage.sample_all(cp_special="finite", cp_lane=(l, c))

    def check_phase(self) -> None:
        self.coverage.check()


class ArrayAgent(uvm_agent):
    """Sequencer, driver, monitor."""

    def build_phase(self) -> None:
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = ArrayDriver("driver", self)
        self.monitor = ArrayMonitor("monitor", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)


class ArrayEnv(uvm_env):
    """Agent, scoreboard, coverage."""

    def build_phase(self) -> None:
        self.agent = ArrayAgent("agent", self)
        self.scoreboard = ArrayScoreboard("scoreboard", self)
        self.coverage = ArrayCoverage("coverage", self)

    def connect_phase(self) -> None:
        self.agent.monitor.ap.connect(self.scoreboard.analysis_export)
        self.agent.monitor.ap.connect(self.coverage.analysis_export)
