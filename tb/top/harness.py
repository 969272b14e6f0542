"""Run one program on the simulated accelerator, from plain Python: builds once, runs, returns memory, counters and
trace.

    result = simulate_program(config, memory, program_base, program_len, read_window, write_window)

The simulation is tb/top/fvgm_top_tb.sv: clock, reset and memories in SystemVerilog and C++, Python awake only for
register accesses and the interrupt.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from models.config import Config
from models.isa import Unit
from tb.common.runner import BUILD, ROOT, Results, simulate

HBM_BASE = 0x40_0000_0000
SOURCES = (ROOT / "tb/common/axi_memory.cpp", ROOT / "tb/common/axi_memory.sv", ROOT / "tb/top/fvgm_trace.sv",
           ROOT / "tb/top/fvgm_top_tb.sv")
PAGE = 4096


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
    """Folder below build/sim: one per configuration."""
    key = hashlib.sha256(json.dumps([asdict(config), cores, fast]).encode()).hexdigest()[:8]
    return f"top/{config.name}-{cores}{'-fast' if fast else ''}-{key}"


def simulate_top(config: Config, test_module: str, memory_file: Path, *, cores: int = 1, fast: bool = False,
                 trace_file: Path | None = None, **arguments: object) -> Results:
    """`tb.common.runner.simulate` of the test top with the memory in `memory_file`."""
    plusargs = [f"+axi_memory={memory_file}"] + ([f"+trace={trace_file}"] if trace_file else [])
    return simulate("fvgm_top_tb", test_module, name=build_name(config, cores, fast), sources=SOURCES,
                    parameters={**config.rtl_parameters(), "NumCores": cores}, public_file=ROOT / "tb/top/public.vlt",
                    plusargs=plusargs, fast=fast, **arguments)


def read_trace(folder: Path, core: int = 0) -> list[tuple[int, str, str, int]]:
    """Events of one core from the trace files in `folder`."""
    marks = (f"g_core[{core}]", f"g_core__BRA__{core}__KET__")
    events = []
    for path in folder.glob("trace.*"):
        if any(mark in path.name for mark in marks):
            for line in path.read_text().splitlines():
                words = line.split()
                if len(words) == 4:
                    events.append((int(words[0]), Unit(int(words[1])).name, "start" if words[2] == "s" else "done",
                                   int(words[3])))
    return events


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
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="run-") as name:
        folder = Path(name)
        image = np.zeros(-(-memory.size // PAGE) * PAGE, np.uint8)
        image[:memory.size] = memory
        image.tofile(folder / "memory.bin")
        job = {"program_base": program_base, "program_len": program_len, "read_window": read_window,
               "write_window": write_window,
               "origin": origin, "memory": str(folder / "memory.bin"), "timeout_cycles": timeout_cycles,
               "knobs": asdict(knobs),
               "result": str(folder / "result.json")}
        (folder / "job.json").write_text(json.dumps(job))
        begin = time.monotonic()
        results = simulate_top(config, "tb.top.cocotb_run", folder / "memory.bin", cores=cores, fast=fast,
                               trace_file=folder / "trace",
                               env={"FVGM_JOB": str(folder / "job.json")}, check=False)
        if results.failed or not (folder / "result.json").exists():
            tail = "\n".join(results.log.read_text().splitlines()[-15:]) if results.log.exists() else ""
            seconds = time.monotonic() - begin
            raise SimulationError(f"simulation failed after {seconds:.0f} s, log {results.log}:\n{tail}")
        outcome = json.loads((folder / "result.json").read_text())
        after = np.fromfile(folder / "memory.bin", np.uint8)[:memory.size]
        return RunResult(after, outcome["status"], outcome["counters"], read_trace(folder),
                         outcome["counters"]["cycles"],
                         outcome["wall_seconds"])
