"""models/slices.py: which fields move by which slice, stated here once more by hand; nothing else may change.

Method: random instructions of every opcode with every single bit of `slice`; the moved fields are looked up in a table written
from docs/isa.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from models.config import load
from models.isa import PAYLOAD, Cause, Opcode, SliceBuffer
from models.slices import Slices, relocate

SLICES = Slices((7, 11, 13, 3, 5, 17), (100, 200, 300, 8, 40, 60))
MOVED = {
    ("GEMM", "A"): ["a_base"], ("GEMM", "B"): ["b_base"], ("GEMM", "V"): ["o_base"], ("GEMM", "R"): ["rbuf_base"],
    ("GEMM", "P"): ["pbuf_base"], ("SFU", "V"): ["x_base", "y_base"], ("SFU", "P"): ["pbuf_base"], ("SFU", "R"): ["rbuf_base"],
    ("SU", "V"): ["x_base", "c_base", "meta_base", "mask_base"], ("SU", "M"): ["list_base", "map_base", "write_base"],
    ("RU", "V"): ["y_base", "c1_base", "c2_base", "d_base"], ("RU", "M"): ["map_base"], ("LOAD", "M"): ["list_base"],
    ("STORE", "M"): ["list_base"],
}


@pytest.mark.parametrize("buffer", list(SliceBuffer), ids=lambda b: b.name)
@pytest.mark.parametrize("opcode", [o for o in Opcode if o != Opcode.END], ids=lambda o: o.name)
def test_fields_that_move(opcode: Opcode, buffer: SliceBuffer) -> None:
    rng = np.random.default_rng(1)
    for context in range(4):
        fields = {f.name: int(rng.integers(1 << min(f.bits, 14))) for f in PAYLOAD[opcode]}
        fields |= {"opcode": int(opcode), "slice": 1 << buffer}
        if opcode in (Opcode.LOAD, Opcode.STORE):
            fields["buffer"] = int(rng.integers(4))
        if opcode == Opcode.SFU:
            fields["dst"] = int(rng.choice([0, 2]))
        names = list(MOVED.get((opcode.name, buffer.name), []))
        by = SLICES.base[buffer] + context * SLICES.size[buffer]
        if fields.get("buffer") == buffer and opcode in (Opcode.LOAD, Opcode.STORE):
            names.append("base")
        if fields.get("dst") == buffer and opcode == Opcode.SFU:
            names.append("d_base")
        moved = relocate(fields, context, SLICES)
        for name, value in fields.items():
            quarters = 4 if name == "base" and buffer == SliceBuffer.P else 1
            assert moved[name] == value + (quarters * by if name in names else 0), name
        assert relocate(fields | {"slice": 0}, context, SLICES) == fields | {"slice": 0}


def test_slices_must_fit() -> None:
    config = load("tiny")
    whole = tuple(getattr(config, b) // config.contexts for b in ("abuf", "bbuf", "vbuf", "pbuf", "rbuf", "mbuf"))
    assert Slices((0,) * 6, whole).check(config) == Cause.NONE
    for buffer in SliceBuffer:
        base = tuple(int(b == buffer) for b in SliceBuffer)
        assert Slices(base, whole).check(config) == Cause.BUFFER_RANGE


def test_slices_of_abuf_start_at_even_units() -> None:
    config = load("tiny")
    half = [getattr(config, b) // config.contexts // 2 for b in ("abuf", "bbuf", "vbuf", "pbuf", "rbuf", "mbuf")]
    for buffer in SliceBuffer:
        odd = tuple(int(b == buffer) for b in SliceBuffer)
        wanted = Cause.MISALIGNED if buffer == SliceBuffer.A else Cause.NONE
        assert Slices(odd, tuple(half)).check(config) == wanted
        assert Slices((0,) * 6, tuple(h + o for h, o in zip(half, odd))).check(config) == wanted
