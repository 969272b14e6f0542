"""The quality study: what skipping costs, beside what the same compute buys without it.

    python -m workloads.quality [--clips DIR] [--parts main captions precision distilled branches thresholds windows controls seeds rest]

Every run (caption, seed, method) is kept under `build/quality/runs`, so the study goes on where it stopped; rows are built
from the runs that exist.  A row that `bench/results/sparsity.json` already holds over runs that are no longer on disk stands for
those and is extended by the others; its controls stay those of the recorded runs.  Writes `bench/results/sparsity.json`, `results/sparsity.png` and `results/sparse_*.png`.  The
reference of every row is the dense FP32 run of the same caption, seed and number of steps.  `--clips` adds the distance to
real frames.  Needs numpy, safetensors, pillow, matplotlib and rich; decoding clips needs av.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
from rich.progress import Progress

from workloads import metrics
from workloads.calibrate import BUILD, front
from workloads.quality_report import RESULTS, contact_sheet, draw_front, draw_masks, flicker, nearest_real, real_frames, ssim
from workloads.quality_runs import CAPTIONS, PARTS, SEEDS, Study, jobs, method_of, other_seed, runs_of, sparse_rows
from workloads.sparsity import POLICY_FILE, regions

OUT = Path(__file__).resolve().parent.parent / "bench" / "results" / "sparsity.json"


MEANS = ("psnr", "seed_psnr", "flicker", "nearest_real_psnr", "nearest_real_psnr_dense", "psnr_to_50_steps", "dense_psnr_to_50_steps")


def name_of(row: dict) -> tuple:
    """What tells a row from every other."""
    return row["source"], row["thresholds"], row["steps"], row.get("precision", "fp32")


def numbers_of(entry: dict) -> list[int]:
    """The runs of a recorded row, as places in `runs_of(SEEDS)`."""
    return entry.get("numbers", list(range(entry["runs"])))


def extended(old: dict, new: dict) -> dict:
    """A recorded row and the same row over other runs, as one row over all of them."""
    a, b = old["runs"], new["runs"]

    def both(key: str, digits: int):
        present = [(e[key], n) for e, n in ((old, a), (new, b)) if e.get(key) is not None]
        return round(sum(v * n for v, n in present) / sum(n for _, n in present), digits) if present else None

    entry = old | {"runs": a + b, "numbers": sorted(numbers_of(old) + new["numbers"])}
    entry |= {key: both(key, 2) for key in MEANS if key in old} | {"ssim": both("ssim", 4), "latent_cosine": both("latent_cosine", 5)}
    for key in (k for k in old if k.startswith("mac_reduction")):
        entry[key] = round((a + b) / (a / old[key] + b / new[key]), 3)
    variance = sum(n * (e["psnr_std"] ** 2 + (e["psnr"] - entry["psnr"]) ** 2) for e, n in ((old, a), (new, b))) / (a + b)
    return entry | {
        "psnr_std": round(variance**0.5, 2), "time_reduction": new["time_reduction"],
        "psnr_min": min(old["psnr_min"], new["psnr_min"]), "psnr_max": max(old["psnr_max"], new["psnr_max"]),
    }


def with_controls(new: dict, old: dict | None) -> dict:
    """A row with those controls of the recorded one that are means over more runs."""
    for key, count in (old or {}).get("control_runs", {}).items():
        if count > new["control_runs"].get(key, 0):
            new[key], new["margins"][key], new["control_runs"][key] = old[key], old["margins"].get(key), count
    return new


class Table:
    """Builds the rows from the runs on disk and from the `recorded` rows."""

    def __init__(self, study: Study, real, recorded: list[dict] = ()):
        self.study, self.real, self.recorded = study, real, {name_of(entry): entry for entry in recorded}

    def video(self, result: dict) -> np.ndarray:
        return self.study.codec.decode(result["latents"])

    def reference(self, run, row: dict) -> dict | None:
        return self.study.result(run, {"sampler": row["sampler"], "steps": row["steps"]}, compute=False)

    def control(self, run, method: dict, target: np.ndarray) -> float | None:
        result = self.study.result(run, method, compute=False)
        return None if result is None else metrics.psnr(self.video(result), target)

    def row(self, row: dict, runs: list) -> dict | None:
        """Everything that the study reports about one row; None without any run."""
        found = {n: (run, self.reference(run, row), self.study.result(run, method_of(row), False)) for n, run in enumerate(runs)}
        done = {n: parts for n, parts in found.items() if parts[1] and parts[2]}
        old = self.recorded.get(name_of(row))
        if old is None or done.keys() >= set(numbers_of(old)):
            return with_controls(self.entry(row, done), old) if done else None
        others = {n: parts for n, parts in done.items() if n not in numbers_of(old)}
        return extended(old, self.entry(row, others)) if others else old

    def entry(self, row: dict, found: dict) -> dict:
        """Means over runs, number -> (run, reference, result)."""
        done = list(found.values())
        pairs = [(run, self.video(ref), self.video(got)) for run, ref, got in done]
        values = [metrics.psnr(b, a) for _, a, b in pairs]
        macs = np.sum([got["macs"] for _, _, got in done], 0)
        times = [got["time"] for _, _, got in done]
        time = None if any(t is None for t in times) else round(float(np.sum(times, 0)[1] / np.sum(times, 0)[0]), 3)
        reductions = [round(float(macs[3] / m), 3) for m in macs[:3]]
        near = [(nearest_real(b, self.real), nearest_real(a, self.real)) for _, a, b in pairs] if self.real is not None else []
        entry = {
            "source": row["source"], "thresholds": row["thresholds"], "steps": row["steps"], "sampler": row["sampler"],
            "precision": row.get("precision", "fp32"), "runs": len(done), "numbers": list(found),
            "mac_reduction": reductions[0], "mac_reduction_in_tiles": reductions[1], "mac_reduction_in_tiles_of_64": reductions[2], "time_reduction": time,
            "psnr": mean(values), "psnr_std": mean([np.std(values)]), "psnr_min": mean([min(values)]), "psnr_max": mean([max(values)]),
            "ssim": mean([ssim(b, a) for _, a, b in pairs], 4),
            "latent_cosine": mean([metrics.latent_cosine(got["latents"], ref["latents"]) for _, ref, got in done], 5),
            "flicker": mean([flicker(b, a) for _, a, b in pairs], 3),
            "nearest_real_psnr": mean([n for n, _ in near]), "nearest_real_psnr_dense": mean([n for _, n in near]),
        }
        if row["steps"] != 50:
            full = [self.control(run, {"sampler": "euler", "steps": 50}, b) for run, _, b in pairs]
            dense = [self.control(run, {"sampler": "euler", "steps": 50}, a) for run, a, _ in pairs]
            entry |= {"psnr_to_50_steps": mean(full), "dense_psnr_to_50_steps": mean(dense)}
        return entry | self.controls(row, reductions[0], pairs)

    def controls(self, row: dict, reduction: float, pairs: list) -> dict:
        """The controls over those runs of a row that have them, `control_runs` many, and the row's lead over the same runs, `margins`."""
        dense = {"sampler": row["sampler"], "steps": row["steps"]}
        others = [self.control(other_seed(run), dense, a) for run, a, _ in pairs]
        entry, margins, counted = {"seed_psnr": mean(others)}, {}, {}
        if "schedule" not in row:
            return entry
        for key, methods in self.study.controls(row, reduction).items():
            entry[key], margins[key], counted[key] = None, None, 0
            for method in methods:
                values = [(self.control(run, method, a), metrics.psnr(b, a)) for run, a, b in pairs]
                values = [v for v in values if v[0] is not None]
                level = mean([control for control, _ in values])
                if values and (entry[key] is None or level > entry[key]):
                    entry[key], margins[key], counted[key] = level, mean([own - control for control, own in values]), len(values)
        evaluations = self.study.evaluations(reduction, row["steps"])
        return entry | {"margins": margins, "control_runs": counted, "control_evaluations": evaluations}


def mean(values: list, digits: int = 2) -> float | None:
    """Rounded mean of the numbers among the values; None if there are none."""
    present = [v for v in values if v is not None]
    return round(float(np.mean(present)), digits) if present else None


def work(study: Study, rows: list[dict], parts: list[str]) -> None:
    """Run everything that the chosen parts need and that is not on disk, the most telling first."""
    todo = [(part, *job) for part in parts for job in jobs(rows, part)]
    with Progress() as progress:
        task = progress.add_task("runs", total=len(todo))
        for part, run, row, with_controls in todo:
            progress.update(task, description=f"{part}: {row['source']} {row['thresholds']}")
            study.result(run, {"sampler": row["sampler"], "steps": row["steps"]})
            study.result(run, {"sampler": "euler", "steps": 50})
            result = study.result(run, method_of(row))
            if with_controls:
                study.result(other_seed(run), {"sampler": row["sampler"], "steps": row["steps"]})
                reduction = round(float(result["macs"][3] / result["macs"][0]), 3)
                for method in itertools.chain(*study.controls(row, reduction).values()):
                    study.result(run, method)
            progress.advance(task)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="*", help="folders that hold the source clips")
    parser.add_argument("--cache", type=Path, default=Path("build/train/cache"), help="where decoded clips are kept")
    parser.add_argument("--build", type=Path, default=BUILD)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--report", action="store_true", help="only build the tables from the runs on disk")
    args = parser.parse_args()
    data = json.loads(POLICY_FILE.read_text())
    held_out = {"captions": CAPTIONS, "seeds": SEEDS, "calibration": data["calibration_runs"]}
    study, rows = Study(args.build / "runs", data), sparse_rows(data)
    if not args.report:
        work(study, rows, args.parts)
    real = real_frames(args.clips, args.cache) if args.clips else None
    recorded = json.loads(OUT.read_text()) if OUT.is_file() else {}
    same = recorded.get("guidance") == data["guidance"] and recorded["held_out"] == json.loads(json.dumps(held_out))
    table = Table(study, real, recorded["rows"] if same else [])
    entries = [entry for row in rows if (entry := table.row(row, runs_of(SEEDS)))]
    keep = [e for e in entries if e["steps"] == 50 and e["precision"] == "fp32"]
    report = {
        "command": "python -m workloads.quality --clips DIR", "guidance": data["guidance"],
        "held_out": held_out,
        "rows": entries, "front": front(keep),
    }
    OUT.write_text(json.dumps(report, indent=1) + "\n")
    draw_front(keep, RESULTS / "sparsity.png")
    pictures(study, rows)


def pictures(study: Study, rows: list[dict]) -> None:
    """Keep masks of the middle schedule and of the middle adaptive row, and a contact sheet per 50-step schedule, of those whose runs are
    on disk."""
    names, main = regions(study.model.config.layers), [r for r in rows if r["part"] == "main" and r["steps"] == 50]
    adaptive_rows = [r for r in rows if r["source"] == "step (adaptive)"]
    runs = runs_of(SEEDS[:1])
    for row, name in ((main[1], "schedule"), (adaptive_rows[1], "adaptive")):
        result = study.result(runs[0], method_of(row), compute=False)
        if result is None:
            continue
        kept = {(step, branch, region): share for step, branch, region, share in json.loads(result["kept"])}
        draw_masks(kept, names, row["steps"], RESULTS / f"sparsity_masks_{name}.png")
    for number, row in enumerate(main, 1):
        lines, methods = [], ({"sampler": "euler", "steps": 50}, method_of(row))
        if not all(study.path(run, method).is_file() for run in runs[:4] for method in methods):
            continue
        for run in runs[:4]:
            dense, sparse = (study.codec.decode(study.result(run, method)["latents"]) for method in methods)
            lines += [(f"dense: {run[0]}", dense), (f"{row['thresholds']}: {metrics.psnr(sparse, dense):.1f} dB", sparse)]
        contact_sheet(lines, RESULTS / f"sparse_{number}.png")


if __name__ == "__main__":
    main()
