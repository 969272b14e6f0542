"""rtl/buffer against models/buffer.py.

Method: random reads and writes at all ports at once, bent towards the same units and banks, without and with gaps,
with resets in flight. Checks: every ready, every unit read and its cycle (two after the request), coverage goals. It
does not prove: URAM or BRAM timing.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tb.common.runner import Results, simulate

HERE = Path(__file__).resolve().parent

# kind, units, banks, read units, read ports, write units, write ports, strided
SHAPES = {
    "strided": (0, 128, 4, 2, 1, 2, 2, 1),
    "vbuf": (0, 256, 8, 2, 2, 4, 3, 0),
    "wide": (0, 256, 16, 8, 2, 8, 2, 1),
    "rows": (0, 256, 16, 12, 1, 2, 2, 0),
    "abuf1": (4, 128, 4, 2, 1, 2, 2, 0),
    "abuf3": (4, 256, 16, 6, 1, 2, 2, 0),
    "pbuf": (1, 64, 4, 4, 2, 2, 1, 1),
    "rbuf": (2, 64, 1, 1, 1, 1, 1, 1),
    "mbuf": (3, 64, 1, 1, 3, 1, 1, 1),
}
PARAMETERS = ("Kind", "Units", "Banks", "ReadUnits", "ReadPorts", "WriteUnits", "WritePorts", "Strided")


def run(name: str, check: bool = True, **variables: int) -> Results:
    """Simulate one shape."""
    env = {"FVGM_BUFFER_SHAPE": ",".join(str(v) for v in SHAPES[name]), "FVGM_BUFFER_RUN": name}
    env |= {f"FVGM_BUFFER_{k.upper()}": str(v) for k, v in variables.items()}
    return simulate("fvgm_buffer_tb", "tb.buffer.cocotb_buffer", name=f"buffer_{name}",
                    sources=[HERE / "fvgm_buffer_tb.sv"], public_file=HERE / "public.vlt", env=env, check=check,
                    parameters=dict(zip(PARAMETERS, SHAPES[name], strict=True)))


@pytest.mark.parametrize("name", SHAPES)
def test_random(name: str) -> None:
    """Model and RTL agree, and the coverage goals are met."""
    run(name)


def test_flipped_word_is_found() -> None:
    """One wrong word among many makes the scoreboard fail."""
    result = run("strided", check=False, flip=200)
    assert result.failed == 1 and "1 errors, first: cycle" in result.log.read_text()


def test_flipped_entry_is_found() -> None:
    """The same of an mbuf."""
    result = run("mbuf", check=False, flip=200)
    assert result.failed == 1 and " errors, first: cycle" in result.log.read_text()


def test_missed_coverage_is_found() -> None:
    """Too few requests make the coverage fail."""
    result = run("strided", check=False, count=8)
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()
