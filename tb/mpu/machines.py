"""Configurations that the mpu is tested with: named ones, and array shapes between them and v80 with the buffers of tiny."""

from __future__ import annotations

from dataclasses import replace

from models import config
from models.config import Config

# wide: several 8-column groups per tile, as v80 has; tall: more than two units of abuf per read.
SHAPES = {"wide": (8, 12), "tall": (24, 4)}


def machine(name: str) -> Config:
    """A configuration of configs.yaml or a shape of SHAPES."""
    if name not in SHAPES:
        return config.load(name)
    rows, cols = SHAPES[name]
    return replace(config.load("tiny"), name=name, dsp_rows=rows, dsp_cols=cols)
