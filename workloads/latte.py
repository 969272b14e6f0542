"""FP32 reference forward of diffusers' `LatteTransformer3DModel`, in plain numpy.

This is the oracle that the accelerator is compared with, and it needs no torch.  It reads a checkpoint directory in
the diffusers layout (`config.json` + `diffusion_pytorch_model.safetensors`) of any size: heads, layers, frames,
patch size and caption length are free.  The order of operations follows diffusers 0.42.1 (`latte_transformer_3d.py`,
`attention.py` `BasicTransformerBlock` with `norm_type="ada_norm_single"`, `embeddings.py`, `normalization.py`).

Shapes: F frames, S tokens per frame (row-major over the patch grid), D hidden, H heads, E head dim, T caption tokens,
C latent channels.  One video at a time, no batch axis.  Everything is float32 unless stated.

    model = load("workloads/latte_small")
    embedded = embed(model, latents, timestep=350.0, caption=caption)     # latents [F, C, h, w]
    x = embedded.tokens                                                   # [F, S, D]
    x = spatial_block(model, 0, x, embedded.adaln, embedded.caption)
    x = temporal_block(model, 0, x, embedded.adaln)                       # block 0 adds the temporal positions
    velocity = final(model, x, embedded.time)                             # [F, C, h, w]

`trace`, where a function takes it, is a dict that receives every intermediate activation by name.
"""

from dataclasses import dataclass

import numpy as np

from workloads.checkpoint import (  # noqa: F401  callers reach the loader as latte.load
    F32,
    TIME_CHANNELS,
    WEIGHTS_FILE,
    Array,
    Config,
    Model,
    check_weights,
    expected_shapes,
    load,
    load_config,
)

# ---------------------------------------------------------------------------------------------- elementary functions


def silu(x: Array) -> Array:
    """x * sigmoid(x)."""
    return x / (1 + np.exp(-x))


def gelu_tanh(x: Array) -> Array:
    """GELU in its tanh approximation, as torch's `approximate="tanh"`."""
    inner = F32(np.sqrt(2 / np.pi)) * (x + F32(0.044715) * x * x * x)
    return F32(0.5) * x * (1 + np.tanh(inner))


def layer_norm(x: Array, eps: float) -> Array:
    """LayerNorm over the last axis, biased variance, no affine."""
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred * centred).mean(-1, keepdims=True)
    return centred / np.sqrt(variance + F32(eps))


def softmax(x: Array) -> Array:
    """Softmax over the last axis."""
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def sincos_1d(channels: int, positions: Array) -> Array:
    """Sine/cosine position embedding [len(positions), channels]: all sines, then all cosines; float64."""
    omega = 1.0 / 10000 ** (np.arange(channels // 2, dtype=np.float64) / (channels / 2.0))
    angle = np.outer(positions, omega)
    return np.concatenate([np.sin(angle), np.cos(angle)], 1)


def spatial_positions(config: Config) -> Array:
    """Position embedding of the patch grid [S, D]; the first half of the channels holds the column."""
    scale = max(config.sample_size // 64, 1)
    rows, columns = np.divmod(np.arange(config.tokens_per_frame), config.grid)
    half = config.hidden // 2
    return np.concatenate([sincos_1d(half, columns / scale), sincos_1d(half, rows / scale)], 1).astype(F32)


def temporal_positions(config: Config) -> Array:
    """Position embedding of the frames [F, D]."""
    return sincos_1d(config.hidden, np.arange(config.frames)).astype(F32)


def timestep_embedding(timestep: float) -> Array:
    """Sinusoidal embedding of a timestep in [0, 1000], cosines first: [256]."""
    half = TIME_CHANNELS // 2
    frequency = np.exp(F32(-np.log(10000)) * np.arange(half, dtype=F32) / F32(half))
    angle = F32(timestep) * frequency
    return np.concatenate([np.cos(angle), np.sin(angle)])


def attention(q: Array, k: Array, v: Array, heads: int, trace: dict | None = None, name: str = "attn") -> Array:
    """Multi-head attention without mask: q [B, M, D], k and v [B, N, D] -> [B, M, D].

    Head h owns channels h*E .. h*E+E-1; scores are scaled by 1/sqrt(E).
    Trace: `{name}.scores` (scaled) and `{name}.probs` [B, H, M, N].
    """
    batch, m, d = q.shape
    n, e = k.shape[1], d // heads
    q4 = q.reshape(batch, m, heads, e).transpose(0, 2, 1, 3)
    k4 = k.reshape(batch, n, heads, e).transpose(0, 2, 3, 1)
    v4 = v.reshape(batch, n, heads, e).transpose(0, 2, 1, 3)
    scores = (q4 @ k4) * F32(1 / np.sqrt(e))
    probs = softmax(scores)
    out = (probs @ v4).transpose(0, 2, 1, 3).reshape(batch, m, d)
    if trace is not None:
        trace[f"{name}.scores"], trace[f"{name}.probs"] = scores, probs
    return out


# ------------------------------------------------------------------------------------------------- parts of the model


@dataclass(frozen=True)
class Embedded:
    """What the blocks need: tokens [F, S, D], adaln [6, D], caption [T, D], time [D] (for `final`)."""

    tokens: Array
    adaln: Array
    caption: Array
    time: Array


def patchify(config: Config, latents: Array) -> Array:
    """Latents [F, C, h, w] -> patch vectors [F, S, C*p*p], channel-major as the flattened convolution weight."""
    f, c, h, w = latents.shape
    p = config.patch
    grid = latents.reshape(f, c, h // p, p, w // p, p).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(grid.reshape(f, (h // p) * (w // p), c * p * p))


def unpatchify(config: Config, tokens: Array) -> Array:
    """Output tokens [F, S, p*p*C] (row, column, channel) -> [F, C, h, w]."""
    f, g, p, c = tokens.shape[0], config.grid, config.patch, config.out_channels
    grid = tokens.reshape(f, g, g, p, p, c).transpose(0, 5, 1, 3, 2, 4)
    return np.ascontiguousarray(grid.reshape(f, c, g * p, g * p))


def patchify_output(config: Config, latents: Array) -> Array:
    """[F, C, h, w] -> output tokens [F, S, p*p*C]; the inverse of `unpatchify`."""
    f, c, h, w = latents.shape
    p = config.patch
    grid = latents.reshape(f, c, h // p, p, w // p, p).transpose(0, 2, 4, 3, 5, 1)
    return np.ascontiguousarray(grid.reshape(f, (h // p) * (w // p), p * p * c))


def embed(model: Model, latents: Array, timestep: float, caption: Array) -> Embedded:
    """Latents [F, C, h, w], timestep in [0, 1000], caption [T, caption_channels] -> `Embedded`.

    The adaLN vectors are shift, scale, gate of the attention, then shift, scale, gate of the MLP.
    """
    config = model.config
    weight = model.weights["pos_embed.proj.weight"].reshape(config.hidden, -1)
    tokens = patchify(config, latents.astype(F32)) @ weight.T + model.weights["pos_embed.proj.bias"]
    embedder = "adaln_single.emb.timestep_embedder"
    time = model.linear(f"{embedder}.linear_1", timestep_embedding(timestep))
    time = model.linear(f"{embedder}.linear_2", silu(time))
    adaln = model.linear("adaln_single.linear", silu(time)).reshape(6, config.hidden)
    text = gelu_tanh(model.linear("caption_projection.linear_1", caption.astype(F32)))
    text = model.linear("caption_projection.linear_2", text)
    return Embedded(tokens + spatial_positions(config), adaln, text, time)


def _block(model: Model, block: str, x: Array, adaln: Array, caption: Array | None, trace: dict | None) -> Array:
    """One transformer block on x [B, N, D]; with cross-attention if `caption` [T, D] is given."""
    heads, eps = model.config.heads, model.config.norm_eps
    trace = {} if trace is None else trace
    shift1, scale1, gate1, shift2, scale2, gate2 = model.weights[f"{block}.scale_shift_table"] + adaln
    trace["input"] = x
    trace["norm1"] = layer_norm(x, eps)
    trace["modulated1"] = h = trace["norm1"] * (1 + scale1) + shift1
    for part in "qkv":
        trace[f"attn1.{part}"] = model.linear(f"{block}.attn1.to_{part}", h)
    h = attention(trace["attn1.q"], trace["attn1.k"], trace["attn1.v"], heads, trace, "attn1")
    trace["attn1.context"] = h
    trace["attn1.out"] = model.linear(f"{block}.attn1.to_out.0", h)
    trace["residual1"] = x = x + gate1 * trace["attn1.out"]
    if caption is not None:  # neither norm nor gate here
        trace["attn2.q"] = model.linear(f"{block}.attn2.to_q", x)
        for part in "kv":
            trace[f"attn2.{part}"] = model.linear(f"{block}.attn2.to_{part}", caption[None])
        k, v = (np.broadcast_to(trace[f"attn2.{part}"], (len(x), *caption.shape)) for part in "kv")
        trace["attn2.context"] = attention(trace["attn2.q"], k, v, heads, trace, "attn2")
        trace["attn2.out"] = model.linear(f"{block}.attn2.to_out.0", trace["attn2.context"])
        trace["residual2"] = x = x + trace["attn2.out"]
    trace["norm2"] = layer_norm(x, eps)
    trace["modulated2"] = trace["norm2"] * (1 + scale2) + shift2
    trace["ff.fc1"] = model.linear(f"{block}.ff.net.0.proj", trace["modulated2"])
    trace["ff.act"] = gelu_tanh(trace["ff.fc1"])
    trace["ff.fc2"] = model.linear(f"{block}.ff.net.2", trace["ff.act"])
    trace["output"] = x = x + gate2 * trace["ff.fc2"]
    return x


def spatial_block(
    model: Model, index: int, x: Array, adaln: Array, caption: Array, trace: dict | None = None
) -> Array:
    """Spatial block `index` (with cross-attention): x [F, S, D], adaln [6, D], caption [T, D] -> [F, S, D].

    Trace names: input, norm1, modulated1, attn1.{q,k,v,scores,probs,context,out}, residual1,
    attn2.{q,k,v,scores,probs,context,out}, residual2, norm2, modulated2, ff.{fc1,act,fc2}, output; each [F, S, ...].
    """
    return _block(model, f"transformer_blocks.{index}", x, adaln, caption, trace)


def temporal_block(model: Model, index: int, x: Array, adaln: Array, trace: dict | None = None) -> Array:
    """Temporal block `index`: x [F, S, D], adaln [6, D] -> [F, S, D]; attention runs over F for each position.

    Block 0 first adds the temporal positions.  Trace names as for the spatial block without attn2 and residual2;
    the traced arrays are position-major, [S, F, ...], and `input` includes the temporal positions.
    """
    y = x.transpose(1, 0, 2)
    if index == 0 and model.config.frames > 1:
        y = y + temporal_positions(model.config)
    y = _block(model, f"temporal_transformer_blocks.{index}", np.ascontiguousarray(y), adaln, None, trace)
    return np.ascontiguousarray(y.transpose(1, 0, 2))


def final(model: Model, x: Array, time: Array, trace: dict | None = None) -> Array:
    """Last norm, modulation, projection and unpatchify: x [F, S, D], time [D] -> velocity [F, C, h, w]."""
    trace = {} if trace is None else trace
    shift, scale = model.weights["scale_shift_table"] + time
    trace["norm_out"] = layer_norm(x, 1e-6)  # diffusers fixes this epsilon
    trace["modulated_out"] = trace["norm_out"] * (1 + scale) + shift
    trace["proj_out"] = model.linear("proj_out", trace["modulated_out"])
    return unpatchify(model.config, trace["proj_out"])


def forward(model: Model, latents: Array, timestep: float, caption: Array, blocks: list | None = None) -> Array:
    """Whole denoiser: latents [F, C, h, w], timestep in [0, 1000], caption [T, caption_channels] -> [F, C, h, w].

    `blocks`, if given, is a list that receives (name, input, output) of each block, [F, S, D], names as "spatial.0".
    """
    embedded = embed(model, latents, timestep, caption)
    x = embedded.tokens
    for index in range(model.config.layers):
        y = spatial_block(model, index, x, embedded.adaln, embedded.caption)
        z = temporal_block(model, index, y, embedded.adaln)
        if blocks is not None:
            blocks += [(f"spatial.{index}", x, y), (f"temporal.{index}", y, z)]
        x = z
    return final(model, x, embedded.time)
