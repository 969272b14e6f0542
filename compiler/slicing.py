"""How a program divides the buffers of a core: slices of the contexts, and areas of weight sets.

abuf, vbuf, rbuf and mbuf belong to the contexts alone. bbuf and pbuf have a shared front part of eight equal areas, which
hold *weight sets* (panels and parameters of a phase, loaded once on every core for all of its tasks), and behind it the
slices: keys and values of attention, and weights that stream. The division is chosen for the phases that the program has:
a set that takes at most half of the areas loads behind the phase before, a larger one only after it, and a phase that does
not fit the areas streams its weights through the slice, tile by tile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compiler.checkpoint import Dims
from compiler.errors import CompileError
from compiler.memory import ceil_div
from models.config import Config
from models.isa import NUM_AREAS, SliceBuffer
from models.slices import Slices, buffer_sizes

ALL_AREAS = (1 << NUM_AREAS) - 1
# What a phase and layer of it costs, by how its weights come: behind another phase, at its start, with every tile.
COST = {"preloads": 0.0, "loads": 1.0, "streams": 8.0}


@dataclass(frozen=True)
class Demand:
    """What a phase wants of the shared parts: words of its weights in bbuf and entries of its vectors in pbuf; `least` words of
    the smallest chunk of weights, `vector` entries of the largest vector, that must fit a slice to stream."""

    units: int
    entries: int
    least: int
    vector: int


@dataclass(frozen=True)
class Areas:
    """Words of bbuf and entries of pbuf of one area."""

    units: int
    entries: int

    def needed(self, units: int, entries: int) -> int:
        """Areas that a set takes; more than there are if it does not fit."""
        def count(size: int, area: int) -> int:
            return 0 if not size else ceil_div(size, area) if area else NUM_AREAS + 1
        return max(count(units, self.units), count(entries, self.entries))


def demands(dims: Dims, wide: int, kinds: Iterable[str], whole: bool, per_unit: int = 16, prepared: bool = False) -> list[Demand]:
    """The phases with weights of blocks of these kinds; `wide` are the channels of all heads, padded, `per_unit` weights of the
    linear layers lie in a unit; a `prepared` checkpoint has vectors for the inputs of some."""
    vector, vector_wide, vector_inner = (ceil_div(k, 8) for k in (dims.hidden, wide, 4 * dims.hidden))
    hidden, heads, inner = (ceil_div(k, per_unit) for k in (dims.hidden, wide, 4 * dims.hidden))

    def demand(vectors: int, *layers: tuple[int, int], inputs: int = 0) -> Demand:
        inputs *= prepared
        return Demand(sum(n * groups for n, groups in layers), vectors * vector + inputs + sum(ceil_div(n, 8) for n, _ in layers),
                      max(8 * groups for _, groups in layers), max(vector if vectors else 1, inputs))

    mlp = demand(2, (4 * dims.hidden, hidden), (dims.hidden, inner), inputs=vector_inner)
    out = demand(1, (dims.hidden, heads), inputs=vector_wide)
    each = {"spatial": [demand(0, (2 * wide, hidden)), demand(1, (3 * wide, hidden)), out, demand(0, (wide, hidden), inputs=vector),
                        demand(0, (dims.hidden, heads), inputs=vector_wide), mlp],
            "temporal": [demand(1, (3 * wide, hidden)), out, mlp]}
    patch = dims.patch ** 2
    ends = [demand(0, (dims.hidden, ceil_div(dims.in_channels * patch, 8))),
            demand(1, (patch * dims.out_channels, ceil_div(dims.hidden, 8)))]
    return [d for kind in sorted(set(kinds)) for d in each[kind]] + (ends if whole else [])


def key_units(head_units: int, value_units: int, keys: int, heads: int) -> int:
    """Words of bbuf for K and V of some heads over so many keys."""
    return heads * (head_units * (keys | 1) + value_units * keys)


def _private(config: Config, phases: Sequence[Demand], keys: Sequence[Sequence[int]]) -> int:
    """Words of bbuf of a slice: one of the sizes that attention or streaming asks for, the cheapest."""
    most = config.bbuf // config.contexts
    sizes = {most} | {u + 1 for kind in keys for u in kind} | {2 * p.least + 1 for p in phases}

    def cost(size: int) -> float:
        areas = Areas((config.bbuf - config.contexts * size) // NUM_AREAS, 1)
        total = 0.0
        for phase in phases:
            needed = areas.needed(phase.units, 0)
            if needed > NUM_AREAS and 2 * phase.least >= size:
                return float("inf")
            total += COST["preloads" if 2 * needed <= NUM_AREAS else "loads" if needed <= NUM_AREAS else "streams"]
        for kind in keys:
            fitting = [i for i, u in enumerate(kind) if u < size]
            if not fitting:
                return float("inf")
            total += 0.25 * fitting[0]  # choices of a kind are listed from the best on
        return total

    best = min(sorted(s for s in sizes if s <= most), key=cost, default=0)
    if not best or cost(best) == float("inf"):
        raise CompileError(f"bbuf is too small: {config.bbuf} words of configuration {config.name} for {config.contexts} contexts "
                           "hold neither keys and values of one head nor eight columns of weights")
    return best


def divide(config: Config, phases: Sequence[Demand], keys: Sequence[Sequence[int]]) -> tuple[Slices, Areas]:
    """Slices and areas for these phases; `keys` are the words of bbuf that each kind of attention may choose among."""
    contexts = config.contexts
    units = _private(config, phases, keys)
    areas = Areas((config.bbuf - contexts * units) // NUM_AREAS, max(0, config.pbuf - contexts) // NUM_AREAS)
    entries = 1
    streams = [p.vector for p in phases if areas.needed(0, p.entries) > NUM_AREAS]
    if streams:  # half of pbuf for the slices, or what one vector needs
        entries = min(config.pbuf // contexts, max(config.pbuf // (2 * contexts), *streams))
        areas = Areas(areas.units, (config.pbuf - contexts * entries) // NUM_AREAS)
    shared = {SliceBuffer.B: NUM_AREAS * areas.units, SliceBuffer.P: NUM_AREAS * areas.entries}
    base = tuple(shared.get(b, 0) for b in SliceBuffer)
    size = {SliceBuffer.B: units, SliceBuffer.P: entries}
    return Slices(base, tuple(size.get(b, total // contexts) for b, total in zip(SliceBuffer, buffer_sizes(config)))), areas


class Ring:
    """Which areas the next weight set takes: those whose last set is the oldest, so that neighbouring phases share none."""

    def __init__(self) -> None:
        self.last = [-1] * NUM_AREAS
        self.sets = 0

    def take(self, areas: int) -> int:
        """First of `areas` neighbouring areas, now those of the next set."""
        first = min(range(NUM_AREAS - areas + 1), key=lambda a: (max(self.last[a:a + areas]), a))
        self.last[first:first + areas] = [self.sets] * areas
        self.sets += 1
        return first
