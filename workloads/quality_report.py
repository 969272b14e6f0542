"""Measures and pictures of the quality study: SSIM, flicker, nearest real frames, Pareto figure, masks, contact sheets."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from workloads import metrics
from workloads.clips import TRAINED, load_clips
from workloads.sparsity import BRANCHES

RESULTS = Path(__file__).resolve().parent / "results"
LUMA = np.array([0.299, 0.587, 0.114])


def box(x: np.ndarray, size: int = 7) -> np.ndarray:
    """Means over size x size windows of the last two axes, valid positions only."""
    total = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(1, 0), (1, 0)]).cumsum(-1).cumsum(-2)
    return (total[..., size:, size:] - total[..., :-size, size:] - total[..., size:, :-size] + total[..., :-size, :-size]) / size**2


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity of the luma of two uint8 videos [F, H, W, 3]: 7x7 windows, mean over frames."""
    x, y = a @ LUMA, b @ LUMA
    mx, my = box(x), box(y)
    vx, vy, cov = box(x * x) - mx * mx, box(y * y) - my * my, box(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(((2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean())


def flicker(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of the frame-to-frame changes of two uint8 videos, in grey levels of 255."""
    return float(np.abs(np.diff(a.astype(np.float32), axis=0) - np.diff(b.astype(np.float32), axis=0)).mean())


def real_frames(folders, cache: Path, seed: int = 1) -> np.ndarray:
    """Frames of random windows of the training clips, uint8 [N, 64, 64, 3]."""
    rng = np.random.default_rng([seed, 4])
    clips = load_clips(TRAINED, folders, cache)
    return np.concatenate([clip.window(rng, slice(None, None, 5))[0] for clip in clips for _ in range(150)])


def nearest_real(video: np.ndarray, real: np.ndarray | None) -> float | None:
    """Mean over the frames of the PSNR to the nearest real frame, dB; None without real frames."""
    return None if real is None else float(metrics.nearest_real_psnr(video, real).mean())


def draw_front(rows: list[dict], path: Path) -> None:
    """PSNR over MAC reduction of every 50-step FP32 row and of the controls."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 5))
    kinds = list(dict.fromkeys(row["source"] for row in rows))
    for kind in kinds:
        points = sorted((r["mac_reduction"], r["psnr"]) for r in rows if r["source"] == kind)
        axes.plot(*zip(*points), "o-", label=kind)
    controls = {
        "fewer_steps_psnr": "fewer dense steps (better of Euler, AB2)", "whole_step_psnr": "whole steps skipped, evenly",
        "whole_step_calibrated_psnr": "whole steps skipped, calibrated list",
        "random_psnr": "random mask", "round_robin_psnr": "round robin",
    }
    for (key, label), mark in zip(controls.items(), "xv^+*"):
        points = sorted({(r["mac_reduction"], r[key]) for r in rows if r["source"] == "step (schedule)" and r.get(key) is not None})
        if points:
            axes.plot(*zip(*points), mark + ":", color="grey", label=label, markersize=6)
    axes.axhline(40, color="black", linewidth=0.5)
    axes.axvline(3.17, color="black", linewidth=0.5)
    axes.set(xlabel="MAC reduction over the whole run", ylabel="PSNR to the dense run, dB", xscale="log")
    ticks = [1, 1.25, 1.5, 2, 2.5, 3.17, 4, 5, 6]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_masks(kept: dict, names: list[str], steps: int, path: Path) -> None:
    """Share of rows computed by region (down) and step (across), one panel per branch; `kept` as `Counts.kept`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(11, 5), sharey=True)
    for axes, branch in zip(panels, BRANCHES):
        picture = np.array([[kept.get((step, branch, name), np.nan) for step in range(steps)] for name in names])
        axes.imshow(picture, aspect="auto", vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
        axes.set(title=f"{branch} branch", xlabel="denoising step")
    panels[0].set_yticks(range(len(names)), names, fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def contact_sheet(rows: list[tuple[str, np.ndarray]], path: Path, tile: int = 64) -> None:
    """Rows of (label, video): every second frame side by side, the label above; one palette keeps the file small."""
    shown = range(0, 16, 2)
    sheet = Image.new("RGB", (tile * len(shown), (tile + 14) * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (label, video) in enumerate(rows):
        draw.text((2, index * (tile + 14) + 1), label, fill="black")
        sheet.paste(Image.fromarray(np.concatenate([video[f] for f in shown], 1)), (0, index * (tile + 14) + 13))
    sheet.save(path, optimize=True)
