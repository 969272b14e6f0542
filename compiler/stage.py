"""Where instructions go: phases with their weight sets, tasks with their programs and slices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from compiler.checkpoint import Checkpoint
from compiler.errors import CompileError
from compiler.image import Image, Vector, Weight, values_per_unit
from compiler.memory import HbmMap, Pool, Shared, ceil_div, round_up
from compiler.program import Op, Program
from compiler.quantise import Inputs, pad_heads, pairs, panel, quantise_columns
from compiler.slicing import Ring, demands, divide, key_units
from compiler.tasks import Schedule, Task, WeightSet
from compiler.tiles import MIN_ROWS, Tiling
from models.config import Config
from models.isa import NUM_AREAS, NUM_COUNTS, Buffer, Opcode, Precision, SliceBuffer

PIECE = 1024  # units of a transfer of a weight set
CHUNKS = 8  # a chunk of columns, one GEMM, takes at most this part of bbuf: others may want the matrix unit


class Stage(Tiling):
    """State of one compilation. A phase opens tasks; each has a program and pools of its own, those of a context's slices."""

    def __init__(self, checkpoint: Checkpoint, config: Config, captions: int, hbm: HbmMap, kinds: Iterable[str], whole: bool,
                 weights: Path | None = None, cores: int | None = None, schedule: Schedule = Schedule(), branches: int = 1,
                 linear: Precision = Precision.INT8) -> None:
        self.checkpoint, self.config, self.dims, self.captions = checkpoint, config, checkpoint.dims, captions
        self.cores, self.schedule, self.branches = config.cores if cores is None else cores, schedule, branches
        self.hbm, self.precision = hbm, linear
        self.image = Image(self.hbm, weights)
        self.masks: dict[bytes, int] = {}
        self.sparse_rows: dict[tuple[int, str], list[int]] = {}  # of the tiles of a sparse region, by branch
        self.ops: list[Op] = []
        self.tasks: list[Task] = []
        self.sets: list[WeightSet] = []
        self.ring = Ring()
        self.phases = self.phase_start = 0
        self.tight = False
        self.peak: dict[str, int] = {}
        d = self.dims
        self.head_units = ceil_div(d.head_dim, 8)
        self.head_pad = 8 * self.head_units
        # Rows by which tiles grow: whole tiles of the array.
        self.row_step = round_up(MIN_ROWS, self.config.int8_rows)
        self.value_units = self.head_units | 1  # step of V's rows in bbuf: odd, as KN wants it
        self.wide = d.heads * self.head_pad  # channels of a row of concatenated heads, each head padded to whole units
        self.x_units = ceil_div(d.hidden, 8)
        self.x_stride = round_up(2 * d.hidden, 64)
        self.head_stride = round_up(2 * self.head_pad, 32)
        prepared = checkpoint.prepared and linear == Precision.INT8
        phases = demands(d, self.wide, kinds, whole, values_per_unit(linear), prepared)
        self.slices, self.areas = divide(config, phases, self._keys(set(kinds)))
        self._pools()

    # ---------------------------------------------------------------------------------------------- phases and tasks

    def _keys(self, kinds: set[str]) -> list[list[int]]:
        """Words of bbuf for K and V of each kind of attention: choices from the best on."""
        d, hu, vu = self.dims, self.head_units, self.value_units
        groups = [g for g in range(d.heads, 0, -1) if d.heads % g == 0]
        out = []
        if "spatial" in kinds:
            out += [[key_units(hu, vu, keys, g) for g in groups] for keys in (d.positions, self.captions)]
        if "temporal" in kinds:
            most = max(1, min(d.positions, self.row_step // d.frames))
            out.append([key_units(hu, vu, d.heads * d.frames * count, 1) for count in range(most, 0, -1)])
        return out

    def _pools(self) -> None:
        """Empty slices. The last word of each belongs to the spare instructions."""
        names = ("abuf", "bbuf", "vbuf", "pbuf", "rbuf", "mbuf")
        spare = (1, 1, 1, 0, 0, 1)
        granules = (2, 1, 1, 1, 1, 1)  # INT8 operands start at even units of abuf
        self.a, self.b, self.v, self.p, self.r, self.m = (
            Pool(name, max(0, size - less), granule) for name, size, less, granule in zip(names, self.slices.size, spare, granules))
        self.counts = Pool("count registers", NUM_COUNTS)
        self.counts.alloc(1)  # register 0 does not exist

    def op(self, **values: object) -> int:
        """A new line of the table of operations; its number is the tag of instructions."""
        self.ops.append(Op(**values))
        if len(self.ops) > 1 << 16:
            raise CompileError(f"operation {self.ops[-1].name}: more than 65536 operations do not fit the tag field")
        return len(self.ops) - 1

    @contextmanager
    def task(self, name: str, tag: int) -> Iterator[None]:
        """The instructions of one task; `tag` is an operation that stands for it in reports."""
        self._pools()
        for pool in (self.a, self.v, self.r):  # not bbuf: what streams through it takes half of a slice at most, so it double-buffers
            pool.tight = self.tight
        unbounded = frozenset((Opcode.GEMM, Opcode.SFU)) if self.schedule.bounds == "worst" else frozenset()
        self.program = Program(len(self.tasks), unbounded)
        yield
        self.program.close()
        after, number = self.program.after, len(self.tasks) - self.phase_start
        if not self.schedule.overlap:
            after = after | set(self.phase_before)
        cores = 1 << number % self.cores if self.schedule.partition == "fixed" else None
        self.tasks.append(Task(self.program, self.phases, name, tag, self.set if self.program.shares else None, cores, after))
        for pool in (self.a, self.b, self.v, self.p, self.r, self.m):
            self.peak[pool.name] = max(self.peak.get(pool.name, 0), pool.peak)

    @contextmanager
    def phase(self, weights: tuple[Weight, ...] = (), addresses: tuple[int, ...] = ()) -> Iterator[list[Vector]]:
        """The vectors (of one token's channels) at these addresses. They and the weights are a weight set, if they fit the areas;
        else the weights stream through the tasks' slices, and the vectors too if they alone do not fit."""
        stay = self.stays(*weights)
        channels = [Vector(address, self.x_units) for address in addresses]
        vectors = channels + [v for w in weights for v in (w.affine, w.inputs) if v]
        entries = sum(v.entries for v in vectors)
        units = sum(w.units for w in weights) if stay else 0
        resident = self.areas.needed(units, entries) <= NUM_AREAS
        for vector in vectors:
            vector.resident = resident
        for weight in weights:
            weight.resident = stay
            self._cut(weight, resident)
        self.phases += 1
        self.phase_before = range(self.phase_start, len(self.tasks)) if self.phases > 1 else ()
        self.phase_start = len(self.tasks)
        self.set = None
        self.set_size = self.areas.needed(units, entries if resident else 0)
        if not self.schedule.preload:
            self.set_size = NUM_AREAS
        self.set_next = [0, 0]  # words of bbuf and entries of pbuf given out
        yield channels

    def _share(self, buffer: SliceBuffer, size: int, tag: int) -> Shared:
        """Words in the areas of the phase's weight set, which is made when the first task wants it."""
        if self.set is None:
            self.set = WeightSet(len(self.sets), self.ring.take(self.set_size), self.set_size, Program(), tag, self.ops[tag].name)
            self.sets.append(self.set)
        area, which = (self.areas.units, 0) if buffer == SliceBuffer.B else (self.areas.entries, 1)
        block = Shared(buffer, self.set.first * area + self.set_next[which], size)
        self.set_next[which] += size
        return block

    def _load_shared(self, tag: int, block: Shared, address: int) -> None:
        """Words of a weight set, in pieces between which a task's transfers have their turn."""
        quarters, buffer = (4, Buffer.P) if block.buffer == SliceBuffer.P else (1, Buffer.B)
        total, base = quarters * block.units, quarters * block.base
        for first in range(0, total, PIECE):
            self.set.program.emit(
                Opcode.LOAD, tag, [], [(block, None)], hbm_addr=address + 16 * first, rows=1, row_units=min(PIECE, total - first),
                buffer=int(buffer), base=base + first, unit_step=1)

    # --------------------------------------------------------------------------------------------------------- weights

    def weight(self, name: str, matrix: np.ndarray, bias: np.ndarray, precision: Precision,
               inputs: tuple[np.ndarray, np.ndarray] | None = None) -> Weight:
        """A linear layer float32 [N, K], in the precision that the matrix unit takes; its inputs come as x*a + b, `inputs` = a, b [K]."""
        n, k = matrix.shape
        if precision == Precision.INT8:
            matrix, scale = quantise_columns(matrix)
        else:
            if np.abs(matrix).max() > np.finfo(np.float16).max:
                raise CompileError(f"{name}.weight: a value does not fit FP16")
            matrix, scale = matrix.astype(np.float16), np.ones(n, np.float32)
        affine = Vector(self.image.append(f"{name}.affine", pairs(scale, bias)), ceil_div(n, 8))
        taken = None if inputs is None else Vector(self.image.append(f"{name}.inputs", pairs(*inputs)), ceil_div(k, 8))
        return Weight(name, matrix, ceil_div(k, values_per_unit(precision)), precision, affine, taken)

    def _cut(self, weight: Weight, vectors: bool) -> None:
        """Place the panels in the image: chunks of columns that an eighth of bbuf holds, or, if they stream, half of a slice."""
        n, groups, cols = weight.n, weight.groups, self.config.tile_cols
        most = weight.units if weight.resident else self.b.size // 2
        if not vectors:
            most = min(most, cols * self.p.size * groups)
        width, size = n, min(most, max(self.config.bbuf // CHUNKS, cols * groups))
        if n * groups > size:
            width = size // groups // cols * cols
            if not width:
                raise CompileError(f"{weight.name}: {groups} x {cols} words of weights do not fit bbuf and pbuf")
            width = min(n, round_up(ceil_div(n, ceil_div(n, width)), cols))
        for first in range(0, n, width):
            columns = weight.matrix[first:first + width]
            weight.chunks.append((self.image.append(f"{weight.name}.{first}", panel(columns)), first, len(columns)))
        weight.blocks = [None] * len(weight.chunks)

    def linear_weight(self, *names: str, heads_out: bool = False, heads_in: bool = False, modulated: bool = False) -> Weight:
        """Weight of the named layers in the program's precision, concatenated over their outputs; heads padded to whole units where
        asked. The host's modulation, not the weight, holds what the inputs of `modulated` layers are divided by."""
        d = self.dims
        matrices, biases = [], []
        inputs = Inputs.of(self.checkpoint, names[0], self.precision)
        affine = None if modulated else inputs.affine()
        if affine and heads_in:
            affine = tuple(pad_heads(v, d.heads, d.head_dim, self.head_pad, 0) for v in affine)
        for name in names:
            matrix, bias = inputs.layer(self.checkpoint.get(f"{name}.weight"), self.checkpoint.get(f"{name}.bias"))
            if heads_out:
                matrix = pad_heads(matrix, d.heads, d.head_dim, self.head_pad, 0)
                bias = pad_heads(bias, d.heads, d.head_dim, self.head_pad, 0)
            if heads_in:
                matrix = pad_heads(matrix, d.heads, d.head_dim, self.head_pad, 1)
            matrices.append(matrix)
            biases.append(bias)
        return self.weight(names[0], np.concatenate(matrices), np.concatenate(biases), self.precision, affine)

    def stays(self, *weights: Weight) -> bool:
        """Whether these weights fit the areas together, so that they are loaded once on a core."""
        return self.areas.needed(sum(w.units for w in weights), 0) <= NUM_AREAS
