"""models/cycles.py against sums made by hand, on programs of a few instructions.

Method: GEMMs of known length with exact times of the model's parameters. That it predicts the RTL is tested on the RTL
(tb/top/test_cycles.py).
"""

from __future__ import annotations

import pytest

from models.config import load
from models.cycles import Hbm, Timing, Work, simulate
from models.isa import Opcode, TaskKind, Unit

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


def test_a_join_ends() -> None:
    out = simulate(SIM, [entry(signal0=1), entry(wait0_event=1, wait0_value=1), end()], [gemms(10), gemms()], cores=1,
                   timing=TIMING, hbm=HBM)
    assert sorted(t[4] for t in out.tasks) == [0, 1]


def test_a_wait_that_never_holds_is_named() -> None:
    with pytest.raises(AssertionError, match="never hold"):
        simulate(SIM, [entry(wait0_event=1, wait0_value=1), end()], [gemms(1)], cores=1)
