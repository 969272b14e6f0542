"""pyuvm environment of fvgm_sfu.

An item is a scene: memory images and the commands that run on them. The driver loads the images, sends the commands (held
until accepted, with or without idle cycles between) and waits for all completions; the monitor publishes each completion
with the memory words that the command had to have written by then, and the whole memories at the end of the scene. The
scoreboard holds both against models/sfu.py, every bit, and counts the writes.
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

from models import sfu
from models.isa import Buffer, Opcode, encode
from tb.common.coverage import Coverage
from tb.common.limited import LimitedSequence
from tb.common.sink import Sink
from tb.sfu.stimulus import (
    CASES, FORMATS, GROUPS, LEFTOVERS, PLACES, PRESSURES, ROW_CLASSES, ROWS, STORES, Command, Scene, edge_scene, long_scene, random_scene,
)

HEADER_BITS = 128


def payload(fields: dict[str, int]) -> int:
    """The sfu_t of an instruction as an integer."""
    return int.from_bytes(encode(Opcode.SFU, **fields).tobytes(), "little") >> HEADER_BITS


def words(data: np.ndarray) -> list[int]:
    """Rows of an uint8[n, bytes] array as integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in data]


def raw_words(data: np.ndarray) -> list[int]:
    """A float32 array as its bit patterns."""
    return data.view(np.uint32).tolist()


class SfuItem(uvm_sequence_item):
    """One scene."""

    def __init__(self, name: str, scene: Scene) -> None:
        super().__init__(name)
        self.scene = scene


class SfuSequence(LimitedSequence):
    """The given scenes, one after the other."""

    def __init__(self, name: str, scenes: list[Scene]) -> None:
        super().__init__(name)
        self.scenes = scenes

    async def body(self) -> None:
        """Send every scene."""
        for scene in self.scenes:
            item = SfuItem("scene", scene)
            await self.start_item(item)
            await self.finish_item(item)


class SfuDriver(uvm_driver):
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
        for handle, image in ((dut.vbuf, words(scene.vbuf)), (dut.abuf, words(scene.abuf)), (dut.pbuf, words(scene.pbuf)),
                              (dut.rbuf, raw_words(scene.rbuf))):
            for i, value in enumerate(image):
                handle[i].value = value
        deny_read, deny_write = PRESSURES[scene.pressure]
        dut.deny_read.value, dut.deny_abuf.value, dut.deny_vbuf.value = deny_read, deny_write, deny_write
        await RisingEdge(dut.clk_i)
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
            await ClockCycles(dut.clk_i, 100)
            self.ap.write(None)
            return
        await self._commands(scene)
        while int(dut.completed.value) != target:
            await dut.completed.value_change
        await ClockCycles(dut.clk_i, 4)
        self.ap.write(None)

    async def _commands(self, scene: Scene) -> None:
        for command in scene.commands:
            if command.idles:
                self.dut.cmd_valid.value = 0
                await ClockCycles(self.dut.clk_i, command.idles)
            self.dut.cmd.value = payload(command.fields)
            self.dut.cmd_valid.value = 1
            await self.dut.accepted.value_change
        self.dut.cmd_valid.value = 0


class SfuMonitor(uvm_monitor):
    """Publishes ("scene", scene), ("done", read) for every completion, ("end", read) when the scene is over.

    `read(name, index)` gives a word of a memory now.
    """

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.ap = uvm_analysis_port("ap", self)
        self.scenes = Sink("scenes", self, self.on_scene)
        self.flip = ConfigDB().get(self, "", "FLIP")  # negative test: invert a bit of the n-th word that is looked at
        self.looked = 0

    def on_scene(self, scene: Scene | None) -> None:
        """The driver begins or ends a scene."""
        self.ap.write(("end", self.read) if scene is None else ("scene", scene))

    def read(self, name: str, index: int) -> int:
        """A word of `vbuf`, `abuf` or `rbuf`."""
        self.looked += 1
        value = int(getattr(self.dut, name)[index].value)
        return value ^ 1 if self.looked == self.flip else value

    async def run_phase(self) -> None:
        """One event per completion."""
        seen = 0
        while True:
            await self.dut.completed.value_change
            seen += 1
            assert int(self.dut.completed.value) == seen, "a completion was not seen"
            self.ap.write(("done", self.read))


class SfuScoreboard(uvm_component):
    """Model against memories."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.events = Sink("events", self, self.on_event)
        self.ap = uvm_analysis_port("ap", self)
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
        self.image = {"vbuf": scene.vbuf, "abuf": scene.abuf, "rbuf": scene.rbuf}
        self.writes = [sfu.results(c.fields, scene.vbuf, scene.pbuf) for c in scene.commands]
        for c in scene.commands:
            v, r, a = sfu.execute(c.fields, self.image["vbuf"], scene.pbuf, self.image["rbuf"], self.image["abuf"])
            self.image = {"vbuf": v, "abuf": a, "rbuf": r}
        self.written = {k: int(getattr(self.dut, f"{k}_writes").value) for k in self.image}

    def _compare(self, what: str, name: str, index: int, got: int, want: int) -> None:
        self.compared += 1
        if got != want:
            self.errors.append(f"{what}: {name}[{index}] = {got:x}, model {want:x}")

    def on_done(self, read: Any) -> None:
        """All words of the oldest command are there."""
        if self.scene is not None and self.scene.reset_after:
            return
        if self.scene is None or self.next >= len(self.writes):
            self.errors.append("a completion that no command asked for")
            return
        command, writes = self.scene.commands[self.next], self.writes[self.next]
        self.next += 1
        what = f"{command.covers['cp_format']} {command.fields['rows']}x{command.fields['cols']} {command.covers}"
        name = "vbuf" if writes.dst == Buffer.V else "abuf"
        for index, want in zip(writes.addr.tolist(), words(writes.data), strict=True):
            self._compare(what, name, index, read(name, index), want)
        for index, want in zip(writes.row.tolist(), raw_words(writes.scale), strict=True):
            self._compare(what, "rbuf", index, read("rbuf", index), want)
        self.ap.write(command)

    def on_end(self, read: Any) -> None:
        """Everything else is untouched, and nothing was written twice."""
        scene, self.scene = self.scene, None
        if scene.reset_after:
            if int(self.dut.busy.value):
                self.errors.append("busy after a reset")
            return
        if self.next != len(self.writes):
            self.errors.append(f"{len(self.writes) - self.next} commands never completed")
        for name, image in (("vbuf", words(self.image["vbuf"])), ("abuf", words(self.image["abuf"])),
                            ("rbuf", raw_words(self.image["rbuf"]))):
            for index, want in enumerate(image):
                self._compare("end of scene", name, index, read(name, index), want)
        units = {Buffer.V: 0, Buffer.A: 0}
        for w in self.writes:
            units[w.dst] += len(w.addr)
        expected = {"vbuf": units[Buffer.V], "abuf": units[Buffer.A], "rbuf": sum(len(w.row) for w in self.writes)}
        for name, count in expected.items():
            got = int(getattr(self.dut, f"{name}_writes").value) - self.written[name]
            if got != count:
                self.errors.append(f"end of scene: {got} writes to {name}, model {count}")

    def check_phase(self) -> None:
        self.logger.info(f"{self.compared} words compared, {len(self.errors)} errors")
        assert self.compared, "nothing was compared"
        assert not self.errors, f"{len(self.errors)} errors, first: " + "; ".join(self.errors[:4])


class SfuCoverage(uvm_subscriber):
    """Formats crossed with sizes, special rows, back-pressure, places; pairs of neighbouring operations."""

    def build_phase(self) -> None:
        self.coverage = cov = Coverage("sfu")
        cov.point("cp_format", FORMATS, goal=4)
        cov.point("cp_leftover", LEFTOVERS)
        cov.point("cp_groups", GROUPS)
        cov.point("cp_rows", ROWS)
        cov.point("cp_store", STORES)
        cov.point("cp_place", PLACES)
        cov.point("cp_case", CASES)
        cov.point("cp_pressure", PRESSURES)
        cov.point("cp_row_class", ROW_CLASSES)
        for other in ("leftover", "groups", "rows", "pressure", "row_class"):
            cov.cross(f"cp_format_x_{other}", "cp_format", f"cp_{other}")
        not_in_place = [(f, "in_place") for f in FORMATS if f.endswith("_i8") or "_i8_" in f or f.startswith("softmax")]
        cov.cross("cp_format_x_place", "cp_format", "cp_place", ignore=not_in_place)
        int8 = [f for f in FORMATS if f.endswith("_i8") or "_i8_" in f]
        other = [(f, s) for f in FORMATS for s in STORES if (f in int8) == (s == "fp16")]
        cov.cross("cp_format_x_store", "cp_format", "cp_store", ignore=other)
        ops = sorted({op.name for op, _ in FORMATS.values()})
        cov.point("cp_op", ops)
        cov.point("cp_previous_op", ops)
        cov.cross("cp_op_x_previous", "cp_op", "cp_previous_op")
        self.previous: str | None = None

    def write(self, tt: Command) -> None:
        self.coverage.sample_all(**tt.covers)
        for kind in set(tt.row_classes):
            self.coverage.sample_all(cp_format=tt.covers["cp_format"], cp_row_class=kind)
        op = FORMATS[tt.covers["cp_format"]][0].name
        if self.previous is not None and not tt.idles:
            self.coverage.sample_all(cp_op=op, cp_previous_op=self.previous)
        self.previous = op

    def check_phase(self) -> None:
        self.coverage.check()


class SfuAgent(uvm_agent):
    """Sequencer, driver, monitor."""

    def build_phase(self) -> None:
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = SfuDriver("driver", self)
        self.monitor = SfuMonitor("monitor", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
        self.driver.ap.connect(self.monitor.scenes.analysis_export)


class SfuEnv(uvm_env):
    """Agent, scoreboard, and coverage unless the test goes without."""

    def build_phase(self) -> None:
        self.agent = SfuAgent("agent", self)
        self.scoreboard = SfuScoreboard("scoreboard", self)
        self.coverage = SfuCoverage("coverage", self) if ConfigDB().get(self, "", "COVERAGE") else None

    def connect_phase(self) -> None:
        self.agent.monitor.ap.connect(self.scoreboard.events.analysis_export)
        if self.coverage:
            self.scoreboard.ap.connect(self.coverage.analysis_export)


def sequences(rng: np.random.Generator, count: int) -> list[SfuSequence]:
    """Smallest commands back to back; the longest rows; `count` random scenes over all pressures, with and without idles; resets in flight."""
    formats = list(FORMATS)
    out = [SfuSequence("edges", [edge_scene(rng, formats)])] if count > 1 else []
    pressures = list(PRESSURES)
    scenes = [random_scene(rng, pressures[i % 4], formats * 3, idles=(i // 4) % 2 == 1) for i in range(count)]
    resets = []
    for cycles in (1, 5, 30, 60, 130, 300, 700) if count > 1 else ():
        resets.append(random_scene(rng, pressures[cycles % 4], formats, idles=False))
        resets[-1].reset_after = cycles
        resets.append(edge_scene(rng, formats[cycles % 5:][:3]))
    out += [SfuSequence("long", [long_scene(rng, formats, pressure) for pressure in pressures])] if count > 1 else []
    return [*out, SfuSequence("random", scenes), SfuSequence("resets", resets)]
