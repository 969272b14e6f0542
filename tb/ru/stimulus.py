"""Random commands for the ru: both operations, maps of every density, rows with special values, overlaid results.

A scene is a set of commands whose regions of vbuf and mbuf do not meet, and the memory images that they start from.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from models.isa import RuOp

UNITS, ENTRIES = 8192, 2048
MAX_AGE = 15

OPS = tuple(op.name for op in RuOp)
DENSITIES = ("none", "few", "half", "most", "all")  # rows with step: 0, up to 1/4, less than 3/4, less than all, all
PATTERNS = ("runs", "scattered")
EXTRAPOLATE = (0, 1)
OVERLAYS = ("none", "c1", "c2")
DATA = ("normal", "near", "subnormal", "huge", "infinite", "nan", "any_bits")
COEFS = ("usual", "zero", "negative", "subnormal", "huge", "infinite", "nan")
SIZES = ("one", "two", "odd", "even")
ROWS = ("one", "few", "many", "long")
AGES = ("zero", "one", "some", "most")
PRESSURES = {"none": (0, 0), "read": (128, 0), "write": (0, 150), "both": (90, 200)}


@dataclass
class Command:
    """Fields of one instruction, how many of its rows have step, and what it covers."""

    fields: dict[str, int]
    step_rows: int
    covers: dict[str, str | int]
    ages: set[str]
    idles: int = 0


@dataclass
class Scene:
    """Commands and the memories before them: vbuf uint8[UNITS, 16], mbuf uint32[ENTRIES]."""

    pressure: str
    vbuf: np.ndarray
    mbuf: np.ndarray
    commands: list[Command] = field(default_factory=list)
    reset_after: int = 0  # cycles after which a reset ends the scene; 0: it runs to its end


def special(rng: np.random.Generator, kind: str, shape: tuple[int, int]) -> np.ndarray:
    """float16[rows, elements] of a class in DATA; every row holds what gives the class its name."""
    x = rng.normal(0, 10.0 ** rng.integers(-2, 2), shape)
    at = np.arange(shape[0]), rng.integers(0, shape[1], shape[0])
    if kind == "subnormal":
        x = 2.0**-24 * rng.integers(-1000, 1000, shape)
        x[at] = rng.choice([0.0, -0.0], shape[0])
    elif kind == "huge":
        x = 65504.0 * rng.uniform(-1, 1, shape)
        x[at] = rng.choice([-65504.0, 65504.0], shape[0])
    elif kind == "infinite":
        x[at] = rng.choice([-np.inf, np.inf], shape[0])
    elif kind == "nan":
        x = x.astype(np.float16)
        x.view(np.uint16)[at] = rng.choice(np.array([0x7E00, 0xFE00, 0x7C01, 0xFFFF], np.uint16), shape[0])
        return x
    elif kind == "any_bits":
        return rng.integers(0, 1 << 16, shape).astype(np.uint16).view(np.float16)
    return x.astype(np.float16)


def coefficient(rng: np.random.Generator, kind: str) -> int:
    """FP32 bits of a class in COEFS."""
    if kind == "subnormal":
        return int(rng.integers(1, 1 << 23)) | int(rng.integers(2)) << 31
    choices = {"usual": (0.5, 1.0, 0.0917, 1 / 3), "zero": (0.0, -0.0), "negative": (-0.5, -1.0, -0.07),
               "huge": (3e38, -1e30, 7e4), "infinite": (np.inf, -np.inf), "nan": (np.nan,)}
    return int(np.float32(rng.choice(choices[kind])).view(np.uint32))


def step_count(density: str, rows: int) -> int:
    """Rows with step of a density; `few`, `half` and `most` need at least four rows."""
    return {"none": 0, "few": max(rows // 5, 1), "half": rows // 2, "most": rows - max(rows // 6, 1),
            "all": rows}[density]


def density_of(steps: int, rows: int) -> str:
    """The bin of DENSITIES that a map falls into."""
    if steps in (0, rows):
        return "none" if steps == 0 else "all"
    return "few" if 4 * steps <= rows else "half" if 4 * steps < 3 * rows else "most"


def pick_steps(rng: np.random.Generator, count: int, rows: int, pattern: str) -> np.ndarray:
    """bool[rows] with `count` set, as one or two runs or scattered."""
    step = np.zeros(rows, bool)
    if pattern == "scattered":
        step[rng.permutation(rows)[:count]] = True
    else:
        step[:count] = True
        step = np.roll(step, int(rng.integers(rows)))
    return step


class Builder:
    """Fills a scene; every region is used once, with gaps."""

    def __init__(self, rng: np.random.Generator, pressure: str) -> None:
        self.rng = rng
        self.scene = Scene(pressure, rng.integers(0, 256, (UNITS, 16), np.uint8),
                           rng.integers(0, 1 << 32, ENTRIES, np.uint32))
        self.free = self.entries = 0

    def fits(self, rows: int, units: int) -> bool:
        """Whether a command of this size surely fits into what is left: y, c1, c2 and a result."""
        return self.free + 4 * (rows * (units + 2) + 4) <= UNITS and self.entries + rows + 2 <= ENTRIES

    def _rows(self, rows: int, units: int) -> tuple[int, int]:
        """Base and step of an operand, steps with padding or without."""
        step = units + int(self.rng.integers(0, 3))
        base = self.free + int(self.rng.integers(0, 3))
        self.free = base + step * rows + 1
        assert self.free <= UNITS
        return base, step

    def _fill(self, place: tuple[int, int], rows: int, units: int, data: np.ndarray) -> None:
        base, step = place
        for r in range(rows):
            self.scene.vbuf[base + r * step:base + r * step + units] = data[r].view(np.uint8).reshape(units, 16)

    def command(self, rows: int, units: int, *, op: str = "RECOVER", density: str = "half", pattern: str = "scattered",
                extrapolate: int = 1, overlay: str = "none", data: str = "normal", coef: str = "usual", idles: int = 0) -> None:
        """Append a command; the special rows are in all its operands."""
        rng, shape = self.rng, (rows, 8 * units)
        steps = step_count(density, rows)
        step = pick_steps(rng, steps, rows, pattern)
        places = {name: self._rows(rows, units) for name in ("y", "c1", "c2")}
        for name, place in places.items():
            self._fill(place, rows, units, special(rng, "normal" if data == "near" else data, shape))
        if data == "near":  # a row resembles the one before it: the difference cancels
            c1 = special(rng, "normal", shape)
            self._fill(places["c1"], rows, units, c1)
            self._fill(places["c2"], rows, units, (c1.view(np.uint16) ^ rng.integers(0, 4, shape).astype(np.uint16)).view(np.float16))
        d = self._rows(rows, units) if overlay == "none" else places[overlay]

        map_base = self.entries + int(rng.integers(0, 2))
        self.entries = map_base + rows
        age = rng.integers(0, MAX_AGE + 1, rows)
        slots = (rng.integers(0, rows, rows) for _ in range(2))
        reserved = rng.integers(0, 128, rows) << 25
        words = next(slots) | next(slots) << 10 | age << 20 | step.astype(np.int64) << 24 | reserved
        self.scene.mbuf[map_base:self.entries] = words.astype(np.uint32)
        f = {"op": int(RuOp[op]), "extrapolate": extrapolate, "rows": rows, "units": units, "map_base": map_base,
             "coef": coefficient(rng, coef), "d_base": d[0], "d_step": d[1]}
        for name, (base, gap) in places.items():
            f |= {f"{name}_base": base, f"{name}_step": gap}

        ages = {AGES[0 if a == 0 else 1 if a == 1 else 3 if a == MAX_AGE else 2] for a in age[step].tolist()}
        covers = {
            "cp_op": op, "cp_density": density_of(steps, rows), "cp_pattern": pattern, "cp_extrapolate": extrapolate,
            "cp_overlay": overlay, "cp_data": data, "cp_coef": coef, "cp_pressure": self.scene.pressure,
            "cp_units": "one" if units == 1 else "two" if units == 2 else "odd" if units % 2 else "even",
            "cp_rows": "one" if rows == 1 else "few" if rows <= 16 else "many" if rows <= 64 else "long",
        }
        self.scene.commands.append(Command(f, steps, covers, ages, idles))


def size(rng: np.random.Generator) -> tuple[int, int]:
    """Rows and units of a random command: small ones, so that several are in flight, and some large."""
    units = int(rng.choice([1, 1, 2, 2, 3, 4, 5, 8, 9, 16, 27, 40]))
    rows = int(rng.choice([4, 5, 8, 13, 16, 24, 64] if units < 16 else [4, 5, 8, 12]))
    return (int(rng.choice([17, 24, 33, 64])) if units <= 2 and rng.random() < 0.5 else rows), units


def crossed_scenes(rng: np.random.Generator) -> list[Scene]:
    """Every combination of operation, density, extrapolation, overlay and data once, in random order."""
    every = list(itertools.product(OPS, DENSITIES, EXTRAPOLATE, OVERLAYS, DATA))
    scenes, pressures, build = [], list(PRESSURES), None
    for number, index in enumerate(rng.permutation(len(every)).tolist()):
        op, density, extrapolate, overlay, data = every[index]
        rows, units = size(rng)
        if build is None or not build.fits(rows, units):
            build = Builder(rng, pressures[len(scenes) % len(pressures)])
            scenes.append(build.scene)
        idles = int(rng.integers(1, 60)) if len(scenes) // len(pressures) % 2 and rng.random() < 0.3 else 0
        build.command(rows, units, op=op, density=density, pattern=str(rng.choice(PATTERNS)), extrapolate=extrapolate,
                      overlay=overlay, data=data, coef=str(rng.choice(COEFS)), idles=idles)
        assert build.scene.commands[-1].covers["cp_density"] == density, (rows, density, number)
    return scenes


def coefficient_scenes(rng: np.random.Generator) -> list[Scene]:
    """Every class of coef with every class of data, extrapolated."""
    scenes = []
    for pressure in ("none", "both"):
        build = Builder(rng, pressure)
        for coef, data in itertools.product(COEFS, DATA):
            build.command(4, int(rng.integers(1, 4)), coef=coef, data=data, density="all" if pressure == "none" else "half")
        scenes.append(build.scene)
    return scenes


def edge_scenes(rng: np.random.Generator) -> list[Scene]:
    """One row of one unit, back to back; a command of many rows and one of a long row at each pressure."""
    scenes = []
    for pressure in PRESSURES:
        build = Builder(rng, pressure)
        for _ in range(40):
            build.command(int(rng.choice([1, 1, 1, 2, 3])), int(rng.choice([1, 1, 2, 3, 4])), op=str(rng.choice(OPS)),
                          density=str(rng.choice(["none", "all"])), pattern="runs", extrapolate=int(rng.integers(2)),
                          overlay=str(rng.choice(OVERLAYS)), data=str(rng.choice(DATA)), coef=str(rng.choice(COEFS)))
        build.command(500, 1, density=str(rng.choice(DENSITIES[1:4])), pattern=str(rng.choice(PATTERNS)), overlay="c1")
        build.command(1, 301, density=str(rng.choice(["none", "all"])), overlay="c2")
        scenes.append(build.scene)
    return scenes


def reset_scenes(rng: np.random.Generator) -> list[Scene]:
    """A scene that a reset ends in flight, then one that must not notice."""
    scenes = []
    for cycles, pressure in zip((1, 5, 12, 25, 33, 60, 150), itertools.cycle(PRESSURES)):
        for reset_after in (cycles, 0):
            build = Builder(rng, pressure)
            for _ in range(6):
                rows, units = size(rng)
                if build.fits(rows, units):
                    build.command(rows, units, density=str(rng.choice(DENSITIES)))
            build.scene.reset_after = reset_after
            scenes.append(build.scene)
    return scenes
