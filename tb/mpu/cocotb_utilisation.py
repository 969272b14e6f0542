"""Cycles of GEMMs on the test top of the mpu, results checked; writes FVGM_MPU_REPORT. FVGM_MPU_VALUES: kind of operands; FVGM_MPU_SHAPES: `table` or `ragged`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, ValueChange

from models import config, mpu
from models.config import Config
from models.isa import Layout, Precision
from tb.common.seed import rng
from tb.mpu import stimulus
from tb.mpu.mpu_env import read_hex, write_hex

# kind, m, n, k, batch, commands: INT8 with row scale and column affine to FP16, FP16 NK (scores) to FP32, FP16 KN with row scale
# to FP16. A batch that exceeds a buffer is cut into commands that follow each other; the last shape is a slice of 512x1152x1152.
GEMMS = [
    ("fp16_nk", 96, 96, 96, 1, 1), ("fp16_nk", 128, 128, 128, 1, 1), ("fp16_kn", 256, 72, 256, 1, 1), ("fp16_nk", 256, 256, 72, 1, 1),
    ("fp16_kn", 16, 72, 16, 64, 4), ("fp16_nk", 16, 16, 72, 64, 4), ("fp16_kn", 96, 96, 96, 1, 1),
    ("int8", 96, 1152, 96, 1, 1), ("int8", 128, 216, 1152, 1, 1), ("int8", 64, 216, 216, 1, 1), ("int8", 64, 864, 216, 1, 1),
]
RAGGED = [("fp16_nk", 3, 5, 20, 30, 1), ("fp16_kn", 1, 5, 20, 30, 1), ("fp16_nk", 5, 13, 9, 20, 1)]
GAP = 32  # units behind the rows of a ragged panel, of any bits


def command(kind: str, m: int, n: int, k: int, batch: int, gap: int = 0) -> dict[str, int]:
    """Fields with panels one behind the other from unit 0, `gap` units behind the rows of each group of A."""
    precision, layout = stimulus.KINDS[kind]
    fp32 = kind == "fp16_nk"
    groups = -(-k // mpu.UNIT_K[precision])
    kn = layout == Layout.KN
    b_row = -(-n // 8) | 1
    b_units = k * b_row if kn else groups * n
    row = -(-n // 8) * (2 if fp32 else 1)
    return stimulus.encoded({
        "precision": int(precision), "b_layout": int(layout), "m": m, "n": n, "k": k, "batch": batch, "out_fp32": int(fp32),
        "row_scale": int(not fp32), "col_affine": int(precision == Precision.INT8), "a_step": m + gap, "a_batch": groups * (m + gap),
        "b_step": b_row if kn else n, "b_batch": b_units, "o_step": row, "o_batch": m * row,
    })


async def issue(fields: dict[str, int]) -> None:
    """One command through the port; returns after the cycle that accepts it."""
    dut = cocotb.top
    dut.cmd_i.value = stimulus.payload(fields)
    dut.cmd_valid_i.value = 1
    while not int(dut.cmd_ready_o.value):
        await FallingEdge(dut.clk_i)
    await FallingEdge(dut.clk_i)
    dut.cmd_valid_i.value = 0


async def until_done(count: int) -> int:
    """Cycle counter when the count-th done_o of the run was seen."""
    dut = cocotb.top
    while int(dut.done_q.value) < count:
        await ValueChange(dut.done_q)
    cycles = int(dut.cycles_q.value)
    await FallingEdge(dut.clk_i)
    return cycles


async def clear() -> None:
    """Counters to zero, and the write-port pressure off."""
    dut = cocotb.top
    dut.pressure_i.value = 0
    dut.clear_i.value = 1
    await FallingEdge(dut.clk_i)
    dut.clear_i.value = 0


def surrounded(images: dict, machine: Config) -> dict:
    """The images with any bits in abuf wherever no command of RAGGED has its rows."""
    rows = np.zeros(machine.abuf, bool)
    for kind, m, n, k, batch, _ in RAGGED:
        f = command(kind, m, n, k, batch, GAP)
        at = f["a_step"] * np.arange(f["a_batch"] // f["a_step"] * batch)
        rows[(at[:, None] + np.arange(m)).reshape(-1)] = True
    wide = stimulus.images(machine, "any", rng("mpu.surrounded"))["abuf"]
    return images | {"abuf": np.where(rows[:, None], images["abuf"], wide)}


async def measure(machine: Config, images: dict, folder: Path, gap: int, kind: str, m: int, n: int, k: int, batch: int, commands: int) -> dict:
    """One row of the table: cycles from the first command in an idle unit to the last done_o, every bit of the result compared."""
    dut = cocotb.top
    fields = command(kind, m, n, k, batch, gap)
    dut.load_i.value = 1
    await FallingEdge(dut.clk_i)
    dut.load_i.value = 0
    await clear()
    start = time.process_time()

    async def all_commands() -> None:
        for _ in range(commands):
            await issue(fields)

    task = cocotb.start_soon(all_commands())
    cycles = await until_done(commands)
    await task
    rate = cycles / (time.process_time() - start)
    stalls = {name: int(getattr(dut, f"{name}_q").value) for name in ("stall_drain", "stall_operand")}
    dut.dump_i.value = 1
    await FallingEdge(dut.clk_i)
    dut.dump_i.value = 0
    expected = mpu.gemm(fields, **images, config=machine)
    assert (read_hex(folder / "vbuf_out.hex") == expected).all(), f"{kind} {m}x{n}x{k}"
    peak = machine.int8_macs if kind == "int8" else machine.fp16_macs
    macs = commands * mpu.macs(fields)
    return {
        "kind": kind, "m": m, "n": n, "k": k, "precision": "int8" if kind == "int8" else "fp16", "batch": commands * batch,
        "macs": macs, "macs_per_cycle": peak, "ideal_cycles": commands * mpu.ideal_cycles(fields, machine), "passes": commands * int(mpu.passes(fields, images["abuf"], images["bbuf"], machine).sum()), "cycles": cycles,
        "utilisation": round(macs / cycles / peak, 5), **stalls, "cycles_per_second": round(rate),
    }


@cocotb.test()
async def utilisation(dut: object) -> None:
    """Every GEMM of the table."""
    machine = config.load(os.environ["FVGM_MPU_CONFIG"])
    folder = Path(cocotb.plusargs["images"])
    images = stimulus.images(machine, os.environ.get("FVGM_MPU_VALUES", "gaussian"), rng("mpu.utilisation"))
    ragged = os.environ["FVGM_MPU_SHAPES"] == "ragged"
    if ragged:
        images = surrounded(images, machine)
    for name, image in images.items():
        write_hex(folder / f"{name}.hex", image)
    for _ in range(3):
        await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    rows = [await measure(machine, images, folder, GAP if ragged else 0, *gemm) for gemm in (RAGGED if ragged else GEMMS)]
    Path(os.environ["FVGM_MPU_REPORT"]).write_text(json.dumps(rows, indent=1))
