"""Where the tensors of a compilation lie in HBM, and what the host writes."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.attention import Planes, spatial_sizes, temporal_sizes
from compiler.lower import Lowering
from compiler.memory import Region, Tensor, ceil_div, round_up
from compiler.program import ALL_SLICES
from compiler.sparsity import IN_PLACE, REGIONS, CacheLayout, Policies, Sparse
from models.isa import Buffer, Opcode, SfuOp

Block = tuple[str, int]  # ("spatial" | "temporal", layer)


def of_branch(name: str, branch: int) -> str:
    """Name of a tensor in a branch of the guidance."""
    return f"{name}.{branch}" if branch else name


class Layout:
    """Regions and tensors: first what the program writes, then inputs; weights and program follow as they come."""

    def __init__(self, low: Lowering, blocks: list[Block], whole: bool, branches: Sequence[Policies]) -> None:
        self.low, self.branches, d = low, branches, low.dims
        self.tensors: dict[str, list[Tensor]] = {}
        self.inputs: dict[str, Region] = {}
        kinds = {kind for kind, _ in blocks}
        self._planes("x", 1, d.positions, d.frames, low.x_units, low.x_stride, "pf")
        h, hu, hs = d.heads, low.head_units, low.head_stride
        wide = {}
        if "spatial" in kinds:
            self.group, self.rows, self.tight = spatial_sizes(low, d.positions, d.positions)
            self.text_group, self.text_rows, self.text_tight = spatial_sizes(low, low.captions, d.positions)
            for prefix, group in (("spatial", self.group), ("cross", self.text_group)):
                wide[prefix] = (h // group, group)
            for prefix, region, names in (("spatial", "qkv", "qkv"), ("cross", "cross_q", "q")):
                self._attended(blocks, "spatial", prefix, region, names, "fp")
            for name in ("cross.k", "cross.v"):
                self._planes(name, h, low.captions, 1, hu, hs, "pf")
        if "temporal" in kinds:
            self.count = temporal_sizes(low)
            wide["temporal"] = (1, h)
            self._attended(blocks, "temporal", "temporal", "qkv", "qkv", "pf")
        for prefix, (planes, group) in wide.items():
            self._planes(f"{prefix}.o", planes, d.positions, d.frames, group * hu, round_up(group * hu * 16, 32),
                         "pf" if prefix == "temporal" else "fp")
        patch = d.in_channels * d.patch ** 2
        self.patch_stride = round_up(2 * patch, 32)
        if whole:
            out = ceil_div(d.patch ** 2 * d.out_channels, 8)
            self._planes("out", 1, d.positions, d.frames, out, round_up(16 * out, 32), "pf")
        self.caches = [CacheLayout(low.hbm, policies, d.positions, d.frames, number) for number, policies in enumerate(branches)]
        for number in range(len(branches)):
            for kind, layer in blocks:
                for region in REGIONS[kind]:
                    self.sparse(number, kind, layer, region)
            self.tensors |= self.caches[number].tensors
        spare = low.hbm.alloc("spare", 64, "spare")
        self._input("mod", (4 * len(blocks) + int(whole)) * 64 * low.x_units)
        self._input("text", len(branches) * low.captions * low.x_stride)
        self._input("frames", d.frames * low.x_stride)
        if whole:
            self._input("positions", d.positions * low.x_stride)
            region = self._input("patches", d.tokens * self.patch_stride)
            self.patches = Tensor(region, d.positions, d.frames, ceil_div(patch, 8), self.patch_stride, "fp")
            self.tensors["patches"] = [self.patches]
        self._spare(spare)

    def _input(self, name: str, size: int) -> Region:
        self.inputs[name] = self.low.hbm.alloc(name, size, "input")
        return self.inputs[name]

    def _planes(self, name: str, count: int, positions: int, frames: int, units: int, stride: int, order: str) -> None:
        """Planes in every branch."""
        for number in range(len(self.branches)):
            self._own(of_branch(name, number), count, positions, frames, units, stride, order)

    def _own(self, name: str, count: int, positions: int, frames: int, units: int, stride: int, order: str) -> None:
        size = positions * frames * stride
        region = self.low.hbm.alloc(name, count * size, "scratch")
        self.tensors[name] = [
            Tensor(Region(f"{name}.{i}", region.base + i * size, size, "scratch"), positions, frames, units, stride,
                   order)
            for i in range(count)]

    def _spare(self, region: Region) -> None:
        """Harmless instructions that only carry waits beyond the third (compiler/program.py)."""
        low = self.low
        a, b, v, e = (pool.size for pool in (low.a, low.b, low.v, low.m))  # the word behind what a task may use
        self.spare = {
            Opcode.LOAD: {"hbm_addr": region.base, "rows": 1, "row_units": 1, "buffer": int(Buffer.A), "base": a,
                          "unit_step": 1},
            Opcode.STORE: {"hbm_addr": region.base, "rows": 1, "row_units": 1, "buffer": int(Buffer.V), "base": v,
                           "unit_step": 1},
            Opcode.GEMM: {"precision": 1, "m": 1, "n": 1, "k": 1, "batch": 1, "a_base": a, "b_base": b, "o_base": v},
            Opcode.SFU: {"op": int(SfuOp.QUANT), "out_fp16": 1, "rows": 1, "cols": 8, "x_base": v, "dst": int(Buffer.A),
                         "d_base": a},
            Opcode.SU: {"rows": 1, "cols": 1, "x_base": v, "n1": 1, "n2": 1, "w0": 1, "w1": 1, "w2": 1, "list_base": e,
                        "map_base": e, "write_base": e},
            Opcode.RU: {"rows": 1, "units": 1, "y_base": v, "d_base": v, "map_base": e},
        }
        for fields in self.spare.values():
            fields["slice"] = ALL_SLICES

    def _keeps(self, branch: int, kind: str, layer: int, region: str) -> bool:
        """Whether the planes of a block must outlive it."""
        policy = self.branches[branch].get((kind, layer, region))
        return policy is not None and policy.ages and region in IN_PLACE

    def _attended(self, blocks: list[Block], kind: str, prefix: str, region: str, names: str, order: str) -> None:
        """Planes that tokens become: those that the blocks share, and those of each block that keeps its own."""
        low, d = self.low, self.low.dims
        layers = [layer for k, layer in blocks if k == kind]
        for branch in range(len(self.branches)):
            own = [layer for layer in layers if self._keeps(branch, kind, layer, region)]
            prefixes = [prefix] * (len(own) < len(layers)) + [f"{prefix}.{layer}" for layer in own]
            for name in (f"{p}.{n}" for p in prefixes for n in names):
                self._own(of_branch(name, branch), d.heads, d.positions, d.frames, low.head_units, low.head_stride, order)

    def planes(self, branch: int, kind: str, layer: int, prefix: str, region: str, group: int, tight: bool) -> Planes:
        """Planes of one attention; the caption's K and V and the results are shared by all blocks."""
        own = f"{prefix}.{layer}" if self._keeps(branch, kind, layer, region) else prefix

        def of(name: str) -> list[Tensor]:
            return self.tensors.get(of_branch(f"{own}.{name}", branch)) or self.tensors[of_branch(f"{prefix}.{name}", branch)]

        return Planes(of("q"), of("k"), of("v"), self.tensors[of_branch(f"{prefix}.o", branch)], group, tight)

    def sparse(self, branch: int, kind: str, layer: int, region: str) -> Sparse | None:
        """Policy and caches of a region; None where every row is computed and nothing kept."""
        policy = self.branches[branch].get((kind, layer, region))
        if policy is None or not policy.active:
            return None
        low = self.low
        units = low.dims.heads * low.head_units if region in ("out", "cross_out") else low.x_units
        return Sparse(policy, self.caches[branch].of(kind, layer, region, policy, units, low.x_units))

    def x(self, branch: int) -> Tensor:
        """The tokens."""
        return self.tensors[of_branch("x", branch)][0]

    def text(self, branch: int) -> int:
        """HBM address of the caption's rows."""
        return self.inputs["text"].base + branch * self.low.captions * self.low.x_stride
