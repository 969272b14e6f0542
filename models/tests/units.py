"""For the tests of the cycle model's units: instructions as units get them, and when they are done."""

from __future__ import annotations

from models import unit_cycles
from models.buffer_cycles import BANKS, mask
from models.config import load
from models.dma_cycles import groups
from models.dspe import DEPTH
from models.isa import Buffer, Opcode, Precision, Unit, decode, encode

SIM, TINY, LATENCY = load("sim"), load("tiny"), 10
FIRST_WRITE = unit_cycles.Mpu.WALK + unit_cycles.Mpu.FEED + unit_cycles.Mpu.DRAIN  # taken -> write, of a tile of one step


def item(opcode: Opcode, count: int = -1, seen: int | tuple[int, ...] = -1, **fields: int) -> tuple:
    """What a unit of `sim` gets of an instruction that is bounded by `count` rows."""
    return unit_cycles.item(decode(encode(opcode, **fields)), count, seen, SIM)


def gemm(**fields: int) -> tuple:
    """An INT8 product."""
    return item(Opcode.GEMM, **{"precision": Precision.INT8, "m": 4, "n": 8, "k": DEPTH, "batch": 1, "o_step": 1, **fields})


def transfer(*bursts: int, bank: int = 0, buffer: Buffer = Buffer.V, slots: int = SIM.axi_slots) -> tuple:
    """Bursts of one row of vbuf from `bank` on, for a port with so many slots."""
    wanted, unit = [], bank
    for beats in bursts:
        wanted.append(sum(mask(unit + 2 * i) << 8 * i for i in range(beats)))
        unit += 2 * beats
    return groups(bursts, tuple(wanted), BANKS, slots), 0, buffer


def ends(*commands: tuple[int, Unit, tuple]) -> list[int]:
    """When commands, each taken in its cycle, are done."""
    pipes, out, under_way = unit_cycles.Pipes(SIM, LATENCY), {}, {u: [] for u in Unit}
    for number, (now, unit, command) in enumerate(commands):
        pipes.accept(unit, now, command)
        pipes.settle(now)
        under_way[unit].append(number)
    for unit, numbers in under_way.items():
        for number in numbers:
            out[number] = pipes.done(unit)
            pipes.over(unit)
    return [out[n] for n in range(len(commands))]


def follow(at: int, wanted: list[int], taken: dict[int, int]) -> int:
    """The last cycle of requests that need all their banks at once, one a cycle from `at` on, while others take `taken`."""
    for banks in wanted:
        while taken.get(at, 0) & banks:
            at += 1
        at += 1
    return at - 1
