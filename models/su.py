"""Similarity of rows and the decision which of them are computed: what an SU instruction does, bit by bit.

`fields` is a decoded SU (models.isa.decode), the contract is docs/su.md. `results` works on a buffer image; `decide`
does the same to arrays, so that a functional forward needs no buffer. The hardware does nothing that is not said here.

A row is cut into chunks of 32 elements. A chunk is a block of integers with one exponent: its greatest element keeps
all its bits, the others are shifted right by the difference of exponents and truncated. The product sum of two chunks
is exact; sums of chunks are added in order into a 52-bit integer A with a running exponent G, the smaller of the two
shifted right (floor).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.isa import LIST_ENTRY
from models.numerics import f32_mul

CHUNK = 32  # elements of a chunk, lanes of the unit
SCALE = 60  # a sum is A * 2^(G - SCALE)
EXTRA = 5  # bits behind the last place of a significand
INT8_EXTRA, INT8_EXPONENT = 8, 22  # an INT8 is the upper half of the 16 bits; so it is its own value
SIGN_SHIFT = 52  # bits of A: a shift by as many leaves the sign
MAX_AGE = 15
INFINITY = np.float32(np.inf)
UNIT = 16
MBUF_ENTRIES = 1 << 16


@dataclass(frozen=True)
class Chunks:
    """Rows as aligned integers: value float64[rows, chunks, 32], exponent int64[rows, chunks], finite bool[rows]."""

    value: np.ndarray
    exponent: np.ndarray
    finite: np.ndarray


@dataclass(frozen=True)
class Sums:
    """FP32 sums of every row: norm = x.x (infinite if the row is not finite), the others None if not asked for."""

    norm: np.ndarray
    step_dot: np.ndarray | None = None
    step_norm: np.ndarray | None = None
    window_dot: np.ndarray | None = None


@dataclass(frozen=True)
class Decision:
    """What becomes of each row, arrays of [rows].

    kept, step, window: exactly one holds; reference: row of the window's reference, -1 without (no window, or it lies
    beyond the last row); slot: place among the kept rows of the row or of its reference, 0 with step; age: 0 unless
    step; norm: float32 that meta takes; written: rows of the write list, in order.
    """

    kept: np.ndarray
    step: np.ndarray
    window: np.ndarray
    reference: np.ndarray
    slot: np.ndarray
    age: np.ndarray
    norm: np.ndarray

    @property
    def written(self) -> np.ndarray:
        return np.flatnonzero(~self.step)


@dataclass(frozen=True)
class Results:
    """Writes of one SU in the order of the hardware, and what it decided.

    mbuf_addr int64[n], mbuf_data uint32[n]; meta_addr int64[m], meta_data uint8[m, 16] into vbuf; counts: register ->
    value.
    """

    mbuf_addr: np.ndarray
    mbuf_data: np.ndarray
    meta_addr: np.ndarray
    meta_data: np.ndarray
    counts: dict[int, int]
    decision: Decision

    @property
    def kept(self) -> np.ndarray:
        return self.decision.kept


def chunks(x: np.ndarray) -> Chunks:
    """float16 or int8 [rows, cols] in chunks, the last one filled with zeros."""
    rows, cols = x.shape
    number = -(-cols // CHUNK)
    padded = np.zeros((rows, number * CHUNK), x.dtype)
    padded[:, :cols] = x
    padded = padded.reshape(rows, number, CHUNK)
    if x.dtype == np.int8:
        exponent = np.full((rows, number), INT8_EXPONENT, np.int64)
        return Chunks(padded.astype(np.float64) * 2**INT8_EXTRA, exponent, np.ones(rows, bool))
    bits = padded.view(np.uint16).astype(np.int32)
    biased = (bits >> 10) & 31
    significand = (bits & 1023) | np.where(biased != 0, 1024, 0)
    exponent = np.maximum(biased, 1)
    greatest = exponent.max(axis=2)
    magnitude = (significand << EXTRA) >> (greatest[:, :, None] - exponent)
    value = np.where(bits >> 15 != 0, -magnitude, magnitude).astype(np.float64)
    return Chunks(value, greatest.astype(np.int64), (greatest != 31).all(axis=1))


def accumulate(sums: np.ndarray, exponents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(A, G) of product sums int64[rows, chunks] with their exponents."""
    total = np.zeros(len(sums), np.int64)
    scale = np.zeros(len(sums), np.int64)
    for s, e in zip(sums.T, exponents.T, strict=True):
        up = np.maximum(e - scale, 0)
        down = np.maximum(scale - e, 0)
        total = (total >> np.minimum(up, SIGN_SHIFT)) + (s >> np.minimum(down, SIGN_SHIFT))
        scale = np.maximum(scale, e)
    return total, scale


def to_float(total: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """float32 of A * 2^(G - 60), the magnitude truncated to 24 bits."""
    magnitude = np.abs(total)
    spare = np.maximum(np.frexp(magnitude.astype(np.float64))[1] - 24, 0).astype(np.int64)
    short = ((magnitude >> spare) << spare).astype(np.float64)
    return (np.sign(total) * np.ldexp(short, (scale - SCALE).astype(np.int32))).astype(np.float32) + np.float32(0)


def dot(a: Chunks, b: Chunks) -> np.ndarray:
    """float32[rows]: row by row, a times b, as the hardware adds it."""
    sums = np.einsum("rcl,rcl->rc", a.value, b.value).astype(np.int64)  # below 2^38: exact
    return to_float(*accumulate(sums, a.exponent + b.exponent))


def _pick(a: Chunks, rows: np.ndarray) -> Chunks:
    return Chunks(a.value[rows], a.exponent[rows], a.finite[rows])


def row_sums(x: np.ndarray, cached: np.ndarray | None = None, reference: np.ndarray | None = None) -> Sums:
    """All sums of rows x: with their cached rows, and with row `reference` of x (0 where that is negative).

    A sum with a row that is not finite is 0, which is similar to nothing. step_norm only with INT8 cached rows.
    """
    own = chunks(x)
    norm = np.where(own.finite, dot(own, own), INFINITY)
    step_dot = step_norm = window_dot = None
    if cached is not None:
        other = chunks(cached)
        step_dot = np.where(own.finite & other.finite, dot(own, other), np.float32(0))
        step_norm = dot(other, other) if cached.dtype == np.int8 else None
    if reference is not None:
        other = _pick(own, np.maximum(reference, 0))
        window_dot = np.where(own.finite & other.finite & (reference >= 0), dot(own, other), np.float32(0))
    return Sums(norm, step_dot, step_norm, window_dot)


def similar(product: np.ndarray, norm_a: np.ndarray, norm_b: np.ndarray, threshold: np.ndarray | float) -> np.ndarray:
    """Whether the cosine is positive and its square above `threshold`: no division, no root."""
    with np.errstate(invalid="ignore"):
        return (product > 0) & (f32_mul(product, product) > f32_mul(f32_mul(threshold, norm_a), norm_b))


def references(
    rows: int, grid: tuple[int, int], window: tuple[int, int, int], offset: tuple[int, int, int],
) -> np.ndarray:
    """int64[rows]: row of the reference of each row's window, maybe the row itself; -1 where it is beyond the last."""
    r = np.arange(rows, dtype=np.int64)
    n1, n2 = grid
    coordinates = r // (n1 * n2), r // n2 % n1, r % n2
    extents = -(-rows // (n1 * n2)), n1, n2
    found = np.zeros(rows, np.int64)
    for i, n, w, o in zip(coordinates, extents, window, offset, strict=True):
        found = found * n + np.minimum(i - i % w + o, n - 1)
    return np.where(found < rows, found, -1)


def decide(
    x: np.ndarray | None, *, cached: np.ndarray | None = None, norm: np.ndarray | None = None,
    age: np.ndarray | None = None, grid: tuple[int, int] = (1, 1), window: tuple[int, int, int] | None = None,
    offset: tuple[int, int, int] = (0, 0, 0),
    thr_window: float = 1.0, thr_step: float = 1.0, max_age: int = MAX_AGE, mask: np.ndarray | None = None, fill: int = 0,
) -> Decision:
    """Which rows of x, float16[rows, cols], are computed.

    cached: float16 (then `norm` are the squared norms of these rows) or int8 [rows, cols]; with it rows may be dropped
    as `step`; age: their ages. window and offset: sizes and reference of windows. thr_*: squared cosines. mask:
    bool[rows], true keeps; then x is not looked at. fill: rows of a tile of the array, which the kept rows fill (`filled`).
    """
    rows = len(x) if mask is None else len(mask)
    place = np.full(rows, -1) if window is None else references(rows, grid, window, offset)
    other = place != np.arange(rows)
    older = np.full(rows, 1) if age is None else np.minimum(np.asarray(age, np.int64) + 1, MAX_AGE)
    none = np.zeros(rows, bool)
    if mask is not None:
        kept = np.asarray(mask, bool)
        fresh = np.full(rows, INFINITY)
        recovered = ~kept & (place >= 0) & other & kept[np.maximum(place, 0)]
        step = ~kept if window is None else none
    else:
        sums = row_sums(x, cached, None if window is None else np.where(other, place, -1))
        fresh, step, recovered = sums.norm, none, none
        if cached is not None:
            known = norm if sums.step_norm is None else sums.step_norm
            step = (older <= max_age) & similar(sums.step_dot, fresh, known, np.float32(thr_step))
            if window is None and fill:
                step = filled(step, fill)
        if window is not None:
            at = np.maximum(place, 0)
            recovered = (place >= 0) & other & ~step & ~step[at]
            recovered = recovered & similar(sums.window_dot, fresh, fresh[at], np.float32(thr_window))
    kept = ~step & ~recovered
    slots = np.cumsum(kept) - 1
    slot = np.where(step, 0, slots[np.where(recovered, place, np.arange(rows))])
    old = np.zeros(rows, np.float32) if norm is None else np.asarray(norm, np.float32)
    return Decision(kept, step, recovered, place, slot, np.where(step, older, 0), np.where(step, old, fresh))


def filled(step: np.ndarray, fill: int) -> np.ndarray:
    """`step`, bool[rows], without the last rows that the kept ones before them need to fill a multiple of `fill`: the array
    would spend the cycles anyway."""
    filled = (np.cumsum(~step) - ~step) % fill  # rows of the open tile in front of each row
    needed = (filled > 0) & (np.arange(len(step), 0, -1) <= fill - filled)
    return step & ~np.maximum.accumulate(needed)


def _rows(vbuf: np.ndarray, base: int, step: int, rows: int, cols: int, dtype: type) -> np.ndarray:
    """dtype[rows, cols] of rows of contiguous elements in vbuf."""
    units = -(-cols * np.dtype(dtype).itemsize // UNIT)
    at = base + np.arange(rows, dtype=np.int64)[:, None] * step + np.arange(units)
    return vbuf[at % len(vbuf)].reshape(rows, -1).view(dtype)[:, :cols]


def decision(f: Mapping[str, int], vbuf: np.ndarray) -> Decision:
    """The decision of an SU on a buffer image uint8[units, 16]."""
    rows, cols = f["rows"], f["cols"]
    window = (f["w0"], f["w1"], f["w2"]) if f["window"] else None
    norm = age = mask = x = cached = None
    if reads_meta(f):
        meta = _rows(vbuf, f["meta_base"], 1, 1, 2 * (rows + rows % 2), np.uint32)[0].reshape(-1, 2)[:rows]
        norm, age = np.ascontiguousarray(meta[:, 0]).view(np.float32), meta[:, 1] & 255
    if f["mask"]:
        raw = _rows(vbuf, f["mask_base"], 1, 1, -(-rows // 8), np.uint8)[0]
        mask = np.unpackbits(raw, bitorder="little")[:rows] != 0
    else:
        x = _rows(vbuf, f["x_base"], f["x_step"], rows, cols, np.float16)
        if f["step"]:
            cached = _rows(vbuf, f["c_base"], f["c_step"], rows, cols, np.int8 if f["c_int8"] else np.float16)
    thresholds = np.array([f["thr_window"], f["thr_step"]], np.uint32).view(np.float32)
    return decide(x, cached=cached, norm=norm, age=age, grid=(f["n1"], f["n2"]), window=window,
                  offset=(f["o0"], f["o1"], f["o2"]), thr_window=thresholds[0], thr_step=thresholds[1],
                  max_age=f["max_age"], mask=mask, fill=f["fill"])


def entry(**values: np.ndarray | int) -> np.ndarray:
    """uint32 entries of mbuf from arrays of their fields."""
    word: np.ndarray | int = 0
    for field in LIST_ENTRY:
        word = word | np.asarray(values.get(field.name, 0), np.int64) << field.lsb
    return np.asarray(word).astype(np.uint32)


def results(f: Mapping[str, int], vbuf: np.ndarray) -> Results:
    """Everything that an SU writes; `vbuf` is uint8[units, 16] and stays as it is."""
    d = decision(f, vbuf)
    rows = f["rows"]
    r, kept, written = np.arange(rows), np.flatnonzero(d.kept), d.written
    own = entry(row=r, slot=d.slot)
    # The kept list, then row by row the map and, unless the row has step, the write list.
    turn = np.argsort(np.concatenate([2 * r, 2 * written + 1]))
    addr = np.concatenate([f["map_base"] + r, f["write_base"] + np.arange(len(written))])[turn]
    data = np.concatenate([entry(row=r, slot=d.slot, step=d.step, age=d.age), own[written]])[turn]
    addr = np.concatenate([f["list_base"] + np.arange(len(kept)), addr]) % MBUF_ENTRIES
    data = np.concatenate([own[kept], data])

    meta = np.zeros((rows + rows % 2 if f["meta"] else 0, 2), np.uint32)
    if f["meta"]:
        meta[:rows, 0], meta[:rows, 1] = d.norm.astype(np.float32).view(np.uint32), d.age
    units = len(meta) // 2
    counts = {f["count_kept"]: len(kept)} | {f["count_written"]: len(written)}
    counts.pop(0, None)
    places = (f["meta_base"] + np.arange(units)) % len(vbuf)
    return Results(addr, data, places, meta.reshape(units, 4).view(np.uint8), counts, d)


def reads_meta(f: Mapping[str, int]) -> bool:
    """Whether ages and norms are looked at: a window's mask has no use for them."""
    return bool(f["meta"] and (f["step"] or (f["mask"] and not f["window"])))


def reads(f: Mapping[str, int]) -> int:
    """Passes of 32 elements over the rows, INT8 norms included: one a cycle."""
    if f["mask"]:
        return 0
    rows, number = f["rows"], -(-f["cols"] // CHUNK)
    passes = rows * (1 + f["step"] * (1 + f["c_int8"]))
    if f["window"]:
        place = references(rows, (f["n1"], f["n2"]), (f["w0"], f["w1"], f["w2"]), (f["o0"], f["o1"], f["o2"]))
        passes += int(((place >= 0) & (place != np.arange(rows))).sum())
    return number * passes


def ideal_cycles(f: Mapping[str, int]) -> int:
    """Cycles without waiting: the chunks one a cycle (a row no faster than its decision, 5 cycles), ages of two rows a
    cycle, two cycles a row for the windows and the kept list, two for map, write list and meta."""
    rows = f["rows"]
    return max(reads(f) + reads_meta(f) * -(-rows // 2), 5 * rows) + 4 * rows
