"""pyuvm environment of fvgm_scheduler.

The driver writes a program into the memory behind the fetch port, sets the registers, starts, and waits for the
interrupt; after an error it resets. The unit agent plays the four units: it takes commands and finishes them in order
after random delays. The monitor reports commands, completions and outcomes; the scoreboard replays them on
models/scheduler.py.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge
from pyuvm import (ConfigDB, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_scoreboard, uvm_sequence,
                   uvm_sequence_item, uvm_sequencer, uvm_subscriber)

from models.config import Config
from models.isa import INSTRUCTION_BYTES, UNIT_OF, Cause, Opcode, Unit
from models.scheduler import Queues, check
from tb.common.coverage import Coverage
from tb.scheduler.stimulus import (CAUSE_OF, FAULTS, MEMORY_BYTES, ORIGIN, UNIT_SPEEDS, WINDOWS, Item, payload_bits,
                                   random_item)

IDLE, BUSY, DONE, ERROR, RESETTING = (1 << bit for bit in range(5))
TIMEOUT = 60_000  # cycles of one program
PAGE_BYTES = 4096
BURST_INSTRUCTIONS = 8  # BurstInstrs of fvgm_scheduler_fetch


def burst_start(item: Item) -> int:
    """First instruction of the fetch burst that holds instruction `item.at`: the memory fails whole bursts."""
    index = 0
    while True:
        in_page = (PAGE_BYTES - (item.base + INSTRUCTION_BYTES * index) % PAGE_BYTES) // INSTRUCTION_BYTES
        count = min(BURST_INSTRUCTIONS, item.length - index, in_page)
        if item.at < index + count:
            return index
        index += count


class ProgramItem(uvm_sequence_item):
    """One program (stimulus.Item) on its way to the driver."""

    def __init__(self, name: str, item: Item) -> None:
        super().__init__(name)
        self.item = item


class ProgramSequence(uvm_sequence):
    """One program of every fault, good ones between them, in random order, `rounds` times."""

    def __init__(self, name: str, rng: np.random.Generator, config: Config, rounds: int,
                 faults: tuple[str, ...] = FAULTS) -> None:
        super().__init__(name)
        self.rng, self.config, self.rounds, self.faults = rng, config, rounds, faults

    def length(self) -> int:
        """Instructions of a program: often very few."""
        return int(self.rng.integers(1, [2, 8, 20, 40][int(self.rng.integers(4))]))

    async def body(self) -> None:
        """Send the items one after another."""
        for _ in range(self.rounds):
            for fault in self.rng.permutation(list(self.faults)):
                for kind in (str(fault), "none"):
                    item = ProgramItem(kind, random_item(self.rng, self.config, kind, self.length()))
                    await self.start_item(item)
                    await self.finish_item(item)


class Board:
    """State that the driver and the unit agent share: the item under way and the commands that each unit holds."""

    def __init__(self) -> None:
        self.item: Item | None = None
        self.held: list[deque[int]] = [deque() for _ in Unit]  # remaining cycles of each command under way
        self.inject: str = ""


class UnitAgent(uvm_component):
    """The four units: ready at random, done in order after a random time; raises dma errors when the item asks for
    it.
    """

    DELAYS = {"instant": (1, 1), "quick": (1, 6), "slow": (20, 60), "uneven": (1, 120)}

    def build_phase(self) -> None:
        self.board: Board = ConfigDB().get(self, "", "BOARD")
        self.rng: np.random.Generator = ConfigDB().get(self, "", "RNG")

    async def run_phase(self) -> None:
        """One step per clock cycle: the inputs for the next one from what is sampled now."""
        dut, board = cocotb.top, self.board
        ready = 0
        while True:
            await RisingEdge(dut.clk_i)
            if not int(dut.core_rst_no.value):
                for queue in board.held:
                    queue.clear()
                ready = 0
                dut.cmd_ready_i.value = dut.done_i.value = dut.load_error_i.value = dut.store_error_i.value = 0
                continue
            valid = int(dut.cmd_valid_o.value)
            speed = board.item.speed if board.item else "quick"
            low, high = self.DELAYS[speed]
            done, failing = 0, board.inject
            for unit, queue in enumerate(board.held):
                if valid & ready & 1 << unit:
                    queue.append(int(self.rng.integers(low, high + 1)))
                if queue:
                    queue[0] -= 1
                    if queue[0] <= 0:
                        if failing == ("read", "write")[unit] if unit < 2 else False:
                            getattr(dut, ("load", "store")[unit] + "_error_i").value = 1
                            board.inject = "raised"
                        elif not (failing == "raised" and unit < 2):
                            queue.popleft()
                            done |= 1 << unit
            ready = sum(1 << u for u in range(4) if len(board.held[u]) < 3
                        and (speed == "instant" or self.rng.random() < 0.6))
            dut.cmd_ready_i.value = ready
            dut.done_i.value = done


class ProgramDriver(uvm_driver):
    """Runs items; publishes ('begin', item), and ('end', outcome) when the core has stopped."""

    def build_phase(self) -> None:
        self.board: Board = ConfigDB().get(self, "", "BOARD")
        self.rng: np.random.Generator = ConfigDB().get(self, "", "RNG")
        self.memory: np.ndarray = ConfigDB().get(self, "", "MEMORY")
        self.port = uvm_analysis_port("port", self)

    async def pulse(self, signal: Any) -> None:
        signal.value = 1
        await RisingEdge(cocotb.top.clk_i)
        signal.value = 0

    async def reset_core(self) -> None:
        """Soft reset, with dma ports that take a while to fall idle."""
        dut = cocotb.top
        dut.load_idle_i.value = 0
        await self.pulse(dut.soft_reset_i)
        for _ in range(int(self.rng.integers(1, 40))):
            await RisingEdge(dut.clk_i)
            assert int(dut.core_rst_no.value), "the core is reset while an AXI port is busy"
        dut.load_idle_i.value = 1
        for _ in range(TIMEOUT):
            await RisingEdge(dut.clk_i)
            await ReadOnly()
            if int(dut.state_o.value) & IDLE:
                break
        else:
            raise AssertionError("soft reset does not end")
        await RisingEdge(dut.clk_i)

    async def run_phase(self) -> None:
        """Wait for items for ever."""
        dut = cocotb.top
        while True:
            request = await self.seq_item_port.get_next_item()
            item = request.item
            raw = np.concatenate(item.program)
            at = item.base // INSTRUCTION_BYTES * INSTRUCTION_BYTES - ORIGIN
            self.memory[:] = self.rng.integers(0, 256, MEMORY_BYTES, dtype=np.uint8)
            self.memory[at:at + raw.size] = raw
            dut.prog_base_i.value, dut.prog_len_i.value, dut.watchdog_i.value = item.base, item.length, item.watchdog
            dut.mem_latency_i.value, dut.mem_jitter_i.value = item.latency, item.jitter
            dut.mem_stall_i.value = item.stall
            dut.mem_error_resp_i.value = int(self.rng.integers(2, 4)) if item.fault == "fetch" else 0
            dut.mem_error_addr_i.value = item.base + INSTRUCTION_BYTES * item.at + int(self.rng.integers(0, 64))
            dut.load_error_addr_i.value, dut.store_error_addr_i.value = ORIGIN + 0x1120, ORIGIN + 0xC120
            self.board.item = item
            self.board.inject = item.fault if item.fault in ("read", "write") else ""
            await RisingEdge(dut.clk_i)
            self.port.write(("begin", item))
            await self.pulse(dut.start_i)
            patience = int(self.rng.integers(5, 600)) if item.fault == "reset" else TIMEOUT
            for _ in range(patience):
                await RisingEdge(dut.clk_i)
                if int(dut.irq_done_o.value) or int(dut.irq_error_o.value):
                    break
            else:
                assert item.fault == "reset", f"{item.fault}: no interrupt within {TIMEOUT} cycles"
            await ReadOnly()
            state = int(dut.state_o.value)
            outcome = {"state": state, "cause": int(dut.cause_o.value), "unit": int(dut.cause_unit_o.value),
                       "opcode": int(dut.cause_opcode_o.value), "index": int(dut.cause_index_o.value),
                       "addr": int(dut.cause_addr_o.value), "cycles": int(dut.cycles_o.value),
                       "instructions": [int(dut.instructions_o.value) >> 32 * u & 0xFFFFFFFF for u in range(4)]}
            await RisingEdge(dut.clk_i)
            self.port.write(("end", outcome))
            if not state & IDLE:
                await self.reset_core()
            self.seq_item_port.item_done()


class CommandMonitor(uvm_component):
    """Publishes ('command', unit, payload, tag) and ('done', unit), commands of a cycle first."""

    def build_phase(self) -> None:
        self.port = uvm_analysis_port("port", self)
        self.corrupt = int(os.environ.get("FVGM_CORRUPT", "0"))

    async def run_phase(self) -> None:
        """Sample every cycle."""
        dut, seen = cocotb.top, 0
        while True:
            await RisingEdge(dut.clk_i)
            if not int(dut.core_rst_no.value):
                continue
            done = int(dut.done_i.value)
            taken = int(dut.cmd_valid_o.value) & int(dut.cmd_ready_i.value)
            for unit in range(4) if taken else ():
                if taken >> unit & 1:
                    payload = int(dut.cmd_o.value) >> 384 * unit & ((1 << 384) - 1)
                    seen += 1
                    if seen == self.corrupt:
                        payload ^= 1 << 40
                    self.port.write(("command", unit, payload, int(dut.cmd_tag_o.value) >> 16 * unit & 0xFFFF))
            for unit in range(4) if done else ():
                if done >> unit & 1:
                    self.port.write(("done", unit))


class SchedulerScoreboard(uvm_scoreboard):
    """Replays events on the model: order and payload of commands, waits at their start, outcome at the end."""

    def build_phase(self) -> None:
        self.config: Config = ConfigDB().get(self, "", "CONFIG")
        self.item: Item | None = None
        self.programs = self.commands = 0

    def write(self, event: tuple) -> None:
        """One event, in time order."""
        getattr(self, f"on_{event[0]}")(*event[1:])

    def on_begin(self, item: Item) -> None:
        self.item = item
        self.runnable = self.before_error(item)
        self.queues = Queues(item.fields[:self.runnable], self.config.queue_depth)
        self.under_way: list[deque[int]] = [deque() for _ in Unit]
        self.accepted: set[int] = set()
        self.completed: list[int] = []

    def before_error(self, item: Item) -> int:
        """Instructions in front of END and of the first one that the model refuses."""
        for index, fields in enumerate(item.fields):
            if fields["opcode"] == Opcode.END or check(fields, self.config, WINDOWS) != Cause.NONE:
                return index
        return len(item.fields)

    def on_command(self, unit: int, payload: int, tag: int) -> None:
        queue = self.queues.queue[Unit(unit)]
        assert queue, f"unit {Unit(unit).name} got a command that the program does not have"
        index = queue[0]
        fields = self.item.fields[index]
        assert payload == payload_bits(self.item.program[index]) and tag == fields["tag"], \
            f"instruction {index}: unit {Unit(unit).name} got another payload or tag"
        assert self.queues.semaphores.ready(fields), f"instruction {index} started before its waits held"
        self.queues.start(Unit(unit))
        self.under_way[unit].append(index)
        self.accepted.add(index)
        self.commands += 1

    def on_done(self, unit: int) -> None:
        index = self.under_way[unit].popleft()
        self.queues.complete(index)
        self.completed.append(index)

    def on_end(self, outcome: dict[str, Any]) -> None:
        item, fault = self.item, self.item.fault
        self.programs += 1
        assert len(self.completed) == len(set(self.completed))
        if fault == "none" or (fault == "reset" and outcome["state"] & DONE):
            assert outcome["state"] == IDLE | DONE and outcome["cause"] == 0, outcome
            assert len(self.completed) == self.runnable, f"{len(self.completed)} of {self.runnable} completed"
            counts = [sum(UNIT_OF[Opcode(f["opcode"])] == u for f in item.fields[:self.runnable]) for u in Unit]
            assert outcome["instructions"] == counts, (outcome["instructions"], counts)
            return
        if fault == "reset":
            return
        assert outcome["state"] == ERROR and outcome["cause"] == CAUSE_OF[fault], f"{fault}: {outcome}"
        expected = self.expected_error()
        for name, value in expected.items():
            assert outcome[name] == value, f"{fault}: {name} is {outcome[name]}, expected {value}; {outcome}"

    def expected_error(self) -> dict[str, int]:
        """CAUSE registers of the present item as far as the program decides them."""
        item, fault = self.item, self.item.fault
        if fault in ("base", "empty"):
            return {"unit": 4, "index": 0, "opcode": 0, "addr": item.base}
        if fault in ("no_end", "fetch"):
            index = item.at if fault == "no_end" else burst_start(item)
            return {"unit": 4, "index": index, "opcode": 0, "addr": item.base + INSTRUCTION_BYTES * index}
        if fault in ("read", "write"):
            unit = Unit.LOAD if fault == "read" else Unit.STORE
            address = ORIGIN + (0x1120 if fault == "read" else 0xC120)
            return {"unit": unit, "opcode": 2 + unit, "index": self.under_way[unit][0], "addr": address}
        if fault == "deadlock":
            heads = {unit: queue[0] for unit, queue in self.queues.queue.items() if queue}
            assert not any(self.under_way), "the watchdog fired although a unit works"
            assert not self.queues.startable(), "the watchdog fired although something could start"
            return {"unit": min(heads), "index": heads[min(heads)], "opcode": 2 + min(heads), "addr": 0}
        fields = item.fields[item.at]
        unit = UNIT_OF.get(fields["opcode"], 4)
        address = fields.get("hbm_addr", 0) if fault in ("misaligned", "window_range") else 0
        return {"unit": int(unit), "index": item.at, "opcode": fields["opcode"], "addr": address}


class SchedulerCoverage(uvm_subscriber):
    """Coverage: faults, unit speeds, memory behaviour, waits, queue pressure."""

    def build_phase(self) -> None:
        super().build_phase()
        self.coverage = Coverage("scheduler", os.environ.get("FVGM_RUN", "run"))
        cover = self.coverage
        cover.point("cp_fault", FAULTS)
        cover.point("cp_speed", UNIT_SPEEDS)
        cover.point("cp_latency", [1, 8, 60])
        cover.point("cp_length", ["one", "few", "burst", "many"])
        cover.point("cp_waits", [0, 1, 2, 3])
        cover.point("cp_signal", ["none", "some"])
        cover.point("cp_wait_negative", [True, False])
        cover.point("cp_unit", [u.name for u in Unit], goal=20)
        cover.point("cp_in_flight", [1, 2, 3], goal=5)
        cover.cross("cp_fault_x_speed", "cp_fault", "cp_speed",
                    ignore=[(f, s) for f in FAULTS if f != "none" for s in UNIT_SPEEDS])
        self.in_flight = [0] * 4

    def write(self, event: tuple) -> None:
        """Count one event."""
        cover = self.coverage
        if event[0] == "begin":
            item = event[1]
            cover.sample_all(cp_fault=item.fault, cp_speed=item.speed)
            cover.sample("cp_latency", item.latency)
            count = len(item.program) - 1
            cover.sample("cp_length", "one" if count <= 1 else "few" if count < 8 else "burst" if count < 20
                         else "many")
            self.in_flight = [0] * 4
            for f in item.fields:
                cover.sample("cp_waits", sum(f[f"wait{w}_sem"] != 0 for w in range(3)))
                cover.sample("cp_signal", "some" if f["signal"] else "none")
                cover.sample("cp_wait_negative", any(f[f"wait{w}_val"] > 0x7FFF for w in range(3)))
        elif event[0] == "command":
            cover.sample("cp_unit", Unit(event[1]).name)
            self.in_flight[event[1]] += 1
            cover.sample("cp_in_flight", min(3, self.in_flight[event[1]]))
        elif event[0] == "done":
            self.in_flight[event[1]] -= 1


class SchedulerEnv(uvm_env):
    """Agents, scoreboard, coverage."""

    def build_phase(self) -> None:
        ConfigDB().set(None, "*", "BOARD", Board())
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = ProgramDriver("driver", self)
        self.units = UnitAgent("units", self)
        self.monitor = CommandMonitor("monitor", self)
        self.scoreboard = SchedulerScoreboard("scoreboard", self)
        self.coverage = SchedulerCoverage("coverage", self)
        self.link = EventLink("link", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
        for source in (self.driver.port, self.monitor.port):
            source.connect(self.link.analysis_export)
        self.link.targets = [self.scoreboard, self.coverage]


class EventLink(uvm_subscriber):
    """Hands every event to the scoreboard and the coverage, in order."""

    def write(self, event: tuple) -> None:
        for target in self.targets:
            target.write(event)
