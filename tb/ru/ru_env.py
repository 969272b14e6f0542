"""pyuvm environment of fvgm_ru.

An item is a scene: memory images and the commands that run on them. The driver loads the images, sends the commands (held
until accepted, with or without idle cycles between) and waits for all completions; the monitor publishes each completion
with the vbuf units that the command had to have written by then, and the whole vbuf at the end of the scene. The scoreboard
holds both against models/ru.py, every bit, and counts reads and writes.
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge
from pyuvm import (
    ConfigDB, uvm_agent, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_monitor, uvm_sequence_item,
    uvm_sequencer, uvm_subscriber,
)

from models import ru
from models.isa import HEADER_BITS, LIST_ENTRY, Opcode, encode
from tb.common.coverage import Coverage
from tb.common.limited import LimitedSequence
from tb.common.sink import Sink
from tb.ru.stimulus import (
    AGES, COEFS, DATA, DENSITIES, EXTRAPOLATE, OPS, OVERLAYS, PATTERNS, PRESSURES, ROWS, SIZES, Command, Scene,
)

AGE_LSB = next(f.lsb for f in LIST_ENTRY if f.name == "age")


def payload(fields: dict[str, int]) -> int:
    """The ru_t of an instruction as an integer."""
    return int.from_bytes(encode(Opcode.RU, **fields).tobytes(), "little") >> HEADER_BITS


def words(data: np.ndarray) -> list[int]:
    """Rows of an uint8[n, bytes] array as integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in data]


class RuItem(uvm_sequence_item):
    """One scene."""

    def __init__(self, name: str, scene: Scene) -> None:
        super().__init__(name)
        self.scene = scene


class RuSequence(LimitedSequence):
    """The given scenes, one after the other."""

    def __init__(self, name: str, scenes: list[Scene]) -> None:
        super().__init__(name)
        self.scenes = scenes

    async def body(self) -> None:
        """Send every scene."""
        for scene in self.scenes:
            item = RuItem("scene", scene)
            await self.start_item(item)
            await self.finish_item(item)


class RuDriver(uvm_driver):
    """Loads memories, drives commands."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.ap = uvm_analysis_port("ap", self)

    async def run_phase(self) -> None:
        """Reset, then one scene after the other."""
        await ClockCycles(self.dut.clk_i, 4)
        self.dut.rst_ni.value = 1
        while True:
            item = await self.seq_item_port.get_next_item()
            await self._scene(item.scene)
            self.seq_item_port.item_done()

    async def _scene(self, scene: Scene) -> None:
        dut = self.dut
        for handle, image in ((dut.vbuf, words(scene.vbuf)), (dut.mbuf, scene.mbuf.tolist())):
            for i, value in enumerate(image):
                handle[i].value = value
        dut.deny_read.value, dut.deny_write.value = PRESSURES[scene.pressure]
        await ClockCycles(dut.clk_i, 2)
        self.ap.write(scene)
        target = int(dut.completed.value) + len(scene.commands)
        if scene.reset_after:
            sending = cocotb.start_soon(self._commands(scene))
            await ClockCycles(dut.clk_i, scene.reset_after)
            sending.cancel()
            dut.cmd_valid.value = 0
            dut.rst_ni.value = 0
            await ClockCycles(dut.clk_i, 2)
            dut.rst_ni.value = 1
            await ClockCycles(dut.clk_i, 60)
            self.ap.write(None)
            return
        await self._commands(scene)
        while int(dut.completed.value) != target:
            await dut.completed.value_change
        await ClockCycles(dut.clk_i, 4)
        self.ap.write(None)
        await RisingEdge(dut.clk_i)

    async def _commands(self, scene: Scene) -> None:
        for command in scene.commands:
            if command.idles:
                self.dut.cmd_valid.value = 0
                await ClockCycles(self.dut.clk_i, command.idles)
            self.dut.cmd.value = payload(command.fields)
            self.dut.cmd_valid.value = 1
            await self.dut.accepted.value_change
        self.dut.cmd_valid.value = 0


class RuMonitor(uvm_monitor):
    """Publishes ("scene", scene), ("done", read) for every completion, ("end", read) when the scene is over.

    `read(index)` gives a unit of vbuf now.
    """

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.ap = uvm_analysis_port("ap", self)
        self.scenes = Sink("scenes", self, self.on_scene)
        self.flip = ConfigDB().get(self, "", "FLIP")  # negative test: invert a bit of the n-th unit that is looked at
        self.looked = 0

    def on_scene(self, scene: Scene | None) -> None:
        """The driver begins or ends a scene."""
        self.ap.write(("end", self.read) if scene is None else ("scene", scene))

    def read(self, index: int) -> int:
        """A unit of vbuf."""
        self.looked += 1
        value = int(self.dut.vbuf[index].value)
        return value ^ 1 if self.looked == self.flip else value

    async def run_phase(self) -> None:
        """One event per completion."""
        seen = 0
        while True:
            await self.dut.completed.value_change
            seen += 1
            assert int(self.dut.completed.value) == seen, "a completion was not seen"
            self.ap.write(("done", self.read))


class RuScoreboard(uvm_component):
    """Model against vbuf."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.events = Sink("events", self, self.on_event)
        self.ap = uvm_analysis_port("ap", self)
        self.older = ConfigDB().get(self, "", "OLDER")  # negative test: the expectation counts one age more
        self.errors: list[str] = []
        self.compared = 0
        self.scene: Scene | None = None

    def on_event(self, event: tuple[str, Any]) -> None:
        """Dispatch by kind."""
        getattr(self, f"on_{event[0]}")(event[1])

    def on_scene(self, scene: Scene) -> None:
        """Execute the whole scene in the model; one that a reset ends only has to leave nothing behind."""
        self.scene, self.next = scene, 0
        if scene.reset_after:
            return
        mbuf = scene.mbuf + np.uint32(1 << AGE_LSB) if self.older else scene.mbuf
        # Commands do not touch what others read or write: each sees the memories as they are at first.
        self.expected = [ru.results(c.fields, scene.vbuf, mbuf) for c in scene.commands]
        self.image = scene.vbuf.copy()
        for address, data in self.expected:
            self.image[address] = data
        self.counts = int(self.dut.writes.value), int(self.dut.reads.value)

    def _compare(self, what: str, index: int, got: int, want: int) -> None:
        self.compared += 1
        if got != want:
            self.errors.append(f"{what}: vbuf[{index}] = {got:032x}, model {want:032x}")

    def on_done(self, read: Any) -> None:
        """All units of the oldest command are there."""
        if self.scene is not None and self.scene.reset_after:
            return
        if self.scene is None or self.next >= len(self.expected):
            self.errors.append("a completion that no command asked for")
            return
        command, (address, data) = self.scene.commands[self.next], self.expected[self.next]
        self.next += 1
        what = f"{command.fields['rows']}x{command.fields['units']} {command.covers}"
        for index, want in zip(address.tolist(), words(data), strict=True):
            self._compare(what, index, read(index), want)
        self.ap.write(command)

    def on_end(self, read: Any) -> None:
        """Everything else is untouched, nothing was written twice, nothing was read without need."""
        scene, self.scene = self.scene, None
        if int(self.dut.busy.value):
            self.errors.append("busy after a reset or the last completion")
        if scene.reset_after:
            return
        if self.next != len(self.expected):
            self.errors.append(f"{len(self.expected) - self.next} commands never completed")
        for index, want in enumerate(words(self.image)):
            self._compare("end of scene", index, read(index), want)
        expected = (sum(len(address) for address, _ in self.expected),
                    sum(ru.ideal_cycles(c.fields, c.step_rows) for c in scene.commands))
        got = int(self.dut.writes.value) - self.counts[0], int(self.dut.reads.value) - self.counts[1]
        if got != expected:
            self.errors.append(f"end of scene: units written and pairs read {got}, model {expected}")

    def check_phase(self) -> None:
        self.logger.info(f"{self.compared} units compared, {len(self.errors)} errors")
        assert self.compared, "nothing was compared"
        assert not self.errors, f"{len(self.errors)} errors, first: " + "; ".join(self.errors[:4])


class RuCoverage(uvm_subscriber):
    """Operation, density, extrapolation, overlay and data crossed; coefficients, sizes, ages, back-pressure, neighbours."""

    def build_phase(self) -> None:
        self.coverage = cov = Coverage("ru")
        cov.point("cp_op", OPS, goal=20)
        cov.point("cp_density", DENSITIES, goal=20)
        cov.point("cp_pattern", PATTERNS, goal=20)
        cov.point("cp_extrapolate", EXTRAPOLATE, goal=20)
        cov.point("cp_overlay", OVERLAYS, goal=20)
        cov.point("cp_data", DATA, goal=20)
        cov.point("cp_units", SIZES, goal=10)
        cov.point("cp_rows", ROWS, goal=4)
        cov.point("cp_pressure", PRESSURES, goal=20)
        cov.point("cp_coef", COEFS, goal=10)
        cov.point("cp_age", AGES, goal=10)
        cov.point("cp_previous", ("copied", "extrapolated", "idle"), goal=10)
        cov.point("cp_kind", ("copied", "extrapolated"), goal=20)
        cov.cross("cp_op_x_map", "cp_op", "cp_density", "cp_extrapolate", "cp_overlay", "cp_data")
        cov.cross("cp_density_x_pattern", "cp_density", "cp_pattern")
        cov.cross("cp_units_x_rows", "cp_units", "cp_rows", ignore=[(u, "long") for u in SIZES if u != "one"])
        cov.cross("cp_units_x_pressure", "cp_units", "cp_pressure")
        cov.cross("cp_coef_x_data", "cp_coef", "cp_data")
        cov.cross("cp_kind_x_previous", "cp_kind", "cp_previous")
        cov.cross("cp_kind_x_pressure", "cp_kind", "cp_pressure")
        self.previous: str | None = None

    def write(self, tt: Command) -> None:
        covers = dict(tt.covers)
        coef = covers.pop("cp_coef")
        kind = "extrapolated" if covers["cp_op"] == "RECOVER" and covers["cp_extrapolate"] and tt.step_rows else "copied"
        if self.previous is not None:
            covers["cp_previous"] = "idle" if tt.idles else self.previous
        self.coverage.sample_all(cp_kind=kind, **covers)
        if kind == "extrapolated":  # only then do coefficient and ages reach the lanes
            self.coverage.sample("cp_coef", coef)
            self.coverage.sample("cp_coef_x_data", (coef, covers["cp_data"]))
            for age in tt.ages:
                self.coverage.sample("cp_age", age)
        self.previous = kind

    def check_phase(self) -> None:
        self.coverage.check()


class RuAgent(uvm_agent):
    """Sequencer, driver, monitor."""

    def build_phase(self) -> None:
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = RuDriver("driver", self)
        self.monitor = RuMonitor("monitor", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
        self.driver.ap.connect(self.monitor.scenes.analysis_export)


class RuEnv(uvm_env):
    """Agent, scoreboard, and coverage unless the test goes without."""

    def build_phase(self) -> None:
        self.agent = RuAgent("agent", self)
        self.scoreboard = RuScoreboard("scoreboard", self)
        self.coverage = RuCoverage("coverage", self) if ConfigDB().get(self, "", "COVERAGE") else None

    def connect_phase(self) -> None:
        self.agent.monitor.ap.connect(self.scoreboard.events.analysis_export)
        if self.coverage:
            self.scoreboard.ap.connect(self.coverage.analysis_export)
