"""A whole small denoiser on the RTL: compiled, simulated over AXI, every word equal to models/core.py.

Method: random weights and inputs, sizes that are no multiples of the machine's, `tiny` cores, HBM with jitter, stalls
and reordering: another timing than the compiler planned with. All regions that the program writes are compared. `make
sim` does the same at full size.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compiler import inputs
from compiler.checkpoint import RandomCheckpoint
from compiler.model import Compiled, compile_blocks
from compiler.tests import small, test_guidance, test_sparse
from host import report, sim
from models import config as configs
from tb.top.harness import CORES, Knobs, simulate_tasks
from workloads import latte


@pytest.mark.parametrize(("sizes", "prepared", "knobs"), [
    ((2, 24, 1, 3, 3), False, Knobs(latency=20, jitter=60, stall=40, reorder=1, interleave=1)),
    ((1, 40, 1, 2, 5), True, Knobs(latency=400)),
], ids=["jitter", "far"])
def test_denoiser_on_the_rtl(sizes: tuple[int, ...], prepared: bool, knobs: Knobs) -> None:
    config, checkpoint = replace(configs.load("tiny"), cores=CORES), RandomCheckpoint(small.dims(*sizes), prepared=prepared)
    model = small.oracle(checkpoint)
    latents, caption, embedded = small.random_inputs(model, 5, 3)
    compiled = compile_blocks(checkpoint, config, 5, base=sim.HBM_BASE)
    memory = small.image(compiled, checkpoint, model, latents, embedded)
    expected, _ = sim.run_model(*sim.model_arguments(compiled, memory))
    result = simulate_tasks(config, memory, compiled.table.base, compiled.table_entries, compiled.read_window,
                            compiled.write_window, compiled.slices, cores=CORES, knobs=knobs, fast=False)
    assert not result.error
    words, wrong = sim.compare(compiled, expected.memory, result.memory)
    assert words > 1000 and not wrong
    start = compiled.write_window[1] - compiled.hbm.base
    assert np.array_equal(result.memory[start:], memory[start:]), "written outside of the write window"
    got = latte.unpatchify(model.config, inputs.read(compiled, result.memory, "out").astype(np.float32))
    assert small.cosine(got, latte.forward(model, latents, 400.0, caption)) >= 0.999
    ran = [e for e, info in enumerate(compiled.assembled.tasks) for _ in range(CORES if info.kind == "weights" else 1)]
    assert sorted(t.entry for t in result.tasks) == ran, "every task once, weights once a core"
    assert len(result.spans) == sum(compiled.assembled.tasks[e].length - 1 for e in ran)
    assert {t.core for t in result.tasks} == set(range(CORES))
    cycles = report.operation_cycles(report.Trace(CORES, result.cycles, result.spans), len(compiled.ops))
    kinds = np.array([op.kind in ("linear", "attention") for op in compiled.ops])
    assert cycles[kinds].sum() == CORES * result.cycles


def run_step(compiled: Compiled, image: np.ndarray, memory: np.ndarray, decisions: list[tuple[int, int, int]]) -> None:
    """A step on the RTL: the memory and the decisions of the model."""
    result = simulate_tasks(compiled.config, image, compiled.table.base, compiled.table_entries, compiled.read_window,
                            compiled.write_window, compiled.slices, cores=CORES,
                            knobs=Knobs(latency=20, jitter=60, stall=40, reorder=1), origin=compiled.hbm.base, fast=False)
    assert not result.error
    words, wrong = sim.compare(compiled, memory, result.memory)
    assert words > 1000 and not wrong
    counted = [sum(core[name] for core in result.counters["cores"]) for name in ("su_rows", "su_kept")]
    assert counted == [sum(rows for _, rows, _ in decisions), sum(kept for _, _, kept in decisions)]


@pytest.mark.parametrize("case", ["both_int8", "extrapolate", "fill", "mask", "mask_none"])
def test_sparse_step_on_the_rtl(case: str) -> None:
    """A step with sparse rows behind one that filled the caches: tokens, caches, ages, every word."""
    policies = test_sparse.CASES[case]
    runs = test_sparse.Runs("tiny", policies, base=sim.HBM_BASE)
    runs.step(0, test_sparse.first(policies))
    runs.step(1, policies)
    run_step(runs.program, runs.image, runs.memory, runs.decisions)


def test_guided_step_on_the_rtl() -> None:
    """Both branches of the guidance, with different policies, in one table."""
    policies = test_sparse.CASES["fill"], test_sparse.CASES["both"]
    runs = test_guidance.Guided(base=sim.HBM_BASE)
    runs.step(0, tuple(test_sparse.first(p) for p in policies))
    runs.step(1, policies)
    run_step(runs.program, runs.image, runs.memory, runs.decisions)
