"""Tables of tasks with one deliberate error, and what the registers must say about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from host.device import TableError
from host.driver import DriverError
from models.isa import INSTRUCTION_BYTES, MAX_CORES, Buffer, Cause, Opcode, SliceBuffer, TaskKind, encode, encode_task
from models.slices import Slices
from tb.top.cocotb_top import NO_ERRORS
from tb.top.harness import HBM_BASE
from tb.top.tables import Table
from tb.top.tables_env import TIMEOUT, Bench
from tb.top.task_slots import RESULTS, TABLE_BYTES

SHORT = 2000  # watchdog of tables that hang


@dataclass(frozen=True)
class Bad:
    """A table that stops: why, and what the registers say (None: not checked)."""

    name: str
    table: Table
    cause: Cause
    entry: int | None = None
    core: int | None = None
    core_cause: Cause | None = None
    index: int | None = None
    knobs: tuple[tuple[str, int], ...] = ()
    watchdog: int = 1 << 20
    core_watchdog: int = 1 << 20


def with_entry(table: Table, entry: int, **fields: int) -> Table:
    """A table with other fields in one entry."""
    f = table.entries[entry] | fields
    raw = encode_task(TaskKind.TASK, **{k: v for k, v in f.items() if k != "kind"})
    raw[0] = f["kind"]
    image = table.image.copy()
    image[INSTRUCTION_BYTES * entry:][:INSTRUCTION_BYTES] = raw
    return replace(table, image=image, entries=[*table.entries[:entry], f, *table.entries[entry + 1:]])


def with_instruction(table: Table, entry: int, index: int, raw: np.ndarray) -> Table:
    """A table with another instruction in one entry's program."""
    image = table.image.copy()
    image[table.entries[entry]["base"] - table.base + INSTRUCTION_BYTES * index:][:INSTRUCTION_BYTES] = raw
    return replace(table, image=image)


def bad_instructions(bench: Bench) -> list[tuple[str, Cause, np.ndarray]]:
    """(name, cause, instruction): what no task may hold."""
    slices = bench.base.slices
    load = dict(hbm_addr=HBM_BASE + 0x6000, rows=2, row_units=4, hbm_stride=64, buffer=Buffer.V, row_step=4, unit_step=1, slice=63)
    store = load | dict(hbm_addr=HBM_BASE + RESULTS)
    out = [("opcode", Cause.ILLEGAL_OPCODE, np.full(INSTRUCTION_BYTES, 0x88, np.uint8)),
           ("store_from_a", Cause.ILLEGAL_FIELD, encode(Opcode.STORE, **(store | dict(buffer=Buffer.A)))),
           ("no_rows", Cause.ZERO_LENGTH, encode(Opcode.LOAD, **(load | dict(rows=0)))),
           ("misaligned", Cause.MISALIGNED, encode(Opcode.LOAD, **(load | dict(hbm_addr=HBM_BASE + 0x6010)))),
           ("store_reads", Cause.WINDOW_RANGE, encode(Opcode.STORE, **(store | dict(hbm_addr=HBM_BASE + 0x6000)))),
           ("load_below", Cause.WINDOW_RANGE, encode(Opcode.LOAD, **(load | dict(hbm_addr=HBM_BASE - 32))))]
    for buffer in Buffer:
        words = slices.size[SliceBuffer(buffer)] * (4 if buffer == Buffer.P else 1)
        out.append((f"beyond_slice_{buffer.name}", Cause.BUFFER_RANGE,
                    encode(Opcode.LOAD, **(load | dict(buffer=buffer, base=words - 7)))))
    hang = encode(Opcode.LOAD, **load, wait0_sem=63, wait0_val=1)
    return [*out, ("hang", Cause.DEADLOCK, hang)]


def bad_tables(bench: Bench, table: Table) -> list[Bad]:
    """Every way to stop, in a table that is good without it."""
    rng = bench.rng
    tasks = [e for e, f in enumerate(table.entries) if f["kind"] == TaskKind.TASK and table.program(e)[0]["opcode"] != Opcode.END]
    out = []
    for name, cause, raw in bad_instructions(bench):
        entry = int(rng.choice(tasks))
        program = table.program(entry)
        last = next(i for i, f in enumerate(program) if f["opcode"] == Opcode.END)
        index, core = int(rng.integers(last)), int(rng.integers(bench.cores))
        bad = with_instruction(table, entry, index, raw)
        out.append(Bad(name, with_entry(bad, entry, cores=1 << core), Cause.CORE_ERROR, entry, core, cause,
                       None if cause == Cause.DEADLOCK else index, core_watchdog=SHORT if cause == Cause.DEADLOCK else 1 << 20))
    entry = int(rng.choice(tasks))
    last = next(i for i, f in enumerate(table.program(entry)) if f["opcode"] == Opcode.END)
    for name, cause, index, fields in (("no_end", Cause.PROGRAM_RANGE, last, dict(length=last)),
                                       ("program_misaligned", Cause.MISALIGNED, 0, dict(base=table.entries[entry]["base"] + 32)),
                                       ("program_outside", Cause.WINDOW_RANGE, 0, dict(base=HBM_BASE + RESULTS))):
        out.append(Bad(f"task_{name}", with_entry(table, entry, **fields), Cause.CORE_ERROR, entry, None, cause, index))
    for core in range(bench.cores):
        for name, cause, port, first in (("load", Cause.READ_ERROR, 0, 0), ("fetch", Cause.FETCH_ERROR, 1, 0),
                                         ("store", Cause.WRITE_ERROR, 0, RESULTS)):
            kind = "error_write" if cause == Cause.WRITE_ERROR else "error_read"
            knobs = (("error_resp", 2), (kind, 1), ("error_core", core), ("error_port", port),
                     ("error_first", HBM_BASE + first), ("error_last", HBM_BASE + TABLE_BYTES - 1))
            busy = with_entry(table, tasks[0], cores=1 << core)
            out.append(Bad(f"{name}_fails_{core}", busy, Cause.CORE_ERROR, None, core, cause, None, knobs))
    for name, cause, fields in (("kind_0", Cause.ILLEGAL_OPCODE, dict(kind=0)), ("kind_4", Cause.ILLEGAL_OPCODE, dict(kind=4)),
                                ("no_core", Cause.ILLEGAL_FIELD, dict(cores=(1 << MAX_CORES) - (1 << bench.cores))),
                                ("no_set", Cause.ILLEGAL_FIELD, dict(kind=int(TaskKind.WEIGHTS), set=0, areas=1)),
                                ("no_area", Cause.ILLEGAL_FIELD, dict(set=9, areas=0)), ("no_length", Cause.ZERO_LENGTH, dict(length=0))):
        entry = int(rng.integers(len(table.entries)))
        out.append(Bad(f"entry_{name}", with_entry(table, entry, **fields), cause, entry))
    number = len(table.entries)
    failing = (("error_resp", 3), ("error_read", 1), ("error_core", bench.cores), ("error_first", HBM_BASE),
               ("error_last", HBM_BASE + 63))
    wide = list(table.slices.size)
    buffer = int(rng.integers(len(wide)))
    wide[buffer] += max(1, 2048 // bench.config.contexts)
    out += [Bad("table_misaligned", replace(table, base=table.base + 32), Cause.MISALIGNED, 0),
            Bad("table_outside", replace(table, base=HBM_BASE + RESULTS), Cause.WINDOW_RANGE, 0),
            Bad("table_empty", replace(table, count=0), Cause.PROGRAM_RANGE, 0),
            Bad("table_no_end", replace(table, count=number), Cause.PROGRAM_RANGE, number),
            Bad("table_fetch", table, Cause.FETCH_ERROR, 0, knobs=failing),
            Bad("slices", replace(table, slices=Slices(table.slices.base, tuple(wide))), Cause.BUFFER_RANGE, 0),
            Bad("slices_odd", replace(table, slices=Slices((1, *table.slices.base[1:]), (256, *table.slices.size[1:]))), Cause.MISALIGNED, 0),
            Bad("dead_event", with_entry(table, tasks[-1], wait3_event=255, wait3_value=0x4000), Cause.DEADLOCK, watchdog=SHORT)]
    return out


def provoke(bench: Bench, bad: Bad) -> str:
    """Run a table that stops, check the registers, reset the device; returns the cause that counts."""
    device = bench.device
    bench.transport.knobs(**NO_ERRORS, error_core=0)
    bench.transport.knobs(**dict(bad.knobs))
    device.write("watchdog", bad.watchdog)
    for core in device.cores:
        core.write("watchdog", bad.core_watchdog)
    bench.start(bad.table)
    try:
        device.wait(TIMEOUT)
    except TableError as error:
        fault, text = error.fault, str(error)
    else:
        raise AssertionError(f"{bad.name}: the table did not stop")
    assert fault.cause == bad.cause and "\n" not in text, f"{bad.name}: {text}, expected {bad.cause.name}"
    if bad.cause == Cause.CORE_ERROR:
        found = fault.fault
        assert bad.core in (None, fault.core), f"{bad.name}: {text}, expected core {bad.core}"
        assert found.cause == bad.core_cause, f"{bad.name}: {text}, expected {bad.core_cause.name}"
        assert bad.entry in (None, found.task), f"{bad.name}: {text}, expected entry {bad.entry}"
        assert bad.index in (None, found.index), f"{bad.name}: {text}, expected instruction {bad.index}"
    else:
        assert bad.entry in (None, fault.entry), f"{bad.name}: {text}, expected entry {bad.entry}"
    if not bad.knobs and bad.cause != Cause.DEADLOCK and bad.core_cause != Cause.DEADLOCK:
        model = bench.model(bad.table)
        wanted = bad.core_cause or bad.cause
        assert (model.cause, model.entry) == (wanted, bad.entry), f"{bad.name}: the model says {model.cause.name}, {model.entry}"
    status = device.status()
    assert status["error"] and not status["idle"] and not status["busy"], f"{bad.name}: {status}"
    try:
        bench.start(bad.table)
    except DriverError:
        pass
    else:
        raise AssertionError(f"{bad.name}: a stopped device was started")
    bench.transport.knobs(**NO_ERRORS, error_core=0)
    device.reset()
    device.write("watchdog", 1 << 20)
    for core in device.cores:
        core.write("watchdog", 1 << 20)
        assert core.status()["idle"], f"{bad.name}: core {core.core} is not idle after the reset"
    return (bad.core_cause or bad.cause).name
