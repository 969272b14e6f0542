"""Where data lies: regions of HBM, and blocks of the on-chip buffers with what depends on them.

Hazards are found on *tracked* objects: a block of an on-chip buffer, whose accesses are the instructions of one task, or a
tensor in HBM, whose accesses are tasks. An access names a part of the object, a tuple of half-open intervals (or None for
all of it); two accesses conflict when their parts overlap in every dimension and one of them writes. A block that takes
over memory of freed blocks inherits their accesses. Blocks of the shared part of a buffer are not tracked: a weight set is
there before a task that uses it starts, and stays until it is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from compiler.errors import CompileError
from models.config import BEAT_BYTES
from models.isa import SliceBuffer

Part = tuple[tuple[int, int], ...] | None
ADDRESS_LIMIT = 1 << 40
HBM_BYTES = 32 << 30
ROW_ALIGN = 64  # rows start at 64 bytes: two beats, so that a row crosses no more beats than it must


def ceil_div(value: int, divisor: int) -> int:
    """Smallest integer not below value / divisor."""
    return -(-value // divisor)


def round_up(value: int, multiple: int) -> int:
    """Smallest multiple not below value."""
    return ceil_div(value, multiple) * multiple


def panel_step(rows: int) -> int:
    """Units of abuf between the k groups of a panel that SFU writes: even, as INT8 operands must be, and no multiple of four, so that the
    units of a row do not share a bank."""
    return round_up(rows - 2, 4) + 2


def overlap(a: Part, b: Part) -> bool:
    """Whether two parts share an element."""
    return a is None or b is None or all(p[0] < q[1] and q[0] < p[1] for p, q in zip(a, b))


def without(a: Part, b: Part) -> list[Part]:
    """Part `a` without part `b`, as disjoint parts; the whole object (None) cannot be cut."""
    if b is None:
        return []
    if a is None or not overlap(a, b):
        return [a]
    pieces, rest = [], list(a)
    for axis, ((low, high), (b_low, b_high)) in enumerate(zip(a, b)):
        if low < b_low:
            pieces.append((*rest[:axis], (low, b_low), *rest[axis + 1:]))
        if b_high < high:
            pieces.append((*rest[:axis], (b_high, high), *rest[axis + 1:]))
        rest[axis] = (max(low, b_low), min(high, b_high))
    return pieces


class Accesses:
    """Instructions that wrote and read one part since it was last written as a whole, and the parts that overlap it."""

    __slots__ = ("near", "part", "readers", "writers")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.writers: list[int] = []
        self.readers: list[int] = []
        self.near: list[Accesses] = [self]


def _overlapping(part: Part, parts: dict[Part, Accesses]) -> list[Accesses]:
    """The entries of those parts that overlap one: `overlap`, for each of many."""
    if part is None:
        return list(parts.values())
    if len(part) == 1:
        (low, high), = part
        return [e for p, e in parts.items() if p is None or low < p[0][1] and p[0][0] < high]
    (low, high), (left, right) = part
    return [e for p, e in parts.items() if p is None or (low < p[0][1] and p[0][0] < high and left < p[1][1] and p[1][0] < right)]


class Tracked:
    """Memory whose accesses are followed; instructions (or tasks) are numbers in sequential order.

    Parts recur layer after layer, so each distinct one keeps the list of those that overlap it.
    """

    __slots__ = ("inherited", "parts")

    def __init__(self, inherited: frozenset[int] = frozenset()) -> None:
        self.inherited = inherited
        self.parts: dict[Part, Accesses] = {}

    def _part(self, part: Part) -> Accesses:
        entry = self.parts.get(part)
        if entry is None:
            entry = Accesses(part)
            for other in _overlapping(part, self.parts):
                entry.near.append(other)
                other.near.append(entry)
            self.parts[part] = entry
        return entry

    def read(self, part: Part, index: int) -> set[int]:
        """Instruction `index` reads `part`: the instructions that it must follow."""
        entry = self._part(part)
        if not entry.readers or entry.readers[-1] != index:
            entry.readers.append(index)
        deps: set[int] = set()
        for other in entry.near:
            deps.update(other.writers)
        return deps

    def write(self, part: Part, index: int) -> set[int]:
        """Instruction `index` writes `part`: the instructions that it must follow."""
        entry = self._part(part)
        deps = set(self.inherited)
        for other in tuple(entry.near):
            if other.writers or other.readers:
                deps.update(other.writers, other.readers)
                self._cover(other, part)
        entry.writers, entry.readers = [index], []
        deps.discard(index)
        return deps

    def _cover(self, entry: Accesses, part: Part) -> None:
        """Leave of an entry what a write to `part` does not cover: whoever follows the write follows the rest through
        it."""
        pieces = without(entry.part, part)
        if pieces == [entry.part]:
            return
        writers, readers = entry.writers, entry.readers
        entry.writers, entry.readers = [], []
        for piece in pieces:
            rest = self._part(piece)
            rest.writers = rest.writers + writers
            rest.readers = rest.readers + readers

    def accesses(self) -> frozenset[int]:
        """Instructions that a new owner of this memory must follow."""
        used = frozenset().union(*(e.writers for e in self.parts.values()), *(e.readers for e in self.parts.values()))
        return used or self.inherited


class Block(Tracked):
    """`units` consecutive words of one on-chip buffer, from `base`."""

    __slots__ = ("base", "units")

    def __init__(self, base: int, units: int, inherited: frozenset[int]) -> None:
        super().__init__(inherited)
        self.base, self.units = base, units


@dataclass(frozen=True)
class Shared:
    """`units` words of the shared part of a buffer, from `base`."""

    buffer: SliceBuffer
    base: int
    units: int


class Pool:
    """Allocator of one on-chip buffer, or of a task's slice of it.

    Next fit: reuse comes as late as possible, which double-buffers by itself. First fit where space is `tight`: one
    tile at a
    time fits, and gaps must not grow. Blocks start at multiples of `granule`.
    """

    def __init__(self, name: str, size: int, granule: int = 1) -> None:
        self.name, self.size, self.granule = name, size, granule
        self.live: list[Block] = []
        self.ghosts: list[tuple[int, int, frozenset[int]]] = []
        self.cursor = 0
        self.tight = False
        self.peak = 0

    def _gap(self, units: int, start: int) -> int | None:
        position = start
        for block in self.live:
            if block.base + block.units <= position:
                continue
            if block.base >= position + units:
                break
            position = block.base + block.units
        return position if position + units <= self.size else None

    @property
    def available(self) -> int:
        """Words that no block holds."""
        return self.size - sum(b.units for b in self.live)

    def alloc(self, units: int) -> Block:
        """A block; raises CompileError when the buffer has no gap of that size."""
        units = round_up(units, self.granule)
        base = None if self.tight else self._gap(units, self.cursor)
        if base is None:
            base = self._gap(units, 0)
        if base is None:
            raise CompileError(f"{self.name} is too small: {units} words needed, {self.size} in all, "
                               f"{sum(b.units for b in self.live)} in use")
        end, inherited, rest = base + units, set(), []
        for low, high, deps in self.ghosts:
            if high <= base or low >= end:
                rest.append((low, high, deps))
                continue
            inherited |= deps
            if low < base:
                rest.append((low, base, deps))
            if high > end:
                rest.append((end, high, deps))
        self.ghosts = rest
        block = Block(base, units, frozenset(inherited))
        self.live.append(block)
        self.live.sort(key=lambda b: b.base)
        self.cursor = end
        self.peak = max(self.peak, sum(b.units for b in self.live))
        return block

    def free(self, block: Block) -> None:
        """Give the block back; its memory remembers who used it."""
        self.live.remove(block)
        deps = block.accesses()
        if deps:
            self.ghosts.append((block.base, block.base + block.units, deps))


@dataclass(frozen=True)
class Region:
    """A named range of HBM. `kind`: scratch and output are written by the program; input, weights, program are not."""

    name: str
    base: int
    size: int
    kind: str


@dataclass
class HbmMap:
    """Regions one after another from `base`."""

    base: int
    limit: int = HBM_BYTES
    regions: list[Region] = field(default_factory=list)
    end: int = 0

    def __post_init__(self) -> None:
        self.end = self.base

    def alloc(self, name: str, size: int, kind: str) -> Region:
        """The next region; raises CompileError when the memory is full."""
        region = Region(name, self.end, size, kind)
        self.end = round_up(self.end + size, 4096 if kind == "program" else ROW_ALIGN)
        if self.end - self.base > self.limit or self.end > ADDRESS_LIMIT:
            raise CompileError(f"HBM is too small: region {name} of {size} bytes ends {self.end - self.base} bytes "
                               f"from its base, {self.limit} available")
        self.regions.append(region)
        return region

    def window(self, *kinds: str) -> tuple[int, int]:
        """First byte and byte after the last of the regions of these kinds (all kinds if none is named)."""
        chosen = [r for r in self.regions if not kinds or r.kind in kinds]
        if not chosen:
            return self.base, self.base
        return min(r.base for r in chosen), round_up(max(r.base + r.size for r in chosen), BEAT_BYTES)


@dataclass
class Tensor(Tracked):
    """FP16 rows of the tokens in HBM, one row per (position, frame), `order` "pf" (a position's frames are
    neighbours) or "fp".

    `units` is the row length in units of 16 bytes, `stride` its distance in bytes. Parts are ((p0, p1), (f0, f1)).
    """

    region: Region
    positions: int
    frames: int
    units: int
    stride: int
    order: str = "pf"

    def __post_init__(self) -> None:
        Tracked.__init__(self)

    def rows(self, part: Part) -> tuple[int, int, int]:
        """(address of the first row, rows, bytes between rows) of a part that is one arithmetic sequence of rows."""
        (p0, p1), (f0, f1) = part
        np_, nf = p1 - p0, f1 - f0
        sp, sf = (self.frames, 1) if self.order == "pf" else (1, self.positions)
        first = self.region.base + (p0 * sp + f0 * sf) * self.stride
        if nf == 1:
            step = sp
        elif np_ == 1:
            step = sf
        elif self.order == "pf" and nf == self.frames or self.order == "fp" and np_ == self.positions:
            step = 1
        else:
            raise ValueError(f"{self.region.name}: part {part} is not one transfer")
        return first, np_ * nf, step * self.stride

    def runs(self, part: Part, by_frame: bool) -> list[tuple[int, int, int]]:
        """`rows` of a part as transfers. `by_frame`: its rows are wanted frame after frame, each with all of its positions."""
        (p0, p1), (f0, f1) = part
        if not by_frame or f1 - f0 == 1 or self.order == "fp" and p1 - p0 == self.positions:
            return [self.rows(part)]
        return [self.rows(((p0, p1), (f, f + 1))) for f in range(f0, f1)]

    def view(self, memory: np.ndarray, base: int) -> np.ndarray:
        """This tensor inside a memory image that starts at address `base`: float16 [positions, frames, units * 8]."""
        start = self.region.base - base
        flat = memory[start:start + self.positions * self.frames * self.stride].reshape(-1, self.stride)
        rows = flat[:, :self.units * 16].copy().view(np.float16)
        if self.order == "pf":
            return rows.reshape(self.positions, self.frames, -1)
        return rows.reshape(self.frames, self.positions, -1).transpose(1, 0, 2)
