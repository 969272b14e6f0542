"""Transport of host/driver.py into a simulation of tb/top/fvgm_top_tb.sv; used from code that runs under
`cocotb.task.bridge`.
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.task import resume
from cocotb.triggers import SimTimeoutError, Timer, ValueChange, with_timeout

from host.device import PAGE as TASK_PAGE
from host.transport import InterruptTimeout, TransportError

CLOCK_NS = 2
ACCESS_TIMEOUT_NS = 2000
RESPONSES = ("OKAY", "EXOKAY", "SLVERR", "DECERR")


class SimTransport:
    """Registers over the test top's AXI4-Lite master, memory as the mapped file behind the memories."""

    def __init__(self, dut: Any, memory: np.ndarray, origin: int) -> None:
        """`memory` is the uint8 image (a memmap of the simulation's file); its byte 0 is HBM address `origin`."""
        self.dut, self.memory, self.origin = dut, memory, origin

    async def access(self, write: bool, address: int, value: int = 0) -> tuple[int, int]:
        """One register access: (response, data)."""
        dut = self.dut
        dut.csr_write.value = int(write)
        dut.csr_addr.value = address
        dut.csr_wdata.value = value
        dut.csr_request.value = 1 - int(dut.csr_ack.value)
        await with_timeout(ValueChange(dut.csr_ack), ACCESS_TIMEOUT_NS, "ns")
        return int(dut.csr_resp.value), int(dut.csr_rdata.value)

    def read32(self, address: int) -> int:
        response, data = resume(self.access)(False, address)
        if response:
            raise TransportError(f"read of register 0x{address:x}: {RESPONSES[response]}")
        return data

    def write32(self, address: int, value: int) -> None:
        response, _ = resume(self.access)(True, address, value)
        if response:
            raise TransportError(f"write of register 0x{address:x}: {RESPONSES[response]}")

    def read_memory(self, address: int, size: int) -> np.ndarray:
        return np.array(self.memory[address - self.origin:address - self.origin + size])

    def write_memory(self, address: int, data: np.ndarray) -> None:
        raw = np.ascontiguousarray(data).view(np.uint8).reshape(-1)
        self.memory[address - self.origin:address - self.origin + raw.size] = raw

    async def _interrupt(self, page: int, timeout: float) -> None:
        line, bit = (self.dut.irq_task_o, 0) if page == TASK_PAGE else (self.dut.irq_o, page)

        async def high() -> None:
            while not int(line.value) >> bit & 1:
                await ValueChange(line)
        try:
            await with_timeout(cocotb.start_soon(high()), int(timeout) * CLOCK_NS, "ns")
        except SimTimeoutError:
            raise InterruptTimeout(f"page {page}: no interrupt within {int(timeout)} cycles") from None

    def wait_interrupt(self, page: int, timeout: float) -> None:
        """`timeout` counts cycles."""
        resume(self._interrupt)(page, timeout)

    def idle(self, cycles: int) -> None:
        """Let the simulation run."""
        resume(self._idle)(cycles)

    async def _idle(self, cycles: int) -> None:
        await Timer(cycles * CLOCK_NS, "ns")

    async def ready(self) -> None:
        """Wait for the end of reset."""
        while not int(self.dut.rst_ni.value):
            await ValueChange(self.dut.rst_ni)
        await Timer(4 * CLOCK_NS, "ns")

    def knobs(self, **values: int) -> None:
        """Set knobs of the memories: latency, jitter, stall, reorder, interleave, error_* (fvgm_top_tb.sv)."""
        for name, value in values.items():
            getattr(self.dut, f"mem_{name}").value = value
        self.idle(2)
