"""Whole programs on two `tiny` cores, bad input, independence of the cores; a negative test of the comparison."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.config import load
from models.isa import Opcode, encode
from tb.top.harness import HBM_BASE, simulate_program, simulate_top
from tb.top.programs import REGION_BYTES

CORES = 2


def run(folder: Path, testcase: str, check: bool = True, **env: str):
    """One cocotb test on two cores."""
    memory = folder / "memory.bin"
    np.zeros(CORES * REGION_BYTES, np.uint8).tofile(memory)
    return simulate_top(load("tiny"), "tb.top.cocotb_top", memory, cores=CORES, testcase=testcase, check=check,
                        env={"FVGM_MEMORY": str(memory), **env})


@pytest.mark.parametrize("testcase", ["programs", "bad_input", "cores_are_independent", "host_errors"])
def test_top(testcase: str, tmp_path: Path) -> None:
    run(tmp_path, testcase)


def test_comparison_can_fail(tmp_path: Path) -> None:
    """A flipped bit in the expected image must fail the run."""
    results = run(tmp_path, "host_errors", check=False, FVGM_FLIP="1")
    assert results.failed == 1 and "bytes differ" in results.log.read_text()


def test_simulate_program() -> None:
    """The function behind `make sim`: memory, trace and counters of a copy."""
    memory = np.arange(1 << 14, dtype=np.int64).astype(np.uint8)
    copy = [encode(Opcode.LOAD, hbm_addr=HBM_BASE + 0x1000, rows=4, row_units=9, hbm_stride=0x100, buffer=2, row_step=9,
                   unit_step=1,
                   signal=1, tag=1),
            encode(Opcode.STORE, hbm_addr=HBM_BASE + 0x2000, rows=4, row_units=9, hbm_stride=0x100, buffer=2,
                   row_step=9, unit_step=1,
                   wait0_sem=1, wait0_val=1, tag=2),
            encode(Opcode.END)]
    memory[:192] = np.concatenate(copy)
    result = simulate_program(load("tiny"), memory, HBM_BASE, 3, (HBM_BASE, HBM_BASE + 0x2000),
                              (HBM_BASE + 0x2000, HBM_BASE + 0x4000), cores=CORES, fast=False)
    expected = memory.copy()
    for row in range(4):
        expected[0x2000 + row * 0x100:][:144] = memory[0x1000 + row * 0x100:][:144]
    assert np.array_equal(result.memory, expected)
    assert [(unit, kind, tag) for _, unit, kind, tag in result.trace] == [
        ("LOAD", "start", 1), ("LOAD", "done", 1), ("STORE", "start", 2), ("STORE", "done", 2)]
    assert result.cycles > result.trace[-1][0] and result.counters["read_beats"] == result.counters["write_beats"] == 20
