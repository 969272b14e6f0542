"""The source clips: what they show, how they are decoded, and random 64x64 windows cut from them.

The clips are not part of the repository; `ATTRIBUTION.md` names sources and licences.  They are decoded once to a
uint8 cache of `CACHE_HEIGHT` pixel rows.  A window is 16 frames of a square crop; crop size, position, pan, zoom,
mirror, speed and direction are random, so that the model cannot simply memorise 16-frame stretches.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FRAMES = 16
PIXELS = 64
CACHE_HEIGHT = 112

_ROAD = "an empty dark road seen from above"
_ROOM = "an empty white room with a round table and a wooden floor"


@dataclass(frozen=True)
class ClipInfo:
    """One source clip: file name, sampling weight (0 = held out), and captions by first source frame."""

    file: str
    weight: float
    captions: tuple[tuple[int, str, float], ...]  # (first frame, caption, sampling weight of the stretch)


CLIPS: dict[str, ClipInfo] = {
    "car": ClipInfo("car-detection.mp4", 0.30, (
        (0, _ROAD, 0.1),
        (54, "a white car driving on a dark road seen from above", 1.0),
        (108, _ROAD, 0.1),
        (182, "a white car and a red car driving on a dark road seen from above", 1.5),
        (239, _ROAD, 0.1),
        (316, "a white car driving on a dark road seen from above", 1.0),
        (347, _ROAD, 0.1),
    )),
    "person": ClipInfo("one-by-one-person-detection.mp4", 0.40, (
        (0, _ROOM, 0.15),
        (61, "a woman in a grey dress standing in a white room with a wooden floor", 1.0),
        (197, _ROOM, 0.05),
        (228, "a man in black standing in a white room with a wooden floor", 1.0),
        (446, _ROOM, 0.05),
        (503, "a woman with long hair in black standing in a white room with a wooden floor", 1.0),
        (696, _ROOM, 0.05),
        (746, "a man in black standing in a white room with a wooden floor", 1.0),
        (866, _ROOM, 0.05),
        (922, "a woman with dark hair in a pullover standing in a white room with a wooden floor", 1.0),
        (1197, _ROOM, 0.05),
        (1236, "a man in a grey shirt standing in a white room with a wooden floor", 1.0),
        (1359, _ROOM, 0.05),
    )),
    "bunny": ClipInfo("bigbuckbunny.mp4", 0.30, (
        (0, "a big grey rabbit climbing out of a burrow in a green meadow", 0.3),
        (26, "a big grey rabbit stretching in front of a burrow in a green meadow", 1.0),
    )),
    "bottle": ClipInfo("bottle-detection.mp4", 0.0, (
        (0, "plastic water bottles with blue caps standing on a white shelf", 1.0),
    )),
}
HELD_OUT = "bottle"
TRAINED = tuple(name for name, info in CLIPS.items() if info.weight > 0)


def find_clip(name: str, folders: list[Path]) -> Path:
    """Path of a clip's file in one of the folders, or a one-line error that names it."""
    for folder in folders:
        path = Path(folder) / CLIPS[name].file
        if path.is_file():
            return path
    raise FileNotFoundError(f"{CLIPS[name].file} is in none of: {', '.join(str(folder) for folder in folders)}")


def decode(path: Path, height: int = CACHE_HEIGHT) -> np.ndarray:
    """All frames of a video file, downscaled to `height` rows: uint8 [N, height, width, 3]."""
    import av  # only decoding needs it

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        width = round(stream.width * height / stream.height)
        box = Image.Resampling.BOX
        frames = [np.asarray(f.to_image().resize((width, height), box)) for f in container.decode(stream)]
    return np.stack(frames)


def load_clip(name: str, folders: list[Path], cache: Path) -> np.ndarray:
    """A decoded clip, uint8 [N, CACHE_HEIGHT, W, 3], from the cache folder or from its file."""
    stored = Path(cache) / f"{name}.npy"
    if stored.is_file():
        return np.load(stored)
    frames = decode(find_clip(name, folders))
    stored.parent.mkdir(parents=True, exist_ok=True)
    np.save(stored, frames)
    return frames


def caption_at(name: str, frame: int) -> str:
    """The caption of a clip at a source frame number."""
    return [text for first, text, _ in CLIPS[name].captions if first <= frame][-1]


def content_columns(frames: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Where a frame differs from the background: mean column of the difference in pixels, NaN if it does not, [N]."""
    difference = np.abs(frames.astype(np.int16) - background.astype(np.int16)).max(3) > 50
    columns = difference.sum(1).astype(np.float64)
    total = columns.sum(1)
    centre = (columns * np.arange(frames.shape[2])).sum(1) / np.maximum(total, 1)
    return np.where(total > 0.01 * difference[0].size, centre, np.nan)


class Clip:
    """A decoded clip from which random windows are cut."""

    def __init__(self, name: str, frames: np.ndarray):
        self.name = name
        self.frames = frames
        background = np.median(frames[:40:4], axis=0)  # the fixed cameras start on an empty scene
        if name in ("car", "person"):
            self.columns = content_columns(frames, background)
        else:  # the rabbit stands left of the middle throughout
            self.columns = np.full(len(frames), 0.34 * frames.shape[2])
        captions = CLIPS[name].captions
        self.edges = [first for first, _, _ in captions] + [len(frames)]
        weights = np.array([weight for _, _, weight in captions])
        self.stretch_weights = weights / weights.sum()

    def window(self, rng: np.random.Generator, positions=slice(None)) -> tuple[np.ndarray, str]:
        """A random window: uint8 [16, 64, 64, 3] and its caption (that of the middle frame).

        `positions` picks frames of the window, for callers that need only some of the 16.
        """
        stretch = rng.choice(len(self.stretch_weights), p=self.stretch_weights)
        middle = rng.uniform(self.edges[stretch], self.edges[stretch + 1])
        speed = rng.uniform(0.5, 2.5)
        span = speed * (FRAMES - 1)
        start = float(np.clip(middle - span / 2, 0, len(self.frames) - 1 - span))
        index = np.rint(start + speed * np.arange(FRAMES)).astype(int)
        caption = caption_at(self.name, int(index[FRAMES // 2]))
        if self.name == "bunny" and rng.random() < 0.3:
            index = index[::-1]

        _, height, width, _ = self.frames.shape
        size = rng.uniform(0.8, 1.0) * height
        zoom = np.exp(rng.uniform(-0.12, 0.12)) if rng.random() < 0.3 else 1.0
        pan = rng.uniform(-10, 10, 2) if rng.random() < 0.5 else np.zeros(2)
        left, top = rng.uniform(0, width - size), rng.uniform(0, height - size)
        column = self.columns[index[FRAMES // 2]]
        if not np.isnan(column) and rng.random() < 0.9:  # most crops show the thing that the caption names
            left = column - size / 2 + rng.normal(0, 0.1) * size
        crops = self.crop(index, left, top, size, pan, zoom, positions)
        return (crops[:, :, ::-1] if rng.random() < 0.5 else crops), caption

    def crop(self, index, left: float, top: float, size: float, pan=(0.0, 0.0), zoom=1.0, positions=slice(None)):
        """Square crops of the given frames, moving by `pan` pixels and growing by `zoom` over the window,
        kept inside the picture and resized: uint8 [F, 64, 64, 3], F = len(index[positions])."""
        _, height, width, _ = self.frames.shape
        out = []
        for step, frame in zip(np.linspace(-0.5, 0.5, len(index))[positions], index[positions]):
            side = min(size * zoom**step, height)
            x = float(np.clip(left + (size - side) / 2 + pan[0] * step, 0, width - side))
            y = float(np.clip(top + (size - side) / 2 + pan[1] * step, 0, height - side))
            image = Image.fromarray(self.frames[frame])
            box = (x, y, x + side, y + side)
            out.append(np.asarray(image.resize((PIXELS, PIXELS), Image.Resampling.BILINEAR, box=box)))
        return np.stack(out)


def load_clips(names, folders: list[Path], cache: Path) -> list[Clip]:
    """The named clips, decoded."""
    return [Clip(name, load_clip(name, folders, cache)) for name in names]
