"""The banks of models/buffer_cycles.py, and the units that meet at them, against requests that are served cycle by cycle here.

Method: where a unit reads or writes is given by `mask`, a bit a bank; the cycles of its first request are sums of registers. What must follow
is worked out by loops over cycles (`follow`), or by hand.
"""

from __future__ import annotations

import random

import pytest

from models import unit_cycles
from models.buffer_cycles import Port, joined, later, mask
from models.dma_cycles import Load, Store, groups
from models.dspe import DEPTH
from models.isa import Buffer, Opcode, RuOp, SfuOp, Unit
from models.ru_cycles import WRITE, Ru
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


def test_late_requests_catch_up_where_none_is_asked_for() -> None:
    """A field a cycle, one by one: those that come while others wait go behind them."""
    rng = random.Random(3)
    for _ in range(300):
        width, length, late = rng.choice([1, 4, 8]), rng.choice([1, 5, 63, 64, 65, 200]), rng.choice([0, 1, 7, 80])
        fields = [rng.randrange(1, 1 << width) if rng.random() < 0.8 else 0 for _ in range(length)]
        waiting, out = [], []
        for cycle in range(length + late):
            waiting += [field for field in fields[cycle:cycle + 1] if field]
            if cycle >= late:
                out.append(waiting.pop(0) if waiting else 0)
        assert later(joined(fields, width), length, late, width) == (joined(out, width), max(length - late, sum(map(bool, fields))))


def random_taker(rng: random.Random, cycles: int, port: Port) -> list[int]:
    """What somebody in front takes of a port, in some cycles little, in others nearly all; by cycle."""
    density = [rng.choice([0.0, 0.3, 0.97]) for _ in range(0, cycles, 150)]
    taken = [(rng.randrange(256) | rng.choice([0, 255])) * (rng.random() < density[cycle // 150]) for cycle in range(cycles)]
    port.needed = True
    port.add(0, joined(taken, 8))
    return taken


def test_reads_behind_somebody_who_leaves_little() -> None:
    rng = random.Random(6)
    for _ in range(200):
        front = Port()
        port, taken = Port(front), random_taker(rng, 1000, front)
        wanted = [rng.randrange(1, 256) for _ in range(rng.choice([1, 5, 100]))]
        assert port.serve(100, joined(wanted, 8), len(wanted)) == follow(100, wanted, dict(enumerate(taken)))


def test_transfers_go_on_alike_in_groups_and_one_by_one() -> None:
    """Bursts that are served together, where nobody is in the way, against a burst at a time."""
    rng = random.Random(4)
    for number in range(100):
        bursts, latency = tuple(rng.randrange(1, rng.choice([2, 5, 33])) for _ in range(rng.choice([3, 20, 60]))), rng.randrange(1, 100)
        wanted, seed, out = tuple(joined([rng.randrange(1, 256) for _ in range(beats)], 8) for beats in bursts), rng.random(), []
        for size in (SIM.axi_slots, 1):
            front = Port(whole=bool(number % 2))
            port = Port(front, whole=front.whole)
            random_taker(random.Random(seed), 1500, front)
            port.needed = True
            pipe = Store(SIM, latency, port) if number % 2 else Load(SIM, latency, port, port)
            ends = [pipe.play(now, (groups(bursts, wanted, 8, size), 0, Buffer.V)) for now in (0, 400)]
            out.append((ends, pipe.slots, pipe.free, sum(bits << 8 * begin for begin, _, bits in port.streams)))
        assert out[0] == out[1]


def recovered(reads: list[list[int]], every: int, results: list[int], busy: list[int], held: list[int]) -> tuple[int, int, int]:
    """Rows of recovery that are taken in cycle 0, cycle by cycle: the cycle of the last look-up, of the last read, behind the last write."""
    asked, popped, at, placed = [], [], [], []  # cycles: look-up, rows taken for their reads, last reads of results, results to the write register
    row, left, wanted, cycle = [], 0, 0, 0
    while wanted < len(results):
        cycle += 1
        if row and not row[0] & busy[cycle] and (len(row) % every or len(at) - len(placed) < 32):
            row.pop(0)
            if len(row) % every == 0:
                at.append(cycle)
        if left and placed[-1] < cycle:
            left &= held[cycle]
            wanted += not left
        if not left and len(placed) < len(at) and at[len(placed)] <= cycle - 18:
            left = results[len(placed)]
            placed.append(cycle)
        if not row and len(popped) < len(asked) and asked[len(popped)] <= cycle - 6:
            row = reads[len(popped)][:]
            popped.append(cycle)
        if len(asked) < len(reads) and len(asked) - sum(p < cycle for p in popped) < 16:
            asked.append(cycle)
    return asked[-1], at[-1], cycle + 1


def test_rows_of_recovery_cycle_by_cycle() -> None:
    """rtl/ru: rows are looked up seven cycles before their reads, at most 16 ahead; a read is asked for while one of 32 results has a place; a
    result is written 19 cycles behind its last read, in order, each of its units as soon as its bank is free."""
    rng = random.Random(5)
    for _ in range(100):
        units, rows, every = rng.choice([1, 2, 5, 30]), rng.choice([1, 4, 40]), rng.choice([1, 2])
        bases, pairs = rng.sample(range(8), 2)[:every], range(-(-units // 2))
        reads = [[mask(base + 3 * row + 2 * pair) for pair in pairs for base in bases] for row in range(rows)]
        results = [mask(5 * row + 2 * pair, units=min(2, units - 2 * pair)) for row in range(rows) for pair in pairs]
        fronts = Port(), Port(whole=False)
        taken = [random_taker(rng, 1000, front) + [0] * 5000 for front in fronts]
        pipe = Ru(SIM, LATENCY, Port(fronts[0]), Port(fronts[1], whole=False))
        end, _ = pipe.play(0, item(Opcode.RU, op=RuOp.RECOVER, rows=rows, units=units, extrapolate=every - 1, c1_base=bases[0], c2_base=bases[-1],
                                   c1_step=3, c2_step=3, d_step=5))
        assert (pipe.free, pipe.read, end) == recovered(reads, every, results, *taken)


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
    write = 100 + Ru.ROW + 1 + WRITE
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
