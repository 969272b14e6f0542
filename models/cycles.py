"""The cycle model: when every instruction of a table of tasks starts and completes, without data.

`simulate` plays the task queue, the cores with their contexts, and the units, event by event. What an instruction takes in
its unit comes from the units' own models (`core.ideal_cycles`), with the rows that it had in a run on `core.run_tasks`, or
the rows that are expected; the other numbers are in `Timing`, measured on the RTL by tests (bench/tests). Units hold one
instruction at a time; a unit is free for the next one as soon as it has issued the last of its work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from models import core, dma, mpu
from models.config import Config
from models.isa import NUM_WAITS, UNIT_OF, Opcode, Precision, Unit
from models.taskq import TaskQueue

Fields = Mapping[str, int]
UNITS = len(Unit)


@dataclass(frozen=True)
class Timing:
    """Cycles. `latency[unit]`: from the last issue of an instruction's work to its completion, the memory's excluded."""

    hand_out: int = 12  # a task could be given out -> its core takes it; spaces the hand-outs too
    first: int = 24  # a core takes a task -> its first instruction is checked, the memory's latency excluded
    check: Mapping[Opcode, int] = field(default_factory=lambda: {
        Opcode.LOAD: 11, Opcode.STORE: 11, Opcode.GEMM: 18, Opcode.SFU: 15, Opcode.SU: 15, Opcode.RU: 14})
    wake: int = 5  # a completion -> the start of an instruction that waited for it
    task_end: int = 8  # the last completion of a task -> the task queue knows
    latency: Mapping[Unit, int] = field(default_factory=lambda: {
        Unit.LOAD: 10, Unit.STORE: 16, Unit.MPU: 46, Unit.SFU: 60, Unit.SU: 40, Unit.RU: 20})
    row: Mapping[Unit, int] = field(default_factory=lambda: {
        Unit.LOAD: 0, Unit.STORE: 0, Unit.MPU: 0, Unit.SFU: 0, Unit.SU: 0, Unit.RU: 0})  # more, for every row


@dataclass(frozen=True)
class Hbm:
    """A port of the memory: cycles to the first beat (reads) or to the response (writes), and beats a cycle that it
    sustains."""

    latency: int = 32
    rate: float = 1.0


@dataclass
class Work:
    """The program of a task as the cycle model needs it: per instruction unit, cycles of its unit, latency, check, waits as
    (unit whose completions are counted, number)."""

    unit: list[int]
    busy: list[int]
    latency: list[int]
    check: list[int]
    waits: list[tuple[tuple[int, int], ...]]
    tag: list[int]


@dataclass
class Span:
    """One instruction that was executed."""

    start: int
    done: int
    core: int
    context: int
    entry: int
    unit: int
    tag: int


@dataclass
class Outcome:
    """`cycles` from the start of the table to its end; spans of instructions; (start, end, core, context, entry) of tasks."""

    cycles: int
    spans: list[Span]
    tasks: list[tuple[int, int, int, int, int]]

    def busy(self, unit: Unit) -> list[int]:
        """Cycles in which a unit worked, per core."""
        cores = 1 + max((t[2] for t in self.tasks), default=0)
        total, reached = [0] * cores, [0] * cores
        for s in sorted((s for s in self.spans if s.unit == unit), key=lambda s: s.start):
            total[s.core] += max(0, s.done - max(s.start, reached[s.core]))
            reached[s.core] = max(reached[s.core], s.done)
        return total


def instruction(f: Fields, rows: int, passes: int, config: Config, timing: Timing, hbm: Hbm) -> tuple[int, int]:
    """(cycles of the unit, latency behind them) of an instruction with `rows` rows (-1: as it says) and `passes` of the matrix
    unit (-1: one a step)."""
    opcode = Opcode(f["opcode"])
    unit = UNIT_OF[opcode]
    if rows == 0:
        return 1, 0
    if rows > 0:
        f = {**f, ("m" if opcode == Opcode.GEMM else "rows"): rows}
    busy, latency = core.ideal_cycles(f, config), timing.latency[unit]
    if opcode in (Opcode.LOAD, Opcode.STORE):
        beats = dma.row_beats(f)
        bursts = -(-beats // config.burst_beats)
        row = max(-(-beats // 1) / hbm.rate, bursts * (hbm.latency + timing.latency[unit]) / config.axi_slots)
        busy, latency = round(f["rows"] * row), latency + hbm.latency + (dma.LIST_CYCLES if f["list"] else 0)
    elif opcode == Opcode.GEMM:
        if f["precision"] == Precision.FP16 and passes > 0:
            busy += passes - mpu.steps(f, config)
    else:
        busy += f["rows"] * timing.row[unit]
    return max(1, busy), latency


def work(program: Sequence[Fields], rows: Sequence[int], passes: Sequence[int] | None, config: Config, timing: Timing,
         hbm: Hbm) -> Work:
    """A task's program; its semaphores count the completions of the units (semaphore 1 + unit), as the compiler's do."""
    out = Work([], [], [], [], [], [])
    for index, f in enumerate(program):
        busy, latency = instruction(f, rows[index] if rows else -1, passes[index] if passes else -1, config, timing, hbm)
        out.unit.append(int(UNIT_OF[Opcode(f["opcode"])]))
        out.busy.append(busy)
        out.latency.append(latency)
        out.check.append(timing.check[Opcode(f["opcode"])])
        out.waits.append(tuple((f[f"wait{i}_sem"] - 1, f[f"wait{i}_val"]) for i in range(NUM_WAITS) if f[f"wait{i}_sem"]))
        out.tag.append(f["tag"])
    return out


class _Context:
    """A task under way."""

    def __init__(self, work: Work, entry: int, priority: int, core: int, context: int, now: int) -> None:
        self.work, self.entry, self.core, self.context, self.began = work, entry, core, context, now
        self.rank = (-priority, now, context)
        self.front = 0  # next instruction for the check
        self.queue: list[list[tuple[int, int]]] = [[] for _ in range(UNITS)]  # (instruction, from when), oldest first
        self.done = [0] * UNITS
        self.left = len(work.unit)


class _Core:
    """Units, contexts and the check of one core."""

    def __init__(self, contexts: int) -> None:
        self.free = [0] * UNITS
        self.last = [0] * UNITS  # completion of the unit's last instruction: they complete in order
        self.check = 0
        self.contexts: list[_Context | None] = [None] * contexts


class Simulator:
    """One run; see `simulate`."""

    def __init__(self, config: Config, table: Sequence[Fields], works: Sequence[Work], cores: int, timing: Timing, hbm: Hbm,
                 contexts: int, record: bool) -> None:
        self.config, self.table, self.works, self.timing, self.hbm, self.record = config, table, works, timing, hbm, record
        self.queue = TaskQueue(table, cores, contexts, config.task_window)
        self.cores = [_Core(contexts) for _ in range(cores)]
        self.events: list[tuple[int, int, str, tuple]] = []
        self.number = 0
        self.handing = False
        self.next_hand_out = 0
        self.spans: list[Span] = []
        self.tasks: list[tuple[int, int, int, int, int]] = []

    def at(self, time: int, what: str, *values: object) -> None:
        """Schedule an event."""
        self.number += 1
        heappush(self.events, (time, self.number, what, values))

    def run(self) -> Outcome:
        """Play all events."""
        now = 0
        self.at(self.hbm.latency + self.timing.hand_out, "hand_out")
        while self.events:
            now, _, what, values = heappop(self.events)
            getattr(self, f"_{what}")(now, *values)
        if not self.queue.finished:
            raise AssertionError("the table does not come to its end: a wait can never hold")
        return Outcome(max((t[1] for t in self.tasks), default=now), self.spans, self.tasks)

    # ------------------------------------------------------------------------------------------------------------ tasks

    def _hand_out(self, now: int) -> None:
        choices = self.queue.startable()
        if not choices:
            self.handing = False
            return
        self.handing = True
        entry, number = choices[0]
        self.queue.start(entry, number)
        core = self.cores[number]
        slot = core.contexts.index(None)
        context = _Context(self.works[entry], entry, self.table[entry]["priority"], number, slot, now)
        core.contexts[slot] = context
        began = now + self.timing.first + self.hbm.latency
        if context.left:
            self.at(began, "front", context)
        else:
            self.at(began + self.timing.task_end, "over", context)
        self.at(now + self.timing.hand_out, "hand_out")

    def _over(self, now: int, context: _Context) -> None:
        self.cores[context.core].contexts[context.context] = None
        self.queue.complete(context.entry, context.core)
        self.tasks.append((context.began, now, context.core, context.context, context.entry))
        if not self.handing:
            self.handing = True
            self.at(now + self.timing.hand_out, "hand_out")

    # ----------------------------------------------------------------------------------------------------- instructions

    def _front(self, now: int, context: _Context) -> None:
        """The check takes instructions of a context while the queue that the next one goes to has room."""
        core, work = self.cores[context.core], context.work
        if context.front == len(work.unit):
            return
        unit = work.unit[context.front]
        if len(context.queue[unit]) >= self.config.queue_depth:
            return  # goes on when one issues
        core.check = max(core.check, now) + work.check[context.front]
        context.queue[unit].append((context.front, core.check))
        context.front += 1
        self.at(core.check, "issue", context.core, unit)
        self.at(core.check, "front", context)

    def _issue(self, now: int, number: int, unit: int) -> None:
        """Start the best instruction that is ready, if the unit is free."""
        core = self.cores[number]
        if core.free[unit] > now:
            return
        best = None
        for context in core.contexts:
            if context is None or not context.queue[unit]:
                continue
            index, since = context.queue[unit][0]
            if since <= now and (best is None or context.rank < best.rank) and all(
                    context.done[u] >= n for u, n in context.work.waits[index]):
                best = context
        if best is None:
            return
        index, _ = best.queue[unit].pop(0)
        if len(best.queue[unit]) == self.config.queue_depth - 1:
            self.at(now, "front", best)
        core.free[unit] = now + best.work.busy[index]
        core.last[unit] = done = max(core.last[unit], core.free[unit] + best.work.latency[index])
        self.at(core.free[unit], "issue", number, unit)
        self.at(done, "complete", best, index)
        if self.record:
            self.spans.append(Span(now, done, number, best.context, best.entry, unit, best.work.tag[index]))

    def _complete(self, now: int, context: _Context, index: int) -> None:
        context.done[context.work.unit[index]] += 1
        context.left -= 1
        if not context.left:
            self.at(now + self.timing.task_end, "over", context)
            return
        for unit in range(UNITS):
            if context.queue[unit]:
                self.at(now + self.timing.wake, "issue", context.core, unit)


def simulate(config: Config, table: Sequence[Fields], works: Sequence[Work], *, cores: int | None = None,
             contexts: int | None = None, timing: Timing = Timing(), hbm: Hbm = Hbm(), record: bool = True) -> Outcome:
    """Cycles of a table on `cores` cores of which each uses `contexts` contexts (default: those of the configuration)."""
    return Simulator(config, table, works, config.cores if cores is None else cores, timing, hbm,
                     config.contexts if contexts is None else contexts, record).run()
