"""rtl/dspe against models/dspe.py.

Method: random sums of both precisions in random order, 1 to 40 steps, with and without idle cycles (garbage on every input), ended by
`last` or cut off by the next `first`; FP16 operands of every class; byte extremes; sums of 2^14 products of the largest magnitude. Checks:
all defined bits of the drain register in every cycle, so also the latency and that it holds; coverage goals. It does not prove: all pairs of
FP16 operands.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tb.common.runner import Results, simulate

HERE = Path(__file__).resolve().parent


# Latency, and place of the second row's INT8 sum in lane_t.
UNITS = {"fvgm_dspe": {"latency": 4, "row_lsb": 48, "unit": "plain"}, "fvgm_dspe_packed": {"latency": 10, "row_lsb": 32, "unit": "packed"}}


def run(unit: str = "fvgm_dspe", check: bool = True, **variables: int) -> Results:
    """One simulation; those of a unit share one build."""
    env = {f"FVGM_DSPE_{k.upper()}": str(v) for k, v in (UNITS[unit] | variables).items()}
    return simulate(unit, "tb.dspe.cocotb_dspe", name=unit.removeprefix("fvgm_"), env=env, check=check)


@pytest.mark.parametrize("unit", UNITS)
def test_random_sums(unit: str) -> None:
    """Model and RTL agree on every bit, and the coverage goals are met."""
    run(unit)


def test_flipped_bit_is_found() -> None:
    """One inverted bit in one cycle makes the scoreboard fail."""
    result = run(check=False, flip=1)
    assert result.failed == 1 and "1 errors, first: cycle 1000: drain_o" in result.log.read_text()


def test_missed_coverage_is_found() -> None:
    """Too few sums make the coverage fail."""
    result = run(check=False, count=3)
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()


def run_array(rows: int, cols: int, check: bool = True, **variables: int) -> Results:
    """One simulation of rows x cols chains; equal sizes share one build."""
    env = {f"FVGM_ARRAY_{k.upper()}": str(v) for k, v in {"rows": rows, "cols": cols, **variables}.items()}
    return simulate("fvgm_dspe_array_tb", "tb.dspe.cocotb_array", name=f"dspe_array_{rows}x{cols}",
                    parameters={"Rows": rows, "Cols": cols}, sources=[HERE / "fvgm_dspe_array_tb.sv"], env=env, check=check,
                    public_file=HERE / "array_public.vlt")


@pytest.mark.parametrize("rows, cols", [(1, 1), (2, 3)], ids=["1x1", "2x3"])
def test_array(rows: int, cols: int) -> None:
    """Tiles of both precisions, every bit and every cycle, and the coverage goals are met."""
    run_array(rows, cols)


def test_array_flipped_bit_is_found() -> None:
    """One inverted bit of one result makes the scoreboard fail."""
    result = run_array(1, 1, check=False, flip=1)
    assert result.failed == 1 and "1 errors, first: cycle" in result.log.read_text()


def test_array_missed_coverage_is_found() -> None:
    """Too few tiles make the coverage fail."""
    result = run_array(1, 1, check=False, count=5)
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()
