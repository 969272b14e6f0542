"""`make formal`: proofs about the DSP-E, by induction over all inputs and all time.

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
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from tb.common.runner import BUILD, ROOT, packages

HERE = Path(__file__).resolve().parent
WORK = BUILD / "formal"
REPORT = BUILD / "reports/formal.json"
MAX_STEPS = 12  # cycles after which a proof, or the search for an event, is given up
ACC, PASSES, SHIFT = "fvgm_dspe_acc", "fvgm_dspe_passes", "fvgm_dspe_shift"


@dataclass(frozen=True)
class Proof:
    """One run: RTL module, kind, parameters of its formal top; a mutant's text before and after."""

    name: str
    module: str
    kind: str
    claim: str
    parameters: dict[str, int] = field(default_factory=dict)
    change: tuple[str, str] | None = None


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


LANES, RESTART = {"Lanes": 1}, {"Lanes": 0}
PROOFS = (
    Proof("lanes", ACC, "proof", "each INT8 lane is the sum of its own addends", LANES),
    Proof("restart", ACC, "proof", "an FP16 result is the sum of exactly the steps since the last one", RESTART),
    Proof("passes", PASSES, "proof", "each pair of classes once, pass_last once, advance only then"),
    Proof("shift", SHIFT, "proof", "an aligned sum is the sum shifted, for all sums and shifts"),
    Proof("back_to_back_last", ACC, "cover", "a last follows a last", {"Cover": 1}),
    Proof("idle_in_sum", ACC, "cover", "an idle cycle within a sum", {"Cover": 2}),
    Proof("int8_after_fp16", ACC, "cover", "an INT8 sum right after an FP16 sum", {"Cover": 3}),
    Proof("fp16_after_int8", ACC, "cover", "an FP16 sum right after an INT8 sum", {"Cover": 4}),
    Proof("int8_corners", ACC, "cover", "greatest addend in one lane, least in the other", {"Cover": 5}),
    Proof("int8_signs", ACC, "cover", "one lane negative, the other not", {"Cover": 6}),
    Proof("fp16_carry", ACC, "cover", "a negative FP16 sum turns positive, flags from several steps", {"Cover": 7}),
    Proof("nine_passes", PASSES, "cover", "a step of nine passes", {"Cover": 1}),
    Proof("passes_back_to_back", PASSES, "cover", "a step ends in the cycle after another", {"Cover": 2}),
    Proof("classes_with_gap", PASSES, "cover", "classes 0 and 2 without 1", {"Cover": 3}),
    Proof("no_borrow", ACC, "mutant", "lane 1 without the correction for a negative lane 0", LANES,
          ("ctrl[1].int8 ? s0_negative_q : carry_q[0]", "ctrl[1].int8 ? 1'b0 : carry_q[0]")),
    Proof("lane_sign", ACC, "mutant", "2^17 in lane 0 taken for -2^17", LANES,
          ("x_i[Lane-1] && x_i[Lane-2:0] != '0", "x_i[Lane-1]")),
    Proof("lane_carry", ACC, "mutant", "lane 0's carry goes into lane 1", LANES,
          ("ctrl[1].int8 ? s0_negative_q : carry_q[0]", "carry_q[0]")),
    Proof("no_carry", ACC, "mutant", "no carry into the last segment", RESTART, ("{carry_q[1], ctrl[1]", "{1'b0, ctrl[1]")),
    Proof("early_clear", ACC, "mutant", "all segments restart with the first", RESTART,
          ("if (!rst_ni || done[i]) acc_q[i]", "if (!rst_ni || done[0]) acc_q[i]")),
    Proof("lost_step", ACC, "mutant", "the first step after an idle cycle is lost", RESTART,
          ("else if (valid[i]) acc_q[i] <= sum[i]", "else if (valid[i] && valid_q[0]) acc_q[i] <= sum[i]")),
    Proof("sticky_flags", ACC, "mutant", "flags outlive their sum", RESTART, ("if (!rst_ni || done[2]) flags_q", "if (!rst_ni) flags_q")),
    Proof("short_sign", SHIFT, "mutant", "a negative sum's top segment is 0", {},
          ("by16_q[1] <= Seg'($signed({by4_high_q, by4_low_q[Low-1:DspeSumShift+Seg]}));\n        by16_q[2] <= {Seg{sign}};",
           "by16_q[1] <= Seg'($signed({by4_high_q, by4_low_q[Low-1:DspeSumShift+Seg]}));\n        by16_q[2] <= '0;")),
    Proof("every_pass_last", PASSES, "mutant", "each pass is the last", {}, ("pass_valid_o && rest == '0;", "pass_valid_o;")),
    Proof("late_advance", PASSES, "mutant", "a cycle between steps", {}, ("advance_o = rest == '0;", "advance_o = todo_q == '0;")),
    Proof("two_at_once", PASSES, "mutant", "two pairs are struck off at once", {},
          ("rest = todo_q & (todo_q - 1'b1);", "rest = todo_q & (todo_q - 1'b1) & ~9'h100;")),
)


def source(proof: Proof) -> Path:
    """The module's RTL, for a mutant a changed copy. Raises ValueError if the text to change is not there exactly once."""
    path = ROOT / f"rtl/dspe/{proof.module}.sv"
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
    files = [p for p in packages() if p.stem in ("fvgm_isa_pkg", "fvgm_dspe_pkg")]
    top = f"{proof.module}_formal"
    # A mutant must show at its outputs.
    parameters = proof.parameters | ({"Inner": 0} if proof.kind == "mutant" and proof.module != SHIFT else {})
    overrides = " ".join(f"-G{key}={value}" for key, value in parameters.items())
    ys.run_pass(f"read_slang {' '.join(map(str, [*files, source(proof), HERE / f'{top}.sv']))} --top {top} {overrides}", design)
    ys.run_pass("prep -flatten; memory_map; opt -full; chformal -lower; opt_clean", design)
    search = "-tempinduct" if proof.kind == "proof" else "-tempinduct-baseonly"
    ys.run_pass(f"sat {search} -maxsteps {MAX_STEPS} -prove-asserts -set-assumes -show-inputs", design)


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
