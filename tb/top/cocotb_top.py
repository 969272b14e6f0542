"""Cocotb tests of the whole accelerator (2 cores, one simulation): programs against models/core.py, bad input, soft
reset.

Method: each program runs on a fresh region of HBM; afterwards the whole region must equal the model's image. Memory
behaviour (latency, stalls, order of responses) is drawn per program. Every cause of docs/isa.md is provoked; each must
give its CAUSE registers and the interrupt, and after a soft reset the next good program must run bit for bit. It does
not prove which instructions in front of an error were executed: hardware stops at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cocotb
import numpy as np
from cocotb.task import bridge

from host.driver import CoreError, Driver, DriverError, Fault
from host.transport import InterruptTimeout, TransportError
from models import core as core_model
from models.config import Config
from models.config import load as load_config
from models.isa import UNIT_OF, Buffer, Cause, Opcode, SfuOp, Unit, decode, encode
from models.scheduler_check import Windows
from tb.common.coverage import Coverage
from tb.common.seed import rng as stream
from tb.top.harness import HBM_BASE
from tb.top.programs import KINDS, PARAMETERS, REGION_BYTES, RESULT, Program, random_program, region_image, windows_of
from tb.top.sim_transport import SimTransport

TIMEOUT = 200_000  # cycles
MEMORIES = {
    "ideal": dict(latency=1, jitter=0, stall=0, reorder=0, interleave=0),
    "slow": dict(latency=120, jitter=30, stall=0, reorder=0, interleave=0),
    "stalls": dict(latency=8, jitter=8, stall=96, reorder=0, interleave=0),
    "shuffled": dict(latency=16, jitter=60, stall=24, reorder=1, interleave=1),
}
NO_ERRORS = dict(error_read=0, error_write=0, error_resp=0)


def origin_of(program: Program, address: int) -> str:
    """The STOREs that cover an address, each with the computation of its slot (tag) in front of it."""
    found, last = [], {}
    for index, raw in enumerate(program.instructions):
        f = decode(raw)
        if f["opcode"] in (Opcode.GEMM, Opcode.SFU):
            shown = {k: v for k, v in f.items() if v and not k.startswith(("wait", "signal", "tag"))}
            last[f["tag"]] = f"{index} " + " ".join(f"{k}={v}" for k, v in shown.items())
        elif f["opcode"] == Opcode.STORE:
            offset, stride = address - f["hbm_addr"], f["hbm_stride"]
            row, byte = divmod(offset, stride) if stride else (0, offset)
            if 0 <= row < f["rows"] and byte < 16 * f["row_units"]:
                found.append(f"STORE {index} (row {row}, byte {byte}) of [{last.get(f['tag'], 'no computation')}]")
    return "; ".join(found) or "no STORE"


class Bench:
    """Both cores, their regions of HBM, coverage."""

    def __init__(self, dut, name: str) -> None:
        self.config: Config = load_config(os.environ.get("FVGM_CONFIG", "tiny"))
        self.memory = np.memmap(os.environ["FVGM_MEMORY"], np.uint8, "r+")
        self.transport = SimTransport(dut, self.memory, HBM_BASE)
        self.rng = stream(f"top.{name}")
        self.flip = int(os.environ.get("FVGM_FLIP", "0"))
        self.coverage = Coverage("top", name)
        self.drivers: list[Driver] = []

    async def play(self, script: Callable[[Bench], None]) -> None:
        """Run blocking host code against the simulation."""
        await self.transport.ready()

        def host() -> None:
            self.drivers = [Driver(self.transport, 0), Driver(self.transport, 1)]
            for driver in self.drivers:
                driver.check_config(self.config)
            script(self)
            self.coverage.check()

        await bridge(host)()

    def base(self, core: int) -> int:
        return HBM_BASE + core * REGION_BYTES

    def place(self, core: int, program: Program) -> np.ndarray:
        """Fill a core's region with fresh data and the program; returns the image before."""
        image = region_image(self.rng)
        raw = program.instructions.reshape(-1)
        image[program.base - self.base(core):][:raw.size] = raw
        self.transport.write_memory(self.base(core), image)
        return image

    def begin(self, core: int, program: Program) -> None:
        self.drivers[core].start(program.base, program.length, program.windows.read, program.windows.write)

    def compare(self, core: int, program: Program, image: np.ndarray) -> None:
        """The core's region must equal the model's image after the program."""
        expected = core_model.run(self.config, image, program.base, program.length, program.windows,
                                  origin=self.base(core))
        assert expected.cause == Cause.NONE, f"the model refuses the program: {expected.cause.name} at {expected.index}"
        wanted = expected.memory
        if self.flip:
            wanted[RESULT + 64] ^= 1
        found = self.transport.read_memory(self.base(core), REGION_BYTES)
        wrong = np.flatnonzero(found != wanted)
        if wrong.size:
            first = int(wrong[0])
            raise AssertionError(f"core {core}: {wrong.size} bytes differ, first at +0x{first:x}: "
                                 f"0x{found[first]:02x}, model 0x{wanted[first]:02x}; written by "
                                 f"{origin_of(program, self.base(core) + first)}")

    def good(self, core: int, jobs: int = 5, kinds: tuple[str, ...] = KINDS) -> dict[str, int]:
        """A random program on one core, bit for bit; returns the counters."""
        program = random_program(self.rng, self.config, self.base(core), jobs, kinds)
        image = self.place(core, program)
        self.begin(core, program)
        self.drivers[core].wait(TIMEOUT)
        self.compare(core, program, image)
        counters = self.drivers[core].counters()
        units = list(Unit)
        issued = sum(counters[f"{u.name.lower()}_instructions"] for u in units)
        assert issued == program.length - 1, f"{issued} instructions counted, {program.length - 1} executed"
        assert all(counters[f"{u.name.lower()}_busy"] <= counters["cycles"] for u in units)
        return counters

    def use_memory(self, name: str) -> None:
        self.transport.knobs(**MEMORIES[name])


def overlap(cover: Coverage, counters: dict[str, int]) -> None:
    """Whether units worked at the same time."""
    busy = sum(counters[f"{u.name.lower()}_busy"] for u in Unit)
    cover.sample("cp_overlap", "units" if busy > counters["cycles"] else "none")


@cocotb.test()
async def programs(dut) -> None:
    """Every kind of job alone and all together, under every behaviour of the memory, on both cores."""
    def script(bench: Bench) -> None:
        cover = bench.coverage
        cover.point("cp_kind", [*KINDS, "mixed"])
        cover.point("cp_memory", MEMORIES)
        cover.cross("cp_kind_x_memory", "cp_kind", "cp_memory")
        cover.point("cp_overlap", ["units", "none"])
        cover.point("cp_stall_dep", [True, False])
        for memory in MEMORIES:
            bench.use_memory(memory)
            for kind in (*KINDS, "mixed"):
                mixed = kind == "mixed"
                for core in (0, 1) if mixed else (int(bench.rng.integers(2)),):
                    counters = bench.good(core, 9 if mixed else 4, KINDS if mixed else (kind,))
                    cover.sample_all(cp_kind=kind, cp_memory=memory)
                    overlap(cover, counters)
                    for u in Unit:
                        cover.sample("cp_stall_dep", counters[f"{u.name.lower()}_stall_dep"] > 0)
        for kind in KINDS:  # a single slot: its jobs wait for one another
            overlap(cover, bench.good(int(bench.rng.integers(2)), 1, (kind,)))

    await Bench(dut, "programs").play(script)


@dataclass(frozen=True)
class Bad:
    """One bad program: instructions in front of END, expected cause, unit, index and address (None: not checked)."""

    name: str
    cause: Cause
    instructions: tuple[np.ndarray, ...]
    unit: Unit | None = None
    index: int = 0
    address: int | None = None
    base: int | None = None       # PROG_BASE, if it is not the region's
    length: int | None = None     # PROG_LEN, if it is not the number of instructions
    knobs: tuple[tuple[str, int], ...] = ()
    watchdog: int = 0
    windows: Windows | None = None


def bad_instructions(config: Config, base: int) -> Iterator[Bad]:
    """Programs that the scheduler must refuse, or that fail on the bus."""
    load = dict(hbm_addr=base + 0x6000, rows=2, row_units=4, hbm_stride=64, buffer=Buffer.V, row_step=4, unit_step=1)
    store = load | dict(hbm_addr=base + RESULT)
    gemm = dict(m=3, n=9, k=17, batch=2, a_step=4, b_step=9, o_step=4, o_batch=12, pbuf_base=0)
    sfu = dict(op=SfuOp.QUANT, rows=3, cols=20, x_step=3, dst=Buffer.V, d_base=100, d_row=2, d_unit=1)
    fine = encode(Opcode.LOAD, **load)

    def one(name: str, cause: Cause, opcode: Opcode, fields: dict, address: int | None = None, **change: int) -> Bad:
        return Bad(name, cause, (fine, encode(opcode, **(fields | change))), UNIT_OF[opcode], 1,
                   0 if address is None else address)

    for opcode in (0, 8, 0xFF):
        raw = np.zeros(64, np.uint8)
        raw[0] = opcode
        yield Bad(f"opcode_{opcode}", Cause.ILLEGAL_OPCODE, (fine, fine, raw), None, 2, 0)
    yield one("store_from_a", Cause.ILLEGAL_FIELD, Opcode.STORE, store, buffer=Buffer.A)
    yield one("store_unit_step", Cause.ILLEGAL_FIELD, Opcode.STORE, store, unit_step=2)
    yield one("int8_odd", Cause.ILLEGAL_FIELD, Opcode.GEMM, gemm, a_step=3)
    yield one("int8_kn", Cause.ILLEGAL_FIELD, Opcode.GEMM, gemm, b_layout=1)
    yield one("fp16_kn_even_step", Cause.ILLEGAL_FIELD, Opcode.GEMM, gemm, precision=1, b_layout=1, b_step=10)
    yield one("fp16_k", Cause.ILLEGAL_FIELD, Opcode.GEMM, gemm, precision=1, k=16385)
    yield one("sfu_op_0", Cause.ILLEGAL_FIELD, Opcode.SFU, sfu, op=0)
    yield one("sfu_op_6", Cause.ILLEGAL_FIELD, Opcode.SFU, sfu, op=6)
    yield one("sfu_x_fp32", Cause.ILLEGAL_FIELD, Opcode.SFU, sfu, x_fp32=1)
    yield one("sfu_dst_b", Cause.ILLEGAL_FIELD, Opcode.SFU, sfu, dst=Buffer.B)
    for field in ("rows", "row_units"):
        yield one(f"load_{field}_0", Cause.ZERO_LENGTH, Opcode.LOAD, load, **{field: 0})
        yield one(f"store_{field}_0", Cause.ZERO_LENGTH, Opcode.STORE, store, **{field: 0})
    for field in ("m", "n", "k", "batch"):
        yield one(f"gemm_{field}_0", Cause.ZERO_LENGTH, Opcode.GEMM, gemm, **{field: 0})
    for field in ("rows", "cols"):
        yield one(f"sfu_{field}_0", Cause.ZERO_LENGTH, Opcode.SFU, sfu, **{field: 0})
    yield one("load_misaligned", Cause.MISALIGNED, Opcode.LOAD, load, address=base + 0x6010, hbm_addr=base + 0x6010)
    yield one("store_stride", Cause.MISALIGNED, Opcode.STORE, store, address=base + RESULT, hbm_stride=72)
    for buffer, size in ((Buffer.A, config.abuf), (Buffer.B, config.bbuf), (Buffer.V, config.vbuf),
                         (Buffer.P, 4 * config.pbuf)):
        yield one(f"load_beyond_{buffer.name}", Cause.BUFFER_RANGE, Opcode.LOAD, load, buffer=buffer, base=size - 7)
    yield one("store_beyond_V", Cause.BUFFER_RANGE, Opcode.STORE, store, base=config.vbuf - 7)
    yield one("gemm_a", Cause.BUFFER_RANGE, Opcode.GEMM, gemm, a_base=config.abuf - 6)
    yield one("gemm_b", Cause.BUFFER_RANGE, Opcode.GEMM, gemm, b_base=config.bbuf - 17)
    yield one("gemm_o", Cause.BUFFER_RANGE, Opcode.GEMM, gemm, o_base=config.vbuf - 21)
    yield one("gemm_o_fp32", Cause.BUFFER_RANGE, Opcode.GEMM, gemm, out_fp32=1, o_base=config.vbuf - 23)
    yield one("gemm_rbuf", Cause.BUFFER_RANGE, Opcode.GEMM, gemm, row_scale=1, rbuf_base=config.rbuf - 5)
    yield one("gemm_pbuf", Cause.BUFFER_RANGE, Opcode.GEMM, gemm, col_affine=1, pbuf_base=config.pbuf - 1)
    yield one("sfu_x", Cause.BUFFER_RANGE, Opcode.SFU, sfu, x_base=config.vbuf - 8)
    yield one("sfu_y", Cause.BUFFER_RANGE, Opcode.SFU, sfu, op=SfuOp.RESIDUAL, y_base=config.vbuf - 2)
    yield one("sfu_d", Cause.BUFFER_RANGE, Opcode.SFU, sfu, dst=Buffer.A, d_base=config.abuf - 5)
    yield one("sfu_pbuf", Cause.BUFFER_RANGE, Opcode.SFU, sfu, op=SfuOp.RESIDUAL, affine=1, pbuf_base=config.pbuf - 2)
    yield one("sfu_rbuf", Cause.BUFFER_RANGE, Opcode.SFU, sfu, rbuf_base=config.rbuf - 2)
    yield from _bad_sparse(config, one, base, load, store, fine)
    below, across = base - 32, base + REGION_BYTES - 96
    yield one("load_below", Cause.WINDOW_RANGE, Opcode.LOAD, load, address=below, hbm_addr=below)
    yield one("load_across", Cause.WINDOW_RANGE, Opcode.LOAD, load, address=across, hbm_addr=across)
    yield one("load_between", Cause.WINDOW_RANGE, Opcode.LOAD, load, address=base + RESULT - 64,
              hbm_addr=base + RESULT - 64)
    yield one("load_wraps", Cause.WINDOW_RANGE, Opcode.LOAD, load, address=(1 << 40) - 32, hbm_addr=(1 << 40) - 32,
              rows=65535,
              row_step=0, hbm_stride=(1 << 32) - 32)
    yield one("store_reads", Cause.WINDOW_RANGE, Opcode.STORE, store, address=base + PARAMETERS,
              hbm_addr=base + PARAMETERS)

    end = encode(Opcode.END)
    yield Bad("base_misaligned", Cause.MISALIGNED, (end,), base=base + 32, address=base + 32)
    yield Bad("base_outside", Cause.WINDOW_RANGE, (end,), base=base + RESULT, address=base + RESULT)
    yield Bad("length_outside", Cause.WINDOW_RANGE, (end,), length=RESULT // 64 + 1, address=base)
    yield Bad("length_0", Cause.PROGRAM_RANGE, (end,), length=0, address=base)
    yield Bad("no_end", Cause.PROGRAM_RANGE, (fine,) * 20, length=20, index=20, address=base + 20 * 64)
    waiting = encode(Opcode.STORE, **store, wait0_sem=9, wait0_val=1)
    yield Bad("deadlock", Cause.DEADLOCK, (fine, waiting, end), Unit.STORE, 1, 0, watchdog=500)
    full = (encode(Opcode.LOAD, **load, wait2_sem=9, wait2_val=1),) * (config.queue_depth + 1)
    yield Bad("deadlock_full_queue", Cause.DEADLOCK, (*full, encode(Opcode.SFU, **sfu, signal=9)), Unit.LOAD, 0, 0,
              watchdog=500)
    for name, response in (("slverr", 2), ("decerr", 3)):
        at = base + 64 * 9
        failing = (("error_resp", response), ("error_read", 1), ("error_port", 1), ("error_first", at),
                   ("error_last", at))
        yield Bad(f"fetch_{name}", Cause.FETCH_ERROR, (fine,) * 12, None, 8, base + 64 * 8, knobs=failing)
        at = base + 0x6040
        failing = (("error_resp", response), ("error_read", 1), ("error_port", 0), ("error_first", at),
                   ("error_last", at))
        yield Bad(f"load_{name}", Cause.READ_ERROR, (fine, end), Unit.LOAD, 0, at // 64 * 64, knobs=failing)
        at = base + RESULT + 64
        failing = (("error_resp", response), ("error_write", 1), ("error_port", 0), ("error_first", at),
                   ("error_last", at))
        yield Bad(f"store_{name}", Cause.WRITE_ERROR, (fine, encode(Opcode.STORE, **store), end), Unit.STORE, 1,
                  at // 64 * 64, knobs=failing)
    outside = HBM_BASE + (1 << 36)
    everything = Windows((base, outside + (1 << 20)), (outside, outside + (1 << 20)))
    yield Bad("load_no_memory", Cause.READ_ERROR, (encode(Opcode.LOAD, **(load | {"hbm_addr": outside})), end),
              Unit.LOAD, 0, outside, windows=everything)
    yield Bad("store_no_memory", Cause.WRITE_ERROR, (encode(Opcode.STORE, **(store | {"hbm_addr": outside})), end),
              Unit.STORE, 0, outside, windows=everything)
    top = 1 << 40  # addresses end here, windows may end behind
    yield Bad("load_behind_the_last_address", Cause.WINDOW_RANGE, (encode(Opcode.LOAD, **(load | {"hbm_addr": top - 32})), end),
              Unit.LOAD, 0, top - 32, windows=Windows((base, top + (1 << 20)), (base, base)))
    yield Bad("fetch_no_memory", Cause.FETCH_ERROR, (end,), None, 0, outside, base=outside, windows=everything)


def _bad_sparse(config: Config, one: Callable[..., Bad], base: int, load: dict, store: dict, fine: np.ndarray) -> Iterator[Bad]:
    """Lists, counts, su and ru."""
    su = dict(rows=6, cols=24, x_step=3, n1=1, n2=2, w0=1, w1=1, w2=1, map_base=6, write_base=12, count_kept=5)
    ru = dict(op=1, rows=4, units=3, y_step=3, c1_step=3, d_base=40, d_step=3)
    listed = dict(list=1, bound=2)
    yield one("su_window", Cause.ILLEGAL_FIELD, Opcode.SU, su, w1=9)
    yield one("su_reference", Cause.ILLEGAL_FIELD, Opcode.SU, su, w0=2, o0=2)
    yield one("su_step_without_meta", Cause.ILLEGAL_FIELD, Opcode.SU, su, step=1)
    yield one("su_rows", Cause.ILLEGAL_FIELD, Opcode.SU, su, rows=1025)
    yield one("ru_gather_extrapolates", Cause.ILLEGAL_FIELD, Opcode.RU, ru, op=0, extrapolate=1)
    yield one("su_cols_0", Cause.ZERO_LENGTH, Opcode.SU, su, cols=0)
    yield one("ru_units_0", Cause.ZERO_LENGTH, Opcode.RU, ru, units=0)
    yield one("load_bound_0", Cause.ZERO_LENGTH, Opcode.LOAD, load, list=1)
    yield one("su_mbuf", Cause.BUFFER_RANGE, Opcode.SU, su, map_base=config.mbuf - 5)
    yield one("su_x", Cause.BUFFER_RANGE, Opcode.SU, su, x_base=config.vbuf - 17)
    yield one("ru_d", Cause.BUFFER_RANGE, Opcode.RU, ru, d_base=config.vbuf - 11)
    yield one("store_list", Cause.BUFFER_RANGE, Opcode.STORE, store, list=1, bound=2, list_base=config.mbuf - 1)
    yield one("store_bound", Cause.WINDOW_RANGE, Opcode.STORE, store, address=base + RESULT, **listed | {"bound": 60000})
    # Six rows are kept: fewer are allowed.
    end = encode(Opcode.END)
    after = dict(wait0_sem=7, wait0_val=1, count=5)
    decision = encode(Opcode.SU, **su, signal=7)
    sfu = dict(op=SfuOp.QUANT, rows=5, cols=20, x_step=3, dst=Buffer.V, d_base=100, d_row=2, d_unit=1)
    for name, opcode, fields in (("sfu", Opcode.SFU, sfu), ("ru", Opcode.RU, ru), ("store", Opcode.STORE, store),
                                 ("gemm", Opcode.GEMM, dict(m=3, n=9, k=17, batch=1, a_step=4, b_step=9, o_step=4))):
        yield Bad(f"count_{name}", Cause.COUNT_RANGE, (fine, decision, encode(opcode, **(fields | after)), end),
                  UNIT_OF[opcode], 2, 0)
    # The kept list names rows up to 5.
    by_list = dict(list=1, bound=5, rows=6, wait0_sem=7, wait0_val=1)
    for opcode, fields, cause in ((Opcode.LOAD, load, Cause.READ_ERROR), (Opcode.STORE, store, Cause.WRITE_ERROR)):
        yield Bad(f"{opcode.name.lower()}_beyond_bound", cause, (decision, encode(opcode, **(fields | by_list)), end),
                  UNIT_OF[opcode], 1, fields["hbm_addr"])


def provoke(bench: Bench, core: int, bad: Bad) -> Fault:
    """Run a bad program, check registers and interrupt, and reset the core."""
    program = Program(np.stack([*bad.instructions]), bench.base(core), bad.windows or windows_of(bench.base(core)))
    bench.place(core, program)
    driver = bench.drivers[core]
    bench.transport.knobs(**NO_ERRORS, error_core=core)
    if bad.knobs:
        bench.transport.knobs(**dict(bad.knobs))
    driver.write("watchdog", bad.watchdog or 1 << 20)
    length = program.length if bad.length is None else bad.length
    driver.start(program.base if bad.base is None else bad.base, length, program.windows.read, program.windows.write)
    try:
        driver.wait(TIMEOUT)
    except CoreError as error:
        fault = error.fault
        assert bad.cause.name in str(error) and f"core {core}" in str(error) and "\n" not in str(error), str(error)
    else:
        raise AssertionError(f"{bad.name}: the core did not stop")
    assert fault.cause == bad.cause, f"{bad.name}: {fault}, expected {bad.cause.name}"
    assert fault.unit == bad.unit, f"{bad.name}: {fault}, expected unit {bad.unit}"
    if bad.index is not None:
        assert fault.index == bad.index, f"{bad.name}: {fault}, expected index {bad.index}"
    if bad.address is not None:
        assert fault.address == bad.address, f"{bad.name}: {fault}, expected address 0x{bad.address:x}"
    status = driver.status()
    assert status["error"] and not status["idle"] and not status["busy"] and not status["done"], f"{bad.name}: {status}"
    try:
        driver.start(program.base, 1, program.windows.read, program.windows.write)
    except DriverError:
        pass
    else:
        raise AssertionError(f"{bad.name}: the driver started a stopped core")
    bench.transport.knobs(**NO_ERRORS)
    driver.reset()
    assert driver.fault().cause == Cause.NONE and driver.status()["idle"]
    return fault


@cocotb.test()
async def bad_input(dut) -> None:
    """Every cause, on alternating cores; after each reset a good program runs bit for bit."""
    def script(bench: Bench) -> None:
        bench.coverage.point("cp_cause", [c.name for c in Cause if c not in (Cause.NONE, Cause.CORE_ERROR)])
        bench.coverage.point("cp_unit", [*(u.name for u in Unit), "none"])
        bench.use_memory("ideal")
        count = len(list(bad_instructions(bench.config, bench.base(0))))
        for number in range(count):
            core = number % 2
            bad = list(bad_instructions(bench.config, bench.base(core)))[number]
            fault = provoke(bench, core, bad)
            bench.coverage.sample("cp_cause", fault.cause.name)
            bench.coverage.sample("cp_unit", fault.unit.name if fault.unit is not None else "none")
            bench.good(core, 1, (str(bench.rng.choice(KINDS)),))
        assert all(d.read("irq_status") == 0 for d in bench.drivers)

    await Bench(dut, "bad_input").play(script)


@cocotb.test()
async def cores_are_independent(dut) -> None:
    """One core fails and is reset, again and again, while the other runs; also a reset in the middle of a good
    program.
    """
    def script(bench: Bench) -> None:
        bench.coverage.point("cp_reset", ["after_error", "running"], goal=2)
        bench.use_memory("shuffled")
        for first in (0, 1):
            other = 1 - first
            program = random_program(bench.rng, bench.config, bench.base(other), 14)
            image = bench.place(other, program)
            bench.begin(other, program)
            bads = list(bad_instructions(bench.config, bench.base(first)))
            provoke(bench, first, bads[0])
            bench.coverage.sample("cp_reset", "after_error")
            aborted = random_program(bench.rng, bench.config, bench.base(first), 8)
            bench.place(first, aborted)
            bench.begin(first, aborted)
            bench.transport.idle(int(bench.rng.integers(150, 900)))
            bench.drivers[first].reset()
            bench.coverage.sample("cp_reset", "running")
            bench.good(first, 4)
            bench.drivers[other].wait(TIMEOUT)
            bench.compare(other, program, image)

    await Bench(dut, "cores").play(script)


@cocotb.test()
async def host_errors(dut) -> None:
    """Addresses without a register or a core, a start while running, a missing interrupt: one-line errors."""
    def script(bench: Bench) -> None:
        def raises(kind: type[Exception], words: str, action: Callable[[], object]) -> None:
            try:
                action()
            except kind as error:
                assert words in str(error) and "\n" not in str(error), str(error)
            else:
                raise AssertionError(f"no {kind.__name__}")

        raises(TransportError, "DECERR", lambda: bench.transport.read32(0x2000))
        raises(TransportError, "DECERR", lambda: bench.transport.write32(0x1E000, 1))
        raises(TransportError, "DECERR", lambda: bench.transport.read32(0x10000))
        raises(TransportError, "SLVERR", lambda: bench.transport.read32(0x1FFC))
        raises(TransportError, "SLVERR", lambda: bench.transport.write32(0x0, 1))
        raises(DriverError, "does not fit", lambda: bench.drivers[0].write_wide("prog_base", 1 << 40))
        bench.use_memory("slow")
        program = random_program(bench.rng, bench.config, bench.base(0), 4)
        image = bench.place(0, program)
        bench.begin(0, program)
        raises(DriverError, "not idle", lambda: bench.begin(0, program))
        raises(InterruptTimeout, "no interrupt", lambda: bench.drivers[0].wait(10))
        bench.drivers[0].wait(TIMEOUT)
        bench.compare(0, program, image)

    await Bench(dut, "host_errors").play(script)
