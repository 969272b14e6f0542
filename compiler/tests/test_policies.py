"""Policy files against the study's own reader (workloads/sparsity.py), and their errors."""

from pathlib import Path

import numpy as np
import pytest

from compiler import policies
from compiler.errors import CompileError
from workloads import sparsity

STEP = sparsity.Policy("step", thr=0.99, max_age=3, coef=0.5)
WINDOW = sparsity.Policy("window", thr=0.9, window=(2, 2, 1), ref=(1, 0, 0))
SIZE = (16, 4)


def schedule(path: Path, table: dict, steps: int = 3) -> Path:
    """A policy file."""
    sparsity.Schedule(steps, table).save(path)
    return path


def both(policy: sparsity.Policy, region: str, *steps: int) -> dict:
    """One policy in both branches."""
    return {(step, branch, region): policy for step in steps for branch in sparsity.BRANCHES}


def test_caches_are_the_same_in_all_steps(tmp_path: Path) -> None:
    """The first step fills them, dense steps refresh them, sparse ones use them."""
    path = schedule(tmp_path / "p.json", both(STEP, "spatial.0.mlp", 2) | both(sparsity.SKIP, "temporal.0.qkv", 1))
    steps = [policies.load(path, step, 0, *SIZE) for step in range(3)]
    mlp = [s["spatial", 0, "mlp"] for s in steps]
    assert [(p.inputs, p.outputs, p.first) for p in mlp] == [("fp16", 2, True), ("fp16", 2, False), ("fp16", 2, False)]
    assert [p.thr_step for p in mlp] == [None, None, 0.99] and mlp[2].coef == 0.5 and mlp[2].max_age == 2
    qkv = [s["temporal", 0, "qkv"] for s in steps]
    assert [p.outputs for p in qkv] == [1, 1, 1] and all(p.inputs is None for p in qkv)
    assert qkv[1].keep is not None and not qkv[1].keep.any() and qkv[2].keep is None


def test_windows_need_no_cache(tmp_path: Path) -> None:
    """Window policies, also in the first step."""
    path = schedule(tmp_path / "p.json", both(WINDOW, "spatial.1.out", 0, 1))
    policy = policies.load(path, 0, 1, *SIZE)["spatial", 1, "out"]
    assert (policy.window, policy.offset, policy.thr_window, policy.ages) == ((2, 2, 1), (1, 0, 0), 0.9, False)
    assert not policies.load(path, 2, 1, *SIZE)


@pytest.mark.parametrize("policy, message", [
    (sparsity.Policy("mask", keep="random", rate=0.5), "control"),
    (sparsity.Policy("step", normalised=True), "normalised"),
])
def test_what_the_hardware_does_not_do(policy: sparsity.Policy, message: str, tmp_path: Path) -> None:
    """Controls of the study are refused by name."""
    path = schedule(tmp_path / "p.json", both(policy, "spatial.0.mlp", 1))
    with pytest.raises(CompileError, match=message):
        policies.load(path, 1, 0, *SIZE)


def test_errors(tmp_path: Path) -> None:
    """One line that names the file."""
    path = schedule(tmp_path / "p.json", both(STEP, "spatial.0.fc1", 1))
    with pytest.raises(CompileError, match="no region spatial.0.fc1"):
        policies.load(path, 1, 0, *SIZE)
    with pytest.raises(CompileError, match="step 7"):
        policies.load(path, 7, 0, *SIZE)
    (tmp_path / "q.json").write_text("[]")
    for name in ("q.json", "none.json"):
        with pytest.raises(CompileError, match=f"{name}: not a policy file"):
            policies.load(tmp_path / name, 0, 0, *SIZE)


def test_masks_of_the_study_agree(tmp_path: Path) -> None:
    """What the study skips at a step is what the program skips."""
    table = both(sparsity.SKIP, "spatial.0.out", 1, 2) | both(sparsity.Policy("mask", keep="all"), "spatial.0.out", 0)
    path = schedule(tmp_path / "p.json", table)
    loaded = sparsity.Schedule.load(path)
    for step in range(1, 3):
        keep = policies.load(path, step, 1, *SIZE)["spatial", 0, "out"].keep
        assert np.array_equal(keep.any(), not loaded.policy(step, "null", "spatial.0.out").skips_all)
