"""Search for the sparsity schedule of the workload, on captions and seeds that the study never reports on.

    python -m workloads.calibrate            # writes workloads/data/sparsity.json; resumable, about 40 minutes on one core

1. *Growth*: what an error made at a step becomes in the video.  Every second evaluation is skipped inside one fifth of the
   run only; the measured error over the local one gives the gain of that fifth, interpolated in between.
2. *Refresh lists*: the velocities of dense runs give, for every interval between two evaluations, the local error of
   linear extrapolation; weighted with the growth, dynamic programming finds the best list of n steps for every n.
3. *Branches*: all regions of a guidance branch share a list, but the branches have lists of their own (the null branch
   counts guidance - 1 in the result, the caption branch guidance).  Pairs of lists are run and the Pareto front is kept.
   The cross-attention of the null branch is computed once: its keys are equal, so its output is constant.
4. *Thresholds*: the adaptive variant drops a row while `1 - cosine < budget / growth`, one threshold per step.
"""

import argparse
import functools
import json
from pathlib import Path

import numpy as np
from rich.progress import track

from workloads import functional, inputs, latte, metrics
from workloads.captions import NULL, embed_caption
from workloads.codec import Codec
from workloads.sparsity import BRANCHES, POLICY_FILE, Policy, Schedule, regions

GUIDANCE = 1.5
STEPS = 50
SHORT = 20  # the fewest steps of Adams-Bashforth that keep 40 dB to 50 Euler steps on the calibration runs
SAMPLERS = {STEPS: "euler", SHORT: "ab2"}
CAR = "a white car driving on a dark road seen from above"
MAN = "a man in black standing in a white room with a wooden floor"
RABBIT = "a big grey rabbit climbing out of a burrow in a green meadow"
RUNS = ((CAR, 1), (MAN, 2), (RABBIT, 1), (CAR, 11), (MAN, 12), (RABBIT, 11))  # captions and seeds of the calibration
BUDGETS = (0.0002, 0.001)  # adaptive thresholds alone
LATE_BUDGETS = (0.001,)  # adaptive thresholds at the late refreshes of a schedule
BUILD = Path("build/quality")
REACH = 16  # longest interval between refreshes, in steps
SHARES = 5  # parts of the run for which the growth is measured
PAIRS = ((19, 15), (18, 14), (16, 12), (16, 10), (13, 9))  # refreshes of the caption and of the null branch
SHORT_PAIRS = ((14, 11), (11, 8))  # the same for the short sampler
EVALUATED = 3  # calibration runs that a schedule is measured on


# ------------------------------------------------------------------------------------------------- schedules from lists


def coefficient(steps: int, step: int, refreshed: list[int]) -> float:
    """Factor of `age * (y1 - y2)` that extrapolates linearly in time to `step` from the last two refreshed steps."""
    if len(refreshed) < 2:
        return 0.0
    time, (before, last) = functional.times(steps), refreshed[-2:]
    return float((time[step] - time[last]) / (time[last] - time[before]) / (step - last))


def schedule(steps: int, layers: int, lists: dict[str, list[int]], constant_null_cross: bool = True) -> Schedule:
    """All regions of a branch are computed at the steps of its list and extrapolated at the others; qkv and cross_q are copied."""
    policies = {}
    for branch in BRANCHES:
        for region in regions(layers):
            part = region.rsplit(".", 1)[1]
            computed = [0] if constant_null_cross and branch == "null" and part.startswith("cross") else lists[branch]
            for step in sorted(set(range(steps)) - set(computed)):
                coef = coefficient(steps, step, [s for s in computed if s < step]) if part in ("out", "cross_out", "mlp") else 0.0
                policies[step, branch, region] = Policy("mask", keep="none", coef=round(coef, 5))
    return Schedule(steps, policies)


def adaptive(steps: int, layers: int, growth: np.ndarray, budget: float, max_age: int = 8, **options) -> Schedule:
    """Every region decides by its rows' own past; the threshold of a step is 1 - budget / growth, at least 0.5."""
    table = {}
    for step in range(1, steps):
        threshold = round(max(1 - budget / float(growth[step]), 0.5), 6)
        table |= {(step, b, r): Policy("step", thr=threshold, max_age=max_age, **options) for b in BRANCHES for r in regions(layers)}
    return Schedule(steps, table)


def combined(base: Schedule, layers: int, growth: np.ndarray, budget: float) -> Schedule:
    """A schedule whose late refreshes (growth below 1) compute only the rows that changed since they were last computed."""
    late = adaptive(base.steps, layers, growth, budget, max_age=base.steps).policies
    return Schedule(base.steps, {key: policy for key, policy in late.items() if growth[key[0]] < 1} | base.policies)


# -------------------------------------------------------------------------------------------------------- measured parts


class Bench:
    """Runs on the calibration captions and seeds; dense results and measured numbers are kept under `folder`."""

    def __init__(self, folder: Path, guidance: float):
        self.model, self.codec, self.guidance, self.folder = latte.load(inputs.CHECKPOINT), Codec.load(), guidance, folder
        self.denoiser, self.null = functional.Denoiser(self.model), embed_caption(NULL)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "calibration.json"
        self.numbers = json.loads(self.path.read_text()) if self.path.is_file() else {}

    def guided(self, run, chosen: Schedule | None = None) -> functional.Guided:
        return functional.Guided(self.denoiser, embed_caption(run[0]), self.null, self.guidance, chosen)

    def noise(self, run) -> np.ndarray:
        return functional.noise(self.model.config, run[1])

    @functools.lru_cache(maxsize=None)  # noqa: B019  one bench per process
    def dense(self, index: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Video uint8 [F, H, W, 3] and velocities [steps, F*C*h*w] of the dense run of a calibration pair."""
        path = self.folder / f"calibration_{self.guidance}_{steps}_{index}.npz"
        if not path.is_file():
            velocity, seen = self.guided(RUNS[index]), []

            def watched(x, time):
                seen.append(velocity(x, time))
                return seen[-1]

            result = functional.sampler(SAMPLERS[steps])(watched, self.noise(RUNS[index]), steps)
            np.savez(path, latents=result, velocities=np.stack(seen).reshape(steps, -1))
        with np.load(path) as data:
            return self.codec.decode(data["latents"]), data["velocities"]

    def measured(self, key: str, measure):
        """A number, or numbers, measured once."""
        if key not in self.numbers:
            self.numbers[key] = measure()
            self.path.write_text(json.dumps(self.numbers, indent=1))
        return self.numbers[key]

    def psnr(self, index: int, steps: int, latents: np.ndarray) -> float:
        return metrics.psnr(self.codec.decode(latents), self.dense(index, steps)[0])

    def gram(self, steps: int, count: int = 3) -> np.ndarray:
        """Mean products of the velocities of two steps, [steps, steps]."""
        velocities = [self.dense(index, steps)[1].astype(np.float64) for index in range(count)]
        return sum(v @ v.T / v.shape[1] for v in velocities) / count

    def growth(self) -> np.ndarray:
        """Squared gain from an error of the latents at a step to the video (pixels in [0, 1]), [STEPS]."""
        share, gain = STEPS // SHARES, []
        costs = interval_costs(self.gram(STEPS, 2), np.ones(STEPS))
        for part in track(range(SHARES), description="growth"):
            skipped = [s for s in range(max(2, part * share), (part + 1) * share) if s % 2]
            kept = sorted(set(range(STEPS)) - set(skipped))

            def error(kept=kept):
                ends = [functional.euler(functional.skipping(self.guided(run), kept), self.noise(run), STEPS) for run in RUNS[:2]]
                return [self.psnr(index, STEPS, end) for index, end in enumerate(ends)]

            values = self.measured(f"growth {self.guidance} {part}", error)
            local = sum(costs[a, b, c] for a, b, c in zip([-1, *kept], kept, [*kept[1:], STEPS]))
            gain.append(10 ** (-np.mean(values) / 10) / local)
        centres = (np.arange(SHARES) + 0.5) * share
        slope = np.log(gain[1] / gain[0]) / share
        return np.exp(np.interp(np.arange(STEPS), [0, *centres], np.log([gain[0] * np.exp(-slope * centres[0]), *gain])))

    def evaluate(self, steps: int, name: str, chosen: Schedule) -> dict:
        """Mean PSNR over the calibration runs and MAC reduction of a schedule."""

        def run_all():
            values, reduction = [], 0.0
            for index, run in enumerate(RUNS[:EVALUATED]):
                velocity = self.guided(run, chosen)
                values.append(self.psnr(index, steps, functional.sampler(SAMPLERS[steps])(velocity, self.noise(run), steps)))
                reduction += velocity.counts.dense / velocity.counts.macs / EVALUATED
            return {"psnr": round(float(np.mean(values)), 2), "mac_reduction": round(reduction, 3)}

        return self.measured(f"{self.guidance} {steps} {name}", run_all)


# ------------------------------------------------------------------------------------------------------- refresh lists


def interval_costs(gram: np.ndarray, growth: np.ndarray) -> dict:
    """Weighted squared error of extrapolating from the evaluations t2 < t1 up to the next one, t0: (t2, t1, t0) -> cost.

    t2 = -1: there is no second evaluation yet, and t1 is copied.
    """
    steps = len(gram)
    time = functional.times(steps)
    cost = {}
    for t1 in range(steps):
        for t2 in [-1, *range(max(0, t1 - REACH), t1)]:
            total = np.zeros(steps)
            cost[t2, t1, t1 + 1] = 0.0
            for step in range(t1 + 1, min(t1 + REACH + 1, steps)):
                error = np.zeros(steps)
                error[step], error[t1] = 1, -1
                if t2 >= 0:
                    factor = (time[step] - time[t1]) / (time[t1] - time[t2])
                    error[t1] -= factor
                    error[t2] += factor
                total += (time[step] - time[step + 1]) * np.sqrt(growth[step]) * error
                cost[t2, t1, step + 1] = float(total @ gram @ total)
    return cost


def refresh_lists(cost: dict, steps: int, longest: int) -> dict[int, list[int]]:
    """The list of n evaluations with the least cost, for every n up to `longest` that reaches the end."""
    best, found = {(-1, 0): (0.0, [0])}, {}
    for n in range(1, longest + 1):
        ends = [(value + cost[t2, t1, steps], chosen) for (t2, t1), (value, chosen) in best.items() if (t2, t1, steps) in cost]
        if ends:
            found[n] = min(ends)[1]
        longer = {}
        for (t2, t1), (value, chosen) in best.items():
            for t0 in range(t1 + 1, min(t1 + REACH + 1, steps)):
                candidate = (value + cost[t2, t1, t0], [*chosen, t0])
                if (t1, t0) not in longer or candidate < longer[t1, t0]:
                    longer[t1, t0] = candidate
        best = longer
    return found


def front(points: list[dict]) -> list[dict]:
    """Points that no other point beats in both PSNR and MAC reduction."""
    def beaten(p):
        return any(q["psnr"] >= p["psnr"] and q["mac_reduction"] > p["mac_reduction"] or
                   q["psnr"] > p["psnr"] and q["mac_reduction"] >= p["mac_reduction"] for q in points)
    return [p for p in points if not beaten(p)]


def search(bench: Bench, steps: int, pairs, growth: np.ndarray) -> dict:
    """Refresh lists of one sampler and the measured pairs of caption and null list."""
    lists = refresh_lists(interval_costs(bench.gram(steps), growth), steps, min(steps, 30))
    points = []
    for caption, null in track(pairs, description=f"{steps} steps"):
        chosen = schedule(steps, bench.model.config.layers, {"caption": lists[caption], "null": lists[null]})
        points.append({"caption": caption, "null": null, **bench.evaluate(steps, f"{caption}/{null}", chosen)})
    shown = [float(f"{g:.3g}") for g in growth]
    return {"sampler": SAMPLERS[steps], "growth": shown, "lists": lists, "measured": points, "front": front(points)}


def study_points(found: dict, floors) -> list[list[int]]:
    """For every MAC reduction in `floors` the front's best pair that reaches it."""
    picked = [max((p for p in found["front"] if p["mac_reduction"] >= floor), key=lambda p: p["psnr"]) for floor in floors]
    return [[p["caption"], p["null"]] for p in picked]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--build", type=Path, default=BUILD)
    parser.add_argument("--out", type=Path, default=POLICY_FILE)
    args = parser.parse_args()
    bench = Bench(args.build, args.guidance)
    layers, growth = bench.model.config.layers, bench.growth()
    short_growth = np.interp(np.linspace(0, STEPS, SHORT, endpoint=False), np.arange(STEPS), growth)
    samplers = {STEPS: search(bench, STEPS, PAIRS, growth), SHORT: search(bench, SHORT, SHORT_PAIRS, short_growth)}
    study = {STEPS: study_points(samplers[STEPS], (3.17, 3.75, 4.5)), SHORT: study_points(samplers[SHORT], (1.5, 1.9)),
             "budgets": BUDGETS, "late_budgets": LATE_BUDGETS}
    pair = study[STEPS][1]
    chosen = schedule(STEPS, layers, {b: samplers[STEPS]["lists"][n] for b, n in zip(BRANCHES, pair)})
    thresholds = [{"budget": b, **bench.evaluate(STEPS, f"adaptive {b}", adaptive(STEPS, layers, growth, b))} for b in BUDGETS]
    thresholds += [{"late_budget": b, **bench.evaluate(STEPS, f"{pair} {b}", combined(chosen, layers, growth, b))} for b in LATE_BUDGETS]
    about = {"guidance": args.guidance, "sampler": SAMPLERS[STEPS], "calibration_runs": RUNS}
    chosen.save(args.out, **about, point=pair, study=study, thresholds=thresholds, samplers=samplers)
    adaptive(STEPS, layers, growth, BUDGETS[0]).save(args.out.with_stem(args.out.stem + "_adaptive"), **about, budget=BUDGETS[0])
    print(json.dumps({"study": study, "thresholds": thresholds, "fronts": {s: f["front"] for s, f in samplers.items()}}, indent=1))


if __name__ == "__main__":
    main()
