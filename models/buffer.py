"""Banked on-chip memory, cycle by cycle: which requests a buffer serves, and what they see.

A buffer is uint8[units, 16]; unit a lives in bank a mod banks. Each bank serves one read and one write per cycle. Lower
ports go first; within a write port, lower units. A read sees the writes of earlier cycles only.

The mbuf is uint32[entries] with one write port; its read ports never wait for each other.
"""

from __future__ import annotations

import numpy as np


def read(memory: np.ndarray, address: int, count: int, stride: int = 1) -> np.ndarray:
    """uint8[count, 16]: units `stride` apart from `address` on, modulo the size."""
    return memory[(address + stride * np.arange(count)) % len(memory)]


def read_lines(memory: np.ndarray, address: int, lines: int, int8: bool, upper: bool) -> np.ndarray:
    """uint8[lines, 16]: what abuf gives for a step. FP16: the units from `address` on. INT8, from an even address on: line i has the rows of
    units 2i and 2i + 1 in its even and odd bytes, of each the lower or the `upper` eight bytes."""
    if not int8:
        return read(memory, address, lines)
    half = slice(8, 16) if upper else slice(0, 8)
    return read(memory, address, 2 * lines)[:, half].reshape(lines, 2, 8).swapaxes(1, 2).reshape(lines, 16)


def serve_reads(valid: np.ndarray, address: np.ndarray, stride: np.ndarray, banks: int, count: int) -> np.ndarray:
    """bool[ports]: read ports that find all their banks free of lower ports that are served (where valid: served)."""
    ready = np.ones(len(valid), bool)
    used: set[int] = set()
    for port in range(len(valid)):
        mine = {int(address[port] + i * stride[port]) % banks for i in range(count)}
        ready[port] = not mine & used
        if valid[port] and ready[port]:
            used |= mine
    return ready


def serve_writes(want: np.ndarray, address: np.ndarray, banks: int) -> np.ndarray:
    """bool[ports, units]: of the wanted writes, same shape, the first of each bank, in order of port and unit."""
    grant = np.zeros_like(want)
    used = set()
    for index in np.argwhere(want):
        bank = int(address[tuple(index)]) % banks
        if bank not in used:
            used.add(bank)
            grant[tuple(index)] = True
    return grant


def write(memory: np.ndarray, grant: np.ndarray, address: np.ndarray, data: np.ndarray) -> None:
    """Write the granted units: data uint8[ports, units, 16]; no two of them meet, they lie in different banks."""
    memory[address[grant] % len(memory)] = data[grant]


def mbuf_cycle(entries: np.ndarray, valid: np.ndarray, address: np.ndarray, write: tuple[int, int] | None) -> dict[int, int]:
    """One cycle of an mbuf, uint32[entries]: {port: entry} of the valid reads, which see the state before `write` (address, data)."""
    found = {int(p): int(entries[address[p] % len(entries)]) for p in np.flatnonzero(valid)}
    if write is not None:
        entries[write[0] % len(entries)] = write[1]
    return found
