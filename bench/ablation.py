"""What each part of the scheduling is worth: one sparse denoising step of the shipped workload on the RTL, scheduled in several ways.

    python -m bench.ablation [--time T] [--policies FILE] [--estimate]

The step is, of eight from diffusion time `--time` on, the one whose MACs dense / computed come nearest to the paper's 3.17: real tokens, both
branches of the guidance, rows kept by the similarity engine (host/sparse.py). `static` is the
schedule that knows no data: every matrix and special-function instruction takes the time of all rows, every tile has its core. The
others are the adaptive schedule without one of its mechanisms. Every run is compared with the model, word by word.
`--estimate` runs no RTL. Utilisation counts the MACs of kept rows against the peak of all cores. Result: bench/results/schedule.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from compiler.tasks import Schedule
from host import report
from host.sim import COLUMNS, compare, model_arguments, run_model, run_rtl, stage
from host.sparse import POLICY_FILE, STEPS, step_of_reduction
from models import config as configs
from workloads import inputs as workload

RESULT = Path(__file__).resolve().parent / "results" / "schedule.json"
TIME = 0.35
PAPER = 3.17  # the paper's reduction of compute
OURS = Schedule()
# name: (schedule, contexts of a core, 0: all; cores, None: all)
VARIANTS: dict[str, tuple[Schedule, int, int | None]] = {
    "adaptive": (OURS, 0, None),
    "static: worst-case bounds, fixed partition": (replace(OURS, bounds="worst", partition="fixed"), 0, None),
    "without the shared queue (fixed partition)": (replace(OURS, partition="fixed"), 0, None),
    "without priorities": (replace(OURS, priority=False), 0, None),
    "without preloaded weights": (replace(OURS, preload=False), 0, None),
    "without overlap of phases": (replace(OURS, overlap=False), 0, None),
    "without contexts (one task at a time in a core)": (OURS, 1, None),
    "one core": (OURS, 0, 1),
    "without counts as bounds": (replace(OURS, bounds="worst"), 0, None),
}


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.ablation", description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="sim")
    parser.add_argument("--time", type=float, default=TIME, help="diffusion time of the first of the steps")
    parser.add_argument("--policies", type=Path, default=POLICY_FILE)
    parser.add_argument("--estimate", action="store_true", help="the compiler's estimate in place of the RTL")
    args = parser.parse_args()
    config, data, console = configs.load(args.config), workload.load(), Console(width=140)
    rows: list[dict[str, object]] = []
    with Progress(*COLUMNS, console=console, transient=True) as progress:
        step = step_of_reduction(config, 0, args.policies, data.clips[0], args.time, data, progress, PAPER)
        for name, (schedule, contexts, cores) in VARIANTS.items():
            compiled, memory = step.program(step.policies, schedule=schedule, cores=cores)
            model, _ = run_model(*model_arguments(compiled, memory))
            shares = report.kept_shares(compiled.ops, model.decisions)
            cycles, wrong = compiled.assembled.estimate, 0
            if not args.estimate:
                with stage(progress, f"RTL: {name}"):
                    rtl = run_rtl(compiled, memory, contexts)
                cycles, wrong = rtl.cycles, sum(compare(compiled, model.memory, rtl.memory)[1].values())
            done = report.executed(compiled.ops, shares)
            at_peak = sum(m / report.peak(op, config) for m, op in zip(done, compiled.ops))
            dense = sum(op.macs for op in compiled.ops)
            rows.append({"name": name, "cores": compiled.cores, "contexts": contexts or config.contexts, "cycles": cycles,
                         "mismatches": wrong, "macs": sum(done), "macs_dense": dense,
                         "utilisation": round(at_peak / (cycles * compiled.cores), 4)})
            console.print(f"{name}: {cycles:,} cycles, {rows[-1]['utilisation']:.1%}" + (f", {wrong} words wrong" if wrong else ""))
            if not args.estimate:
                RESULT.write_text(json.dumps({"config": config.name, "step": step.number, "steps": STEPS, "policies": args.policies.name,
                                              "how": "RTL cycles", "rows": rows}, indent=1) + "\n")
    table = Table("schedule", "cores", "cycles", "utilisation", "adaptive is faster by")
    for row in rows:
        table.add_row(row["name"], str(row["cores"]), f"{row['cycles']:,}", f"{row['utilisation']:.1%}",
                      f"{row['cycles'] / rows[0]['cycles']:.3f}")
    console.print(table)
    return 1 if any(row["mismatches"] for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
