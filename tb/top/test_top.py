"""Whole programs on two `tiny` cores, bad input, independence of the cores; a negative test of the comparison."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.config import load
from models.isa import Opcode, decode, encode
from tb.common.seed import rng as stream
from tb.top.harness import HBM_BASE, simulate_program, simulate_top
from tb.top.programs import REGION_BYTES, random_program

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


def unordered_stores(program: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of STOREs of one slot (tag) that touch the same bytes, of which the later does not wait for the earlier."""
    stores: dict[int, list[tuple[int, int, int]]] = {}
    found = []
    for index, f in enumerate(map(decode, program)):
        if f["opcode"] == Opcode.STORE:
            rows = f["bound"] if f["list"] else f["rows"]
            first, end = f["hbm_addr"], f["hbm_addr"] + (rows - 1) * f["hbm_stride"] + -(-f["row_units"] // 2) * 32
            waited = max((f[f"wait{w}_val"] for w in range(3) if f[f"wait{w}_sem"] == f["signal"]), default=0)
            before = stores.setdefault(f["tag"], [])
            found += [(i, index) for i, a, b in before[waited:] if first < b and a < end]
            before.append((index, first, end))
    return found


def test_overlapping_stores_wait() -> None:
    """The dma may finish STOREs under way together in any order: in random programs those of a slot that overlap wait."""
    rng, waits = stream("top.stores"), 0
    for _ in range(40):
        program = random_program(rng, load("tiny"), HBM_BASE, 16).instructions
        assert not unordered_stores(program)
        for raw in program:
            if raw[0] == Opcode.STORE:
                f = decode(raw)
                waits += f["wait2_sem"] == f["signal"]
    assert waits > 20


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
