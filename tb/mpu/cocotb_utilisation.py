"""Cycles of single GEMMs and of the same GEMM in a stream, on the test top of the mpu, results checked; writes FVGM_MPU_REPORT."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import cocotb
from cocotb.triggers import FallingEdge, ValueChange

from models import config, mpu
from models.config import Config
from models.isa import Layout, Precision
from tb.common.seed import rng
from tb.mpu import stimulus
from tb.mpu.mpu_env import read_hex, write_hex

STREAM = 3  # commands of a stream; its cycles per command count from the first done_o to the last

# kind, m, n, k, batch; INT8 with row scale and column affine to FP16, FP16 NK (scores) to FP32, FP16 KN with row scale to FP16
GEMMS = [
    ("fp16_nk", 96, 96, 96, 1), ("fp16_kn", 96, 96, 96, 1), ("fp16_kn", 256, 72, 256, 1), ("fp16_nk", 256, 256, 72, 1),
    ("fp16_kn", 16, 72, 16, 64), ("fp16_nk", 16, 16, 72, 64),
    ("int8", 64, 216, 216, 1), ("int8", 64, 864, 216, 1), ("int8", 64, 216, 864, 1), ("int8", 96, 96, 1152, 1),
]


def command(kind: str, m: int, n: int, k: int, batch: int) -> dict[str, int]:
    """Fields with panels packed one behind the other from unit 0."""
    precision, layout = stimulus.KINDS[kind]
    fp32 = kind == "fp16_nk"
    groups = -(-k // mpu.UNIT_K[precision])
    kn = layout == Layout.KN
    b_row = -(-n // 8) | 1
    b_units = k * b_row if kn else groups * n
    row = -(-n // 8) * (2 if fp32 else 1)
    return stimulus.encoded({
        "precision": int(precision), "b_layout": int(layout), "m": m, "n": n, "k": k, "batch": batch, "out_fp32": int(fp32),
        "row_scale": int(not fp32), "col_affine": int(precision == Precision.INT8), "a_step": m, "a_batch": groups * m,
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


async def measure(machine: Config, images: dict, folder: Path, kind: str, m: int, n: int, k: int, batch: int) -> dict:
    """One row of the table."""
    dut = cocotb.top
    fields = command(kind, m, n, k, batch)
    dut.load_i.value = 1
    await FallingEdge(dut.clk_i)
    dut.load_i.value = 0
    await clear()
    await issue(fields)
    single = await until_done(1)
    stalls = {name: int(getattr(dut, f"{name}_q").value) for name in ("stall_drain", "stall_operand")}
    dut.dump_i.value = 1
    await FallingEdge(dut.clk_i)
    dut.dump_i.value = 0
    expected = mpu.gemm(fields, **images, config=machine)
    assert (read_hex(folder / "vbuf_out.hex") == expected).all(), f"{kind} {m}x{n}x{k}"
    await clear()
    start = time.process_time()

    async def all_commands() -> None:
        for _ in range(STREAM):
            await issue(fields)

    task = cocotb.start_soon(all_commands())
    first = await until_done(1)
    last = await until_done(STREAM)
    await task
    rate = last / (time.process_time() - start)
    stream = (last - first) / (STREAM - 1)
    peak = machine.int8_macs if kind == "int8" else machine.fp16_macs
    return {
        "kind": kind, "m": m, "n": n, "k": k, "batch": batch, "macs": mpu.macs(fields), "peak": peak,
        "steps": mpu.steps(fields, machine), "rows": mpu.drain_cycles(fields, machine),
        "cycles": single, "utilisation": mpu.macs(fields) / single / peak,
        "stream_cycles": stream, "stream_utilisation": mpu.macs(fields) / stream / peak, **stalls, "cycles_per_second": rate,
    }


@cocotb.test()
async def utilisation(dut: object) -> None:
    """Every GEMM of the table."""
    machine = config.load(os.environ["FVGM_MPU_CONFIG"])
    folder = Path(cocotb.plusargs["images"])
    images = stimulus.images(machine, "moderate", rng("mpu.utilisation"))
    for name, image in images.items():
        write_hex(folder / f"{name}.hex", image)
    for _ in range(3):
        await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    rows = [await measure(machine, images, folder, *gemm) for gemm in GEMMS]
    Path(os.environ["FVGM_MPU_REPORT"]).write_text(json.dumps(rows, indent=1))
