"""When the special functions take commands and complete them: batches, scan, lanes and store of rtl/sfu, without data
(models/unit_cycles.py)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from models import sfu
from models.buffer_cycles import BANKS, Pipe, Port, later, mask
from models.config import Config
from models.dma_cycles import buffer_banks
from models.isa import Buffer, SfuOp

Fields = Mapping[str, int]

MAX, MEAN, RSTD, INV, RESULT = 9, 32, 64, 46, 64  # docs/sfu.md: last slot of a row -> first slot, or store's, that may use the scalar
TO_STORE = 28  # slot -> head of the store
TO_PORT = 7  # head of the store -> unit accepted, done
SUM, SCALE = 50, 29  # last slot of a row -> its sum, its greatest value, may enter the pipeline of scalars
OUT_DEPTH = 16  # units between store and port


@lru_cache(1 << 12)
def _reads(rows: int, groups: int, every: int, width: int, bases: tuple[int, ...], steps: tuple[int, ...]) -> int:
    """Banks that `rows` rows of `groups` slots read, a pair of units every `every` slots, of the sources in turn."""
    out = 0
    for row in range(rows):
        for slot in range(0, groups, every):
            turn = slot % len(bases)
            out |= mask(bases[turn] + row * steps[turn] + (slot - turn) * width) << BANKS * (row * groups + slot)
    return out


@lru_cache(1 << 12)
def _writes(rows: int, slots: int, groups: int, pair: int, late: int, base: int, row_step: int, unit_step: int, banks: int) -> int:
    """Banks that the units of `rows` rows go to, as the groups leave the store, `slots` cycles a row; a unit has `pair` groups."""
    out = 0
    for row in range(rows):
        for unit in range(-(-groups // pair)):
            last = min(groups - 1, unit * pair + pair - 1)
            out |= 1 << (base + row * row_step + unit * unit_step) % banks + banks * (row * slots + last + late)
    return out


@lru_cache(1 << 10)
def _every(rows: int, slots: int) -> int:
    """A bit every `slots` cycles."""
    return sum(1 << slots * row for row in range(rows))


class SfuItem(NamedTuple):
    """What the time of an SFU depends on; places in buffers as banks."""

    batches: tuple[int, ...]  # rows
    slots: int  # of a row in a pass
    groups: int  # of a row's result
    scan: int  # latency of the scan's scalar, 0: there is none
    more: int  # passes of the lanes behind the first
    op: SfuOp
    int8: bool
    every: int  # slots from one read to the next
    width: int  # units from slot to slot
    bases: tuple[int, ...]  # of the first row of each source
    steps: tuple[int, ...]
    dst: int
    d_base: int
    d_row: int
    d_unit: int
    banks: int  # of the destination


def sfu_item(f: Fields, rows: int, config: Config) -> SfuItem:
    """Of an SFU with `rows` rows."""
    op, groups = SfuOp(f["op"]), -(-f["cols"] // sfu.LANES)
    residual = op == SfuOp.RESIDUAL
    batches, left = [], rows
    while left:
        size = sfu.BATCH_ROWS if left >= 2 * sfu.BATCH_ROWS else (left + 1) // 2 if left > sfu.BATCH_ROWS else left
        left -= size
        batches.append(size)
    scan = {SfuOp.LAYERNORM: MEAN, SfuOp.SOFTMAX: MAX}.get(op, 0)
    int8 = not f["out_fp16"] and op not in (SfuOp.SOFTMAX, SfuOp.RESIDUAL)
    fp32 = op == SfuOp.SOFTMAX and f["x_fp32"]
    sources, banks = "xy"[:1 + residual], buffer_banks(f["dst"], config)
    return SfuItem(tuple(batches), groups + (groups & 1 if residual else 0), groups, scan, sfu.passes(f) - 1, op, int8,
                   1 if fp32 or residual else 2, 1 + bool(fp32), tuple(f[f"{s}_base"] % BANKS for s in sources),
                   tuple(f[f"{s}_step"] % BANKS for s in sources), f["dst"], f["d_base"] % banks, f["d_row"] % banks, f["d_unit"] % banks, banks)


class Sfu(Pipe):
    """A command is cut into batches while banks are free; scan, lanes and store work on different ones. The scan reads behind the
    lanes; writes to vbuf, in order, are behind those of the mpu."""

    CUT, FEED = 2, 3  # command, or batch before, -> batch -> first slot
    STATE = ("free", "cut", "scan", "lanes", "scaled", "store", "written", "done", "banks")

    def __init__(self, config: Config, latency: int, lanes: Port, scan: Port, vbuf: Port, abuf: Port) -> None:
        self.sums = Port(banks=1)  # events of the scalars, one a cycle
        self.scales = Port(self.sums, banks=1, whole=False)
        super().__init__(lanes, scan, vbuf, abuf, self.sums, self.scales)
        self.cut = self.scan = self.lanes = -1  # last batch; last slots
        self.scaled = self.store = self.written = self.done = -1  # last row's greatest value taken; last group, last unit
        self.banks: tuple[int, ...] = (-1,) * 4  # when the last four were free

    def play(self, now: int, item: SfuItem) -> tuple[int, int]:
        row, self.cut = 0, max(self.cut, now)
        for rows in item.batches:
            self.cut = max(self.cut + self.CUT, self.banks[0] + 1)
            self._batch(item, row, rows)
            row += rows
        self.lanes += item.op == SfuOp.RESIDUAL
        self.done = max(self.done + 1, self.written + 1, self.lanes + RESULT if item.op == SfuOp.SOFTMAX else 0)
        self.free = self.cut + 1
        return self.done, self.written

    def _batch(self, item: SfuItem, row: int, rows: int) -> None:
        """`rows` rows from `row` on: at once if they follow one another without a gap, else one by one."""
        slots, scan, op = item.slots, item.scan, item.op
        first = self.cut + self.FEED
        lanes, scanner = self.ports[:2]

        def wanted(row: int, rows: int) -> int:
            return _reads(rows, slots, item.every, item.width, tuple((b + row * s) % BANKS for b, s in zip(item.bases, item.steps, strict=True)),
                          item.steps)
        parts, reads = [(row, rows)], [wanted(row, rows)]
        at = max(self.scan + 1, first)
        begin = max(self.lanes + 1, at + slots - 1 + scan)  # so that the lanes read rows while the scan reads those behind them
        if scan and (scanner.busy(at, rows * slots) | reads[0] << BANKS * (begin - at)) & reads[0]:
            parts = [(r, 1) for r in range(row, row + rows)]
            reads = [wanted(*part) for part in parts]
        end = max(self.lanes, first - 1)
        ready = [0] * len(parts)  # when a row may begin its next pass, by its scalars
        starts = ready[:]
        for again in range(item.more + 1):
            for i, (_, n) in enumerate(parts):
                if scan and again == 0:
                    self.scan = scanner.serve(max(self.scan + 1, first), reads[i], n * slots)
                    ready[i] = self.scan - (n - 1) * slots + scan
                starts[i] = max(end + 1, ready[i])
                lanes.add(starts[i], reads[i])
                end = starts[i] + n * slots - 1
                ready[i] = 0
                if op == SfuOp.SOFTMAX or op == SfuOp.LAYERNORM and again == 0:
                    first_end = end - (n - 1) * slots
                    ready[i] = first_end + RSTD
                    self.sums.add(first_end + SUM, _every(n, slots))
        self.lanes = end
        for start, (row, n) in zip(starts, parts, strict=True):
            if item.int8:
                self._scaled(item, start, row, n)
            else:
                self._stored(item, start + TO_STORE, row, n)
        self.banks = *self.banks[1:], max(self.store + 5, self.lanes + RESULT if op == SfuOp.SOFTMAX else 0)

    def _scaled(self, item: SfuItem, start: int, row: int, rows: int) -> None:
        """Rows of INT8, whose slots of the last pass begin at `start`, leave the store as soon as their scales are known. Their greatest
        values wait while the scalars take sums."""
        slots = item.slots
        first, asked = start + slots - 1 + SCALE, _every(rows, slots)
        if rows > 1 and self.scales.busy(first) & asked:
            for r in range(rows):
                self._scaled(item, start + r * slots, row + r, 1)
            return
        self.scaled = self.scales.serve(first, asked, (rows - 1) * slots + 1, self.scaled, True)
        self._stored(item, self.scaled - (rows - 1) * slots + INV - SCALE, row, rows)

    def _stored(self, item: SfuItem, ready: int, row: int, rows: int) -> None:
        """Groups may leave the store from `ready` on, one a cycle or as they came, and are written in order."""
        residual = item.op == SfuOp.RESIDUAL
        port = self.ports[2 + (item.dst == Buffer.A)]
        units = _writes(rows, item.slots, item.groups, 1 + item.int8, residual, (item.d_base + row * item.d_row) % item.banks, item.d_row,
                        item.d_unit, item.banks)
        length = (units.bit_length() - 1) // item.banks + 1
        late = max(0, self.store + 1 - ready)
        if late and residual:
            units, length = later(units, length, late, item.banks)
        self.store = ready + late + length - 1
        self.written = port.serve(ready + late + TO_PORT - 1, units, length, self.written, item.int8 or item.slots != item.groups)
        self.store = max(self.store, self.written - OUT_DEPTH + 1)
