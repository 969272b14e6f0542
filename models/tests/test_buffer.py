"""The buffer model against brute force: repeated service reaches the state of plain sequential writes."""

from __future__ import annotations

import numpy as np
import pytest

from models import buffer


@pytest.mark.parametrize("banks", [2, 4, 16])
def test_served_reads_share_no_bank_and_only_conflicts_wait(banks: int) -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        ports, count = int(rng.integers(1, 4)), int(rng.integers(1, banks + 1))
        valid, address = rng.random(ports) < 0.7, rng.integers(0, 64, ports)
        stride = 2 * rng.integers(0, 32, ports) + 1
        ready = buffer.serve_reads(valid, address, stride, banks, count)
        load = np.zeros(banks, int)
        for p in range(ports):
            mine = np.bincount((address[p] + stride[p] * np.arange(count)) % banks, minlength=banks)
            assert mine.max() == 1  # an odd stride never meets a bank twice
            assert ready[p] == (load[mine > 0].sum() == 0)
            if valid[p] and ready[p]:
                load += mine
        assert load.max() <= 1


@pytest.mark.parametrize("banks", [2, 4, 16])
def test_writes_take_as_many_cycles_as_the_fullest_bank(banks: int) -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        ports, units = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        want = rng.random((ports, units)) < 0.7
        address = rng.integers(0, 64, (ports, units))
        data = rng.integers(0, 256, (ports, units, 16), dtype=np.uint8)
        memory = np.zeros((64, 16), np.uint8)
        expected = memory.copy()
        for p in range(ports):
            for u in range(units):
                if want[p, u]:
                    expected[address[p, u]] = data[p, u]
        fullest = max(np.bincount(address[want] % banks, minlength=banks))
        left, cycles = want.copy(), 0
        while left.any():
            grant = buffer.serve_writes(left, address, banks)
            assert grant.any() and not (grant & ~left).any()
            buffer.write(memory, grant, address, data)
            left &= ~grant
            cycles += 1
        assert cycles == fullest
        assert (memory == expected).all()


def test_read_wraps() -> None:
    memory = np.arange(8 * 16, dtype=np.uint8).reshape(8, 16)
    assert (buffer.read(memory, 7, 2) == memory[[7, 0]]).all()
    assert (buffer.read(memory, 6, 3, stride=3) == memory[[6, 1, 4]]).all()


@pytest.mark.parametrize("lines", [1, 6])
def test_lines_hold_the_rows_of_a_step(lines: int) -> None:
    """Byte by byte: FP16 line i is row i; INT8 line i has row 2i in its even bytes, row 2i + 1 in its odd ones, half of their k."""
    memory = np.random.default_rng(lines).integers(0, 256, (32, 16), dtype=np.uint8)
    for address in range(32):
        got = buffer.read_lines(memory, address, lines, int8=False, upper=bool(address & 1))
        assert all(got[i, b] == memory[(address + i) % 32, b] for i in range(lines) for b in range(16))
    for address in range(0, 32, 2):
        for upper in (False, True):
            got = buffer.read_lines(memory, address, lines, int8=True, upper=upper)
            assert all(got[i, 2 * k + odd] == memory[(address + 2 * i + odd) % 32, 8 * upper + k]
                       for i in range(lines) for k in range(8) for odd in (0, 1))


def test_mbuf_ports_read_the_past() -> None:
    rng = np.random.default_rng(4)
    entries, history = np.zeros(16, np.uint32), [[0] * 16]
    for _ in range(300):
        valid, address = rng.random(3) < 0.6, rng.integers(0, 64, 3)
        write = (int(rng.integers(64)), int(rng.integers(1 << 32))) if rng.random() < 0.5 else None
        found = buffer.mbuf_cycle(entries, valid, address, write)
        assert found == {p: history[-1][int(address[p]) & 15] for p in range(3) if valid[p]}
        history.append(list(history[-1]))
        if write:
            history[-1][write[0] & 15] = write[1]
    assert entries.tolist() == history[-1]
