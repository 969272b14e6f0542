"""pyuvm environment of the mpu.

An item is a whole program (tb/mpu/stimulus.py): the test top loads its images, the driver issues its commands with their idles, and
when all are done the monitor hands over vbuf. The scoreboard compares the whole image with models/mpu.py, and, at every done_o, the
number of units written so far with what the commands up to it write: done_o must not come before its data.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, ValueChange
from pyuvm import (
    ConfigDB, uvm_agent, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_monitor, uvm_sequence_item,
    uvm_sequencer, uvm_subscriber,
)

from models import mpu
from models.config import Config
from tb.common.coverage import Coverage
from tb.common.limited import LimitedSequence
from tb.mpu import stimulus
from tb.mpu.stimulus import Program


class MpuItem(uvm_sequence_item):
    """One program."""

    def __init__(self, name: str, program: Program) -> None:
        super().__init__(name)
        self.program = program


class MpuSequence(LimitedSequence):
    """Programs in order."""

    def __init__(self, name: str, programs: list[Program]) -> None:
        super().__init__(name)
        self.programs = programs

    async def body(self) -> None:
        """One item per program."""
        for number, program in enumerate(self.programs):
            item = MpuItem(f"program{number}", program)
            await self.start_item(item)
            await self.finish_item(item)


@dataclass
class Outcome:
    """What the monitor saw: vbuf image uint8[units, 16] (None: a reset ended the program); per done_o the units written before; counters; overlaps of commands."""

    program: Program
    vbuf: np.ndarray | None
    written_at_done: list[int]
    counters: dict[str, int]
    overlaps: int


def write_hex(path: Path, image: np.ndarray) -> None:
    """A memory image for $readmemh: one row of bytes a line, byte 0 last."""
    rows = np.ascontiguousarray(image).view(np.uint8).reshape(len(image), -1)[:, ::-1]
    text = rows.tobytes().hex()
    width = 2 * rows.shape[1]
    path.write_text("\n".join(text[i:i + width] for i in range(0, len(text), width)) + "\n")


def read_hex(path: Path) -> np.ndarray:
    """uint8[rows, bytes] of a file that $writememh wrote."""
    lines = [line for line in path.read_text().split() if not line.startswith("//")]
    return np.frombuffer(bytes.fromhex("".join(lines)), np.uint8).reshape(len(lines), -1)[:, ::-1].copy()


class MpuDriver(uvm_driver):
    """Loads the images, issues the commands, waits until all are done."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.ap = uvm_analysis_port("ap", self)
        self.folder = Path(cocotb.plusargs["images"])

    async def pulse(self, signal: object) -> None:
        """One cycle of a control of the test top."""
        signal.value = 1
        await FallingEdge(self.dut.clk_i)
        signal.value = 0

    async def cut_off(self, program: Program) -> None:
        """Offer the commands one after the other until the reset, which lasts one cycle."""
        dut, number = self.dut, 0
        for _ in range(program.reset_after):
            dut.cmd_i.value = stimulus.payload(program.commands[number])
            dut.cmd_valid_i.value = 1
            taken = int(dut.cmd_ready_o.value)
            await FallingEdge(dut.clk_i)
            number = (number + taken) % len(program.commands)
        dut.cmd_valid_i.value = 0
        dut.rst_ni.value = 0
        await FallingEdge(dut.clk_i)
        dut.rst_ni.value = 1
        assert not int(dut.busy_o.value), "busy_o after a reset"

    async def run_phase(self) -> None:
        """Reset once, then program after program."""
        dut = self.dut
        for _ in range(3):
            await FallingEdge(dut.clk_i)
        dut.rst_ni.value = 1
        while True:
            item = await self.seq_item_port.get_next_item()
            program = item.program
            if program.reset_after is not None:
                await self.cut_off(program)
                self.ap.write((program, {}, 0, None))
                self.seq_item_port.item_done()
                continue
            for name, image in program.images.items():
                write_hex(self.folder / f"{name}.hex", image)
            dut.pressure_i.value = stimulus.PRESSURES[program.pressure]
            await self.pulse(dut.load_i)
            await self.pulse(dut.clear_i)
            overlaps = 0
            for number, (fields, idles) in enumerate(zip(program.commands, program.idles, strict=True)):
                for _ in range(idles):
                    await FallingEdge(dut.clk_i)
                dut.cmd_i.value = stimulus.payload(fields)
                dut.cmd_valid_i.value = 1
                while not int(dut.cmd_ready_o.value):
                    await FallingEdge(dut.clk_i)
                overlaps += number > int(dut.done_q.value)
                await FallingEdge(dut.clk_i)
                dut.cmd_valid_i.value = 0
            while int(dut.done_q.value) < len(program.commands):
                await ValueChange(dut.done_q)
            await FallingEdge(dut.clk_i)
            assert not int(dut.busy_o.value), "busy_o after the last done_o"
            counters = {n: int(getattr(dut, f"{n}_q").value) for n in ("cycles", "stall_drain", "stall_operand", "refused")}
            await self.pulse(dut.dump_i)
            self.ap.write((program, counters, overlaps, self.folder / "vbuf_out.hex"))
            self.seq_item_port.item_done()


class MpuMonitor(uvm_monitor):
    """Notes the units written at every done_o, and publishes an Outcome per program. FLIP inverts one bit of the first image (negative test)."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.ap = uvm_analysis_port("ap", self)
        self.finished = _Sink("finished", self, self.on_finished)
        self.written: list[int] = []
        self.flip = ConfigDB().get(self, "", "FLIP")

    async def run_phase(self) -> None:
        """done_q counts one cycle after done_o; clear_i makes it 0."""
        while True:
            await ValueChange(self.dut.done_q)
            if int(self.dut.done_q.value):
                self.written.append(int(self.dut.units_q.value))

    def on_finished(self, event: tuple[Program, dict[str, int], int, Path | None]) -> None:
        """All commands of a program are done."""
        program, counters, overlaps, path = event
        if path is None:
            self.ap.write(Outcome(program, None, [], counters, overlaps))
            self.written = []
            return
        image = read_hex(path)
        if self.flip:
            image[program.commands[0]["o_base"], 3] ^= 4
            self.flip = False
        self.ap.write(Outcome(program, image, self.written, counters, overlaps))
        self.written = []


class MpuScoreboard(uvm_subscriber):
    """Whole images against the model."""

    def build_phase(self) -> None:
        self.config: Config = ConfigDB().get(self, "", "MACHINE")
        self.errors: list[str] = []
        self.units = self.commands = 0

    def write(self, tt: Outcome) -> None:
        if tt.vbuf is None:
            return
        images = dict(tt.program.images)
        due = 0
        for number, fields in enumerate(tt.program.commands):
            images["vbuf"] = mpu.gemm(fields, **images, config=self.config)
            due += stimulus.units_written(fields)
            if tt.written_at_done[number:number + 1] < [due]:
                self.errors.append(f"command {number}: done_o with {tt.written_at_done[number:number + 1]} units written, {due} due")
        if len(tt.written_at_done) != len(tt.program.commands):
            self.errors.append(f"{len(tt.written_at_done)} done_o for {len(tt.program.commands)} commands")
        for unit in np.flatnonzero((images["vbuf"] != tt.vbuf).any(axis=1)):
            fields = next((f for f in reversed(tt.program.commands) if f["o_base"] <= unit), tt.program.commands[0])
            self.errors.append(f"vbuf[{unit}] = {tt.vbuf[unit].tobytes().hex()}, model {images['vbuf'][unit].tobytes().hex()}, "
                               f"near command {[f'{k}={v}' for k, v in fields.items() if v]}")
        self.units += due
        self.commands += len(tt.program.commands)

    def check_phase(self) -> None:
        self.logger.info(f"{self.commands} commands, {self.units} units compared, {len(self.errors)} errors")
        assert self.commands and not self.errors, f"{len(self.errors)} errors, first: " + "; ".join(self.errors[:3])


class MpuCoverage(uvm_subscriber):
    """docs/mpu.md lists the points."""

    def build_phase(self) -> None:
        self.config: Config = ConfigDB().get(self, "", "MACHINE")
        cover = self.coverage = Coverage("mpu", self.config.name)
        cover.point("cp_kind", stimulus.KINDS)
        for dimension in "mnk":
            cover.point(f"cp_left_{dimension}", stimulus.LEFTOVERS)
        cover.point("cp_out", ("fp16", "fp32"))
        cover.point("cp_row_scale", (0, 1))
        cover.point("cp_col_affine", (0, 1))
        cover.point("cp_batch", ("one", "many"))
        cover.point("cp_pressure", stimulus.PRESSURES)
        cover.cross("cp_kind_x_left", "cp_kind", "cp_left_m", "cp_left_n", "cp_left_k")
        cover.cross("cp_kind_x_flags", "cp_kind", "cp_out", "cp_row_scale", "cp_col_affine")
        cover.cross("cp_out_x_pressure", "cp_kind", "cp_out", "cp_pressure")
        cover.cross("cp_kind_x_batch", "cp_kind", "cp_batch")
        cover.point("cp_switch", [(a, b) for a in stimulus.KINDS for b in stimulus.KINDS])
        cover.point("cp_overlap", ("overlapped",), goal=10)
        cover.point("cp_refused", ("refused",))
        cover.point("cp_reset", ("under_way",), goal=4)
        cover.point("cp_stall", ("drain", "operand"))

    def write(self, tt: Outcome) -> None:
        cover, last = self.coverage, None
        if tt.vbuf is None:
            cover.sample("cp_reset", "under_way")
            return
        for fields in tt.program.commands:
            kind = next(k for k, v in stimulus.KINDS.items() if v == (fields["precision"], fields["b_layout"]))
            sizes = stimulus.tile_sizes(fields, self.config)
            left = {f"cp_left_{d}": stimulus.leftover(fields[d], s) for d, s in zip("mnk", sizes, strict=True)}
            cover.sample_all(
                cp_kind=kind, **left, cp_out="fp32" if fields["out_fp32"] else "fp16", cp_row_scale=fields["row_scale"],
                cp_col_affine=fields["col_affine"], cp_batch="many" if fields["batch"] > 1 else "one", cp_pressure=tt.program.pressure,
            )
            if last is not None:
                cover.sample("cp_switch", (last, kind))
            last = kind
        for _ in range(tt.overlaps):
            cover.sample("cp_overlap", "overlapped")
        for name, bin_name, count in (("cp_refused", "refused", tt.counters["refused"]), ("cp_stall", "drain", tt.counters["stall_drain"]),
                                      ("cp_stall", "operand", tt.counters["stall_operand"])):
            if count:
                cover.sample(name, bin_name)

    def check_phase(self) -> None:
        self.coverage.check()


class _Sink(uvm_subscriber):
    """A subscriber that hands what it gets to a function."""

    def __init__(self, name: str, parent: uvm_component, function: object) -> None:
        super().__init__(name, parent)
        self.function = function

    def write(self, tt: object) -> None:
        self.function(tt)


class MpuAgent(uvm_agent):
    """Sequencer, driver, monitor."""

    def build_phase(self) -> None:
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = MpuDriver("driver", self)
        self.monitor = MpuMonitor("monitor", self)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
        self.driver.ap.connect(self.monitor.finished.analysis_export)


class MpuEnv(uvm_env):
    """Agent, scoreboard, coverage."""

    def build_phase(self) -> None:
        self.agent = MpuAgent("agent", self)
        self.scoreboard = MpuScoreboard("scoreboard", self)
        self.coverage = MpuCoverage("coverage", self)

    def connect_phase(self) -> None:
        self.agent.monitor.ap.connect(self.scoreboard.analysis_export)
        self.agent.monitor.ap.connect(self.coverage.analysis_export)


def image_folder() -> str:
    """A fresh folder for the images of one run."""
    return tempfile.mkdtemp(prefix="fvgm_mpu_")
