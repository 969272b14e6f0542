"""Cocotb side. FVGM_BUFFER_SHAPE: the parameters, FVGM_BUFFER_COUNT: requests per port, FVGM_BUFFER_FLIP: the negative
test.
"""

from __future__ import annotations

import os

import cocotb
import pyuvm
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Combine
from pyuvm import ConfigDB, uvm_test

from tb.buffer.buffer_env import BufferEnv, BufferSequence, FillSequence, Shape
from tb.common.seed import rng


@pyuvm.test()
class BufferTest(uvm_test):
    """Fill, then random requests at all ports: without gaps, with gaps, and with resets among them."""

    def build_phase(self) -> None:
        self.shape = Shape(*(int(v) for v in os.environ["FVGM_BUFFER_SHAPE"].split(",")))
        for name, value in {"SHAPE": self.shape, "FLIP": int(os.environ.get("FVGM_BUFFER_FLIP", "0")),
                            "RUN": os.environ.get("FVGM_BUFFER_RUN", "run")}.items():
            ConfigDB().set(None, "*", name, value)
        self.env = BufferEnv("env", self)

    async def run_phase(self) -> None:
        self.raise_objection()
        dut, shape, random = cocotb.top, self.shape, rng("buffer")
        count = int(os.environ.get("FVGM_BUFFER_COUNT", "700"))
        dut.rst_ni.value = 0
        Clock(dut.clk_i, 10, unit="ns").start()
        await ClockCycles(dut.clk_i, 3)
        dut.rst_ni.value = 1
        await FillSequence("fill", shape, random, True, 0, 0.0).start(self.env.ports[shape.read_ports][0])
        for gaps in (0.0, 0.5):
            await Combine(*self.all_ports(count, gaps, random))
        tasks = self.all_ports(count // 4, 0.2, random)
        for _ in range(6):
            await ClockCycles(dut.clk_i, int(random.integers(3, 40)))
            dut.rst_ni.value = 0
            await ClockCycles(dut.clk_i, int(random.integers(1, 3)))
            dut.rst_ni.value = 1
        await Combine(*tasks)
        await ClockCycles(dut.clk_i, 5)
        self.drop_objection()

    def all_ports(self, count: int, gaps: float, random) -> list:
        """A random sequence at every port."""
        return [cocotb.start_soon(BufferSequence("random", self.shape, random, i >= self.shape.read_ports, count, gaps)
                                  .start(sequencer)) for i, (sequencer, _) in enumerate(self.env.ports)]
