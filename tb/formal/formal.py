"""`make formal`: proofs about the DSP-E, the task queue and the scheduler, by induction over all inputs and all time.

    python -m tb.formal.formal [NAME ...]

A proof is a module of this folder with the RTL and its specification side by side; its header says what is proved and what is
assumed. Yosys elaborates it and its SAT solver decides (`sat -tempinduct`: the base case from the initial state, the step from any
state that the assertions allow); both come with pyosys. Three kinds:

    proof   the assertions hold for ever; the induction's depth is reported
    cover   an event is possible: the assertion that it is not has a counterexample (so the assumptions are not empty)
    mutant  a changed copy of the RTL is refuted by the assertions on its outputs alone (so they see what they should)

Prints a line each; a run of all writes build/reports/formal.json. Exit status 1 unless all came out as they must.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from tb.common.runner import BUILD, ROOT, packages
from tb.formal.proofs import PROOFS, SHIFT, TASKQ, UNIT, Proof

HERE = Path(__file__).resolve().parent
WORK = BUILD / "formal"
REPORT = BUILD / "reports/formal.json"
PACKAGES = ("isa", "task", "dspe", "taskq", "scheduler")
MAX_STEPS = 12  # cycles after which a proof, or the search for an event, is given up
# Where events lie deep: the search begins behind so many cycles (a trace may idle in front of what it shows) and ends here.
DEEP = {TASKQ: (16, 40), UNIT: (6, 20)}


@dataclass(frozen=True)
class Outcome:
    """What came of it. steps: depth of the induction, or cycles to the event or the fault."""

    name: str
    module: str
    kind: str
    claim: str
    passed: bool
    result: str
    steps: int
    seconds: float


def folder(module: str) -> Path:
    """Where a module of the RTL lies."""
    return ROOT / "rtl" / module.split("_")[1]


def source(proof: Proof) -> Path:
    """The module's RTL, or that of its part, for a mutant a changed copy. Raises ValueError if the text to change is not there
    exactly once."""
    path = folder(proof.module) / f"{proof.part or proof.module}.sv"
    if proof.change is None:
        return path
    text = path.read_text()
    if text.count(proof.change[0]) != 1:
        raise ValueError(f"{proof.name}: {path.name} has {text.count(proof.change[0])} times {proof.change[0]!r}, not once")
    copy = WORK / proof.name / path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text.replace(*proof.change))
    return copy


def worker(proof: Proof) -> None:
    """Elaborate and solve in this process; Yosys prints to standard output."""
    from pyosys import libyosys as ys

    design = ys.Design()
    top = f"{proof.module}_formal"
    files = [p for p in packages() if p.stem in [f"fvgm_{name}_pkg" for name in PACKAGES]]
    files += [*sorted(HERE.glob("*_pkg.sv")), source(proof), HERE / f"{top}.sv"]
    # A mutant must show at its outputs.
    parameters = proof.parameters | ({"Inner": 0} if proof.kind != "proof" and proof.module != SHIFT else {})
    overrides = " ".join(f"-G{key}={value}" for key, value in parameters.items())
    libraries = f"-I {ROOT / 'rtl/include'} -y {folder(proof.module)} -y {HERE} -Y .sv"
    ys.run_pass(f"read_slang {libraries} {' '.join(map(str, files))} --top {top} {overrides}", design)
    ys.run_pass("prep -flatten; memory_map; opt -full; chformal -lower; opt_clean", design)
    if proof.kind == "proof":
        search = f"-tempinduct -maxsteps {MAX_STEPS}"
    else:
        skip, deepest = DEEP.get(proof.module, (0, MAX_STEPS))
        search = f"-tempinduct-baseonly -tempinduct-skip {skip} -maxsteps {deepest}"
    ys.run_pass(f"sat {search} -prove-asserts -set-assumes -show-inputs", design)


def run(proof: Proof) -> Outcome:
    """One proof in a process of its own (an error of Yosys ends its process); its log is build/formal/NAME.log."""
    WORK.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    process = subprocess.run([sys.executable, "-m", "tb.formal.formal", "--worker", proof.name], cwd=ROOT, capture_output=True, text=True)
    seconds = time.monotonic() - start
    log = process.stdout + process.stderr
    (WORK / f"{proof.name}.log").write_text(log)
    steps = max(map(int, re.findall(r"\[(?:base case|induction step) (\d+)\]", log)), default=0)
    if "Induction step proven: SUCCESS!" in log:
        result = "proven"
    elif "model found for base case: FAIL!" in log:
        result = "counterexample"
    elif "Reached maximum number of time steps" in log:
        result = "open"
    else:
        result = "error"
    passed = result == ("proven" if proof.kind == "proof" else "counterexample")
    return Outcome(proof.name, proof.module, proof.kind, proof.claim, passed, result, steps, round(seconds, 1))


def run_all(names: Sequence[str] = ()) -> list[Outcome]:
    """The named proofs, or all, with a line each; a run of all writes the report."""
    console, outcomes = Console(soft_wrap=True, highlight=False), []
    words = {"proof": "proven, induction depth {}", "cover": "reached after {} cycles", "mutant": "refuted after {} cycles"}
    for proof in PROOFS:
        if names and proof.name not in names:
            continue
        outcome = run(proof)
        outcomes.append(outcome)
        said = words[proof.kind].format(outcome.steps) if outcome.passed else f"{outcome.result}, see build/formal/{proof.name}.log"
        console.print(f"{proof.kind:6} {proof.name:20} {proof.module:17} {said} ({outcome.seconds} s): {proof.claim}",
                      style=None if outcome.passed else "red")
    if not names:
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(json.dumps({"proofs": [asdict(o) for o in outcomes]}, indent=2) + "\n")
    return outcomes


def main(argv: Sequence[str] | None = None) -> int:
    """Run the proofs."""
    by_name = {p.name: p for p in PROOFS}
    parser = argparse.ArgumentParser(prog="python -m tb.formal.formal")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(by_name)}; default all")
    parser.add_argument("--worker", choices=by_name, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker:
        worker(by_name[options.worker])
        return 0
    if unknown := set(options.names) - set(by_name):
        parser.error(f"no such proof: {', '.join(sorted(unknown))}")
    return int(not all(o.passed for o in run_all(options.names)))


if __name__ == "__main__":
    sys.exit(main())
