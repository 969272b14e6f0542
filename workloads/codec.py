"""The fixed linear codec between 64x64 RGB video and latents (numpy only).

A frame is cut into 4x4-pixel patches (48 values each); the patch is projected on the first C principal components
of the training clips and every component is scaled to unit variance.  Basis and statistics are committed in
`data/codec.safetensors`:

* `mean`   float32 [48]     mean patch, pixel values in [-1, 1], order (row, column, RGB)
* `basis`  float32 [48, C]  orthonormal principal directions, largest variance first
* `std`    float32 [C]      standard deviation of each component over the training patches

The residual that C components leave is the codec's own error, reported by `metrics.py`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

PIXELS = 64
PATCH = 4
DATA = Path(__file__).resolve().parent / "data"
CODEC_FILE = DATA / "codec.safetensors"


def to_patches(video: np.ndarray) -> np.ndarray:
    """uint8 video [F, H, W, 3] -> float32 patches [F, H/4, W/4, 48] in [-1, 1]."""
    frames, height, width, _ = video.shape
    grid = video.reshape(frames, height // PATCH, PATCH, width // PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return grid.reshape(frames, height // PATCH, width // PATCH, -1).astype(np.float32) / 127.5 - 1.0


def from_patches(patches: np.ndarray) -> np.ndarray:
    """float patches [F, h, w, 48] in [-1, 1] -> uint8 video [F, 4h, 4w, 3], clipped and rounded."""
    frames, rows, columns, _ = patches.shape
    grid = patches.reshape(frames, rows, columns, PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    video = grid.reshape(frames, rows * PATCH, columns * PATCH, 3)
    return np.clip(np.rint((video + 1.0) * 127.5), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Codec:
    """The PCA codec; arrays as in the module's description."""

    mean: np.ndarray
    basis: np.ndarray
    std: np.ndarray

    @property
    def channels(self) -> int:
        return self.basis.shape[1]

    @classmethod
    def fit(cls, videos: list[np.ndarray], channels: int) -> "Codec":
        """Fit basis and statistics to uint8 videos, each [F, 64, 64, 3]."""
        patches = np.concatenate([to_patches(video).reshape(-1, PATCH * PATCH * 3) for video in videos])
        mean = patches.mean(0, dtype=np.float64)
        centred = patches - mean
        variance, directions = np.linalg.eigh(centred.T @ centred / len(centred))
        order = np.argsort(variance)[::-1][:channels]
        basis = directions[:, order]
        basis = basis * np.sign(basis[np.abs(basis).argmax(0), np.arange(channels)])  # eigh leaves the sign open
        std = np.sqrt(variance[order])
        return cls(mean.astype(np.float32), np.ascontiguousarray(basis, np.float32), std.astype(np.float32))

    @classmethod
    def load(cls, path: Path = CODEC_FILE) -> "Codec":
        if not Path(path).is_file():
            raise FileNotFoundError(f"codec file not found: {path} (workloads/train.py writes it)")
        tensors = load_file(str(path))
        return cls(tensors["mean"], tensors["basis"], tensors["std"])

    def save(self, path: Path = CODEC_FILE) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        save_file({"mean": self.mean, "basis": self.basis, "std": self.std}, str(path))

    def encode(self, video: np.ndarray) -> np.ndarray:
        """uint8 video [F, 64, 64, 3] -> float32 latents [F, C, 16, 16], about unit variance per channel."""
        latents = (to_patches(video) - self.mean) @ self.basis / self.std
        return np.ascontiguousarray(latents.transpose(0, 3, 1, 2), np.float32)

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Latents [F, C, 16, 16] -> uint8 video [F, 64, 64, 3]."""
        components = latents.transpose(0, 2, 3, 1).astype(np.float32) * self.std
        return from_patches(components @ self.basis.T + self.mean)
