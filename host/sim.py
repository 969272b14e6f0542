"""`make sim`: real video tokens through real DiT blocks on the RTL, every bit compared with the model.

    python -m host.sim [--config sim] [--blocks 0|k|all] [--clip NAME] [--time T] [--sparse] [--checkpoint DIR] [--model-only]

Compiles a layer's spatial and temporal block (or the whole denoiser) at the model's true size, runs the table of tasks on
the simulated cores and on models/core.py, compares the two memories over everything that the program writes, and reports.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from compiler import inputs as host_inputs
from compiler.checkpoint import SafetensorsCheckpoint
from compiler.errors import CompileError
from compiler.model import Compiled, compile_blocks, pair
from host import report, trace
from models import config as configs
from models import core
from models.isa import Cause
from models.scheduler_check import Windows
from models.slices import Slices
from workloads import inputs as workload
from workloads import latte

REPORTS = Path("build/reports")
HBM_BASE = 0x40_0000_0000


class SimError(RuntimeError):
    """The run cannot start or did not finish; one line."""


@dataclass
class Job:
    """What is to be run: the table, its memory image, and FP32 references by tensor name."""

    compiled: Compiled
    memory: np.ndarray
    references: dict[str, np.ndarray]


def prepare(config_name: str, blocks: str, clip: str, diffusion_time: float, data: workload.Inputs,
            folder: Path = workload.CHECKPOINT) -> Job:
    """Compile the checkpoint in `folder`, place the inputs, compute the references: the FP32 network of the shipped checkpoint."""
    config, checkpoint = configs.load(config_name), SafetensorsCheckpoint(folder)
    if checkpoint.dims != SafetensorsCheckpoint(workload.CHECKPOINT).dims:
        raise SimError(f"{folder}: a model of other sizes than {workload.CHECKPOINT.name}, whose inputs are at hand")
    model, sample = latte.load(workload.CHECKPOINT), data.sample(clip, diffusion_time)
    embedded = latte.embed(model, sample.noised, sample.timestep, sample.caption)
    whole = blocks == "all"
    compiled = compile_blocks(checkpoint, config, len(sample.caption), None if whole else pair(int(blocks)),
                              base=HBM_BASE)
    memory = compiled.memory()
    host_inputs.write_conditions(compiled, checkpoint, memory, embedded.adaln, [embedded.caption], embedded.time,
                                 latte.temporal_positions(model.config))
    if whole:
        host_inputs.write_patches(compiled, memory, latte.patchify(model.config, sample.noised.astype(np.float32)),
                                  latte.spatial_positions(model.config))
        velocity = latte.forward(model, sample.noised, sample.timestep, sample.caption)
        return Job(compiled, memory, {"out": latte.patchify(_out_config(model.config), velocity)})
    layer, x = int(blocks), embedded.tokens
    for before in range(layer):
        x = latte.spatial_block(model, before, x, embedded.adaln, embedded.caption)
        x = latte.temporal_block(model, before, x, embedded.adaln)
    host_inputs.write_tokens(compiled, memory, x)
    spatial, temporal = {}, {}
    y = latte.spatial_block(model, layer, x, embedded.adaln, embedded.caption, spatial)
    z = latte.temporal_block(model, layer, y, embedded.adaln, temporal)
    return Job(compiled, memory, {
        "spatial.o": spatial["attn1.context"], "cross.o": spatial["attn2.context"],
        "temporal.o": temporal["attn1.context"].transpose(1, 0, 2), "x": z})


def _out_config(config: latte.Config) -> latte.Config:
    """The same sizes with the output's channels as the input's, for `patchify`."""
    return replace(config, in_channels=config.out_channels)


def model_arguments(compiled: Compiled, memory: np.ndarray) -> tuple:
    """Arguments of `run_model` for a table."""
    return (compiled.config, memory, compiled.table.base, compiled.table_entries,
            Windows(compiled.read_window, compiled.write_window), compiled.slices, compiled.hbm.base, compiled.cores)


def run_model(config: configs.Config, memory: np.ndarray, base: int, entries: int, windows: Windows, slices: Slices,
              origin: int, cores: int) -> tuple[core.TasksResult, float]:
    """A table on models/core.py: its result and the seconds it took. Runs in a process of its own beside the RTL."""
    began = time.monotonic()
    result = core.run_tasks(config, memory, base, entries, windows, slices, origin=origin, cores=cores)
    if result.cause != Cause.NONE:
        raise SimError(f"the model stopped with {result.cause.name} at entry {result.entry}, instruction {result.index}")
    return result, time.monotonic() - began


def run_rtl(compiled: Compiled, memory: np.ndarray, contexts: int = 0) -> object:
    """The table on the simulated RTL (tb/top/harness.py), with `contexts` contexts per core (0: all)."""
    from tb.top.harness import simulate_tasks
    result = simulate_tasks(compiled.config, memory, compiled.table.base, compiled.table_entries, compiled.read_window,
                            compiled.write_window, compiled.slices, origin=compiled.hbm.base, cores=compiled.cores,
                            contexts=contexts)
    if result.error:
        raise SimError(f"the table stopped: {result.error}")
    return result


def compare(compiled: Compiled, expected: np.ndarray, got: np.ndarray) -> tuple[int, dict[str, int]]:
    """(16-bit words compared, mismatching words by region) over everything that the program writes."""
    words, wrong = 0, {}
    for region in compiled.written():
        start = region.base - compiled.hbm.base
        a, b = (m[start:start + region.size].view(np.uint16) for m in (expected, got))
        words += a.size
        count = int(np.count_nonzero(a != b))
        if count:
            wrong[region.name] = count
    return words, wrong


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle between two arrays."""
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def cosines(job: Job, memory: np.ndarray) -> dict[str, float]:
    """Cosine of each tensor with its FP32 reference."""
    names = {"x": "tokens", "out": "velocity", "spatial.o": "spatial attention", "cross.o": "cross attention",
             "temporal.o": "temporal attention"}
    out = {}
    for name, reference in job.references.items():
        got = host_inputs.read(job.compiled, memory, name)
        if name == "out":
            p, c = job.compiled.dims.patch, job.compiled.dims.out_channels
            got = got.reshape(*got.shape[:2], p * p, c).swapaxes(2, 3).reshape(got.shape)
        out[names[name]] = round(cosine(got, reference), 6)
    return out


@contextmanager
def stage(progress: Progress, text: str) -> Iterator[None]:
    """A line of the progress display."""
    task = progress.add_task(text, total=1)
    yield
    progress.update(task, completed=1)


@dataclass
class Execution:
    """A table on the RTL (None with --model-only) and on the model, and the times that took."""

    rtl: object | None
    model: core.TasksResult
    rtl_seconds: float
    model_seconds: float

    @property
    def memory(self) -> np.ndarray:
        """The memory afterwards: the RTL's, if it ran."""
        return self.rtl.memory if self.rtl else self.model.memory


def execute(compiled: Compiled, memory: np.ndarray, progress: Progress, pool: ProcessPoolExecutor, with_rtl: bool,
            name: str = "") -> Execution:
    """Run a table on the model in another process and, if asked for, on the RTL meanwhile."""
    model_task = progress.add_task(f"model{name}: {compiled.table_entries:,} tasks, {compiled.instructions:,} instructions", total=1)
    future = pool.submit(run_model, *model_arguments(compiled, memory))
    future.add_done_callback(lambda _: progress.update(model_task, completed=1))
    rtl, seconds = None, 0.0
    if with_rtl:
        with stage(progress, f"RTL{name}: about {compiled.assembled.estimate:,} cycles (the first run builds it)"):
            began = time.monotonic()
            rtl = run_rtl(compiled, memory)
            seconds = time.monotonic() - began
    result, model_seconds = future.result()
    return Execution(rtl, result, seconds, model_seconds)


def summary(compiled: Compiled, run: Execution,
            shares: Mapping[str, float] | None = None) -> tuple[dict[str, object], report.Trace]:
    """The part of the report that follows from an execution, and its trace."""
    rtl = run.rtl
    timed = (report.Trace(compiled.cores, rtl.cycles, rtl.spans, rtl.tasks) if rtl
             else report.estimated_trace(compiled.assembled, compiled.cores))
    words, wrong = compare(compiled, run.model.memory, rtl.memory) if rtl else (0, {})
    out = {"rtl": rtl is not None, "bit_exact": bool(rtl) and not wrong, "words_compared": words,
           "mismatches": sum(wrong.values()), "mismatching_regions": wrong}
    out |= report.build(compiled.config, compiled.ops, compiled.assembled, timed, shares)
    out["counters"] = dict(rtl.counters) if rtl else {}
    out["sim_cycles_per_second"] = round(timed.cycles / rtl.wall_seconds) if rtl else 0
    out["build_seconds"] = round(run.rtl_seconds - rtl.wall_seconds, 2) if rtl else 0.0
    out["model_seconds"] = round(run.model_seconds, 2)
    return out, timed


COLUMNS = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())


def simulate(args: argparse.Namespace, console: Console) -> dict[str, object]:
    """The whole run; returns the report."""
    began = time.monotonic()
    data = workload.load()
    clip = args.clip or data.clips[0]
    diffusion_time = data.times[len(data.times) // 2 - 1] if args.time is None else args.time
    blocks = "all blocks" if args.blocks == "all" else f"spatial and temporal block {args.blocks}"
    out = {"config": args.config, "clip": clip, "time": diffusion_time, "blocks": blocks}
    with Progress(*COLUMNS, console=console, transient=False) as progress, ProcessPoolExecutor(1) as pool:
        if args.sparse:
            from host.sparse import simulate_sparse
            part, compiled, timed = simulate_sparse(args, clip, diffusion_time, data, progress, pool)
        else:
            with stage(progress, "compile, inputs, FP32 reference"):
                job = prepare(args.config, args.blocks, clip, diffusion_time, data, args.checkpoint)
            compiled = job.compiled
            run = execute(compiled, job.memory, progress, pool, not args.model_only)
            part, timed = summary(compiled, run)
            part["cosine"] = cosines(job, run.memory)
    out |= part
    out["wall_seconds"] = round(time.monotonic() - began, 2)
    title = f"{args.config}, {blocks}, clip {clip}" + (", sparse" if args.sparse else "")
    name = "_sparse" * args.sparse
    report.timeline(args.out / f"timeline{name}.png", compiled.ops, timed, title, out["counters"] or None)
    if args.trace:
        write_trace(args.out / f"trace{name}.json", compiled, timed)
    report.write_json(args.out / f"sim{name}.json", out)
    return out


def write_trace(path: Path, compiled: Compiled, run: report.Trace) -> None:
    """The run as a Chrome trace (host/trace.py)."""
    entries = [f"{number} {info.name}" for number, info in enumerate(compiled.assembled.tasks)]
    trace.write(path, trace.events(run.spans, run.tasks, [op.name for op in compiled.ops], entries))


def main() -> int:
    """Entry point: 0 when every word agrees."""
    parser = argparse.ArgumentParser(prog="python -m host.sim", description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="sim", help="machine of configs.yaml")
    parser.add_argument("--blocks", default="0", help="layer whose spatial and temporal block run, or all")
    parser.add_argument("--clip", help="clip of workloads/data (default: the one that training never saw)")
    parser.add_argument("--time", type=float, help="diffusion time of the inputs, 0 to 1")
    parser.add_argument("--sparse", action="store_true", help="one step with sparse rows beside the dense one")
    parser.add_argument("--policies", type=Path, help="policies of the sparse regions (default: the calibrated ones)")
    parser.add_argument("--checkpoint", type=Path, default=workload.CHECKPOINT,
                        help="weights of the blocks, of the same sizes, as workloads/latte_small_int8 has them (default: workloads/latte_small)")
    parser.add_argument("--trace", action="store_true", help="write a Chrome trace of the run, for ui.perfetto.dev")
    parser.add_argument("--model-only", action="store_true",
                        help="no RTL: the model, and the compiler's estimate of cycles")
    parser.add_argument("--out", type=Path, default=REPORTS, help="directory of the report and the timeline")
    args = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=140)
    try:
        if args.blocks != "all" and not args.blocks.isdecimal():
            raise SimError(f"--blocks {args.blocks}: a layer number or all")
        if args.sparse and args.blocks == "all":
            raise SimError("--sparse runs the blocks of one layer: --blocks k")
        if args.sparse and args.checkpoint != workload.CHECKPOINT:
            raise SimError("--checkpoint is for dense runs, without --sparse")
        out = simulate(args, console)
    except (RuntimeError, CompileError, configs.ConfigError, FileNotFoundError, KeyError) as error:
        print(f"error: {error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr)
        return 2
    report.print_report(console, out)
    if args.sparse:
        report.print_sparse(console, out)
    name = "_sparse" * args.sparse
    console.print(f"report: {args.out / f'sim{name}.json'}, timeline: {args.out / f'timeline{name}.png'}")
    if args.trace:
        console.print(f"trace: {args.out / f'trace{name}.json'}, open it in https://ui.perfetto.dev")
    for name, count in out["mismatching_regions"].items():
        console.print(f"[red]mismatch: {count:,} words of {name}[/red]")
    return 0 if out["bit_exact"] or not out["rtl"] else 1


if __name__ == "__main__":
    sys.exit(main())
