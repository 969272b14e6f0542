"""Cocotb side: FVGM_SU_SCENES random scenes, FVGM_SU_FLIP for the negative test, FVGM_SU_REPORT a JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cocotb
import pyuvm
from pyuvm import ConfigDB, uvm_test

from models import su
from models.config import load
from models.isa import Opcode, Unit, decode, encode
from models.unit_cycles import Pipes, item
from tb.common.scene import SceneSequence
from tb.common.seed import rng
from tb.su.su_env import SuEnv
from tb.su.stimulus import PRESSURES, Builder, Scene, random_scene

COMMANDS = 14  # of a scene
RESETS = 1, 7, *range(30, 1500, 70)  # cycles


class SuBaseTest(uvm_test):
    """Environment."""

    with_coverage = True

    def build_phase(self) -> None:
        ConfigDB().set(None, "*", "FLIP", int(os.environ.get("FVGM_SU_FLIP", "0")))
        ConfigDB().set(None, "*", "COVERAGE", self.with_coverage)
        self.env = SuEnv("env", self)


@pyuvm.test()
class SuRandomTest(SuBaseTest):
    """Random scenes, tiles of 1024 rows, resets in flight."""

    async def run_phase(self) -> None:
        """Run the sequences; the driver waits for the completions."""
        self.raise_objection()
        draw, count = rng("su"), int(os.environ.get("FVGM_SU_SCENES", "75"))
        pressures, turn = list(PRESSURES), [0]
        scenes = [random_scene(draw, pressures[i % len(pressures)], turn, COMMANDS) for i in range(count)]
        if count > 1:
            for source in ("both_i8", "mask_window"):
                build = Builder(draw, "none")
                build.command(source, 1024, 14, shape="cube", border="ragged")
                scenes.append(build.scene)
            for cycles in RESETS:  # while rows are walked, read, decided, while windows are, while the map is written; a good scene behind each
                for after in (cycles, 0):
                    scenes.append(random_scene(draw, "none", turn, 3))
                    scenes[-1].reset_after = after
        await SceneSequence("random", scenes).start(self.env.agent.sequencer)
        self.drop_objection()


# (source, rows, cols, window) of docs/su.md; grids of 16 x 16
MEASURED = (
    ("window", 128, 192, "cube"), ("window", 128, 64, "cube"), ("window", 128, 32, "cube"), ("window", 128, 192, "row"),
    ("step_f16", 64, 192, "row"), ("step_i8", 64, 192, "row"), ("both_f16", 64, 192, "cube"),
    ("both_i8", 64, 192, "cube"),
    ("both_i8", 64, 64, "plane"), ("both_i8", 64, 16, "largest"), ("both_i8", 64, 16, "column"),
    ("window", 64, 16, "column"),
    ("mask", 256, 64, "row"), ("mask_meta", 256, 64, "row"), ("mask_window", 256, 64, "cube"), ("window", 1, 8, "row"),
)


def predicted(scene: Scene) -> int:
    """Cycles of the only command of a scene by the cycle model, which counts the one of the acceptance too."""
    command, machine = scene.commands[0], load("sim")
    fields = decode(encode(Opcode.SU, **command.fields))
    dropped = fields["rows"] - 1 not in su.results(command.fields, scene.vbuf).decision.written
    return Pipes(machine, 1).accept(Unit.SU, 0, item(fields, -1, int(dropped), machine)) - 1


@pyuvm.test()
class SuCyclesTest(SuBaseTest):
    """Cycles of typical commands beside the ideal count and the cycle model's, written to FVGM_SU_REPORT."""

    with_coverage = False

    async def run_phase(self) -> None:
        """One command at a time."""
        self.raise_objection()
        dut, report = cocotb.top, []
        for source, rows, cols, shape in MEASURED:
            build = Builder(rng(f"su.{source}.{rows}.{cols}"), "none")
            build.command(source, rows, cols, shape=shape, border="clipped", grid=(16, 16))
            fields = build.scene.commands[0].fields
            watch = cocotb.start_soon(self._span())
            await SceneSequence("measured", [build.scene]).start(self.env.agent.sequencer)
            report.append({"source": source, "rows": rows, "cols": cols, "window": shape, "reads": su.reads(fields),
                           "ideal": su.ideal_cycles(fields), "predicted": predicted(build.scene), "cycles": await watch})
            print(report[-1])
        path = Path(os.environ["FVGM_SU_REPORT"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=1))
        self.drop_objection()

    async def _span(self) -> int:
        """Cycles from the next accepted command to its completion."""
        await cocotb.top.accepted.value_change
        start = int(cocotb.top.cycle.value)
        await cocotb.top.completed.value_change
        return int(cocotb.top.cycle.value) - start
