"""Run a table of tasks, or one program, on the simulated accelerator, from plain Python: builds once, runs, returns
memory, counters and trace.

    result = simulate_tasks(config, memory, table_base, entries, read_window, write_window, slices)
    result = simulate_program(config, memory, program_base, program_len, read_window, write_window)

The simulation is tb/top/fvgm_top_tb.sv: clock, reset and memories in SystemVerilog and C++, Python awake only for
register accesses and the interrupt.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from host.trace import Span, TaskSpan
from models.config import Config
from models.isa import Unit
from models.slices import Slices
from tb.common.runner import BUILD, ROOT, Results, simulate

HBM_BASE = 0x40_0000_0000
SOURCES = (ROOT / "tb/common/axi_memory.cpp", ROOT / "tb/common/axi_memory.sv", ROOT / "tb/top/fvgm_trace.sv",
           ROOT / "tb/top/fvgm_top_tb.sv")
PAGE = 4096
CORES = int(os.environ.get("FVGM_CORES", "2"))  # of the device under random tables and compiled programs


class SimulationError(RuntimeError):
    """The simulation itself failed (protocol violation, assertion, no interrupt); the message has the end of its
    log.
    """


@dataclass(frozen=True)
class Knobs:
    """Behaviour of the HBM model: cycles of latency and random jitter, idle cycles of 256 per channel, order of
    responses.
    """

    latency: int = 32
    jitter: int = 0
    stall: int = 0
    reorder: int = 0
    interleave: int = 0


@dataclass(frozen=True)
class RunResult:
    """Outcome of a program.

    `memory` is the image afterwards; `status` the bits of STATUS, and `cause`, `unit`, `opcode`, `index`, `address` of
    the CAUSE registers; `counters` those of `host.driver.Driver.counters`; `trace` (cycle since start, unit, 'start' |
    'done', tag) in time order, a command starting when its unit accepts it; `cycles` from start to end; `wall_seconds`
    from start to interrupt, without build and load.
    """

    memory: np.ndarray
    status: dict[str, int]
    counters: dict[str, int]
    trace: list[tuple[int, str, str, int]] = field(repr=False)
    cycles: int = 0
    wall_seconds: float = 0.0


def build_name(config: Config, cores: int, fast: bool) -> str:
    """Folder below build/sim: one per set of parameters."""
    key = hashlib.sha256(json.dumps([config.rtl_parameters(), cores, fast]).encode()).hexdigest()[:8]
    return f"top/{config.name}-{cores}{'-fast' if fast else ''}-{key}"


def simulate_top(config: Config, test_module: str, memory_file: Path, *, cores: int = 1, fast: bool = False,
                 trace_file: Path | None = None, **arguments: object) -> Results:
    """`tb.common.runner.simulate` of the test top with the memory in `memory_file`."""
    plusargs = [f"+axi_memory={memory_file}"] + ([f"+trace={trace_file}"] if trace_file else [])
    return simulate("fvgm_top_tb", test_module, name=build_name(config, cores, fast), sources=SOURCES,
                    parameters={**config.rtl_parameters(), "NumCores": cores}, public_file=ROOT / "tb/top/public.vlt",
                    plusargs=plusargs, fast=fast, **arguments)


def trace_file_of(folder: Path, core: int) -> Path:
    """The file that tb/top/fvgm_trace.sv writes for one core."""
    marks = (f"g_core[{core}]", f"g_core__BRA__{core}__KET__")
    return next(path for path in folder.glob("trace.*") if any(mark in path.name for mark in marks))


def trace_lines(folder: Path, core: int) -> list[list[str]]:
    """Words of the lines that tb/top/fvgm_trace.sv wrote for one core."""
    return [line.split() for line in trace_file_of(folder, core).read_text().splitlines()]


def read_trace(folder: Path, core: int = 0) -> list[tuple[int, str, str, int]]:
    """Instructions of one core from the trace files in `folder`."""
    return [(int(cycle), Unit(int(unit)).name, "start" if what == "s" else "done", int(tag))
            for cycle, unit, what, tag, *_ in (w for w in trace_lines(folder, core) if len(w) == 6)]


def task_spans(lines: list[list[str]], core: int) -> list[TaskSpan]:
    """Tasks among the lines of one core, in the order of their ends."""
    tasks, running = [], {}
    for words in lines:
        if words[1] == "task":
            cycle, context, entry = int(words[0]), int(words[3]), int(words[4])
            if words[2] == "s":
                running[context] = cycle
            elif context in running:
                tasks.append(TaskSpan(running.pop(context), cycle, core, context, entry))
    return tasks


def read_spans(folder: Path, core: int) -> tuple[list[Span], list[TaskSpan]]:
    """Instructions and tasks of one core from the trace files in `folder`, in the order of their ends."""
    spans, under_way, lines = [], {unit: deque() for unit in Unit}, trace_lines(folder, core)
    for words in lines:
        if len(words) == 6:
            cycle, unit, tag, context, entry = int(words[0]), Unit(int(words[1])), *map(int, words[3:])
            if words[2] == "s":
                under_way[unit].append(cycle)
            else:
                spans.append(Span(under_way[unit].popleft(), cycle, core, context, unit, tag, entry))
    return spans, task_spans(lines, core)


@dataclass(frozen=True)
class TasksResult:
    """Outcome of a table of tasks.

    `memory` is the image afterwards; `error` the message of the driver, "" if there was none, `fault` its fields;
    `counters` those of `host.device.Device.counters`; `spans` and `tasks` what every core did when; `cycles` from start to
    end; `wall_seconds` from start to interrupt, without build and load.
    """

    memory: np.ndarray
    error: str
    fault: dict[str, object]
    counters: dict[str, object]
    spans: list[Span] = field(repr=False)
    tasks: list[TaskSpan] = field(repr=False)
    cycles: int = 0
    wall_seconds: float = 0.0


def _run(config: Config, memory: np.ndarray, job: dict[str, object], cores: int, fast: bool,
         module: str) -> tuple[np.ndarray, dict, Path]:
    """Run a cocotb module over a job; (memory afterwards, its result, the folder with the trace). The caller removes it."""
    BUILD.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=BUILD, prefix="run-"))
    image = np.zeros(-(-memory.size // PAGE) * PAGE, np.uint8)
    image[:memory.size] = memory
    image.tofile(folder / "memory.bin")
    job = job | {"memory": str(folder / "memory.bin"), "result": str(folder / "result.json")}
    (folder / "job.json").write_text(json.dumps(job))
    begin = time.monotonic()
    results = simulate_top(config, module, folder / "memory.bin", cores=cores, fast=fast, trace_file=folder / "trace",
                           env={"FVGM_JOB": str(folder / "job.json")}, check=False)
    if results.failed or not (folder / "result.json").exists():
        tail = "\n".join(results.log.read_text().splitlines()[-15:]) if results.log.exists() else ""
        shutil.rmtree(folder)
        raise SimulationError(f"simulation failed after {time.monotonic() - begin:.0f} s, log {results.log}:\n{tail}")
    after = np.fromfile(folder / "memory.bin", np.uint8)[:memory.size]
    return after, json.loads((folder / "result.json").read_text()), folder


def simulate_tasks(config: Config, memory: np.ndarray, table_base: int, entries: int, read_window: tuple[int, int],
                   write_window: tuple[int, int], slices: Slices, *, origin: int = HBM_BASE, knobs: Knobs = Knobs(),
                   cores: int | None = None, contexts: int = 0, fast: bool = True,
                   timeout_cycles: int = 1 << 40) -> TasksResult:
    """Run the table of `entries` entries at HBM address `table_base` on `cores` (default: the configuration's) cores of the
    RTL of `config`, of which each uses `contexts` contexts (0: all).

    `memory` is uint8, its byte 0 is HBM address `origin` (only HBM_BASE is built); windows are (first byte, byte behind). A
    table that stops with an error returns normally: look at `error`. Raises SimulationError when the simulation itself fails.
    """
    if origin != HBM_BASE:
        raise ValueError(f"origin 0x{origin:x}: the memory model starts at 0x{HBM_BASE:x}")
    cores = config.cores if cores is None else cores
    job = {"table_base": table_base, "entries": entries, "read_window": read_window, "write_window": write_window,
           "slice_base": slices.base, "slice_size": slices.size, "contexts": contexts, "origin": origin,
           "timeout_cycles": timeout_cycles, "knobs": asdict(knobs)}
    after, outcome, folder = _run(config, memory, job, cores, fast, "tb.top.cocotb_run_tasks")
    parts = [read_spans(folder, core) for core in range(cores)]
    shutil.rmtree(folder)
    return TasksResult(after, outcome["error"], outcome["fault"], outcome["counters"], [s for part in parts for s in part[0]],
                       [t for part in parts for t in part[1]], outcome["counters"]["cycles"], outcome["wall_seconds"])


def simulate_program(config: Config, memory: np.ndarray, program_base: int, program_len: int,
                     read_window: tuple[int, int],
                     write_window: tuple[int, int], *, origin: int = HBM_BASE, knobs: Knobs = Knobs(), cores: int = 1,
                     fast: bool = True,
                     timeout_cycles: int = 1 << 40) -> RunResult:
    """Run a program of `program_len` instructions at HBM address `program_base` on core 0 of `cores` of the RTL of
    `config`.

    `memory` is uint8, its byte 0 is HBM address `origin` (only HBM_BASE is built); windows are (first byte, byte
    behind). A program that stops with an error returns normally: look at `status`. Raises SimulationError when the
    simulation itself fails.
    """
    if origin != HBM_BASE:
        raise ValueError(f"origin 0x{origin:x}: the memory model starts at 0x{HBM_BASE:x}")
    job = {"program_base": program_base, "program_len": program_len, "read_window": read_window,
           "write_window": write_window, "origin": origin, "timeout_cycles": timeout_cycles, "knobs": asdict(knobs)}
    after, outcome, folder = _run(config, memory, job, cores, fast, "tb.top.cocotb_run")
    trace = read_trace(folder)
    shutil.rmtree(folder)
    return RunResult(after, outcome["status"], outcome["counters"], trace, outcome["counters"]["cycles"],
                     outcome["wall_seconds"])
