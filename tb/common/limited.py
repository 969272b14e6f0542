"""A sequence whose items must be done in time: hardware that hangs fails its run with one line instead of running for ever."""

from __future__ import annotations

import os

import cocotb
from cocotb.triggers import First, Timer
from pyuvm import uvm_sequence, uvm_sequence_item

LIMIT_NS = int(os.environ.get("FVGM_LIMIT_NS", "10000000"))  # of one item; the negative test shortens it


class LimitedSequence(uvm_sequence):
    """As uvm_sequence; `finish_item` raises AssertionError when the driver is not done with an item within LIMIT_NS."""

    async def finish_item(self, item: uvm_sequence_item) -> None:
        done, limit = cocotb.start_soon(super().finish_item(item)), Timer(LIMIT_NS, unit="ns")
        assert await First(done, limit) is not limit, f"timeout: {item.get_name()} is not done within {LIMIT_NS} ns"
