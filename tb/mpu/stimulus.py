"""Random programs for the mpu: images of its buffers and GEMM commands that cover every kind of leftover.

A program is one set of images and some commands whose results do not overlap in vbuf (between commands the scheduler's
semaphores would order overlapping ones). Reads may go anywhere, so the whole abuf and bbuf are data.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from models import isa, mpu
from models.config import Config
from models.isa import Layout, Precision

KINDS = {"int8": (Precision.INT8, Layout.NK), "fp16_nk": (Precision.FP16, Layout.NK), "fp16_kn": (Precision.FP16, Layout.KN)}
LEFTOVERS = ("whole", "left", "one")  # a multiple of the tile or block, not a multiple, 1
PRESSURES = {"free": 0, "some": 80, "heavy": 215}
VALUES = ("moderate", "special", "any")
MOST = 8  # commands of a program


@dataclass(frozen=True)
class Shape:
    """What a command has to exercise; the rest of it is random."""

    kind: str
    m: str
    n: str
    k: str
    flags: int  # bits: out_fp32, row_scale, col_affine


@dataclass(frozen=True)
class Program:
    """Images by name (as models.mpu.gemm takes them), commands, idle cycles before each, back-pressure of vbuf.

    With `reset_after`, the first commands only get so many cycles; then a reset ends the program, and nothing is compared.
    """

    images: dict[str, np.ndarray]
    commands: list[dict[str, int]]
    idles: list[int]
    pressure: str
    reset_after: int | None = None


def images(machine: Config, values: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Buffer contents. gaussian: FP16 of a normal distribution, as attention's operands are; moderate: finite FP16 of exponents 8 to 22; special: those with some zeros, subnormals, infinities and NaN; any: any bits."""

    def halves(units: int) -> np.ndarray:
        if values == "gaussian":
            return rng.normal(size=(units, 8)).astype(np.float16).view(np.uint8)
        bits = rng.integers(0, 1 << 16, (units, 8))
        if values != "any":
            bits = (bits & 0x83FF) | rng.integers(8, 23, bits.shape) << 10
        if values == "special":
            few = rng.random(bits.shape) < 0.004
            bits = np.where(few, rng.choice([0, 0x8000, 1, 0x83FF, 0x7BFF, 0x7C00, 0xFC00, 0x7E01], bits.shape), bits)
        return bits.astype(np.uint16).view(np.uint8)

    def words(shape: tuple[int, ...]) -> np.ndarray:
        if values == "any":
            return rng.integers(0, 1 << 32, shape).astype(np.uint32).view(np.float32)
        return rng.normal(size=shape).astype(np.float32)

    return {
        "abuf": halves(machine.abuf), "bbuf": halves(machine.bbuf), "pbuf": words((machine.pbuf, 8, 2)),
        "rbuf": words((machine.rbuf,)), "vbuf": rng.integers(0, 256, (machine.vbuf, 16)).astype(np.uint8),
    }


def leftover(value: int, size: int) -> str:
    """Class of a dimension against the size of its tile or block."""
    return "one" if value == 1 else "left" if value % size else "whole"


def tile_sizes(fields: dict[str, int], machine: Config) -> tuple[int, int, int]:
    """(m, n, k) of a tile and of a step, k of a unit in INT8."""
    fp16 = fields["precision"] == Precision.FP16
    return (machine.fp16_rows if fp16 else machine.int8_rows), machine.tile_cols, 8 if fp16 else 16


def _length(kind: str, size: int, most: int, rng: np.random.Generator) -> int:
    if kind == "one":
        return 1
    if kind == "whole":
        return size * int(rng.integers(1, most + 1))
    value = int(rng.integers(2, max(size * most, size + 2)))
    return value + 1 if value % size == 0 else value


def command(shape: Shape, machine: Config, vbuf_left: int, rng: np.random.Generator, small: bool = False) -> dict[str, int] | None:
    """A command of this shape within the buffers, its o_base still 0; None if its result does not fit `vbuf_left` units."""
    precision, layout = KINDS[shape.kind]
    fields = {"precision": int(precision), "b_layout": int(layout)}
    fields |= {name: shape.flags >> i & 1 for i, name in enumerate(("out_fp32", "row_scale", "col_affine"))}
    tile_m, tile_n, block = tile_sizes(fields, machine)
    most = 1 if small else 2
    fields["m"] = m = _length(shape.m, tile_m, most, rng)
    fields["n"] = n = _length(shape.n, tile_n, most + 1, rng)
    fields["k"] = k = _length(shape.k, block, 6, rng)
    groups = -(-k // block)
    row_units = -(-n // 8) * (2 if fields["out_fp32"] else 1)
    fields["o_step"] = row_units + int(rng.integers(0, 3))
    fields["o_batch"] = m * fields["o_step"] + int(rng.integers(0, 3))
    fields["batch"] = int(rng.choice([1, 1, 2, 3]))
    while fields["batch"] > 1 and (fields["batch"] * fields["o_batch"] > vbuf_left or fields["batch"] * m > machine.rbuf):
        fields["batch"] -= 1
    batch = fields["batch"]
    if batch * fields["o_batch"] > vbuf_left or -(-n // 8) > machine.pbuf:
        return None
    kn = layout == Layout.KN
    even = 2 if fields["precision"] == Precision.INT8 else 1  # INT8 rows lie at even units
    fields["a_step"] = even * (-(-m // even) + int(rng.integers(0, 3)))
    fields["b_step"] = (-(-n // 8) if kn else n) + int(rng.integers(0, 3)) | kn
    fields["a_batch"] = even * int(rng.integers(0, 40 // even))
    fields["b_batch"] = int(rng.integers(0, 40))
    span_a = (batch - 1) * fields["a_batch"] + (groups - 1) * fields["a_step"] + m
    span_b = (batch - 1) * fields["b_batch"] + ((k if kn else groups) - 1) * fields["b_step"] + (-(-n // 8) if kn else n)
    fields["a_base"] = even * int(rng.integers(0, (machine.abuf - span_a) // even + 1))
    fields["b_base"] = int(rng.integers(0, machine.bbuf - span_b + 1))
    fields["rbuf_base"] = int(rng.integers(0, machine.rbuf - batch * m + 1))
    fields["pbuf_base"] = int(rng.integers(0, machine.pbuf - -(-n // 8) + 1))
    return fields


def encoded(fields: dict[str, int]) -> dict[str, int]:
    """All fields of the command, through the encoder, so that widths are checked."""
    return isa.decode(isa.encode(isa.Opcode.GEMM, **fields))


def payload(fields: dict[str, int]) -> int:
    """The 384 bits of gemm_t."""
    names = {f.name for f in isa.PAYLOAD[isa.Opcode.GEMM]}
    raw = isa.encode(isa.Opcode.GEMM, **{n: v for n, v in fields.items() if n in names})
    return int.from_bytes(raw.tobytes(), "little") >> isa.HEADER_BITS


def program(shapes: list[Shape], machine: Config, pressure: str, values: str, idle: bool, rng: np.random.Generator, small: bool = False) -> Program:
    """As many of `shapes`, in order, as vbuf has room for, at most MOST; the used ones are removed from the list."""
    commands, used = [], 0
    while shapes and len(commands) < MOST:
        fields = command(shapes[0], machine, machine.vbuf - used, rng, small)
        if fields is None:
            break
        shapes.pop(0)
        fields["o_base"] = used
        used += fields["batch"] * fields["o_batch"]
        commands.append(encoded(fields))
    idles = [int(rng.integers(0, 60)) if idle else 0 for _ in commands]
    return Program(images(machine, values, rng), commands, idles, pressure)


def programs(machine: Config, rng: np.random.Generator, rounds: int) -> list[Program]:
    """Every kind with every leftover of m, n and k, `rounds` times, over all pressures and values, with and without idles."""
    out = []
    for number in range(rounds):
        lengths = list(itertools.product(LEFTOVERS, repeat=3))
        rng.shuffle(lengths)
        shapes = [Shape(kind, *left, (i + number) % 8) for kind in KINDS for i, left in enumerate(lengths)]
        rng.shuffle(shapes)
        while shapes:
            pressure = list(PRESSURES)[len(out) % len(PRESSURES)]
            values = VALUES[len(out) // 2 % len(VALUES)]
            out.append(program(shapes, machine, pressure, values, len(out) % 2 == 1, rng))
            if len(out) % 4 == 2:
                out.append(replace(out[-1], reset_after=int(rng.integers(1, 200))))
    # Short tiles one after the other: the drain, and not the array, sets the pace.
    shapes = [Shape(kind, "left", "left", "one", flags) for flags in range(8) for kind in KINDS]
    while shapes:
        out.append(program(shapes, machine, "free", "moderate", False, rng, small=True))
    return out


def units_written(fields: dict[str, int]) -> int:
    """Units that the command writes."""
    return fields["batch"] * fields["m"] * -(-fields["n"] // mpu.GROUP) * (2 if fields["out_fp32"] else 1)
