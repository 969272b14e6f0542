"""The instruction list: emission with its dependencies, order, waits, bytes.

Lowering emits in *sequential* order: executed one after another, the instructions compute the right thing. From the
accesses that every instruction declares follow its dependencies; `schedule.order` then reorders within the
dependencies so that the units overlap, and `finish` turns dependencies into waits.

One semaphore per unit counts its completed instructions, so "instruction n of unit u has completed" is a wait for n +
1. What a wait implies transitively (the waits of the instruction waited for, and of everything earlier in the same
queue) is not waited for again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from compiler import cost
from compiler.errors import CompileError
from compiler.memory import Part, Tracked
from compiler.schedule import order_of
from models.config import Config
from models.isa import INSTRUCTION_BYTES, NUM_WAITS, PAYLOAD, UNIT_OF, Opcode, Unit, encode, encode_many

SEMAPHORE_OF = {unit: 1 + int(unit) for unit in Unit}
MAX_DISTANCE = 1 << 14  # semaphores compare as signed 16-bit differences; half of that range, for units that run ahead
Access = tuple[Tracked, Part]


@dataclass
class Op:
    """One operation of the report: `kind` linear | attention | special | sparsity | transfer; sizes of the algorithm, not
    padded. `region` names the region whose kept rows it computes, if they are fewer than m."""

    name: str
    kind: str
    m: int = 0
    n: int = 0
    k: int = 0
    batch: int = 1
    precision: str = "fp16"
    block: str = ""
    region: str = ""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the algorithm."""
        return self.m * self.n * self.k * self.batch if self.kind in ("linear", "attention") else 0


@dataclass(frozen=True)
class Assembled:
    """A finished program: uint8[n, 64] with END; per instruction (END excluded) its unit, tag, ideal cycles, bytes
    moved.

    `start` and `done` are the cycles of the schedule's estimate, `estimate` the last of them.
    """

    code: np.ndarray
    unit: np.ndarray
    tag: np.ndarray
    cycles: np.ndarray
    moved: np.ndarray
    start: np.ndarray
    done: np.ndarray

    @property
    def estimate(self) -> int:
        """Cycles of the whole program, estimated."""
        return int(self.done.max(initial=0))


@dataclass(frozen=True)
class Slot:
    """One place of the program order: instruction `index`, or a spare one that carries some of its waits."""

    index: int
    spare: bool
    waits: list[tuple[int, int]]


class Program:
    """Collects instructions in sequential order."""

    def __init__(self, config: Config, window: int = 384) -> None:
        self.config = config
        self.window = window
        self.ops: list[Op] = []
        self.opcode: list[Opcode] = []
        self.fields: list[dict[str, int]] = []
        self.deps: list[set[int]] = []
        self.spare: dict[Opcode, dict[str, int]] = {}

    def op(self, **values: object) -> int:
        """A new line of the table of operations; its number is the tag of instructions."""
        self.ops.append(Op(**values))
        if len(self.ops) > 1 << 16:
            raise CompileError(f"operation {self.ops[-1].name}: more than 65536 operations do not fit the tag field")
        return len(self.ops) - 1

    def emit(self, opcode: Opcode, tag: int, reads: Iterable[Access], writes: Iterable[Access], **fields: int) -> int:
        """Append one instruction with what it reads and writes.

        `expected` among the fields is an estimate of the rows of an instruction whose bound only the data knows; costs use it.
        """
        index, deps = len(self.opcode), set()
        for tracked, part in reads:
            deps |= tracked.read(part, index)
        for tracked, part in writes:
            deps |= tracked.write(part, index)
        deps.discard(index)
        fields["tag"] = tag
        self.opcode.append(opcode)
        self.fields.append(fields)
        self.deps.append(deps)
        return index

    def assemble(self) -> Assembled:
        """Order, waits and bytes."""
        unit = [UNIT_OF[o] for o in self.opcode]
        busy, latency = cost.table(self.opcode, self.fields, self.config)
        order, start = order_of(unit, busy.tolist(), latency.tolist(), self.deps, self.window)
        return self._encode(self._waits(order, unit), np.array(start, np.int64), latency)

    def _waits(self, order: list[int], unit: list[int]) -> list[Slot]:
        """The program order with the waits of every instruction as (unit, count of completions)."""
        units = len(Unit)
        # ordinal within its unit, counted from 1: the value of the semaphore once it has completed
        place = [0] * len(unit)
        # per unit and ordinal: completions known at its start
        clock: list[list[list[int]]] = [[] for _ in range(units)]
        slots: list[Slot] = []
        for index in order:
            u = unit[index]
            known = clock[u][-1] if clock[u] else [0] * units
            need = [0] * units
            for dep in self.deps[index]:
                need[unit[dep]] = max(need[unit[dep]], place[dep])
            wanted = [(v, n) for v, n in enumerate(need) if n > known[v]]
            implied = [clock[v][n - 1] for v, n in wanted]
            chosen = [(v, n) for i, (v, n) in enumerate(wanted)
                      if not any(j != i and implied[j][v] >= n for j in range(len(wanted)))]
            groups = [chosen[i:i + NUM_WAITS] for i in range(0, len(chosen), NUM_WAITS)] or [[]]
            for position, group in enumerate(groups):
                for v, n in group:
                    if len(clock[v]) - n >= MAX_DISTANCE:
                        raise CompileError(f"{self.opcode[index].name} {index} waits over {len(clock[v]) - n} "
                                           "instructions")
                    known = [max(pair) for pair in zip(known, clock[v][n - 1])]
                    known[v] = max(known[v], n)
                slots.append(Slot(index, position < len(groups) - 1, group))
                clock[u].append(known)
            place[index] = len(clock[u])
        return slots

    def _encode(self, slots: list[Slot], start: np.ndarray, latency: np.ndarray) -> Assembled:
        count = len(slots)
        code = np.zeros((count + 1, INSTRUCTION_BYTES), np.uint8)
        opcodes = [self.opcode[s.index] for s in slots]
        fields = [self.spare[o] | {"tag": self.fields[s.index]["tag"]} if s.spare else self.fields[s.index]
                  for o, s in zip(opcodes, slots)]
        wait = np.zeros((count, NUM_WAITS, 2), np.int64)
        for row, slot in enumerate(slots):
            for number, (v, n) in enumerate(slot.waits):
                wait[row, number] = SEMAPHORE_OF[Unit(v)], n % (1 << 16)
        kinds = np.array([int(o) for o in opcodes], np.int64)
        for opcode in set(opcodes):
            rows = np.flatnonzero(kinds == int(opcode))
            names = [f.name for f in PAYLOAD[opcode]] + ["tag", "count"]
            columns = {name: np.array([fields[r].get(name, 0) for r in rows], np.int64) for name in names}
            for number in range(NUM_WAITS):
                columns[f"wait{number}_sem"] = wait[rows, number, 0]
                columns[f"wait{number}_val"] = wait[rows, number, 1]
            columns["signal"] = np.full(len(rows), SEMAPHORE_OF[UNIT_OF[opcode]])
            code[rows] = encode_many(opcode, len(rows), **columns)
        code[count] = encode(Opcode.END)
        cycles, _ = cost.table(opcodes, fields, self.config)
        index = np.array([s.index for s in slots], np.int64)
        return Assembled(code, np.array([UNIT_OF[o] for o in opcodes], np.int64),
                         np.array([f["tag"] for f in fields], np.int64), cycles, cost.moved(opcodes, fields),
                         start[index],
                         start[index] + cycles + latency[index])
