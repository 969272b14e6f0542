"""models/taskq_cycles.py against sums of registers made by hand (docs/taskq.md): the rotation, the hand-outs, who gets them.

Method: a queue is put into a state, and what follows must come in its cycle.
"""

from __future__ import annotations

from models.isa import TaskKind
from models.scheduler_cycles import Core
from models.taskq import TaskQueue
from models.taskq_cycles import HandOuts
from models.tests.tables import BEGIN, END, SIM, TIMING, entry, gemms, run
from models.timing import Events


def test_an_entry_takes_its_turns_until_its_place_is_free() -> None:
    """Four tasks of a set that core 0 has and core 1 has not: the rotation looks at all, also at the one that is given out, for three
    cycles more."""
    own = {"set": 1, "areas": 1}
    table = [entry(kind=int(TaskKind.WEIGHTS), **own), *[entry(priority=p, **own) for p in (4, 3, 2, 1)], END]
    queue = TaskQueue(table, 2, 2, 4)
    hand_outs = HandOuts(queue, TIMING, Events(), lambda *_: None)
    queue.start(0, 0), queue.start(0, 1), queue.complete(0, 0)
    hand_outs.place, hand_outs.fresh = {e: e - 1 for e in queue.pending}, dict.fromkeys(queue.pending, 0)
    hand_outs.held = dict.fromkeys(queue.pending, 0)
    hand_outs.may[1, 0] = 100
    hand_outs._choose(100), hand_outs._give(101, 1, [0])
    assert [hand_outs._wanted(100 + n) for n in range(TIMING.leave + 1)] == [[0, 1, 2, 3]] * TIMING.leave + [[1, 2, 3]]


def test_two_events_of_a_task_take_two_cycles() -> None:
    """An event a cycle is counted: of an end with two the first as always, the second and the free context a cycle later."""
    def noted(**events: int) -> list[tuple[int, int, int, int]]:
        queue, seen = TaskQueue([entry(**events), END], 1, 1, 4), []
        hand_outs = HandOuts(queue, TIMING, Events(), lambda *_: None)
        queue.start(0, 0)
        hand_outs._look = lambda now, *_: seen.append((now, queue.events[1], queue.events[2], queue.free(0)))
        hand_outs.over(100, 0, 0, 0)
        hand_outs.events.run()
        return seen
    first = 102  # taken in cycle 101
    assert noted(signal0=1) == [(first, 1, 0, 1)] and noted(signal1=2) == [(first, 0, 1, 1)]
    assert noted(signal0=1, signal1=2) == [(first, 1, 0, 0), (first + 1, 1, 1, 1)]


def test_ends_are_taken_by_core_and_context() -> None:
    """Three ends in one cycle: one a cycle is noted, that of the lowest core first, there of the lowest context."""
    queue, seen = TaskQueue([entry()] * 3 + [END], 2, 2, 4), []
    hand_outs = HandOuts(queue, TIMING, Events(), lambda *_: None)
    hand_outs._known = lambda now, number, *_: seen.append((now, number))
    for number, core, context in ((0, 1, 0), (1, 0, 1), (2, 0, 0)):
        hand_outs.over(100, number, core, context)
    hand_outs.events.run()
    assert seen == [(102, 2), (103, 1), (104, 0)]


def test_an_entry_takes_turns_until_its_waits_are_found() -> None:
    """A wait holds, but the rotation has not come to it: the entry has its turn, though its weights are still in the way; then no more."""
    own = {"set": 1, "areas": 1}
    table = [entry(kind=int(TaskKind.WEIGHTS), **own), entry(wait0_event=3, wait0_value=1, **own), entry(wait0_event=4, wait0_value=1), END]
    queue = TaskQueue(table, 1, 2, 4)
    hand_outs = HandOuts(queue, TIMING, Events(), lambda *_: None)
    hand_outs.place, hand_outs.fresh, hand_outs.held = {e: e for e in queue.pending}, dict.fromkeys(queue.pending, 0), {0: 0}
    queue.events[3] = 1
    assert hand_outs._wanted(100) == [1, 2]
    hand_outs.turn = 100, 2
    hand_outs._look(100)
    assert hand_outs.held[1] == 100 + TIMING.scan and [hand_outs._wanted(t) for t in (102, 103)] == [[1, 2], [2]]
    assert (1, 0) not in hand_outs.may


def test_entries_take_turns_by_place() -> None:
    """Six entries wait for an event, a seventh for another one: behind the last turn each has its own, and what it tells is known three cycles
    later. The seventh leaves: those whose turn is to come have it earlier."""
    table = [entry(wait0_event=3 + (e == 6), wait0_value=1) for e in range(7)]
    queue = TaskQueue([*table, END], 1, 2, 16)
    hand_outs = HandOuts(queue, TIMING, Events(), lambda *_: None)
    hand_outs.place, hand_outs.fresh = {e: e for e in queue.pending}, dict.fromkeys(queue.pending, 0)
    queue.events[3], hand_outs.turn = 1, (100, 2)
    hand_outs._look(100)
    assert hand_outs.held == {3: 103, 4: 104, 5: 105, 0: 107, 1: 108, 2: 109} and hand_outs.may[0, 0] == 107
    del queue.pending[6]
    hand_outs.turn = 102, 4
    hand_outs._look(102)
    assert hand_outs.held == {3: 103, 4: 104, 5: 105, 0: 106, 1: 107, 2: 108} and hand_outs.may[0, 0] == 106


def test_weights_that_come_in_this_cycle_go_first() -> None:
    """A choice sees what comes in its cycle, whichever is played first."""
    queue = TaskQueue([entry(priority=9), entry(kind=int(TaskKind.WEIGHTS), set=1, areas=1), END], 1, 2, 4)
    events, given = Events(), []
    hand_outs = HandOuts(queue, TIMING, events, lambda now, e, core: given.append(e))
    hand_outs.place, hand_outs.fresh, hand_outs.held, hand_outs.may = {0: 0}, {0: 0, 1: 100}, {0: 0, 1: 100}, {(0, 0): 0}
    hand_outs.freed = {1: 0}
    events.at(100, hand_outs._hand_out), events.at(100, hand_outs._admit, 1)
    events.run()
    assert given[0] == 1


def test_hand_outs_to_a_core_take_four_cycles() -> None:
    assert [t[0] for t in sorted(run([entry()] * 3, [gemms(100)] * 3).tasks)] == [BEGIN, BEGIN + 4, BEGIN + 8]
    assert [t[0] for t in sorted(run([entry()] * 2, [gemms(100)] * 2, cores=2).tasks)] == [BEGIN, BEGIN + 3]


def test_tasks_take_contexts_and_cores_as_they_are_free() -> None:
    """A core with a free context in this cycle gets nothing before the next; while an end waits to be noted, nothing at all; the lowest
    context is that of the cycle before a task starts; of two cores that may get a task the emptier one does, as it is a cycle later."""
    table = [entry(), entry(), entry(), END]
    queue = TaskQueue(table, 2, 1, 4)
    given = []
    hand_outs = HandOuts(queue, TIMING, Events(), lambda now, e, core: given.append((now, e, core)))
    hand_outs.place, hand_outs.fresh = {e: e for e in queue.pending}, dict.fromkeys(queue.pending, 0)
    hand_outs.held, hand_outs.may = dict.fromkeys(queue.pending, 0), {(e, c): 0 for e in range(3) for c in range(2)}
    hand_outs.opened, hand_outs.ends = [100, -1], [(1, 0, 99, 9)]
    hand_outs._choose(100)
    assert hand_outs.given < 100, "core 0 is free since this cycle, an end of core 1 waits"
    hand_outs._choose(101)
    assert hand_outs.given == 101
    hand_outs.ends, hand_outs.closed, hand_outs.events, hand_outs.given = [], [-1, 104], Events(), -10
    hand_outs._choose(104)
    assert [args for _, _, what, args in hand_outs.events.heap if what == hand_outs._give] == [(0, [0])], "core 1's end is taken just now"
    hand_outs.given = 101
    queue.running[0].append(9)
    hand_outs.events = Events()
    hand_outs._give(102, 0, [0, 1])
    hand_outs.events.run()
    assert given[0] == (101 + TIMING.give - 1, 0, 1)
    core = Core(0, SIM, TIMING, Events(), lambda *_: None, None)
    core.freed[0] = 50
    core.begin(51, gemms(1), 0, 0), core.begin(52, gemms(1), 1, 0)
    assert [c.entry if c else -1 for c in core.contexts[:2]] == [1, 0]
