"""The simulation memory itself: it answers as documented, and its protocol checks fire.

Method: the channels are driven by hand, one illegal thing per run. It does not prove: timing under back-pressure
(tb/dma does).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tb.common.runner import Results, simulate

HERE = Path(__file__).resolve().parent
VIOLATIONS = {
    "crossing": "AR: burst crosses 4 KiB",
    "unaligned": "AW: address is not a multiple of 32",
    "narrow": "AR: size is not 32 bytes",
    "wlast": "W: WLAST does not match AWLEN",
    "withdrawn": "AR: changed or withdrawn",
    "changed": "W: changed or withdrawn",
}


def run(case: str, check: bool = True) -> Results:
    """Simulate one case; all share one build."""
    return simulate("axi_memory", "tb.common.cocotb_axi_memory", name="axi_memory", sources=[HERE / "axi_memory.sv"],
                    build_args=[str(HERE / "axi_memory.cpp")], env={"FVGM_CASE": case}, check=check)


def test_transfers() -> None:
    """Data, strobes, latency and error responses."""
    run("transfers")


@pytest.mark.parametrize("case", VIOLATIONS)
def test_violation_is_found(case: str) -> None:
    """The run ends with the message that names the rule."""
    result = run(case, check=False)
    assert result.failed == 1 and VIOLATIONS[case] in result.log.read_text()
