"""Checkpoints of diffusers' LatteTransformer3DModel: sizes, validation, tensors one at a time.

A checkpoint is a directory with `config.json` and `diffusion_pytorch_model.safetensors` (FP16 or FP32). The header is
checked at once against every name, dtype and shape that the configuration asks for; values are read and checked for
NaN and infinity when a tensor is asked for, so that a model larger than the memory can be compiled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from compiler.errors import CompileError

WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
DTYPES = {"F16": np.float16, "F32": np.float32}
TIME_CHANNELS = 256

# What the accelerator's Latte block is; other values change the mathematics.
REQUIRED = {
    "_class_name": "LatteTransformer3DModel", "activation_fn": "gelu-approximate", "norm_type": "ada_norm_single",
    "norm_elementwise_affine": False,
    "attention_bias": True,
}
SIZES = ("num_attention_heads", "attention_head_dim", "in_channels", "num_layers", "sample_size", "patch_size",
         "caption_channels", "video_length")


@dataclass(frozen=True)
class Dims:
    """Sizes of a Latte model."""

    heads: int
    head_dim: int
    in_channels: int
    out_channels: int
    layers: int
    sample_size: int
    patch: int
    caption_channels: int
    frames: int
    eps: float

    @property
    def hidden(self) -> int:
        """Channels of a token."""
        return self.heads * self.head_dim

    @property
    def grid(self) -> int:
        """Tokens of a line of a frame, and lines."""
        return self.sample_size // self.patch

    @property
    def positions(self) -> int:
        """Tokens of one frame."""
        return self.grid ** 2

    @property
    def tokens(self) -> int:
        """Tokens of the video."""
        return self.positions * self.frames


LATTE_1 = Dims(heads=16, head_dim=72, in_channels=4, out_channels=8, layers=28, sample_size=64, patch=2,
               caption_channels=4096, frames=16, eps=1e-6)


class Checkpoint(Protocol):
    """Where the compiler takes tensors from."""

    dims: Dims
    prepared: bool  # whether any layer has a tensor of `prepared_shapes`

    def get(self, name: str) -> np.ndarray:
        """Tensor of that diffusers name, float32, finite."""

    def find(self, name: str) -> np.ndarray | None:
        """The same for a tensor of `prepared_shapes`, which a checkpoint may lack."""


def expected_shapes(dims: Dims) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that a checkpoint of these sizes must hold."""
    d = dims.hidden
    shapes: dict[str, tuple[int, ...]] = {}

    def linear(name: str, n: int, k: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (n, k), (n,)

    shapes["pos_embed.proj.weight"] = (d, dims.in_channels, dims.patch, dims.patch)
    shapes["pos_embed.proj.bias"] = (d,)
    linear("adaln_single.emb.timestep_embedder.linear_1", d, TIME_CHANNELS)
    linear("adaln_single.emb.timestep_embedder.linear_2", d, d)
    linear("adaln_single.linear", 6 * d, d)
    linear("caption_projection.linear_1", d, dims.caption_channels)
    linear("caption_projection.linear_2", d, d)
    for layer in range(dims.layers):
        for stem, attentions in (("transformer_blocks", 2), ("temporal_transformer_blocks", 1)):
            block = f"{stem}.{layer}"
            shapes[f"{block}.scale_shift_table"] = (6, d)
            for attention in range(1, attentions + 1):
                for name in ("to_q", "to_k", "to_v", "to_out.0"):
                    linear(f"{block}.attn{attention}.{name}", d, d)
            linear(f"{block}.ff.net.0.proj", 4 * d, d)
            linear(f"{block}.ff.net.2", d, 4 * d)
    shapes["scale_shift_table"] = (2, d)
    linear("proj_out", dims.patch ** 2 * dims.out_channels, d)
    return shapes


def prepared_shapes(dims: Dims) -> dict[str, tuple[int]]:
    """Name and shape of the tensors with which a checkpoint may say how INT8 takes a layer's inputs: (x - centre) / smooth. The layer makes
    both good, so that the network is the same with and without. Centres: where inputs come from QUANT or GELU; behind a LayerNorm the shift
    takes this part. Smooth, greater than zero: where they come from QUANT or a LayerNorm; that of `attn1.to_q` is for Q, K and V."""
    d, shapes = dims.hidden, {}
    for stem, cross in (("transformer_blocks", ("attn2.to_q", "attn2.to_out.0")), ("temporal_transformer_blocks", ())):
        for block in (f"{stem}.{index}" for index in range(dims.layers)):
            shapes |= {f"{block}.{layer}.centre": (d,) for layer in ("attn1.to_out.0", *cross)} | {f"{block}.ff.net.2.centre": (4 * d,)}
            shapes |= {f"{block}.{layer}.smooth": (d,) for layer in ("attn1.to_q", "attn1.to_out.0", *cross, "ff.net.0.proj")}
    return shapes


def host_tensors(dims: Dims) -> list[str]:
    """Tensors that the host evaluates in FP32, outside the program."""
    heads = ("adaln_single", "caption_projection", "scale_shift_table")
    return [name for name in expected_shapes(dims) if name.startswith(heads) or name.endswith("scale_shift_table")]


def read_dims(path: Path) -> Dims:
    """Sizes from `config.json`; CompileError names the key that is missing or not supported."""
    try:
        raw = json.loads(path.read_text())
    except OSError as error:
        raise CompileError(f"{path}: cannot be read ({error.strerror})") from None
    except json.JSONDecodeError as error:
        raise CompileError(f"{path}: not JSON (line {error.lineno})") from None
    for key, value in REQUIRED.items():
        if raw.get(key) != value:
            raise CompileError(f"{path}: {key} = {raw.get(key)!r} is not supported, {value!r} expected")
    for key in SIZES:
        if not isinstance(raw.get(key), int) or raw[key] < 1:
            raise CompileError(f"{path}: {key} = {raw.get(key)!r}, a positive integer expected")
    hidden = raw["num_attention_heads"] * raw["attention_head_dim"]
    if raw.get("cross_attention_dim") != hidden:
        raise CompileError(f"{path}: cross_attention_dim = {raw.get('cross_attention_dim')!r} is not supported, "
                           f"the hidden size {hidden} expected")
    if hidden % 4:
        raise CompileError(f"{path}: hidden size {hidden} is not supported, a multiple of 4 expected")
    if raw["sample_size"] % raw["patch_size"]:
        raise CompileError(f"{path}: sample_size = {raw['sample_size']} is not a multiple of patch_size")
    return Dims(heads=raw["num_attention_heads"], head_dim=raw["attention_head_dim"], in_channels=raw["in_channels"],
                out_channels=raw.get("out_channels") or raw["in_channels"], layers=raw["num_layers"],
                sample_size=raw["sample_size"], patch=raw["patch_size"], caption_channels=raw["caption_channels"],
                frames=raw["video_length"], eps=float(raw.get("norm_eps", 1e-5)))


class SafetensorsCheckpoint:
    """A checkpoint directory; tensors are mapped, not loaded."""

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        self.dims = read_dims(folder / "config.json")
        self.path = folder / WEIGHTS_FILE
        try:
            with self.path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                self.header = json.loads(file.read(length))
        except OSError as error:
            raise CompileError(f"{self.path}: cannot be read ({error.strerror})") from None
        except (ValueError, MemoryError, OverflowError):
            raise CompileError(f"{self.path}: not a safetensors file") from None
        self.header.pop("__metadata__", None)
        self.data = np.memmap(self.path, np.uint8, "r", offset=8 + length)
        known = prepared_shapes(self.dims)
        found = {name: known.get(name) for name in self.header if name.endswith((".centre", ".smooth"))}
        if None in found.values():
            name = next(name for name, shape in found.items() if shape is None)
            raise CompileError(f"{self.path}: tensor {name} is not supported, this layer has no {name.rsplit('.', 1)[1]} of its own")
        self.prepared = bool(found)
        for name, shape in (expected_shapes(self.dims) | found).items():
            self._check(name, shape)

    def _check(self, name: str, shape: tuple[int, ...]) -> None:
        entry = self.header.get(name)
        if entry is None:
            raise CompileError(f"{self.path}: tensor {name} is missing")
        if entry["dtype"] not in DTYPES:
            raise CompileError(f"{self.path}: tensor {name} has dtype {entry['dtype']}, F16 or F32 expected")
        if tuple(entry["shape"]) != shape:
            raise CompileError(f"{self.path}: tensor {name} has shape {tuple(entry['shape'])}, {shape} expected")
        size = int(np.prod(shape)) * np.dtype(DTYPES[entry["dtype"]]).itemsize
        first, end = entry["data_offsets"]
        if end - first != size or end > len(self.data):
            raise CompileError(f"{self.path}: tensor {name} is truncated")

    def get(self, name: str) -> np.ndarray:
        """Tensor of that name as float32; CompileError when it holds NaN or infinity."""
        entry = self.header[name]
        first, end = entry["data_offsets"]
        values = self.data[first:end].view(DTYPES[entry["dtype"]]).reshape(entry["shape"]).astype(np.float32)
        if not np.isfinite(values).all():
            raise CompileError(f"{self.path}: tensor {name} holds NaN or infinity")
        if name.endswith(".smooth") and not (values > 0).all():
            raise CompileError(f"{self.path}: tensor {name} divides inputs, all values must be greater than zero")
        return values

    def find(self, name: str) -> np.ndarray | None:
        """See `Checkpoint`."""
        return self.get(name) if name in self.header else None


class RandomCheckpoint:
    """Random weights of the given sizes, made when asked for: standard normal / sqrt(fan-in), small biases; with the tensors of
    `prepared_shapes` if `prepared`."""

    def __init__(self, dims: Dims, seed: int = 0, prepared: bool = False) -> None:
        self.dims, self.prepared = dims, prepared
        self.seed = seed
        self.shapes = expected_shapes(dims) | (prepared_shapes(dims) if prepared else {})
        self.number = {name: i for i, name in enumerate(self.shapes)}

    def get(self, name: str) -> np.ndarray:
        """Tensor of that name, float32; the same at every call."""
        shape = self.shapes[name]
        rng = np.random.default_rng([self.seed, self.number[name]])
        scale = 0.1 if len(shape) == 1 or name.endswith("table") else float(np.prod(shape[1:])) ** -0.5
        values = rng.standard_normal(shape, np.float32)
        return np.exp2(values / 4) if name.endswith(".smooth") else values * np.float32(scale)

    def find(self, name: str) -> np.ndarray | None:
        """See `Checkpoint`."""
        return self.get(name) if name in self.shapes else None
