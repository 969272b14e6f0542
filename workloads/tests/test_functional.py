"""The functional forward against the oracle, and the rules of keeping, dropping and recovering rows."""

import numpy as np
import pytest

from workloads import calibrate, functional, inputs, latte
from workloads.captions import NULL, embed_caption
from workloads.quality_report import flicker, ssim
from workloads.sparsity import BRANCHES, DENSE, SKIP, Cache, Counts, Policy, Schedule, Sparsifier, regions, similar, window_reference

LAYERS, GRID, FRAMES, ROWS = 4, 8, 16, 1024


@pytest.fixture(scope="module")
def model():
    return latte.load(inputs.CHECKPOINT)


@pytest.fixture(scope="module")
def item():
    return inputs.load().sample("bottle", 0.65)


def run(sparse: Sparsifier, rows: np.ndarray, region: str = "spatial.0.mlp") -> np.ndarray:
    """One region that doubles its rows, one step later."""
    sparse.begin_step()
    return sparse.run(region, rows, lambda r: 2 * r, 1, GRID, FRAMES)


def everywhere(policy: Policy, steps: int = 9) -> Schedule:
    return Schedule(steps, {(s, b, r): policy for s in range(steps) for b in BRANCHES for r in regions(LAYERS)})


def test_dense_forward_is_the_oracle(model, item):
    expected = latte.forward(model, item.noised.astype(np.float32), item.timestep, item.caption)
    got = functional.Denoiser(model).forward(item.noised.astype(np.float32), item.timestep, item.caption)
    assert np.abs(got - expected).max() <= 1e-4


def test_dense_policies_leave_every_mac(model, item):
    counts = Counts()
    sparse = Sparsifier(everywhere(DENSE), "caption", counts)
    functional.Denoiser(model).forward(item.noised.astype(np.float32), item.timestep, item.caption, sparse)
    assert counts.macs == counts.macs_4 == counts.macs_64 == counts.dense > 5e9


@pytest.mark.parametrize("precision, limit", [("fp16", 0.005), ("w8a8", 0.05), ("int8", 0.06)])
def test_precisions_are_close_and_differ(model, item, precision, limit):
    latents = item.noised.astype(np.float32)
    expected = latte.forward(model, latents, item.timestep, item.caption)
    got = functional.Denoiser(model, precision).forward(latents, item.timestep, item.caption)
    error = np.sqrt(np.mean((got - expected) ** 2) / np.mean(expected**2))
    assert 1e-5 < error < limit


def test_unknown_precision_is_named(model):
    with pytest.raises(ValueError, match="fp8"):
        functional.Denoiser(model, "fp8")


def test_skipped_blocks_cost_no_attention_and_repeat_their_outputs(model, item):
    latents, counts = item.noised.astype(np.float32), Counts()
    schedule = Schedule(2, {(1, "caption", r): SKIP for r in regions(LAYERS)})
    sparse, denoiser = Sparsifier(schedule, "caption", counts), functional.Denoiser(model)
    first = denoiser.forward(latents, item.timestep, item.caption, sparse)
    once = counts.macs
    second = denoiser.forward(latents, item.timestep, item.caption, sparse)
    assert np.abs(first - second).max() <= 1e-4  # same input and time: copies are exact
    assert counts.macs - once < 0.005 * once


def test_step_source_drops_similar_rows_until_max_age():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((ROWS, 8)).astype(np.float32)
    sparse = Sparsifier(everywhere(Policy("step", thr=0.9, max_age=3)), "caption", Counts())
    run(sparse, rows)
    changed = rows.copy()
    changed[5] = -changed[5]
    kept = []
    for _ in range(4):
        out = run(sparse, changed * np.float32(1.5))
        kept.append(sparse.counts.kept[sparse.step, "caption", "spatial.0.mlp"] * ROWS)
    assert kept[0] == 1 and kept[1] == 0  # ages 1 and 2 may drop
    assert kept[2] == ROWS - 1  # age 3: computed again; row 5 was computed two steps ago
    assert np.array_equal(out[7], 3 * rows[7])


def test_zero_and_nan_rows_are_kept():
    rows = np.ones((ROWS, 8), np.float32)
    rows[3], rows[4, 2] = 0, np.nan
    assert not similar(rows, rows, 0.5)[[3, 4]].any()
    assert similar(rows, rows, 0.5)[5]


def test_extrapolation_follows_a_straight_line():
    cache = Cache()
    base, slope = np.ones((4, 2), np.float32), np.full((4, 2), 0.5, np.float32)
    for step in (0, 2):
        cache.replace(base, base + step * slope)
    cache.age += 3
    assert np.allclose(cache.recover(0.5), base + 5 * slope)
    cache.refresh(np.array([1]), base, (base + 5 * slope)[[1]])
    assert cache.age.tolist() == [3, 0, 3, 3] and np.allclose(cache.y2[1], base[1] + 1)


def test_window_rows_copy_their_kept_reference():
    rows = np.random.default_rng(2).standard_normal((ROWS, 8)).astype(np.float32)
    rows[1] = rows[0] * 2  # same 2x2 window, same direction
    sparse = Sparsifier(everywhere(Policy("window", thr=0.999, window=(2, 2, 1))), "caption", Counts())
    out = run(sparse, rows)
    assert np.array_equal(out[1], out[0]) and np.array_equal(out[2:], 2 * rows[2:])


@pytest.mark.parametrize("temporal", [False, True])
@pytest.mark.parametrize("window, ref", [((2, 2, 1), (0, 0, 0)), ((3, 3, 5), (1, 2, 4)), ((4, 4, 8), (3, 3, 7)), ((1, 1, 1), (0, 0, 0))])
def test_window_references_lie_in_their_clipped_window(window, ref, temporal):
    reference = window_reference(GRID, FRAMES, window, ref, temporal)

    def coordinates(index):
        frame, place = (index % FRAMES, index // FRAMES) if temporal else (index // GRID**2, index % GRID**2)
        return np.stack([place // GRID, place % GRID, frame])

    own, other = coordinates(np.arange(ROWS)), coordinates(reference)
    size, limit = np.array(window)[:, None], np.array([GRID, GRID, FRAMES])[:, None]
    assert (own // size == other // size).all() and (other < limit).all()
    assert np.array_equal(reference[reference], reference)


def test_tiles_round_up():
    counts, keep = Counts(), np.zeros(128, bool)
    keep[:5] = True
    counts.rows((0, "caption", "x"), keep, 10)
    assert (counts.macs, counts.macs_4, counts.macs_64, counts.dense) == (50, 80, 640, 1280)


@pytest.mark.parametrize("keep", ["random", "round_robin"])
def test_oblivious_masks_keep_their_rate(keep):
    sparse = Sparsifier(everywhere(Policy("mask", keep=keep, rate=0.25), 40), "caption", Counts())
    rows = np.ones((ROWS, 2), np.float32)
    for _ in range(40):
        run(sparse, rows)
    share = np.mean([sparse.counts.kept[s, "caption", "spatial.0.mlp"] for s in range(1, 40)])
    assert abs(share - 0.25) < 0.01


def test_policy_file_round_trip(tmp_path):
    schedule = calibrate.schedule(10, LAYERS, {"caption": [0, 1, 2, 5, 8], "null": [0, 2, 6]})
    schedule.save(tmp_path / "p.json", guidance=1.5)
    assert Schedule.load(tmp_path / "p.json") == schedule
    assert schedule.policy(3, "caption", "spatial.0.mlp").coef == pytest.approx(calibrate.coefficient(10, 3, [0, 1, 2]), abs=1e-5)
    assert schedule.policy(2, "null", "spatial.1.cross_q").skips_all and schedule.policy(2, "null", "spatial.1.qkv") == DENSE


def test_null_cross_attention_is_constant(model, item):
    """All keys of the null caption are equal, so its context is the same for every query."""
    denoiser, text = functional.Denoiser(model), latte.embed(model, item.noised, 500.0, embed_caption(NULL)).caption
    queries = np.random.default_rng(3).standard_normal((ROWS, denoiser.config.hidden)).astype(np.float32)
    context = denoiser.cross_attention("transformer_blocks.0", queries, text)
    assert np.abs(context - context[0]).max() < 1e-5


def test_whole_branches_are_skipped_and_extrapolated():
    """Velocities that are linear in time, of branches that are evaluated three times and twice in five steps."""
    class Linear:
        def forward(self, x, timestep, caption, sparse):
            sparse.counts.always(caption)
            return np.full(3, caption * timestep, np.float32)

    velocity = functional.SkippingBranches(Linear(), 2.0, 1.0, 1.5, ({0, 1, 4}, {0, 1}))
    for time in (1.0, 0.875, 0.75, 0.375, 0.25):
        assert np.array_equal(velocity(None, time), np.full(3, 2500 * time, np.float32))
    counts = velocity.counts
    assert (counts.macs, counts.dense, counts.time, counts.dense_time) == (3 * 2 + 2, 5 * 3, 2 * 8, 2 * 15)


def test_refresh_lists_find_the_bend():
    """A path that bends early wants its evaluations early, and more of them never cost more."""
    steps = 12
    path = np.exp(-np.arange(steps))[:, None] * np.ones((1, 3))
    cost = calibrate.interval_costs(path @ path.T, np.ones(steps))
    lists = calibrate.refresh_lists(cost, steps, 8)
    assert lists[5][:3] == [0, 1, 2] and all(found[0] == 0 and len(found) == n for n, found in lists.items())


def test_samplers_integrate_a_constant_exactly():
    x = np.zeros(3, np.float32)
    for result in (functional.euler(lambda x, t: x + 1, x * 0, 1), functional.adams_bashforth(lambda x, t: np.ones(3, np.float32), x, 7),
                   functional.euler(functional.skipping(lambda x, t: np.ones(3, np.float32), {0, 3, 4}), x, 9)):
        assert np.allclose(result, -1, atol=1e-5)


def test_measures_of_equal_videos():
    video = np.random.default_rng(4).integers(0, 256, (4, 16, 16, 3)).astype(np.uint8)
    assert ssim(video, video) == pytest.approx(1) and flicker(video, video) == 0
    assert ssim(video, 255 - video) < 0
