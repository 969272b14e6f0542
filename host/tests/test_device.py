"""host/device.py over registers that are a dictionary.

Method: a transport that holds the words of the task queue's page and of its cores' pages, answers an error where the register
maps have no register, and plays a scripted outcome at CONTROL.start. What the driver wrote is compared register by register. It does
not prove that the RTL has these registers: tb/top and tb/csr do.
"""

from __future__ import annotations

import numpy as np
import pytest

from host import regmap, taskq_regmap
from host.device import IDENTITY, PAGE, Device, TableError
from host.driver import IDENTITY as CORE_IDENTITY
from host.driver import PAGE_BYTES, DriverError
from host.transport import InterruptTimeout, TransportError
from models import config as configs
from models.isa import MAX_CORES, Cause, Unit
from models.slices import Slices

CONFIG = configs.load("tiny")
SLICES = Slices((1, 2, 3, 4, 5, 6), (10, 20, 30, 40, 50, 60))
READ, WRITE = (0x40_0000_0000, 0x41_0000_0000), (0x40_0000_1000, 0x100_0000_0000)
TABLE = 0x40_0000_2040


class Registers:
    """A transport without memory; `outcome` are the registers (page, name) that a run of the table changes."""

    def __init__(self, cores: int = 2) -> None:
        self.maps = {core: regmap.REGISTERS for core in range(cores)} | {PAGE: taskq_regmap.REGISTERS}
        self.names = {page * PAGE_BYTES + r.offset: (page, name) for page, m in self.maps.items() for name, r in m.items()}
        self.words = {key: 0 for key in self.names.values()}
        self.written: list[tuple[int, str, int]] = []
        self.outcome: dict[tuple[int, str], int] = {}
        self.interrupt = True
        for page in self.maps:
            self.set(page, "status", idle=1)
        self.set(PAGE, "id", value=IDENTITY)
        self.set(PAGE, "config", cores=cores, contexts=CONFIG.contexts, window=CONFIG.task_window)
        for core in range(cores):
            self.set(core, "id", value=CORE_IDENTITY)
            self.set(core, "config_array", chain_rows=CONFIG.chain_rows)
            self.set(core, "config_queue", queue_depth=CONFIG.queue_depth, axi_slots=CONFIG.axi_slots,
                     burst_beats=CONFIG.burst_beats)
            for name in ("abuf", "bbuf", "vbuf", "pbuf", "rbuf", "mbuf"):
                self.set(core, f"config_{name}", value=getattr(CONFIG, name))

    def word(self, page: int, name: str, **fields: int) -> int:
        places = self.maps[page][name].fields
        assert all(value < 1 << places[f].width for f, value in fields.items()), name
        return sum(value << places[f].low for f, value in fields.items())

    def set(self, page: int, name: str, **fields: int) -> None:
        self.words[page, name] = self.word(page, name, **fields)

    def ends(self, page: int, name: str, **fields: int) -> None:
        """A register as the run leaves it."""
        self.outcome[page, name] = self.word(page, name, **fields)

    def wide(self, page: int, name: str) -> int:
        return self.words[page, f"{name}_lo"] | self.words[page, f"{name}_hi"] << 32

    def key(self, address: int) -> tuple[int, str]:
        if address not in self.names:
            raise TransportError(f"register 0x{address:x}")
        return self.names[address]

    def read32(self, address: int) -> int:
        return self.words[self.key(address)]

    def write32(self, address: int, value: int) -> None:
        page, name = self.key(address)
        assert 0 <= value < 1 << 32
        self.written.append((page, name, value))
        if name == "irq_status":
            self.words[page, name] &= ~value
        elif name != "control":
            self.words[page, name] = value
        elif value == 1:
            self.words |= self.outcome

    def read_memory(self, address: int, size: int) -> np.ndarray:
        raise AssertionError("the driver has nothing to read")

    def write_memory(self, address: int, data: np.ndarray) -> None:
        raise AssertionError("the driver has nothing to write")

    def wait_interrupt(self, page: int, timeout: float) -> None:
        assert page == PAGE
        if not self.interrupt:
            raise InterruptTimeout(f"page {page}")


@pytest.mark.parametrize("cores", [1, 2, MAX_CORES])
def test_start_writes_every_register_and_starts_last(cores: int) -> None:
    registers = Registers(cores)
    device = Device(registers)
    device.check_config(CONFIG)
    assert len(device.cores) == cores and not registers.written
    device.start(TABLE, 77, READ, WRITE, SLICES, contexts=1)
    for page in (*range(cores), PAGE):
        assert (registers.wide(page, "read_window_base"), registers.wide(page, "read_window_limit")) == READ
    for core in range(cores):
        assert (registers.wide(core, "write_window_base"), registers.wide(core, "write_window_limit")) == WRITE
    for b in range(6):
        assert (registers.words[PAGE, f"slice_base{b}"], registers.words[PAGE, f"slice_size{b}"]) == (SLICES.base[b], SLICES.size[b])
    assert registers.wide(PAGE, "task_base") == TABLE
    assert (registers.words[PAGE, "task_count"], registers.words[PAGE, "contexts"], registers.words[PAGE, "irq_enable"]) == (77, 1, 3)
    assert registers.written[-1] == (PAGE, "control", 1)
    assert [w for w in registers.written if w[1] == "control"] == [(PAGE, "control", 1)], "cores are started by the task queue"


@pytest.mark.parametrize("cores", [2, MAX_CORES])
def test_a_good_run_clears_its_interrupt_and_counts(cores: int) -> None:
    registers = Registers(cores)
    registers.ends(PAGE, "irq_status", done=1)
    registers.ends(PAGE, "status", idle=1, done=1)
    device = Device(registers)
    device.run(TABLE, 3, READ, WRITE, SLICES)
    assert registers.words[PAGE, "irq_status"] == 0
    numbers = iter(range(1000, 9000))
    for key in registers.words:
        if key[1].startswith("count_"):
            registers.words[key] = next(numbers)
    counters = device.counters()
    assert counters["cycles"] == registers.wide(PAGE, "count_cycles") and len(counters["cores"]) == cores
    for core, found in enumerate(counters["cores"]):
        for name in ("tasks", "weights", "starved", "full", "active"):
            assert found[f"queue_{name}"] == registers.words[PAGE, f"count_core{core}_{name}"]
        assert found["cycles"] == registers.wide(core, "count_cycles")
        assert found["sfu_stall_on2"] == registers.words[core, f"count_unit{Unit.SFU}_stall_on2"]
        units = [n for p, n in registers.words if p == core and n.startswith("count_")]
        assert len(found) == len(units) - 1 + 5, "every counter once; cycles are two words"


def test_a_fault_of_the_table_names_entry_and_address() -> None:
    registers = Registers()
    registers.ends(PAGE, "irq_status", error=1)
    registers.ends(PAGE, "status", idle=1, error=1)
    registers.ends(PAGE, "cause", cause=Cause.FETCH_ERROR)
    registers.ends(PAGE, "cause_index", value=9)
    registers.ends(PAGE, "cause_addr_lo", value=0x240)
    registers.ends(PAGE, "cause_addr_hi", value=0x40)
    with pytest.raises(TableError) as caught:
        Device(registers).run(TABLE, 30, READ, WRITE, SLICES)
    fault = caught.value.fault
    assert (fault.cause, fault.entry, fault.address, fault.core) == (Cause.FETCH_ERROR, 9, 0x40_0000_0240, None)
    assert str(caught.value) == "FETCH_ERROR at entry 9, address 0x4000000240"
    assert registers.words[PAGE, "irq_status"] == 0


@pytest.mark.parametrize("core", [1, MAX_CORES - 1])
def test_a_fault_of_a_core_is_that_cores(core: int) -> None:
    registers = Registers(core + 1)
    registers.ends(PAGE, "status", idle=1, error=1)
    registers.ends(PAGE, "cause", cause=Cause.CORE_ERROR, core=core)
    registers.ends(0, "cause", cause=Cause.DEADLOCK)
    registers.ends(core, "cause", cause=Cause.COUNT_RANGE, unit_id=Unit.STORE, opcode=3)
    registers.ends(core, "cause_index", value=5)
    registers.ends(core, "cause_task", value=12)
    with pytest.raises(TableError) as caught:
        Device(registers).run(TABLE, 30, READ, WRITE, SLICES)
    fault = caught.value.fault
    assert (fault.cause, fault.core) == (Cause.CORE_ERROR, core)
    assert (fault.fault.cause, fault.fault.unit, fault.fault.index, fault.fault.task) == (Cause.COUNT_RANGE, Unit.STORE, 5, 12)
    assert str(caught.value) == f"CORE_ERROR: core {core}, task 12: COUNT_RANGE at instruction 5 (opcode 3) of unit STORE"


def test_a_busy_queue_is_left_alone() -> None:
    registers = Registers()
    registers.set(PAGE, "status", busy=1)
    with pytest.raises(DriverError, match="task queue is not idle: busy"):
        Device(registers).start(TABLE, 3, READ, WRITE, SLICES)
    assert not registers.written


def test_an_address_that_does_not_fit_starts_nothing() -> None:
    registers = Registers()
    with pytest.raises(DriverError, match="task_base = 0x10000000000 does not fit 40 bits"):
        Device(registers).start(1 << 40, 3, READ, WRITE, SLICES)
    assert not any(name == "control" for _, name, _ in registers.written)


def test_no_interrupt() -> None:
    registers = Registers()
    registers.interrupt = False
    with pytest.raises(InterruptTimeout):
        Device(registers).run(TABLE, 3, READ, WRITE, SLICES)


def test_reset_ends_when_the_ports_are_idle() -> None:
    registers = Registers()
    device = Device(registers)
    device.reset()
    assert registers.written == [(PAGE, "control", 2), (PAGE, "irq_status", 3)]
    registers.set(PAGE, "status", resetting=1)
    with pytest.raises(DriverError, match="soft reset does not end"):
        device.reset(polls=3)


@pytest.mark.parametrize(("page", "name", "fields", "message"), [
    (PAGE, "config", {"cores": 2, "contexts": 8, "window": 4}, "task queue: contexts is 8, configuration tiny has 2"),
    (PAGE, "config", {"cores": 2, "contexts": 2, "window": 5}, "task queue: window is 5, configuration tiny has 4"),
    (1, "config_vbuf", {"value": 9}, "core 1: vbuf is 9, configuration tiny has 2048"),
    (0, "config_array", {"chain_rows": 3}, "core 0: chain_rows is 3, configuration tiny has 2"),
], ids=["contexts", "window", "vbuf", "rows"])
def test_another_machine(page: int, name: str, fields: dict[str, int], message: str) -> None:
    registers = Registers()
    registers.set(page, name, **fields)
    with pytest.raises(DriverError) as caught:
        Device(registers).check_config(CONFIG)
    assert str(caught.value) == message


@pytest.mark.parametrize("page", [0, 1, PAGE])
def test_another_device(page: int) -> None:
    registers = Registers()
    registers.set(page, "id", value=0x1234)
    with pytest.raises(DriverError, match="register ID is 0x00001234"):
        Device(registers)
