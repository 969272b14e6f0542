"""Recovery of rows: what an RU instruction does, bit by bit.

`fields` is a decoded RU (models.isa.decode), the contract is docs/ru.md. `results` works on a buffer image; `extrapolate` is its
arithmetic on arrays, so that a functional forward needs no buffer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.isa import LIST_ENTRY, RuOp
from models.numerics import f16_to_f32, f32_add, f32_mul, f32_sub, f32_to_f16

UNIT_BYTES = 16
PAIR = 2  # units of one read
ADDRESS_MASK = (1 << 20) - 1


@dataclass(frozen=True)
class Entries:
    """Entries of mbuf, one array per field of LIST_ENTRY, all [n]: row, slot, age int64; step bool."""

    row: np.ndarray
    slot: np.ndarray
    age: np.ndarray
    step: np.ndarray


def unpack(words: np.ndarray) -> Entries:
    """Fields of uint32 entries; reserved bits do not matter."""
    raw = np.asarray(words, np.uint32).astype(np.int64)
    values = {f.name: raw >> f.lsb & ((1 << f.bits) - 1) for f in LIST_ENTRY}
    return Entries(values["row"], values["slot"], values["age"], values["step"].astype(bool))


def extrapolate(c1: np.ndarray, c2: np.ndarray, coef: np.float32, age: np.ndarray | int) -> np.ndarray:
    """float16: c1 + (coef * age) * (c1 - c2), each operation one FP32 rounding, then FP16.

    c1, c2: float16 arrays of one shape; age: integers 0 to 15 for the leading axes of it (rows), or one for all.
    """
    c1, age = np.asarray(c1, np.float16), np.asarray(age)
    k = f32_mul(np.float32(coef), age.astype(np.float32)).reshape(age.shape + (1,) * (c1.ndim - age.ndim))
    wide = f16_to_f32(c1)
    return f32_to_f16(f32_add(wide, f32_mul(k, f32_sub(wide, f16_to_f32(c2)))))


def _rows(fields: Mapping[str, int], name: str, index: np.ndarray, size: int) -> np.ndarray:
    """int64[rows, units]: units of the rows `index` of an operand; addresses wrap."""
    first = fields[f"{name}_base"] + index * fields[f"{name}_step"]
    return ((first[:, None] + np.arange(fields["units"])) & ADDRESS_MASK) % size


def results(fields: Mapping[str, int], vbuf: np.ndarray, mbuf: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the instruction writes into vbuf: unit addresses int64[n] and data uint8[n, 16], all reads before all writes.

    vbuf: uint8[units, 16]; mbuf: uint32[entries]; sizes are powers of two.
    """
    rows = np.arange(fields["rows"])
    entry = unpack(mbuf[(fields["map_base"] + rows) % len(mbuf)])
    gather = fields["op"] == RuOp.GATHER
    step = entry.step & (not gather)
    y = _rows(fields, "y", entry.row if gather else entry.slot, len(vbuf))
    c1 = _rows(fields, "c1", rows, len(vbuf))
    data = vbuf[np.where(step[:, None], c1, y)]
    if fields["extrapolate"] and step.any():
        old = vbuf[c1[step]].view(np.float16)
        older = vbuf[_rows(fields, "c2", rows, len(vbuf))[step]].view(np.float16)
        coef = np.array(fields["coef"], np.uint32).view(np.float32)
        data[step] = extrapolate(old, older, coef, entry.age[step]).view(np.uint8)
    return _rows(fields, "d", rows, len(vbuf)).reshape(-1), data.reshape(-1, UNIT_BYTES)


def ideal_cycles(fields: Mapping[str, int], step_rows: int | None = None) -> int:
    """Reads of pairs of units, one a cycle: a row takes a read per pair, an extrapolated one (`step_rows` of them) two.

    Without `step_rows` every row of an extrapolating RECOVER counts as one: the most that the map can ask for.
    """
    extrapolated = 0
    if fields["op"] == RuOp.RECOVER and fields["extrapolate"]:
        extrapolated = fields["rows"] if step_rows is None else step_rows
    return (fields["rows"] + extrapolated) * -(-fields["units"] // PAIR)
