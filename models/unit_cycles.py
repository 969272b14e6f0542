"""When a unit takes commands and completes them: the pipelines of rtl/mpu, rtl/sfu, rtl/su and rtl/ru, without data; those of rtl/dma are
in models/dma_cycles.py.

`item` turns an instruction into the numbers that its time depends on; `Load(...)`, `Mpu(...)` ... are one unit of one core:
`accept(cycle, item)` is told that a command is taken in `cycle` and returns (the first cycle in which the unit takes another
one, the cycle of its `done_o`); `revise(cycle)` is asked then, whether it is late by what began since. What the constants count stands
beside them; they follow from the registers of the RTL. The memory answers `latency` cycles after the request is accepted, one beat a
cycle and port, as tb/common/axi_memory does without jitter and stalls. At the banks of vbuf (models/vbuf_cycles.py) STORE and RU give
way to SFU when they read, SFU and RU to the mpu when they write; other refusals are not modelled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import lru_cache

from models import dspe, mpu, ru, sfu, su
from models.config import Config
from models.dma_cycles import Load, Store, transfer_item
from models.isa import Buffer, Opcode, Precision, SfuOp, Unit
from models.vbuf_cycles import BANKS, Reads, Tiles, Writes, behind, held

Fields = Mapping[str, int]
Item = tuple


# ----------------------------------------------------------------------------------------------------------------- matrix unit

def gemm_item(f: Fields, m: int, passes: int, config: Config) -> Item:
    """(steps, cycles of the array, steps of a tile, rows of the last tile, all tiles if the rows of each go to one bank of vbuf).
    `passes`: of an FP16 product, -1: one a step."""
    tile = config.int8_rows if f["precision"] == Precision.INT8 else config.fp16_rows
    f = {**f, "m": m}
    steps = mpu.steps(f, config)
    busy = mpu.ideal_cycles(f, config)
    if f["precision"] == Precision.FP16 and passes > 0:
        busy += passes - steps  # in a further pass the array could not take a step: rows in the drain do not hide it
    depth, last_rows, tiles = -(-f["k"] // dspe.DEPTH), (m - 1) % tile + 1, ()
    if not f["o_step"] % BANKS:
        tiles = _tiles(f["o_base"] % BANKS, f["o_batch"] % BANKS, -(-f["n"] // config.tile_cols), -(-m // tile), f["batch"],
                       1 + f["out_fp32"], depth, tile, last_rows)
    return steps, busy, depth, last_rows, tiles


@lru_cache(1 << 12)
def _tiles(base: int, batch: int, columns: int, lines: int, number: int, units: int, depth: int, rows: int, last_rows: int) -> Tiles:
    """The tiles of a product whose rows lie a multiple of the banks apart."""
    out, at = [], 0
    for b in range(number):
        for line in range(lines):
            here = rows if line < lines - 1 else last_rows
            for c in range(columns):
                out.append((at, here, (base + b * batch + c * units) % BANKS))
                at += max(depth, here)
    return tuple(out)


class Mpu:
    """Two commands wait, one is walked, up to eight steps ahead of the array. A tile's last step enters the array as many cycles
    behind that of the tile before as this one has rows."""

    WALK = 2  # taken -> first step is chosen
    FEED = 4  # chosen -> in the array
    DRAIN = 35  # last step in the array -> done, without the rows of the tile
    AHEAD = 11  # steps chosen before the one that enters the array

    def __init__(self, config: Config, latency: int) -> None:
        self.walk = self.array = self.done = -1  # ends of the last command's
        self.rows = 0  # of the last tile
        self.writing: deque[Writes] = deque(maxlen=16)  # to one bank a tile
        self.began: deque[int] = deque([-1, -1], 2)  # when the last two commands left the queue

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        steps, busy, depth, last_rows, tiles = item
        begin = max(now + self.WALK, self.walk + 1)
        first = max(begin + self.FEED, self.array + 1)
        first = max(first + depth - 1, self.array + self.rows)
        self.array = first + busy - max(depth, last_rows)
        self.rows = last_rows
        if tiles:
            self.writing.append((first + self.DRAIN, tiles))
        self.walk = max(begin + steps - 1, self.array - self.AHEAD)
        self.done = max(self.done + 1, self.array + self.DRAIN + last_rows)
        self.began.append(begin)
        return max(now + 1, self.began[0] + 1), self.done


# ------------------------------------------------------------------------------------------------------- special functions

MAX, MEAN, RSTD, INV, RESULT = 9, 32, 64, 46, 64  # docs/sfu.md: last slot of a row -> first slot, or store's, that may use the scalar
TO_STORE = 28  # slot -> head of the store
TO_PORT = 7  # head of the store -> unit accepted, done


def sfu_item(f: Fields, rows: int) -> Item:
    """(rows of every batch, groups of a row, latency of the scan's scalar or 0, passes of the lanes behind the first, whether LAYERNORM,
    whether SOFTMAX, whether INT8, whether RESIDUAL, whether the last group leaves the lanes behind its slot, units written to vbuf, bank of
    the first, whether FP32 is read, banks of x and y, of their steps)."""
    op, groups = SfuOp(f["op"]), -(-f["cols"] // sfu.LANES)
    later = op == SfuOp.RESIDUAL and not groups & 1
    if op == SfuOp.RESIDUAL:
        groups += groups & 1
    batches, left = [], rows
    while left:
        size = sfu.BATCH_ROWS if left >= 2 * sfu.BATCH_ROWS else (left + 1) // 2 if left > sfu.BATCH_ROWS else left
        left -= size
        batches.append(size)
    scan = {SfuOp.LAYERNORM: MEAN, SfuOp.SOFTMAX: MAX}.get(op, 0)
    int8 = not f["out_fp16"] and op not in (SfuOp.SOFTMAX, SfuOp.RESIDUAL)
    units = rows * -(-f["cols"] // (sfu.LANES << int8)) if f["dst"] == Buffer.V and f["d_unit"] == 1 else 0
    return tuple(batches), groups, scan, sfu.passes(f) - 1, op == SfuOp.LAYERNORM, op == SfuOp.SOFTMAX, int8, \
        op == SfuOp.RESIDUAL, later, units, f["d_base"] % BANKS, \
        op == SfuOp.SOFTMAX and bool(f["x_fp32"]), tuple(f[k] % BANKS for k in ("x_base", "y_base")), \
        tuple(f[k] % BANKS for k in ("x_step", "y_step"))


class Sfu:
    """A command is cut into batches while banks are free; scan, lanes and store work on different ones. Writes to vbuf, in order,
    are behind those of the mpu."""

    CUT, FEED = 2, 3  # command, or batch before, -> batch -> first slot

    def __init__(self, config: Config, latency: int) -> None:
        self.cut = self.scan = self.lanes = self.store = self.done = -1  # last batch; last slots; last group that left the store
        self.banks: deque[int] = deque([-1] * 4, 4)  # when the last four were free
        self.reading: deque[tuple[int, int]] = deque(maxlen=16)  # from, to: FP16 rows are read, for the lanes or ahead of them
        self.reads: deque[Reads] = deque(maxlen=64)
        self.writing: deque[Writes] = deque()  # of the mpu
        self.under_way: deque[list[int]] = deque()  # first write, last write, done, cycles by which it is late, units for vbuf, bank

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        batches, groups, scan, more, layernorm, softmax, int8, residual, later, units, bank, fp32, bases, steps = item
        self.cut = max(self.cut, now)
        write, row = None, 0
        every, width = (1, 2) if fp32 else (1, 1) if residual else (2, 1)
        sources = 2 if residual else 1
        started = None
        for rows in batches:
            self.cut = max(self.cut + self.CUT, self.banks[0] + 1)
            begin = max(self.lanes + 1, self.cut + self.FEED)
            busy = rows * groups

            def reads(begin: int, busy: int = busy, row: int = row) -> None:
                self.reads.append((begin, begin + busy - 1, groups, every, width,
                                   tuple(b + row * s for b, s in zip(bases[:sources], steps, strict=False)), steps[:sources]))
            if scan:
                first = max(self.scan + 1, self.cut + self.FEED)
                self.scan = first + busy - 1
                reads(first)
                begin = max(begin, first + groups - 1 + scan)
                if layernorm and max(first, self.lanes + 1) < begin:
                    self.reading.append((max(first, self.lanes + 1), min(self.scan, begin - 1)))
            if started is None:
                started = begin
            reads(begin)
            for again in range(more):  # LAYERNORM waits for 1/sigma
                begin += max(busy, groups - 1 + RSTD) if layernorm and again == 0 else busy
                reads(begin)
            self.lanes, row = begin + busy - 1, row + rows
            head = max(self.store + 1, begin + (groups - 1 + INV if int8 else TO_STORE))
            self.store = max(head + busy - 1, self.lanes + later + TO_STORE)
            if int8:
                self.store = max(self.store, self.lanes + INV + groups - 1)
            write = head + residual + TO_PORT - 1 if write is None else write
            self.banks.append(max(self.store + 5, self.lanes + RESULT if softmax else 0))
        self.lanes += residual
        if not softmax:
            self.reading.append((started, self.lanes))
        self.done = max(self.done + 1, self.store + TO_PORT, self.lanes + RESULT if softmax else 0)
        self.under_way.append([write, self.store + TO_PORT - 1, self.done, 0, units, bank])
        self._stretch(len(self.under_way) - 1)
        return self.cut + 1, self.done

    def _stretch(self, index: int) -> int:
        """When a command under way is done, as far as is known; those behind it are later, too."""
        first, last, done, late, units, bank = self.under_way[index]
        more = held(self.writing, first, last, units, bank) - last - late if units else 0
        if more > 0:
            self.under_way[index][3] += more
            for other in list(self.under_way)[index + 1:]:
                other[:3] = (t + more for t in other[:3])
            self.store += more
            self.done += more
            self.banks[-1] += more
        return done + self.under_way[index][3]

    def revise(self, now: int) -> int:
        """The oldest command was to be done `now`; when it is, as far as is known by now."""
        done = self._stretch(0)
        if done > now:
            return done
        self.under_way.popleft()
        return now


# ------------------------------------------------------------------------------------------------- similarity and recovery

class Su:
    """One command at a time."""

    FIXED, WINDOW = 47, 19  # pipeline and ends of the passes; windows: 13 for n1 * n2, six states to the first reference

    def __init__(self, config: Config, latency: int) -> None:
        pass

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        done = now + item[0]
        return done, done


def su_item(f: Fields, rows: int) -> Item:
    """(cycles from command to completion,). A row is decided five cycles behind the one before, the first a cycle behind its slots,
    those of ages not counted (docs/su.md: a mask takes as long with ages as without)."""
    f = {**f, "rows": rows}
    slots = su.reads(f) + su.reads_meta(f) * -(-rows // 2)
    first = 1 + (2 if f["mask"] else -(-f["cols"] // su.CHUNK) * (1 + f["step"] * (1 + f["c_int8"])))
    early = max(5 * rows, slots) - max(first + 5 * (rows - 1), slots)
    return (su.ideal_cycles(f) - early + Su.FIXED + (Su.WINDOW if f["window"] else 0),)


class Ru:
    """A command is taken when the one before has handed on its last row. Reads are behind those of SFU, writes behind those of the mpu,
    and reads behind writes."""

    FIRST, LAST = 8, 20  # docs/ru.md: taken -> first read; last read -> done
    WRITE = 19  # read -> write

    def __init__(self, config: Config, latency: int) -> None:
        self.read = self.done = -1
        self.under_way: deque[tuple[int, int, int, int]] = deque()  # first read, reads, pairs of results, their bank
        self.reading: deque[tuple[int, int]] = deque()  # of SFU
        self.writing: deque[Writes] = deque()  # of the mpu

    def _last_read(self, first: int, reads: int, pairs: int, bank: int) -> int:
        last = behind(self.reading, first, first + reads - 1, pairs)
        return held(self.writing, first + self.WRITE, last + self.WRITE, 2 * pairs, bank, 2) - self.WRITE

    def accept(self, now: int, item: Item) -> tuple[int, int]:
        first = max(now + self.FIRST, self.read + 1)
        self.under_way.append((first, *item))
        self.read = self._last_read(first, *item)
        self.done = max(self.done + 1, self.read + self.LAST)
        return max(now + 1, self.read - self.FIRST), self.done

    def revise(self, now: int) -> int:
        """The oldest command was to be done `now`; when it is, as far as is known by now."""
        last = self._last_read(*self.under_way[0])
        if last + self.LAST > now:
            if len(self.under_way) == 1:
                self.read = self.done = last
            return last + self.LAST
        self.under_way.popleft()
        return now


def ru_item(f: Fields, rows: int, extrapolated: int) -> Item:
    """(reads, pairs of units of the result: where a result takes two reads, their banks go on half as fast; bank of the first)."""
    reads = ru.ideal_cycles({**f, "rows": rows}, extrapolated if extrapolated >= 0 else None)
    return reads, rows * -(-f["units"] // 2), f["d_base"] % BANKS


def pipes(config: Config, latency: int) -> list:
    """The units of a core, by `Unit`."""
    out = [PIPES[u](config, latency) for u in Unit]
    out[Unit.SFU].writing = out[Unit.RU].writing = out[Unit.MPU].writing
    out[Unit.RU].reading, out[Unit.STORE].reads = out[Unit.SFU].reading, out[Unit.SFU].reads
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
