"""`make sim SPARSE=1` without RTL: the report of a sparse step of the trained model, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host import sim
from host.sparse import BRANCHES


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    """The command with a model-only run."""
    monkeypatch.setattr("sys.argv", ["host.sim", "--sparse", "--model-only", "--out", str(folder), *arguments])
    return sim.main()


def test_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rows, MACs and ratios fit together; masks differ from tile to tile; the tokens stay close to the dense ones."""
    assert run(monkeypatch, tmp_path, "--time", "0.35") == 0
    report = json.loads((tmp_path / "sim_sparse.json").read_text())
    part = report["sparsity"]
    assert len(part["regions"]) == 8
    for region in part["regions"].values():
        assert sum(region["tiles"]) == region["kept"] <= region["rows"] == BRANCHES * 1024
        assert region["macs"] == pytest.approx(region["macs_dense"] * region["kept"] / region["rows"], abs=2)
    assert any(len(set(region["tiles"])) > 2 for region in part["regions"].values())
    assert part["macs"] == report["macs"] < part["macs_dense"]
    assert part["mac_reduction"] == pytest.approx(part["macs_dense"] / part["macs"], abs=1e-3)
    assert part["efficiency"] == pytest.approx(part["speedup"] / part["ideal_speedup"], abs=1e-3)
    assert report["cosine"]["tokens, to the dense step"] > 0.99
    assert (tmp_path / "timeline_sparse.png").stat().st_size > 1000


def test_errors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """One line: a whole model, a file that is no policy file."""
    assert run(monkeypatch, tmp_path, "--blocks", "all") == 2
    assert "--sparse runs the blocks of one layer" in capsys.readouterr().err
    (tmp_path / "bad.json").write_text("{}")
    assert run(monkeypatch, tmp_path, "--policies", str(tmp_path / "bad.json")) == 2
    error = capsys.readouterr().err
    assert "bad.json: not a policy file" in error and error.count("\n") == 1
