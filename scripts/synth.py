"""`make synth`: what each block costs, by yosys for UltraScale+ (it knows no Versal: compare only inside this flow).

Every block of BLOCKS is read with read_slang, mapped with `synth_xilinx -family xcup -flatten -noiopad -noclkbuf` in a
process of its own, two at a time. A block's `parts` are black boxes in it: they are blocks of their own, whose cost is
added as often as they occur; so are PRIMITIVES, in every block and at a fixed cost. Prints tables, writes
build/reports/synth.json (docs/reports.md: `blocks`, parts included; `dspe`, the designs of a DSP-E; `v80`, the largest array)
and fails if any block does not synthesise. Logs: build/synth/<block>.log. `--merge WORD ...` prices the blocks of these
words and those that hold them, and takes all others from bench/results/synth.json.

lut: LUT1..LUT6 cells; lutram: LUT sites used as distributed RAM or shift register; dsp58: DSP48E2 cells (27x18 bits, where a
DSP58 has 27x24), fvgm_dsp58 and fvgm_dspfp32; bram: 36 Kbit blocks, an 18 Kbit one counts half; ltp: cells on the
longest path between registers, memories, DSPs, parts and ports (a carry chain counts as its cells, 4 bits each), ltp2x: the same of paths that
end in a register on the double clock; of a block and its parts the greatest.
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
RECORDED = ROOT / "bench" / "results" / "synth.json"
LOGS = ROOT / "build" / "synth"
UNROLL_LIMIT = 1_000_000  # iterations of a loop: the task queue compares every entry of its window with every core
CPU_LIMIT_S = 600  # processor time of one block: a busy host does not fail a block, a block too large does
FLOW = "synth_xilinx -family xcup -flatten -noiopad -noclkbuf"
SEQUENTIAL = "t:FD* t:LD* t:DSP* t:RAM* t:URAM* t:SRL* t:fvgm_*"
SUMMED = ("lut", "ff", "dsp58", "bram", "uram", "lutram")
# LUT sites of a cell of distributed memory; other such cells (SRL16E, RAM32X1S, ...) take one.
SITES = {"RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4,
         "RAM128X1S": 2, "RAM256X1S": 4, "RAM256X1D": 8}
REGISTERS = "FDRE,FDSE,FDCE,FDPE"
# Wrappers of rtl/prim that are one hard block of the device, registers inside included.
PRIMITIVES = {"fvgm_dsp58": {"dsp58": 1}, "fvgm_dspfp32": {"dsp58": 1}}


@dataclass(frozen=True)
class Block:
    """A module to price; `parts` are names of blocks inside it that are priced by themselves.

    Parameters not given here are those of `tiny`. One module may be several blocks, named by `variant`; as parts they are
    told apart by their first parameter.
    """

    module: str
    parts: tuple[str, ...] = ()
    parameters: dict[str, int] = field(default_factory=dict)
    variant: str = ""

    @property
    def name(self) -> str:
        """Key in the report."""
        return self.module + (f".{self.variant}" if self.variant else "")


V80_ROWS, V80_COLS = 31, 8  # chains of a core in the array that `v80` prices
V80_DSP58, V80_LUT, MHZ = 10_300, 1_440_000, 300
INT8_SHARE = 0.93  # of the MACs of Latte-XL/2; the rest is FP16
DEPTH = 8  # DSP58 of a chain

_FP = ("fvgm_fp32_mul", "fvgm_fp32_add", "fvgm_fp32_to_fp16")
_DMA = {"AxiSlots": 16, "BurstBeats": 64}
_SIZES = {"ABufUnits": 65536, "BBufUnits": 131072, "VBufUnits": 262144, "PBufEntries": 2048, "RBufWords": 4096, "MBufEntries": 4096}
_CHAINS = ("fvgm_dspe_chain", "fvgm_dspe_align.row", "fvgm_dspe_align.column")
BLOCKS = (
    Block("fvgm_fp32_mul"), Block("fvgm_fp32_add"), Block("fvgm_fp32_to_fp16"), Block("fvgm_fp32_to_i8"),
    Block("fvgm_i32_to_fp32"), Block("fvgm_acc_to_fp32"), Block("fvgm_fp16_to_fp32"),
    # what the FP32 operators cost without the DSP58's floating-point mode
    Block("fvgm_dspfp32_twin", (), {"Add": 0}, "mul"), Block("fvgm_dspfp32_twin", (), {"Add": 1}, "add"),
    Block("fvgm_dspe"), Block("fvgm_dspe_packed"), Block("fvgm_dspe_shift"), Block("fvgm_dspe_acc"),
    Block("fvgm_dspe_chain", ("fvgm_dspe_shift",)),
    Block("fvgm_dspe_align", (), {"Bits": 27, "Pair": 1, "Slack": 0}, "row"),
    Block("fvgm_dspe_align", (), {"Bits": 24, "Pair": 0, "Slack": 3}, "column"),
    Block("fvgm_dspe_array", _CHAINS, {"Rows": 2, "Cols": 8}),
    Block("fvgm_dspe_array", _CHAINS, {"Rows": V80_ROWS, "Cols": V80_COLS}, "v80"),
    Block("fvgm_mpu_array", ("fvgm_dspe_array",)),
    Block("fvgm_mpu_array", ("fvgm_dspe_array.v80",), {"ChainRows": V80_ROWS}, "v80"), Block("fvgm_mpu_feed"),
    Block("fvgm_mpu_drain", (*_FP, "fvgm_i32_to_fp32", "fvgm_acc_to_fp32")), Block("fvgm_sfu_issue"),
    Block("fvgm_sfu_fn"), Block("fvgm_sfu_lane", (*_FP, "fvgm_fp32_to_i8", "fvgm_sfu_fn")),
    Block("fvgm_sfu", (*_FP, "fvgm_fp16_to_fp32", "fvgm_sfu_lane", "fvgm_sfu_issue")),
    Block("fvgm_su", ("fvgm_fp32_mul",)), Block("fvgm_ru", (*_FP, "fvgm_fp16_to_fp32")), Block("fvgm_mbuf"),
    Block("fvgm_dma_load"), Block("fvgm_dma_store"),
    Block("fvgm_buffer"), Block("fvgm_pbuf"), Block("fvgm_rbuf"), Block("fvgm_scheduler"), Block("fvgm_csr"),
    # what grows with the machine, at the sizes of `v80`: bench/sizing.py prices machines with these
    Block("fvgm_mpu_feed", (), {"ChainRows": 13, "ABufUnits": 65536, "BBufUnits": 131072}, "v80"),
    Block("fvgm_abuf"), Block("fvgm_abuf", (), {"ChainRows": 8, "Units": 65536}, "8"),
    Block("fvgm_abuf", (), {"ChainRows": 13, "Units": 65536}, "v80"), Block("fvgm_abuf", (), {"ChainRows": 16, "Units": 65536}, "16"),
    Block("fvgm_buffer", (), {"Units": 131072, "Banks": 8, "ReadUnits": 8, "ReadPorts": 1, "WriteUnits": 2, "WritePorts": 1}, "bbuf"),
    Block("fvgm_buffer", (), {"Units": 262144, "Banks": 8, "ReadUnits": 2, "ReadPorts": 6, "WriteUnits": 2, "WritePorts": 5, "Strided": 0, "Narrow": 0b10010}, "vbuf"),
    Block("fvgm_pbuf", (), {"Entries": 2048}, "v80"), Block("fvgm_dma_load", (), _DMA, "v80"), Block("fvgm_dma_store", (), _DMA, "v80"),
    Block("fvgm_scheduler", (), _SIZES | {"QueueDepth": 16, "Contexts": 2}, "v80"),
    Block("fvgm_taskq", (), _SIZES | {"NumCores": 10, "Contexts": 2, "TaskWindow": 32}, "v80"),
)
BY_NAME = {b.name: b for b in BLOCKS}


def synthesise(block: Block, parameters: dict[str, int], out: Path) -> None:
    """Run yosys in this process (its log goes to stdout) and write the counts of `block` without its parts."""
    from pyosys import libyosys as ys

    files = {m.name: m.file for m in modules()}
    declared = {m.name: m.parameters for m in modules()}
    libraries = " ".join(f"-y {p}" for p in sorted((ROOT / "rtl").iterdir()) if p.is_dir())
    overrides = " ".join(f"-G {name}={value}" for name, value in parameters.items())
    parts = [BY_NAME[name] for name in block.parts]
    boxed = {part.module for part in parts} | set(PRIMITIVES)
    boxes = " ".join(f"--blackboxed-module {module}" for module in sorted(boxed))
    sources = " ".join(str(p) for p in [*packages(), files[block.module]])
    design = ys.Design()
    ys.run_pass(f"read_slang --unroll-limit {UNROLL_LIMIT} -I {ROOT / 'rtl/include'} {libraries} -Y .sv {overrides} {boxes} "
                f"--top {block.module} {sources}", design)

    def cells(selection: str) -> int:
        ys.run_pass(f"tee -q -o {out}.count select -count {selection}", design)
        return int(re.search(r"(\d+) objects", Path(f"{out}.count").read_text())[1])

    out.parent.mkdir(parents=True, exist_ok=True)
    number = {}
    for part in parts:
        given = [f"r:{k}={v} %i" for k, v in part.parameters.items()]
        number[part.name] = cells(" ".join([f"t:{part.module}", *given[:1]]))
    for module in {part.module for part in parts}:
        found = sum(number[part.name] for part in parts if part.module == module)
        if found != cells(f"t:{module}"):
            raise SystemExit(f"ERROR: {block.name}: {cells(f't:{module}')} {module}, of which its parts are {found}")
    for module in boxed:
        # synth_xilinx refuses parameters on a black box; read_slang also hands it local ones and genvars.
        local = re.findall(r"\b(?:localparam\b[^=;]*?|genvar\s+)(\w+)\s*=", files[module].read_text())
        for name in (*declared[module], *local):
            ys.run_pass(f"setparam -unset {name} t:{module}", design)
    ys.run_pass(FLOW, design)
    # A latch or a cell that was not mapped is an error of the RTL, not a number.
    ys.run_pass("check -mapped -assert", design)
    ys.run_pass(f"tee -q -o {out}.stat stat -json", design)
    ys.run_pass(f"select -set sequential {SEQUENTIAL}", design)
    ys.run_pass(f"tee -q -o {out}.ltp ltp * @sequential %d", design)
    fast = f"w:clk2x_i %co1:+{REGISTERS}[C] t:FD* %i"
    ends = ",".join((REGISTERS, "SRL16E", "SRLC32E", *PRIMITIVES))
    ys.run_pass(f"select -set cone {fast} %ci1:-{REGISTERS}[C] %ci*:-{ends}", design)
    ys.run_pass(f"tee -q -o {out}.ltp2x ltp @cone @sequential %d", design)
    mapped = json.loads(Path(f"{out}.stat").read_text())["design"]["num_cells_by_type"]

    def count(pattern: str) -> int:
        return sum(n for name, n in mapped.items() if re.fullmatch(pattern, name))

    def longest(name: str) -> int:
        found = re.search(r"length=(\d+)", Path(f"{out}.{name}").read_text())
        return int(found[1]) if found else 0

    number |= {primitive: count(primitive) for primitive in PRIMITIVES if count(primitive)}
    counts = {
        "lut": count(r"LUT[1-6]"), "ff": count(r"FD\w+"), "dsp58": count(r"DSP\w+"),
        "bram": count(r"RAMB36\w*") + count(r"RAMB18\w*") / 2, "uram": count(r"URAM\w*"),
        "ltp": longest("ltp"), "ltp2x": longest("ltp2x"), "latch": count(r"LD\w+"), "parts": number,
        "lutram": count(r"SRL\w+") + sum(n * SITES.get(name, 1) for name, n in mapped.items() if re.match("RAM(?!B)", name)),
    }
    out.write_text(json.dumps(counts))


def run(block: Block, declared: dict[str, tuple[str, ...]]) -> dict[str, object]:
    """Counts of one block, without its parts, from a process of its own; or `error`."""
    if block.module not in declared:
        return {"error": "no such module in rtl/"}
    tiny = {k: v for k, v in config.load("tiny").rtl_parameters().items() if k in declared[block.module]}
    parameters = tiny | block.parameters
    out, log = LOGS / f"{block.name}.json", LOGS / f"{block.name}.log"
    LOGS.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "scripts.synth", "--worker", block.name]
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
            for key in ("ltp", "ltp2x"):
                result[key] = max(result[key], cost.get(key, 0))


def gain(int8_macs: float, fp16_macs: float) -> float:
    """MACs per cycle of a mix of INT8 and FP16, where one FP16 MAC per cycle is 1."""
    return 1 / (INT8_SHARE / int8_macs + (1 - INT8_SHARE) / fp16_macs)


def dspe_designs(results: dict[str, dict[str, object]]) -> list[dict[str, object]]:
    """The designs of a DSP-E, each per DSP58: accumulators and drain registers included, edges beside them."""
    chain, acc, array, line = (results[f"fvgm_dspe_{n}"] for n in ("chain", "acc", "array.v80", "align.row"))
    units, lines = (array["parts"][f"fvgm_dspe_{n}"] for n in ("chain", "align.row"))
    edges = (array["lut"] + array["lutram"]) / units - chain["lut"] - chain["lutram"]
    single_edges = edges - (line["lut"] + line["lutram"]) * lines / units / 2  # one line of rows for a chain, not two
    single = {k: chain[k] - acc[k] for k in ("lut", "lutram", "ff")} | {k: chain[k] for k in ("dsp58", "ltp", "ltp2x")}
    rows = (
        ("chain", chain, 32, 16, edges, "double"), ("chain, single clock (derived)", single, 16, 8, single_edges, "single"),
        ("packed", results["fvgm_dspe_packed"], 4, 2, 0, "single"), ("plain", results["fvgm_dspe"], 4, 2, 0, "single"),
    )
    designs = []
    for design, cost, int8, fp16, edge, clock in rows:
        dsp58 = cost["dsp58"]
        macs = int8 / dsp58, fp16 / dsp58
        designs.append({
            "design": design, "default": design == "chain", "int8_macs": macs[0], "fp16_macs": macs[1],
            "lut": (cost["lut"] + cost["lutram"]) / dsp58, "ff": cost["ff"] / dsp58, "ltp": cost["ltp"],
            "ltp2x": cost["ltp2x"], "lutram": cost["lutram"] / dsp58, "edge_lut": edge / dsp58, "clock": clock, "gain": gain(*macs),
        })
    return designs


def v80_array(array: dict[str, object]) -> dict[str, object]:
    """The most cores of V80_ROWS x V80_COLS chains, edges and row multiplexer included, in the budget of DSP58 and LUT sites."""
    lut, dsp58 = array["lut"] + array["lutram"], array["dsp58"]
    cores = min(V80_DSP58 // dsp58, V80_LUT // lut)
    tops = {name: 2 * macs * dsp58 * cores * MHZ / 1e6 for name, macs in (("int8", 4), ("fp16", 2), ("latte", gain(4, 2)))}
    return {"design": "chain", "cores": cores, "chain_rows": V80_ROWS, "chain_cols": V80_COLS, "mhz": MHZ,
            "dsp58": cores * dsp58, "lut": cores * lut, "lutram": cores * array["lutram"], "ff": cores * array["ff"]} | {
            f"{name}_tops": value for name, value in tops.items()}


def main() -> int:
    """Price all blocks, or those whose name contains one of the given words."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only blocks whose name contains one of these")
    parser.add_argument("--merge", action="store_true", help="also what holds these; others as recorded")
    parser.add_argument("--jobs", type=int, default=2, help="blocks at a time")
    parser.add_argument("--worker", nargs="+", metavar="BLOCK", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 5))
        block = BY_NAME[options.worker[0]]
        synthesise(block, {k: int(v) for k, v in (p.split("=") for p in options.worker[1:])}, options.out)
        return 0

    wanted = {b.name for b in BLOCKS if not options.words or any(w in b.name for w in options.words)}
    if options.merge:
        for block in BLOCKS:
            wanted |= {block.name} if wanted & set(block.parts) else set()
    for block in reversed(BLOCKS):
        wanted |= set(block.parts) if block.name in wanted else set()
    chosen = [b for b in BLOCKS if b.name in wanted]
    declared = {m.name: m.parameters for m in modules()}
    console = Console()
    console.width = max(console.width, 150)
    with ThreadPoolExecutor(max_workers=options.jobs) as pool:
        results = dict(zip((b.name for b in chosen), pool.map(lambda b: run(b, declared), chosen)))
    add_parts(results)

    table = Table("block", "parameters", "LUT", "LUTRAM", "FF", "DSP", "BRAM", "URAM", "path", "2x", "s", "parts")
    for block in chosen:
        result = results[block.name]
        if "error" in result:
            table.add_row(block.name, "", *[""] * 9, "[red]failed")
            continue
        numbers = (result[k] for k in ("lut", "lutram", "ff", "dsp58", "bram", "uram", "ltp", "ltp2x", "seconds"))
        parts = ", ".join(f"{number} {part}" for part, number in result["parts"].items() if number)
        shown = " ".join(f"{k}={v}" for k, v in result["parameters"].items())
        table.add_row(block.name, shown, *(f"{n:,.6g}" for n in numbers), parts)
    console.print(table)
    failed = [f"{name}: {result['error']}" for name, result in results.items() if "error" in result]
    if options.merge and not failed:
        results = json.loads(RECORDED.read_text())["blocks"] | results
        failed = [f"{block.name}: not recorded, name it" for block in BLOCKS if block.name not in results]
        results = {block.name: results[block.name] for block in BLOCKS if block.name in results}
    report = {"flow": FLOW, "blocks": {name: {k: v for k, v in r.items() if k != "seconds"} for name, r in results.items()}}
    for line in failed:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not failed and len(results) == len(BLOCKS):
        report |= {"dspe": dspe_designs(results), "v80": v80_array(results["fvgm_mpu_array.v80"])}
        table = Table("per DSP58", "INT8", "FP16", "LUT sites", "of them RAM", "edges", "FF", "path", "2x", "gain")
        for d in report["dspe"]:
            keys = ("int8_macs", "fp16_macs", "lut", "lutram", "edge_lut", "ff", "ltp", "ltp2x", "gain")
            table.add_row(d["design"], *(f"{d[key]:.4g}" for key in keys))
        console.print(table)
        console.print("v80: " + ", ".join(f"{key} {value:,.5g}" if isinstance(value, float) else f"{key} {value}"
                                          for key, value in report["v80"].items()))
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1))
    console.print(f"synth: {len(results) - len(failed)} of {len(results)} blocks")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
