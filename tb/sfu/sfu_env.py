"""pyuvm environment of fvgm_sfu.

Scenes (tb/common/scene.py) of vbuf, abuf, pbuf and rbuf. At each completion the memory words that the command had to have written by then,
and the whole memories at the end of the scene, are held against models/sfu.py, every bit; writes are counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pyuvm import uvm_subscriber

from models import sfu
from models.isa import Buffer, Opcode
from tb.common.coverage import Coverage
from tb.common.scene import SceneDriver, SceneEnv, SceneMonitor, SceneScoreboard, SceneSequence, words
from tb.sfu.stimulus import (
    CASES, FORMATS, GROUPS, LEFTOVERS, PLACES, PRESSURES, ROW_CLASSES, ROWS, STORES, Command, Scene, edge_scene, long_scene, random_scene,
)


def raw_words(data: np.ndarray) -> list[int]:
    """A float32 array as its bit patterns."""
    return data.view(np.uint32).tolist()


class SfuDriver(SceneDriver):
    """Loads vbuf, abuf, pbuf and rbuf."""

    opcode = Opcode.SFU

    def load(self, scene: Scene) -> None:
        dut = self.dut
        for handle, image in ((dut.vbuf, words(scene.vbuf)), (dut.abuf, words(scene.abuf)), (dut.pbuf, words(scene.pbuf)),
                              (dut.rbuf, raw_words(scene.rbuf))):
            for i, value in enumerate(image):
                handle[i].value = value
        deny_read, deny_write = PRESSURES[scene.pressure]
        dut.deny_read.value, dut.deny_abuf.value, dut.deny_vbuf.value = deny_read, deny_write, deny_write


class SfuScoreboard(SceneScoreboard):
    """Model against memories."""

    def begin(self, scene: Scene) -> None:
        """Execute the whole scene in the model."""
        self.image = {"vbuf": scene.vbuf, "abuf": scene.abuf, "rbuf": scene.rbuf}
        self.writes = [sfu.results(c.fields, scene.vbuf, scene.pbuf) for c in scene.commands]
        for c in scene.commands:
            v, r, a = sfu.execute(c.fields, self.image["vbuf"], scene.pbuf, self.image["rbuf"], self.image["abuf"])
            self.image = {"vbuf": v, "abuf": a, "rbuf": r}
        self.written = {k: int(getattr(self.dut, f"{k}_writes").value) for k in self.image}

    def done(self, number: int, seen: Any) -> None:
        """All words of the command are there."""
        command, writes = self.scene.commands[number], self.writes[number]
        what = f"{command.covers['cp_format']} {command.fields['rows']}x{command.fields['cols']} {command.covers}"
        name = "vbuf" if writes.dst == Buffer.V else "abuf"
        for index, want in zip(writes.addr.tolist(), words(writes.data), strict=True):
            self.compare(f"{what}: {name}[{index}]", seen(name, index), want)
        for index, want in zip(writes.row.tolist(), raw_words(writes.scale), strict=True):
            self.compare(f"{what}: rbuf[{index}]", seen("rbuf", index), want)
        self.ap.write(command)

    def end(self, seen: Any) -> None:
        """Everything else is untouched, and nothing was written twice."""
        for name, image in (("vbuf", words(self.image["vbuf"])), ("abuf", words(self.image["abuf"])),
                            ("rbuf", raw_words(self.image["rbuf"]))):
            for index, want in enumerate(image):
                self.compare(f"end of scene: {name}[{index}]", seen(name, index), want)
        units = {Buffer.V: 0, Buffer.A: 0}
        for w in self.writes:
            units[w.dst] += len(w.addr)
        expected = {"vbuf": units[Buffer.V], "abuf": units[Buffer.A], "rbuf": sum(len(w.row) for w in self.writes)}
        for name, count in expected.items():
            got = int(getattr(self.dut, f"{name}_writes").value) - self.written[name]
            if got != count:
                self.errors.append(f"end of scene: {got} writes to {name}, model {count}")


class SfuCoverage(uvm_subscriber):
    """Formats crossed with sizes, special rows, back-pressure, places; pairs of neighbouring operations."""

    def build_phase(self) -> None:
        self.coverage = cov = Coverage("sfu")
        cov.point("cp_format", FORMATS, goal=4)
        cov.point("cp_leftover", LEFTOVERS)
        cov.point("cp_groups", GROUPS)
        cov.point("cp_rows", ROWS)
        cov.point("cp_store", STORES)
        cov.point("cp_place", PLACES)
        cov.point("cp_case", CASES)
        cov.point("cp_pressure", PRESSURES)
        cov.point("cp_row_class", ROW_CLASSES)
        for other in ("leftover", "groups", "rows", "pressure", "row_class"):
            cov.cross(f"cp_format_x_{other}", "cp_format", f"cp_{other}")
        not_in_place = [(f, "in_place") for f in FORMATS if f.endswith("_i8") or "_i8_" in f or f.startswith("softmax")]
        cov.cross("cp_format_x_place", "cp_format", "cp_place", ignore=not_in_place)
        int8 = [f for f in FORMATS if f.endswith("_i8") or "_i8_" in f]
        other = [(f, s) for f in FORMATS for s in STORES if (f in int8) == (s == "fp16")]
        cov.cross("cp_format_x_store", "cp_format", "cp_store", ignore=other)
        ops = sorted({op.name for op, _ in FORMATS.values()})
        cov.point("cp_op", ops)
        cov.point("cp_previous_op", ops)
        cov.cross("cp_op_x_previous", "cp_op", "cp_previous_op")
        self.previous: str | None = None

    def write(self, tt: Command) -> None:
        self.coverage.sample_all(**tt.covers)
        for kind in set(tt.row_classes):
            self.coverage.sample_all(cp_format=tt.covers["cp_format"], cp_row_class=kind)
        op = FORMATS[tt.covers["cp_format"]][0].name
        if self.previous is not None and not tt.idles:
            self.coverage.sample_all(cp_op=op, cp_previous_op=self.previous)
        self.previous = op

    def check_phase(self) -> None:
        self.coverage.check()


class SfuEnv(SceneEnv):
    """Scenes for fvgm_sfu."""

    parts = SfuDriver, SceneMonitor, SfuScoreboard, SfuCoverage


def sequences(rng: np.random.Generator, count: int) -> list[SceneSequence]:
    """Smallest commands back to back; the longest rows; `count` random scenes over all pressures, with and without idles; resets in flight."""
    formats = list(FORMATS)
    out = [SceneSequence("edges", [edge_scene(rng, formats)])] if count > 1 else []
    pressures = list(PRESSURES)
    scenes = [random_scene(rng, pressures[i % 4], formats * 3, idles=(i // 4) % 2 == 1) for i in range(count)]
    resets = []
    for cycles in (1, 5, 30, 60, 130, 300, 700) if count > 1 else ():
        resets.append(random_scene(rng, pressures[cycles % 4], formats, idles=False))
        resets[-1].reset_after = cycles
        resets.append(edge_scene(rng, formats[cycles % 5:][:3]))
    out += [SceneSequence("long", [long_scene(rng, formats, pressure) for pressure in pressures])] if count > 1 else []
    return [*out, SceneSequence("random", scenes), SceneSequence("resets", resets)]
