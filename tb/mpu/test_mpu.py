"""rtl/mpu against models/mpu.py.

Method: random programs of GEMM commands (every precision and layout, with every kind of leftover in m, n and k; random steps, bases,
batches and flags) on random images, back to back and with idles, under three degrees of back-pressure from vbuf. Checks: the whole
vbuf image, every bit; done_o once per command and not before its data; handshake assertions; coverage goals. Commands of one program
have disjoint results, as the scheduler's semaphores make them. It does not prove: sizes beyond the tiny configurations' buffers.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tb.common.runner import BUILD, Results, simulate
from tb.mpu.machines import machine as load
from tb.mpu.mpu_env import image_folder

HERE = Path(__file__).resolve().parent
FILL = 50  # cycles of feed, array, epilogue and last rows
SIZES = ("ChainRows", "ABufUnits", "BBufUnits", "VBufUnits", "PBufEntries", "RBufWords")


def measure(machine: str, fast: bool, values: str = "gaussian", shapes: str = "table") -> list[dict]:
    """Rows of the utilisation table, or of `ragged` shapes, measured on the RTL; also build/reports/mpu.json. `values`: operands
    (stimulus.images)."""
    report = BUILD / "reports" / "mpu.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    run(machine, module="cocotb_utilisation", fast=fast, report=str(report), values=values, shapes=shapes)
    return json.loads(report.read_text())


def run(machine: str, module: str = "cocotb_mpu", check: bool = True, fast: bool = False, **variables: str) -> Results:
    """Simulate one configuration."""
    parameters = {k: v for k, v in load(machine).rtl_parameters().items() if k in SIZES}
    env = {"FVGM_MPU_CONFIG": machine} | {f"FVGM_MPU_{k.upper()}": v for k, v in variables.items()}
    images = image_folder()
    try:
        return simulate("fvgm_mpu_tb", f"tb.mpu.{module}", name=f"mpu_{machine}" + "_fast" * fast, sources=[HERE / "fvgm_mpu_tb.sv"],
                        parameters=parameters, env=env, check=check, fast=fast, public_file=HERE / "public.vlt",
                        plusargs=[f"+images={images}"])
    finally:
        shutil.rmtree(images)


@pytest.mark.parametrize(("machine", "rounds"), [("tiny", 4), ("tall", 2), ("sim", 2)], ids=lambda v: str(v))
def test_random_programs(machine: str, rounds: int) -> None:
    """Model and RTL agree on every bit of vbuf, and the coverage goals are met."""
    run(machine, rounds=str(rounds))


def test_utilisation() -> None:
    """The table of docs/mpu.md, results compared: a pass per cycle, and no more than the pipeline's fill beside them."""
    for row in measure("sim", fast=False):
        assert row["passes"] < row["cycles"] <= row["passes"] + FILL, row
        assert row["precision"] == "fp16" or row["utilisation"] > 0.99, row


def test_rows_that_do_not_exist_take_no_pass() -> None:
    """Tiles with few rows, any bits behind them: the passes are those of the rows that exist."""
    for row in measure("sim", fast=False, shapes="ragged"):
        assert row["passes"] < row["cycles"] <= row["passes"] + FILL, row


def test_flipped_bit_is_found() -> None:
    """One inverted bit in one image makes the scoreboard fail."""
    result = run("tiny", check=False, flip="1")
    assert result.failed == 1 and "1 errors, first: vbuf[" in result.log.read_text()


def test_missed_coverage_is_found() -> None:
    """Too few programs make the coverage fail."""
    result = run("tiny", check=False, programs="2")
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()
