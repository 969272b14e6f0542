"""Distil the prepared checkpoint: its rounded weights learn to give the velocities of the FP32 network.

    python -m workloads.distil --steps 960 --lr 1.5e-5          # from workloads.prepare; needs torch, about 1 s a step and 6 minutes on two cores
    python -m workloads.distil --steps 960 --lr 1.2e-5 --init workloads/latte_small_int8 --first 17 --mixed

These two made `workloads/latte_small_int8`.  The network runs with its weights rounded on the fly, gradients straight through the rounding,
on states of short dense FP32 runs, and the squared error of the guided velocity, relative to the velocity's own square, goes down.  What rounding
does to the weights is the same at every step of a run and adds up there; this training can take away, because the rounding of one weight
makes good that of others, across layers.  What it does to activations is as good as noise; they stay in FP32 here.  Weights, biases and
tables of the blocks move; centres, smoothing factors, embedding and output projection stay.  Captions are those of the search
(`calibrate.RUNS`), in a second round others of the same words, never those of the study; a round sees each state once.
"""

import argparse
import os
import zlib
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
import torch  # noqa: E402  reads the variable when it starts
from rich.progress import track  # noqa: E402
from torch.nn import functional as nn  # noqa: E402

from workloads import functional, inputs, latte  # noqa: E402
from workloads.calibrate import BUILD, CAR, GUIDANCE, MAN, RABBIT, SAMPLERS, SHORT  # noqa: E402
from workloads.captions import NULL, embed_caption  # noqa: E402
from workloads.functional import BLOCKS, layers_of  # noqa: E402
from workloads.prepare import FOLDER, prepared, save  # noqa: E402

FIRST = (CAR, MAN, RABBIT)
MIXED = (*FIRST,
         "a dark road seen from above", "a red car driving on a dark road seen from above", "a white car standing in a green meadow",
         "a white room with a wooden floor", "a woman in black standing in a white room with a wooden floor",
         "a woman with long hair in a red dress standing in a white room with a wooden floor",
         "a man with dark hair standing in a white room with a wooden floor", "a man in a pullover standing in a white room with a wooden floor",
         "a grey rabbit standing in a green meadow")  # words of the workload's captions, in none of the study's combinations
RUNS = 48  # of the teacher, in a round
WARMUP = 20  # steps


def through(x, rounded):
    """`rounded` in the forward pass, the gradient of `x`."""
    return x + (rounded - x).detach()


def quantise(x):
    """`functional.quantise` with a gradient."""
    with torch.no_grad():
        scale = x.abs().amax(-1, keepdim=True).clamp_min(1e-12) / 127
        rounded = torch.round(x / scale) * scale
    return through(x, rounded)


class Student(torch.nn.Module):
    """The blocks of a `latte.Model` with INT8 weights, over both guidance branches at once."""

    def __init__(self, model: latte.Model):
        super().__init__()
        self.config = model.config
        moving = {name: torch.nn.Parameter(torch.from_numpy(value.copy()))
                  for name, value in model.weights.items() if name.startswith(BLOCKS) and not name.endswith(("centre", "smooth"))}
        self.names = list(moving)
        self.values = torch.nn.ParameterList(moving.values())
        self.rest, self.fixed = model, {name: torch.from_numpy(value) for name, value in model.weights.items() if name not in moving}
        self.positions = torch.from_numpy(latte.temporal_positions(model.config))
        self.smooth = {f"{name}.{index}.{part}.weight": self.fixed[f"{name}.{index}.{parts[0]}.smooth"]
                       for name in BLOCKS for index in range(model.config.layers) for parts in layers_of(f"{name}.{index}").values()
                       for part in parts if f"{name}.{index}.{parts[0]}.smooth" in self.fixed}

    def weights(self) -> dict:
        return dict(zip(self.names, self.values)) | self.fixed

    def rounded(self) -> dict:
        """The tensors of a checkpoint, weights on the grid of INT8."""
        with torch.no_grad():
            return {name: (self.on_grid(name, value) if self.integer(name) else value).detach().numpy() for name, value in self.weights().items()}

    def on_grid(self, name: str, weight):
        """A weight on the grid of INT8, where the layer's inputs are divided by its `smooth`."""
        smooth = self.smooth.get(name)
        return quantise(weight) if smooth is None else quantise(weight * smooth) / smooth

    @staticmethod
    def integer(name: str) -> bool:
        """Whether a tensor is a weight of the blocks."""
        return name.startswith(BLOCKS) and name.endswith("weight")

    def forward(self, latents: np.ndarray, timestep: float, captions: list):
        """Velocities [B, F, S, p*p*C] of latents [F, C, h, w] under B captions."""
        c, w = self.config, self.weights()
        embedded = [latte.embed(self.rest, latents, timestep, caption) for caption in captions]
        x = torch.from_numpy(np.stack([e.tokens for e in embedded])).float()
        text = torch.from_numpy(np.stack([e.caption for e in embedded])).float()
        adaln = torch.from_numpy(embedded[0].adaln).float()
        ints = {name: self.on_grid(name, value) for name, value in w.items() if self.integer(name)}

        def linear(block, name, rows):
            parts = layers_of(block)[name]
            weight, bias = torch.cat([ints[f"{block}.{p}.weight"] for p in parts]), torch.cat([w[f"{block}.{p}.bias"] for p in parts])
            return nn.linear(rows, weight, bias)

        def heads(rows):
            return rows.unflatten(-1, (c.heads, c.head_dim)).transpose(-2, -3)

        def attention(q, k, v):
            return nn.scaled_dot_product_attention(heads(q), heads(k), heads(v)).transpose(-2, -3).flatten(-2)

        def norm(rows, scale, shift):
            return nn.layer_norm(rows, (c.hidden,), eps=c.norm_eps) * (1 + scale) + shift

        def block(name, x, cross):
            shift1, scale1, gate1, shift2, scale2, gate2 = w[f"{name}.scale_shift_table"] + adaln
            context = attention(*linear(name, "qkv", norm(x, scale1, shift1)).chunk(3, -1))
            x = x + gate1 * linear(name, "out", context)
            if cross:
                k, v = linear(name, "cross_kv", text).chunk(2, -1)
                rows = x.flatten(1, 2)
                x = x + linear(name, "cross_out", attention(linear(name, "cross_q", rows), k, v)).view_as(x)
            hidden = nn.gelu(linear(name, "fc1", norm(x, scale2, shift2)), approximate="tanh")
            return x + gate2 * linear(name, "fc2", hidden)

        for index in range(c.layers):
            x = block(f"{BLOCKS[0]}.{index}", x, True).transpose(1, 2)
            x = block(f"{BLOCKS[1]}.{index}", x + self.positions if index == 0 else x, False).transpose(1, 2)
        shift, scale = w["scale_shift_table"] + torch.from_numpy(embedded[0].time)
        rows = nn.layer_norm(x, (c.hidden,), eps=1e-6) * (1 + scale) + shift
        return nn.linear(rows, w["proj_out.weight"], w["proj_out.bias"])


def states(build: Path, runs) -> list:
    """(latents, timestep, caption, guided velocity) of short dense FP32 runs, all steps; runs are kept under `build`."""
    denoiser, null, grid, found = functional.Denoiser(latte.load(inputs.CHECKPOINT)), embed_caption(NULL), functional.times(SHORT), []
    for caption, seed in track(runs, description="teacher"):
        path = build / f"teacher_{zlib.crc32(caption.encode()):08x}_{seed}.npz"
        if not path.is_file():
            guided, seen = functional.Guided(denoiser, embed_caption(caption), null, GUIDANCE), []

            def velocity(x, time, guided=guided, seen=seen):
                seen.append((x, guided(x, time)))
                return seen[-1][1]

            functional.sampler(SAMPLERS[SHORT])(velocity, functional.noise(denoiser.config, seed), SHORT)
            np.savez(path, states=np.stack([x for x, _ in seen]), velocities=np.stack([v for _, v in seen]))
        with np.load(path) as data:
            found += [(x, 1000 * float(time), embed_caption(caption), v) for x, time, v in zip(data["states"], grid, data["velocities"])]
    return found


def error(student: Student, state) -> torch.Tensor:
    """Squared error of the guided velocity, relative to the square of what it should be."""
    x, timestep, caption, expected = state
    velocities = student(x, timestep, [caption, embed_caption(NULL)])
    guided = velocities[1] + GUIDANCE * (velocities[0] - velocities[1])
    c = student.config
    target = torch.from_numpy(latte.patchify_output(c, expected))
    return (guided - target).square().mean() / target.square().mean()


def train(student: Student, data: list, steps: int, rate: float) -> None:
    """Adam on states in random order, none twice before all were seen; the rate falls to zero over the last two thirds."""
    optimizer, rng, recent, order = torch.optim.Adam(student.parameters(), betas=(0.9, 0.99)), np.random.default_rng(0), [], []
    for step in range(steps):
        order = order or list(rng.permutation(len(data)))
        loss = error(student, data[order.pop()])
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / WARMUP, 1.5 * (1 - step / steps))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        recent = [*recent[-49:], loss.item()]
        if (step + 1) % 50 == 0:
            print(f"step {step + 1}: relative error of the velocity {1000 * np.mean(recent) ** 0.5:.2f}e-3", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--init", type=Path, help="checkpoint to go on from; else the prepared one")
    parser.add_argument("--first", type=int, default=1, help="first seed of the teacher, another for every round")
    parser.add_argument("--mixed", action="store_true", help="captions of `MIXED`, else of `FIRST`")
    parser.add_argument("--build", type=Path, default=BUILD)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    student = Student(latte.load(args.init) if args.init else prepared(args.build))
    captions = MIXED if args.mixed else FIRST
    runs = [(caption, seed) for seed in range(args.first, args.first + RUNS // len(captions)) for caption in captions]
    train(student, states(args.build, runs), args.steps, args.lr)
    save(FOLDER, student.rounded(), inputs.CHECKPOINT)


if __name__ == "__main__":
    main()
