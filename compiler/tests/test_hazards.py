"""Waits: any legal interleaving of the units gives the same memory image; without the waits it does not.

Method: programs of small random models run on an executor that overlaps instructions as wildly as the hardware may
(compiler/tests/hazards.py), for several seeds; the image must equal that of models/core.py word for word. The
negative test removes waits and expects a difference. It does not prove that no wait is superfluous.
"""

from __future__ import annotations

import numpy as np
import pytest

from compiler.checkpoint import RandomCheckpoint
from compiler.model import Compiled, compile_blocks, pair
from compiler.tests import small
from compiler.tests.hazards import run_adversarially
from models import config as configs
from models import core
from models.isa import NUM_WAITS
from models.scheduler import DeadlockError

TINY = configs.load("tiny")


def compiled(heads: int, head_dim: int, grid: int, frames: int, captions: int,
             whole: bool) -> tuple[Compiled, np.ndarray]:
    checkpoint = RandomCheckpoint(small.dims(heads, head_dim, 1, grid, frames))
    program = compile_blocks(checkpoint, TINY, captions, None if whole else pair(0))
    model = small.oracle(checkpoint)
    latents, _, embedded = small.random_inputs(model, captions, 5)
    return program, small.image(program, checkpoint, model, latents, embedded)


def results(program: Compiled, memory: np.ndarray) -> np.ndarray:
    return np.concatenate([memory[r.base - program.hbm.base:][:r.size] for r in program.written()])


@pytest.mark.parametrize("sizes", [(2, 24, 3, 3, 5, True), (1, 40, 4, 2, 9, False), (3, 8, 2, 5, 20, True)],
                         ids=lambda s: "-".join(map(str, s)))
def test_any_interleaving_gives_the_same_image(sizes: tuple) -> None:
    program, memory = compiled(*sizes)
    expected = results(program, core.run(TINY, memory, program.program.base, program.instructions,
                                         small.windows(program)).memory)
    for seed in range(6):
        image = run_adversarially(TINY, memory, program.program.base, program.instructions, 0, seed)
        assert np.array_equal(results(program, image), expected), f"seed {seed}"


def test_removed_waits_are_noticed() -> None:
    program, memory = compiled(2, 24, 3, 3, 5, False)
    expected = results(program, core.run(TINY, memory, program.program.base, program.instructions,
                                         small.windows(program)).memory)
    code = memory[program.program.base:][:64 * program.instructions].reshape(-1, 64)
    noticed = tried = 0
    rng = np.random.default_rng(2)
    for index in rng.permutation(program.instructions - 1)[:12]:
        broken = memory.copy()
        words = broken[program.program.base + 64 * index:][:64]
        value = int.from_bytes(bytes(code[index]), "little")
        cleared = value
        for slot in range(NUM_WAITS):
            cleared &= ~(0x3F << (14 + 22 * slot))
        if cleared == value:
            continue
        words[:] = np.frombuffer(cleared.to_bytes(64, "little"), np.uint8)
        tried += 1
        for seed in range(4):
            try:
                image = run_adversarially(TINY, broken, program.program.base, program.instructions, 0, seed)
            except DeadlockError:
                noticed += 1
                break
            if not np.array_equal(results(program, image), expected):
                noticed += 1
                break
    assert tried >= 4 and noticed >= tried // 2, f"{noticed} of {tried} broken programs were noticed"
