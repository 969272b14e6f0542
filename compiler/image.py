"""Read-only data of a compilation: the weight image, and the weights and parameter vectors in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compiler.memory import HbmMap, Shared
from models.isa import Precision


class Image:
    """Read-only data of the program (weights, parameters), at consecutive addresses; in memory, or appended to a
    file."""

    def __init__(self, hbm: HbmMap, path: Path | None = None) -> None:
        self.hbm = hbm
        self.parts: list[tuple[int, np.ndarray]] = []
        self.file = path.open("wb") if path else None
        self.first: int | None = None
        self.size = 0

    def append(self, name: str, data: np.ndarray) -> int:
        """Place uint8 data; returns its address."""
        region = self.hbm.alloc(name, data.size, "weights")
        if self.first is None:
            self.first = region.base
        if self.file:
            self.file.write(b"\0" * (region.base - self.first - self.file.tell()))
            self.file.write(data.tobytes())
        else:
            self.parts.append((region.base, data))
        self.size = region.base + data.size - self.first
        return region.base

    def close(self) -> None:
        """Finish the file."""
        if self.file:
            self.file.close()


def values_per_unit(precision: Precision) -> int:
    """Values of an operand of the matrix unit in 16 bytes."""
    return 16 if precision == Precision.INT8 else 8


@dataclass
class Vector:
    """Parameter entries in HBM; in a weight set (`resident`), or loaded for every use."""

    address: int
    entries: int
    block: Shared | None = None
    resident: bool = True


@dataclass
class Weight:
    """A linear layer's B operand [N, K] as int8 or float16. `phase` puts its panels into the image: some columns each (address, first
    column, columns), and {scale, bias}. `inputs` is {a, b} for the operation that makes its inputs, if they come as x*a + b."""

    name: str
    matrix: np.ndarray
    groups: int
    precision: Precision
    affine: Vector
    inputs: Vector | None = None
    chunks: list[tuple[int, int, int]] = field(default_factory=list)
    blocks: list[Shared | None] = field(default_factory=list)
    resident: bool = True

    @property
    def n(self) -> int:
        """Columns of the product."""
        return self.matrix.shape[0]

    @property
    def k(self) -> int:
        """Inner dimension."""
        return self.matrix.shape[1]

    @property
    def units(self) -> int:
        """Size of all panels, in units."""
        return self.n * self.groups
