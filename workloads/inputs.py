"""Loader of the committed real-clip inputs (numpy only).

`data/inputs.safetensors` holds latents of real clips, never of sampled ones, noised to several diffusion times, and
the hidden tokens that enter block 0.  Keys, with `{t}` as in "0.35":

* `latents/{clip}`       float16 [16, C, 16, 16]   clean latents x
* `noised/{clip}/{t}`    float16 [16, C, 16, 16]   (1 - t) x + t e, e standard normal with a fixed seed
* `tokens/{clip}/{t}`    float16 [1024, D]         entrance of spatial block 0, frame-major: row = frame * 64 + position
* `caption/{clip}`, `caption/null`  float32 [20, 64]   caption token embeddings, before `caption_projection`
* `times`                float32 [N]               the diffusion times; the network's timestep is 1000 t
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

DATA = Path(__file__).resolve().parent / "data"
INPUTS_FILE = DATA / "inputs.safetensors"
CHECKPOINT = Path(__file__).resolve().parent / "latte_small"
HELD_OUT = "bottle"  # the clip that training never saw


def time_key(time: float) -> str:
    """The `{t}` part of a key: two decimals, trailing zero dropped."""
    text = f"{time:.2f}"
    return text[:-1] if text.endswith("0") else text


@dataclass(frozen=True)
class Sample:
    """One (clip, time): noised latents [F, C, h, w] f16, timestep in [0, 1000], caption [T, 64] f32, tokens [F*S, D] f16."""

    clip: str
    time: float
    timestep: float
    noised: np.ndarray
    caption: np.ndarray
    tokens: np.ndarray


@dataclass(frozen=True)
class Inputs:
    """All committed inputs; `clips` and `times` say what there is, the held-out clip first."""

    tensors: dict[str, np.ndarray]
    clips: tuple[str, ...]
    times: tuple[float, ...]

    def latents(self, clip: str) -> np.ndarray:
        """Clean latents of a clip, float16 [16, C, 16, 16]."""
        return self._get(f"latents/{clip}")

    def caption(self, clip: str | None) -> np.ndarray:
        """Caption embeddings of a clip, or with None the null caption: float32 [20, 64]."""
        return self._get(f"caption/{clip or 'null'}")

    def sample(self, clip: str, time: float, null_caption: bool = False) -> Sample:
        """One noised input.  The tokens do not depend on the caption, so both captions share them."""
        key = f"{clip}/{time_key(time)}"
        noised, tokens = self._get(f"noised/{key}"), self._get(f"tokens/{key}")
        caption = self.caption(None if null_caption else clip)
        return Sample(clip, float(time), 1000.0 * float(time), noised, caption, tokens)

    def _get(self, key: str) -> np.ndarray:
        if key not in self.tensors:
            raise KeyError(f"no {key} in the inputs; clips: {', '.join(self.clips)}; times: {self.times}")
        return self.tensors[key]


def load(path: str | Path = INPUTS_FILE) -> Inputs:
    """Read the inputs file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"inputs file not found: {path} (workloads/make_inputs.py writes it)")
    tensors = load_file(str(path))
    times = tuple(round(float(time), 4) for time in tensors["times"])
    names = [key.split("/")[1] for key in tensors if key.startswith("latents/")]
    clips = sorted(names, key=lambda clip: clip != HELD_OUT)
    return Inputs(tensors, tuple(clips), times)
