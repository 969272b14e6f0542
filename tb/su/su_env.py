"""pyuvm environment of fvgm_su.

Scenes (tb/common/scene.py) of vbuf. At each completion, what the command wrote to mbuf, vbuf and the count registers, in order, and how
often it read are held against models/su.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyuvm import uvm_subscriber

from models import su
from models.isa import Opcode
from tb.common.coverage import Coverage
from tb.common.scene import SceneDriver, SceneEnv, SceneMonitor, SceneScoreboard, words
from tb.su.stimulus import (
    AGES, BORDERS, COLUMNS, DENSITIES, EDGES, FILLS, PATTERNS, PRESSURES, SOURCES, SPECIALS, WINDOWS, Command, Scene, filled,
)

LOG_WORDS = 4096
LOGS = ("mb", "wr", "count")


@dataclass(frozen=True)
class Written:
    """Raw log words of one command, by log, and reads accepted at each port."""

    logs: dict[str, list[int]]
    reads: tuple[int, int]


class SuDriver(SceneDriver):
    """Loads vbuf."""

    opcode = Opcode.SU

    def load(self, scene: Scene) -> None:
        dut = self.dut
        for i, value in enumerate(words(scene.vbuf)):
            dut.vbuf[i].value = value
        dut.deny_read0.value, dut.deny_read1.value, dut.deny_write.value = PRESSURES[scene.pressure]


class SuMonitor(SceneMonitor):
    """What is `seen` is what has been written and read since the last event."""

    def build_phase(self) -> None:
        super().build_phase()
        self.ends, self.reads = dict.fromkeys(LOGS, 0), (0, 0)

    def seen(self) -> Written:
        before, self.reads = self.reads, (int(self.dut.read0_count.value), int(self.dut.read1_count.value))
        return Written({name: self._log(name) for name in LOGS}, (self.reads[0] - before[0], self.reads[1] - before[1]))

    def _log(self, name: str) -> list[int]:
        """New words of a log."""
        begin, end = self.ends[name], int(getattr(self.dut, f"{name}_count").value)
        log = getattr(self.dut, f"{name}_log")
        self.ends[name] = end
        return [self.look(int(log[i % LOG_WORDS].value)) for i in range(begin, end)]


def expected_reads(f: dict[str, int]) -> tuple[int, int]:
    """Reads of both ports: pairs of units that hold elements of a row, ages of two rows, 128 mask bits."""
    rows, cols = f["rows"], f["cols"]
    port0 = su.reads_meta(f) * -(-rows // 2)
    if f["mask"]:
        return port0 + -(-rows // 128), 0
    number = -(-cols // su.CHUNK)
    second = number - (0 < cols % su.CHUNK <= su.CHUNK // 2)
    whole = su.reads(f | {"step": 0}) // number + (rows if f["step"] and not f["c_int8"] else 0)
    bytes_ = rows if f["step"] and f["c_int8"] else 0
    return port0 + (whole + bytes_) * number, whole * second


class SuScoreboard(SceneScoreboard):
    """Model against logs."""

    def begin(self, scene: Scene) -> None:
        self.image = scene.vbuf.copy()

    def done(self, number: int, seen: Written) -> None:
        """Everything that the command wrote, in order."""
        command = self.scene.commands[number]
        f = command.fields
        model = su.results(f, self.image)
        self.image[model.meta_addr] = model.meta_data
        kept, stored = int(model.kept.sum()), len(model.decision.written)
        want = {
            "mb": [int(a) << 32 | int(d) for a, d in zip(model.mbuf_addr, model.mbuf_data, strict=True)],
            "wr": [int((f["meta_base"] + i) % 2**20) << 128 | row for i, row in enumerate(words(model.meta_data))],
            "count": [i << 11 | n for i, n in ((f["count_kept"], kept), (f["count_written"], stored)) if i],
        }
        what = f"{f['rows']}x{f['cols']} {command.covers}"
        for name, expected in want.items():
            got = seen.logs[name]
            if len(got) != len(expected):
                self.errors.append(f"{what}: {len(got)} writes to {name}, model {len(expected)}")
            for i, (g, w) in enumerate(zip(got, expected, strict=False)):
                self.compare(f"{what}: {name}[{i}]", g, w)
        if seen.reads != expected_reads(f):
            self.errors.append(f"{what}: reads {seen.reads}, expected {expected_reads(f)}")
        self.ap.write((command, model.decision))


class SuCoverage(uvm_subscriber):
    """Classes of commands and their crosses, offsets, and what was decided."""

    def build_phase(self) -> None:
        self.coverage = cov = Coverage("su")
        cov.point("cp_source", SOURCES, goal=2)
        cov.point("cp_density", DENSITIES, goal=2)
        cov.point("cp_pattern", PATTERNS, goal=2)
        cov.point("cp_window", WINDOWS, goal=2)
        cov.point("cp_border", BORDERS, goal=2)
        cov.point("cp_special", SPECIALS, goal=2)
        cov.point("cp_columns", COLUMNS, goal=2)
        cov.point("cp_edge", EDGES, goal=2)
        cov.point("cp_age", AGES, goal=2)
        cov.point("cp_pressure", PRESSURES, goal=2)
        for other in ("density", "window", "border", "special", "pressure"):
            cov.cross(f"cp_source_x_{other}", "cp_source", f"cp_{other}")
        cov.cross("cp_window_x_border", "cp_window", "cp_border", ignore=[("row", "clipped")])
        cov.cross("cp_density_x_special", "cp_density", "cp_special")
        for k in "012":
            cov.point(f"cp_offset{k}", range(8))
        cov.point("cp_kind", ("kept", "step", "window", "no_reference"), goal=50)
        cov.point("cp_rows", ("one", "odd", "even", "most"))
        cov.point("cp_tile", ("all kept", "none kept", "mixed"))
        cov.point("cp_fill", FILLS, goal=2)
        cov.point("cp_back_to_back", (True, False))

    def write(self, tt: tuple[Command, su.Decision]) -> None:
        command, d = tt
        f, cov = command.fields, self.coverage
        cov.sample_all(**command.covers)
        if f["window"]:
            for k in "012":
                cov.sample(f"cp_offset{k}", f[f"o{k}"])
            if (d.reference < 0).any():
                cov.sample("cp_kind", "no_reference")
        for kind in ("kept", "step", "window"):
            if getattr(d, kind).any():
                cov.sample("cp_kind", kind)
        rows = f["rows"]
        cov.sample("cp_rows", "one" if rows == 1 else "most" if rows == 1024 else "odd" if rows % 2 else "even")
        cov.sample("cp_tile", "all kept" if d.kept.all() else "mixed" if d.kept.any() else "none kept")
        cov.sample("cp_fill", filled(f, d))
        cov.sample("cp_back_to_back", not command.idles)

    def check_phase(self) -> None:
        self.coverage.check()


class SuEnv(SceneEnv):
    """Scenes for fvgm_su."""

    parts = SuDriver, SuMonitor, SuScoreboard, SuCoverage
