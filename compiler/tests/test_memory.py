"""Allocators and dependency tracking against brute force: sets of words and sets of elements.

Method: random allocations and accesses, each mirrored by a model that marks every word. It does not test what
lowering declares (test_hazards.py does).
"""

from __future__ import annotations

import numpy as np
import pytest

from compiler.errors import CompileError
from compiler.memory import HbmMap, Pool, Region, Tensor, Tracked, overlap, panel_step, without


def cells(part: tuple, size: int) -> set[tuple[int, int]]:
    (a, b), (c, d) = part
    return {(i, j) for i in range(a, b) for j in range(c, d)}


def random_part(rng: np.random.Generator, size: int) -> tuple:
    edges = [sorted(rng.choice(size + 1, 2, replace=False)) for _ in range(2)]
    return tuple((int(a), int(b)) for a, b in edges)


def test_parts_are_sets() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        a, b = random_part(rng, 6), random_part(rng, 6)
        assert overlap(a, b) == bool(cells(a, 6) & cells(b, 6))
        pieces = without(a, b)
        assert set().union(*(cells(p, 6) for p in pieces), set()) == cells(a, 6) - cells(b, 6)
        assert sum(len(cells(p, 6)) for p in pieces) == len(cells(a, 6) - cells(b, 6))


def test_dependencies_order_every_conflict() -> None:
    """Transitive closure of the dependencies must order every pair of accesses to one element of which one writes."""
    rng = np.random.default_rng(2)
    tracked, before, log = Tracked(), [], []
    for index in range(120):
        part, write = random_part(rng, 5), rng.random() < 0.5
        deps = (tracked.write if write else tracked.read)(part, index)
        reach = set(deps).union(*(before[d] for d in deps))
        before.append(reach)
        for other, (o_part, o_write) in enumerate(log):
            if (write or o_write) and overlap(part, o_part):
                assert other in reach
        log.append((part, write))


def test_pool_never_overlaps_and_new_blocks_inherit() -> None:
    rng = np.random.default_rng(3)
    pool, live, touched, index = Pool("abuf", 64), [], [set() for _ in range(64)], 0
    for _ in range(2000):
        if live and rng.random() < 0.5:
            pool.free(live.pop(rng.integers(len(live))))
            continue
        try:
            block = pool.alloc(int(rng.integers(1, 20)))
        except CompileError:
            continue
        words = range(block.base, block.base + block.units)
        assert block.base >= 0 and words.stop <= 64
        assert all(not set(words) & set(range(b.base, b.base + b.units)) for b in live)
        live.append(block)
        last = set().union(*(touched[w] for w in words))
        assert last <= block.inherited
        assert last <= block.write(None, index)
        for w in words:
            touched[w] = {index}
        index += 1


def test_blocks_start_at_multiples_of_the_granule() -> None:
    """Also behind blocks of odd sizes, freed ones and where space is tight."""
    rng, pool = np.random.default_rng(5), Pool("abuf", 101, 2)
    for number in range(300):
        pool.tight = number % 3 == 0
        if pool.live and (rng.random() < 0.4 or pool.available < 20):
            pool.free(pool.live[int(rng.integers(len(pool.live)))])
        elif pool.available > 40:
            block = pool.alloc(int(rng.integers(1, 12)))
            assert block.base % 2 == 0 and block.base + block.units <= 101


def test_panel_steps_hold_the_rows_at_even_units() -> None:
    """Of four banks a row's units, a step apart, meet more than one."""
    for rows in range(1, 200):
        step = panel_step(rows)
        assert rows <= step <= rows + 3 and step % 2 == 0 and step % 4


def test_pool_names_itself_when_full() -> None:
    pool = Pool("bbuf", 10)
    pool.alloc(8)
    with pytest.raises(CompileError, match="bbuf is too small: 3 words needed, 10 in all, 8 in use"):
        pool.alloc(3)


def test_hbm_limits() -> None:
    with pytest.raises(CompileError, match="region weights of 33 bytes"):
        HbmMap(0, 32).alloc("weights", 33, "weights")
    with pytest.raises(CompileError, match="HBM is too small"):
        HbmMap((1 << 40) - 64).alloc("x", 65, "scratch")
    hbm = HbmMap(64)
    assert [hbm.alloc(n, 100, "input").base for n in "ab"] == [64, 192]
    assert hbm.window() == (64, 320) and hbm.window("scratch") == (64, 64)


@pytest.mark.parametrize("order", ["pf", "fp"])
def test_rows_of_a_part(order: str) -> None:
    tensor = Tensor(Region("t", 1000, 0, "scratch"), 5, 3, 2, 64, order)

    def address(p: int, f: int) -> int:
        return 1000 + 64 * (p * 3 + f if order == "pf" else f * 5 + p)

    parts = [((1, 4), (2, 3)), ((2, 3), (0, 3)), ((2, 3), (1, 2)), ((0, 5), (1, 2))]
    parts.append(((1, 3), (0, 3)) if order == "pf" else ((0, 5), (1, 3)))
    for (p0, p1), (f0, f1) in parts:
        first, rows, stride = tensor.rows(((p0, p1), (f0, f1)))
        expected = sorted(address(p, f) for p in range(p0, p1) for f in range(f0, f1))
        assert [first + i * stride for i in range(rows)] == expected
    with pytest.raises(ValueError, match="is not one transfer"):
        tensor.rows(((1, 3), (0, 2)))


@pytest.mark.parametrize("order", ["pf", "fp"])
def test_runs_go_frame_after_frame(order: str) -> None:
    tensor = Tensor(Region("t", 1000, 0, "scratch"), 5, 3, 2, 64, order)
    for part in (((1, 4), (0, 3)), ((0, 5), (1, 3)), ((1, 3), (0, 2)), ((2, 3), (0, 3)), ((1, 4), (2, 3))):
        (p0, p1), (f0, f1) = part
        rows = [first + i * stride for first, count, stride in tensor.runs(part, True) for i in range(count)]
        assert rows == [tensor.rows(((p, p + 1), (f, f + 1)))[0] for f in range(f0, f1) for p in range(p0, p1)]
