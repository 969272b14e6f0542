"""The proof of `make exhaustive` in small: a 1/256 slice of the FP16 pairs, the significands, INT8 whole.

Method: the harness of tb/dspe/exhaustive.cpp (plain C++ loop around the Verilated array, integer oracle), slice chosen by the seed.
Negative tests: one inverted bit of one lane is reported as exactly one mismatch, the right one. The checked-in result of the whole run
is consistent in itself. It does not prove: timing and handshakes (test_dspe.py), the slices that it leaves out.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tb.common.seed import rng
from tb.dspe import exhaustive
from tb.dspe.exhaustive import COLS, PAIRS, ROWS, SLICES


@pytest.fixture(scope="module")
def binary() -> Path:
    """The harness."""
    return exhaustive.build()


def summaries(binary: Path, *arguments: object) -> list[dict]:
    """Everything that the harness says except its progress."""
    return [line for line in exhaustive.lines(binary, [str(a) for a in arguments]) if "progress" not in line]


def test_fp16_slice(binary: Path) -> None:
    """2^24 pairs, interleaved over both operands: every bit of the accumulator and every flag."""
    (part,) = summaries(binary, "fp16", int(rng("exhaustive.slice").integers(SLICES)))
    assert part["compared"] == PAIRS // SLICES and part["mismatches"] == 0


def test_fp16_slice_with_neighbours(binary: Path) -> None:
    """The same beside random finite operands in the other slots, aligned in several passes."""
    random = rng("exhaustive.neighbours")
    (part,) = summaries(binary, "fp16", "--neighbours", "--seed", int(random.integers(1 << 62)), int(random.integers(SLICES)))
    assert part["compared"] == PAIRS // SLICES and part["mismatches"] == 0


def test_significands(binary: Path) -> None:
    """All 2^22 pairs of significands through both lines of a chain."""
    (part,) = summaries(binary, "significand")
    assert part["compared"] == 2 << 22 and part["mismatches"] == 0


def test_int8(binary: Path) -> None:
    """All byte pairs in every lane and slot, corners, saturating sums."""
    parts = {part["part"]: part for part in summaries(binary, "int8", "--seed", int(rng("exhaustive.int8").integers(1 << 62)))}
    assert all(part["mismatches"] == 0 for part in parts.values())
    lanes = 2 * ROWS * COLS  # lines by columns compared in a tile
    assert {name: part["compared"] for name, part in parts.items()} == {
        "int8_pairs": 4 * 8 * 65536 // (ROWS * COLS) * lanes,
        "int8_corners_of_a_slot": 2 * 8 * 256 // ROWS * lanes,
        "int8_corners_of_columns": 256 // ROWS * 65536 // COLS * lanes,
        "int8_corners_of_lanes": 4 * 65536 // ROWS * lanes,
        "int8_k8192": 256 // ROWS * lanes,
        "int8_wrap": lanes,
    }


@pytest.mark.parametrize("lane", [1, 12_345])
def test_flipped_bit_is_found(binary: Path, lane: int) -> None:
    """One inverted bit of one result: that mismatch, and no other."""
    mismatch, part = summaries(binary, "significand", "--flip", lane)
    assert part["mismatches"] == 1
    found = mismatch["mismatch"]
    assert int(found["got"], 16) ^ int(found["expected"], 16) == 1 << 5
    assert int(found["expected"], 16) == found["a"] * found["b"]
    step, rest = divmod(lane - 1, 2 * ROWS * COLS)
    assert (found["line"], found["column"], found["slot"]) == (*divmod(rest, COLS), step % 8)
    assert found["a"] == step // (2048 // COLS) * ROWS + found["line"] // 2
    assert found["b"] == step % (2048 // COLS) * COLS + found["column"]


def test_flipped_bit_of_int8_is_found(binary: Path) -> None:
    """The same for INT8."""
    lines = summaries(binary, "int8", "--flip", 5_000_000)
    assert [part["mismatches"] for part in lines if "part" in part] == [0, 0, 1, 0, 0, 0]


def test_state_is_for_its_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is done is found again, and not after a change of the sources."""
    monkeypatch.setattr(exhaustive, "STATE", tmp_path / "exhaustive.json")
    state = exhaustive.load()
    state["fp16"]["7"] = {"compared": 1}
    exhaustive.save(state)
    assert exhaustive.load() == state
    monkeypatch.setattr(exhaustive, "digest", lambda: "other")
    assert exhaustive.load()["fp16"] == {}


def test_checked_in_result() -> None:
    """Complete parts, without a mismatch; the fingerprint says that each pair came once."""
    results = json.loads(exhaustive.RESULT.read_text())
    assert all(part["mismatches"] == 0 for part in results.values())
    for name in ("fp16", "neighbours"):
        if name in results:
            assert results[name]["pairs"] == PAIRS and results[name]["every_pair_once"]
