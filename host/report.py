"""Report of a simulated program: operations with their cycles, a table, a timeline, JSON (docs/reports.md).

Every cycle of every core belongs to one operation of its matrix unit: from the completion before to its own completion,
so that waiting counts against the operation that waited, and the cycles of all linear and attention operations add up
to the cycles of the run times its cores. Special functions and transfers list the cycles in which their units worked on
them, all cores together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from compiler.assemble import Assembled
from compiler.program import Op
from host.trace import Span, TaskSpan
from models.config import Config
from models.isa import Unit

COLOURS = {"linear": "#1f77b4", "attention": "#d62728", "special": "#2ca02c", "sparsity": "#ff7f0e", "transfer": "#9467bd"}


def peak(op: Op, config: Config) -> int:
    """MACs per cycle of one core in the operation's precision."""
    return config.int8_macs if op.precision == "int8" else config.fp16_macs


@dataclass(frozen=True)
class Trace:
    """What every core did when: instructions, and tasks by their entry in the table; `cycles` of the whole run."""

    cores: int
    cycles: int
    spans: Sequence[Span]
    tasks: Sequence[TaskSpan] = ()

    def of(self, core: int, unit: Unit) -> list[Span]:
        """A unit's instructions, in the order of their completions."""
        return sorted((s for s in self.spans if s.core == core and s.unit == unit), key=lambda s: s.done)

    def busy(self, core: int, unit: Unit) -> int:
        """Cycles in which a unit has an instruction."""
        total = reached = 0
        for s in self.of(core, unit):
            total += max(0, s.done - max(s.start, reached))
            reached = max(reached, s.done)
        return total


def estimated_trace(assembled: Assembled, cores: int) -> Trace:
    """The compiler's own estimate as a trace, for runs without RTL; contexts are not known."""
    spans = []
    for entry, info in enumerate(assembled.tasks):
        core = max(0, int(assembled.core[entry]))
        for i in range(info.instruction, info.instruction + info.length - 1):
            spans.append(Span(int(assembled.start[i]), int(assembled.done[i]), core, 0, Unit(int(assembled.unit[i])),
                              int(assembled.tag[i]), entry))
    return Trace(cores, assembled.estimate, spans)


def operation_cycles(trace: Trace, count: int) -> np.ndarray:
    """Cycles of each of `count` operations: attribution as the module's docstring says."""
    out = np.zeros(count, np.int64)
    for core in range(trace.cores):
        before, last = 0, trace.of(core, Unit.MPU)
        for position, span in enumerate(last):
            end = trace.cycles if position == len(last) - 1 else span.done
            out[span.tag] += end - before
            before = end
        for unit in set(Unit) - {Unit.MPU}:
            reached: dict[int, int] = {}
            for span in trace.of(core, unit):
                out[span.tag] += max(0, span.done - max(span.start, reached.get(span.tag, 0)))
                reached[span.tag] = max(span.done, reached.get(span.tag, 0))
    return out


def executed(ops: Sequence[Op], shares: Mapping[str, float]) -> list[int]:
    """MACs of each operation that are computed, with the shares of kept rows by region."""
    return [round(op.macs * shares.get(op.region, 1.0)) for op in ops]


def _rows(ops: Sequence[Op], cycles: np.ndarray, assembled: Assembled, config: Config,
          macs: Sequence[int]) -> list[dict[str, object]]:
    moved = np.bincount(assembled.tag, assembled.moved, len(ops)).astype(np.int64)
    rows = []
    for index, op in enumerate(ops):
        used = int(cycles[index])
        row = {"name": op.name, "block": op.block, "kind": op.kind, "m": op.m, "n": op.n, "k": op.k, "batch": op.batch,
               "precision": op.precision, "cycles": used, "macs": macs[index],
               "bytes": int(moved[index]),
               "utilisation": round(macs[index] / (used * peak(op, config)), 4) if macs[index] and used else 0.0}
        rows.append(row)
    return rows


def _sum(rows: list[dict[str, object]], kind: str, ops: Sequence[Op], config: Config) -> dict[str, object]:
    mine = [(r, o) for r, o in zip(rows, ops) if r["kind"] == kind]
    cycles = sum(r["cycles"] for r, _ in mine)
    ideal = sum(r["macs"] / peak(o, config) for r, o in mine)
    return {"macs": sum(r["macs"] for r, _ in mine), "cycles": cycles,
            "utilisation": round(ideal / cycles, 4) if cycles else 0.0}


def build(config: Config, ops: Sequence[Op], assembled: Assembled, trace: Trace,
          shares: Mapping[str, float] | None = None) -> dict[str, object]:
    """The part of the report that follows from a table and its trace; `shares` of kept rows by region."""
    macs, cycles = executed(ops, shares or {}), trace.cycles
    rows = _rows(ops, operation_cycles(trace, len(ops)), assembled, config, macs)
    ideal = sum(m / peak(op, config) for m, op in zip(macs, ops))
    linear, attention = (_sum(rows, kind, ops, config) for kind in ("linear", "attention"))
    return {
        "cores": trace.cores, "cycles": cycles, "macs": sum(macs), "peak_macs_per_cycle": trace.cores * config.int8_macs,
        "mac_utilisation": round(ideal / (cycles * trace.cores), 4) if cycles else 0.0, "linear_utilisation": linear["utilisation"],
        "attention_utilisation": attention["utilisation"], "linear": linear, "attention": attention,
        "bytes_moved": int(assembled.moved.sum()),
        "instructions": len(assembled.code), "tasks": len(assembled.tasks), "ops": rows,
    }


def _shape(row: dict[str, object]) -> str:
    if row["kind"] == "transfer":
        return ""
    text = f"{row['m']} x {row['n']}" + (f" x {row['k']}" if row["k"] else "")
    return text + (f", {row['batch']} times" if row["batch"] > 1 else "")


def print_report(console: Console, report: dict[str, object]) -> None:
    """The tables that a person reads."""
    table = Table(title=f"{report['config']}: {report['blocks']} on clip {report['clip']} at time {report['time']}")
    for name in ("operation", "kind", "m x n x k", "precision", "cycles", "MAC utilisation", "bytes moved"):
        table.add_column(name, justify="left" if name in ("operation", "kind", "precision") else "right",
                         no_wrap=name == "operation")
    block = None
    for row in report["ops"]:
        if block not in (None, row["block"]):
            table.add_section()
        block = row["block"]
        table.add_row(row["name"], row["kind"], _shape(row), "" if row["kind"] == "transfer" else row["precision"],
                      f"{row['cycles']:,}", f"{row['utilisation']:.1%}" if row["macs"] else "",
                      f"{row['bytes']:,}" if row["bytes"] else "")
    console.print(table)
    totals = Table(show_header=False, title="totals")
    totals.add_column("what")
    totals.add_column("value", justify="right")
    cycles = f"{report['cycles']:,}" + ("" if report["rtl"] else " (the compiler's estimate)")
    rows = [("cores", f"{report['cores']}"), ("cycles", cycles), ("MACs", f"{report['macs']:,}"),
            ("peak", f"{report['peak_macs_per_cycle']} INT8 MAC per cycle"),
            ("MAC utilisation, all", f"{report['mac_utilisation']:.1%}"),
            ("MAC utilisation, linear", f"{report['linear_utilisation']:.1%}"),
            ("MAC utilisation, attention", f"{report['attention_utilisation']:.1%}"),
            ("bytes moved", f"{report['bytes_moved']:,}"), ("tasks", f"{report['tasks']:,}"),
            ("instructions", f"{report['instructions']:,}")]
    rows += [(f"cosine to FP32, {name}", f"{value:.6f}") for name, value in report["cosine"].items()]
    rows += [("wall time", f"{report['wall_seconds']:.1f} s")]
    if report["rtl"]:
        rows += [("simulated cycles per second", f"{report['sim_cycles_per_second']:,}")]
        good = report["words_compared"] - report["mismatches"]
        rows += [("bit-exact", f"{good:,} of {report['words_compared']:,} words")]
    for row in rows:
        totals.add_row(*row)
    console.print(totals)


def timeline(path: Path, ops: Sequence[Op], trace: Trace, title: str, counters: Mapping[str, object] | None = None) -> None:
    """PNG of who was busy when: one lane per core and unit, coloured by kind; below, the first tenth of the run; and from the
    hardware's counters what every unit's cycles were."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    lanes = [(core, unit) for core in range(trace.cores) for unit in Unit]
    panels = 3 if counters else 2
    figure, axes = plt.subplots(panels, 1, figsize=(16, 2 + panels * (1 + 0.27 * len(lanes))), constrained_layout=True)
    for axis, (low, high) in zip(axes, ((0, trace.cycles), (0, max(1, trace.cycles // 10)))):
        for lane, (core, unit) in enumerate(lanes):
            for kind, colour in COLOURS.items():
                bars = [(s.start, max(s.done - s.start, 1)) for s in trace.of(core, unit)
                        if ops[s.tag].kind == kind and s.start < high and s.done > low]
                axis.broken_barh(bars, (lane - 0.4, 0.8), facecolors=colour, edgecolors="black", linewidth=0.05)
        axis.set_yticks(range(len(lanes)), [f"core {core} {unit.name}" for core, unit in lanes])
        axis.set_xlim(low, high)
        axis.set_xlabel("cycle")
    blocks: dict[str, list[int]] = {}
    for span in trace.spans:
        if span.unit == Unit.MPU:
            bounds = blocks.setdefault(ops[span.tag].block, [span.start, span.done])
            bounds[:] = min(bounds[0], span.start), max(bounds[1], span.done)
    for name, (start, done) in blocks.items():
        axes[0].axvline(start, color="black", linewidth=0.8, linestyle=":")
        axes[0].text((start + done) / 2, len(lanes) - 0.45, name, ha="center", fontsize=8)
    axes[0].set_title(title)
    handles = [plt.Rectangle((0, 0), 1, 1, color=c) for c in COLOURS.values()]
    axes[1].legend(handles, COLOURS, loc="lower right", ncols=4)
    if counters:
        _draw_counters(axes[2], lanes, counters)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def cycle_classes(counters: Mapping[str, int], unit: Unit) -> dict[str, int]:
    """A unit's cycles by class, from the counters of its core: busy, waiting for a unit or for something else, idle with and
    without a task in the core."""
    name = unit.name.lower()
    out = {"busy": counters[f"{name}_busy"]}
    out |= {f"waits for {u.name}": counters[f"{name}_stall_on{1 + u}"] for u in Unit}
    out["waits, other"] = counters[f"{name}_stall_on0"]
    out["nothing queued"] = counters[f"{name}_idle"] - counters[f"{name}_idle_task"]
    out["no task"] = counters[f"{name}_idle_task"]
    return out


def _draw_counters(axis: object, lanes: Sequence[tuple[int, Unit]], counters: Mapping[str, object]) -> None:
    import matplotlib.pyplot as plt

    rows = [cycle_classes(counters["cores"][core], unit) for core, unit in lanes]
    left, colours = np.zeros(len(lanes)), plt.get_cmap("tab20")
    for number, name in enumerate(rows[0]):
        width = np.array([row[name] for row in rows], float)
        axis.barh(range(len(lanes)), width, left=left, color=colours(number), label=name)
        left += width
    axis.set_yticks(range(len(lanes)), [f"core {core} {unit.name}" for core, unit in lanes])
    axis.set_xlabel("cycles, from the counters")
    axis.legend(loc="lower right", ncols=5, fontsize=8)


def write_json(path: Path, report: dict[str, object]) -> None:
    """The report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


def kept_shares(ops: Sequence[Op], decisions: Sequence[tuple[int, int, int]]) -> dict[str, float]:
    """Shares of kept rows by region."""
    rows: dict[str, list[int]] = {}
    for tag, total, kept in decisions:
        entry = rows.setdefault(ops[tag].region, [0, 0])
        entry[0] += total
        entry[1] += kept
    return {region: kept / total for region, (total, kept) in rows.items()}


def sparsity(config: Config, ops: Sequence[Op], decisions: Sequence[tuple[int, int, int]], cycles: int,
             dense_cycles: int) -> dict[str, object]:
    """What a sparse step saved: kept rows by region, MACs, cycles against the same step computed densely.

    `ideal_speedup` is the ratio of the cycles that the MACs take at peak, `efficiency` the part of it that was reached.
    """
    regions: dict[str, dict[str, object]] = {}
    for tag, rows, kept in decisions:
        entry = regions.setdefault(ops[tag].region, {"rows": 0, "kept": 0, "tiles": []})
        entry["rows"] += rows
        entry["kept"] += kept
        entry["tiles"].append(kept)
    shares = kept_shares(ops, decisions)
    done = executed(ops, shares)
    for op, macs in zip(ops, done):
        if op.region in regions:
            entry = regions[op.region]
            entry["macs_dense"] = entry.get("macs_dense", 0) + op.macs
            entry["macs"] = entry.get("macs", 0) + macs
    at_peak = [sum(m / peak(op, config) for m, op in zip(macs, ops)) for macs in ([op.macs for op in ops], done)]
    dense, total = sum(op.macs for op in ops), sum(done)
    return {"regions": regions, "shares": shares, "macs_dense": dense, "macs": total, "mac_reduction": round(dense / total, 4),
            "cycles_dense": dense_cycles, "cycles": cycles, "speedup": round(dense_cycles / cycles, 4),
            "ideal_speedup": round(at_peak[0] / at_peak[1], 4),
            "efficiency": round(dense_cycles / cycles / (at_peak[0] / at_peak[1]), 4)}


def print_sparse(console: Console, report: dict[str, object]) -> None:
    """The tables of a sparse step."""
    part = report["sparsity"]
    table = Table(title="kept rows by region")
    for name in ("region", "rows", "kept", "share", "kept by tile", "MACs dense", "MACs"):
        table.add_column(name, justify="left" if name == "region" else "right")
    for name, entry in part["regions"].items():
        tiles = entry["tiles"]
        table.add_row(name, f"{entry['rows']:,}", f"{entry['kept']:,}", f"{entry['kept'] / entry['rows']:.1%}",
                      f"{min(tiles)} to {max(tiles)}", f"{entry['macs_dense']:,}", f"{entry['macs']:,}")
    console.print(table)
    totals = Table(show_header=False, title="sparse against dense")
    totals.add_column("what")
    totals.add_column("value", justify="right")
    for row in (("MACs saved", f"{1 - part['macs'] / part['macs_dense']:.1%}"),
                ("MACs dense / computed", f"{part['mac_reduction']:.2f}"),
                ("cycles dense", f"{part['cycles_dense']:,}"), ("cycles sparse", f"{part['cycles']:,}"),
                ("speed-up", f"{part['speedup']:.2f}"), ("speed-up of the MACs at peak", f"{part['ideal_speedup']:.2f}"),
                ("speed-up over ideal", f"{part['efficiency']:.1%}")):
        totals.add_row(*row)
    console.print(totals)
