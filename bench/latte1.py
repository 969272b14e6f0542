"""A whole sampling run of Latte-1 on the cycle model: 50 steps with guidance on the `v80` configuration.

    python -m bench.latte1 [--config v80] [--policies FILE] [--jobs N] [--whole]

Three runs: dense; with the policies of the file (`regions`: in some steps a branch of the guidance computes all rows of a region, in
others none, which are extrapolated from their caches); with the same lists of steps and no cache inside the network (`branches`: a
branch is evaluated as a whole or not at all, and the host extrapolates its velocity). Kept rows are those of the
file, alike in all layers, so nothing is assumed about data; programs that differ in the values of coefficients alone take the same time. The
lists were found on the workload of workloads/latte_small; whether Latte-1 bears them is not shown here.

Layers repeat. The programs of 1 and of 2 layers (patch embedding and output included) are simulated instruction by instruction,
the others count as the second. `--whole` simulates all layers of the dense evaluation too and reports the difference. Passes of
FP16 steps are those of real operands: the blocks of `make sim`, compiled for this machine's array. `phases` says where the matrix units'
time goes in the second layer. Result: bench/results/latte1_sampling.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from bench.cycles import case_of
from compiler import policies as policy_file
from compiler.checkpoint import LATTE_1, RandomCheckpoint
from compiler.model import Compiled, compile_blocks
from compiler.program import Op
from compiler.sparsity import Policies
from host import report, sim
from models import config as configs
from models import cycles, mpu
from models.config import Config
from models.isa import INSTRUCTION_BYTES, Opcode, Precision, Unit, decode_task
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
    """One step, all branches of the guidance: cycles, MACs that were computed, the cycles that these take at peak on one core; of its last
    layer, phase by phase, cycles of all matrix units: at work, waiting, at peak."""

    cycles: float = 0
    macs: float = 0
    peak: float = 0
    phases: Mapping[str, tuple[int, int, float]] = field(default_factory=dict)

    def further(self, more: Step, layers: int) -> Step:
        """This with `layers` more layers, each of which adds what `more` has over this."""
        return Step(*(a + layers * (b - a) for a, b in ((self.cycles, more.cycles), (self.macs, more.macs), (self.peak, more.peak))), more.phases)


def phases(spans: Sequence[cycles.Span], ops: Sequence[Op], config: Config) -> dict[str, tuple[int, int, float]]:
    """Of every operation of the matrix unit: cycles in which it is at work, in which it waits for the operation, and what its MACs take at peak; all
    cores together."""
    work, wait = Counter(), Counter()
    for core in range(config.cores):
        end = 0
        for s in sorted((s for s in spans if s.core == core and s.unit == Unit.MPU), key=lambda s: s.done):
            wait[s.tag] += max(0, s.start - end)
            work[s.tag] += s.done - max(s.start, end)
            end = s.done
    return {ops[tag].name: (work[tag], wait[tag], ops[tag].macs / report.peak(ops[tag], config)) for tag in sorted(work)}


def evaluate(config: Config, layers: int, branches: Sequence[Policies], passes: Passes) -> Step:
    """Compile and simulate the denoiser with that many layers."""
    checkpoint, timing = RandomCheckpoint(replace(LATTE_1, layers=layers)), cycles.Timing()
    with tempfile.TemporaryDirectory() as folder:
        compiled = compile_blocks(checkpoint, config, CAPTIONS, branches=branches, weights=Path(folder) / "weights")
    table, programs = works(compiled, passes, timing)
    dense = not any(branches)
    outcome = cycles.simulate(config, table, programs, cores=compiled.cores, timing=timing, record=dense)
    shares = {".".join(map(str, key)): sum(b[key].density if key in b else 1.0 for b in branches) / len(branches)
              for policies in branches for key in policies}
    macs = report.executed(compiled.ops, shares)
    last = {n: v for n, v in phases(outcome.spans, compiled.ops, config).items() if f".{layers - 1}." in n} if dense else {}
    return Step(outcome.cycles, sum(macs), sum(m / report.peak(op, config) for m, op in zip(macs, compiled.ops)), last)


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


def simulated(config: Config, distinct: Mapping[tuple, Sequence[Policies]], passes: Passes, jobs: int, console: Console) -> dict[tuple, Step]:
    """Whole steps of Latte-1, some at a time."""
    began, known = time.monotonic(), {}
    with ProcessPoolExecutor(jobs) as pool:
        pairs = {key: [pool.submit(evaluate, config, n, [of_layers(f, n) for f in found], passes) for n in (FEW, MORE)]
                 for key, found in distinct.items()}
        for key, pair in pairs.items():
            few, more = (future.result() for future in pair)
            known[key] = few.further(more, LATTE_1.layers - FEW)
            console.print(f"step {len(known)} of {len(pairs)}: {known[key].cycles:,.0f} cycles, {more.cycles - few.cycles:,.0f} a layer "
                          f"({time.monotonic() - began:.0f} s)")
    return known


def summary(config: Config, dense: Step, steps: Sequence[Step]) -> dict[str, object]:
    """Totals of a run beside the dense one, and step by step."""
    used, macs, peak = (sum(getattr(s, what) for s in steps) for what in ("cycles", "macs", "peak"))
    return {"cycles": round(used), "seconds": round(used / CLOCK, 1), "utilisation": round(peak / (used * config.cores), 4),
            "mac_reduction": round(len(steps) * dense.macs / macs, 3), "speedup": round(len(steps) * dense.cycles / used, 3),
            "per_step": [[round(s.cycles), round(s.macs)] for s in steps]}


def main() -> None:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.latte1", description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="v80")
    parser.add_argument("--policies", type=Path, default=POLICY_FILE)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="simulations at a time (default: the host's processors)")
    parser.add_argument("--whole", action="store_true", help="simulate all layers of the dense evaluation too")
    args = parser.parse_args()
    config, console, began = configs.load(args.config), Console(width=140), time.monotonic()
    passes = measured_passes(config)
    console.print(f"passes of an FP16 step: scores {passes[0]:.4f}, context {passes[1]:.4f} ({time.monotonic() - began:.0f} s)")
    data = json.loads(args.policies.read_text())
    total = len(data["schedule"])
    refresh = [data["samplers"][str(total)]["lists"][str(n)] for n in data["point"]]
    evaluated = [sum(step in steps for steps in refresh) for step in range(total)]  # branches
    dense, alone = [{}] * BRANCHES, [{}]
    sparse = [[policy_file.load(args.policies, step, branch, LATTE_1.positions, LATTE_1.frames) for branch in range(BRANCHES)]
              for step in range(total)]
    known = simulated(config, {signature(found): found for found in [dense, alone, *sparse]}, passes, args.jobs, console)
    whole, single = known[signature(dense)], known[signature(alone)]
    runs = {"dense": [whole] * total, "regions": [known[signature(found)] for found in sparse],
            "branches": [(Step(), single, whole)[number] for number in evaluated]}
    out = {"config": config.name, "cores": config.cores, "steps": total, "clock_mhz": CLOCK / 1e6, "policies": args.policies.name,
           "captions": CAPTIONS, "passes": {"scores": passes[0], "context": passes[1]}, "steps_simulated": len(known), "jobs": args.jobs,
           "model_seconds": round(time.monotonic() - began, 1), "runs": {name: summary(config, whole, steps) for name, steps in runs.items()}}
    if args.whole:
        exact = evaluate(config, LATTE_1.layers, dense, passes)
        out["whole"] = {"cycles": exact.cycles, "error": round(whole.cycles / exact.cycles - 1, 5)}
    layer = sum(work + wait for work, wait, _ in whole.phases.values())
    out["phases"] = {name: [round(part / layer, 4) for part in parts] for name, parts in whole.phases.items()}
    RESULT.write_text(json.dumps(out, indent=1) + "\n")
    console.print_json(json.dumps({name: {k: v for k, v in run.items() if k != "per_step"} for name, run in out["runs"].items()}))


if __name__ == "__main__":
    main()
