"""How the host reaches the device: registers, HBM and interrupts. A `Driver` runs over any of these.

Addresses of registers are byte offsets in the AXI4-Lite space of fvgm_top (core c at `c << 12`), addresses of memory
are HBM byte addresses. Every method blocks. `tb/top/harness.py` has the simulation's transport.
"""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from typing import Protocol

import numpy as np


class TransportError(RuntimeError):
    """An access failed; the message names the address and the response."""


class InterruptTimeout(TransportError):
    """No interrupt came in time; the message names the page of registers."""


class Transport(Protocol):
    """What a driver needs of a device."""

    def read32(self, address: int) -> int:
        """Word of a register; TransportError on an error response."""

    def write32(self, address: int, value: int) -> None:
        """Write a register; TransportError on an error response."""

    def read_memory(self, address: int, size: int) -> np.ndarray:
        """`size` bytes of HBM as uint8[size]."""

    def write_memory(self, address: int, data: np.ndarray) -> None:
        """Write uint8 data to HBM."""

    def wait_interrupt(self, page: int, timeout: float) -> None:
        """Return when the interrupt line of a page of registers (a core's number, or the task queue's page) is high;
        InterruptTimeout after `timeout` (seconds; simulation: cycles).
        """


class PcieTransport:
    """A device behind PCIe: registers in a BAR that the kernel maps (sysfs `resourceN`), HBM through a DMA character
    device.

    Interrupts are polled through IRQ_STATUS, so that no kernel driver beyond the DMA's is needed. Not yet run on a
    card: it follows the documented interfaces of sysfs and of QDMA's character devices (pread and pwrite at the device
    address).
    """

    IRQ_STATUS = 0x048
    IRQ_ENABLE = 0x04C

    def __init__(self, bar: Path, dma: Path, bar_offset: int = 0, bar_size: int = 1 << 16) -> None:
        try:
            handle = os.open(bar, os.O_RDWR | os.O_SYNC)
            self._dma = os.open(dma, os.O_RDWR)
        except OSError as error:
            raise TransportError(f"cannot open {error.filename}: {error.strerror}") from None
        self._registers = mmap.mmap(handle, bar_size, offset=bar_offset)
        os.close(handle)
        self._words = np.frombuffer(self._registers, np.uint32)

    def read32(self, address: int) -> int:
        return int(self._words[address // 4])

    def write32(self, address: int, value: int) -> None:
        self._words[address // 4] = value

    def read_memory(self, address: int, size: int) -> np.ndarray:
        data = os.pread(self._dma, size, address)
        if len(data) != size:
            raise TransportError(f"read of {size} bytes at 0x{address:x} gave {len(data)}")
        return np.frombuffer(data, np.uint8)

    def write_memory(self, address: int, data: np.ndarray) -> None:
        raw = np.ascontiguousarray(data).view(np.uint8).tobytes()
        if os.pwrite(self._dma, raw, address) != len(raw):
            raise TransportError(f"write of {len(raw)} bytes at 0x{address:x} was cut short")

    def wait_interrupt(self, page: int, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        base = page << 12
        while not self.read32(base + self.IRQ_STATUS) & self.read32(base + self.IRQ_ENABLE):
            if time.monotonic() > deadline:
                raise InterruptTimeout(f"page {page}: no interrupt within {timeout} s")
            time.sleep(20e-6)
