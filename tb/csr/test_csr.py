"""Registers: a walk over the map and random accesses against models/csr.py; a negative test."""

from __future__ import annotations

import pytest

from models.config import load
from tb.common.runner import ROOT, Results, simulate


def run(config: str, check: bool = True, **env: str) -> Results:
    """One run with the constants of a configuration."""
    parameters = {n: v for n, v in load(config).rtl_parameters().items() if n not in ("Contexts", "TaskWindow")}
    return simulate("fvgm_csr_tb", "tb.csr.cocotb_csr", name=f"csr/{config}", parameters=parameters,
                    sources=[ROOT / "tb/csr/fvgm_csr_tb.sv"], public_file=ROOT / "tb/csr/public.vlt", check=check,
                    env={"FVGM_CONFIG": config, "FVGM_RUN": config, **env})


@pytest.mark.parametrize("config", ["tiny", "v80"])
def test_csr(config: str) -> None:
    run(config)


def test_scoreboard_can_fail() -> None:
    """A flipped bit of one read must fail the run."""
    results = run("tiny", check=False, FVGM_CORRUPT="3")
    assert results.failed == 1 and "model 0x" in results.log.read_text()


def test_missed_coverage_is_found() -> None:
    """Too few accesses must fail the run."""
    results = run("tiny", check=False, FVGM_COUNT="0")
    assert results.failed == 1 and "coverage goals missed" in results.log.read_text()
