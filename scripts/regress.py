"""`make regress`: the randomised environments with many seeds, coverage merged, one HTML page.

Runs `pytest tb host/tests/test_cycles.py host/tests/test_rtl.py` once per seed (FVGM_SEED), on a device of CORES in turn (FVGM_CORES),
with as many programs in random tables of tasks (FVGM_PROGRAMS) that all seeds together have at least PROGRAMS, and merges
build/coverage/*/*.json into build/reports/regress.json and
build/reports/regress.html (docs/reports.md). Exit status 1 when a seed failed.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).resolve().parents[1]
COVERAGE = ROOT / "build/coverage"
REPORTS = ROOT / "build/reports"
PROGRAMS = 10_000  # tasks with random programs in tb/top, over all seeds
LEAST = 150  # of one seed
CORES = 2, 4  # of the device, seed by seed

# "[gw0] [ 12%] PASSED tb/..." while it runs; "FAILED tb/fp/test_fp.py::test_operator[x] - why" at its end
_PERCENT = re.compile(r"^\[gw\d+\] \[ *(\d+)%\] (\w+) (.*)")
_BAD = re.compile(r"^(?:FAILED|ERROR) (\S+\.py\b.*?)(?: - .*)?$")

Merged = dict[str, dict[str, Counter]]


def counts() -> list[Path]:
    """Coverage files of the last run."""
    return sorted(COVERAGE.glob("*/*.json"))


def run_seed(seed: int, programs: int, cores: int, jobs: int, selection: list[str], progress: Progress) -> dict[str, object]:
    """One pytest run of the environments under `seed`, on a device of `cores` cores, shown as it goes."""
    start = time.monotonic()
    for stale in counts():
        stale.unlink()
    command = [sys.executable, "-m", "pytest", "-v", "-n", str(jobs), "--dist", "worksteal", *selection]
    task = progress.add_task(f"seed {seed}", total=100)
    lines = []
    log_file = REPORTS / f"regress_{seed}.log"
    progress.console.print(f"regress: seed {seed}, log {log_file.relative_to(ROOT)}", highlight=False)
    with log_file.open("w", buffering=1) as log, subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "FVGM_SEED": str(seed), "FVGM_PROGRAMS": str(programs), "FVGM_CORES": str(cores)}) as run:
        for line in run.stdout:
            log.write(line)
            lines.append(line)
            if found := _PERCENT.match(line):
                progress.update(task, completed=int(found[1]))
                if found[2] != "PASSED":
                    progress.console.print(f"regress: {found[2]} {found[3].strip()}", highlight=False, markup=False)
    progress.remove_task(task)
    found = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error)", lines[-1] if lines else "")}
    return {"seed": seed, "cores": cores, "code": run.returncode, "passed": found.get("passed", 0),
            "failed": found.get("failed", 0) + found.get("error", 0),
            "failures": [m[1] for line in lines if (m := _BAD.match(line))], "seconds": round(time.monotonic() - start, 1)}


def merge(into: Merged) -> None:
    """Add the counts of the run that has just ended."""
    for path in counts():
        for point, bins in json.loads(path.read_text())["points"].items():
            into[path.parent.name][point].update(bins)


def page(seeds: list[dict[str, object]], merged: Merged) -> str:
    """The HTML page."""
    rows = "".join(f"<tr><td>{s['seed']}</td><td>{s['cores']}</td><td>{s['passed']}</td><td>{s['failed']}</td><td>{s['seconds']}</td>"
                   f"<td>{html.escape(', '.join(s['failures']))}</td></tr>" for s in seeds)
    blocks = ""
    for block, points in sorted(merged.items()):
        blocks += (f"<h2>{html.escape(block)}</h2><table><tr><th>point</th><th>bins hit</th><th>least hits</th>"
                   "<th>missed</th></tr>")
        for point, bins in sorted(points.items()):
            missed = ", ".join(html.escape(b) for b, n in bins.items() if not n)
            blocks += (f"<tr><td>{point}</td><td>{sum(n > 0 for n in bins.values())} of {len(bins)}</td>"
                       f"<td>{min(bins.values())}</td><td>{missed}</td></tr>")
        blocks += "</table>"
    return ("<!doctype html><meta charset=utf-8><title>regression</title><style>body{font:14px sans-serif;margin:2em}"
            "td,th{padding:2px 12px;text-align:left;border-bottom:1px solid #ddd}</style><h1>Regression</h1><table>"
            "<tr><th>seed</th><th>cores</th><th>passed</th><th>failed</th><th>seconds</th><th>failures</th></tr>"
            f"{rows}</table>{blocks}")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Randomised regressions over many seeds.")
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds")
    parser.add_argument("--jobs", type=int, default=2, help="parallel pytest workers")
    parser.add_argument("--select", nargs="+", default=["tb", "host/tests/test_cycles.py", "host/tests/test_rtl.py"], help="folders or tests to run")
    args = parser.parse_args()
    REPORTS.mkdir(parents=True, exist_ok=True)
    merged: Merged = defaultdict(lambda: defaultdict(Counter))
    seeds: list[dict[str, object]] = []
    console = Console(soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        every = progress.add_task(f"{args.seeds} seeds", total=args.seeds)
        for number in range(1, args.seeds + 1):
            programs, cores = max(LEAST, -(-PROGRAMS // args.seeds)), CORES[(number - 1) % len(CORES)]
            seed = run_seed(secrets.randbelow(2**31), programs, cores, args.jobs, args.select, progress)
            seeds.append(seed)
            merge(merged)
            progress.advance(every)
            console.print(f"regress: {number} of {args.seeds}, seed {seed['seed']}: {seed['passed']} passed, "
                          f"{seed['failed']} failed, {seed['seconds']:.0f} s", highlight=False)
    (REPORTS / "regress.json").write_text(json.dumps({"seeds": seeds, "coverage": merged}, indent=1) + "\n")
    (REPORTS / "regress.html").write_text(page(seeds, merged))
    bad = [s for s in seeds if s["code"]]
    for entry in bad:
        for name in entry["failures"] or args.select:
            print(f"regress: failed; repeat with FVGM_SEED={entry['seed']} FVGM_CORES={entry['cores']} .venv/bin/python -m pytest '{name}'")
    missed = sum(not n for points in merged.values() for bins in points.values() for n in bins.values())
    total = sum(len(bins) for points in merged.values() for bins in points.values())
    print(f"regress: {len(seeds) - len(bad)} of {len(seeds)} seeds passed, {total - missed:,} of {total:,} bins hit; "
          "see build/reports/regress.html")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
