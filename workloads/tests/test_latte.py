"""latte.py against diffusers' recorded activations, and its checks of bad checkpoints (numpy only)."""

import json
import zlib

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from workloads import inputs, latte

GOLDEN = load_file(str(inputs.DATA / "golden.safetensors"))
LIMIT = 1e-5  # largest difference over the tensor's largest magnitude; float32 sums in another order
TINY = latte.Config(2, 12, 2, 2, 128, 16, 2, 3, 10, 1e-6)
BLOCKS = [f"{kind}.{index}" for index in range(4) for kind in ("spatial", "temporal")]


def difference(ours: np.ndarray, reference: np.ndarray) -> float:
    assert ours.shape == reference.shape and ours.dtype == np.float32
    return float(np.abs(ours - reference).max() / np.abs(reference).max())


@pytest.fixture(scope="module")
def small():
    return latte.load(inputs.CHECKPOINT)


@pytest.fixture(scope="module")
def sample():
    return inputs.load().sample(inputs.HELD_OUT, 0.35)


@pytest.fixture(scope="module")
def tiny():
    prefix = "tiny/weights/"
    weights = {key.removeprefix(prefix): value for key, value in GOLDEN.items() if key.startswith(prefix)}
    return latte.Model(TINY, latte.check_weights(TINY, weights))


def run_block(model, name: str, x: np.ndarray, embedded) -> np.ndarray:
    kind, index = name.split(".")
    if kind == "spatial":
        return latte.spatial_block(model, int(index), x, embedded.adaln, embedded.caption)
    return latte.temporal_block(model, int(index), x, embedded.adaln)


def test_golden_belongs_to_these_weights():
    crc = zlib.crc32((inputs.CHECKPOINT / latte.WEIGHTS_FILE).read_bytes())
    assert crc == GOLDEN["small/weights_crc"][0], "weights changed: run workloads/make_inputs.py and make_golden.py"


@pytest.mark.parametrize("name", BLOCKS)
def test_block_of_small(small, sample, name):
    embedded = latte.embed(small, sample.noised, sample.timestep, sample.caption)
    out = run_block(small, name, GOLDEN[f"small/{name}.input"], embedded)
    assert difference(out, GOLDEN[f"small/{name}.output"]) < LIMIT


def test_embed_of_small(small, sample):
    embedded = latte.embed(small, sample.noised, sample.timestep, sample.caption)
    reference = GOLDEN["small/spatial.0.input"]
    assert difference(embedded.tokens[GOLDEN["small/frames"]], reference) < LIMIT
    committed = sample.tokens.reshape(embedded.tokens.shape).astype(np.float32)
    assert np.array_equal(committed, embedded.tokens.astype(np.float16).astype(np.float32)) or (
        np.abs(committed - embedded.tokens).max() < 2**-10 * np.abs(embedded.tokens).max()
    )


def test_forward_of_small(small, sample):
    blocks = []
    velocity = latte.forward(small, sample.noised, sample.timestep, sample.caption, blocks)
    assert [name for name, _, _ in blocks] == BLOCKS
    assert difference(velocity, GOLDEN["small/velocity"]) < LIMIT


@pytest.mark.parametrize("name", BLOCKS[:4])
def test_block_of_tiny(tiny, name):
    embedded = latte.embed(tiny, GOLDEN["tiny/latents"], float(GOLDEN["tiny/timestep"][0]), GOLDEN["tiny/caption"])
    out = run_block(tiny, name, GOLDEN[f"tiny/{name}.input"], embedded)
    assert difference(out, GOLDEN[f"tiny/{name}.output"]) < LIMIT


def test_forward_of_tiny(tiny):
    velocity = latte.forward(tiny, GOLDEN["tiny/latents"], float(GOLDEN["tiny/timestep"][0]), GOLDEN["tiny/caption"])
    assert difference(velocity, GOLDEN["tiny/velocity"]) < LIMIT


def test_trace_names_every_intermediate(tiny):
    embedded = latte.embed(tiny, GOLDEN["tiny/latents"], 812.0, GOLDEN["tiny/caption"])
    trace = {}
    out = latte.spatial_block(tiny, 1, embedded.tokens, embedded.adaln, embedded.caption, trace)
    assert trace["output"] is out
    assert trace["attn1.scores"].shape == (2, 2, 64, 64) and trace["attn2.probs"].shape == (2, 2, 64, 7)
    assert trace["ff.act"].shape == (2, 64, 96)
    trace = {}
    latte.temporal_block(tiny, 0, embedded.tokens, embedded.adaln, trace)
    assert trace["attn1.probs"].shape == (64, 2, 2, 2) and "attn2.q" not in trace
    assert np.allclose(trace["attn1.probs"].sum(-1), 1, atol=1e-6)


def test_patchify_is_undone():
    config = latte.Config(1, 8, 1, 2, 8, 2, 3, 3, 4, 1e-6)
    latents = np.arange(2 * 3 * 8 * 8, dtype=np.float32).reshape(2, 3, 8, 8)
    patches = latte.patchify(config, latents).reshape(2, 16, 3, 4).transpose(0, 1, 3, 2).reshape(2, 16, 12)
    assert np.array_equal(latte.unpatchify(config, patches), latents)
    assert np.array_equal(latte.patchify_output(config, latents), patches)


def write_checkpoint(folder, tensors, **changes):
    raw = json.loads((inputs.CHECKPOINT / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(raw | changes))
    save_file(tensors, str(folder / latte.WEIGHTS_FILE))


@pytest.mark.parametrize("fault", ["missing", "dtype", "shape", "nan", "smooth"])
def test_bad_tensor_is_named(tmp_path, fault):
    name = "temporal_transformer_blocks.2.attn1.to_k.weight"
    tensors = load_file(str(inputs.CHECKPOINT / latte.WEIGHTS_FILE))
    if fault == "missing":
        del tensors[name]
    elif fault == "dtype":
        tensors[name] = tensors[name].astype(np.int32)
    elif fault == "shape":
        tensors[name] = np.ascontiguousarray(tensors[name][:-1])
    elif fault == "nan":
        tensors[name][3, 5] = np.nan
    else:
        name = "temporal_transformer_blocks.2.attn1.to_q.smooth"
        tensors[name] = np.zeros(216, np.float32)
    write_checkpoint(tmp_path, tensors)
    with pytest.raises(ValueError, match=name) as caught:
        latte.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_bad_config_is_named(tmp_path):
    write_checkpoint(tmp_path, {}, norm_type="layer_norm")
    with pytest.raises(ValueError, match="norm_type"):
        latte.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="config.json"):
        latte.load(tmp_path / "nowhere")
