"""The order of a table: list scheduling of tasks on all contexts of all cores, in estimated time.

A ready task of which a core holds the weight set starts on the core with most free contexts, the one with the longest
chain of tasks behind it first (its `rank`); inside a core every unit takes, among the heads of its contexts, the
instruction of the task with the highest priority. The order of the table is that of the starts, so that the task
queue, which sees `task_window` entries, finds what can run among the oldest. A weight set enters the table once every
task whose set it overwrites has started, and not more than `AHEAD` sets early, since it takes a context.

Times are those of compiler/cost.py: what the units take when memory answers at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from compiler.tasks import Order, Task, WeightSet
from models.isa import Unit

UNITS = len(Unit)
AHEAD = 2
PRIORITIES = 256
LEADS = (0, 1)
FEW = 10_000  # tasks of a table that is planned for every lead; a larger one only for the first


@dataclass(frozen=True)
class Template:
    """What tasks of equal structure share: `queue[u]` are a unit's instructions in order; `followers` and `missing` (number of
    dependencies) of each; `alone` are the cycles of the task when it has a core to itself."""

    queue: tuple[tuple[int, ...], ...]
    busy: tuple[int, ...]
    latency: tuple[int, ...]
    unit: tuple[int, ...]
    followers: tuple[tuple[int, ...], ...]
    missing: tuple[int, ...]
    alone: int


def template_of(order: Sequence[int], unit: Sequence[int], busy: Sequence[int], latency: Sequence[int], deps: Sequence[set[int]],
                alone: int) -> Template:
    """Of a program's instructions in their order."""
    queue: list[list[int]] = [[] for _ in range(UNITS)]
    for index in order:
        queue[unit[index]].append(index)
    followers: list[list[int]] = [[] for _ in unit]
    for index, before in enumerate(deps):
        for other in before:
            followers[other].append(index)
    return Template(tuple(map(tuple, queue)), tuple(busy), tuple(latency), tuple(unit), tuple(map(tuple, followers)),
                    tuple(len(d) for d in deps), alone)


def ranks(order: Order, alone: Sequence[int]) -> list[int]:
    """Cycles of the longest chain from the start of each task to the end of the table."""
    out = list(alone)
    for task in range(len(out) - 1, -1, -1):
        for other in order.direct[task]:
            out[other] = max(out[other], alone[other] + out[task])
    return out


def staggered(rank: Sequence[int], phase: Sequence[int], lead: float) -> list[int]:
    """Ranks raised by up to `lead` mean phases, most for the first tasks of a phase. What they enable then runs beside the phase's
    last tasks, so that phases that transfers bound mix with those that the matrix unit bounds."""
    size, seen, out = Counter(phase), Counter(), []
    step = lead * max(rank, default=0) / max(1, len(size))
    for r, p in zip(rank, phase):
        out.append(r + round(step * (1 - seen[p] / size[p])))
        seen[p] += 1
    return out


def priorities(rank: Sequence[int]) -> list[int]:
    """Ranks on the scale of a table's entry."""
    top = max(rank, default=1)
    return [min(PRIORITIES - 1, r * PRIORITIES // (top + 1)) for r in rank]


class _Run:
    """A task or the load of a weight set in a context."""

    __slots__ = ("core", "item", "key", "left", "missing", "pointer", "set", "start", "template")

    def __init__(self, item: int, template: Template, core: int, key: tuple[int, int], weights: WeightSet | None) -> None:
        self.item, self.template, self.core, self.key, self.set = item, template, core, key, weights
        self.left = len(template.unit)
        self.missing = list(template.missing)
        self.pointer = [0] * UNITS
        self.start = [0] * self.left


@dataclass
class Plan:
    """`sequence`: tasks by number, and weight sets as ~number; `start`: cycle of each instruction of a task (of a weight set on
    core 0), `core` of each task; `cycles` of the whole."""

    sequence: list[int]
    start: dict[int, list[int]]
    core: dict[int, int]
    cycles: int


class Planner:
    """The simulation; `run` gives the plan."""

    def __init__(self, tasks: Sequence[Task], sets: Sequence[WeightSet], order: Order, templates: dict[int, Template],
                 rank: Sequence[int], priority: Sequence[int], cores: int, contexts: int) -> None:
        self.tasks, self.sets, self.templates, self.rank, self.priority = tasks, sets, templates, rank, priority
        self.cores = range(cores)
        self.set_priority = [0] * len(sets)  # of the load of a weight set: that of the first task that wants it
        for number, task in enumerate(tasks):
            if task.set:
                self.set_priority[task.set.number] = max(self.set_priority[task.set.number], priority[number])
        self.free = [contexts] * cores
        self.followers, self.missing = order.followers(), [len(d) for d in order.direct]
        self.ready: dict[int, list[tuple[int, int]]] = defaultdict(list)  # by set number, -1: none; (-rank, task)
        self.unstarted = [0] * len(sets)
        for number, task in enumerate(tasks):
            if task.set:
                self.unstarted[task.set.number] += 1
        self.begun = [False] * len(sets)
        self.next_set = 0
        self.loading: list[set[int]] = [set() for _ in self.cores]  # sets in the table that a core has not begun to load
        self.held: list[set[int]] = [set() for _ in self.cores]
        self.running: list[dict[int, int]] = [defaultdict(int) for _ in self.cores]  # per core: set -> its tasks under way
        self.heads: list[list[list]] = [[[] for _ in range(UNITS)] for _ in self.cores]
        self.busy = [[False] * UNITS for _ in self.cores]
        self.events: list[tuple] = []
        self.count = 0
        self.plan = Plan([], {}, {}, 0)
        for number, count in enumerate(self.missing):
            if not count:
                self._offer(number)

    def _offer(self, number: int) -> None:
        weights = self.tasks[number].set
        heappush(self.ready[weights.number if weights else -1], (-self.rank[number], number))

    # --------------------------------------------------------------------------------------------------- weight sets

    def _enter_sets(self) -> None:
        """Weight sets whose turn has come enter the table."""
        while self.next_set < len(self.sets):
            new = self.sets[self.next_set]
            if new.number >= AHEAD and not self.begun[new.number - AHEAD]:
                return
            if any(self.unstarted[s.number] for s in self.sets[max(0, new.number - 64):new.number] if s.areas & new.areas):
                return
            self.plan.sequence.append(~new.number)
            for core in self.cores:
                self.loading[core].add(new.number)
            self.next_set += 1

    def _load_sets(self, now: int) -> bool:
        progress = False
        for core in self.cores:
            for number in sorted(self.loading[core]):
                new = self.sets[number]
                others = [n for n, count in self.running[core].items() if count and self.sets[n].areas & new.areas]
                if not self.free[core] or others or any(n < number and self.sets[n].areas & new.areas for n in self.loading[core]):
                    continue
                self.loading[core].remove(number)
                self.held[core] = {n for n in self.held[core] if not self.sets[n].areas & new.areas}
                self._begin(~number, core, now, new)
                progress = True
        return progress

    # --------------------------------------------------------------------------------------------------------- tasks

    def _start_tasks(self, now: int) -> bool:
        progress = False
        while True:
            best = None
            for core in sorted(self.cores, key=lambda c: (-self.free[c], c)):
                if not self.free[core]:
                    break
                for number in (-1, *self.held[core]):
                    heap = self.ready.get(number)
                    if heap and (best is None or heap[0] < best[0]) and self._allowed(heap[0][1], core):
                        best = (heap[0], core, number)
            if best is None:
                return progress
            (_, task), core, number = best
            heappop(self.ready[number])
            self.plan.sequence.append(task)
            self.plan.core[task] = core
            if number >= 0:
                self.begun[number] = True
                self.unstarted[number] -= 1
            self._begin(task, core, now, self.tasks[task].set)
            progress = True

    def _allowed(self, task: int, core: int) -> bool:
        cores = self.tasks[task].cores
        return cores is None or bool(cores >> core & 1)

    def _begin(self, item: int, core: int, now: int, weights: WeightSet | None) -> None:
        self.free[core] -= 1
        if weights:
            self.running[core][weights.number] += 1
        priority = self.priority[item] if item >= 0 else self.set_priority[~item]
        run = _Run(item, self.templates[item], core, (-priority, self.count), weights)
        self.count += 1
        for unit in range(UNITS):
            self._head(run, unit)
        if not run.left:
            self._over(run, now)

    # -------------------------------------------------------------------------------------------------- instructions

    def _head(self, run: _Run, unit: int) -> None:
        queue, at = run.template.queue[unit], run.pointer[unit]
        if at < len(queue) and not run.missing[queue[at]]:
            heappush(self.heads[run.core][unit], (run.key, run, queue[at]))

    def _issue(self, now: int) -> bool:
        progress = False
        for core in self.cores:
            for unit, heads in enumerate(self.heads[core]):
                if heads and not self.busy[core][unit]:
                    _, run, index = heappop(heads)
                    run.start[index] = now
                    self.busy[core][unit] = True
                    end = now + run.template.busy[index]
                    self.count += 1
                    heappush(self.events, (end, self.count, core, unit, None, index))
                    self.count += 1
                    heappush(self.events, (end + run.template.latency[index], self.count, core, unit, run, index))
                    run.pointer[unit] += 1
                    self._head(run, unit)
                    progress = True
        return progress

    def _complete(self, run: _Run, index: int, now: int) -> None:
        template = run.template
        for other in template.followers[index]:
            run.missing[other] -= 1
            unit = template.unit[other]
            queue = template.queue[unit]
            if not run.missing[other] and run.pointer[unit] < len(queue) and queue[run.pointer[unit]] == other:
                self._head(run, unit)
        run.left -= 1
        if not run.left:
            self._over(run, now)

    def _over(self, run: _Run, now: int) -> None:
        self.free[run.core] += 1
        if run.set:
            self.running[run.core][run.set.number] -= 1
        if run.item < 0:
            self.held[run.core].add(~run.item)
            if run.core == 0:
                self.plan.start[run.item] = run.start
            return
        self.plan.start[run.item] = run.start
        for other in self.followers[run.item]:
            self.missing[other] -= 1
            if not self.missing[other]:
                self._offer(other)

    def run(self) -> Plan:
        """The whole table."""
        now = 0
        while True:
            progress = True
            while progress:
                self._enter_sets()
                progress = self._load_sets(now)
                progress |= self._start_tasks(now)
            while self._issue(now):
                pass
            if not self.events:
                break
            now = self.events[0][0]
            while self.events and self.events[0][0] == now:
                _, _, core, unit, run, index = heappop(self.events)
                if run is None:
                    self.busy[core][unit] = False
                else:
                    self._complete(run, index, now)
        if len(self.plan.sequence) != len(self.tasks) + len(self.sets):
            raise AssertionError("tasks wait for one another in a circle")
        self.plan.cycles = now
        return self.plan
