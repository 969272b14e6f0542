"""The instructions of one program: emission with their dependencies, order, waits.

Lowering emits in *sequential* order: executed one after another, the instructions compute the right thing. From the
accesses that every instruction declares follow its dependencies; `schedule.order_of` then reorders within the
dependencies so that the units overlap, and `placed` turns dependencies into waits.

One semaphore per unit counts its completed instructions, so "instruction n of unit u has completed" is a wait for n +
1. What a wait implies transitively (the waits of the instruction waited for, and of everything earlier in the same
queue) is not waited for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compiler.errors import CompileError
from compiler.memory import Part, Shared, Tensor, Tracked
from models.isa import NUM_WAITS, UNIT_OF, Opcode, SliceBuffer, Unit

SEMAPHORE_OF = {unit: 1 + int(unit) for unit in Unit}
MAX_DISTANCE = 1 << 14  # semaphores compare as signed 16-bit differences; half of that range, for units that run ahead
ALL_SLICES = (1 << len(SliceBuffer)) - 1
Access = tuple[Tracked | Shared, Part]


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
class Slot:
    """One place of the program order: instruction `index`, or a spare one that carries some of its waits."""

    index: int
    spare: bool
    waits: tuple[tuple[int, int], ...]


class Program:
    """Collects the instructions of one task in sequential order.

    `number` is the task's: tensors in HBM keep the tasks that touch them, and `after` collects those that this task must
    follow. `unbounded` are the opcodes that take no count (ablation, compiler/model.py).
    """

    def __init__(self, number: int = 0, unbounded: frozenset[Opcode] = frozenset()) -> None:
        self.number, self.unbounded = number, unbounded
        self.opcode: list[Opcode] = []
        self.fields: list[dict[str, int]] = []
        self.deps: list[set[int]] = []
        self.after: set[int] = set()
        self.shares = False  # whether it uses the shared part of a buffer
        self._local: dict[int, Tracked] = {}

    def emit(self, opcode: Opcode, tag: int, reads: Iterable[Access], writes: Iterable[Access], **fields: int) -> int:
        """Append one instruction with what it reads and writes.

        Its addresses count from the slices of the context, except in buffers of which it uses the shared part. `expected` among
        the fields is an estimate of the rows of an instruction whose bound only the data knows; costs use it.
        """
        index, deps, slices = len(self.opcode), set(), ALL_SLICES
        for write, accesses in enumerate((reads, writes)):
            for tracked, part in accesses:
                if isinstance(tracked, Shared):
                    slices &= ~(1 << tracked.buffer)
                    self.shares = True
                    continue
                if isinstance(tracked, Tensor):
                    self.after |= (tracked.write if write else tracked.read)(part, self.number)
                    tracked = self._local.setdefault(id(tracked), Tracked())
                deps |= (tracked.write if write else tracked.read)(part, index)
        deps.discard(index)
        if opcode in self.unbounded:
            fields = {name: value for name, value in fields.items() if name not in ("count", "expected")}
        fields["tag"] = tag
        fields["slice"] = slices
        self.opcode.append(opcode)
        self.fields.append(fields)
        self.deps.append(deps)
        return index

    def close(self) -> None:
        """No more instructions follow."""
        self.after.discard(self.number)
        self._local.clear()

    @property
    def unit(self) -> list[int]:
        """Unit of every instruction."""
        return [int(UNIT_OF[o]) for o in self.opcode]


def placed(order: Sequence[int], unit: Sequence[int], deps: Sequence[set[int]]) -> list[Slot]:
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
        for dep in deps[index]:
            need[unit[dep]] = max(need[unit[dep]], place[dep])
        wanted = [(v, n) for v, n in enumerate(need) if n > known[v]]
        implied = [clock[v][n - 1] for v, n in wanted]
        chosen = [(v, n) for i, (v, n) in enumerate(wanted)
                  if not any(j != i and implied[j][v] >= n for j in range(len(wanted)))]
        groups = [chosen[i:i + NUM_WAITS] for i in range(0, len(chosen), NUM_WAITS)] or [[]]
        for position, group in enumerate(groups):
            for v, n in group:
                if len(clock[v]) - n >= MAX_DISTANCE:
                    raise CompileError(f"instruction {index} of a task waits over {len(clock[v]) - n} instructions")
                known = [max(pair) for pair in zip(known, clock[v][n - 1])]
                known[v] = max(known[v], n)
            slots.append(Slot(index, position < len(groups) - 1, tuple(group)))
            clock[u].append(known)
        place[index] = len(clock[u])
    return slots
