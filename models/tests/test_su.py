"""The su model against plain loops over integers and fractions that follow the text of docs/su.md."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from models import su
from models.isa import LIST_ENTRY
from models.numerics import f32_mul


def _element(value: np.generic) -> tuple[int, int, int]:
    """(sign, significand, exponent field, at least 1) of a float16."""
    bits = int(value.view(np.uint16))
    field = bits >> 10 & 31
    return (-1 if bits >> 15 else 1), (bits & 1023) + (1024 if field else 0), max(field, 1)


def _chunk(values: np.ndarray) -> tuple[list[int], int]:
    """Signed integers and exponent of a chunk."""
    if values.dtype == np.int8:
        return [int(v) * 256 for v in values], 22
    elements = [_element(v) for v in values]
    top = max([e for _, _, e in elements], default=1)
    return [s * (m * 32 // 2 ** (top - e)) for s, m, e in elements], top


def _sum(a: np.ndarray, b: np.ndarray) -> Fraction:
    """Row a by row b: chunks in order, the smaller addend floored, the result cut to 24 bits."""
    total, scale = 0, 0
    for start in range(0, len(a), 32):
        (x, ex), (y, ey) = _chunk(a[start:start + 32]), _chunk(b[start:start + 32])
        product, exponent = sum(p * q for p, q in zip(x, y, strict=True)), ex + ey
        if exponent > scale:
            total, scale = total // 2 ** (exponent - scale) + product, exponent
        else:
            total += product // 2 ** (scale - exponent)
        assert abs(total) < 2**50
    cut = max(abs(total).bit_length() - 24, 0)
    value = Fraction(abs(total) >> cut) * 2**cut * Fraction(2) ** (scale - 60)
    return -value if total < 0 else value


def _rows(rng: np.random.Generator, rows: int, cols: int) -> np.ndarray:
    """Rows of ordinary, wide, subnormal, huge and zero values."""
    x = rng.normal(0, 1, (rows, cols)) * 2.0 ** rng.integers(-20, 10, (rows, 1))
    wide = rng.random(rows) < 0.4
    x[wide] *= 2.0 ** rng.integers(-12, 6, (wide.sum(), cols))
    x[rng.random(rows) < 0.1] = 0
    return x.astype(np.float16)


@pytest.mark.parametrize("cols", [1, 7, 31, 32, 33, 64, 200, 300])
def test_sums(cols: int) -> None:
    """All three sums, FP16 and INT8."""
    rng = np.random.default_rng(cols)
    x, c = _rows(rng, 24, cols), _rows(rng, 24, cols)
    c8 = rng.integers(-128, 128, (24, cols)).astype(np.int8)
    place = rng.integers(-1, 24, 24)
    wide, narrow = su.row_sums(x, c, place), su.row_sums(x, c8)
    for r in range(24):
        assert Fraction(float(wide.norm[r])) == _sum(x[r], x[r])
        assert Fraction(float(wide.step_dot[r])) == _sum(x[r], c[r])
        assert Fraction(float(narrow.step_dot[r])) == _sum(x[r], c8[r])
        assert Fraction(float(narrow.step_norm[r])) == _sum(c8[r], c8[r])
        assert Fraction(float(wide.window_dot[r])) == (_sum(x[r], x[place[r]]) if place[r] >= 0 else 0)
    assert not np.signbit(wide.step_dot[wide.step_dot == 0]).any()


def test_sums_are_near_the_exact_ones() -> None:
    """Against float64: the truncation costs less than 2^-9 of the product of norms, and nothing ordinary vanishes."""
    rng = np.random.default_rng(1)
    x = _rows(rng, 200, 384)
    y = (x + _rows(rng, 200, 384)).astype(np.float16)
    exact = (x.astype(np.float64) * y.astype(np.float64)).sum(axis=1)
    size = np.sqrt((x.astype(np.float64)**2).sum(axis=1) * (y.astype(np.float64)**2).sum(axis=1))
    assert (np.abs(su.row_sums(x, y).step_dot - exact) <= size * 2.0**-9).all()
    tiny, largest = np.full((1, 1), 2.0**-24, np.float16), np.full((1, 65535), 65504.0, np.float16)
    one = np.ones((1, 1), np.int8)
    assert float(su.row_sums(tiny).norm[0]) == 2.0**-48
    assert float(su.row_sums(tiny, one).step_dot[0]) == 2.0**-24
    for sums in (su.row_sums(largest, largest), su.row_sums(largest, np.full((1, 65535), -128, np.int8))):
        assert np.isfinite(f32_mul(sums.step_dot, sums.step_dot)).all() and float(sums.norm[0]) > 2.0**47


def test_equal_rows_have_equal_sums() -> None:
    """An all-equal pair: dot and both norms are one number, and similar to any threshold below 1."""
    x = _rows(np.random.default_rng(2), 50, 100)
    sums = su.row_sums(x, x, np.arange(50))
    assert (sums.norm == sums.step_dot).all() and (sums.norm == sums.window_dot).all()
    some = sums.norm > 0
    assert su.similar(sums.step_dot, sums.norm, sums.norm, np.float32(0.9999))[some].all()
    assert not su.similar(sums.step_dot, sums.norm, sums.norm, np.float32(1.0)).any()


def test_not_finite() -> None:
    """A row with an infinity or NaN has an infinite norm and no product."""
    x = np.ones((4, 40), np.float16)
    x[1, 39], x[2, 0] = np.nan, -np.inf
    sums = su.row_sums(x, x[::-1], np.zeros(4, np.int64))
    assert np.isinf(sums.norm).tolist() == [False, True, True, False]
    assert sums.step_dot.tolist() == [40, 0, 0, 40] and sums.window_dot.tolist() == [40, 0, 0, 40]


def _reference(r: int, rows: int, n: tuple[int, int], w: tuple[int, int, int], o: tuple[int, int, int]) -> int | None:
    """By lists: the window of a row is the cell that holds it; its reference the cell's clipped offset."""
    n1, n2 = n
    n0 = (rows + n1 * n2 - 1) // (n1 * n2)
    at = []
    for i, size, width, off in zip((r // (n1 * n2), r // n2 % n1, r % n2), (n0, n1, n2), w, o, strict=True):
        cell = [j for j in range(size) if j // width == i // width]
        at.append(cell[min(off, len(cell) - 1)])
    row = (at[0] * n1 + at[1]) * n2 + at[2]
    return row if row < rows else None


def _alike(dot: np.float32, a: np.float32, b: np.float32, threshold: np.float32) -> bool:
    return bool(dot > 0 and f32_mul(dot, dot) > f32_mul(f32_mul(threshold, a), b))


def _decide(
    f: dict, x: np.ndarray, c: np.ndarray, norm: np.ndarray, age: np.ndarray, mask: np.ndarray,
) -> list[tuple[str, int]]:
    """(kind, row whose result is taken) of each row, rule by rule."""
    rows = f["rows"]
    thresholds = [np.uint32(f[k]).view(np.float32) for k in ("thr_window", "thr_step")]
    grid, sizes = (f["n1"], f["n2"]), (f["w0"], f["w1"], f["w2"])
    refs = [_reference(r, rows, grid, sizes, (f["o0"], f["o1"], f["o2"])) for r in range(rows)]
    if f["mask"]:
        def by_mask(r: int) -> tuple[str, int]:
            if mask[r]:
                return "kept", r
            if not f["window"]:
                return "step", r
            at = refs[r]
            return ("window", at) if at is not None and at != r and mask[at] else ("kept", r)
        return [by_mask(r) for r in range(rows)]

    def fits(row: np.ndarray) -> bool:
        return bool(np.isfinite(row.astype(np.float64)).all())

    def norm_of(row: np.ndarray) -> np.float32:
        return np.float32(float(_sum(row, row)))

    good = [fits(x[r]) and _sum(x[r], x[r]) > 0 for r in range(rows)]
    steps = []
    for r in range(rows):
        known = norm_of(c[r]) if f["c_int8"] else norm[r]
        steps.append(bool(f["step"] and good[r] and min(int(age[r]) + 1, 15) <= f["max_age"] and fits(c[r])
                          and _alike(np.float32(float(_sum(x[r], c[r]))), norm_of(x[r]), known, thresholds[1])))
    if f["fill"] and not f["window"]:
        open_rows = 0  # of the array's last tile
        for r in range(rows):
            steps[r] = steps[r] and not (open_rows and open_rows + rows - r <= f["fill"])
            open_rows = (open_rows + (not steps[r])) % f["fill"]
    out = []
    for r in range(rows):
        at = refs[r]
        windowed = (f["window"] and good[r] and not steps[r] and at is not None and at != r and not steps[at]
                    and fits(x[at]) and _alike(np.float32(float(_sum(x[r], x[at]))), norm_of(x[r]), norm_of(x[at]),
                                               thresholds[0]))
        out.append(("step", r) if steps[r] else ("window", at) if windowed else ("kept", r))
    return out


@pytest.mark.parametrize("seed", range(60))
def test_results(seed: int) -> None:
    """Every write of random commands: kept list, map, write list, meta, counts."""
    rng = np.random.default_rng(seed)
    mask_mode = seed % 5 == 0
    f = {"window": int(rng.integers(0, 2)), "mask": int(mask_mode), "c_int8": int(rng.integers(0, 2))}
    f["meta"] = int(rng.integers(0, 2))
    f["step"] = int(f["meta"] and not mask_mode and rng.random() < 0.7)
    rows, cols = int(rng.integers(1, 40)), int(rng.integers(1, 70))
    f |= {"rows": rows, "cols": cols, "n1": int(rng.integers(1, 5)), "n2": int(rng.integers(1, 6))}
    f["max_age"], f["fill"] = int(rng.integers(0, 16)), int(rng.choice([0, 1, 4, 8, 30]))
    for k in "012":
        f[f"w{k}"] = int(rng.integers(1, 9))
        f[f"o{k}"] = int(rng.integers(0, f[f"w{k}"]))
    for name in ("thr_window", "thr_step"):
        f[name] = int(np.float32(rng.choice([0.3, 0.9, 0.99])).view(np.uint32))
    x = (rng.normal(0, 1, cols) + rng.normal(0, 0.3, (rows, cols))).astype(np.float16)
    x[rng.random(rows) < 0.1] = 0
    x[rng.random(rows) < 0.1, 0] = np.inf
    c = np.where(np.isfinite(x), x, 0) * rng.choice([0.5, 1.0])
    c = np.clip(np.rint(c * 30), -128, 127).astype(np.int8) if f["c_int8"] else c.astype(np.float16)
    if not f["c_int8"]:
        c[rng.random(rows) < 0.1, 0] = np.nan
    norm = np.array([float(_sum(r, r)) for r in c], np.float32) * np.float32(rng.choice([1.0, 1.5]))
    age, mask = rng.integers(0, 18, rows), rng.random(rows) < 0.5

    units = 2048
    vbuf = rng.integers(0, 256, (units, 16), np.uint8)
    flat = vbuf.reshape(-1)
    for name, data, base in (("x", x, 100), ("c", c, 800)):
        step = -(-data[0].nbytes // 16) + int(rng.integers(0, 3))
        f |= {f"{name}_base": base, f"{name}_step": step}
        for r in range(rows):
            flat[16 * (base + r * step):][:data[r].nbytes] = data[r].view(np.uint8)
    f |= {"meta_base": 2040, "mask_base": 1900, "list_base": 10, "map_base": 3000, "write_base": 65500}
    f |= {"count_kept": 3, "count_written": 0}
    for r in range(rows):
        unit = (2040 + r // 2) % units
        vbuf[unit, 8 * (r % 2):8 * (r % 2) + 4] = norm[r:r + 1].view(np.uint8)
        vbuf[unit, 8 * (r % 2) + 4] = age[r]
        byte = 16 * 1900 + r // 8
        flat[byte] = int(flat[byte]) & ~(1 << r % 8) | int(mask[r]) << r % 8
    before = vbuf.copy()
    got = su.results(f, vbuf)
    assert (vbuf == before).all()

    kinds = _decide(f, x, c, norm, age, mask)
    kept = [r for r, (k, _) in enumerate(kinds) if k == "kept"]
    position = {r: i for i, r in enumerate(kept)}

    def packed(**values: int) -> int:
        return sum(values.get(field.name, 0) << field.lsb for field in LIST_ENTRY)

    want, entries, meta = [(10 + i, packed(row=r, slot=i)) for i, r in enumerate(kept)], 0, []
    for r, (kind, source) in enumerate(kinds):
        old_known = f["meta"] and (f["step"] or (f["mask"] and not f["window"]))
        older = min(int(age[r]) + 1, 15) if old_known else 1
        if kind == "step":
            want.append((3000 + r, packed(row=r, step=1, age=older)))
            meta.append((norm[r].tobytes(), older))
            continue
        slot = position[source]
        want += [(3000 + r, packed(row=r, slot=slot)), ((65500 + entries) % 65536, packed(row=r, slot=slot))]
        entries += 1
        infinite = f["mask"] or not np.isfinite(x[r].astype(np.float64)).all()
        meta.append((np.float32(np.inf if infinite else float(_sum(x[r], x[r]))).tobytes(), 0))
    assert list(zip(got.mbuf_addr.tolist(), got.mbuf_data.tolist(), strict=True)) == want
    assert got.counts == {3: len(kept)} and got.kept.tolist() == [k == "kept" for k, _ in kinds]
    raw = b"".join(n + bytes([a, 0, 0, 0]) for n, a in meta) + bytes(8) * (rows % 2)
    assert got.meta_data.tobytes() == (raw if f["meta"] else b"")
    assert got.meta_addr.tolist() == [(2040 + i) % units for i in range(len(raw) // 16 if f["meta"] else 0)]


def test_references() -> None:
    """Every shape up to the largest, clipped and ragged."""
    rng = np.random.default_rng(5)
    for _ in range(300):
        rows, n = int(rng.integers(1, 200)), (int(rng.integers(1, 9)), int(rng.integers(1, 12)))
        w = tuple(int(v) for v in rng.integers(1, 9, 3))
        o = tuple(int(rng.integers(0, v)) for v in w)
        want = [_reference(r, rows, n, w, o) for r in range(rows)]
        assert su.references(rows, n, w, o).tolist() == [-1 if v is None else v for v in want]


def test_cycles_grow_with_what_is_read() -> None:
    """A window adds a read for every row that has another row as reference, INT8 a cycle, a mask reads no rows."""
    f = {"window": 0, "step": 0, "mask": 0, "meta": 0, "c_int8": 0, "rows": 8, "cols": 320, "n1": 1, "n2": 8, "w0": 1,
         "w1": 1, "w2": 4, "o0": 0, "o1": 0, "o2": 1}
    assert su.reads(f) == 80 and su.ideal_cycles(f) == 80 + 32
    assert su.reads(f | {"window": 1}) == 80 + 60
    assert su.reads(f | {"step": 1}) == 160 and su.reads(f | {"step": 1, "c_int8": 1}) == 240
    assert su.ideal_cycles(f | {"step": 1, "meta": 1}) == 160 + 4 + 32
    assert su.reads(f | {"mask": 1}) == 0 and su.ideal_cycles(f | {"mask": 1}) == 40 + 32


@pytest.mark.parametrize("fill", [1, 2, 4, 12, 64, 255])
def test_filling_costs_no_tile(fill: int) -> None:
    """Rows are only added, at the end, and never beyond the tile of the array that the kept ones need anyway; then it is full, or the
    rows are at their end."""
    rng = np.random.default_rng(fill)
    added = 0
    for rows in (1, 3, 64, 200, 1024):
        for share in (0.0, 0.1, 0.5, 0.97, 1.0):
            step = rng.random(rows) < share
            out = su.filled(step, fill)
            before, after = int((~step).sum()), int((~out).sum())
            assert not (out & ~step).any() and -(-before // fill) == -(-after // fill)
            assert after % fill == 0 or not out[-1], "the last tile is open: the rows have ended in it"
            added += after - before
    assert (added > 0) == (fill > 1)
