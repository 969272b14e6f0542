"""The device under tables of tasks, its memories, its model, and the coverage of good tables."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cocotb
import numpy as np
from cocotb.task import bridge
from cocotb.triggers import Timer

from host.device import Device
from host.trace import TaskSpan
from models import core as core_model
from models.config import load as load_config
from models.core import TasksResult
from models.isa import Cause, Opcode, TaskKind
from tb.common.coverage import Coverage
from tb.common.seed import rng as stream
from tb.top.cocotb_top import MEMORIES
from tb.top.harness import HBM_BASE, task_spans, trace_file_of
from tb.top.programs import REGION_BYTES, random_program, region_image
from tb.top.sim_transport import CLOCK_NS, SimTransport
from tb.top.tables import Table, random_table
from tb.top.task_slots import RESULTS, TABLE_BYTES

TIMEOUT = 400_000  # cycles
BEHAVIOURS = (*MEMORIES, "refresh", "drawn")


class Bench:
    """The device, its memory, coverage."""

    def __init__(self, dut, name: str, make_coverage: Callable[[Bench], Coverage]) -> None:
        self.config = load_config(os.environ.get("FVGM_CONFIG", "tiny"))
        self.memory = np.memmap(os.environ["FVGM_MEMORY"], np.uint8, "r+")
        self.transport = SimTransport(dut, self.memory, HBM_BASE)
        self.name, self.flip = name, int(os.environ.get("FVGM_FLIP", "0"))
        self.trace = Path(os.environ["FVGM_TRACE"])
        self.make_coverage = make_coverage
        self.refreshing, self.seen = False, {}  # bytes of the traces

    async def play(self, script: Callable[[Bench], None]) -> None:
        """Run blocking host code against the simulation."""
        await self.transport.ready()

        def host() -> None:
            self.device = Device(self.transport)
            self.device.check_config(self.config)
            self.cores = len(self.device.cores)
            self.rng = stream(f"tables.{self.name}.{self.cores}")
            self.coverage = self.make_coverage(self)
            script(self)
            self.coverage.check()

        cocotb.start_soon(self.refresh())
        await bridge(host)()

    async def refresh(self) -> None:
        """While `refreshing`, all memories do next to nothing for 60 of every 400 cycles."""
        while True:
            await Timer(340 * CLOCK_NS, "ns")
            if self.refreshing:
                self.transport.dut.mem_stall.value = 255
                await Timer(60 * CLOCK_NS, "ns")
                self.transport.dut.mem_stall.value = 0

    def use_memory(self, name: str) -> None:
        """One of MEMORIES; `drawn`: every knob at random; `refresh`: pauses, see there."""
        high = self.rng.integers
        drawn = dict(latency=int(high(1, 200)), jitter=int(high(100)), stall=int(high(128)), reorder=int(high(2)),
                     interleave=int(high(2)))
        self.refreshing = name == "refresh"
        self.transport.knobs(**(drawn if name == "drawn" else MEMORIES.get(name, MEMORIES["ideal"])))

    def spans(self) -> list[TaskSpan]:
        """Tasks of the last table on all cores, from what their traces have got since the last call."""
        out = []
        for core in range(self.cores):
            with trace_file_of(self.trace.parent, core).open() as file:
                file.seek(self.seen.get(core, 0))
                text = file.read()
            text = text[:text.rfind("\n") + 1]
            self.seen[core] = self.seen.get(core, 0) + len(text)
            lines = [line.split() for line in text.splitlines()]
            # Cycles count from the start: what stands in front of a step back belongs to a table that was stopped.
            first = max((i for i in range(1, len(lines)) if int(lines[i][0]) < int(lines[i - 1][0])), default=0)
            out += task_spans(lines[first:], core)
        return out

    def table(self, entries: int | None = None, sets: bool | None = None, tied: float | None = None) -> Table:
        """A random table for this machine."""
        entries = entries or int(self.rng.integers(1, [4, 12, 30][int(self.rng.integers(3))]))
        return random_table(self.rng, self.config, self.cores, HBM_BASE, entries, sets=sets, tied=tied)

    def model(self, table: Table, **options: object) -> TasksResult:
        """What the model makes of a table."""
        return core_model.run_tasks(self.config, table.image, table.base, table.count, table.windows, table.slices, origin=HBM_BASE,
                                    cores=self.cores, **options)

    def start(self, table: Table, contexts: int = 0) -> None:
        """Fill the memory and start."""
        self.transport.write_memory(HBM_BASE, table.image)
        self.device.start(table.base, table.count, table.windows.read, table.windows.write, table.slices, contexts)

    def good(self, table: Table, contexts: int = 0) -> tuple[TasksResult, dict[str, object], list[TaskSpan]]:
        """A table, bit for bit; returns the model's result, the counters, and where its entries ran."""
        expected = self.model(table)
        assert expected.cause == Cause.NONE, f"the model refuses entry {expected.entry}: {expected.cause.name} at {expected.index}"
        self.spans()
        self.start(table, contexts)
        self.device.wait(TIMEOUT)
        wanted = expected.memory
        wanted[RESULTS + 64] ^= self.flip
        found = self.transport.read_memory(HBM_BASE, TABLE_BYTES)
        wrong = np.flatnonzero(found != wanted)
        if wrong.size:
            first = int(wrong[0])
            raise AssertionError(f"{wrong.size} bytes differ, first at +0x{first:x}: 0x{found[first]:02x}, model "
                                 f"0x{wanted[first]:02x}; stored by entry/instruction {table.writers(HBM_BASE + first)}")
        counters = self.device.counters()
        self.check_counters(table, expected, counters)
        spans = self.spans()
        ran = sorted((s.entry, s.core) for s in spans)
        every = (1 << self.cores) - 1
        for entry, f in enumerate(table.entries):
            allowed = [(entry, c) for c in range(self.cores) if f["cores"] & every & 1 << c]
            own = [r for r in ran if r[0] == entry]
            right = own == allowed if f["kind"] == TaskKind.WEIGHTS else len(own) == 1 and own[0] in allowed
            assert right, f"entry {entry} ran on the cores {[c for _, c in own]}, allowed are {[c for _, c in allowed]}"
        return expected, counters, spans

    def check_counters(self, table: Table, expected: TasksResult, counters: dict[str, object]) -> None:
        """Tasks, weights and instructions that were counted are those of the table."""
        kinds = [f["kind"] for f in table.entries]
        cores = counters["cores"]
        assert sum(c["queue_tasks"] for c in cores) == kinds.count(TaskKind.TASK), "count_tasks is not the number of TASKs"
        runs = sum(bin(f["cores"] & (1 << self.cores) - 1).count("1") for f in table.entries if f["kind"] == TaskKind.WEIGHTS)
        assert sum(c["queue_weights"] for c in cores) == runs, "count_weights is not the number of runs of WEIGHTS"
        issued = sum(value for c in cores for name, value in c.items() if name.endswith("_instructions"))
        assert issued == sum(len(expected.rows[entry]) for entry, _, _ in expected.order), "instructions counted, and executed, differ"

    def own_program(self, core: int) -> None:
        """A program of a core's own, bit for bit."""
        base = HBM_BASE + core * REGION_BYTES
        program, image = random_program(self.rng, self.config, base, 3), region_image(self.rng)
        image[:program.instructions.size] = program.instructions.reshape(-1)
        self.transport.write_memory(base, image)
        self.device.cores[core].run(program.base, program.length, program.windows.read, program.windows.write, TIMEOUT)
        expected = core_model.run(self.config, image, program.base, program.length, program.windows, origin=base)
        assert expected.cause == Cause.NONE and np.array_equal(self.transport.read_memory(base, REGION_BYTES), expected.memory), \
            f"core {core}: a program of its own differs"


class TablesCoverage(Coverage):
    """What good tables did; of every TASK its entry, its rows, and where it ran."""

    def __init__(self, run: str, contexts: int, cores: int) -> None:
        super().__init__("tables", run)
        self.point("cp_memory", BEHAVIOURS)
        self.point("cp_contexts", ["one", "some", "all"])
        self.point("cp_weights", ["none", "loaded", "loaded again"])
        self.point("cp_masks", ["every core", "some cores"])
        self.point("cp_join", [True, False])
        self.point("cp_chain", [True, False])
        self.point("cp_entries", ["in the window", "beyond it"])
        self.point("cp_waits", range(5))
        self.point("cp_signals", ["none", "one", "two", "one twice"])
        self.point("cp_set", [True, False])
        self.point("cp_priority", ["0", "middle", "255"])
        self.point("cp_rows", ["END alone", "no count", "0", "some", "all"])
        self.point("cp_context", range(contexts))
        self.point("cp_core", range(cores))
        self.cross("cp_waits_x_signals", "cp_waits", "cp_signals")
        self.cross("cp_waits_x_set_x_core", "cp_waits", "cp_set", "cp_core")
        self.cross("cp_set_x_priority_x_context", "cp_set", "cp_priority", "cp_context")
        self.cross("cp_rows_x_context_x_core", "cp_rows", "cp_context", "cp_core")
        self.cross("cp_rows_x_priority", "cp_rows", "cp_priority")
        self.cross("cp_rows_x_memory", "cp_rows", "cp_memory")

    def rows(self, table: Table, entry: int, rows: list[int]) -> str:
        """What bounded a task's instructions: `rows` as in TasksResult."""
        if not rows:
            return "END alone"
        program = table.program(entry)
        bounded = [(n, f["m" if f["opcode"] == Opcode.GEMM else "rows"]) for n, f in zip(rows, program) if n >= 0]
        if not bounded:
            return "no count"
        if not any(n for n, _ in bounded):
            return "0"
        return "all" if all(n == most for n, most in bounded) else "some"

    def table(self, table: Table, memory: str, contexts: int, window: int, expected: TasksResult,
              counters: dict[str, object], spans: list[TaskSpan]) -> int:
        """Count a table; returns the number of its programs: TASKs that do more than END."""
        full = any(c["queue_full"] for c in counters["cores"])
        self.sample("cp_contexts", "one" if contexts == 1 else "all" if full else "some")
        loads = any(f["kind"] == TaskKind.WEIGHTS for f in table.entries)
        self.sample("cp_weights", "loaded again" if table.reloads else "loaded" if loads else "none")
        self.sample("cp_join", table.joins > 0)
        self.sample("cp_chain", bool(table.ordering))
        self.sample("cp_entries", "in the window" if len(table.entries) <= window else "beyond it")
        cores, programs = len(counters["cores"]), 0
        for span in spans:
            f = table.entries[span.entry]
            every = (1 << cores) - 1
            self.sample("cp_masks", "every core" if f["cores"] & every == every else "some cores")
            if f["kind"] != TaskKind.TASK:
                continue
            signals = [f[name] for name in ("signal0", "signal1") if f.get(name)]
            names = ("none", "one", "one twice" if len(set(signals)) == 1 else "two")
            rows = self.rows(table, span.entry, expected.rows[span.entry])
            programs += rows != "END alone"
            self.sample_all(cp_memory=memory, cp_waits=sum(bool(f.get(f"wait{w}_event")) for w in range(4)),
                            cp_signals=names[len(signals)], cp_set=bool(f["set"]) if "set" in f else False,
                            cp_priority={0: "0", 255: "255"}.get(f["priority"], "middle"), cp_rows=rows,
                            cp_context=span.context, cp_core=span.core)
        return programs
