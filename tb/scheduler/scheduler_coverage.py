"""Functional coverage of the scheduler's environment."""

from __future__ import annotations

import os
from collections import deque

from pyuvm import uvm_subscriber

from models.isa import Opcode, Unit
from models.scheduler import Counts
from tb.common.coverage import Coverage
from tb.scheduler.corners import CORNERS
from tb.scheduler.stimulus import FAULTS, MOST, ROWS_OF, UNIT_SPEEDS


class SchedulerCoverage(uvm_subscriber):
    """Coverage: faults, unit speeds, memory behaviour, waits, queue pressure."""

    def build_phase(self) -> None:
        super().build_phase()
        self.coverage = Coverage("scheduler", os.environ.get("FVGM_RUN", "run"))
        cover = self.coverage
        cover.point("cp_fault", FAULTS)
        cover.point("cp_speed", UNIT_SPEEDS)
        cover.point("cp_latency", [1, 8, 60])
        cover.point("cp_length", ["one", "few", "burst", "many"])
        cover.point("cp_waits", [0, 1, 2, 3])
        cover.point("cp_signal", ["none", "some"])
        cover.point("cp_wait_negative", [True, False])
        cover.point("cp_unit", [u.name for u in Unit], goal=20)
        cover.point("cp_in_flight", [1, 2, 3, MOST], goal=5)
        cover.point("cp_stall_on", range(len(Unit) + 1), goal=5)
        cover.point("cp_corner", CORNERS)
        cover.point("cp_list", ["LOAD 0", "LOAD 1", "STORE 0", "STORE 1"], goal=5)
        cover.point("cp_count", ["skip", "below", "equal"])
        cover.point("cp_bounded", [u.name for u in Unit if u != Unit.SU])
        cover.cross("cp_count_x_bounded", "cp_count", "cp_bounded")
        cover.point("cp_skip", ["first of its unit", "behind a command", "behind a skip"], goal=5)
        cover.point("cp_su_write", ["kept", "kept, no register", "written", "written, no register"], goal=5)
        cover.point("cp_su_write_time", ["with done", "before done"], goal=5)
        cover.point("cp_su_value", ["none", "some", "all"], goal=5)
        cover.cross("cp_fault_x_speed", "cp_fault", "cp_speed",
                    ignore=[(f, s) for f in FAULTS if f != "none" for s in UNIT_SPEEDS])
        self.in_flight = [0] * len(Unit)
        self.tally()

    def tally(self) -> None:
        """A program starts: nothing has happened in it."""
        self.in_flight = [0] * len(Unit)
        self.before = ["first of its unit"] * len(Unit)
        self.counts = Counts()
        self.su_rows: deque[int] = deque()  # of the SUs under way

    def write(self, event: tuple) -> None:
        """Count one event."""
        cover = self.coverage
        if event[0] == "begin":
            item = event[1]
            cover.sample_all(cp_fault=item.fault, cp_speed=item.speed)
            cover.sample("cp_latency", item.latency)
            count = len(item.program) - 1
            cover.sample("cp_length", "one" if count <= 1 else "few" if count < 8 else "burst" if count < 20
                         else "many")
            self.item = item
            self.tally()
            if item.corner:
                cover.sample("cp_corner", item.corner)
            for f in item.fields:
                cover.sample("cp_waits", sum(f[f"wait{w}_sem"] != 0 for w in range(3)))
                cover.sample("cp_signal", "some" if f["signal"] else "none")
                cover.sample("cp_wait_negative", any(f[f"wait{w}_val"] > 0x7FFF for w in range(3)))
        elif event[0] in ("command", "skip"):
            self.write_start(event)
        elif event[0] == "count":
            _, register, value, kept, with_done = event
            cover.sample("cp_su_write", ("kept" if kept else "written") + ("" if register else ", no register"))
            self.counts.write(register, value)
            cover.sample("cp_su_value", "none" if not value else "all" if value == self.su_rows[0] else "some")
            cover.sample("cp_su_write_time", "with done" if with_done else "before done")
        elif event[0] == "end":
            for bit in range(len(Unit) * (len(Unit) + 1)):
                if event[1]["stall_on"] >> bit & 1:
                    cover.sample("cp_stall_on", bit % (len(Unit) + 1))
        elif event[0] == "done":
            self.in_flight[event[1]] -= 1
            if event[1] == Unit.SU:
                self.su_rows.popleft()

    def write_start(self, event: tuple) -> None:
        """An instruction is issued or skipped."""
        cover, unit, fields = self.coverage, event[1], self.item.fields[event[-1]]
        skipped = event[0] == "skip"
        if skipped:
            cover.sample("cp_skip", self.before[unit])
        else:
            cover.sample("cp_unit", Unit(unit).name)
            under_way = self.in_flight[unit] + 1
            cover.sample("cp_in_flight", MOST if under_way == MOST else min(3, under_way))
        self.before[unit] = "behind a skip" if skipped else "behind a command"
        self.in_flight[unit] += 1
        if "list" in fields:
            cover.sample("cp_list", f"{Unit(unit).name} {fields['list']}")
        if unit == Unit.SU:
            self.su_rows.append(fields["rows"])
        if fields["count"]:
            rows = fields[ROWS_OF[Opcode(fields["opcode"])]]
            how = "skip" if skipped else "equal" if self.counts[fields["count"]] == rows else "below"
            cover.sample_all(cp_count=how, cp_bounded=Unit(unit).name)
