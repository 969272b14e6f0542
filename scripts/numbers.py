"""Copy measured numbers into README.md and docs/: between `<!-- numbers: NAME -->` and `<!-- end -->` stands what `NAME` renders.

`bench/results/` holds the measurements that are checked in; `--record` refreshes them from build/reports/ (only keys that
do not depend on the host's speed), `--check` fails when a page differs from them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results"
REPORTS = ROOT / "build/reports"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MARK = re.compile(r"(<!-- numbers: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
HOST_KEYS = ("wall_seconds", "sim_cycles_per_second", "model_seconds", "build_seconds")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def sim_totals() -> str:
    """One block pair on the RTL: totals of `make sim`."""
    report = json.loads((RESULTS / "sim.json").read_text())
    rows = [
        ("blocks", report["blocks"]), ("clip", report["clip"]),
        ("bit-exact", f"{report['words_compared'] - report['mismatches']:,} of {report['words_compared']:,} words"),
        ("cycles", f"{report['cycles']:,}"), ("MACs", f"{report['macs']:,}"),
        ("utilisation, linear layers", _percent(report["linear_utilisation"])),
        ("utilisation, FP16 attention", _percent(report["attention_utilisation"])),
    ]
    return "| `make sim` | |\n|---|---|\n" + "\n".join(f"| {k} | {v} |" for k, v in rows)


def sim_ops() -> str:
    """One block pair on the RTL: the operations of the matrix unit."""
    report = json.loads((RESULTS / "sim.json").read_text())
    lines = ["| operation | kind | m x n x k | precision | cycles | utilisation |", "|---|---|---|---|---|---|"]
    for op in report["ops"]:
        if op["kind"] in ("linear", "attention"):
            lines.append(f"| {op['name']} | {op['kind']} | {op['m']} x {op['n']} x {op['k']} | {op['precision']} "
                         f"| {op['cycles']:,} | {_percent(op['utilisation'])} |")
    return "\n".join(lines)


def synth() -> str:
    """Resource estimate of `make synth`, per block."""
    report = json.loads((RESULTS / "synth.json").read_text())
    lines = ["| module | LUT | FF | DSP58 | BRAM | URAM |", "|---|---|---|---|---|---|"]
    for name, row in report["blocks"].items():
        lines.append(f"| `{name}` | " + " | ".join(f"{row[k]:,}" for k in ("lut", "ff", "dsp58", "bram", "uram")) + " |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {"sim_totals": sim_totals, "sim_ops": sim_ops, "synth": synth}


def record() -> None:
    """Refresh bench/results from build/reports."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in ("sim", "synth"):
        source = REPORTS / f"{name}.json"
        if source.exists():
            data = {k: v for k, v in json.loads(source.read_text()).items() if k not in HOST_KEYS}
            (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Copy measured numbers into the pages.")
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 when a page is stale")
    parser.add_argument("--record", action="store_true", help="first refresh bench/results from build/reports")
    args = parser.parse_args()
    if args.record:
        record()
    stale = []
    for page in PAGES:
        old = page.read_text()
        new = MARK.sub(lambda m: m.group(1) + TABLES[m.group(2)]() + "\n" + m.group(3), old)
        if new != old:
            stale.append(page.relative_to(ROOT))
            if not args.check:
                page.write_text(new)
    if args.check and stale:
        print(f"stale numbers in {', '.join(map(str, stale))}; run python -m scripts.numbers")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
