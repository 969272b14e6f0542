"""Cocotb side: FVGM_MPU_CONFIG names the configuration, FVGM_MPU_ROUNDS the repetitions, FVGM_MPU_FLIP the negative test."""

from __future__ import annotations

import os

import pyuvm
from pyuvm import ConfigDB, uvm_test

from tb.common.seed import rng
from tb.mpu.machines import machine
from tb.mpu.mpu_env import MpuEnv, MpuSequence
from tb.mpu.stimulus import programs


@pyuvm.test()
class MpuTest(uvm_test):
    """Random programs."""

    def build_phase(self) -> None:
        self.machine = machine(os.environ["FVGM_MPU_CONFIG"])
        ConfigDB().set(None, "*", "MACHINE", self.machine)
        ConfigDB().set(None, "*", "FLIP", os.environ.get("FVGM_MPU_FLIP") == "1")
        self.env = MpuEnv("env", self)

    async def run_phase(self) -> None:
        """All programs, one after the other."""
        self.raise_objection()
        generator = rng(f"mpu.{self.machine.name}")
        rounds = int(os.environ.get("FVGM_MPU_ROUNDS", "4"))
        limit = int(os.environ.get("FVGM_MPU_PROGRAMS", "1000000"))
        sequence = MpuSequence("programs", programs(self.machine, generator, rounds)[:limit])
        await sequence.start(self.env.agent.sequencer)
        self.drop_objection()
