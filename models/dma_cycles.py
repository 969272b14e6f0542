"""When LOAD and STORE take commands and complete them: the bursts and slots of rtl/dma, without data (models/unit_cycles.py)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from functools import lru_cache

from models import dma
from models.config import BEAT_BYTES, Config
from models.vbuf_cycles import BANKS, Reads, taken

Fields = Mapping[str, int]
Item = tuple

PAGE = 4096
EXACT_BURSTS = 64  # of one transfer; the rest go at the rate that the slots, the beats and the memory sustain
EXACT_BEATS = 8  # of a burst of STORE beside SFU; the rest go on as the last of them did


@lru_cache(1 << 16)
def _bursts(offset: int, stride: int, rows: int, beats: int, longest: int) -> tuple[int, ...]:
    out = []
    for _ in range(rows):
        at, left = offset, beats
        while left:
            size = min(left, longest, (PAGE - at % PAGE) // BEAT_BYTES)
            out.append(size)
            at, left = at + size * BEAT_BYTES, left - size
        offset = (offset + stride) % PAGE
    return tuple(out)


def transfer_item(f: Fields, rows: int, config: Config) -> Item:
    """(beats of every burst, cycles until the first row address is known, bank of vbuf where each burst begins). The rows of a list,
    which the program does not know, count as consecutive ones."""
    bursts = _bursts(f["hbm_addr"] % PAGE, f["hbm_stride"] % PAGE, rows, dma.row_beats(f), config.burst_beats)
    banks = _burst_banks(bursts, dma.row_beats(f), f["base"] % BANKS, f["row_step"] % BANKS)
    return bursts, dma.LIST_CYCLES if f["list"] else 0, banks


@lru_cache(1 << 16)
def _burst_banks(bursts: tuple[int, ...], row: int, base: int, step: int) -> tuple[int, ...]:
    out, beats = [], 0
    for size in bursts:
        out.append((base + beats // row * step + 2 * (beats % row)) % BANKS)
        beats += size
    return tuple(out)


class _Dma(ABC):
    """Cut and slots, common to both directions. Of a burst: `cut` leaves the address counter, `issue` enters the AR or AW
    register with a slot, `over` its slot may be used again."""

    def __init__(self, config: Config, latency: int) -> None:
        self.latency = latency
        self.slots: deque[int] = deque([-1] * config.axi_slots)  # when each may be used, in the order of issue
        self.cut = self.issue = self.before = -1  # last cut; issue of the last burst and of that before it
        self.data = -1  # last beat
        self.done = -1

    @abstractmethod
    def burst(self, issue: int, beats: int, bank: int) -> int:
        """A burst in the AR or AW register at `issue`, in vbuf from `bank` on: when its slot is free again."""

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        bursts, wait, banks = item
        first, over, extra = now + 1 + wait, now, 0
        if len(bursts) > EXACT_BURSTS:
            rest = bursts[EXACT_BURSTS:]
            extra = sum(max(b, 1, -(-(b + self.latency + 4) // len(self.slots))) for b in rest)
            bursts = bursts[:EXACT_BURSTS]
        for beats, bank in zip(bursts, banks, strict=False):
            cut = max(self.cut + 1, first, self.before)
            issue = max(cut + 2, self.issue + 1, self.slots.popleft())
            self.cut, self.before, self.issue = cut, self.issue, issue
            over = self.burst(issue, beats, bank)
            self.slots.append(over)
        if extra:
            self.cut, self.before, self.issue, self.data = (t + extra for t in (self.cut, self.before, self.issue, self.data))
            self.slots = deque(t + extra for t in self.slots)
            over += extra
        self.done = max(self.done + 1, over)
        return self.cut, self.done


class Load(_Dma):
    """Request register 1, memory, register slice and write register 2, books 1."""

    def burst(self, issue: int, beats: int, bank: int) -> int:
        self.data = max(issue + 1 + self.latency, self.data + 1) + beats - 1
        return self.data + 3


class Store(_Dma):
    """Jobs 1, read of vbuf 2, FIFO 1; the response comes with the memory's latency, books 1. Reads are behind those of SFU."""

    def __init__(self, config: Config, latency: int) -> None:
        super().__init__(config, latency)
        self.response = self.read = -1
        self.reads: deque[Reads] = deque()  # of SFU
        self.newest: Reads | None = None  # of those that are reckoned with
        self.under_way: deque[list] = deque()  # command, done, state before it

    def burst(self, issue: int, beats: int, bank: int) -> int:
        at = max(issue, self.read) + 1
        near = [r for r in self.reads if r[1] >= at and r[0] < at + 2 * beats]
        if near:
            for beat in range(min(beats, EXACT_BEATS)):
                before = at
                while taken(near, at, bank + 2 * beat):
                    at += 1
                at += 1
            self.read = at - 1 + max(0, beats - EXACT_BEATS) * (at - before)
        else:
            self.read = at + beats - 1
        self.data = self.read + 3
        self.response = max(self.data + self.latency, self.response + 1)
        return self.response + 1

    def _state(self) -> tuple:
        return (self.cut, self.before, self.issue, self.data, self.done, self.response, self.read), deque(self.slots)

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        self._again()
        self.under_way.append([now, item, self._state(), 0])
        free, self.under_way[-1][3] = super().accept(now, item)
        return free, self.done

    def _again(self) -> None:
        """What is under way goes on otherwise, if SFU reads more than was known."""
        if not self.reads or self.reads[-1] is self.newest:
            return
        self.newest = self.reads[-1]
        if self.under_way:
            (self.cut, self.before, self.issue, self.data, self.done, self.response, self.read), slots = self.under_way[0][2]
            self.slots = deque(slots)
        for command in self.under_way:
            command[2] = self._state()
            command[3] = super().accept(command[0], command[1])[1]

    def revise(self, now: int) -> int:
        """The oldest command was to be done `now`; when it is, as far as is known by now."""
        self._again()
        if self.under_way[0][3] <= now:
            self.under_way.popleft()
            return now
        return self.under_way[0][3]
