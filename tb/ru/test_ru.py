"""fvgm_ru against models/ru.py.

Method: scenes of commands whose regions do not meet: both operations, maps of every density in runs and scattered, all ages, odd
coefficients, rows of zero, subnormal, huge, infinite, NaN and any bits, 1 to 301 units, 1 to 500 rows, results beside their
operands and on c1 or c2, memories that deny at random, commands back to back and with idles, resets in flight.
Checks: every unit of a command at its completion, the whole vbuf, the number of reads and writes after each scene, the protocol
of the write port, coverage goals; in a run of its own the cycles of typical commands. It does not prove: commands whose regions
meet other than by the overlay (semaphores order those).
"""

from __future__ import annotations

import json
from pathlib import Path

from tb.common.runner import BUILD, Results, simulate

HERE = Path(__file__).resolve().parent
REPORT = BUILD / "reports" / "ru_cycles.json"
LATENCY = 27  # from the acceptance of a command to its completion, besides its reads


def run(testcase: str, check: bool = True, **variables: int) -> Results:
    """Simulate one test of cocotb_ru; all share one build."""
    env = {f"FVGM_RU_{k.upper()}": str(v) for k, v in variables.items()} | {"FVGM_RU_REPORT": str(REPORT)}
    return simulate("fvgm_ru_tb", "tb.ru.cocotb_ru", name="ru", sources=[HERE / "fvgm_ru_tb.sv"], env=env,
                    testcase=testcase, check=check, public_file=HERE / "public.vlt")


def test_random() -> None:
    """Model and RTL agree, and the coverage goals are met."""
    run("RuRandomTest")


def test_cycles() -> None:
    """A command costs its ideal cycles and one way through the unit, in a stream its ideal cycles alone (docs/ru.md)."""
    run("RuCyclesTest")
    for row in json.loads(REPORT.read_text()):
        assert row["stalls"] == 0, row
        assert row["alone"] == row["ideal"] + LATENCY, row
        assert row["streamed"] == row["ideal"], row


def test_flipped_bit_is_found() -> None:
    """One inverted bit in one of many units makes the scoreboard fail."""
    result = run("RuRandomTest", check=False, short=1, flip=300)
    assert result.failed == 1 and "1 errors, first:" in result.log.read_text()


def test_wrong_age_is_found() -> None:
    """An expectation that counts one age more than the map says differs."""
    result = run("RuRandomTest", check=False, short=1, older=1)
    assert result.failed == 1 and " errors, first: 4x" in result.log.read_text()


def test_missed_coverage_is_found() -> None:
    """The coefficients alone make the coverage fail."""
    result = run("RuRandomTest", check=False, short=1)
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()
