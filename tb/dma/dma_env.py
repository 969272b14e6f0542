"""pyuvm environment of rtl/dma.

An item is one LOAD or STORE. Drivers change inputs after the rising edge; the monitor samples at the falling edge,
when every signal has the value that the next rising edge will see: a valid and a ready seen there are a transfer.
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from cocotb.utils import get_sim_time
from pyuvm import (
    ConfigDB, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_monitor, uvm_sequence, uvm_sequence_item,
    uvm_sequencer, uvm_subscriber,
)

from models.isa import HEADER_BITS, Opcode, encode
from tb.dma.dma_coverage import DmaCoverage
from tb.dma.dma_scoreboard import DmaScoreboard
from tb.dma.dma_stimulus import Fields

UNITS = ("load", "store")


def payload(unit: str, fields: Fields) -> int:
    """The 384-bit payload of a command, as the scheduler hands it over."""
    raw = encode(Opcode.LOAD if unit == "load" else Opcode.STORE, **fields)
    return int.from_bytes(raw.tobytes(), "little") >> HEADER_BITS


class TransferItem(uvm_sequence_item):
    """One command, `gap` cycles after the one before it was accepted."""

    def __init__(self, name: str, fields: Fields, gap: int = 0) -> None:
        super().__init__(name)
        self.fields, self.gap = fields, gap


class TransferSequence(uvm_sequence):
    """Commands in order, a share of them after a gap of some cycles."""

    def __init__(self, name: str, commands: list[Fields], rng: np.random.Generator, gaps: float) -> None:
        super().__init__(name)
        self.commands, self.rng, self.gaps = commands, rng, gaps

    async def body(self) -> None:
        """Send every command."""
        for fields in self.commands:
            gap = int(self.rng.integers(1, 80)) if self.rng.random() < self.gaps else 0
            item = TransferItem("transfer", fields, gap)
            await self.start_item(item)
            await self.finish_item(item)


class TransferDriver(uvm_driver):
    """Drives the command port of one unit. `stopped`: drop what is left (the unit takes no more commands)."""

    def __init__(self, name: str, parent: uvm_component, unit: str) -> None:
        super().__init__(name, parent)
        self.unit, self.stopped = unit, False

    def build_phase(self) -> None:
        dut = cocotb.top
        self.clk = dut.clk_i
        self.valid, self.ready, self.cmd = (getattr(dut, f"{self.unit}_{n}") for n in ("valid_i", "ready_o", "cmd_i"))

    async def run_phase(self) -> None:
        """One command after the other, back to back where no gap is asked for."""
        self.valid.value = 0
        edge = -1
        while True:
            item = await self.seq_item_port.get_next_item()
            if get_sim_time() != edge:
                await RisingEdge(self.clk)
            if item.gap and not self.stopped:
                await ClockCycles(self.clk, item.gap)
            if not self.stopped:
                self.cmd.value = payload(self.unit, item.fields)
                self.valid.value = 1
                accepted = False
                while not accepted and not self.stopped:
                    await FallingEdge(self.clk)
                    accepted = bool(int(self.ready.value))
                    await RisingEdge(self.clk)
            edge = get_sim_time()
            self.valid.value = 0
            self.seq_item_port.item_done()


class DmaMonitor(uvm_monitor):
    """Publishes what happens in each cycle as (kind, values...) and a `stall` for each kind of waiting.

    FLIP = n inverts one bit of the data of the n-th buffer write (negative test).
    """

    def build_phase(self) -> None:
        self.ap = uvm_analysis_port("ap", self)
        self.dut = cocotb.top
        self.flip = ConfigDB().get(self, "", "FLIP")
        self.writes = 0

    async def run_phase(self) -> None:
        """Sample every cycle; completions first, so that they are judged by the cycles before."""
        dut, send = self.dut, self.ap.write
        before = {"ar": False, "aw": False}
        while True:
            await FallingEdge(dut.clk_i)
            if not int(dut.rst_ni.value):
                before = dict.fromkeys(before, False)
                continue
            send(("cycle",))
            for unit in UNITS:
                if int(getattr(dut, f"{unit}_done_o").value):
                    send(("done", unit))
                if int(getattr(dut, f"{unit}_error_o").value):
                    send(("error", unit, int(getattr(dut, f"{unit}_error_addr_o").value)))
                if int(getattr(dut, f"{unit}_mb_valid_o").value):
                    send(("entry", unit, int(getattr(dut, f"{unit}_mb_addr_o").value)))
                if int(getattr(dut, f"{unit}_valid_i").value):
                    ready = int(getattr(dut, f"{unit}_ready_o").value)
                    send(("accept", unit) if ready else ("stall", f"{unit}_cmd_waits"))
            for channel in ("ar", "aw"):
                valid, ready = (int(getattr(dut, f"{channel}{n}_o").value) for n in ("valid", "ready"))
                if valid and not before[channel]:
                    send(("announce", channel))
                if valid and ready:
                    send((channel, *(int(getattr(dut, f"{channel}{n}_o").value) for n in ("id", "addr", "len"))))
                elif valid:
                    send(("stall", f"{channel}_waits"))
                before[channel] = bool(valid and not ready)
            self._data(send)

    def _data(self, send: Any) -> None:
        dut = self.dut
        valid, ready = int(dut.wvalid_o.value), int(dut.wready_o.value)
        if valid and ready:
            send(("w", int(dut.wlast_o.value)))
        elif valid or ready:
            send(("stall", "w_waits" if valid else "w_idles"))
        if int(dut.bvalid_o.value):
            send(("b", int(dut.bid_o.value)))
        else:
            send(("stall", "b_idles"))
        valid, ready = int(dut.rvalid_o.value), int(dut.rready_o.value)
        if valid and ready:
            send(("r", int(dut.rid_o.value), int(dut.rlast_o.value)))
        elif valid or ready:
            send(("stall", "r_waits" if valid else "r_idles"))
        if int(dut.rd_valid_o.value) and not int(dut.rd_ready_o.value):
            send(("stall", "read_waits"))
        valid = int(dut.wr_valid_o.value)
        if valid and valid & ~int(dut.wr_ready_o.value):
            send(("stall", "buffer_waits"))
        elif valid:
            self.writes += 1
            data = int(dut.wr_data_o.value) ^ int(self.writes == self.flip)
            address, mask = int(dut.wr_addr_o.value), int(dut.wr_mask_o.value)
            for u in range(2):
                if mask >> u & 1:
                    unit = (address >> 20 * u) & 0xFFFFF
                    word = data >> 128 * u & (1 << 128) - 1
                    send(("write", valid.bit_length() - 1, unit, word.to_bytes(16, "little")))


class _Sink(uvm_subscriber):
    """A subscriber that hands what it gets to a function."""

    def __init__(self, name: str, parent: uvm_component, function: Any) -> None:
        super().__init__(name, parent)
        self.function = function

    def write(self, value: Any) -> None:
        self.function(value)


class DmaEnv(uvm_env):
    """Two command ports, one monitor, scoreboard and coverage."""

    def build_phase(self) -> None:
        slots, burst_beats, units = (ConfigDB().get(self, "", n) for n in ("SLOTS", "BURST_BEATS", "UNITS"))
        self.coverage = DmaCoverage(ConfigDB().get(self, "", "RUN"), slots, burst_beats, units)
        machine, memory = (ConfigDB().get(self, "", n) for n in ("MACHINE", "MEMORY"))
        self.scoreboard = DmaScoreboard(self.coverage, machine, memory)
        self.sequencers = {u: uvm_sequencer(f"{u}_sequencer", self) for u in UNITS}
        self.drivers = {u: TransferDriver(f"{u}_driver", self, u) for u in UNITS}
        self.monitor = DmaMonitor("monitor", self)
        self.sink = _Sink("sink", self, self.scoreboard.on_event)

    def connect_phase(self) -> None:
        for unit in UNITS:
            self.drivers[unit].seq_item_port.connect(self.sequencers[unit].seq_item_export)
        self.monitor.ap.connect(self.sink.analysis_export)
