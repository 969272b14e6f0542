"""From operations on tiles to instructions: transfers, GEMMs with their weights, row operations.

A tile is a part ((p0, p1), (f0, f1)) of the tokens: in a spatial block rows of one frame, in a temporal block whole
positions, whose frames are neighbours. HBM holds a tensor's rows in one of two orders (compiler/memory.py) so that
every tile is one arithmetic sequence of rows: one transfer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compiler.checkpoint import Checkpoint
from compiler.errors import CompileError
from compiler.memory import Block, HbmMap, Part, Pool, Tensor, ceil_div, round_up
from compiler.program import Program
from compiler.quantise import pad_heads, pairs, panel, quantise_columns
from compiler.tiles import MIN_ROWS, Tiling
from models.config import Config
from models.isa import NUM_COUNTS, Buffer, Layout, Opcode, Precision, SfuOp

MAX_ROW_UNITS = (1 << 16) - 1


def bits(value: float) -> int:
    """FP32 bits of a number, for an immediate."""
    return int(np.float32(value).view(np.uint32))


class Image:
    """Read-only data of the program (weights, parameters), at consecutive addresses; in memory, or appended to a
    file."""

    def __init__(self, hbm: HbmMap, path: Path | None = None) -> None:
        self.hbm = hbm
        self.parts: list[tuple[int, np.ndarray]] = []
        self.file = path.open("wb") if path else None
        self.first: int | None = None
        self.size = 0

    def append(self, name: str, data: np.ndarray) -> int:
        """Place uint8 data; returns its address."""
        region = self.hbm.alloc(name, data.size, "weights")
        if self.first is None:
            self.first = region.base
        if self.file:
            self.file.write(b"\0" * (region.base - self.first - self.file.tell()))
            self.file.write(data.tobytes())
        else:
            self.parts.append((region.base, data))
        self.size = region.base + data.size - self.first
        return region.base

    def close(self) -> None:
        """Finish the file."""
        if self.file:
            self.file.close()


@dataclass
class Vector:
    """Parameter entries in HBM; in pbuf for a whole phase (`resident`), or loaded for every use."""

    address: int
    entries: int
    block: Block | None = None
    resident: bool = True


@dataclass
class Weight:
    """A linear layer's B operand in HBM: panels of some columns each (address, first column, columns), and {scale,
    bias}."""

    name: str
    n: int
    k: int
    groups: int
    precision: Precision
    chunks: list[tuple[int, int, int]]
    affine: Vector
    blocks: list[Block | None] = field(default_factory=list)
    resident: bool = True

    @property
    def units(self) -> int:
        """Size of all panels, in units."""
        return self.n * self.groups


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


class Lowering(Tiling):
    """State of one compilation, and the instructions that every phase is made of."""

    def __init__(self, checkpoint: Checkpoint, config: Config, captions: int, hbm: HbmMap,
                 weights: Path | None = None) -> None:
        self.checkpoint, self.config, self.dims, self.captions = checkpoint, config, checkpoint.dims, captions
        self.program = Program(config)
        self.hbm = hbm
        self.image = Image(self.hbm, weights)
        self.a = Pool("abuf", config.abuf)
        self.b = Pool("bbuf", config.bbuf)
        self.v = Pool("vbuf", config.vbuf)
        self.p = Pool("pbuf", config.pbuf)
        self.r = Pool("rbuf", config.rbuf)
        self.m = Pool("mbuf", config.mbuf)
        self.counts = Pool("count registers", NUM_COUNTS)
        self.counts.alloc(1)  # register 0 does not exist
        self.masks: dict[bytes, int] = {}
        self.buffer = {Buffer.A: self.a, Buffer.B: self.b, Buffer.V: self.v, Buffer.P: self.p}
        d = self.dims
        self.head_units = ceil_div(d.head_dim, 8)
        self.head_pad = 8 * self.head_units
        # Rows by which tiles grow: whole tiles of the array.
        self.row_step = round_up(MIN_ROWS, self.config.int8_rows)
        self.value_units = self.head_units | 1  # step of V's rows in bbuf: odd, as KN wants it
        self.wide = d.heads * self.head_pad  # channels of a row of concatenated heads, each head padded to whole units
        self.x_units = ceil_div(d.hidden, 8)
        self.x_stride = round_up(2 * d.hidden, 64)
        self.head_stride = round_up(2 * self.head_pad, 32)

    # ------------------------------------------------------------------------------------------------------- transfers

    def load(self, tag: int, tensor: Tensor | None, part: Part, buffer: Buffer, block: Block, base: int, *, units: int,
             row_step: int, unit_step: int = 1, source: tuple[int, int, int] | None = None, into: Part = None) -> None:
        """Rows of a tensor (or of read-only `source` = address, rows, stride) into a block."""
        address, rows, stride = source if source else tensor.rows(part)
        self.program.emit(
            Opcode.LOAD, tag, [] if source else [(tensor, part)], [(block, into)], hbm_addr=address, rows=rows,
            row_units=units, hbm_stride=stride if rows > 1 else 0, buffer=int(buffer), base=base,
            row_step=row_step if rows > 1 else 0, unit_step=unit_step)

    def store(self, tag: int, block: Block, base: int, tensor: Tensor, part: Part, *, units: int, row_step: int,
              outof: Part = None) -> None:
        """Rows of a vbuf block into a tensor."""
        address, rows, stride = tensor.rows(part)
        self.program.emit(
            Opcode.STORE, tag, [(block, outof)], [(tensor, part)], hbm_addr=address, rows=rows, row_units=units,
            hbm_stride=stride if rows > 1 else 0, buffer=int(Buffer.V), base=base, row_step=row_step if rows > 1 else 0,
            unit_step=1)

    def load_rows(self, tag: int, tensor: Tensor, part: Part, by_frame: bool) -> Block:
        """A tile's rows into a new vbuf block, row after row, frame after frame if `by_frame`."""
        runs, units = tensor.runs(part, by_frame), tensor.units
        block, row = self.v.alloc(sum(r[1] for r in runs) * units), 0
        for address, rows, stride in runs:
            self.program.emit(
                Opcode.LOAD, tag, [(tensor, part)], [(block, ((row, row + rows),))], hbm_addr=address, rows=rows, row_units=units,
                hbm_stride=stride if rows > 1 else 0, buffer=int(Buffer.V), base=block.base + row * units, row_step=units,
                unit_step=1)
            row += rows
        return block

    def store_rows(self, tag: int, block: Block, tensor: Tensor, part: Part, by_frame: bool) -> None:
        """A block of a tile's rows back into its tensor."""
        row, units = 0, tensor.units
        for address, rows, stride in tensor.runs(part, by_frame):
            self.program.emit(
                Opcode.STORE, tag, [(block, ((row, row + rows),))], [(tensor, part)], hbm_addr=address, rows=rows,
                row_units=units, hbm_stride=stride if rows > 1 else 0, buffer=int(Buffer.V), base=block.base + row * units,
                row_step=units, unit_step=1)
            row += rows

    def mask_image(self, keep: np.ndarray) -> tuple[int, int]:
        """(address, units) of a tile's mask bits in the image; equal masks are kept once."""
        units = ceil_div(len(keep), 128)
        packed = np.zeros(16 * units, np.uint8)
        packed[:ceil_div(len(keep), 8)] = np.packbits(keep, bitorder="little")
        key = packed.tobytes()
        if key not in self.masks:
            self.masks[key] = self.image.append(f"mask.{len(self.masks)}", packed)
        return self.masks[key], units

    def entries(self, tag: int, vector: Vector, first: int = 0, count: int | None = None) -> tuple[Block, int]:
        """(block, entry) of pbuf that holds a vector from its entry `first` on; `done` gives it back."""
        if vector.block:
            return vector.block, vector.block.base + first
        if vector.resident:
            first, count = 0, vector.entries
        count = vector.entries - first if count is None else count
        block = self.p.alloc(count)
        self.load(tag, None, None, Buffer.P, block, 4 * block.base, units=4 * count, row_step=0,
                  source=(vector.address + 64 * first, 1, 0))
        if vector.resident:
            vector.block = block
        return block, block.base

    def done(self, vector: Vector, block: Block) -> None:
        """The use of `entries` is over."""
        if not vector.resident:
            self.p.free(block)

    # --------------------------------------------------------------------------------------------------------- weights

    def weight(self, name: str, matrix: np.ndarray, bias: np.ndarray, precision: Precision = Precision.INT8) -> Weight:
        """Place a linear layer float32 [N, K] in the weight image, cut into chunks of at most a quarter of bbuf."""
        n, k = matrix.shape
        groups = ceil_div(k, 16 if precision == Precision.INT8 else 8)
        width, stream = n, min(self.config.bbuf // 4, 8 * self.config.pbuf * groups)
        if n * groups > stream:
            width = stream // groups // self.config.tile_cols * self.config.tile_cols
            if not width:
                raise CompileError(f"{name}: {groups} x {self.config.tile_cols} words of weights do not fit bbuf")
            width = min(n, round_up(ceil_div(n, ceil_div(n, width)), self.config.tile_cols))
        if precision == Precision.INT8:
            matrix, scale = quantise_columns(matrix)
        else:
            if np.abs(matrix).max() > np.finfo(np.float16).max:
                raise CompileError(f"{name}.weight: a value does not fit FP16")
            matrix, scale = matrix.astype(np.float16), np.ones(n, np.float32)
        chunks = []
        for first in range(0, n, width):
            columns = matrix[first:first + width]
            chunks.append((self.image.append(f"{name}.{first}", panel(columns)), first, len(columns)))
        affine = Vector(self.image.append(f"{name}.affine", pairs(scale, bias)), ceil_div(n, 8))
        return Weight(name, n, k, groups, precision, chunks, affine)

    def linear_weight(self, *names: str, heads_out: bool = False, heads_in: bool = False) -> Weight:
        """INT8 weight of the named layers, concatenated over their outputs; heads padded to whole units where asked."""
        d = self.dims
        matrices, biases = [], []
        for name in names:
            matrix, bias = self.checkpoint.get(f"{name}.weight"), self.checkpoint.get(f"{name}.bias")
            if heads_out:
                matrix = pad_heads(matrix, d.heads, d.head_dim, self.head_pad, 0)
                bias = pad_heads(bias, d.heads, d.head_dim, self.head_pad, 0)
            if heads_in:
                matrix = pad_heads(matrix, d.heads, d.head_dim, self.head_pad, 1)
            matrices.append(matrix)
            biases.append(bias)
        return self.weight(names[0], np.concatenate(matrices), np.concatenate(biases))

    def stays(self, *weights: Weight) -> bool:
        """Whether these weights fit bbuf together, so that a phase loads them once."""
        return sum(w.units for w in weights) < self.config.bbuf

    @contextmanager
    def phase(self, weights: tuple[Weight, ...], addresses: tuple[int, ...] = ()) -> Iterator[list[Vector]]:
        """The vectors (of one token's channels) at these addresses; what fits together stays on the chip for the
        phase."""
        stay = self.stays(*weights)
        channels = [Vector(address, self.x_units) for address in addresses]
        vectors = channels + [w.affine for w in weights]
        resident = sum(v.entries for v in vectors) <= self.config.pbuf
        # What takes more than half of a buffer must not leave gaps.
        self.b.tight = stay and 2 * sum(w.units for w in weights) > self.config.bbuf
        self.p.tight = resident and 2 * sum(v.entries for v in vectors) > self.config.pbuf
        for vector in vectors:
            vector.resident = resident
        for weight in weights:
            weight.resident, weight.blocks = stay, [None] * len(weight.chunks)
        yield channels
        for block in [block for weight in weights for block in weight.blocks if block]:
            self.b.free(block)
        for block in [v.block for v in vectors if v.block]:
            self.p.free(block)

    def _load_panel(self, tag: int, weight: Weight, index: int) -> Block:
        address, _, n = weight.chunks[index]
        block = self.b.alloc(n * weight.groups)
        rows, units = (1, block.units) if block.units <= MAX_ROW_UNITS else (weight.groups, n)
        if rows > 1 and n % 2:
            raise CompileError(f"{weight.name}: an odd number of columns ({n}) needs at most {MAX_ROW_UNITS} words")
        self.load(tag, None, None, Buffer.B, block, block.base, units=units, row_step=units,
                  source=(address, rows, 16 * units))
        return block

    # ------------------------------------------------------------------------------------------------------------ gemm

    def linear(self, tag: int, load_tag: int, a: Panel, weight: Weight) -> Block:
        """a x weight with its scale and bias, FP16 rows in a new vbuf block."""
        units = ceil_div(weight.n, 8)
        out = self.v.alloc(a.rows * units)
        for index, (_, first, n) in enumerate(weight.chunks):
            affine, entry = self.entries(load_tag, weight.affine, first // 8, ceil_div(n, 8))
            block = weight.blocks[index] or self._load_panel(load_tag, weight, index)
            reads = [(a.block, None), (block, None), (affine, None)] + ([(a.scale, None)] if a.scale else [])
            reads += [a.count.access] if a.count else []
            self.program.emit(
                Opcode.GEMM, tag, reads, [(out, ((first, first + n),))], precision=int(weight.precision),
                b_layout=int(Layout.NK), row_scale=int(a.scale is not None), col_affine=1, m=a.rows, n=n, k=weight.k,
                batch=1, a_base=a.block.base, a_step=a.step, b_base=block.base, b_step=n, o_base=out.base + first // 8,
                o_step=units, rbuf_base=a.scale.base if a.scale else 0, pbuf_base=entry,
                **(a.count.fields if a.count else {}))
            self.done(weight.affine, affine)
            if weight.resident:
                weight.blocks[index] = block
            else:
                self.b.free(block)
        return out

    # ----------------------------------------------------------------------------------------------- special functions

    def panel_of(self, tag: int, op: SfuOp, x: Block, x_units: int, rows: int, cols: int, *, load_tag: int = 0,
                 modulate: Vector | None = None, fp16: bool = False, eps: float = 0.0, count: Count | None = None) -> Panel:
        """Normalise, activate or only quantise rows of vbuf into a new abuf panel."""
        step = rows | 1
        block = self.a.alloc(ceil_div(cols, 8 if fp16 else 16) * step)
        scale = None if fp16 else self.r.alloc(rows)
        affine, entry = self.entries(load_tag, modulate) if modulate else (None, 0)
        imm = {"imm0": bits(1 / cols), "imm1": bits(eps)} if op == SfuOp.LAYERNORM else {}
        self.program.emit(
            Opcode.SFU, tag, [(x, None)] + ([(affine, None)] if affine else []) + ([count.access] if count else []),
            [(block, None)] + ([(scale, None)] if scale else []), op=int(op), out_fp16=int(fp16),
            affine=int(affine is not None), rows=rows, cols=cols, x_base=x.base, x_step=x_units, dst=int(Buffer.A),
            d_base=block.base, d_row=1, d_unit=step, pbuf_base=entry, rbuf_base=scale.base if scale else 0, **imm,
            **(count.fields if count else {}))
        if affine:
            self.done(modulate, affine)
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
