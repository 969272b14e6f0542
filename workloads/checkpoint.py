"""Checkpoint directories of diffusers' `LatteTransformer3DModel`: sizes, tensor names and shapes, checked loading.

A directory holds `config.json` and `diffusion_pytorch_model.safetensors` (FP16 or FP32).  Needs numpy and safetensors.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

Array = np.ndarray
F32 = np.float32
TIME_CHANNELS = 256  # width of the sinusoidal timestep embedding, fixed in diffusers
WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True)
class Config:
    """The sizes of a Latte model, from the `config.json` of a diffusers checkpoint."""

    heads: int
    head_dim: int
    layers: int  # spatial blocks; as many temporal blocks
    frames: int
    sample_size: int  # latent rows and columns
    patch: int
    in_channels: int
    out_channels: int
    caption_channels: int
    norm_eps: float

    @property
    def hidden(self) -> int:
        return self.heads * self.head_dim

    @property
    def grid(self) -> int:
        return self.sample_size // self.patch

    @property
    def tokens_per_frame(self) -> int:
        return self.grid**2


@dataclass(frozen=True)
class Model:
    """A checkpoint: sizes and float32 weights under their diffusers names."""

    config: Config
    weights: dict[str, Array]

    def linear(self, name: str, x: Array) -> Array:
        """x [..., K] @ weight[N, K].T + bias[N] of the layer `name`."""
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]


def load_config(folder: str | Path) -> Config:
    """Read and check `config.json`; a one-line ValueError names what this forward does not implement."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"no config.json in checkpoint directory {folder}")
    raw = json.loads(path.read_text())
    needed = {
        "_class_name": "LatteTransformer3DModel",
        "activation_fn": "gelu-approximate",
        "norm_type": "ada_norm_single",
        "norm_elementwise_affine": False,
        "attention_bias": True,
    }
    for key, value in needed.items():
        if raw.get(key) != value:
            raise ValueError(f"{path}: {key} is {raw.get(key)!r}, only {value!r} is implemented")
    try:
        config = Config(
            heads=raw["num_attention_heads"],
            head_dim=raw["attention_head_dim"],
            layers=raw["num_layers"],
            frames=raw["video_length"],
            sample_size=raw["sample_size"],
            patch=raw["patch_size"],
            in_channels=raw["in_channels"],
            out_channels=raw["out_channels"] or raw["in_channels"],
            caption_channels=raw["caption_channels"],
            norm_eps=raw["norm_eps"],
        )
    except KeyError as error:
        raise ValueError(f"{path}: key {error} is missing") from None
    if raw["cross_attention_dim"] != config.hidden:
        raise ValueError(f"{path}: cross_attention_dim must equal the hidden size {config.hidden}")
    return config


def expected_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that a checkpoint of this configuration holds."""
    d, shapes = config.hidden, {}

    def linear(name: str, n: int, k: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (n, k), (n,)

    linear("pos_embed.proj", d, 0)
    shapes["pos_embed.proj.weight"] = (d, config.in_channels, config.patch, config.patch)
    linear("adaln_single.emb.timestep_embedder.linear_1", d, TIME_CHANNELS)
    linear("adaln_single.emb.timestep_embedder.linear_2", d, d)
    linear("adaln_single.linear", 6 * d, d)
    linear("caption_projection.linear_1", d, config.caption_channels)
    linear("caption_projection.linear_2", d, d)
    for index in range(config.layers):
        for kind, attentions in (("transformer_blocks", 2), ("temporal_transformer_blocks", 1)):
            block = f"{kind}.{index}"
            shapes[f"{block}.scale_shift_table"] = (6, d)
            for attention in range(1, attentions + 1):
                for projection in ("to_q", "to_k", "to_v", "to_out.0"):
                    linear(f"{block}.attn{attention}.{projection}", d, d)
            linear(f"{block}.ff.net.0.proj", 4 * d, d)
            linear(f"{block}.ff.net.2", d, 4 * d)
    shapes["scale_shift_table"] = (2, d)
    linear("proj_out", config.patch**2 * config.out_channels, d)
    return shapes


def load(folder: str | Path) -> Model:
    """Load a checkpoint directory; missing, misshapen or non-finite tensors give a one-line error with their name."""
    config = load_config(folder)
    path = Path(folder) / WEIGHTS_FILE
    if not path.is_file():
        raise FileNotFoundError(f"no {WEIGHTS_FILE} in checkpoint directory {folder}")
    return Model(config, check_weights(config, load_file(str(path)), str(path)))


def check_weights(config: Config, tensors: dict[str, Array], source: str = "checkpoint") -> dict[str, Array]:
    """The tensors of a checkpoint as float32, or a one-line ValueError that names the offending one. A layer may have a `centre` [K],
    what INT8 takes off its inputs before it rounds them, and a `smooth` [K], by which it divides them; it makes both good (prepared
    checkpoints), and other precisions leave them alone."""
    weights, shapes = {}, expected_shapes(config)
    layers = {name.removesuffix("weight"): shape for name, shape in shapes.items() if name.endswith(".weight")}
    extra = {f"{layer}{kind}": shape[1:] for layer, shape in layers.items() for kind in ("centre", "smooth") if f"{layer}{kind}" in tensors}
    for name, shape in (shapes | extra).items():
        if name not in tensors:
            raise ValueError(f"{source}: tensor {name} is missing")
        tensor = tensors[name]
        if tensor.dtype not in (np.float16, np.float32):
            raise ValueError(f"{source}: tensor {name} has dtype {tensor.dtype}, float16 or float32 expected")
        if tensor.shape != shape:
            raise ValueError(f"{source}: tensor {name} has shape {tensor.shape}, {shape} expected")
        if not np.isfinite(tensor).all():
            raise ValueError(f"{source}: tensor {name} holds values that are not finite")
        if name.endswith(".smooth") and not (tensor > 0).all():
            raise ValueError(f"{source}: tensor {name} divides inputs, all values must be greater than zero")
        weights[name] = tensor.astype(F32)
    return weights
