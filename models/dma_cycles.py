"""When LOAD and STORE take commands and complete them: the bursts and slots of rtl/dma, without data (models/unit_cycles.py)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

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


@lru_cache(1 << 16)
def groups(bursts: tuple[int, ...], wanted: tuple[int, ...], banks: int, slots: int) -> tuple[tuple, ...]:
    """As many bursts at a time as there are slots: beats of each, banks of the beats of each, banks of all beats one behind the other."""
    out = []
    for begin in range(0, len(bursts), slots):
        beats, bits = bursts[begin:begin + slots], wanted[begin:begin + slots]
        ends = list(accumulate(beats, initial=0))
        out.append((beats, bits, sum(b << banks * end for b, end in zip(bits, ends))))
    return tuple(out)


def transfer_item(f: Fields, rows: int, listed: Sequence[int], config: Config) -> Item:
    """(groups of bursts as `groups` has them, cycles until the first row address is known, buffer); banks are those of vbuf or abuf.
    `listed`: the rows in HBM that a list names; if that is empty they count as consecutive ones."""
    bursts = _bursts(f["hbm_addr"] % PAGE, f["hbm_stride"] % PAGE, tuple(listed) or rows, dma.row_beats(f), config.burst_beats)
    banks, wanted = buffer_banks(f["buffer"], config), (0,) * len(bursts)
    if banks:
        units = f["row_units"] + (f["row_units"] & 1 if f["opcode"] == Opcode.STORE else 0)  # a read is always of a pair
        wanted = _wanted(bursts, f["base"] % banks, f["row_step"] % banks, f["unit_step"] % banks, units, banks)
    return groups(bursts, wanted, banks, config.axi_slots), dma.LIST_CYCLES if f["list"] else 0, f["buffer"]


def buffer_banks(buffer: int, config: Config) -> int:
    """Banks of a buffer that units beside LOAD write or read at its side; 0 of the others."""
    if buffer == Buffer.V:
        return BANKS
    return 1 << (config.abuf_port - 1).bit_length() if buffer == Buffer.A else 0


class _Dma(Pipe):
    """Cut and slots, common to both directions. Of a burst: `cut` leaves the address counter, `issue` enters the AR or AW
    register with a slot, `over` its slot may be used again."""

    STATE = ("free", "cut", "issue", "before", "last", "done", "slots")

    def __init__(self, config: Config, begin: int, *ports: Port) -> None:
        super().__init__(*ports)
        self.begin = begin  # burst in the AR or AW register -> its first beat is at the buffer
        self.slots: tuple[int, ...] = (-1,) * config.axi_slots  # when each may be used, in the order of issue
        self.cut = self.issue = self.before = -1  # last cut; issue of the last burst and of that before it
        self.last = -1  # beat written into the buffer, or read
        self.done = -1

    @abstractmethod
    def closed(self, ends: list[int]) -> list[int]:
        """When the slots of bursts are free again whose last beats were written into the buffer, or read, in these cycles."""

    def play(self, now: int, item: Item) -> tuple[int, int]:
        groups, wait, buffer = item
        first, over, port = now + 1 + wait, now, self.ports[-1 if buffer == Buffer.A else 0]
        for beats, wanted, together in groups:  # the slots that a group needs were given back by those before it
            begins, slots = [], self.slots
            cut, issue, before = self.cut, self.issue, self.before
            for slot, _ in zip(slots, beats):
                cut = max(cut + 1, first, before)
                before, issue = issue, max(cut + 2, issue + 1, slot)
                begins.append(issue + self.begin)
            self.cut, self.issue, self.before = cut, issue, before
            overs = self.closed(self._served(port, begins, beats, wanted, together))
            self.slots, over = (*slots[len(beats):], *overs), overs[-1]
        self.free, self.done = self.cut, max(self.done + 1, over)
        return self.done, self.last

    def _served(self, port: Port, begins: list[int], beats: tuple[int, ...], wanted: tuple[int, ...], together: int) -> list[int]:
        """The last cycles at the port of bursts that may begin there in such cycles: at once if no beat waits, else one by one."""
        at = last = max(begins[0], self.last + 1)
        ends = []
        for begin, number in zip(begins, beats, strict=True):
            if begin > last:
                break
            last += number
            ends.append(last - 1)
        if len(ends) == len(beats) and not (together and port.busy(at, last - at) & together):
            self.last = last - 1
            port.add(at, together)
            return ends
        ends.clear()
        for begin, number, bits in zip(begins, beats, wanted, strict=True):
            at = max(begin, self.last + 1)
            self.last = port.serve(at, bits, number) if bits else at + number - 1
            ends.append(self.last)
        return ends


class Load(_Dma):
    """Request register 1, memory, register slice and write register 2, books 1. Writes to vbuf go behind those of the mpu and of SFU,
    to abuf behind those of SFU."""

    def __init__(self, config: Config, latency: int, *ports: Port) -> None:
        super().__init__(config, 1 + latency + 2, *ports)

    def closed(self, ends: list[int]) -> list[int]:
        return [end + 1 for end in ends]


class Store(_Dma):
    """Jobs 1, read of vbuf 2, FIFO 1; the response comes with the memory's latency, books 1. Reads go behind those of SFU."""

    STATE = (*_Dma.STATE, "response")

    def __init__(self, config: Config, latency: int, *ports: Port) -> None:
        super().__init__(config, 1, *ports)
        self.latency, self.response = latency, -1

    def closed(self, ends: list[int]) -> list[int]:
        out = []
        for end in ends:
            self.response = max(end + 3 + self.latency, self.response + 1)
            out.append(self.response + 1)
        return out
