"""pyuvm environment of fvgm_ru.

Scenes (tb/common/scene.py) of vbuf and mbuf. At each completion the units of vbuf that the command had to have written by then, and the whole
vbuf at the end of the scene, are held against models/ru.py, every bit; reads and writes are counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pyuvm import ConfigDB, uvm_subscriber

from models import ru
from models.isa import LIST_ENTRY, Opcode
from tb.common.coverage import Coverage
from tb.common.scene import SceneDriver, SceneEnv, SceneMonitor, SceneScoreboard, words
from tb.ru.stimulus import (
    AGES, COEFS, DATA, DENSITIES, EXTRAPOLATE, OPS, OVERLAYS, PATTERNS, PRESSURES, ROWS, SIZES, Command, Scene,
)

AGE_LSB = next(f.lsb for f in LIST_ENTRY if f.name == "age")


class RuDriver(SceneDriver):
    """Loads vbuf and mbuf."""

    opcode = Opcode.RU

    def load(self, scene: Scene) -> None:
        dut = self.dut
        for handle, image in ((dut.vbuf, words(scene.vbuf)), (dut.mbuf, scene.mbuf.tolist())):
            for i, value in enumerate(image):
                handle[i].value = value
        dut.deny_read.value, dut.deny_write.value = PRESSURES[scene.pressure]


class RuScoreboard(SceneScoreboard):
    """Model against vbuf."""

    def build_phase(self) -> None:
        super().build_phase()
        self.older = ConfigDB().get(self, "", "OLDER")  # negative test: the expectation counts one age more

    def begin(self, scene: Scene) -> None:
        """Execute the whole scene in the model: commands do not touch what others read or write, so each sees the memories as they are at
        first."""
        mbuf = scene.mbuf + np.uint32(1 << AGE_LSB) if self.older else scene.mbuf
        self.expected = [ru.results(c.fields, scene.vbuf, mbuf) for c in scene.commands]
        self.image = scene.vbuf.copy()
        for address, data in self.expected:
            self.image[address] = data
        self.counts = int(self.dut.writes.value), int(self.dut.reads.value)

    def done(self, number: int, seen: Any) -> None:
        """All units of the command are there."""
        command, (address, data) = self.scene.commands[number], self.expected[number]
        what = f"{command.fields['rows']}x{command.fields['units']} {command.covers}"
        for index, want in zip(address.tolist(), words(data), strict=True):
            self.compare(f"{what}: vbuf[{index}]", seen("vbuf", index), want)
        self.ap.write(command)

    def end(self, seen: Any) -> None:
        """Everything else is untouched, nothing was written twice, nothing was read without need."""
        for index, want in enumerate(words(self.image)):
            self.compare(f"end of scene: vbuf[{index}]", seen("vbuf", index), want)
        expected = (sum(len(address) for address, _ in self.expected),
                    sum(ru.ideal_cycles(c.fields, c.step_rows) for c in self.scene.commands))
        got = int(self.dut.writes.value) - self.counts[0], int(self.dut.reads.value) - self.counts[1]
        if got != expected:
            self.errors.append(f"end of scene: units written and pairs read {got}, model {expected}")


class RuCoverage(uvm_subscriber):
    """Operation, density, extrapolation, overlay and data crossed; coefficients, sizes, ages, back-pressure, neighbours."""

    def build_phase(self) -> None:
        self.coverage = cov = Coverage("ru")
        cov.point("cp_op", OPS, goal=20)
        cov.point("cp_density", DENSITIES, goal=20)
        cov.point("cp_pattern", PATTERNS, goal=20)
        cov.point("cp_extrapolate", EXTRAPOLATE, goal=20)
        cov.point("cp_overlay", OVERLAYS, goal=20)
        cov.point("cp_data", DATA, goal=20)
        cov.point("cp_units", SIZES, goal=10)
        cov.point("cp_rows", ROWS, goal=4)
        cov.point("cp_pressure", PRESSURES, goal=20)
        cov.point("cp_coef", COEFS, goal=10)
        cov.point("cp_age", AGES, goal=10)
        cov.point("cp_previous", ("copied", "extrapolated", "idle"), goal=10)
        cov.point("cp_kind", ("copied", "extrapolated"), goal=20)
        cov.cross("cp_op_x_map", "cp_op", "cp_density", "cp_extrapolate", "cp_overlay", "cp_data")
        cov.cross("cp_density_x_pattern", "cp_density", "cp_pattern")
        cov.cross("cp_units_x_rows", "cp_units", "cp_rows", ignore=[(u, "long") for u in SIZES if u != "one"])
        cov.cross("cp_units_x_pressure", "cp_units", "cp_pressure")
        cov.cross("cp_coef_x_data", "cp_coef", "cp_data")
        cov.cross("cp_kind_x_previous", "cp_kind", "cp_previous")
        cov.cross("cp_kind_x_pressure", "cp_kind", "cp_pressure")
        self.previous: str | None = None

    def write(self, tt: Command) -> None:
        covers = dict(tt.covers)
        coef = covers.pop("cp_coef")
        kind = "extrapolated" if covers["cp_op"] == "RECOVER" and covers["cp_extrapolate"] and tt.step_rows else "copied"
        if self.previous is not None:
            covers["cp_previous"] = "idle" if tt.idles else self.previous
        self.coverage.sample_all(cp_kind=kind, **covers)
        if kind == "extrapolated":  # only then do coefficient and ages reach the lanes
            self.coverage.sample("cp_coef", coef)
            self.coverage.sample("cp_coef_x_data", (coef, covers["cp_data"]))
            for age in tt.ages:
                self.coverage.sample("cp_age", age)
        self.previous = kind

    def check_phase(self) -> None:
        self.coverage.check()


class RuEnv(SceneEnv):
    """Scenes for fvgm_ru."""

    parts = RuDriver, SceneMonitor, RuScoreboard, RuCoverage
