"""`make formal` as a test: proofs hold, events are possible, mutants are refuted; those of the task queue, which take long, in
`make formal` alone.

It does not prove: the multipliers and shifts (tb/dspe/test_exhaustive.py), nor that the assumptions of a proof hold where the
module stands (docs/dspe_proof.md says why they do).
"""

from __future__ import annotations

import json

import pytest

from tb.formal import formal
from tb.formal.proofs import DSPE, PROOFS, SCHEDULER, Proof


def test_formal(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Every outcome is what its kind asks for, and the report says so."""
    short = (*DSPE, *SCHEDULER)
    monkeypatch.setattr(formal, "REPORT", tmp_path / "formal.json")
    monkeypatch.setattr(formal, "PROOFS", short)
    outcomes = formal.run_all()
    assert [o.name for o in outcomes if not o.passed] == []
    report = json.loads(formal.REPORT.read_text())["proofs"]
    assert [r["name"] for r in report] == [p.name for p in short]
    assert all(r["result"] == "proven" for r in report if r["kind"] == "proof")


def test_a_false_claim_is_not_proven(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """The proof of a mutated copy fails, and `make formal` with it."""
    mutant = next(p for p in PROOFS if p.name == "lane_sign")
    monkeypatch.setattr(formal, "REPORT", tmp_path / "formal.json")
    monkeypatch.setattr(formal, "PROOFS", (Proof("lane_sign", mutant.module, "proof", "false", mutant.parameters, mutant.change),))
    # The worker looks its proof up by name in the unchanged list, so that it runs as the mutant: a counterexample, not "proven".
    assert formal.main([]) == 1
    assert json.loads((tmp_path / "formal.json").read_text())["proofs"][0]["result"] == "counterexample"


def test_a_mutation_that_does_not_apply_is_refused() -> None:
    """Text that the RTL no longer has would leave the mutant equal to the RTL."""
    with pytest.raises(ValueError, match="0 times"):
        formal.source(Proof("gone", "fvgm_dspe_acc", "mutant", "", {}, ("no such text", "")))
