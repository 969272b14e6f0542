"""A Latte model, or some of its blocks, as one table of tasks.

`compile_blocks` lays out HBM, runs the phases of every block in sequential order, and assembles. The host's part
(timestep, caption and patch inputs) goes to input regions: compiler/inputs.py writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compiler.assemble import Assembled, Assembler
from compiler.attention import Planes, attention_tags, spatial_attention, temporal_attention
from compiler.branches import Branch
from compiler.checkpoint import Checkpoint, Dims, host_tensors
from compiler.ends import final_phase, patch_phase
from compiler.errors import CompileError
from compiler.layers import Modulation, mlp_phase, output_phase, qkv_phase, query_phase, text_phase
from compiler.layout import Block, Layout, of_branch
from compiler.lower import Lowering
from compiler.memory import HBM_BYTES, HbmMap, Region, Tensor
from compiler.program import Op
from compiler.sparsity import Policies
from compiler.tasks import Schedule
from models.config import Config
from models.isa import Precision
from models.slices import Slices

STEM = {"spatial": "transformer_blocks", "temporal": "temporal_transformer_blocks"}


@dataclass
class Compiled:
    """A table of tasks with its memory map; addresses are HBM byte addresses from `hbm.base`. `program` holds the programs of
    the tasks, `table` the task table; `cores` may run them. `sparse_rows` are the rows of the tiles of each sparse region in the
    order of its tokens, by (branch, region)."""

    config: Config
    dims: Dims
    captions: int
    branches: int
    linear: Precision
    blocks: list[Block]
    whole: bool
    hbm: HbmMap
    cores: int
    slices: Slices
    program: Region
    table: Region
    assembled: Assembled
    ops: list[Op]
    parts: list[tuple[int, np.ndarray]]
    weight_bytes: int
    tensors: dict[str, list[Tensor]]
    inputs: dict[str, Region]
    x_stride: int
    patch_stride: int
    sparse_rows: dict[tuple[int, str], list[int]]
    peak: dict[str, int] = field(default_factory=dict)

    @property
    def instructions(self) -> int:
        """Instructions of all programs with their ENDs."""
        return len(self.assembled.code)

    @property
    def table_entries(self) -> int:
        """Entries of the table with END."""
        return len(self.assembled.table)

    @property
    def read_window(self) -> tuple[int, int]:
        """Everything."""
        return self.hbm.window()

    @property
    def write_window(self) -> tuple[int, int]:
        """What the program writes."""
        return self.hbm.window("scratch", "spare")

    def memory(self) -> np.ndarray:
        """Memory image, uint8 from address `hbm.base`: weights, programs and table in place, the rest zero."""
        memory = np.zeros(self.read_window[1] - self.hbm.base, np.uint8)
        table = self.assembled.placed_at(self.program.base)
        programs = [(self.program.base, self.assembled.code.reshape(-1)), (self.table.base, table.reshape(-1))]
        for address, data in [*self.parts, *programs]:
            memory[address - self.hbm.base:address - self.hbm.base + data.size] = data
        return memory

    def written(self) -> list[Region]:
        """Regions whose contents are the program's results and intermediates."""
        return [r for r in self.hbm.regions if r.kind == "scratch"]


def pair(layer: int) -> list[Block]:
    """The spatial and the temporal block of one layer."""
    return [("spatial", layer), ("temporal", layer)]


def all_blocks(dims: Dims) -> list[Block]:
    """Every block in Latte's order."""
    return [block for layer in range(dims.layers) for block in pair(layer)]


def _block(low: Lowering, lay: Layout, index: int, kind: str, layer: int, add_frames: bool) -> None:
    """All phases of one block."""
    d, name, stem, numbers = low.dims, f"{kind}.{layer}", f"{STEM[kind]}.{layer}", range(len(lay.branches))
    vector = 64 * low.x_units
    mod = Modulation(*(lay.inputs["mod"].base + (4 * index + i) * vector for i in range(4)))

    def branches(region: str, planes: Sequence[Planes] = ()) -> list[Branch]:
        return [Branch(lay.x(b), planes[b] if planes else None, lay.sparse(b, kind, layer, region)) for b in numbers]

    def attended(*regions: str) -> list[int]:
        """The branches whose attention is of use: not all of the regions around it are skipped."""
        def skips(branch: int) -> bool:
            sparse = [lay.sparse(branch, kind, layer, region) for region in regions]
            return all(s is not None and s.policy.skips for s in sparse)
        return [b for b in numbers if not skips(b)]

    if kind == "spatial":
        text = [lay.planes(b, kind, layer, "cross", "cross_q", lay.text_group, lay.text_tight) for b in numbers]
        planes = [lay.planes(b, kind, layer, "spatial", "qkv", lay.group, lay.tight) for b in numbers]
        crossed, chosen = attended("cross_q", "cross_out"), attended("qkv", "out")
        if crossed:
            text_phase(low, name, stem, [(lay.text(b), text[b]) for b in crossed], low.x_stride)
        qkv_phase(low, name, stem, branches("qkv", planes), mod, False)
        if chosen:
            tags = attention_tags(low, name, "attn", d.positions, d.positions, len(chosen) * d.frames * d.heads)
            tiles = low.spatial_tiles(lay.rows)
            frames = [(((0, d.positions), (f, f + 1)), [t for t in tiles if t[1][0] == f]) for f in range(d.frames)]
            spatial_attention(low, f"{name}.attn", tags, [planes[b] for b in chosen], frames)
        output_phase(low, name, "out", f"{stem}.attn1.to_out.0", branches("out", planes), mod.gate1, False)
        query_phase(low, name, stem, branches("cross_q", text))
        if crossed:
            tags = attention_tags(low, name, "cross", d.tokens, low.captions, len(crossed) * d.heads)
            spatial_attention(low, f"{name}.cross", tags, [text[b] for b in crossed],
                              [(((0, low.captions), (0, 1)), low.spatial_tiles(lay.text_rows))])
        output_phase(low, name, "cross_out", f"{stem}.attn2.to_out.0", branches("cross_out", text), None, False)
        mlp_phase(low, name, stem, branches("mlp"), mod, False,
                  (lay.inputs["frames"].base, low.x_stride) if add_frames else None)
        return
    planes = [lay.planes(b, kind, layer, "temporal", "qkv", d.heads, False) for b in numbers]
    chosen = attended("qkv", "out")
    qkv_phase(low, name, stem, branches("qkv", planes), mod, True)
    if chosen:
        tags = attention_tags(low, name, "attn", d.frames, d.frames, len(chosen) * d.positions * d.heads)
        temporal_attention(low, f"{name}.attn", tags, [planes[b] for b in chosen], low.temporal_tiles(lay.count * d.frames))
    output_phase(low, name, "out", f"{stem}.attn1.to_out.0", branches("out", planes), mod.gate1, True)
    mlp_phase(low, name, stem, branches("mlp"), mod, True)


def compile_blocks(checkpoint: Checkpoint, config: Config, captions: int, blocks: list[Block] | None = None, *,
                   base: int = 0, hbm_bytes: int = HBM_BYTES, weights: Path | None = None, branches: Sequence[Policies] = ({},),
                   cores: int | None = None, schedule: Schedule = Schedule(),
                   linear: Precision = Precision.INT8) -> Compiled:
    """Compile `blocks` (in order; input and output are the tokens), or with None the whole denoiser from patches to
    velocity, for `cores` cores (None: all that the machine has).

    The temporal positions are added behind spatial block 0 when temporal block 0 follows it (there a tile lies frame by frame, and
    the addend of a frame is one row). `branches` are those of the guidance that the table computes, each with tokens, caption and
    caches of its own: the policies of each name the regions that are sparse at this step or keep caches for one that will be
    (compiler/sparsity.py). HBM is `hbm_bytes` from `base` on. `weights` is a file that takes the weight image; without it the image
    is kept in memory.
    `linear` is the precision of the blocks' linear layers.
    """
    if not branches:
        raise CompileError("branches: at least one branch of the guidance is needed")
    if captions < 1:
        raise CompileError(f"captions = {captions}: at least one caption token is needed")
    if cores is not None and not 1 <= cores <= config.cores:
        raise CompileError(f"cores = {cores}: configuration {config.name} has {config.cores}")
    whole = blocks is None
    d = checkpoint.dims
    blocks = all_blocks(d) if whole else blocks
    for kind, layer in blocks:
        if kind not in STEM or not 0 <= layer < d.layers:
            raise CompileError(f"block {kind} {layer} does not exist; the model has {d.layers} layers")
    for name in host_tensors(d):
        checkpoint.get(name)  # a defect there would otherwise show only when the host prepares a run
    low = Lowering(checkpoint, config, captions, HbmMap(base, hbm_bytes), [k for k, _ in blocks], whole, weights, cores, schedule,
                   len(branches), linear)
    lay, numbers = Layout(low, blocks, whole, branches), range(len(branches))
    if whole:
        patch_phase(low, lay.patches, (lay.inputs["positions"].base, low.x_stride), [Branch(lay.x(b)) for b in numbers])
    for index, (kind, layer) in enumerate(blocks):
        follows = index + 1 < len(blocks) and blocks[index + 1] == ("temporal", 0)
        add_frames = (kind, layer) == ("spatial", 0) and follows and d.frames > 1
        _block(low, lay, index, kind, layer, add_frames)
    if whole:
        final_phase(low, [(lay.x(b), lay.tensors[of_branch("out", b)][0]) for b in numbers],
                    lay.inputs["mod"].base + 4 * len(blocks) * 64 * low.x_units)
    low.image.close()
    assembled = Assembler(config, low.tasks, low.sets, lay.spare, low.cores, schedule.priority).assemble()
    program = low.hbm.alloc("program", assembled.code.size, "program")
    table = low.hbm.alloc("table", assembled.table.size, "program")
    return Compiled(config, d, captions, len(branches), linear, blocks, whole, low.hbm, low.cores, low.slices, program, table, assembled, low.ops,
                    low.image.parts, low.image.size, lay.tensors, lay.inputs, low.x_stride, lay.patch_stride, low.sparse_rows, low.peak)


def cache_bytes(checkpoint: Checkpoint, config: Config, captions: int, branches: Sequence[Policies]) -> int:
    """HBM that activations and caches of the whole denoiser take, without weights and program; raises CompileError when that
    alone is more than there is. No program is compiled."""
    blocks = all_blocks(checkpoint.dims)
    low = Lowering(checkpoint, config, captions, HbmMap(0), STEM, True, branches=len(branches))
    Layout(low, blocks, True, branches)
    return low.hbm.end - low.hbm.base
