"""Task queue: every legal hand-out against an oracle that knows only the table and the history of starts and ends.

Random tables, good ones and ones with areas, sets and waits at random, are run to their end (or until nothing can start) with random
choices. After every step the oracle finds the legal hand-outs anew from the whole history. Of good tables, the finished history is
also checked for what it must mean: each TASK saw its areas as if the table had been executed entry by entry on its core.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from models.isa import MAX_CORES, NUM_AREAS, Cause, TaskKind, encode_task
from models.taskq import TaskQueue, check_entry, check_table, decode_table, stuck

WAITS = range(4)


def entry(kind: TaskKind, **fields: int) -> dict[str, int]:
    """An entry as decode_table gives it."""
    return decode_table(encode_task(kind, **{"length": 1, "cores": (1 << MAX_CORES) - 1, **fields}), 1)[0][0]


def random_table(rng: np.random.Generator, cores: int, number: int, good: bool) -> list[dict[str, int]]:
    """A table of `number` entries and END: few events, sets and areas, so that they meet often."""
    table: list[dict[str, int]] = []
    given = [0] * 6
    held: dict[int, int] = {}  # set: areas
    while len(table) < number:
        f = {"priority": int(rng.integers(3)), "cores": int(rng.integers(1, 1 << cores))}
        weights, bad = rng.random() < 0.3, not good and rng.random() < 0.15
        if weights:
            f |= {"set": int(rng.integers(1, 5)), "areas": int(rng.integers(1, 1 << 4)), "cores": f["cores"] if bad else (1 << cores) - 1}
        elif bad:
            f |= {"set": int(rng.integers(4)), "areas": int(rng.integers(1, 1 << 4))}
        elif held and rng.random() < 0.8:
            f["set"] = int(rng.choice(list(held)))
            f["areas"] = held[f["set"]]
        for w in rng.permutation(4)[:rng.integers(3)]:
            event = int(rng.integers(1, 6))
            f |= {f"wait{w}_event": event, f"wait{w}_value": int(rng.integers(given[event] + 1 + bad))}
        for s in range(2):
            if rng.random() < 0.5:
                f[f"signal{s}"] = int(rng.integers(1, 6))
                given[f[f"signal{s}"]] += cores if weights else 1
        if weights:
            held = {s: a for s, a in held.items() if not a & f["areas"] and s != f["set"]} | {f["set"]: f["areas"]}
        table.append(entry(TaskKind.WEIGHTS if weights else TaskKind.TASK, **f))
    return [*table, entry(TaskKind.END)]


@dataclass
class Oracle:
    """Legality from the history: (what, entry, core) with what "start" or "end"."""

    table: list[dict[str, int]]
    cores: int
    contexts: int
    window: int
    history: list[tuple[str, int, int]] = field(default_factory=list)

    def weights(self, e: int) -> bool:
        return self.table[e]["kind"] == TaskKind.WEIGHTS

    def own(self, e: int) -> set[int]:
        return {c for c in range(self.cores) if self.table[e]["cores"] >> c & 1}

    def uses(self, e: int) -> set[int]:
        f = self.table[e]
        return {a for a in range(NUM_AREAS) if f["areas"] >> a & 1} if f["set"] else set()

    def given(self, e: int) -> set[int]:
        return {c for what, i, c in self.history if what == "start" and i == e}

    def left(self, e: int) -> bool:
        return self.given(e) == self.own(e) if self.weights(e) else bool(self.given(e))

    def may_go(self, e: int) -> set[int]:
        return self.own(e) - self.given(e) if self.weights(e) else (set() if self.given(e) else self.own(e))

    def event(self, number: int) -> int:
        ended = [e for what, e, _ in self.history if what == "end"]
        return sum((self.table[e]["signal0"] == number) + (self.table[e]["signal1"] == number) for e in ended)

    def running(self, core: int) -> list[int]:
        now = [e for what, e, c in self.history if what == "start" and c == core]
        for what, e, c in self.history:
            if what == "end" and c == core:
                now.remove(e)
        return now

    def content(self, core: int, area: int) -> int:
        """The set in an area: that of the last WEIGHTS started there, if it is over; else 0."""
        last = next((e for what, e, c in reversed(self.history)
                     if what == "start" and c == core and self.weights(e) and area in self.uses(e)), None)
        return 0 if last is None or ("end", last, core) not in self.history else self.table[last]["set"]

    def legal(self) -> set[tuple[int, int]]:
        out = set()
        waiting = [e for e in range(len(self.table) - 1) if not self.left(e)][:self.window]
        for e in waiting:
            f = self.table[e]
            if any(f[f"wait{w}_event"] and self.event(f[f"wait{w}_event"]) < f[f"wait{w}_value"] for w in WAITS):
                continue
            for core in self.may_go(e):
                rivals = [o for o in waiting if o < e and core in self.may_go(o) and self.uses(o) & self.uses(e)]
                if any(self.weights(e) or self.weights(o) for o in rivals) or len(self.running(core)) >= self.contexts:
                    continue
                if self.weights(e):
                    fits = not any(self.uses(r) & self.uses(e) for r in self.running(core))
                else:
                    fits = all(self.content(core, a) == f["set"] for a in self.uses(e))
                if fits:
                    out.add((e, core))
        return out


def run(rng: np.random.Generator, table: list[dict[str, int]], cores: int, contexts: int, window: int) -> tuple[Oracle, TaskQueue]:
    """A table with random choices, checked at every step, to its end or until nothing can go on."""
    queue, oracle = TaskQueue(table, cores, contexts, window), Oracle(table, cores, contexts, window)
    while True:
        choices = queue.startable()
        assert len(set(choices)) == len(choices) and set(choices) == oracle.legal()
        assert choices == sorted(choices, key=lambda c: (
            not oracle.weights(c[0]), -table[c[0]]["priority"], c[0], len(oracle.running(c[1])), c[1]))
        running = [(e, c) for c in range(cores) for e in oracle.running(c)]
        assert sorted(running) == sorted((e, c) for c in range(cores) for e in queue.running[c])
        if not choices and not running:
            assert queue.finished == all(oracle.left(e) for e in range(len(table) - 1))
            return oracle, queue
        assert not queue.finished
        if choices and (not running or rng.random() < 0.5):
            e, c = choices[0] if rng.random() < 0.5 else choices[int(rng.integers(len(choices)))]
            queue.start(e, c)
            oracle.history.append(("start", e, c))
        else:
            e, c = running[int(rng.integers(len(running)))]
            queue.complete(e, c)
            oracle.history.append(("end", e, c))


SIZES = [(1, 1, 1), (1, 2, 4), (2, 2, 4), (3, 4, 8), (4, 8, 16), (12, 2, 8)]


@pytest.mark.parametrize("cores,contexts,window", SIZES)
def test_good_tables_end_and_areas_hold_what_order_demands(cores, contexts, window):
    rng = np.random.default_rng([1, cores, window])
    for _ in range(25):
        table = random_table(rng, cores, int(rng.integers(1, 25)), good=True)
        assert stuck(table, cores) == []
        oracle, queue = run(rng, table, cores, contexts, window)
        assert queue.finished
        for e, f in enumerate(table[:-1]):
            assert oracle.given(e) == oracle.own(e) if oracle.weights(e) else len(oracle.given(e)) == 1
        for position, (what, e, core) in enumerate(oracle.history):
            if what == "start" and not oracle.weights(e):
                for area in oracle.uses(e):
                    loads = [o for o in range(e) if oracle.weights(o) and area in oracle.uses(o) and core in oracle.own(o)]
                    started = [o for w, o, c in oracle.history[:position] if w == "start" and c == core and o in loads]
                    later = [o for w, o, c in oracle.history[:oracle.history.index(("end", e, core))]
                             if w == "start" and c == core and oracle.weights(o) and o > e and area in oracle.uses(o)]
                    assert started == loads and not later
                    assert ("end", loads[-1], core) in oracle.history[:position]


@pytest.mark.parametrize("cores,contexts,window", SIZES)
def test_any_table_is_legal_step_by_step(cores, contexts, window):
    rng = np.random.default_rng([2, cores, window])
    finished = 0
    for _ in range(40):
        table = random_table(rng, cores, int(rng.integers(1, 20)), good=False)
        _, queue = run(rng, table, cores, contexts, window)
        finished += queue.finished
        assert queue.finished or stuck(table, cores)
    assert 0 < finished < 40


def test_events_wrap():
    """A wait holds for 2^15 values behind the one that it needs, and no more."""
    table = [entry(TaskKind.TASK, wait0_event=3, wait0_value=0xFFFF), entry(TaskKind.TASK, signal0=3, signal1=3), entry(TaskKind.END)]
    queue = TaskQueue(table, 1, 1, 4)
    assert queue.waits_hold(0)
    for value, holds in ((0x7FFE, True), (0x7FFF, False), (0xFFFE, False), (0xFFFF, True)):
        queue.events[3] = value
        assert queue.waits_hold(0) == holds
    queue.start(1, 0)
    queue.complete(1, 0)
    assert queue.events[3] == 1


def test_each_core_has_its_bit():
    """TASKs of one core each, the last core first, on the largest machine: each goes to its core alone."""
    table = [entry(TaskKind.TASK, cores=1 << core) for core in reversed(range(MAX_CORES))] + [entry(TaskKind.END)]
    queue = TaskQueue(table, MAX_CORES, 1, MAX_CORES)
    assert queue.startable() == [(e, MAX_CORES - 1 - e) for e in range(MAX_CORES)]
    for core in range(MAX_CORES):
        only = entry(TaskKind.TASK, cores=1 << core)
        assert check_entry(only, core + 1) == Cause.NONE
        assert core == 0 or check_entry(only, core) == Cause.ILLEGAL_FIELD


def test_checks():
    cores, task, weights = 2, TaskKind.TASK, TaskKind.WEIGHTS
    for kind, change, cause in (
            (task, {}, Cause.NONE), (task, {"cores": 0xFC}, Cause.ILLEGAL_FIELD), (task, {"cores": 2}, Cause.NONE),
            (task, {"length": 0}, Cause.ZERO_LENGTH), (task, {"length": 0, "cores": 0}, Cause.ILLEGAL_FIELD),
            (task, {"set": 1}, Cause.ILLEGAL_FIELD), (task, {"areas": 1}, Cause.NONE), (task, {"set": 1, "areas": 1}, Cause.NONE),
            (weights, {"set": 1, "areas": 1}, Cause.NONE), (weights, {"set": 1}, Cause.ILLEGAL_FIELD),
            (weights, {"areas": 1}, Cause.ILLEGAL_FIELD), (TaskKind.END, {"length": 0, "cores": 0}, Cause.NONE)):
        assert check_entry(entry(kind, **change), cores) == cause, (kind, change)
    for kind in (0, 4, 255):
        assert check_entry(entry(task) | {"kind": kind}, cores) == Cause.ILLEGAL_OPCODE
    window = (1 << 20, 1 << 21)
    for base, count, cause in ((1 << 20, 1, Cause.NONE), (1 << 20, 1 << 14, Cause.NONE), (1 << 20, (1 << 14) + 1, Cause.WINDOW_RANGE),
                               (1 << 20, 0, Cause.PROGRAM_RANGE), ((1 << 20) - 64, 1, Cause.WINDOW_RANGE), ((1 << 20) + 32, 1, Cause.MISALIGNED)):
        assert check_table(base, count, window) == cause
    image = np.concatenate([encode_task(task, tag=7), encode_task(TaskKind.END), encode_task(task)])
    assert [f["kind"] for f in decode_table(image, 3)[0]] == [task, TaskKind.END] and decode_table(image, 3)[1] == Cause.NONE
    assert decode_table(image, 1)[1] == Cause.PROGRAM_RANGE
