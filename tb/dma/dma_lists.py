"""Random lists of rows for the dma environment, and lists with an entry out of bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.dma import ENTRY_ROW_MASK, HBM_BYTES, hbm_rows

KINDS = ("one", "dense", "sorted", "unsorted", "repeated")
ENTRY_ROW_BITS = ENTRY_ROW_MASK.bit_length()


def kind(rows: np.ndarray) -> str:
    """Bin of cp_list: the shape of a list that names `rows`."""
    step = np.diff(rows)
    if len(rows) == 1:
        return "one"
    if (step == 0).any():
        return "repeated"
    return "dense" if (step == 1).all() else "sorted" if (step > 0).all() else "unsorted"


def set_row(mbuf: np.ndarray, entry: int, row: int) -> None:
    """Let an entry of mbuf, whose address wraps, name `row`; its other bits stay."""
    entry %= len(mbuf)
    mbuf[entry] = (int(mbuf[entry]) & ~ENTRY_ROW_MASK) | row


@dataclass
class Listed:
    """A list that is still to be placed: the rows of a tile of `tile_rows` rows, from row `first` of the list's own.

    A list may name its rows by large numbers, with hbm_addr far away from them: the address is modulo 2^40.
    """

    named: np.ndarray
    tile_rows: int
    first: int = 0
    stride: int | None = None  # instead of the tile's, for a single row

    @classmethod
    def draw(cls, rng: np.random.Generator, rows: int, is_load: bool) -> Listed:
        """A list of `rows` rows: dense, with gaps, in any order; LOAD: also one row repeated."""
        what = int(rng.integers(5))
        first = int(rng.choice([0, 0, rng.integers(1, 1000)]))
        if what == 0 and (is_load or rows == 1):  # any stride, as all rows are one
            first = int(rng.integers(1, 1 << ENTRY_ROW_BITS))
            return cls(np.zeros(rows, np.int64), 1, first, 32 * int(rng.integers(1 << 27)))
        tile_rows = rows if what == 1 else rows + int(rng.integers(1, 2 * rows + 1))
        named = rng.permutation(tile_rows)[:rows]
        return cls(named if what >= 3 else np.sort(named), tile_rows, first)

    def place(self, rng: np.random.Generator, fields: dict[str, int], mbuf: np.ndarray,
              used: np.ndarray) -> np.ndarray | None:
        """Write the list into free entries of mbuf, name it in `fields`; the entries, None if they are not free."""
        rows = self.first + self.named
        if rows.max() > ENTRY_ROW_MASK:
            return None
        base = int(rng.integers(1 << 16))
        if rng.random() < 0.15:  # over the end of mbuf
            base = (base | (len(mbuf) - 1)) - int(rng.integers(len(rows)))
        entries = (base + np.arange(len(rows))) % len(mbuf)
        if used[entries].any():
            return None
        for entry, row in zip(entries, rows, strict=True):
            set_row(mbuf, int(entry), int(row))
        stride = fields["hbm_stride"] if self.stride is None else self.stride
        tight = rng.random() < 0.5
        bound = int(rows.max()) + 1 if tight else int(rng.integers(rows.max() + 1, rng.choice([1 << 11, 1 << 16])))
        fields |= {"list": 1, "list_base": base, "bound": bound, "hbm_stride": stride,
                   "hbm_addr": (fields["hbm_addr"] - self.first * stride) % HBM_BYTES}
        return entries


def fits_out_of_bound(fields: dict[str, int], mbuf: np.ndarray, where: str) -> bool:
    """Whether put_out_of_bound can be asked for this command."""
    if not fields.get("list") or (where != "first" and fields["rows"] < 3):
        return False
    return int(hbm_rows(fields, mbuf).max()) < ENTRY_ROW_MASK - 1


def put_out_of_bound(rng: np.random.Generator, fields: dict[str, int], mbuf: np.ndarray, where: str,
                     equal: bool) -> None:
    """Let the `where` ("first", "middle", "last") entry of a list name the row `bound`, or another one beyond it."""
    rows = fields["rows"]
    fields["bound"] = bound = int(hbm_rows(fields, mbuf).max()) + 1
    entry = fields["list_base"] + {"first": 0, "middle": rows // 2, "last": rows - 1}[where]
    set_row(mbuf, entry, bound if equal else int(rng.integers(bound + 1, ENTRY_ROW_MASK + 1)))


def corrupt(commands: list[dict[str, int]], mbuf: np.ndarray, what: str) -> tuple[list[dict[str, int]], np.ndarray]:
    """What the hardware gets instead of a plan, for the negative tests; `what`: "entry", "bound" or nothing.

    entry: one entry of one list names the row beside the right one; bound: one list's bound is one too low.
    """
    commands, mbuf = list(commands), mbuf.copy()
    for i, fields in enumerate(commands if what else ()):
        if not fields.get("list"):
            continue
        rows = hbm_rows(fields, mbuf)
        if what == "entry" and rows[0] ^ 1 < fields["bound"] and fields["hbm_stride"]:
            set_row(mbuf, fields["list_base"], int(rows[0]) ^ 1)
            return commands, mbuf
        if what == "bound" and rows.max() + 1 == fields["bound"] > 1:
            commands[i] = fields | {"bound": fields["bound"] - 1}
            return commands, mbuf
    return commands, mbuf
