"""rtl/dspe against models/dspe.py.

Method: random sums of both precisions in random order, 1 to 40 steps, with and without idle cycles (garbage on every input), ended by
`last` or cut off by the next `first`; FP16 operands of every class; byte extremes; sums of 2^14 products of the largest magnitude. Checks:
all defined bits of the drain register in every cycle, so also the latency and that it holds; coverage goals. It does not prove: all pairs of
FP16 operands.
"""

from __future__ import annotations

from tb.common.runner import Results, simulate


def run(check: bool = True, **variables: int) -> Results:
    """One simulation; all share one build."""
    env = {f"FVGM_DSPE_{k.upper()}": str(v) for k, v in variables.items()}
    return simulate("fvgm_dspe", "tb.dspe.cocotb_dspe", name="dspe", env=env, check=check)


def test_random_sums() -> None:
    """Model and RTL agree on every bit, and the coverage goals are met."""
    run()


def test_flipped_bit_is_found() -> None:
    """One inverted bit in one cycle makes the scoreboard fail."""
    result = run(check=False, flip=1)
    assert result.failed == 1 and "1 errors, first: cycle 1000: drain_o" in result.log.read_text()


def test_missed_coverage_is_found() -> None:
    """Too few sums make the coverage fail."""
    result = run(check=False, count=3)
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()
