"""Tile transfers between HBM and the on-chip buffers: what LOAD and STORE move, and the bursts that move it.

`fields` is a decoded LOAD or STORE (models.isa.decode): row r starts at byte `hbm_addr + r*hbm_stride` of HBM and holds
`row_units` units of 16 bytes; its unit u lives at unit `base + r*row_step + u*unit_step` of the buffer, modulo the
buffer's size. A tile that names a unit (LOAD) or a byte (STORE) twice leaves it undefined in hardware, where beats of
different bursts come in any order; here the last one wins.

HBM is seen through a window: `memory` is uint8[bytes], byte 0 of it is HBM address `origin`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.config import BEAT_BYTES, UNIT_BYTES, Config
from models.isa import Buffer

PAGE_BYTES = 4096  # an AXI burst stays inside one


class TransferError(ValueError):
    """A transfer breaks a rule of docs/isa.md or leaves the memory window; the message names the field."""


def check(fields: Mapping[str, int]) -> None:
    """Raise TransferError for a transfer that the hardware does not define (alignment, zero length)."""
    for name in ("rows", "row_units"):
        if fields[name] < 1:
            raise TransferError(f"{name} is {fields[name]}, must be at least 1")
    for name in ("hbm_addr", "hbm_stride"):
        if fields[name] % BEAT_BYTES:
            raise TransferError(f"{name} is {fields[name]:#x}, must be a multiple of {BEAT_BYTES}")


def unit_addresses(fields: Mapping[str, int], units: int) -> np.ndarray:
    """int64[rows, row_units]: buffer address of every unit of the tile, in a buffer of `units` units."""
    row = np.arange(fields["rows"], dtype=np.int64)[:, None] * fields["row_step"]
    unit = np.arange(fields["row_units"], dtype=np.int64)[None, :] * fields["unit_step"]
    return (fields["base"] + row + unit) % units


def byte_offsets(fields: Mapping[str, int], memory_bytes: int, origin: int = 0) -> np.ndarray:
    """int64[rows]: offset of every row in the memory window; TransferError where a row leaves the window."""
    start = fields["hbm_addr"] - origin + np.arange(fields["rows"], dtype=np.int64) * fields["hbm_stride"]
    if start[0] < 0 or start[-1] + fields["row_units"] * UNIT_BYTES > memory_bytes:
        raise TransferError(f"hbm_addr {fields['hbm_addr']:#x}: rows leave the memory window at {origin:#x}")
    return start


def _rows(memory: np.ndarray, start: np.ndarray, row_bytes: int, stride: int) -> np.ndarray:
    """View uint8[rows, row_bytes] of the rows that start at `start`, `stride` apart."""
    step = stride if len(start) > 1 else row_bytes
    return np.lib.stride_tricks.as_strided(memory[start[0]:], (len(start), row_bytes), (step, 1))


def load(fields: Mapping[str, int], memory: np.ndarray, buffers: Mapping[Buffer, np.ndarray], origin: int = 0) -> None:
    """Copy a tile into `buffers[fields["buffer"]]`, uint8[units, 16]; pbuf counts quarters of an entry as units."""
    check(fields)
    target = buffers[Buffer(fields["buffer"])]
    start = byte_offsets(fields, memory.size, origin)
    tile = _rows(memory, start, fields["row_units"] * UNIT_BYTES, fields["hbm_stride"])
    target[unit_addresses(fields, len(target)).ravel()] = tile.reshape(-1, UNIT_BYTES)


def store(fields: Mapping[str, int], memory: np.ndarray, buffers: Mapping[Buffer, np.ndarray], origin: int = 0) -> None:
    """Copy a tile of `buffers[Buffer.V]`, uint8[units, 16], into `memory`."""
    check(fields)
    if fields["buffer"] != Buffer.V or fields["unit_step"] != 1:
        raise TransferError("STORE needs buffer V and unit_step 1")
    source = buffers[Buffer.V]
    start = byte_offsets(fields, memory.size, origin)
    row_bytes = fields["row_units"] * UNIT_BYTES
    tile = source[unit_addresses(fields, len(source))].reshape(len(start), row_bytes)
    if len(start) == 1 or fields["hbm_stride"] >= row_bytes:
        _rows(memory, start, row_bytes, fields["hbm_stride"])[:] = tile
    else:
        for first, row in zip(start, tile, strict=True):
            memory[first:first + row_bytes] = row


def bursts(fields: Mapping[str, int], config: Config) -> list[tuple[int, int]]:
    """(HBM address, beats) of every burst, in the order in which the hardware issues them."""
    check(fields)
    out = []
    for row in range(fields["rows"]):
        address = fields["hbm_addr"] + row * fields["hbm_stride"]
        left = row_beats(fields)
        while left:
            page = (PAGE_BYTES - address % PAGE_BYTES) // BEAT_BYTES
            beats = min(left, page, config.burst_beats)
            out.append((address, beats))
            address += beats * BEAT_BYTES
            left -= beats
    return out


def row_beats(fields: Mapping[str, int]) -> int:
    """Beats of one row; an odd count of units ends with half a beat."""
    return -(-fields["row_units"] * UNIT_BYTES // BEAT_BYTES)


def ideal_cycles(fields: Mapping[str, int]) -> int:
    """Cycles of the transfer when the data channel never idles: its beats."""
    return fields["rows"] * row_beats(fields)
