"""Random tiles for an array of DSP-E chains: all FP16 classes, exponents near and far apart, byte extremes, restarts, idles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.dspe import COL_WINDOW, DEPTH, ROW_WINDOW
from models.isa import Precision
from tb.dspe.stimulus import halves

SPREADS = {"near": 0.3, "wide": 0.15, "special": 0.15, "zero": 0.1, "cancelling": 0.1, "edge": 0.15, "columns": 0.05}  # share of the FP16 tiles


@dataclass(frozen=True)
class Tile:
    """Operands of one tile, a uint16[L, K], b uint16[C, K], K a multiple of 8; probability of an idle cycle before a step.

    `reset`: in the middle of the tile the array is reset, so that it never ends.
    """

    precision: Precision
    a: np.ndarray
    b: np.ndarray
    idle: float
    label: str
    reset: bool = False


def line(shape: tuple[int, int], window: int, spread: str, rng: np.random.Generator) -> np.ndarray:
    """FP16 patterns [lines, K] whose exponents lie as `spread` says."""
    sign, man = rng.integers(0, 2, shape) << 15, rng.integers(0, 1024, shape)
    if spread == "near":
        return (sign | rng.integers(14, 19, shape) << 10 | man).astype(np.uint16)
    if spread == "wide":
        return (sign | rng.integers(0, 31, shape) << 10 | man).astype(np.uint16)
    if spread == "edge":  # exponents at both sides of the windows' borders
        top = rng.integers(window + 1, 31, (shape[0], 1))
        below = rng.choice([0, window - 1, window, window + 1, window + 2, min(2 * window - 1, 30), min(2 * window, 30)], shape,
                           p=[0.5, 0.15, 0.1, 0.08, 0.05, 0.06, 0.06])
        man &= -1 << rng.integers(0, 5, shape)  # some end in zeros
        return (sign | np.maximum(top - below, 0) << 10 | man).astype(np.uint16)
    if spread == "cancelling":
        half = halves(np.full((shape[0], shape[1] // 2), 2), rng)
        return np.concatenate([half, half ^ 0x8000], 1).astype(np.uint16)
    if spread == "zero":
        return (sign | rng.integers(0, 31, shape) << 10 | man).astype(np.uint16) * (rng.random(shape) < 0.2).astype(np.uint16)
    return halves(rng.choice(5, shape, p=[0.15, 0.15, 0.6, 0.05, 0.05]), rng)


def fp16_tile(lines: int, cols: int, steps: int, spread: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Operands of an FP16 tile; cancelling: the second half of k repeats the first, A with the other sign; columns: only
    the exponents of B lie far apart."""
    k = DEPTH * steps
    if spread == "cancelling":
        a = line((lines, k), ROW_WINDOW, spread, rng)
        half = halves(np.full((cols, k // 2), 2), rng)
        return a, np.concatenate([half, half], 1).astype(np.uint16)
    far = "wide" if spread == "columns" else spread
    return line((lines, k), ROW_WINDOW, "near" if spread == "columns" else spread, rng), line((cols, k), COL_WINDOW, far, rng)


def int8_tile(lines: int, cols: int, steps: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Bytes, in a third of the tiles extremes only; the high bytes of b are garbage."""
    shape_a, shape_b = (lines, DEPTH * steps), (cols, DEPTH * steps)
    if rng.random() < 0.33:
        one = [0x80, 0x7F, 0x81, 0x00]
        pair = [hi << 8 | lo for hi in one for lo in one]
        return rng.choice(pair, shape_a).astype(np.uint16), rng.choice(pair, shape_b).astype(np.uint16)
    if rng.random() < 0.2:  # all products 2^14: the one sum of eight that needs 19 bits
        return np.full(shape_a, 0x8080, np.uint16), np.full(shape_b, 0x80, np.uint16)
    return rng.integers(0, 1 << 16, shape_a).astype(np.uint16), rng.integers(0, 1 << 16, shape_b).astype(np.uint16)


def tiles(rng: np.random.Generator, count: int, lines: int, cols: int, long: bool) -> list[Tile]:
    """`count` random tiles; with `long`, then INT8 and FP16 sums of K = 8192 of the greatest magnitude."""
    out = []
    for _ in range(count):
        steps, idle = int(rng.choice([1, 2, 3, 9], p=[0.4, 0.25, 0.2, 0.15])), float(rng.choice([0, 0, 0.3]))
        reset = rng.random() < 0.03
        if rng.random() < 0.35:
            out.append(Tile(Precision.INT8, *int8_tile(lines, cols, steps, rng), idle, "int8", reset))
        else:
            spread = str(rng.choice(list(SPREADS), p=list(SPREADS.values())))
            out.append(Tile(Precision.FP16, *fp16_tile(lines, cols, steps, spread, rng), idle, spread, reset))
    if long:
        k = 8192
        out.append(Tile(Precision.INT8, np.full((lines, k), 0x8080, np.uint16), np.full((cols, k), 0x80, np.uint16), 0, "longest"))
        out.append(Tile(Precision.INT8, np.full((lines, k), 0x7F80, np.uint16), np.full((cols, k), 0x7F, np.uint16), 0, "longest"))
        out.append(Tile(Precision.FP16, np.full((lines, k), 0xFBFF, np.uint16), np.full((cols, k), 0x7BFF, np.uint16), 0, "longest"))
    return out
