"""pyuvm environment of rtl/buffer.

An item is one request at one port. Drivers change inputs after the rising edge and hold them until ready; the monitor
samples at the falling edge, when every signal has the value that the next rising edge will see. The scoreboard
follows models/buffer.py cycle by cycle: every ready, every unit read and the cycle in which it comes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from cocotb.utils import get_sim_time
from pyuvm import (
    ConfigDB, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_monitor, uvm_sequence, uvm_sequence_item,
    uvm_sequencer, uvm_subscriber,
)

from models import buffer
from tb.common.coverage import Coverage

READ_LATENCY = 2
_WRITE_CYCLES = {0: ("1", "2", "more"), 1: ("1", "2"), 4: ("1", "more")}  # that a write takes, by kind; rbuf and mbuf always one


@dataclass(frozen=True)
class Shape:
    """Parameters of the device under test; kind 0: buffer (strided 0: reads of consecutive units), 1: pbuf, 2: rbuf, 3: mbuf,
    4: abuf (write port 0 has one unit, read units are lines, `stride` of a request is 2 * upper + int8)."""

    kind: int
    units: int
    banks: int
    read_units: int
    read_ports: int
    write_units: int
    write_ports: int
    strided: int


class BufferItem(uvm_sequence_item):
    """A read (from `address[0]` on, units `stride` apart) or a write (`mask` and `address` per unit, data uint8[units, 16]) after `gap` cycles."""

    def __init__(self, name: str, address: np.ndarray, mask: np.ndarray | None = None, data: np.ndarray | None = None,
                 gap: int = 0, stride: int = 1) -> None:
        super().__init__(name)
        self.address, self.mask, self.data, self.gap, self.stride = address, mask, data, gap, stride


class BufferSequence(uvm_sequence):
    """Random requests of one port; `near` of them stay in a few units, so that ports and banks meet."""

    def __init__(self, name: str, shape: Shape, rng: np.random.Generator, write: bool, count: int, gaps: float) -> None:
        super().__init__(name)
        self.shape, self.rng, self.write, self.count, self.gaps = shape, rng, write, count, gaps

    async def body(self) -> None:
        """Send the requests."""
        for _ in range(self.count):
            await self.send(self.request())

    async def send(self, item: BufferItem) -> None:
        """One item through the driver."""
        await self.start_item(item)
        await self.finish_item(item)

    def request(self) -> BufferItem:
        """A random read or write; addresses beyond the size wrap."""
        shape, rng = self.shape, self.rng
        count = shape.write_units if self.write else 1
        base = int(rng.choice([rng.integers(12), rng.integers(shape.units), shape.units - 1 - rng.integers(4)]))
        kind = rng.random()
        step = 1 if kind < 0.5 else int(rng.integers(1, 2 * shape.banks)) if kind < 0.9 else shape.banks
        address = base + step * np.arange(count)
        address = address % shape.units + shape.units * int(shape.kind in (0, 3, 4) and rng.random() < 0.1)
        if shape.kind == 1 and not self.write:
            address &= ~3
        gap = int(rng.integers(1, 5)) if rng.random() < self.gaps else 0
        if not self.write and shape.kind == 4:
            mode = int(rng.integers(4))
            return BufferItem("read", address & ~(mode & 1), gap=gap, stride=mode)
        if not self.write:
            odd = 1 if rng.random() < 0.5 else int(rng.integers(shape.units // 2)) * 2 + 1
            return BufferItem("read", address, gap=gap, stride=odd if shape.kind == 0 and shape.strided else 1)
        data = rng.integers(0, 256, (count, 16), dtype=np.uint8)
        if shape.kind in (2, 3):
            data[:, 4:] = 0
        return BufferItem("write", address, rng.random(count) < rng.choice([0.0, 0.5, 0.5, 1.0, 1.0]), data, gap)


class FillSequence(BufferSequence):
    """Writes every unit once."""

    async def body(self) -> None:
        """Unit by unit group."""
        count = self.shape.write_units
        for first in range(0, self.shape.units, count):
            item = self.request()
            item.address, item.mask, item.gap = first + np.arange(count), np.ones(count, bool), 0
            await self.send(item)


class _Pins:
    """All ports of one kind share a vector: the drivers change their part of a common value."""

    def __init__(self, handle: Any, bits: int) -> None:
        self.handle, self.bits, self.value = handle, bits, 0

    def set(self, port: int, value: int) -> None:
        low = port * self.bits
        self.value = self.value & ~(((1 << self.bits) - 1) << low) | value << low
        self.handle.value = self.value


class BufferDriver(uvm_driver):
    """Drives one port."""

    def __init__(self, name: str, parent: uvm_component, pins: dict[str, _Pins], ready: Any, port: int,
                 write: bool) -> None:
        super().__init__(name, parent)
        self.pins, self.ready, self.port, self.write_port = pins, ready, port, write

    async def run_phase(self) -> None:
        """Hold a request until it is served; back to back without a gap."""
        clk, edge = cocotb.top.clk_i, -1
        self.pins["valid"].set(self.port, 0)
        while True:
            item = await self.seq_item_port.get_next_item()
            if get_sim_time() != edge:
                await RisingEdge(clk)
            if item.gap:
                await ClockCycles(clk, item.gap)
            address = sum(int(a) << 20 * i for i, a in enumerate(item.address))
            self.pins["addr"].set(self.port, address)
            if not self.write_port:
                self.pins["stride"].set(self.port, item.stride)
            if self.write_port:
                self.pins["mask"].set(self.port, sum(int(m) << i for i, m in enumerate(item.mask)))
                self.pins["data"].set(self.port, int.from_bytes(item.data.tobytes(), "little"))
            self.pins["valid"].set(self.port, 1)
            served = False
            while not served:
                await FallingEdge(clk)
                served = bool(int(self.ready.value) >> self.port & 1) and bool(int(cocotb.top.rst_ni.value))
                await RisingEdge(clk)
            edge = get_sim_time()
            self.pins["valid"].set(self.port, 0)
            self.seq_item_port.item_done()


class BufferMonitor(uvm_monitor):
    """Publishes every cycle as a dictionary of arrays; FLIP = n inverts the n-th data read (negative test)."""

    def build_phase(self) -> None:
        self.ap = uvm_analysis_port("ap", self)
        self.shape, self.flip = ConfigDB().get(self, "", "SHAPE"), ConfigDB().get(self, "", "FLIP")

    async def run_phase(self) -> None:
        """Sample every cycle; data only when a read of READ_LATENCY cycles ago brings some."""
        dut, s = cocotb.top, self.shape
        history: deque[int] = deque([0] * READ_LATENCY, READ_LATENCY)
        seen = 0
        while True:
            await FallingEdge(dut.clk_i)
            reset = not int(dut.rst_ni.value)
            valid, ready = int(dut.rd_valid_i.value), int(dut.rd_ready_o.value)
            cycle = {"reset": reset, "rd_valid": self._bits(valid, s.read_ports),
                     "rd_ready": self._bits(ready, s.read_ports),
                     "wr_valid": self._bits(int(dut.wr_valid_i.value), s.write_ports),
                     "wr_ready": self._bits(int(dut.wr_ready_o.value), s.write_ports),
                     "rd_addr": self._fields(int(dut.rd_addr_i.value), s.read_ports),
                     "rd_stride": self._fields(int(dut.rd_stride_i.value), s.read_ports)}
            if cycle["wr_valid"].any():
                writers = s.write_ports * s.write_units
                shape = (s.write_ports, s.write_units)
                cycle["mask"] = self._bits(int(dut.wr_mask_i.value), writers).reshape(shape)
                cycle["wr_addr"] = self._fields(int(dut.wr_addr_i.value), writers).reshape(shape)
                cycle["wr_data"] = self._bytes(int(dut.wr_data_i.value), writers).reshape(*shape, 16)
            if history[0]:
                seen += 1
                raw = int(dut.rd_data_o.value)
                if seen == self.flip:
                    raw ^= (1 << 128 * s.read_units * s.read_ports) - 1
                cycle["rd_data"] = self._bytes(raw, s.read_ports * s.read_units).reshape(s.read_ports, s.read_units, 16)
            history.append(0 if reset else valid & ready)
            if reset:
                history.extend([0] * READ_LATENCY)
            self.ap.write(cycle)

    @staticmethod
    def _bits(value: int, count: int) -> np.ndarray:
        return np.array([value >> i & 1 for i in range(count)], bool)

    @staticmethod
    def _fields(value: int, count: int) -> np.ndarray:
        return np.array([value >> 20 * i & 0xFFFFF for i in range(count)])

    @staticmethod
    def _bytes(value: int, count: int) -> np.ndarray:
        return np.frombuffer(value.to_bytes(16 * count, "little"), np.uint8).reshape(count, 16)


class BufferScoreboard(uvm_subscriber):
    """Follows the model cycle by cycle."""

    def build_phase(self) -> None:
        self.shape: Shape = ConfigDB().get(self, "", "SHAPE")
        s = self.shape
        self.memory = np.zeros((s.units, 16), np.uint8)
        self.known = np.zeros(s.units, bool)
        self.mbuf = np.zeros(s.units, np.uint32)
        self.written = np.zeros((s.write_ports, s.write_units), bool)
        self.due: deque[dict[int, np.ndarray]] = deque([{} for _ in range(READ_LATENCY)])
        self.errors: list[str] = []
        self.cycle = self.compared = 0
        self.last_written: set[int] = set()
        self.waited = np.zeros(s.write_ports, int)
        self.coverage = _coverage(s, ConfigDB().get(self, "", "RUN"))

    def fail(self, text: str) -> None:
        """Remember an error."""
        self.errors.append(f"cycle {self.cycle}: {text}")

    def write(self, cycle: dict[str, Any]) -> None:
        """One cycle."""
        self.cycle += 1
        self._data(cycle)
        self._reads(cycle)
        self._writes(cycle)
        if cycle["reset"]:
            self.written[:] = False
            self.waited[:] = 0
            self.due = deque([{} for _ in range(READ_LATENCY)])

    def _data(self, cycle: dict[str, Any]) -> None:
        for port, expected in self.due.popleft().items():
            self.compared += len(expected)
            got = cycle["rd_data"][port].tobytes() if "rd_data" in cycle else b""
            if got != expected.tobytes():
                self.fail(f"port {port} read {got.hex() or 'nothing'}, model {expected.tobytes().hex()}")

    def _reads(self, cycle: dict[str, Any]) -> None:
        s, valid, address, stride = self.shape, cycle["rd_valid"], cycle["rd_addr"] % self.shape.units, cycle["rd_stride"]
        ready = np.ones(s.read_ports, bool)
        if s.kind == 0:
            ready = buffer.serve_reads(valid, address, stride, s.banks, s.read_units)
        if (valid & (ready != cycle["rd_ready"])).any():
            self.fail(f"read ports ready {cycle['rd_ready']}, model {ready}")
        self.due.append({})
        entries = self._entries(cycle) if s.kind == 3 else {}
        self.reading: set[int] = set()
        for port in np.flatnonzero(valid & ready):
            int8, upper = bool(stride[port] & 1), bool(stride[port] & 2)
            span = np.arange(s.read_units * (1 + int8)) if s.kind == 4 else stride[port] * np.arange(s.read_units)
            units = (address[port] + span) % s.units
            self.reading |= set(units.tolist())
            if self.known[units].all() and not cycle["reset"]:
                if s.kind == 4:
                    self.due[-1][port] = buffer.read_lines(self.memory, address[port], s.read_units, int8, upper)
                    self.coverage.sample("cp_line", ("INT8 upper" if upper else "INT8 lower") if int8 else "FP16")
                    self.coverage.sample("cp_first", f"{'INT8' if int8 else 'FP16'} {units[0] % s.banks}")
                else:
                    self.due[-1][port] = entries[port] if s.kind == 3 else self.memory[units].copy()
            self.coverage.sample("cp_wrap", bool(address[port] + span[-1] >= s.units))
            self.coverage.sample("cp_read_after_write", bool(self.last_written & set(units.tolist())))
            if s.kind == 0:
                self.coverage.sample("cp_align", bool(units[0] % s.read_units == 0))
                self.coverage.sample("cp_stride", "one" if stride[port] == 1 else "more")
        if s.kind == 0 and s.read_ports > 1 and valid.sum() > 1:
            self.coverage.sample("cp_read_conflict", bool((valid & ~ready).any()))

    def _entries(self, cycle: dict[str, Any]) -> dict[int, np.ndarray]:
        """mbuf: what its model answers to the reads, as units; a write without its mask bit is none."""
        write = None
        if cycle["wr_valid"].any() and cycle["mask"][0, 0]:
            write = int(cycle["wr_addr"][0, 0]), int(cycle["wr_data"][0, 0, :4].view(np.uint32)[0])
        found = buffer.mbuf_cycle(self.mbuf, cycle["rd_valid"], cycle["rd_addr"], write)
        if found:
            self.coverage.sample("cp_ports_read", len(found))
        if len(found) > 1:
            places = cycle["rd_addr"][cycle["rd_valid"]] % self.shape.units
            self.coverage.sample("cp_same_entry", bool(len(set(places.tolist())) < len(places)))
        return {p: np.frombuffer(entry.to_bytes(16, "little"), np.uint8).reshape(1, 16) for p, entry in found.items()}

    def _writes(self, cycle: dict[str, Any]) -> None:
        self.last_written = set()
        if not cycle["wr_valid"].any():
            return
        s, valid = self.shape, cycle["wr_valid"]
        want = cycle["mask"] & valid[:, None] & ~self.written
        if s.kind == 4:
            want[0, 1:] = False  # the port has unit 0 alone, whatever its mask says
        grant = buffer.serve_writes(want, cycle["wr_addr"], s.banks)
        ready = (want == grant).all(axis=1)
        if (valid & (ready != cycle["wr_ready"])).any():
            self.fail(f"write ports ready {cycle['wr_ready']}, model {ready}")
        buffer.write(self.memory, grant, cycle["wr_addr"], cycle["wr_data"])
        units = cycle["wr_addr"][grant] % s.units
        self.known[units] = True
        self.last_written = set(units.tolist())
        self.written |= grant
        self.written[ready] = False
        self.waited[valid] += 1
        self._sample_writes(cycle, want, grant, ready)
        self.waited[ready] = 0

    def _sample_writes(self, cycle: dict[str, Any], want: np.ndarray, grant: np.ndarray, ready: np.ndarray) -> None:
        s, valid = self.shape, cycle["wr_valid"]
        self.coverage.sample("cp_read_while_write", bool(self.reading & self.last_written))
        for port in np.flatnonzero(valid & ready):
            mask = cycle["mask"][port]
            self.coverage.sample("cp_mask", "all" if mask.all() else "some" if mask.any() else "none")
            if s.kind in _WRITE_CYCLES:
                cycles = int(self.waited[port])
                self.coverage.sample("cp_write_cycles", str(cycles) if str(cycles) in _WRITE_CYCLES[s.kind] else "more")
        if s.write_ports > 1 and valid.sum() > 1:
            self.coverage.sample("cp_ports_conflict", bool((want & ~grant)[1:].any()))
        self.coverage.sample("cp_partial", bool(((want & grant).any(axis=1) & (want & ~grant).any(axis=1)).any()))

    def check_phase(self) -> None:
        self.logger.info(f"{self.compared} units compared in {self.cycle} cycles, {len(self.errors)} errors")
        assert not self.errors, f"{len(self.errors)} errors, first: " + "; ".join(self.errors[:5])
        assert self.compared, "nothing was compared"
        self.coverage.check()


def _coverage(s: Shape, run: str) -> Coverage:
    """Points of one shape; what a shape cannot do has no bin."""
    points = Coverage("buffer", run)
    points.point("cp_wrap", (False, True) if s.kind in (0, 4) else (False,), 10)
    points.point("cp_read_after_write", (False, True), 10)
    points.point("cp_read_while_write", (False, True), 10)
    points.point("cp_mask", ("none", "some", "all") if s.write_units > 1 else ("none", "all"), 10)
    points.point("cp_partial", (False, True) if s.write_units > 1 else (False,), 10)
    if s.kind == 0:
        points.point("cp_align", (False, True), 10)
        points.point("cp_stride", ("one", "more") if s.strided else ("one",), 10)
    if s.kind == 0 and s.read_ports > 1:
        points.point("cp_read_conflict", (False, True), 10)
    if s.kind in _WRITE_CYCLES:
        points.point("cp_write_cycles", _WRITE_CYCLES[s.kind], 10)
    if s.kind == 4:
        points.point("cp_line", ("FP16", "INT8 lower", "INT8 upper"), 10)
        points.point("cp_first", [f"FP16 {b}" for b in range(s.banks)] + [f"INT8 {b}" for b in range(0, s.banks, 2)], 3)
    if s.kind == 3:
        points.point("cp_ports_read", range(1, s.read_ports + 1), 10)
        points.point("cp_same_entry", (False, True), 10)
    if s.write_ports > 1:
        points.point("cp_ports_conflict", (False, True), 10)
    return points


class BufferEnv(uvm_env):
    """One agent per port, one monitor, one scoreboard."""

    def build_phase(self) -> None:
        s, dut = ConfigDB().get(self, "", "SHAPE"), cocotb.top
        reads = {"valid": _Pins(dut.rd_valid_i, 1), "addr": _Pins(dut.rd_addr_i, 20),
                 "stride": _Pins(dut.rd_stride_i, 20)}
        writes = {"valid": _Pins(dut.wr_valid_i, 1), "addr": _Pins(dut.wr_addr_i, 20 * s.write_units),
                  "mask": _Pins(dut.wr_mask_i, s.write_units), "data": _Pins(dut.wr_data_i, 128 * s.write_units)}
        self.ports: list[tuple[uvm_sequencer, BufferDriver]] = []
        for p in range(s.read_ports + s.write_ports):
            write, port = p >= s.read_ports, p - s.read_ports if p >= s.read_ports else p
            pins, ready = (writes, dut.wr_ready_o) if write else (reads, dut.rd_ready_o)
            name = f"{'write' if write else 'read'}{port}"
            driver = BufferDriver(f"{name}_driver", self, pins, ready, port, write)
            self.ports.append((uvm_sequencer(f"{name}_sequencer", self), driver))
        self.monitor = BufferMonitor("monitor", self)
        self.scoreboard = BufferScoreboard("scoreboard", self)

    def connect_phase(self) -> None:
        for sequencer, driver in self.ports:
            driver.seq_item_port.connect(sequencer.seq_item_export)
        self.monitor.ap.connect(self.scoreboard.analysis_export)
