"""Cocotb tests of tables of tasks on the whole accelerator, many tables in one simulation.

Method: each table of tb/top/tables.py runs on fresh memory, whose behaviour is drawn per table; afterwards the whole
region must equal the image of models/core.run_tasks, every TASK must have run once, on an allowed core, every WEIGHTS
once on each. Now and then a core runs a program of its own in between. FVGM_PROGRAMS programs (TASKs that do more than
END) run, then more, up to four times as many in all, until the coverage goals are met. A table that does not end within TIMEOUT
cycles fails the run.

Every way in which a table stops is provoked; the registers must name it, and after a soft reset of the device the next
table must be right bit for bit. It does not prove what a table that stopped has stored.
"""

from __future__ import annotations

import os

import cocotb

from models.isa import Cause
from tb.common.coverage import Coverage
from tb.top.bad_tables import bad_tables, provoke
from tb.top.tables_env import BEHAVIOURS, Bench, TablesCoverage

PROGRAMS = int(os.environ.get("FVGM_PROGRAMS", "150"))


def coverage(bench: Bench) -> TablesCoverage:
    return TablesCoverage("tables", bench.config.contexts, bench.cores)


@cocotb.test()
async def tables(dut) -> None:
    """FVGM_PROGRAMS programs in random tables, with one context now and then; own programs in between."""
    def script(bench: Bench) -> None:
        cover, programs, number = bench.coverage, 0, 0
        while programs < PROGRAMS or cover.missed() and programs < 4 * PROGRAMS:
            memory = BEHAVIOURS[number % len(BEHAVIOURS)]
            bench.use_memory(memory)
            if number % 8 == 1:
                bench.own_program(int(bench.rng.integers(bench.cores)))
            contexts = 1 if number % 5 == 4 else 0
            table = bench.table()
            try:
                outcome = bench.good(table, contexts)
            except Exception as error:
                raise AssertionError(f"table {number}, {len(table.entries)} entries, memory {memory}, contexts "
                                     f"{contexts}: {error}") from error
            programs += cover.table(table, memory, contexts, bench.config.task_window, *outcome)
            number += 1
        bench.transport.dut._log.info(f"{programs} programs in {number} tables")

    await Bench(dut, "tables", coverage).play(script)


@cocotb.test()
async def errors(dut) -> None:
    """Every way in which a table stops, and soft resets in the middle; after each a table, or a core's own program, is right."""
    def script(bench: Bench) -> None:
        cover = bench.coverage
        in_core = [c.name for c in Cause if c not in (Cause.NONE, Cause.CORE_ERROR, Cause.COUNT_RANGE)]
        cover.point("cp_core_cause", in_core)
        cover.point("cp_table_cause", ["ILLEGAL_OPCODE", "ILLEGAL_FIELD", "ZERO_LENGTH", "MISALIGNED", "BUFFER_RANGE", "WINDOW_RANGE",
                                       "PROGRAM_RANGE", "FETCH_ERROR", "DEADLOCK", "CORE_ERROR"])
        cover.point("cp_failing_core", range(bench.cores))
        cover.point("cp_after", ["table", "own program"])
        cover.point("cp_reset", ["after an error", "running"])
        bench.base = bench.table(8, False)
        names = [bad.name for bad in bad_tables(bench, bench.base)]
        for number, name in enumerate(names):
            bench.base = bench.table(int(bench.rng.integers(5, 10)), False)
            bad = bad_tables(bench, bench.base)[number]
            assert bad.name == name
            bench.use_memory(BEHAVIOURS[number % len(BEHAVIOURS)])
            cause = provoke(bench, bad)
            cover.sample("cp_table_cause", bad.cause.name)
            cover.sample("cp_reset", "after an error")
            if bad.cause == Cause.CORE_ERROR:
                cover.sample("cp_core_cause", cause)
                if bad.core is not None:
                    cover.sample("cp_failing_core", bad.core)
            if number % 3 == 2:
                bench.own_program(int(bench.rng.integers(bench.cores)))
                cover.sample("cp_after", "own program")
            else:
                bench.good(bench.table(int(bench.rng.integers(2, 7))))
                cover.sample("cp_after", "table")
        for _ in range(4):
            bench.start(bench.table(12))
            bench.transport.idle(int(bench.rng.integers(50, 3000)))
            bench.device.reset()
            cover.sample("cp_reset", "running")
            bench.good(bench.table(5))

    await Bench(dut, "errors", lambda _: Coverage("tables", "errors")).play(script)
