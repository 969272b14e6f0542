"""Random task tables for tb/top: tasks made of the jobs of tb/top/programs.py, with one outcome in any legal order.

A task is a program of one or two slots, in a random place of its context's slice. It stores into areas of HBM of its own and
loads inputs, or what earlier tasks stored, if its waits order it behind all of them; it takes an area that others have written
or read when it is ordered behind all of these. A WEIGHTS loads a panel and parameters into areas of the shared front part of
bbuf and pbuf, one set behind the other around a ring; the tasks of the set use them unsliced. Some evicted sets come again.

A wait orders a task behind all that have signalled its event so far: it counts all of them, and nobody signals an event on which
somebody waits (but one who waits on it so himself). Other waits, priorities and masks of cores change the order alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from models.config import Config
from models.core import Choice
from models.isa import (INSTRUCTION_BYTES, MAX_CORES, NUM_AREAS, NUM_TASK_WAITS, Buffer, Layout, Opcode, SliceBuffer, TaskKind, decode,
                        encode, encode_task)
from models.scheduler_check import Windows
from models.slices import Slices, sliced
from models.taskq import decode_table, stuck
from tb.top.programs import INPUT, KINDS, SLOTS, Slot
from tb.top.task_slots import (ALL, AREA_BYTES, AREAS, NEED, PROGRAMS, RESULTS, TABLE_BYTES, Area, TaskSlot, Weights,
                               random_slices, table_image)


@dataclass
class Event:
    """Increments that its entries give, and whether somebody counts on them."""

    entries: set[int] = field(default_factory=set)
    count: int = 0
    closed: bool = False


@dataclass(frozen=True)
class Table:
    """A table of `count` entries at `base`, and everything it needs; `entries` without END.

    `ordering[entry]`: the numbers of those of its waits of which each alone orders it behind something that it reads.
    `reloads`: WEIGHTS of an overwritten set; `joins`: waits for several increments.
    """

    image: np.ndarray
    base: int
    count: int
    entries: list[dict[str, int]]
    windows: Windows
    slices: Slices
    ordering: dict[int, set[int]]
    reloads: int
    joins: int

    def without_wait(self, entry: int, wait: int) -> Table:
        """The same table without one wait."""
        image = self.image.copy()
        row = self.image[INSTRUCTION_BYTES * entry:][:INSTRUCTION_BYTES]
        fields, _ = decode_table(row, 1)
        kind = TaskKind(fields[0].pop("kind"))
        image[INSTRUCTION_BYTES * entry:][:INSTRUCTION_BYTES] = encode_task(kind, **(fields[0] | {f"wait{wait}_event": 0}))
        return replace(self, image=image)

    def program(self, entry: int) -> list[dict[str, int]]:
        """The instructions of an entry."""
        f = self.entries[entry]
        raw = self.image[f["base"] - self.base:][:INSTRUCTION_BYTES * f["length"]].reshape(-1, INSTRUCTION_BYTES)
        return [decode(r) for r in raw]

    def writers(self, address: int) -> str:
        """The STOREs that cover an address, as 'entry/index'."""
        out = []
        for entry in range(len(self.entries)):
            for index, f in enumerate(self.program(entry)):
                if f["opcode"] == Opcode.END:
                    break
                if f["opcode"] == Opcode.STORE and f["hbm_addr"] <= address < f["hbm_addr"] + f["hbm_stride"] * f["rows"]:
                    out.append(f"{entry}/{index}")
        return ", ".join(out) or "nobody"


class Generator:
    """One table under way."""

    def __init__(self, rng: np.random.Generator, config: Config, cores: int, base: int, kinds: tuple[str, ...] = KINDS,
                 sets: bool | None = None, tied: float | None = None) -> None:
        self.rng, self.config, self.cores, self.base, self.kinds = rng, config, cores, base, kinds
        self.image = table_image(rng)
        self.with_sets = rng.random() < 0.6 if sets is None else sets
        self.slices = random_slices(rng, config, self.with_sets)
        self.areas = [Area(base + RESULTS + i * AREA_BYTES) for i in range(AREAS)]
        self.entries: list[dict[str, int]] = []
        self.after: list[set[int]] = []  # entries that are over when an entry starts
        self.ordering: dict[int, set[int]] = {}
        self.events: dict[int, Event] = {}
        # Few numbers: the next table meets the counts that this one left, if they are not cleared.
        pool = int(rng.choice([24, 64, 255]))
        self.free_events = [int(e) for e in rng.permutation(np.arange(1, pool + 1))]
        self.cursor = PROGRAMS
        self.tied = float(rng.choice([0.2, 0.7, 1.0])) if tied is None else tied  # share of the entries with waits
        self.masked = float(rng.choice([0, 0.3]))
        self.sets: list[Weights] = []  # all so far
        self.held: list[Weights] = []  # those that no other has overwritten
        self.ring_areas = int(rng.choice([2, 3, 4, NUM_AREAS]))
        self.ring = int(rng.integers(self.ring_areas))
        self.reloads = self.joins = 0

    def r_(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def place_program(self, instructions: list[np.ndarray]) -> tuple[int, int]:
        """(base, length) of a program that is now in the image; some lengths reach behind END."""
        raw = np.concatenate([*instructions, encode(Opcode.END)])
        base = self.base + self.cursor
        if self.cursor + raw.size > RESULTS:
            raise ValueError("the programs do not fit")
        self.image[self.cursor:self.cursor + raw.size] = raw
        self.cursor += raw.size + INSTRUCTION_BYTES * self.r_(0, 2)
        length = len(instructions) + 1
        room = (RESULTS - PROGRAMS) // INSTRUCTION_BYTES - (base - self.base - PROGRAMS) // INSTRUCTION_BYTES
        return base, min(length + (self.r_(1, 40) if self.rng.random() < 0.2 else 0), room)

    def mask(self, runs_everywhere: bool = False) -> int:
        """Cores of an entry, and bits of cores that are not there."""
        every = (1 << self.cores) - 1
        own = every if runs_everywhere or self.rng.random() >= self.masked else self.r_(1, every)
        return own | self.r_(0, (1 << MAX_CORES - self.cores) - 1) << self.cores

    def waits(self) -> tuple[dict[str, int], dict[int, set[int]], set[int]]:
        """(fields; of each wait that orders the entries behind which it does; the events of these waits)."""
        fields, ordered, events = {}, {}, set()
        if self.rng.random() > self.tied or not self.events:
            return fields, ordered, events
        known = [e for e, event in self.events.items() if event.count]
        recent = known[-6:]
        for w in self.rng.permutation(NUM_TASK_WAITS)[:self.r_(1, NUM_TASK_WAITS)]:
            number = int(self.rng.choice(recent if self.rng.random() < 0.7 else known))
            event = self.events[number]
            value, chance = event.count, self.rng.random()
            if chance < 0.1:
                value = self.r_(0, event.count)
            elif chance < 0.15:
                value = self.r_(0x9000, 0xFFFF)  # behind zero: holds at once
            if value == event.count:
                direct = set(event.entries)
                ordered[int(w)] = direct.union(*(self.after[e] for e in direct))
                events.add(number)
                event.closed = True
                self.joins += event.count > 1
            fields |= {f"wait{w}_event": number, f"wait{w}_value": value}
        return fields, ordered, events

    def signals(self, entry: int, runs: int, waited: set[int]) -> dict[str, int]:
        """Events of an entry: new ones, open groups, those that it waits on itself."""
        fields = {}
        for s in self.rng.permutation(2)[:self.r_(0, 4) and self.r_(1, 2)]:
            groups = [e for e, event in self.events.items() if not event.closed or e in waited]
            if groups and self.rng.random() < 0.6 or not self.free_events:
                number = int(self.rng.choice(groups)) if groups else 0
            else:
                number = self.free_events.pop()
            if number:
                event = self.events.setdefault(number, Event())
                event.entries.add(entry)
                event.count += runs
            fields[f"signal{s}"] = number
        return fields

    def add(self, kind: TaskKind, waits: tuple[dict[str, int], dict[int, set[int]], set[int]], mask: int, **fields: int) -> None:
        """Append an entry."""
        entry = len(self.entries)
        runs = bin(mask & (1 << self.cores) - 1).count("1") if kind == TaskKind.WEIGHTS else 1
        f = dict(kind=int(kind), cores=mask, priority=int(self.rng.choice([0, 0, 1, 7, 255])), tag=self.r_(0, 0xFFFF))
        f |= waits[0] | self.signals(entry, runs, waits[2]) | fields
        self.entries.append(f)
        self.after.append(set().union(*waits[1].values()))

    def slots(self, number: int, areas: list[Area], readable: list[Area]) -> list[TaskSlot]:
        """Slots in random places of the slice, each in its own part."""
        names = self.rng.permutation(SLOTS)[:number]
        chain = float(self.rng.choice([0.3, 0.8]))
        out = []
        for i, name in enumerate(names):
            place = []
            for need, size in zip(NEED, self.slices.size):
                part = size // number
                place.append(i * part + self.r_(0, part - need))
            out.append(TaskSlot(int(name), self.rng, self.base, self.config, tuple(place), areas[i], readable, chain))
        return out

    def task(self) -> None:
        """A TASK with jobs, or with none."""
        entry, waits = len(self.entries), self.waits()
        before = set().union(*waits[1].values())
        weights, mask = None, self.mask()
        if self.held and self.rng.random() < 0.8:
            weights = self.held[-1 - self.r_(0, min(2, len(self.held)) - 1)]
        fields = dict(set=weights.number, areas=weights.areas) if weights else dict(areas=self.r_(0, 255))
        number = 2 if all(size >= 2 * need for size, need in zip(self.slices.size, NEED)) and self.rng.random() < 0.5 else 1
        free = [a for a in self.areas if a.writers | a.readers <= before]
        if len(free) < number or self.rng.random() < 0.08:
            base, length = self.place_program([])
            self.add(TaskKind.TASK, waits, mask, base=base, length=length, **fields)
            return
        used = [a for a in free if a.writers]
        picked = [free[i] for i in self.rng.permutation(len(free))]
        if used and self.rng.random() < 0.4:
            again = used[self.r_(0, len(used) - 1)]
            picked = [again] + [a for a in picked if a is not again]
        own = picked[:number]
        readable = [a for a in self.areas if a.writers and a.writers <= before and not any(a is o for o in own)]
        slots, empty = self.slots(number, own, readable), self.rng.random() < 0.12
        for slot in slots:
            for _ in range(self.r_(1, 2)):
                if empty:
                    slot.sparse(empty=True)
                elif weights and self.rng.random() < 0.7:
                    slot.weighted(weights)
                else:
                    getattr(slot, "sparse" if self.rng.random() < 0.25 else str(self.rng.choice(self.kinds)))()
        queues, program = [list(s.out) for s in slots], []
        while any(queues):
            program.append(queues[int(self.rng.choice([i for i, q in enumerate(queues) if q]))].pop(0))
        base, length = self.place_program([self.other_bits(raw) for raw in program])
        for slot in slots:
            for area in slot.read:
                area.readers.add(entry)
                for w, entries in waits[1].items():
                    others = set().union(*(e for v, e in waits[1].items() if v != w))
                    if not area.writers <= others:
                        self.ordering.setdefault(entry, set()).add(w)
            slot.area.writers.add(entry)
            slot.area.stored = slot.area.stored[-2:] + slot.stored
        self.add(TaskKind.TASK, waits, mask, base=base, length=length, **fields)

    def other_bits(self, raw: np.ndarray) -> np.ndarray:
        """Random bits of `slice` for the buffers that an instruction does not address."""
        f = decode(raw)
        used = sum(1 << b for b in set(sliced(f).values()))
        bits = f["slice"] & used | self.r_(0, ALL) & ~used
        raw = raw.copy()
        raw[12] = raw[12] & 0x0F | (bits & 0xF) << 4
        raw[13] = raw[13] & 0xFC | bits >> 4
        return raw

    def weights(self) -> None:
        """A WEIGHTS: a new set on the ring, or one that was overwritten."""
        gone = [w for w in self.sets if w not in self.held]
        waits = self.waits()
        if gone and self.rng.random() < 0.6:
            w = gone[self.r_(0, len(gone) - 1)]
            self.reloads += 1
        else:
            w = self.new_set()
        self.held = [h for h in self.held if not h.areas & w.areas] + [w]
        self.add(TaskKind.WEIGHTS, waits, self.mask(True), base=w.base, length=w.length, set=w.number, areas=w.areas)

    def new_set(self) -> Weights:
        """A set with a number of its own in the next areas of the ring."""
        units, entries = (self.slices.base[b] // self.ring_areas for b in (SliceBuffer.B, SliceBuffer.P))
        while True:
            precision = self.r_(0, 1)
            layout = self.r_(0, 1) if precision else 0
            n, k = self.r_(1, 24), self.r_(1, 48)
            groups = -(-k // (8 if precision else 16))
            b_step = n + self.r_(0, 2) if layout == Layout.NK else -(-n // 8) | 1
            span = (groups - 1) * b_step + n if layout == Layout.NK else (k - 1) * b_step + -(-n // 8)
            wide = -(-n // 8)
            count = max(-(-span // units), -(-wide // entries))
            if count <= min(3, self.ring_areas):
                break
        first = self.ring if self.ring + count <= self.ring_areas else 0
        self.ring = (first + count) % self.ring_areas
        number = 1 + (self.r_(0, 254) if not self.sets else self.sets[-1].number % 255)
        w = Weights(number, sum(1 << first + a for a in range(count)), precision, layout, n, k, first * units, b_step, first * entries)
        slot = Slot(0, self.config, self.rng, self.base)
        slot.stores = int(self.rng.choice([0, 0, 4, 12]))
        delay = self.delay(slot.stores, slot.store_sem)
        slot.load(Buffer.B, w.b_base, 1, span, 0, 1)
        slot.load(Buffer.P, 4 * w.p_base, wide, 4, 4, 1)
        base, length = self.place_program([*delay, *(slot.out[i] for i in self.rng.permutation(2))])
        w = Weights(*(getattr(w, name) for name in ("number", "areas", "precision", "layout", "n", "k", "b_base", "b_step", "p_base")),
                    base, length)
        self.sets.append(w)
        return w

    def delay(self, steps: int, semaphore: int) -> list[np.ndarray]:
        """Loads into the slice, one after the other, that count a semaphore to `steps`: what waits for it comes late, and a task
        that does not wait for a set that is under way meets what lay there before."""
        return [encode(Opcode.LOAD, hbm_addr=self.base + INPUT, rows=4, row_units=32, hbm_stride=512, buffer=Buffer.V, row_step=32,
                       unit_step=1, slice=ALL, signal=semaphore, wait0_sem=semaphore, wait0_val=step) for step in range(steps)]

    def finish(self) -> Table:
        """The table with its END; what lies behind END means nothing."""
        assert not stuck([decode_table(self.encode(f), 1)[0][0] for f in self.entries], self.cores), "the table may stop for ever"
        raw = np.concatenate([*(self.encode(f) for f in self.entries), encode_task(TaskKind.END)])
        self.image[:raw.size] = raw
        windows = Windows((self.base, self.base + RESULTS), (self.base + RESULTS, self.base + TABLE_BYTES))
        return Table(self.image, self.base, len(self.entries) + 1 + self.r_(0, 3), self.entries, windows, self.slices, self.ordering,
                     self.reloads, self.joins)

    @staticmethod
    def encode(f: dict[str, int]) -> np.ndarray:
        """An entry as bytes."""
        return encode_task(TaskKind(f["kind"]), **{k: v for k, v in f.items() if k != "kind"})


def random_table(rng: np.random.Generator, config: Config, cores: int, base: int, entries: int,
                 kinds: tuple[str, ...] = KINDS, sets: bool | None = None, tied: float | None = None) -> Table:
    """A table of `entries` entries and END; `sets`: with weight sets or without (None: either); `tied`: share of the entries with
    waits."""
    g = Generator(rng, config, cores, base, kinds, sets, tied)
    tasks_left = 0
    while len(g.entries) < entries:
        if g.with_sets and tasks_left <= 0 and len(g.entries) + 1 < entries:
            g.weights()
            tasks_left = g.r_(0, 3)
        else:
            g.task()
            tasks_left -= 1
    return g.finish()


def random_choice(rng: np.random.Generator) -> Callable[[list[Choice]], Choice]:
    """A policy for `choose` of models/core.run_tasks: any legal step, or always what a random ranking prefers."""
    if rng.random() < 0.4:
        return lambda choices: choices[int(rng.integers(len(choices)))]
    rank: dict[Choice, float] = {}

    def best(choices: list[Choice]) -> Choice:
        return min(choices, key=lambda c: rank.setdefault(c, rng.random()))
    return best
