"""Cocotb side of the task queue's environment: FVGM_ROUNDS rounds over all faults; FVGM_CORRUPT names what the scoreboard is to see
wrong ("tag", "wait"). `registers` walks the register map, `latency` measures a chain of tasks.
"""

from __future__ import annotations

import os

import cocotb
import numpy as np
import pyuvm
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from pyuvm import ConfigDB, uvm_test

from host.taskq_regmap import REGISTERS
from models.config import load
from models.isa import MAX_CORES, TaskKind
from tb.common.seed import rng
from tb.taskq.stimulus import complete, encode, random_item
from tb.taskq.taskq_env import Bus, TableItem, TableSequence, TaskqEnv

INPUTS = ("csr_awvalid", "csr_wvalid", "csr_bready", "csr_arvalid", "csr_rready", "core_error_i", "task_ready_i", "task_context_i",
          "task_done_i", "mem_error_resp_i", "mem_stall_i", "mem_jitter_i")


def machine():
    """The configuration with the numbers of cores, contexts and places of this run."""
    from dataclasses import replace
    cores, contexts, window = (int(n) for n in os.environ["FVGM_MACHINE"].split("x"))
    return replace(load("tiny"), cores=cores, contexts=contexts, task_window=window)


async def bring_up(dut) -> None:
    """Clock and reset."""
    for name in INPUTS:
        getattr(dut, name).value = 0
    dut.mem_latency_i.value = 1
    dut.session_ready_i.value = 0
    dut.rst_ni.value = 0
    Clock(dut.clk_i, 2, unit="ns").start()
    await ClockCycles(dut.clk_i, 8)
    dut.rst_ni.value = 1
    await ClockCycles(dut.clk_i, 4)


class Base(uvm_test):
    """Environment and reset."""

    def build_phase(self) -> None:
        self.config = machine()
        ConfigDB().set(None, "*", "CONFIG", self.config)
        ConfigDB().set(None, "*", "RNG", rng("taskq.cores"))
        ConfigDB().set(None, "*", "DRIVER_RNG", rng("taskq.driver"))
        ConfigDB().set(None, "*", "CORRUPT", os.environ.get("FVGM_CORRUPT", ""))
        ConfigDB().set(None, "*", "MEMORY", np.memmap(os.environ["FVGM_MEMORY"], np.uint8, "r+"))
        self.env = TaskqEnv("env", self)

    async def run_phase(self) -> None:
        """Reset, then the test's own part."""
        self.raise_objection()
        await bring_up(cocotb.top)
        await self.body()
        self.drop_objection()


@pyuvm.test()
class Tables(Base):
    """Random tables, every fault, good tables in between."""

    async def body(self) -> None:
        """Run the sequence, check coverage."""
        sequence = TableSequence(rng("taskq.tables"), self.config, int(os.environ.get("FVGM_ROUNDS", "6")))
        await sequence.start(self.env.sequencer)
        await ClockCycles(cocotb.top.clk_i, 10)
        board = self.env.scoreboard
        self.logger.info("%d tables, %d hand-outs; compared with %d other entries, %d other cores", board.tables, board.handouts,
                         board.compared_entries, board.compared)
        if not os.environ.get("FVGM_CORRUPT"):
            self.env.coverage.coverage.check()


@pyuvm.test()
class Latency(Base):
    """A chain: every entry waits for the one before it, so that a full window waits while nothing else goes on."""

    async def body(self) -> None:
        """From each end to the next offer, at most the window's length and the pipelines."""
        from pyuvm import uvm_sequence

        config, random = self.config, rng("taskq.latency")
        item = random_item(random, config.cores, config.contexts, "none", "ring")
        number = 4 * config.task_window
        item.table = [complete({"kind": int(TaskKind.TASK), "cores": (1 << MAX_CORES) - 1, "length": 1, "signal0": 1 + n % 250,
                                "wait0_event": n and 1 + (n - 1) % 250, "wait0_value": n and 1 + (n - 1) // 250,
                                "priority": int(random.integers(4))})
                      for n in range(number)] + [complete({"kind": int(TaskKind.END)})]
        item.raw = np.concatenate([encode(f) for f in item.table])
        item.base, item.count = item.base // 4096 * 4096 & ~0xFFFF, number + 1
        item.window = item.base, item.base + 64 * item.count
        item.latency, item.jitter, item.stall, item.pace, item.ready = 1, 0, 0, "even", 1.0

        class Chain(uvm_sequence):
            """The one table."""

            async def body(self) -> None:
                request = TableItem(item)
                await self.start_item(request)
                await self.finish_item(request)

        await Chain("chain").start(self.env.sequencer)
        found = self.env.monitor.latencies
        assert len(found) == number - 1
        self.logger.info("window %d: from an end to the next offer %d to %d cycles, %.1f on average", config.task_window,
                         min(found), max(found), sum(found) / len(found))
        assert max(found) <= config.task_window + 9, f"{max(found)} cycles"


@cocotb.test()
async def registers(dut) -> None:
    """Reset values, access rights, write masks, pulses that do nothing while idle; SLVERR elsewhere."""
    await bring_up(dut)
    bus, config, random = Bus(), machine(), rng("taskq.registers")
    known = {r.offset: (name, r) for name, r in REGISTERS.items()}
    hardware = {"config": config.cores | config.contexts << 8 | config.task_window << 16 | 8 << 24, "status": 1}
    for round_ in range(2):
        for offset in range(0, max(known) + 0x20, 4):
            if offset not in known:
                assert (await bus.read(offset))[0] == 2 and await bus.write(offset, 0) == 2, hex(offset)
                continue
            name, register = known[offset]
            readable = all("r" in f.access for f in register.fields.values())
            response, data = await bus.read(offset)
            assert response == (0 if readable else 2), name
            reset = sum((f.reset or 0) << f.low for f in register.fields.values())
            if readable and not round_:
                assert data == hardware.get(name, reset), f"{name}: 0x{data:x}"
            mask = sum(((1 << f.width) - 1) << f.low for f in register.fields.values() if f.access == "rw")
            writable = all("w" in f.access for f in register.fields.values())
            value = int(random.integers(1 << 32)) & ~(3 if name == "control" else 0)
            assert await bus.write(offset, value) == (0 if writable else 2), name
            if readable:
                assert (await bus.read(offset))[1] == (data & ~mask | value & mask), name
