"""Cocotb side. Environment: FVGM_DMA_PLANS random plans, FVGM_DMA_FLIP and FVGM_DMA_DROP for the negative tests."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import cocotb
import numpy as np
import pyuvm
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from pyuvm import ConfigDB, uvm_test

from models import config, dma
from models.isa import Buffer
from tb.common.seed import rng
from tb.dma.dma_coverage import FAULTS
from tb.dma.dma_env import UNITS, DmaEnv, TransferSequence
from tb.dma.dma_stimulus import MEMORY_BYTES, ORIGIN, Fault, Plan, Planner, Settings, surroundings

BANKS = {"A": 4, "B": 2, "V": 8, "P": 4}


class Base(uvm_test):
    """Brings the bench up, runs plans, looks at the images."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.units = int(os.environ["FVGM_DMA_UNITS"])
        slots, burst_beats = int(os.environ["FVGM_DMA_SLOTS"]), int(os.environ["FVGM_DMA_BURST_BEATS"])
        self.machine = dataclasses.replace(config.load("tiny"), axi_slots=slots, burst_beats=burst_beats)
        self.memory = np.memmap(os.environ["FVGM_DMA_MEMORY"], np.uint8, "r+")
        values = {"SLOTS": slots, "BURST_BEATS": burst_beats, "UNITS": self.units, "MACHINE": self.machine,
                  "MEMORY": self.memory, "FLIP": int(os.environ.get("FVGM_DMA_FLIP", "0")),
                  "RUN": os.environ.get("FVGM_DMA_RUN", "run")}
        for name, value in values.items():
            ConfigDB().set(None, "*", name, value)
        self.rng = rng("dma")
        self.env = DmaEnv("env", self)

    async def start(self) -> None:
        """Clock and both resets."""
        dut = self.dut
        self.configure(Settings(), None)
        for name in ("fill_i", "dump_i", "load_halt_i", "store_halt_i", "rst_ni", "mem_rst_ni"):
            getattr(dut, name).value = 0
        Clock(dut.clk_i, 10, unit="ns").start()
        await ClockCycles(dut.clk_i, 4)
        dut.mem_rst_ni.value = 1
        dut.rst_ni.value = 1

    def configure(self, settings: Settings, fault: Fault | None) -> None:
        """Hand the settings to the memory and the noise ports."""
        for name in ("latency", "jitter", "stall_ar", "stall_r", "stall_aw", "stall_w", "stall_b", "reorder",
                     "interleave", "noise"):
            getattr(self.dut, f"{name}_i").value = getattr(settings, name)
        self.dut.error_resp_i.value = fault.response if fault else 0
        self.dut.error_read_i.value = int(bool(fault) and fault.kind.startswith("read"))
        self.dut.error_write_i.value = int(bool(fault) and fault.kind.startswith("write"))
        self.dut.error_first_i.value = self.dut.error_last_i.value = fault.address if fault else 0

    async def fill(self) -> dict[Buffer, np.ndarray]:
        """Random contents everywhere."""
        self.memory[:] = self.rng.integers(0, 256, self.memory.size, dtype=np.uint8)
        buffers = {b: self.rng.integers(0, 256, (self.units, 16), dtype=np.uint8) for b in Buffer}
        for b, image in buffers.items():
            for bank in range(BANKS[b.name]):
                words = (unit[::-1].tobytes().hex() for unit in image[bank::BANKS[b.name]])
                Path(f"{b.name}_{bank}.hex").write_text("\n".join(words))
        await self.pulse(self.dut.fill_i)
        return buffers

    async def dump(self) -> dict[Buffer, np.ndarray]:
        """Contents of the buffers; both copies of pbuf must agree."""
        await self.pulse(self.dut.dump_i)
        buffers = {b: np.zeros((self.units, 16), np.uint8) for b in Buffer}
        for b, name in [(b, b.name) for b in Buffer] + [(Buffer.P, "P2")]:
            for bank in range(BANKS[b.name]):
                words = [w for w in Path(f"{name}_{bank}.hex").read_text().split() if len(w) == 32]
                image = np.frombuffer(bytes.fromhex("".join(words)), np.uint8).reshape(-1, 16)[:, ::-1]
                if name == "P2" and (buffers[b][bank::BANKS[b.name]] != image).any():
                    self.env.scoreboard.fail("the copies of pbuf differ")
                buffers[b][bank::BANKS[b.name]] = image
        return buffers

    async def pulse(self, signal) -> None:
        """High for a cycle."""
        await RisingEdge(self.dut.clk_i)
        signal.value = 1
        await RisingEdge(self.dut.clk_i)
        signal.value = 0
        await RisingEdge(self.dut.clk_i)

    async def execute(self, plan: Plan) -> None:
        """Run a plan until all its commands are done, or, with a fault, until the units are idle; compare."""
        board = self.env.scoreboard
        buffers = await self.fill()
        self.configure(plan.settings, plan.fault)
        board.begin(plan, buffers)
        tasks = []
        for unit, commands in (("load", plan.loads), ("store", plan.stores)):
            sequence = TransferSequence(plan.name, commands, self.rng, plan.settings.gaps)
            tasks.append(cocotb.start_soon(sequence.start(self.env.sequencers[unit])))
        limit = board.cycles + 60000
        if plan.fault:
            await self.stop(plan.fault, limit)
        while not (plan.fault or board.finished()) and board.cycles < limit:
            await ClockCycles(self.dut.clk_i, 8)
        for task in tasks:
            if not task.done() and not plan.fault and board.cycles >= limit:
                task.cancel()
            else:
                await task
        await ClockCycles(self.dut.clk_i, 4)
        for unit in UNITS:
            if not int(getattr(self.dut, f"{unit}_idle_o").value):
                board.fail(f"{unit}: not idle at the end")
        board.end(await self.dump())
        if plan.fault:
            await self.reset_core()

    async def stop(self, fault: Fault, limit: int) -> None:
        """Wait for the error (or raise halt), halt the other unit as the scheduler does, wait until both are idle."""
        dut, board = self.dut, self.env.scoreboard
        if fault.kind.startswith("halt"):
            await ClockCycles(dut.clk_i, fault.halt_cycle)
            getattr(dut, f"{fault.kind[5:]}_halt_i").value = 1
        else:
            while not any(int(getattr(dut, f"{u}_error_o").value) for u in UNITS) and board.cycles < limit:
                await RisingEdge(dut.clk_i)
        for unit in UNITS:
            getattr(dut, f"{unit}_halt_i").value = 1
            self.env.drivers[unit].stopped = True
        await ClockCycles(dut.clk_i, 2)
        board.stopped = True
        while not all(int(getattr(dut, f"{u}_idle_o").value) for u in UNITS) and board.cycles < limit:
            await RisingEdge(dut.clk_i)
        await ClockCycles(dut.clk_i, 50)  # nothing may move any more

    async def reset_core(self) -> None:
        """Reset the units, not the memory: the next plan finds a clean AXI port or fails."""
        self.dut.rst_ni.value = 0
        await ClockCycles(self.dut.clk_i, 3)
        for unit in UNITS:
            getattr(self.dut, f"{unit}_halt_i").value = 0
            self.env.drivers[unit].stopped = False
        self.dut.rst_ni.value = 1
        await ClockCycles(self.dut.clk_i, 2)


@pyuvm.test()
class DmaRandomTest(Base):
    """Random plans, easy and hard surroundings, then every kind of fault with a good plan after it."""

    async def run_phase(self) -> None:
        self.raise_objection()
        await self.start()
        planner = Planner(self.rng, self.units, self.machine.burst_beats)
        plans = int(os.environ.get("FVGM_DMA_PLANS", "12"))
        for i in range(plans):
            settings = Settings() if i == 0 else surroundings(self.rng, hard=i % 3 == 2)
            await self.execute(planner.plan(f"plan {i}", settings, 30, 15))
        for kind in FAULTS if plans else ():
            await self.execute(self.with_fault(planner, kind))
            await self.execute(planner.plan(f"after {kind}", surroundings(self.rng, hard=False), 6, 4))
        board = self.env.scoreboard
        self.logger.info(f"{board.compared} words compared in {board.cycles} cycles, {len(board.errors)} errors")
        self.drop_objection()

    def with_fault(self, planner: Planner, kind: str) -> Plan:
        """A plan one of whose bursts fails, or that is halted on the way."""
        side, what = kind.split("_")
        outside = ("load" if side == "read" else "store") if what == "outside" else None
        plan = planner.plan(kind, surroundings(self.rng, hard=bool(self.rng.integers(2))), 20, 12, outside)
        if side == "halt":
            plan.fault = Fault(kind, halt_cycle=int(self.rng.integers(20, 200)))
            return plan
        if outside:
            plan.fault = Fault(kind, address=ORIGIN + MEMORY_BYTES)
            return plan
        commands = plan.loads if side == "read" else plan.stores
        bursts = [b for fields in commands for b in dma.bursts(fields, self.machine)]
        address, beats = bursts[int(self.rng.integers(len(bursts)))]
        plan.fault = Fault(kind, 2 if what == "slverr" else 3, address + 32 * int(self.rng.integers(beats)))
        return plan

    def check_phase(self) -> None:
        errors = self.env.scoreboard.errors
        assert not errors, f"{len(errors)} errors, first: " + "; ".join(errors[:5])
        if not os.environ.get("FVGM_DMA_FLIP"):
            self.env.coverage.points.check()


@pyuvm.test()
class DmaPerformanceTest(Base):
    """One long LOAD, one long STORE, alone and together, at a latency of FVGM_DMA_LATENCY cycles: beats per cycle."""

    async def run_phase(self) -> None:
        self.raise_objection()
        await self.start()
        latency, row_units = int(os.environ["FVGM_DMA_LATENCY"]), 4096
        tile = {"rows": 1, "row_units": row_units, "hbm_stride": 0, "base": 0, "row_step": 0, "unit_step": 1}
        rows = {"rows": 64, "row_units": 9, "hbm_stride": 320, "base": 0, "row_step": 1, "unit_step": 65}
        cases = {"LOAD, one row": ("load", tile | {"hbm_addr": ORIGIN, "buffer": int(Buffer.B)}),
                 "LOAD, rows of 9 units": ("load", rows | {"hbm_addr": ORIGIN, "buffer": int(Buffer.B)}),
                 "STORE, one row": ("store", tile | {"hbm_addr": ORIGIN + 131072, "buffer": int(Buffer.V)}),
                 "STORE, rows of 9 units": ("store", rows | {"hbm_addr": ORIGIN, "buffer": int(Buffer.V),
                                                            "unit_step": 1, "row_step": 9})}
        results = []
        for name, (unit, fields) in cases.items():
            await self.fill()
            self.configure(Settings(latency=latency), None)
            results.append({"case": name, "beats": dma.ideal_cycles(fields), **await self.measure(unit, fields)})
            self.logger.info(f"performance: {results[-1]}")
        Path(os.environ["FVGM_DMA_REPORT"]).write_text(json.dumps(results))
        self.drop_objection()

    async def measure(self, unit: str, fields: dict[str, int]) -> dict[str, float]:
        """Cycles from the command to done, and the beats per cycle between the first and the last beat."""
        dut = self.dut
        valid, ready = (dut.rvalid_o, dut.rready_o) if unit == "load" else (dut.wvalid_o, dut.wready_o)
        sequence = TransferSequence("long", [fields], self.rng, 0.0)
        task = cocotb.start_soon(sequence.start(self.env.sequencers[unit]))
        cycle, accepted, beats, done = 0, None, [], getattr(dut, f"{unit}_done_o")
        command = [getattr(dut, f"{unit}_{n}") for n in ("valid_i", "ready_o")]
        while not int(done.value):
            await FallingEdge(dut.clk_i)
            cycle += 1
            if accepted is None and all(int(s.value) for s in command):
                accepted = cycle
            if int(valid.value) and int(ready.value):
                beats.append(cycle)
            assert cycle < 100000, "never done"
        await task
        await ClockCycles(dut.clk_i, 4)
        return {"cycles": cycle - accepted, "first_beat": beats[0] - accepted,
                "beats_per_cycle": round(len(beats) / (beats[-1] - beats[0] + 1), 3)}
