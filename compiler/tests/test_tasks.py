"""Order of tasks, events, weight sets and slices, against brute force and against the task queue's model.

Method: random dependencies of many shapes (few and many before a task, barriers, far more chains than there are events)
become tables; a random run on models/taskq.py must never start a task before those that it must follow. The checker of
finished tables must accept them, and refuse each of them with a wait less, a value less, a signal of another event, or
areas that overlap. Nothing here knows about instructions (test_hazards.py does).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compiler import assemble, events
from compiler.check import TableError, check_table
from compiler.checkpoint import RandomCheckpoint
from compiler.errors import CompileError
from compiler.model import Compiled, compile_blocks, pair
from compiler.plan import LEADS, PRIORITIES, staggered
from compiler.slicing import ALL_AREAS, Areas, Demand, Ring, divide
from compiler.tasks import Before, Order
from compiler.tests import small
from models import config as configs
from models.isa import NUM_AREAS, NUM_EVENTS, TASK, Cause, TaskKind, decode_task
from models.taskq import TaskQueue

SIM = configs.load("sim")


def graph(shape: str, seed: int) -> list[set[int]]:
    """What each task must follow."""
    rng = np.random.default_rng(seed)
    if shape == "sparse":
        return [set(rng.choice(n, min(n, int(rng.integers(0, 4))), replace=False).tolist()) for n in range(120)]
    if shape == "dense":
        return [set(rng.choice(30, int(rng.integers(8, 20)), replace=False).tolist()) if n >= 30 else set() for n in range(80)]
    if shape == "chains":  # far more than there are events
        return [{n - 400} if n >= 400 else set() for n in range(1000)]
    if shape == "barriers":
        return [set(range(max(0, n // 20 * 20 - 20), n // 20 * 20)) for n in range(200)]
    # grid: rows and columns in turn, as frames and positions are
    side = 12
    area = side * side

    def line(n: int) -> set[int]:
        layer, place = divmod(n, area)
        cells = (i * side + place % side if layer % 2 else place // side * side + i for i in range(side))
        return {(layer - 1) * area + cell for cell in cells} if layer else set()

    return [line(n) for n in range(6 * area)]


SHAPES = ("sparse", "dense", "chains", "barriers", "grid")


def shuffled(after: list[set[int]], seed: int) -> list[int]:
    """A random order that keeps the dependencies."""
    rng, missing = np.random.default_rng(seed), [len(a) for a in after]
    followers: list[list[int]] = [[] for _ in after]
    for task, before in enumerate(after):
        for other in before:
            followers[other].append(task)
    ready, out = [t for t, m in enumerate(missing) if not m], []
    while ready:
        task = ready.pop(rng.integers(len(ready)))
        out.append(task)
        for other in followers[task]:
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    return out


def closure(after: list[set[int]]) -> list[set[int]]:
    out: list[set[int]] = []
    for before in after:
        out.append(set(before).union(*(out[b] for b in before)))
    return out


@pytest.mark.parametrize("shape", SHAPES)
def test_order_is_the_reduced_closure(shape: str) -> None:
    after = graph(shape, 1)
    order, full = Order(after), closure(after)
    for task, before in enumerate(full):
        assert {t for t in range(len(after)) if t in order.before[task]} == before
        assert set(order.direct[task]) == {b for b in after[task] if not any(b in full[o] for o in after[task])}


def test_before_is_a_set() -> None:
    rng = np.random.default_rng(4)
    for _ in range(100):
        known, model = Before(), set()
        for _ in range(30):
            other, task = Before(int(rng.integers(0, 6))), int(rng.integers(0, 40))
            known.add(task, other)
            model |= {task, *range(other.floor)}
            if rng.random() < 0.3:
                known.settle()
        assert {t for t in range(50) if t in known} == model


def table(after: list[set[int]], seed: int) -> tuple[list[dict[str, int]], dict[int, set[int]]]:
    """(entries, what each must follow by place) for a graph in a random order."""
    nodes = events.nodes_of(Order(after), shuffled(after, seed))
    place = {node.task: n for n, node in enumerate(nodes) if node.task is not None}
    entries = []
    for node in nodes:
        fields = {f.name: 0 for f in TASK} | {"kind": int(TaskKind.TASK), "length": 1, "cores": 3}
        fields |= {f"signal{n}": event for n, event in enumerate(node.events)}
        for n, (event, value) in enumerate(node.waits):
            fields |= {f"wait{n}_event": event, f"wait{n}_value": value}
        entries.append(fields)
    return entries, {place[t]: {place[b] for b in before} for t, before in enumerate(after)}


def random_run(entries: list[dict[str, int]], after: dict[int, set[int]], seed: int, window: int) -> bool:
    """Whether a random run on the task queue's model starts every task after those that it must follow."""
    rng, over = np.random.default_rng(seed), set()
    queue = TaskQueue([*entries, {f.name: 0 for f in TASK} | {"kind": int(TaskKind.END)}], 2, 4, window)
    while not queue.finished:
        moves = queue.startable() + [(-1 - e, c) for c in range(2) for e in queue.running[c]]
        if not moves:
            return False
        entry, core = moves[rng.integers(len(moves))]
        if entry < 0:
            queue.complete(-1 - entry, core)
            over.add(-1 - entry)
        elif after.get(entry, set()) - over:
            return False
        else:
            queue.start(entry, core)
    return True


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_waits_hold_dependencies(shape: str, seed: int) -> None:
    after = graph(shape, seed)
    entries, places = table(after, seed)
    check_table(entries, places, 2)
    assert random_run(entries, places, seed, 16) and random_run(entries, places, seed + 7, 40)
    if shape == "chains":
        users = [e[s] for e in entries for s in ("signal0", "signal1") if e[s]]
        assert len(users) > NUM_EVENTS > len(set(users)) - 1, "events are taken up again"
    if shape in ("barriers", "grid"):
        assert len(entries) == len(after), "groups need no joins"
    if shape == "dense":
        assert len(entries) > len(after), "joins"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["no wait", "value", "event", "signal"])
def test_broken_tables_are_refused(shape: str, kind: str) -> None:
    after = graph(shape, 5)
    entries, places = table(after, 5)
    rng, tried, refused = np.random.default_rng(6), 0, 0
    for entry in rng.permutation(len(entries))[:30]:
        broken = [dict(e) for e in entries]
        fields = broken[entry]
        waits = [n for n in range(4) if fields[f"wait{n}_event"]]
        if kind == "signal" and fields["signal0"]:
            fields["signal0"] = fields["signal0"] % (NUM_EVENTS - 1) + 1
        elif kind != "signal" and waits:
            name = f"wait{waits[rng.integers(len(waits))]}_"
            if kind == "no wait":
                fields[name + "event"] = 0
            elif kind == "value":
                fields[name + "value"] -= 1
            else:
                fields[name + "event"] = fields[name + "event"] % (NUM_EVENTS - 1) + 1
        else:
            continue
        tried += 1
        if kind != "event":
            with pytest.raises(TableError):
                check_table(broken, places, 2)
            continue
        try:  # another event may happen to do
            check_table(broken, places, 2)
        except TableError:
            refused += 1
        else:
            assert all(random_run(broken, places, n, 40) for n in range(3))
    assert tried >= 8 and (kind != "event" or refused >= tried // 2)


def compiled(cores: int = 2) -> Compiled:
    config = replace(SIM, cores=cores)
    return compile_blocks(RandomCheckpoint(small.dims(3, 72, 1, 4, 4)), config, 20, pair(0))


def entries_of(program: Compiled) -> list[dict[str, int]]:
    return [decode_task(word) for word in program.assembled.table][:-1]


def test_weight_sets_of_broken_tables() -> None:
    """Areas that another set overwrites, a set that is not loaded, one that is loaded too late."""
    entries = entries_of(compiled())
    check_table(entries, {}, 2)
    loads = [n for n, e in enumerate(entries) if e["kind"] == TaskKind.WEIGHTS]
    users = [n for n, e in enumerate(entries) if e["kind"] == TaskKind.TASK and e["set"]]
    for change in ("areas", "other", "missing", "cores"):
        broken = [dict(e) for e in entries]
        if change == "areas":
            broken[loads[1]]["areas"] |= broken[loads[0]]["areas"]
        elif change == "other":
            broken[users[-1]]["set"] += 1
        elif change == "missing":
            del broken[loads[-1]]
        else:
            broken[loads[-1]]["cores"] = 1
        with pytest.raises(TableError):
            check_table(broken, {}, 2)


def test_priorities_follow_the_longest_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "LEADS", (1,))
    program = compiled()
    tasks = [(info.phase, e["priority"]) for info, e in zip(program.assembled.tasks, entries_of(program)) if info.kind == "task"]
    assert max(tasks)[1] < min(p for phase, p in tasks if phase < max(tasks)[0]), "the last phase goes last"
    by_phase: dict[int, list[int]] = {}
    for phase, priority in tasks:
        by_phase.setdefault(phase, []).append(priority)
    lead = PRIORITIES // len(by_phase)
    assert any(max(p) > min(p) for p in by_phase.values()), "the front of a phase runs ahead"
    for found in by_phase.values():
        assert max(found) - min(found) <= lead, "as far apart as the front of a phase may run ahead"


def test_slices_leave_room_for_half_of_the_areas() -> None:
    phases = [Demand(9072, 135, 112, 27), Demand(23760, 189, 432, 27)]
    slices, areas = divide(SIM, phases, [[3483, 1161]])
    assert slices.check(SIM) == Cause.NONE and slices.size[1] == 3484
    assert [2 * areas.needed(p.units, p.entries) <= NUM_AREAS for p in phases] == [True, True]
    tight = replace(SIM, bbuf=32768)
    slices, areas = divide(tight, phases, [[3483, 1161]])
    assert slices.check(tight) == Cause.NONE and slices.size[1] < 3484 and areas.needed(23760, 189) <= NUM_AREAS
    with pytest.raises(CompileError, match="bbuf is too small"):
        divide(replace(SIM, bbuf=1000), phases, [[3483, 1161]])
    assert Areas(0, 5).needed(1, 0) == NUM_AREAS + 1


def test_neighbouring_sets_share_no_area_if_both_take_half() -> None:
    rng, ring, last = np.random.default_rng(8), Ring(), 0
    for _ in range(200):
        count = int(rng.integers(1, NUM_AREAS // 2 + 1))
        first = ring.take(count)
        mask = ((1 << count) - 1) << first
        assert mask <= ALL_AREAS
        if count == 1 or last.bit_count() == 1:
            assert not mask & last
        last = mask


@pytest.mark.parametrize(("heads", "head_dim", "grid", "frames", "captions", "machine", "whole"), [
    (1, 40, 4, 2, 9, "tiny", False), (2, 24, 3, 3, 5, "tiny", True), (2, 72, 3, 5, 7, "sim", True), (3, 20, 4, 2, 13, "tiny", True),
    (3, 72, 4, 4, 20, "sim", False)])
def test_tensors_are_those_of_one_core_with_one_context(heads: int, head_dim: int, grid: int, frames: int, captions: int, machine: str,
                                                        whole: bool) -> None:
    """Three cores in any legal order leave what tasks leave one after another, with slices and tiles of their own."""
    checkpoint = RandomCheckpoint(small.dims(heads, head_dim, 1, grid, frames))
    model, found = small.oracle(checkpoint), []
    latents, _, embedded = small.random_inputs(model, captions, 5)
    for cores, contexts in ((1, 1), (3, configs.load(machine).contexts)):
        program = compile_blocks(checkpoint, replace(configs.load(machine), cores=cores, contexts=contexts), captions, None if whole else pair(0))
        memory = small.image(program, checkpoint, model, latents, embedded)
        found.append(small.hashes(program, small.run(program, memory, seed=None if cores == 1 else cores).memory))
    assert found[0] == found[1]


def test_the_front_of_a_phase_runs_ahead() -> None:
    """Ranks rise most for the first task of a phase and not at all behind its last; one phase overtakes part of the one before."""
    phase = [0] * 4 + [1] * 4
    rank = [200] * 4 + [100] * 4
    out = staggered(rank, phase, 1)
    assert staggered(rank, phase, 0) == rank
    assert out[:4] == sorted(out[:4], reverse=True) and out[0] - rank[0] == max(rank) // 2
    assert out[3] > rank[3] and out[4] - rank[4] == out[0] - rank[0]
    assert staggered([], [], 1) == []


def test_of_several_plans_the_shortest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    cycles = []
    for leads in ((0,), (1,), LEADS):
        monkeypatch.setattr(assemble, "LEADS", leads)
        cycles.append(compiled().assembled.estimate)
    assert cycles[2] == min(cycles[:2])
