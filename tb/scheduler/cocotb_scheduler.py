"""Cocotb side of the scheduler's environment: FVGM_ROUNDS rounds over all faults; FVGM_CORRUPT flips a bit of that
command, FVGM_CORRUPT_COUNTS bits of the counts of written rows
that the scoreboard sees.
"""

from __future__ import annotations

import os

import cocotb
import numpy as np
import pyuvm
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from pyuvm import ConfigDB, uvm_test

from models.config import load
from tb.common.seed import rng
from tb.scheduler.corners import WINDOWS
from tb.scheduler.scheduler_env import ProgramSequence, SchedulerEnv
from tb.scheduler.session_env import SessionEnv, SessionSequence


async def reset(dut) -> None:
    """Idle inputs, windows, reset, clock."""
    for name in ("start_i", "soft_reset_i", "cmd_ready_i", "done_i", "load_error_i", "store_error_i",
                 "mem_error_resp_i", "su_count_valid_i", "su_kept_valid_i", "su_count_id_i", "su_count_value_i",
                 "session_i", "task_valid_i", "task_i", "slices_i"):
        getattr(dut, name).value = 0
    dut.read_base_i.value, dut.read_limit_i.value = WINDOWS.read
    dut.write_base_i.value, dut.write_limit_i.value = WINDOWS.write
    dut.rst_ni.value = 0
    Clock(dut.clk_i, 2, unit="ns").start()
    await ClockCycles(dut.clk_i, 8)
    dut.rst_ni.value = 1
    await ClockCycles(dut.clk_i, 4)


@pyuvm.test()
class SchedulerTest(uvm_test):
    """Random programs, every fault, good programs in between."""

    def build_phase(self) -> None:
        self.config = load(os.environ.get("FVGM_CONFIG", "tiny"))
        ConfigDB().set(None, "*", "CONFIG", self.config)
        ConfigDB().set(None, "*", "RNG", rng("scheduler.surroundings"))
        ConfigDB().set(None, "*", "MEMORY", np.memmap(os.environ["FVGM_MEMORY"], np.uint8, "r+"))
        self.env = SchedulerEnv("env", self)

    async def run_phase(self) -> None:
        """Reset, run the sequence, check coverage."""
        self.raise_objection()
        dut = cocotb.top
        await reset(dut)
        sequence = ProgramSequence("programs", rng("scheduler.programs"), self.config,
                                   int(os.environ.get("FVGM_ROUNDS", "6")))
        await sequence.start(self.env.sequencer)
        await ClockCycles(dut.clk_i, 10)
        self.logger.info("%d programs, %d commands", self.env.scoreboard.programs, self.env.scoreboard.commands)
        if not int(os.environ.get("FVGM_CORRUPT", "0")) + int(os.environ.get("FVGM_CORRUPT_COUNTS", "0")):
            self.env.coverage.coverage.check()
        self.drop_objection()


@pyuvm.test()
class SessionTest(uvm_test):
    """Sessions of the task queue: several tasks at a time; FVGM_SESSIONS rounds."""

    def build_phase(self) -> None:
        self.config = load(os.environ.get("FVGM_CONFIG", "tiny"))
        ConfigDB().set(None, "*", "CONFIG", self.config)
        ConfigDB().set(None, "*", "RNG", rng("scheduler.session_surroundings"))
        ConfigDB().set(None, "*", "MEMORY", np.memmap(os.environ["FVGM_MEMORY"], np.uint8, "r+"))
        self.env = SessionEnv("env", self)

    async def run_phase(self) -> None:
        """Reset, run the sequence, check coverage."""
        self.raise_objection()
        dut = cocotb.top
        await reset(dut)
        sequence = SessionSequence(rng("scheduler.sessions"), self.config, int(os.environ.get("FVGM_SESSIONS", "5")))
        await sequence.start(self.env.sequencer)
        await ClockCycles(dut.clk_i, 10)
        self.logger.info("%d sessions, %d commands", self.env.scoreboard.sessions, self.env.scoreboard.commands)
        self.env.scoreboard.coverage.check()
        self.drop_objection()
