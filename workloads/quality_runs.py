"""The runs of the quality study: captions, seeds, methods by name, results on disk."""

import functools
import hashlib
import json
import math
from pathlib import Path

import numpy as np

from workloads import functional, inputs, latte
from workloads.calibrate import SAMPLERS, adaptive, combined, schedule
from workloads.captions import NULL, embed_caption
from workloads.codec import Codec
from workloads.prepare import FOLDER as INT8_CHECKPOINT
from workloads.sparsity import BRANCHES, Policy, Schedule, regions

CAPTIONS = (
    "a white car and a red car driving on a dark road seen from above",
    "a woman in a grey dress standing in a white room with a wooden floor",
    "a woman with long hair in black standing in a white room with a wooden floor",
    "a woman with dark hair in a pullover standing in a white room with a wooden floor",
    "a man in a grey shirt standing in a white room with a wooden floor",
    "a big grey rabbit stretching in front of a burrow in a green meadow",
)  # none of them is a caption of the calibration
SEEDS = (101, 102, 103)
PARTS = ("main", "captions", "precision", "distilled", "branches", "thresholds", "windows", "controls", "seeds", "rest")
FEW = 3  # runs that come first, so that a short study has every main row
SIDE = 2  # runs of precision, thresholds and windows until `rest`
FP16_STEPS = 10, 20  # of the rows that begin in FP16
EVALUATIONS = (8, 9, 10, 11, 12, 13, 15, 16, 20, 25, 34, 42)  # of the controls without token machinery


@functools.cache
def digest() -> str:
    """Of the distilled weights: other weights are other runs."""
    return hashlib.sha1((INT8_CHECKPOINT / latte.WEIGHTS_FILE).read_bytes()).hexdigest()


class Study:
    """Runs of the study and their results on disk."""

    def __init__(self, folder: Path, calibration: dict):
        self.model, self.codec, self.folder, self.data = latte.load(inputs.CHECKPOINT), Codec.load(), folder, calibration
        self.null, self.guidance = embed_caption(NULL), calibration["guidance"]
        self.denoisers = {}
        folder.mkdir(parents=True, exist_ok=True)

    def denoiser(self, method: dict):
        """The network in a method's precision; with `distilled` on the weights of `workloads/latte_small_int8`, with `fp16_steps` FP16 in
        the first steps."""
        precision, fp16_steps = method.get("precision", "fp32"), method.get("fp16_steps", 0)
        key = precision, method.get("distilled", False), fp16_steps, method["steps"]
        if key not in self.denoisers:
            chosen = functional.Denoiser(latte.load(INT8_CHECKPOINT) if key[1] else self.model, precision)
            self.denoisers[key] = functional.EarlyFp16(chosen, self.model, fp16_steps, method["steps"]) if fp16_steps else chosen
        return self.denoisers[key]

    def path(self, run, method: dict) -> Path:
        """Where the result of a method on a (caption, seed) is kept; another calibration gives another place."""
        basis = []
        if "schedule" in method:
            kind, *rest = method["schedule"].split()
            sampler = self.data["samplers"][str(method["steps"])]
            basis = [sampler["lists"].get(word) for word in rest if "lists" in kind] + (sampler["growth"] if "adaptive" in kind else [])
        basis += [digest()] if method.get("distilled") else []
        text = json.dumps([run, self.guidance, method, basis], sort_keys=True)
        return self.folder / (hashlib.sha1(text.encode()).hexdigest()[:16] + ".npz")

    def result(self, run, method: dict, compute: bool = True) -> dict | None:
        """Latents and counts of a method on a (caption, seed); computed unless it is on disk."""
        path = self.path(run, method)
        if not path.is_file():
            if not compute:
                return None
            latents, counts = self.sample(run, method)
            kept = json.dumps([[*key, round(share, 4)] for key, share in counts.kept.items()]) if "schedule" in method else "[]"
            np.savez(path, latents=latents, kept=kept, macs=[counts.macs, counts.macs_4, counts.macs_64, counts.dense],
                     time=[counts.time, counts.dense_time])
        with np.load(path) as data:
            return {"latents": data["latents"], "macs": data["macs"], "kept": str(data["kept"]), "time": data.get("time")}

    def sample(self, run, method: dict) -> tuple[np.ndarray, functional.Counts]:
        """Latents and counts of one run; `method`: sampler, steps, precision, distilled, fp16_steps, refresh (whole steps), schedule (a name)."""
        caption, seed = run
        steps = method["steps"]
        parts = self.denoiser(method), embed_caption(caption), self.null, self.guidance
        velocity = functional.Guided(*parts, self.schedule(method["schedule"], steps) if "schedule" in method else None, seed)
        evaluated = velocity
        if "branch_refresh" in method:
            evaluated = velocity = functional.SkippingBranches(*parts, method["branch_refresh"])
        if "refresh" in method:
            evaluated = functional.skipping(velocity, set(method["refresh"]))
        latents = functional.sampler(method["sampler"])(evaluated, functional.noise(self.model.config, seed), steps)
        return latents, velocity.counts

    def schedule(self, name: str, steps: int) -> Schedule:
        """Schedules by name: `lists 16 10`, `adaptive BUDGET`, `interval N`, `window THR h w t`, `random RATE`, `round_robin RATE`."""
        kind, *rest = name.split()
        layers, sampler = self.model.config.layers, self.data["samplers"][str(steps)]
        growth = np.array(sampler["growth"])
        if kind == "lists":
            return schedule(steps, layers, {b: sampler["lists"][n] for b, n in zip(BRANCHES, rest)})
        if kind == "interval":
            return schedule(steps, layers, {b: list(range(0, steps, int(rest[0]))) for b in BRANCHES}, constant_null_cross=False)
        if kind == "adaptive":
            options = {"normalised": True} if rest[1:] == ["normalised"] else {}
            return adaptive(steps, layers, growth, float(rest[0]), **options)
        if kind == "lists+adaptive":
            return combined(self.schedule(f"lists {rest[1]} {rest[2]}", steps), layers, growth, float(rest[0]))
        if kind == "window":
            h, w, t = map(int, rest[1:])
            space, time = Policy("window", float(rest[0]), window=(h, w, 1)), Policy("window", float(rest[0]), window=(1, 1, t))
            choose = lambda region: space if region.startswith("spatial") else time  # noqa: E731
        else:
            policy = Policy("mask", keep=kind, rate=float(rest[0]), coef=float(rest[0]) if kind == "round_robin" else 0.0)
            choose = lambda region: policy  # noqa: E731
        return Schedule(steps, {(s, b, r): choose(r) for s in range(steps) for b in BRANCHES for r in regions(layers)})

    def maskable(self) -> float:
        """Share of the dense MACs that row masks can save: all linear layers of the blocks."""
        c = self.model.config
        linear = (14 + 12) * c.hidden**2
        attention = 2 * c.hidden * (c.tokens_per_frame + c.frames + 20)
        return linear * c.layers / ((linear + attention) * c.layers + 2 * c.hidden * c.patch**2 * c.in_channels)

    def evaluations(self, reduction: float, steps: int) -> int:
        """Denoiser evaluations whose MACs a reduction leaves; rounded in favour of the controls beyond 0.3 of one."""
        return next((n for n in EVALUATIONS if n >= math.floor(steps / reduction + 0.7)), EVALUATIONS[-1])

    def controls(self, row: dict, reduction: float) -> dict[str, list[dict]]:
        """Methods that spend the same compute (or a little more) without the row's policy, by the row's key."""
        steps, sampler = row["steps"], row["sampler"]
        n = self.evaluations(reduction, steps)
        rate = round((1 / reduction - 1 + self.maskable()) / self.maskable(), 2)
        lists = self.data["samplers"][str(steps)]["lists"]
        whole = {"steps": steps, "sampler": sampler}
        found = {
            "fewer_steps_psnr": [{"steps": n, "sampler": name} for name in ("euler", "ab2")],
            "whole_step_psnr": [whole | {"refresh": sorted(functional.every(steps, n))}],
            "random_psnr": [whole | {"schedule": f"random {rate}"}],
            "round_robin_psnr": [whole | {"schedule": f"round_robin {rate}"}],
        }
        if str(n) in lists:
            found["whole_step_calibrated_psnr"] = [whole | {"refresh": lists[str(n)]}]
        kind, *rest = row["schedule"].split()
        if kind == "lists":
            found["whole_branch_psnr"] = [whole | {"branch_refresh": [lists[n] for n in rest]}]
        return found


def row(part: str, source: str, thresholds: str, steps: int = 50, **method) -> dict:
    """One row of the study: the part it belongs to, how it is shown, and what `method_of` hands to a run."""
    return {"part": part, "source": source, "thresholds": thresholds, "steps": steps, "sampler": SAMPLERS[steps], **method}


def sparse_rows(data: dict) -> list[dict]:
    """All rows, from the points that the calibration chose and its lists of steps."""
    study, text = data["study"], "{} {} of the caption branch, {} of the null branch"
    points = [(steps, c, n) for steps in SAMPLERS for c, n in study[str(steps)]]
    rows = [row("main", "step (schedule)", text.format(c, "refreshes", n), steps, schedule=f"lists {c} {n}") for steps, c, n in points]
    (c, n), (c1, n1) = study["50"][:2]
    for b in study["late_budgets"]:
        shown = f"{c} and {n} refreshes, the late ones 1 - {b} / growth"
        rows.append(row("thresholds", "step (schedule, then adaptive)", shown, schedule=f"lists+adaptive {b} {c} {n}"))
    for b in study["budgets"]:
        rows.append(row("thresholds", "step (adaptive)", f"1 - {b} / growth", schedule=f"adaptive {b}"))
    b = study["budgets"][-1]
    rows.append(row("thresholds", "step (adaptive, normalised rows)", f"1 - {b} / growth", schedule=f"adaptive {b} normalised"))
    rows += [row("thresholds", "step (interval)", f"every {k} steps", schedule=f"interval {k}") for k in (2, 3)]
    rows += [row("windows", "window", f"{t}; 2x2 in space, 4 in time", schedule=f"window {t} 2 2 4") for t in (0.95, 0.9, 0.8, 0.7)]
    rows += [row("precision", "dense", "", precision=p) for p in ("w8a8", "int8", "fp16")]
    sparse = {"schedule": f"lists {c1} {n1}", "precision": "w8a8"}
    rows.append(row("precision", "step (schedule)", text.format(c1, "refreshes", n1), **sparse))
    rows.append(row("distilled", "dense", "distilled weights", precision="w8a8", distilled=True))
    for n in FP16_STEPS:
        rows.append(row("distilled", "dense", f"distilled weights, first {n} steps FP16", precision="w8a8", distilled=True, fp16_steps=n))
    shown = text.format(c1, "refreshes", n1)
    rows.append(row("distilled", "step (schedule)", f"{shown}; distilled weights", **sparse, distilled=True))
    lists = data["samplers"]["50"]["lists"]
    whole = {"branch_refresh": [lists[str(c1)], lists[str(n1)]]}
    shown = text.format(c1, "evaluations", n1)
    rows.append(row("branches", "branches (schedule)", shown, **whole))
    rows.append(row("branches", "branches (schedule)", f"{shown}; distilled weights", **whole, precision="w8a8", distilled=True))
    return rows


def method_of(row: dict) -> dict:
    """What `Study.sample` has to do for a row."""
    return {key: row[key] for key in ("sampler", "steps", "schedule", "branch_refresh", "precision", "distilled", "fp16_steps") if key in row}


def runs_of(seeds) -> list:
    return [(caption, seed) for seed in seeds for caption in CAPTIONS]


def other_seed(run: tuple[str, int]) -> tuple[str, int]:
    """The same caption with the next seed of the study."""
    caption, seed = run
    return caption, SEEDS[(SEEDS.index(seed) + 1) % len(SEEDS)]


def jobs(rows: list[dict], part: str) -> list[tuple]:
    """(run, row, whether with controls) of a part, run by run so that rows stay comparable."""
    first, others = runs_of(SEEDS[:1]), runs_of(SEEDS[1:])
    main, side = [r for r in rows if r["part"] == "main"], [r for r in rows if r["part"] == part]
    return {
        "main": [(run, r, True) for run in first[:FEW] for r in main],
        "captions": [(run, r, False) for run in first for r in main],
        "controls": [(run, r, True) for run in first for r in main],
        "seeds": [(run, r, True) for run in others for r in main],
        "rest": [(run, r, r["part"] == "windows" and run in first) for run in first + others for r in rows],
    }.get(part, [(run, r, False) for r in side for run in first[:SIDE]])
