"""Tile transfers between HBM and the on-chip buffers: what LOAD and STORE move, and the bursts that move it.

`fields` is a decoded LOAD or STORE (models.isa.decode): row r starts at byte `hbm_addr + r*hbm_stride` of HBM and holds
`row_units` units of 16 bytes; its unit u lives at unit `base + r*row_step + u*unit_step` of the buffer, modulo the
buffer's size. A tile that names a unit (LOAD) or a byte (STORE) twice leaves it undefined in hardware, where beats of
different bursts come in any order; here the last one wins.

With `list`, row r of the buffer side is HBM row `row` of entry `list_base + r` of mbuf (uint32[entries], addresses
wrap), which must be below `bound`: `offending_row` names the first one that is not. The hardware issues the bursts of
the rows before that one, then stops with an error; here such a transfer raises TransferError and moves nothing.

HBM addresses are modulo 2^40. HBM is seen through a window: `memory` is uint8[bytes], byte 0 of it is HBM address
`origin`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.config import BEAT_BYTES, UNIT_BYTES, Config
from models.isa import LIST_ENTRY, Buffer

PAGE_BYTES = 4096  # an AXI burst stays inside one
HBM_BYTES = 1 << 40
LIST_CYCLES = 7  # until the first row address of a list is there; the rows then follow one another without gaps
ENTRY_ROW_MASK = (1 << next(f.bits for f in LIST_ENTRY if f.name == "row")) - 1  # `row` is at bit 0


class TransferError(ValueError):
    """A transfer breaks a rule of docs/isa.md or leaves the memory window; the message names the field."""


def is_list(fields: Mapping[str, int]) -> bool:
    """Whether the rows in HBM are those that a list in mbuf names."""
    return bool(fields.get("list", 0))


def check(fields: Mapping[str, int]) -> None:
    """Raise TransferError for a transfer that the hardware does not define (alignment, zero length, empty bound)."""
    for name in ("rows", "row_units", *(("bound",) if is_list(fields) else ())):
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


def hbm_rows(fields: Mapping[str, int], mbuf: np.ndarray | None = None) -> np.ndarray:
    """int64[rows]: the HBM row of every row of the buffer side, whether below `bound` or not."""
    rows = np.arange(fields["rows"], dtype=np.int64)
    if not is_list(fields):
        return rows
    if mbuf is None:
        raise TransferError("list is 1, but there is no mbuf")
    return mbuf[(fields["list_base"] + rows) % len(mbuf)].astype(np.int64) & ENTRY_ROW_MASK


def offending_row(fields: Mapping[str, int], mbuf: np.ndarray | None = None) -> int | None:
    """First row of the buffer side whose entry is not below `bound`; None for a transfer that the hardware executes."""
    if not is_list(fields):
        return None
    bad = np.flatnonzero(hbm_rows(fields, mbuf) >= fields["bound"])
    return int(bad[0]) if len(bad) else None


def row_addresses(fields: Mapping[str, int], mbuf: np.ndarray | None = None) -> np.ndarray:
    """int64[rows]: HBM address of every row; TransferError where an entry of the list is not below `bound`."""
    offending = offending_row(fields, mbuf)
    if offending is not None:
        raise TransferError(f"entry {offending} of the list names row {hbm_rows(fields, mbuf)[offending]}, "
                            f"bound is {fields['bound']}")
    return (fields["hbm_addr"] + hbm_rows(fields, mbuf) * fields["hbm_stride"]) % HBM_BYTES


def byte_offsets(fields: Mapping[str, int], memory_bytes: int, origin: int = 0,
                 mbuf: np.ndarray | None = None) -> np.ndarray:
    """int64[rows]: offset of every row in the memory window; TransferError where a row leaves the window."""
    start = row_addresses(fields, mbuf) - origin
    if start.min() < 0 or start.max() + fields["row_units"] * UNIT_BYTES > memory_bytes:
        raise TransferError(f"hbm_addr {fields['hbm_addr']:#x}: rows leave the memory window at {origin:#x}")
    return start


def _rows(memory: np.ndarray, start: np.ndarray, row_bytes: int, stride: int) -> np.ndarray:
    """View uint8[rows, row_bytes] of the rows that start at `start`, `stride` apart."""
    step = stride if len(start) > 1 else row_bytes
    return np.lib.stride_tricks.as_strided(memory[start[0]:], (len(start), row_bytes), (step, 1))


def load(fields: Mapping[str, int], memory: np.ndarray, buffers: Mapping[Buffer, np.ndarray], origin: int = 0,
         mbuf: np.ndarray | None = None) -> None:
    """Copy a tile into `buffers[fields["buffer"]]`, uint8[units, 16]; pbuf counts quarters of an entry as units."""
    check(fields)
    target = buffers[Buffer(fields["buffer"])]
    start = byte_offsets(fields, memory.size, origin, mbuf)
    row_bytes = fields["row_units"] * UNIT_BYTES
    if is_list(fields):
        tile = memory[start[:, None] + np.arange(row_bytes)]
    else:
        tile = _rows(memory, start, row_bytes, fields["hbm_stride"])
    target[unit_addresses(fields, len(target)).ravel()] = tile.reshape(-1, UNIT_BYTES)


def store(fields: Mapping[str, int], memory: np.ndarray, buffers: Mapping[Buffer, np.ndarray], origin: int = 0,
          mbuf: np.ndarray | None = None) -> None:
    """Copy a tile of `buffers[Buffer.V]`, uint8[units, 16], into `memory`."""
    check(fields)
    if fields["buffer"] != Buffer.V or fields["unit_step"] != 1:
        raise TransferError("STORE needs buffer V and unit_step 1")
    source = buffers[Buffer.V]
    start = byte_offsets(fields, memory.size, origin, mbuf)
    row_bytes = fields["row_units"] * UNIT_BYTES
    tile = source[unit_addresses(fields, len(source))].reshape(len(start), row_bytes)
    if not is_list(fields) and (len(start) == 1 or fields["hbm_stride"] >= row_bytes):
        _rows(memory, start, row_bytes, fields["hbm_stride"])[:] = tile
    else:
        for first, row in zip(start, tile, strict=True):
            memory[first:first + row_bytes] = row


def bursts(fields: Mapping[str, int], config: Config, mbuf: np.ndarray | None = None) -> list[tuple[int, int]]:
    """(HBM address, beats) of every burst, in the order in which the hardware issues them."""
    check(fields)
    out = []
    for address in row_addresses(fields, mbuf).tolist():
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
    """Cycles of the transfer when the data channel never idles: its beats. LIST_CYCLES of a list are latency."""
    return fields["rows"] * row_beats(fields)
