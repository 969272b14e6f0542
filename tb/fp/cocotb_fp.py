"""Cocotb side. FVGM_FP_OP names the operator, FVGM_FP_COUNT the random operations, FVGM_FP_FLIP the bit to spoil."""

from __future__ import annotations

import os

import cocotb
import pyuvm
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from pyuvm import ConfigDB, uvm_test

from tb.common.seed import rng
from tb.fp.fp_env import FpEnv, sequences


@pyuvm.test()
class FpTest(uvm_test):
    """One operator, all sequences."""

    def build_phase(self) -> None:
        self.operator = os.environ["FVGM_FP_OP"]
        ConfigDB().set(None, "*", "OPERATOR", self.operator)
        ConfigDB().set(None, "*", "FLIP", int(os.environ.get("FVGM_FP_FLIP", "0")))
        self.env = FpEnv("env", self)

    async def run_phase(self) -> None:
        """Run the sequences, then let the pipeline drain."""
        self.raise_objection()
        Clock(cocotb.top.clk_i, 10, unit="ns").start()
        count = int(os.environ.get("FVGM_FP_COUNT", "150000"))
        for sequence in sequences(self.operator, rng(f"fp.{self.operator}"), count):
            await sequence.start(self.env.agent.sequencer)
        await ClockCycles(cocotb.top.clk_i, 10)
        self.drop_objection()
