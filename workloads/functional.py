"""Fast forward of the workload with skipped token rows and fake-quantised precisions, and the samplers around it.

Same network as `latte.py`, which is the oracle.  Rows that a region drops are really not computed.  Rows are [N, D]:
frame-major in spatial blocks, position-major in temporal blocks; one video and one guidance branch at a time.
"""

import itertools

import numpy as np

from workloads import latte
from workloads.sparsity import BRANCHES, Counts, Schedule, Sparsifier

F32 = np.float32
PRECISIONS = ("fp32", "fp16", "w8a8", "int8")  # w8a8: INT8 linear layers, FP16 attention; int8: both INT8
LAYERS = {"qkv": tuple(f"attn1.to_{p}" for p in "qkv"), "out": ("attn1.to_out.0",), "fc1": ("ff.net.0.proj",), "fc2": ("ff.net.2",)}
CROSS_LAYERS = {"cross_q": ("attn2.to_q",), "cross_kv": ("attn2.to_k", "attn2.to_v"), "cross_out": ("attn2.to_out.0",)}
BLOCKS = ("transformer_blocks", "temporal_transformer_blocks")


def layers_of(block: str) -> dict[str, tuple[str, ...]]:
    """The linear layers of a block (`transformer_blocks.0`): name -> the checkpoint's layers that it joins."""
    return LAYERS | CROSS_LAYERS if block.startswith(BLOCKS[0]) else LAYERS


def half(x):
    """Rounded to FP16, back in float32; finite values below 65504. Three times as fast as numpy's conversions."""
    bits = x.astype(F32, copy=False).view(np.uint32)
    kept = bits >> np.uint32(13)
    kept &= np.uint32(1)
    kept += bits
    kept += np.uint32(0xFFF)
    kept &= np.uint32(0xFFFFE000)
    rounded = kept.view(F32)
    small = np.abs(x) < F32(2**-14)  # subnormal numbers of FP16: multiples of 2^-24
    rounded[small] = (x[small] + F32(0.75)) - F32(0.75)
    return rounded


def quantise(x, axis: int = -1):
    """Symmetric INT8 with one scale per row along `axis`, back in float32."""
    scale = np.maximum(np.abs(x).max(axis, keepdims=True), F32(1e-12)) / F32(127)
    return np.rint(x / scale) * scale


def gelu(x):
    """GELU in its tanh approximation, with few temporaries."""
    inner = x * x
    inner *= F32(0.044715)
    inner += F32(1)
    inner *= x
    inner *= F32(np.sqrt(2 / np.pi))
    np.tanh(inner, out=inner)
    inner += F32(1)
    inner *= x
    inner *= F32(0.5)
    return inner


class Denoiser:
    """The network of a `latte.Model`, with `precision` one of `PRECISIONS`."""

    def __init__(self, model: latte.Model, precision: str = "fp32"):
        if precision not in PRECISIONS:
            raise ValueError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
        self.model, self.config, self.precision = model, model.config, precision
        self.integer = precision in ("w8a8", "int8")
        self.layers = {}
        for block in (f"{kind}.{index}" for kind in BLOCKS for index in range(self.config.layers)):
            for name, parts in layers_of(block).items():
                weight, bias = (np.concatenate([model.weights[f"{block}.{p}.{kind}"] for p in parts]) for kind in ("weight", "bias"))
                centre, smooth = (model.weights.get(f"{block}.{parts[0]}.{kind}") if self.integer else None for kind in ("centre", "smooth"))
                if self.integer:
                    weight = quantise(weight) if smooth is None else quantise(weight * smooth)
                if centre is not None:
                    bias = bias + weight @ (centre if smooth is None else centre / smooth)
                self.layers[block, name] = weight.T.copy(), bias, centre, smooth
        self.positions = latte.temporal_positions(self.config)

    def store(self, x):
        """Round to what the machine stores between operations: FP16, except in the FP32 forward."""
        return x if self.precision == "fp32" else half(x)

    def linear(self, block: str, name: str, x):
        weight, bias, centre, smooth = self.layers[block, name]
        if centre is not None:
            x = x - centre
        if smooth is not None:
            x = x / smooth
        return self.store((quantise(x) if self.integer else x) @ weight + bias)

    def heads(self, x, batch: int):
        """[B*M, D] -> [B, H, M, E]."""
        return x.reshape(batch, -1, self.config.heads, self.config.head_dim).swapaxes(1, 2)

    def attention(self, q, k, v):
        """[B, H, M, E], [B, H, N, E] twice -> [B*M, D]."""
        scale = F32(self.config.head_dim**-0.5)
        if self.precision == "int8":
            q, k, v = quantise(q), quantise(k), quantise(v, -2)
        probs = self.store(latte.softmax(self.store((q @ k.swapaxes(-1, -2)) * scale)))
        out = self.store((quantise(probs) if self.precision == "int8" else probs) @ v)
        return out.swapaxes(1, 2).reshape(-1, self.config.hidden)

    def block(self, name: str, x, adaln, caption, sparse: Sparsifier):
        """One block on rows [N, D]; `name` is `spatial.0` or `temporal.0`, `caption` [T, D] or None."""
        config, hidden, counts = self.config, self.config.hidden, sparse.counts
        kind, index = name.split(".")
        block = ("" if kind == "spatial" else "temporal_") + f"transformer_blocks.{index}"
        batch = config.frames if kind == "spatial" else config.tokens_per_frame
        keys = len(x) // batch
        shift1, scale1, gate1, shift2, scale2, gate2 = self.model.weights[f"{block}.scale_shift_table"] + adaln
        macs_attention = 2 * len(x) * keys * hidden

        def norm(rows, scale, shift):
            return self.store(latte.layer_norm(rows, config.norm_eps) * (1 + scale) + shift)

        def region(part, rows, compute, per_row, normalise=None):
            return sparse.run(f"{name}.{part}", rows, compute, per_row, config.grid, config.frames, normalise)

        skip = sparse.skips(f"{name}.qkv", f"{name}.out")
        norm1, norm2 = (lambda r: norm(r, scale1, shift1)), (lambda r: norm(r, scale2, shift2))
        qkv = region("qkv", x, lambda r: self.linear(block, "qkv", norm1(r)), 3 * hidden**2, norm1)
        parts = qkv[:, :hidden], qkv[:, hidden:-hidden], qkv[:, -hidden:]
        context = None if skip else self.attention(*(self.heads(part, batch) for part in parts))
        counts.always(macs_attention, not skip)
        x = self.store(x + gate1 * region("out", context, lambda r: self.linear(block, "out", r), hidden**2))
        if caption is not None:
            skip = sparse.skips(f"{name}.cross_q", f"{name}.cross_out")
            q = region("cross_q", x, lambda r: self.linear(block, "cross_q", r), hidden**2)
            context = None if skip else self.cross_attention(block, q, caption)
            counts.always(2 * len(x) * len(caption) * hidden, not skip)
            x = self.store(x + region("cross_out", context, lambda r: self.linear(block, "cross_out", r), hidden**2))

        def mlp(rows):
            return self.linear(block, "fc2", self.store(gelu(self.linear(block, "fc1", norm2(rows)))))

        return self.store(x + gate2 * region("mlp", x, mlp, 8 * hidden**2, norm2))

    def cross_attention(self, block: str, q, caption):
        """Queries [N, D] against the caption [T, D] -> [N, D]; text K and V are not counted, they are the same at every step."""
        kv = self.linear(block, "cross_kv", caption)
        hidden = self.config.hidden
        return self.attention(self.heads(q, 1), self.heads(kv[:, :hidden], 1), self.heads(kv[:, hidden:], 1))

    def forward(self, latents, timestep: float, caption, sparse: Sparsifier | None = None) -> np.ndarray:
        """Velocity [F, C, h, w] of latents [F, C, h, w] at a timestep in [0, 1000]; caption [T, caption_channels]."""
        config = self.config
        sparse = sparse or Sparsifier(Schedule(1), "caption", Counts())
        sparse.begin_step()
        sparse.counts.linear_cost, sparse.counts.attention_cost = 2 if self.precision == "fp16" else 1, 1 if self.precision == "int8" else 2
        embedded = latte.embed(self.model, latents, timestep, caption)
        x, text = self.store(embedded.tokens.astype(F32)), self.store(embedded.caption.astype(F32))
        adaln, shape = embedded.adaln.astype(F32), embedded.tokens.shape
        sparse.counts.always(2 * shape[0] * shape[1] * config.hidden * config.patch**2 * config.in_channels)  # patches in, patches out
        for index in range(config.layers):
            x = self.block(f"spatial.{index}", x.reshape(-1, config.hidden), adaln, text, sparse)
            x = x.reshape(shape).swapaxes(0, 1)
            if index == 0 and config.frames > 1:
                x = self.store(x + self.positions)
            x = self.block(f"temporal.{index}", x.reshape(-1, config.hidden), adaln, None, sparse)
            x = x.reshape(shape[1], shape[0], -1).swapaxes(0, 1)
        return latte.final(self.model, np.ascontiguousarray(x), embedded.time).astype(F32)


class EarlyFp16:
    """A denoiser whose linear layers are FP16 in the first `count` of `steps` steps, in front of `late`."""

    def __init__(self, late: Denoiser, model: latte.Model, count: int, steps: int):
        self.early, self.late, self.last = Denoiser(model, "fp16"), late, 1000 * float(times(steps)[count])

    def forward(self, latents, timestep: float, caption, sparse: Sparsifier | None = None) -> np.ndarray:
        return (self.early if timestep > self.last else self.late).forward(latents, timestep, caption, sparse)


# ------------------------------------------------------------------------------------------------------------ samplers


def times(steps: int) -> np.ndarray:
    """Times of the steps and the final 0, from 1 down, shifted towards noise by a factor of 2: [steps + 1]."""
    u = np.linspace(1, 0, steps + 1)
    return 2 * u / (1 + u)


def noise(config: latte.Config, seed: int) -> np.ndarray:
    """The latents a run begins from, float32 [F, C, h, w]; the same as `sample.sample`."""
    shape = (config.frames, config.in_channels, config.sample_size, config.sample_size)
    return np.random.default_rng([seed, 3]).standard_normal(shape, F32)


class Guided:
    """Velocity with classifier-free guidance: each branch with its own caches and masks, one count for both."""

    def __init__(self, denoiser: Denoiser, caption, null, guidance: float, schedule: Schedule | None = None, seed: int = 0):
        self.denoiser, self.captions, self.guidance = denoiser, (caption, null), F32(guidance)
        self.counts, schedule = Counts(), schedule or Schedule(0)
        self.branches = [Sparsifier(schedule, branch, self.counts, seed) for branch in BRANCHES]

    def __call__(self, x, time: float) -> np.ndarray:
        """v_null + guidance (v_caption - v_null), [F, C, h, w]."""
        conditional, unconditional = (self.denoiser.forward(x, 1000 * time, c, b) for c, b in zip(self.captions, self.branches))
        return unconditional + self.guidance * (conditional - unconditional)


class SkippingBranches(Guided):
    """Guided velocity whose branches are evaluated at steps of their own and extrapolated linearly between, without any cache inside
    the network: `refresh` holds the steps of the caption and of the null branch."""

    def __init__(self, denoiser: Denoiser, caption, null, guidance: float, refresh):
        super().__init__(denoiser, caption, null, guidance)
        self.refresh, self.known, self.step = [set(steps) for steps in refresh], [[], []], -1
        self.dense = [(0.0, 0.0)] * len(BRANCHES)  # MACs and time of a dense evaluation

    def __call__(self, x, time: float) -> np.ndarray:
        self.step += 1
        results = []
        for index, (caption, branch) in enumerate(zip(self.captions, self.branches)):
            before = self.counts.dense, self.counts.dense_time
            if self.step in self.refresh[index]:
                self.known[index] = [*self.known[index][-1:], (time, self.denoiser.forward(x, 1000 * time, caption, branch))]
                self.dense[index] = self.counts.dense - before[0], self.counts.dense_time - before[1]
            else:
                self.counts.dense, self.counts.dense_time = (a + b for a, b in zip(before, self.dense[index], strict=True))
            results.append(extrapolate(self.known[index], time))
        return results[1] + self.guidance * (results[0] - results[1])


def extrapolate(known: list, time: float) -> np.ndarray:
    """Value at `time` on the line through the one or two (time, value) in `known`."""
    last, value = known[-1]
    if len(known) == 1:
        return value
    before, older = known[0]
    return value + F32((time - last) / (last - before)) * (value - older)


def euler(velocity, x, steps: int) -> np.ndarray:
    """`steps` Euler steps from noise to latents."""
    grid = times(steps)
    for now, after in zip(grid, grid[1:]):
        x = x + F32(after - now) * velocity(x, float(now))
    return x


def adams_bashforth(velocity, x, steps: int) -> np.ndarray:
    """Second-order Adams-Bashforth with variable step; the first step is Euler's."""
    grid, last = times(steps), None
    for k in range(steps):
        v, step = velocity(x, float(grid[k])), F32(grid[k + 1] - grid[k])
        slope = 0 if last is None else (v - last) / F32(grid[k] - grid[k - 1])
        x, last = x + step * v + step * step / 2 * slope, v
    return x


def sampler(name: str):
    """The sampler `euler` or `ab2`."""
    return {"euler": euler, "ab2": adams_bashforth}[name]


def skipping(velocity, refresh):
    """A velocity that is evaluated at the steps `refresh` and extrapolated linearly in time between, for one run of a sampler."""
    calls, known = itertools.count(), []

    def estimate(x, time: float) -> np.ndarray:
        if next(calls) in refresh:
            known[:] = [*known[-1:], (time, velocity(x, time))]
        return extrapolate(known, time)

    return estimate


def every(steps: int, evaluations: int) -> set[int]:
    """`evaluations` of the steps, evenly spread, the first among them."""
    return {round(i * steps / evaluations) for i in range(evaluations)}
