"""Policy files: from what the calibration writes (workloads/sparsity.py, `Schedule.save`) to the policies of one step.

A file holds the distinct policies once and, per denoising step, the numbers of those of each region, one per branch of
the guidance. What a region caches follows from all of its policies over the whole run, because the caches must be the same
in the programs of all steps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from compiler.errors import CompileError
from compiler.sparsity import IN_PLACE, REGIONS, Policies, Policy

Entry = Mapping[str, object]


def _key(name: str, path: Path) -> tuple[str, int, str]:
    parts = name.split(".")
    if len(parts) == 3 and parts[0] in REGIONS and parts[1].isdecimal() and parts[2] in REGIONS[parts[0]]:
        return parts[0], int(parts[1]), parts[2]
    raise CompileError(f"{path}: no region {name}; a region is named as in spatial.0.mlp")


def _policy(entry: Entry, caches: Mapping[str, object], first: bool, size: tuple[int, int], where: str) -> Policy:
    source = str(entry["source"])
    values: dict[str, object] = dict(caches)
    if source not in ("dense", "step", "window", "step+window", "mask"):
        raise CompileError(f"{where}: unknown source {source}")
    if entry.get("normalised"):
        raise CompileError(f"{where}: the hardware decides on the rows that enter a region, not on normalised ones")
    if "window" in source and not (first and caches["outputs"]):
        values |= {"window": tuple(entry["window"]), "offset": tuple(entry.get("ref", (0, 0, 0))), "thr_window": float(entry["thr"])}
    if source.startswith("step") and not first:
        values |= {"thr_step": float(entry["thr"]), "max_age": int(entry["max_age"]) - 1, "fill": True}
    if source == "mask" and not first:
        kept = {"all": True, "none": False}.get(str(entry["keep"]))
        if kept is None:
            raise CompileError(f"{where}: mask {entry['keep']} is a control of the study; programs take all or none")
        values["keep"] = np.full(size, kept)
        values["density"] = float(kept)
    recovers = "thr_step" in values or "keep" in values
    if recovers and caches["outputs"] == 2 and entry.get("coef", 0.0):
        values["coef"] = float(entry["coef"])
    return Policy(**values, first=first and bool(caches["outputs"] or caches["inputs"]))


def load(path: Path, step: int, branch: int, positions: int, frames: int, inputs: str = "fp16") -> Policies:
    """Policies of denoising step `step` in branch `branch` of the guidance; `inputs` is the format of cached rows.

    Raises CompileError, one line, for a file that is not such a schedule or a step beyond its last.
    """
    try:
        data = json.loads(path.read_text())
        listed, schedule, branches = data["policies"], data["schedule"], data["branches"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CompileError(f"{path}: not a policy file ({error})") from None
    if not 0 <= step < len(schedule) or not 0 <= branch < len(branches):
        raise CompileError(f"{path}: step {step}, branch {branch}; it has {len(schedule)} steps and {len(branches)} branches")
    out = {}
    for name in {name: None for row in schedule for name in row}:
        key = _key(name, path)
        over = [listed[row[name][branch]] for row in schedule if name in row]
        past = [entry for entry in over if entry["source"] != "window" and entry["source"] != "dense"]
        compared = any(str(entry["source"]).startswith("step") for entry in past)
        extrapolated = any(entry.get("coef", 0.0) for entry in past) and key[2] not in IN_PLACE
        spans = [entry["window"] for entry in over if "window" in str(entry["source"])]
        span = tuple(max(sizes) for sizes in zip(*spans)) or None
        caches = {"span": span, "inputs": inputs if compared else None, "outputs": (2 if extrapolated else 1) if past else 0}
        number = schedule[step][name][branch] if name in schedule[step] else 0
        out[key] = _policy(listed[number], caches, step == 0, (positions, frames), f"{path}: {name}")
    return {key: policy for key, policy in out.items() if policy.active}
