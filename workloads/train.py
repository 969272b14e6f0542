"""Train the small Latte video DiT on real clips (needs the packages of requirements-train.txt).

    python -m workloads.train --clips DIR [DIR ...] --steps 6000

Rectified flow: x_t = (1 - t) x + t e with e standard normal; the network sees the timestep 1000 t and predicts the
velocity e - x.  Every step's data, noise and dropout come from generators seeded with (seed, step) alone, so a run
that is resumed from its checkpoint continues with the same stream; `--init` begins a new run from exported weights.  The learning rate is constant after a
short warm-up and falls linearly to zero over the last `--decay-steps`; an exponential moving average of the weights
makes every earlier point usable too.  Part of the steps sees only 4 of the 16 frames (with their own temporal positions): the same
tokens per step then come from four times as many different windows.
"""

import argparse
import csv
import json
import math
import os
import signal
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads slow each other down on a machine that is shared
import torch  # noqa: E402  reads the variable when it starts
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from workloads.captions import CAPTION_CHANNELS, NULL, embed_caption
from workloads.clips import CLIPS, FRAMES, TRAINED, Clip, load_clips
from workloads.codec import CODEC_FILE, Codec

MODEL_CONFIG = dict(
    num_attention_heads=3,
    attention_head_dim=72,
    in_channels=12,
    out_channels=12,
    num_layers=4,
    dropout=0.0,
    cross_attention_dim=216,
    attention_bias=True,
    sample_size=16,
    patch_size=2,
    activation_fn="gelu-approximate",
    num_embeds_ada_norm=1000,
    norm_type="ada_norm_single",
    norm_elementwise_affine=False,
    norm_eps=1e-6,
    caption_channels=CAPTION_CHANNELS,
    video_length=FRAMES,
)
FEW = 4  # frames of a short step
CAPTION_DROPOUT = 0.1
EMA_DECAY = 0.9985


def build_model(seed: int, init: Path | None = None):
    """A diffusers model: exported weights of `init`, or fresh ones: Xavier weights, zero output projection and
    cross-attention output, gates at 0.3."""
    from diffusers import LatteTransformer3DModel

    torch.manual_seed(seed)
    if init is not None:
        return LatteTransformer3DModel.from_pretrained(init, low_cpu_mem_usage=False).float()
    model = LatteTransformer3DModel(**MODEL_CONFIG)
    for name, parameter in model.named_parameters():
        if "attn2.to_out" in name or name.startswith("proj_out"):
            torch.nn.init.zeros_(parameter)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
        elif name.startswith(("adaln_single", "caption_projection")):
            torch.nn.init.normal_(parameter, std=0.02)
        elif "blocks" in name and "table" in name:
            torch.nn.init.normal_(parameter, std=0.02)
            parameter.data[[2, 5]] += 0.3  # open gates: attention and MLP learn from the first step on
        elif parameter.ndim == 2 and "blocks" in name:
            torch.nn.init.xavier_uniform_(parameter)
    return model


def build_optimizers(model, lr: float):
    """Muon for the blocks' weight matrices, AdamW for everything else; both take AdamW-like learning rates."""
    blocks, rest = [], []
    for name, parameter in model.named_parameters():
        inside = "blocks" in name and parameter.ndim == 2 and "scale_shift_table" not in name
        (blocks if inside else rest).append(parameter)
    return [
        torch.optim.Muon(blocks, lr=lr, weight_decay=0.02, ns_steps=4, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def get_codec(clips: list[Clip], seed: int) -> Codec:
    """The committed codec, or one fitted to random windows of the training clips."""
    if CODEC_FILE.is_file():
        return Codec.load()
    rng = np.random.default_rng([seed, 1])
    codec = Codec.fit([clip.window(rng)[0] for clip in clips for _ in range(60)], MODEL_CONFIG["in_channels"])
    codec.save()
    return codec


def make_batch(clips: list[Clip], codec: Codec, seed: int, step: int, windows: int, short_share: float) -> dict:
    """All random data of one step, from (seed, step) alone: `windows` of 16 frames, or 16 / FEW times as many of FEW.

    x, noise [B, C, F, 16, 16]; t [B] in (0, 1); caption [B, 20, 64]; positions [F] temporal positions.
    """
    rng = np.random.default_rng([seed, 2, step])
    short = rng.random() < short_share
    if short:
        stride = rng.integers(1, (FRAMES - 1) // (FEW - 1) + 1)
        positions = rng.integers(0, FRAMES - stride * (FEW - 1)) + stride * np.arange(FEW)
    else:
        positions = np.arange(FRAMES)
    weights = np.array([CLIPS[clip.name].weight for clip in clips])
    count = windows * FRAMES // len(positions)
    latents, captions = [], []
    for _ in range(count):
        video, caption = clips[rng.choice(len(clips), p=weights / weights.sum())].window(rng, positions)
        latents.append(codec.encode(video).transpose(1, 0, 2, 3))
        captions.append(embed_caption(NULL if rng.random() < CAPTION_DROPOUT else caption))
    x = np.stack(latents)
    t = 1 / (1 + np.exp(-rng.normal(0.5 if short else 0.9, 1.1, count)))  # more frames tell more: more noise
    return {
        "x": torch.from_numpy(x),
        "noise": torch.from_numpy(rng.standard_normal(x.shape, np.float32)),
        "t": torch.from_numpy(t.astype(np.float32)),
        "caption": torch.from_numpy(np.stack(captions)),
        "positions": torch.from_numpy(positions),
    }


def flow_loss(model, batch: dict, weight: torch.Tensor) -> torch.Tensor:
    """Velocity error of one batch, channels weighted by `weight` [C] (mean 1); a scalar."""
    t = batch["t"][:, None, None, None, None]
    noisy = (1 - t) * batch["x"] + t * batch["noise"]
    with torch.autocast("cpu", torch.bfloat16):
        velocity = model(noisy, timestep=batch["t"] * 1000, encoder_hidden_states=batch["caption"], return_dict=False)
    error = (velocity[0].float() - (batch["noise"] - batch["x"])).square()
    return (error.mean((0, 2, 3, 4)) * weight).mean()


def learning_rate(step: int, minutes: float, args) -> float:
    """Warm-up, constant, linear decay to zero: over the last steps, or the last minutes of a run limited in time."""
    left = max(0.0, args.steps - step) / args.decay_steps
    if args.minutes:
        left = max(0.0, args.minutes - minutes) / (args.decay_share * args.minutes)
    return args.lr * min(1.0, (step + 1) / args.warmup, left)


def export(ema: dict, config_model, folder: Path) -> None:
    """Write the averaged weights as FP16 safetensors in the diffusers directory layout."""
    state = config_model.state_dict()
    backup = {key: value.clone() for key, value in state.items()}
    config_model.load_state_dict({**state, **ema})
    config_model.half().save_pretrained(folder)
    config_model.float().load_state_dict(backup)
    (folder / "diffusion_pytorch_model.safetensors").chmod(0o644)
    config = json.loads((folder / "config.json").read_text())
    config.pop("_name_or_path", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def save_checkpoint(path: Path, step: int, model, ema: dict, optimizers) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(
        {"step": step, "model": model.state_dict(), "ema": ema, "optimizers": [o.state_dict() for o in optimizers]},
        temporary,
    )
    os.replace(temporary, path)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="folders that hold the source clips")
    parser.add_argument("--build", type=Path, default=Path("build/train"), help="checkpoint, cache and loss.csv")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--decay-steps", type=int, default=1200)
    parser.add_argument("--minutes", type=float, help="end this run after so much time, whatever --steps says")
    parser.add_argument("--decay-share", type=float, default=0.5, help="share of --minutes with falling learning rate")
    parser.add_argument("--windows", type=int, default=6, help="16-frame windows per step, or 4 times as many of 4 frames")
    parser.add_argument("--short-steps", type=int, default=2000, help="until then 70 %% of the steps see 4 frames, later 35 %%")
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=int, default=100)
    parser.add_argument("--compile", action="store_true", help="torch.compile: minutes to start, then faster")
    parser.add_argument("--init", type=Path, help="start from an exported checkpoint directory instead of random weights")
    parser.add_argument("--export", type=Path, help="only write the averaged weights of the checkpoint there")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    checkpoint = args.build / "checkpoint.pt"
    model = build_model(args.seed, args.init)
    optimizers = build_optimizers(model, args.lr)
    ema = {key: value.detach().clone() for key, value in model.named_parameters()}
    step = 0
    if checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        step, ema = saved["step"], saved["ema"]
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        print(f"resumed at step {step} from {checkpoint}", flush=True)
    if args.export:
        if not step:
            raise SystemExit(f"no checkpoint to export: {checkpoint}")
        export(ema, model, args.export)
        print(f"exported step {step} to {args.export}")
        return

    clips = load_clips(TRAINED, args.clips, args.build / "cache")
    codec = get_codec(clips, args.seed)
    weight = torch.from_numpy(np.sqrt(codec.std / codec.std.mean()))  # errors of strong components are what one sees
    weight = weight / weight.mean()
    positions_table = model.temp_pos_embed.clone()
    network = torch.compile(model) if args.compile else model

    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    signal.signal(signal.SIGINT, lambda *_: stop.append(1))
    log_path = args.build / "loss.csv"
    fresh = not log_path.is_file() or step == 0
    columns = (TextColumn("step"), MofNCompleteColumn(), BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with open(log_path, "w" if fresh else "a", newline="") as log, Progress(*columns) as progress:
        writer = csv.writer(log)
        if fresh:
            writer.writerow(["step", "frames", "loss", "lr", "seconds"])
        bar = progress.add_task("", total=args.steps, completed=step)
        smooth = {FEW: math.nan, FRAMES: math.nan}
        begin = time.perf_counter()
        while step < args.steps and not stop:
            start = time.perf_counter()
            if args.minutes and start - begin >= 60 * args.minutes:
                break
            short_share = 0.7 if step < args.short_steps else 0.35
            batch = make_batch(clips, codec, args.seed, step, args.windows, short_share)
            model.temp_pos_embed = positions_table[:, batch["positions"]]
            minutes = (start - begin) / 60
            rate = learning_rate(step, minutes, args)
            loss = flow_loss(network, batch, weight)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            decay = min(EMA_DECAY, (1 + step) / (20 + step))
            with torch.no_grad():
                for key, parameter in model.named_parameters():
                    ema[key].lerp_(parameter, 1 - decay)
            step += 1
            frames, value = len(batch["positions"]), loss.item()
            if not math.isfinite(value):
                raise SystemExit(f"loss is not finite at step {step}")
            smooth[frames] = value if math.isnan(smooth[frames]) else 0.95 * smooth[frames] + 0.05 * value
            seconds = time.perf_counter() - start
            writer.writerow([step, frames, f"{value:.5f}", f"{rate:.3e}", f"{seconds:.3f}"])
            text = f"loss {smooth[FEW]:.3f} (4 frames) {smooth[FRAMES]:.3f} (16 frames), {seconds:.2f} s/step"
            progress.update(bar, completed=step, description=text)
            if step % 50 == 0:
                log.flush()
                if not progress.console.is_terminal:
                    print(f"step {step}: {text}", flush=True)
            if step % args.save_every == 0 or step == args.steps or stop:
                model.temp_pos_embed = positions_table
                save_checkpoint(checkpoint, step, model, ema, optimizers)
    model.temp_pos_embed = positions_table
    save_checkpoint(checkpoint, step, model, ema, optimizers)
    print(f"stopped at step {step}; checkpoint in {checkpoint}")


if __name__ == "__main__":
    try:
        main()
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"error: {error}") from None
