"""A core: executes a program on a memory image, in the hardware's units and formats, without time.

The program is fetched from the image, decoded, checked (models/scheduler.py), and its instructions are executed
through the queues of the units as their semaphores allow; every instruction is executed at once when it starts. A correct
program gives the same image in any legal order: `choose` picks the order, `models/tests/test_core.py` and the
compiler's hazard tests vary it.

`ideal_cycles` are those of the units' models: what an instruction takes when nothing holds its unit up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models import dma, mpu, ru, sfu, su
from models.config import UNIT_BYTES, Config
from models.isa import INSTRUCTION_BYTES, NUM_COUNTS, UNIT_OF, Buffer, Cause, Opcode, Unit
from models.scheduler import Queues, Windows, check_many, check_program, decode_program, resolve

Fields = Mapping[str, int]


@dataclass
class State:
    """Buffers of a core and the HBM image that it sees; byte 0 of `memory` is HBM address `origin`.

    abuf, bbuf, vbuf: uint8[units, 16]; pbuf: uint8[entries, 64]; rbuf: float32[words]; mbuf: uint32[entries]; counts: the
    count registers; decisions: (tag, rows, kept rows) of every SU. Buffers start as zeros.
    """

    config: Config
    memory: np.ndarray
    origin: int = 0
    abuf: np.ndarray = field(init=False)
    bbuf: np.ndarray = field(init=False)
    vbuf: np.ndarray = field(init=False)
    pbuf: np.ndarray = field(init=False)
    rbuf: np.ndarray = field(init=False)
    mbuf: np.ndarray = field(init=False)
    counts: list[int] = field(init=False)
    decisions: list[tuple[int, int, int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        for name in ("abuf", "bbuf", "vbuf"):
            setattr(self, name, np.zeros((getattr(self.config, name), UNIT_BYTES), np.uint8))
        self.pbuf = np.zeros((self.config.pbuf, 4 * UNIT_BYTES), np.uint8)
        self.rbuf = np.zeros(self.config.rbuf, np.float32)
        self.mbuf = np.zeros(self.config.mbuf, np.uint32)
        self.counts = [0] * NUM_COUNTS

    def execute(self, f: Fields) -> Cause:
        """The effect of one instruction, all of it, with the bounds that the count registers hold now; its cause of an error."""
        f = resolve(f, self.counts)
        if f is None:
            return Cause.NONE
        if isinstance(f, Cause):
            return f
        opcode = f["opcode"]
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
            self._decide(f)
        elif opcode == Opcode.RU:
            address, data = ru.results(f, self.vbuf, self.mbuf)
            self.vbuf[address] = data
        return Cause.NONE

    def _decide(self, f: Fields) -> None:
        """SU: lists, maps, ages and counts."""
        out = su.results(f, self.vbuf)
        self.mbuf[out.mbuf_addr] = out.mbuf_data
        self.vbuf[out.meta_addr] = out.meta_data
        for register, value in out.counts.items():
            self.counts[register] = value
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


def first_error(program: Sequence[Fields], config: Config, windows: Windows) -> tuple[Cause, int]:
    """Cause and index of the first instruction that the scheduler refuses; (NONE, -1) if it takes them all."""
    cause = np.zeros(len(program), np.int64)
    opcodes = np.array([f["opcode"] for f in program], np.int64)
    for opcode in np.unique(opcodes):
        rows = np.flatnonzero(opcodes == opcode)
        columns = {name: np.array([program[r][name] for r in rows], np.int64) for name in program[rows[0]]}
        cause[rows] = check_many(int(opcode), columns, config, windows)
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


def unit_of(f: Fields) -> Unit:
    """The unit that executes an instruction."""
    return UNIT_OF[Opcode(f["opcode"])]
