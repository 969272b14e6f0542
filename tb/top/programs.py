"""Random programs for tb/top: jobs in four slots of the buffers, interleaved, ordered by semaphores alone.

A slot owns a quarter of each buffer and three semaphores that count the loads, computations and stores completed in it.
A job loads its operands, computes, and stores; its loads wait until the slot's last store is done. Jobs of different
slots have no order, so that all units overlap. Every job is self-contained: it reads nothing that an earlier program
left in the buffers.

HBM (offsets from the region's base): program, FP16 inputs (the first ZEROS bytes are zeros), FP32 channel parameters,
results.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.config import Config
from models.isa import Buffer, Layout, Opcode, Precision, SfuOp, encode
from models.scheduler_check import Windows

SLOTS = 4
REGION_BYTES = 1 << 17
INPUT, PARAMETERS, RESULT = 0x6000, 0x10000, 0x12000
SLOT_RESULT = (REGION_BYTES - RESULT) // SLOTS // 64 * 64
ZEROS = 128  # a mask that keeps no row
KINDS = ("copy", "linear", "matmul", "special", "attention", "sparse")


def region_image(rng: np.random.Generator) -> np.ndarray:
    """Fresh uint8[REGION_BYTES]: normal FP16 inputs behind zeros, normal FP32 parameters, random bytes elsewhere."""
    image = rng.integers(0, 256, REGION_BYTES, dtype=np.uint8)
    image[INPUT:PARAMETERS] = rng.normal(0, 1.5, (PARAMETERS - INPUT) // 2).astype(np.float16).view(np.uint8)
    image[INPUT:INPUT + ZEROS] = 0
    image[PARAMETERS:RESULT] = rng.normal(0, 1, (RESULT - PARAMETERS) // 4).astype(np.float32).view(np.uint8)
    return image


@dataclass(frozen=True)
class Program:
    """Instructions as uint8[count, 64], HBM address of the first, and the windows to set."""

    instructions: np.ndarray
    base: int
    windows: Windows

    @property
    def length(self) -> int:
        return len(self.instructions)


class Slot:
    """Emits the instructions of jobs in one slot; `slice` are the bits of every instruction that does not say otherwise."""

    slice = 0

    def __init__(self, number: int, config: Config, rng: np.random.Generator, base: int) -> None:
        self.number, self.rng, self.base = number, rng, base
        self.a, self.b, self.v = (number * size // SLOTS for size in (config.abuf, config.bbuf, config.vbuf))
        self.p, self.r, self.m = (number * size // SLOTS for size in (config.pbuf, config.rbuf, config.mbuf))
        self.kept, self.written = 3 * number + 1, 3 * number + 2  # count registers
        self.loads = self.computed = self.stores = 0
        self.spans: list[tuple[int, int]] = []  # bytes that the stores so far touch
        self.load_sem, self.compute_sem, self.store_sem = (8 * number + i for i in (1, 2, 3))
        self.out: list[np.ndarray] = []

    def r_(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def source(self, buffer: Buffer, rows: int, pitch: int) -> tuple[int, int]:
        """(address, stride) of a random place of the inputs (or parameters) for rows of `pitch` bytes."""
        first, last = (PARAMETERS, RESULT) if buffer == Buffer.P else (INPUT, PARAMETERS)
        stride = pitch + 32 * self.r_(0, 4)
        span = (rows - 1) * stride + pitch
        return self.base + first + 32 * self.r_(0, (last - first - span) // 32), stride

    def target(self, rows: int, pitch: int) -> tuple[int, int]:
        """(address, stride) of a random place of the slot's results."""
        stride = pitch + 32 * self.r_(0, 2)
        span = (rows - 1) * stride + pitch
        return self.base + RESULT + self.number * SLOT_RESULT + 32 * self.r_(0, (SLOT_RESULT - span) // 32), stride

    def load(self, buffer: Buffer, base: int, rows: int, units: int, row_step: int, unit_step: int,
             source: tuple[int, int] | None = None, **waits: int) -> tuple[int, int]:
        """Load rows from a random place with a random stride, or from `source`; more `waits`; returns (address, stride)."""
        address, stride = source or self.source(buffer, rows, -(-units // 2) * 32)
        self.loads += 1
        self.out.append(encode(Opcode.LOAD, hbm_addr=address, rows=rows, row_units=units, hbm_stride=stride,
                               buffer=buffer, base=base, slice=self.slice,
                               row_step=row_step, unit_step=unit_step, signal=self.load_sem, wait0_sem=self.store_sem,
                               wait0_val=self.stores, tag=self.number, **waits))
        return address, stride

    def compute(self, opcode: Opcode, **fields: int) -> None:
        """A GEMM, SFU, SU or RU operation after all loads and computations so far."""
        waits = dict(wait0_sem=self.load_sem, wait0_val=self.loads, wait2_sem=self.compute_sem, wait2_val=self.computed)
        self.computed += 1
        fields = {"slice": self.slice} | fields
        self.out.append(encode(opcode, signal=self.compute_sem, tag=self.number, **waits, **fields))

    def store(self, base: int, rows: int, units: int, row_step: int, **fields: int) -> None:
        """Store rows into the slot's results; `fields`: those of a list and a count.

        Stores under way together may end in any order, so one that touches bytes of earlier ones waits for them.
        """
        pitch = -(-units // 2) * 32
        address, stride = self.target(rows, pitch)
        span = address, address + (rows - 1) * stride + pitch
        if any(span[0] < end and first < span[1] for first, end in self.spans):
            fields |= dict(wait2_sem=self.store_sem, wait2_val=self.stores)
        self.spans.append(span)
        self.stores += 1
        self.out.append(encode(Opcode.STORE, hbm_addr=address, rows=rows, row_units=units, hbm_stride=stride,
                               buffer=Buffer.V, slice=self.slice,
                               base=base, row_step=row_step, unit_step=1, signal=self.store_sem,
                               wait0_sem=self.load_sem,
                               wait0_val=self.loads, wait1_sem=self.compute_sem, wait1_val=self.computed,
                               tag=self.number, **fields))

    def copy(self) -> None:
        rows, units = self.r_(1, 12), self.r_(1, 20)
        step = units + self.r_(0, 3)
        self.load(Buffer.V, self.v, rows, units, step, 1)
        self.store(self.v, rows, units, step)

    def panel(self, buffer: Buffer, base: int, rows: int, groups: int) -> int:
        """Load a panel (rows x k groups); returns its step."""
        step = rows + self.r_(0, 2)
        self.load(buffer, base, rows, groups, 1, step)
        return step

    def linear(self) -> None:
        """LayerNorm or quantisation into INT8, GEMM with row scale and channel parameters."""
        m, k, n = self.r_(1, 24), 8 * self.r_(1, 8), self.r_(1, 24)
        groups = -(-k // 16)
        self.load(Buffer.V, self.v, m, k // 8, k // 8, 1)
        self.load(Buffer.P, 4 * self.p, -(-max(n, k) // 8), 4, 4, 1)
        a_step = 2 * (-(-m // 2) + self.r_(0, 1))
        self.compute(Opcode.SFU, op=self.rng.choice([SfuOp.LAYERNORM, SfuOp.QUANT, SfuOp.GELU]), rows=m, cols=k,
                     x_base=self.v,
                     x_step=k // 8, dst=Buffer.A, d_base=self.a, d_row=1, d_unit=a_step, rbuf_base=self.r,
                     imm0=int(np.float32(1 / k).view(np.uint32)), imm1=int(np.float32(1e-6).view(np.uint32)))
        b_step = self.panel(Buffer.B, self.b, n, groups)
        fp32 = self.r_(0, 1)
        width = -(-n // 8) * (1 + fp32)
        out = self.v + 200
        self.compute(Opcode.GEMM, precision=Precision.INT8, out_fp32=fp32, row_scale=1, col_affine=self.r_(0, 1), m=m,
                     n=n, k=k, batch=1,
                     a_base=self.a, a_step=a_step, b_base=self.b, b_step=b_step, o_base=out, o_step=width,
                     rbuf_base=self.r,
                     pbuf_base=self.p)
        self.store(out, m, width, width)

    def matmul(self) -> None:
        """GEMM on loaded operands, any precision, layout, batch and tails."""
        precision = self.r_(0, 1)
        layout = self.r_(0, 1) if precision else 0
        m, n, k, batch = self.r_(1, 20), self.r_(1, 20), self.r_(1, 40), self.r_(1, 3)
        groups = -(-k // (8 if precision else 16))
        wide = -(-n // 8)
        even = 1 if precision else 2  # INT8 rows lie at even units
        a_step, a_batch, b_batch = even * (-(-m // even) + self.r_(0, 2)), even * self.r_(0, 4 // even), self.r_(0, 4)
        # One load for all products, which may overlap: loads under way together must not write the same unit.
        self.load(Buffer.A, self.a, 1, (groups - 1) * a_step + m + (batch - 1) * a_batch, 0, 1)
        if layout == Layout.NK:
            b_step = n + self.r_(0, 2)
            span = (groups - 1) * b_step + n
        else:
            b_step = wide + self.r_(0, 2) | 1
            span = (k - 1) * b_step + wide
        self.load(Buffer.B, self.b, 1, span + (batch - 1) * b_batch, 0, 1)
        self.load(Buffer.P, 4 * self.p, wide, 4, 4, 1)
        fp32 = self.r_(0, 1)
        width = wide * (1 + fp32)
        self.compute(Opcode.GEMM, precision=precision, b_layout=layout, out_fp32=fp32, col_affine=self.r_(0, 1), m=m,
                     n=n, k=k, batch=batch,
                     a_base=self.a, a_step=a_step, a_batch=a_batch, b_base=self.b, b_step=b_step, b_batch=b_batch,
                     o_base=self.v,
                     o_step=width, o_batch=m * width, pbuf_base=self.p)
        self.store(self.v, m * batch, width, width)

    def special(self) -> None:
        """One SFU operation from vbuf to vbuf."""
        op = SfuOp(self.r_(1, 5))
        rows, cols = self.r_(1, 18), self.r_(1, 70)
        wide = -(-cols // 8)
        fp16 = self.r_(0, 1) if op in (SfuOp.LAYERNORM, SfuOp.QUANT, SfuOp.GELU) else 0
        affine = self.r_(0, 1) if op != SfuOp.SOFTMAX else 0
        units = wide if fp16 or op in (SfuOp.SOFTMAX, SfuOp.RESIDUAL) else -(-cols // 16)
        self.load(Buffer.V, self.v, rows, wide, wide, 1)
        self.load(Buffer.V, self.v + 170, rows, wide, wide, 1)
        self.load(Buffer.P, 4 * self.p, wide, 4, 4, 1)
        imm0 = np.float32(1 / cols if op == SfuOp.LAYERNORM else 1.4427 * 0.3).view(np.uint32)
        self.compute(Opcode.SFU, op=op, out_fp16=fp16, affine=affine, rows=rows, cols=cols, x_base=self.v, x_step=wide,
                     y_base=self.v + 170,
                     y_step=wide, dst=Buffer.V, d_base=self.v + 340, d_row=units, d_unit=1, pbuf_base=self.p,
                     rbuf_base=self.r,
                     imm0=int(imm0), imm1=int(np.float32(1e-5).view(np.uint32)))
        self.store(self.v + 340, rows, units, units)

    def attention(self) -> None:
        """Scores in FP32, softmax into abuf, product with V (KN) scaled by rows."""
        m, tokens, dim = self.r_(1, 16), self.r_(1, 24), self.r_(1, 24)
        groups, wide, dim_wide = -(-dim // 8), -(-tokens // 8), -(-dim // 8)
        a_step = self.panel(Buffer.A, self.a, m, groups)
        b_step = self.panel(Buffer.B, self.b, tokens, groups)
        values = self.b + 256
        v_step = dim_wide | 1
        self.load(Buffer.B, values, tokens, dim_wide, v_step, 1)
        self.compute(Opcode.GEMM, precision=Precision.FP16, out_fp32=1, m=m, n=tokens, k=dim, batch=1, a_base=self.a,
                     a_step=a_step,
                     b_base=self.b, b_step=b_step, o_base=self.v, o_step=2 * wide)
        scores = self.a + 256
        p_step = m | 1
        self.compute(Opcode.SFU, op=SfuOp.SOFTMAX, x_fp32=1, rows=m, cols=tokens, x_base=self.v, x_step=2 * wide,
                     dst=Buffer.A,
                     d_base=scores, d_row=1, d_unit=p_step, rbuf_base=self.r,
                     imm0=int(np.float32(1.4427 * 0.2).view(np.uint32)))
        self.compute(Opcode.GEMM, precision=Precision.FP16, b_layout=Layout.KN, row_scale=1, m=m, n=dim, k=tokens,
                     batch=1, a_base=scores,
                     a_step=p_step, b_base=values, b_step=v_step, o_base=self.v + 200, o_step=dim_wide,
                     rbuf_base=self.r)
        self.store(self.v + 200, m, dim_wide, dim_wide)

    def sparse(self, empty: bool = False) -> None:
        """A decision by step, window or mask, and everything that follows it: compaction, a product of the kept rows,
        recovery, transfers by list; `empty`: no row is kept."""
        m, units = self.r_(1, 12), self.r_(1, 6)
        cols = 8 * units - self.r_(0, 7)
        x, c, out, y, dense, meta, mask = (self.v + i for i in (0, 72, 144, 216, 288, 360, 366))
        source = self.load(Buffer.V, x, m, units, units, 1)
        # The cached rows: the same rows, or, from another row on, others; so that some rows resemble them.
        same = self.r_(0, m)
        if same:
            self.load(Buffer.V, c, same, units, units, 1, source)
        if same < m:
            self.load(Buffer.V, c + same * units, m - same, units, units, 1)
        self.load(Buffer.V, meta, 1, 7, 0, 1, (self.base + INPUT, 0) if empty or not self.r_(0, 3) else None)
        kind = str(self.rng.choice(["none", "step", "window", "step and window", "mask", "mask and window"]))
        kind = "mask" if empty else kind
        flags = {"step": int("step" in kind), "window": int("window" in kind), "mask": int("mask" in kind)}
        flags["meta"] = int(flags["step"] or self.r_(0, 1))
        w = [self.r_(1, 4) for _ in range(3)]
        self.compute(Opcode.SU, **flags, c_int8=flags["step"] * self.r_(0, 1), rows=m, cols=cols, x_base=x, x_step=units,
                     c_base=c, c_step=units, n1=self.r_(1, 3), n2=self.r_(1, 5), w0=w[0], w1=w[1], w2=w[2],
                     o0=self.r_(0, w[0] - 1), o1=self.r_(0, w[1] - 1), o2=self.r_(0, w[2] - 1),
                     thr_window=int(np.float32(self.rng.choice([0.0, 0.01, 0.1])).view(np.uint32)),
                     thr_step=int(np.float32(self.rng.choice([0.0, 0.1, 0.9])).view(np.uint32)), max_age=self.r_(0, 15),
                     meta_base=meta, mask_base=mask, list_base=self.m, map_base=self.m + m, write_base=self.m + 2 * m,
                     count_kept=self.kept, count_written=self.written)
        kept = dict(count=self.kept, rows=m)
        self.compute(Opcode.RU, **kept, units=units, y_base=x, y_step=units, d_base=out, d_step=units, map_base=self.m)
        n, a_step = 8 * units - self.r_(0, 7), 2 * -(-m // 2)  # every unit of a row of y is written
        self.load(Buffer.P, 4 * self.p, units, 4, 4, 1)
        b_step = self.panel(Buffer.B, self.b, n, -(-cols // 16))
        self.compute(Opcode.SFU, **kept, op=SfuOp.QUANT, cols=cols, x_base=out, x_step=units, dst=Buffer.A, d_base=self.a,
                     d_row=1, d_unit=a_step, rbuf_base=self.r)
        self.compute(Opcode.GEMM, count=self.kept, m=m, precision=Precision.INT8, row_scale=1, col_affine=1, n=n, k=cols,
                     batch=1, a_base=self.a, a_step=a_step, b_base=self.b, b_step=b_step, o_base=y, o_step=units,
                     rbuf_base=self.r, pbuf_base=self.p)
        over = self.r_(0, 2)  # the result on c1, on c2, or elsewhere
        self.compute(Opcode.RU, op=1, extrapolate=self.r_(0, 1), rows=m, units=units, y_base=y, y_step=units, c1_base=c,
                     c1_step=units, c2_base=x, c2_step=units, d_base=(dense, c, x)[over], d_step=units,
                     map_base=self.m + m, coef=int(np.float32(self.rng.normal()).view(np.uint32)))
        self.store((dense, c, x)[over], m, units, units)
        self.store(y, m, units, units, count=self.kept, list=1, list_base=self.m, bound=m)
        self.store(meta, 1, 7, 0)
        self.gather_load(m, units)

    def gather_load(self, m: int, units: int) -> None:
        """Load the rows that the write list names from the inputs, and store them."""
        base, pitch = self.v + 374, -(-units // 2) * 32
        self.loads += 1
        self.out.append(encode(Opcode.LOAD, hbm_addr=self.base + INPUT, rows=m, row_units=units, hbm_stride=pitch,
                               buffer=Buffer.V, base=base, row_step=units, unit_step=1, list=1, slice=self.slice,
                               list_base=self.m + 2 * m, bound=m, count=self.written, signal=self.load_sem,
                               wait0_sem=self.store_sem, wait0_val=self.stores, wait1_sem=self.compute_sem,
                               wait1_val=self.computed, tag=self.number))
        self.store(base, m, units, units, count=self.written)


def windows_of(base: int) -> Windows:
    """Windows of a region: everything in front of the results is read, results are written."""
    return Windows((base, base + RESULT), (base + RESULT, base + REGION_BYTES))


def random_program(rng: np.random.Generator, config: Config, base: int, jobs: int,
                   kinds: tuple[str, ...] = KINDS) -> Program:
    """`jobs` jobs of random kinds, their instructions interleaved at random (each slot's in order), and END."""
    slots = [Slot(i, config, rng, base) for i in range(SLOTS)]
    for index in range(jobs):
        getattr(slots[index % SLOTS], str(kinds[index % len(kinds)] if index < len(kinds) else rng.choice(kinds)))()
    queues = [list(s.out) for s in slots]
    program = []
    while any(queues):
        queue = queues[int(rng.choice([i for i, q in enumerate(queues) if q]))]
        program.append(queue.pop(0))
    program.append(encode(Opcode.END))
    return Program(np.stack(program), base, windows_of(base))
