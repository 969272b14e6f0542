"""What the tasks of tb/top/tables.py are made of: the jobs of tb/top/programs.py in slices, areas of HBM, weight sets.

HBM (offsets from the base): table, inputs (the first ZEROS bytes are zeros), parameters, programs, areas of results.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.config import Config
from models.isa import INSTRUCTION_BYTES, Buffer, Opcode, Precision, SfuOp, SliceBuffer
from models.slices import Slices, buffer_sizes
from tb.top.programs import INPUT, PARAMETERS, RESULT, ZEROS, Slot

PROGRAMS = RESULT
RESULTS = 0x40000
AREA_BYTES = 0x2800  # what the largest job stores
AREAS = 24
TABLE_BYTES = RESULTS + AREAS * AREA_BYTES
MAX_ENTRIES = INPUT // INSTRUCTION_BYTES
NEED = (512, 512, 512, 16, 64, 64)  # words of a slice that a slot needs, by SliceBuffer
ALL = (1 << len(SliceBuffer)) - 1
SHARED = 1 << SliceBuffer.B | 1 << SliceBuffer.P


@dataclass
class Area:
    """A piece of HBM: its tasks, and (address, stride, rows) of what has been stored there."""

    address: int
    writers: set[int] = field(default_factory=set)
    readers: set[int] = field(default_factory=set)
    stored: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Weights:
    """A weight set: a panel of n columns and k rows at `b_base` of bbuf, parameters at `p_base` of pbuf."""

    number: int
    areas: int
    precision: int
    layout: int
    n: int
    k: int
    b_base: int
    b_step: int
    p_base: int
    base: int = 0
    length: int = 0


class TaskSlot(Slot):
    """Jobs in a slice: loads now and then what earlier tasks have stored, stores into an area."""

    slice = ALL

    def __init__(self, number: int, rng: np.random.Generator, base: int, config: Config, place: tuple[int, ...], area: Area,
                 readable: list[Area], chain: float) -> None:
        super().__init__(number, config, rng, base)
        self.a, self.b, self.v, self.p, self.r, self.m = place
        self.a -= self.a % 2  # INT8 rows lie at even units
        self.area, self.readable, self.chain = area, readable, chain
        self.read: list[Area] = []
        self.stored: list[tuple[int, int, int]] = []

    def source(self, buffer: Buffer, rows: int, pitch: int) -> tuple[int, int]:
        """Inputs, or a place that somebody has stored into, this slot included."""
        areas = [a for a in self.readable if a.stored]
        own = self.stored and self.rng.random() < 0.2
        if buffer == Buffer.P or not (areas or own) or self.rng.random() > self.chain:
            return super().source(buffer, rows, pitch)
        area = self.area if own else areas[self.r_(0, len(areas) - 1)]
        places = self.stored if own else area.stored
        address, stride, _ = places[self.r_(0, len(places) - 1)]
        stride = stride if stride >= pitch else pitch
        limit = area.address + AREA_BYTES - ((rows - 1) * stride + pitch)
        if limit < area.address:
            return super().source(buffer, rows, pitch)
        if not own:
            self.read.append(area)
        return min(address, limit), stride

    def target(self, rows: int, pitch: int) -> tuple[int, int]:
        stride = pitch + 32 * self.r_(0, 2)
        address = self.area.address + 32 * self.r_(0, (AREA_BYTES - (rows - 1) * stride - pitch) // 32)
        self.stored.append((address, stride, rows))
        return address, stride

    def linger(self) -> None:
        """Loads one after the other: what follows comes late, so that a WEIGHTS which does not wait for this task overtakes it."""
        for _ in range(self.r_(3, 8)):
            self.load(Buffer.V, self.v + 384, 4, 32, 32, 1, wait1_sem=self.load_sem, wait1_val=self.loads)

    def weighted(self, w: Weights) -> None:
        """GEMM with the panel and the parameters of a weight set."""
        if self.rng.random() < 0.25:
            self.linger()
        m, k, n = self.r_(1, 20), w.k, w.n
        fp32 = self.r_(0, 1)
        width = -(-n // 8) * (1 + fp32)
        out = self.v + 200
        a_step = 2 * (-(-m // 2) + self.r_(0, 1))
        scale = 0
        if w.precision == Precision.INT8:
            scale = 1
            units = -(-k // 8)
            self.load(Buffer.V, self.v, m, units, units, 1)
            self.compute(Opcode.SFU, op=SfuOp.QUANT, rows=m, cols=k, x_base=self.v, x_step=units, dst=Buffer.A, d_base=self.a, d_row=1,
                         d_unit=a_step, rbuf_base=self.r)
        else:
            a_step = self.panel(Buffer.A, self.a, m, -(-k // 8))
        self.compute(Opcode.GEMM, slice=ALL & ~SHARED, precision=w.precision, b_layout=w.layout, out_fp32=fp32, row_scale=scale,
                     col_affine=self.r_(0, 3) and 1, m=m, n=n, k=k, batch=1, a_base=self.a, a_step=a_step, b_base=w.b_base,
                     b_step=w.b_step, o_base=out, o_step=width, rbuf_base=self.r, pbuf_base=w.p_base)
        self.store(out, m, width, width)


def random_slices(rng: np.random.Generator, config: Config, shared: bool) -> Slices:
    """Slices that hold a slot, often two; with `shared` a large front part of bbuf and pbuf."""
    base, size = [], []
    for buffer, whole in enumerate(buffer_sizes(config)):
        need, most = NEED[buffer], whole // config.contexts
        if shared and 1 << buffer & SHARED:
            words = need + int(rng.integers(need // 16 + 1))
            front = whole - config.contexts * words
        else:
            words = most if rng.random() < 0.3 else int(rng.integers(need, most + 1))
            front = int(rng.integers(whole - config.contexts * words + 1))
        if buffer == SliceBuffer.A:  # those of abuf start at even units
            front, words = front - front % 2, words - words % 2
        base.append(front)
        size.append(words)
    return Slices(tuple(base), tuple(size))


def table_image(rng: np.random.Generator) -> np.ndarray:
    """Fresh uint8[TABLE_BYTES]: normal FP16 numbers, normal FP32 parameters, random bytes in place of table and programs."""
    image = rng.normal(0, 1.5, TABLE_BYTES // 2).astype(np.float16).view(np.uint8).copy()
    image[INPUT:INPUT + ZEROS] = 0
    image[PARAMETERS:RESULT] = rng.normal(0, 1, (RESULT - PARAMETERS) // 4).astype(np.float32).view(np.uint8)
    for first, last in ((0, INPUT), (PROGRAMS, RESULTS)):
        image[first:last] = rng.integers(0, 256, last - first, dtype=np.uint8)
    return image
