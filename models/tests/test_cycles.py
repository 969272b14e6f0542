"""models/cycles.py, its fetch and scheduler, against sums made by hand, on programs of a few instructions.

Method: the registers between two events are added up by hand from the RTL's pages (docs/scheduler.md, dma.md); starts and ends must follow
exactly. The task queue: test_taskq_cycles.py; the units: test_unit_cycles.py. That whole programs agree with the RTL is host/tests/test_cycles.py.
"""

from __future__ import annotations

import pytest

from models import core, unit_cycles
from models.cycles import Work, work
from models.fetch_cycles import Context, Fetch
from models.heads_cycles import Head, Heads
from models.isa import Buffer, Opcode, Precision, Unit, decode, encode
from models.scheduler_cycles import Core
from models.tests.tables import BEGIN, FIRST, LATENCY, PUSHED, SIM, TIMING, entry, gemms, run, transfer
from models.timing import Events


def test_one_task() -> None:
    out = run([entry()], [gemms(1000, 500)])
    assert out.tasks[0][0] == BEGIN
    start = out.spans[0].start
    assert 0 <= start - (FIRST + TIMING.check[Opcode.GEMM] + PUSHED) < SIM.contexts  # the contexts take turns
    assert out.spans[0].done == start + unit_cycles.Mpu.WALK + unit_cycles.Mpu.FEED + 999 + unit_cycles.Mpu.DRAIN + 4
    assert out.spans[1].done == out.spans[0].done + 500, "the second product follows in the array"
    assert out.tasks[0][1] == out.spans[1].done + TIMING.over and out.cycles == out.tasks[0][1] + TIMING.end
    assert out.array == [1500]


def test_contexts_share_the_unit_and_cores_the_queue() -> None:
    table, works = [entry()] * 4, [gemms(1000)] * 4
    one, two, alone = run(table, works), run(table, works, cores=2), run(table, works, contexts=1)
    assert one.array == [4000] and sorted(two.array) == [2000, 2000]
    assert 4000 < one.cycles < 4150 and 2000 < two.cycles < 2150 < 4 * 1040 < alone.cycles
    assert {t[3] for t in one.tasks} == {0, 1, 2, 3} and {t[3] for t in alone.tasks} == {0}


def test_priority_and_events() -> None:
    waiting = [entry(priority=1), entry(priority=9), entry(wait0_event=3, wait0_value=1), entry(signal0=3)]
    out = run([entry(), *waiting], [gemms(300), gemms(100, 100), gemms(100, 100), gemms(50), gemms(70)], contexts=1)
    assert [t[4] for t in sorted(out.tasks)] == [0, 2, 1, 4, 3]
    over, began = out.tasks[3][1], out.tasks[4][0]
    assert 9 <= began - over <= 9 + SIM.task_window, "the table of docs/taskq.md"


def test_contexts_ask_for_instructions_in_turn() -> None:
    """The context that asked last stands back for one that begins in the same cycle."""
    contexts = [Context(gemms(1, 1, 1, 1), slot, 0, slot, 50) for slot in range(2)]
    fetch = Fetch(contexts, 4, TIMING, Events(), lambda *_: None)
    fetch.asker = 1
    fetch.ask(50)
    assert [c.asked for c in contexts] == [0, 0], "its first request comes a cycle behind its start"
    fetch.ask(51), fetch.ask(53)
    assert [c.asked for c in contexts] == [4, 4] and contexts[0].arrived[0] == contexts[1].arrived[0] - 8
    full = Context(gemms(*[1] * 20), 0, 0, 0, 0)
    full.asked, full.front, full.taken = 8, 4, 60
    fetch = Fetch([full], 4, TIMING, Events(), lambda *_: None)
    fetch.ask(60)
    assert full.asked == 8, "the place of an instruction that is taken now is free in the next cycle"
    fetch.ask(61)
    assert full.asked == 12


def test_a_wait_ends_with_the_completion() -> None:
    load_gemm = Work([int(Unit.LOAD)] * 2 + [int(Unit.MPU), -1], [transfer(8), transfer(*[32] * 9), (1000, 1000, 0, 1000, 4, 0, ())], [9, 9, 16, 1],
                     [(), (), ((int(Unit.LOAD), 2),)], [False] * 3, [0, 1, 2])
    out = run([entry()], [load_gemm])
    assert out.spans[0].done - out.spans[0].start == 8 + LATENCY + 6, "docs/dma.md: 4 to ARVALID, 2 into the buffer, 1 to done"
    assert out.spans[2].start == out.spans[1].done + 4 and out.spans[2].tag == 2


def test_a_count_of_zero_takes_no_unit() -> None:
    program = gemms(1000, 1000)
    program.item[1], program.counted[1] = None, True
    out = run([entry()], [program])
    assert out.array == [1000] and out.spans[1].done == out.spans[0].done + 1, "completions stay in order"


def test_a_late_task_of_higher_priority_goes_first_in_its_core() -> None:
    table = [entry(priority=9, signal0=1), entry(priority=1), entry(priority=5, wait0_event=1, wait0_value=1)]
    out = run(table, [gemms(50), gemms(*[400] * 12), gemms(100)])
    order = [s.entry for s in sorted(out.spans, key=lambda s: s.start)]
    assert order[0] == 0 and order.index(2) < len(order) - 1


def test_heads_of_two_contexts_take_turns() -> None:
    """Two heads of a unit wait for a completion of another unit: each is looked at every second cycle; alone, every cycle."""
    def delays(beats: int, entries: int) -> list[int]:
        waits = Work([int(Unit.LOAD), int(Unit.MPU), -1], [transfer(32, 32, beats), (9, 9, 0, 9, 4, 0, ())], [9, 16, 1],
                     [(), ((int(Unit.LOAD), 1),)], [False] * 2, [0, 1])
        spans = {(s.entry, s.unit): s for s in run([entry()] * entries, [waits] * entries).spans}
        return [spans[e, Unit.MPU].start - spans[e, Unit.LOAD].done for e in range(entries)]
    assert {d for beats in range(20, 24) for d in delays(beats, 1)} == {4}
    first = [delays(beats, 2)[0] for beats in range(20, 24)]
    assert first in ([4, 5, 4, 5], [5, 4, 5, 4]), "a completion a cycle later, the same start or two cycles later"
    assert [delays(beats, 2)[1] for beats in range(20, 24)] == [4] * 4, "the other waits alone then"
    third = [delays(beats, 3)[0] for beats in range(20, 26)]
    assert sorted(third) == [4, 4, 5, 5, 6, 6] and third[:3] == third[3:]


def test_a_new_head_takes_turns_from_one_that_is_tested() -> None:
    """A head behind its wait needs another look for its count; the head that comes in that cycle is looked at first."""
    def ready(second: int) -> list[int]:
        done, heads = [[] for _ in Unit], Heads(TIMING)
        first = Head(0, 10, ((0, 1),), True, done)
        heads.add(first)
        done[0].append(20)
        heads.reckon()
        assert first.ready == 20 + TIMING.seen + TIMING.test + 1
        other = Head(1, second, (), False, done)
        heads.add(other)
        return [first.ready, other.ready]
    assert ready(30) == [24, 32]
    assert ready(22) == [25, 24], "the look for the count, two cycles behind that for the wait, is a cycle later"
    assert ready(21) == [24, 23], "between the two looks"


def test_one_completion_a_cycle_is_retired() -> None:
    """LOAD and STORE complete in one cycle: LOAD's waits hold a cycle earlier (docs/scheduler.md), whatever waits for which."""
    def starts(first: Unit, second: Unit) -> list[int]:
        done = 200
        events = Events()
        core = Core(0, SIM, TIMING, events, lambda *_: None, None)
        context = core.contexts[0] = Context(gemms(1, 1), 0, 0, 0, 0)
        for unit in (first, second):
            core.units[unit].retiring.append((done, context, [0]))
        events.at(done + 1, core._retire), events.at(done + 1, core._retire)
        events.run()
        return [context.done[u][0] - done for u in (Unit.LOAD, Unit.STORE)]
    assert starts(Unit.LOAD, Unit.STORE) == starts(Unit.STORE, Unit.LOAD) == [1, 2]


def test_a_command_waits_for_its_unit_and_an_end_may_come_earlier() -> None:
    """SU takes a command a cycle behind the end of the one before; what is done earlier than was thought completes earlier."""
    fields = {"mask": 1, "rows": 4, "cols": 8, "n1": 4, "n2": 1, "w0": 1, "w1": 1, "w2": 1}
    su = unit_cycles.item(decode(encode(Opcode.SU, **fields)), -1, 0, SIM)
    twice = Work([int(Unit.SU)] * 2 + [-1], [su, su], [1, 1, 1], [(), ()], [False] * 2, [0, 0])
    first, second = run([entry()], [twice], contexts=1).spans
    assert second.start == first.done + 1
    core = Core(0, SIM, TIMING, Events(), lambda *_: None, None)
    context = Context(twice, 0, 0, 0, 0)
    for now in (10, 11):
        core.units[Unit.LOAD].register, core.units[Unit.LOAD].enters = (context, 0), now
        context.work.item[0] = transfer(8)
        core._start(now, Unit.LOAD)
    done = core.units[Unit.LOAD].due
    core.pipes.pipes[Unit.LOAD].under_way[0].done = done - 5
    core.pipes.settle = lambda now: [Unit.LOAD]
    core._settle(12)
    assert core.units[Unit.LOAD].due == done - 5


def test_an_end_that_comes_last_ends_the_task() -> None:
    """END passes the check when all is done: the task is over a cycle later; else two behind the last completion."""
    def over(left: int) -> int:
        events, out = Events(), []
        core = Core(0, SIM, TIMING, events, lambda now, *_: out.append(now), None)
        context = core.contexts[0] = Context(gemms(*[1] * left), 0, 0, 0, 0)
        context.front = left + 1
        events.at(100, core._push, context, left)
        if left:
            core.units[Unit.MPU].retiring.append((200, context, [0]))
            events.at(201, core._retire)
        events.run()
        return out[0]
    assert over(0) == 101 and over(1) == 200 + TIMING.over == 202


def test_a_count_without_waits_takes_no_test_of_its_own() -> None:
    """docs/scheduler.md: three cycles from head to head, whether a count bounds them or not; two more behind a wait."""
    def starts(counted: bool, wait: bool) -> list[int]:
        skipped = Work([int(Unit.LOAD)] + [int(Unit.MPU)] * 4 + [-1], [transfer(8)] + [None] * 4, [1] * 6,
                       [()] + [((int(Unit.LOAD), 1),) if wait else ()] * 4, [counted] * 5, [0] * 5)
        return [s.start for s in run([entry()], [skipped]).spans if s.unit == Unit.MPU]
    free, held = starts(True, False), starts(True, True)
    assert free == starts(False, False)
    assert [b - a for a, b in zip(held, held[1:], strict=False)] == [3 + TIMING.test] * 3
    assert held[0] == starts(False, True)[0] + TIMING.test


def test_work_of_a_program() -> None:
    """A bound of rows shortens, a bound of 0 skips; passes lengthen FP16 products."""
    program = [encode(Opcode.LOAD, rows=4, row_units=4, hbm_stride=64, signal=1),
               encode(Opcode.GEMM, precision=Precision.FP16, m=16, n=8, k=64, batch=1, wait0_sem=1, wait0_val=1, signal=3, tag=7)]
    load_, gemm = (decode(i) for i in program)
    out = work([load_, gemm], [-1, -1], [-1, -1], SIM, TIMING, base=64 * 130)
    assert out.unit == [Unit.LOAD, Unit.MPU, -1] and out.waits == [(), ((Unit.LOAD, 1),)] and out.tag == [0, 7] and out.page == 2
    (beats, _, _), = out.item[0][0]
    assert beats == (2, 2, 2, 2) and out.item[0][1:] == (0, Buffer.A)
    whole = core.ideal_cycles(gemm, SIM)
    assert out.item[1][:2] == (64, whole) == (64, 64)
    assert unit_cycles.item(gemm, 4, -1, SIM)[1] == whole // 4 and unit_cycles.item(gemm, 0, -1, SIM) is None
    assert unit_cycles.item(gemm, -1, 70, SIM)[1] == unit_cycles.item(gemm, -1, (14, *[8] * 7), SIM)[1] == 70


def test_a_join_ends() -> None:
    out = run([entry(signal0=1), entry(wait0_event=1, wait0_value=1)], [gemms(10), gemms()])
    assert sorted(t[4] for t in out.tasks) == [0, 1]


def test_a_wait_that_never_holds_is_named() -> None:
    with pytest.raises(AssertionError, match="never hold"):
        run([entry(wait0_event=1, wait0_value=1)], [gemms(1)])
