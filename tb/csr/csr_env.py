"""pyuvm environment of fvgm_csr: AXI4-Lite accesses with idles and back-pressure against models/csr.py.

One access at a time; its address and data channels start apart by random cycles, its response is taken after random
cycles. What hardware drives changes at random between accesses.
"""

from __future__ import annotations

import os

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge
from pyuvm import (ConfigDB, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_sequence, uvm_sequence_item,
                   uvm_sequencer, uvm_subscriber)

from host.regmap import REGISTERS
from models.config import Config
from models.csr import CsrModel
from tb.common.coverage import Coverage

LAST = 0xFFC
WIDE = {"prog_base": 40, "read_window_base": 40, "read_window_limit": 41, "write_window_base": 40,
        "write_window_limit": 41}


class AccessItem(uvm_sequence_item):
    """One access; gaps in cycles: address, data, response."""

    def __init__(self, write: bool, address: int, data: int = 0, strobes: int = 15,
                 gaps: tuple[int, int, int] = (0, 0, 0)) -> None:
        super().__init__("access")
        self.write, self.address, self.data, self.strobes, self.gaps = write, address, data, strobes, gaps


class WalkSequence(uvm_sequence):
    """Every register: reset value, all ones, all zeros; then every hole next to one."""

    async def body(self) -> None:
        """Reads first, so that every reset value is seen."""
        offsets = [r.offset for r in REGISTERS.values()]
        walk = [(False, o, 0) for o in offsets]
        for offset in offsets:
            walk += [(True, offset, 0xFFFFFFFF), (False, offset, 0), (True, offset, 0), (False, offset, 0)]
        holes = sorted({o + 4 for o in offsets} - set(offsets)) + [LAST]
        walk += [(write, o, 0) for o in holes for write in (False, True)]
        for write, offset, data in walk:
            item = AccessItem(write, offset, data)
            await self.start_item(item)
            await self.finish_item(item)


class RandomSequence(uvm_sequence):
    """Random accesses, mostly to registers, with random strobes, idles and back-pressure."""

    def __init__(self, name: str, rng: np.random.Generator, count: int) -> None:
        super().__init__(name)
        self.rng, self.count = rng, count

    async def body(self) -> None:
        """Half of the accesses come without idles."""
        rng, offsets = self.rng, [r.offset for r in REGISTERS.values()]
        favourites = [REGISTERS[n].offset for n in ("control", "irq_status", "irq_enable")]
        for _ in range(self.count):
            pool = favourites if rng.random() < 0.3 else offsets
            address = int(rng.choice(pool)) if rng.random() < 0.9 else int(rng.integers(0, 4096))
            gaps = tuple(int(g) for g in rng.integers(0, 5, 3)) if rng.random() < 0.5 else (0, 0, 0)
            strobes = 15 if rng.random() < 0.6 else int(rng.integers(0, 16))
            item = AccessItem(bool(rng.integers(2)), address, int(rng.integers(0, 1 << 32)), strobes, gaps)
            await self.start_item(item)
            await self.finish_item(item)


class AccessDriver(uvm_driver):
    """Performs accesses; publishes (item, response, data, cycles)."""

    def build_phase(self) -> None:
        self.port = uvm_analysis_port("port", self)

    async def channel(self, valid: str, ready: str, gap: int) -> None:
        """Handshake of a request channel whose payload is set."""
        dut = cocotb.top
        for _ in range(gap):
            await RisingEdge(dut.clk_i)
        getattr(dut, valid).value = 1
        while True:
            await RisingEdge(dut.clk_i)
            if int(getattr(dut, ready).value):
                break
        getattr(dut, valid).value = 0

    async def response(self, prefix: str, gap: int) -> tuple[int, int]:
        """Take a response after `gap` cycles of back-pressure: (response, data)."""
        dut = cocotb.top
        valid, ready = getattr(dut, f"s_axil_{prefix}valid"), getattr(dut, f"s_axil_{prefix}ready")
        ready.value = 0
        for _ in range(gap):
            await RisingEdge(dut.clk_i)
        ready.value = 1
        while True:
            await RisingEdge(dut.clk_i)
            if int(valid.value) and int(ready.value):
                break
        ready.value = 0
        return int(getattr(dut, f"s_axil_{prefix}resp").value), int(dut.s_axil_rdata.value) if prefix == "r" else 0

    async def run_phase(self) -> None:
        """Items one after another."""
        dut = cocotb.top
        while True:
            item = await self.seq_item_port.get_next_item()
            cocotb.top.s_axil_awaddr.value = cocotb.top.s_axil_araddr.value = item.address
            dut.s_axil_wdata.value, dut.s_axil_wstrb.value = item.data, item.strobes
            if item.write:
                tasks = [cocotb.start_soon(self.channel("s_axil_awvalid", "s_axil_awready", item.gaps[0])),
                         cocotb.start_soon(self.channel("s_axil_wvalid", "s_axil_wready", item.gaps[1]))]
            else:
                tasks = [cocotb.start_soon(self.channel("s_axil_arvalid", "s_axil_arready", item.gaps[0]))]
            result = await self.response("b" if item.write else "r", item.gaps[2])
            for task in tasks:
                await task
            self.port.write((item, *result))
            self.seq_item_port.item_done()


class Hardware(uvm_component):
    """Drives random status, causes, counters and interrupt events; mirrors them into the model."""

    # In the order of the scheduler's counters_t, which has su's behind those of the units.
    COUNTERS = sorted((n for n in REGISTERS if n.startswith("count_")), key=lambda n: n.startswith("count_su_"))

    def build_phase(self) -> None:
        self.model: CsrModel = ConfigDB().get(self, "", "MODEL")
        self.rng: np.random.Generator = ConfigDB().get(self, "", "RNG")
        self.config: Config = ConfigDB().get(self, "", "CONFIG")
        c = self.config
        self.model.hardware |= {"config_array": c.chain_rows, "config_abuf": c.abuf,
                                "config_bbuf": c.bbuf,
                                "config_vbuf": c.vbuf, "config_pbuf": c.pbuf, "config_rbuf": c.rbuf,
                                "config_mbuf": c.mbuf,
                                "config_queue": c.queue_depth | c.axi_slots << 8 | c.burst_beats << 16}

    def drive(self) -> tuple[bool, bool]:
        """New random inputs; returns the interrupt events."""
        dut, rng, hardware = cocotb.top, self.rng, self.model.hardware
        words = [int(w) for w in rng.integers(0, 1 << 32, len(self.COUNTERS))]
        dut.counters_i.value = sum(w << 32 * i for i, w in enumerate(words))
        hardware |= dict(zip(self.COUNTERS, words))
        state, cause, unit, opcode = (int(rng.integers(0, n)) for n in (32, 16, 8, 256))
        index, address = int(rng.integers(0, 1 << 32)), int(rng.integers(0, 1 << 40))
        dut.state_i.value, dut.cause_i.value = state, cause
        dut.cause_unit_i.value, dut.cause_opcode_i.value = unit, opcode
        dut.cause_index_i.value, dut.cause_addr_i.value = index, address
        task = int(rng.integers(0, 1 << 32))
        dut.cause_task_i.value = task
        hardware |= {"status": state, "cause": cause | unit << 8 | opcode << 16, "cause_index": index, "cause_task": task,
                     "cause_addr_lo": address & 0xFFFFFFFF, "cause_addr_hi": address >> 32}
        done, error = (bool(rng.random() < 0.2) for _ in range(2))
        dut.irq_done_i.value, dut.irq_error_i.value = int(done), int(error)
        return done, error


class CsrScoreboard(uvm_subscriber):
    """Compares every access with the model, the outputs after it, and counts pulses."""

    def build_phase(self) -> None:
        super().build_phase()
        self.model: CsrModel = ConfigDB().get(self, "", "MODEL")
        self.corrupt = int(os.environ.get("FVGM_CORRUPT", "0"))
        self.accesses = 0
        self.expected_pulses = {"control.start": 0, "control.soft_reset": 0}
        self.cover = Coverage("csr", os.environ.get("FVGM_RUN", "run"))
        self.cover.point("cp_register_read", REGISTERS)
        self.cover.point("cp_register_write", REGISTERS)
        self.cover.point("cp_response", ["read OKAY", "read SLVERR", "write OKAY", "write SLVERR"], goal=10)
        self.cover.point("cp_strobes", ["all", "some", "none"], goal=5)
        self.cover.point("cp_order", ["together", "address first", "data first"], goal=20)
        self.cover.point("cp_response_wait", [0, 1, 2, 3, 4])
        self.cover.point("cp_irq", [0, 1])

    def write(self, event: tuple[AccessItem, int, int]) -> None:
        item, response, data = event
        self.accesses += 1
        if self.accesses == self.corrupt:
            data ^= 1
        name = self.model.by_offset.get(item.address & ~3)
        if item.write:
            expected, pulses = self.model.write(item.address, item.data, item.strobes)
            for pulse in pulses:
                self.expected_pulses[pulse] += 1
        else:
            expected, word = self.model.read(item.address)
            assert expected or data == word, f"read of {name} at 0x{item.address:03x}: 0x{data:08x}, model 0x{word:08x}"
        kind = "write" if item.write else "read"
        assert response == expected, f"{kind} at 0x{item.address:03x} ({name}): response {response}, model {expected}"
        self.sample(item, kind, name, response)

    def sample(self, item: AccessItem, kind: str, name: str | None, response: int) -> None:
        """Coverage of one access."""
        cover = self.cover
        if name is not None:
            cover.sample(f"cp_register_{kind}", name)
        cover.sample("cp_response", f"{kind} {'OKAY' if response == 0 else 'SLVERR'}")
        cover.sample("cp_response_wait", item.gaps[2])
        if item.write:
            cover.sample("cp_strobes", "all" if item.strobes == 15 else "some" if item.strobes else "none")
            first = item.gaps[0] - item.gaps[1]
            cover.sample("cp_order", "together" if first == 0 else "address first" if first < 0 else "data first")

    def check_outputs(self, pulses: dict[str, int]) -> None:
        """Outputs of the block between accesses; `pulses` are those counted so far."""
        dut, value = cocotb.top, self.model.value
        for name, width in WIDE.items():
            expected = value[f"{name}_lo"] | value[f"{name}_hi"] << 32
            found = int(getattr(dut, f"{name}_o").value)
            assert found == expected & ((1 << width) - 1), f"{name} is 0x{found:x}, model 0x{expected:x}"
        assert int(dut.prog_len_o.value) == value["prog_len"] and int(dut.watchdog_o.value) == value["watchdog"]
        assert int(dut.irq_o.value) == self.model.irq, "interrupt line"
        self.cover.sample("cp_irq", int(dut.irq_o.value))
        assert pulses == self.expected_pulses, f"pulses {pulses}, model {self.expected_pulses}"


class PulseMonitor(uvm_component):
    """Counts cycles of start and soft_reset: a written 1 must give exactly one."""

    def build_phase(self) -> None:
        self.count = {"control.start": 0, "control.soft_reset": 0}

    async def run_phase(self) -> None:
        dut = cocotb.top
        while True:
            await RisingEdge(dut.clk_i)
            self.count["control.start"] += int(dut.start_o.value)
            self.count["control.soft_reset"] += int(dut.soft_reset_o.value)


class CsrEnv(uvm_env):
    """Driver, hardware side, scoreboard."""

    def build_phase(self) -> None:
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = AccessDriver("driver", self)
        self.hardware = Hardware("hardware", self)
        self.pulses = PulseMonitor("pulses", self)
        self.scoreboard = CsrScoreboard("scoreboard", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
        self.driver.port.connect(self.scoreboard.analysis_export)

    async def change_hardware(self) -> None:
        """New inputs, one cycle of interrupt events, then the outputs are checked."""
        dut = cocotb.top
        events = self.hardware.drive()
        await RisingEdge(dut.clk_i)
        dut.irq_done_i.value = dut.irq_error_i.value = 0
        self.scoreboard.model.interrupt(*events)
        await RisingEdge(dut.clk_i)
        await ReadOnly()
        self.scoreboard.check_outputs(self.pulses.count)
        await RisingEdge(dut.clk_i)
