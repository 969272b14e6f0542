"""How the tokens are cut into tiles, and how many rows a tile has."""

from __future__ import annotations

from compiler.checkpoint import Dims
from compiler.errors import CompileError
from compiler.memory import Part, Pool, ceil_div, panel_step, round_up
from models.config import Config
from models.isa import MAX_LIST_ROWS

MIN_ROWS = 32  # of a tile, where they fit: instructions stay few
START = 0.25  # what starting a task costs, in rows: its first transfers and special functions wait for one another
DRAIN = 64  # and one row for so many rows of an INT8 tile
PHASES = 2  # over which the wait in front of an all-to-all dependency spreads; from estimates for one to four cores of `sim`


class Tiling:
    """The part of a lowering that cuts tokens into tiles: sizes of the model, and the pools of the slices that tiles use."""

    dims: Dims
    config: Config
    cores: int
    branches: int
    row_step: int  # rows by which tiles grow: whole tiles of the array
    a: Pool
    v: Pool
    r: Pool
    m: Pool
    tight: bool

    def tile_rows(self, most: int, **per_row: int) -> int:
        """Rows of a tile: the most of `_sizes`, at most `most`, that fit the slices, or less.

        `per_row` are words of v, a, r or m that one row takes.
        """
        pools = {"v": self.v, "a": self.a, "r": self.r, "m": self.m}
        step = self.row_step
        choices = [r for r in self._sizes() if r <= round_up(most, step)][::-1] + [r for r in (16, 8, 4, 2, 1) if r < step]
        for rows in choices:
            taken = {name: units * (panel_step(rows) if name == "a" else rows) for name, units in per_row.items()}
            if all(taken[name] <= pools[name].size for name in taken):
                self.tight = any(2 * taken[name] > pools[name].size for name in taken)
                return rows
        name = max(per_row, key=lambda name: per_row[name] / max(1, pools[name].size))
        pool = pools[name]
        raise CompileError(f"{pool.name} is too small: one row needs {per_row[name]} of {pool.size} words")

    def best_rows(self, density: float | None = None) -> int:
        """Rows of a tile, of `_sizes`, for which the least is lost, as a share of the time: to the start of a task; in front of an
        all-to-all dependency, where a core waits for half a tile of another; and, where only a share `density` of the rows is
        kept, to those that fill the last INT8 tile."""
        tokens, tile = self.dims.tokens * self.branches, self.config.int8_rows
        once = START + tile / DRAIN + (0.0 if density is None else (tile - 1) / 2 / density)

        def lost(rows: int) -> float:
            return once / rows + 0.5 * rows * self.cores / (tokens * PHASES)

        return min(self._sizes(), key=lost)

    def _sizes(self) -> list[int]:
        """Rows that a tile may have: the least, doubled again and again, so that the tiles of one phase hold whole tiles of
        another, and few tasks wait for many."""
        out = [self.row_step]
        while 2 * out[-1] <= min(round_up(self.dims.tokens, self.row_step), MAX_LIST_ROWS):
            out.append(2 * out[-1])
        return out

    def spatial_tiles(self, rows: int) -> list[Part]:
        """The tokens by equal parts of at most `rows` positions, each part frame by frame: a temporal tile behind these tiles
        needs the first part of every frame, not every frame as a whole."""
        d = self.dims
        count = ceil_div(d.positions, rows)
        rows = min(rows, round_up(ceil_div(d.positions, count), min(rows, self.row_step)))
        starts = range(0, d.positions, rows)
        return [((p, min(p + rows, d.positions)), (f, f + 1)) for p in starts for f in range(d.frames)]

    def joined_tiles(self, rows: int) -> list[Part]:
        """As `spatial_tiles`, for what takes every row by itself: where it saves INT8 tiles of the array, the positions behind the
        whole parts of `rows` come last, in parts that span several frames."""
        d = self.dims
        rest = d.positions % rows
        start = d.positions - rest
        whole = [((p, p + rows), (f, f + 1)) for p in range(0, start, rows) for f in range(d.frames)]
        choices = [self.spatial_tiles(rows)]
        for frames in range(2, min(d.frames, rows) + 1):
            count = min(rest, rows // frames)
            if rest:
                choices.append(whole + [((p, min(p + count, d.positions)), (f, min(f + frames, d.frames)))
                                        for p in range(start, d.positions, count) for f in range(0, d.frames, frames)])

        return min(choices, key=self._array_tiles)

    def _array_tiles(self, parts: list[Part]) -> int:
        """INT8 tiles of the array that these tiles' rows take."""
        return sum(ceil_div((p1 - p0) * (f1 - f0), self.config.int8_rows) for (p0, p1), (f0, f1) in parts)

    def temporal_tiles(self, rows: int) -> list[Part]:
        """The tokens by positions with all of their frames, about `rows` rows at a time, or by pieces of a position."""
        d = self.dims
        if rows < d.frames:
            starts = range(0, d.frames, rows)
            return [((p, p + 1), (f, min(f + rows, d.frames))) for p in range(d.positions) for f in starts]
        count = rows // d.frames
        return [((p, min(p + count, d.positions)), (0, d.frames)) for p in range(0, d.positions, count)]

    def row_tiles(self, rows: int, temporal: bool) -> list[Part]:
        """Tiles of what takes every row by itself. In a temporal block whole positions, as attention has them, unless frame by frame
        takes fewer INT8 tiles of the array."""
        joined = self.joined_tiles(rows)
        if not temporal:
            return joined
        return min((self.temporal_tiles(rows), joined), key=self._array_tiles)

    def sparse_tiles(self, rows: int, temporal: bool, lines: int, frames: int) -> list[Part]:
        """Tiles of at most about `rows` rows that hold whole windows of `lines` lines of the token grid (0: of one token) and
        `frames` frames: whole positions with all of their frames, or frame after frame, as many frames as fit."""
        d = self.dims
        step = max(1, lines * d.grid)  # positions
        if temporal:
            parts = self._shrinking(d.positions, rows // d.frames, step, d.frames)
            self._windows_fit(max(p1 - p0 for p0, p1 in parts) * d.frames, lines, d.frames)
            return [(part, (0, d.frames)) for part in parts]
        if d.positions <= rows:
            parts = self._shrinking(d.frames, rows // d.positions, frames, d.positions)
            self._windows_fit(max(f1 - f0 for f0, f1 in parts) * d.positions, lines, frames)
            return [((0, d.positions), part) for part in parts]
        count = max(step, rows // step * step)
        self._windows_fit(count * frames, lines, frames)
        return [((p, min(p + count, d.positions)), (f, f + 1)) for f in range(d.frames) for p in range(0, d.positions, count)]

    @staticmethod
    def _shrinking(total: int, most: int, step: int, rows: int) -> list[tuple[int, int]]:
        """0..total in intervals of multiples of `step`, at most `most` long (but a step). They double from the first one on and
        halve towards the end: neither the matrix unit, when a phase begins, nor the next phase waits for a whole large tile.
        `rows` are those of one unit."""
        step *= max(1, min(MIN_ROWS // (step * rows), most // step))
        parts, start, size = [], 0, 0
        while start < total:
            size = max(step, min(most, 2 * size or step, (total - start) // 2) // step * step)
            parts.append((start, min(start + size, total)))
            start += size
        return parts

    def _windows_fit(self, rows: int, lines: int, frames: int) -> None:
        if rows > MAX_LIST_ROWS:
            raise CompileError(f"windows of {lines} lines and {frames} frames need tiles of {rows} rows, {MAX_LIST_ROWS} at most")
