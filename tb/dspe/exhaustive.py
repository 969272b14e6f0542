"""`make exhaustive`: every pair of operands through the Verilated array of DSP-E chains, against integers.

    python -m tb.dspe.exhaustive [--parts int8 significand fp16 neighbours] [--status] [--restart]

The loop is C++ (tb/dspe/exhaustive.cpp, whose header says what each part compares); this driver builds it, hands it the slices
that are still to do, and sums up. The 2^32 pairs of FP16 are 256 interleaved slices, each with every a operand and every 256th
group of b; `neighbours` is the same with random finite operands in the other slots. Ctrl-C and a new start go on with the next slice:
build/exhaustive.json holds what is done, and for which sources (RTL without comments, and the harness); other sources start
from nothing. A complete part goes to bench/results/exhaustive.json.
Exit status 1 if anything differed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tb.common.runner import BUILD, ROOT, _locked, library_arguments, packages, verilator_environment

ROWS, COLS = 2, 4  # 8 chains: as many pairs per second as larger arrays, and half their time to build
SLICES = 256
PAIRS = 1 << 32
STATE = BUILD / "exhaustive.json"
RESULT = ROOT / "bench/results/exhaustive.json"
HARNESS = ROOT / "tb/dspe/exhaustive.cpp"
RTL = ("dspe/fvgm_dspe_pkg", "dspe/fvgm_dspe_array", "dspe/fvgm_dspe_chain", "dspe/fvgm_dspe_acc", "dspe/fvgm_dspe_align",
       "dspe/fvgm_dspe_passes", "dspe/fvgm_dspe_shift", "dspe/fvgm_dspe_phase", "prim/fvgm_dsp58", "prim/fvgm_dsp58_twin")
# Arguments of the harness and number of slices; a part without slices is one run.
PARTS = {"int8": (["int8"], 1), "significand": (["significand"], 1), "fp16": (["fp16"], SLICES),
         "neighbours": (["fp16", "--neighbours"], SLICES)}


def build() -> Path:
    """The harness, up to date, optimised for this host."""
    folder = BUILD / "sim" / "exhaustive"
    command = ["verilator", "--cc", "--exe", "--build", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--no-timing",
               "-Wno-fatal", "-Wno-lint", "--top-module", "fvgm_dspe_array", f"-GRows={ROWS}", f"-GCols={COLS}",
               "-CFLAGS", f"-O3 -march=native -DROWS={ROWS} -DCOLS={COLS}", "--Mdir", str(folder), "-o", "exhaustive",
               *library_arguments(), *map(str, packages()), str(ROOT / "rtl/dspe/fvgm_dspe_array.sv"), str(HARNESS)]
    with _locked(folder):
        run = subprocess.run(command, env={**os.environ, **verilator_environment()}, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"exhaustive: the harness does not build\n{run.stdout[-3000:]}{run.stderr[-3000:]}")
    return folder / "exhaustive"


def lines(binary: Path, arguments: Sequence[str]) -> Iterator[dict]:
    """What the harness prints, object by object. Raises RuntimeError if it fails."""
    with subprocess.Popen([str(binary), *arguments], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise RuntimeError(f"exhaustive: the harness ended with status {process.returncode}")


def digest() -> str:
    """Fingerprint of the RTL without comments and blanks, and of the harness."""
    text = HARNESS.read_text() + "".join((ROOT / f"rtl/{name}.sv").read_text() for name in RTL)
    text = re.sub(r"\s+", " ", re.sub(r"//[^\n]*", "", text))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint() -> tuple[int, int]:
    """Sums of all pairs a * 2^16 + b and of their squares modulo 2^64, if each comes once."""
    n = PAIRS
    return n * (n - 1) // 2 % 2**64, (n - 1) * n * (2 * n - 1) // 6 % 2**64


def load() -> dict:
    """What is done for the present sources: part -> key -> summary of the harness (key: slice, or name of a part of INT8)."""
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    if state.get("sources") != digest():
        state = {"sources": digest()}
    return {"sources": state["sources"], **{part: state.get(part, {}) for part in PARTS}}


def save(state: dict) -> None:
    """Replace the state file in one step."""
    STATE.parent.mkdir(parents=True, exist_ok=True)
    fresh = STATE.with_suffix(".new")
    fresh.write_text(json.dumps(state, indent=1) + "\n")
    fresh.replace(STATE)


def complete(part: str, done: dict) -> bool:
    """All slices of a part are there."""
    return len(done) == PARTS[part][1] if PARTS[part][1] > 1 else bool(done)


def result_of(part: str, done: dict, sources: str) -> dict:
    """The entry of a complete part in the result file."""
    total = {key: sum(d[key] for d in done.values()) for key in ("steps", "compared", "mismatches")}
    entry = {"sources": sources, "rows": ROWS, "cols": COLS, "steps": total["steps"], "mismatches": total["mismatches"]}
    if part == "int8":
        # Every line and column of a tile has two INT8 lanes.
        return entry | {"sums": {name: 2 * d["compared"] for name, d in done.items()}}
    if part == "significand":
        return entry | {"pairs": total["compared"] // 2, "lines_of_a_chain": 2}
    each_once = tuple(sum(d[key] for d in done.values()) % 2**64 for key in ("sum", "square")) == fingerprint()
    return entry | {"pairs": total["compared"], "slices": len(done), "every_pair_once": each_once}


def publish(part: str, state: dict) -> dict:
    """Write a complete part into the checked-in result; other parts stay."""
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    results[part] = result_of(part, state[part], state["sources"])
    results = {name: results[name] for name in PARTS if name in results}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    return results[part]


def run_part(part: str, state: dict, binary: Path, console: Console) -> int:
    """Do what is left of a part; returns the mismatches of the whole part."""
    arguments, slices = PARTS[part]
    done = state[part]
    left = [str(k) for k in range(slices) if str(k) not in done] if slices > 1 else []
    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=False))
    with Progress(*columns, console=console, refresh_per_second=1, speed_estimate_period=300) as progress:
        share = PAIRS // SLICES if slices > 1 else 1
        bar = progress.add_task(part, total=slices * share, completed=(slices - len(left)) * share if slices > 1 else 0, rate="")
        base, fresh, start = progress.tasks[bar].completed, 0, time.monotonic()
        for line in lines(binary, [*arguments, *left]):
            seconds = max(time.monotonic() - start, 1e-9)
            if "mismatch" in line:
                console.print(f"{part}: {line['mismatch']}", style="red")
            elif "error" in line:
                console.print(f"{part}: {line['error']}", style="red")
            elif "progress" in line:
                now = fresh + line["progress"]
                progress.update(bar, completed=base + now, rate=f"{now / seconds / 1e6:.1f} M pairs/s")
            else:
                fresh += line["compared"]
                done[str(line.get("slice", line["part"]))] = {k: line[k] for k in ("steps", "compared", "mismatches", "sum", "square")}
                if slices > 1:
                    progress.update(bar, completed=base + fresh, rate=f"{fresh / seconds / 1e6:.1f} M pairs/s")
                    save(state)
                    if not console.is_terminal:
                        console.print(f"{part}: {len(done)} of {slices} slices, {fresh / seconds / 1e6:.1f} M pairs/s")
        progress.update(bar, completed=slices * share)
    save(state)
    return sum(d["mismatches"] for d in done.values())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts that are not complete, report all."""
    parser = argparse.ArgumentParser(prog="python -m tb.dspe.exhaustive")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--status", action="store_true", help="say what is done, run nothing")
    parser.add_argument("--restart", action="store_true", help="forget what is done")
    options = parser.parse_args(argv)
    console = Console(soft_wrap=True)
    if options.restart and not options.status:
        STATE.unlink(missing_ok=True)
    state = load()
    if options.status:
        results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
        for part, (_, slices) in PARTS.items():
            kept = results.get(part)
            note = "none" if kept is None else "of these sources" if kept["sources"] == state["sources"] else "of other sources"
            done = f"{len(state[part])} of {slices} slices" if slices > 1 else "complete" if state[part] else "to do"
            console.print(f"{part}: {done}, checked-in result {note}")
        return 0
    BUILD.mkdir(exist_ok=True)
    alone = STATE.with_suffix(".lock").open("w")
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit("exhaustive: another run is under way in this checkout") from None
    # A copy, because a test may build the harness anew for other sources while this runs.
    binary, wrong = BUILD / "exhaustive_harness", 0
    binary.unlink(missing_ok=True)
    shutil.copy2(build(), binary)
    if digest() != state["sources"]:
        raise SystemExit("exhaustive: the sources changed while the harness was built; start again")
    for part in options.parts:
        if not complete(part, state[part]):
            run_part(part, state, binary, console)
        entry = publish(part, state)
        wrong += entry["mismatches"] + (not entry.get("every_pair_once", True))
        console.print(f"{part}: {json.dumps({k: v for k, v in entry.items() if k != 'sources'})}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
