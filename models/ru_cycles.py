"""When the recovery unit takes commands and completes them: rows, reads and results of rtl/ru, without data (models/unit_cycles.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from models.buffer_cycles import BANKS, Pipe, Port, in_bytes, mask
from models.config import Config
from models.isa import LIST_ENTRY, RuOp

Fields = Mapping[str, int]
Item = tuple

ROW_DEPTH, OUT_DEPTH = 16, 32  # rows prefetched, results reserved (fvgm_ru_pkg)
_AT = {f.name: (f.lsb, (1 << f.bits) - 1) for f in LIST_ENTRY}


@lru_cache(1 << 12)
def _row(banks: tuple[int, ...], pairs: int) -> bytes:
    """Banks of the reads of a row, of one source or of two in turn."""
    return bytes(mask(b + 2 * pair) for pair in range(pairs) for b in banks)


@lru_cache(1 << 12)
def _results(bank: int, units: int) -> bytes:
    """Banks of the results of a row; the last of an odd one has one unit."""
    return bytes(mask(bank + unit, BANKS, min(2, units - unit)) for unit in range(0, units, 2))


def ru_item(f: Fields, rows: int, entries: Sequence[int]) -> Item:
    """(banks of every read, number of reads of a row's results, banks of every result). `entries`: words of mbuf; without them
    rows are taken one after another, and extrapolated if they may be."""
    reads, each, results = [], [], []
    pairs = -(-f["units"] // 2)
    for row in range(rows):
        word = entries[row] if entries else row << _AT["row"][0] | row << _AT["slot"][0] | 1 << _AT["step"][0]
        entry = {name: word >> lsb & ones for name, (lsb, ones) in _AT.items()}
        y = f["y_base"] + (entry["row"] if f["op"] == RuOp.GATHER else entry["slot"]) * f["y_step"]
        banks = y % BANKS,
        if f["op"] != RuOp.GATHER and entry["step"]:
            banks = tuple((f[f"{c}_base"] + row * f[f"{c}_step"]) % BANKS for c in (("c1", "c2") if f["extrapolate"] else ("c1",)))
        each.append(len(banks))
        reads.append(_row(banks, pairs))
        results.append(_results((f["d_base"] + row * f["d_step"]) % BANKS, f["units"]))
    return b"".join(reads), tuple(each), b"".join(results)


class Ru(Pipe):
    """Rows are looked up ahead of the reads; a read is asked for while a result has a place. Reads are behind those of all others, writes
    behind those of all but SU."""

    ROW = 7  # docs/ru.md: taken -> first row; a cycle later it is read
    WRITE = 19  # read -> write
    STATE = ("free", "read", "written", "done", "popped", "placed")

    def __init__(self, config: Config, latency: int, read: Port, write: Port) -> None:
        super().__init__(read, write)
        self.read = self.written = self.done = -1
        self.popped: tuple[int, ...] = (-1,) * ROW_DEPTH  # when the last rows were taken for their reads
        self.placed: tuple[int, ...] = (-1,) * OUT_DEPTH  # when the last results went to the write register

    def play(self, now: int, item: Item) -> tuple[int, int]:
        reads, each, results = item
        pairs, (port, out) = len(results) // len(each), self.ports
        begin, end = max(now + self.ROW + 1, self.read + 1), self.written + 1
        busy, held = in_bytes(port.busy(begin)), in_bytes(out.busy(begin))
        read, write = bytearray(), bytearray()  # banks that are taken from `begin` on
        popped, placed, asked = list(self.popped), list(self.placed), now
        at, index = self.read, 0
        for row, number in enumerate(each):
            asked = max(asked + 1, popped[-ROW_DEPTH] + 1)
            at = max(asked + self.ROW - 1, at)
            popped.append(at)
            for result in results[row * pairs:(row + 1) * pairs]:
                room = placed[-OUT_DEPTH] + 1
                for banks in reads[index:index + number]:
                    at = max(at + 1, room)
                    while at - begin < len(busy) and busy[at - begin] & banks:
                        at += 1
                    read.extend(bytes(at - begin - len(read)))
                    read.append(banks)
                index += number
                placed.append(max(at + self.WRITE - 1, end - 1))
                end = placed[-1] + 1
                write.extend(bytes(max(0, end - begin - len(write))))
                while True:
                    got = result & ~held[end - begin] if end - begin < len(held) else result
                    write.append(got)
                    result, end = result & ~got, end + 1
                    if not result:
                        break
        self.read, self.popped, self.placed = at, tuple(popped[-ROW_DEPTH:]), tuple(placed[-OUT_DEPTH:])
        self.written = end - 1
        port.add(begin, int.from_bytes(read, "little"))
        out.add(begin, int.from_bytes(write, "little"))
        self.free, self.done = asked, end
        return end, end - 1

