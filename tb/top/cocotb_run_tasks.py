"""Cocotb side of tb/top/harness.simulate_tasks: runs the table of FVGM_JOB and writes its outcome."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import cocotb
import numpy as np
from cocotb.task import bridge

from host.device import Device, TableError
from models.slices import Slices
from tb.top.sim_transport import SimTransport


@cocotb.test()
async def run_tasks(dut) -> None:
    """Start, wait for the interrupt, write the fault, counters and wall time."""
    job = json.loads(Path(os.environ["FVGM_JOB"]).read_text())
    transport = SimTransport(dut, np.memmap(job["memory"], np.uint8, "r+"), job["origin"])
    await transport.ready()

    def host() -> None:
        transport.knobs(**job["knobs"])
        device = Device(transport)
        device.start(job["table_base"], job["entries"], tuple(job["read_window"]), tuple(job["write_window"]),
                     Slices(tuple(job["slice_base"]), tuple(job["slice_size"])), job["contexts"])
        begin = time.monotonic()
        error, fault = "", {}
        try:
            device.wait(job["timeout_cycles"])
        except TableError as failure:
            f = failure.fault
            error = str(failure)
            fault = {"cause": int(f.cause), "entry": f.entry, "address": f.address, "core": f.core}
            if f.fault is not None:
                fault |= {"core_cause": int(f.fault.cause), "task": f.fault.task, "index": f.fault.index}
        wall = time.monotonic() - begin
        Path(job["result"]).write_text(json.dumps({"error": error, "fault": fault, "counters": device.counters(),
                                                   "wall_seconds": wall}))

    await bridge(host)()
