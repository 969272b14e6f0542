"""When the recovery unit takes commands and completes them: rows, reads and results of rtl/ru, without data (models/unit_cycles.py)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache

from models.buffer_cycles import BANKS, Pipe, Port, in_bytes, mask
from models.config import Config
from models.isa import LIST_ENTRY, RuOp

Fields = Mapping[str, int]
Item = tuple

ROW_DEPTH, OUT_DEPTH = 16, 32  # rows prefetched, results reserved (fvgm_ru_pkg)
WRITE = 19  # read -> write
SLACK = 64  # cycles that a row may take longer before more of what others take is looked at
_AT = {f.name: (f.lsb, (1 << f.bits) - 1) for f in LIST_ENTRY}


@lru_cache(1 << 12)
def _row(banks: tuple[int, ...], pairs: int) -> bytes:
    """Banks of the reads of a row, of one source or of two in turn."""
    return bytes(mask(b + 2 * pair) for pair in range(pairs) for b in banks)


@lru_cache(1 << 12)
def _results(bank: int, units: int, every: int) -> bytes:
    """Banks of the results of a row, one every so many cycles; the last of an odd one has one unit."""
    return bytes(every - 1).join(mask(bank + unit, BANKS, min(2, units - unit)).to_bytes(1, "little") for unit in range(0, units, 2))


def ru_item(f: Fields, rows: int, entries: Sequence[int]) -> Item:
    """Of every row (banks of its reads, reads of a result, banks of its results as `_results` has them). `entries`: words of mbuf; without
    them rows are taken one after another, and extrapolated if they may be."""
    out = []
    pairs = -(-f["units"] // 2)
    for row in range(rows):
        word = entries[row] if entries else row << _AT["row"][0] | row << _AT["slot"][0] | 1 << _AT["step"][0]
        entry = {name: word >> lsb & ones for name, (lsb, ones) in _AT.items()}
        y = f["y_base"] + (entry["row"] if f["op"] == RuOp.GATHER else entry["slot"]) * f["y_step"]
        banks = y % BANKS,
        if f["op"] != RuOp.GATHER and entry["step"]:
            banks = tuple((f[f"{c}_base"] + row * f[f"{c}_step"]) % BANKS for c in (("c1", "c2") if f["extrapolate"] else ("c1",)))
        out.append((_row(banks, pairs), len(banks), _results((f["d_base"] + row * f["d_step"]) % BANKS, f["units"], len(banks))))
    return tuple(out)


@lru_cache(1 << 14)
def _row_ends(reads: bytes, every: int, results: bytes, busy: bytes, held: bytes, known: int, end: int,
              placed: tuple[int, ...]) -> tuple[bytes, bytes, int, tuple[int, ...]] | None:
    """A row whose reads may begin in cycle 0, where others take `busy` of the read port, `held` of the write port in the first `known` cycles:
    (banks that its reads take from cycle 0 on, banks that its results take, the cycle behind the last, `placed` then); None if these cycles do
    not tell. `end`: first cycle in which a result may be written; `placed`: when the last results went to the write register."""
    busy, held = (taken + bytes(known - len(taken)) for taken in (busy, held))
    read, write, queue = bytearray(), bytearray(), deque(placed, OUT_DEPTH)
    for index, result in enumerate(results[::every]):
        read.extend(bytes(max(0, queue[0] + 1 - len(read))))
        for banks in reads[index * every:(index + 1) * every]:
            while len(read) < known and busy[len(read)] & banks:
                read.append(0)
            read.append(banks)
        queue.append(max(len(read) + WRITE - 2, end - 1))
        write.extend(bytes(queue[-1] + 1 - end) if write else b"")
        end = queue[-1] + 1
        while result and end < known:
            write.append(result & ~held[end])
            result, end = result & held[end], end + 1
        if end >= known:
            return None
    return bytes(read), bytes(write), end, tuple(queue)


class Ru(Pipe):
    """Rows are looked up ahead of the reads; a read is asked for while a result has a place. Reads are behind those of all others, writes
    behind those of all but SU."""

    ROW = 7  # docs/ru.md: taken -> first row; a cycle later it is read
    STATE = ("free", "read", "written", "done", "popped", "placed")

    def __init__(self, config: Config, latency: int, read: Port, write: Port) -> None:
        super().__init__(read, write)
        self.read = self.written = self.done = -1
        self.popped: tuple[int, ...] = (-1,) * ROW_DEPTH  # when the last rows were taken for their reads
        self.placed: tuple[int, ...] = (-1,) * OUT_DEPTH  # when the last results went to the write register

    def play(self, now: int, item: Item) -> tuple[int, int]:
        at = begin = max(now + self.ROW + 1, self.read + 1)
        port, out = self.ports
        busy, held = in_bytes(port.busy(begin)), in_bytes(out.busy(begin))
        read, write = bytearray(), bytearray()  # banks that are taken from `begin` on
        popped, placed, asked, end = deque(self.popped, ROW_DEPTH), self.placed, now, self.written + 1
        for reads, every, results in item:
            asked = max(asked + 1, popped[0] + 1)
            at = max(asked + self.ROW, at)
            popped.append(at - 1)
            done, known, first = None, len(reads) + SLACK, at - begin
            waiting = tuple(max(-1, p - at) for p in placed)  # what is over holds up nobody
            while not done:
                done = _row_ends(reads, every, results, busy[first:first + known], held[first:first + known], known, max(WRITE, end - at), waiting)
                known *= 2
            taken, written, last, queue = done
            read.extend(bytes(first - len(read)) + taken)
            write.extend(bytes(first + last - len(written) - len(write)) + written)
            end, placed, at = at + last, tuple(at + p for p in queue), at + len(taken)
        self.read, self.popped, self.placed, self.written = at - 1, tuple(popped), placed, end - 1
        port.add(begin, int.from_bytes(read, "little"))
        out.add(begin, int.from_bytes(write, "little"))
        self.free, self.done = asked, end
        return end, self.written
