"""The banks of models/buffer_cycles.py, and the units that meet at them, against requests that are served cycle by cycle here.

Method: where a unit reads or writes is given by `mask`, a bit a bank; the cycles of its first request are sums of registers. What must follow
is worked out by loops over cycles (`follow`), or by hand.
"""

from __future__ import annotations

import pytest

from models import unit_cycles
from models.buffer_cycles import Port, mask
from models.dspe import DEPTH
from models.isa import Buffer, Opcode, RuOp, SfuOp, Unit
from models.ru_cycles import Ru
from models.su_cycles import Su, _read
from models.tests.units import FIRST_WRITE, LATENCY, SIM, ends, follow, gemm, item, transfer


def test_reads_need_all_their_banks_at_once() -> None:
    """A pair that is refused holds up those behind it, and what is ahead does not notice."""
    front = Port()
    port = Port(front)
    front.needed = port.needed = True
    port.watchers = [port_user := type("User", (), {"stale": 1 << 62})()]
    front.add(10, 0b0000_0010_0000_0010)  # bank 1 in cycles 10 and 11
    assert port.serve(9, 0b0000_1100_0000_0011_0000_0011, 3) == 13
    assert port.streams[-1] == (9, 13, 0b1100 << 32 | 0b0011 << 24 | 0b0011) and port_user.stale == 9


def test_writes_take_what_is_free_and_catch_up() -> None:
    """A beat's units are written each for itself; a write that was late catches up where none is asked for."""
    front = Port(whole=False)
    port = Port(front, whole=False)
    front.needed = port.needed = True
    port.watchers = [type("User", (), {"stale": 1 << 62})()]
    front.add(10, 0b0000_0010)
    wanted = 0b0000_1000_0000_0000_0000_0011  # a pair, nothing, a unit
    assert port.serve(10, wanted, 3, gaps=True) == 12
    assert port.streams[-1][2] == 0b0000_1000_0000_0010_0000_0001
    assert port.serve(20, wanted, 3, before=20, gaps=True) == 22 and port.serve(30, wanted, 3, before=32, gaps=True) == 34


def test_what_begins_later_is_known_in_time() -> None:
    """SFU begins while STORE is under way: its end is later; what STORE took instead is in the way of SU, which ends later, too."""
    store, quant = transfer(8, 8), item(Opcode.SFU, op=SfuOp.QUANT, rows=4, cols=64)
    alone, = ends((0, Unit.STORE, store))
    late, _ = ends((0, Unit.STORE, store), (1, Unit.SFU, quant))
    assert late > alone
    pipes = unit_cycles.Pipes(SIM, LATENCY)
    pipes.accept(Unit.STORE, 0, store)
    pipes.accept(Unit.SFU, 1, quant)
    assert pipes.done(Unit.STORE) == alone and pipes.settle(1) == [Unit.STORE] and pipes.done(Unit.STORE) == late
    assert pipes.settle(1) == []


def test_special_functions_write_behind_the_mpu() -> None:
    """A tile of four rows and one step to bank 1, the next to bank 2, ...: one unit of SFU a tile, once it has come to the bank; with
    rows an odd number of units apart nobody waits."""
    residual = item(Opcode.SFU, op=SfuOp.RESIDUAL, rows=8, cols=64, out_fp16=1, dst=Buffer.V, d_base=1, d_row=8, d_unit=1)
    alone, = ends((0, Unit.SFU, residual))
    start = alone - 1 - 63 - FIRST_WRITE  # the first write of both in one cycle
    for step in (8, 9):
        taken = {4 * tile + row: 1 << (1 + tile + row * step) % 8 for tile in range(32) for row in range(4)}
        late = ends((0, Unit.SFU, residual), (start, Unit.MPU, gemm(n=256, o_base=1, o_step=step)))[0] - alone
        assert late == follow(0, [1 << (1 + unit) % 8 for unit in range(64)], taken) - 63 == {8: 32 * 4 - 31, 9: 6}[step]


@pytest.mark.parametrize(("slots", "step"), [(7, 2), (7, 6), (9, 1), (9, 5), (7, 4), (8, 8)])
def test_the_scan_reads_behind_the_lanes(slots: int, step: int) -> None:
    """LAYERNORM, cycle by cycle: the scan stands where a read meets one of the lanes, in its own batch too; rows of the lanes wait for
    their mean, in the second pass for 1/sigma (docs/sfu.md: 32 and 64 cycles)."""
    place, scanned, now, ready = (0, 0, 0), (0, 0), 5, {}  # pass, row, slot of the lanes; row, slot of the scan
    while place[0] < 2:
        again, row, slot = place
        taken = 0
        if slot or ready.get((again, row), 1 << 30) <= now:
            taken = mask(row * step + slot) * (slot % 2 == 0)
            place = (again, row, slot + 1) if slot < slots - 1 else (again, row + 1, 0) if row < 15 else (again + 1, 0, 0)
            if slot == slots - 1:
                ready[again + 1, row] = now + 64
        row, slot = scanned
        if row < 16 and not (slot % 2 == 0 and mask(row * step + slot) & taken):
            scanned = (row, slot + 1) if slot < slots - 1 else (row + 1, 0)
            if slot == slots - 1:
                ready[0, row] = now + 32
        now += 1
    pipes = unit_cycles.Pipes(SIM, LATENCY)
    pipes.accept(Unit.SFU, 0, item(Opcode.SFU, op=SfuOp.LAYERNORM, rows=16, cols=8 * slots, x_step=step, d_unit=1))
    assert pipes.pipes[Unit.SFU].lanes == now - 1


def test_greatest_values_wait_for_sums() -> None:
    """SOFTMAX rows of one slot from cycle 14 on: their sums take the scalars from 64 to 79. Four rows of QUANT in cycles 35 to 38 want
    them from 64 on and get them from 80 on; if three rows are ahead of the sums, the end is as late."""
    softmax = item(Opcode.SFU, op=SfuOp.SOFTMAX, rows=16, cols=8, x_step=4, out_fp16=1, d_unit=1)
    quant = item(Opcode.SFU, op=SfuOp.QUANT, rows=4, cols=8, d_unit=1)
    alone, = ends((0, Unit.SFU, quant))
    assert [ends((0, Unit.SFU, softmax), (now, Unit.SFU, quant))[1] - now - alone for now in (27, 30, 38, 45, 46)] == [16, 16, 8, 1, 0]
    longer = item(Opcode.SFU, op=SfuOp.QUANT, rows=4, cols=16, d_unit=1)  # rows of two slots: those behind the first catch up
    alone, = ends((0, Unit.SFU, longer))
    assert ends((0, Unit.SFU, softmax), (30, Unit.SFU, longer))[1] - 30 - alone == 80 - 65


def test_store_reads_behind_special_functions() -> None:
    """QUANT reads a pair of units from bank 0 on every second cycle: a store that comes to its bank follows, a beat in two cycles; also
    where SFU begins when the store is under way. In other banks it is ahead."""
    quant, store = item(Opcode.SFU, op=SfuOp.QUANT, rows=1, cols=256, d_unit=1), transfer(4)
    first, = ends((1, Unit.STORE, store))
    late = ends((1, Unit.STORE, store), (0, Unit.SFU, quant))[0]
    taken = {5 + 2 * pair: mask(2 * pair) for pair in range(16)}
    assert late == ends((0, Unit.SFU, quant), (1, Unit.STORE, store))[1] == first + follow(5, [mask(2 * i) for i in range(4)], taken) - 8 > first
    assert ends((1, Unit.STORE, transfer(4, bank=4)), (0, Unit.SFU, quant))[0] == first
    norm, long = item(Opcode.SFU, op=SfuOp.LAYERNORM, rows=1, cols=512, d_unit=1), transfer(24)
    assert ends((0, Unit.SFU, norm), (1, Unit.STORE, long))[1] == ends((1, Unit.STORE, long))[0] + 24, "each of 24 pairs is refused once"


def test_loads_write_behind_the_mpu_and_special_functions() -> None:
    """A beat's unit waits for a tile of four rows in its bank, the other one is written meanwhile; in abuf for units of SFU."""
    load_ = transfer(4, bank=0)
    alone, = ends((100, Unit.LOAD, load_))
    start = alone - 4 - FIRST_WRITE
    late = [ends((100, Unit.LOAD, load_), (start, Unit.MPU, gemm(o_base=base, o_step=8)))[0] - alone for base in (0, 1, 2, 7)]
    assert late == [4, 4, 3, 1]
    quant = item(Opcode.SFU, op=SfuOp.QUANT, rows=16, cols=16, dst=Buffer.A, d_row=1, d_unit=17)
    rows = {"rows": 16, "row_units": 1, "hbm_stride": 32, "row_step": 1, "unit_step": 1}
    free, other = (ends((0, Unit.LOAD, item(Opcode.LOAD, buffer=b, **rows)))[0] for b in (Buffer.A, Buffer.B))
    done, = ends((0, Unit.SFU, quant))
    assert free == other
    met = [ends((now, Unit.LOAD, item(Opcode.LOAD, buffer=b, **rows)), (0, Unit.SFU, quant))[0] - now - free for now in range(done - 30, done)
           for b in (Buffer.A, Buffer.B)]
    assert max(met[::2]) > 0 and max(met[1::2]) == 0


def test_ports_of_similarity_read_each_for_itself() -> None:
    """A slot of four units leaves when both ports have read: one that is refused does not hold up the other."""
    rows = ((1, ((mask(0), mask(2)),)),)
    free, refused = _read(rows, 0), _read(rows, mask(2) << 8 * 4)
    assert free == ((mask(0) | mask(2)) << 8 * 4, 4, 4 + 24) and refused == (mask(0) << 8 * 4 | mask(2) << 8 * 5, 5, 5 + 24)


def test_meta_waits_for_other_writes() -> None:
    """Similarity writes behind all others: a unit of meta that waits holds up the map; behind the last one the write list is hidden."""
    mask_ = {"mask": 1, "meta": 1, "rows": 8, "cols": 8, "n1": 8, "n2": 1}
    kept, = ends((0, Unit.SU, item(Opcode.SU, seen=0, **mask_)))
    last = kept - Su.LAST - 1  # write of the last unit of meta, bank 3
    for write, late in ((last, 3), (last - 4, 4), (last + 4, 0)):
        start = write - FIRST_WRITE
        product = gemm(o_base=3 if write != last - 4 else 2, o_step=8)
        assert ends((0, Unit.SU, item(Opcode.SU, seen=0, **mask_)), (start, Unit.MPU, product))[0] - kept == late


def test_recovery_writes_behind_the_mpu() -> None:
    """Pairs of units from bank 0 on, tiles of eight steps and four rows from bank 4 on: two pairs go, two cycles of waiting, four pairs
    until the second tile, four cycles of waiting."""
    gather = item(Opcode.RU, rows=4, units=16, d_step=16)
    alone, = ends((100, Unit.RU, gather))
    write = 100 + Ru.ROW + 1 + Ru.WRITE
    tiles = {"n": 16, "o_base": 4, "o_step": 8}
    assert ends((100, Unit.RU, gather), (write - FIRST_WRITE - 7, Unit.MPU, gemm(k=8 * DEPTH, **tiles)))[0] == alone + 2 + 4
    assert ends((100, Unit.RU, gather), (write - FIRST_WRITE - 3 + 4, Unit.MPU, gemm(k=4 * DEPTH, **tiles)))[0] == alone + 2, \
        "the second unit of a pair does not wait for the next tile"


def test_recovery_reads_behind_special_functions() -> None:
    """Half the rate while SFU reads the same banks; an extrapolated pair takes a read of c1 and one of c2, so its banks go on at SFU's rate."""
    quant = item(Opcode.SFU, op=SfuOp.QUANT, rows=64, cols=64, x_step=8, d_unit=1)
    taken = {5 + 2 * pair: mask(2 * pair) for pair in range(64 * 4)}
    for fields, each in (({"op": RuOp.GATHER, "y_step": 4}, 1), ({"op": RuOp.RECOVER, "extrapolate": 1, "c1_step": 4, "c2_step": 4}, 2)):
        wanted = [mask(2 * pair) for pair in range(128) for _ in range(each)]
        late = ends((0, Unit.RU, item(Opcode.RU, rows=64, units=4, d_step=4, **fields)), (0, Unit.SFU, quant))[0]
        assert late == follow(Ru.ROW + 1, wanted, taken) + 20
