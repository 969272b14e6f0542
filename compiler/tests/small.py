"""Small Latte models for the tests: random weights, inputs, one call that compiles, executes and compares."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from compiler import inputs
from compiler.checkpoint import Dims, RandomCheckpoint, expected_shapes
from compiler.model import Compiled
from models import core
from models.isa import Cause
from models.scheduler_check import Windows
from workloads import latte

CONFIG_JSON = {"_class_name": "LatteTransformer3DModel", "activation_fn": "gelu-approximate",
               "norm_type": "ada_norm_single", "norm_elementwise_affine": False,
               "attention_bias": True, "norm_eps": 1e-6}


def dims(heads: int = 2, head_dim: int = 24, layers: int = 1, grid: int = 3, frames: int = 3, patch: int = 2,
         in_channels: int = 4, out_channels: int = 4, caption_channels: int = 10) -> Dims:
    """Sizes of a small model."""
    return Dims(heads=heads, head_dim=head_dim, in_channels=in_channels, out_channels=out_channels, layers=layers,
                sample_size=grid * patch, patch=patch, caption_channels=caption_channels, frames=frames, eps=1e-6)


def config_json(d: Dims) -> dict[str, object]:
    """The config.json of these sizes."""
    return CONFIG_JSON | {
        "num_attention_heads": d.heads, "attention_head_dim": d.head_dim, "in_channels": d.in_channels,
        "out_channels": d.out_channels, "num_layers": d.layers, "cross_attention_dim": d.hidden,
        "sample_size": d.sample_size, "patch_size": d.patch, "caption_channels": d.caption_channels,
        "video_length": d.frames,
    }


def write_checkpoint(folder: Path, d: Dims, tensors: dict[str, np.ndarray] | None = None, **config: object) -> Path:
    """A checkpoint directory with random FP16 weights, some tensors replaced (or, with None, left out)."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = RandomCheckpoint(d)
    values = {name: checkpoint.get(name).astype(np.float16) for name in expected_shapes(d)} | (tensors or {})
    save_file({k: v for k, v in values.items() if v is not None}, str(folder / "diffusion_pytorch_model.safetensors"))
    (folder / "config.json").write_text(json.dumps(config_json(d) | config))
    return folder


def oracle(checkpoint: RandomCheckpoint) -> latte.Model:
    """The FP32 model of workloads/latte.py with a checkpoint's weights."""
    d = checkpoint.dims
    config = latte.Config(heads=d.heads, head_dim=d.head_dim, layers=d.layers, frames=d.frames,
                          sample_size=d.sample_size,
                          patch=d.patch, in_channels=d.in_channels, out_channels=d.out_channels,
                          caption_channels=d.caption_channels, norm_eps=d.eps)
    return latte.Model(config, {name: checkpoint.get(name) for name in expected_shapes(d)})


def random_inputs(model: latte.Model, captions: int, seed: int) -> tuple[np.ndarray, np.ndarray, latte.Embedded]:
    """Random latents and caption, and what the host computes from them at timestep 400."""
    rng, c = np.random.default_rng(seed), model.config
    latents = rng.standard_normal((c.frames, c.in_channels, c.sample_size, c.sample_size)).astype(np.float32)
    caption = rng.standard_normal((captions, c.caption_channels)).astype(np.float32)
    return latents, caption, latte.embed(model, latents, 400.0, caption)


def image(compiled: Compiled, checkpoint: RandomCheckpoint, model: latte.Model, latents: np.ndarray,
          embedded: latte.Embedded) -> np.ndarray:
    """Memory image with every input in place."""
    memory = compiled.memory()
    inputs.write_conditions(compiled, checkpoint, memory, embedded.adaln, [embedded.caption], embedded.time,
                            latte.temporal_positions(model.config))
    if compiled.whole:
        inputs.write_patches(compiled, memory, latte.patchify(model.config, latents),
                             latte.spatial_positions(model.config))
    else:
        inputs.write_tokens(compiled, memory, embedded.tokens)
    return memory


def windows(compiled: Compiled) -> Windows:
    """The HBM windows of a program."""
    return Windows(compiled.read_window, compiled.write_window)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle between two arrays, in float64."""
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def run(compiled: Compiled, memory: np.ndarray, cores: int | None = None, seed: int | None = None) -> core.TasksResult:
    """The table on models/core.py: one entry after another, or with a seed in a random legal order."""
    rng = np.random.default_rng(seed)
    order = {} if seed is None else {"choose": lambda choices: choices[rng.integers(len(choices))]}
    result = core.run_tasks(compiled.config, memory, compiled.table.base, compiled.table_entries, windows(compiled),
                            compiled.slices, origin=compiled.hbm.base, cores=compiled.cores if cores is None else cores, **order)
    assert result.cause == Cause.NONE, (result.cause, result.entry, result.index)
    return result


def hashes(compiled: Compiled, memory: np.ndarray) -> dict[str, str]:
    """A hash of every tensor that the program writes, planes of heads side by side; ages lie by tiles and are left out."""
    out = {}
    for name, planes in compiled.tensors.items():
        if name != "patches" and not name.endswith(".meta"):
            rows = np.concatenate([t.view(memory, compiled.hbm.base) for t in planes], axis=-1)
            out[name] = hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()[:16]
    return out
