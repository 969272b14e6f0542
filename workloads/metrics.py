"""Quality measures of videos and latents (numpy only)."""

import numpy as np


def psnr(a: np.ndarray, b: np.ndarray, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio of two arrays of one shape, in dB; infinite where they are equal."""
    if a.shape != b.shape:
        raise ValueError(f"psnr needs equal shapes, got {a.shape} and {b.shape}")
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))


def latent_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine between two arrays of one shape, taken as flat vectors; in [-1, 1]."""
    if a.shape != b.shape:
        raise ValueError(f"latent_cosine needs equal shapes, got {a.shape} and {b.shape}")
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    norm = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / norm) if norm else float(np.array_equal(x, y))


def nearest_real_psnr(frames: np.ndarray, real: np.ndarray) -> np.ndarray:
    """For each frame the PSNR to the most similar real frame: uint8 [N, h, w, 3] and [M, h, w, 3] -> dB [N].

    High values mean plausible frames; values far above those between distinct real frames would mean copies.
    """
    if frames.shape[1:] != real.shape[1:]:
        raise ValueError(f"nearest_real_psnr needs equal frame sizes, got {frames.shape[1:]} and {real.shape[1:]}")
    size = np.prod(frames.shape[1:])
    x = frames.reshape(len(frames), -1).astype(np.float64)
    y = real.reshape(len(real), -1).astype(np.float64)
    distance = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    error = np.maximum(distance.min(1), 0) / size
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255.0**2 / error)
