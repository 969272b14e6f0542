"""Prepare a checkpoint for INT8 linear layers: the same network, with weights and activations that lose less when they are rounded.

    python -m workloads.prepare            # writes build/quality/prepared, a checkpoint directory like any other

`workloads.distil` goes on from here; what it made is `workloads/latte_small_int8`.  What this changes costs the machine nothing, and everything that reads a checkpoint takes the result as it is:

1. *Centres*: INT8 spends its range on what differs from row to row. Behind a LayerNorm the mean of each channel over the search runs is
   taken off the shift (`scale_shift_table`), and what the layer makes of it is added to the bias. Other layers get a tensor `centre`, which
   the operation in front of them takes off (docs/isa.md, `affine` of QUANT and GELU) and the compiler adds to the bias: the mean, or behind
   GELU, which has one sign, about half of a row's usual greatest value.
2. *Smoothing*: layers get a tensor `smooth` of factors by which their inputs are divided before they are rounded, and their weights
   multiplied, so that channels that the layer weighs more are rounded more finely (after SmoothQuant, Xiao et al. 2023; the factors
   minimise the error of the products, `smoothing`). Behind a LayerNorm the modulation divides, else `affine` of QUANT.
3. *Rounding*: weights move to the grid of `compiler.quantise.quantise_columns` by `round_to_inputs`, which knows the layers' inputs.
4. *Bias*: what rounding still does to the mean input is taken off the bias.

The inputs are those of the FP32 network along the dense runs of the search (`calibrate.RUNS`), never those of the study.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from compiler.quantise import round_to_inputs
from workloads import functional, inputs, latte
from workloads.calibrate import BUILD, GUIDANCE, RUNS, STEPS, Bench
from workloads.captions import embed_caption
from workloads.functional import BLOCKS, F32, layers_of

FOLDER = Path(__file__).resolve().parent / "latte_small_int8"  # prepared and distilled
WATCHED = (0, 1, 2, 3, 4, 6, 8, 10, 13, 17, 22, 30, 40)  # steps whose inputs count: dense where errors grow most
RUNS_WATCHED = 3
ROWS = 96  # of a layer's inputs, per evaluation
OWN = ("out", "cross_q", "cross_out", "fc2")  # layers with a centre of their own
SMOOTHED = ("qkv", "out", "cross_q", "cross_out", "fc1")  # GELU and the text's QUANT cannot divide
SMOOTHING_ROUNDS, SMOOTHING_RATE = 300, 3.0
SMOOTHING_ROWS = 2500  # of a layer's inputs
SHIFT = {"qkv": 0, "fc1": 3}  # layers behind a LayerNorm: row of the scale_shift_table that holds their shift


class Watched(functional.Denoiser):
    """The FP32 network that keeps some of the rows entering each linear layer, `rows[block, name]`: list of [n, K]."""

    def __init__(self, model: latte.Model):
        super().__init__(model)
        self.rows, self.rng = {}, np.random.default_rng(0)

    def linear(self, block: str, name: str, x):
        chosen = self.rng.choice(len(x), min(ROWS, len(x)), replace=False)
        self.rows.setdefault((block, name), []).append(x[chosen])
        return super().linear(block, name, x)


def layer_inputs(bench: Bench) -> dict:
    """Rows float32 [n, K] that enter each linear layer, (block, name), along the dense runs of the search."""
    watched, grid = Watched(bench.model), functional.times(STEPS)
    for index, run in enumerate(RUNS[:RUNS_WATCHED]):
        x, velocities = bench.noise(run), bench.dense(index, STEPS)[1]
        for step in range(STEPS):
            if step in WATCHED:
                for caption in (embed_caption(run[0]), bench.null):
                    watched.forward(x, 1000 * float(grid[step]), caption)
            x = x + F32(grid[step + 1] - grid[step]) * velocities[step].reshape(x.shape)
    return {key: np.concatenate(rows) for key, rows in watched.rows.items()}


def middle(x: np.ndarray) -> np.ndarray:
    """The constant [K] that leaves rows x [n, K] the least greatest magnitude, in the mean of its square."""
    high, low = x.max(1), x.min(1)
    choices = np.linspace(low.mean(), high.mean(), 81)
    return np.full(x.shape[1], min(choices, key=lambda c: np.mean(np.maximum(high - c, c - low) ** 2)))


def smoothing(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Factors float32 [K], geometric mean 1, for rows x [n, K] that enter a layer of weight [N, K].

    A row divided by s is rounded with a step that is a constant part of its greatest magnitude, and channel k carries that error with
    s_k^2 |w_k|^2 into the products: the mean square of the greatest magnitudes times sum_k s_k^2 |w_k|^2 goes down by gradient descent on
    log s. It is least where every channel has the same part in both factors.
    """
    x = np.abs(x[:: max(1, len(x) // SMOOTHING_ROWS)])
    strength, log, number = np.square(weight).sum(0), np.zeros(x.shape[1]), np.arange(len(x))
    for rate in np.linspace(SMOOTHING_RATE, 0, SMOOTHING_ROUNDS):
        scaled, cost = x / np.exp(log), strength * np.exp(2 * log)
        top = scaled.argmax(1)
        peaks = np.bincount(top, scaled[number, top] ** 2, len(log))
        log += rate * (peaks / max(peaks.sum(), 1e-30) - cost / max(cost.sum(), 1e-30))
    return np.exp(log - log.mean()).astype(F32)


def prepare(weights: dict, layers: int, rows: dict) -> dict:
    """Float32 tensors of the prepared checkpoint, from those of a checkpoint of so many layers and the rows that enter its layers."""
    out = dict(weights)
    for block in (f"{kind}.{index}" for kind in BLOCKS for index in range(layers)):
        table = out[f"{block}.scale_shift_table"] = weights[f"{block}.scale_shift_table"].copy()
        for name, parts in layers_of(block).items():
            x = rows[block, name].astype(np.float64)
            mean = x.mean(0)
            gram = (x - mean).T @ (x - mean) / len(x)
            centre = mean if name in SHIFT else 0 * mean
            if name in SHIFT:
                table[SHIFT[name]] -= centre
            if name in OWN:
                out[f"{block}.{parts[0]}.centre"] = (middle(x) if name == "fc2" else mean).astype(F32)
            smooth = np.ones(len(mean), F32)
            if name in SMOOTHED:
                smooth = smoothing(x - mean, np.concatenate([weights[f"{block}.{p}.weight"] for p in parts]))
                out[f"{block}.{parts[0]}.smooth"] = smooth
            for part in parts:
                weight = weights[f"{block}.{part}.weight"]
                rounded = round_to_inputs(weight * smooth, gram / np.outer(smooth, smooth)) / smooth
                bias = weights[f"{block}.{part}.bias"] + weight @ centre + (weight - rounded) @ (mean - centre)
                out[f"{block}.{part}.weight"], out[f"{block}.{part}.bias"] = rounded, bias.astype(F32)
    return out


def save(folder: Path, weights: dict, source: Path) -> None:
    """A checkpoint directory: matrices in FP16, close enough to find the same INT8 again, vectors and tables in FP32."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.astype(np.float16 if name.endswith("weight") else F32) for name, value in weights.items()}
    save_file(tensors, str(folder / latte.WEIGHTS_FILE))
    (folder / latte.WEIGHTS_FILE).chmod(0o644)
    shutil.copy(source / "config.json", folder / "config.json")


def prepared(build: Path = BUILD) -> latte.Model:
    """The prepared workload; made, in a few minutes, unless it is in `build`."""
    folder = build / "prepared"
    if not (folder / "config.json").is_file():
        bench = Bench(build, GUIDANCE)
        save(folder, prepare(bench.model.weights, bench.model.config.layers, layer_inputs(bench)), inputs.CHECKPOINT)
    return latte.load(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=BUILD)
    prepared(parser.parse_args().build)


if __name__ == "__main__":
    main()
