"""The ends of the network, dense in every step: patch embedding and output projection."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.branches import Branches, layer_ops, linear_op, most_rows, rows_of, special_op, tasks
from compiler.lower import Lowering, Panel
from compiler.memory import Tensor
from models.isa import Buffer, Precision, SfuOp


def patch_phase(low: Lowering, patches: Tensor, positions: tuple[int, int], branches: Branches) -> None:
    """Patch rows (FP16) -> embedding + position rows at (address, stride) -> x of every branch: the branches see the same latents."""
    d = low.dims
    k = d.in_channels * d.patch ** 2
    w = low.weight("pos_embed.proj", low.checkpoint.get("pos_embed.proj.weight").reshape(d.hidden, k),
                   low.checkpoint.get("pos_embed.proj.bias"), Precision.FP16)
    transfer = low.op(name="embed.patch.transfer", kind="transfer", block="embed")
    linear = linear_op(low, "embed", "patch", d.tokens, w, k, d.hidden)
    add = special_op(low, "embed", "positions", d.tokens, d.hidden)
    rows = low.tile_rows(most_rows(low, w), v=2 * low.x_units, a=w.groups)
    address, stride = positions
    with low.phase((w,)):
        for tile in tasks(low, "embed.patch", linear, low.spatial_tiles(rows)):
            m = rows_of(tile)
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
    transfer, before, linear = layer_ops(low, "final", "proj_out", tokens, w, d.hidden, n, "layernorm")
    rows = low.tile_rows(most_rows(low, w), v=low.x_units + results[0][1].units, a=w.groups)
    tiles = low.temporal_tiles(rows)
    with low.phase((w,), (norm,)) as (modulate,):
        for (x, out), tile in tasks(low, "final.proj_out", linear, [(result, tile) for result in results for tile in tiles]):
            m, xb = rows_of(tile), low.load_rows(transfer, x, tile, False)
            a = low.panel_of(before, SfuOp.LAYERNORM, xb, low.x_units, m, d.hidden, load_tag=transfer,
                             affine=modulate, precision=w.precision, eps=1e-6)
            low.v.free(xb)
            y = low.linear(linear, transfer, a, w)
            low.free_panel(a)
            low.store(transfer, y, y.base, out, tile, units=out.units, row_step=out.units)
            low.v.free(y)
