"""What the environments of su, sfu and ru share: units that take commands and work on memories.

An item is a *scene*: memory images, the pressure on the memories' ports, and the commands that run on them (`pressure`, `commands`,
`reset_after` of a stimulus' `Scene`; `fields`, `idles` of its `Command`). The driver loads the images, sends the commands (held until accepted, with or
without idle cycles between) and waits for all completions, or ends the scene by a reset. The monitor publishes an event for each
completion and one at the end of the scene; the scoreboard holds both against the model. The test benches count acceptances and completions
(`accepted`, `completed`).
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles
from pyuvm import (
    ConfigDB, uvm_agent, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_monitor, uvm_sequence_item, uvm_sequencer,
)

from models.isa import HEADER_BITS, Opcode, encode
from tb.common.limited import LimitedSequence
from tb.common.sink import Sink

QUIET = 100  # cycles behind a reset in which nothing must move


def payload(opcode: Opcode, fields: dict[str, int]) -> int:
    """An instruction without its header, as the units take it."""
    return int.from_bytes(encode(opcode, **fields).tobytes(), "little") >> HEADER_BITS


def words(data: np.ndarray) -> list[int]:
    """Rows of a uint8[n, bytes] array as integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in data]


class SceneItem(uvm_sequence_item):
    """One scene."""

    def __init__(self, name: str, scene: Any) -> None:
        super().__init__(name)
        self.scene = scene


class SceneSequence(LimitedSequence):
    """The given scenes, one after the other."""

    def __init__(self, name: str, scenes: list[Any]) -> None:
        super().__init__(name)
        self.scenes = scenes

    async def body(self) -> None:
        """Send every scene."""
        for scene in self.scenes:
            item = SceneItem("scene", scene)
            await self.start_item(item)
            await self.finish_item(item)


class SceneDriver(uvm_driver):
    """Loads memories, drives commands of `opcode`; publishes a scene when it begins, None when it is over."""

    opcode: Opcode

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.ap = uvm_analysis_port("ap", self)

    def load(self, scene: Any) -> None:
        """Memories, and what denies their ports."""
        raise NotImplementedError

    async def run_phase(self) -> None:
        """Reset, then one scene after the other."""
        await ClockCycles(self.dut.clk_i, 4)
        self.dut.rst_ni.value = 1
        while True:
            item = await self.seq_item_port.get_next_item()
            await self._scene(item.scene)
            self.seq_item_port.item_done()

    async def _scene(self, scene: Any) -> None:
        dut = self.dut
        self.load(scene)
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
            await ClockCycles(dut.clk_i, QUIET)
        else:
            await self._commands(scene)
            while int(dut.completed.value) != target:
                await dut.completed.value_change
            await ClockCycles(dut.clk_i, 4)
        self.ap.write(None)
        await ClockCycles(dut.clk_i, 1)

    async def _commands(self, scene: Any) -> None:
        for command in scene.commands:
            if command.idles:
                self.dut.cmd_valid.value = 0
                await ClockCycles(self.dut.clk_i, command.idles)
            self.dut.cmd.value = payload(self.opcode, command.fields)
            self.dut.cmd_valid.value = 1
            await self.dut.accepted.value_change
        self.dut.cmd_valid.value = 0


class SceneMonitor(uvm_monitor):
    """Publishes ("scene", scene), ("done", seen) for every completion, ("end", seen) when the scene is over. Here `seen` is a function: a
    word of a memory now, by its name and index."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.ap = uvm_analysis_port("ap", self)
        self.scenes = Sink("scenes", self, self.on_scene)
        self.flip = ConfigDB().get(self, "", "FLIP")  # negative test: invert a bit of the n-th word that is looked at
        self.looked = 0

    def seen(self) -> Any:
        """What the scoreboard compares now."""
        return self.read

    def read(self, name: str, index: int) -> int:
        """A word of a memory."""
        return self.look(int(getattr(self.dut, name)[index].value))

    def look(self, word: int) -> int:
        """A word, with a bit inverted if it is the one of the negative test."""
        self.looked += 1
        return word ^ 1 if self.looked == self.flip else word

    def on_scene(self, scene: Any) -> None:
        """The driver begins or ends a scene."""
        self.ap.write(("end", self.seen()) if scene is None else ("scene", scene))

    async def run_phase(self) -> None:
        """One event per completion."""
        done = 0
        while True:
            await self.dut.completed.value_change
            done += 1
            assert int(self.dut.completed.value) == done, "a completion was not seen"
            self.ap.write(("done", self.seen()))


class SceneScoreboard(uvm_component):
    """Counts completions, and collects what the hooks find; publishes what they give `ap`."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.events = Sink("events", self, self.on_event)
        self.ap = uvm_analysis_port("ap", self)
        self.errors: list[str] = []
        self.compared = 0
        self.scene: Any = None

    def begin(self, scene: Any) -> None:
        """A scene begins."""
        raise NotImplementedError

    def done(self, number: int, seen: Any) -> None:
        """A command of the scene is done."""
        raise NotImplementedError

    def end(self, seen: Any) -> None:
        """All commands of the scene are done."""

    def compare(self, what: str, got: int, want: int) -> None:
        """One word."""
        self.compared += 1
        if got != want:
            self.errors.append(f"{what} = {got:x}, model {want:x}")

    def on_event(self, event: tuple[str, Any]) -> None:
        """Dispatch by kind."""
        getattr(self, f"on_{event[0]}")(event[1])

    def on_scene(self, scene: Any) -> None:
        """Begin with the first command."""
        self.scene, self.next = scene, 0
        self.begin(scene)

    def on_done(self, seen: Any) -> None:
        """The oldest command is done."""
        if self.scene is None or self.next >= len(self.scene.commands):
            self.errors.append("a completion that no command asked for")
            return
        self.next += 1
        self.done(self.next - 1, seen)

    def on_end(self, seen: Any) -> None:
        """Nothing is left behind; what a reset ended has no end to compare."""
        if int(self.dut.busy.value):
            self.errors.append("busy after a reset or the last completion")
        if not self.scene.reset_after:
            if self.next != len(self.scene.commands):
                self.errors.append(f"{len(self.scene.commands) - self.next} commands never completed")
            self.end(seen)
        self.scene = None

    def check_phase(self) -> None:
        self.logger.info(f"{self.compared} words compared, {len(self.errors)} errors")
        assert self.compared, "nothing was compared"
        assert not self.errors, f"{len(self.errors)} errors, first: " + "; ".join(self.errors[:4])


class SceneEnv(uvm_env):
    """Sequencer, `driver`, `monitor`, `scoreboard`, and `coverage` unless the test goes without."""

    parts: tuple[type[SceneDriver], type[SceneMonitor], type[SceneScoreboard], type[uvm_component]]

    def build_phase(self) -> None:
        driver, monitor, scoreboard, coverage = self.parts
        self.agent = SceneAgent("agent", self)
        self.agent.parts = driver, monitor
        self.scoreboard = scoreboard("scoreboard", self)
        self.coverage = coverage("coverage", self) if ConfigDB().get(self, "", "COVERAGE") else None

    def connect_phase(self) -> None:
        self.agent.monitor.ap.connect(self.scoreboard.events.analysis_export)
        if self.coverage:
            self.scoreboard.ap.connect(self.coverage.analysis_export)


class SceneAgent(uvm_agent):
    """Sequencer, driver, monitor."""

    parts: tuple[type[SceneDriver], type[SceneMonitor]]

    def build_phase(self) -> None:
        driver, monitor = self.parts
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver, self.monitor = driver("driver", self), monitor("monitor", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
        self.driver.ap.connect(self.monitor.scenes.analysis_export)
