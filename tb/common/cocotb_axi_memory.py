"""Drives axi_memory directly; FVGM_CASE names what to do."""

from __future__ import annotations

import os

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

INPUTS = ("latency_i", "jitter_i", "stall_ar_i", "stall_r_i", "stall_aw_i", "stall_w_i", "stall_b_i", "reorder_i",
          "interleave_i", "error_read_i", "error_write_i", "error_resp_i", "error_first_i", "error_last_i",
          "s_axi_arvalid", "s_axi_awvalid", "s_axi_wvalid", "s_axi_arid", "s_axi_awid", "s_axi_rready",
          "s_axi_bready", "s_axi_wlast", "s_axi_wdata", "s_axi_wstrb")


async def address(dut, channel: str, value: int, beats: int, size: int = 5, burst: int = 1) -> None:
    """One address handshake."""
    for name, v in (("addr", value), ("len", beats - 1), ("size", size), ("burst", burst), ("valid", 1)):
        getattr(dut, f"s_axi_{channel}{name}").value = v
    await accepted(dut, channel)


async def accepted(dut, channel: str) -> None:
    """Wait for ready, then take valid back."""
    ready = 0
    while not ready:
        await FallingEdge(dut.clk_i)
        ready = int(getattr(dut, f"s_axi_{channel}ready").value)
        await RisingEdge(dut.clk_i)
    getattr(dut, f"s_axi_{channel}valid").value = 0


async def word(dut, data: int, last: int, strobe: int = 0xFFFFFFFF) -> None:
    """One beat of write data."""
    dut.s_axi_wdata.value, dut.s_axi_wlast.value, dut.s_axi_wstrb.value, dut.s_axi_wvalid.value = data, last, strobe, 1
    await accepted(dut, "w")


async def beats(dut, count: int) -> list[tuple[int, int, int]]:
    """(data, response, cycles since the call) of the next beats of read data."""
    out, cycle = [], 0
    dut.s_axi_rready.value = 1
    while len(out) < count:
        await FallingEdge(dut.clk_i)
        cycle += 1
        if int(dut.s_axi_rvalid.value):
            out.append((int(dut.s_axi_rdata.value), int(dut.s_axi_rresp.value), cycle))
            assert int(dut.s_axi_rlast.value) == (len(out) == count)
        await RisingEdge(dut.clk_i)
    return out


async def transfers(dut) -> None:
    """Data comes back, half beats keep the rest, latency is as asked for, errors answer as asked for."""
    await address(dut, "aw", 0xFE0, 1)
    await word(dut, (1 << 256) - 1, 1)
    await word(dut, 0, 1, 0x0000FFFF)  # data may come before its address
    await address(dut, "aw", 0xFE0, 1)
    await ClockCycles(dut.clk_i, 20)
    dut.latency_i.value = 9
    await ClockCycles(dut.clk_i, 2)
    await address(dut, "ar", 0xFC0, 2)
    got = await beats(dut, 2)
    assert [g[:2] for g in got] == [(0, 0), (((1 << 128) - 1) << 128, 0)], got
    assert [g[2] for g in got] == [9, 10], got
    dut.error_read_i.value, dut.error_resp_i.value, dut.error_first_i.value, dut.error_last_i.value = 1, 2, 0xFE0, 0xFE0
    await ClockCycles(dut.clk_i, 2)
    await address(dut, "ar", 0xFC0, 2)
    assert [g[1] for g in await beats(dut, 2)] == [2, 2]
    await address(dut, "ar", 0xFC0, 1)
    assert [g[1] for g in await beats(dut, 1)] == [0]
    await address(dut, "ar", 1 << 20, 1)
    assert [g[1] for g in await beats(dut, 1)] == [3]


async def crossing(dut) -> None:
    """A burst over a 4 KiB boundary."""
    await address(dut, "ar", 0xFE0, 2)


async def unaligned(dut) -> None:
    """An address between beats."""
    await address(dut, "aw", 0x10, 1)


async def narrow(dut) -> None:
    """A size that is not the bus width."""
    await address(dut, "ar", 0, 1, size=4)


async def wlast(dut) -> None:
    """WLAST one beat early."""
    await address(dut, "aw", 0, 2)
    await word(dut, 0, 1)


async def withdrawn(dut) -> None:
    """ARVALID taken back before ARREADY."""
    dut.stall_ar_i.value = 255
    await ClockCycles(dut.clk_i, 3)
    dut.s_axi_araddr.value, dut.s_axi_arlen.value, dut.s_axi_arsize.value, dut.s_axi_arburst.value = 0, 0, 5, 1
    for _ in range(20):
        dut.s_axi_arvalid.value = 1
        await RisingEdge(dut.clk_i)
        dut.s_axi_arvalid.value = 0
        await RisingEdge(dut.clk_i)


async def changed(dut) -> None:
    """WDATA that changes while it waits."""
    dut.stall_w_i.value = 255
    await ClockCycles(dut.clk_i, 3)
    dut.s_axi_wvalid.value = 1
    for i in range(20):
        dut.s_axi_wdata.value = i
        await RisingEdge(dut.clk_i)


@cocotb.test()
async def axi_memory(dut) -> None:
    """Run the case."""
    for name in INPUTS:
        getattr(dut, name).value = 0
    dut.latency_i.value = 1
    dut.s_axi_bready.value = 1
    dut.rst_ni.value = 0
    Clock(dut.clk_i, 10, unit="ns").start()
    await ClockCycles(dut.clk_i, 3)
    dut.rst_ni.value = 1
    await ClockCycles(dut.clk_i, 2)
    await globals()[os.environ["FVGM_CASE"]](dut)
    await ClockCycles(dut.clk_i, 3)
