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
