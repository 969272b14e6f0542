"""Tables that compute both branches of the guidance, against a functional forward for each branch: every bit.

The branches have captions, policies and caches of their own and share weights, timestep and latents. Nothing may pass from one to
the other, in any legal order of the tasks.
"""

import numpy as np
import pytest

from compiler import inputs
from compiler.checkpoint import RandomCheckpoint
from compiler.errors import CompileError
from compiler.model import Compiled, compile_blocks, pair
from compiler.sparsity import Policies
from compiler.tests import hazards, small
from compiler.tests.test_sparse import CASES, D, first
from models import config
from workloads import latte
from workloads.bit_true import BitTrue

CAPTIONS = 5
MACHINE = config.load("tiny")
Pair = tuple[Policies, Policies]


class Guided:
    """Steps of a small model in two branches: on the compiled table, and on two functional forwards."""

    def __init__(self, seed: int = 0, base: int = 0) -> None:
        self.base = base
        self.checkpoint = RandomCheckpoint(small.dims(**D))
        self.model = small.oracle(self.checkpoint)
        self.functional = [BitTrue(self.checkpoint, MACHINE.int8_rows) for _ in range(2)]
        self.rng = np.random.default_rng(seed)
        self.latents, caption, _ = small.random_inputs(self.model, CAPTIONS, seed)
        self.captions = [caption, np.zeros_like(caption)]
        self.memory: np.ndarray | None = None

    def step(self, number: int, policies: Pair) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Tokens of both branches: (table, functional forwards)."""
        move = self.rng.standard_normal(self.latents.shape) * self.rng.choice([0.02, 0.3], size=(*self.latents.shape[:1], 1, 1, 1))
        self.latents = (self.latents + move).astype(np.float32)
        embedded = [latte.embed(self.model, self.latents, 400.0 - 10 * number, caption) for caption in self.captions]
        self.program = compiled = compile_blocks(self.checkpoint, MACHINE, CAPTIONS, pair(0), branches=policies, base=self.base)
        for number, functional in enumerate(self.functional):
            functional.tiles = {region: rows for (branch, region), rows in compiled.sparse_rows.items() if branch == number}
        self.image = self.placed(compiled, embedded)
        result = small.run(compiled, self.image)
        self.memory, self.decisions = result.memory, result.decisions
        got = [inputs.read(compiled, result.memory, branch=b) for b in range(2)]
        return got, [self.forward(f, e, p) for f, e, p in zip(self.functional, embedded, policies)]

    def placed(self, compiled: Compiled, embedded: list[latte.Embedded]) -> np.ndarray:
        """Memory with the inputs of both branches and what was written before."""
        memory = compiled.memory()
        if self.memory is not None:
            low, high = (a - compiled.hbm.base for a in compiled.write_window)
            memory[low:high] = self.memory[low:high]
        inputs.write_conditions(compiled, self.checkpoint, memory, embedded[0].adaln, [e.caption for e in embedded], embedded[0].time,
                                latte.temporal_positions(self.model.config))
        for branch, e in enumerate(embedded):
            inputs.write_tokens(compiled, memory, e.tokens, branch)
        return memory

    def forward(self, functional: BitTrue, embedded: latte.Embedded, policies: Policies) -> np.ndarray:
        """One branch on the functional forward."""
        functional.report.rows.clear()
        x, frames = embedded.tokens.astype(np.float16), latte.temporal_positions(self.model.config)
        x = functional.block("spatial", 0, x, embedded.adaln, embedded.caption, policies, frames)
        return functional.block("temporal", 0, x, embedded.adaln, policies=policies)

    def kept(self) -> tuple[int, int]:
        """Rows that were kept on the table and on the functional forwards, all regions and both branches."""
        return sum(k for _, _, k in self.decisions), sum(k for f in self.functional for _, k, _ in f.report.rows)


def equal(got: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    """Every bit of both branches."""
    return all(np.array_equal(a.view(np.uint16), b.view(np.uint16)) for a, b in zip(got, expected))


@pytest.mark.parametrize("cases", [("step", "extrapolate"), ("int8", "both"), ("window", "mask_none"), ("mask", "step"), ("fill", "fill_int8")])
def test_branches_equal_their_functional_forwards(cases: tuple[str, str]) -> None:
    """First a step that fills the caches, then sparse ones with different policies in the branches."""
    policies = CASES[cases[0]], CASES[cases[1]]
    runs = Guided()
    assert equal(*runs.step(0, tuple(first(p) for p in policies)))
    for number in (1, 2):
        got, expected = runs.step(number, policies)
        assert equal(got, expected), f"step {number}"
        assert not np.array_equal(*got), "branches that agree test nothing"
        table, functional = runs.kept()
        assert table == functional


def test_any_legal_order_gives_the_same_memory() -> None:
    """The branches share no tensor: tasks of both may mix."""
    policies = CASES["both"], CASES["int8"]
    runs = Guided()
    runs.step(0, tuple(first(p) for p in policies))
    runs.step(1, policies)
    low, high = (a - runs.program.hbm.base for a in runs.program.write_window)
    for seed in range(2):
        memory = hazards.run_adversarially(runs.program, runs.image, seed)
        assert np.array_equal(memory[low:high], runs.memory[low:high]), f"seed {seed}"


def test_weights_are_loaded_once_for_both_branches() -> None:
    """As many weight sets as for one branch, twice the MACs."""
    checkpoint = RandomCheckpoint(small.dims(**D))
    one, two = (compile_blocks(checkpoint, MACHINE, CAPTIONS, pair(0), branches=({},) * n) for n in (1, 2))
    sets = [sum(name.endswith(".weights") for name in (t.name for t in c.assembled.tasks)) for c in (one, two)]
    assert sets[0] == sets[1] > 0
    assert sum(op.macs for op in two.ops) == 2 * sum(op.macs for op in one.ops)


def test_whole_denoiser_in_two_branches() -> None:
    """From the shared patches to two velocities: those of tables with one branch each."""
    checkpoint = RandomCheckpoint(small.dims(**D | {"layers": 2}))
    model = small.oracle(checkpoint)
    latents, caption, _ = small.random_inputs(model, CAPTIONS, 3)
    captions = [caption, caption[::-1].copy()]
    embedded = [latte.embed(model, latents, 400.0, c) for c in captions]
    single = compile_blocks(checkpoint, MACHINE, CAPTIONS)
    expected = [inputs.read(single, small.run(single, small.image(single, checkpoint, model, latents, e)).memory, "out") for e in embedded]
    both = compile_blocks(checkpoint, MACHINE, CAPTIONS, branches=({}, {}))
    memory = both.memory()
    inputs.write_conditions(both, checkpoint, memory, embedded[0].adaln, [e.caption for e in embedded], embedded[0].time,
                            latte.temporal_positions(model.config))
    inputs.write_patches(both, memory, latte.patchify(model.config, latents), latte.spatial_positions(model.config))
    result = small.run(both, memory).memory
    assert equal([inputs.read(both, result, "out", b) for b in range(2)], expected)


def test_no_branch_is_refused() -> None:
    with pytest.raises(CompileError, match="at least one branch"):
        compile_blocks(RandomCheckpoint(small.dims(**D)), MACHINE, CAPTIONS, pair(0), branches=())
