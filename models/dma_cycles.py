"""When LOAD and STORE take commands and complete them: the bursts and slots of rtl/dma, without data (models/unit_cycles.py)."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache

from models import dma
from models.buffer_cycles import BANKS, Pipe, Port, mask
from models.config import BEAT_BYTES, Config
from models.isa import Buffer, Opcode

Fields = Mapping[str, int]
Item = tuple

PAGE = 4096


@lru_cache(1 << 16)
def _bursts(offset: int, stride: int, rows: int | tuple[int, ...], beats: int, longest: int) -> tuple[int, ...]:
    out = []
    for row in range(rows) if isinstance(rows, int) else rows:
        at, left = (offset + row * stride) % PAGE, beats
        while left:
            size = min(left, longest, (PAGE - at % PAGE) // BEAT_BYTES)
            out.append(size)
            at, left = at + size * BEAT_BYTES, left - size
    return tuple(out)


@lru_cache(1 << 16)
def _wanted(bursts: tuple[int, ...], base: int, row_step: int, unit_step: int, units: int, banks: int) -> tuple[int, ...]:
    """Banks of every beat of each burst; beats of a row have two units, the last of an odd row one."""
    out, row, unit = [], 0, 0
    for beats in bursts:
        bits = 0
        for beat in range(beats):
            bits |= mask(base + row * row_step + unit * unit_step, banks, min(2, units - unit), unit_step) << banks * beat
            unit += 2
        if unit >= units:
            row, unit = row + 1, 0
        out.append(bits)
    return tuple(out)


def transfer_item(f: Fields, rows: int, listed: Sequence[int], config: Config) -> Item:
    """(beats of every burst, cycles until the first row address is known, buffer, banks of the beats of each burst in vbuf or abuf).
    `listed`: the rows in HBM that a list names; if that is empty they count as consecutive ones."""
    bursts = _bursts(f["hbm_addr"] % PAGE, f["hbm_stride"] % PAGE, tuple(listed) or rows, dma.row_beats(f), config.burst_beats)
    banks, wanted = buffer_banks(f["buffer"], config), (0,) * len(bursts)
    if banks:
        units = f["row_units"] + (f["row_units"] & 1 if f["opcode"] == Opcode.STORE else 0)  # a read is always of a pair
        wanted = _wanted(bursts, f["base"] % banks, f["row_step"] % banks, f["unit_step"] % banks, units, banks)
    return bursts, dma.LIST_CYCLES if f["list"] else 0, f["buffer"], wanted


def buffer_banks(buffer: int, config: Config) -> int:
    """Banks of a buffer that units beside LOAD write or read at its side; 0 of the others."""
    if buffer == Buffer.V:
        return BANKS
    return 1 << (config.abuf_port - 1).bit_length() if buffer == Buffer.A else 0


class _Dma(Pipe):
    """Cut and slots, common to both directions. Of a burst: `cut` leaves the address counter, `issue` enters the AR or AW
    register with a slot, `over` its slot may be used again."""

    STATE = ("free", "cut", "issue", "before", "last", "done", "slots")

    def __init__(self, config: Config, latency: int, *ports: Port) -> None:
        super().__init__(*ports)
        self.latency = latency
        self.slots: tuple[int, ...] = (-1,) * config.axi_slots  # when each may be used, in the order of issue
        self.cut = self.issue = self.before = -1  # last cut; issue of the last burst and of that before it
        self.last = -1  # beat written into the buffer, or read
        self.done = -1

    @abstractmethod
    def burst(self, issue: int, beats: int, buffer: int, wanted: int) -> int:
        """A burst in the AR or AW register at `issue`: when its slot is free again."""

    def play(self, now: int, item: Item) -> tuple[int, int]:
        bursts, wait, buffer, wanted = item
        first, over, slots = now + 1 + wait, now, deque(self.slots)
        for beats, bits in zip(bursts, wanted, strict=True):
            cut = max(self.cut + 1, first, self.before)
            issue = max(cut + 2, self.issue + 1, slots.popleft())
            self.cut, self.before, self.issue = cut, self.issue, issue
            over = self.burst(issue, beats, buffer, bits)
            slots.append(over)
        self.slots = tuple(slots)
        self.free, self.done = self.cut, max(self.done + 1, over)
        return self.done, self.last


class Load(_Dma):
    """Request register 1, memory, register slice and write register 2, books 1. Writes to vbuf go behind those of the mpu and of SFU,
    to abuf behind those of SFU."""

    def burst(self, issue: int, beats: int, buffer: int, wanted: int) -> int:
        at = max(issue + 1 + self.latency + 2, self.last + 1)
        if wanted:
            self.last = self.ports[buffer == Buffer.A].serve(at, wanted, beats)
        else:
            self.last = at + beats - 1
        return self.last + 1


class Store(_Dma):
    """Jobs 1, read of vbuf 2, FIFO 1; the response comes with the memory's latency, books 1. Reads go behind those of SFU."""

    STATE = (*_Dma.STATE, "response")

    def __init__(self, config: Config, latency: int, *ports: Port) -> None:
        super().__init__(config, latency, *ports)
        self.response = -1

    def burst(self, issue: int, beats: int, buffer: int, wanted: int) -> int:
        self.last = self.ports[0].serve(max(issue, self.last) + 1, wanted, beats)
        self.response = max(self.last + 3 + self.latency, self.response + 1)
        return self.response + 1
