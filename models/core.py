"""Cores that execute a program, or a table of tasks, on a memory image, in the hardware's units and formats, without time.

A program is fetched from the image, decoded, checked (models/scheduler.py), and its instructions are executed
through the queues of the units as their semaphores allow; every instruction is executed at once when it starts. A table of
tasks (`run_tasks`) is handed to the contexts of several cores as the task queue may do it (models/taskq.py). Correct
programs and tables give the same image in any legal order: `choose` picks the order, `models/tests/test_core.py` and the
compiler's hazard tests vary it.

`ideal_cycles` are those of the units' models: what an instruction takes when nothing holds its unit up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models import dma, mpu, ru, sfu, su
from models.config import UNIT_BYTES, Config
from models.isa import INSTRUCTION_BYTES, NUM_COUNTS, UNIT_OF, Buffer, Cause, Opcode, Precision, Unit
from models.scheduler import Queues, decode_program, resolve
from models.scheduler_check import Windows, check_many, check_program
from models.slices import Slices, relocate
from models.taskq import TaskQueue, check_entry, check_table, decode_table

Fields = Mapping[str, int]


@dataclass
class State:
    """Buffers of a core and the HBM image that it sees; byte 0 of `memory` is HBM address `origin`.

    abuf, bbuf, vbuf: uint8[units, 16]; pbuf: uint8[entries, 64]; rbuf: float32[words]; mbuf: uint32[entries]; counts: the
    count registers of each context; decisions: (tag, rows, kept rows) of every SU. Buffers start as zeros.
    """

    config: Config
    memory: np.ndarray
    origin: int = 0
    slices: Slices = Slices()
    abuf: np.ndarray = field(init=False)
    bbuf: np.ndarray = field(init=False)
    vbuf: np.ndarray = field(init=False)
    pbuf: np.ndarray = field(init=False)
    rbuf: np.ndarray = field(init=False)
    mbuf: np.ndarray = field(init=False)
    counts: list[list[int]] = field(init=False)
    decisions: list[tuple[int, int, int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        for name in ("abuf", "bbuf", "vbuf"):
            setattr(self, name, np.zeros((getattr(self.config, name), UNIT_BYTES), np.uint8))
        self.pbuf = np.zeros((self.config.pbuf, 4 * UNIT_BYTES), np.uint8)
        self.rbuf = np.zeros(self.config.rbuf, np.float32)
        self.mbuf = np.zeros(self.config.mbuf, np.uint32)
        self.counts = [[0] * NUM_COUNTS for _ in range(self.config.contexts)]

    def execute(self, f: Fields, context: int = 0) -> Cause:
        """The effect of one instruction of a context, all of it, with the bounds that its count registers hold now; its cause of
        an error."""
        f = resolve(f, self.counts[context])
        if f is None:
            return Cause.NONE
        if isinstance(f, Cause):
            return f
        f, opcode = relocate(f, context, self.slices), f["opcode"]
        if opcode in (Opcode.LOAD, Opcode.STORE):
            buffers = {Buffer.A: self.abuf, Buffer.B: self.bbuf, Buffer.V: self.vbuf,
                       Buffer.P: self.pbuf.reshape(-1, UNIT_BYTES)}
            if dma.offending_row(f, self.mbuf) is not None:
                return Cause.READ_ERROR if opcode == Opcode.LOAD else Cause.WRITE_ERROR
            (dma.load if opcode == Opcode.LOAD else dma.store)(f, self.memory, buffers, self.origin, self.mbuf)
        elif opcode == Opcode.GEMM:
            address, data = mpu.gemm_writes(f, self.abuf, self.bbuf, self.pbuf, self.rbuf, len(self.vbuf))
            self.vbuf[address] = data
        elif opcode == Opcode.SFU:
            writes = sfu.results(f, self.vbuf, self.pbuf)
            (self.abuf if writes.dst == Buffer.A else self.vbuf)[writes.addr] = writes.data
            self.rbuf[writes.row] = writes.scale
        elif opcode == Opcode.SU:
            self._decide(f, context)
        elif opcode == Opcode.RU:
            address, data = ru.results(f, self.vbuf, self.mbuf)
            self.vbuf[address] = data
        return Cause.NONE

    def _decide(self, f: Fields, context: int) -> None:
        """SU: lists, maps, ages and counts."""
        out = su.results(f, self.vbuf)
        self.mbuf[out.mbuf_addr] = out.mbuf_data
        self.vbuf[out.meta_addr] = out.meta_data
        for register, value in out.counts.items():
            self.counts[context][register] = value
        self.decisions.append((f["tag"], f["rows"], int(out.kept.sum())))


@dataclass(frozen=True)
class Result:
    """What a run leaves: the image, the cause (NONE when END was reached) and the index of the offending instruction.

    `program` are the decoded instructions without END, `order` the indices in which they were executed, `decisions` those
    of the similarity engine (State).
    """

    memory: np.ndarray
    cause: Cause
    index: int
    program: Sequence[Fields]
    order: list[int]
    decisions: list[tuple[int, int, int]] = field(default_factory=list)


def first_error(program: Sequence[Fields], config: Config, windows: Windows,
                slices: Slices = Slices()) -> tuple[Cause, int]:
    """Cause and index of the first instruction that the scheduler refuses; (NONE, -1) if it takes them all."""
    cause = np.zeros(len(program), np.int64)
    opcodes = np.array([f["opcode"] for f in program], np.int64)
    for opcode in np.unique(opcodes):
        rows = np.flatnonzero(opcodes == opcode)
        columns = {name: np.array([program[r][name] for r in rows], np.int64) for name in program[rows[0]]}
        cause[rows] = check_many(int(opcode), columns, config, windows, slices)
    bad = np.flatnonzero(cause)
    return (Cause(int(cause[bad[0]])), int(bad[0])) if len(bad) else (Cause.NONE, -1)


def ideal_cycles(f: Fields, config: Config) -> int:
    """Cycles for which one instruction occupies its unit when nothing holds it up."""
    opcode = f["opcode"]
    if opcode in (Opcode.LOAD, Opcode.STORE):
        return dma.ideal_cycles(f)
    if opcode == Opcode.GEMM:
        return mpu.ideal_cycles(f, config)
    return {Opcode.SFU: sfu, Opcode.SU: su, Opcode.RU: ru}[Opcode(opcode)].ideal_cycles(f)


def run(config: Config, memory: np.ndarray, base: int, length: int, windows: Windows, *, origin: int = 0,
        choose: Callable[[list[Unit]], Unit] = lambda units: units[0],
        progress: Callable[[int, Fields], None] | None = None) -> Result:
    """Execute the program of at most `length` instructions at HBM address `base` on a copy of `memory`.

    After an error, the instructions in front of the offending one have been executed as far as their waits allow; in
    hardware those
    which had not started by then stay undone. `progress` is called with the index and fields of every instruction
    executed.
    """
    state = State(config, memory.copy(), origin)
    cause = check_program(base, length, windows)
    if cause != Cause.NONE:
        return Result(state.memory, cause, 0, [], [])
    start = base - origin
    program, cause = decode_program(state.memory[start:start + INSTRUCTION_BYTES * length], length)
    index = -1 if cause == Cause.NONE else length
    refused, at = first_error(program, config, windows)
    if refused != Cause.NONE:
        cause, index, program = refused, at, program[:at]
    queues, order = Queues(program, config.queue_depth), []
    while len(order) < len(program):
        units = queues.startable()
        if not units:
            if cause == Cause.NONE:
                cause = Cause.DEADLOCK
                index = next(queue[0] for queue in queues.queue.values() if queue)  # lowest unit, as the hardware
            break
        number = queues.start(choose(units))
        failed = state.execute(program[number])
        if failed != Cause.NONE:
            return Result(state.memory, failed, number, program, order, state.decisions)
        queues.complete(number)
        order.append(number)
        if progress:
            progress(number, program[number])
    return Result(state.memory, cause, index, program, order, state.decisions)


@dataclass(frozen=True)
class TasksResult:
    """What a table of tasks leaves.

    `cause`, `entry`, `index`: NONE when END was reached, else why, the entry of the table and, where its program is to
    blame, the instruction in it. `order`: (entry, core, context) in the order of their starts. `rows[entry]`: the rows that
    each instruction of the entry's program had (GEMM: m), 0 for a skipped one, -1 where no count bounds it. `decisions`:
    (tag, rows, kept rows) of the similarity engines. `seen[entry]`: what the time of an instruction depends on beside its rows,
    where `run_tasks` was asked to `watch`: passes of the tiles of an FP16 GEMM, rows of HBM that a list names, entries of mbuf that RU
    follows, of SU 1 where the last row is not in its write list, else 0; -1 of all others.
    """

    memory: np.ndarray
    cause: Cause
    entry: int
    index: int
    order: list[tuple[int, int, int]]
    rows: dict[int, list[int]]
    decisions: list[tuple[int, int, int]]
    seen: dict[int, list[int | tuple[int, ...]]] = field(default_factory=dict)


@dataclass
class Running:
    """A task in a context of a core."""

    entry: int
    core: int
    context: int
    queues: Queues
    left: int


Choice = tuple[str, int, int, int]  # "step": core, context, unit; "start": entry, core, 0


def run_tasks(config: Config, memory: np.ndarray, base: int, count: int, windows: Windows, slices: Slices, *, origin: int = 0,
              cores: int | None = None, choose: Callable[[list[Choice]], Choice] = lambda choices: choices[0],
              progress: Callable[[int], None] | None = None, watch: bool = False) -> TasksResult:
    """Execute the table of at most `count` entries at HBM address `base` on a copy of `memory`, with `cores` cores.

    By default one task after another, each at once. After an error nothing more is executed. `progress` is called with
    the entry of every task that is over; with `watch` the result has `seen`.
    """
    cores, memory = config.cores if cores is None else cores, memory.copy()
    states = [State(config, memory, origin, slices) for _ in range(cores)]
    order: list[tuple[int, int, int]] = []
    rows: dict[int, list[int]] = {}
    seen: dict[int, list[int | tuple[int, ...]]] = {}

    def result(cause: Cause, entry: int = -1, index: int = -1) -> TasksResult:
        return TasksResult(memory, cause, entry, index, order, rows, [d for s in states for d in s.decisions], seen)

    def program_of(entry: int) -> tuple[list[Fields], Cause, int]:
        fields = table[entry]
        cause = check_program(fields["base"], fields["length"], windows)
        if cause != Cause.NONE:
            return [], cause, 0
        at = fields["base"] - origin
        program, cause = decode_program(memory[at:at + INSTRUCTION_BYTES * fields["length"]], fields["length"])
        refused, index = first_error(program, config, windows, slices)
        return (program, refused, index) if refused != Cause.NONE else (program, cause, fields["length"])

    cause = check_table(base, count, windows.read)
    if cause == Cause.NONE:
        cause = slices.check(config)
    if cause != Cause.NONE:
        return result(cause, 0)
    table, cause = decode_table(memory[base - origin:base - origin + INSTRUCTION_BYTES * count], count)
    if cause != Cause.NONE:
        return result(cause, count)
    for entry, fields in enumerate(table):
        cause = check_entry(fields, cores)
        if cause != Cause.NONE:
            return result(cause, entry)
    queue, running = TaskQueue(table, cores, config.contexts, config.task_window), {}
    while not queue.finished:
        choices: list[Choice] = [("step", r.core, r.context, int(unit)) for r in running.values() for unit in r.queues.startable()]
        choices += [("start", entry, core, 0) for entry, core in queue.startable()]
        if not choices:
            return result(Cause.DEADLOCK, min((r.entry for r in running.values()), default=-1))
        what, first, second, unit = choose(choices)
        if what == "start":
            program, cause, index = program_of(first)
            if cause != Cause.NONE:
                return result(cause, first, index)
            context = min(c for c in range(config.contexts) if (second, c) not in running)
            running[second, context] = Running(first, second, context, Queues(program, config.queue_depth), len(program))
            states[second].counts[context] = [0] * NUM_COUNTS
            queue.start(first, second)
            order.append((first, second, context))
            rows[first] = [-1] * len(program)
            if watch:
                seen[first] = [-1] * len(program)
            task = running[second, context]
        else:
            task = running[first, second]
            cause = _step(task, states[first], Unit(unit), rows[task.entry], seen.get(task.entry))
            if cause[0] != Cause.NONE:
                return result(cause[0], task.entry, cause[1])
        if not task.left:
            del running[task.core, task.context]
            queue.complete(task.entry, task.core)
            if progress:
                progress(task.entry)
    return result(Cause.NONE)


def _seen(f: Fields, state: State) -> int | tuple[int, ...]:
    """What TasksResult.seen has of an instruction, which is about to be executed; `f` as the unit gets it."""
    if f["opcode"] == Opcode.GEMM and f["precision"] == Precision.FP16:
        return tuple(mpu.passes(f, state.abuf, state.bbuf, state.config).tolist())
    if f["opcode"] == Opcode.RU:
        return tuple(state.mbuf[(f["map_base"] + np.arange(f["rows"])) % len(state.mbuf)].tolist())
    if f["opcode"] == Opcode.SU:
        return int(su.decision(f, state.vbuf).step[-1])
    if f["opcode"] in (Opcode.LOAD, Opcode.STORE) and f["list"]:
        return tuple(dma.hbm_rows(f, state.mbuf).tolist())
    return -1


def _step(task: Running, state: State, unit: Unit, rows: list[int],
          seen: list[int | tuple[int, ...]] | None) -> tuple[Cause, int]:
    """The next instruction of a unit in a task; (cause, its index)."""
    index = task.queues.start(unit)
    f = task.queues.program[index]
    bound = resolve(f, state.counts[task.context])
    if f["count"] and not isinstance(bound, Cause):
        rows[index] = 0 if bound is None else bound["m" if f["opcode"] == Opcode.GEMM else "rows"]
    if seen is not None and bound is not None and not isinstance(bound, Cause):
        seen[index] = _seen(relocate(bound, task.context, state.slices), state)
    cause = state.execute(f, task.context)
    task.queues.complete(index)
    task.left -= 1
    return cause, index


def unit_of(f: Fields) -> Unit:
    """The unit that executes an instruction."""
    return UNIT_OF[Opcode(f["opcode"])]
