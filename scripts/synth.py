"""`make synth`: what each block costs, by yosys for UltraScale+ (it knows no Versal: compare only inside this flow).

Every block of BLOCKS is read with read_slang, mapped with `synth_xilinx -family xcup -flatten -noiopad -noclkbuf` in a
process of its own, two at a time. A block's `parts` are black boxes in it: they are blocks of their own, whose cost is
added as often as they occur; so are PRIMITIVES, in every block and at a fixed cost. Prints a table, writes
build/reports/synth.json (`blocks {module: {lut, ff, dsp58, bram, uram, ltp, ...}}`, parts included) and fails if any
block does not synthesise. Logs: build/synth/<block>.log.

lut: LUT1..LUT6 cells; lutram: distributed RAM and shift-register cells; dsp58: DSP48E2 cells (27x18 bits, where a DSP58
has 27x24) and fvgm_dsp58; bram: 36 Kbit blocks, an 18 Kbit one counts half; ltp: cells on the longest path between
registers, memories, DSPs, parts and ports (a carry chain counts as its cells, 4 bits each); of a block and its parts
the greatest.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from models import config
from scripts.rtl_sources import ROOT, modules
from tb.common.runner import packages

REPORT = ROOT / "build" / "reports" / "synth.json"
LOGS = ROOT / "build" / "synth"
CPU_LIMIT_S = 600  # processor time of one block: a busy host does not fail a block, a block too large does
FLOW = "synth_xilinx -family xcup -flatten -noiopad -noclkbuf"
SEQUENTIAL = "t:FD* t:LD* t:DSP* t:RAM* t:URAM* t:SRL* t:fvgm_*"
SUMMED = ("lut", "ff", "dsp58", "bram", "uram", "lutram")
# Wrappers of rtl/prim that are one hard block of the device, registers inside included.
PRIMITIVES = {"fvgm_dsp58": {"dsp58": 1}}


@dataclass(frozen=True)
class Block:
    """A module to price with the parameters of `tiny`; `parts` are blocks inside it that are priced by themselves."""

    module: str
    parts: tuple[str, ...] = ()
    parameters: dict[str, int] = field(default_factory=dict)


_FP = ("fvgm_fp32_mul", "fvgm_fp32_add", "fvgm_fp32_to_fp16")
BLOCKS = (
    Block("fvgm_fp32_mul"), Block("fvgm_fp32_add"), Block("fvgm_fp32_to_fp16"), Block("fvgm_fp32_to_i8"),
    Block("fvgm_i32_to_fp32"), Block("fvgm_acc_to_fp32"), Block("fvgm_fp16_to_fp32"),
    Block("fvgm_dspe"), Block("fvgm_mpu_array", ("fvgm_dspe",)), Block("fvgm_mpu_feed"),
    Block("fvgm_mpu_drain", (*_FP, "fvgm_i32_to_fp32", "fvgm_acc_to_fp32")), Block("fvgm_sfu_issue"),
    Block("fvgm_sfu_fn"), Block("fvgm_sfu_lane", (*_FP, "fvgm_fp32_to_i8", "fvgm_sfu_fn")),
    Block("fvgm_sfu", (*_FP, "fvgm_fp16_to_fp32", "fvgm_sfu_lane", "fvgm_sfu_issue")),
    Block("fvgm_dma_load"), Block("fvgm_dma_store"),
    Block("fvgm_buffer"), Block("fvgm_pbuf"), Block("fvgm_rbuf"), Block("fvgm_scheduler"), Block("fvgm_csr"),
)


def synthesise(block: Block, parameters: dict[str, int], out: Path) -> None:
    """Run yosys in this process (its log goes to stdout) and write the counts of `block` without its parts."""
    from pyosys import libyosys as ys

    files = {m.name: m.file for m in modules()}
    declared = {m.name: m.parameters for m in modules()}
    libraries = " ".join(f"-y {p}" for p in sorted((ROOT / "rtl").iterdir()) if p.is_dir())
    overrides = " ".join(f"-G {name}={value}" for name, value in parameters.items())
    boxes = " ".join(f"--blackboxed-module {part}" for part in (*block.parts, *PRIMITIVES))
    sources = " ".join(str(p) for p in [*packages(), files[block.module]])
    design = ys.Design()
    ys.run_pass(f"read_slang -I {ROOT / 'rtl/include'} {libraries} -Y .sv {overrides} {boxes} --top {block.module} "
                f"{sources}", design)
    for part in block.parts:
        # read_slang hands local parameters to black boxes, which synth_xilinx then refuses.
        for name in re.findall(r"\blocalparam\b[^=;]*?(\w+)\s*=", files[part].read_text()):
            ys.run_pass(f"setparam -unset {name} t:{part}", design)
    for primitive in PRIMITIVES:
        for name in declared[primitive]:
            ys.run_pass(f"setparam -unset {name} t:{primitive}", design)
    ys.run_pass(FLOW, design)
    # A latch or a cell that was not mapped is an error of the RTL, not a number.
    ys.run_pass("check -mapped -assert", design)
    out.parent.mkdir(parents=True, exist_ok=True)
    ys.run_pass(f"tee -q -o {out}.stat stat -json", design)
    ys.run_pass(f"select -set sequential {SEQUENTIAL}", design)
    ys.run_pass(f"tee -q -o {out}.ltp ltp * @sequential %d", design)
    cells = json.loads(Path(f"{out}.stat").read_text())["design"]["num_cells_by_type"]
    path = re.search(r"length=(\d+)", Path(f"{out}.ltp").read_text())

    def count(pattern: str) -> int:
        return sum(n for name, n in cells.items() if re.fullmatch(pattern, name))

    counts = {
        "lut": count(r"LUT[1-6]"), "ff": count(r"FD\w+"), "dsp58": count(r"DSP\w+"),
        "bram": count(r"RAMB36\w*") + count(r"RAMB18\w*") / 2, "uram": count(r"URAM\w*"),
        "ltp": int(path[1]) if path else 0, "lutram": count(r"RAM(?!B)\w+") + count(r"SRL\w+"),
        "latch": count(r"LD\w+"),
        "parts": {part: count(part) for part in (*block.parts, *PRIMITIVES) if part in block.parts or count(part)},
    }
    out.write_text(json.dumps(counts))


def run(block: Block, declared: dict[str, tuple[str, ...]]) -> dict[str, object]:
    """Counts of one block, without its parts, from a process of its own; or `error`."""
    if block.module not in declared:
        return {"error": "no such module in rtl/"}
    tiny = {k: v for k, v in config.load("tiny").rtl_parameters().items() if k in declared[block.module]}
    parameters = tiny | block.parameters
    out, log = LOGS / f"{block.module}.json", LOGS / f"{block.module}.log"
    LOGS.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "scripts.synth", "--worker", block.module]
    command += [f"{k}={v}" for k, v in parameters.items()] + ["--out", str(out)]
    start = time.monotonic()
    with log.open("w") as handle:
        status = subprocess.run(command, cwd=ROOT, stdout=handle, stderr=subprocess.STDOUT).returncode
    if status == -signal.SIGXCPU:
        return {"error": f"not done after {CPU_LIMIT_S} s of processor time: give it parts or smaller parameters"}
    seconds = round(time.monotonic() - start, 1)
    if status or not out.exists():
        lines = [line for line in log.read_text().splitlines() if re.search(r"error|ERROR", line)]
        return {"error": (lines[0] if lines else f"yosys ended with status {status}") + f" ({log.relative_to(ROOT)})"}
    counts = json.loads(out.read_text())
    if counts["latch"]:
        return {"error": f"{counts['latch']} latches"}
    return counts | {"seconds": seconds, "parameters": parameters}


def add_parts(results: dict[str, dict[str, object]]) -> None:
    """Add to each block what its parts cost; BLOCKS lists parts before the blocks that hold them."""
    for name, result in results.items():
        for part, number in result.get("parts", {}).items():
            if not number or "error" in result:
                continue
            cost = PRIMITIVES.get(part) or results[part]
            if "error" in cost:
                result["error"] = f"its part {part} failed"
                continue
            for key in SUMMED:
                result[key] += number * cost.get(key, 0)
            result["ltp"] = max(result["ltp"], cost.get("ltp", 0))


def main() -> int:
    """Price all blocks, or those whose name contains one of the given words."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only blocks whose name contains one of these")
    parser.add_argument("--worker", nargs="+", metavar="BLOCK", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 5))
        block = next(b for b in BLOCKS if b.module == options.worker[0])
        synthesise(block, {k: int(v) for k, v in (p.split("=") for p in options.worker[1:])}, options.out)
        return 0

    wanted = {b.module for b in BLOCKS if not options.words or any(w in b.module for w in options.words)}
    for block in reversed(BLOCKS):
        wanted |= set(block.parts) if block.module in wanted else set()
    chosen = [b for b in BLOCKS if b.module in wanted]
    declared = {m.name: m.parameters for m in modules()}
    console = Console()
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = dict(zip((b.module for b in chosen), pool.map(lambda b: run(b, declared), chosen)))
    add_parts(results)

    table = Table("block", "parameters", "LUT", "FF", "DSP", "BRAM", "URAM", "LUTRAM", "path", "s", "parts")
    for block in chosen:
        result = results[block.module]
        if "error" in result:
            table.add_row(block.module, "", *[""] * 8, "[red]failed")
            continue
        numbers = (result[k] for k in ("lut", "ff", "dsp58", "bram", "uram", "lutram", "ltp", "seconds"))
        parts = ", ".join(f"{number} {part}" for part, number in result["parts"].items() if number)
        shown = " ".join(f"{k}={v}" for k, v in result["parameters"].items())
        table.add_row(block.module, shown, *(f"{n:g}" for n in numbers), parts)
    console.print(table)
    failed = [f"{name}: {result['error']}" for name, result in results.items() if "error" in result]
    for line in failed:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps({"flow": FLOW, "blocks": results}, indent=1))
    console.print(f"synth: {len(results) - len(failed)} of {len(results)} blocks")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
