"""Cocotb side: FVGM_ARRAY_COUNT is the number of random tiles, FVGM_ARRAY_FLIP=1 the negative test (without the long sums)."""

from __future__ import annotations

import os

import cocotb
import pyuvm
from cocotb.triggers import ClockCycles
from pyuvm import ConfigDB, uvm_test

from tb.common.seed import rng
from tb.dspe.array_env import ArrayEnv, TileSequence
from tb.dspe.array_stimulus import tiles


@pyuvm.test()
class ArrayTest(uvm_test):
    """Random tiles, then the longest."""

    def build_phase(self) -> None:
        self.rng = rng("dspe.array")
        self.flip = os.environ.get("FVGM_ARRAY_FLIP") == "1"
        self.size = 2 * int(os.environ["FVGM_ARRAY_ROWS"]), int(os.environ["FVGM_ARRAY_COLS"])
        ConfigDB().set(None, "*", "RNG", self.rng)
        ConfigDB().set(None, "*", "FLIP", self.flip)
        ConfigDB().set(None, "*", "SIZE", self.size)
        self.env = ArrayEnv("env", self)

    async def run_phase(self) -> None:
        """All tiles, then the pipeline runs empty."""
        self.raise_objection()
        count = int(os.environ.get("FVGM_ARRAY_COUNT", "1200"))
        sequence = TileSequence("tiles", tiles(self.rng, count, *self.size, long=count >= 1000 and not self.flip))
        await sequence.start(self.env.agent.sequencer)
        await ClockCycles(cocotb.top.clk_i, 40)
        self.drop_objection()
