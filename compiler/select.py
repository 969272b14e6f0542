"""Sparse rows of a tile: the decision of su, compaction, recovery, and the upkeep of the caches.

On a tile of m rows: su compares, and leaves in mbuf the list of kept rows, the recovery map and the list of rows to be
written, and in count registers how many there are. ru gathers the kept rows; everything up to the last product then has
the kept count as its bound. Planes (qkv, cross_q) take the results by list, where the rows that are recovered by their
own cached row simply stay; elsewhere ru puts the dense rows together for the residual.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.lower import Count, Lowering, bits
from compiler.memory import Block, Part, Tensor, ceil_div
from compiler.sparsity import Sparse
from models.isa import Buffer, Opcode, RuOp, SfuOp


@dataclass(frozen=True)
class Tags:
    """Lines of the table: transfers, decision, row movements."""

    transfer: int
    su: int
    ru: int


class Selection:
    """One tile of one region. Rows of blocks are `units` apart; `x` are the rows that enter the region, None where the program
    skips all of them."""

    def __init__(self, low: Lowering, tags: Tags, sparse: Sparse, tile: Part, by_frame: bool, x: Block | None, units: int,
                 cols: int) -> None:
        self.low, self.tags, self.tile, self.by_frame = low, tags, tile, by_frame
        self.policy, self.caches = sparse.policy, sparse.caches
        self.units, (p0, p1), (f0, f1) = units, *tile
        self.m = (p1 - p0) * (f1 - f0)
        d = low.dims
        self.first = f0 * d.positions + p0 if by_frame else p0 * d.frames + f0
        self.lists, self.map, self.written = (low.m.alloc(self.m) for _ in range(3))
        self.kept = Count(low.counts.alloc(1), self._expected())
        self.written_count = Count(low.counts.alloc(1), self._expected())
        self._decide(x, units, cols)
        if x is None:
            return
        # Inputs to be cached: those of the computed rows, and of the rows that a reference recovers.
        self.new = (self._gather(x, units, self.written, self.written_count)
                    if self.policy.window and self.caches.x is not None else None)
        self.x = self._gather(x, units, self.lists, self.kept)

    def _expected(self) -> int:
        return max(1, round(self.m * self.policy.density))

    # -------------------------------------------------------------------------------------------------------- decision

    def _meta(self, opcode: Opcode, block: Block) -> None:
        low, tensor = self.low, self.caches.meta
        part = ((self.first, self.first + self.m), (0, 1))
        reads, writes = [(tensor, part)], [(block, None)]
        if opcode == Opcode.STORE:
            reads, writes = writes, reads
        low.program.emit(opcode, self.tags.transfer, reads, writes, hbm_addr=tensor.region.base + self.first * tensor.stride,
                         rows=1, row_units=block.units, buffer=int(Buffer.V), base=block.base, unit_step=1)

    def _grid(self) -> dict[str, int]:
        """Coordinates of a tile's rows: (frame, y, x), or (y, x, frame) where a tile holds whole positions."""
        d, policy = self.low.dims, self.policy
        (h, w, t), (oh, ow, ot) = policy.window or (1, 1, 1), policy.offset
        if self.by_frame:
            return {"n1": d.grid, "n2": d.grid, "w0": t, "w1": h, "w2": w, "o0": ot, "o1": oh, "o2": ow}
        plain = h == 1 and w == 1
        return {"n1": 1 if plain else d.grid, "n2": d.frames, "w0": h, "w1": w, "w2": t, "o0": oh, "o1": ow, "o2": ot}

    def _decide(self, x: Block | None, units: int, cols: int) -> None:
        low, policy, caches = self.low, self.policy, self.caches
        reads, fields = [(x, None)] if x else [], {}
        cached = meta = mask = None
        if policy.thr_step is not None:
            cached = low.load_rows(self.tags.transfer, caches.x, self.tile, self.by_frame)
            reads.append((cached, None))
            fields |= {"step": 1, "thr_step": bits(policy.thr_step ** 2), "max_age": policy.max_age, "c_base": cached.base,
                       "c_step": caches.x.units, "c_int8": int(policy.inputs == "int8"),
                       "fill": low.config.int8_rows if policy.fill else 0}
        if policy.keep is not None:
            mask = self._mask()
            reads.append((mask, None))
            fields |= {"mask": 1, "mask_base": mask.base}
        if policy.window is not None:
            fields |= {"window": 1, "thr_window": bits(policy.thr_window ** 2)}
        writes = [(b, None) for b in (self.lists, self.map, self.written, self.kept.block, self.written_count.block)]
        if policy.ages:
            meta = low.v.alloc(ceil_div(self.m, 2))
            if not policy.first:
                self._meta(Opcode.LOAD, meta)
            reads.append((meta, None))
            writes.append((meta, None))
            fields |= {"meta": 1, "meta_base": meta.base}
        low.program.emit(Opcode.SU, self.tags.su, reads, writes, rows=self.m, cols=cols, x_base=x.base if x else 0,
                         x_step=units, list_base=self.lists.base, map_base=self.map.base, write_base=self.written.base,
                         count_kept=self.kept.block.base, count_written=self.written_count.block.base,
                         **self._grid(), **fields)
        for block in (cached, mask):
            if block:
                low.v.free(block)
        if meta:
            self._meta(Opcode.STORE, meta)
            low.v.free(meta)

    def _mask(self) -> Block:
        """The tile's mask bits, from the program's read-only data."""
        low, (p0, p1), (f0, f1) = self.low, *self.tile
        keep = self.policy.keep[p0:p1, f0:f1]
        address, units = low.mask_image((keep.T if self.by_frame else keep).reshape(-1))
        block = low.v.alloc(units)
        low.load(self.tags.transfer, None, None, Buffer.V, block, block.base, units=units, row_step=0, source=(address, 1, 0))
        return block

    # --------------------------------------------------------------------------------------------------- row movements

    def _gather(self, y: Block, units: int, entries: Block, count: Count) -> Block:
        """The rows of a block of all rows that a list names."""
        low = self.low
        out = low.v.alloc(self.m * units)
        low.program.emit(
            Opcode.RU, self.tags.ru, [(y, None), (entries, None), count.access], [(out, None)], op=int(RuOp.GATHER),
            rows=self.m, units=units, y_base=y.base, y_step=units, d_base=out.base, d_step=units, map_base=entries.base,
            **count.fields)
        return out

    def _spread(self, y: Block, units: int) -> tuple[Block, Block, Count]:
        """(rows, list, count) to be written: the kept rows, or, with a window, those of the references in their places too."""
        if self.policy.window is None:
            return y, self.lists, self.kept
        low, count = self.low, self.written_count
        out = low.v.alloc(self.m * units)
        low.program.emit(
            Opcode.RU, self.tags.ru, [(y, None), (self.written, None), count.access], [(out, None)], op=int(RuOp.RECOVER),
            rows=self.m, units=units, y_base=y.base, y_step=units, d_base=out.base, d_step=units, map_base=self.written.base,
            c1_base=y.base, c1_step=0, **count.fields)
        return out, self.written, count

    def store(self, rows: Block, base: int, entries: Block, count: Count, tensor: Tensor, *, units: int, row_step: int,
              outof: Part = None) -> None:
        """Rows of a block to the rows of a tensor that a list names."""
        address, m, stride = tensor.runs(self.tile, self.by_frame)[0]
        self.low.program.emit(
            Opcode.STORE, self.tags.transfer, [(rows, outof), (entries, None), count.access], [(tensor, self.tile)],
            hbm_addr=address, rows=m, row_units=units, hbm_stride=stride, buffer=int(Buffer.V), base=base, row_step=row_step,
            unit_step=1, list=1, list_base=entries.base, bound=m, **count.fields)

    def store_heads(self, out: Block, units: int, planes: list[list[Tensor]]) -> None:
        """Columns of the computed rows, head after head, to the planes."""
        low, hu = self.low, self.low.head_units
        rows, entries, count = self._spread(out, units)
        for number, plane in enumerate(plane for group in planes for plane in group):
            self.store(rows, rows.base + number * hu, entries, count, plane, units=hu, row_step=units,
                       outof=((8 * number * hu, 8 * (number + 1) * hu),) if rows is out else None)
        if rows is not out:
            low.v.free(rows)

    def refresh_inputs(self) -> None:
        """The rows that entered the region become the cached inputs, where they were computed; gives the gathered rows back."""
        low, tensor = self.low, self.caches.x
        if tensor is not None:
            rows, entries, count = (self.new, self.written, self.written_count) if self.new else (self.x, self.lists, self.kept)
            stored = self._int8(rows, count) if self.policy.inputs == "int8" else rows
            self.store(stored, stored.base, entries, count, tensor, units=tensor.units, row_step=tensor.units)
            if stored is not rows:
                low.v.free(stored)
        low.v.free(self.x)
        if self.new:
            low.v.free(self.new)

    def _int8(self, x: Block, count: Count) -> Block:
        """Rows in INT8; their scales do not matter to a cosine."""
        low, units = self.low, self.caches.x.units
        out, scale = low.v.alloc(self.m * units), low.r.alloc(self.m)
        low.program.emit(
            Opcode.SFU, self.tags.su, [(x, None), count.access], [(out, None), (scale, None)], op=int(SfuOp.QUANT),
            rows=self.m, cols=8 * self.units, x_base=x.base, x_step=self.units, dst=int(Buffer.V), d_base=out.base, d_row=units,
            d_unit=1, rbuf_base=scale.base, **count.fields)
        low.r.free(scale)
        return out

    def recover(self, y: Block | None, units: int) -> Block:
        """All m rows from the computed ones (None: there are none) and the cached ones; refreshes the cached outputs; gives y
        back."""
        low, policy, caches, tag = self.low, self.policy, self.caches, self.tags.transfer
        c1 = c2 = None
        if policy.step:
            c1 = low.load_rows(tag, caches.y1, self.tile, self.by_frame)
            if policy.coef is not None:
                c2 = low.load_rows(tag, caches.y2, self.tile, self.by_frame)
        if y:
            self._refresh_outputs(y, units, c1)
        y_base = y.base if y else c1.base
        out = low.v.alloc(self.m * units)
        reads = [(b, None) for b in (y, self.map, c1, c2) if b]
        fields = {"c1_base": c1.base if c1 else y_base, "c1_step": units if c1 else 0}
        if c2:
            fields |= {"extrapolate": 1, "c2_base": c2.base, "c2_step": units, "coef": bits(policy.coef)}
        low.program.emit(
            Opcode.RU, self.tags.ru, reads, [(out, None)], op=int(RuOp.RECOVER), rows=self.m, units=units, y_base=y_base,
            y_step=units, d_base=out.base, d_step=units, map_base=self.map.base, **fields)
        for block in (y, c1, c2):
            if block:
                low.v.free(block)
        return out

    def _refresh_outputs(self, y: Block, units: int, c1: Block | None) -> None:
        low, caches = self.low, self.caches
        if caches.y1 is None:
            return
        spread, entries, count = self._spread(y, units)
        if caches.y2 is not None:
            self._age_outputs(spread, entries, count, c1, units)
        self.store(spread, spread.base, entries, count, caches.y1, units=units, row_step=units)
        if spread is not y:
            low.v.free(spread)

    def _age_outputs(self, y: Block, entries: Block, count: Count, c1: Block | None, units: int) -> None:
        """What was last computed becomes what was computed before it; at the first step both are the same."""
        low, caches = self.low, self.caches
        if self.policy.first:
            self.store(y, y.base, entries, count, caches.y2, units=units, row_step=units)
            return
        loaded = c1 or low.load_rows(self.tags.transfer, caches.y1, self.tile, self.by_frame)
        old = self._gather(loaded, units, entries, count)
        self.store(old, old.base, entries, count, caches.y2, units=units, row_step=units)
        low.v.free(old)
        if loaded is not c1:
            low.v.free(loaded)

    def done(self) -> None:
        """Give the lists and counts back."""
        for block in (self.lists, self.map, self.written):
            self.low.m.free(block)
        for count in (self.kept, self.written_count):
            self.low.counts.free(count.block)
