"""Configurations that the mpu is tested with: named ones, and an array between them and v80 with the buffers of tiny."""

from __future__ import annotations

from dataclasses import replace

from models import config
from models.config import Config

SHAPES = {"tall": 3}  # rows of chains: a tile of 12 (INT8) or 6 (FP16) rows


def machine(name: str) -> Config:
    """A configuration of configs.yaml or a shape of SHAPES."""
    if name not in SHAPES:
        return config.load(name)
    return replace(config.load("tiny"), name=name, chain_rows=SHAPES[name])
