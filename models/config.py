"""Named configurations (`tiny`, `sim`, `v80`), read from configs.yaml.

The same numbers reach the RTL as the parameters of `rtl_parameters()`, so that models, simulation, lint and synthesis
are always about the same machine.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from models.isa import MAX_CONTEXTS, MAX_CORES

CONFIG_FILE = Path(__file__).resolve().parent.parent / "configs.yaml"

UNIT_BYTES = 16  # one on-chip word: 8 FP16, 16 INT8 or 4 FP32
BEAT_BYTES = 32  # one beat of a 256-bit AXI4 port: two units


class ConfigError(ValueError):
    """A configuration is unknown or holds an unusable number; the message names it."""


@dataclass(frozen=True)
class Config:
    """One machine. Buffer sizes are per core, in units of 16 bytes unless configs.yaml says otherwise."""

    name: str
    cores: int
    chain_rows: int
    abuf: int
    bbuf: int
    vbuf: int
    pbuf: int
    rbuf: int
    mbuf: int
    queue_depth: int
    axi_slots: int
    burst_beats: int
    contexts: int
    task_window: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "name" and (not isinstance(value, int) or value < 1):
                raise ConfigError(f"configuration {self.name}: {field.name} is {value!r}, must be a positive integer")
        if self.contexts > MAX_CONTEXTS or self.contexts & (self.contexts - 1):
            raise ConfigError(f"configuration {self.name}: contexts is {self.contexts}, must be 1, 2, 4 or {MAX_CONTEXTS}")
        if self.cores > MAX_CORES:
            raise ConfigError(f"configuration {self.name}: cores is {self.cores}, must be at most {MAX_CORES}")
        if self.chain_rows > 32:
            raise ConfigError(f"configuration {self.name}: chain_rows is {self.chain_rows}, must be at most 32")

    @property
    def dsp58(self) -> int:
        """DSP58 of the array of one core: chain_rows x 8 chains of 8."""
        return 64 * self.chain_rows

    @property
    def int8_rows(self) -> int:
        """Rows (M) of an INT8 output tile."""
        return 4 * self.chain_rows

    @property
    def fp16_rows(self) -> int:
        """Rows (M) of an FP16 output tile."""
        return 2 * self.chain_rows

    @property
    def tile_cols(self) -> int:
        """Columns (N) of an output tile, both precisions."""
        return 8

    @property
    def abuf_port(self) -> int:
        """Units that the mpu reads from abuf per cycle."""
        return 4 * self.chain_rows

    @property
    def bbuf_port(self) -> int:
        """Units that the mpu reads from bbuf per cycle."""
        return self.tile_cols

    @property
    def vbuf_port(self) -> int:
        """Units that the mpu writes into vbuf per cycle: one tile row in FP32."""
        return max(2, self.tile_cols // 4)

    @property
    def int8_macs(self) -> int:
        """Peak INT8 MACs per cycle of one core."""
        return 4 * self.dsp58

    @property
    def fp16_macs(self) -> int:
        """Peak FP16 MACs per cycle of one core."""
        return 2 * self.dsp58

    def rtl_parameters(self) -> dict[str, int]:
        """SystemVerilog parameters of fvgm_core; a block takes the subset that it declares."""
        return {
            "ChainRows": self.chain_rows,
            "ABufUnits": self.abuf, "BBufUnits": self.bbuf, "VBufUnits": self.vbuf,
            "PBufEntries": self.pbuf, "RBufWords": self.rbuf, "MBufEntries": self.mbuf,
            "QueueDepth": self.queue_depth, "AxiSlots": self.axi_slots, "BurstBeats": self.burst_beats,
            "Contexts": self.contexts, "TaskWindow": self.task_window,
        }


def load(name: str) -> Config:
    """The configuration called `name`; raises ConfigError naming the known ones."""
    table = yaml.safe_load(CONFIG_FILE.read_text())
    if name not in table:
        raise ConfigError(f"unknown configuration {name!r}; configs.yaml has {', '.join(table)}")
    return Config(name=name, **table[name])
