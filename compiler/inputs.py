"""What the host writes into a program's input regions, and how it reads results.

The adaLN vectors, the caption projection and the positions are FP32 work of the host (workloads/latte.py `embed`
computes them); here they become pbuf images and FP16 rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.checkpoint import Checkpoint
from compiler.layout import of_branch
from compiler.model import STEM, Compiled
from compiler.quantise import Inputs, fp16_rows, pairs


def _put(compiled: Compiled, memory: np.ndarray, address: int, data: np.ndarray) -> None:
    start = address - compiled.hbm.base
    memory[start:start + data.size] = data


def modulation(compiled: Compiled, checkpoint: Checkpoint, adaln: np.ndarray, time: np.ndarray | None) -> np.ndarray:
    """pbuf images of all blocks: per block {1 + scale, shift}, divided by the `smooth` of the layer behind, and {gate, 0}, of attention
    and MLP; last that of the final norm.

    adaln float32 [6, D] (shift, scale, gate, twice), time float32 [D] (needed for the whole denoiser).
    """
    images = []
    for kind, layer in compiled.blocks:
        block = f"{STEM[kind]}.{layer}"
        table = checkpoint.get(f"{block}.scale_shift_table") + adaln
        for (shift, scale, gate), name in ((table[:3], "attn1.to_q"), (table[3:], "ff.net.0.proj")):
            taken = Inputs.of(checkpoint, f"{block}.{name}", compiled.linear)
            images += [pairs(*taken.modulation(1 + scale, shift)), pairs(gate, np.zeros_like(gate))]
    if compiled.whole:
        shift, scale = checkpoint.get("scale_shift_table") + time
        images.append(pairs(1 + scale, shift))
    return np.concatenate(images)


def write_conditions(compiled: Compiled, checkpoint: Checkpoint, memory: np.ndarray, adaln: np.ndarray,
                     captions: Sequence[np.ndarray], time: np.ndarray | None, frames: np.ndarray) -> None:
    """Timestep (adaln, time), captions float32 [T, D] behind their projection, one a branch, temporal positions float32 [F, D]."""
    shape = (compiled.captions, compiled.dims.hidden)
    if [c.shape for c in captions] != [shape] * compiled.branches:
        raise ValueError(f"captions have shapes {[c.shape for c in captions]}, {compiled.branches} of {shape} expected")
    _put(compiled, memory, compiled.inputs["mod"].base, modulation(compiled, checkpoint, adaln, time))
    _put(compiled, memory, compiled.inputs["text"].base, fp16_rows(np.concatenate(captions), compiled.x_stride))
    _put(compiled, memory, compiled.inputs["frames"].base, fp16_rows(frames, compiled.x_stride))


def write_tokens(compiled: Compiled, memory: np.ndarray, tokens: np.ndarray, branch: int = 0) -> None:
    """Tokens [F, S, D] as the input of the first block."""
    rows = np.ascontiguousarray(tokens.transpose(1, 0, 2)).reshape(-1, tokens.shape[-1])
    _put(compiled, memory, compiled.tensors[of_branch("x", branch)][0].region.base, fp16_rows(rows, compiled.x_stride))


def write_patches(compiled: Compiled, memory: np.ndarray, patches: np.ndarray, positions: np.ndarray) -> None:
    """Patch vectors [F, S, C*p*p] and spatial positions [S, D]: the input of the whole denoiser."""
    _put(compiled, memory, compiled.inputs["patches"].base,
         fp16_rows(patches.reshape(-1, patches.shape[-1]), compiled.patch_stride))
    _put(compiled, memory, compiled.inputs["positions"].base, fp16_rows(positions, compiled.x_stride))


def read(compiled: Compiled, memory: np.ndarray, name: str = "x", branch: int = 0) -> np.ndarray:
    """A tensor of a memory image as float16 [F, S, channels]; planes of heads side by side, padding dropped."""
    planes = [t.view(memory, compiled.hbm.base) for t in compiled.tensors[of_branch(name, branch)]]
    rows = np.concatenate(planes, axis=-1).transpose(1, 0, 2)
    d = compiled.dims
    if name == "x":
        return rows[..., :d.hidden]
    if name == "out":
        return rows[..., :d.patch ** 2 * d.out_channels]
    heads = rows.reshape(*rows.shape[:2], d.heads, -1)[..., :d.head_dim]
    return heads.reshape(*rows.shape[:2], d.hidden)
