"""Tables of tasks on `tiny` cores (two, or FVGM_CORES); tables that stop; one outcome in any legal order; negative tests.

Method: tb/top/cocotb_tables.py runs FVGM_PROGRAMS (150) random programs in tables, in one simulation, against
models/core.run_tasks; the tests without a simulation vary the order in the model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import core as core_model
from models.config import load
from models.core import TasksResult
from models.isa import Cause
from tb.common.runner import Results
from tb.common.seed import rng as stream
from tb.top.harness import CORES, HBM_BASE, simulate_top
from tb.top.programs import REGION_BYTES
from tb.top.tables import Table, random_choice, random_table
from tb.top.task_slots import RESULTS, TABLE_BYTES

ORDERS = 6


def run(folder: Path, testcase: str, check: bool = True, **env: str) -> Results:
    """One cocotb test."""
    memory = folder / "memory.bin"
    np.zeros(max(TABLE_BYTES, CORES * REGION_BYTES), np.uint8).tofile(memory)  # own programs have a region a core
    return simulate_top(load("tiny"), "tb.top.cocotb_tables", memory, cores=CORES, testcase=f"\\.{testcase}$",
                        check=check, trace_file=folder / "trace",
                        env={"FVGM_MEMORY": str(memory), "FVGM_TRACE": str(folder / "trace"), **env})


@pytest.mark.parametrize("testcase", ["tables", "errors"])
def test_tables(testcase: str, tmp_path: Path) -> None:
    run(tmp_path, testcase)


def test_comparison_can_fail(tmp_path: Path) -> None:
    """A flipped bit in the expected image must fail the run."""
    results = run(tmp_path, "tables", check=False, FVGM_FLIP="1", FVGM_PROGRAMS="1")
    assert results.failed == 1 and "bytes differ" in results.log.read_text()


def model(table: Table, cores: int, **options: object) -> TasksResult:
    """The table in the model."""
    return core_model.run_tasks(load("tiny"), table.image, table.base, table.count, table.windows, table.slices, origin=HBM_BASE,
                                cores=cores, **options)


@pytest.mark.parametrize("cores", [1, 3])
def test_one_outcome(cores: int) -> None:
    """In random legal orders, every table leaves the same memory."""
    rng = stream(f"tables.orders.{cores}")
    for _ in range(6):
        table = random_table(rng, load("tiny"), cores, HBM_BASE, int(rng.integers(1, 30)))
        first = model(table, cores)
        assert first.cause == Cause.NONE
        for _ in range(ORDERS):
            other = model(table, cores, choose=random_choice(rng))
            assert other.cause == Cause.NONE and np.array_equal(other.memory, first.memory)


def test_missing_wait_is_found() -> None:
    """Without a wait that orders a task behind what it reads, random orders must differ (in most tables: the bytes that are read may
    lie beside those that were stored)."""
    rng = stream("tables.missing")
    found, number = 0, 20
    for _ in range(number):
        table = random_table(rng, load("tiny"), 2, HBM_BASE, 16)
        while not table.ordering:
            table = random_table(rng, load("tiny"), 2, HBM_BASE, 16)
        entry, waits = next(iter(table.ordering.items()))
        broken = table.without_wait(entry, min(waits))
        first = model(broken, 2).memory[RESULTS:]
        found += any(not np.array_equal(model(broken, 2, choose=random_choice(rng)).memory[RESULTS:], first) for _ in range(3 * ORDERS))
    assert found >= number // 2, f"{found} of {number} tables with a missing wait were found"
