"""When the sparsification unit takes commands and completes them: walk, slots, decisions and passes of rtl/su, without data
(models/unit_cycles.py)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from models import su
from models.buffer_cycles import BANKS, Pipe, Port, in_bytes, mask
from models.config import Config

Fields = Mapping[str, int]
Item = tuple

IN_FLIGHT = 8  # rows between their first slot and their decision (fvgm_su_pkg)
DECIDE, DECISION = 24, 5  # last slot of a row -> first cycle of its decision; cycles of a decision
FIELDS = ("x_base", "x_step", "c_base", "c_step", "cols", "step", "c_int8", "mask", "window", "meta", "meta_base", "mask_base", "n1", "n2",
          "w0", "w1", "w2", "o0", "o1", "o2")


def _walk(f: Fields, rows: int) -> list[tuple[int, int]]:
    """Of every row: cycles from the one before, or from the start, to its offer; its reference, -1: none (rtl/su/fvgm_su_walk)."""
    if not f["window"]:
        return [(1, -1)] * rows
    plane, known, out = f["n1"] * f["n2"], -1, []
    places = su.references(rows, (f["n1"], f["n2"]), (f["w0"], f["w1"], f["w2"]), (f["o0"], f["o1"], f["o2"])).tolist()
    for row, place in enumerate(places):
        inside = row % plane
        line, column = divmod(inside, f["n2"])
        wait = 3  # column, reference, offer
        if column == 0 and line % f["w1"] == 0 or inside == 0:
            wait += 2 + min(f["o1"], (plane - 1 - inside) // f["n2"])
        if inside == 0 and row // plane % f["w0"] == 0:
            wait += 2 + min(f["o0"], (rows - 1 - row) // plane)
        if row == 0:
            wait += 13  # the product of n1 and n2
        if place not in (known, row, -1) and not f["mask"]:
            wait += 1 + -(-place.bit_length() // 2)  # its address is a serial product
        known = place
        out.append((wait, -1 if place == row else place))
    return out


@lru_cache(1 << 10)
def _plan(values: tuple[int, ...], rows: int) -> tuple[tuple, tuple[int, int, int]]:
    """Of every row: cycles to its offer, banks that each of its slots reads at the first and at the second port; `_read` of them if
    nobody is in the way."""
    f, out = dict(zip(FIELDS, values, strict=True)), []
    for row, (wait, place) in enumerate(_walk(f, rows)):
        slots = []
        if f["mask"] and row % 128 == 0:
            slots.append((mask(f["mask_base"] + row // 128), 0))
        if su.reads_meta(f) and row % 2 == 0:
            slots.append((mask(f["meta_base"] + row // 2), 0))
        sources = ["x"] if f["mask"] else ["x"] + ["w"] * (place >= 0) + ["c"] * f["step"] + [""] * (f["step"] and f["c_int8"])
        at = {"x": f["x_base"] + row * f["x_step"], "w": f["x_base"] + place * f["x_step"], "c": f["c_base"] + row * f["c_step"]}
        for chunk in range(1 if f["mask"] else -(-f["cols"] // su.CHUNK)):
            both = f["cols"] - su.CHUNK * chunk > su.CHUNK // 2
            for source in sources:
                if f["mask"] or not source:
                    slots.append((0, 0))
                elif source == "c" and f["c_int8"]:
                    slots.append((mask(at[source] + 2 * chunk), 0))
                else:
                    first = at[source] + 4 * chunk
                    slots.append((mask(first), mask(first + 2) if both else 0))
        out.append((wait, tuple(slots)))
    return tuple(out), _read(tuple(out), 0)


def su_item(f: Fields, rows: int, dropped: int) -> Item:
    """(rows and reads as `_plan` has them, banks of the units of meta that are written, whether the last row is not in the write list). `dropped`
    says the latter, -1: it is."""
    rows = min(rows, 1024)
    values = tuple(f[k] % BANKS if k.endswith(("_base", "_step")) else f[k] for k in FIELDS)
    meta = bytes(1 << (f["meta_base"] + unit) % BANKS for unit in range(-(-rows // 2))) if f["meta"] else b""
    return *_plan(values, rows), meta, max(dropped, 0)


def _read(rows: tuple, busy: int) -> tuple[int, int, int]:
    """Rows as `_plan` has them, read while others take `busy` from the cycle of the command on: (banks that are taken from there on, cycle of
    the last slot, of the last row's decision, both from there)."""
    others, bits = in_bytes(busy), bytearray()
    taken = 1  # when a row is taken
    moved = fired = decided = -1  # when the last slot entered the request register, left it; its row's decision began
    over = [-1] * IN_FLIGHT  # when a row is in flight no more
    for wait, slots in rows:
        taken = max(taken + wait, moved, over[-IN_FLIGHT])
        ready = taken + 1
        for left in slots:
            moved = max(ready, fired)
            fired = moved + 1
            while left := tuple(part for part in left if part):
                held = others[fired] if fired < len(others) else 0
                bits.extend(bytes(fired - len(bits)))
                bits.append(sum(part for part in left if not part & held))
                left = tuple(part for part in left if part & held)
                fired += bool(left)
        decided = max(decided + DECISION, fired + DECIDE)
        over.append(decided + DECISION)
    return int.from_bytes(bits, "little"), fired, decided


class Su(Pipe):
    """One command at a time: rows are read and decided (A), windows decided (B), the map and meta written (C). The two ports read behind
    those of SFU and STORE, each for itself; writes are behind all others."""

    WINDOWS = 16  # first cycle of the last decision -> first of C, without the rows of B
    LAST = 3  # end of C -> done
    STATE = ("free",)

    def __init__(self, config: Config, latency: int, read: Port, write: Port) -> None:
        super().__init__(read, write)

    def play(self, now: int, item: Item) -> tuple[int, int]:
        rows, alone, meta, dropped = item
        read, write = self.ports
        busy = read.busy(now)
        bits, fired, decided = _read(rows, busy) if busy & alone[0] else alone
        read.add(now, bits)
        start = now + decided + self.WINDOWS + 2 * len(rows)  # of C
        late = refused = 0  # by the writes of meta, by the last of them
        for unit, bank in enumerate(meta):
            when = start + 3 + 2 * min(2 * unit + 1, len(rows) - 1) + late
            refused = write.serve(when, bank, 1) - when
            late += refused
        end = start + 2 * len(rows) + 1 + late + max(0, (not dropped) - refused)
        self.free = end + self.LAST + 1
        return end + self.LAST, end
