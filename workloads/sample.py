"""Sample videos with the trained model and set them beside real ones.

    python -m workloads.sample --clips DIR [DIR ...] --loss build/train/loss.csv

Euler steps of the rectified flow from t = 1 to 0 with classifier-free guidance, through the numpy forward.  Writes
`results/contact_sheet.png` (per caption a row of real and a row of sampled frames), `results/results.json` and, if a
training log is given, `results/loss.csv` and `results/loss.png`.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from rich.progress import track

from workloads import inputs, latte, metrics
from workloads.captions import NULL, embed_caption
from workloads.clips import CLIPS, TRAINED, Clip, load_clips
from workloads.codec import Codec
from workloads.make_inputs import window

RESULTS = Path(__file__).resolve().parent / "results"
SHOWN = range(0, 16, 2)  # frames on the contact sheet
TILE = 96  # pixels of a frame on the contact sheet


def guided_velocity(model, x, t: float, caption, null, guidance: float):
    """Classifier-free guidance: v = v_null + guidance (v_caption - v_null), [F, C, h, w]."""
    conditional = latte.forward(model, x, 1000 * t, caption)
    if guidance == 1:
        return conditional
    unconditional = latte.forward(model, x, 1000 * t, null)
    return unconditional + np.float32(guidance) * (conditional - unconditional)


def sample(model, caption: np.ndarray, seed: int, steps: int, guidance: float) -> np.ndarray:
    """Latents [F, C, h, w] from noise in `steps` Euler steps; times shifted towards noise (factor 2)."""
    config = model.config
    shape = (config.frames, config.in_channels, config.sample_size, config.sample_size)
    x = np.random.default_rng([seed, 3]).standard_normal(shape, np.float32)
    u = np.linspace(1, 0, steps + 1)
    times = 2 * u / (1 + u)
    null = embed_caption(NULL)
    for now, after in zip(times, times[1:]):
        x = x + np.float32(after - now) * guided_velocity(model, x, float(now), caption, null, guidance)
    return x


def frame_row(video: np.ndarray) -> np.ndarray:
    """Every second frame of a video side by side, enlarged: uint8 [TILE, 8 TILE, 3]."""
    size = (TILE, TILE)
    return np.concatenate([np.asarray(Image.fromarray(video[f]).resize(size, Image.Resampling.BICUBIC)) for f in SHOWN], 1)


def contact_sheet(rows: list[tuple[str, np.ndarray]], path: Path) -> None:
    """Rows of (label, video) under one another, the label above its row."""
    height = TILE + 14
    sheet = Image.new("RGB", (TILE * len(SHOWN), height * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (label, video) in enumerate(rows):
        draw.text((2, index * height + 1), label, fill="black")
        sheet.paste(Image.fromarray(frame_row(video)), (0, index * height + 13))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)


def denoising_table(model, codec: Codec) -> dict:
    """One-step estimates of real clips: velocity error, latent cosine and pixel PSNR of x - t v per clip and time."""
    data, table = inputs.load(), {}
    for clip in data.clips:
        clean = data.latents(clip).astype(np.float32)
        for time in data.times:
            item = data.sample(clip, time)
            noised = item.noised.astype(np.float32)
            velocity = latte.forward(model, noised, item.timestep, item.caption)
            estimate = noised - np.float32(time) * velocity
            target = (noised - clean) / np.float32(time)
            table[f"{clip}/{inputs.time_key(time)}"] = {
                "velocity_mse": round(float(np.mean((velocity - target) ** 2)), 4),
                "latent_cosine": round(metrics.latent_cosine(estimate, clean), 4),
                "psnr_db": round(metrics.psnr(codec.decode(estimate), codec.decode(clean)), 2),
            }
    return table


def plot_loss(log: Path, folder: Path, every: int = 10) -> None:
    """Copy every `every`-th line of the training log and plot the running means of both step kinds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = np.genfromtxt(log, delimiter=",", names=True)
    lines = log.read_text().splitlines()
    (folder / "loss.csv").write_text("\n".join([lines[0], *lines[every::every]]) + "\n")
    figure, axes = plt.subplots(figsize=(7, 4))
    for frames in (4, 16):
        kind = rows[rows["frames"] == frames]
        window = min(50, len(kind))
        mean = np.convolve(kind["loss"], np.ones(window) / window, "valid")
        axes.plot(kind["step"][window - 1 :], mean, label=f"steps with {frames} frames, mean of {window}")
    axes.set(xlabel="step", ylabel="velocity loss, channel-weighted", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(folder / "loss.png", dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="folders that hold the source clips")
    parser.add_argument("--build", type=Path, default=Path("build/train"), help="where the decoded clips are cached")
    parser.add_argument("--checkpoint", type=Path, default=inputs.CHECKPOINT)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--loss", type=Path, help="loss.csv of the training run")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()

    model, codec = latte.load(args.checkpoint), Codec.load()
    clips = {clip.name: clip for clip in load_clips(TRAINED, args.clips, args.build / "cache")}
    rng = np.random.default_rng([args.seed, 4])
    real = {name: np.concatenate([clip.window(rng)[0][::5] for _ in range(400)]) for name, clip in clips.items()}
    captions = [(name, text) for name in TRAINED for text in main_captions(name)]

    rows, entries = [], []
    for name, text in track(captions, description="sampling"):
        genuine = real_window(clips[name], text, rng)
        latents = sample(model, embed_caption(text), args.seed, args.steps, args.guidance)
        video = codec.decode(latents)
        rows += [(f"real: {text}", genuine), (f"sampled: {text}", video)]
        entries.append({
            "caption": text,
            "sampled_to_nearest_real_psnr_db": round(float(metrics.nearest_real_psnr(video, real[name]).mean()), 2),
            "real_to_nearest_real_psnr_db": round(float(metrics.nearest_real_psnr(genuine, real[name]).mean()), 2),
            "sampled_latent_std": round(float(latents.std()), 3),
        })
    contact_sheet(rows, args.results / "contact_sheet.png")
    held_out, _ = window(inputs.HELD_OUT, args.clips, args.build / "cache")
    report = {
        "command": f"python -m workloads.sample --clips DIR --steps {args.steps} --guidance {args.guidance} --seed {args.seed}",
        "codec_psnr_db": {n: round(metrics.psnr(codec.decode(codec.encode(v)), v), 2) for n, v in (real | {inputs.HELD_OUT: held_out}).items()},
        "one_step_denoising": denoising_table(model, codec),
        "held_out_to_nearest_trained_psnr_db": round(
            float(metrics.nearest_real_psnr(held_out, np.concatenate(list(real.values()))).mean()), 2),
        "samples": entries,
    }
    (args.results / "results.json").write_text(json.dumps(report, indent=2) + "\n")
    if args.loss:
        plot_loss(args.loss, args.results)
    print(json.dumps(report, indent=2))


def main_captions(name: str) -> list[str]:
    """The captions of a clip without those of rare stretches (empty scenes, the rabbit's first second)."""
    return list(dict.fromkeys(text for _, text, weight in CLIPS[name].captions if weight >= 1))


def real_window(clip: Clip, text: str, rng: np.random.Generator) -> np.ndarray:
    """A random real window whose caption is `text`."""
    while True:
        video, caption = clip.window(rng)
        if caption == text:
            return video


if __name__ == "__main__":
    try:
        main()
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"error: {error}") from None
