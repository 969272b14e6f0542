"""models/cycles.py and models/unit_cycles.py against sums made by hand, on programs of a few instructions.

Method: the registers between two events are added up by hand from the RTL's pages (docs/dma.md, sfu.md, mpu.md, ru.md,
scheduler.md); starts and ends must follow exactly. That whole programs agree with the RTL is host/tests/test_cycles.py.
"""

from __future__ import annotations

import pytest

from models import core, unit_cycles
from models.config import load
from models.cycles import Timing, Work, simulate, work
from models.isa import Opcode, Precision, SfuOp, TaskKind, Unit, decode, encode

SIM, LATENCY = load("sim"), 10
TIMING = Timing(latency=LATENCY)
# start of the table -> start of its first task -> its first instruction is before the check
BEGIN = TIMING.begin + LATENCY + 3 + TIMING.give
FIRST = BEGIN + TIMING.fetch + LATENCY + TIMING.offer
PUSHED = 4  # in the queue -> command (docs/scheduler.md)


def gemms(*steps: int) -> Work:
    """A program of independent products."""
    n = len(steps)
    return Work([int(Unit.MPU)] * n + [-1], [(s, s, 4, 4) for s in steps], [TIMING.check[Opcode.GEMM]] * n + [1], [()] * n, [False] * n,
                [0] * n)


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


def test_hand_outs_to_a_core_take_four_cycles() -> None:
    assert [t[0] for t in sorted(run([entry()] * 3, [gemms(100)] * 3).tasks)] == [BEGIN, BEGIN + 4, BEGIN + 8]
    assert [t[0] for t in sorted(run([entry()] * 2, [gemms(100)] * 2, cores=2).tasks)] == [BEGIN, BEGIN + 3]


def test_a_wait_ends_with_the_completion() -> None:
    load_gemm = Work([int(Unit.LOAD)] * 2 + [int(Unit.MPU), -1], [((8,), 0), ((32,) * 9, 0), (1000, 1000, 4, 4)], [9, 9, 16, 1],
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
    free, done = load_.accept(0, ((32,) * 4, 0))
    assert done == 4 * 32 + LATENCY + 6 and free == 4
    few = unit_cycles.Load(load("tiny"), 100)
    assert few.accept(0, ((8,) * 40, 0))[1] == pytest.approx(40 * (100 + 8 + 3) / 4, rel=0.05), "docs/dma.md: slots"
    long = [unit_cycles.Load(load("tiny"), 100).accept(0, ((8,) * n, 0))[1] for n in (64, 400)]
    assert long[1] - long[0] == pytest.approx(336 * (100 + 8 + 4) / 4, rel=0.01), "beyond EXACT_BURSTS at the same rate"
    f = decode(encode(Opcode.LOAD, hbm_addr=4096 - 64, hbm_stride=160, rows=2, row_units=9))
    assert unit_cycles.item(f, -1, -1, SIM) == ((2, 3, 5), 0)
    assert unit_cycles.item(f | {"list": 1}, 1, -1, SIM) == ((2, 3), 7)
    store = unit_cycles.Store(SIM, LATENCY)
    assert store.accept(0, ((4,), 0))[1] == 7 + 3 + LATENCY + 1, "docs/dma.md: 7 to the first WVALID"


@pytest.mark.parametrize(("fields", "alone"), [
    ({"op": SfuOp.LAYERNORM, "rows": 64, "cols": 216, "affine": 1}, 3596), ({"op": SfuOp.QUANT, "rows": 1, "cols": 216}, 109),
    ({"op": SfuOp.LAYERNORM, "rows": 64, "cols": 16}, 478), ({"op": SfuOp.LAYERNORM, "rows": 1, "cols": 216}, 257),
    ({"op": SfuOp.SOFTMAX, "rows": 64, "cols": 64, "x_fp32": 1, "out_fp16": 1}, 595), ({"op": SfuOp.SOFTMAX, "rows": 1, "cols": 64, "out_fp16": 1}, 91),
    ({"op": SfuOp.RESIDUAL, "rows": 64, "cols": 216, "out_fp16": 1}, 1830), ({"op": SfuOp.QUANT, "rows": 64, "cols": 16}, 185)])
def test_special_functions(fields: dict[str, int], alone: int) -> None:
    """The measured cycles of docs/sfu.md, which counts from the cycle of acceptance, not behind it: one less, one more in the trace."""
    f = decode(encode(Opcode.SFU, **fields))
    assert unit_cycles.Sfu(SIM, LATENCY).accept(0, unit_cycles.item(f, -1, -1, SIM))[1] == pytest.approx(alone, abs=1)


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


def test_work_of_a_program() -> None:
    """A bound of rows shortens, a bound of 0 skips; passes lengthen FP16 products."""
    program = [encode(Opcode.LOAD, rows=4, row_units=4, hbm_stride=64, signal=1),
               encode(Opcode.GEMM, precision=Precision.FP16, m=16, n=8, k=64, batch=1, wait0_sem=1, wait0_val=1, signal=3, tag=7)]
    load_, gemm = (decode(i) for i in program)
    out = work([load_, gemm], [-1, -1], [-1, -1], SIM, TIMING, base=64 * 130)
    assert out.unit == [Unit.LOAD, Unit.MPU, -1] and out.waits == [(), ((Unit.LOAD, 1),)] and out.tag == [0, 7] and out.page == 2
    assert out.item[0] == ((2, 2, 2, 2), 0)
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
