"""Random commands for the sfu: formats, sizes, places, and rows with special values.

A scene is a set of commands whose reads and writes do not meet, and the memory images that they start from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.isa import Buffer, SfuOp

UNITS, ENTRIES, WORDS = 8192, 256, 512
SHORT_STORE = 128  # groups of the store: INT8 rows of more than 64 groups take a pass for their maximum
SPECIAL_ENTRIES = 32  # the last entries of pbuf hold any bit pattern

# name: (operation, fields that the format fixes)
FORMATS: dict[str, tuple[SfuOp, dict[str, int]]] = {
    "layernorm_i8": (SfuOp.LAYERNORM, {}),
    "layernorm_i8_affine": (SfuOp.LAYERNORM, {"affine": 1}),
    "layernorm_f16": (SfuOp.LAYERNORM, {"out_fp16": 1}),
    "layernorm_f16_affine": (SfuOp.LAYERNORM, {"out_fp16": 1, "affine": 1}),
    "quant_i8": (SfuOp.QUANT, {}),
    "quant_i8_affine": (SfuOp.QUANT, {"affine": 1}),
    "quant_f16": (SfuOp.QUANT, {"out_fp16": 1}),
    "quant_f16_affine": (SfuOp.QUANT, {"out_fp16": 1, "affine": 1}),
    "gelu_i8": (SfuOp.GELU, {}),
    "gelu_i8_affine": (SfuOp.GELU, {"affine": 1}),
    "gelu_f16": (SfuOp.GELU, {"out_fp16": 1}),
    "gelu_f16_affine": (SfuOp.GELU, {"out_fp16": 1, "affine": 1}),
    "softmax_f16": (SfuOp.SOFTMAX, {}),
    "softmax_f32": (SfuOp.SOFTMAX, {"x_fp32": 1}),
    "residual": (SfuOp.RESIDUAL, {}),
    "residual_gate": (SfuOp.RESIDUAL, {"affine": 1}),
}
ROW_CLASSES = ("normal", "offset", "zero", "equal", "subnormal", "huge", "outlier", "pos_inf", "neg_inf", "nan", "any_bits")
LEFTOVERS = ("full", "one", "some", "seven")
GROUPS = ("one", "odd", "even")
ROWS = ("one", "batch", "two_batches", "many")
PRESSURES = {"none": (0, 0), "read": (128, 0), "write": (0, 150), "both": (90, 200)}
STORES = ("whole", "long", "fp16")  # an INT8 row fits the store or not
PLACES = ("abuf", "vbuf", "in_place")
CASES = ("usual", "odd_immediate", "special_pbuf")


@dataclass
class Command:
    """Fields of one instruction and what it covers."""

    fields: dict[str, int]
    covers: dict[str, str]
    row_classes: list[str]
    idles: int = 0


@dataclass
class Scene:
    """Commands and the memories before them: vbuf, abuf uint8[UNITS, 16], pbuf uint8[ENTRIES, 64], rbuf float32[WORDS]."""

    pressure: str
    vbuf: np.ndarray
    abuf: np.ndarray
    pbuf: np.ndarray
    rbuf: np.ndarray
    commands: list[Command] = field(default_factory=list)
    reset_after: int = 0  # cycles after which a reset ends the scene; 0: it runs to its end


def bits(x: float) -> int:
    """Bit pattern of an FP32 number."""
    return int(np.float32(x).view(np.uint32))


def special_row(rng: np.random.Generator, kind: str, cols: int, dtype: type) -> np.ndarray:
    """One row of a class in ROW_CLASSES."""
    x = rng.normal(0, 10.0 ** rng.integers(-2, 2), cols)
    tiny = {np.float16: 2.0**-24, np.float32: 2.0**-149}[dtype]
    huge = {np.float16: 65504.0, np.float32: 3e38}[dtype]
    at = int(rng.integers(cols))
    if kind == "offset":
        x = x + rng.choice([-300, 300])
    elif kind == "zero":
        x = rng.choice([0.0, -0.0], cols)
    elif kind == "equal":
        x = np.full(cols, x[0])
    elif kind == "subnormal":
        x = tiny * rng.integers(-1000, 1000, cols)
    elif kind == "huge":
        x = huge * rng.uniform(-1, 1, cols)
        x[at] = rng.choice([-huge, huge])
    elif kind == "outlier":
        x[at] = huge / 100
    elif kind in ("pos_inf", "neg_inf", "nan"):
        x[at] = {"pos_inf": np.inf, "neg_inf": -np.inf, "nan": np.nan}[kind]
    elif kind == "any_bits":
        return rng.integers(0, 256, cols * np.dtype(dtype).itemsize, np.uint8).view(dtype)
    with np.errstate(over="ignore"):
        return x.astype(dtype)


class Builder:
    """Fills a scene; every region is used once, with gaps."""

    def __init__(self, rng: np.random.Generator, pressure: str) -> None:
        self.rng = rng
        pbuf = rng.normal(0, 1, (ENTRIES, 16)).astype(np.float32)
        pbuf[-SPECIAL_ENTRIES:] = rng.integers(0, 2**32, (SPECIAL_ENTRIES, 16), np.uint32).view(np.float32)
        pbuf[-SPECIAL_ENTRIES:][rng.random((SPECIAL_ENTRIES, 16)) < 0.2] = np.nan
        pbuf[-SPECIAL_ENTRIES:][rng.random((SPECIAL_ENTRIES, 16)) < 0.1] = np.inf
        images = (rng.integers(0, 256, (UNITS, 16), np.uint8) for _ in range(2))
        self.scene = Scene(pressure, *images, pbuf.view(np.uint8), rng.normal(size=WORDS).astype(np.float32))
        self.free = {Buffer.V: 0, Buffer.A: 0}
        self.rbuf = 0

    def fits(self, rows: int, cols: int) -> bool:
        """Whether a command of this size surely fits into what is left: two operands of FP16, or one of FP32, and a result."""
        units = -(-cols // 8) + 2
        need = rows * units * 2 + 16, rows * units + 2 * units + 16
        return (self.free[Buffer.V] + sum(need) < UNITS and self.free[Buffer.A] + need[1] < UNITS
                and self.rbuf + 2 * rows < WORDS)

    def _take(self, buffer: Buffer, units: int) -> int:
        base = self.free[buffer] + int(self.rng.integers(0, 3))
        self.free[buffer] = base + units + 1
        assert self.free[buffer] <= UNITS
        return base

    def _rows(self, classes: list[str], cols: int, dtype: type) -> tuple[int, int]:
        units = -(-cols * np.dtype(dtype).itemsize // 16)
        step = units + int(self.rng.integers(0, 3))
        base = self._take(Buffer.V, step * len(classes))
        for r, kind in enumerate(classes):
            raw = special_row(self.rng, kind, cols, dtype).view(np.uint8)
            self.scene.vbuf[base + r * step:base + r * step + units].reshape(-1)[:len(raw)] = raw
        return base, step

    def _destination(self, rows: int, units: int, buffer: Buffer | None) -> dict[str, int]:
        if buffer is None:
            buffer = Buffer.A if self.rng.random() < 0.6 else Buffer.V
        if self.rng.random() < 0.5:  # a panel: units of one row `d_unit` apart
            d_unit = rows + int(self.rng.integers(0, 3))
            base, d_row = self._take(buffer, units * d_unit), 1
        else:
            d_unit, d_row = 1, units + int(self.rng.integers(0, 3))
            base = self._take(buffer, rows * d_row)
        return {"dst": int(buffer), "d_base": base, "d_row": d_row, "d_unit": d_unit}

    def command(self, name: str, rows: int, cols: int, classes: list[str] | None = None, idles: int = 0,
                case: str = "usual", buffer: Buffer | None = None) -> None:
        """Append a command of format `name`; results go to `buffer`, or at random, also in place."""
        op, fixed = FORMATS[name]
        rng = self.rng
        classes = classes or [str(rng.choice(ROW_CLASSES)) for _ in range(rows)]
        x_type = np.float32 if "x_fp32" in fixed else np.float16
        f = {"op": int(op), "x_fp32": 0, "out_fp16": 0, "affine": 0, "y_base": 0, "y_step": 0, "rows": rows, "cols": cols,
             "pbuf_base": int(rng.integers(0, ENTRIES - SPECIAL_ENTRIES - 128)), "rbuf_base": self.rbuf, "imm0": 0, "imm1": 0}
        f |= fixed
        if case == "special_pbuf":
            f["pbuf_base"] = ENTRIES - SPECIAL_ENTRIES
        if op == SfuOp.LAYERNORM:
            f["imm0"], f["imm1"] = bits(1 / cols), bits(rng.choice([1e-6, 1e-5, 0.0]))
        elif op == SfuOp.SOFTMAX:
            f["imm0"] = bits(np.log2(np.e) / rng.choice([1.0, 8.0, 72.0**0.5]))
        if case == "odd_immediate":
            f["imm0"] = bits(rng.choice([-1.0, 0.0, 1e30, np.nan, np.inf, 100.0]))
            f["imm1"] = bits(rng.choice([-1.0, -1e-9, np.inf, 1e30]))
        f["x_base"], f["x_step"] = self._rows(classes, cols, x_type)
        if op == SfuOp.RESIDUAL:
            y_classes = [str(rng.choice(ROW_CLASSES)) if rng.random() < 0.5 else "normal" for _ in range(rows)]
            f["y_base"], f["y_step"] = self._rows(y_classes, cols, np.float16)

        int8 = not f["out_fp16"] and op not in (SfuOp.SOFTMAX, SfuOp.RESIDUAL)
        if x_type == np.float16 and not int8 and op != SfuOp.SOFTMAX and buffer is None and rng.random() < 0.3:
            prefix = "y" if op == SfuOp.RESIDUAL and rng.random() < 0.5 else "x"
            f |= {"dst": int(Buffer.V), "d_base": f[f"{prefix}_base"], "d_row": f[f"{prefix}_step"], "d_unit": 1}
            place = "in_place"
        else:
            f |= self._destination(rows, -(-cols // (16 if int8 else 8)), buffer)
            place = "abuf" if f["dst"] == Buffer.A else "vbuf"
        if int8 or op == SfuOp.SOFTMAX:
            self.rbuf += rows + int(rng.integers(0, 2))

        groups, rest = -(-cols // 8), cols % 8
        covers = {
            "cp_format": name,
            "cp_leftover": {0: "full", 1: "one", 7: "seven"}.get(rest, "some"),
            "cp_groups": "one" if groups == 1 else "odd" if groups % 2 else "even",
            "cp_store": "long" if int8 and groups > SHORT_STORE - 64 else "whole" if int8 else "fp16",
            "cp_rows": "one" if rows == 1 else "batch" if rows <= 16 else "two_batches" if rows <= 32 else "many",
            "cp_place": place, "cp_case": case, "cp_pressure": self.scene.pressure,
        }
        self.scene.commands.append(Command(f, covers, classes, idles))


def random_scene(rng: np.random.Generator, pressure: str, formats: list[str], idles: bool) -> Scene:
    """One command per format, in random order and sizes; small ones keep several commands in flight."""
    build = Builder(rng, pressure)
    for name in rng.permutation(formats):
        rows = int(rng.choice([1, 2, 3, 8, 15, 16, 17, 20, 31, 32, 33, 40, 70]))
        most = int(rng.choice([8, 64, 420, 1000 if rows < 9 else 420])) // (1 + rows // 20)
        cols = int(rng.integers(most // 2 if most == 1000 else 1, most + 1))
        if rng.random() < 0.3:
            cols = -(-cols // 8) * 8 + int(rng.choice([0, 1, 7]))
        if not build.fits(rows, cols):
            rows = 1 if not build.fits(4, cols) else 4
            if not build.fits(rows, cols):
                break
        case = str(rng.choice(CASES, p=[0.7, 0.15, 0.15]))
        if case == "special_pbuf":
            cols = min(cols, 8 * SPECIAL_ENTRIES)
        build.command(str(name), rows, cols, idles=int(rng.integers(0, 60)) if idles and rng.random() < 0.5 else 0, case=case)
    return build.scene


def edge_scene(rng: np.random.Generator, formats: list[str]) -> Scene:
    """The smallest commands, back to back: one or two rows of one or two groups."""
    build = Builder(rng, "none")
    for _ in range(5):
        for name in rng.permutation(formats):
            build.command(str(name), int(rng.integers(1, 3)), int(rng.choice([1, 7, 8, 9, 16])))
    return build.scene


def long_scene(rng: np.random.Generator, formats: list[str], pressure: str) -> Scene:
    """A few rows of each INT8 format that the store does not hold whole."""
    build = Builder(rng, pressure)
    for name in rng.permutation([f for f in formats if "_i8" in f]):
        build.command(str(name), int(rng.integers(1, 4)), 8 * int(rng.integers(SHORT_STORE - 63, 126)) + int(rng.choice([0, 1, 7])))
    return build.scene
