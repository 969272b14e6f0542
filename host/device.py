"""Driver of a whole device: the task queue and its cores. Works over any `host.transport.Transport`.

    device = Device(transport)
    device.run(table_base, entries, read_window, write_window, slices)     # TableError when it stops with an error
    device.counters()["cycles"]
"""

from __future__ import annotations

from dataclasses import dataclass

from host.driver import Driver, DriverError, Fault, RegisterPage
from host.taskq_regmap import REGISTERS
from host.transport import Transport
from models.config import Config
from models.isa import Cause
from models.slices import Slices

PAGE = 31  # of the register space
IDENTITY = 0x51545646  # "FVTQ", first letter in the lowest byte


@dataclass(frozen=True)
class TableFault:
    """Why a table stopped: registers of the task queue, and with CORE_ERROR those of the core (`fault`)."""

    cause: Cause
    entry: int
    address: int
    core: int | None = None
    fault: Fault | None = None

    def __str__(self) -> str:
        if self.fault is not None:
            return f"{self.cause.name}: core {self.core}, task {self.fault.task}: {self.fault}"
        return f"{self.cause.name} at entry {self.entry}" + (f", address 0x{self.address:x}" if self.address else "")


class TableError(DriverError):
    """A table of tasks stopped with an error; the device needs `reset()`."""

    def __init__(self, fault: TableFault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Device(RegisterPage):
    """The task queue, and its cores in `cores`."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, PAGE, REGISTERS, "task queue", IDENTITY)
        self.cores = [Driver(transport, core) for core in range(self.fields("config")["cores"])]

    def check_config(self, config: Config) -> None:
        """DriverError when the hardware is another configuration than `config`."""
        found = self.fields("config")
        for name, wanted in (("contexts", config.contexts), ("window", config.task_window)):
            if found[name] != wanted:
                raise DriverError(f"task queue: {name} is {found[name]}, configuration {config.name} has {wanted}")
        for core in self.cores:
            core.check_config(config)

    def start(self, table_base: int, entries: int, read_window: tuple[int, int], write_window: tuple[int, int], slices: Slices,
              contexts: int = 0) -> None:
        """Start a table of `entries` entries, END included; windows are (first byte, byte behind), `contexts` how many of each
        core are used (0: all). DriverError unless the task queue is idle."""
        self.need_idle()
        for core in self.cores:
            core.write_window("read_window", read_window)
            core.write_window("write_window", write_window)
        self.write_window("read_window", read_window)
        for buffer, (base, size) in enumerate(zip(slices.base, slices.size)):
            self.write(f"slice_base{buffer}", base)
            self.write(f"slice_size{buffer}", size)
        self.write_wide("task_base", table_base)
        self.write("task_count", entries)
        self.write("contexts", contexts)
        self.launch()

    def wait(self, timeout: float) -> None:
        """Wait for the end of the table; TableError when it stopped with an error, InterruptTimeout when it did not stop."""
        self.transport.wait_interrupt(PAGE, timeout)
        error = self.status()["error"]
        self.write("irq_status", 3)
        if error:
            raise TableError(self.fault())

    def run(self, table_base: int, entries: int, read_window: tuple[int, int], write_window: tuple[int, int], slices: Slices,
            timeout: float = 10.0) -> None:
        """Start a table and wait for its end."""
        self.start(table_base, entries, read_window, write_window, slices)
        self.wait(timeout)

    def fault(self) -> TableFault:
        """Contents of the CAUSE registers."""
        fields = self.fields("cause")
        cause, core = Cause(fields["cause"]), fields["core"]
        if cause == Cause.CORE_ERROR:
            return TableFault(cause, 0, 0, core, self.cores[core].fault())
        return TableFault(cause, self.read("cause_index"), self.read_wide("cause_addr"))

    def counters(self) -> dict[str, object]:
        """Counters of the task queue by name, and of its cores in `cores`: those of `Driver.counters`, and `queue_*`."""
        cores = []
        for number, core in enumerate(self.cores):
            cores.append(core.counters() | {f"queue_{name}": self.read(f"count_core{number}_{name}")
                                            for name in ("tasks", "weights", "starved", "full", "active")})
        return {"cycles": self.read_wide("count_cycles"), "cores": cores}
