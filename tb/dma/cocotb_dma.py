"""Cocotb side. Environment: FVGM_DMA_PLANS random plans, FVGM_DMA_FLIP and FVGM_DMA_CORRUPT for the negative tests."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
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
from tb.dma.dma_coverage import BOUND_ROWS, FAULTS
from tb.dma.dma_env import UNITS, DmaEnv, TransferSequence
from tb.dma.dma_lists import corrupt, fits_out_of_bound, put_out_of_bound
from tb.dma.dma_stimulus import ENTRIES, MEMORY_BYTES, ORIGIN, Fault, Plan, Planner, Settings, surroundings

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

    async def fill(self, mbuf: np.ndarray) -> dict[Buffer, np.ndarray]:
        """Random contents everywhere but in mbuf."""
        Path("M.hex").write_text("\n".join(f"{entry:08x}" for entry in mbuf))
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
        what = os.environ.get("FVGM_DMA_CORRUPT", "")
        loads, mbuf = corrupt(plan.loads, plan.mbuf, what)
        buffers = await self.fill(mbuf)
        self.configure(plan.settings, plan.fault)
        board.begin(plan, buffers)
        tasks = []
        for unit, commands in (("load", loads), ("store", plan.stores)):
            sequence = TransferSequence(plan.name, commands, self.rng, plan.settings.gaps)
            tasks.append(cocotb.start_soon(sequence.start(self.env.sequencers[unit])))
        limit = board.cycles + 60000
        if plan.fault:
            await self.stop(plan.fault, limit)
        while not (plan.fault or board.finished()) and board.cycles < limit:
            if any(side.error is not None for side in board.sides.values()):
                limit = min(limit, board.cycles + 500)  # it will never finish
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
        board = self.env.scoreboard
        for plan in self.plans(Planner(self.rng, self.units, self.machine.burst_beats)):
            await self.execute(plan)
            if board.errors:  # the units may hang: what follows would say nothing
                break
        self.logger.info(f"{board.compared} words compared in {board.cycles} cycles, {len(board.errors)} errors")
        self.drop_objection()

    def plans(self, planner: Planner) -> Iterator[Plan]:
        """FVGM_DMA_PLANS plans, then the faults."""
        plans = int(os.environ.get("FVGM_DMA_PLANS", "12"))
        for i in range(plans):
            settings = Settings() if i == 0 else surroundings(self.rng, hard=i % 3 == 2)
            yield planner.plan(f"plan {i}", settings, 30, 15)
        bounds = [(f"{side}_bound", where) for where in BOUND_ROWS for side in ("read", "write")]
        others = [(kind, "") for kind in FAULTS if not kind.endswith("bound")]
        for number, (kind, where) in enumerate(others + bounds if plans else ()):
            if where:
                yield self.out_of_bound(planner, kind, where, equal=number // 2 % 2 == 0)
            else:
                yield self.with_fault(planner, kind)
            yield planner.plan(f"after {kind}", surroundings(self.rng, hard=False), 6, 4)

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
        bursts = [b for fields in commands for b in dma.bursts(fields, self.machine, plan.mbuf)]
        address, beats = bursts[int(self.rng.integers(len(bursts)))]
        plan.fault = Fault(kind, 2 if what == "slverr" else 3, address + 32 * int(self.rng.integers(beats)))
        return plan

    def out_of_bound(self, planner: Planner, kind: str, where: str, equal: bool) -> Plan:
        """A plan one of whose lists names a row that it must not."""
        victims: list[int] = []
        while not victims:
            plan = planner.plan(f"{kind}, {where}", surroundings(self.rng, hard=bool(self.rng.integers(2))), 20, 12)
            commands = plan.loads if kind.startswith("read") else plan.stores
            victims = [i for i, fields in enumerate(commands) if fits_out_of_bound(fields, plan.mbuf, where)]
        victim = commands[int(self.rng.choice(victims))]
        put_out_of_bound(self.rng, victim, plan.mbuf, where, equal)
        plan.fault = Fault(kind, address=victim["hbm_addr"])
        return plan

    def check_phase(self) -> None:
        errors = self.env.scoreboard.errors
        assert not errors, f"{len(errors)} errors, first: " + "; ".join(errors[:5])
        if not (os.environ.get("FVGM_DMA_FLIP") or os.environ.get("FVGM_DMA_CORRUPT")):
            self.env.coverage.points.check()


@pyuvm.test()
class DmaPerformanceTest(Base):
    """A long row and short rows, plain and by a list, LOAD and STORE, at FVGM_DMA_LATENCY cycles: beats per cycle."""

    async def run_phase(self) -> None:
        self.raise_objection()
        await self.start()
        latency, row_units = int(os.environ["FVGM_DMA_LATENCY"]), 4096
        cases = {"one row": {"rows": 1, "row_units": row_units, "row_step": 0, "unit_step": 1, "hbm_stride": 0}}
        for units in (9, 4, 2):
            cases[f"rows of {units} units"] = {"rows": 64, "row_units": units, "hbm_stride": 320, "row_step": units,
                                               "unit_step": 1}
        results = []
        mbuf = np.arange(ENTRIES, dtype=np.uint32)
        for name, fields in cases.items():
            for unit, listed in [(u, n) for n in (0, 1) for u in ("load", "store")]:
                fields |= {"hbm_addr": ORIGIN, "base": 0, "list": listed, "list_base": 0, "bound": fields["rows"],
                           "buffer": int(Buffer.B if unit == "load" else Buffer.V)}
                if unit == "load" and fields["row_units"] == 9:  # panels
                    fields |= {"row_step": 1, "unit_step": 65}
                elif fields["row_units"] == 9:
                    fields |= {"row_step": 9, "unit_step": 1}
                await self.fill(mbuf)
                self.configure(Settings(latency=latency), None)
                results.append({"case": f"{unit.upper()}, {name}", "unit": unit, "list": listed,
                                "row_beats": dma.row_beats(fields), "beats": dma.ideal_cycles(fields),
                                **await self.measure(unit, fields)})
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
        announce, first_burst = dut.arvalid_o if unit == "load" else dut.awvalid_o, None
        command = [getattr(dut, f"{unit}_{n}") for n in ("valid_i", "ready_o")]
        while not int(done.value):
            await FallingEdge(dut.clk_i)
            cycle += 1
            if accepted is None and all(int(s.value) for s in command):
                accepted = cycle
            if first_burst is None and int(announce.value):
                first_burst = cycle
            if int(valid.value) and int(ready.value):
                beats.append(cycle)
            assert cycle < 100000, "never done"
        await task
        await ClockCycles(dut.clk_i, 4)
        return {"cycles": cycle - accepted, "first_burst": first_burst - accepted, "first_beat": beats[0] - accepted,
                "beats_per_cycle": round(len(beats) / (beats[-1] - beats[0] + 1), 3)}
