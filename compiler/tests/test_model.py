"""Whole models of odd sizes on small machines: executed by models/core.py, compared with the FP32 forward of
workloads/latte.py.

Method: random weights and inputs; every program is checked by the scheduler's own checks inside core.run; the
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
from compiler.tests import small
from models import config as configs
from models import core
from models.config import Config
from models.isa import Cause
from models.scheduler import check_program
from workloads import latte

TINY, SIM, V80 = (configs.load(name) for name in ("tiny", "sim", "v80"))


def execute(checkpoint: RandomCheckpoint, config: Config, captions: int) -> tuple[Compiled, np.ndarray, np.ndarray,
                                                                                  np.ndarray]:
    """(program, memory afterwards, velocity of the program, velocity in FP32) of the whole denoiser."""
    model = small.oracle(checkpoint)
    latents, caption, embedded = small.random_inputs(model, captions, 7)
    compiled = compile_blocks(checkpoint, config, captions, base=1 << 20)
    memory = small.image(compiled, checkpoint, model, latents, embedded)
    result = core.run(config, memory, compiled.program.base, compiled.instructions, small.windows(compiled),
                      origin=1 << 20)
    assert result.cause == Cause.NONE
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


def test_everything_streams_on_a_machine_with_little_memory() -> None:
    little = replace(TINY, bbuf=900, vbuf=900, abuf=600, pbuf=10, rbuf=64, queue_depth=2)
    _, _, got, expected = execute(RandomCheckpoint(small.dims(3, 24, 1, 3, 5)), little, 6)
    assert small.cosine(got, expected) >= 0.999


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
    for less, region in ((4096, "program"), (size - 8192, "spatial.q")):
        with pytest.raises(CompileError, match=f"HBM is too small: region {region} of"):
            compile_blocks(checkpoint, TINY, 9, hbm_bytes=size - less)
    with pytest.raises(CompileError, match="HBM is too small: region"):
        compile_blocks(checkpoint, TINY, 9, base=(1 << 40) - 8192)


def test_schedule_keeps_the_matrix_unit_busy() -> None:
    """A layer of the trained sizes on `sim`, in the compiler's own estimate."""
    d = small.dims(3, 72, 1, 8, 16, in_channels=12)
    compiled = compile_blocks(RandomCheckpoint(d), SIM, 20, pair(0))
    a = compiled.assembled
    assert a.cycles[a.unit == 2].sum() >= 0.99 * a.estimate
    peak = {"int8": SIM.int8_macs, "fp16": SIM.fp16_macs}
    assert sum(o.macs / peak[o.precision] for o in compiled.ops if o.macs) >= 0.95 * a.estimate


def test_one_pair_of_latte_1_compiles_for_v80() -> None:
    """Sizes of the full model, one of its 28 layers; `python -m compiler latte-1 --random-weights --config v80` does
    all."""
    compiled = compile_blocks(RandomCheckpoint(replace(LATTE_1, layers=1)), V80, 120, pair(0), base=0x40_0000_0000)
    assert sum(o.macs for o in compiled.ops) == 609_432_109_056
    program, cause = core.decode_program(compiled.assembled.code.reshape(-1)[:64 * 4000], 4000)
    assert cause == Cause.PROGRAM_RANGE  # only the first 4000 instructions are decoded
    assert core.first_error(program, V80, small.windows(compiled)) == (Cause.NONE, -1)
    assert check_program(compiled.program.base, compiled.instructions, small.windows(compiled)) == Cause.NONE
