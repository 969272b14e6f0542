"""What every phase works on: the branches of the guidance, their tiles, a task for each, and the lines of the table of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import gcd
from typing import TypeVar

from compiler.attention import Planes
from compiler.image import Weight
from compiler.lower import Lowering
from compiler.memory import Part, Tensor, ceil_div, round_up
from compiler.sparsity import Sparse
from models.isa import MAX_LIST_ROWS, Precision

REGION = {"fc1": "mlp", "fc2": "mlp"}  # of a layer, where it has another name
STREAM_TILES = 8  # INT8 tiles of rows in a tile whose weights stream
UNDER_WAY = 4  # tiles, or pieces of them, for which the units of a core should have work
NOMINAL_DENSITY = 0.5  # for the size of sparse tiles, which must be the same in every step of a run: the ages lie by tiles


@dataclass(frozen=True)
class Branch:
    """What a phase works on in one branch of the guidance: tokens, the planes of its attention, the sparse rows of its region."""

    x: Tensor
    planes: Planes | None = None
    sparse: Sparse | None = None

    @property
    def skips(self) -> bool:
        """Whether the program computes no row of the region."""
        return self.sparse is not None and self.sparse.policy.skips


Branches = Sequence[Branch]


def layer_ops(low: Lowering, block: str, name: str, m: int, weight: Weight, k: int, n: int,
              special: str) -> tuple[int, int, int]:
    """Tags (transfer, special, linear) of a linear layer with a row operation in front."""
    return (low.op(name=f"{block}.{name}.transfer", kind="transfer", block=block),
            special_op(low, block, f"{name}.{special}", m, k), linear_op(low, block, name, m, weight, k, n))


def linear_op(low: Lowering, block: str, name: str, m: int, weight: Weight, k: int, n: int) -> int:
    """Tag of the array's part of a linear layer: [m, k] x [k, n]."""
    precision = "fp16" if weight.precision == Precision.FP16 else "int8"
    return low.op(name=f"{block}.{name}", kind="linear", block=block, m=m, n=n, k=k, precision=precision,
                  region=f"{block}.{REGION.get(name, name)}")


def special_op(low: Lowering, block: str, name: str, m: int, n: int) -> int:
    """Tag of a row operation on [m, n]."""
    return low.op(name=f"{block}.{name}", kind="special", block=block, m=m, n=n, precision="fp16")


def rows_of(tile: Part) -> int:
    """Rows of a tile."""
    (p0, p1), (f0, f1) = tile
    return (p1 - p0) * (f1 - f0)


def frame_by_frame(low: Lowering, tile: Part, temporal: bool) -> bool:
    """Whether the rows of a tile lie frame after frame: those of a spatial block, and of tiles that do not hold all frames of their positions."""
    (p0, p1), frames = tile
    return not temporal or p1 - p0 > 1 and frames != (0, low.dims.frames)


def pieces(low: Lowering, branch: Branch, tile: Part, weight: Weight) -> list[Part]:
    """A tile in pieces that its task computes one behind the other, each of some INT8 tiles of the array: while one is multiplied the next
    is loaded and quantised, which a core of few contexts has no other task for. Sparse tiles, and those whose weights stream, stay whole."""
    (p0, p1), (f0, f1) = tile
    step = low.config.int8_rows // gcd(low.config.int8_rows, f1 - f0)  # positions of whole INT8 tiles
    count = min(UNDER_WAY // low.config.contexts, (p1 - p0) // step)
    if branch.sparse or not weight.resident or count < 2:
        return [tile]
    size = round_up(ceil_div(p1 - p0, count), step)
    return [((p, min(p + size, p1)), (f0, f1)) for p in range(p0, p1, size)]


Item = TypeVar("Item")


def tasks(low: Lowering, name: str, tag: int, items: Iterable[Item]) -> Iterator[Item]:
    """The items, each inside a task of its own."""
    for item in items:
        with low.task(name, tag):
            yield item


def most_rows(low: Lowering, *weights: Weight, sparse: Sparse | None = None) -> int:
    """Rows of a tile at most: as many as pay; more when weights stream, so that a tile's products last longer than the stream."""
    if not low.stays(*weights):
        return STREAM_TILES * low.row_step
    return low.best_rows(NOMINAL_DENSITY if sparse else None)


def region_rows(low: Lowering, most: int, sparse: Sparse | None, units: int, groups: int) -> int:
    """Rows of a tile that takes so many words of vbuf and abuf a row; in a sparse region three lists of mbuf too."""
    return low.tile_rows(most, v=units, a=groups, r=1, **({"m": 3} if sparse else {}))


def room(sparse: Sparse | None, x: int, computed: int, out: int) -> int:
    """Units of vbuf that a row of a tile takes at most at a time: x that enters and, one after another, what is computed from
    it and, in a sparse region, cached and gathered inputs, and results of `out` units on their way through ru
    (compiler/select.py)."""
    if sparse is None:
        return x + max(computed, out)
    policy, caches = sparse.policy, sparse.caches
    windows = policy.tiling is not None
    inputs = 1 + (caches.x is not None) * (1 + windows)
    outputs = 2 + (caches.y1 is not None) + 2 * (caches.y2 is not None) + windows
    return 1 + x + max(inputs * x, computed * (1 + (windows and not out)), outputs * out)


def branch_tiles(low: Lowering, region: str, branches: Branches, temporal: bool, weights: tuple[Weight, ...],
                 units: Callable[[Sparse | None], int], groups: int) -> list[tuple[Branch, Part]]:
    """The tiles of all branches of a region. A row takes `units` units of vbuf and `groups` of abuf. Tiles of a sparse region hold whole windows
    and, if they are spatial, whole frames."""
    out = []
    for number, branch in enumerate(branches):
        sparse = branch.sparse
        rows = region_rows(low, most_rows(low, *weights, sparse=sparse), sparse, units(sparse), groups)
        if sparse is None:
            tiles = low.row_tiles(rows, temporal)
        else:
            h, w, t = sparse.policy.tiling or (1, 1, 1)
            tiles = low.sparse_tiles(min(rows, MAX_LIST_ROWS), temporal, h if h > 1 or w > 1 else 0, t)
            low.sparse_rows[number, region] = [rows_of(tile) for tile in tiles]
        out += [(branch, tile) for tile in tiles]
    return out
