"""The cycle model (models/cycles.py) against the RTL, on programs drawn at random and on the real workload.

    python -m bench.cycles [--draws N] [--no-sim]

A draw is a layer of a small Latte model on `tiny`: its sizes, where its sparse rows come from and how many there are, cores and
contexts, the latency of the memory. The real programs are those of `make sim` and `make sim SPARSE=1` on `sim`, whose RTL cycles
bench/results has. The model gets what models/core.py finds out about rows, lists and passes; the error is of the cycles from the start of the
table to its end. Result: bench/results/cycles.json. host/tests/test_cycles.py holds the model to 2 %.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from compiler import inputs
from compiler.checkpoint import RandomCheckpoint
from compiler.model import Compiled, compile_blocks, pair
from compiler.sparsity import REGIONS, Policies, Policy
from compiler.tests import small
from host import sim, sparse
from models import config as configs
from models import core, cycles
from models.isa import INSTRUCTION_BYTES
from models.scheduler import decode_program
from models.scheduler_check import Windows
from models.taskq import decode_table
from tb.top.harness import Knobs, TasksResult, simulate_tasks
from workloads import inputs as workload
from workloads import latte

RESULT = Path(__file__).resolve().parent / "results" / "cycles.json"
KEYS = [(kind, 0, region) for kind, regions in REGIONS.items() for region in regions]
BUILD_CORES = 2  # of the simulated machine, as host/tests/test_rtl.py and tb/top, whose build this shares


@dataclass(frozen=True)
class Draw:
    """A program: sizes of a small Latte layer, sources of its sparse rows ("dense": none), cores, contexts, memory latency."""

    heads: int
    head_dim: int
    grid: int
    frames: int
    captions: int
    source: str
    share: float
    cores: int
    contexts: int
    latency: int
    seed: int

    @property
    def name(self) -> str:
        """For reports."""
        return f"{self.source}, {self.heads} x {self.head_dim} channels, {self.frames} x {self.grid ** 2} tokens, {self.captions} captions"


SEED = 7
SOURCES = ("dense", "mask", "mask_window", "step", "window", "both")


def draw(rng: np.random.Generator, source: str | None = None) -> Draw:
    """A program at random."""
    def pick(*values: int) -> int:
        return int(rng.choice(values))
    return Draw(pick(1, 2, 3), pick(16, 24, 40), pick(3, 4, 5), pick(3, 5, 6), pick(3, 5, 7), source or str(rng.choice(SOURCES)),
                float(rng.uniform(0.1, 0.9)), pick(1, 2), pick(1, 2), pick(20, 32, 64), int(rng.integers(1 << 30)))


def policies(d: Draw) -> Policies:
    """Every region sparse in the same way."""
    rng = np.random.default_rng(d.seed)
    out = {}
    for key in KEYS:
        window = (2, 1, 1) if key[0] == "spatial" else (1, 1, 3)
        mask = rng.random((d.grid ** 2, d.frames)) < d.share
        out[key] = {
            "mask": Policy(keep=mask, outputs=2, coef=0.5), "mask_window": Policy(keep=mask, window=window),
            "step": Policy(thr_step=1 - d.share / 20, inputs="fp16", outputs=1, max_age=3),
            "window": Policy(window=window, thr_window=1 - d.share),
            "both": Policy(window=window, thr_window=1 - d.share / 2, thr_step=1 - d.share / 20, inputs="int8", outputs=2, coef=0.5),
        }[d.source]
    return out


def first_step(every: Policies) -> Policies:
    """Every row computed, the same caches filled."""
    return {k: replace(p, window=None, span=p.window, thr_step=None, keep=None, coef=None, first=True) for k, p in every.items() if p.ages}


@dataclass
class Case:
    """A program with its memory image, and what the bit-accurate model found out about it."""

    compiled: Compiled
    memory: np.ndarray
    table: list[dict[str, int]]
    programs: list[list[dict[str, int]]]
    rows: dict[int, list[int]]
    seen: dict[int, list[int | tuple[int, ...]]]


def programs_of(compiled: Compiled, memory: np.ndarray) -> tuple[list[dict[str, int]], list[list[dict[str, int]]]]:
    """The decoded table and the decoded program of each entry."""
    base = compiled.hbm.base
    at = compiled.table.base - base
    table, _ = decode_table(memory[at:at + INSTRUCTION_BYTES * compiled.table_entries], compiled.table_entries)
    code = []
    for f in table[:-1]:
        start = f["base"] - base
        code.append(list(decode_program(memory[start:start + INSTRUCTION_BYTES * f["length"]], f["length"])[0]))
    return table, code


def case_of(compiled: Compiled, memory: np.ndarray) -> tuple[Case, core.TasksResult]:
    """Run a table on models/core.py."""
    result = core.run_tasks(compiled.config, memory, compiled.table.base, compiled.table_entries,
                            Windows(compiled.read_window, compiled.write_window), compiled.slices, origin=compiled.hbm.base,
                            cores=compiled.cores, watch=True)
    table, programs = programs_of(compiled, memory)
    return Case(compiled, memory, table, programs, result.rows, result.seen), result


def prepare(d: Draw) -> Case:
    """Compile and execute a draw on models/core.py; of a sparse one the step behind one that filled the caches."""
    config = configs.load("tiny")
    checkpoint = RandomCheckpoint(small.dims(d.heads, d.head_dim, 1, d.grid, d.frames))
    model, rng = small.oracle(checkpoint), np.random.default_rng(d.seed)
    every = {} if d.source == "dense" else policies(d)
    before: np.ndarray | None = None
    for step in ([first_step(every)] if first_step(every) else []) + [every]:
        compiled = compile_blocks(checkpoint, config, d.captions, pair(0), base=sim.HBM_BASE, branches=(step,), cores=d.cores)
        latents, caption, embedded = small.random_inputs(model, d.captions, d.seed % 1000)
        if before is not None:
            moves = rng.choice([0.02, 0.3], size=(len(latents), 1, 1, 1))
            latents = (latents + rng.standard_normal(latents.shape) * moves).astype(np.float32)
            embedded = latte.embed(model, latents, 400.0, caption)
        memory = small.image(compiled, checkpoint, model, latents, embedded)
        if before is not None:
            low, high = (a - compiled.hbm.base for a in compiled.write_window)
            memory[low:high] = before[low:high]
            inputs.write_tokens(compiled, memory, embedded.tokens)
        case, result = case_of(compiled, memory)
        before = result.memory
    return case


def run_rtl(case: Case, d: Draw) -> TasksResult:
    """A draw on the RTL, two cores of which a table for one uses the first."""
    compiled = case.compiled
    result = simulate_tasks(compiled.config, case.memory, compiled.table.base, compiled.table_entries, compiled.read_window,
                            compiled.write_window, compiled.slices, origin=compiled.hbm.base, cores=BUILD_CORES,
                            contexts=d.contexts, knobs=Knobs(latency=d.latency), fast=False)
    if result.error:
        raise RuntimeError(f"{d.name}: {result.error}")
    return result


def predict(case: Case, contexts: int | None = None, latency: int = Knobs().latency, timing: cycles.Timing | None = None) -> int:
    """Cycles of a program by the model."""
    config, timing = case.compiled.config, timing or cycles.Timing(latency=latency)
    works = [cycles.work(program, case.rows[e], case.seen[e], config, timing, case.table[e]["base"])
             for e, program in enumerate(case.programs)]
    return cycles.simulate(config, case.table, works, cores=case.compiled.cores, contexts=contexts, timing=timing, record=False).cycles


def row(what: str, case: Case, contexts: int, latency: int, rtl: int, model: int) -> dict[str, object]:
    """A line of the result."""
    return {"what": what, "config": case.compiled.config.name, "cores": case.compiled.cores, "contexts": contexts, "latency": latency,
            "instructions": case.compiled.instructions, "rtl": rtl, "model": model, "error": round(model / rtl - 1, 5)}


def compare(d: Draw) -> dict[str, object]:
    """A draw on the RTL and on the model."""
    case = prepare(d)
    return row(d.name, case, d.contexts, d.latency, run_rtl(case, d).cycles, predict(case, d.contexts, d.latency))


def recorded(name: str, compiled: Compiled) -> int:
    """RTL cycles of a report of `make sim` in bench/results, if it is about this table."""
    found = json.loads((RESULT.parent / f"{name}.json").read_text())
    if found["instructions"] != compiled.instructions:
        raise SystemExit(f"bench/results/{name}.json is about {found['instructions']} instructions, the table has {compiled.instructions}: "
                         "run make sim and python -m scripts.numbers --record")
    return found["cycles"]


def real(progress: Progress) -> list[dict[str, object]]:
    """The blocks of `make sim` and `make sim SPARSE=1` on `sim`; the cycles of the RTL are those that are recorded."""
    data = workload.load()
    clip, time = data.clips[0], data.times[len(data.times) // 2 - 1]
    dense = sim.prepare("sim", "0", clip, time, data)
    step = sparse.prepare_step(configs.load("sim"), 0, sparse.POLICY_FILE, clip, time, data, progress)
    out = []
    for what, name, (compiled, memory) in (("make sim", "sim", (dense.compiled, dense.memory)),
                                           ("make sim SPARSE=1", "sim_sparse", step.program(step.policies))):
        rtl = recorded(name, compiled)
        case, _ = case_of(compiled, memory)
        out.append(row(what, case, compiled.config.contexts, Knobs().latency, rtl, predict(case)))
    return out


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.cycles", description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=30)
    parser.add_argument("--no-sim", action="store_true", help="leave the real workload out")
    args = parser.parse_args()
    console, rows = Console(width=160), []
    for number in range(args.draws):
        rows.append(compare(draw(np.random.default_rng([SEED, number]), SOURCES[number % len(SOURCES)])))
        console.print(f"{rows[-1]['what']}, {rows[-1]['cores']} cores: {rows[-1]['rtl']:,} cycles, model {rows[-1]['error']:+.2%}")
    if not args.no_sim:
        with Progress(console=console, transient=True) as progress:
            rows += real(progress)
    RESULT.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
