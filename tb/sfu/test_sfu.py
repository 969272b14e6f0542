"""fvgm_sfu against models/sfu.py.

Method: scenes of commands whose regions do not meet, every format, 1 to 1008 columns, 1 to 70 rows, rows of zeros, equal,
subnormal, huge, infinite and NaN values, odd immediates, memories that deny at random, commands back to back and with idles,
resets while commands are in flight.
Checks: every word of a command at its completion, the whole memories and the number of writes after each scene, the
protocol of the write ports, coverage goals; in a run of its own the cycles of typical commands. It does not prove: commands
whose regions meet other than in place (semaphores order those).
"""

from __future__ import annotations

import json
from pathlib import Path

from models.sfu import STORE_GROUPS
from tb.common.runner import BUILD, Results, simulate
from tb.sfu.stimulus import SHORT_STORE

HERE = Path(__file__).resolve().parent
REPORT = BUILD / "reports" / "sfu_cycles.json"


def run(testcase: str, check: bool = True, store: int = SHORT_STORE, env: dict[str, str] | None = None, **variables: int) -> Results:
    """Simulate one test of cocotb_sfu."""
    env = {f"FVGM_SFU_{k.upper()}": str(v) for k, v in variables.items()} | {"FVGM_SFU_REPORT": str(REPORT)} | (env or {})
    return simulate("fvgm_sfu_tb", "tb.sfu.cocotb_sfu", name=f"sfu_{store}", parameters={"StoreGroups": store},
                    sources=[HERE / "fvgm_sfu_tb.sv"], env=env, testcase=testcase, check=check, public_file=HERE / "public.vlt")


def test_random() -> None:
    """Model and RTL agree, and the coverage goals are met."""
    run("SfuRandomTest")


def test_cycles() -> None:
    """A command costs its ideal cycles and a rest that docs/sfu.md names, and the cycle model knows to the cycle."""
    run("SfuCyclesTest", store=STORE_GROUPS)
    for row in json.loads(REPORT.read_text()):
        assert row["ideal"] <= row["alone"] == row["predicted"], row
        scan = {"layernorm": 32, "softmax": 9}.get(row["format"].split("_")[0])
        groups = -(-row["cols"] // 8)
        if row["rows"] >= 8 and row["cols"] >= 64:
            # The scan of the first row.
            assert row["waits"] <= (groups + scan if scan else 0), row
            assert row["streamed"] is None or row["streamed"] <= row["ideal"] + 1, row


def test_flipped_bit_is_found() -> None:
    """One inverted bit in one of many words makes the scoreboard fail."""
    result = run("SfuRandomTest", check=False, scenes=1, flip=300)
    assert result.failed == 1 and "1 errors, first:" in result.log.read_text()


def test_missed_coverage_is_found() -> None:
    """Too few scenes make the coverage fail."""
    result = run("SfuRandomTest", check=False, scenes=1)
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()


def test_hang_is_found() -> None:
    """Commands that are not over in time fail the run with one line (tb/common/limited.py); here no command can be."""
    result = run("SfuRandomTest", check=False, scenes=1, env={"FVGM_LIMIT_NS": "100"})
    assert result.failed == 1 and "timeout: scene is not done within 100 ns" in result.log.read_text()
