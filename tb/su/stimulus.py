"""Random commands for the su: sources, densities, grids and windows, special values, thresholds on the edge.

A scene is a list of commands with one image of vbuf; a command's regions meet no other's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from models import su
from models.isa import MAX_LIST_ROWS

UNITS = 8192
# name: fields
SOURCES: dict[str, dict[str, int]] = {
    "norms": {"meta": 1},
    "window": {"window": 1},
    "window_meta": {"window": 1, "meta": 1},
    "step_f16": {"step": 1, "meta": 1},
    "step_i8": {"step": 1, "meta": 1, "c_int8": 1},
    "both_f16": {"window": 1, "step": 1, "meta": 1},
    "both_i8": {"window": 1, "step": 1, "meta": 1, "c_int8": 1},
    "mask": {"mask": 1},
    "mask_meta": {"mask": 1, "meta": 1},
    "mask_window": {"mask": 1, "window": 1, "meta": 1},
}
DENSITIES = {"none": 0.0, "few": 0.15, "half": 0.5, "most": 0.85, "all": 1.0}  # rows that resemble their partner
PATTERNS = ("scattered", "clustered")
WINDOWS = {"row": (1, 1, 1), "line": (1, 1, 4), "column": (4, 1, 1), "plane": (1, 3, 5), "cube": (2, 2, 2),
           "largest": (8, 8, 8), "any": None}
BORDERS = ("fit", "clipped", "ragged")
SPECIALS = ("normal", "subnormal", "huge", "equal", "zero", "nonfinite", "wide", "any_bits")
COLUMNS = ("chunks", "units", "odd")
EDGES = ("no", "window_just", "window_not", "step_just", "step_not")
FILLS = ("none", "unused", "full", "open")  # kept rows against whole tiles of the array
AGES = ("young", "at_limit", "over", "oldest")
PRESSURES = {"none": (0, 0, 0), "port0": (128, 0, 0), "port1": (0, 128, 0), "write": (0, 0, 200), "all": (90, 90, 180)}


@dataclass
class Command:
    """Fields of one instruction and what it covers."""

    fields: dict[str, int]
    covers: dict[str, str]
    idles: int = 0


@dataclass
class Scene:
    """Commands and vbuf before them, uint8[UNITS, 16]."""

    pressure: str
    vbuf: np.ndarray
    commands: list[Command] = field(default_factory=list)
    reset_after: int = 0  # cycles after which a reset ends the scene; 0: it runs to its end


def filled(f: dict[str, int], d: su.Decision) -> str:
    """Class of FILLS of a decided command."""
    if f["fill"] < 2:
        return "none"
    if not f["step"] or f["window"]:
        return "unused"
    return "full" if d.kept.any() and d.kept.sum() % f["fill"] == 0 else "open"


def raw(x: float) -> int:
    """Bit pattern of an FP32 number."""
    return int(np.float32(x).view(np.uint32))


def last_true(test: Callable[[np.float32], bool]) -> np.float32:
    """The greatest positive float32 for which `test`, monotone, still holds (0 if for none)."""
    low, high = 0, 0x7F7FFFFF
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if test(np.uint32(middle).view(np.float32)) else (low, middle - 1)
    return np.uint32(low).view(np.float32)


def grid_of(rng: np.random.Generator, rows: int, window: tuple[int, int, int], border: str) -> tuple[int, int, int]:
    """(rows, n1, n2) of a grid of about `rows` rows whose border is of the wanted kind."""
    w0, w1, w2 = window
    if border == "fit":
        n2 = w2 * int(rng.integers(1, 1 + max(1, 12 // w2)))
        n1 = w1 * int(rng.integers(1, 1 + max(1, 6 // w1)))
        n0 = max(w0, rows // (n1 * n2) // w0 * w0)
        return n0 * n1 * n2, n1, n2
    n2, n1 = int(rng.integers(1, 14)), int(rng.integers(1, 8))
    if border == "ragged":
        if n1 * n2 == 1:
            n2 = 3
        rows += 1 if rows % (n1 * n2) == 0 else 0
        if rng.random() < 0.1:
            n1, n2 = (4095, n2) if rng.random() < 0.5 else (n1, 4095)
    return rows, n1, n2


class Builder:
    """Fills a scene."""

    def __init__(self, rng: np.random.Generator, pressure: str) -> None:
        self.rng = rng
        self.scene = Scene(pressure, rng.integers(0, 256, (UNITS, 16), np.uint8))
        self.at = int(rng.integers(0, UNITS))  # allocation wraps around the end of the buffer
        self.used = 0

    def fits(self, rows: int, cols: int) -> bool:
        """Whether a command of this size finds room."""
        return self.used + rows * (2 * (-(-cols // 8)) + 6) + 32 < UNITS

    def _place(self, data: np.ndarray) -> tuple[int, int]:
        """Rows of any type into vbuf: (base, step)."""
        units = -(-data[0].nbytes // 16)
        step = units + int(self.rng.integers(0, 3))
        base = self.at + int(self.rng.integers(0, 3))
        for r, row in enumerate(data):
            flat = np.ascontiguousarray(row).view(np.uint8)
            at = (base + r * step + np.arange(units)) % UNITS
            block = self.scene.vbuf[at].reshape(-1)
            block[:len(flat)] = flat
            self.scene.vbuf[at] = block.reshape(-1, 16)
        self.used += step * len(data) + 4
        self.at = (base + step * len(data) + 1) % UNITS
        return base % UNITS, step

    def _special(self, x: np.ndarray, kind: str) -> np.ndarray:
        """Rows of another class: half of the rows, or all."""
        rng, (rows, cols) = self.rng, x.shape
        y = x.astype(np.float64)
        some = np.flatnonzero(rng.random(rows) < 0.6)
        if kind == "subnormal":
            y *= 2.0**-15
        elif kind == "huge":
            y *= 60000.0 / np.abs(y).max()
        elif kind == "equal":
            y[:] = y[0]
        elif kind == "zero":
            y[some] = rng.choice([0.0, -0.0])
        elif kind == "wide":
            y *= 2.0 ** rng.integers(-20, 8, cols)
        with np.errstate(over="ignore"):
            y = y.astype(np.float16)
        if kind == "nonfinite":
            for r in some:
                y[r, rng.integers(cols)] = rng.choice([np.inf, -np.inf, np.nan])
        elif kind == "any_bits":
            y[some] = rng.integers(0, 65536, (len(some), cols), np.uint16).view(np.float16)
        return y

    def command(self, source: str, rows: int, cols: int, *, density: str = "half", pattern: str = "scattered",
                shape: str = "cube", border: str = "clipped", special: str = "normal", edge: str = "no",
                age: str = "young", idles: int = 0, grid: tuple[int, int] | None = None) -> None:
        """Append a command; rows may change a little to suit the border."""
        rng = self.rng
        f = {"window": 0, "step": 0, "mask": 0, "meta": 0, "c_int8": 0} | SOURCES[source]
        window = WINDOWS[shape] or tuple(int(w) for w in rng.integers(1, 9, 3))
        offset = tuple(int(rng.integers(0, w)) for w in window)
        rows, n1, n2 = grid_of(rng, rows, window, border)
        rows = min(rows, MAX_LIST_ROWS)
        n1, n2 = grid or (n1, n2)
        f |= {"rows": rows, "cols": cols, "n1": n1, "n2": n2, "max_age": int(rng.integers(1, 15))}
        f |= dict(zip(("w0", "w1", "w2", "o0", "o1", "o2"), window + offset, strict=True))
        f |= {"fill": int(rng.choice([0, 1, 2, 4, 8, 64, 128, rng.integers(1, 256)]))}
        f |= {"count_kept": int(rng.integers(0, 16)), "count_written": int(rng.integers(0, 16))}
        f |= {name: int(rng.integers(0, 60000)) for name in ("list_base", "map_base", "write_base")}
        place = su.references(rows, (n1, n2), window, offset)

        # Rows: those that are alike are near their reference, their cached row near them.
        draw = rng.random((2, rows))
        if pattern == "clustered":
            draw = np.repeat(rng.random((2, -(-rows // 8))), 8, 1)[:, :rows]
        alike = draw < DENSITIES[density]
        x = rng.normal(0, 1, (rows, cols))
        near = alike[0] & (place >= 0)
        noise = rng.choice([0.01, 0.3])
        x[near] = x[np.maximum(place, 0)][near] * rng.uniform(0.5, 2, (near.sum(), 1))
        x[near] += rng.normal(0, noise, (near.sum(), cols))
        x = self._special(x, special)
        finite = np.where(np.isfinite(x), x, np.float16(0)).astype(np.float64)
        cached = np.where(alike[1][:, None], finite * rng.uniform(0.7, 1.2, (rows, 1)), rng.normal(0, 1, (rows, cols)))
        norm = np.full(rows, np.inf, np.float32)
        if f["c_int8"]:
            top = np.maximum(np.abs(cached).max(axis=1, keepdims=True), 1e-30)
            cached = np.clip(np.rint(cached / top * rng.integers(2, 129)), -128, 127).astype(np.int8)
        else:
            with np.errstate(over="ignore"):
                cached = cached.astype(np.float16)
            if special == "equal":
                cached[:] = x
            if special == "nonfinite":
                cached[rng.integers(rows), rng.integers(cols)] = np.inf
            norm = su.row_sums(cached).norm
            if special == "any_bits":
                norm = rng.integers(0, 2**32, rows, np.uint32).view(np.float32)
        ages = {"young": rng.integers(0, 3, rows), "at_limit": np.full(rows, f["max_age"] - 1),
                "over": np.full(rows, f["max_age"]), "oldest": rng.integers(14, 256, rows)}[age]
        thresholds = self._thresholds(x, cached, norm, place, edge, f)
        f |= {"thr_window": raw(thresholds[0]), "thr_step": raw(thresholds[1])}

        f["x_base"], f["x_step"] = self._place(x)
        f["c_base"], f["c_step"] = self._place(cached) if f["step"] else (0, 0)
        meta = np.zeros((rows + rows % 2, 2), np.uint32)
        meta[:rows, 0] = norm.view(np.uint32)
        meta[:rows, 1] = ages.astype(np.uint32) | rng.integers(0, 2**24, rows, np.uint32) << 8
        f["meta_base"] = self._place(meta.reshape(1, -1))[0]
        bits = np.packbits(~alike[0], bitorder="little")
        f["mask_base"] = self._place(bits.reshape(1, -1))[0]
        covers = {
            "cp_source": source, "cp_density": density, "cp_pattern": pattern, "cp_window": shape, "cp_border": border,
            "cp_special": special, "cp_edge": edge, "cp_age": age, "cp_pressure": self.scene.pressure,
            "cp_columns": "chunks" if cols % 32 == 0 else "units" if cols % 8 == 0 else "odd",
        }
        self.scene.commands.append(Command(f, covers, idles))

    def _thresholds(self, x: np.ndarray, cached: np.ndarray, norm: np.ndarray, place: np.ndarray, edge: str,
                    f: dict[str, int]) -> list[float]:
        """Ordinary ones, or one that a row of the tile just exceeds or just does not: neighbours of FP32."""
        rng = self.rng
        out = [float(rng.choice([0.5, 0.9, 0.98, 0.0])), float(rng.choice([0.5, 0.9, 0.98]))]
        if edge == "no":
            if rng.random() < 0.05:
                out = [float(v) for v in rng.choice([np.nan, np.inf, -1.0, -0.0, 1e30], 2)]
            return out
        which = int(edge.startswith("step"))
        sums = su.row_sums(x, cached, place)
        if which:
            product, other = sums.step_dot, norm if sums.step_norm is None else sums.step_norm
        else:
            product, other = sums.window_dot, sums.norm[np.maximum(place, 0)]
        fit = (product > 0) & np.isfinite(sums.norm) & np.isfinite(other) & (other > 0)
        fit &= (place != np.arange(len(place))) if not which else np.ones(len(place), bool)
        if not fit.any():
            return out
        r = int(rng.choice(np.flatnonzero(fit)))
        top = last_true(lambda t: bool(su.similar(product[r], sums.norm[r], other[r], t)))
        out[which] = float(top) if edge.endswith("just") else float(np.nextafter(top, np.float32(np.inf)))
        return out


def random_scene(rng: np.random.Generator, pressure: str, turn: list[int], count: int) -> Scene:
    """Up to `count` commands; classes go round, counted in `turn[0]`, so that their crosses close; sizes are random."""
    build = Builder(rng, pressure)
    sources, densities, shapes, specials = list(SOURCES), list(DENSITIES), list(WINDOWS), list(SPECIALS)
    for _ in range(count):
        n = turn[0]
        source = sources[n % len(sources)]
        f = SOURCES[source]
        edges = ["no"] + [e for e in EDGES if e.split("_")[0] in f and "mask" not in f]
        cols = int(rng.choice([rng.integers(1, 33), rng.integers(1, 200), 32 * rng.integers(1, 6),
                               8 * rng.integers(1, 25)]))
        rows = int(rng.choice([1, 2, rng.integers(3, 30), rng.integers(30, 100)]))
        lap = n // len(sources)
        shape, border = shapes[lap % len(shapes)], BORDERS[int(rng.integers(3))]
        if border == "fit":  # whole windows may need many rows
            rows, cols = (512, min(cols, 24)) if shape in ("largest", "any") else (max(rows, 60), min(cols, 72))
        if build.scene.commands and not build.fits(rows, cols):
            break
        turn[0] += 1
        build.command(source, rows, cols, density=densities[lap % len(densities)],
                      pattern=PATTERNS[int(rng.integers(2))], shape=shape, border=border,
                      special=specials[lap % len(specials)], edge=str(rng.choice(edges)),
                      age=str(rng.choice(AGES)), idles=int(rng.choice([0, 0, 0, rng.integers(1, 30)])))
    return build.scene
