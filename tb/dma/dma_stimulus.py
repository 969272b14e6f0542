"""Random transfers for the dma environment.

A plan is a set of LOADs and STOREs that may all be in flight together: no two of them touch the same unit or byte
unless both only read it. Every list of row numbers has entries of mbuf of its own. So the images after the plan, and
every single write on the way, are known in advance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models import dma
from models.isa import Buffer
from tb.dma.dma_lists import Listed

ORIGIN = 0x40_0000_0000
MEMORY_BYTES = 1 << 18
BEAT, PAGE = 32, 4096
WINDOW_BYTES = MEMORY_BYTES + PAGE  # what the model sees: a transfer that is to fail may lead out of the memory
NOISE_UNITS = 32
ENTRIES = 1024  # of mbuf
FREE, READ, WRITTEN = 0, 1, 2

Fields = dict[str, int]


@dataclass(frozen=True)
class Settings:
    """How the surroundings behave: cycles, shares of 256, and the share of commands that come after a gap."""

    latency: int = 1
    jitter: int = 0
    stall_ar: int = 0
    stall_r: int = 0
    stall_aw: int = 0
    stall_w: int = 0
    stall_b: int = 0
    reorder: int = 0
    interleave: int = 0
    noise: int = 0
    gaps: float = 0.0


@dataclass(frozen=True)
class Fault:
    """What stops the units: an error response at one address, a list entry out of bound, or halt_i at some time."""

    kind: str  # a bin of cp_error
    response: int = 0
    address: int = 0
    halt_cycle: int = 0


@dataclass
class Plan:
    """Commands of both units, the mbuf that their lists are in, and their surroundings."""

    name: str
    settings: Settings
    mbuf: np.ndarray
    loads: list[Fields] = field(default_factory=list)
    stores: list[Fields] = field(default_factory=list)
    fault: Fault | None = None


class Planner:
    """Draws commands for buffers of `units` units and bursts of `burst_beats` beats."""

    def __init__(self, rng: np.random.Generator, units: int, burst_beats: int) -> None:
        self.rng, self.units, self.burst_beats = rng, units, burst_beats

    def plan(self, name: str, settings: Settings, loads: int, stores: int, outside: str | None = None) -> Plan:
        """A plan of about so many commands; those that find no room are left out.

        `outside` is the unit ("load" or "store") that gets a command whose first burst ends with the memory and whose
        second lies beyond it.
        """
        self.mbuf = self.rng.integers(0, 1 << 32, ENTRIES, dtype=np.uint32)
        self.entries = np.zeros(ENTRIES, np.uint8)
        plan = Plan(name, settings, self.mbuf)
        self.buffers = {b: np.zeros(self.units, np.uint8) for b in Buffer}
        for state in self.buffers.values():
            state[self.units // 2:self.units // 2 + NOISE_UNITS] = WRITTEN
        self.memory = np.zeros(WINDOW_BYTES // BEAT, np.uint8)
        order = self.rng.permutation(np.array([True] * loads + [False] * stores))
        victim = {"hbm_addr": ORIGIN + MEMORY_BYTES - 64, "rows": 1, "row_units": 12, "hbm_stride": 0, "base": 3,
                  "buffer": int(Buffer.V), "row_step": 0, "unit_step": 1}
        if outside:
            self._claim(victim, outside == "load")
        for i, is_load in enumerate(order):
            if outside and i == len(order) // 3:
                (plan.loads if outside == "load" else plan.stores).append(victim)
            command = self._place(bool(is_load))
            if command is not None:
                (plan.loads if is_load else plan.stores).append(command)
        return plan

    def _shape(self) -> tuple[int, int]:
        """(rows, row_units): from one unit to several bursts."""
        most = 2 * self.burst_beats
        low, high = [(1, 2), (2, 3), (3, 10), (most - 2, most + 4), (most + 1, 5 * most)][self.rng.integers(5)]
        row_units = int(min(self.rng.integers(low, high), self.units // 4))
        rows = int(self.rng.choice([1, 1, 2, 3, 5, 9, 20]))
        return max(1, min(rows, self.units // 6 // row_units)), row_units

    def _place(self, is_load: bool) -> Fields | None:
        """One command on free units and bytes, None if there are none after some attempts."""
        rng = self.rng
        for _ in range(40):
            rows, row_units = self._shape()
            beats = (row_units + 1) // 2
            stride = BEAT * (beats + int(rng.choice([0, 0, 1, 5, PAGE // BEAT])))
            target = Buffer(int(rng.integers(4))) if is_load else Buffer.V
            row_step, unit_step = row_units + int(rng.choice([0, 0, 1, 7])), 1
            if is_load and rng.random() < 0.5:
                row_step, unit_step = 1, rows + int(rng.integers(0, 6))
            listed = Listed.draw(rng, rows, is_load) if rng.random() < 0.4 else None
            span = ((listed.tile_rows if listed else rows) - 1) * stride + beats * BEAT
            if span > MEMORY_BYTES // 2:
                continue
            offset = BEAT * int(rng.integers(0, (MEMORY_BYTES - span) // BEAT))
            if rng.random() < 0.5:  # a row that starts shortly before a page's end
                offset = min(offset | (PAGE - 1), MEMORY_BYTES - span) // BEAT * BEAT - BEAT * int(rng.integers(0, 4))
            fields = {
                "hbm_addr": ORIGIN + max(offset, 0), "rows": rows, "row_units": row_units, "hbm_stride": stride,
                "buffer": int(target), "base": int(rng.integers(self.units)), "row_step": row_step,
                "unit_step": unit_step,
            }
            entries = listed.place(rng, fields, self.mbuf, self.entries) if listed else []
            if entries is not None and self._claim(fields, is_load):
                self.entries[np.asarray(entries, np.int64)] = 1
                return fields
        return None

    def _claim(self, fields: Fields, is_load: bool) -> bool:
        units = dma.unit_addresses(fields, self.units).ravel()
        first = dma.byte_offsets(fields, WINDOW_BYTES, ORIGIN, self.mbuf)[:, None] // BEAT
        beat = (first + np.arange(dma.row_beats(fields))).ravel()
        if len(np.unique(units)) != len(units):
            return False
        state = self.buffers[Buffer(fields["buffer"])]
        target, at, source, of = (state, units, self.memory, beat) if is_load else (self.memory, beat, state, units)
        if (target[at] != FREE).any() or (source[of] == WRITTEN).any():
            return False
        target[at], source[of] = WRITTEN, READ
        return True


def surroundings(rng: np.random.Generator, hard: bool) -> Settings:
    """Random behaviour of memory and neighbours; `hard` is everything at once."""
    def share() -> int:
        return int(rng.choice([0, 40, 128, 220])) if not hard else int(rng.integers(60, 230))
    return Settings(
        latency=int(rng.integers(1, 40)), jitter=int(rng.integers(1, 60)), stall_ar=share(), stall_r=share(),
        stall_aw=share(), stall_w=share(), stall_b=share(), reorder=int(hard or rng.random() < 0.7),
        interleave=int(hard or rng.random() < 0.5), noise=min(share() + 36 * int(hard), 256),
        gaps=float(rng.choice([0.0, 0.3])),
    )
