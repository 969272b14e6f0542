"""Whole models of odd sizes on small machines: executed by models/core.py, compared with the FP32 forward of
workloads/latte.py.

Method: random weights and inputs; every program is checked by the scheduler's own checks inside core.run_tasks; the
velocity's cosine must be at least 0.999 and padding in HBM must stay zero. Sizes are chosen so that heads, tokens,
frames and captions are no multiples of anything, that weights stream, that parameters stream, and that heads are
taken in groups. It proves neither bits nor time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compiler import inputs
from compiler.checkpoint import LATTE_1, RandomCheckpoint
from compiler.errors import CompileError
from compiler.model import Compiled, compile_blocks, pair
from compiler.tasks import Schedule
from compiler.tests import small
from models import config as configs
from models import core
from models.config import Config
from models.isa import NUM_AREAS, Cause, Precision, TaskKind, decode_task
from models.scheduler_check import check_program
from models.taskq import check_table, stuck
from workloads import latte

TINY, SIM, V80 = (configs.load(name) for name in ("tiny", "sim", "v80"))


def execute(checkpoint: RandomCheckpoint, config: Config, captions: int,
            linear: Precision = Precision.INT8) -> tuple[Compiled, np.ndarray, np.ndarray,
                                                                                  np.ndarray]:
    """(program, memory afterwards, velocity of the program, velocity in FP32) of the whole denoiser."""
    model = small.oracle(checkpoint)
    latents, caption, embedded = small.random_inputs(model, captions, 7)
    compiled = compile_blocks(checkpoint, config, captions, base=1 << 20, linear=linear)
    memory = small.image(compiled, checkpoint, model, latents, embedded)
    result = small.run(compiled, memory)
    got = latte.unpatchify(model.config, inputs.read(compiled, result.memory, "out").astype(np.float32))
    return compiled, result.memory, got, latte.forward(model, latents, 400.0, caption)


@pytest.mark.parametrize(("heads", "head_dim", "grid", "frames", "captions", "config"), [
    (2, 72, 3, 5, 7, TINY), (1, 40, 5, 3, 20, TINY), (3, 24, 2, 7, 1, TINY), (3, 20, 4, 2, 13, TINY),
    (2, 12, 3, 3, 7, TINY), (1, 4, 1, 1, 3, TINY), (5, 8, 2, 17, 9, TINY), (2, 72, 3, 5, 7, SIM),
    (3, 72, 7, 4, 20, SIM), (2, 24, 3, 3, 5, V80),
], ids=lambda v: v.name if isinstance(v, Config) else str(v))
def test_denoiser_of_odd_sizes(heads: int, head_dim: int, grid: int, frames: int, captions: int,
                               config: Config) -> None:
    d = small.dims(heads, head_dim, 2 if head_dim < 40 else 1, grid, frames, patch=2 if heads > 1 else 3,
                   out_channels=3)
    compiled, memory, got, expected = execute(RandomCheckpoint(d, seed=heads), config, captions)
    assert small.cosine(got, expected) >= 0.999
    for name, planes in compiled.tensors.items():
        if name != "patches":
            for tensor in planes:
                start = tensor.region.base - compiled.hbm.base
                rows = memory[start:start + tensor.positions * tensor.frames * tensor.stride].reshape(-1, tensor.stride)
                assert not rows[:, 16 * tensor.units:].any(), f"{name}: written behind its rows"


@pytest.mark.parametrize("config", [TINY, SIM, V80], ids=lambda c: c.name)
def test_prepared_inputs_leave_the_network_as_it_is(config: Config) -> None:
    """A checkpoint with centres and smoothing factors, of heads that are padded, is the FP32 network without them."""
    d = small.dims(3, 20, 1, 3, 5)
    errors = []
    for prepared in (False, True):
        _, _, got, expected = execute(RandomCheckpoint(d, prepared=prepared), config, 7)
        errors.append(1 - small.cosine(got, expected))
    assert errors[0] != errors[1] < 1.4 * errors[0] < 0.002


@pytest.mark.parametrize("config", [TINY, SIM], ids=lambda c: c.name)
def test_linear_layers_in_fp16(config: Config) -> None:
    """Twice the words of weights and of panels, and an error of FP16 alone."""
    checkpoint = RandomCheckpoint(small.dims(2, 24, 1, 3, 5))
    compiled, _, got, expected = execute(checkpoint, config, 7, Precision.FP16)
    rough = execute(checkpoint, config, 7)[2]
    assert {op.precision for op in compiled.ops if op.kind == "linear"} == {"fp16"}
    error, other = (float(np.sqrt(np.mean((y - expected) ** 2) / np.mean(expected ** 2))) for y in (got, rough))
    assert error < 0.003 < other


@pytest.mark.parametrize("change", [
    dict(bbuf=900, vbuf=900, abuf=600, pbuf=10, rbuf=64, contexts=1), dict(bbuf=1800, vbuf=1800, abuf=1200, pbuf=20, rbuf=128),
    dict(bbuf=3000, pbuf=40, contexts=2, cores=3), dict(pbuf=30),
], ids=["one-context", "two-contexts", "three-cores", "vectors"])
def test_what_does_not_fit_streams(change: dict[str, int]) -> None:
    """Weights, vectors or both go through the slices."""
    little = replace(TINY, queue_depth=2, **change)
    compiled, _, got, expected = execute(RandomCheckpoint(small.dims(3, 24, 1, 3, 5)), little, 6)
    assert small.cosine(got, expected) >= 0.999
    mlp = [e["set"] for t, e in zip(compiled.assembled.tasks, entries(compiled)) if t.kind == "task" and t.name.endswith("mlp")]
    assert not any(mlp) or change.get("bbuf") == 3000


def entries(compiled: Compiled) -> list[dict[str, int]]:
    """The table, decoded."""
    return [decode_task(word) for word in compiled.assembled.placed_at(compiled.program.base)]


@pytest.mark.parametrize(("change", "message"), [
    ({"vbuf": 40}, "(vbuf|buffers)"), ({"abuf": 16}, "(abuf|buffers)"), ({"bbuf": 16}, "(bbuf|buffers)"),
    ({"pbuf": 2}, "pbuf is too small"),
    ({"rbuf": 1}, "(rbuf|buffers)"),
], ids=lambda v: next(iter(v)) if isinstance(v, dict) else "")
def test_sizes_that_do_not_fit(change: dict[str, int], message: str) -> None:
    with pytest.raises(CompileError, match=message):
        compile_blocks(RandomCheckpoint(small.dims(2, 24, 1, 4, 4)), replace(TINY, **change), 9)


def test_program_larger_than_its_memory() -> None:
    checkpoint = RandomCheckpoint(small.dims(2, 24, 1, 4, 4))
    size = compile_blocks(checkpoint, TINY, 9).hbm.end
    assert compile_blocks(checkpoint, TINY, 9, hbm_bytes=size).hbm.end == size
    for less, region in ((4096, "table"), (size - 8192, "spatial.q")):
        with pytest.raises(CompileError, match=f"HBM is too small: region {region} of"):
            compile_blocks(checkpoint, TINY, 9, hbm_bytes=size - less)
    with pytest.raises(CompileError, match="HBM is too small: region"):
        compile_blocks(checkpoint, TINY, 9, base=(1 << 40) - 8192)


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_estimate_keeps_the_matrix_units_busy(cores: int) -> None:
    """A layer of the trained sizes on `sim`, in the compiler's own estimate."""
    checkpoint, sim = RandomCheckpoint(small.dims(3, 72, 1, 8, 16, in_channels=12)), replace(SIM, cores=cores)
    a = compile_blocks(checkpoint, sim, 20, pair(0)).assembled
    assert a.cycles[a.unit == 2].sum() >= 0.97 * cores * a.estimate
    for changed in (Schedule(preload=False), Schedule(overlap=False)):
        assert compile_blocks(checkpoint, sim, 20, pair(0), schedule=changed).assembled.estimate > a.estimate


def test_weight_sets_preload() -> None:
    """On `sim` every phase has a set, none takes more than half of the areas, and neighbours share no area."""
    compiled = compile_blocks(RandomCheckpoint(small.dims(3, 72, 2, 8, 16, in_channels=12)), SIM, 20)
    loads = [e["areas"] for e in entries(compiled) if e["kind"] == TaskKind.WEIGHTS]
    assert len(loads) == 2 * 9 + 2 and all(areas.bit_count() <= NUM_AREAS // 2 for areas in loads)
    assert not any(a & b for a, b in zip(loads, loads[1:]))


def test_one_pair_of_latte_1_compiles_for_v80() -> None:
    """Sizes of the full model, one of its 28 layers; `python -m compiler latte-1 --random-weights --config v80` does
    all."""
    compiled = compile_blocks(RandomCheckpoint(replace(LATTE_1, layers=1)), V80, 120, pair(0), base=0x40_0000_0000)
    assert sum(o.macs for o in compiled.ops) == 609_432_109_056
    windows, seen = small.windows(compiled), set()
    assert compiled.slices.check(V80) == Cause.NONE
    assert check_table(compiled.table.base, compiled.table_entries, windows.read) == Cause.NONE
    assert not stuck(entries(compiled), V80.cores)
    for info, entry in zip(compiled.assembled.tasks, entries(compiled)):
        assert check_program(entry["base"], entry["length"], windows) == Cause.NONE
        if info.name not in seen:
            seen.add(info.name)
            program, cause = core.decode_program(compiled.assembled.code[info.first:][:info.length].reshape(-1), info.length)
            assert cause == Cause.NONE and len(program) == info.length - 1
            assert core.first_error(program, V80, windows, compiled.slices) == (Cause.NONE, -1)


def test_cores_that_do_not_exist() -> None:
    with pytest.raises(CompileError, match="cores = 3: configuration sim has 2"):
        compile_blocks(RandomCheckpoint(small.dims()), SIM, 5, pair(0), cores=3)
