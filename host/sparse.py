"""`make sim SPARSE=1`: the blocks of a layer at one denoising step with sparse rows, on the RTL, against the same step computed densely.

A step is what a sampler with classifier-free guidance evaluates: the branch of the caption and that of the null caption, in one table.

A sparse step needs a past. The tokens of neighbouring steps of a sampler lie on the straight path between a real clip's
latents and their noise. The first of `WARM` steps fills the caches, the others are sparse with the policies of the file for
each of them, on models/core.py; so the ages of the rows differ, and the
shares of kept rows are known from the step before. The step that is measured then runs on the RTL and on the
model: every word that it writes, caches and ages included, is compared. The dense program of that step runs on the RTL too,
for its cycles.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from rich.progress import Progress

from compiler import inputs as host_inputs
from compiler import policies as policy_file
from compiler.checkpoint import Dims, SafetensorsCheckpoint
from compiler.errors import CompileError
from compiler.model import Compiled, compile_blocks, pair
from compiler.sparsity import Policies
from host import report
from host.sim import HBM_BASE, cosine, execute, model_arguments, run_model, stage, summary
from models import config as configs
from workloads import inputs as workload
from workloads import latte
from workloads.functional import times as sampling_times

STEPS = 50  # of the sampler whose neighbouring steps are taken
BRANCHES = 2  # of the guidance: the caption, the null caption
WARM = 8  # steps before the measured one
Branches = tuple[Policies, ...]
DENSE: Branches = ({},) * BRANCHES
POLICY_FILE = Path(__file__).resolve().parent.parent / "workloads" / "data" / "sparsity_adaptive.json"


@dataclass
class Trajectory:
    """Real tokens along the straight path from a clip to its noise, for one layer; `captions` of the branches of the guidance."""

    model: latte.Model
    checkpoint: SafetensorsCheckpoint
    clean: np.ndarray
    noise: np.ndarray
    captions: tuple[np.ndarray, ...]
    layer: int

    def write(self, compiled: Compiled, memory: np.ndarray, time: float) -> None:
        """Tokens and conditions at a diffusion time into a memory image."""
        latents = (np.float32(1 - time) * self.clean + np.float32(time) * self.noise).astype(np.float16)
        embedded = [latte.embed(self.model, latents, 1000 * time, caption) for caption in self.captions]
        host_inputs.write_conditions(compiled, self.checkpoint, memory, embedded[0].adaln, [e.caption for e in embedded],
                                     embedded[0].time, latte.temporal_positions(self.model.config))
        for branch, e in enumerate(embedded):
            x = e.tokens
            for before in range(self.layer):
                x = latte.spatial_block(self.model, before, x, e.adaln, e.caption)
                x = latte.temporal_block(self.model, before, x, e.adaln)
            host_inputs.write_tokens(compiled, memory, x, branch)


def load_policies(path: Path, layer: int, step: int, dims: Dims, shares: Mapping[str, float]) -> Branches:
    """Policies of both blocks of a layer at one step, in every branch of the guidance; `shares` of the kept rows by region that
    the order of instructions may count on."""
    chosen = []
    for branch in range(BRANCHES):
        every = policy_file.load(path, step, branch, dims.positions, dims.frames)
        chosen.append({key: replace(policy, density=shares.get(".".join(map(str, key)), 1.0))
                       for key, policy in every.items() if key[1] == layer})
    if not any(policy.step or policy.window for policies in chosen for policy in policies.values()):
        raise CompileError(f"{path}: every row of layer {layer} is computed at step {step}; choose another time or file")
    return tuple(chosen)


def first_step(branches: Branches) -> Branches:
    """The same caches, every row computed, nothing cached yet."""
    return tuple({key: replace(p, window=None, span=p.tiling, thr_step=None, keep=None, coef=None, first=True)
                  for key, p in policies.items() if p.ages} for policies in branches)


def nearest_step(time: float) -> int:
    """The step, not before `WARM`, whose diffusion time is closest to `time`."""
    return max(WARM, int(np.argmin(np.abs(sampling_times(STEPS)[:-1] - time))))


def trajectory(data: workload.Inputs, clip: str, time: float, layer: int) -> Trajectory:
    """The path through the noised latents of a clip at `time`."""
    clean, sample = data.latents(clip).astype(np.float32), data.sample(clip, time)
    noise = (sample.noised.astype(np.float32) - np.float32(1 - time) * clean) / np.float32(time)
    return Trajectory(latte.load(workload.CHECKPOINT), SafetensorsCheckpoint(workload.CHECKPOINT), clean, noise,
                      (sample.caption, data.caption(None)), layer)


def carry(source: Compiled, before: np.ndarray, target: Compiled, memory: np.ndarray) -> None:
    """Caches and planes after one step into the memory image of the next."""
    regions = {r.name: r for r in target.hbm.regions}
    for region in source.written():
        if region.name in regions and region.name.split(".")[0] != "x":
            start, to = region.base - source.hbm.base, regions[region.name].base - target.hbm.base
            memory[to:to + region.size] = before[start:start + region.size]


@dataclass
class Step:
    """The step that is measured: its policies, and how its past is carried into the image of any program of it."""

    way: Trajectory
    config: configs.Config
    number: int
    time: float
    policies: Branches
    past: tuple[Compiled, np.ndarray] | None
    reduction: float | None = None  # MACs dense / computed, once it has run

    def program(self, policies: Branches = DENSE, **options: object) -> tuple[Compiled, np.ndarray]:
        """(program of this step, its memory image); `options` of `compile_blocks`."""
        compiled = compile_blocks(self.way.checkpoint, self.config, len(self.way.captions[0]), pair(self.way.layer), base=HBM_BASE,
                                  branches=policies, **options)
        memory = compiled.memory()
        self.way.write(compiled, memory, self.time)
        if policies is not DENSE and self.past:
            carry(*self.past, compiled, memory)
        return compiled, memory


def walk(config: configs.Config, layer: int, path: Path, clip: str, time: float, data: workload.Inputs,
         progress: Progress) -> Iterator[Step]:
    """The steps from `WARM` before the one nearest to `time` on, as far as the file goes. A step that has been given runs on the model
    before the next one is given; its `reduction` is known then."""
    first, way, times = nearest_step(time) - WARM, trajectory(data, clip, time, layer), sampling_times(STEPS)
    past: tuple[Compiled, np.ndarray] | None = None
    shares: dict[str, float] = {}
    for number in range(first, STEPS):
        step = Step(way, config, number, float(times[number]), load_policies(path, layer, number, way.checkpoint.dims, shares), past)
        yield step
        with stage(progress, f"model: step {number}, {'every row' if number == first else 'sparse'}"):
            compiled, memory = step.program(first_step(step.policies) if number == first else step.policies)
            result, _ = run_model(*model_arguments(compiled, memory))
        past, shares = (compiled, result.memory), report.kept_shares(compiled.ops, result.decisions)
        step.reduction = sum(op.macs for op in compiled.ops) / sum(report.executed(compiled.ops, shares))


def prepare_step(config: configs.Config, layer: int, path: Path, clip: str, time: float, data: workload.Inputs,
                 progress: Progress) -> Step:
    """The step nearest to `time`; those before it run on the model."""
    return next(islice(walk(config, layer, path, clip, time, data, progress), WARM, None))


def step_of_reduction(config: configs.Config, layer: int, path: Path, clip: str, time: float, data: workload.Inputs, progress: Progress,
                      wanted: float) -> Step:
    """The step, of `WARM` from the one nearest to `time` on, whose MACs dense / computed are nearest to `wanted`."""
    steps = list(islice(walk(config, layer, path, clip, time, data, progress), 2 * WARM + 1))  # the last one given has not run
    return min((s for s in steps[WARM:] if s.reduction), key=lambda s: abs(s.reduction - wanted))


def simulate_sparse(args: argparse.Namespace, clip: str, time: float, data: workload.Inputs, progress: Progress,
                    pool: ProcessPoolExecutor) -> tuple[dict[str, object], Compiled, report.Trace]:
    """The part of the report of a sparse step, its table and its trace."""
    config, path = configs.load(args.config), args.policies or POLICY_FILE
    step = prepare_step(config, int(args.blocks), path, clip, time, data, progress)
    compiled, memory = step.program(step.policies)
    run = execute(compiled, memory, progress, pool, not args.model_only, f" of step {step.number}, sparse")
    dense, dense_image = step.program()
    whole = execute(dense, dense_image, progress, pool, not args.model_only, f" of step {step.number}, dense")
    cycles = [r.rtl.cycles if r.rtl else c.assembled.estimate for r, c in ((run, compiled), (whole, dense))]
    part = report.sparsity(config, compiled.ops, run.model.decisions, *cycles)
    part |= {"step": step.number, "steps": STEPS, "policies": path.name}
    out, trace = summary(compiled, run, part["shares"])
    tokens = [[host_inputs.read(c, r.memory, branch=b) for b in range(BRANCHES)] for r, c in ((run, compiled), (whole, dense))]
    return out | {"sparsity": part, "cosine": {"tokens, to the dense step": round(cosine(*tokens), 6)}}, compiled, trace
