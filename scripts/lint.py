"""`make lint`: Verilator -Wall on every module of rtl/ as its own top, verible on every handwritten file.

Each module is elaborated with its default parameters and with those of every configuration in configs.yaml (the ones
that it declares). Prints a table and one line per problem; exit status 1 when there is any. Writes
build/reports/lint.json: `{ok, modules: {name: {settings, problems}}, problems: ["file:line: rule: message"]}`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.rtl_sources import ROOT, Module, handwritten, modules
from tb.common.runner import library_arguments, packages, verilator_environment

REPORT = ROOT / "build" / "reports" / "lint.json"
WAIVERS = ROOT / "rtl" / "verilator.vlt"
RULES = ROOT / ".verible.rules"

# "%Warning-WIDTH: file:12:3: message" or "%Error: file:12:3: message"
_VERILATOR = re.compile(r"^%(?:Warning-|Error-)?(\w+): (?:([^\s:]+):(\d+):(?:\d+): )?(.*)")
_VERIBLE = re.compile(r"^([^\s:]+):(\d+):(?:\d+)(?:-[\d:]+)?: (.*)")


def _relative(name: str) -> str:
    path = Path(name)
    return str(path.relative_to(ROOT)) if path.is_absolute() and path.is_relative_to(ROOT) else name


def verilate(module: Module, parameters: dict[str, int]) -> list[str]:
    """Problems of one module with one set of parameters."""
    command = ["verilator", "--lint-only", "-Wall", "--assert", "--timing", *library_arguments(), str(WAIVERS),
               *map(str, packages()), str(module.file), "--top-module", module.name,
               *(f"-G{name}={value}" for name, value in parameters.items())]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | verilator_environment(), capture_output=True, text=True)
    problems = []
    for line in run.stderr.splitlines():
        match = _VERILATOR.match(line)
        if match and not match[4].startswith("Exiting due to"):
            where = f"{_relative(match[2])}:{match[3]}" if match[2] else module.name
            problems.append(f"{where}: {match[1]}: {match[4]}")
    if run.returncode and not problems:
        problems.append(f"{module.name}: Verilator ended with status {run.returncode}: {run.stderr.strip()[-200:]}")
    return problems


def verible(files: list[Path]) -> list[str]:
    """Problems that verible's default rules (and .verible.rules) find."""
    tool = Path(sys.executable).parent / "verible-verilog-lint"
    command = [str(tool), f"--rules_config={RULES}", *map(str, files)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    problems = []
    for line in (run.stdout + run.stderr).splitlines():
        match = _VERIBLE.match(line)
        if match:
            problems.append(f"{_relative(match[1])}:{match[2]}: {match[3]}")
    if run.returncode and not problems:
        problems.append(f"verible ended with status {run.returncode}: {run.stderr.strip()[-200:]}")
    return problems


def main() -> int:
    """Lint everything, or the modules whose name contains one of the given words."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only modules and files whose name contains one of these")
    words = parser.parse_args().words
    chosen = [m for m in modules() if not words or any(w in m.name for w in words)]
    files = [f for f in handwritten() if not words or any(w in f.name for w in words)]
    jobs = [(m, label, parameters) for m in chosen for label, parameters in m.settings()]
    console = Console()
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(lambda job: verilate(job[0], job[2]), jobs))
        style = verible(files) if files else []

    table = Table("module", "elaborated with", "problems")
    report: dict[str, dict[str, object]] = {}
    every: dict[str, None] = {}
    for module in chosen:
        own = [(label, result) for (m, label, _), result in zip(jobs, results) if m is module]
        found = dict.fromkeys(p for _, result in own for p in result)
        every |= found
        report[module.name] = {"settings": [label for label, _ in own], "problems": list(found)}
        table.add_row(module.name, ", ".join(label for label, _ in own), f"[red]{len(found)}" if found else "0")
    table.add_row("verible", f"{len(files)} files", f"[red]{len(style)}" if style else "0")
    every |= dict.fromkeys(style)
    console.print(table)
    for problem in every:
        console.print(problem, markup=False, highlight=False, soft_wrap=True)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps({"ok": not every, "modules": report, "problems": list(every)}, indent=1))
    console.print(f"lint: {len(chosen)} modules in {len(jobs)} elaborations, {len(files)} files, {len(every)} problems")
    return 1 if every else 0


if __name__ == "__main__":
    sys.exit(main())
