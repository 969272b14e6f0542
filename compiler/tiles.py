"""How the tokens are cut into tiles, and how many rows a tile has."""

from __future__ import annotations

from compiler.checkpoint import Dims
from compiler.errors import CompileError
from compiler.memory import Part, Pool, ceil_div, round_up
from models.isa import MAX_LIST_ROWS

MIN_ROWS = 32  # of a tile, where they fit: instructions stay few


class Tiling:
    """The part of a lowering that cuts tokens into tiles: sizes of the model and the pools of the buffers that tiles use."""

    dims: Dims
    row_step: int  # rows by which tiles grow: whole tiles of the array
    a: Pool
    v: Pool
    r: Pool

    def tile_rows(self, most: int, **per_row: int) -> int:
        """Rows of a tile: the most (a multiple of the INT8 tile, at most `most`) of which two fit the buffers.

        `per_row` are units of v, a or r that one row takes. Falls back to one tile at a time, then to fewer rows.
        """
        pools = {"v": self.v, "a": self.a, "r": self.r}
        step = self.row_step
        choices = list(range(round_up(most, step), 0, -step)) + [r for r in (16, 8, 4, 2, 1) if r < step]
        for copies in (2, 1):
            for rows in choices:
                if rows < step and copies == 2:
                    continue
                if all(copies * (rows | 1) * units <= pools[name].available for name, units in per_row.items()):
                    self.set_tight(copies == 1)
                    return rows
        name = max(per_row, key=lambda name: per_row[name] / pools[name].size)
        pool = pools[name]
        raise CompileError(f"{pool.name} is too small: one row needs {per_row[name]} of {pool.size} words")

    def set_tight(self, tight: bool) -> None:
        """How the buffers of tiles are allocated from now on."""
        for pool in (self.a, self.v, self.r):
            pool.tight = tight

    def spatial_tiles(self, rows: int) -> list[Part]:
        """The tokens frame by frame, at most `rows` at a time."""
        d = self.dims
        count = ceil_div(d.positions, rows)
        rows = min(rows, round_up(ceil_div(d.positions, count), min(rows, self.row_step)))
        starts = range(0, d.positions, rows)
        return [((p, min(p + rows, d.positions)), (f, f + 1)) for f in range(d.frames) for p in starts]

    def temporal_tiles(self, rows: int) -> list[Part]:
        """The tokens by positions with all of their frames, about `rows` rows at a time, or by pieces of a position."""
        d = self.dims
        if rows < d.frames:
            starts = range(0, d.frames, rows)
            return [((p, p + 1), (f, min(f + rows, d.frames))) for p in range(d.positions) for f in starts]
        count = rows // d.frames
        return [((p, min(p + count, d.positions)), (0, d.frames)) for p in range(0, d.positions, count)]

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
        step = max(step, step * (MIN_ROWS // (step * rows)))
        parts, start, size = [], 0, 0
        while start < total:
            size = max(step, min(most, 2 * size or step, (total - start) // 2) // step * step)
            parts.append((start, min(start + size, total)))
            start += size
        return parts

    def _windows_fit(self, rows: int, lines: int, frames: int) -> None:
        if rows > MAX_LIST_ROWS:
            raise CompileError(f"windows of {lines} lines and {frames} frames need tiles of {rows} rows, {MAX_LIST_ROWS} at most")
