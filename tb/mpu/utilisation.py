"""`python -m tb.mpu.utilisation [config]`: measure and print the utilisation table of docs/mpu.md; also build/reports/mpu.json."""

from __future__ import annotations

import sys

from tb.mpu.test_mpu import measure


def table(rows: list[dict]) -> str:
    """Markdown: one line per GEMM."""
    lines = ["| GEMM | m x n x k | batch | steps | loads | rows | cycles | utilisation | in a stream | utilisation | stall operand | stall drain |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    lines += [f"| {r['kind']} | {r['m']}x{r['n']}x{r['k']} | {r['batch']} | {r['steps']} | {r['loads']} | {r['rows']} | {r['cycles']} | "
              f"{100 * r['utilisation']:.1f} % | {r['stream_cycles']:.0f} | {100 * r['stream_utilisation']:.1f} % | "
              f"{r['stall_operand']} | {r['stall_drain']} |" for r in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    result = measure(sys.argv[1] if len(sys.argv) > 1 else "sim", fast=True)
    print(table(result))
    print("\nsimulated cycles per second: " + ", ".join(f"{r['kind']} {r['cycles_per_second'] / 1000:.0f} k" for r in result))
