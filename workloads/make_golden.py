"""Write `data/golden.safetensors`: what diffusers itself computes, block by block (needs requirements-train.txt).

    python -m workloads.make_golden            # write the file
    python -m workloads.make_golden --check    # run diffusers again and compare it with the file and with latte.py

Two models are recorded, all float32: the committed checkpoint on the held-out clip at time 0.35 (prefix "small"), and a tiny
random model of other sizes, whose weights are stored beside (prefix "tiny").  A spatial block works on each frame
alone and a temporal block on each position alone, so only some frames and positions are kept for the small model.
Keys: `{prefix}/{spatial|temporal}.{i}.{input|output}` [f, s, D], `{prefix}/velocity` [F, C, h, w],
`{prefix}/{latents|caption|timestep}`, `tiny/weights/{name}`, `small/frames`, `small/positions`, `small/weights_crc`.
"""

import argparse
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from workloads import inputs, latte

GOLDEN_FILE = inputs.DATA / "golden.safetensors"
FRAMES = np.array([0, 7, 15])
POSITIONS = np.array([0, 14, 37, 63])
TIME = 0.35
TINY = dict(
    num_attention_heads=2,
    attention_head_dim=12,
    in_channels=2,
    out_channels=3,
    num_layers=2,
    cross_attention_dim=24,
    attention_bias=True,
    sample_size=128,  # from 128 on diffusers rescales the spatial positions
    patch_size=16,
    activation_fn="gelu-approximate",
    num_embeds_ada_norm=1000,
    norm_type="ada_norm_single",
    norm_elementwise_affine=False,
    norm_eps=1e-6,
    caption_channels=10,
    video_length=2,
)


def run_diffusers(model, latents, timestep: float, caption) -> dict[str, np.ndarray]:
    """Diffusers' forward with hooks: block inputs and outputs as [F, S, D], and the velocity [F, C, h, w]."""
    record = {}

    def hook(name: str, temporal: bool):
        def keep(_, arguments, output):
            for end, tensor in (("input", arguments[0]), ("output", output)):
                array = tensor.numpy()
                record[f"{name}.{end}"] = array.transpose(1, 0, 2) if temporal else array

        return keep

    hooks = []
    for kind, blocks in (("spatial", model.transformer_blocks), ("temporal", model.temporal_transformer_blocks)):
        for index, block in enumerate(blocks):
            hooks.append(block.register_forward_hook(hook(f"{kind}.{index}", kind == "temporal")))
    video = torch.from_numpy(latents.astype(np.float32).transpose(1, 0, 2, 3)[None])
    with torch.no_grad():
        text = torch.from_numpy(caption.astype(np.float32)[None])
        out = model(video, timestep=torch.tensor([timestep]), encoder_hidden_states=text, return_dict=False)[0]
    for handle in hooks:
        handle.remove()
    record["temporal.0.input"] = record["temporal.0.input"] - model.temp_pos_embed.numpy()[0][:, None]
    record["velocity"] = out[0].numpy().transpose(1, 0, 2, 3)
    return record


def weights_crc(folder: Path) -> np.ndarray:
    """CRC-32 of the weights file: ties the golden data to one set of weights."""
    return np.array([zlib.crc32((Path(folder) / latte.WEIGHTS_FILE).read_bytes())], np.int64)


def golden(checkpoint: Path) -> dict[str, np.ndarray]:
    """All tensors of the golden file, from diffusers."""
    from diffusers import LatteTransformer3DModel

    tensors = {"small/frames": FRAMES, "small/positions": POSITIONS, "small/weights_crc": weights_crc(checkpoint)}
    sample = inputs.load().sample(inputs.HELD_OUT, TIME)
    model = LatteTransformer3DModel.from_pretrained(checkpoint, torch_dtype=torch.float32, low_cpu_mem_usage=False).eval()
    for key, array in run_diffusers(model, sample.noised, sample.timestep, sample.caption).items():
        if key.startswith("spatial"):
            array = array[FRAMES]
        elif key.startswith("temporal"):
            array = array[:, POSITIONS]
        tensors[f"small/{key}"] = array

    torch.manual_seed(0)
    model = LatteTransformer3DModel(**TINY).eval()
    rng = np.random.default_rng(0)
    shape = (TINY["video_length"], TINY["in_channels"], TINY["sample_size"], TINY["sample_size"])
    latents = rng.standard_normal(shape, np.float32)
    caption = rng.standard_normal((7, TINY["caption_channels"]), np.float32)
    tensors |= {"tiny/latents": latents, "tiny/caption": caption, "tiny/timestep": np.array([812.0], np.float32)}
    tensors |= {f"tiny/weights/{name}": value.numpy() for name, value in model.state_dict().items()}
    tensors |= {f"tiny/{key}": value for key, value in run_diffusers(model, latents, 812.0, caption).items()}
    return {key: np.ascontiguousarray(value) for key, value in tensors.items()}


def check(tensors: dict[str, np.ndarray], checkpoint: Path, path: Path) -> float:
    """Largest difference, relative to each tensor's largest magnitude, of the file and of latte.py from diffusers."""
    stored = load_file(str(path))
    if set(stored) != set(tensors):
        raise SystemExit(f"{path} holds other tensors than this script writes; write it again")
    worst = max(float(np.abs(stored[key] - tensors[key]).max() / np.abs(tensors[key]).max()) for key in tensors)
    sample = inputs.load().sample(inputs.HELD_OUT, TIME)
    velocity = latte.forward(latte.load(checkpoint), sample.noised, sample.timestep, sample.caption)
    reference = tensors["small/velocity"]
    oracle = float(np.abs(velocity - reference).max() / np.abs(reference).max())
    print(f"largest relative difference: file {worst:.2e}, latte.py velocity {oracle:.2e}")
    return max(worst, oracle)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing; exit status 1 beyond 2e-5")
    parser.add_argument("--checkpoint", type=Path, default=inputs.CHECKPOINT)
    parser.add_argument("--file", type=Path, default=GOLDEN_FILE)
    args = parser.parse_args()
    tensors = golden(args.checkpoint)
    if args.check:
        raise SystemExit(int(check(tensors, args.checkpoint, args.file) > 2e-5))
    save_file(tensors, str(args.file))
    print(f"wrote {len(tensors)} tensors, {args.file.stat().st_size} bytes, to {args.file}")


if __name__ == "__main__":
    try:
        main()
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"error: {error}") from None
