"""Scheduler: semaphores, count registers, and the order in which the units start. What it checks before is in `scheduler_check.py`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from models.isa import INSTRUCTION_BYTES, MAX_LIST_ROWS, NUM_COUNTS, NUM_SEMAPHORES, NUM_WAITS, UNIT_OF, Cause, Opcode, Unit, decode
from models.scheduler_check import Fields

SEMAPHORE_BITS = 16


class DeadlockError(RuntimeError):
    """No instruction can ever start again; the message names the waiting heads. The hardware reports Cause.DEADLOCK."""


class Semaphores:
    """The 64 counting semaphores of a core: 16 bits, wrapping, semaphore 0 does not exist."""

    def __init__(self) -> None:
        self.value = [0] * NUM_SEMAPHORES

    def signal(self, semaphore: int) -> None:
        """An instruction with `signal == semaphore` has completed."""
        if semaphore:
            self.value[semaphore] = (self.value[semaphore] + 1) % (1 << SEMAPHORE_BITS)

    def holds(self, semaphore: int, value: int) -> bool:
        """Whether one wait holds: signed16(semaphore - value) >= 0; a wait on 0 always does."""
        return semaphore == 0 or (self.value[semaphore] - value) % (1 << SEMAPHORE_BITS) < 1 << (SEMAPHORE_BITS - 1)

    def ready(self, fields: Fields) -> bool:
        """Whether all waits of an instruction hold."""
        return all(self.holds(int(fields[f"wait{i}_sem"]), int(fields[f"wait{i}_val"])) for i in range(NUM_WAITS))


class Counts:
    """The count registers of a core, cleared when a program starts: 11 bits, count register 0 does not exist."""

    def __init__(self) -> None:
        self.value = [0] * NUM_COUNTS

    def write(self, register: int, value: int) -> None:
        """An SU has found `value` rows; it writes before it completes."""
        if not 0 <= value <= MAX_LIST_ROWS:
            raise ValueError(f"count register {register} cannot take {value}")
        if register:
            self.value[register] = value

    def __getitem__(self, register: int) -> int:
        return self.value[register]


def resolve(fields: Fields, counts: Counts | Sequence[int]) -> Fields | None | Cause:
    """What an instruction is at the moment in which all its waits hold.

    Its fields, with the number of its count register in place of `rows` (GEMM: `m`); None when that is 0: the
    instruction completes, in order with the others of its unit, without being executed; Cause.COUNT_RANGE when it is
    more than `rows` (`m`): the core stops.
    """
    if not fields["count"]:
        return fields
    name, count = "m" if fields["opcode"] == Opcode.GEMM else "rows", counts[int(fields["count"])]
    if count > fields[name]:
        return Cause.COUNT_RANGE
    return {**fields, name: count} if count else None


class Queues:
    """Dispatch and issue without time: instructions enter the queues in program order, heads start when their waits
    hold.

    `program` are decoded instructions up to and without END. `dispatch` stops at a full queue, as the hardware does, so
    that a program which needs deeper queues than `depth` deadlocks here as it does there. A head whose waits hold may leave its
    queue for the unit's command register before it starts (`pick`): it makes place, and nothing else.
    """

    def __init__(self, program: Sequence[Fields], depth: int) -> None:
        self.program = program
        self.depth = depth
        self.next = 0
        self.semaphores = Semaphores()
        self.queue: dict[Unit, deque[int]] = {unit: deque() for unit in Unit}
        self.register: dict[Unit, int] = {}
        self.dispatch()

    def dispatch(self) -> None:
        """Move instructions into their queues until the program is over or a queue is full."""
        while self.next < len(self.program):
            queue = self.queue[UNIT_OF[Opcode(int(self.program[self.next]["opcode"]))]]
            if len(queue) == self.depth:
                return
            queue.append(self.next)
            self.next += 1

    def head(self, unit: Unit) -> int | None:
        """A unit's next instruction: the one in its command register, or the head of its queue."""
        return self.register.get(unit, self.queue[unit][0] if self.queue[unit] else None)

    def ready(self, unit: Unit) -> bool:
        """Whether a unit's next instruction is there and may start now."""
        head = self.head(unit)
        return head is not None and self.semaphores.ready(self.program[head])

    def startable(self) -> list[Unit]:
        """Units whose next instruction may start now."""
        return [unit for unit in Unit if self.ready(unit)]

    def pick(self, unit: Unit) -> None:
        """A head whose waits hold enters the command register, which is empty."""
        if unit in self.register or not self.ready(unit):
            raise ValueError(f"{unit.name}: no instruction can enter the command register")
        self.register[unit] = self.queue[unit].popleft()
        self.dispatch()

    def reach(self, unit: Unit) -> bool:
        """Whether a unit can have a next instruction by now; where full queues hold up the program in front of it, their heads are picked."""
        while self.head(unit) is None and self.next < len(self.program):
            full = UNIT_OF[Opcode(int(self.program[self.next]["opcode"]))]
            if full in self.register or not self.ready(full):
                return False
            self.pick(full)
        return self.head(unit) is not None

    def start(self, unit: Unit) -> int:
        """A unit's next instruction starts; returns its index in the program."""
        index = self.register.pop(unit) if unit in self.register else self.queue[unit].popleft()
        self.dispatch()
        return index

    def complete(self, index: int) -> None:
        """Instruction `index` has completed: signal its semaphore."""
        self.semaphores.signal(int(self.program[index]["signal"]))


def execution_order(program: Sequence[Fields], depth: int,
                    choose: Callable[[list[Unit]], Unit] = lambda units: units[0]) -> list[int]:
    """One legal order of completion of decoded instructions (without END), each executed at once when it starts.

    `choose` picks among the units that can start: a program whose result depends on it has a race. Raises
    DeadlockError.
    """
    queues, order = Queues(program, depth), []
    while len(order) < len(program):
        units = queues.startable()
        if not units:
            heads = ", ".join(f"{u.name} {q[0]}" for u, q in queues.queue.items() if q)
            raise DeadlockError(f"no instruction can start; heads of the queues: {heads}")
        index = queues.start(choose(units))
        order.append(index)
        queues.complete(index)
    return order


def decode_program(image: np.ndarray, length: int) -> tuple[list[dict[str, int]], Cause]:
    """Instructions of a uint8 image up to and without END, and PROGRAM_RANGE when `length` instructions hold no END."""
    program = []
    for index in range(length):
        fields = decode(image[INSTRUCTION_BYTES * index:INSTRUCTION_BYTES * (index + 1)])
        if fields["opcode"] == Opcode.END:
            return program, Cause.NONE
        program.append(fields)
    return program, Cause.PROGRAM_RANGE
