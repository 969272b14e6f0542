"""`make regress`: the randomised environments with many seeds, coverage merged, one HTML page.

Runs `pytest tb` once per seed (FVGM_SEED), merges build/coverage/*/*.json into build/reports/regress.json
(`seeds[] {seed, passed, failed, seconds}`, `coverage {block: {point: {bin: hits}}}`) and build/reports/regress.html.
Exit status 1 when a seed failed.
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

from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
COVERAGE = ROOT / "build/coverage"
REPORTS = ROOT / "build/reports"

Merged = dict[str, dict[str, Counter]]


def run_seed(seed: int, jobs: int, selection: str) -> dict[str, object]:
    """One pytest run of the environments under `seed`."""
    start = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(jobs), selection]
    log = REPORTS / f"regress_{seed}.log"
    with log.open("w") as handle:
        code = subprocess.run(command, cwd=ROOT, stdout=handle, stderr=subprocess.STDOUT,
                              env={**os.environ, "FVGM_SEED": str(seed)}).returncode
    tail = log.read_text().splitlines()[-1:]
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error)", " ".join(tail))}
    return {"seed": seed, "passed": counts.get("passed", 0), "code": code,
            "failed": counts.get("failed", 0) + counts.get("error", 0), "seconds": round(time.monotonic() - start, 1)}


def merge(into: Merged) -> None:
    """Add the counts of the run that has just ended."""
    for path in COVERAGE.glob("*/*.json"):
        for point, bins in json.loads(path.read_text())["points"].items():
            into[path.parent.name][point].update(bins)


def page(seeds: list[dict[str, object]], merged: Merged) -> str:
    """The HTML page."""
    rows = "".join(f"<tr><td>{s['seed']}</td><td>{s['passed']}</td><td>{s['failed']}</td><td>{s['seconds']}</td></tr>"
                   for s in seeds)
    blocks = ""
    for block, points in sorted(merged.items()):
        blocks += f"<h2>{html.escape(block)}</h2><table><tr><th>point</th><th>bins hit</th><th>missed</th></tr>"
        for point, bins in sorted(points.items()):
            missed = ", ".join(html.escape(b) for b, n in bins.items() if not n)
            blocks += f"<tr><td>{point}</td><td>{sum(n > 0 for n in bins.values())} of {len(bins)}</td><td>{missed}</td></tr>"
        blocks += "</table>"
    return ("<!doctype html><meta charset=utf-8><title>regression</title><style>body{font:14px sans-serif;margin:2em}"
            "td,th{padding:2px 12px;text-align:left;border-bottom:1px solid #ddd}</style><h1>Regression</h1><table>"
            f"<tr><th>seed</th><th>passed</th><th>failed</th><th>seconds</th></tr>{rows}</table>{blocks}")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Randomised regressions over many seeds.")
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds")
    parser.add_argument("--jobs", type=int, default=2, help="parallel pytest workers")
    parser.add_argument("--select", default="tb", help="folder or test to run")
    args = parser.parse_args()
    REPORTS.mkdir(parents=True, exist_ok=True)
    merged: Merged = defaultdict(lambda: defaultdict(Counter))
    seeds = []
    for _ in track(range(args.seeds), description="seeds"):
        seeds.append(run_seed(secrets.randbelow(2**31), args.jobs, args.select))
        merge(merged)
    (REPORTS / "regress.json").write_text(json.dumps({"seeds": seeds, "coverage": merged}, indent=1))
    (REPORTS / "regress.html").write_text(page(seeds, merged))
    bad = [s for s in seeds if s["code"]]
    for entry in bad:
        print(f"regress: seed {entry['seed']} failed; repeat with FVGM_SEED={entry['seed']} make unit")
    print(f"regress: {len(seeds) - len(bad)} of {len(seeds)} seeds passed; see build/reports/regress.html")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
