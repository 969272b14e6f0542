"""pyuvm environment of fvgm_taskq.

The driver writes a table into the memory behind the fetch port, sets the registers over AXI4-Lite, starts and waits for the interrupt;
after an error it resets. The player is the cores: it takes tasks when it likes into the lowest free context, ends them after random
times, fails when the item says so, and answers resets. The monitor watches the ports of the cores; the scoreboard replays what it
reports on models/taskq.py.
"""

from __future__ import annotations

from collections import deque
from functools import reduce
from operator import and_
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge
from pyuvm import (ConfigDB, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_sequence, uvm_sequence_item, uvm_sequencer)

from host.taskq_regmap import REGISTERS
from models.config import Config
from tb.taskq.stimulus import FAULTS, MEMORY_BYTES, ORIGIN, PACES, STYLES, Item, random_item
from tb.taskq.taskq_coverage import TaskqCoverage
from tb.taskq.taskq_scoreboard import STATUS, TaskqScoreboard

TIMEOUT = 200_000  # cycles of one table
TASK_FIELDS = (("base", 40), ("length", 16), ("prio", 8), ("tag", 16), ("seq", 32))  # task_start_t, lowest first
TASK_BITS = sum(bits for _, bits in TASK_FIELDS)


class TableItem(uvm_sequence_item):
    """One table (stimulus.Item) on its way to the driver."""

    def __init__(self, item: Item) -> None:
        super().__init__(item.fault)
        self.item = item


class TableSequence(uvm_sequence):
    """`rounds` times every fault in random order, good tables of all styles between them."""

    def __init__(self, rng: np.random.Generator, config: Config, rounds: int) -> None:
        super().__init__("tables")
        self.rng, self.config, self.rounds = rng, config, rounds

    async def body(self) -> None:
        """Send the items one after another."""
        for _ in range(self.rounds):
            for position, fault in enumerate(self.rng.permutation(list(FAULTS))):
                for kind in (str(fault), "none"):
                    style = STYLES[position % 3 if kind == "none" else int(self.rng.integers(2))]
                    request = TableItem(random_item(self.rng, self.config.cores, self.config.contexts, kind, style))
                    await self.start_item(request)
                    await self.finish_item(request)


class Bus:
    """AXI4-Lite master on csr_*."""

    async def write(self, address: int, data: int) -> int:
        """Response of a write."""
        dut = cocotb.top
        dut.csr_awaddr.value, dut.csr_wdata.value = address, data
        dut.csr_awvalid.value = dut.csr_wvalid.value = dut.csr_bready.value = 1
        pending = {"aw", "w"}
        while True:
            await RisingEdge(dut.clk_i)
            for channel in tuple(pending):
                if int(getattr(dut, f"csr_{channel}ready").value):
                    getattr(dut, f"csr_{channel}valid").value = 0
                    pending.remove(channel)
            if int(dut.csr_bvalid.value):
                dut.csr_bready.value = 0
                return int(dut.csr_bresp.value)

    async def read(self, address: int) -> tuple[int, int]:
        """(response, data) of a read."""
        dut = cocotb.top
        dut.csr_araddr.value, dut.csr_arvalid.value, dut.csr_rready.value = address, 1, 1
        while True:
            await RisingEdge(dut.clk_i)
            if int(dut.csr_arready.value):
                dut.csr_arvalid.value = 0
            if int(dut.csr_rvalid.value):
                dut.csr_rready.value = 0
                return int(dut.csr_rresp.value), int(dut.csr_rdata.value)

    async def set(self, **values: int) -> None:
        """Write registers by name."""
        for name, value in values.items():
            assert await self.write(REGISTERS[name].offset, value) == 0, name

    async def get(self, name: str) -> int:
        """Read a register by name."""
        response, data = await self.read(REGISTERS[name].offset)
        assert response == 0, name
        return data


class Board:
    """What driver, player and monitor share: the item under way and, from the player, what runs where."""

    def __init__(self) -> None:
        self.item: Item | None = None
        self.fresh = False  # the player has not looked at the item yet


class CorePlayer(uvm_component):
    """All cores: one step per clock cycle, the inputs for the next one from what is sampled now."""

    def build_phase(self) -> None:
        self.board: Board = ConfigDB().get(self, "", "BOARD")
        self.config: Config = ConfigDB().get(self, "", "CONFIG")
        self.rng: np.random.Generator = ConfigDB().get(self, "", "RNG")

    async def run_phase(self) -> None:
        """For ever."""
        dut, cores, contexts, board = cocotb.top, range(self.config.cores), self.config.contexts, self.board
        left: list[dict[int, int]] = [{} for _ in cores]  # context: cycles
        ready, where, delay, failed, taken = 0, [0] * len(cores), [0] * len(cores), 0, 0
        while True:
            await RisingEdge(dut.clk_i)
            session, item = int(dut.session_o.value), board.item
            if int(dut.cores_reset_o.value):
                left, failed, ready = [{} for _ in cores], 0, 0
                delay = [int(self.rng.integers(3, 30)) for _ in cores]
            if board.fresh:
                board.fresh, taken = False, 0
                if self.rng.random() < 0.3:
                    delay[int(self.rng.integers(len(cores)))] = int(self.rng.integers(60))
                if item.fault == "core_error_early":
                    failed = 1 << item.bad_core
            valid, done, may, ready_next, context = int(dut.task_valid_o.value) if session else 0, 0, 0, 0, 0
            for c in cores:
                if valid & ready & 1 << c:
                    low, high = PACES[item.pace]
                    left[c][where[c]] = int(self.rng.integers(low, high + 1)) if item else 1
                    taken += 1
            if session and item and item.fault == "core_error" and taken >= item.error_after:
                failed = 1 << item.bad_core
            for c in cores:
                if failed >> c & 1:
                    continue
                for x in [x for x, cycles in left[c].items() if cycles <= 0]:
                    del left[c][x]  # its pulse was in the cycle that ends now
                for x in left[c]:
                    left[c][x] -= 1
                    if left[c][x] <= 0:
                        done |= 1 << c * contexts + x
                free = [x for x in range(contexts) if x not in left[c]]
                if free:
                    where[c] = free[0]
                    if session and self.rng.random() < item.ready:
                        ready_next |= 1 << c
                delay[c] = max(0, delay[c] - 1)
                if not session and not delay[c]:
                    may |= 1 << c
                context |= where[c] << 3 * c
            ready = ready_next
            dut.task_ready_i.value, dut.task_context_i.value, dut.task_done_i.value = ready, context, done
            dut.session_ready_i.value, dut.core_error_i.value = may, failed


class Monitor(uvm_component):
    """Watches the ports; publishes the events that the scoreboard and the coverage take, in the order in which they happen."""

    def build_phase(self) -> None:
        self.board: Board = ConfigDB().get(self, "", "BOARD")
        self.config: Config = ConfigDB().get(self, "", "CONFIG")
        self.corrupt = ConfigDB().get(self, "", "CORRUPT")
        self.port = uvm_analysis_port("port", self)
        self.cycle = 0
        self.latencies: list[int] = []  # from an end to the offer that follows it, nothing else between them

    def task(self, core: int) -> dict[str, int]:
        """The task at a core's port."""
        raw, out = int(cocotb.top.task_o.value) >> TASK_BITS * core, {}
        for name, bits in TASK_FIELDS:
            out[name] = raw & (1 << bits) - 1
            raw >>= bits
        return out

    async def run_phase(self) -> None:
        """For ever."""
        dut, cores, contexts, board = cocotb.top, self.config.cores, self.config.contexts, self.board
        offered, running, failed, offers, ended = 0, {}, False, 0, None
        entry_of: dict[int, int] = {}
        busy = [0] * cores
        history: deque[tuple[int, int]] = deque([(0, 0)] * 10, 10)  # open cores and loads, of this cycle last
        while True:
            await RisingEdge(dut.clk_i)
            self.cycle += 1
            cycle = self.cycle
            if not int(dut.session_o.value):
                offered, failed, offers, ended = 0, False, 0, None
                running, entry_of = {}, {}
                busy = [0] * cores
                continue
            history.append((int(dut.open_o.value), int(dut.load_o.value)))
            if int(dut.admit_o.value):
                self.port.write(("admit", cycle))
            if int(dut.core_error_i.value) and not failed:
                failed, grace = True, cycle + 1
            if failed and cycle == grace:
                self.port.write(("stop",))
            valid, ready, done = int(dut.task_valid_o.value), int(dut.task_ready_i.value), int(dut.task_done_i.value)
            for c in range(cores):
                if valid >> c & 1:
                    if not offered >> c & 1:
                        task = self.task(c)
                        offers += 1
                        if self.corrupt == "tag" and offers == 3:
                            task["tag"] ^= 1
                        self.port.write(("offer", cycle, c, task, history[-4][0], history[-2][1]))
                        entry_of[c] = task["seq"]
                        if ended is not None:
                            self.latencies.append(cycle - ended)
                            ended = None
                    self.port.write(("busy", cycle, c))
                    if ready >> c & 1:
                        context = int(dut.task_context_i.value) >> 3 * c & 7
                        assert (c, context) not in running, f"core {c}: context {context} has a task"
                        running[c, context] = entry_of[c]
                        self.port.write(("take", cycle, c, context, sum(core == c for core, _ in running)))
                if valid >> c & 1 or any(core == c for core, _ in running):
                    busy[c] += 1
                    self.port.write(("running", c, busy[c]))
            offered = valid & ~ready
            while done:
                bit = (done & -done).bit_length() - 1
                done &= done - 1
                core, context = divmod(bit, contexts)
                self.port.write(("done", cycle, core, running.pop((core, context))))
                ended = cycle
            if cycle % 4 == 0:
                self.port.write(("tick", cycle, reduce(and_, (o for o, _ in history)), *history[-1]))


class TableDriver(uvm_driver):
    """Runs items."""

    def build_phase(self) -> None:
        self.board: Board = ConfigDB().get(self, "", "BOARD")
        self.config: Config = ConfigDB().get(self, "", "CONFIG")
        self.rng: np.random.Generator = ConfigDB().get(self, "", "DRIVER_RNG")
        self.memory: np.ndarray = ConfigDB().get(self, "", "MEMORY")
        self.port = uvm_analysis_port("port", self)
        self.bus = Bus()

    async def prepare(self, item: Item) -> None:
        """Memory and registers."""
        dut = cocotb.top
        at = item.base // 64 * 64 - ORIGIN
        self.memory[:] = self.rng.integers(0, 256, MEMORY_BYTES, dtype=np.uint8)
        if item.fault != "base":
            self.memory[at:at + item.raw.size] = item.raw
        dut.mem_latency_i.value, dut.mem_jitter_i.value, dut.mem_stall_i.value = item.latency, item.jitter, item.stall
        dut.mem_error_resp_i.value = int(self.rng.integers(2, 4)) if item.fetch_error else 0
        dut.mem_error_addr_i.value = item.fetch_error + int(self.rng.integers(64))
        values = {"task_base": item.base, "read_window_base": item.window[0], "read_window_limit": item.window[1]}
        for name, value in values.items():
            await self.bus.set(**{f"{name}_lo": value & 0xFFFFFFFF, f"{name}_hi": value >> 32})
        await self.bus.set(task_count=item.count, watchdog=item.watchdog, contexts=item.contexts, irq_enable=3)
        for b in range(6):
            await self.bus.set(**{f"slice_base{b}": item.slices[0][b], f"slice_size{b}": item.slices[1][b]})

    async def outcome(self) -> dict[str, int]:
        """Registers after the interrupt."""
        get = self.bus.get
        cause = await get("cause")
        out = {name: cause >> f.low & (1 << f.width) - 1 for name, f in REGISTERS["cause"].fields.items()}
        out |= {"status": await get("status"), "index": await get("cause_index"),
                "address": await get("cause_addr_lo") | await get("cause_addr_hi") << 32,
                "cycles": await get("count_cycles_lo") | await get("count_cycles_hi") << 32}
        for c in range(self.config.cores):
            for name in ("tasks", "weights", "starved", "full", "active"):
                out[f"count_core{c}_{name}"] = await get(f"count_core{c}_{name}")
        return out

    async def reset(self) -> None:
        """Soft reset: once to the cores, back to idle when all are ready."""
        dut = cocotb.top
        pulses = 0

        async def count() -> None:
            nonlocal pulses
            while True:
                await RisingEdge(dut.clk_i)
                pulses += int(dut.cores_reset_o.value)

        counter = cocotb.start_soon(count())
        await self.bus.set(control=2)
        for _ in range(TIMEOUT):
            status = await self.bus.get("status")
            assert status in (STATUS["resetting"], STATUS["idle"])
            if status == STATUS["idle"]:
                break
        else:
            raise AssertionError("soft reset does not end")
        counter.cancel()
        assert pulses == 1, f"{pulses} resets of the cores"
        assert await self.bus.get("cause") == 0

    async def run_phase(self) -> None:
        """Wait for items for ever."""
        dut = cocotb.top
        while True:
            request = await self.seq_item_port.get_next_item()
            item = request.item
            await self.prepare(item)
            slices = int(dut.slices_o.value)
            wanted = sum(s << 20 * b for b, s in enumerate(item.slices[1])) | sum(s << 120 + 20 * b for b, s in enumerate(item.slices[0]))
            assert slices == wanted, "slices_o is not SLICE_BASE, SLICE_SIZE"
            self.board.item, self.board.fresh = item, True
            await RisingEdge(dut.clk_i)
            self.port.write(("begin", item))
            await self.bus.set(control=1)
            for _ in range(item.reset_after if item.fault == "reset" else TIMEOUT):
                await RisingEdge(dut.clk_i)
                if int(dut.irq_o.value):
                    break
            else:
                assert item.fault == "reset", f"{item.fault}: no interrupt within {TIMEOUT} cycles"
            came = int(dut.irq_o.value)
            out = await self.outcome()
            if came and out["status"] & STATUS["done"]:
                assert await self.bus.get("irq_status") == 1
                await self.bus.set(irq_status=1)
            elif came:
                assert await self.bus.get("irq_status") == 2
                await self.bus.set(control=1)  # a start is ignored
                await self.bus.set(irq_status=2)
            assert not came or not int(dut.irq_o.value)
            self.port.write(("end", 0, out))
            if not out["status"] & STATUS["done"]:
                await self.reset()
            await self.bus.set(irq_status=3)
            self.seq_item_port.item_done()


class TaskqEnv(uvm_env):
    """Driver, player, monitor, scoreboard, coverage."""

    def build_phase(self) -> None:
        ConfigDB().set(None, "*", "BOARD", Board())
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = TableDriver("driver", self)
        self.player = CorePlayer("player", self)
        self.monitor = Monitor("monitor", self)
        self.scoreboard = TaskqScoreboard("scoreboard", self)
        self.coverage = TaskqCoverage("coverage", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
        for source in (self.driver.port, self.monitor.port):
            self.coverage_first(source)

    def coverage_first(self, source: Any) -> None:
        """Coverage looks at the scoreboard's model before a hand-out changes it."""
        source.connect(self.coverage.analysis_export)
        source.connect(self.scoreboard.analysis_export)
