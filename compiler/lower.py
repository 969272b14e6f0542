"""From operations on tiles to instructions: transfers, GEMMs with their weights, row operations.

A tile is a part ((p0, p1), (f0, f1)) of the tokens: in a spatial block rows of one frame, in a temporal block whole
positions, whose frames are neighbours. HBM holds a tensor's rows in one of two orders (compiler/memory.py) so that
every tile is one arithmetic sequence of rows: one transfer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.errors import CompileError
from compiler.image import Vector, Weight, values_per_unit
from compiler.memory import Block, Part, Shared, Tensor, ceil_div, panel_step
from compiler.stage import Stage
from models.isa import Buffer, Layout, Opcode, Precision, SfuOp, SliceBuffer

Runs = Sequence[tuple[int, int, int]]  # address, rows, stride
MAX_ROW_UNITS = (1 << 16) - 1


def bits(value: float) -> int:
    """FP32 bits of a number, for an immediate."""
    return int(np.float32(value).view(np.uint32))


@dataclass(frozen=True)
class Count:
    """A count register (a block of one) that bounds instructions, and the number that is expected in it."""

    block: Block
    expected: int

    @property
    def access(self) -> tuple[Block, Part]:
        """What an instruction with this bound reads."""
        return self.block, None

    @property
    def fields(self) -> dict[str, int]:
        """Fields of an instruction with this bound."""
        return {"count": self.block.base, "expected": self.expected}


@dataclass
class Panel:
    """An A operand: panel in abuf with row scales in rbuf (INT8), or FP16 without scales; `count` of its rows are there."""

    block: Block
    step: int
    rows: int
    scale: Block | None = None
    count: Count | None = None


class Lowering(Stage):
    """The instructions that every phase is made of."""

    # ------------------------------------------------------------------------------------------------------- transfers

    @staticmethod
    def _transfers(runs: Runs, base: int, row_step: int) -> Iterator[tuple[dict[str, int], Part]]:
        """Fields of a transfer for each run, one behind the other in a buffer from `base` on, and which of all rows it moves."""
        row = 0
        for address, rows, stride in runs:
            many = rows > 1
            yield {"hbm_addr": address, "rows": rows, "hbm_stride": stride if many else 0, "base": base + row * row_step,
                   "row_step": row_step if many else 0}, ((row, row + rows),)
            row += rows

    def load(self, tag: int, tensor: Tensor | None, part: Part, buffer: Buffer, block: Block, base: int, *, units: int,
             row_step: int, unit_step: int = 1, source: tuple[int, int, int] | None = None, into: Part = None,
             by_frame: bool = False) -> None:
        """Rows of a tensor (or of read-only `source` = address, rows, stride) into a block, frame after frame if `by_frame`."""
        for fields, _ in self._transfers([source] if source else tensor.runs(part, by_frame), base, row_step):
            self.program.emit(Opcode.LOAD, tag, [] if source else [(tensor, part)], [(block, into)], row_units=units, buffer=int(buffer),
                              unit_step=unit_step, **fields)

    def store(self, tag: int, block: Block, base: int, tensor: Tensor, part: Part, *, units: int, row_step: int,
              outof: Part = None, by_frame: bool = False) -> None:
        """Rows of a vbuf block into a tensor, from frame after frame if `by_frame`."""
        for fields, _ in self._transfers(tensor.runs(part, by_frame), base, row_step):
            self.program.emit(Opcode.STORE, tag, [(block, outof)], [(tensor, part)], row_units=units, buffer=int(Buffer.V), unit_step=1,
                              **fields)

    def load_rows(self, tag: int, tensor: Tensor, part: Part, by_frame: bool) -> Block:
        """A tile's rows into a new vbuf block, row after row, frame after frame if `by_frame`."""
        runs, units = tensor.runs(part, by_frame), tensor.units
        block = self.v.alloc(sum(r[1] for r in runs) * units)
        for fields, moved in self._transfers(runs, block.base, units):
            self.program.emit(Opcode.LOAD, tag, [(tensor, part)], [(block, moved)], row_units=units, buffer=int(Buffer.V), unit_step=1,
                              **fields)
        return block

    def store_rows(self, tag: int, block: Block, tensor: Tensor, part: Part, by_frame: bool) -> None:
        """A block of a tile's rows back into its tensor."""
        for fields, moved in self._transfers(tensor.runs(part, by_frame), block.base, tensor.units):
            self.program.emit(Opcode.STORE, tag, [(block, moved)], [(tensor, part)], row_units=tensor.units, buffer=int(Buffer.V),
                              unit_step=1, **fields)

    def mask_image(self, keep: np.ndarray) -> tuple[int, int]:
        """(address, units) of a tile's mask bits in the image; equal masks are kept once."""
        units = ceil_div(len(keep), 128)
        packed = np.zeros(16 * units, np.uint8)
        packed[:ceil_div(len(keep), 8)] = np.packbits(keep, bitorder="little")
        key = packed.tobytes()
        if key not in self.masks:
            self.masks[key] = self.image.append(f"mask.{len(self.masks)}", packed)
        return self.masks[key], units

    def entries(self, tag: int, vector: Vector, first: int = 0, count: int | None = None) -> tuple[Block | Shared, int]:
        """(block, entry) of pbuf that holds a vector from its entry `first` on; `done` gives it back."""
        if vector.resident:
            if not vector.block:
                vector.block = self._share(SliceBuffer.P, vector.entries, tag)
                self._load_shared(tag, vector.block, vector.address)
            return vector.block, vector.block.base + first
        count = vector.entries - first if count is None else count
        block = self.p.alloc(count)
        self.load(tag, None, None, Buffer.P, block, 4 * block.base, units=4 * count, row_step=0,
                  source=(vector.address + 64 * first, 1, 0))
        return block, block.base

    def done(self, vector: Vector, block: Block | Shared) -> None:
        """The use of `entries` is over."""
        if not vector.resident:
            self.p.free(block)

    # ------------------------------------------------------------------------------------------------------------ gemm

    def _panel(self, tag: int, weight: Weight, index: int) -> Block | Shared:
        """A chunk's panel in bbuf: in the weight set, or in the slice (`linear` gives it back)."""
        address, _, n = weight.chunks[index]
        if weight.resident:
            if not weight.blocks[index]:
                weight.blocks[index] = self._share(SliceBuffer.B, n * weight.groups, tag)
                self._load_shared(tag, weight.blocks[index], address)
            return weight.blocks[index]
        block = self.b.alloc(n * weight.groups)
        rows, units = (1, block.units) if block.units <= MAX_ROW_UNITS else (weight.groups, n)
        if rows > 1 and n % 2:
            raise CompileError(f"{weight.name}: an odd number of columns ({n}) needs at most {MAX_ROW_UNITS} words")
        self.load(tag, None, None, Buffer.B, block, block.base, units=units, row_step=units,
                  source=(address, rows, 16 * units))
        return block

    def linear(self, tag: int, load_tag: int, a: Panel, weight: Weight) -> Block:
        """a x weight with its scale and bias, FP16 rows in a new vbuf block."""
        units = ceil_div(weight.n, 8)
        out = self.v.alloc(a.rows * units)
        for index, (_, first, n) in enumerate(weight.chunks):
            affine, entry = self.entries(load_tag, weight.affine, first // 8, ceil_div(n, 8))
            block = self._panel(load_tag, weight, index)
            reads = [(a.block, None), (block, None), (affine, None)] + ([(a.scale, None)] if a.scale else [])
            reads += [a.count.access] if a.count else []
            self.program.emit(
                Opcode.GEMM, tag, reads, [(out, ((first, first + n),))], precision=int(weight.precision),
                b_layout=int(Layout.NK), row_scale=int(a.scale is not None), col_affine=1, m=a.rows, n=n, k=weight.k,
                batch=1, a_base=a.block.base, a_step=a.step, b_base=block.base, b_step=n, o_base=out.base + first // 8,
                o_step=units, rbuf_base=a.scale.base if a.scale else 0, pbuf_base=entry,
                **(a.count.fields if a.count else {}))
            self.done(weight.affine, affine)
            if not weight.resident:
                self.b.free(block)
        return out

    # ----------------------------------------------------------------------------------------------- special functions

    def panel_of(self, tag: int, op: SfuOp, x: Block, x_units: int, rows: int, cols: int, *, load_tag: int = 0,
                 affine: Vector | None = None, precision: Precision | None = None, eps: float = 0.0, count: Count | None = None) -> Panel:
        """Normalise, activate or only convert rows of vbuf, then apply `affine`, into a new abuf panel, in the precision of the linear
        layers unless said otherwise."""
        precision = self.precision if precision is None else precision
        step = panel_step(rows)
        fp16 = precision == Precision.FP16
        block = self.a.alloc(ceil_div(cols, values_per_unit(precision)) * step)
        scale = None if fp16 else self.r.alloc(rows)
        pair, entry = self.entries(load_tag, affine) if affine else (None, 0)
        imm = {"imm0": bits(1 / cols), "imm1": bits(eps)} if op == SfuOp.LAYERNORM else {}
        self.program.emit(
            Opcode.SFU, tag, [(x, None)] + ([(pair, None)] if pair else []) + ([count.access] if count else []),
            [(block, None)] + ([(scale, None)] if scale else []), op=int(op), out_fp16=int(fp16),
            affine=int(pair is not None), rows=rows, cols=cols, x_base=x.base, x_step=x_units, dst=int(Buffer.A),
            d_base=block.base, d_row=1, d_unit=step, pbuf_base=entry, rbuf_base=scale.base if scale else 0, **imm,
            **(count.fields if count else {}))
        if affine:
            self.done(affine, pair)
        return Panel(block, step, rows, scale, count)

    def free_panel(self, a: Panel) -> None:
        """Give back a panel and its scales."""
        self.a.free(a.block)
        if a.scale:
            self.r.free(a.scale)

    def residual(self, tag: int, x: Block, y: Block, rows: int, *, load_tag: int = 0, gate: Vector | None = None,
                 x_row: int = 0, y_base: int | None = None, y_step: int | None = None) -> None:
        """x + gate * y, row by row from row `x_row` of x on, in the place of x."""
        units = self.x_units
        base = x.base + x_row * units
        block, entry = self.entries(load_tag, gate) if gate else (None, 0)
        self.program.emit(
            Opcode.SFU, tag, [(x, None), (y, None)] + ([(block, None)] if block else []), [(x, None)],
            op=int(SfuOp.RESIDUAL), affine=int(block is not None), rows=rows, cols=self.dims.hidden, x_base=base,
            x_step=units, y_base=y.base if y_base is None else y_base, y_step=units if y_step is None else y_step,
            dst=int(Buffer.V), d_base=base, d_row=units, d_unit=1, pbuf_base=entry)
        if block:
            self.done(gate, block)
