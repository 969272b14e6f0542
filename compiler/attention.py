"""Attention: scores, softmax, weighted sum, for a few heads at a time.

Q, K and V lie in HBM as one plane per head (row = token, padded to whole units and to 32 bytes); the result goes to
planes of `group` heads each, which the output projection's tiles take up side by side.

* spatial: the keys are the tokens of one frame (or the caption, the same for all tokens); a task loads K and V of a group
  of heads and takes some tiles of the frame's queries.
* temporal: every position has its own keys, the frames: the GEMMs run as a batch over heads and positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from compiler.errors import CompileError
from compiler.lower import Lowering, bits
from compiler.memory import Block, Part, Tensor, ceil_div
from compiler.slicing import key_units
from models.isa import Buffer, Layout, Opcode, Precision, SfuOp

LOG2E = 1.4426950408889634
KEY_SHARE = 4
MIN_TASKS = 16


@dataclass
class Planes:
    """Per-head planes of queries, keys and values, and the result's planes of `group` heads."""

    q: list[Tensor]
    k: list[Tensor]
    v: list[Tensor]
    o: list[Tensor]
    group: int
    tight: bool


@dataclass(frozen=True)
class Tags:
    """Lines of the table for the parts of an attention."""

    transfer: int
    scores: int
    softmax: int
    context: int


@dataclass
class Keys:
    """K (NK panel, `k_step` units between channel groups, `k_batch` between heads) and V (KN rows) of some heads in
    bbuf."""

    k: Block
    v: Block
    count: int
    step: int
    batch: int


def attention_tags(low: Lowering, block: str, name: str, m: int, n: int, batch: int) -> Tags:
    """Declare the operations of one attention: m queries x n keys, `batch` times."""
    e = low.dims.head_dim

    def op(part: str, kind: str, **sizes: int) -> int:
        return low.op(name=f"{block}.{name}.{part}", kind=kind, block=block, **sizes)

    return Tags(op("transfer", "transfer"), op("scores", "attention", m=m, n=n, k=e, batch=batch),
                op("softmax", "special", m=m, n=n, batch=batch, precision="fp32"),
                op("context", "attention", m=m, n=e, k=n, batch=batch))


def spatial_sizes(low: Lowering, keys: int, queries: int) -> tuple[int, int, bool]:
    """(heads at a time, query rows at a time, whether only one such tile fits) for attention with `keys` shared keys: two query
    tiles of a task if they fit, and all heads whose keys fit."""
    hu = low.head_units
    score_units, p_units = 2 * ceil_div(keys, 8), ceil_div(keys, 8)
    groups = [g for g in range(low.dims.heads, 0, -1) if low.dims.heads % g == 0]
    large, small = (sorted({min(queries, r) for r in sizes}, reverse=True)
                    for sizes in ((min(2 * low.row_step, low.best_rows()), low.row_step), (low.row_step // 2, 8, 1)))
    # As many heads as go with whole tiles of rows, else as many rows as go.
    choices = [(2, g, r) for g in groups for r in large] + [(2, g, r) for r in small[:1] for g in groups]
    choices += [(1, g, r) for r in large + small for g in groups]
    for copies, heads, rows in choices:
        total = heads * rows
        if (copies * total * (score_units + hu) < low.v.size and copies * (total | 1) * (hu + p_units) < low.a.size
                and key_units(hu, low.value_units, keys, heads) <= low.b.size and copies * total <= low.r.size):
            return heads, rows, copies == 1
    raise CompileError(f"attention over {keys} keys does not fit the buffers of configuration {low.config.name}")


def temporal_sizes(low: Lowering) -> int:
    """Positions at a time for attention over the frames."""
    d, hu = low.dims, low.head_units
    score_units, p_units = 2 * ceil_div(d.frames, 8), ceil_div(d.frames, 8)
    for count in range(min(max(1, low.best_rows() // d.frames), d.positions), 0, -1):
        rows = d.heads * count * d.frames
        if (rows * (score_units + hu) < low.v.size and (rows | 1) * (hu + p_units) < low.a.size
                and key_units(hu, low.value_units, rows, 1) <= low.b.size and rows <= low.r.size):
            return count
    raise CompileError(f"attention over {d.frames} frames does not fit the buffers of configuration {low.config.name}")


def _load_keys(low: Lowering, tag: int, planes: Planes, heads: range, part: Part) -> Keys:
    """K as panels (one per head) and V as rows, of some heads."""
    hu, vu, count = low.head_units, low.value_units, planes.k[heads[0]].rows(part)[1]
    step = count | 1
    k, v = low.b.alloc(len(heads) * hu * step), low.b.alloc(len(heads) * count * vu)
    for i, head in enumerate(heads):
        one = ((i, i + 1),)
        low.load(tag, planes.k[head], part, Buffer.B, k, k.base + i * hu * step, units=hu, row_step=1, unit_step=step,
                 into=one)
        low.load(tag, planes.v[head], part, Buffer.B, v, v.base + i * count * vu, units=hu, row_step=vu, into=one)
    return Keys(k, v, count, step, hu * step)


def _load_queries(low: Lowering, tag: int, planes: Planes, heads: range, part: Part) -> tuple[Block, int, int]:
    """Q of some heads as one panel, head after head: (block, step, rows of a head)."""
    rows = planes.q[heads[0]].rows(part)[1]
    step = len(heads) * rows | 1
    block = low.a.alloc(low.head_units * step)
    for i, head in enumerate(heads):
        low.load(tag, planes.q[head], part, Buffer.A, block, block.base + i * rows, units=low.head_units, row_step=1,
                 unit_step=step, into=((i, i + 1),))
    return block, step, rows


def _softmax(low: Lowering, tag: int, scores: Block, rows: int, cols: int) -> tuple[Block, int, Block]:
    """Unnormalised FP16 probabilities as a panel, its step, and 1/sum of the rows."""
    step = rows | 1
    p, inverse = low.a.alloc(ceil_div(cols, 8) * step), low.r.alloc(rows)
    low.program.emit(
        Opcode.SFU, tag, [(scores, None)], [(p, None), (inverse, None)], op=int(SfuOp.SOFTMAX), x_fp32=1, rows=rows,
        cols=cols,
        x_base=scores.base, x_step=2 * ceil_div(cols, 8), dst=int(Buffer.A), d_base=p.base, d_row=1, d_unit=step,
        rbuf_base=inverse.base, imm0=bits(LOG2E / low.dims.head_dim ** 0.5))
    return p, step, inverse


def _query_tiles(low: Lowering, keys: int, rows: int, total: int) -> int:
    """Query tiles of a task: so many that the products last `KEY_SHARE` times as long as the load of keys and values, but no
    fewer tasks than `MIN_TASKS` a core."""
    load = 2 * keys * ceil_div(low.head_units, 2)
    products = 2 * keys * rows * low.dims.head_dim // low.config.fp16_macs
    wanted = max(1, min(ceil_div(KEY_SHARE * load, max(1, products)), total // (MIN_TASKS * low.cores)))
    return 1 << wanted.bit_length() - 1  # whole tiles of other phases


def spatial_attention(low: Lowering, name: str, tags: Tags, branches: Sequence[Planes],
                      key_sets: list[tuple[Part, list[Part]]]) -> None:
    """Queries tile by tile against shared keys, branch after branch: `key_sets` are (keys, tiles of the queries that see them)."""
    group = branches[0].group
    total = len(branches) * len(key_sets) * len(key_sets[0][1]) * low.dims.heads // group
    with low.phase():
        for planes, (key_part, tiles) in product(branches, key_sets):
            (p0, p1), (f0, f1) = key_part
            (q0, q1), (g0, g1) = tiles[0]
            size = _query_tiles(low, (p1 - p0) * (f1 - f0), (q1 - q0) * (g1 - g0), total)
            for number, first in enumerate(range(0, low.dims.heads, group)):
                heads = range(first, first + group)
                for start in range(0, len(tiles), size):
                    low.tight = planes.tight
                    with low.task(name, tags.scores):
                        keys = _load_keys(low, tags.transfer, planes, heads, key_part)
                        for tile in tiles[start:start + size]:
                            _attend(low, tags, planes, keys, heads, number, tile)


def _attend(low: Lowering, tags: Tags, planes: Planes, keys: Keys, heads: range, number: int, tile: Part) -> None:
    """One tile of queries against the keys of some heads."""
    hu, e, group = low.head_units, low.dims.head_dim, len(heads)
    score_units = 2 * ceil_div(keys.count, 8)
    q, q_step, m = _load_queries(low, tags.transfer, planes, heads, tile)
    scores = low.v.alloc(group * m * score_units)
    low.program.emit(
        Opcode.GEMM, tags.scores, [(q, None), (keys.k, None)], [(scores, None)], precision=int(Precision.FP16),
        b_layout=int(Layout.NK), out_fp32=1, m=m, n=keys.count, k=e, batch=group, a_base=q.base, a_step=q_step,
        a_batch=m, b_base=keys.k.base, b_step=keys.step, b_batch=keys.batch, o_base=scores.base,
        o_step=score_units, o_batch=m * score_units)
    low.a.free(q)
    p, p_step, inverse = _softmax(low, tags.softmax, scores, group * m, keys.count)
    low.v.free(scores)
    out = low.v.alloc(m * group * hu)
    low.program.emit(
        Opcode.GEMM, tags.context, [(p, None), (inverse, None), (keys.v, None)], [(out, None)],
        precision=int(Precision.FP16), b_layout=int(Layout.KN), row_scale=1, m=m, n=e, k=keys.count, batch=group,
        a_base=p.base, a_step=p_step, a_batch=m, b_base=keys.v.base, b_step=low.value_units,
        b_batch=keys.count * low.value_units, o_base=out.base, o_step=group * hu, o_batch=hu, rbuf_base=inverse.base)
    low.a.free(p)
    low.r.free(inverse)
    low.store(tags.transfer, out, out.base, planes.o[number], tile, units=group * hu, row_step=group * hu)
    low.v.free(out)


def temporal_attention(low: Lowering, name: str, tags: Tags, branches: Sequence[Planes], tiles: list[Part]) -> None:
    """All heads of a tile of positions at once, as a batch of products over (head, position)."""
    with low.phase():
        for planes, tile in product(branches, tiles):
            low.tight = planes.tight
            with low.task(name, tags.scores):
                _attend_frames(low, tags, planes, tile)


def _attend_frames(low: Lowering, tags: Tags, planes: Planes, tile: Part) -> None:
    """One tile of positions."""
    hu, vu, e, d = low.head_units, low.value_units, low.dims.head_dim, low.dims
    heads, f = range(d.heads), d.frames
    score_units = 2 * ceil_div(f, 8)
    count = tile[0][1] - tile[0][0]
    q, q_step, rows = _load_queries(low, tags.transfer, planes, heads, tile)
    # As one panel over all heads: column n of (head, position) is unit (head * count + position) * frames + n.
    total = d.heads * rows
    k_step = total | 1
    k, v = low.b.alloc(hu * k_step), low.b.alloc(total * vu)
    for head in heads:
        one = ((head, head + 1),)
        low.load(tags.transfer, planes.k[head], tile, Buffer.B, k, k.base + head * rows, units=hu, row_step=1,
                 unit_step=k_step, into=one)
        low.load(tags.transfer, planes.v[head], tile, Buffer.B, v, v.base + head * rows * vu, units=hu, row_step=vu,
                 into=one)
    scores = low.v.alloc(total * score_units)
    low.program.emit(
        Opcode.GEMM, tags.scores, [(q, None), (k, None)], [(scores, None)], precision=int(Precision.FP16),
        b_layout=int(Layout.NK), out_fp32=1, m=f, n=f, k=e, batch=d.heads * count, a_base=q.base, a_step=q_step,
        a_batch=f,
        b_base=k.base, b_step=k_step, b_batch=f, o_base=scores.base, o_step=score_units, o_batch=f * score_units)
    low.a.free(q)
    low.b.free(k)
    p, p_step, inverse = _softmax(low, tags.softmax, scores, total, f)
    low.v.free(scores)
    out = low.v.alloc(rows * d.heads * hu)
    for head in heads:
        low.program.emit(
            Opcode.GEMM, tags.context, [(p, None), (inverse, None), (v, None)], [(out, ((head, head + 1),))],
            precision=int(Precision.FP16), b_layout=int(Layout.KN), row_scale=1, m=f, n=e, k=f, batch=count,
            a_base=p.base + head * rows, a_step=p_step, a_batch=f, b_base=v.base + head * rows * vu, b_step=vu,
            b_batch=f * vu, o_base=out.base + head * hu, o_step=d.heads * hu, o_batch=f * d.heads * hu,
            rbuf_base=inverse.base + head * rows)
    low.a.free(p)
    low.b.free(v)
    low.r.free(inverse)
    low.store(tags.transfer, out, out.base, planes.o[0], tile, units=d.heads * hu, row_step=d.heads * hu)
    low.v.free(out)
