"""Task queue: random tables against models/taskq.py.

Method: the environment plays memory and cores. Every hand-out must be legal for the model, and preferred among what has been legal
for as long as the hardware may need to see it (taskq_scoreboard.py); every table must come to its end, or to the error that was put
into it. Machines of 1 to 12 cores and 1 to 8 contexts. It does not prove the absence of deadlock: docs/taskq.md argues that.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tb.common.runner import ROOT, Results, simulate
from tb.taskq.stimulus import MEMORY_BYTES

SOURCES = (ROOT / "tb/common/axi_memory.cpp", ROOT / "tb/common/axi_memory.sv", ROOT / "tb/taskq/fvgm_taskq_tb.sv")
MACHINES = ("1x1x2", "2x2x4", "3x4x16", "4x8x8", "12x2x8")


def run(folder: Path, machine: str, testcase: str = "Tables", check: bool = True, **env: str) -> Results:
    """One run of the environment; `machine`: cores, contexts, places of the window."""
    memory = folder / "memory.bin"
    np.zeros(MEMORY_BYTES, np.uint8).tofile(memory)
    cores, contexts, window = machine.split("x")
    return simulate("fvgm_taskq_tb", "tb.taskq.cocotb_taskq", name=f"taskq/{machine}",
                    parameters={"NumCores": cores, "Contexts": contexts, "TaskWindow": window}, sources=SOURCES,
                    public_file=ROOT / "tb/taskq/public.vlt", plusargs=[f"+axi_memory={memory}"], testcase=testcase, check=check,
                    env={"FVGM_MEMORY": str(memory), "FVGM_MACHINE": machine, "FVGM_RUN": machine, **env})


@pytest.mark.parametrize("machine", MACHINES)
def test_taskq(machine: str, tmp_path: Path) -> None:
    run(tmp_path, machine)


@pytest.mark.parametrize("machine", ("2x2x4", "3x4x16"))
def test_latency_and_registers(machine: str, tmp_path: Path) -> None:
    run(tmp_path, machine, "Latency|registers")


def test_wrong_task_is_found(tmp_path: Path) -> None:
    """A tag that the scoreboard sees wrong by a bit must fail the run."""
    results = run(tmp_path, "2x2x4", check=False, FVGM_CORRUPT="tag")
    assert results.failed == 1 and "payload" in results.log.read_text()


def test_illegal_hand_out_is_found(tmp_path: Path) -> None:
    """A wait that only the scoreboard knows must fail the run."""
    results = run(tmp_path, "2x2x4", check=False, FVGM_CORRUPT="wait")
    assert results.failed == 1 and "may not go to core" in results.log.read_text()


def test_missed_coverage_is_found(tmp_path: Path) -> None:
    """Without tables the coverage must fail the run."""
    results = run(tmp_path, "2x2x4", check=False, FVGM_ROUNDS="0")
    assert results.failed == 1 and "coverage goals missed" in results.log.read_text()
