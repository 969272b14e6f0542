"""When a unit takes commands and completes them: the pipelines of rtl/dma, rtl/mpu, rtl/sfu, rtl/su and rtl/ru, without data.

`item` turns an instruction into the numbers that its time depends on; `Load(...)`, `Store(...)` ... are one unit of one core:
`accept(cycle, item)` is told that a command is taken in `cycle` and returns (the first cycle in which the unit takes another
one, the cycle of its `done_o`). What the constants count stands beside them; they follow from the registers of the RTL. The memory
answers `latency` cycles after the request is accepted, one beat a cycle and port, as tb/common/axi_memory does without jitter
and stalls. Of the ports of vbuf, reads of STORE and RU give way to SFU; other refusals are not modelled.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from functools import lru_cache

from models import dma, mpu, ru, sfu, su
from models.config import BEAT_BYTES, Config
from models.isa import Opcode, Precision, SfuOp, Unit

Fields = Mapping[str, int]
Item = tuple

PAGE = 4096
EXACT_BURSTS = 64  # of one transfer; the rest go at the rate that the slots, the beats and the memory sustain


# ------------------------------------------------------------------------------------------------------------------- transfers

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
    """(beats of every burst, cycles until the first row address is known). The rows of a list, which the program does not know,
    count as consecutive ones."""
    bursts = _bursts(f["hbm_addr"] % PAGE, f["hbm_stride"] % PAGE, rows, dma.row_beats(f), config.burst_beats)
    return bursts, dma.LIST_CYCLES if f["list"] else 0


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
    def burst(self, issue: int, beats: int) -> int:
        """A burst in the AR or AW register at `issue`: when its slot is free again."""

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        bursts, wait = item
        first, over, extra = now + 1 + wait, now, 0
        if len(bursts) > EXACT_BURSTS:
            rest = bursts[EXACT_BURSTS:]
            extra = sum(max(b, 1, -(-(b + self.latency + 4) // len(self.slots))) for b in rest)
            bursts = bursts[:EXACT_BURSTS]
        for beats in bursts:
            cut = max(self.cut + 1, first, self.before)
            issue = max(cut + 2, self.issue + 1, self.slots.popleft())
            self.cut, self.before, self.issue = cut, self.issue, issue
            over = self.burst(issue, beats)
            self.slots.append(over)
        if extra:
            self.cut, self.before, self.issue, self.data = (t + extra for t in (self.cut, self.before, self.issue, self.data))
            self.slots = deque(t + extra for t in self.slots)
            over += extra
        self.done = max(self.done + 1, over)
        return self.cut, self.done


class Load(_Dma):
    """Request register 1, memory, register slice and write register 2, books 1."""

    def burst(self, issue: int, beats: int) -> int:
        self.data = max(issue + 1 + self.latency, self.data + 1) + beats - 1
        return self.data + 3


def _behind(reading: deque[tuple[int, int]], first: int, last: int, pairs: int) -> int:
    """When reads of `pairs` pairs of units of vbuf end that would take from `first` to `last`, if SFU did not read FP16 rows at a higher
    priority meanwhile, a pair every second cycle: they follow behind it in the banks, and go no faster."""
    slower = 2 * pairs / (last - first + 1)
    if slower <= 1:
        return last
    for begin, end in reading:
        begin = max(begin, first)
        if begin <= last and end >= begin:
            last += int(min((last - begin + 1) * (slower - 1), (end - begin + 1) * (1 - 1 / slower)))
    return last


class Store(_Dma):
    """Jobs 1, read of vbuf 2, FIFO 1; the response comes with the memory's latency, books 1. Reads are behind those of SFU."""

    def __init__(self, config: Config, latency: int) -> None:
        super().__init__(config, latency)
        self.response = -1
        self.reading: deque[tuple[int, int]] = deque()  # of SFU
        self.under_way: deque[list[int]] = deque()  # first beat, last beat, done, cycles by which it is late, beats

    def burst(self, issue: int, beats: int) -> int:
        self.data = max(issue + 4, self.data + 1) + beats - 1
        self.response = max(self.data + self.latency, self.response + 1)
        return self.response + 1

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        first = max(now + 7 + item[1], self.data + 1)
        done = super().accept(now, item)[1]
        self.under_way.append([first, self.data, done, 0, sum(item[0])])
        self._stretch(len(self.under_way) - 1)
        return self.cut, self.done

    def _stretch(self, index: int) -> int:
        """When a command under way is done, as far as is known; those behind it are later, too."""
        first, last, done, late, beats = self.under_way[index]
        more = _behind(self.reading, first, last, beats) - last - late
        if more > 0:
            self.under_way[index][3] += more
            for other in list(self.under_way)[index + 1:]:
                other[:3] = (t + more for t in other[:3])
            self.cut, self.before, self.issue, self.data, self.response, self.done = (
                t + more for t in (self.cut, self.before, self.issue, self.data, self.response, self.done))
            self.slots = deque(t + more for t in self.slots)
        return done + self.under_way[index][3]

    def revise(self, now: int) -> int:
        """The oldest command was to be done `now`; when it is, as far as is known by now."""
        done = self._stretch(0)
        if done > now:
            return done
        self.under_way.popleft()
        return now


# ----------------------------------------------------------------------------------------------------------------- matrix unit

def gemm_item(f: Fields, m: int, passes: int, config: Config) -> Item:
    """(steps, cycles of the array, rows of the last tile, rows of a whole tile). `passes`: of an FP16 product, -1: one a step."""
    tile = config.int8_rows if f["precision"] == Precision.INT8 else config.fp16_rows
    f = {**f, "m": m}
    steps = mpu.steps(f, config)
    busy = mpu.ideal_cycles(f, config)
    if f["precision"] == Precision.FP16 and passes > 0:
        busy = max(busy, passes)
    return steps, busy, (m - 1) % tile + 1, min(m, tile)


class Mpu:
    """Two commands wait, one is walked, up to eight steps ahead of the array."""

    WALK = 2  # taken -> first step is chosen
    FEED = 4  # chosen -> in the array
    DRAIN = 35  # last step in the array -> done, without the rows of the tile
    AHEAD = 11  # steps chosen before the one that enters the array

    def __init__(self, config: Config, latency: int) -> None:
        self.walk = self.array = self.done = -1  # ends of the last command's
        self.began: deque[int] = deque([-1, -1], 2)  # when the last two commands left the queue

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        steps, busy, last_rows, _ = item
        begin = max(now + self.WALK, self.walk + 1)
        first = max(begin + self.FEED, self.array + 1)
        self.array = first + busy - 1
        self.walk = max(begin + steps - 1, self.array - self.AHEAD)
        self.done = max(self.done + 1, self.array + self.DRAIN + last_rows)
        self.began.append(begin)
        return max(now + 1, self.began[0] + 1), self.done


# ------------------------------------------------------------------------------------------------------- special functions

MAX, MEAN, RSTD, INV, RESULT = 9, 32, 64, 46, 64  # docs/sfu.md: last slot of a row -> first slot, or store's, that may use the scalar
TO_STORE = 28  # slot -> head of the store
TO_PORT = 7  # head of the store -> unit accepted


def sfu_item(f: Fields, rows: int) -> Item:
    """(rows of every batch, groups of a row, latency of the scan's scalar or 0, passes of the lanes behind the first, whether SOFTMAX,
    whether INT8, whether RESIDUAL)."""
    op, groups = SfuOp(f["op"]), -(-f["cols"] // sfu.LANES)
    if op == SfuOp.RESIDUAL:
        groups += groups & 1
    batches, left = [], rows
    while left:
        size = sfu.BATCH_ROWS if left >= 2 * sfu.BATCH_ROWS else (left + 1) // 2 if left > sfu.BATCH_ROWS else left
        left -= size
        batches.append(size)
    scan = {SfuOp.LAYERNORM: MEAN, SfuOp.SOFTMAX: MAX}.get(op, 0)
    int8 = not f["out_fp16"] and op not in (SfuOp.SOFTMAX, SfuOp.RESIDUAL)
    return tuple(batches), groups, scan, sfu.passes(f) - 1, op == SfuOp.LAYERNORM, op == SfuOp.SOFTMAX, int8, op == SfuOp.RESIDUAL


class Sfu:
    """A command is cut into batches while banks are free; scan, lanes and store work on different ones."""

    CUT = 2  # command, or batch before, -> batch

    def __init__(self, config: Config, latency: int) -> None:
        self.cut = self.scan = self.lanes = self.store = self.done = -1  # last batch; last slots; last group that left the store
        self.banks: deque[int] = deque([-1] * 4, 4)  # when the last four were free
        self.reading: deque[tuple[int, int]] = deque(maxlen=16)  # from, to: the lanes read FP16 rows

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        batches, groups, scan, more, layernorm, softmax, int8, residual = item
        self.cut = max(self.cut, now)
        started = None
        for rows in batches:
            self.cut = max(self.cut + self.CUT, self.banks[0] + 1)
            begin = max(self.lanes + 1, self.cut + 2)
            busy = rows * groups
            if scan:
                first = max(self.scan + 1, self.cut + 2)
                self.scan = first + busy - 1
                begin = max(begin, first + groups - 1 + scan)
            if started is None:
                started = begin
            for again in range(more):  # LAYERNORM waits for 1/sigma
                begin += max(busy, groups - 1 + RSTD) if layernorm and again == 0 else busy
            self.lanes = begin + busy - 1
            head = max(self.store + 1, begin + (groups - 1 + INV if int8 else TO_STORE))
            self.store = max(head + busy - 1, self.lanes + TO_STORE)
            if int8:
                self.store = max(self.store, self.lanes + INV + groups - 1)
            self.banks.append(max(self.store + 5, self.lanes + RESULT if softmax else 0))
        self.lanes += residual
        if not softmax:
            self.reading.append((started, self.lanes))
        self.done = max(self.done + 1, self.store + TO_PORT, self.lanes + RESULT if softmax else 0)
        return self.cut + 1, self.done


# ------------------------------------------------------------------------------------------------- similarity and recovery

class Su:
    """One command at a time."""

    FIXED, WINDOW = 47, 20  # pipeline and ends of the passes; windows and the climbs to their first reference

    def __init__(self, config: Config, latency: int) -> None:
        pass

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        done = now + item[0]
        return done, done


def su_item(f: Fields, rows: int) -> Item:
    """(cycles from command to completion,)."""
    return (su.ideal_cycles({**f, "rows": rows}) + Su.FIXED + (Su.WINDOW if f["window"] else 0),)


class Ru:
    """A command is taken when the one before has handed on its last row. Reads are behind those of SFU."""

    FIRST, LAST = 8, 20  # docs/ru.md: taken -> first read; last read -> done

    def __init__(self, config: Config, latency: int) -> None:
        self.read = self.done = -1
        self.under_way: deque[tuple[int, int]] = deque()  # first read, reads
        self.reading: deque[tuple[int, int]] = deque()  # of SFU

    def _last_read(self, first: int, reads: int) -> int:
        return _behind(self.reading, first, first + reads - 1, reads)

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        first = max(now + self.FIRST, self.read + 1)
        self.under_way.append((first, item[0]))
        self.read = self._last_read(first, item[0])
        self.done = max(self.done + 1, self.read + self.LAST)
        return max(now + 1, self.read - self.FIRST), self.done

    def revise(self, now: int) -> int:
        """The oldest command was to be done `now`; when it is, as far as is known by now."""
        first, reads = self.under_way[0]
        last = self._last_read(first, reads)
        if last + self.LAST > now:
            if len(self.under_way) == 1:
                self.read = self.done = last
            return last + self.LAST
        self.under_way.popleft()
        return now


def ru_item(f: Fields, rows: int, extrapolated: int) -> Item:
    """(reads,)."""
    return (ru.ideal_cycles({**f, "rows": rows}, extrapolated if extrapolated >= 0 else None),)


def pipes(config: Config, latency: int) -> list:
    """The units of a core, by `Unit`."""
    out = [PIPES[u](config, latency) for u in Unit]
    out[Unit.RU].reading = out[Unit.STORE].reading = out[Unit.SFU].reading
    return out


PIPES = {Unit.LOAD: Load, Unit.STORE: Store, Unit.MPU: Mpu, Unit.SFU: Sfu, Unit.SU: Su, Unit.RU: Ru}


def item(f: Fields, rows: int, passes: int, config: Config) -> Item | None:
    """What `accept` needs of an instruction with `rows` rows (-1: as it says) and `passes` (models/core.py; -1: as few as can be);
    None for one that is skipped."""
    opcode = Opcode(f["opcode"])
    if rows == 0:
        return None
    count = rows if rows > 0 else f["m" if opcode == Opcode.GEMM else "rows"]
    if opcode in (Opcode.LOAD, Opcode.STORE):
        return transfer_item(f, count, config)
    if opcode == Opcode.GEMM:
        return gemm_item(f, count, passes, config)
    if opcode == Opcode.SFU:
        return sfu_item(f, count)
    return su_item(f, count) if opcode == Opcode.SU else ru_item(f, count, passes)
