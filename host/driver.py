"""Driver of one core: start a program of its own, wait, read its outcome and counters. Works over any `host.transport.Transport`.

    driver = Driver(transport)
    driver.run(program_base, length, read_window, write_window)     # CoreError when the core stops with an error
    driver.counters()["cycles"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from host.regmap import REGISTERS, Register
from host.transport import Transport
from models.config import Config
from models.isa import Cause, Unit

PAGE_BYTES = 1 << 12
IDENTITY = 0x4D475646  # "FVGM", first letter in the lowest byte


class DriverError(RuntimeError):
    """The device is not what the driver expects; the message says what differs."""


@dataclass(frozen=True)
class Fault:
    """Contents of the CAUSE registers: `unit` is None for fetch and decode."""

    cause: Cause
    unit: Unit | None
    opcode: int
    index: int
    address: int
    task: int = 0

    def __str__(self) -> str:
        unit = f" of unit {self.unit.name}" if self.unit is not None else ""
        where = f", address 0x{self.address:x}" if self.address else ""
        return f"{self.cause.name} at instruction {self.index} (opcode {self.opcode}){unit}{where}"


class CoreError(DriverError):
    """A program stopped with an error; `fault` has the registers. The core needs `reset()`."""

    def __init__(self, core: int, fault: Fault) -> None:
        super().__init__(f"core {core}: {fault}")
        self.fault = fault


class RegisterPage:
    """One page of 4 KiB of the register space: words, fields, pairs by name."""

    def __init__(self, transport: Transport, page: int, registers: Mapping[str, Register], what: str, identity: int) -> None:
        self.transport, self.page, self.registers, self.what = transport, page, registers, what
        found = self.read("id")
        if found != identity:
            raise DriverError(f"{what}: register ID is 0x{found:08x}, not 0x{identity:08x}")

    def read(self, register: str) -> int:
        """Word of a register."""
        return self.transport.read32(self.page * PAGE_BYTES + self.registers[register].offset)

    def write(self, register: str, value: int) -> None:
        """Write a register."""
        self.transport.write32(self.page * PAGE_BYTES + self.registers[register].offset, value)

    def fields(self, register: str) -> dict[str, int]:
        """Fields of a register by name."""
        word = self.read(register)
        return {name: word >> f.low & ((1 << f.width) - 1) for name, f in self.registers[register].fields.items()}

    def read_wide(self, register: str) -> int:
        """Value of a pair of registers `<register>_lo` and `_hi`."""
        return self.read(f"{register}_lo") | self.read(f"{register}_hi") << 32

    def write_wide(self, register: str, value: int) -> None:
        """Write a pair of registers `<register>_lo` and `_hi`; DriverError when the value does not fit them."""
        width = 32 + self.registers[f"{register}_hi"].fields["value"].width
        if not 0 <= value < 1 << width:
            raise DriverError(f"{register} = 0x{value:x} does not fit {width} bits")
        self.write(f"{register}_lo", value & 0xFFFFFFFF)
        self.write(f"{register}_hi", value >> 32)

    def write_window(self, name: str, window: tuple[int, int]) -> None:
        """Write the registers of a window (first byte, byte behind)."""
        self.write_wide(f"{name}_base", window[0])
        self.write_wide(f"{name}_limit", window[1])

    def status(self) -> dict[str, int]:
        """Bits of STATUS by name."""
        return self.fields("status")

    def need_idle(self) -> None:
        """DriverError unless STATUS.idle."""
        status = self.status()
        if not status["idle"]:
            state = ", ".join(name for name, bit in status.items() if bit)
            raise DriverError(f"{self.what} is not idle: {state}")

    def launch(self) -> None:
        """Enable the interrupts, start."""
        self.write("irq_status", 3)
        self.write("irq_enable", 3)
        self.write("control", 1)

    def reset(self, polls: int = 1000) -> None:
        """Soft reset; DriverError when the AXI ports do not fall idle within `polls` reads of STATUS."""
        self.write("control", 2)
        for _ in range(polls):
            if self.status()["idle"]:
                self.write("irq_status", 3)
                return
        raise DriverError(f"{self.what}: soft reset does not end, an AXI response is missing")


class Driver(RegisterPage):
    """One core of a device."""

    def __init__(self, transport: Transport, core: int = 0) -> None:
        self.core = core
        super().__init__(transport, core, REGISTERS, f"core {core}", IDENTITY)

    def check_config(self, config: Config) -> None:
        """DriverError when the hardware is another configuration than `config`."""
        array, queue = self.fields("config_array"), self.fields("config_queue")
        found = {"chain_rows": array["chain_rows"], **queue}
        found |= {name: self.read(f"config_{name}") for name in ("abuf", "bbuf", "vbuf", "pbuf", "rbuf", "mbuf")}
        for name, value in found.items():
            if value != getattr(config, name):
                wanted = getattr(config, name)
                raise DriverError(f"core {self.core}: {name} is {value}, configuration {config.name} has {wanted}")

    def fault(self) -> Fault:
        """Contents of the CAUSE registers."""
        cause = self.fields("cause")
        unit = Unit(cause["unit_id"]) if cause["unit_id"] < len(Unit) else None
        return Fault(Cause(cause["cause"]), unit, cause["opcode"], self.read("cause_index"),
                     self.read_wide("cause_addr"),
                     self.read("cause_task"))

    def counters(self) -> dict[str, int]:
        """Performance counters by name; those of a unit are `<unit>_<counter>`, e.g. `mpu_busy`."""
        out = {"cycles": self.read_wide("count_cycles")}
        for name in ("read_beats", "write_beats", "fetch_beats", "mpu_stall_operand", "mpu_stall_drain", "sfu_stall", "su_rows",
                     "su_kept"):
            out[name] = self.read(f"count_{name}")
        for unit in Unit:
            for name in ("busy", "stall_dep", "idle", "instructions", "idle_task", *(f"stall_on{s}" for s in range(len(Unit) + 1))):
                out[f"{unit.name.lower()}_{name}"] = self.read(f"count_unit{unit.value}_{name}")
        return out

    def start(self, program_base: int, length: int, read_window: tuple[int, int],
              write_window: tuple[int, int]) -> None:
        """Start a program of `length` instructions; windows are (first byte, byte behind). DriverError unless the core
        is idle.
        """
        self.need_idle()
        self.write_window("read_window", read_window)
        self.write_window("write_window", write_window)
        self.write_wide("prog_base", program_base)
        self.write("prog_len", length)
        self.launch()

    def wait(self, timeout: float) -> None:
        """Wait for the end of the program; CoreError when it stopped with an error, InterruptTimeout when it did not
        stop.
        """
        self.transport.wait_interrupt(self.core, timeout)
        status = self.status()
        self.write("irq_status", 3)
        if status["error"]:
            raise CoreError(self.core, self.fault())

    def run(self, program_base: int, length: int, read_window: tuple[int, int], write_window: tuple[int, int],
            timeout: float = 10.0) -> None:
        """Start a program and wait for its end."""
        self.start(program_base, length, read_window, write_window)
        self.wait(timeout)
