"""Who waits for whom at the banks of vbuf: reads behind those of SFU, writes behind those of the mpu (rtl/buffer, docs/buffer.md).

A bank serves one read and one write a cycle, the lowest port first. Two streams of neighbouring units that meet in a bank stay together:
the one behind goes no faster than the one in front of it.
"""

from __future__ import annotations

from collections import deque

Tiles = tuple[tuple[int, int, int], ...]  # of every tile of a product: cycles behind the first, rows, bank of vbuf to which all go
Writes = tuple[int, Tiles]  # first write, tiles
# Of SFU: from, to; slots of a row, slots from read to read, units from slot to slot; banks of the first row, from which it reads in turn,
# and from row to row.
Reads = tuple[int, int, int, int, int, tuple[int, ...], tuple[int, ...]]

BANKS = 8  # of vbuf


def behind(reading: deque[tuple[int, int]], first: int, last: int, pairs: int) -> int:
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


def held(writing: deque[Writes], first: int, last: int, units: int, bank: int, width: int = 1) -> int:
    """When writes of neighbouring units of vbuf, `width` at a time from `bank` on, end that would take from `first` to `last`, if the mpu,
    whose writes go first, did not write tiles: a write waits when it comes to the bank of a tile, until that has all its rows."""
    at, written, rate = first, 0.0, units / (last - first + 1)
    for begin, tiles in writing:
        if begin + tiles[-1][0] + tiles[-1][1] <= at or begin > max(last, at + units - written):
            continue
        if begin > at:
            at, written = begin, min(written + width * (begin - at), (begin - first) * rate)
        for (start, rows, tile_bank), (end, _, _) in zip(tiles, (*tiles[1:], tiles[-1]), strict=True):
            if begin + end <= at and end > start:
                continue
            free = (tile_bank - bank - int(written)) % BANKS
            for until, most in ((begin + start + rows, free - free % width), (begin + end, units)):
                if until <= at:
                    continue
                met = most < min(width * (until - at), (until - first) * rate - written)
                most = min(width * (until - at), most)
                if units - written <= most:
                    break
                at, written = until, min(written + most, (until - first) * rate)
                if met:  # what was refused alone is written in the next cycle
                    at, written = at + 1, written + width
            else:
                continue
            break
    return max(last, round(at + (units - written) / width) - 1)


def taken(reads: deque[Reads], at: int, bank: int) -> bool:
    """Whether SFU reads a pair of units of vbuf at `at` that shares a bank with the pair that begins at `bank`."""
    for begin, end, slots, every, width, bases, steps in reads:
        if begin <= at <= end:
            row, slot = divmod(at - begin, slots)
            if slot % every == 0:
                turn = slot % len(bases)
                other = bases[turn] + row * steps[turn] + (slot - turn) * width
                if (bank - other + 1) % BANKS < 3:
                    return True
    return False
