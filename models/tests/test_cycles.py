"""models/cycles.py against sums made by hand, on programs of a few instructions.

Method: loads and GEMMs of known length; starts and ends follow exactly from the model's parameters. It does not prove that the
parameters are those of the RTL.
"""

from __future__ import annotations

import pytest

from models import core
from models.config import load
from models.cycles import Hbm, Timing, Work, instruction, simulate, work
from models.isa import Opcode, Precision, TaskKind, Unit, decode, encode

SIM, TIMING, HBM = load("sim"), Timing(), Hbm(latency=10)
CHECK, LATE = TIMING.check[Opcode.GEMM], TIMING.latency[Unit.MPU]
FIRST = HBM.latency + TIMING.hand_out + TIMING.first + HBM.latency  # start of the table -> the first instruction is looked at


def gemms(*cycles: int) -> Work:
    """A program of independent products."""
    n = len(cycles)
    return Work([int(Unit.MPU)] * n, list(cycles), [LATE] * n, [CHECK] * n, [()] * n, [0] * n)


def entry(**fields: int) -> dict[str, int]:
    """An entry of a table."""
    names = ["set", "areas", "priority", "signal0", "signal1"] + [f"wait{i}_{k}" for i in range(4) for k in ("event", "value")]
    return {n: 0 for n in names} | {"kind": int(TaskKind.TASK), "cores": 255} | fields


def end() -> dict[str, int]:
    return entry(kind=int(TaskKind.END))


def test_one_task() -> None:
    out = simulate(SIM, [entry(), end()], [gemms(1000, 500)], cores=1, timing=TIMING, hbm=HBM)
    assert out.cycles == FIRST + CHECK + 1000 + 500 + LATE + TIMING.task_end
    assert out.busy(Unit.MPU) == [1500 + LATE]


def test_contexts_share_the_unit_and_cores_the_queue() -> None:
    table, works = [entry()] * 4 + [end()], [gemms(1000)] * 4
    one = simulate(SIM, table, works, cores=1, timing=TIMING, hbm=HBM)
    two = simulate(SIM, table, works, cores=2, timing=TIMING, hbm=HBM)
    alone = simulate(SIM, table, works, cores=1, contexts=1, timing=TIMING, hbm=HBM)
    assert one.cycles == FIRST + CHECK + 4000 + LATE + TIMING.task_end
    assert two.cycles == pytest.approx(one.cycles - 2000, abs=3 * TIMING.hand_out)
    assert {t[2] for t in two.tasks} == {0, 1}
    assert alone.cycles >= 4 * (1000 + LATE)


def test_priority_and_events() -> None:
    table = [entry(priority=1), entry(priority=9), entry(wait0_event=3, wait0_value=1), entry(signal0=3), end()]
    out = simulate(SIM, table, [gemms(100, 100), gemms(100, 100), gemms(50), gemms(70)], cores=1, timing=TIMING, hbm=HBM)
    order = [t[4] for t in sorted(out.tasks)]
    assert order.index(1) < order.index(0) and order[-1] == 2


def test_a_wait_ends_with_the_completion() -> None:
    """The GEMM waits for the second of two loads, which share their unit."""
    late, checks = TIMING.latency[Unit.LOAD], TIMING.check[Opcode.LOAD]
    load_gemm = Work([int(Unit.LOAD)] * 2 + [int(Unit.MPU)], [100, 300, 1000], [late, late, LATE], [checks, checks, CHECK],
                     [(), (), ((int(Unit.LOAD), 2),)], [0, 1, 2])
    out = simulate(SIM, [entry(), end()], [load_gemm], cores=1, timing=TIMING, hbm=HBM)
    first = FIRST + checks
    assert [(s.start, s.done) for s in out.spans[:2]] == [(first, first + 100 + late), (first + 100, first + 400 + late)]
    begin = first + 400 + late + TIMING.wake
    assert (out.spans[2].start, out.spans[2].done, out.spans[2].tag) == (begin, begin + 1000 + LATE, 2)
    assert out.cycles == begin + 1000 + LATE + TIMING.task_end


def test_a_late_task_of_higher_priority_goes_first_in_its_core() -> None:
    table = [entry(priority=9, signal0=1), entry(priority=1), entry(priority=5, wait0_event=1, wait0_value=1), end()]
    out = simulate(SIM, table, [gemms(50), gemms(1000, 1000, 1000), gemms(100)], cores=1, timing=TIMING, hbm=HBM)
    assert [s.entry for s in sorted(out.spans, key=lambda s: s.start)] == [0, 1, 2, 1, 1]
    assert {s.context for s in out.spans} == {0, 1}, "the late task took the context of the first"


def test_work_of_a_program() -> None:
    """Cycles are those of the units; a bound of rows shortens, a bound of 0 takes the unit for a cycle; passes of the matrix unit add
    to its FP16 products."""
    program = [encode(Opcode.LOAD, rows=4, row_units=4, signal=1),
               encode(Opcode.GEMM, precision=Precision.FP16, m=16, n=8, k=64, batch=1, wait0_sem=1, wait0_val=1, signal=3, tag=7)]
    load_, gemm = (decode(i) for i in program)
    out = work([load_, gemm], [-1, -1], None, SIM, TIMING, HBM)
    assert out.unit == [Unit.LOAD, Unit.MPU] and out.waits == [(), ((Unit.LOAD, 1),)] and out.tag == [0, 7]
    # 4 rows of 2 beats, or of a burst's latency where more than `axi_slots` would have to be under way
    assert out.busy[0] == round(4 * max(2, (HBM.latency + TIMING.latency[Unit.LOAD]) / SIM.axi_slots))
    assert out.latency == [TIMING.latency[Unit.LOAD] + HBM.latency, LATE]
    whole = core.ideal_cycles(gemm, SIM)
    assert out.busy[1] == whole == 64
    assert instruction(gemm, 4, -1, SIM, TIMING, HBM) == (whole // 4, LATE)
    assert instruction(gemm, 0, -1, SIM, TIMING, HBM) == (1, 0)
    one = whole - instruction(gemm, -1, 1, SIM, TIMING, HBM)[0]
    assert instruction(gemm, -1, 1 + 2 * one, SIM, TIMING, HBM)[0] == whole + one


def test_a_join_ends() -> None:
    out = simulate(SIM, [entry(signal0=1), entry(wait0_event=1, wait0_value=1), end()], [gemms(10), gemms()], cores=1,
                   timing=TIMING, hbm=HBM)
    assert sorted(t[4] for t in out.tasks) == [0, 1]


def test_a_wait_that_never_holds_is_named() -> None:
    with pytest.raises(AssertionError, match="never hold"):
        simulate(SIM, [entry(wait0_event=1, wait0_value=1), end()], [gemms(1)], cores=1)
