"""Slices: what a context of a core has of the buffers, and how its addresses become those of the core.

Context c has of SliceBuffer b the `size[b]` words from `base[b] + c * size[b]` on; what lies in front of `base[b]` is
shared by all contexts. Words are units (A, B, V), entries (P, M) or FP32 words (R). The registers SLICE_BASE and
SLICE_SIZE of the task queue hold the same numbers for all cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.config import Config
from models.isa import SLICED, Buffer, Cause, Opcode, SliceBuffer

QUARTERS = 4  # addresses of a LOAD into P count quarters of an entry


@dataclass(frozen=True)
class Slices:
    """First word of context 0's slice and words of a slice, by SliceBuffer."""

    base: tuple[int, ...] = (0,) * len(SliceBuffer)
    size: tuple[int, ...] = (0,) * len(SliceBuffer)

    def of(self, buffer: SliceBuffer, context: int) -> int:
        """First word of a context's slice."""
        return self.base[buffer] + context * self.size[buffer]

    def check(self, config: Config) -> Cause:
        """NONE, BUFFER_RANGE (slices of all contexts do not lie in the buffers) or MISALIGNED (those of abuf do not start at even units,
        as INT8 operands must)."""
        if any(self.of(b, config.contexts) > size for b, size in zip(SliceBuffer, buffer_sizes(config))):
            return Cause.BUFFER_RANGE
        odd = (self.base[SliceBuffer.A] | self.size[SliceBuffer.A]) % 2
        return Cause.MISALIGNED if odd else Cause.NONE


def buffer_sizes(config: Config) -> tuple[int, ...]:
    """Words of the buffers, by SliceBuffer."""
    return config.abuf, config.bbuf, config.vbuf, config.pbuf, config.rbuf, config.mbuf


def sliced(fields: Mapping[str, int]) -> dict[str, SliceBuffer]:
    """The address fields of an instruction with the buffer that each counts in."""
    opcode = Opcode(fields["opcode"])
    out = dict(SLICED[opcode])
    if opcode in (Opcode.LOAD, Opcode.STORE):
        out["base"] = SliceBuffer(fields["buffer"])
    elif opcode == Opcode.SFU:
        out["d_base"] = SliceBuffer(fields["dst"])
    return out


def relocate(fields: Mapping[str, int], context: int, slices: Slices) -> Mapping[str, int]:
    """The instruction as the units see it: addresses of sliced buffers moved by the context's slice."""
    if not fields["slice"]:
        return fields
    out = dict(fields)
    for name, buffer in sliced(fields).items():
        if fields["slice"] >> buffer & 1:
            scale = QUARTERS if name == "base" and buffer == Buffer.P else 1
            out[name] += scale * slices.of(buffer, context)
    return out
