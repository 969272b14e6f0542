"""A block of the model with the accelerator's own arithmetic, whole tensors at a time: fast, and equal to the hardware bit for bit.

models/core.py executes a compiled program instruction by instruction; this module computes the same FP16 tokens, masks
and caches from the same checkpoint without a program, so that long runs are affordable. compiler/tests/test_sparse.py
holds the two together. Rows of a spatial block are (frame, position), of a temporal block (position, frame).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from compiler.attention import LOG2E
from compiler.checkpoint import Checkpoint
from compiler.model import STEM
from compiler.quantise import Inputs, quantise_columns
from compiler.sparsity import Policies, Policy
from models import numerics, ru, sfu, su
from models.isa import Precision
from models.sfu_functions import gelu

Array = np.ndarray


@dataclass
class State:
    """What a region carries from step to step; row axis first. `planes` are the outputs of qkv and cross_q."""

    x: Array | None = None
    y1: Array | None = None
    y2: Array | None = None
    norm: Array | None = None
    age: Array | None = None
    planes: Array | None = None


@dataclass(frozen=True)
class Linear:
    """INT8 or FP16 weight [N, K], scale (FP16: 1) and bias float32 [N]; `inputs`, float32 a, b [K]: its inputs come as x*a + b."""

    weight: Array
    scale: Array
    bias: Array
    inputs: tuple[Array, Array] | None = None

    def __call__(self, x: Array, row_scale: Array | None) -> Array:
        """int8 [R, K] with its scales [R], or float16 [R, K] without -> float16 [R, N]."""
        if row_scale is None:
            value = numerics.fp16_matmul_exact(x, self.weight.T)
        else:
            value = numerics.i32_to_f32(numerics.int8_matmul(x, self.weight.T))
            value = numerics.f32_mul(value, row_scale[:, None])
        return numerics.f32_to_f16(numerics.f32_add(numerics.f32_mul(value, self.scale), self.bias))


@dataclass
class Report:
    """Kept rows and all rows of each region, in order of execution."""

    rows: list[tuple[str, int, int]] = field(default_factory=list)


class BitTrue:
    """The blocks of a checkpoint; `states` are the caches of a run, by (kind, layer, region). Policies that fill the array's tiles
    decide by tiles: `fill` are the rows of a tile of the array, `tiles` the rows of the tiles of a region by its name. `linear` is the
    precision of the linear layers."""

    def __init__(self, checkpoint: Checkpoint, fill: int = 0, tiles: Mapping[str, Sequence[int]] | None = None,
                 linear: Precision = Precision.INT8) -> None:
        self.checkpoint, self.dims = checkpoint, checkpoint.dims
        self.fill, self.tiles, self.precision = fill, tiles or {}, linear
        self.linears: dict[tuple[str, ...], Linear] = {}
        self.states: dict[tuple[str, int, str], State] = {}
        self.report = Report()

    def _linear(self, *names: str) -> Linear:
        if names not in self.linears:
            matrix = np.concatenate([self.checkpoint.get(f"{n}.weight") for n in names])
            inputs = Inputs.of(self.checkpoint, names[0], self.precision)
            matrix, bias = inputs.layer(matrix, np.concatenate([self.checkpoint.get(f"{n}.bias") for n in names]))
            if self.precision == Precision.INT8:
                weight, scale = quantise_columns(matrix)
            else:
                weight, scale = matrix.astype(np.float16), np.ones(len(matrix), np.float32)
            self.linears[names] = Linear(weight, scale, bias, inputs.affine())
        return self.linears[names]

    def block(self, kind: str, layer: int, x: Array, adaln: Array, caption: Array | None = None,
              policies: Policies | None = None, frames: Array | None = None) -> Array:
        """One block on float16 tokens [F, S, D]; adaln float32 [6, D], caption float32 [T, D] (spatial), `frames` float32
        [F, D]: added behind the block, as the compiler adds the temporal positions behind spatial block 0."""
        d, stem, policies = self.dims, f"{STEM[kind]}.{layer}", policies or {}
        spatial = kind == "spatial"
        shape = x.shape if spatial else (x.shape[1], x.shape[0], x.shape[2])
        rows = (x if spatial else x.transpose(1, 0, 2)).reshape(-1, d.hidden)
        table = self.checkpoint.get(f"{stem}.scale_shift_table") + adaln
        shift1, scale1, gate1, shift2, scale2, gate2 = table

        def region(name: str, inputs: Array, compute) -> Array:
            return self._region((kind, layer, name), policies.get((kind, layer, name)), inputs, compute)

        qkv = self._linear(*(f"{stem}.attn1.to_{p}" for p in "qkv"))
        planes = region("qkv", rows, lambda r: qkv(*self._norm(f"{stem}.attn1.to_q", scale1, shift1, r)))
        q, k, v = (planes[:, i * d.hidden:(i + 1) * d.hidden].reshape(*shape[:2], d.hidden) for i in range(3))
        context = self._attention(q, k, v).reshape(-1, d.hidden)
        out = self._linear(f"{stem}.attn1.to_out.0")
        rows = _residual(rows, region("out", context, lambda r: out(*self._convert(r, out.inputs))), gate1)
        if spatial:
            rows = self._cross(stem, rows, caption, shape, region)
        fc1, fc2 = self._linear(f"{stem}.ff.net.0.proj"), self._linear(f"{stem}.ff.net.2")

        def mlp(r: Array) -> Array:
            return fc2(*self._operand(gelu(numerics.f16_to_f32(fc1(*self._norm(f"{stem}.ff.net.0.proj", scale2, shift2, r)))), fc2.inputs))

        rows = _residual(rows, region("mlp", rows, mlp), gate2)
        y = rows.reshape(shape)
        if frames is not None:
            y = _residual(y, np.broadcast_to(frames.astype(np.float16)[:, None], y.shape), None)
        return y if spatial else np.ascontiguousarray(y.transpose(1, 0, 2))

    def _cross(self, stem: str, rows: Array, caption: Array, shape: tuple[int, ...], region) -> Array:
        kv = self._linear(f"{stem}.attn2.to_k", f"{stem}.attn2.to_v")(*self._convert(caption.astype(np.float16)))
        query, out = self._linear(f"{stem}.attn2.to_q"), self._linear(f"{stem}.attn2.to_out.0")
        q = region("cross_q", rows, lambda r: query(*self._convert(r, query.inputs)))
        hidden = self.dims.hidden
        context = self._attention(q[None], kv[None, :, :hidden], kv[None, :, hidden:])[0]
        return _residual(rows, region("cross_out", context, lambda r: out(*self._convert(r, out.inputs))), None)

    def _operand(self, y: Array, affine: tuple[Array, Array] | None = None) -> tuple[Array, Array | None]:
        """float32 rows y, or y*a + b, as an operand of the linear layers: int8 with scales, or float16."""
        if affine is not None:
            y = numerics.f32_add(numerics.f32_mul(y, affine[0]), affine[1])
        return sfu.quant(y) if self.precision == Precision.INT8 else (numerics.f32_to_f16(y), None)

    def _convert(self, rows: Array, affine: tuple[Array, Array] | None = None) -> tuple[Array, Array | None]:
        return self._operand(numerics.f16_to_f32(rows), affine)

    def _norm(self, layer: str, scale: Array, shift: Array, rows: Array) -> tuple[Array, Array | None]:
        """LayerNorm, modulate: an operand of the linear layer."""
        inputs = Inputs.of(self.checkpoint, layer, self.precision)
        y = sfu.layernorm(numerics.f16_to_f32(rows), np.float32(1 / rows.shape[1]), np.float32(self.dims.eps))
        return self._operand(y, inputs.modulation(1 + scale, shift))

    def _attention(self, q: Array, k: Array, v: Array) -> Array:
        """float16 q [B, M, D], k and v [B, N, D] -> float16 [B, M, D]."""
        d = self.dims
        q, k, v = (t.reshape(*t.shape[:2], d.heads, d.head_dim).swapaxes(1, 2) for t in (q, k, v))
        scores = numerics.fp16_matmul_exact(q, k.swapaxes(2, 3))
        p, inverse = sfu.softmax(scores.reshape(-1, scores.shape[-1]), np.float32(LOG2E / d.head_dim ** 0.5))
        context = numerics.fp16_matmul_exact(p.reshape(scores.shape), v)
        context = numerics.f32_to_f16(numerics.f32_mul(context, inverse.reshape(*scores.shape[:-1], 1)))
        return np.ascontiguousarray(context.swapaxes(1, 2)).reshape(len(q), -1, d.hidden)

    # -------------------------------------------------------------------------------------------------------- sparsity

    def _region(self, key: tuple[str, int, str], policy: Policy | None, x: Array, compute) -> Array:
        """Output rows of one region: computed where kept, recovered elsewhere; the caches follow."""
        if policy is None or not policy.active:
            return compute(x)
        state = self.states.setdefault(key, State())
        choice = self._by_tiles(key, policy, state, x) if policy.fill and policy.thr_step is not None else self._decide(key[0], policy, state, x)
        self.report.rows.append((".".join(map(str, key)), int(choice.kept.sum()), len(x)))
        computed = compute(x[choice.kept])
        written = ~choice.step  # rows whose output is new: their own or their reference's
        y = np.zeros((len(x), computed.shape[1]), np.float16)
        y[written] = computed[choice.slot[written]]
        in_place = key[2] in ("qkv", "cross_q")
        if choice.step.any():
            old = state.planes if in_place else state.y1
            y[choice.step] = old[choice.step]
            if policy.coef is not None and not in_place:
                s = choice.step
                y[s] = ru.extrapolate(state.y1[s], state.y2[s], np.float32(policy.coef), choice.age[s])
        self._refresh(policy, state, x, y, written, choice, in_place)
        return y

    def _by_tiles(self, key: tuple[str, int, str], policy: Policy, state: State, x: Array) -> su.Decision:
        """Tile by tile of a region without windows."""
        parts, start, kept = [], 0, 0
        for rows in self.tiles[".".join(map(str, key))]:
            part = slice(start, start + rows)
            d = su.decide(x[part], cached=state.x[part], norm=state.norm[part], age=state.age[part],
                          thr_step=np.float32(policy.thr_step ** 2), max_age=policy.max_age, fill=self.fill)
            parts.append(replace(d, slot=np.where(d.step, 0, d.slot + kept)))
            start, kept = start + rows, kept + int(d.kept.sum())
        return su.Decision(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(su.Decision)))

    def _decide(self, kind: str, policy: Policy, state: State, x: Array):
        d = self.dims
        (h, w, t), (oh, ow, ot) = policy.window or (1, 1, 1), policy.offset
        if kind == "spatial":
            grid, window, offset, keep = (d.grid, d.grid), (t, h, w), (ot, oh, ow), None
        else:
            grid, window, offset = (d.grid, d.frames), (h, w, t), (oh, ow, ot)
        if policy.keep is not None:
            keep = (policy.keep.T if kind == "spatial" else policy.keep).reshape(-1)
        return su.decide(
            x, cached=state.x if policy.thr_step is not None else None, norm=state.norm, age=state.age, grid=grid,
            window=window if policy.window else None, offset=offset, thr_window=np.float32(policy.thr_window ** 2),
            thr_step=np.float32((policy.thr_step or 0) ** 2), max_age=policy.max_age,
            mask=keep if policy.keep is not None else None)

    def _refresh(self, policy: Policy, state: State, x: Array, y: Array, written: Array, choice, in_place: bool) -> None:
        if not policy.ages:
            return
        state.norm, state.age = choice.norm, choice.age
        if policy.inputs:
            new = sfu.quant(numerics.f16_to_f32(x))[0] if policy.inputs == "int8" else x
            state.x = new.copy() if state.x is None else np.where(written[:, None], new, state.x)
        if in_place:
            state.planes = y
            return
        if policy.outputs:
            if policy.outputs == 2:
                state.y2 = y if state.y1 is None else np.where(written[:, None], state.y1, state.y2)
            state.y1 = y.copy() if state.y1 is None else np.where(written[:, None], y, state.y1)


def _residual(x: Array, y: Array, gate: Array | None) -> Array:
    return sfu.residual(numerics.f16_to_f32(x), numerics.f16_to_f32(y), gate)
