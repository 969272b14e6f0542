"""Write `data/inputs.safetensors`: latents of real clips, noised, and the tokens that enter block 0.

    python -m workloads.make_inputs --clips DIR [DIR ...]

Everything comes from real clips; nothing is sampled.  Run again after the weights changed: the tokens depend on them.
"""

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from workloads import latte
from workloads.captions import NULL, embed_caption
from workloads.clips import FRAMES, Clip, caption_at, load_clip
from workloads.codec import Codec
from workloads.inputs import CHECKPOINT, INPUTS_FILE, time_key

TIMES = (0.1, 0.35, 0.65, 0.9)
NOISE_SEED = 7
# One fixed window per clip: first source frame, source frames per step, left, top and size in cache pixels.
WINDOWS = {
    "bottle": (170, 2, 10, 4, 104),
    "car": (190, 2, 56, 0, 112),
}


def window(name: str, folders: list[Path], cache: Path) -> tuple[np.ndarray, str]:
    """The fixed window of a clip: uint8 [16, 64, 64, 3] and its caption."""
    first, speed, left, top, size = WINDOWS[name]
    clip = Clip(name, load_clip(name, folders, cache))
    index = first + speed * np.arange(FRAMES)
    return clip.crop(index, left, top, size), caption_at(name, int(index[FRAMES // 2]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="folders that hold the source clips")
    parser.add_argument("--build", type=Path, default=Path("build/train"), help="where the decoded clips are cached")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--out", type=Path, default=INPUTS_FILE)
    args = parser.parse_args()

    model, codec = latte.load(args.checkpoint), Codec.load()
    tensors = {"times": np.array(TIMES, np.float32), "caption/null": embed_caption(NULL)}
    for number, name in enumerate(WINDOWS):
        video, caption = window(name, args.clips, args.build / "cache")
        latents = codec.encode(video)
        tensors[f"latents/{name}"] = latents.astype(np.float16)
        tensors[f"caption/{name}"] = embed_caption(caption)
        noise = np.random.default_rng([NOISE_SEED, number]).standard_normal(latents.shape, np.float32)
        for time in TIMES:
            key = f"{name}/{time_key(time)}"
            noised = ((1 - np.float32(time)) * latents + np.float32(time) * noise).astype(np.float16)
            tokens = latte.embed(model, noised, 1000 * time, tensors[f"caption/{name}"]).tokens
            tensors[f"noised/{key}"] = noised
            tensors[f"tokens/{key}"] = tokens.reshape(-1, model.config.hidden).astype(np.float16)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, str(args.out))
    print(f"wrote {len(tensors)} tensors, {args.out.stat().st_size} bytes, to {args.out}")


if __name__ == "__main__":
    try:
        main()
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"error: {error}") from None
