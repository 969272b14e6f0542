"""How the regions of a model are computed at one denoising step: policies, and where their caches lie.

A *region* is a linear part of a block with one decision per token row: `qkv`, `out` (output projection of the
self-attention), `cross_q`, `cross_out`, `mlp` (both layers as one). Its decision looks at the rows that enter it: the
tokens x (qkv, cross_q, mlp: before the norm) or the attention's result (out, cross_out).

A run of several denoising steps is one program per step over the same memory: what decides where things lie in it
(`inputs`, `outputs`, and with them the tiles, hence `span`) must be the same in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from compiler.errors import CompileError
from compiler.memory import HbmMap, Part, Region, Tensor, ceil_div, round_up

REGIONS = {"spatial": ("qkv", "out", "cross_q", "cross_out", "mlp"), "temporal": ("qkv", "out", "mlp")}
IN_PLACE = ("qkv", "cross_q")  # their results are planes that stay where they are: the cached row needs no copy


@dataclass(frozen=True)
class Policy:
    """One region at one step. Without a source (`window`, `thr_step`, `keep`) every row is computed.

    * `window` (h, w, t) tokens with the reference at `offset`: dropped at a cosine above `thr_window`.
    * `thr_step`: dropped at a cosine above it to the row's own cached input, up to `max_age` steps old.
    * `keep` bool [positions, frames]: the mask outright; dropped rows are recovered as with `thr_step`, or, with
      `window`, by their reference.
    * `coef`: a dropped row's cached output is extrapolated by `coef` x age of the last difference; needs `outputs` = 2.
    * `inputs`: cached input rows, `outputs`: how many cached output rows (ignored by qkv and cross_q), `ages`: whether the
      ages of the rows are kept. `first`: the caches hold nothing yet.
    * `span`: the largest window of the region over the run, if this step's is smaller or none.
    * `fill`: rows are kept beyond the threshold until the last INT8 tile of the array is full (without window).
    * `density`: expected share of kept rows, for the order of instructions alone.
    """

    window: tuple[int, int, int] | None = None
    offset: tuple[int, int, int] = (0, 0, 0)
    thr_window: float = 1.0
    thr_step: float | None = None
    max_age: int = 15
    keep: np.ndarray | None = field(default=None, compare=False)
    coef: float | None = None
    inputs: Literal["fp16", "int8"] | None = None
    outputs: int = 0
    first: bool = False
    span: tuple[int, int, int] | None = None
    fill: bool = False
    density: float = 1.0

    @property
    def ages(self) -> bool:
        """Whether ages and norms of the rows are kept: wherever anything is cached."""
        return self.inputs is not None or self.outputs > 0

    @property
    def tiling(self) -> tuple[int, int, int] | None:
        """The window that tiles hold."""
        return self.span or self.window

    @property
    def step(self) -> bool:
        """Whether rows are recovered by their own cached rows."""
        return self.thr_step is not None or (self.keep is not None and self.window is None)

    @property
    def skips(self) -> bool:
        """Whether the program dictates that no row is computed."""
        return self.keep is not None and self.window is None and not self.keep.any()

    @property
    def active(self) -> bool:
        """Whether the region needs su and ru at all."""
        return self.window is not None or self.step or self.ages

    def check(self, where: str, dims_ok: tuple[int, int]) -> None:
        """Raise CompileError for a policy that the hardware cannot serve; `dims_ok` = (positions, frames) of `keep`."""
        def need(good: bool, what: str) -> None:
            if not good:
                raise CompileError(f"policy of {where}: {what}")

        region = where.rsplit(".", 1)[-1]
        need(self.thr_step is None or self.inputs is not None, "thr_step needs cached inputs")
        need(self.thr_step is None or self.keep is None, "thr_step and keep exclude one another")
        need(not self.step or region in IN_PLACE or self.outputs > 0, "its own cached rows need outputs >= 1")
        need(self.coef is None or self.outputs == 2, "coef needs outputs = 2")
        need(not (self.first and (self.step or self.window)), "the first step computes every row")
        need(self.window is None or all(1 <= w <= 8 and 0 <= o < w for w, o in zip(self.window, self.offset)),
             f"window {self.window} with offset {self.offset}: 1 to 8 tokens each, offset inside")
        need(self.keep is None or self.keep.shape == dims_ok, f"keep must be of shape {dims_ok}")
        need(0 <= self.max_age <= 15, "max_age is 0 to 15")


Policies = Mapping[tuple[str, int, str], Policy]  # (kind of block, layer, region)


@dataclass
class Caches:
    """What a region keeps in HBM between steps; tensors in the order of the region's tiles."""

    policy: Policy
    x: Tensor | None = None
    y1: Tensor | None = None
    y2: Tensor | None = None
    meta: Tensor | None = None  # 32 bytes a token, of which a tile fills the first quarter with its ages and norms


@dataclass(frozen=True)
class Sparse:
    """Policy of a region at this step, and its caches."""

    policy: Policy
    caches: Caches


class CacheLayout:
    """Allocates the caches of all regions that keep any, in one branch of the guidance."""

    def __init__(self, hbm: HbmMap, policies: Policies, positions: int, frames: int, branch: int) -> None:
        self.hbm, self.positions, self.frames, self.branch = hbm, positions, frames, branch
        self.caches: dict[tuple[str, int, str], Caches] = {}
        self.tensors: dict[str, list[Tensor]] = {}
        for (kind, layer, region), policy in policies.items():
            where = f"{kind}.{layer}.{region}"
            if kind not in REGIONS or region not in REGIONS[kind]:
                raise CompileError(f"policy of {where}: no such region")
            policy.check(where, (positions, frames))

    def _tensor(self, name: str, positions: int, frames: int, units: int, order: str) -> Tensor:
        stride = round_up(16 * units, 32)
        region: Region = self.hbm.alloc(name, positions * frames * stride, "scratch")
        tensor = Tensor(region, positions, frames, units, stride, order)
        self.tensors[name] = [tensor]
        return tensor

    def of(self, kind: str, layer: int, region: str, policy: Policy, units: int, out_units: int) -> Caches:
        """Caches of one region: input rows of `units` and output rows of `out_units` units (FP16), allocated at first use."""
        key = (kind, layer, region)
        if key not in self.caches:
            name, order = f"cache.{kind}.{layer}.{region}.{self.branch}", "pf" if kind == "temporal" else "fp"
            size = (self.positions, self.frames)
            caches = Caches(policy)
            if policy.inputs:
                caches.x = self._tensor(f"{name}.x", *size, ceil_div(units, 2) if policy.inputs == "int8" else units, order)
            if policy.outputs and region not in IN_PLACE:
                caches.y1 = self._tensor(f"{name}.y1", *size, out_units, order)
                if policy.outputs == 2:
                    caches.y2 = self._tensor(f"{name}.y2", *size, out_units, order)
            if policy.ages:
                caches.meta = self._tensor(f"{name}.meta", self.positions * self.frames, 1, 1, "pf")
            self.caches[key] = caches
        return self.caches[key]

