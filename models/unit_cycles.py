"""When a unit takes commands and completes them: the matrix unit, without data, and all units of a core together.

`item` turns an instruction into the numbers that its time depends on; `Pipes` are the units of one core: `accept(unit, cycle, item)` is told that a
unit takes a command, `ready` and `done` say when it takes another one and when its oldest pulses `done_o`, as far as is known; `settle` may change
that by what began since. What the constants count stands beside them; they
follow from the registers of the RTL. The memory answers `latency` cycles after the request is accepted, one beat a cycle and port, as
tb/common/axi_memory does without jitter and stalls. Who waits at the banks of vbuf and abuf: models/buffer_cycles.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from models import dspe, mpu
from models.buffer_cycles import BANKS, Pipe, Port, mask, settle
from models.config import Config
from models.dma_cycles import Load, Store, buffer_banks, transfer_item
from models.isa import Buffer, Opcode, Precision, Unit
from models.ru_cycles import Ru, ru_item
from models.sfu_cycles import Sfu, sfu_item
from models.su_cycles import Su, su_item

AHEAD = 10  # steps: one is chosen behind the cycle in which the ninth before it entered the array

Fields = Mapping[str, int]
Item = tuple


# ----------------------------------------------------------------------------------------------------------------- matrix unit

def gemm_item(f: Fields, m: int, passes: int | Sequence[int], config: Config) -> Item:
    """(steps, cycles of the array, of them in the first tile's further passes, steps of a tile, rows of the last tile, banks of vbuf that
    its writes take, entries of the last steps). `passes`: of every tile of an FP16 product, or of all together; -1: one a step."""
    tile = config.int8_rows if f["precision"] == Precision.INT8 else config.fp16_rows
    f = {**f, "m": m}
    steps, depth, columns = mpu.steps(f, config), -(-f["k"] // dspe.DEPTH), -(-f["n"] // config.tile_cols)
    further: tuple[int, ...] = ()  # passes of every tile: in these cycles the array could not take a step, rows in the drain do not hide them
    if not isinstance(passes, int):
        further = tuple(p - depth for p in passes) if sum(passes) > steps else ()
    elif passes > steps:
        tiles = steps // depth
        further = tuple((passes - steps) * (i + 1) // tiles - (passes - steps) * i // tiles for i in range(tiles))
    busy = mpu.ideal_cycles(f, config) + sum(further)
    writes = _writes(f["o_base"] % BANKS, f["o_batch"] % BANKS, f["o_step"] % BANKS, columns, m, f["batch"], 1 + f["out_fp32"], depth, tile, further)
    return steps, busy, further[0] if further else 0, depth, (m - 1) % tile + 1, writes, _tail(columns, m, f["batch"], depth, tile)


@lru_cache(1 << 12)
def _writes(base: int, batch: int, step: int, columns: int, m: int, number: int, units: int, depth: int, tile: int,
            further: tuple[int, ...]) -> int:
    """Banks that the rows of a product's tiles go to, from the first on."""
    out, at = 0, 0
    late = iter(further[1:])
    for b in range(number):
        for line in range(0, m, tile):
            rows = min(tile, m - line)
            for c in range(columns):
                first, bits = base + b * batch + line * step + c * units, 0
                for r in range(rows):
                    bits |= mask(first + r * step, BANKS, units) << BANKS * r
                out |= bits << BANKS * at
                at += max(depth, rows) + next(late, 0)
    return out


@lru_cache(1 << 12)
def _tail(columns: int, m: int, number: int, depth: int, tile: int) -> tuple[int, ...]:
    """How many cycles before the last step of a product the steps before it enter the array, those of the first tile excluded."""
    rows = [r for r in (min(tile, m - line) for line in range(0, m, tile)) for _ in range(columns)]
    rows = rows[-AHEAD - 1:] * (AHEAD if number > 1 else 1)
    out, last = [], 0
    for before in rows[-2::-1][:AHEAD]:
        out += last, *range(last + max(depth, before) - depth + 1, last + max(depth, before))
        last += max(depth, before)
    return tuple(out[:AHEAD])


class Mpu(Pipe):
    """Two commands wait, one is walked, some steps ahead of the array. A tile's last step enters the array as many cycles behind that
    of the tile before as that one has rows."""

    WALK = 2  # taken -> first step is chosen
    FEED = 4  # chosen -> in the array
    DRAIN = 35  # last step in the array -> done, without the rows of the tile

    def __init__(self, config: Config, latency: int, write: Port) -> None:
        super().__init__(write)
        self.walk = self.begin = self.over = -1  # last step chosen; first one; last command done
        self.entered: tuple[int, ...] = (-AHEAD,) * AHEAD  # when the last steps entered the array, newest first
        self.rows = 0  # of the last tile

    def play(self, now: int, item: Item) -> tuple[int, int]:
        steps, busy, further, depth, last_rows, writes, tail = item
        self.free = max(now + 1, self.begin)  # the command before has left the queue
        self.begin = max(now + self.WALK, self.walk + 1)
        start = max(self.begin + self.FEED, self.entered[0] + 1)
        first = max(start + depth - 1, self.entered[0] + self.rows) + further
        end = first + busy - further - max(depth, last_rows)
        self.entered = (*(end - t for t in tail), first, *range(start + depth - 2, max(start, start + depth - 1 - AHEAD) - 1, -1),
                        *self.entered)[:AHEAD]
        self.rows = last_rows
        self.ports[0].add(first + self.DRAIN, writes)
        self.walk = max(self.begin + steps - 1, self.entered[-1] + 1)
        self.over = max(self.over + 1, end + self.DRAIN + last_rows)
        return self.over, self.over


# ----------------------------------------------------------------------------------------------------------------- units of a core

class Pipes:
    """The units of a core, of which those are `used` that any program needs, and the ports of the buffers at which they meet, in the order
    of rtl/top/fvgm_core_buffers."""

    def __init__(self, config: Config, latency: int, used: Collection[int] = tuple(Unit)) -> None:
        reads, writes, abuf = [], [], []
        for _ in range(5):  # lanes and scan of SFU, STORE, SU, RU
            reads.append(Port(*reads))
        for _ in range(5):  # mpu, SFU, LOAD, RU, SU
            writes.append(Port(*writes, whole=False))
        for _ in range(2):  # SFU, LOAD
            abuf.append(Port(*abuf, banks=buffer_banks(Buffer.A, config), whole=False))
        ports = {Unit.MPU: (writes[0],), Unit.SFU: (*reads[:2], writes[1], abuf[0]), Unit.LOAD: (writes[2], abuf[1]),
                 Unit.STORE: (reads[2],), Unit.SU: (reads[3], writes[4]), Unit.RU: (reads[4], writes[3])}
        classes = {Unit.LOAD: Load, Unit.STORE: Store, Unit.MPU: Mpu, Unit.SFU: Sfu, Unit.SU: Su, Unit.RU: Ru}
        self.pipes: list[Pipe] = [classes[u](config, latency, *ports[u]) for u in Unit]
        self.order = [self.pipes[u] for u in ports if u in used]
        for pipe in self.order:
            pipe.watch()

    def ready(self, unit: int) -> int:
        """When a unit takes another command, as far as is known."""
        return self.pipes[unit].free

    def accept(self, unit: int, now: int, item: Item) -> int:
        """A unit takes a command `now`: when it is done, as far as is known."""
        return self.pipes[unit].accept(now, item)

    def settle(self, now: int) -> list[int]:
        """Take into account what has been accepted by now; the units whose commands therefore go on otherwise."""
        again = settle(self.order, now)
        return [unit for unit, pipe in enumerate(self.pipes) if pipe in again]

    def done(self, unit: int) -> int:
        """When the oldest command of a unit is done, as far as is known."""
        return self.pipes[unit].under_way[0].done

    def over(self, unit: int) -> None:
        """The oldest command of a unit is done."""
        self.pipes[unit].under_way.popleft()


def item(f: Fields, rows: int, seen: int | Sequence[int], config: Config) -> Item | None:
    """What `accept` needs of an instruction with `rows` rows (-1: as it says) and what models/core.py has `seen` (-1: nothing);
    None for one that is skipped."""
    opcode = Opcode(f["opcode"])
    if rows == 0:
        return None
    count = rows if rows > 0 else f["m" if opcode == Opcode.GEMM else "rows"]
    if opcode in (Opcode.LOAD, Opcode.STORE):
        return transfer_item(f, count, () if isinstance(seen, int) else seen, config)
    if opcode == Opcode.GEMM:
        return gemm_item(f, count, seen, config)
    if opcode == Opcode.SFU:
        return sfu_item(f, count, config)
    return su_item(f, count, seen) if opcode == Opcode.SU else ru_item(f, count, () if isinstance(seen, int) else seen)
