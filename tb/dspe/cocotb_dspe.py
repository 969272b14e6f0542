"""Cocotb side: FVGM_DSPE_COUNT is the number of random sums, FVGM_DSPE_FLIP=1 the negative test (without the long sums)."""

from __future__ import annotations

import os

import cocotb
import pyuvm
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from pyuvm import ConfigDB, uvm_test

from tb.common.seed import rng
from tb.dspe.dspe_env import DspeEnv, DspeSequence
from tb.dspe.stimulus import accumulations


@pyuvm.test()
class DspeTest(uvm_test):
    """Random sums, then the longest."""

    def build_phase(self) -> None:
        self.rng = rng("dspe")
        self.flip = os.environ.get("FVGM_DSPE_FLIP") == "1"
        ConfigDB().set(None, "*", "RNG", self.rng)
        ConfigDB().set(None, "*", "FLIP", self.flip)
        self.env = DspeEnv("env", self)

    async def run_phase(self) -> None:
        """All sums, then the pipeline runs empty."""
        self.raise_objection()
        Clock(cocotb.top.clk_i, 10, unit="ns").start()
        count = int(os.environ.get("FVGM_DSPE_COUNT", "1500"))
        sequence = DspeSequence("sums", accumulations(self.rng, count, long=count >= 1000 and not self.flip))
        await sequence.start(self.env.agent.sequencer)
        await ClockCycles(cocotb.top.clk_i, 10)
        self.drop_objection()
