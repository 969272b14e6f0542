"""Cocotb side. FVGM_PRIM_CONFIG names the configuration, FVGM_PRIM_COUNT scales the stimulus, FVGM_PRIM_FLIP is the
cycle to spoil, FVGM_PRIM_ILLEGAL an illegal selection to drive instead of the stimulus."""

from __future__ import annotations

import os

import cocotb
import pyuvm
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from pyuvm import ConfigDB, uvm_test

from tb.common.seed import rng
from tb.prim.prim_env import PrimEnv, PrimSequence
from tb.prim.stimulus import CONFIGS, illegal, phases, sequence


@pyuvm.test()
class PrimTest(uvm_test):
    """One configuration, all phases."""

    def build_phase(self) -> None:
        self.config = os.environ["FVGM_PRIM_CONFIG"]
        ConfigDB().set(None, "*", "CONFIG", self.config)
        ConfigDB().set(None, "*", "FLIP", int(os.environ.get("FVGM_PRIM_FLIP", "0")))
        self.env = PrimEnv("env", self)

    async def run_phase(self) -> None:
        """The stimulus, then the pipeline runs empty."""
        self.raise_objection()
        Clock(cocotb.top.clk_i, 10, unit="ns").start()
        kind, count = os.environ.get("FVGM_PRIM_ILLEGAL"), int(os.environ.get("FVGM_PRIM_COUNT", "1200"))
        stream = rng(f"prim.{self.config}")
        stretches = [illegal(kind)] if kind else sequence(CONFIGS[self.config], stream, phases(count))
        await PrimSequence("stretches", stretches).start(self.env.agent.sequencer)
        await ClockCycles(cocotb.top.clk_i, 8)
        self.drop_objection()
