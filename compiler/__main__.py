"""Command line: compile a checkpoint into program.bin, table.bin, weights.bin and map.json, and state what it costs (also in
build/reports/compile.json, docs/reports.md).

    python -m compiler workloads/latte_small --config sim --out build/latte
    python -m compiler latte-1 --random-weights --config v80 --captions 120 --out build/latte1
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from compiler.checkpoint import LATTE_1, RandomCheckpoint, SafetensorsCheckpoint, read_dims
from compiler.errors import CompileError
from compiler.model import Compiled, compile_blocks, pair
from compiler.program import Op
from models import config as configs
from models.config import Config, ConfigError
from models.isa import Precision, Unit

HBM_BASE = 0x40_0000_0000
REPORT = Path(__file__).resolve().parents[1] / "build" / "reports" / "compile.json"


def peak(op: Op, config: Config) -> int:
    """MACs per cycle at most, in an operation's precision."""
    return config.int8_macs if op.precision == "int8" else config.fp16_macs


def summary(compiled: Compiled, checkpoint: str, seconds: float) -> dict[str, object]:
    """Counts, bytes and estimated cycles of a table of tasks: the keys of compile.json (docs/reports.md)."""
    a, d = compiled.assembled, compiled.dims
    macs = {kind: sum(o.macs for o in compiled.ops if o.kind == kind) for kind in ("linear", "attention")}
    busy = {unit.name.lower(): int(a.cycles[a.unit == unit].sum()) for unit in Unit}
    kinds = {kind: sum(t.kind == kind for t in a.tasks) for kind in ("task", "weights", "join")}
    algorithm = sum(o.macs / peak(o, compiled.config) for o in compiled.ops)
    return {
        "checkpoint": checkpoint, "config": compiled.config.name, "blocks": len(compiled.blocks), "heads": d.heads,
        "head_dim": d.head_dim, "frames": d.frames, "positions": d.positions, "captions": compiled.captions,
        "cores": compiled.cores, "tasks": kinds, "instructions": compiled.instructions,
        "unit_instructions": {unit.name.lower(): int((a.unit == unit).sum()) for unit in Unit},
        "program_bytes": int(a.code.size + a.table.size), "weight_bytes": compiled.weight_bytes,
        "hbm_bytes": compiled.hbm.end - compiled.hbm.base, "bytes_moved": int(a.moved.sum()), "macs": macs,
        "peak_cycles": int(algorithm), "unit_cycles": busy, "ideal_cycles": int(a.estimate),
        "buffer_peak": compiled.peak, "wall_seconds": round(seconds, 2),
    }


def print_summary(console: Console, info: dict[str, object]) -> None:
    """The table that a person reads."""
    units = Table(title=f"{info['config']}: {info['blocks']} blocks, "
                        f"hidden {info['heads'] * info['head_dim']} = {info['heads']} x {info['head_dim']}, "
                        f"{info['frames']} x {info['positions']} tokens, {info['captions']} caption tokens")
    for column in ("unit", "instructions", "ideal cycles", "share of the time"):
        units.add_column(column, justify="left" if column == "unit" else "right")
    for unit, busy in info["unit_cycles"].items():
        units.add_row(unit.upper(), f"{info['unit_instructions'][unit]:,}", f"{busy:,}",
                      f"{busy / max(1, info['cores'] * info['ideal_cycles']):.1%}")
    console.print(units)
    table = Table(show_header=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    rows = [("tasks, weight sets, joins", ", ".join(f"{n:,}" for n in info["tasks"].values())),
            ("instructions", f"{info['instructions']:,}"), ("programs and table", f"{info['program_bytes']:,} B"),
            ("weights", f"{info['weight_bytes']:,} B"), ("HBM used", f"{info['hbm_bytes']:,} B"),
            ("moved between HBM and buffers", f"{info['bytes_moved']:,} B"),
            ("MACs, linear", f"{info['macs']['linear']:,}"), ("MACs, attention", f"{info['macs']['attention']:,}"),
            ("cycles at peak of one core (MACs only)", f"{info['peak_cycles']:,}"),
            (f"ideal cycles, {info['cores']} cores", f"{info['ideal_cycles']:,}"),
            ("compile time", f"{info['wall_seconds']:.1f} s")]
    for row in rows:
        table.add_row(*row)
    console.print(table)


def memory_map(compiled: Compiled) -> dict[str, object]:
    """Regions, windows and tensors, as map.json holds them."""
    return {
        "base": compiled.hbm.base, "program": compiled.program.base, "instructions": compiled.instructions,
        "table": compiled.table.base, "entries": compiled.table_entries, "cores": compiled.cores,
        "slices": {"base": compiled.slices.base, "size": compiled.slices.size},
        "read_window": compiled.read_window, "write_window": compiled.write_window,
        "regions": [vars(r) for r in compiled.hbm.regions if not r.name.startswith(("transformer", "temporal_"))],
        "tensors": {name: [{"address": t.region.base, "positions": t.positions, "frames": t.frames, "units": t.units,
                            "stride": t.stride, "order": t.order} for t in planes]
                    for name, planes in compiled.tensors.items()},
        "ops": [vars(o) for o in compiled.ops],
    }


def main() -> int:
    """Entry point; errors are one line."""
    parser = argparse.ArgumentParser(prog="python -m compiler", description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint",
                        help="checkpoint directory; with --random-weights also latte-1 or a config.json's directory")
    parser.add_argument("--config", default="sim", help="machine of configs.yaml")
    parser.add_argument("--cores", type=int, help="cores that run the table (default: all of the machine)")
    parser.add_argument("--out", type=Path, help="directory for program.bin, table.bin, weights.bin, map.json")
    parser.add_argument("--captions", type=int, help="caption tokens (default 20; latte-1 120)")
    parser.add_argument("--layer", type=int, help="only the pair of blocks of this layer")
    parser.add_argument("--linear", choices=[p.name.lower() for p in Precision], default="int8", help="precision of the linear layers")
    parser.add_argument("--random-weights", action="store_true", help="random weights of the checkpoint's sizes")
    parser.add_argument("--report", type=Path, default=REPORT, help="JSON report (default build/reports/compile.json)")
    args = parser.parse_args()
    console, start = Console(), time.monotonic()
    try:
        latte_1 = args.random_weights and args.checkpoint.lower() == "latte-1"
        if args.random_weights:
            checkpoint = RandomCheckpoint(LATTE_1 if latte_1 else read_dims(Path(args.checkpoint) / "config.json"))
        else:
            checkpoint = SafetensorsCheckpoint(args.checkpoint)
        weights = None
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
            weights = args.out / "weights.bin"
        captions = args.captions or (120 if latte_1 else 20)
        with console.status("compiling"):
            compiled = compile_blocks(checkpoint, configs.load(args.config), captions,
                                      None if args.layer is None else pair(args.layer), base=HBM_BASE, weights=weights,
                                      cores=args.cores, linear=Precision[args.linear.upper()])
    except (CompileError, ConfigError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if args.out:
        (args.out / "program.bin").write_bytes(np.ascontiguousarray(compiled.assembled.code).tobytes())
        (args.out / "table.bin").write_bytes(compiled.assembled.placed_at(compiled.program.base).tobytes())
    info = summary(compiled, "latte-1" if latte_1 else Path(args.checkpoint).name, time.monotonic() - start)
    print_summary(console, info)
    if args.out:
        (args.out / "map.json").write_text(json.dumps(memory_map(compiled) | {"summary": info}, indent=1))
    args.report.parent.mkdir(parents=True, exist_ok=True)
    args.report.write_text(json.dumps(info, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
