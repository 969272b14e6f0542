"""Events of a table: signals and waits that give every task what it must wait for.

A task that few others wait for one by one signals an event of its own use. Where a task waits for many (all frames of a
position, all tiles of a frame), those many are cut into *groups* that the same tasks wait for, and each group shares an
event: the wait is for all of its signals.

A use of an event begins when the one before is over: its tasks wait for all signals before theirs, unless what they wait
for anyway implies that. So a wait for value n is for the first n signals in the order of the table and no others. Events
are taken up again the one that was idle for longest first; that old a wait costs nothing.

A task that would need too many waits follows a *join*: a task of no instructions that waits for a part of them.
`check.py` verifies the finished table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from compiler.errors import CompileError
from compiler.tasks import Before, Order
from models.isa import NUM_EVENTS, NUM_TASK_WAITS

SPARE_WAITS = 1  # for the use before of each event that a task signals
TRIES = 8  # events that are looked at for one whose past is implied


@dataclass
class Node:
    """A task (its number) or a join (None) of the table."""

    task: int | None
    before: Before
    direct: list[int]
    signals: list[int] = field(default_factory=list)  # groups
    needs: list[int] = field(default_factory=list)  # groups
    waits: list[tuple[int, int]] = field(default_factory=list)  # (event, value)
    events: list[int] = field(default_factory=list)


def nodes_of(order: Order, sequence: Sequence[int]) -> list[Node]:
    """Signals and waits for the tasks in the order of the table, joins between them."""
    plan = _Groups(order, sequence)
    _assign(plan.nodes, plan.groups)
    return plan.nodes


class _Groups:
    """Which tasks signal together, and the joins. A group is a list of places in `nodes`."""

    def __init__(self, order: Order, sequence: Sequence[int]) -> None:
        self.order = order
        self.nodes: list[Node] = []
        self.groups: list[list[int]] = []
        self.single: dict[int, int] = {}  # task -> group of it alone
        self.cell: dict[int, int] = {}  # task -> group that it shares
        self.joined: dict[tuple[int, ...], int] = {}
        self.place: dict[int, int] = {}
        self._cells()
        for task in sequence:
            needs = self._reduced(self._wanted(task), self._most(task))
            self.place[task] = len(self.nodes)
            self.nodes.append(Node(task, order.before[task], order.direct[task], needs=needs))
        for table in (self.single, self.cell):
            for task, group in table.items():
                self.groups[group].append(self.place[task])
        for number, group in enumerate(self.groups):
            group.sort()
            for place in group:
                if number not in self.nodes[place].signals:
                    self.nodes[place].signals.append(number)

    def _group(self) -> int:
        self.groups.append([])
        return len(self.groups) - 1

    def _most(self, task: int) -> int:
        """Groups that a task may wait for: one that shares an event may have a second one of its own."""
        return NUM_TASK_WAITS - SPARE_WAITS * (2 if task in self.cell else 1)

    def _cells(self) -> None:
        """Tasks that exactly the same others wait for, among those who wait for too many."""
        few: set[int] = set()  # tasks that would share an event
        for _ in range(2):  # those in turn may wait for one less
            wanted = {tuple(d) for t, d in enumerate(self.order.direct)
                      if len(d) > NUM_TASK_WAITS - SPARE_WAITS * (2 if t in few else 1)}
            members: dict[int, list[int]] = defaultdict(list)
            for number, tasks in enumerate(sorted(wanted)):
                for task in tasks:
                    members[task].append(number)
            cells: dict[tuple[int, ...], list[int]] = defaultdict(list)
            for task, numbers in members.items():
                cells[tuple(numbers)].append(task)
            few = {task for tasks in cells.values() if len(tasks) > 1 for task in tasks}
        for tasks in cells.values():
            if len(tasks) == 1:
                self._one(tasks[0])
                continue
            group = self._group()
            for task in tasks:
                self.cell[task] = group

    def _one(self, task: int) -> int:
        if task not in self.single:
            self.single[task] = self._group()
        return self.single[task]

    def _wanted(self, task: int) -> list[int]:
        """Groups that cover what a task must follow, and nothing else."""
        direct = self.order.direct[task]
        if len(direct) <= self._most(task):
            return [self._one(other) for other in direct]
        return list(dict.fromkeys(self.cell[other] if other in self.cell else self._one(other) for other in direct))

    def _reduced(self, needs: list[int], most: int) -> list[int]:
        """At most so many groups, by joins."""
        while len(needs) > most:
            part, needs = tuple(needs[:NUM_TASK_WAITS - SPARE_WAITS]), needs[NUM_TASK_WAITS - SPARE_WAITS:]
            if part not in self.joined:
                group = self.joined[part] = self._group()
                self.groups[group].append(len(self.nodes))
                self.nodes.append(Node(None, Before(), [], signals=[group], needs=list(part)))
            needs.append(self.joined[part])
        return needs


def _assign(nodes: list[Node], groups: list[list[int]]) -> None:
    """Events for the groups, in the order in which they begin; waits follow."""
    starting: dict[int, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        starting[group[0]].append(number)
    idle = [(-1, event) for event in range(1, NUM_EVENTS)]  # (place of the last signal, event)
    heapify(idle)
    past: dict[int, list[int]] = defaultdict(list)  # event -> places of the use before
    total: dict[int, int] = defaultdict(int)
    event_of: dict[int, int] = {}
    value_of: dict[int, int] = {}
    for place, node in enumerate(nodes):
        if node.task is None:
            for group in node.needs:
                for other in groups[group]:
                    if nodes[other].task is not None:
                        node.before.add(nodes[other].task, nodes[other].before)
        node.waits += [(event_of[g], value_of[g]) for g in node.needs]
        for number in starting[place]:
            group = groups[number]
            event, implied = _choose(nodes, group, idle, past, place)
            event_of[number] = event
            if not implied:
                for member in group:
                    if not _implied(nodes, member, past[event]):
                        nodes[member].waits.append((event, total[event]))
            total[event] += len(group)
            value_of[number] = total[event]
            past[event] = group
            heappush(idle, (group[-1], event))
        node.events = [event_of[g] for g in node.signals]
        if len(node.waits) > NUM_TASK_WAITS or len(node.events) > 2:
            raise AssertionError(f"entry {place}: {len(node.waits)} waits, {len(node.events)} signals")
    if max(total.values(), default=0) >= 1 << 15:
        raise CompileError(f"an event of the task table would count to {max(total.values())}")


def _implied(nodes: list[Node], member: int, past: list[int]) -> bool:
    return all(nodes[p].task is not None and nodes[p].task in nodes[member].before for p in past)


def _choose(nodes: list[Node], group: list[int], idle: list[tuple[int, int]], past: dict[int, list[int]],
            place: int) -> tuple[int, bool]:
    """An event whose last use lies in front of the group: one whose past the group implies, else the one idle for longest."""
    tried, chosen = [], None
    while idle and len(tried) < TRIES and idle[0][0] < place:
        tried.append(heappop(idle))
        if all(_implied(nodes, member, past[tried[-1][1]]) for member in group):
            chosen = tried.pop()
            break
    implied = chosen is not None
    if chosen is None:
        if not tried:
            raise CompileError(f"the task table needs more than {NUM_EVENTS - 1} events at entry {place}")
        chosen = tried.pop(0)
    for item in tried:
        heappush(idle, item)
    return chosen[1], implied
