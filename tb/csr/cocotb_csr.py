"""Cocotb side of the registers' environment: FVGM_COUNT random accesses; FVGM_CORRUPT flips a bit of that access."""

from __future__ import annotations

import os

import cocotb
import pyuvm
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from pyuvm import ConfigDB, uvm_test

from models.config import load
from models.csr import CsrModel
from tb.common.seed import rng
from tb.csr.csr_env import CsrEnv, RandomSequence, WalkSequence


@pyuvm.test()
class CsrTest(uvm_test):
    """Walk over the map, then random accesses while hardware changes."""

    def build_phase(self) -> None:
        ConfigDB().set(None, "*", "CONFIG", load(os.environ.get("FVGM_CONFIG", "tiny")))
        ConfigDB().set(None, "*", "MODEL", CsrModel())
        ConfigDB().set(None, "*", "RNG", rng("csr.hardware"))
        self.env = CsrEnv("env", self)

    async def run_phase(self) -> None:
        """Reset, walk, random batches with new hardware values in between, coverage."""
        self.raise_objection()
        dut = cocotb.top
        for name in ("awvalid", "wvalid", "arvalid", "bready", "rready"):
            getattr(dut, f"s_axil_{name}").value = 0
        dut.rst_ni.value = 0
        Clock(dut.clk_i, 2, unit="ns").start()
        self.env.hardware.drive()
        dut.irq_done_i.value = dut.irq_error_i.value = 0
        await ClockCycles(dut.clk_i, 5)
        dut.rst_ni.value = 1
        await ClockCycles(dut.clk_i, 2)
        await WalkSequence("walk").start(self.env.sequencer)
        generator = rng("csr.accesses")
        for _ in range(int(os.environ.get("FVGM_COUNT", "3000")) // 10):
            await self.env.change_hardware()
            await RandomSequence("random", generator, 10).start(self.env.sequencer)
            await ClockCycles(dut.clk_i, 3)
        await self.env.change_hardware()
        if not self.env.scoreboard.corrupt:
            self.env.scoreboard.cover.check()
        self.drop_objection()
