"""Tasks and weight sets of a compilation, and which task must follow which.

Tasks are numbered in sequential order: executed one after another, they compute the right thing. `Order` keeps, for every
task, the tasks that it must follow directly, and all that come before it through them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from compiler.program import Program


@dataclass(frozen=True)
class Schedule:
    """What the ablations of the paper take away.

    * `bounds` worst: GEMM and SFU take the time of all rows, whatever su finds.
    * `partition` fixed: tile i of a phase goes to core i modulo cores.
    * `priority` False: all tasks are equal, the oldest ready one goes first.
    * `preload` False: no weights are loaded behind a phase that runs.
    * `overlap` False: no task starts before all tasks of the phase before are over.
    """

    bounds: Literal["counts", "worst"] = "counts"
    partition: Literal["dynamic", "fixed"] = "dynamic"
    priority: bool = True
    preload: bool = True
    overlap: bool = True


@dataclass
class WeightSet:
    """Panels and vectors of a phase in `count` areas from `first` on; `program` loads them."""

    number: int
    first: int
    count: int
    program: Program
    tag: int = 0
    name: str = ""

    @property
    def areas(self) -> int:
        """The mask of a table's entry."""
        return ((1 << self.count) - 1) << self.first


@dataclass
class Task:
    """One tile of one phase. `cores` are those that may do it, None: all. `name` and `tag` are for the report: the phase, and
    one of its operations."""

    program: Program
    phase: int
    name: str
    tag: int
    set: WeightSet | None = None
    cores: int | None = None
    after: set[int] = field(default_factory=set)


class Before:
    """A set of tasks: all below `floor`, and those of `bits` from there on. What lies behind a whole phase has few bits."""

    __slots__ = ("bits", "floor")

    def __init__(self, floor: int = 0, bits: int = 0) -> None:
        self.floor, self.bits = floor, bits

    def __contains__(self, task: int) -> bool:
        return task < self.floor or bool(self.bits >> (task - self.floor) & 1)

    def add(self, task: int, before: Before) -> None:
        """Join a task and those before it."""
        self.join(before)
        if task >= self.floor:
            self.bits |= 1 << (task - self.floor)

    def join(self, other: Before) -> None:
        """The union."""
        floor = max(self.floor, other.floor)
        self.bits = self.bits >> (floor - self.floor) | other.bits >> (floor - other.floor)
        self.floor = floor

    def settle(self) -> None:
        """Raise the floor over what is complete."""
        ones = (~self.bits & (self.bits + 1)).bit_length() - 1
        self.floor += ones
        self.bits >>= ones


class Order:
    """For every task in sequential order: `direct`, the tasks that it must wait for, newest first, and `before`, all that these
    imply."""

    def __init__(self, after: Sequence[Iterable[int]]) -> None:
        self.direct: list[list[int]] = []
        self.before: list[Before] = []
        for tasks in after:
            known, direct = Before(), []
            for task in sorted(tasks, reverse=True):
                if task not in known:
                    direct.append(task)
                    known.add(task, self.before[task])
            known.settle()
            self.direct.append(direct)
            self.before.append(known)

    def followers(self) -> list[list[int]]:
        """The reverse of `direct`."""
        out: list[list[int]] = [[] for _ in self.direct]
        for task, before in enumerate(self.direct):
            for other in before:
                out[other].append(task)
        return out
