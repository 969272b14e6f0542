"""Copy measured numbers into README.md and docs/: between `<!-- numbers: NAME -->` and `<!-- end -->` stands what `NAME` renders.

`bench/results/` holds the measurements that are checked in; `--record` refreshes them from build/reports/ (only keys that
do not depend on the host's speed), `--check` fails when a page differs from them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results"
REPORTS = ROOT / "build/reports"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MARK = re.compile(r"(<!-- numbers: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
HOST_KEYS = ("wall_seconds", "sim_cycles_per_second", "model_seconds", "build_seconds")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def sim_totals() -> str:
    """One block pair on the RTL: totals of `make sim`."""
    report = json.loads((RESULTS / "sim.json").read_text())
    rows = [
        ("blocks", report["blocks"]), ("clip", report["clip"]),
        ("bit-exact", f"{report['words_compared'] - report['mismatches']:,} of {report['words_compared']:,} words"),
        ("cores", str(report["cores"])), ("cycles", f"{report['cycles']:,}"), ("MACs", f"{report['macs']:,}"),
        ("utilisation, all cores", _percent(report["mac_utilisation"])),
        ("utilisation, linear layers", _percent(report["linear_utilisation"])),
        ("utilisation, FP16 attention", _percent(report["attention_utilisation"])),
    ]
    return "| `make sim` | |\n|---|---|\n" + "\n".join(f"| {k} | {v} |" for k, v in rows)


def sim_ops() -> str:
    """One block pair on the RTL: the operations of the matrix unit."""
    report = json.loads((RESULTS / "sim.json").read_text())
    lines = ["| operation | kind | m x n x k | precision | cycles | utilisation |", "|---|---|---|---|---|---|"]
    for op in report["ops"]:
        if op["kind"] in ("linear", "attention"):
            lines.append(f"| {op['name']} | {op['kind']} | {op['m']} x {op['n']} x {op['k']} | {op['precision']} "
                         f"| {op['cycles']:,} | {_percent(op['utilisation'])} |")
    return "\n".join(lines)


def sim_sparse() -> str:
    """One sparse step on the RTL, `make sim SPARSE=1`: totals, then regions."""
    report = json.loads((RESULTS / "sim_sparse.json").read_text())
    part = report["sparsity"]
    rows = [
        ("step", f"{part['step']} of {part['steps']}, {report['blocks']}, clip {report['clip']}"),
        ("bit-exact", f"{report['words_compared'] - report['mismatches']:,} of {report['words_compared']:,} words"),
        ("MACs, dense / computed", f"{part['macs_dense']:,} / {part['macs']:,} = {part['mac_reduction']:.2f}"),
        ("cycles, dense / sparse", f"{part['cycles_dense']:,} / {part['cycles']:,} = {part['speedup']:.2f}"),
        ("the same of the MACs at peak", f"{part['ideal_speedup']:.2f}"),
        ("speed-up over ideal", _percent(part["efficiency"])),
        ("sparse cycles / (dense cycles x MACs kept)", f"{1 / part['efficiency']:.3f}"),
    ]
    lines = ["| `make sim SPARSE=1` | |", "|---|---|", *(f"| {k} | {v} |" for k, v in rows), "",
             "| region | kept rows | share | by tile | MACs saved |", "|---|---|---|---|---|"]
    for name, r in part["regions"].items():
        lines.append(f"| {name} | {r['kept']:,} of {r['rows']:,} | {_percent(r['kept'] / r['rows'])} | {min(r['tiles'])} to "
                     f"{max(r['tiles'])} | {_percent(1 - r['macs'] / r['macs_dense'])} |")
    return "\n".join(lines)


def gemm() -> str:
    """`make bench`: GEMMs on the RTL of the mpu."""
    report = json.loads((RESULTS / "gemm.json").read_text())
    wide = {(r["kind"], r["m"], r["n"], r["k"]): r for r in report["wide"]}
    lines = ["| GEMM | m x n x k | batch | ideal cycles | cycles | utilisation | stall: operands, passes | stall: drain | exponents over 2^15 |",
             "|---|---|---|---|---|---|---|---|---|"]
    for r in report["rows"]:
        other = wide.get((r["kind"], r["m"], r["n"], r["k"]))
        lines.append(f"| {r['kind']} | {r['m']}x{r['n']}x{r['k']} | {r['batch']} | {r['ideal_cycles']:,} | {r['cycles']:,} | {100 * r['utilisation']:.2f} % "
                     f"| {r['stall_operand']} | {r['stall_drain']} | {_percent(other['utilisation']) if other else ''} |")
    return "\n".join(lines)


def latte1() -> str:
    """The full Latte-1 model through the compiler."""
    r = json.loads((RESULTS / "latte1.json").read_text())
    units = ", ".join(f"{unit.upper()} {n:,}" for unit, n in r["unit_instructions"].items())
    busy = ", ".join(f"{unit.upper()} {_percent(n / r['ideal_cycles'] / r['cores'])}" for unit, n in r["unit_cycles"].items())
    hidden = f"{r['heads'] * r['head_dim']} = {r['heads']} x {r['head_dim']}"
    rows = [
        ("model", f"{r['blocks']} blocks, hidden {hidden}, {r['frames']} x {r['positions']} tokens, {r['captions']} caption tokens"),
        ("machine", f"`{r['config']}`, {r['cores']} cores"),
        ("tasks", f"{sum(r['tasks'].values()):,} ({r['tasks']['weights']:,} load weights)"), ("instructions", f"{r['instructions']:,} ({units})"),
        ("programs and table, weights, HBM used", ", ".join(f"{r[k]:,} B" for k in ("program_bytes", "weight_bytes", "hbm_bytes"))),
        ("moved between HBM and buffers", f"{r['bytes_moved']:,} B"),
        ("MACs, linear and attention", f"{r['macs']['linear']:,} and {r['macs']['attention']:,}"),
        ("cycles at peak (MACs only, one core)", f"{r['peak_cycles']:,}"),
        ("cycles of the compiler's schedule", f"{r['ideal_cycles']:,}"), ("units busy", busy),
    ]
    return "| | |\n|---|---|\n" + "\n".join(f"| {k} | {v} |" for k, v in rows)


def latte1_run() -> str:
    """A sampling run of Latte-1 on the cycle model."""
    r = json.loads((RESULTS / "latte1_sampling.json").read_text())
    names = {"dense": "dense", "regions": "regions skipped, extrapolated from caches in HBM", "branches": "whole branches skipped, velocities extrapolated"}
    lines = [f"`{r['config']}`, {r['cores']} cores, {r['steps']} steps with guidance, {r['captions']} caption tokens, {r['clock_mhz']:.0f} MHz; "
             f"{r['steps_simulated']} different steps simulated in {r['model_seconds']:.0f} s, {r['jobs']} at a time:", "",
             "| run | s | cycles | MACs | time | utilisation |", "|---|---|---|---|---|---|"]
    lines += [f"| {names[name]} | {run['seconds']} | {run['cycles']:,} | {run['mac_reduction']:.2f}x fewer | {run['speedup']:.2f}x less | {_percent(run['utilisation'])} |"
              for name, run in r["runs"].items()]
    return "\n".join(lines)


def latte1_phases() -> str:
    """Where the time of a dense layer of Latte-1 goes."""
    r = json.loads((RESULTS / "latte1_sampling.json").read_text())
    lines = ["| product | matrix unit at work | waiting for it | its MACs at peak |", "|---|---|---|---|"]
    lines += [f"| {re.sub(r'[.][0-9]+[.]', ' ', name)} | {' | '.join(_percent(part) for part in parts)} |" for name, parts in r["phases"].items()]
    total = [sum(parts) for parts in zip(*r["phases"].values(), strict=True)]
    return "\n".join([*lines, f"| all | {' | '.join(_percent(part) for part in total)} |"])


def schedule() -> str:
    """The ablation of the scheduling."""
    report = json.loads((RESULTS / "schedule.json").read_text())
    first = report["rows"][0]
    lines = [f"Step {report['step']} of {report['steps']}, {first['macs_dense'] / first['macs']:.2f}x fewer MACs than dense, configuration `{report['config']}`, {report['how']}:", "",
             "| schedule | cores | cycles | utilisation | times the cycles of ours |", "|---|---|---|---|---|"]
    lines += [f"| {r['name']} | {r['cores']} | {r['cycles']:,} | {_percent(r['utilisation'])} | {r['cycles'] / first['cycles']:.3f} |"
              for r in report["rows"]]
    return "\n".join(lines)


def paper() -> str:
    """The paper's claims beside ours."""
    report = json.loads((RESULTS / "paper.json").read_text())
    return "\n".join(["| claim | paper | ours | how |", "|---|---|---|---|",
                      *(f"| {r['claim']} | {r['paper']} | {r['ours']} | {r['how']} |" for r in report["rows"])])


def cycles() -> str:
    """Errors of the cycle model."""
    rows = json.loads((RESULTS / "cycles.json").read_text())["rows"]
    lines = ["| programs | number | cycles of one | error, mean of magnitudes | mean | least to greatest |", "|---|---|---|---|---|---|"]
    tiny = [r for r in rows if r["config"] == "tiny"]
    groups = [(f"drawn, {n} core{'s' * (n > 1)}, {m} context{'s' * (m > 1)}", [r for r in tiny if (r["cores"], r["contexts"]) == (n, m)])
              for n in (1, 2) for m in (1, 2)]
    for name, group in [*groups, ("all drawn", tiny)]:
        errors = [r["error"] for r in group]
        lines.append(f"| {name} | {len(group)} | {min(r['rtl'] for r in group):,} to {max(r['rtl'] for r in group):,} "
                     f"| {sum(map(abs, errors)) / len(errors):.2%} | {sum(errors) / len(errors):+.2%} | {min(errors):+.2%} to {max(errors):+.2%} |")
    lines += [f"| `{r['what']}`, {r['cores']} cores, {r['contexts']} contexts | 1 | {r['rtl']:,} | | {r['error']:+.2%} | |" for r in rows if r["config"] != "tiny"]
    return "\n".join(lines)


def sizing() -> str:
    """Candidates for `v80`, one layer of Latte-1 each."""
    report = json.loads((RESULTS / "sizing.json").read_text())
    card, limit = report["card"], report["limit"]
    names = {"lut": "LUT sites", "dsp58": "DSP58", "uram": "URAM", "bram": "BRAM36"}
    lines = ["| cores x chain rows | contexts | abuf, bbuf, vbuf (1024 units) | s an evaluation | LOAD, MPU, SFU busy | " + " | ".join(names.values()) + " | fits |",
             "|" + "---|" * 10]
    for r in sorted(report["candidates"], key=lambda r: r["seconds"]):
        busy = ", ".join(_percent(r["busy"][u]) for u in ("load", "mpu", "sfu"))
        lines.append(f"| {r['cores']} x {r['chain_rows']} | {r['contexts']} | {r['abuf']}, {r['bbuf']}, {r['vbuf']} | {r['seconds']:.2f} | {busy} | "
                     + " | ".join(_percent(r["share"][k]) for k in names) + f" | {'yes' if r['fits'] else 'no'} |")
    used = ", ".join(f"{report['v80'][k]:,} of {card[k]:,} {names[k]} ({_percent(report['v80'][k] / card[k])})" for k in names)
    bounds = ", ".join(f"{_percent(limit[k])} of {names[k]}" for k in names)
    return "\n".join([*lines, "", f"A candidate fits with at most {bounds}. `v80`: {used}."])


def limits() -> str:
    """`v80` with one property changed in the estimate."""
    report = json.loads((RESULTS / "sizing.json").read_text())
    lines = ["| change | s an evaluation | LOAD, MPU, SFU busy |", "|---|---|---|"]
    lines += [f"| {r['name']} | {r['seconds']:.2f} | " + ", ".join(_percent(r["busy"][u]) for u in ("load", "mpu", "sfu")) + " |" for r in report["limits"]]
    return "\n".join(lines)


# Units of others: MACs per cycle, LUT and FF per DSP slice, and the flow that counted them.
PEERS = (
    ("cvfpu FP16 FMA, 3 stages", "", 1, 562, 139, "yosys"), ("cvfpu FP16 x FP16 + FP32", "", 0.5, 627, 110, "yosys"),
    ("RedMulE compute element", "", 1, 511, 139, "yosys"), ("Focus FP16 multiply, FP32 accumulate", "", 1, 642, 64, "yosys"),
    ("XtraMAC FP16 + FP32", "", 1, 542, 184, "Vivado, published"), ("XtraMAC INT8", 2, "", 93, 316, "Vivado, published"),
    ("XtraMAC BF16 or INT8 at run time", 2, "2 BF16", "569-693", "513-672", "Vivado, published"),
    ("DFVG processing element", "", "2 BF16", 176, 300, "Vivado, published"),
)


def synth() -> str:
    """Resource estimate of `make synth`, per block."""
    report = json.loads((RESULTS / "synth.json").read_text())
    keys = ("lut", "lutram", "ff", "dsp58", "bram", "uram", "ltp")
    lines = ["| block | parameters | LUT | LUTRAM | FF | DSP58 | BRAM | URAM | path |", "|" + "---|" * 9]
    for name, row in report["blocks"].items():
        parameters = ", ".join(f"{k} {v}" for k, v in row["parameters"].items())
        lines.append(f"| `{name}` | {parameters} | " + " | ".join(f"{row[k]:,}".removesuffix(".0") for k in keys) + " |")
    return "\n".join(lines)


def sparsity_area() -> str:
    """What activation sparsity adds to a core, and its share of the array of a core of `v80`."""
    report = json.loads((RESULTS / "synth.json").read_text())
    names = ("fvgm_su", "fvgm_ru", "fvgm_mbuf")
    keys = ("lut", "lutram", "ff", "dsp58", "bram")
    lines = ["| block | LUT | LUTRAM | FF | DSP58 | BRAM |", "|---|---|---|---|---|---|"]
    lines += [f"| `{n}` | " + " | ".join(f"{report['blocks'][n][k]:,}".removesuffix(".0") for k in keys) + " |" for n in names]
    sites = sum(report["blocks"][n]["lut"] + report["blocks"][n]["lutram"] for n in names)
    core = report["v80"]["lut"] / report["v80"]["cores"]
    return "\n".join([*lines, "", f"Together {sites:,} LUT sites, {_percent(sites / core)} of the {core:,.0f} that the array of one core takes at the largest "
                      "size for the card ([dspe.md](dspe.md))."])


def dspe() -> str:
    """Designs of a DSP-E per DSP58, beside the units of others."""
    designs = json.loads((RESULTS / "synth.json").read_text())["dspe"]
    lines = ["| design | INT8 | FP16 | LUT sites | of them LUTRAM | share of the edges | FF | path | at 2x | gain | flow |", "|" + "---|" * 11]
    for d in sorted(designs, key=lambda d: not d["default"]):
        name = f"**{d['design']}**" if d["default"] else d["design"]
        rates = " | ".join(f"{d[k]:.3g}" for k in ("int8_macs", "fp16_macs"))
        sites = " | ".join(f"{d[k]:.0f}" for k in ("lut", "lutram", "edge_lut", "ff"))
        fast = d["ltp2x"] if d["clock"] == "double" else ""
        lines.append(f"| {name} | {rates} | {sites} | {d['ltp']} | {fast} | {d['gain']:.2f} | yosys |")
    for name, int8, fp16, lut, ff, flow in PEERS:
        lines.append(f"| {name} | {int8} | {fp16} | {lut} | | | {ff} | | | | {flow} |")
    return "\n".join(lines)


def v80() -> str:
    """The largest array in the budget of an Alveo V80."""
    v = json.loads((RESULTS / "synth.json").read_text())["v80"]
    return (f"{v['cores']} cores of {v['chain_rows']} x {v['chain_cols']} chains: {v['dsp58']:,} DSP58, {v['lut']:,} LUT sites "
            f"({v['lutram']:,} of them LUTRAM), {v['ff']:,} FF; at {v['mhz']} MHz {v['int8_tops']:.2f} TOPS in INT8, "
            f"{v['fp16_tops']:.2f} in FP16, **{v['latte_tops']:.2f}** in the mix of Latte-XL/2.")


def dspe_goals() -> str:
    """The default DSP-E against its goals."""
    report = json.loads((RESULTS / "synth.json").read_text())
    d, latte = next(d for d in report["dspe"] if d["default"]), report["v80"]["latte_tops"]
    rows = (
        ("LUT sites per DSP-E, accumulators and drain included", "at most 240, 150 wanted", f"{d['lut']:.0f}", d["lut"] <= 150),
        ("the same with its share of the edges", "at most 240, 150 wanted", f"{d['lut'] + d['edge_lut']:.0f}",
         d["lut"] + d["edge_lut"] <= 150),
        ("TOPS in the mix", "at least 21.2", f"{latte:.2f}", latte >= 21.2), ("", "aim 26", f"{latte:.2f}", latte >= 26),
        ("gain over one FP16 MAC per DSP58, two places", "3.74", f"{d['gain']:.3f}", round(d["gain"], 2) >= 3.74),
        ("depth between registers, mapped cells", "at most 12", f"{d['ltp']}", d["ltp"] <= 12),
        ("depth on the double clock", "1 LUT", f"{d['ltp2x']}", d["ltp2x"] <= 1),
    )
    lines = ["| measure | goal | measured | |", "|---|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {goal} | {value} | {'met' if met else 'not met'} |" for name, goal, value, met in rows])


def sparsity_front() -> str:
    """The rows of the quality study with their controls."""
    controls = ("fewer_steps", "whole_step", "whole_step_calibrated", "whole_branch", "random", "round_robin", "seed")
    lines = ["| source | policy | sampler | precision | runs | MACs | array time | PSNR | SSIM | flicker | fewer steps | whole steps | *calibrated* | *per branch* | random "
             "| round robin | other seed |", "|" + "---|" * 17]
    for r in json.loads((RESULTS / "sparsity.json").read_text())["rows"]:
        time = f"{r['time_reduction']:.2f}x" if r.get("time_reduction") and r["precision"] != "fp32" else ""
        values = (r.get(f"{key}_psnr") for key in controls)
        lines.append(f"| {r['source']} | {r['thresholds']} | {r['sampler']} {r['steps']} | {r['precision']} | {r['runs']} | {r['mac_reduction']:.2f}x | {time} "
                     f"| **{r['psnr']:.1f}** ({r['psnr_min']:.1f} to {r['psnr_max']:.1f}) | {r['ssim']:.3f} | {r['flicker']:.2f} | "
                     + " | ".join("" if v is None else f"{v:.1f}" for v in values) + " |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {"sim_totals": sim_totals, "sim_ops": sim_ops, "sim_sparse": sim_sparse, "sparsity_area": sparsity_area, "gemm": gemm, "latte1": latte1, "latte1_run": latte1_run, "latte1_phases": latte1_phases, "synth": synth,
                                         "dspe": dspe, "dspe_goals": dspe_goals, "v80": v80, "schedule": schedule, "paper": paper, "sizing": sizing,
                                         "limits": limits, "cycles": cycles, "sparsity_front": sparsity_front}


def record() -> None:
    """Refresh bench/results from build/reports; of the compiler's reports only that of the whole Latte-1 on `v80`."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name, result in (("sim", "sim"), ("sim_sparse", "sim_sparse"), ("synth", "synth"), ("compile", "latte1")):
        source = REPORTS / f"{name}.json"
        if source.exists():
            data = {k: v for k, v in json.loads(source.read_text()).items() if k not in HOST_KEYS}
            if name == "compile" and (data["checkpoint"], data["config"], data["blocks"]) != ("latte-1", "v80", 56):
                continue
            (RESULTS / f"{result}.json").write_text(json.dumps(data, indent=1) + "\n")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Copy measured numbers into the pages.")
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 when a page is stale")
    parser.add_argument("--record", action="store_true", help="first refresh bench/results from build/reports")
    args = parser.parse_args()
    if args.record:
        record()
    stale = []
    for page in PAGES:
        old = page.read_text()
        new = MARK.sub(lambda m: m.group(1) + TABLES[m.group(2)]() + "\n" + m.group(3), old)
        if new != old:
            stale.append(page.relative_to(ROOT))
            if not args.check:
                page.write_text(new)
    if args.check and stale:
        print(f"stale numbers in {', '.join(map(str, stale))}; run python -m scripts.numbers")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
