"""Cocotb side of tb/top/harness.simulate_program: runs the program of FVGM_JOB and writes its outcome."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import cocotb
import numpy as np
from cocotb.task import bridge

from host.driver import CoreError, Driver
from tb.top.sim_transport import SimTransport


@cocotb.test()
async def run_program(dut) -> None:
    """Start, wait for the interrupt, write status, counters and wall time."""
    job = json.loads(Path(os.environ["FVGM_JOB"]).read_text())
    transport = SimTransport(dut, np.memmap(job["memory"], np.uint8, "r+"), job["origin"])
    await transport.ready()

    def host() -> None:
        transport.knobs(**job["knobs"])
        driver = Driver(transport)
        driver.start(job["program_base"], job["program_len"], tuple(job["read_window"]), tuple(job["write_window"]))
        begin = time.monotonic()
        fault = None
        try:
            driver.wait(job["timeout_cycles"])
        except CoreError as error:
            fault = error.fault
        wall = time.monotonic() - begin
        status = driver.status()
        if fault is not None:
            status |= {"cause": int(fault.cause), "unit": -1 if fault.unit is None else int(fault.unit),
                       "opcode": fault.opcode,
                       "index": fault.index, "address": fault.address}
        else:
            status |= {"cause": 0, "unit": -1, "opcode": 0, "index": 0, "address": 0}
        Path(job["result"]).write_text(json.dumps({"status": status, "counters": driver.counters(),
                                                   "wall_seconds": wall}))

    await bridge(host)()
