"""Scheduler: random programs against models/scheduler.py, every cause, a negative test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.config import load
from tb.common.runner import ROOT, Results, simulate
from tb.scheduler.stimulus import MEMORY_BYTES

SOURCES = (ROOT / "tb/common/axi_memory.cpp", ROOT / "tb/common/axi_memory.sv",
           ROOT / "tb/scheduler/fvgm_scheduler_tb.sv")


def run(folder: Path, config: str, testcase: str = "SchedulerTest", check: bool = True, **env: str) -> Results:
    """One run of an environment with the sizes of a configuration."""
    memory = folder / "memory.bin"
    np.zeros(MEMORY_BYTES, np.uint8).tofile(memory)
    names = ("ABufUnits", "BBufUnits", "VBufUnits", "PBufEntries", "RBufWords", "MBufEntries", "QueueDepth", "Contexts")
    parameters = {n: v for n, v in load(config).rtl_parameters().items() if n in names}
    return simulate("fvgm_scheduler_tb", "tb.scheduler.cocotb_scheduler", name=f"scheduler/{config}",
                    parameters=parameters,
                    sources=SOURCES, public_file=ROOT / "tb/scheduler/public.vlt", plusargs=[f"+axi_memory={memory}"],
                    testcase=testcase, check=check,
                    env={"FVGM_MEMORY": str(memory), "FVGM_CONFIG": config, "FVGM_RUN": config, **env})


@pytest.mark.parametrize("config", ["tiny", "sim"])
def test_scheduler(config: str, tmp_path: Path) -> None:
    run(tmp_path, config)


@pytest.mark.parametrize("config", ["tiny", "sim"])
def test_session(config: str, tmp_path: Path) -> None:
    """Several tasks at a time: 2 contexts (tiny), 4 (sim)."""
    run(tmp_path, config, "SessionTest")


def test_scoreboard_can_fail(tmp_path: Path) -> None:
    """A flipped payload bit of one command must fail the run."""
    results = run(tmp_path, "tiny", check=False, FVGM_CORRUPT="7")
    assert results.failed == 1 and "another payload" in results.log.read_text()


def test_wrong_count_is_found(tmp_path: Path) -> None:
    """Counts that the scoreboard sees wrong by a bit must fail the run."""
    results = run(tmp_path, "tiny", check=False, FVGM_CORRUPT_COUNTS="2")
    assert results.failed == 1 and "AssertionError: instruction" in results.log.read_text()


def test_missed_coverage_is_found(tmp_path: Path) -> None:
    """Without programs the coverage must fail the run."""
    results = run(tmp_path, "tiny", check=False, FVGM_ROUNDS="0")
    assert results.failed == 1 and "coverage goals missed" in results.log.read_text()
