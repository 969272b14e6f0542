"""A whole sampling run of Latte-1 on the cycle model: 50 steps with guidance on the `v80` configuration.

    python -m bench.latte1 [--config v80] [--policies FILE] [--whole] [--jobs N]

Every step has its table with both branches of the guidance: that of the dense denoiser, and that of the policies which the file has
for the step. The shipped schedule computes in a branch all rows of a region or none, alike in
all layers, so the kept rows of every tile are those of the file and nothing is assumed about data; programs that differ in the
values of coefficients alone take the same time. The list of steps was found on the workload of workloads/latte_small; whether
Latte-1 bears it is not shown here.

Layers repeat. The programs of 1 and of 2 layers (patch embedding and output included) are simulated instruction by instruction,
the others count as the second. `--whole` simulates all layers of the dense evaluation too and reports the difference. Passes of
FP16 steps are those of real operands: the blocks of `make sim`, compiled for this machine's array. Result:
bench/results/latte1_sampling.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from bench.cycles import case_of
from compiler import policies as policy_file
from compiler.checkpoint import LATTE_1, RandomCheckpoint
from compiler.model import Compiled, compile_blocks
from compiler.sparsity import Policies
from host import report, sim
from models import config as configs
from models import cycles, mpu
from models.config import Config
from models.isa import INSTRUCTION_BYTES, Opcode, Precision, decode_task
from models.scheduler import decode_program
from workloads import inputs as workload

RESULT = Path(__file__).resolve().parent / "results" / "latte1_sampling.json"
POLICY_FILE = Path(__file__).resolve().parent.parent / "workloads" / "data" / "sparsity.json"
CLOCK = 300e6  # Hz
CAPTIONS = 120
BRANCHES = 2  # caption, null
FEW, MORE = 1, 2  # layers that are simulated

Passes = Mapping[int, float]  # of an FP16 step, by the layout of B


def measured_passes(config: Config) -> Passes:
    """Mean passes of an FP16 step on the operands of a real block, by the layout of B: scores (NK), context (KN)."""
    data = workload.load()
    job = sim.prepare(config.name, "0", data.clips[0], data.times[len(data.times) // 2 - 1], data)
    case, _ = case_of(job.compiled, job.memory)
    done, steps = {0: 0, 1: 0}, {0: 0, 1: 0}
    for entry, program in enumerate(case.programs):
        for index, f in enumerate(program):
            if f["opcode"] == Opcode.GEMM and f["precision"] == Precision.FP16:
                done[f["b_layout"]] += sum(case.seen[entry][index])
                steps[f["b_layout"]] += mpu.steps(f, config)
    return {layout: done[layout] / steps[layout] for layout in done}


def works(compiled: Compiled, passes: Passes, timing: cycles.Timing) -> tuple[list[dict[str, int]], list[cycles.Work]]:
    """Table and programs as the cycle model needs them; rows are those that the programs say."""
    config, assembled, base = compiled.config, compiled.assembled, compiled.program.base
    table = [decode_task(row) for row in assembled.placed_at(base)]
    code = assembled.code.reshape(-1)

    def every() -> Iterator[cycles.Work]:
        for f in table[:-1]:
            program, _ = decode_program(code[f["base"] - base:][:INSTRUCTION_BYTES * f["length"]], f["length"])
            counts = [round(mpu.steps(i, config) * passes[i["b_layout"]])
                      if i["opcode"] == Opcode.GEMM and i["precision"] == Precision.FP16 else -1 for i in program]
            yield cycles.work(program, [], counts, config, timing, f["base"])
    return table, list(every())


@dataclass
class Step:
    """One step, all branches of the guidance: cycles, MACs that were computed, the cycles that these take at peak on one core."""

    cycles: float
    macs: float
    peak: float

    def further(self, more: Step, layers: int) -> Step:
        """This with `layers` more layers, each of which adds what `more` has over this."""
        return Step(*(a + layers * (b - a) for a, b in zip(vars(self).values(), vars(more).values())))


def evaluate(config: Config, layers: int, branches: Sequence[Policies], passes: Passes) -> Step:
    """Compile and simulate the denoiser with that many layers."""
    checkpoint, timing = RandomCheckpoint(replace(LATTE_1, layers=layers)), cycles.Timing()
    with tempfile.TemporaryDirectory() as folder:
        compiled = compile_blocks(checkpoint, config, CAPTIONS, branches=branches, weights=Path(folder) / "weights")
    table, programs = works(compiled, passes, timing)
    outcome = cycles.simulate(config, table, programs, cores=compiled.cores, timing=timing, record=False)
    shares = {".".join(map(str, key)): sum(b[key].density if key in b else 1.0 for b in branches) / len(branches)
              for policies in branches for key in policies}
    macs = report.executed(compiled.ops, shares)
    return Step(outcome.cycles, sum(macs), sum(m / report.peak(op, config) for m, op in zip(macs, compiled.ops)))


def of_layers(found: Policies, layers: int) -> Policies:
    """The policies of a file for a denoiser with another number of layers: layer l takes those of the file's layer l modulo theirs,
    which must be alike, since layers repeat."""
    theirs = 1 + max((layer for _, layer, _ in found), default=0)
    for (kind, layer, region), policy in found.items():
        if replace(policy, coef=None) != replace(found[kind, 0, region], coef=None):
            raise SystemExit(f"{kind}.{layer}.{region}: policies differ between the layers of the file")
        if policy.density not in (0.0, 1.0) or policy.thr_step is not None or policy.window is not None:
            raise SystemExit(f"{kind}.{layer}.{region}: the rows that it keeps depend on data")
    return {(kind, layer, region): policy for layer in range(layers) for (kind, old, region), policy in found.items()
            if old == layer % theirs}


def signature(branches: Sequence[Policies]) -> tuple:
    """What the time of a step's programs depends on."""
    return tuple(tuple(sorted((key, p.density, p.skips, p.outputs, p.first, p.coef is not None) for key, p in found.items()))
                 for found in branches)


def main() -> None:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.latte1", description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="v80")
    parser.add_argument("--policies", type=Path, default=POLICY_FILE)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="simulations at a time (default: the host's processors)")
    parser.add_argument("--whole", action="store_true", help="simulate all layers of the dense evaluation too")
    args = parser.parse_args()
    config, console = configs.load(args.config), Console(width=140)
    began = time.monotonic()
    passes = measured_passes(config)
    console.print(f"passes of an FP16 step: scores {passes[0]:.4f}, context {passes[1]:.4f} ({time.monotonic() - began:.0f} s)")
    total = len(json.loads(args.policies.read_text())["schedule"])
    dense = [{}] * BRANCHES
    steps = [[policy_file.load(args.policies, step, branch, LATTE_1.positions, LATTE_1.frames) for branch in range(BRANCHES)]
             for step in range(total)]
    distinct = {signature(found): found for found in [dense, *steps]}
    with ProcessPoolExecutor(args.jobs) as pool:
        pairs = {key: [pool.submit(evaluate, config, n, [of_layers(f, n) for f in found], passes) for n in (FEW, MORE)]
                 for key, found in distinct.items()}
        known: dict[tuple, Step] = {}
        for key, pair in pairs.items():
            few, more = (simulated.result() for simulated in pair)
            known[key] = few.further(more, LATTE_1.layers - FEW)
            console.print(f"step {len(known)} of {len(pairs)}: {known[key].cycles:,.0f} cycles, {more.cycles - few.cycles:,.0f} a layer "
                          f"({time.monotonic() - began:.0f} s)")
    whole = known[signature(dense)]
    out = summary(config, whole, [known[signature(found)] for found in steps])
    out |= {"policies": args.policies.name, "captions": CAPTIONS, "jobs": args.jobs, "model_seconds": round(time.monotonic() - began, 1),
            "steps_simulated": len(known), "passes": {"scores": passes[0], "context": passes[1]}}
    if args.whole:
        exact = evaluate(config, LATTE_1.layers, dense, passes)
        out["whole"] = {"cycles": exact.cycles, "error": round(whole.cycles / exact.cycles - 1, 5)}
    out["per_step"] = [{"step": number, "cycles": round(s.cycles), "macs": round(s.macs), "peak": round(s.peak), "dense": round(whole.cycles)}
                       for number, s in enumerate(known[signature(found)] for found in steps)]
    RESULT.write_text(json.dumps(out, indent=1) + "\n")
    console.print_json(json.dumps({k: v for k, v in out.items() if k != "per_step"}))


def summary(config: Config, dense: Step, steps: Sequence[Step]) -> dict[str, object]:
    """Totals of the run, dense and sparse."""
    sparse, macs, peak = (round(sum(getattr(s, what) for s in steps)) for what in ("cycles", "macs", "peak"))
    return {"config": config.name, "cores": config.cores, "steps": len(steps), "clock_mhz": CLOCK / 1e6,
            "step_cycles": round(dense.cycles), "step_seconds": round(dense.cycles / CLOCK, 3),
            "dense_cycles": round(len(steps) * dense.cycles), "dense_seconds": round(len(steps) * dense.cycles / CLOCK, 1),
            "dense_utilisation": round(dense.peak / (dense.cycles * config.cores), 4),
            "cycles": sparse, "seconds": round(sparse / CLOCK, 1), "utilisation": round(peak / (sparse * config.cores), 4),
            "mac_reduction": round(len(steps) * dense.macs / macs, 3), "speedup": round(len(steps) * dense.cycles / sparse, 3)}


if __name__ == "__main__":
    main()
