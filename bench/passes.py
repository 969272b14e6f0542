"""Passes of FP16 steps by the shape of the array: what limits the utilisation of 96 x 96 x 96 (docs/mpu.md).

    python -m bench.passes

A step of eight k takes (classes of its rows) x (classes of its columns) passes over all lines of a tile at once
(models/dspe.py). A row is aligned in the 27-bit port, a column in the 24-bit one, so columns fall apart more often. Each line
shows one shape with the same number of DSP58 or more: passes per step for operands with a normal distribution, and the
utilisation of 96 x 96 x 96 with these passes and the fill that the RTL has (`FILL`, cycles minus passes in
bench/results/gemm.json).
"""

from __future__ import annotations

import numpy as np

from models.dspe import COL_SLACK, COL_WINDOW, DEPTH, ROW_WINDOW, classes

SIZE, FILL, TRIALS = 96, 42, 40
SHAPES = ((2, 8), (4, 4), (8, 2), (16, 1), (4, 8), (8, 8))  # rows x columns of an FP16 tile


def kinds(lines: np.ndarray, tile: int, *window: int) -> np.ndarray:
    """Classes [tiles, steps] that the lines uint16[SIZE, SIZE] of a tile have in every step."""
    found = classes(lines.reshape(-1, tile, SIZE // DEPTH, DEPTH), *window)
    return np.maximum(1, sum((found == c).any((1, 3)).astype(np.int64) for c in range(3)))


def passes_per_step(rows: int, cols: int, rng: np.random.Generator) -> float:
    """Mean over random products."""
    total = 0
    for _ in range(TRIALS):
        a, b = (rng.normal(size=(SIZE, SIZE)).astype(np.float16).view(np.uint16) for _ in range(2))
        total += int((kinds(a, rows, ROW_WINDOW)[:, None] * kinds(b, cols, COL_WINDOW, COL_SLACK)[None]).sum())
    return total / (TRIALS * (SIZE // rows) * (SIZE // cols) * (SIZE // DEPTH))


def main() -> None:
    """Print the table."""
    print("| rows x columns of a tile | MAC/cycle | passes per step | utilisation of 96 x 96 x 96 |\n|---|---|---|---|")
    for rows, cols in SHAPES:
        passes = passes_per_step(rows, cols, np.random.default_rng(5))
        steps = (SIZE // rows) * (SIZE // cols) * (SIZE // DEPTH)
        print(f"| {rows} x {cols} | {rows * cols * DEPTH} | {passes:.4f} | {steps / (steps * passes + FILL):.2%} |")


if __name__ == "__main__":
    main()
