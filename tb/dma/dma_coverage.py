"""Functional coverage of the dma: what was asked, what happened on the bus, what went wrong."""

from __future__ import annotations

import numpy as np

from models import dma
from tb.common.coverage import Coverage
from tb.dma import dma_lists
from tb.dma.dma_stimulus import PAGE, Fields, Plan

STALLS = ("ar_waits", "r_waits", "r_idles", "aw_waits", "w_waits", "w_idles", "b_idles", "buffer_waits", "read_waits",
          "load_cmd_waits", "store_cmd_waits")
FAULTS = ("read_slverr", "read_decerr", "read_outside", "write_slverr", "write_decerr", "write_outside",
          "halt_load", "halt_store", "read_bound", "write_bound")
BOUND_ROWS = ("first", "middle", "last")


class DmaCoverage:
    """Points and goals; `plan` and the scoreboard's notes fill them."""

    def __init__(self, run: str, slots: int, burst_beats: int, units: int) -> None:
        self.slots, self.burst_beats, self.units = slots, burst_beats, units
        self.points = points = Coverage("dma", run)
        points.point("cp_unit", ("load", "store"), 20)
        points.point("cp_buffer", ("A", "B", "V", "P"), 10)
        points.point("cp_length", ("one_unit", "one_beat", "one_burst", "several_bursts"), 5)
        points.point("cp_odd", (False, True), 10)
        points.point("cp_rows", ("one", "several"), 5)
        points.point("cp_crossing", ("none", "inside_row"), 3)
        points.point("cp_stride", ("contiguous", "gap", "page"), 3)
        points.point("cp_step", ("contiguous", "padded_rows", "panel"), 3)
        points.point("cp_wrap", (False, True))
        points.cross("cp_unit_length", "cp_unit", "cp_length")
        points.cross("cp_unit_odd", "cp_unit", "cp_odd")
        points.cross("cp_unit_crossing", "cp_unit", "cp_crossing")
        points.cross("cp_buffer_odd", "cp_buffer", "cp_odd")
        points.cross("cp_length_crossing", "cp_length", "cp_crossing",
                     ignore=[("one_unit", "inside_row"), ("one_beat", "inside_row")])
        points.point("cp_read_depth", ("one", "some", "all"))
        points.point("cp_write_depth", ("one", "some", "all"))
        points.point("cp_read_order", ("in_order", "reordered"))
        points.point("cp_interleave", (False, True))
        points.point("cp_write_order", ("in_order", "reordered"))
        points.point("cp_w_before_aw", (False, True))
        points.point("cp_load_overlap", (False, True))
        points.point("cp_store_overlap", (False, True))
        points.point("cp_stall", STALLS, 10)
        points.point("cp_error", FAULTS)
        points.point("cp_list_unit", ("load", "store"), 5)
        points.point("cp_list", dma_lists.KINDS)
        points.cross("cp_unit_list", "cp_list_unit", "cp_list", ignore=[("store", "repeated")])
        points.point("cp_list_mix", ("plain_plain", "plain_list", "list_plain", "list_list"), 3)
        points.cross("cp_unit_mix", "cp_unit", "cp_list_mix")
        points.point("cp_list_length", ("fits_fifo", "longer"), 3)
        points.point("cp_list_bound", ("tight", "loose", "beyond_rows"), 3)
        points.point("cp_list_wrap", (False, True))
        points.point("cp_list_far", (False, True), 3)
        points.point("cp_bound_unit", ("load", "store"))
        points.point("cp_bound_row", BOUND_ROWS)
        points.cross("cp_unit_bound_row", "cp_bound_unit", "cp_bound_row")
        points.point("cp_bound_excess", ("equal", "more"))

    def command(self, unit: str, fields: Fields, mbuf: np.ndarray) -> None:
        """Bins of one command."""
        beats, units = dma.row_beats(fields), fields["row_units"]
        length = "one_unit" if units == 1 else "one_beat" if beats == 1 else \
            "one_burst" if beats <= self.burst_beats else "several_bursts"
        start = dma.row_addresses(fields, mbuf) % PAGE
        gap = fields["hbm_stride"] - beats * 32
        panel, padded = fields["unit_step"] != 1, fields["row_step"] != units
        last = fields["base"] + (fields["rows"] - 1) * fields["row_step"] + (units - 1) * fields["unit_step"]
        self.points.sample_all(
            cp_unit=unit, cp_length=length, cp_odd=bool(units % 2), cp_rows="one" if fields["rows"] == 1 else "several",
            cp_crossing="inside_row" if (start + beats * 32 > PAGE).any() else "none",
            cp_step="panel" if panel else "padded_rows" if padded else "contiguous", cp_wrap=bool(last >= self.units),
            **({"cp_buffer": "ABVP"[fields["buffer"]]} if unit == "load" else {}),
        )
        if dma.is_list(fields):
            self._list(unit, fields, dma.hbm_rows(fields, mbuf), len(mbuf))
        else:
            self.points.sample("cp_stride", "contiguous" if gap == 0 else "page" if gap >= PAGE else "gap")

    def _list(self, unit: str, fields: Fields, rows: np.ndarray, entries: int) -> None:
        bound = fields["bound"]
        self.points.sample_all(
            cp_list_unit=unit, cp_list=dma_lists.kind(rows), cp_list_length="longer" if len(rows) > 8 else "fits_fifo",
            cp_list_bound="tight" if bound == rows.max() + 1 else "beyond_rows" if bound > 1024 else "loose",
            cp_list_wrap=bool(fields["list_base"] % entries + len(rows) > entries),
            cp_list_far=bool(fields["hbm_addr"] + rows[0] * fields["hbm_stride"] >= dma.HBM_BYTES),
        )

    def _bound(self, unit: str, fields: Fields, mbuf: np.ndarray) -> None:
        at, last = dma.offending_row(fields, mbuf), fields["rows"] - 1
        self.points.sample_all(
            cp_bound_unit=unit, cp_bound_row="first" if at == 0 else "last" if at == last else "middle",
            cp_bound_excess="equal" if dma.hbm_rows(fields, mbuf)[at] == fields["bound"] else "more",
        )

    def plan(self, plan: Plan) -> None:
        """Bins of a whole plan."""
        for unit, commands in (("load", plan.loads), ("store", plan.stores)):
            before = None
            for fields in commands:
                if dma.offending_row(fields, plan.mbuf) is None:
                    self.command(unit, fields, plan.mbuf)
                else:
                    self._bound(unit, fields, plan.mbuf)
                now = "list" if dma.is_list(fields) else "plain"
                if before:
                    self.points.sample_all(cp_unit=unit, cp_list_mix=f"{before}_{now}")
                before = now
        if plan.fault:
            self.points.sample("cp_error", plan.fault.kind)

    def depth(self, point: str, outstanding: int) -> None:
        """Bursts outstanding after an address handshake."""
        self.points.sample(point, "one" if outstanding == 1 else "all" if outstanding == self.slots else "some")
