"""What INT8 costs a checkpoint, on runs of the search.

    python -m workloads.precision workloads/latte_small build/quality/prepared workloads/latte_small_int8

For each checkpoint in W8A8 with FP16 attention, the same without its centres, without its smoothing factors, and with nothing but its weights rounded: PSNR of dense runs
to those of the FP32 network, dB, mean over `EVALUATED` runs of the search; and the relative error of the guided velocity on states of FP32
runs, 10^-3, with captions of the search and seeds that were searched and distilled on (`SEEN`) or never (`NEW`).  A row takes a minute.
"""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from workloads import functional, latte
from workloads.calibrate import BUILD, CAR, EVALUATED, GUIDANCE, MAN, RABBIT, RUNS, SAMPLERS, STEPS, Bench
from workloads.captions import embed_caption

SEEN, NEW = 1, 901  # seeds
EVERY = 10  # of the steps of a run, one counts


def variants(folder: Path) -> dict[str, functional.Denoiser]:
    """The denoisers of a checkpoint, by what is rounded."""
    model = latte.load(folder)
    weights = functional.Denoiser(model, "w8a8")
    weights.integer = False  # its layers hold rounded weights; their inputs stay as they are

    def less(kind: str) -> functional.Denoiser:
        return functional.Denoiser(latte.Model(model.config, {n: v for n, v in model.weights.items() if not n.endswith(kind)}), "w8a8")

    found = {"W8A8": functional.Denoiser(model, "w8a8")}
    for kind, shown in ((".centre", "without centres"), (".smooth", "without smoothing")):
        if any(name.endswith(kind) for name in model.weights):
            found[shown] = less(kind)
    return found | {"weights alone": weights}


def psnr(bench: Bench, denoiser: functional.Denoiser) -> float:
    """Mean over runs of the search, dB."""
    def run(index: int) -> float:
        caption, _ = RUNS[index]
        guided = functional.Guided(denoiser, embed_caption(caption), bench.null, GUIDANCE)
        return bench.psnr(index, STEPS, functional.sampler(SAMPLERS[STEPS])(guided, bench.noise(RUNS[index]), STEPS))

    return float(np.mean([run(index) for index in range(EVALUATED)]))


def states(bench: Bench, seed: int) -> list:
    """(latents, time, caption, guided velocity) of FP32 runs."""
    grid, found = functional.times(STEPS), []
    for run in ((caption, seed) for caption in (CAR, MAN, RABBIT)):
        guided, x = bench.guided(run), bench.noise(run)
        for step, (now, after) in enumerate(zip(grid, grid[1:])):
            velocity = guided(x, float(now))
            if step % EVERY == EVERY // 2:
                found.append((x, float(now), embed_caption(run[0]), velocity))
            x = x + functional.F32(after - now) * velocity
    return found


def error(bench: Bench, denoiser: functional.Denoiser, found: list) -> float:
    """Relative error of the guided velocity on these states, 10^-3."""
    squares = [np.mean((functional.Guided(denoiser, caption, bench.null, GUIDANCE)(x, time) - v) ** 2) / np.mean(v**2)
               for x, time, caption, v in found]
    return 1000 * float(np.mean(squares)) ** 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--build", type=Path, default=BUILD)
    args = parser.parse_args()
    bench = Bench(args.build, GUIDANCE)
    seen, new = states(bench, SEEN), states(bench, NEW)
    table = Table("checkpoint", "rounded", "dB", "error, seen", "error, new")
    for folder in args.checkpoints:
        for name, denoiser in variants(folder).items():
            row = psnr(bench, denoiser), error(bench, denoiser, seen), error(bench, denoiser, new)
            table.add_row(str(folder), name, *(f"{value:.1f}" for value in row))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
