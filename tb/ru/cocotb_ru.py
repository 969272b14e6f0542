"""Cocotb side: FVGM_RU_SHORT runs the coefficients alone, FVGM_RU_FLIP and FVGM_RU_OLDER are negative tests, FVGM_RU_REPORT a JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cocotb
import pyuvm
from pyuvm import ConfigDB, uvm_test

from models.ru import ideal_cycles
from tb.common.scene import SceneSequence
from tb.common.seed import rng
from tb.ru.ru_env import RuEnv
from tb.ru.stimulus import Builder, coefficient_scenes, crossed_scenes, edge_scenes, reset_scenes


class RuBaseTest(uvm_test):
    """Environment and sequences."""

    with_coverage = True

    def build_phase(self) -> None:
        for name in ("FLIP", "OLDER"):
            ConfigDB().set(None, "*", name, int(os.environ.get(f"FVGM_RU_{name}", "0")))
        ConfigDB().set(None, "*", "COVERAGE", self.with_coverage)
        self.env = RuEnv("env", self)


@pyuvm.test()
class RuRandomTest(RuBaseTest):
    """Coefficients, edges, every combination of the map, resets in flight."""

    async def run_phase(self) -> None:
        """Run the sequences; the driver waits for the completions."""
        self.raise_objection()
        random = rng("ru")
        parts = [coefficient_scenes(random)]
        if not int(os.environ.get("FVGM_RU_SHORT", "0")):
            parts += [edge_scenes(random), reset_scenes(random), crossed_scenes(random)]
        for scenes in parts:
            await SceneSequence("scenes", scenes).start(self.env.agent.sequencer)
        self.drop_objection()


# (operation, density of step, rows, units) of docs/ru.md
MEASURED = (
    ("GATHER", "none", 64, 1), ("GATHER", "none", 64, 2), ("GATHER", "none", 16, 27), ("GATHER", "none", 128, 2),
    ("RECOVER", "all", 64, 1), ("RECOVER", "all", 64, 2), ("RECOVER", "all", 16, 27), ("RECOVER", "all", 16, 40),
    ("RECOVER", "half", 64, 1), ("RECOVER", "half", 64, 2), ("RECOVER", "half", 48, 9), ("RECOVER", "half", 128, 2),
    ("RECOVER", "none", 1, 1), ("RECOVER", "all", 1, 1),
)
STREAM = 3  # commands of a stream


@pyuvm.test()
class RuCyclesTest(RuBaseTest):
    """Cycles of typical commands, alone and in a stream, against the ideal count; written to FVGM_RU_REPORT."""

    with_coverage = False

    async def run_phase(self) -> None:
        """One command, then the same several times back to back: the difference is what a command costs in a stream."""
        self.raise_objection()
        dut, report = cocotb.top, []
        for op, density, rows, units in MEASURED:
            row: dict[str, object] = {"op": op, "density": density, "rows": rows, "units": units}
            for count in (1, STREAM):
                build = Builder(rng(f"ru.{op}.{density}.{rows}.{units}.{count}"), "none")
                for _ in range(count):
                    build.command(rows, units, op=op, density=density)
                watch = cocotb.start_soon(self._span(int(dut.completed.value) + count))
                stalls = int(dut.stalls.value)
                await SceneSequence("measured", [build.scene]).start(self.env.agent.sequencer)
                cycles = await watch
                command = build.scene.commands[0]
                if count == 1:
                    row |= {"ideal": ideal_cycles(command.fields, command.step_rows), "alone": cycles,
                            "stalls": int(dut.stalls.value) - stalls}
                else:
                    row["streamed"] = (cycles - row["alone"]) / (count - 1)
            report.append(row)
        path = Path(os.environ["FVGM_RU_REPORT"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=1))
        for row in report:
            print(row)
        self.drop_objection()

    async def _span(self, target: int) -> int:
        """Cycles from the acceptance of the next command to the completion number `target`."""
        await cocotb.top.accepted.value_change
        start = int(cocotb.top.cycle.value) - 1
        while int(cocotb.top.completed.value) < target:
            await cocotb.top.completed.value_change
        return int(cocotb.top.cycle.value) - start
