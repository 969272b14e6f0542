"""models/cycles.py and models/unit_cycles.py against sums made by hand, on programs of a few instructions.

Method: the registers between two events are added up by hand from the RTL's pages (docs/dma.md, sfu.md, mpu.md, ru.md,
scheduler.md); starts and ends must follow exactly. That whole programs agree with the RTL is host/tests/test_cycles.py.
"""

from __future__ import annotations

import pytest

from models import core, unit_cycles
from models.config import load
from models.cycles import Timing, Work, simulate, work
from models.isa import Buffer, Opcode, Precision, RuOp, SfuOp, TaskKind, Unit, decode, encode
from models.scheduler_cycles import Core, _Context
from models.taskq import TaskQueue
from models.taskq_cycles import HandOuts
from models.timing import Events

SIM, LATENCY = load("sim"), 10
TIMING = Timing(latency=LATENCY)
# start of the table -> start of its first task -> its first instruction is before the check
BEGIN = TIMING.begin + LATENCY + 3 + TIMING.give
FIRST = BEGIN + TIMING.fetch + LATENCY + TIMING.offer
PUSHED = 4  # in the queue -> command (docs/scheduler.md)


def gemms(*steps: int) -> Work:
    """A program of independent products."""
    n = len(steps)
    return Work([int(Unit.MPU)] * n + [-1], [(s, s, s, 4, ()) for s in steps], [TIMING.check[Opcode.GEMM]] * n + [1], [()] * n, [False] * n,
                [0] * n)


def transfer(*bursts: int) -> unit_cycles.Item:
    """Bursts of a row, or of rows whose banks do not matter."""
    return bursts, 0, (0,) * len(bursts)


def entry(**fields: int) -> dict[str, int]:
    """An entry of a table."""
    names = ["set", "areas", "priority", "signal0", "signal1"] + [f"wait{i}_{k}" for i in range(4) for k in ("event", "value")]
    return {n: 0 for n in names} | {"kind": int(TaskKind.TASK), "cores": 255} | fields


END = entry(kind=int(TaskKind.END))


def run(table: list[dict[str, int]], works: list[Work], **options: int):
    """A table on `sim` with four contexts."""
    return simulate(SIM, [*table, END], works, timing=TIMING, **{"cores": 1} | options)


def test_one_task() -> None:
    out = run([entry()], [gemms(1000, 500)])
    assert out.tasks[0][0] == BEGIN
    start = out.spans[0].start
    assert 0 <= start - (FIRST + TIMING.check[Opcode.GEMM] + PUSHED) < SIM.contexts  # the contexts take turns
    assert out.spans[0].done == start + unit_cycles.Mpu.WALK + unit_cycles.Mpu.FEED + 999 + unit_cycles.Mpu.DRAIN + 4
    assert out.spans[1].done == out.spans[0].done + 500, "the second product follows in the array"
    assert out.tasks[0][1] == out.spans[1].done + TIMING.over and out.cycles == out.tasks[0][1] + TIMING.end
    assert out.array == [1500]


def test_rows_of_a_tile_leave_before_those_of_the_next() -> None:
    """docs/mpu.md: tiles of one step and four rows, last steps four cycles apart, in the next command, too; the first waits for none."""
    gemm = decode(encode(Opcode.GEMM, precision=Precision.INT8, m=12, n=8, k=8, batch=1, o_step=1))
    items = [unit_cycles.item(gemm, rows, -1, SIM) for rows in (-1, 10)]
    assert items == [(3, 12, 1, 4, ()), (3, 10, 1, 2, ())]
    mpu = unit_cycles.Mpu(SIM, LATENCY)
    fill = unit_cycles.Mpu.WALK + unit_cycles.Mpu.FEED + unit_cycles.Mpu.DRAIN
    assert [mpu.accept(now, i)[1] for now, i in zip((0, 1), items, strict=True)] == [fill + 2 * 4 + 4, fill + 5 * 4 + 2]


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


def test_an_entry_takes_its_turns_until_its_place_is_free() -> None:
    """Four tasks of a set that core 0 has and core 1 has not: the rotation looks at all, also at the one that is given out, for three
    cycles more."""
    own = {"set": 1, "areas": 1}
    table = [entry(kind=int(TaskKind.WEIGHTS), **own), *[entry(priority=p, **own) for p in (4, 3, 2, 1)], END]
    queue = TaskQueue(table, 2, 2, 4)
    hand_outs = HandOuts(queue, TIMING, Events(), lambda *_: None)
    queue.start(0, 0), queue.start(0, 1), queue.complete(0, 0)
    hand_outs.place, hand_outs.fresh = {e: e - 1 for e in queue.pending}, dict.fromkeys(queue.pending, 0)
    hand_outs.held = dict.fromkeys(queue.pending, True)
    hand_outs.may[1, 0] = 100
    hand_outs._hand_out(100)
    assert [hand_outs._wanted(100 + n) for n in range(TIMING.leave + 1)] == [[0, 1, 2, 3]] * TIMING.leave + [[1, 2, 3]]


def test_contexts_ask_for_instructions_in_turn() -> None:
    """The context that asked last stands back for one that begins in the same cycle."""
    core = Core(0, SIM, TIMING, Events(), lambda *_: None, None)
    for slot in range(2):
        core.contexts[slot] = _Context(gemms(1, 1, 1, 1), slot, 0, slot, 50)
    core.asker = 1
    core._ask(50), core._ask(52)
    assert [c.asked for c in core.contexts[:2]] == [4, 4] and core.contexts[0].arrived[0] == core.contexts[1].arrived[0] - 8


def test_hand_outs_to_a_core_take_four_cycles() -> None:
    assert [t[0] for t in sorted(run([entry()] * 3, [gemms(100)] * 3).tasks)] == [BEGIN, BEGIN + 4, BEGIN + 8]
    assert [t[0] for t in sorted(run([entry()] * 2, [gemms(100)] * 2, cores=2).tasks)] == [BEGIN, BEGIN + 3]


def test_a_wait_ends_with_the_completion() -> None:
    load_gemm = Work([int(Unit.LOAD)] * 2 + [int(Unit.MPU), -1], [transfer(8), transfer(*[32] * 9), (1000, 1000, 1000, 4, ())], [9, 9, 16, 1],
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


def test_transfers() -> None:
    """A burst a slot; more slots than bursts: a beat a cycle; a row crosses 4 KiB; a list costs its first address."""
    load_ = unit_cycles.Load(SIM, LATENCY)
    free, done = load_.accept(0, transfer(*[32] * 4))
    assert done == 4 * 32 + LATENCY + 6 and free == 4
    few = unit_cycles.Load(load("tiny"), 100)
    assert few.accept(0, transfer(*[8] * 40))[1] == pytest.approx(40 * (100 + 8 + 3) / 4, rel=0.05), "docs/dma.md: slots"
    long = [unit_cycles.Load(load("tiny"), 100).accept(0, transfer(*[8] * n))[1] for n in (64, 400)]
    assert long[1] - long[0] == pytest.approx(336 * (100 + 8 + 4) / 4, rel=0.01), "beyond EXACT_BURSTS at the same rate"
    f = decode(encode(Opcode.LOAD, hbm_addr=4096 - 64, hbm_stride=160, rows=2, row_units=9))
    assert unit_cycles.item(f, -1, -1, SIM) == ((2, 3, 5), 0, (0, 4, 0))
    assert unit_cycles.item(f | {"list": 1}, 1, -1, SIM) == ((2, 3), 7, (0, 4))
    store = unit_cycles.Store(SIM, LATENCY)
    assert store.accept(0, transfer(4))[1] == 7 + 3 + LATENCY + 1, "docs/dma.md: 7 to the first WVALID"


@pytest.mark.parametrize(("fields", "alone"), [
    ({"op": SfuOp.LAYERNORM, "rows": 64, "cols": 216, "affine": 1}, 3596), ({"op": SfuOp.QUANT, "rows": 1, "cols": 216}, 109),
    ({"op": SfuOp.LAYERNORM, "rows": 64, "cols": 16}, 478), ({"op": SfuOp.LAYERNORM, "rows": 1, "cols": 216}, 257),
    ({"op": SfuOp.SOFTMAX, "rows": 64, "cols": 64, "x_fp32": 1, "out_fp16": 1}, 595), ({"op": SfuOp.SOFTMAX, "rows": 1, "cols": 64, "out_fp16": 1}, 91),
    ({"op": SfuOp.RESIDUAL, "rows": 64, "cols": 216, "out_fp16": 1}, 1830), ({"op": SfuOp.QUANT, "rows": 64, "cols": 16}, 185)])
def test_special_functions(fields: dict[str, int], alone: int) -> None:
    """The measured cycles of docs/sfu.md, which counts from behind the cycle of acceptance: one more in the trace."""
    f = decode(encode(Opcode.SFU, **fields))
    assert unit_cycles.Sfu(SIM, LATENCY).accept(0, unit_cycles.item(f, -1, -1, SIM))[1] == alone + 1


@pytest.mark.parametrize(("rows", "cols", "fields", "alone"), [
    (256, 64, {"mask": 1}, 2348), (256, 64, {"mask": 1, "meta": 1}, 2348), (256, 64, {"mask": 1, "window": (2, 2, 2)}, 2367),
    (128, 192, {"window": (1, 1, 1)}, 1346), (64, 16, {"window": (4, 1, 1)}, 638), (1, 8, {"window": (1, 1, 1)}, 71),
    (64, 192, {"step": 1, "meta": 1}, 1103), (64, 192, {"step": 1, "meta": 1, "c_int8": 1}, 1486),
    (64, 192, {"step": 1, "meta": 1, "window": (2, 2, 2)}, 1410), (64, 192, {"step": 1, "meta": 1, "c_int8": 1, "window": (2, 2, 2)}, 1793),
    (64, 16, {"step": 1, "meta": 1, "c_int8": 1, "window": (4, 1, 1)}, 640)])
def test_similarity(rows: int, cols: int, fields: dict, alone: int) -> None:
    """The measured cycles of docs/su.md, grids of 16 x 16, references first in their windows; one more in the trace, but for FP16 rows of
    many slots."""
    sizes = dict(zip(("w0", "w1", "w2"), fields.get("window", (1, 1, 1)), strict=True))
    f = decode(encode(Opcode.SU, rows=rows, cols=cols, n1=16, n2=16, **{**fields, "window": int("window" in fields)}, **sizes))
    many = cols > 64 and not fields.get("c_int8")
    assert unit_cycles.item(f, -1, -1, SIM) == (alone + (not many),)


def test_special_functions_write_behind_the_mpu() -> None:
    """A tile of four rows and one step to bank 1, the next to bank 2, ...: one unit of SFU a tile, once it has come to the bank; with
    rows an odd number of units apart nobody waits."""
    residual = unit_cycles.item(decode(encode(Opcode.SFU, op=SfuOp.RESIDUAL, rows=8, cols=64, out_fp16=1, dst=Buffer.V, d_base=1, d_row=8,
                                              d_unit=1)), -1, -1, SIM)
    times = []
    for step in (8, 9):
        units = unit_cycles.pipes(SIM, LATENCY)
        done = units[Unit.SFU].accept(0, residual)[1]
        write, last = units[Unit.SFU].under_way[0][:2]
        start = write - unit_cycles.Mpu.WALK - unit_cycles.Mpu.FEED - unit_cycles.Mpu.DRAIN
        gemm = decode(encode(Opcode.GEMM, precision=Precision.INT8, m=4, n=256, k=8, batch=1, o_base=1, o_step=step))
        units[Unit.MPU].accept(start, unit_cycles.item(gemm, -1, -1, SIM))
        times.append(units[Unit.SFU].revise(done) - done)
        assert last - write == 63
    assert times == [32 * 4 - 31, 0]


def test_store_reads_behind_special_functions() -> None:
    """QUANT reads a pair of units from bank 0 on every second cycle: a store that comes to its bank follows, a beat in two cycles; also
    where SFU begins when the store is under way. In other banks it is ahead."""
    quant = unit_cycles.item(decode(encode(Opcode.SFU, op=SfuOp.QUANT, rows=1, cols=256)), -1, -1, SIM)
    times = []
    for bank, first in ((0, Unit.SFU), (0, Unit.STORE), (4, Unit.STORE)):
        units = unit_cycles.pipes(SIM, LATENCY)
        store = (4,), 0, (bank,)
        if first == Unit.SFU:
            units[Unit.SFU].accept(0, quant)
        done = units[Unit.STORE].accept(1, store)[1]
        units[Unit.SFU].accept(0, quant)
        assert units[Unit.SFU].reads[0][0] == 5 and units[Unit.STORE].read in (8, 9, 10, 11, 12)
        times.append(units[Unit.STORE].revise(done))
    assert times[0] == times[1] > times[2] == done
    layernorm = unit_cycles.item(decode(encode(Opcode.SFU, op=SfuOp.LAYERNORM, rows=1, cols=512)), -1, -1, SIM)
    units = unit_cycles.pipes(SIM, LATENCY)
    units[Unit.SFU].accept(0, layernorm)
    alone = unit_cycles.Store(SIM, LATENCY).accept(1, ((24,), 0, (0,)))[1]
    assert units[Unit.STORE].accept(1, ((24,), 0, (0,)))[1] == alone + 24, "behind the scan, each of 24 pairs refused once"


def test_recovery_writes_behind_the_mpu() -> None:
    """Pairs of units from bank 0 on, tiles of eight steps and four rows from bank 4 on: two pairs go, two cycles of waiting, four pairs
    until the second tile, four cycles of waiting."""
    gather = unit_cycles.item(decode(encode(Opcode.RU, rows=4, units=16)), -1, -1, SIM)
    units = unit_cycles.pipes(SIM, LATENCY)
    done = units[Unit.RU].accept(100, gather)[1]
    write = 100 + unit_cycles.Ru.FIRST + unit_cycles.Ru.WRITE
    gemm = decode(encode(Opcode.GEMM, precision=Precision.INT8, m=4, n=16, k=64, batch=1, o_base=4, o_step=8))
    fill = unit_cycles.Mpu.WALK + unit_cycles.Mpu.FEED + 7 + unit_cycles.Mpu.DRAIN
    units[Unit.MPU].accept(write - fill, unit_cycles.item(gemm, -1, -1, SIM))
    assert units[Unit.RU].revise(done) == done + 2 + 4
    units = unit_cycles.pipes(SIM, LATENCY)
    units[Unit.RU].accept(100, gather)
    gemm |= {"k": 32}
    units[Unit.MPU].accept(write - fill + 4, unit_cycles.item(gemm, -1, -1, SIM))
    assert units[Unit.RU].revise(done) == done + 2, "the second unit of a pair does not wait for the next tile"


def test_recovery_behind_special_functions() -> None:
    """docs/ru.md: 27 cycles and the reads; half the rate while SFU reads."""
    gather = unit_cycles.item(decode(encode(Opcode.RU, op=1, rows=64, units=4)), -1, -1, SIM)
    units = unit_cycles.pipes(SIM, LATENCY)
    done = units[Unit.RU].accept(0, gather)[1]
    assert done == 27 + 128 and units[Unit.RU].revise(done) == done
    units = unit_cycles.pipes(SIM, LATENCY)
    done = units[Unit.RU].accept(0, gather)[1]
    units[Unit.SFU].accept(0, unit_cycles.item(decode(encode(Opcode.SFU, op=SfuOp.QUANT, rows=64, cols=64)), -1, -1, SIM))
    late = units[Unit.RU].revise(done)
    assert late == done + 128 and units[Unit.RU].revise(late) == late


def test_an_extrapolating_recovery_goes_as_fast_as_special_functions_read() -> None:
    """docs/ru.md: a pair of units takes a read of c1 and one of c2, so its banks are those of SFU behind, at SFU's rate."""
    recover = unit_cycles.item(decode(encode(Opcode.RU, op=RuOp.RECOVER, rows=64, units=4, extrapolate=1)), -1, -1, SIM)
    assert recover == (256, 128, 0)
    units = unit_cycles.pipes(SIM, LATENCY)
    done = units[Unit.RU].accept(0, recover)[1]
    units[Unit.SFU].accept(0, unit_cycles.item(decode(encode(Opcode.SFU, op=SfuOp.QUANT, rows=64, cols=64)), -1, -1, SIM))
    assert units[Unit.RU].revise(done) == done == 27 + 256


def test_heads_of_two_contexts_take_turns() -> None:
    """Two heads of a unit wait for a completion of another unit: each is looked at every second cycle; alone, every cycle."""
    def delays(beats: int, entries: int) -> list[int]:
        waits = Work([int(Unit.LOAD), int(Unit.MPU), -1], [transfer(32, 32, beats), (9, 9, 9, 4, ())], [9, 16, 1],
                     [(), ((int(Unit.LOAD), 1),)], [False] * 2, [0, 1])
        spans = {(s.entry, s.unit): s for s in run([entry()] * entries, [waits] * entries).spans}
        return [spans[e, Unit.MPU].start - spans[e, Unit.LOAD].done for e in range(entries)]
    assert {d for beats in range(20, 24) for d in delays(beats, 1)} == {4}
    first = [delays(beats, 2)[0] for beats in range(20, 24)]
    assert first in ([4, 5, 4, 5], [5, 4, 5, 4]), "a completion a cycle later, the same start or two cycles later"
    assert [delays(beats, 2)[1] for beats in range(20, 24)] == [4] * 4, "the other waits alone then"
    third = [delays(beats, 3)[0] for beats in range(20, 26)]
    assert sorted(third) == [4, 4, 5, 5, 6, 6] and third[:3] == third[3:]


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
    assert out.item[0] == ((2, 2, 2, 2), 0, (0, 0, 0, 0))
    whole = core.ideal_cycles(gemm, SIM)
    assert out.item[1][:2] == (64, whole) == (64, 64)
    assert unit_cycles.item(gemm, 4, -1, SIM)[1] == whole // 4 and unit_cycles.item(gemm, 0, -1, SIM) is None
    assert unit_cycles.item(gemm, -1, 70, SIM)[1] == 70


def test_a_join_ends() -> None:
    out = run([entry(signal0=1), entry(wait0_event=1, wait0_value=1)], [gemms(10), gemms()])
    assert sorted(t[4] for t in out.tasks) == [0, 1]


def test_a_wait_that_never_holds_is_named() -> None:
    with pytest.raises(AssertionError, match="never hold"):
        run([entry(wait0_event=1, wait0_value=1)], [gemms(1)])
