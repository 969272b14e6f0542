"""Cocotb side: FVGM_SFU_SCENES is the number of random scenes, FVGM_SFU_FLIP the negative test, FVGM_SFU_REPORT a JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cocotb
import pyuvm
from cocotb.triggers import ClockCycles
from pyuvm import ConfigDB, uvm_test

from models.buffer_cycles import Port
from models.config import load
from models.isa import Buffer, Opcode, decode, encode
from models.sfu import ideal_cycles, passes
from models.sfu_cycles import Sfu, sfu_item
from tb.common.scene import SceneSequence
from tb.common.seed import rng
from tb.sfu.sfu_env import SfuEnv, sequences
from tb.sfu.stimulus import UNITS, Builder


class SfuBaseTest(uvm_test):
    """Environment and sequences."""

    with_coverage = True

    def build_phase(self) -> None:
        ConfigDB().set(None, "*", "FLIP", int(os.environ.get("FVGM_SFU_FLIP", "0")))
        ConfigDB().set(None, "*", "COVERAGE", self.with_coverage)
        self.env = SfuEnv("env", self)


@pyuvm.test()
class SfuRandomTest(SfuBaseTest):
    """Edges and random scenes."""

    async def run_phase(self) -> None:
        """Run the sequences; the driver waits for the completions."""
        self.raise_objection()
        for sequence in sequences(rng("sfu"), int(os.environ.get("FVGM_SFU_SCENES", "24"))):
            await sequence.start(self.env.agent.sequencer)
        self.drop_objection()


# (format, rows, cols) of docs/sfu.md
MEASURED = (
    ("layernorm_i8_affine", 64, 216), ("layernorm_f16", 64, 216), ("quant_i8", 64, 216), ("gelu_i8", 64, 864),
    ("softmax_f32", 64, 64), ("softmax_f32", 64, 16), ("residual_gate", 64, 216),
    ("layernorm_i8_affine", 8, 216), ("quant_i8", 8, 216), ("softmax_f32", 8, 16),
    ("layernorm_i8_affine", 1, 216), ("quant_i8", 1, 216), ("softmax_f32", 1, 64), ("layernorm_i8", 64, 16), ("quant_i8", 64, 16),
    ("residual", 1, 8),
)


def predicted(fields: dict[str, int]) -> int:
    """Cycles of a command by the cycle model, whose ports meet nobody and which counts the one of the acceptance too."""
    machine, f = load("sim"), decode(encode(Opcode.SFU, **fields))
    done, _ = Sfu(machine, 1, Port(), Port(), Port(), Port()).play(0, sfu_item(f, f["rows"], machine))
    return done - 1


@pyuvm.test()
class SfuCyclesTest(SfuBaseTest):
    """Cycles of typical commands, alone and in a pair, checked against the ideal count and written to FVGM_SFU_REPORT."""

    with_coverage = False

    async def run_phase(self) -> None:
        """One command, then the same twice back to back: the difference is what a command costs in a stream."""
        self.raise_objection()
        dut, report = cocotb.top, []
        for name, rows, cols in MEASURED:
            row = {"format": name, "rows": rows, "cols": cols}
            for count in (1, 2):
                build = Builder(rng(f"sfu.{name}.{count}"), "none")
                if count == 2 and 4 * rows * (-(-cols // 8) + 2) > UNITS:
                    row["streamed"] = None
                    continue
                for _ in range(count):
                    build.command(name, rows, cols, ["normal"] * rows, buffer=Buffer.A)
                watch = cocotb.start_soon(self._span(int(dut.completed.value) + count))
                waits = int(dut.stall_wait.value)
                await SceneSequence("measured", [build.scene]).start(self.env.agent.sequencer)
                cycles = await watch
                fields = build.scene.commands[0].fields
                if count == 1:
                    row |= {"passes": passes(fields), "ideal": ideal_cycles(fields), "alone": cycles, "predicted": predicted(fields),
                            "waits": int(dut.stall_wait.value) - waits}
                else:
                    row["streamed"] = cycles - row["alone"]
            report.append(row)
        path = Path(os.environ["FVGM_SFU_REPORT"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=1))
        for row in report:
            print(row)
        await ClockCycles(dut.clk_i, 2)
        self.drop_objection()

    async def _span(self, target: int) -> int:
        """Cycles from the next accepted command to the completion number `target`."""
        await cocotb.top.accepted.value_change
        start = int(cocotb.top.cycle.value)
        while int(cocotb.top.completed.value) < target:
            await cocotb.top.completed.value_change
        return int(cocotb.top.cycle.value) - start
