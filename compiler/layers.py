"""Phases of a block: every phase passes over all tiles of the tokens, a task each, and leaves its result in HBM. With guidance
the branches go through a phase one behind the other, with the same weights.

Nothing drains between phases: the tiles of the next one depend on single tiles of the last, and the order of
tasks comes from those dependencies (compiler/plan.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.attention import Planes
from compiler.branches import Branches, branch_tiles, frame_by_frame, layer_ops, linear_op, most_rows, pieces, region_rows, room, rows_of, special_op, tasks
from compiler.image import Vector
from compiler.lower import Lowering
from compiler.memory import Block, Part, Tensor, ceil_div
from compiler.select import Selection, Tags
from compiler.sparsity import Sparse
from models.isa import Buffer, SfuOp


@dataclass(frozen=True)
class Modulation:
    """HBM addresses of a block's per-channel images: {1 + scale, shift} and {gate, 0}, for attention and for the
    MLP."""

    norm1: int
    gate1: int
    norm2: int
    gate2: int


def _select(low: Lowering, block: str, region: str, branches: Branches, transfer: int) -> Tags | None:
    """Lines of the table for su and ru, if the region has any."""
    rows = low.dims.tokens * sum(b.sparse is not None for b in branches)
    if not rows:
        return None
    su, ru = (low.op(name=f"{block}.{region}.{unit}", kind="sparsity", block=block, m=rows, region=f"{block}.{region}")
              for unit in ("su", "ru"))
    return Tags(transfer, su, ru)


def _store_heads(low: Lowering, tag: int, out: Block, units: int, first: int, planes: list[Tensor], part: Part,
                 by_frame: bool = False) -> None:
    """Columns of a vbuf block, head after head, to planes; its rows lie frame after frame if `by_frame`."""
    hu = low.head_units
    for head, plane in enumerate(planes):
        column = first + head * hu
        low.store(tag, out, out.base + column, plane, part, units=hu, row_step=units,
                  outof=((8 * column, 8 * (column + hu)),), by_frame=by_frame)


def qkv_phase(low: Lowering, block: str, prefix: str, branches: Branches, mod: Modulation, temporal: bool) -> None:
    """x -> LayerNorm, modulate -> Q, K, V planes."""
    d, tokens = low.dims, low.dims.tokens * len(branches)
    w = low.linear_weight(*(f"{prefix}.attn1.to_{p}" for p in "qkv"), heads_out=True, modulated=True)
    transfer, norm, linear = layer_ops(low, block, "qkv", tokens, w, d.hidden, 3 * d.hidden, "layernorm")
    tags = _select(low, block, "qkv", branches, transfer)
    units = ceil_div(w.n, 8)
    tiles = branch_tiles(low, f"{block}.qkv", branches, temporal, (w,), lambda sparse: room(sparse, low.x_units, units, 0), w.groups)
    with low.phase((w,), (mod.norm1,)) as (modulate,):
        for branch, tile in tasks(low, f"{block}.qkv", linear, tiles):
            sparse, targets = branch.sparse, [branch.planes.q, branch.planes.k, branch.planes.v]
            by_frame = frame_by_frame(low, tile, temporal)
            if branch.skips:
                Selection(low, tags, sparse, tile, by_frame, None, low.x_units, d.hidden).done()
                continue
            m, xb = rows_of(tile), low.load_rows(transfer, branch.x, tile, by_frame)
            sel = sparse and Selection(low, tags, sparse, tile, by_frame, xb, low.x_units, d.hidden)
            a = low.panel_of(norm, SfuOp.LAYERNORM, sel.x if sel else xb, low.x_units, m, d.hidden, load_tag=transfer,
                             affine=modulate, eps=d.eps, count=sel and sel.kept)
            low.v.free(xb)
            if sel:
                sel.refresh_inputs()
            out = low.linear(linear, transfer, a, w)
            low.free_panel(a)
            if sel:
                sel.store_heads(out, units, targets)
                sel.done()
            else:
                for i, target in enumerate(targets):
                    _store_heads(low, transfer, out, units, i * d.heads * low.head_units, target, tile, by_frame)
            low.v.free(out)


def text_phase(low: Lowering, block: str, prefix: str, captions: Sequence[tuple[int, Planes]], stride: int) -> None:
    """The caption rows of every branch, (HBM address, planes), -> K and V planes of the cross-attention."""
    d, c = low.dims, low.captions
    w = low.linear_weight(f"{prefix}.attn2.to_k", f"{prefix}.attn2.to_v", heads_out=True)
    transfer, quant, linear = layer_ops(low, block, "text_kv", c * len(captions), w, d.hidden, 2 * d.hidden, "quant")
    units = ceil_div(w.n, 8)
    rows = region_rows(low, most_rows(low, w), None, low.x_units + units, w.groups)
    parts = [((p, min(p + rows, c)), (0, 1)) for p in range(0, c, rows)]
    with low.phase((w,)):
        for (text, planes), part in tasks(low, f"{block}.text_kv", linear, [(caption, p) for caption in captions for p in parts]):
            first, m = part[0][0], rows_of(part)
            tb = low.v.alloc(m * low.x_units)
            low.load(transfer, None, None, Buffer.V, tb, tb.base, units=low.x_units, row_step=low.x_units,
                     source=(text + first * stride, m, stride))
            a = low.panel_of(quant, SfuOp.QUANT, tb, low.x_units, m, d.hidden)
            low.v.free(tb)
            out = low.linear(linear, transfer, a, w)
            low.free_panel(a)
            for i, target in enumerate((planes.k, planes.v)):
                _store_heads(low, transfer, out, units, i * d.heads * low.head_units, target, part)
            low.v.free(out)


def query_phase(low: Lowering, block: str, prefix: str, branches: Branches) -> None:
    """x -> Q planes of the cross-attention; no norm."""
    d, tokens = low.dims, low.dims.tokens * len(branches)
    w = low.linear_weight(f"{prefix}.attn2.to_q", heads_out=True)
    transfer, quant, linear = layer_ops(low, block, "cross_q", tokens, w, d.hidden, d.hidden, "quant")
    tags = _select(low, block, "cross_q", branches, transfer)
    units = ceil_div(w.n, 8)
    tiles = branch_tiles(low, f"{block}.cross_q", branches, False, (w,), lambda sparse: room(sparse, low.x_units, units, 0), w.groups)
    with low.phase((w,)):
        for branch, tile in tasks(low, f"{block}.cross_q", linear, tiles):
            sparse, q = branch.sparse, branch.planes.q
            if branch.skips:
                Selection(low, tags, sparse, tile, True, None, low.x_units, d.hidden).done()
                continue
            xb = low.load_rows(transfer, branch.x, tile, True)
            sel = sparse and Selection(low, tags, sparse, tile, True, xb, low.x_units, d.hidden)
            a = low.panel_of(quant, SfuOp.QUANT, sel.x if sel else xb, low.x_units, rows_of(tile), d.hidden, load_tag=transfer,
                             affine=w.inputs, count=sel and sel.kept)
            low.v.free(xb)
            if sel:
                sel.refresh_inputs()
            out = low.linear(linear, transfer, a, w)
            low.free_panel(a)
            if sel:
                sel.store_heads(out, units, [q])
                sel.done()
            else:
                _store_heads(low, transfer, out, units, 0, q, tile, True)
            low.v.free(out)


def output_phase(low: Lowering, block: str, name: str, weight: str, branches: Branches, gate: int | None,
                 temporal: bool) -> None:
    """Attention result -> output projection -> x += gate * result (no gate: x += result)."""
    d, hu, tokens = low.dims, low.head_units, low.dims.tokens * len(branches)
    w = low.linear_weight(weight, heads_in=True)
    transfer, quant, linear = layer_ops(low, block, name, tokens, w, d.hidden, d.hidden, "quant")
    add = special_op(low, block, f"{name}.residual", tokens, d.hidden)
    tags = _select(low, block, name, branches, transfer)
    wide = d.heads * hu
    tiles = branch_tiles(low, f"{block}.{name}", branches, temporal, (w,),
                         lambda sparse: room(sparse, wide, 2 * low.x_units, low.x_units), w.groups)

    def project(m: int, tile: Part, by_frame: bool, planes: Planes, sparse: Sparse | None) -> Block:
        ob = low.v.alloc(m * wide)
        for i, plane in enumerate(planes.o):
            low.load(transfer, plane, tile, Buffer.V, ob, ob.base + i * planes.group * hu, units=planes.group * hu,
                     row_step=wide, into=((i, i + 1),), by_frame=by_frame)
        sel = sparse and Selection(low, tags, sparse, tile, by_frame, ob, wide, low.wide)
        a = low.panel_of(quant, SfuOp.QUANT, sel.x if sel else ob, wide, m, low.wide, load_tag=transfer, affine=w.inputs,
                         count=sel and sel.kept)
        low.v.free(ob)
        if sel:
            sel.refresh_inputs()
        y = low.linear(linear, transfer, a, w)
        low.free_panel(a)
        if sel:
            y = sel.recover(y, low.x_units)
            sel.done()
        return y

    with low.phase((w,), () if gate is None else (gate,)) as gates:
        for branch, tile in tasks(low, f"{block}.{name}", linear, tiles):
            for part in pieces(low, branch, tile, w):
                m, by_frame = rows_of(part), frame_by_frame(low, part, temporal)
                if branch.skips:
                    y = _recovered(low, tags, branch.sparse, part, by_frame, wide, low.wide)
                else:
                    y = project(m, part, by_frame, branch.planes, branch.sparse)
                xb = low.load_rows(transfer, branch.x, part, by_frame)
                low.residual(add, xb, y, m, load_tag=transfer, gate=gates[0] if gates else None)
                low.v.free(y)
                low.store_rows(transfer, xb, branch.x, part, by_frame)
                low.v.free(xb)


def mlp_phase(low: Lowering, block: str, prefix: str, branches: Branches, mod: Modulation, temporal: bool,
              frame_rows: tuple[int, int] | None = None) -> None:
    """x += gate * MLP(modulate(LayerNorm(x))); then, if `frame_rows` = (address, stride), the row of the tile's frame
    is added."""
    d, tokens = low.dims, low.dims.tokens * len(branches)
    w1, w2 = low.linear_weight(f"{prefix}.ff.net.0.proj", modulated=True), low.linear_weight(f"{prefix}.ff.net.2")
    transfer, norm, linear1 = layer_ops(low, block, "fc1", tokens, w1, d.hidden, 4 * d.hidden, "layernorm")
    gelu = special_op(low, block, "gelu", tokens, 4 * d.hidden)
    linear2 = linear_op(low, block, "fc2", tokens, w2, 4 * d.hidden, d.hidden)
    add = special_op(low, block, "fc2.residual", tokens, d.hidden)
    tags = _select(low, block, "mlp", branches, transfer)
    units = ceil_div(w1.n, 8)
    tiles = branch_tiles(low, f"{block}.mlp", branches, temporal, (w1, w2),
                         lambda sparse: room(sparse, low.x_units, units, low.x_units), max(w1.groups, w2.groups))

    def compute(m: int, tile: Part, by_frame: bool, xb: Block, sparse: Sparse | None, modulate: Vector) -> Block:
        sel = sparse and Selection(low, tags, sparse, tile, by_frame, xb, low.x_units, d.hidden)
        count = sel and sel.kept
        a = low.panel_of(norm, SfuOp.LAYERNORM, sel.x if sel else xb, low.x_units, m, d.hidden, load_tag=transfer,
                         affine=modulate, eps=d.eps, count=count)
        if sel:
            sel.refresh_inputs()
        hidden = low.linear(linear1, transfer, a, w1)
        low.free_panel(a)
        a = low.panel_of(gelu, SfuOp.GELU, hidden, units, m, 4 * d.hidden, load_tag=transfer, affine=w2.inputs, count=count)
        low.v.free(hidden)
        y = low.linear(linear2, transfer, a, w2)
        low.free_panel(a)
        if sel:
            y = sel.recover(y, low.x_units)
            sel.done()
        return y

    with low.phase((w1, w2), (mod.norm2, mod.gate2)) as (modulate, gate):
        for branch, tile in tasks(low, f"{block}.mlp", linear1, tiles):
            m, by_frame = rows_of(tile), frame_by_frame(low, tile, temporal)
            xb = low.load_rows(transfer, branch.x, tile, by_frame)
            if branch.skips:
                y = _recovered(low, tags, branch.sparse, tile, by_frame, low.x_units, d.hidden)
            else:
                y = compute(m, tile, by_frame, xb, branch.sparse, modulate)
            low.residual(add, xb, y, m, load_tag=transfer, gate=gate)
            low.v.free(y)
            if frame_rows:
                _add_frames(low, transfer, add, xb, frame_rows, tile)
            low.store_rows(transfer, xb, branch.x, tile, by_frame)
            low.v.free(xb)


def _recovered(low: Lowering, tags: Tags, sparse: Sparse, tile: Part, by_frame: bool, units: int, cols: int) -> Block:
    """All rows of a tile from the caches: the program skips the region."""
    sel = Selection(low, tags, sparse, tile, by_frame, None, units, cols)
    y = sel.recover(None, low.x_units)
    sel.done()
    return y


def _add_frames(low: Lowering, load_tag: int, tag: int, xb: Block, frame_rows: tuple[int, int], tile: Part) -> None:
    """The row of each frame of a spatial tile, of those at (address, stride), to all of that frame's rows."""
    (p0, p1), (f0, f1) = tile
    address, stride = frame_rows
    rows = low.v.alloc((f1 - f0) * low.x_units)
    low.load(load_tag, None, None, Buffer.V, rows, rows.base, units=low.x_units, row_step=low.x_units,
             source=(address + f0 * stride, f1 - f0, stride))
    for number in range(f1 - f0):
        low.residual(tag, xb, rows, p1 - p0, x_row=number * (p1 - p0), y_base=rows.base + number * low.x_units, y_step=0)
    low.v.free(rows)
