"""Phases of a block: every phase passes over all tiles of the tokens, a task each, and leaves its result in HBM. With guidance
the branches go through a phase one behind the other, with the same weights.

Nothing drains between phases: the tiles of the next one depend on single tiles of the last, and the order of
tasks comes from those dependencies (compiler/plan.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from compiler.attention import Planes
from compiler.image import Vector, Weight
from compiler.lower import Lowering, Panel
from compiler.memory import Block, Part, Tensor, ceil_div
from compiler.select import Selection, Tags
from compiler.sparsity import Sparse
from models.isa import MAX_LIST_ROWS, Buffer, Precision, SfuOp


REGION = {"fc1": "mlp", "fc2": "mlp"}  # of a layer, where it has another name
STREAM_TILES = 8  # INT8 tiles of rows in a tile whose weights stream
NOMINAL_DENSITY = 0.5  # for the size of sparse tiles, which must be the same in every step of a run: the ages lie by tiles


@dataclass(frozen=True)
class Modulation:
    """HBM addresses of a block's per-channel images: {1 + scale, shift} and {gate, 0}, for attention and for the
    MLP."""

    norm1: int
    gate1: int
    norm2: int
    gate2: int


@dataclass(frozen=True)
class Branch:
    """What a phase works on in one branch of the guidance: tokens, the planes of its attention, the sparse rows of its region."""

    x: Tensor
    planes: Planes | None = None
    sparse: Sparse | None = None

    @property
    def skips(self) -> bool:
        """Whether the program computes no row of the region."""
        return self.sparse is not None and self.sparse.policy.skips


Branches = Sequence[Branch]


def _select(low: Lowering, block: str, region: str, branches: Branches, transfer: int) -> Tags | None:
    """Lines of the table for su and ru, if the region has any."""
    rows = low.dims.tokens * sum(b.sparse is not None for b in branches)
    if not rows:
        return None
    su, ru = (low.op(name=f"{block}.{region}.{unit}", kind="sparsity", block=block, m=rows, region=f"{block}.{region}")
              for unit in ("su", "ru"))
    return Tags(transfer, su, ru)


def _ops(low: Lowering, block: str, name: str, m: int, weight: Weight, k: int, n: int,
         special: str) -> tuple[int, int, int]:
    """Tags (transfer, special, linear) of a linear layer with a row operation in front."""
    return (low.op(name=f"{block}.{name}.transfer", kind="transfer", block=block),
            _special(low, block, f"{name}.{special}", m, k), _linear(low, block, name, m, weight, k, n))


def _linear(low: Lowering, block: str, name: str, m: int, weight: Weight, k: int, n: int) -> int:
    precision = "fp16" if weight.precision == Precision.FP16 else "int8"
    return low.op(name=f"{block}.{name}", kind="linear", block=block, m=m, n=n, k=k, precision=precision,
                          region=f"{block}.{REGION.get(name, name)}")


def _special(low: Lowering, block: str, name: str, m: int, n: int) -> int:
    return low.op(name=f"{block}.{name}", kind="special", block=block, m=m, n=n, precision="fp16")


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
    w = low.linear_weight(*(f"{prefix}.attn1.to_{p}" for p in "qkv"), heads_out=True)
    transfer, norm, linear = _ops(low, block, "qkv", tokens, w, d.hidden, 3 * d.hidden, "layernorm")
    tags = _select(low, block, "qkv", branches, transfer)
    units = ceil_div(w.n, 8)
    tiles = _tiles(low, f"{block}.qkv", branches, temporal, (w,), lambda sparse: _room(sparse, low.x_units, units, 0), w.groups)
    with low.phase((w,), (mod.norm1,)) as (modulate,):
        for branch, tile in _tasks(low, f"{block}.qkv", linear, tiles):
            sparse, targets = branch.sparse, [branch.planes.q, branch.planes.k, branch.planes.v]
            if branch.skips:
                Selection(low, tags, sparse, tile, not temporal, None, low.x_units, d.hidden).done()
                continue
            m, xb = _rows(tile), low.load_rows(transfer, branch.x, tile, not temporal)
            sel = sparse and Selection(low, tags, sparse, tile, not temporal, xb, low.x_units, d.hidden)
            a = low.panel_of(norm, SfuOp.LAYERNORM, sel.x if sel else xb, low.x_units, m, d.hidden, load_tag=transfer,
                             modulate=modulate, eps=d.eps, count=sel and sel.kept)
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
                    _store_heads(low, transfer, out, units, i * d.heads * low.head_units, target, tile, not temporal)
            low.v.free(out)


def text_phase(low: Lowering, block: str, prefix: str, captions: Sequence[tuple[int, Planes]], stride: int) -> None:
    """The caption rows of every branch, (HBM address, planes), -> K and V planes of the cross-attention."""
    d, c = low.dims, low.captions
    w = low.linear_weight(f"{prefix}.attn2.to_k", f"{prefix}.attn2.to_v", heads_out=True)
    transfer, quant, linear = _ops(low, block, "text_kv", c * len(captions), w, d.hidden, 2 * d.hidden, "quant")
    units = ceil_div(w.n, 8)
    rows = _tile_rows(low, _most(low, w), None, low.x_units + units, w.groups)
    parts = [((p, min(p + rows, c)), (0, 1)) for p in range(0, c, rows)]
    with low.phase((w,)):
        for (text, planes), part in _tasks(low, f"{block}.text_kv", linear, [(caption, p) for caption in captions for p in parts]):
            first, m = part[0][0], _rows(part)
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
    transfer, quant, linear = _ops(low, block, "cross_q", tokens, w, d.hidden, d.hidden, "quant")
    tags = _select(low, block, "cross_q", branches, transfer)
    units = ceil_div(w.n, 8)
    tiles = _tiles(low, f"{block}.cross_q", branches, False, (w,), lambda sparse: _room(sparse, low.x_units, units, 0), w.groups)
    with low.phase((w,)):
        for branch, tile in _tasks(low, f"{block}.cross_q", linear, tiles):
            sparse, q = branch.sparse, branch.planes.q
            if branch.skips:
                Selection(low, tags, sparse, tile, True, None, low.x_units, d.hidden).done()
                continue
            xb = low.load_rows(transfer, branch.x, tile, True)
            sel = sparse and Selection(low, tags, sparse, tile, True, xb, low.x_units, d.hidden)
            a = low.panel_of(quant, SfuOp.QUANT, sel.x if sel else xb, low.x_units, _rows(tile), d.hidden,
                             count=sel and sel.kept)
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
    transfer, quant, linear = _ops(low, block, name, tokens, w, d.hidden, d.hidden, "quant")
    add = _special(low, block, f"{name}.residual", tokens, d.hidden)
    tags = _select(low, block, name, branches, transfer)
    wide = d.heads * hu
    tiles = _tiles(low, f"{block}.{name}", branches, temporal, (w,),
                   lambda sparse: _room(sparse, wide, 2 * low.x_units, low.x_units), w.groups)

    def project(m: int, tile: Part, planes: Planes, sparse: Sparse | None) -> Block:
        ob = low.v.alloc(m * wide)
        for i, plane in enumerate(planes.o):
            low.load(transfer, plane, tile, Buffer.V, ob, ob.base + i * planes.group * hu, units=planes.group * hu,
                     row_step=wide, into=((i, i + 1),), by_frame=not temporal)
        sel = sparse and Selection(low, tags, sparse, tile, not temporal, ob, wide, low.wide)
        a = low.panel_of(quant, SfuOp.QUANT, sel.x if sel else ob, wide, m, low.wide, count=sel and sel.kept)
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
        for branch, tile in _tasks(low, f"{block}.{name}", linear, tiles):
            m = _rows(tile)
            if branch.skips:
                y = _recovered(low, tags, branch.sparse, tile, not temporal, wide, low.wide)
            else:
                y = project(m, tile, branch.planes, branch.sparse)
            xb = low.load_rows(transfer, branch.x, tile, not temporal)
            low.residual(add, xb, y, m, load_tag=transfer, gate=gates[0] if gates else None)
            low.v.free(y)
            low.store_rows(transfer, xb, branch.x, tile, not temporal)
            low.v.free(xb)


def mlp_phase(low: Lowering, block: str, prefix: str, branches: Branches, mod: Modulation, temporal: bool,
              frame_rows: tuple[int, int] | None = None) -> None:
    """x += gate * MLP(modulate(LayerNorm(x))); then, if `frame_rows` = (address, stride), the row of the tile's frame
    is added."""
    d, tokens = low.dims, low.dims.tokens * len(branches)
    w1, w2 = low.linear_weight(f"{prefix}.ff.net.0.proj"), low.linear_weight(f"{prefix}.ff.net.2")
    transfer, norm, linear1 = _ops(low, block, "fc1", tokens, w1, d.hidden, 4 * d.hidden, "layernorm")
    gelu = _special(low, block, "gelu", tokens, 4 * d.hidden)
    linear2 = _linear(low, block, "fc2", tokens, w2, 4 * d.hidden, d.hidden)
    add = _special(low, block, "fc2.residual", tokens, d.hidden)
    tags = _select(low, block, "mlp", branches, transfer)
    units = ceil_div(w1.n, 8)
    tiles = _tiles(low, f"{block}.mlp", branches, temporal, (w1, w2),
                   lambda sparse: _room(sparse, low.x_units, units, low.x_units), max(w1.groups, w2.groups))

    def compute(m: int, tile: Part, xb: Block, sparse: Sparse | None, modulate: Vector) -> Block:
        sel = sparse and Selection(low, tags, sparse, tile, not temporal, xb, low.x_units, d.hidden)
        count = sel and sel.kept
        a = low.panel_of(norm, SfuOp.LAYERNORM, sel.x if sel else xb, low.x_units, m, d.hidden, load_tag=transfer,
                         modulate=modulate, eps=d.eps, count=count)
        if sel:
            sel.refresh_inputs()
        hidden = low.linear(linear1, transfer, a, w1)
        low.free_panel(a)
        a = low.panel_of(gelu, SfuOp.GELU, hidden, units, m, 4 * d.hidden, count=count)
        low.v.free(hidden)
        y = low.linear(linear2, transfer, a, w2)
        low.free_panel(a)
        if sel:
            y = sel.recover(y, low.x_units)
            sel.done()
        return y

    with low.phase((w1, w2), (mod.norm2, mod.gate2)) as (modulate, gate):
        for branch, tile in _tasks(low, f"{block}.mlp", linear1, tiles):
            m, xb = _rows(tile), low.load_rows(transfer, branch.x, tile, not temporal)
            if branch.skips:
                y = _recovered(low, tags, branch.sparse, tile, not temporal, low.x_units, d.hidden)
            else:
                y = compute(m, tile, xb, branch.sparse, modulate)
            low.residual(add, xb, y, m, load_tag=transfer, gate=gate)
            low.v.free(y)
            if frame_rows:
                _add_frames(low, transfer, add, xb, frame_rows, tile)
            low.store_rows(transfer, xb, branch.x, tile, not temporal)
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


def patch_phase(low: Lowering, patches: Tensor, positions: tuple[int, int], branches: Branches) -> None:
    """Patch rows (FP16) -> embedding + position rows at (address, stride) -> x of every branch: the branches see the same latents."""
    d = low.dims
    k = d.in_channels * d.patch ** 2
    w = low.weight("pos_embed.proj", low.checkpoint.get("pos_embed.proj.weight").reshape(d.hidden, k),
                   low.checkpoint.get("pos_embed.proj.bias"), Precision.FP16)
    transfer = low.op(name="embed.patch.transfer", kind="transfer", block="embed")
    linear = _linear(low, "embed", "patch", d.tokens, w, k, d.hidden)
    add = _special(low, "embed", "positions", d.tokens, d.hidden)
    rows = low.tile_rows(_most(low, w), v=2 * low.x_units, a=w.groups)
    address, stride = positions
    with low.phase((w,)):
        for tile in _tasks(low, "embed.patch", linear, low.spatial_tiles(rows)):
            m = _rows(tile)
            step = m | 1
            block = low.a.alloc(w.groups * step)
            low.load(transfer, patches, tile, Buffer.A, block, block.base, units=w.groups, row_step=1, unit_step=step)
            a = Panel(block, step, m)
            y = low.linear(linear, transfer, a, w)
            low.free_panel(a)
            pos = low.v.alloc(m * low.x_units)
            low.load(transfer, None, None, Buffer.V, pos, pos.base, units=low.x_units, row_step=low.x_units,
                     source=(address + tile[0][0] * stride, m, stride))
            low.residual(add, y, pos, m)
            low.v.free(pos)
            for branch in branches:
                low.store_rows(transfer, y, branch.x, tile, True)
            low.v.free(y)


def final_phase(low: Lowering, results: Sequence[tuple[Tensor, Tensor]], norm: int) -> None:
    """x -> LayerNorm, modulate (FP16) -> output projection rows; `results` are (x, output rows) of every branch."""
    d, tokens = low.dims, low.dims.tokens * len(results)
    n = d.patch ** 2 * d.out_channels
    w = low.weight("proj_out", low.checkpoint.get("proj_out.weight"), low.checkpoint.get("proj_out.bias"),
                   Precision.FP16)
    transfer, before, linear = _ops(low, "final", "proj_out", tokens, w, d.hidden, n, "layernorm")
    rows = low.tile_rows(_most(low, w), v=low.x_units + results[0][1].units, a=w.groups)
    tiles = low.temporal_tiles(rows)
    with low.phase((w,), (norm,)) as (modulate,):
        for (x, out), tile in _tasks(low, "final.proj_out", linear, [(result, tile) for result in results for tile in tiles]):
            m, xb = _rows(tile), low.load_rows(transfer, x, tile, False)
            a = low.panel_of(before, SfuOp.LAYERNORM, xb, low.x_units, m, d.hidden, load_tag=transfer,
                             modulate=modulate,
                             precision=w.precision, eps=1e-6)
            low.v.free(xb)
            y = low.linear(linear, transfer, a, w)
            low.free_panel(a)
            low.store(transfer, y, y.base, out, tile, units=out.units, row_step=out.units)
            low.v.free(y)


def _rows(tile: Part) -> int:
    """Rows of a tile."""
    (p0, p1), (f0, f1) = tile
    return (p1 - p0) * (f1 - f0)


Item = TypeVar("Item")


def _tasks(low: Lowering, name: str, tag: int, items: Iterable[Item]) -> Iterator[Item]:
    """The items, each inside a task of its own."""
    for item in items:
        with low.task(name, tag):
            yield item


def _most(low: Lowering, *weights: Weight, sparse: Sparse | None = None) -> int:
    """Rows of a tile at most: as many as pay; more when weights stream, so that a tile's products last longer than the stream."""
    if not low.stays(*weights):
        return STREAM_TILES * low.row_step
    return low.best_rows(NOMINAL_DENSITY if sparse else None)


def _tile_rows(low: Lowering, most: int, sparse: Sparse | None, units: int, groups: int) -> int:
    """Rows of a tile that takes so many words of vbuf and abuf a row; in a sparse region three lists of mbuf too."""
    return low.tile_rows(most, v=units, a=groups, r=1, **({"m": 3} if sparse else {}))


def _room(sparse: Sparse | None, x: int, computed: int, out: int) -> int:
    """Units of vbuf that a row of a tile takes at most at a time: x that enters and, one after another, what is computed from
    it and, in a sparse region, cached and gathered inputs, and results of `out` units on their way through ru
    (compiler/select.py)."""
    if sparse is None:
        return x + max(computed, out)
    policy, caches = sparse.policy, sparse.caches
    windows = policy.tiling is not None
    inputs = 1 + (caches.x is not None) * (1 + windows)
    outputs = 2 + (caches.y1 is not None) + 2 * (caches.y2 is not None) + windows
    return 1 + x + max(inputs * x, computed * (1 + (windows and not out)), outputs * out)


def _tiles(low: Lowering, region: str, branches: Branches, temporal: bool, weights: tuple[Weight, ...], room: Callable[[Sparse | None], int],
           groups: int) -> list[tuple[Branch, Part]]:
    """The tiles of all branches of a region. A row takes `room` units of vbuf and `groups` of abuf. Tiles of a sparse region hold whole windows
    and, if they are spatial, whole frames."""
    out = []
    for number, branch in enumerate(branches):
        sparse = branch.sparse
        rows = _tile_rows(low, _most(low, *weights, sparse=sparse), sparse, room(sparse), groups)
        if sparse is None:
            tiles = low.temporal_tiles(rows) if temporal else low.joined_tiles(rows)
        else:
            h, w, t = sparse.policy.tiling or (1, 1, 1)
            tiles = low.sparse_tiles(min(rows, MAX_LIST_ROWS), temporal, h if h > 1 or w > 1 else 0, t)
            low.sparse_rows[number, region] = [_rows(tile) for tile in tiles]
        out += [(branch, tile) for tile in tiles]
    return out
