"""pyuvm environment of fvgm_su.

An item is a scene: an image of vbuf and the commands that run on it. The driver loads the image, sends the commands
(held until accepted, with or without idle cycles between) and waits for all completions; the monitor publishes, at each
completion, what the command wrote to mbuf, vbuf and the count registers, in order, and how often it read. The
scoreboard holds all of it against models/su.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge
from pyuvm import (
    ConfigDB, uvm_agent, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_monitor, uvm_sequence_item,
    uvm_sequencer, uvm_subscriber,
)

from models import su
from models.isa import Opcode, encode
from tb.common.coverage import Coverage
from tb.common.limited import LimitedSequence
from tb.common.sink import Sink
from tb.su.stimulus import (
    AGES, BORDERS, COLUMNS, DENSITIES, EDGES, FILLS, PATTERNS, PRESSURES, SOURCES, SPECIALS, WINDOWS, Command, Scene, filled,
)

LOG_WORDS = 4096
LOGS = ("mb", "wr", "count")


def payload(fields: dict[str, int]) -> int:
    """The su_t of an instruction as an integer."""
    return int.from_bytes(encode(Opcode.SU, **fields).tobytes(), "little") >> 128


def word(row: np.ndarray) -> int:
    """A unit as an integer."""
    return int.from_bytes(row.tobytes(), "little")


@dataclass(frozen=True)
class Written:
    """Raw log words of one command, by log, and reads accepted at each port."""

    logs: dict[str, list[int]]
    reads: tuple[int, int]


class SuItem(uvm_sequence_item):
    """One scene."""

    def __init__(self, name: str, scene: Scene) -> None:
        super().__init__(name)
        self.scene = scene


class SuSequence(LimitedSequence):
    """The given scenes, one after the other."""

    def __init__(self, name: str, scenes: list[Scene]) -> None:
        super().__init__(name)
        self.scenes = scenes

    async def body(self) -> None:
        """Send every scene."""
        for scene in self.scenes:
            item = SuItem("scene", scene)
            await self.start_item(item)
            await self.finish_item(item)


class SuDriver(uvm_driver):
    """Loads vbuf, drives commands."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.ap = uvm_analysis_port("ap", self)
        self.loaded: np.ndarray | None = None

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
        for i, row in enumerate(scene.vbuf):
            dut.vbuf[i].value = word(row)
        dut.deny_read0.value, dut.deny_read1.value, dut.deny_write.value = PRESSURES[scene.pressure]
        await RisingEdge(dut.clk_i)
        self.ap.write(scene)
        target = int(dut.completed.value) + len(scene.commands)
        for command in scene.commands:
            if command.idles:
                dut.cmd_valid.value = 0
                await ClockCycles(dut.clk_i, command.idles)
            dut.cmd.value = payload(command.fields)
            dut.cmd_valid.value = 1
            await dut.accepted.value_change
        dut.cmd_valid.value = 0
        while int(dut.completed.value) != target:
            await dut.completed.value_change
        await ClockCycles(dut.clk_i, 4)
        assert not int(dut.busy.value), "busy without a command"
        self.ap.write(None)


class SuMonitor(uvm_monitor):
    """Publishes ("scene", scene), ("done", Written) for every completion, ("end", None) when the scene is over."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.ap = uvm_analysis_port("ap", self)
        self.scenes = Sink("scenes", self, lambda s: self.ap.write(("end", None) if s is None else ("scene", s)))
        self.flip = ConfigDB().get(self, "", "FLIP")  # negative test: invert a bit of the n-th word that is written
        self.words = 0
        self.seen = dict.fromkeys(LOGS, 0)
        self.read = (0, 0)

    def _log(self, name: str) -> list[int]:
        """New words of a log."""
        end = int(getattr(self.dut, f"{name}_count").value)
        log = getattr(self.dut, f"{name}_log")
        new = [int(log[i % LOG_WORDS].value) for i in range(self.seen[name], end)]
        self.seen[name] = end
        if self.words < self.flip <= self.words + len(new):
            new[self.flip - self.words - 1] ^= 1
        self.words += len(new)
        return new

    async def run_phase(self) -> None:
        """One event per completion."""
        done = 0
        while True:
            await self.dut.completed.value_change
            done += 1
            assert int(self.dut.completed.value) == done, "a completion was not seen"
            total = int(self.dut.read0_count.value), int(self.dut.read1_count.value)
            reads = total[0] - self.read[0], total[1] - self.read[1]
            self.read = total
            self.ap.write(("done", Written({name: self._log(name) for name in LOGS}, reads)))


def expected_reads(f: dict[str, int]) -> tuple[int, int]:
    """Reads of both ports: pairs of units that hold elements of a row, ages of two rows, 128 mask bits."""
    rows, cols = f["rows"], f["cols"]
    port0 = su.reads_meta(f) * -(-rows // 2)
    if f["mask"]:
        return port0 + -(-rows // 128), 0
    number = -(-cols // su.CHUNK)
    second = number - (0 < cols % su.CHUNK <= su.CHUNK // 2)
    whole = su.reads(f | {"step": 0}) // number + (rows if f["step"] and not f["c_int8"] else 0)
    bytes_ = rows if f["step"] and f["c_int8"] else 0
    return port0 + (whole + bytes_) * number, whole * second


class SuScoreboard(uvm_component):
    """Model against logs."""

    def build_phase(self) -> None:
        self.events = Sink("events", self, self.on_event)
        self.ap = uvm_analysis_port("ap", self)
        self.errors: list[str] = []
        self.compared = 0
        self.scene: Scene | None = None

    def on_event(self, event: tuple[str, Any]) -> None:
        """Dispatch by kind."""
        getattr(self, f"on_{event[0]}")(event[1])

    def on_scene(self, scene: Scene) -> None:
        """A scene begins."""
        self.scene, self.next, self.image = scene, 0, scene.vbuf.copy()

    def on_done(self, written: Written) -> None:
        """Everything that the oldest command wrote, in order."""
        if self.scene is None or self.next >= len(self.scene.commands):
            self.errors.append("a completion that no command asked for")
            return
        command = self.scene.commands[self.next]
        self.next += 1
        f = command.fields
        model = su.results(f, self.image)
        self.image[model.meta_addr] = model.meta_data
        kept, stored = int(model.kept.sum()), len(model.decision.written)
        want = {
            "mb": [int(a) << 32 | int(d) for a, d in zip(model.mbuf_addr, model.mbuf_data, strict=True)],
            "wr": [int((f["meta_base"] + i) % 2**20) << 128 | word(row) for i, row in enumerate(model.meta_data)],
            "count": [i << 11 | n for i, n in ((f["count_kept"], kept), (f["count_written"], stored)) if i],
        }
        what = f"{f['rows']}x{f['cols']} {command.covers}"
        for name, words in want.items():
            got = written.logs[name]
            self.compared += len(words)
            if len(got) != len(words):
                self.errors.append(f"{what}: {len(got)} writes to {name}, model {len(words)}")
            self.errors += [f"{what}: {name}[{i}] = {g:x}, model {w:x}"
                            for i, (g, w) in enumerate(zip(got, words, strict=False)) if g != w]
        if written.reads != expected_reads(f):
            self.errors.append(f"{what}: reads {written.reads}, expected {expected_reads(f)}")
        self.ap.write((command, model.decision))

    def on_end(self, _: None) -> None:
        """All commands completed."""
        if self.next != len(self.scene.commands):
            self.errors.append(f"{len(self.scene.commands) - self.next} commands never completed")
        self.scene = None

    def check_phase(self) -> None:
        self.logger.info(f"{self.compared} words compared, {len(self.errors)} errors")
        assert self.compared, "nothing was compared"
        assert not self.errors, f"{len(self.errors)} errors, first: " + "; ".join(self.errors[:4])


class SuCoverage(uvm_subscriber):
    """Classes of commands and their crosses, offsets, and what was decided."""

    def build_phase(self) -> None:
        self.coverage = cov = Coverage("su")
        cov.point("cp_source", SOURCES, goal=2)
        cov.point("cp_density", DENSITIES, goal=2)
        cov.point("cp_pattern", PATTERNS, goal=2)
        cov.point("cp_window", WINDOWS, goal=2)
        cov.point("cp_border", BORDERS, goal=2)
        cov.point("cp_special", SPECIALS, goal=2)
        cov.point("cp_columns", COLUMNS, goal=2)
        cov.point("cp_edge", EDGES, goal=2)
        cov.point("cp_age", AGES, goal=2)
        cov.point("cp_pressure", PRESSURES, goal=2)
        for other in ("density", "window", "border", "special", "pressure"):
            cov.cross(f"cp_source_x_{other}", "cp_source", f"cp_{other}")
        cov.cross("cp_window_x_border", "cp_window", "cp_border", ignore=[("row", "clipped")])
        cov.cross("cp_density_x_special", "cp_density", "cp_special")
        for k in "012":
            cov.point(f"cp_offset{k}", range(8))
        cov.point("cp_kind", ("kept", "step", "window", "no_reference"), goal=50)
        cov.point("cp_rows", ("one", "odd", "even", "most"))
        cov.point("cp_tile", ("all kept", "none kept", "mixed"))
        cov.point("cp_fill", FILLS, goal=2)
        cov.point("cp_back_to_back", (True, False))

    def write(self, tt: tuple[Command, su.Decision]) -> None:
        command, d = tt
        f, cov = command.fields, self.coverage
        cov.sample_all(**command.covers)
        if f["window"]:
            for k in "012":
                cov.sample(f"cp_offset{k}", f[f"o{k}"])
            if (d.reference < 0).any():
                cov.sample("cp_kind", "no_reference")
        for kind in ("kept", "step", "window"):
            if getattr(d, kind).any():
                cov.sample("cp_kind", kind)
        rows = f["rows"]
        cov.sample("cp_rows", "one" if rows == 1 else "most" if rows == 1024 else "odd" if rows % 2 else "even")
        cov.sample("cp_tile", "all kept" if d.kept.all() else "mixed" if d.kept.any() else "none kept")
        cov.sample("cp_fill", filled(f, d))
        cov.sample("cp_back_to_back", not command.idles)

    def check_phase(self) -> None:
        self.coverage.check()


class SuAgent(uvm_agent):
    """Sequencer, driver, monitor."""

    def build_phase(self) -> None:
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = SuDriver("driver", self)
        self.monitor = SuMonitor("monitor", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
        self.driver.ap.connect(self.monitor.scenes.analysis_export)


class SuEnv(uvm_env):
    """Agent, scoreboard, and coverage unless the test goes without."""

    def build_phase(self) -> None:
        self.agent = SuAgent("agent", self)
        self.scoreboard = SuScoreboard("scoreboard", self)
        self.coverage = SuCoverage("coverage", self) if ConfigDB().get(self, "", "COVERAGE") else None

    def connect_phase(self) -> None:
        self.agent.monitor.ap.connect(self.scoreboard.events.analysis_export)
        if self.coverage:
            self.scoreboard.ap.connect(self.coverage.analysis_export)
