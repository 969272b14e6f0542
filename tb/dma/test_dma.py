"""rtl/dma against models/dma.py.

Method: both units at once on tb/common/axi_memory (responses out of order and interleaved, idles and back-pressure on
every channel) with rtl/buffer behind them, whose ports are fought over. Random plans of LOADs and STOREs that may all
be in flight together, rows in HBM by a stride or by a list in mbuf. Checks: each burst, each entry read, each buffer
write, each completion (data in the buffer, bytes in memory), the images at the end, coverage goals; then each kind of
error response, lists out of bound and halts, and a good plan after a reset of the units alone. It does not prove: two
cores on one memory.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest

from models import dma
from tb.common.runner import BUILD, Results, simulate
from tb.dma.dma_stimulus import MEMORY_BYTES

HERE = Path(__file__).resolve().parent
COMMON = HERE.parent / "common"


def run(name: str, test: str, slots: int, burst_beats: int, check: bool = True, **variables: object) -> Results:
    """Simulate `test` on a build of its own per parameter set."""
    units = 512 if slots < 16 else 2048
    with tempfile.TemporaryDirectory(prefix="fvgm_dma_") as folder:  # tests of one build may run at the same time
        memory = Path(folder) / "memory.bin"
        np.zeros(MEMORY_BYTES, np.uint8).tofile(memory)
        env = {"FVGM_DMA_UNITS": str(units), "FVGM_DMA_SLOTS": str(slots), "FVGM_DMA_BURST_BEATS": str(burst_beats),
               "FVGM_DMA_MEMORY": str(memory), "FVGM_DMA_RUN": name}
        env |= {f"FVGM_DMA_{k.upper()}": str(v) for k, v in variables.items()}
        return simulate("fvgm_dma_tb", "tb.dma.cocotb_dma", name=name, testcase=test, env=env, check=check,
                        parameters={"AxiSlots": slots, "BurstBeats": burst_beats, "Units": units},
                        sources=[HERE / "fvgm_dma_tb.sv", COMMON / "axi_memory.sv"], public_file=HERE / "public.vlt",
                        build_args=[str(COMMON / "axi_memory.cpp")], plusargs=[f"+axi_memory={memory}"])


SIZES = {"tiny": (4, 8), "deep": (16, 32), "three slots, odd bursts": (3, 5)}


@pytest.mark.parametrize("size", SIZES)
def test_random(size: str) -> None:
    """Random plans and every fault."""
    slots, burst_beats = SIZES[size]
    run(f"dma_{slots}_{burst_beats}", "DmaRandomTest", slots, burst_beats)


@pytest.mark.parametrize(("slots", "burst_beats"), [(4, 8), (16, 8), (16, 32)])
def test_performance(slots: int, burst_beats: int) -> None:
    """At 100 cycles of latency a beat moves in every cycle if the slots hold enough of them, else as many as they hold.

    A slot is busy for the latency, its beats, and about 3 cycles; 2 more leave room for the start and the end.
    """
    for case in performance(slots, burst_beats, 100):
        beats = burst_beats if case["case"].endswith("one row") else min(burst_beats, case["row_beats"])
        assert case["beats_per_cycle"] > 0.97 * min(1, slots * beats / (100 + beats + 5))


def test_list_costs_its_first_address() -> None:
    """With a fast memory rows of one beat follow one another without gaps, by a list too, whose cycles are exact."""
    cases = performance(16, 32, 1)
    plain, listed = ([c for c in cases if c["list"] == n] for n in (0, 1))
    assert [c["case"] for c in plain] == [c["case"] for c in listed]
    for a, b in zip(plain, listed, strict=True):
        assert a["beats_per_cycle"] == b["beats_per_cycle"] == 1
        assert [b[k] - a[k] for k in ("first_burst", "first_beat", "cycles")] == [dma.LIST_CYCLES] * 3
        assert a["first_burst"] == 4


def performance(slots: int, burst_beats: int, latency: int) -> list[dict]:
    """Cases of DmaPerformanceTest."""
    name = f"dma_{slots}_{burst_beats}"
    with tempfile.TemporaryDirectory(prefix="fvgm_dma_") as folder:
        report = Path(folder) / "report.json"
        run(name, "DmaPerformanceTest", slots, burst_beats, latency=latency, report=report)
        cases = json.loads(report.read_text())
    for case in cases:
        print(case)
    return cases


def test_flipped_bit_is_found() -> None:
    """One inverted bit in one of many buffer writes makes the scoreboard fail."""
    result = run("dma_4_8", "DmaRandomTest", 4, 8, check=False, plans=1, flip=100)
    assert result.failed == 1 and "1 errors" not in result.log.read_text().split("words compared")[0]
    assert "errors, first: plan 0" in result.log.read_text()


@pytest.mark.parametrize(("corrupt", "message"), [("entry", "load: burst 0x"), ("bound", "load: error at 0x")])
def test_wrong_list_is_found(corrupt: str, message: str) -> None:
    """A list in the hardware's mbuf with one row that is not the model's, or a bound that is one too low."""
    result = run("dma_4_8", "DmaRandomTest", 4, 8, check=False, plans=1, corrupt=corrupt)
    assert result.failed == 1
    assert re.search(rf"errors, first: plan 0: cycle \d+: {message}", result.log.read_text())


def test_missed_coverage_is_found() -> None:
    """Without plans the coverage goals are missed."""
    result = run("dma_4_8", "DmaRandomTest", 4, 8, check=False, plans=0)
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()
