"""Random accumulations for one DSP-E: operands of every FP16 class, byte extremes, restarts, idles, very long sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.isa import Precision

CLASSES = ("zero", "subnormal", "normal", "inf", "nan")
LONG = 2**14  # FP16 K at which products of the largest magnitude still fit the accumulator


@dataclass(frozen=True)
class Accumulation:
    """Steps of one sum: operands uint16[k, 3] (a, b0, b1), probability of an idle cycle before a step, and whether the sum ends
    with `last` or is cut off by the next accumulation's `first`."""

    precision: Precision
    operands: np.ndarray
    idle: float
    last: bool
    label: str = "short"


def classify(bits: np.ndarray) -> np.ndarray:
    """Index into CLASSES of FP16 bit patterns."""
    exp, man = bits >> 10 & 31, bits & 1023
    return np.where(exp == 31, np.where(man == 0, 3, 4), np.where(exp == 0, np.where(man == 0, 0, 1), 2))


def halves(kind: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random FP16 patterns of the classes `kind` (indices into CLASSES)."""
    shape = kind.shape
    sign = rng.integers(0, 2, shape) << 15
    man = rng.integers(1, 1024, shape)
    normal = rng.integers(1, 31, shape) << 10 | rng.integers(0, 1024, shape)
    return (sign | np.choose(kind, [0 * man, man, normal, 0 * man + 0x7C00, man | 0x7C00])).astype(np.uint16)


def fp16(k: int, special: float, rng: np.random.Generator) -> np.ndarray:
    """Operands: mostly normal and subnormal; a share `special` of infinities and NaN."""
    kind = rng.choice(len(CLASSES), (k, 3), p=[0.1, 0.2, 0.7 - special, special / 2, special / 2])
    return halves(kind, rng)


def int8(k: int, rng: np.random.Generator) -> np.ndarray:
    """Operands: random bytes, a quarter of them extremes; the unused high bytes of b are garbage."""
    bits = rng.integers(0, 1 << 16, (k, 3))
    extreme = rng.choice([0x8080, 0x7F7F, 0x807F, 0x0080, 0xFF81], (k, 3))
    return np.where(rng.random((k, 3)) < 0.25, extreme, bits).astype(np.uint16)


def accumulations(rng: np.random.Generator, count: int, long: bool) -> list[Accumulation]:
    """`count` random sums in random order of modes, then, if `long`, the longest FP16 sums of either sign and a long INT8 one."""
    out = []
    for _ in range(count):
        k = int(rng.choice([1, 2, 3, 8, 16, 40], p=[0.3, 0.15, 0.15, 0.15, 0.15, 0.1]))
        idle, last = float(rng.choice([0, 0, 0.3])), rng.random() < 0.85
        if rng.random() < 0.4:
            out.append(Accumulation(Precision.INT8, int8(k, rng), idle, last))
        else:
            out.append(Accumulation(Precision.FP16, fp16(k, float(rng.choice([0, 0.02, 0.3])), rng), idle, last))
    if long:
        for label, a, b0, b1 in (("fp16_longest_positive", 0x7BFF, 0x7BFF, 0x7BFF), ("fp16_longest_negative", 0xFBFF, 0x7BFF, 0x7BFE)):
            out.append(Accumulation(Precision.FP16, np.tile(np.array([a, b0, b1], np.uint16), (LONG, 1)), 0, True, label))
        out.append(Accumulation(Precision.INT8, np.tile(np.array([0x8080, 0x80, 0x7F], np.uint16), (LONG, 1)), 0, True, "int8_long"))
    return out
