"""Cycles of Open-Sora 1.2's shape (STDiT3-XL/2, 240p, 64 frames) on `v80`: bench/results/opensora.json.

    python -m bench.opensora

7,695 tokens (19 latent frames x 405 positions), 16 heads x 72, 28 spatial and 28 temporal blocks, 300 caption tokens. The compiler knows
Latte-1's blocks; one layer is compiled with them (layers repeat). What STDiT3 has besides:

* cross-attention in the temporal blocks too: counted, as a second time what the phases of the spatial block's cross-attention take of
  the layer's time, in proportion to their cycles of the matrix unit;
* QK-norm and RoPE, row operations on Q and K: `missing_cycles` is their least cost on eight lanes, which bench/paper.py adds to the time
  as if nothing hid it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.sizing import _Zeros
from compiler.checkpoint import Dims
from compiler.model import compile_blocks, pair
from models import config as configs
from models.isa import Unit

RESULT = Path(__file__).resolve().parent / "results" / "opensora.json"
CAPTIONS, LAYER = 300, 5
STEPS, BRANCHES = 30, 2  # with guidance: two evaluations a step


@dataclass(frozen=True)
class Shape(Dims):
    """A grid that is not square."""

    width: int = 27
    height: int = 15

    @property
    def positions(self) -> int:
        """Tokens of one frame."""
        return self.width * self.height


STDIT3 = Shape(heads=16, head_dim=72, in_channels=4, out_channels=8, layers=28, sample_size=54, patch=2, caption_channels=4096, frames=19,
               eps=1e-6)


def main() -> None:
    """Compile, count, write."""
    machine = configs.load("v80")
    compiled = compile_blocks(_Zeros(STDIT3), machine, CAPTIONS, pair(LAYER), base=0x40_0000_0000)
    a = compiled.assembled
    mpu = a.unit == Unit.MPU
    cross = np.array([".cross" in op.name or ".text" in op.name for op in compiled.ops])
    share = float(a.cycles[mpu & cross[a.tag]].sum()) / float(a.cycles[mpu].sum())
    layer = int(a.estimate * (1 + share))
    macs = sum(op.macs * (2 if c else 1) for op, c in zip(compiled.ops, cross))
    # norm of Q and K (2 passes of the lanes) and one pass of rotation, in both blocks; all cores
    missing = 2 * 2 * STDIT3.tokens * STDIT3.heads * (STDIT3.head_dim // 8) * 3 // machine.cores
    busy = {u.name.lower(): round(float(a.cycles[a.unit == u].sum()) / (a.estimate * machine.cores), 3) for u in (Unit.LOAD, Unit.MPU, Unit.SFU)}
    report = {"config": machine.name, "cores": machine.cores, "tokens": STDIT3.tokens, "captions": CAPTIONS, "layer_cycles": int(a.estimate),
              "cross_share": round(share, 4), "cycles": layer * STDIT3.layers, "macs": macs * STDIT3.layers, "busy": busy,
              "missing_cycles": missing * STDIT3.layers, "steps": STEPS, "branches": BRANCHES}
    RESULT.write_text(json.dumps(report, indent=1) + "\n")
    print(report)


if __name__ == "__main__":
    main()
