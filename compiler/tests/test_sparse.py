"""Sparse programs on models/core.py against the functional forward (workloads/bit_true.py): tokens, masks and caches, every bit.

Both start from the same checkpoint and share nothing between weights and tokens but the arithmetic of models/: tiles, lists,
maps, transfers and buffers are the program's alone.
"""

from dataclasses import replace

import numpy as np
import pytest

from compiler import inputs
from compiler.checkpoint import LATTE_1, RandomCheckpoint
from compiler.errors import CompileError
from compiler.memory import HBM_BYTES
from compiler.model import Compiled, cache_bytes, compile_blocks, pair
from compiler.sparsity import REGIONS, Policy
from compiler.tasks import Schedule
from compiler.tests import hazards, small
from models import config
from models.isa import Opcode, Precision, Unit, decode
from workloads import latte
from workloads.bit_true import BitTrue

KEYS = [(kind, 0, region) for kind, regions in REGIONS.items() for region in regions]
WINDOWS = {"spatial": (2, 2, 1), "temporal": (1, 1, 3)}
D = dict(heads=2, head_dim=24, layers=1, grid=4, frames=5)


def every(**values: object) -> dict:
    """One policy for all regions."""
    return {key: Policy(**values) for key in KEYS}


def first(policies: dict) -> dict:
    """Every row computed, the same caches filled."""
    return {k: replace(p, window=None, span=p.window, thr_step=None, keep=None, coef=None, first=True) for k, p in policies.items() if p.ages}


def keep(seed: int, share: float) -> np.ndarray:
    """A random mask [positions, frames]."""
    return np.random.default_rng(seed).random((D["grid"] ** 2, D["frames"])) < share


def windowed(**values: object) -> dict:
    """Windows in both kinds of blocks."""
    return {key: Policy(window=WINDOWS[key[0]], **values) for key in KEYS}


CASES = {
    "step": every(thr_step=0.97, inputs="fp16", outputs=1, max_age=2, density=0.5),
    "extrapolate": every(thr_step=0.95, inputs="fp16", outputs=2, coef=0.75),
    "int8": every(thr_step=0.96, inputs="int8", outputs=2, coef=-0.5),
    "window": windowed(thr_window=0.5),
    "window_reference": {k: replace(p, offset=(1, 1, 0) if k[0] == "spatial" else (0, 0, 2)) for k, p in windowed(thr_window=0.3).items()},
    "both": windowed(thr_window=0.6, thr_step=0.96, inputs="fp16", outputs=2, coef=1.0),
    "both_int8": windowed(thr_window=0.6, thr_step=0.96, inputs="int8", outputs=1),
    "fill": every(thr_step=0.97, inputs="fp16", outputs=2, coef=0.5, fill=True),
    "fill_int8": every(thr_step=0.9, inputs="int8", outputs=1, fill=True),
    "mask": every(keep=keep(1, 0.4), outputs=2, coef=0.5),
    "mask_none": every(keep=keep(1, 0.0), outputs=1),
    "mask_window": windowed(keep=keep(2, 0.5)),
}


class Runs:
    """Steps of a small model: on the compiled program, and on the functional forward."""

    def __init__(self, machine: str, policies: dict, seed: int = 0, base: int = 0, cores: int = 0, contexts: int = 0,
                 schedule: Schedule = Schedule(), linear: Precision = Precision.INT8, prepared: bool = False) -> None:
        self.base, self.schedule, self.linear = base, schedule, linear
        self.checkpoint = RandomCheckpoint(small.dims(**D), prepared=prepared)
        self.model = small.oracle(self.checkpoint)
        self.machine, self.policies = config.load(machine), policies
        self.machine = replace(self.machine, cores=cores or self.machine.cores, contexts=contexts or self.machine.contexts)
        self.functional = BitTrue(self.checkpoint, self.machine.int8_rows, linear=linear)
        self.rng = np.random.default_rng(seed)
        self.memory: np.ndarray | None = None
        self.latents, self.caption, _ = small.random_inputs(self.model, 5, seed)
        self.decisions: list[tuple[int, int, int]] = []

    def inputs(self, step: int) -> latte.Embedded:
        """Tokens that drift: some hardly, some a lot."""
        move = self.rng.standard_normal(self.latents.shape) * self.rng.choice([0.02, 0.3], size=(*self.latents.shape[:1], 1, 1, 1))
        self.latents = (self.latents + move).astype(np.float32)
        return latte.embed(self.model, self.latents, 400.0 - 10 * step, self.caption)

    def compiled(self, policies: dict) -> Compiled:
        """The program of both blocks."""
        return compile_blocks(self.checkpoint, self.machine, 5, pair(0), branches=(policies,), base=self.base, schedule=self.schedule,
                              linear=self.linear)

    def step(self, number: int, policies: dict) -> tuple[np.ndarray, np.ndarray]:
        """Output tokens of one step: (program, functional forward)."""
        compiled, embedded = self.compiled(policies), self.inputs(number)
        self.functional.tiles = {region: rows for (_, region), rows in compiled.sparse_rows.items()}
        memory = small.image(compiled, self.checkpoint, self.model, self.latents, embedded)
        if self.memory is not None:  # what was written before, caches and planes, stays
            low, high = (a - compiled.hbm.base for a in compiled.write_window)
            memory[low:high] = self.memory[low:high]
            inputs.write_tokens(compiled, memory, embedded.tokens)
        self.image, self.program = memory, compiled
        result = small.run(compiled, memory)
        self.memory, self.decisions = result.memory, result.decisions
        return inputs.read(compiled, result.memory), self.forward(embedded, policies)

    def forward(self, embedded: latte.Embedded, policies: dict) -> np.ndarray:
        """The same on the functional forward."""
        self.functional.report.rows.clear()
        x = embedded.tokens.astype(np.float16)
        frames = latte.temporal_positions(self.model.config)
        x = self.functional.block("spatial", 0, x, embedded.adaln, embedded.caption, policies, frames)
        return self.functional.block("temporal", 0, x, embedded.adaln, policies=policies)

    def kept(self) -> dict[str, int]:
        """Kept rows of every region in the last step of the program."""
        out: dict[str, int] = {}
        for tag, _, kept in self.decisions:
            out[self.program.ops[tag].region] = out.get(self.program.ops[tag].region, 0) + kept
        return out


@pytest.mark.parametrize("machine", ["tiny", "sim"])
@pytest.mark.parametrize("linear", Precision)
def test_prepared_inputs(linear: Precision, machine: str) -> None:
    """A checkpoint with centres and smoothing factors: the program equals the functional forward, sparse too; in FP16 they change nothing."""
    policies = CASES["step"]
    runs, plain = (Runs(machine, policies, linear=linear, prepared=prepared) for prepared in (True, False))
    for number, chosen in enumerate((first(policies), policies)):
        (got, expected), (other, _) = runs.step(number, chosen), plain.step(number, chosen)
        assert np.array_equal(got.view(np.uint16), expected.view(np.uint16))
        assert np.array_equal(got, other) == (linear == Precision.FP16)


@pytest.mark.parametrize("machine", ["tiny", "sim"])
@pytest.mark.parametrize("case", CASES)
def test_program_equals_functional_forward(case: str, machine: str) -> None:
    """Four steps: tokens, kept rows and caches agree in each."""
    policies = CASES[case]
    runs, dropped = Runs(machine, policies), 0
    start = 0
    if first(policies):
        got, expected = runs.step(0, first(policies))
        assert np.array_equal(got.view(np.uint16), expected.view(np.uint16))
        start = 1
    for number in range(start, start + 3):
        got, expected = runs.step(number, policies)
        assert np.array_equal(got.view(np.uint16), expected.view(np.uint16)), f"step {number}"
        kept = {name: k for name, k, _ in runs.functional.report.rows}
        assert runs.kept() == kept
        dropped += sum(rows - k for _, k, rows in runs.functional.report.rows)
        compare_caches(runs)
    assert dropped > 0, "a case that drops nothing tests nothing"


def compare_caches(runs: Runs) -> None:
    """Cached inputs and outputs of every region, row by row."""
    for (kind, layer, region), state in runs.functional.states.items():
        for name, rows in (("x", state.x), ("y1", state.y1), ("y2", state.y2)):
            key = f"cache.{kind}.{layer}.{region}.0.{name}"
            if rows is None:
                continue
            tensor = runs.program.tensors[key][0]
            held = tensor.view(runs.memory, runs.program.hbm.base)
            held = (held.transpose(1, 0, 2) if kind == "spatial" else held).reshape(len(rows), -1)
            raw = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
            assert np.array_equal(np.ascontiguousarray(held).view(np.uint8)[:, :raw.shape[1]], raw), key


@pytest.mark.parametrize("case", ["both", "int8", "mask", "mask_window"])
def test_tensors_are_those_of_one_core_with_one_context(case: str) -> None:
    """Tokens, planes, caches and kept rows of three steps: tasks one after another, with slices and tiles of their own, leave the same."""
    policies, found = CASES[case], []
    for cores, contexts in ((2, 2), (1, 1)):
        runs = Runs("tiny", policies, cores=cores, contexts=contexts)
        for number, now in enumerate([first(policies), policies, policies]):
            if now:
                runs.step(number, now)
        found.append(small.hashes(runs.program, runs.memory) | {"kept": runs.kept()})
    assert found[0] == found[1]


@pytest.mark.parametrize("linear", Precision)
def test_dense_program_equals_functional_forward(linear: Precision) -> None:
    """Without policies too, in both precisions of the linear layers."""
    got, expected = Runs("tiny", {}, linear=linear).step(0, {})
    assert np.array_equal(got.view(np.uint16), expected.view(np.uint16))


@pytest.mark.parametrize("machine", ["tiny", "sim"])
def test_linear_layers_in_fp16(machine: str) -> None:
    """Sparse rows and caches with FP16 linear layers; a run may begin with them and go on in INT8."""
    policies = CASES["extrapolate"]
    runs = Runs(machine, policies, linear=Precision.FP16)
    results = [runs.step(0, first(policies)), runs.step(1, policies)]
    states, report = runs.functional.states, runs.functional.report
    runs.linear, runs.functional = Precision.INT8, BitTrue(runs.checkpoint, runs.machine.int8_rows)
    runs.functional.states, runs.functional.report = states, report
    results.append(runs.step(2, policies))
    for number, (got, expected) in enumerate(results):
        assert np.array_equal(got.view(np.uint16), expected.view(np.uint16)), f"step {number}"
    compare_caches(runs)
    assert {op.precision for op in runs.program.ops if op.kind == "linear"} == {"int8"}


@pytest.mark.parametrize("cores", [1, 2, 3])
@pytest.mark.parametrize("case", ["both", "int8", "mask"])
def test_any_legal_order_gives_the_same_memory(case: str, cores: int) -> None:
    """Lists, maps and count registers are ordered by semaphores alone, tasks by events."""
    policies = CASES[case]
    runs = Runs("tiny", policies, cores=cores)
    runs.step(0, first(policies))
    runs.step(1, policies)
    compiled = runs.program
    low, high = (a - compiled.hbm.base for a in compiled.write_window)
    for seed in range(2):
        memory = hazards.run_adversarially(compiled, runs.image, seed)
        assert np.array_equal(memory[low:high], runs.memory[low:high]), f"seed {seed}"


@pytest.mark.parametrize("case", ["both_int8", "step"])
def test_worst_case_bounds_give_the_same_memory(case: str) -> None:
    """GEMM and SFU without counts compute rows that nothing reads."""
    policies = CASES[case]
    runs, other = Runs("tiny", policies), Runs("tiny", policies, schedule=Schedule(bounds="worst"))
    for number, now in enumerate([first(policies), policies, policies]):
        got, expected = other.step(number, now), runs.step(number, now)
        assert np.array_equal(got[0].view(np.uint16), expected[0].view(np.uint16)) and other.kept() == runs.kept()
    counts = [{int(u) for u, c in zip(r.program.assembled.unit, counted(r.program)) if c} for r in (runs, other)]
    assert {Unit.MPU, Unit.SFU} <= counts[0] and not {Unit.MPU, Unit.SFU} & counts[1] and counts[1]


def counted(compiled: Compiled) -> list[int]:
    """The count register of each instruction, ENDs excluded."""
    return [f["count"] for f in map(decode, compiled.assembled.code) if f["opcode"] != Opcode.END]


@pytest.mark.parametrize("values, message", [
    (dict(thr_step=0.9, outputs=1), "cached inputs"), (dict(thr_step=0.9, inputs="fp16"), "outputs"),
    (dict(coef=0.5, outputs=1), "coef"), (dict(window=(9, 1, 1)), "window"), (dict(window=(2, 2, 1), offset=(2, 0, 0)), "offset"),
    (dict(keep=np.ones((2, 2), bool), outputs=1), "shape"), (dict(max_age=16, outputs=1), "max_age"),
])
def test_errors(values: dict, message: str) -> None:
    """A policy that cannot be served is refused in one line that names it."""
    with pytest.raises(CompileError, match=message) as error:
        Runs("tiny", {}).compiled({("spatial", 0, "mlp"): Policy(**values)})
    assert "spatial.0.mlp" in str(error.value)


def latte_1(inputs_of: dict[str, str | None], outputs: int) -> int:
    """Bytes of activations and caches of Latte-1 with guidance on `v80`."""
    policies = {(kind, layer, region): Policy(inputs=inputs_of.get(region), outputs=outputs)
                for kind, regions in REGIONS.items() for region in regions for layer in range(LATTE_1.layers)}
    return cache_bytes(RandomCheckpoint(LATTE_1), config.load("v80"), 120, [policies, policies])


def test_capacity_of_latte_1() -> None:
    """With INT8 inputs for qkv and mlp and the last output of every region, both branches and the weights (1.05 GB) fit
    32 GB; with FP16 inputs and two outputs they do not, and the compiler says so."""
    assert latte_1({"qkv": "int8", "mlp": "int8"}, 1) + 1_200_000_000 < HBM_BYTES
    with pytest.raises(CompileError, match="HBM is too small: region cache"):
        latte_1(dict.fromkeys(REGIONS["spatial"], "fp16"), 2)


def test_skipped_regions_need_no_products() -> None:
    """Where the program skips a block, neither its layers nor its attention reach the matrix unit; where it skips one side of
    an attention only, the attention stays."""
    skipped = Runs("tiny", {}).compiled(CASES["mask_none"])
    assert Unit.MPU not in skipped.assembled.unit and Unit.RU in skipped.assembled.unit
    some = {key: policy for key, policy in CASES["mask_none"].items() if key[2] != "qkv"}
    kinds = {op.kind for op in Runs("tiny", {}).compiled(some).ops if op.name.endswith("scores")}
    assert kinds == {"attention"}
