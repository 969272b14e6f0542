"""fvgm_su against models/su.py.

Method: scenes of commands of every source (window, step with FP16 and INT8 caches, both, masks) crossed with
densities of similar rows, windows, borders, special values and memories that deny at random; thresholds that a row just
exceeds or just does not, one unit of FP32 apart; 1 to 200 columns, 1 to 1024 rows, commands back to back and with
idles.
Checks: every write to mbuf, vbuf and the count registers, in order and number, the number of reads of both ports, the
protocol of the ports, coverage goals; in a run of its own the cycles of typical commands. It does not prove: commands
whose fields the scheduler refuses.
"""

from __future__ import annotations

import json
from pathlib import Path

from tb.common.runner import BUILD, Results, simulate

HERE = Path(__file__).resolve().parent
REPORT = BUILD / "reports" / "su_cycles.json"


def run(testcase: str, check: bool = True, **variables: int) -> Results:
    """Simulate one test of cocotb_su; all share one build."""
    env = {f"FVGM_SU_{k.upper()}": str(v) for k, v in variables.items()} | {"FVGM_SU_REPORT": str(REPORT)}
    return simulate("fvgm_su_tb", "tb.su.cocotb_su", name="su", sources=[HERE / "fvgm_su_tb.sv"], env=env,
                    testcase=testcase, check=check, public_file=HERE / "public.vlt")


def test_random() -> None:
    """Model and RTL agree, and the coverage goals are met."""
    run("SuRandomTest")


def test_cycles() -> None:
    """A command costs its ideal cycles and a rest that docs/su.md names, and the cycle model knows to the cycle."""
    run("SuCyclesTest")
    for row in json.loads(REPORT.read_text()):
        print(row)
        assert row["ideal"] <= row["cycles"] == row["predicted"], row


def test_flipped_bit_is_found() -> None:
    """One inverted bit in one of many written words makes the scoreboard fail."""
    result = run("SuRandomTest", check=False, scenes=1, flip=200)
    assert result.failed == 1 and "1 errors, first:" in result.log.read_text()


def test_missed_coverage_is_found() -> None:
    """Too few scenes make the coverage fail."""
    result = run("SuRandomTest", check=False, scenes=1)
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()
