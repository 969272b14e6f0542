"""Rows of the study: recorded runs and new ones make the row that all of them would, and what precisions cost."""

import numpy as np
import pytest

from workloads import functional, inputs, latte, quality
from workloads.sparsity import Counts, Schedule, Sparsifier


def entry(numbers, values) -> dict:
    """What the merge looks at, of a row over these runs."""
    values = np.array(values)
    reduction = len(values) / np.sum(1 / values)
    return {"runs": len(values), "numbers": list(numbers), "psnr": round(float(values.mean()), 2), "psnr_std": round(float(values.std()), 2),
            "psnr_min": round(float(values.min()), 2), "psnr_max": round(float(values.max()), 2), "ssim": 0.99, "latent_cosine": 0.999,
            "seed_psnr": round(float(values.mean() / 3), 2), "mac_reduction": round(float(reduction), 3), "time_reduction": 1.5}


def test_extended_row_is_the_row_over_all_runs():
    values = np.random.default_rng(3).uniform(35, 50, 18)
    whole, old, new = entry(range(18), values), entry(range(11), values[:11]), entry(range(11, 18), values[11:])
    del old["numbers"]  # as rows were recorded: the first runs
    got = quality.extended(old | {"margins": {"x": 1.0}}, new)
    assert got["numbers"] == whole["numbers"] and got["runs"] == 18 and got["margins"] == {"x": 1.0}
    for key in ("psnr", "psnr_std", "psnr_min", "psnr_max", "seed_psnr", "mac_reduction", "ssim"):
        assert got[key] == pytest.approx(whole[key], abs=0.02), key


def test_controls_over_more_runs_stay():
    old = {"fewer": 40.0, "random": 22.0, "margins": {"fewer": 3.0, "random": 9.0}, "control_runs": {"fewer": 10, "random": 2}}
    new = {"fewer": None, "random": 23.0, "psnr": 43.0, "margins": {"fewer": None, "random": 8.0}, "control_runs": {"fewer": 0, "random": 3}}
    got = quality.with_controls(dict(new, margins=dict(new["margins"]), control_runs=dict(new["control_runs"])), old)
    assert got == {"fewer": 40.0, "random": 23.0, "psnr": 43.0, "margins": {"fewer": 3.0, "random": 8.0}, "control_runs": {"fewer": 10, "random": 3}}
    assert quality.with_controls(dict(new), None) == new


@pytest.mark.parametrize("precision, time", [("w8a8", 1.0), ("int8", 0.9), ("fp16", 1.9)])
def test_time_of_a_precision_counts_fp16_macs_twice(precision, time):
    model, item, counts = latte.load(inputs.CHECKPOINT), inputs.load().sample("bottle", 0.65), Counts()
    denoiser = functional.Denoiser(model, precision)
    denoiser.forward(item.noised.astype(np.float32), item.timestep, item.caption, Sparsifier(Schedule(1), "caption", counts))
    assert counts.time / counts.dense_time == pytest.approx(time, abs=0.1)
    assert (counts.time == counts.dense_time) == (precision == "w8a8")


def test_early_steps_are_fp16():
    class Named:
        def __init__(self, name):
            self.name = name

        def forward(self, *_):
            return self.name

    model = latte.load(inputs.CHECKPOINT)
    chosen = functional.EarlyFp16(Named("late"), model, 3, 20)
    chosen.early = Named("early")
    assert [chosen.forward(None, 1000 * float(t), None) for t in functional.times(20)[:5]] == ["early"] * 3 + ["late"] * 2


def test_half_is_numpys():
    rng = np.random.default_rng(0)
    every = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
    every = np.sort(every[np.abs(every) < 65000])
    halfway = (every[1:] + every[:-1]) / 2
    for x in (every, halfway, np.nextafter(halfway, np.float32(9)), rng.standard_normal(100000).astype(np.float32) * np.float32(1e-5)):
        assert np.array_equal(functional.half(x), x.astype(np.float16).astype(np.float32))
