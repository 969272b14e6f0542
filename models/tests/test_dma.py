"""The dma model against plain byte loops that follow the text of docs/isa.md."""

from __future__ import annotations

import numpy as np
import pytest

from models import config, dma
from models.isa import Buffer

ORIGIN = 0x40_0000_0000


def _random_fields(rng: np.random.Generator, units: int, memory_bytes: int, target: Buffer) -> dict[str, int]:
    rows, row_units = int(rng.integers(1, 7)), int(rng.integers(1, 40))
    stride = 32 * int(rng.integers((row_units + 1) // 2, 40))
    span = (rows - 1) * stride + row_units * 16
    return {
        "hbm_addr": ORIGIN + 32 * int(rng.integers(0, (memory_bytes - span) // 32)),
        "rows": rows, "row_units": row_units, "hbm_stride": stride, "buffer": int(target),
        "base": int(rng.integers(0, units)), "row_step": row_units + int(rng.integers(0, 9)), "unit_step": 1,
    }


def _with_list(rng: np.random.Generator, fields: dict[str, int], memory_bytes: int,
               mbuf: np.ndarray) -> tuple[dict[str, int], list[int]]:
    """A list transfer of the shape of `fields` and the HBM rows that its list names: none twice, in any order.

    The bits of an entry beside `row` are random. Half of the lists name their rows at an HBM address beyond 2^40.
    """
    rows, beats = fields["rows"], (fields["row_units"] + 1) // 2
    tile_rows = rows + int(rng.integers(0, 6))
    stride, first = 32 * (beats + int(rng.integers(0, 3))), 0
    if rng.random() < 0.5:  # one row, far from hbm_addr by a stride of any size
        rows, tile_rows, first = 1, 1, int(rng.integers(1, 1024))
        stride = 32 * int(rng.integers(1, 1 << 27))
    named = [first + int(r) for r in rng.permutation(tile_rows)[:rows]]
    span = (tile_rows - 1) * stride + 32 * beats
    assert span <= memory_bytes
    start = ORIGIN + 32 * int(rng.integers(0, (memory_bytes - span) // 32))
    list_base = int(rng.integers(0, 1 << 16))
    for i, row in enumerate(named):
        mbuf[(list_base + i) % 65536 % len(mbuf)] = row | int(rng.integers(1 << 22)) << 10
    bound = max(named) + 1 if rng.random() < 0.5 else int(rng.integers(max(named) + 1, 1 << 16))
    return fields | {"rows": rows, "hbm_stride": stride, "hbm_addr": (start - first * stride) % (1 << 40), "list": 1,
                     "list_base": list_base, "bound": bound}, named


def test_list_load_moves_every_byte() -> None:
    rng = np.random.default_rng(6)
    memory = rng.integers(0, 256, 1 << 14, dtype=np.uint8)
    wrapped = 0
    for target in list(Buffer) * 20:
        mbuf = rng.integers(0, 1 << 32, 64, dtype=np.uint32)
        fields, named = _with_list(rng, _random_fields(rng, 512, memory.size, target), memory.size, mbuf)
        wrapped += fields["hbm_addr"] + named[0] * fields["hbm_stride"] >= 1 << 40
        buffers = {b: rng.integers(0, 256, (512, 16), dtype=np.uint8) for b in Buffer}
        expected = [bytearray(u) for u in buffers[target]]
        for r in range(fields["rows"]):
            start = (fields["hbm_addr"] + named[r] * fields["hbm_stride"]) % 2**40 - ORIGIN
            for u in range(fields["row_units"]):
                unit = (fields["base"] + r * fields["row_step"] + u) % 512
                for byte in range(16):
                    expected[unit][byte] = memory[start + 16 * u + byte]
        others = {b: v.tobytes() for b, v in buffers.items() if b != target}
        dma.load(fields, memory, buffers, ORIGIN, mbuf)
        assert buffers[target].tobytes() == b"".join(expected)
        assert all(buffers[b].tobytes() == v for b, v in others.items())
    assert wrapped > 5


def test_list_store_moves_every_byte() -> None:
    rng = np.random.default_rng(7)
    for _ in range(80):
        memory = rng.integers(0, 256, 1 << 14, dtype=np.uint8)
        vbuf = rng.integers(0, 256, (512, 16), dtype=np.uint8)
        mbuf = rng.integers(0, 1 << 32, 64, dtype=np.uint32)
        fields, named = _with_list(rng, _random_fields(rng, 512, memory.size, Buffer.V), memory.size, mbuf)
        expected = bytearray(memory)
        for r in range(fields["rows"]):
            start = (fields["hbm_addr"] + named[r] * fields["hbm_stride"]) % 2**40 - ORIGIN
            for u in range(fields["row_units"]):
                for byte in range(16):
                    expected[start + 16 * u + byte] = vbuf[(fields["base"] + r * fields["row_step"] + u) % 512, byte]
        dma.store(fields, memory, {Buffer.V: vbuf}, ORIGIN, mbuf)
        assert memory.tobytes() == bytes(expected)


def test_list_bursts_follow_the_list() -> None:
    rng, machine = np.random.default_rng(8), config.load("tiny")
    for _ in range(60):
        mbuf = rng.integers(0, 1 << 32, 64, dtype=np.uint32)
        fields, named = _with_list(rng, _random_fields(rng, 512, 1 << 14, Buffer.B), 1 << 14, mbuf)
        touched = []
        for address, beats in dma.bursts(fields, machine, mbuf):
            assert 1 <= beats <= machine.burst_beats
            assert address // 4096 == (address + 32 * beats - 1) // 4096
            touched += [address + 32 * i for i in range(beats)]
        assert touched == [(fields["hbm_addr"] + row * fields["hbm_stride"]) % 2**40 + 16 * u
                           for row in named for u in range(0, fields["row_units"], 2)]


def test_first_row_out_of_bound_is_named_and_nothing_moves() -> None:
    rng = np.random.default_rng(9)
    legal = offending = 0
    for _ in range(100):
        mbuf = rng.integers(0, 1 << 32, 32, dtype=np.uint32)
        fields = {"hbm_addr": ORIGIN, "rows": int(rng.integers(1, 20)), "row_units": 1, "hbm_stride": 0,
                  "buffer": int(Buffer.V), "base": 0, "row_step": 1, "unit_step": 1, "list": 1,
                  "list_base": int(rng.integers(0, 32)), "bound": int(rng.integers(700, 1030))}
        first = None
        for i in reversed(range(fields["rows"])):
            if int(mbuf[(fields["list_base"] + i) % 32]) % 1024 >= fields["bound"]:
                first = i
        assert dma.offending_row(fields, mbuf) == first
        assert dma.offending_row(fields | {"list": 0}) is None
        memory, buffers = np.ones(64, np.uint8), {Buffer.V: np.zeros((64, 16), np.uint8)}
        legal, offending = legal + (first is None), offending + (first is not None)
        if first is None:
            dma.load(fields, memory, buffers, ORIGIN, mbuf)
            assert buffers[Buffer.V].sum() == 16 * fields["rows"]
            continue
        for move in (dma.load, dma.store):
            with pytest.raises(dma.TransferError, match=f"entry {first} of the list .* bound is {fields['bound']}"):
                move(fields, memory, buffers, ORIGIN, mbuf)
        assert memory.all() and not buffers[Buffer.V].any()
    assert legal > 10 and offending > 10


def test_list_needs_a_bound_and_an_mbuf() -> None:
    fields = _random_fields(np.random.default_rng(10), 64, 1 << 14, Buffer.A) | {"list": 1, "list_base": 0, "bound": 0}
    with pytest.raises(dma.TransferError, match="bound"):
        dma.check(fields)
    dma.check(fields | {"list": 0})
    with pytest.raises(dma.TransferError, match="mbuf"):
        dma.bursts(fields | {"bound": 1}, config.load("tiny"))


def test_load_moves_every_byte() -> None:
    rng = np.random.default_rng(1)
    memory = rng.integers(0, 256, 1 << 14, dtype=np.uint8)
    for target in list(Buffer) * 20:
        units = 512
        fields = _random_fields(rng, units, memory.size, target)
        if rng.random() < 0.5:
            fields["row_step"], fields["unit_step"] = 1, fields["rows"] + int(rng.integers(0, 5))
        buffers = {b: rng.integers(0, 256, (units, 16), dtype=np.uint8) for b in Buffer}
        expected = {b: [bytearray(u) for u in buffers[b]] for b in Buffer}
        for r in range(fields["rows"]):
            for u in range(fields["row_units"]):
                unit = (fields["base"] + r * fields["row_step"] + u * fields["unit_step"]) % units
                for byte in range(16):
                    offset = fields["hbm_addr"] - ORIGIN + r * fields["hbm_stride"] + 16 * u + byte
                    expected[target][unit][byte] = memory[offset]
        before = memory.copy()
        dma.load(fields, memory, buffers, ORIGIN)
        assert (memory == before).all()
        for b in Buffer:
            assert buffers[b].tobytes() == b"".join(expected[b])


@pytest.mark.parametrize("overlap", [False, True], ids=["apart", "overlapping rows"])
def test_store_moves_every_byte(overlap: bool) -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        memory = rng.integers(0, 256, 1 << 14, dtype=np.uint8)
        vbuf = rng.integers(0, 256, (512, 16), dtype=np.uint8)
        fields = _random_fields(rng, len(vbuf), memory.size, Buffer.V)
        if overlap:
            fields["hbm_stride"] = 32
        expected = bytearray(memory)
        for r in range(fields["rows"]):
            for u in range(fields["row_units"]):
                unit = (fields["base"] + r * fields["row_step"] + u) % len(vbuf)
                for byte in range(16):
                    expected[fields["hbm_addr"] - ORIGIN + r * fields["hbm_stride"] + 16 * u + byte] = vbuf[unit, byte]
        dma.store(fields, memory, {Buffer.V: vbuf}, ORIGIN)
        assert memory.tobytes() == bytes(expected)


@pytest.mark.parametrize("name", ["tiny", "sim", "v80"])
def test_bursts_cover_the_rows_and_stay_in_their_pages(name: str) -> None:
    rng, machine = np.random.default_rng(3), config.load(name)
    for _ in range(50):
        fields = _random_fields(rng, 4096, 1 << 20, Buffer.B)
        fields["row_units"] = int(rng.integers(1, 2000))
        touched = []
        for address, beats in dma.bursts(fields, machine):
            assert 1 <= beats <= machine.burst_beats
            assert address // 4096 == (address + 32 * beats - 1) // 4096
            touched += [address + 32 * i for i in range(beats)]
        expected = [fields["hbm_addr"] + r * fields["hbm_stride"] + 16 * u
                    for r in range(fields["rows"]) for u in range(0, fields["row_units"], 2)]
        assert touched == expected
        assert dma.ideal_cycles(fields) == len(expected)


@pytest.mark.parametrize(("field", "value"), [
    ("rows", 0), ("row_units", 0), ("hbm_addr", ORIGIN + 16), ("hbm_stride", 48), ("hbm_addr", ORIGIN + (1 << 20)),
    ("hbm_addr", 0),
])
def test_illegal_transfer_is_named(field: str, value: int) -> None:
    fields = _random_fields(np.random.default_rng(4), 64, 1 << 14, Buffer.A) | {field: value}
    with pytest.raises(dma.TransferError, match=field):
        dma.load(fields, np.zeros(1 << 14, np.uint8), {Buffer.A: np.zeros((64, 16), np.uint8)}, ORIGIN)


@pytest.mark.parametrize(("field", "value"), [("buffer", int(Buffer.A)), ("unit_step", 2)])
def test_store_is_from_v_with_step_one(field: str, value: int) -> None:
    fields = _random_fields(np.random.default_rng(5), 64, 1 << 14, Buffer.V) | {field: value}
    with pytest.raises(dma.TransferError, match=field):
        dma.store(fields, np.zeros(1 << 14, np.uint8), {b: np.zeros((64, 16), np.uint8) for b in Buffer}, ORIGIN)
