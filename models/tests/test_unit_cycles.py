"""The units of models/unit_cycles.py, each alone, against sums made by hand and the cycles that docs/dma.md, mpu.md, sfu.md, su.md and ru.md
measure.

Method: registers between two events are added up from the RTL's pages; cycles must follow exactly. Units that meet: test_buffer_cycles.py.
"""

from __future__ import annotations

import pytest

from models import unit_cycles
from models.buffer_cycles import mask
from models.dspe import DEPTH
from models.isa import Buffer, Opcode, Precision, RuOp, SfuOp, Unit
from models.ru_cycles import Ru
from models.su_cycles import _walk
from models.tests.units import FIRST_WRITE, LATENCY, SIM, TINY, ends, gemm, item, transfer


def test_rows_of_a_tile_leave_before_those_of_the_next() -> None:
    """docs/mpu.md: tiles of one step and four rows, last steps four cycles apart, in the next command, too; the first waits for none."""
    commands = [gemm(m=12), gemm(m=12, count=10)]
    assert [(c[0], c[1], c[4]) for c in commands] == [(3, 12, 4), (3, 10, 2)]
    assert ends((0, Unit.MPU, commands[0]), (1, Unit.MPU, commands[1])) == [FIRST_WRITE + 2 * 4 + 4, FIRST_WRITE + 5 * 4 + 2]


def test_further_passes_belong_to_tiles() -> None:
    """Two tiles of two rows and two steps: the second's further passes do not hold up the first; the writes follow."""
    product = {"precision": Precision.FP16, "m": 4, "n": 8, "k": 2 * DEPTH}
    writes = {further: gemm(**product, seen=further)[5] for further in ((2, 2), (2, 5), (5, 2), 7)}
    bits = [mask(r, units=1) for r in range(4)]
    assert writes[2, 2] == writes[5, 2] == sum(b << 8 * r for r, b in enumerate(bits))
    assert writes[2, 5] == bits[0] | bits[1] << 8 | bits[2] << 40 | bits[3] << 48
    done = [ends((0, Unit.MPU, gemm(**product, seen=further)))[0] for further in ((2, 2), (2, 5), (5, 2), 7)]
    assert done == [FIRST_WRITE + 1 + 2 + 2, *[FIRST_WRITE + 1 + 2 + 2 + 3] * 3]


def test_two_products_wait() -> None:
    """A product waits for the walk of those before it, 8 steps ahead of the array: of four, the last enters as the second is begun."""
    pipes, long = unit_cycles.Pipes(SIM, LATENCY), gemm(k=100 * DEPTH)
    for now in range(3):
        assert pipes.ready(Unit.MPU) <= now
        pipes.accept(Unit.MPU, now, long)
    assert pipes.ready(Unit.MPU) == unit_cycles.Mpu.WALK + 100
    short = [gemm(k=2 * DEPTH) for _ in range(40)]
    pipes, now = unit_cycles.Pipes(SIM, LATENCY), 0
    for command in short:  # a tile of four rows takes four cycles, and two steps
        now = max(now + 1, pipes.ready(Unit.MPU))
        pipes.accept(Unit.MPU, now, command)
    before = now
    now = pipes.ready(Unit.MPU)
    assert now - before == 4


def test_transfers() -> None:
    """A burst a slot; more slots than bursts: a beat a cycle; a row crosses 4 KiB; a list costs its first address and has rows of its own."""
    pipes = unit_cycles.Pipes(SIM, LATENCY)
    assert pipes.accept(Unit.LOAD, 0, transfer(*[32] * 4)) == 4 * 32 + LATENCY + 6 and pipes.ready(Unit.LOAD) == 4
    for bursts in (40, 400):  # four slots, each taken for 100 + 8 + 3 cycles
        slow = unit_cycles.Pipes(TINY, 100).accept(Unit.LOAD, 0, transfer(*[8] * bursts, slots=TINY.axi_slots))
        assert 0 < slow - bursts * (100 + 8 + 3) // 4 < 8 * 4, "docs/dma.md: slots"
    f = {"hbm_addr": 4096 - 64, "hbm_stride": 160, "rows": 2, "row_units": 9, "buffer": Buffer.V, "row_step": 9, "unit_step": 1}
    ((beats, banks, _),), wait, buffer = item(Opcode.LOAD, **f)
    assert (beats, wait, buffer) == ((2, 3, 5), 0, Buffer.V)
    (listed, _, _), = item(Opcode.LOAD, seen=(0, 102), **f | {"list": 1})[0]
    assert listed == (2, 3, 4, 1) and item(Opcode.LOAD, **f | {"list": 1})[1] == 7
    assert banks[0] == mask(0) | mask(2) << 8 and banks[1] >> 16 == mask(8, units=1) and banks[2] & 255 == mask(9)
    (_, banks, _), = item(Opcode.STORE, **f)[0]
    assert banks[1] >> 16 == mask(8), "a read is always of a pair"
    assert ends((0, Unit.STORE, transfer(4))) == [7 + 3 + LATENCY + 1], "docs/dma.md: 7 to the first WVALID"


@pytest.mark.parametrize(("fields", "alone"), [
    ({"op": SfuOp.LAYERNORM, "rows": 64, "cols": 216, "affine": 1}, 3596), ({"op": SfuOp.QUANT, "rows": 1, "cols": 216}, 109),
    ({"op": SfuOp.LAYERNORM, "rows": 64, "cols": 16}, 478), ({"op": SfuOp.LAYERNORM, "rows": 1, "cols": 216}, 257),
    ({"op": SfuOp.SOFTMAX, "rows": 64, "cols": 64, "x_fp32": 1, "out_fp16": 1}, 595),
    ({"op": SfuOp.SOFTMAX, "rows": 1, "cols": 64, "out_fp16": 1}, 91),
    ({"op": SfuOp.RESIDUAL, "rows": 64, "cols": 216, "out_fp16": 1}, 1830), ({"op": SfuOp.QUANT, "rows": 64, "cols": 16}, 185)])
def test_special_functions(fields: dict[str, int], alone: int) -> None:
    """The measured cycles of docs/sfu.md, which counts from behind the cycle of acceptance: one more in the trace. Memories never deny."""
    pipes = unit_cycles.Pipes(SIM, LATENCY)
    pipes.pipes[Unit.SFU].ports[1].ahead = ()
    assert pipes.accept(Unit.SFU, 0, item(Opcode.SFU, **fields, d_unit=1)) == alone + 1


@pytest.mark.parametrize(("rows", "cols", "fields", "alone"), [
    (256, 64, {"mask": 1}, 2348), (256, 64, {"mask": 1, "meta": 1}, 2348), (256, 64, {"mask": 1, "window": (2, 2, 2)}, 2367),
    (128, 192, {"window": (1, 1, 1)}, 1346), (64, 16, {"window": (4, 1, 1)}, 638), (1, 8, {"window": (1, 1, 1)}, 71),
    (64, 192, {"step": 1, "meta": 1}, 1103), (64, 192, {"step": 1, "meta": 1, "c_int8": 1}, 1486),
    (64, 192, {"step": 1, "meta": 1, "window": (2, 2, 2)}, 1410), (64, 192, {"step": 1, "meta": 1, "c_int8": 1, "window": (2, 2, 2)}, 1793),
    (64, 16, {"step": 1, "meta": 1, "c_int8": 1, "window": (4, 1, 1)}, 640)])
def test_similarity(rows: int, cols: int, fields: dict, alone: int) -> None:
    """The measured cycles of docs/su.md, grids of 16 x 16, references first in their windows; one more in the trace, one less where the
    last row is not in the write list; the next command a cycle behind."""
    sizes = dict(zip(("w0", "w1", "w2"), fields.get("window", (1, 1, 1)), strict=True))
    command = {"rows": rows, "cols": cols, "n1": 16, "n2": 16, **fields, "window": int("window" in fields), **sizes}
    kept, dropped = (ends((0, Unit.SU, item(Opcode.SU, seen=seen, **command)))[0] for seen in (0, 1))
    assert kept - dropped == 1 and alone + 1 in (kept, dropped)
    pipes = unit_cycles.Pipes(SIM, LATENCY)
    assert pipes.accept(Unit.SU, 0, item(Opcode.SU, seen=0, **command)) == kept and pipes.ready(Unit.SU) == kept + 1


def test_recovery() -> None:
    """docs/ru.md: 27 cycles and the reads; rows are prefetched: 16 wait, the next command is taken with the last one looked up."""
    gather = item(Opcode.RU, op=RuOp.GATHER, rows=64, units=4, d_step=4)
    pipes = unit_cycles.Pipes(SIM, LATENCY)
    assert pipes.accept(Unit.RU, 0, gather) == 27 + 128
    assert pipes.ready(Unit.RU) == Ru.ROW + 2 * (63 - 16) + 1, "a row that is taken for its reads makes place for one"
    pipes = unit_cycles.Pipes(SIM, LATENCY)
    assert pipes.accept(Unit.RU, 0, item(Opcode.RU, rows=16, units=40)) == 27 + 320 and pipes.ready(Unit.RU) == 16
    step = 1 << 24
    entries = tuple(step if row % 2 else row for row in range(8))
    words = item(Opcode.RU, seen=entries, op=RuOp.RECOVER, rows=8, units=3, extrapolate=1, c1_base=1, c1_step=3, c2_base=5, c2_step=3)
    assert sum(every for _, every, _ in words) in (8, 12)


def test_the_walk_over_windows() -> None:
    """rtl/su/fvgm_su_walk: 13 cycles for n1 * n2; a climb takes two and its steps; a row three, and one more and a cycle for every two
    bits where the reference's address is new."""
    f = {"window": 1, "mask": 0, "n1": 4, "n2": 4, "w0": 1, "w1": 2, "w2": 2, "o0": 0, "o1": 0, "o2": 0}
    line = [(3, 8), (3, 8), (3, 10), (3, 10)]
    assert _walk(f, 16) == [(13 + 2 + 2 + 3, -1), (3, 0), (3, -1), (3, 2), (4, 0), (3, 0), (5, 2), (3, 2), (2 + 3, -1), (3, 8), (3, -1), (3, 10),
                            (3 + 3, 8), line[1], (3 + 3, 10), line[3]]
    assert _walk(f | {"o1": 1, "o2": 1}, 6)[:6] == [(20 + 1 + 1 + 2, 5), (3, 5), (3, -1), (3, -1), (3 + 1 + 2, 5), (3, -1)], \
        "row 7 is not there, and needs no address"
