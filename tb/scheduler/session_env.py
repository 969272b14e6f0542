"""pyuvm environment of fvgm_scheduler in a session of the task queue: several tasks at a time.

An item is a session: tasks with random programs (tb/scheduler/stimulus.py), priorities and slices. The driver plays the task
queue; the unit agent of scheduler_env.py plays the units. The scoreboard replays every task on models/scheduler.py: order
and payload (moved by models/slices.py) within its context, waits, counts, skips; which context a task gets; when it is over;
that no instruction passed one of a better task (`PATIENCE`); the sums of the counters.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb.utils import get_sim_time
from pyuvm import (ConfigDB, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_sequence, uvm_sequence_item,
                   uvm_sequencer, uvm_subscriber)

from models.config import Config
from models.isa import INSTRUCTION_BYTES, PAYLOAD, SLICED, UNIT_OF, Cause, Opcode, SliceBuffer, Unit, encode
from models.scheduler import Counts, Queues, resolve
from models.scheduler_check import check
from models.slices import Slices, buffer_sizes, relocate, sliced
from tb.common.coverage import Coverage
from tb.scheduler.corners import ORIGIN, WINDOWS, change
from tb.scheduler.scheduler_env import TIMEOUT, Board, UnitAgent
from tb.scheduler.scheduler_scoreboard import ERROR, IDLE
from tb.scheduler.stimulus import CAUSE_OF, CHECKED, FLOODED, MEMORY_BYTES, Item, flood, legal_instruction, random_item

PATIENCE = 20  # cycles after which a ready head must have been seen by the unit's queues
SLOT_BYTES = 0x600  # a task's program in memory


@dataclass
class Task:
    """A task: its program and what the task queue says about it."""

    item: Item
    priority: int
    seq: int
    base: int = 0


@dataclass
class Session:
    """Tasks in the order in which they are offered. `fault`: cause of the error in task `bad`; `corner`: buffer and opcode of a
    check at the end of a slice."""

    tasks: list[Task]
    slices: Slices
    speed: str
    latency: int
    stall: int
    fault: str = "none"
    bad: int = -1
    corner: str = ""


def random_slices(rng: np.random.Generator, config: Config) -> Slices:
    """Slices of most of each buffer."""
    base, size = [], []
    for words in buffer_sizes(config):
        first = int(rng.integers(0, words // 4))
        base.append(first)
        size.append((words - first) // config.contexts)
    return Slices(tuple(base), tuple(size))


def into_slices(rng: np.random.Generator, config: Config, slices: Slices, item: Item, bad: int = -1) -> Item:
    """The program with random `slice` bits under which every instruction, but the one that is bad, still passes its checks."""
    program = []
    for index, (raw, fields) in enumerate(zip(item.program, item.fields)):
        bits = 0
        if fields["opcode"] in set(Opcode) and index != bad:
            bits = int(rng.integers(64))
            while bits and check({**fields, "slice": bits}, config, WINDOWS, slices) != Cause.NONE:
                bits &= int(rng.integers(64))
        program.append(change(raw, slice=bits) if bits else raw)
    return replace(item, program=program, fields=[])


def limit_of(fields: dict[str, int], config: Config, buffer: SliceBuffer) -> int:
    """Words of a slice of `buffer` that an instruction needs; 0 if it needs none."""
    def fits(size: int) -> bool:
        sizes = tuple(size if b == buffer else 0 for b in SliceBuffer)
        return check({**fields, "slice": 1 << buffer}, config, WINDOWS, Slices((0,) * 6, sizes)) == Cause.NONE
    low, high = 0, buffer_sizes(config)[buffer]
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low


def corner_sessions(rng: np.random.Generator, config: Config) -> list[Session]:
    """For each opcode and buffer: an instruction that just fits the slice, and the same one in a slice that is a word smaller."""
    out = []
    for opcode, buffer in [(o, b) for o in SLICED for b in SliceBuffer]:
        for _ in range(1000):
            raw = legal_instruction(rng, config, opcode) if opcode != Opcode.END else None
            need = 0 if raw is None else limit_of(Item([raw]).fields[0], config, buffer)
            if 1 < need <= buffer_sizes(config)[buffer] // config.contexts:
                break
        else:
            continue
        end = random_item(rng, config, "none", 1).program[-1]
        item = Item([change(raw, slice=1 << buffer), end])
        for fault, size in (("none", need), ("buffer_range", need - 1)):
            slices = Slices((0,) * 6, tuple(size if b == buffer else 0 for b in SliceBuffer))
            tasks = [Task(replace(item, fields=[], fault=fault, at=0), 1, 0)]
            out.append(Session(tasks, slices, "instant", 1, 0, fault, 0 if fault != "none" else -1, f"{opcode.name} {buffer.name}"))
    return out


def random_session(rng: np.random.Generator, config: Config, fault: str) -> Session:
    """Some tasks, one of them with a fault that its check finds, or none."""
    slices = random_slices(rng, config)
    count = int(rng.integers(1, 12))
    bad = int(rng.integers(count)) if fault != "none" else -1
    tasks = []
    for number in range(count):
        item = random_item(rng, config, fault if number == bad else "none", int(rng.integers(1, 18)))
        item = into_slices(rng, config, slices, item, item.at if number == bad else -1)
        tasks.append(Task(item, int(rng.choice([0, 3, 3, 200, 255])), number + int(rng.integers(1000)) * 16))
    return Session(tasks, slices, str(rng.choice(["instant", "quick", "slow", "uneven"])), int(rng.choice([1, 8, 60])),
                   int(rng.choice([0, 0, 60])), fault, bad)


def crowded_session(rng: np.random.Generator, config: Config) -> Session:
    """All tasks want one slow unit, and nothing else keeps them from it: their order alone says who gets it."""
    slices, opcode, tasks = random_slices(rng, config), Opcode(int(rng.choice(FLOODED))), []
    for number in range(2 * config.contexts):
        program = [*flood(rng, config, int(rng.integers(6, 16)), opcode).program, encode(Opcode.END)]
        item = into_slices(rng, config, slices, Item(program, depth=1))
        tasks.append(Task(item, int(rng.choice([0, 3, 3, 255])), number))
    return Session(tasks, slices, "slow", 1, 0)


class SessionItem(uvm_sequence_item):
    """One session on its way to the driver."""

    def __init__(self, session: Session) -> None:
        super().__init__("session")
        self.session = session


class SessionSequence(uvm_sequence):
    """`rounds` times a crowded session, random ones of each fault with good ones between; then the corners of the slices."""

    def __init__(self, rng: np.random.Generator, config: Config, rounds: int) -> None:
        super().__init__("sessions")
        self.rng, self.config, self.rounds = rng, config, rounds

    async def body(self) -> None:
        for _ in range(self.rounds):
            await self.send(crowded_session(self.rng, self.config))
            for fault in self.rng.permutation(sorted(CHECKED)):
                for kind in ("none", str(fault)):
                    await self.send(random_session(self.rng, self.config, kind))
        for session in corner_sessions(self.rng, self.config) if self.rounds else ():
            await self.send(session)

    async def send(self, session: Session) -> None:
        """Have the driver run one session."""
        request = SessionItem(session)
        await self.start_item(request)
        await self.finish_item(request)


class SessionDriver(uvm_driver):
    """Plays the task queue; publishes ('begin', session), ('end', outcome)."""

    def build_phase(self) -> None:
        self.board: Board = ConfigDB().get(self, "", "BOARD")
        self.rng: np.random.Generator = ConfigDB().get(self, "", "RNG")
        self.memory: np.ndarray = ConfigDB().get(self, "", "MEMORY")
        self.port = uvm_analysis_port("port", self)

    def place(self, session: Session) -> None:
        """Programs into memory, each in a slot of its own."""
        self.memory[:] = self.rng.integers(0, 256, MEMORY_BYTES, dtype=np.uint8)
        slots = self.rng.permutation(0xC000 // SLOT_BYTES)
        for task, slot in zip(session.tasks, slots):
            raw = np.concatenate(task.item.program)
            offset = int(slot) * SLOT_BYTES + INSTRUCTION_BYTES * int(self.rng.integers(0, (SLOT_BYTES - raw.size) // 64 + 1))
            task.base = ORIGIN + offset
            self.memory[offset:offset + raw.size] = raw

    async def run_phase(self) -> None:
        dut = cocotb.top
        while True:
            session = (await self.seq_item_port.get_next_item()).session
            self.place(session)
            dut.mem_latency_i.value, dut.mem_jitter_i.value, dut.mem_stall_i.value = session.latency, 0, session.stall
            dut.mem_error_resp_i.value, dut.watchdog_i.value = 0, 0
            packed = 0
            for buffer in SliceBuffer:
                packed |= session.slices.size[buffer] << 20 * buffer | session.slices.base[buffer] << 120 + 20 * buffer
            dut.slices_i.value = packed
            self.board.item = session.tasks[0].item
            self.board.item.speed = session.speed
            await RisingEdge(dut.clk_i)
            assert int(dut.session_ready_o.value), "the core is not ready for a session"
            dut.session_i.value = 1
            self.port.write(("begin", session))
            for _ in range(12):
                await RisingEdge(dut.clk_i)
            await self.offer(session)
            dut.session_i.value = int(self.rng.integers(3) > 0)  # a core ends what it has when the session ends early
            await self.finish(session)
            self.seq_item_port.item_done()

    async def offer(self, session: Session) -> None:
        """All tasks, each after a random pause, as long as the core has no error."""
        dut = cocotb.top
        for task in session.tasks:
            for _ in range(int(self.rng.choice([0, 0, 3, 40, 300]))):
                await RisingEdge(dut.clk_i)
            dut.task_i.value = (task.base | task.item.length << 40 | task.priority << 56 | int(self.rng.integers(1 << 16)) << 64
                                | task.seq << 80)
            dut.task_valid_i.value = 1
            for _ in range(TIMEOUT):
                await RisingEdge(dut.clk_i)
                if int(dut.task_ready_o.value):
                    context = int(dut.task_context_o.value)
                    self.board.plan(context, task.item)
                    self.port.write(("task", context, task))
                    break
                if int(dut.core_error_o.value):
                    break
            else:
                raise AssertionError("a task is never taken")
            dut.task_valid_i.value = 0
            if int(dut.core_error_o.value):
                return

    async def finish(self, session: Session) -> None:
        """Until all tasks are over or the core has stopped; then the end of the session."""
        dut = cocotb.top
        for _ in range(TIMEOUT):
            await RisingEdge(dut.clk_i)
            await ReadOnly()
            if int(dut.core_error_o.value) or not int(dut.active_o.value):
                break
        else:
            raise AssertionError("the tasks do not end")
        await RisingEdge(dut.clk_i)
        dut.session_i.value = 0
        for _ in range(6):
            await RisingEdge(dut.clk_i)
        units = [int(dut.unit_cycles_o.value) >> 64 * u & (1 << 64) - 1 for u in Unit]
        self.port.write(("end", {
            "state": int(dut.state_o.value), "cause": int(dut.cause_o.value), "unit": int(dut.cause_unit_o.value),
            "index": int(dut.cause_index_o.value), "task": int(dut.cause_task_o.value), "cycles": int(dut.cycles_o.value),
            "units": units}))
        if not int(dut.state_o.value) & IDLE:
            dut.soft_reset_i.value = 1
            await RisingEdge(dut.clk_i)
            dut.soft_reset_i.value = 0
            for _ in range(TIMEOUT):
                await RisingEdge(dut.clk_i)
                if int(dut.state_o.value) & IDLE:
                    break
            else:
                raise AssertionError("soft reset does not end")


class SessionMonitor(uvm_component):
    """Publishes by cycle: ('command', unit, context, payload, tag), ('skip', unit, context, tag), ('count', register, number,
    kept), ('done', unit, context, tag), ('push', unit, context), ('over', context), ('cycle',)."""

    def build_phase(self) -> None:
        self.port = uvm_analysis_port("port", self)

    async def run_phase(self) -> None:
        dut = cocotb.top
        while True:
            await RisingEdge(dut.clk_i)
            if not int(dut.core_rst_no.value):
                continue
            self.port.write(("cycle",))
            taken = int(dut.cmd_valid_o.value) & int(dut.cmd_ready_i.value)
            started, completed = int(dut.trace_start_o.value), int(dut.trace_done_o.value)
            for unit in Unit if started else ():
                if not started >> unit & 1:
                    continue
                tag, context = int(dut.cmd_tag_o.value) >> 16 * unit & 0xFFFF, int(dut.trace_context_o.value) >> 3 * unit & 7
                if taken >> unit & 1:
                    self.port.write(("command", unit, context, int(dut.cmd_o.value) >> 384 * unit & (1 << 384) - 1, tag))
                else:
                    self.port.write(("skip", unit, context, tag))
            if int(dut.su_count_valid_i.value):
                self.port.write(("count", int(dut.su_count_id_i.value), int(dut.su_count_value_i.value)))
            for unit in Unit if completed else ():
                if completed >> unit & 1:
                    self.port.write(("done", unit, int(dut.done_context_o.value) >> 3 * unit & 7,
                                     int(dut.done_tag_o.value) >> 16 * unit & 0xFFFF))
            if int(dut.push_o.value):
                self.port.write(("push", Unit(int(dut.push_o.value).bit_length() - 1), int(dut.push_context_o.value)))
            over = int(dut.task_done_o.value)
            for context in range(8) if over else ():
                if over >> context & 1:
                    self.port.write(("over", context))


@dataclass
class Replay:
    """A task under way, on the model."""

    task: Task
    order: int
    queues: Queues
    counts: Counts = field(default_factory=Counts)
    left: int = 0
    pushed: list[int] = field(default_factory=lambda: [0] * len(Unit))  # instructions in the unit's queue
    since: dict[Unit, int] = field(default_factory=dict)  # cycle since which the head of a unit is ready


class SessionScoreboard(uvm_subscriber):
    """Replays the events on the model; see the module's docstring."""

    def build_phase(self) -> None:
        super().build_phase()
        self.config: Config = ConfigDB().get(self, "", "CONFIG")
        self.coverage = Coverage("scheduler_session", f"{self.config.name}")
        cover = self.coverage
        cover.point("cp_tasks_at_once", list(range(1, self.config.contexts + 1)), goal=5)
        cover.point("cp_session_fault", ["none", *sorted(CHECKED)])
        cover.point("cp_passed", ["older task", "younger task"], goal=5)  # by a command of a better one
        cover.point("cp_slice", [f"{o.name} {b.name}" for o, b in self.pairs()])
        cover.point("cp_slice_corner", [f"{o.name} {b.name} {f}" for o, b in self.pairs() for f in ("fits", "too long")])
        cover.point("cp_session_skip", ["skipped"], goal=5)
        self.cycle = self.sessions = self.commands = 0

    def pairs(self) -> list[tuple[Opcode, SliceBuffer]]:
        """Opcodes and the buffers that they may address."""
        names = {Opcode.LOAD: [SliceBuffer.A, SliceBuffer.B, SliceBuffer.V, SliceBuffer.P, SliceBuffer.M],
                 Opcode.STORE: [SliceBuffer.V, SliceBuffer.M], Opcode.SFU: [SliceBuffer.A, SliceBuffer.V, SliceBuffer.P, SliceBuffer.R]}
        return [(o, b) for o in PAYLOAD if o != Opcode.END for b in names.get(o, sorted(set(SLICED[o].values())))]

    def write(self, event: tuple) -> None:
        """One event, in time order."""
        if event[0] == "cycle":
            self.cycle += 1
        else:
            getattr(self, f"on_{event[0]}")(*event[1:])

    def on_begin(self, session: Session) -> None:
        self.session, self.running, self.started, self.ended = session, {}, 0, {}
        self.under_way: list[deque[tuple[int, int]]] = [deque() for _ in Unit]
        self.last_start = [self.cycle] * len(Unit)
        self.over = 0

    def on_task(self, context: int, task: Task) -> None:
        # A context is free from the cycle behind the end of its task on.
        free = [c for c in range(self.config.contexts) if c not in self.running and self.ended.get(c) != get_sim_time()]
        assert context == free[0], f"a task went to context {context}, the lowest free one is {free[0]}"
        fields = task.item.fields
        runnable = next(i for i, f in enumerate(fields) if f["opcode"] == Opcode.END
                        or check(f, self.config, WINDOWS, self.session.slices) != Cause.NONE)
        self.running[context] = Replay(task, self.started, Queues(fields[:runnable], self.config.queue_depth), left=runnable)
        self.started += 1
        self.coverage.sample("cp_tasks_at_once", len(self.running))
        self.look(context)

    def look(self, context: int) -> None:
        """Since when heads are ready."""
        run = self.running[context]
        ready = {u for u in run.queues.startable() if run.pushed[u]}
        run.since = {u: run.since.get(u, self.cycle) for u in ready}

    def start(self, unit: Unit, context: int, tag: int) -> int:
        """The next instruction of a context in a unit starts: its index."""
        run = self.running[context]
        assert run.queues.reach(unit), f"unit {unit.name} got a command that context {context} does not have"
        index = run.queues.head(unit)
        assert tag == run.task.item.fields[index]["tag"], f"context {context}, instruction {index}: another tag"
        assert run.queues.semaphores.ready(run.task.item.fields[index]), f"instruction {index} started before its waits held"
        for other, better in self.running.items():
            if other != context and (better.task.priority, -better.order) > (run.task.priority, -run.order):
                since = better.since.get(unit)
                assert since is None or since + PATIENCE >= self.last_start[unit], \
                    f"unit {unit.name}: context {context} passed context {other}, whose head was ready since {since}"
            elif other != context and better.queues.head(unit) is not None:
                self.coverage.sample("cp_passed", "older task" if better.order < run.order else "younger task")
        run.queues.start(unit)
        run.since.pop(unit, None)
        run.pushed[unit] -= 1
        assert run.pushed[unit] >= 0, f"unit {unit.name}: an instruction started before it was queued"
        self.under_way[unit].append((context, index))
        self.last_start[unit] = self.cycle
        self.look(context)
        return index

    def on_command(self, unit: Unit, context: int, payload: int, tag: int) -> None:
        index = self.start(unit, context, tag)
        run = self.running[context]
        fields = resolve(run.task.item.fields[index], run.counts)
        assert isinstance(fields, dict), f"instruction {index} was issued, its count wants {fields}"
        for name, buffer in sliced(fields).items():
            if fields["slice"] >> buffer & 1:
                self.coverage.sample("cp_slice", f"{Opcode(fields['opcode']).name} {buffer.name}")
        moved = relocate(fields, context, self.session.slices)
        expected, lsb = 0, 0
        for f in PAYLOAD[Opcode(fields["opcode"])]:
            expected |= (moved[f.name] & (1 << f.bits) - 1) << f.lsb
        assert payload == expected, f"context {context}, instruction {index}: unit {unit.name} got another payload"
        self.commands += 1

    def on_skip(self, unit: Unit, context: int, tag: int) -> None:
        index = self.start(unit, context, tag)
        run = self.running[context]
        assert resolve(run.task.item.fields[index], run.counts) is None, f"instruction {index} was skipped"
        self.coverage.sample("cp_session_skip", "skipped")

    def on_count(self, register: int, value: int) -> None:
        context, _ = self.under_way[Unit.SU][0]
        self.running[context].counts.write(register, value)

    def on_push(self, unit: Unit, context: int) -> None:
        self.running[context].pushed[unit] += 1
        self.look(context)

    def on_done(self, unit: Unit, context: int, tag: int) -> None:
        expected, index = self.under_way[unit].popleft()
        assert context == expected, f"unit {unit.name} completed context {context}, not {expected}"
        run = self.running[context]
        assert tag == run.task.item.fields[index]["tag"], f"instruction {index} completed with another tag"
        run.queues.complete(index)
        run.left -= 1
        self.look(context)

    def on_over(self, context: int) -> None:
        run = self.running.pop(context)
        self.ended[context] = get_sim_time()
        assert not run.left, f"a task is over with {run.left} instructions to go"
        assert run.task.item.fault == "none", f"a task with {run.task.item.fault} is over"
        self.over += 1

    def on_end(self, outcome: dict[str, Any]) -> None:
        session = self.session
        self.sessions += 1
        self.coverage.sample("cp_session_fault", session.fault)
        if session.corner:
            self.coverage.sample("cp_slice_corner", f"{session.corner} {'fits' if session.fault == 'none' else 'too long'}")
        for unit in Unit:
            assert outcome["units"][unit] == outcome["cycles"], f"{unit.name}: classes sum up to {outcome['units'][unit]}, {outcome}"
        if session.fault == "none":
            assert self.over == len(session.tasks) and not self.running, f"{self.over} of {len(session.tasks)} tasks are over"
            assert outcome["cause"] == Cause.NONE and outcome["state"] & IDLE, outcome
            return
        task = session.tasks[session.bad]
        fields = task.item.fields[task.item.at]
        unit = UNIT_OF.get(fields["opcode"], 7)
        assert outcome["state"] == ERROR and outcome["cause"] == CAUSE_OF[session.fault], outcome
        assert (outcome["task"], outcome["index"], outcome["unit"]) == (task.seq, task.item.at, unit), outcome


class SessionEnv(uvm_env):
    """Agents and scoreboard of sessions."""

    def build_phase(self) -> None:
        ConfigDB().set(None, "*", "BOARD", Board())
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = SessionDriver("driver", self)
        self.units = UnitAgent("units", self)
        self.monitor = SessionMonitor("monitor", self)
        self.scoreboard = SessionScoreboard("scoreboard", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
        self.driver.port.connect(self.scoreboard.analysis_export)
        self.monitor.port.connect(self.scoreboard.analysis_export)
