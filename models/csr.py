"""Registers of a core as software sees them: reset values, write masks, error responses, pulses, write-1-to-clear.

The register map is `host/regmap.py`, generated from regs/fvgm_csr.rdl. Hardware drives the registers without a reset
value.
"""

from __future__ import annotations

from host.regmap import REGISTERS, Register

OKAY, SLVERR = 0, 2
WORD = 0xFFFFFFFF
CORE_BYTES = 1 << 12


def _mask(register: Register, *access: str) -> int:
    """Bits of the fields whose software access is among `access`."""
    return sum(((1 << f.width) - 1) << f.low for f in register.fields.values() if f.access in access)


def strobe_mask(strobes: int) -> int:
    """32-bit mask of the bytes that WSTRB (4 bits) enables."""
    return sum(0xFF << 8 * byte for byte in range(4) if strobes >> byte & 1)


class CsrModel:
    """One core's registers. `value` holds those with storage, `hardware` what the core drives."""

    def __init__(self) -> None:
        self.by_offset = {r.offset: name for name, r in REGISTERS.items()}
        self.value = {name: self.reset_value(name) for name in REGISTERS}
        self.hardware: dict[str, int] = {}

    @staticmethod
    def reset_value(name: str) -> int:
        """Reset value of a register; fields that hardware drives count as 0."""
        return sum((f.reset or 0) << f.low for f in REGISTERS[name].fields.values())

    def read(self, address: int) -> tuple[int, int]:
        """(response, data) of a read at a byte offset below 4096; data is 0 with SLVERR."""
        name = self.by_offset.get(address & ~3)
        if name is None or all("r" not in f.access for f in REGISTERS[name].fields.values()):
            return SLVERR, 0
        driven = sum(((1 << f.width) - 1) << f.low for f in REGISTERS[name].fields.values() if f.reset is None)
        return OKAY, self.hardware.get(name, 0) & driven | self.value[name] & ~driven

    def write(self, address: int, data: int, strobes: int = 15) -> tuple[int, dict[str, int]]:
        """(response, pulses by field name) of a write; registers without a writable field answer SLVERR."""
        name = self.by_offset.get(address & ~3)
        if name is None or all("w" not in f.access for f in REGISTERS[name].fields.values()):
            return SLVERR, {}
        register, enabled = REGISTERS[name], strobe_mask(strobes)
        plain, clear = _mask(register, "rw") & enabled, _mask(register, "rw1c") & enabled
        self.value[name] = (self.value[name] & ~plain | data & plain) & ~(data & clear)
        pulses = {f"{name}.{n}": 1 for n, f in register.fields.items() if f.access == "w, pulse"
                  and data & enabled & 1 << f.low}
        return OKAY, pulses

    def interrupt(self, done: bool, error: bool) -> None:
        """A program ended: set the bits of IRQ_STATUS."""
        self.value["irq_status"] |= int(done) | int(error) << 1

    @property
    def irq(self) -> bool:
        """Level of the interrupt line."""
        return bool(self.value["irq_status"] & self.value["irq_enable"])
