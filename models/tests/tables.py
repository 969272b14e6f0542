"""For the tests of the cycle model: tables and programs of a few instructions on `sim`."""

from __future__ import annotations

from models import unit_cycles
from models.config import load
from models.dma_cycles import groups
from models.cycles import Outcome, Timing, Work, simulate
from models.isa import Buffer, Opcode, TaskKind, Unit

SIM, LATENCY = load("sim"), 10
TIMING = Timing(latency=LATENCY)
# start of the table -> start of its first task -> its first instruction is before the check
BEGIN = TIMING.begin + LATENCY + 3 + TIMING.give
FIRST = BEGIN + TIMING.fetch + LATENCY + TIMING.offer
PUSHED = 4  # in the queue -> command (docs/scheduler.md)


def gemms(*steps: int) -> Work:
    """A program of independent products."""
    n = len(steps)
    return Work([int(Unit.MPU)] * n + [-1], [(s, s, 0, s, 4, 0, ()) for s in steps], [TIMING.check[Opcode.GEMM]] * n + [1], [()] * n, [False] * n,
                [0] * n)


def transfer(*bursts: int) -> unit_cycles.Item:
    """Bursts to a buffer whose banks do not matter."""
    return groups(bursts, (0,) * len(bursts), 0, SIM.axi_slots), 0, Buffer.B


def entry(**fields: int) -> dict[str, int]:
    """An entry of a table."""
    names = ["set", "areas", "priority", "signal0", "signal1"] + [f"wait{i}_{k}" for i in range(4) for k in ("event", "value")]
    return {n: 0 for n in names} | {"kind": int(TaskKind.TASK), "cores": 255} | fields


END = entry(kind=int(TaskKind.END))


def run(table: list[dict[str, int]], works: list[Work], **options: int) -> Outcome:
    """A table on `sim` with four contexts."""
    return simulate(SIM, [*table, END], works, timing=TIMING, **{"cores": 1} | options)
