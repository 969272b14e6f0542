"""Waits: any legal order of tasks and any legal interleaving of the units gives the same memory image; without the waits it
does not.

Method: tables of small random models run on an executor that overlaps instructions and tasks as wildly as the hardware
may (compiler/tests/hazards.py), on one to three cores, for several seeds; the image must equal that of models/core.py word
for word. The negative tests remove waits of instructions and of entries and expect a difference. They do not prove that
no wait is superfluous.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compiler.checkpoint import RandomCheckpoint
from compiler.model import Compiled, compile_blocks, pair
from compiler.tasks import Schedule
from compiler.tests import small
from compiler.tests.hazards import run_adversarially, tasks
from models import config as configs
from models.isa import HEADER, NUM_TASK_WAITS, NUM_WAITS, TASK
from models.scheduler import DeadlockError

TINY = configs.load("tiny")


def compiled(heads: int, head_dim: int, grid: int, frames: int, captions: int, whole: bool, cores: int = 1, contexts: int = 2,
             schedule: Schedule = Schedule()) -> tuple[Compiled, np.ndarray]:
    checkpoint = RandomCheckpoint(small.dims(heads, head_dim, 1, grid, frames))
    config = replace(TINY, cores=cores, contexts=contexts)
    program = compile_blocks(checkpoint, config, captions, None if whole else pair(0), schedule=schedule)
    model = small.oracle(checkpoint)
    latents, _, embedded = small.random_inputs(model, captions, 5)
    return program, small.image(program, checkpoint, model, latents, embedded)


def results(program: Compiled, memory: np.ndarray) -> np.ndarray:
    return np.concatenate([memory[r.base - program.hbm.base:][:r.size] for r in program.written()])


@pytest.mark.parametrize("sizes", [(2, 24, 3, 3, 5, True), (1, 40, 4, 2, 9, False), (3, 8, 2, 5, 20, True)],
                         ids=lambda s: "-".join(map(str, s)))
@pytest.mark.parametrize(("cores", "contexts"), [(1, 2), (2, 2), (3, 4), (2, 1)])
def test_any_order_gives_the_same_image(sizes: tuple, cores: int, contexts: int) -> None:
    program, memory = compiled(*sizes, cores, contexts)
    expected = results(program, small.run(program, memory).memory)
    for seed in range(3):
        image = run_adversarially(program, memory, seed)
        assert np.array_equal(results(program, image), expected), f"seed {seed}"


@pytest.mark.parametrize("schedule", [Schedule(partition="fixed"), Schedule(priority=False), Schedule(preload=False),
                                      Schedule(overlap=False)], ids=lambda s: str(s).split("(")[1][:60])
def test_ablations_give_the_same_image(schedule: Schedule) -> None:
    program, memory = compiled(2, 24, 4, 3, 5, False, 2)
    other, other_memory = compiled(2, 24, 4, 3, 5, False, 2, schedule=schedule)
    expected = results(program, small.run(program, memory).memory)
    for seed in range(2):
        assert np.array_equal(results(other, run_adversarially(other, other_memory, seed)), expected)


def cleared(word: np.ndarray, fields: tuple, names: list[str], offset: int = 0) -> bool:
    """Zero these fields of 64 bytes in place; whether one was not zero."""
    value = int.from_bytes(bytes(word), "little")
    new = value
    for f in fields:
        if f.name in names:
            new &= ~(((1 << f.bits) - 1) << (offset + f.lsb))
    word[:] = np.frombuffer(new.to_bytes(64, "little"), np.uint8)
    return new != value


def noticed(program: Compiled, broken: np.ndarray, expected: np.ndarray, seeds: int) -> bool:
    """Whether one of the first random runs differs."""
    for seed in range(seeds):
        try:
            image = run_adversarially(program, broken, seed)
        except DeadlockError:
            return True
        if not np.array_equal(results(program, image), expected):
            return True
    return False


def test_removed_waits_of_instructions_are_noticed() -> None:
    program, memory = compiled(2, 24, 3, 3, 5, False)
    expected = results(program, small.run(program, memory).memory)
    found = tried = 0
    for index in np.random.default_rng(2).permutation(program.instructions)[:14]:
        broken = memory.copy()
        if cleared(broken[program.program.base + 64 * index:][:64], HEADER, [f"wait{n}_sem" for n in range(NUM_WAITS)]):
            tried += 1
            found += noticed(program, broken, expected, 4)
    assert tried >= 4 and found >= tried // 2, f"{found} of {tried} broken programs were noticed"


def test_removed_waits_of_tasks_are_noticed() -> None:
    program, memory = compiled(2, 24, 4, 4, 5, False, 3, 4)
    expected = results(program, small.run(program, memory).memory)
    found = tried = 0
    for entry in np.random.default_rng(3).permutation(tasks(program))[:10]:
        broken = memory.copy()
        if cleared(broken[program.table.base + 64 * entry:][:64], TASK, [f"wait{n}_event" for n in range(NUM_TASK_WAITS)]):
            tried += 1
            found += noticed(program, broken, expected, 6)
    assert tried >= 4 and found >= tried // 2, f"{found} of {tried} broken tables were noticed"
