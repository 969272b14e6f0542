"""pyuvm environment of fvgm_scheduler.

The driver writes a program into the memory behind the fetch port, sets the registers, starts, and waits for the
interrupt; after an error it resets. The unit agent plays the six units: it takes commands and finishes them in order
after random delays; its SU writes the item's counts at random times in front of its completion. The monitor reports
commands, skipped instructions, counts, completions and outcomes; the scoreboard replays them on models/scheduler.py.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge
from pyuvm import (ConfigDB, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_sequence, uvm_sequence_item,
                   uvm_sequencer, uvm_subscriber)

from models.config import Config
from models.isa import INSTRUCTION_BYTES, MAX_LIST_ROWS, Opcode, Unit
from tb.scheduler.corners import CORNERS, ORIGIN
from tb.scheduler.scheduler_coverage import SchedulerCoverage
from tb.scheduler.scheduler_scoreboard import IDLE, SchedulerScoreboard
from tb.scheduler.stimulus import FAULTS, MEMORY_BYTES, Item, Write, corner_item, random_item

TIMEOUT = 60_000  # cycles of one program


class ProgramItem(uvm_sequence_item):
    """One program (stimulus.Item) on its way to the driver."""

    def __init__(self, name: str, item: Item) -> None:
        super().__init__(name)
        self.item = item


class ProgramSequence(uvm_sequence):
    """One program of every fault, good ones between them, in random order, `rounds` times; then one of every corner."""

    def __init__(self, name: str, rng: np.random.Generator, config: Config, rounds: int,
                 faults: tuple[str, ...] = FAULTS) -> None:
        super().__init__(name)
        self.rng, self.config, self.rounds, self.faults = rng, config, rounds, faults

    def length(self) -> int:
        """Instructions of a program: often very few."""
        return int(self.rng.integers(1, [2, 8, 20, 40][int(self.rng.integers(4))]))

    async def send(self, item: Item) -> None:
        """Have the driver run one program."""
        request = ProgramItem(item.corner or item.fault, item)
        await self.start_item(request)
        await self.finish_item(request)

    async def body(self) -> None:
        """Send the items one after another."""
        for _ in range(self.rounds):
            for fault in self.rng.permutation(list(self.faults)):
                for kind in (str(fault), "none"):
                    await self.send(random_item(self.rng, self.config, kind, self.length()))
        for name in CORNERS if self.rounds else ():
            await self.send(corner_item(self.rng, self.config, name))


class Board:
    """State that the driver and the unit agent share: the item under way and the commands that each unit holds."""

    def __init__(self) -> None:
        self.item: Item | None = None
        self.held: list[deque[int]] = [deque() for _ in Unit]  # remaining cycles of each command under way
        self.inject: str = ""
        self.plans: dict[int, deque[list[Write]]] = {}  # by context: of the SUs that have not started yet
        self.writing: deque[list[Write]] = deque()  # what those that have started still write

    def begin(self, item: Item) -> None:
        """A program starts."""
        self.item = item
        self.inject = item.fault if item.fault in ("read", "write") else ""
        self.plan(0, item)

    def plan(self, context: int, item: Item) -> None:
        """The program of `item` starts in a context."""
        self.plans[context] = deque(list(item.writes.get(i, [(0, 0, True)])) for i, f in enumerate(item.fields)
                                    if f["opcode"] == Opcode.SU)


class UnitAgent(uvm_component):
    """The six units: ready at random, done in order after a random time; the SU writes counts before; raises dma errors
    when the item asks for it.
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
                board.writing.clear()
                ready = 0
                dut.cmd_ready_i.value = dut.done_i.value = dut.load_error_i.value = dut.store_error_i.value = 0
                dut.su_count_valid_i.value = dut.su_kept_valid_i.value = 0
                continue
            valid = int(dut.cmd_valid_o.value)
            speed = board.item.speed if board.item else "quick"
            low, high = self.DELAYS[speed]
            done, failing = 0, board.inject
            for unit, queue in enumerate(board.held):
                if valid & ready & 1 << unit:
                    queue.append(int(self.rng.integers(low, high + 1)))
                    if unit == Unit.SU:
                        context = int(dut.trace_context_o.value) >> 3 * unit & 7
                        board.writing.append(board.plans[context].popleft())
                if unit == Unit.SU:
                    self.write_counts(queue)
                if queue:
                    queue[0] -= 1
                    if queue[0] <= 0:
                        if unit == Unit.SU and board.writing[0]:
                            continue
                        if failing == ("read", "write")[unit] if unit < 2 else False:
                            getattr(dut, ("load", "store")[unit] + "_error_i").value = 1
                            board.inject = "raised"
                        elif not (failing == "raised" and unit < 2):
                            queue.popleft()
                            done |= 1 << unit
                            if unit == Unit.SU:
                                board.writing.popleft()
            depth = board.item.depth if board.item else 3
            ready = sum(1 << u for u in Unit if len(board.held[u]) < depth
                        and (speed == "instant" or self.rng.random() < 0.6))
            dut.cmd_ready_i.value = ready
            dut.done_i.value = done

    def write_counts(self, queue: deque[int]) -> None:
        """The oldest SU under way writes one of its counts now, or later; the last ones right in front of its end."""
        dut, writing = cocotb.top, self.board.writing
        now = bool(queue and writing[0]) and (queue[0] <= len(writing[0]) or self.rng.random() < 0.1)
        register, value, kept = writing[0].pop(0) if now else (int(self.rng.integers(16)), int(self.rng.integers(1025)),
                                                              False)
        dut.su_count_valid_i.value, dut.su_kept_valid_i.value = int(now), int(now and kept)
        dut.su_count_id_i.value, dut.su_count_value_i.value = register, value


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
        """Soft reset."""
        dut = cocotb.top
        await self.pulse(dut.soft_reset_i)
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
            self.board.begin(item)
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
                       "stall_on": int(dut.stall_on_o.value), "su_rows": int(dut.su_rows_o.value), "su_kept": int(dut.su_kept_o.value),
                       "instructions": [int(dut.instructions_o.value) >> 32 * u & 0xFFFFFFFF for u in Unit]}
            await RisingEdge(dut.clk_i)
            self.port.write(("end", outcome))
            if not state & IDLE:
                await self.reset_core()
            self.seq_item_port.item_done()


class CommandMonitor(uvm_component):
    """Publishes the events of a cycle in this order: ('command', unit, payload, tag), ('skip', unit, tag), ('count',
    register, number, of kept rows, with done_i), ('done', unit, tag, whether the instruction was skipped).
    """

    def build_phase(self) -> None:
        self.port = uvm_analysis_port("port", self)
        self.corrupt = int(os.environ.get("FVGM_CORRUPT", "0"))
        self.corrupt_counts = int(os.environ.get("FVGM_CORRUPT_COUNTS", "0"))

    async def run_phase(self) -> None:
        """Sample every cycle."""
        dut, seen = cocotb.top, 0
        while True:
            await RisingEdge(dut.clk_i)
            if not int(dut.core_rst_no.value):
                continue
            taken = int(dut.cmd_valid_o.value) & int(dut.cmd_ready_i.value)
            started, completed = int(dut.trace_start_o.value), int(dut.trace_done_o.value)
            if started | completed:
                tags, done_tags = int(dut.cmd_tag_o.value), int(dut.done_tag_o.value)
                skipped = int(dut.trace_skipped_o.value)
                assert not taken & ~started and not skipped & ~completed, "the trace lacks an instruction"
            for unit in Unit if started else ():
                tag = tags >> 16 * unit & 0xFFFF if started >> unit & 1 else 0
                if taken >> unit & 1:
                    payload = int(dut.cmd_o.value) >> 384 * unit & ((1 << 384) - 1)
                    seen += 1
                    if seen == self.corrupt:
                        payload ^= 1 << 40
                    self.port.write(("command", unit, payload, tag))
                elif started >> unit & 1:
                    self.port.write(("skip", unit, tag))
            if int(dut.su_count_valid_i.value):
                value, kept = int(dut.su_count_value_i.value), bool(int(dut.su_kept_valid_i.value))
                if not kept and value < MAX_LIST_ROWS:
                    value ^= self.corrupt_counts
                self.port.write(("count", int(dut.su_count_id_i.value), value, kept, bool(completed >> Unit.SU & 1)))
            for unit in Unit if completed else ():
                if completed >> unit & 1:
                    self.port.write(("done", unit, done_tags >> 16 * unit & 0xFFFF, bool(skipped >> unit & 1)))


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
