"""Prepared weights: they lie on the INT8 grid, lose less on the inputs they were rounded for, and describe the same network."""

import numpy as np
import pytest

from compiler.checkpoint import SafetensorsCheckpoint
from compiler.quantise import quantise_columns, round_to_inputs
from workloads import functional, inputs, latte, prepare
from workloads.functional import BLOCKS, layers_of


def correlated(rng, rows: int, columns: int) -> np.ndarray:
    """Rows whose columns share a few directions."""
    return (rng.standard_normal((rows, 6)) @ rng.standard_normal((6, columns)) + 0.1 * rng.standard_normal((rows, columns))).astype(np.float32)


@pytest.mark.parametrize("columns", [5, 32, 70])
def test_rounded_weights_lie_on_the_grid_of_the_quantiser(columns):
    rng = np.random.default_rng(columns)
    weight, x = rng.standard_normal((9, columns)).astype(np.float32), correlated(rng, 200, columns)
    weight[4] = 0
    weight[:4, 0], x[:, 0] = 5, 0.02 * x[:, 1]  # the greatest weight meets a weak input, so it comes last
    rounded = round_to_inputs(weight, x.T @ x / len(x))
    grid, scale = quantise_columns(rounded)
    assert np.allclose(grid * scale[:, None], rounded, rtol=1e-6, atol=0)
    assert np.array_equal(scale, quantise_columns(weight)[1]) and (np.abs(grid).max(1) == np.where(scale > 0, 127, 0)).all()


def test_rounding_for_the_inputs_halves_the_error_of_the_products():
    rng = np.random.default_rng(1)
    weight, rows = rng.standard_normal((40, 70)).astype(np.float32), correlated(rng, 800, 70)
    x, held_out = rows[:400], rows[400:]
    grid, scale = quantise_columns(weight)
    nearest, rounded = grid * scale[:, None], round_to_inputs(weight, x.T @ x / len(x))
    errors = [np.mean((held_out @ (w - weight).T) ** 2) for w in (rounded, nearest)]
    assert errors[0] < 0.25 * errors[1]


@pytest.fixture(scope="module")
def model():
    return latte.load(inputs.CHECKPOINT)


@pytest.fixture(scope="module")
def made(model):
    """The tensors of a checkpoint that is prepared for one clip at one time, with what the layers see there."""
    watched, item = prepare.Watched(model), inputs.load().sample("car", 0.65)
    for null in (False, True):
        caption = inputs.load().sample("car", 0.65, null).caption
        watched.forward(item.noised.astype(np.float32), item.timestep, caption)
    rows = {key: np.concatenate(value) for key, value in watched.rows.items()}
    return prepare.prepare(model.weights, model.config.layers, rows)


def errors(model, made):
    """Relative error of the velocity on a clip that was not used: FP32 with the prepared tensors, W8A8 with them, W8A8 without."""
    item = inputs.load().sample("bottle", 0.65)
    parts = item.noised.astype(np.float32), item.timestep, item.caption
    other, expected = latte.Model(model.config, made), functional.Denoiser(model).forward(*parts)
    got = [functional.Denoiser(m, p).forward(*parts) for m, p in ((other, "fp32"), (other, "w8a8"), (model, "w8a8"))]
    return [float(np.sqrt(np.mean((y - expected) ** 2) / np.mean(expected**2))) for y in got]


def test_prepared_network_is_the_same_and_loses_less(model, made):
    weights, both, plain = errors(model, made)
    assert weights < 0.005 and weights < both < 0.85 * plain


def test_centres_alone_change_nothing_in_fp32(model, made, monkeypatch):
    monkeypatch.setattr(prepare, "round_to_inputs", lambda weight, gram: weight)
    rows = {(f"{kind}.{i}", name): np.full((2, model.weights[f"{kind}.{i}.{parts[0]}.weight"].shape[1]), 0.3, np.float32)
            for kind in BLOCKS for i in range(model.config.layers) for name, parts in layers_of(f"{kind}.{i}").items()}
    moved = prepare.prepare(model.weights, model.config.layers, rows)
    assert not np.array_equal(moved["transformer_blocks.0.scale_shift_table"], model.weights["transformer_blocks.0.scale_shift_table"])
    assert errors(model, moved)[0] < 1e-4


def test_centres_halve_the_range_behind_gelu(model):
    rows = np.abs(np.random.default_rng(4).standard_normal((50, 30))) - 0.1
    assert np.abs(rows - prepare.middle(rows)).max(1).mean() < 0.6 * np.abs(rows).max(1).mean()


@pytest.mark.parametrize(("kind", "of_a_layer"), [("centre", 6), ("smooth", 8)])
def test_prepared_inputs_leave_fp32_alone(model, made, kind, of_a_layer):
    """Centres and smoothing factors are tensors beside the network, which INT8 alone looks at, and there they lose less."""
    without = {name: value for name, value in made.items() if not name.endswith(kind)}
    assert len(made) - len(without) == model.config.layers * of_a_layer
    (weights, both, _), (same, more, _) = errors(model, made), errors(model, without)
    assert weights == same and both < 0.95 * more


def test_smoothing_takes_error_off_the_products():
    """Inputs of unlike strength against weights of unlike strength: rounded rows lose less, on rows that were not looked at."""
    rng = np.random.default_rng(3)
    rows, weight = rng.standard_normal((800, 60)) * rng.uniform(0.2, 2, 60), rng.standard_normal((40, 60)) * rng.uniform(0.2, 2, 60)
    smooth = prepare.smoothing(rows[:400], weight)
    lost = [np.mean(((functional.quantise(rows[400:] / s) * s - rows[400:]) @ weight.T) ** 2) for s in (1.0, smooth)]
    assert lost[1] < 0.65 * lost[0] and np.isclose(np.log(smooth).mean(), 0, atol=1e-6)


def test_smoothing_of_dead_inputs_is_none():
    assert np.array_equal(prepare.smoothing(np.zeros((9, 4)), np.zeros((3, 4))), np.ones(4))


def test_saved_checkpoint_has_the_same_integers(made, tmp_path):
    prepare.save(tmp_path, made, inputs.CHECKPOINT)
    checkpoint = SafetensorsCheckpoint(tmp_path)
    for name, smooth in (("transformer_blocks.1.attn1.to_q", "transformer_blocks.1.attn1.to_q.smooth"),
                         ("temporal_transformer_blocks.3.ff.net.2", None), ("transformer_blocks.2.attn2.to_v", None),
                         ("transformer_blocks.2.attn1.to_v", "transformer_blocks.2.attn1.to_q.smooth")):
        factor = made[smooth] if smooth else 1
        held, expected = (quantise_columns(w * factor) for w in (checkpoint.get(f"{name}.weight"), made[f"{name}.weight"]))
        assert np.array_equal(held[0], expected[0]) and np.allclose(held[1], expected[1], rtol=1e-3)
        assert np.array_equal(checkpoint.get(f"{name}.bias"), made[f"{name}.bias"])
    for name in ("temporal_transformer_blocks.3.ff.net.2.centre", "transformer_blocks.0.attn2.to_out.0.smooth"):
        assert np.array_equal(checkpoint.find(name), made[name])
    assert checkpoint.find("transformer_blocks.1.attn1.to_q.centre") is None
    assert latte.load(tmp_path).weights.keys() == made.keys()


def test_shipped_weights_are_integers_and_lose_less(model):
    shipped = latte.load(prepare.FOLDER)
    weights, both, plain = errors(model, shipped.weights)
    assert weights < 0.004 and weights < both < 0.7 * plain
    for name in ("transformer_blocks.0.attn1.to_q.weight", "temporal_transformer_blocks.3.ff.net.2.weight"):
        weight = shipped.weights[name] * shipped.weights.get(name.replace("weight", "smooth"), 1)
        grid, scale = quantise_columns(weight)
        assert np.abs(grid * scale[:, None] - weight).max() < 0.1 * scale.max()
