"""rtl/fp against models/numerics.py.

Method: every operator in 16 lanes, directed corners (all pairs of special values, all FP16 patterns, every midpoint)
and random operands bent towards ties, cancellation, underflow and overflow; streaming every cycle, then with idles and
garbage operands, then with resets in flight. Checks: every bit, order, latency, coverage goals. The adder and the
multiplier also with the vendor's primitive, for which tb/prim/DSPFP32.sv stands in. It does not prove: all 2^64 pairs of
the two-operand units; that AMD's DSP58 calculates as the stand-in.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tb.common.runner import Results, simulate
from tb.fp.operators import OPERATORS

HERE = Path(__file__).resolve().parent


def run(operator: str, check: bool = True, **variables: int) -> Results:
    """Simulate one operator; all share one build."""
    env = {"FVGM_FP_OP": operator} | {f"FVGM_FP_{k.upper()}": str(v) for k, v in variables.items()}
    return simulate("fvgm_fp_tb", "tb.fp.cocotb_fp", name="fp", sources=[HERE / "fvgm_fp_tb.sv"], env=env,
                    check=check, public_file=HERE / "public.vlt")


@pytest.mark.parametrize("operator", OPERATORS)
def test_operator(operator: str) -> None:
    """Model and RTL agree, and the coverage goals are met."""
    run(operator)


@pytest.mark.parametrize("operator", ("fp32_mul", "fp32_add"))
def test_vendor_branch(operator: str) -> None:
    """With FVGM_VENDOR_PRIMITIVES the bits are those of the model, too."""
    simulate("fvgm_fp_tb", "tb.fp.cocotb_fp", name="fp_vendor", sources=[HERE / "fvgm_fp_tb.sv"],
             public_file=HERE / "public.vlt", env={"FVGM_FP_OP": operator},
             build_args=["-DFVGM_VENDOR_PRIMITIVES", "-y", str(HERE.parent / "prim")])


def test_flipped_bit_is_found() -> None:
    """One inverted bit in one of many results makes the scoreboard fail."""
    result = run("fp32_mul", check=False, flip=30)
    assert result.failed == 1 and "1 errors, first: fp32_mul(" in result.log.read_text()


def test_missed_coverage_is_found() -> None:
    """Too few operations make the coverage fail."""
    result = run("i32_to_fp32", check=False, count=0)
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()
