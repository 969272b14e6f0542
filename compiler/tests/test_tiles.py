"""Tiles of tokens: every token in one tile, none larger than asked for, as few tiles of the array as can be had.

Method: shapes drawn at random, marked token by token; whole models whose tiles span frames, against the same models without
such tiles, bit by bit. It does not measure time (bench/opensora.py, bench/sizing.py do).
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from compiler.branches import Branch, pieces
from compiler.checkpoint import RandomCheckpoint
from compiler.memory import Part, ceil_div
from compiler.model import compile_blocks
from compiler.tests import small
from compiler.tiles import Tiling
from models import config as configs

TINY = configs.load("tiny")


def tiling(positions: int, frames: int, int8_rows: int) -> Tiling:
    """Of a model with these tokens on an array of these rows."""
    class Tokens:
        pass

    out = Tiling()
    out.dims, out.config, out.row_step = Tokens(), Tokens(), int8_rows
    out.dims.positions, out.dims.frames, out.dims.tokens = positions, frames, positions * frames
    out.config.int8_rows = int8_rows
    return out


def rows(part: Part) -> int:
    (p0, p1), (f0, f1) = part
    return (p1 - p0) * (f1 - f0)


def array_tiles(parts: list[Part], int8_rows: int) -> int:
    return sum(ceil_div(rows(part), int8_rows) for part in parts)


def test_every_token_is_in_one_tile() -> None:
    rng, joined = np.random.default_rng(3), 0
    for _ in range(300):
        positions, frames, int8_rows = int(rng.integers(1, 70)), int(rng.integers(1, 20)), int(rng.choice([4, 8, 48]))
        most = int8_rows << int(rng.integers(0, 3))
        low = tiling(positions, frames, int8_rows)
        parts, apart = low.joined_tiles(most), low.spatial_tiles(most)
        for tiles in (parts, apart):
            seen = np.zeros((positions, frames), np.int64)
            for (p0, p1), (f0, f1) in tiles:
                seen[p0:p1, f0:f1] += 1
            assert (seen == 1).all() and max(rows(part) for part in tiles) <= most
        assert array_tiles(parts, int8_rows) <= array_tiles(apart, int8_rows)
        joined += any(f1 - f0 > 1 for _, (f0, f1) in parts)
    assert joined > 50


@pytest.mark.parametrize(("positions", "frames", "most"), [(405, 19, 192), (1024, 16, 96), (1024, 16, 192)])
def test_tiles_of_the_large_models_are_full(positions: int, frames: int, most: int) -> None:
    """Within 2 % of as few tiles of the array as the tokens can have."""
    assert array_tiles(tiling(positions, frames, 48).joined_tiles(most), 48) <= 1.02 * ceil_div(positions * frames, 48)


@pytest.mark.parametrize(("array", "whole"), [(52, False), (48, True), (32, True)])
def test_temporal_blocks_have_whole_positions_unless_they_waste_rows(array: int, whole: bool) -> None:
    """Of 16 frames; on an array of 52 rows six positions leave four rows of each INT8 tile empty."""
    tiles = tiling(1024, 16, array).row_tiles(2 * array, temporal=True)
    assert all(frames == (0, 16) for _, frames in tiles) == whole
    assert array_tiles(tiles, array) <= 1.02 * ceil_div(1024 * 16, array)


@pytest.mark.parametrize(("tile", "contexts", "sizes"), [
    (((0, 104), (3, 4)), 2, [52, 52]), (((104, 190), (3, 4)), 2, [86]), (((104, 250), (3, 4)), 2, [104, 42]), (((0, 104), (3, 4)), 4, [104]), (((0, 208), (0, 1)), 1, [52] * 4),
    (((0, 51), (0, 1)), 1, [51]), (((0, 26), (0, 4)), 2, [52, 52]), (((0, 13), (0, 16)), 2, [208])])
def test_pieces_of_a_tile_fill_the_array(tile: Part, contexts: int, sizes: list[int]) -> None:
    """Of 52 rows; positions whose frames do not make up whole INT8 tiles stay together."""
    low = SimpleNamespace(config=SimpleNamespace(int8_rows=52, contexts=contexts))
    found = pieces(low, Branch(None), tile, SimpleNamespace(resident=True))
    assert [rows(part) for part in found] == sizes and all(frames == tile[1] for _, frames in found)
    assert [p for (p, _), _ in found] == [tile[0][0], *(p for (_, p), _ in found[:-1])] and found[-1][0][1] == tile[0][1]
    assert pieces(low, Branch(None), tile, SimpleNamespace(resident=False)) == pieces(low, Branch(None, None, object()), tile, None) == [tile]


def test_bits_do_not_depend_on_the_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """25 positions on tiles of 8 rows, in every phase of both blocks: parts that span frames, parts of one frame, whole positions."""
    checkpoint, used = RandomCheckpoint(small.dims(2, 24, 1, 5, 6)), []
    model = small.oracle(checkpoint)

    def joined(self: Tiling, rows: int, temporal: bool) -> list[Part]:
        used.append(any(f1 - f0 > 1 for _, (f0, f1) in self.joined_tiles(rows)))
        return self.joined_tiles(rows)

    found = []
    for tiles in (joined, lambda self, rows, temporal: self.spatial_tiles(rows),
                  lambda self, rows, temporal: self.temporal_tiles(rows) if temporal else self.joined_tiles(rows)):
        monkeypatch.setattr(Tiling, "row_tiles", tiles)
        compiled = compile_blocks(checkpoint, TINY, 7, base=1 << 20)
        memory = small.image(compiled, checkpoint, model, *small.random_inputs(model, 7, 5)[::2])
        result = small.run(compiled, memory)
        start = compiled.tensors["out"][0].region.base - compiled.hbm.base
        found.append(result.memory[start:start + compiled.tensors["out"][0].region.size].copy())
    assert len(used) == 8 and all(used)
    assert found[0].any() and np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])
