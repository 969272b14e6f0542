"""`make bench`: cycles and utilisation of GEMMs on the RTL of the mpu; prints the table, writes bench/results/gemm.json.

Rows: m, n, k (N inner), precision, batch, macs_per_cycle (peak), cycles, utilisation, of operands with a normal distribution; and
`wide`: the FP16 rows again with exponents spread evenly over 2^15, where most steps take several passes (docs/dspe.md).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tb.mpu.test_mpu import measure

RESULT = Path(__file__).resolve().parents[2] / "bench" / "results" / "gemm.json"
HOST_KEYS = ("cycles_per_second",)


def main() -> None:
    """Measure, print, write."""
    machine = sys.argv[1] if len(sys.argv) > 1 else "sim"
    rows, wide = measure(machine, fast=True), measure(machine, fast=True, values="moderate")
    table = Table("GEMM", "m x n x k", "batch", "MAC/cycle", "ideal", "cycles", "utilisation", "stall: operands, passes", "drain", "wide exponents")
    for row, other in zip(rows, wide):
        fp16 = row["precision"] == "fp16"
        table.add_row(row["kind"], f"{row['m']} x {row['n']} x {row['k']}", str(row["batch"]), str(row["macs_per_cycle"]),
                      f"{row['ideal_cycles']:,}", f"{row['cycles']:,}", f"{row['utilisation']:.2%}", str(row["stall_operand"]),
                      str(row["stall_drain"]), f"{other['utilisation']:.1%}" if fp16 else "")
    Console(width=140).print(table)
    speed = sorted(r["cycles_per_second"] for r in rows)
    print(f"simulated cycles per second: {speed[0]:,} to {speed[-1]:,}")

    def checked_in(row: dict) -> dict:
        return {k: v for k, v in row.items() if k not in HOST_KEYS}

    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps({"config": machine, "rows": [checked_in(r) for r in rows],
                                  "wide": [checked_in(r) for r in wide if r["precision"] == "fp16"]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
