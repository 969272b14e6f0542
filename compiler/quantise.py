"""Weights and parameters as the on-chip buffers hold them (docs/architecture.md, Units of storage)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.checkpoint import Checkpoint
from compiler.memory import ceil_div
from models.isa import Precision

BLOCK = 32  # columns of `round_to_inputs` between two updates of those behind


def quantise_columns(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 [N, K] -> (int8 [N, K], float32 scale [N]): symmetric per output channel, weight ~ scale * int8.

    A channel of zeros has scale 0.
    """
    top = np.maximum(weight.max(axis=1), -weight.min(axis=1))
    scale = (top / np.float32(127)).astype(np.float32)
    inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale > 0)
    work = weight * inverse[:, None]
    np.rint(work, out=work)
    np.clip(work, -127, 127, out=work)
    return work.astype(np.int8), scale


@dataclass(frozen=True)
class Inputs:
    """How INT8 takes the inputs of a layer: (x - centre) / smooth, float32 [K], from a checkpoint that may lack either."""

    centre: np.ndarray | None
    smooth: np.ndarray | None

    @staticmethod
    def of(checkpoint: Checkpoint, layer: str, precision: Precision) -> Inputs:
        """Those of a layer; FP16 takes its inputs as they are."""
        if precision != Precision.INT8:
            return Inputs(None, None)
        return Inputs(checkpoint.find(f"{layer}.centre"), checkpoint.find(f"{layer}.smooth"))

    def layer(self, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 weight [N, K] and bias [N] that make it good, the bias with the weight as `quantise_columns` rounds it."""
        if self.smooth is not None:
            weight = weight * self.smooth
        if self.centre is not None:
            grid, scale = quantise_columns(weight)
            centre = self.centre if self.smooth is None else self.centre / self.smooth
            bias = (bias + scale * (grid.astype(np.float64) @ centre)).astype(np.float32)
        return weight, bias

    def affine(self) -> tuple[np.ndarray, np.ndarray] | None:
        """float32 a, b [K] of x*a + b; None if the inputs are taken as they are."""
        if self.centre is None and self.smooth is None:
            return None
        one = np.ones_like(self.centre if self.smooth is None else self.smooth)
        a = one if self.smooth is None else one / self.smooth
        return a, 0 * one if self.centre is None else -self.centre * a

    def modulation(self, scale: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 a, b [K] of x*a + b behind a LayerNorm, from the modulation's 1 + scale and shift."""
        return (scale, shift) if self.smooth is None else (scale / self.smooth, shift / self.smooth)


def round_to_inputs(weight: np.ndarray, gram: np.ndarray, damping: float = 0.01) -> np.ndarray:
    """float32 [N, K] on the grid of `quantise_columns`, rounded so that products with the layer's inputs change least.

    `gram` [K, K] is the mean of x^T x over rows x that enter the layer. Column by column, the one with the strongest input first, what
    rounding does to the products is made good by the columns that are still to come (GPTQ, the Cholesky form). The greatest weight of a
    channel stays as it is, so the grid does: `quantise_columns` finds the same integers and the same scale again.
    """
    n, k = weight.shape
    scale = np.abs(weight).max(axis=1).astype(np.float64) / 127
    scale[scale == 0] = 1
    order = np.argsort(-np.diag(gram), kind="stable")
    square = gram[np.ix_(order, order)].astype(np.float64)
    square[np.diag_indices(k)] += damping * np.diag(square).mean()
    factor = np.linalg.cholesky(np.linalg.inv(square)).T
    rest = weight[:, order] / scale[:, None]
    top = np.abs(rest).argmax(axis=1)
    fixed = np.rint(rest[np.arange(n), top])
    out = np.empty((n, k))
    for first in range(0, k, BLOCK):
        last = min(first + BLOCK, k)
        errors = np.empty((n, last - first))
        for i in range(first, last):
            rounded = np.where(top == i, fixed, np.clip(np.rint(rest[:, i]), -127, 127))
            errors[:, i - first] = (rest[:, i] - rounded) / factor[i, i]
            rest[:, i:last] -= np.outer(errors[:, i - first], factor[i, i:last])
            out[:, order[i]] = rounded
        rest[:, last:] -= errors @ factor[first:last, last:]
    return (out * scale[:, None]).astype(np.float32)


def panel(matrix: np.ndarray) -> np.ndarray:
    """[N, K] int8 or float16 -> uint8 NK panel: unit (n, g) at g * N + n, K padded with zeros to whole units."""
    per_unit = 16 // matrix.itemsize
    n, k = matrix.shape
    groups = ceil_div(k, per_unit)
    if groups * per_unit != k:
        padded = np.zeros((n, groups * per_unit), matrix.dtype)
        padded[:, :k] = matrix
        matrix = padded
    return np.ascontiguousarray(matrix.reshape(n, groups, per_unit).transpose(1, 0, 2)).view(np.uint8).reshape(-1)


def pairs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Per-channel {a, b} float32 [C] each -> uint8 image of pbuf entries, channels padded with zeros to a multiple of
    8."""
    entries = ceil_div(len(a), 8)
    image = np.zeros((entries * 8, 2), np.float32)
    image[:len(a), 0], image[:len(b), 1] = a, b
    return image.reshape(-1).view(np.uint8)


def pad_heads(weight: np.ndarray, heads: int, head_dim: int, padded: int, axis: int) -> np.ndarray:
    """Spread one axis of `heads * head_dim` so that every head takes `padded` places, zeros behind."""
    if head_dim == padded:
        return weight
    moved = np.moveaxis(weight, axis, 0)
    out = np.zeros((heads, padded) + moved.shape[1:], weight.dtype)
    out[:, :head_dim] = moved.reshape((heads, head_dim) + moved.shape[1:])
    return np.moveaxis(out.reshape((heads * padded,) + moved.shape[1:]), 0, axis)


def fp16_rows(values: np.ndarray, stride: int) -> np.ndarray:
    """[R, C] -> uint8 image of FP16 rows, one every `stride` bytes, zeros behind."""
    rows = np.zeros((len(values), stride), np.uint8)
    rows[:, :2 * values.shape[1]] = np.ascontiguousarray(values.astype(np.float16)).view(np.uint8)
    return rows.reshape(-1)
