"""Random tables for the task queue's environment, and what must come of each.

Good tables are `ring` (weight sets one after another, areas allocated around a ring, as a compiler does: each set's tasks between its
WEIGHTS and the one that takes its place), `wild` (a few set numbers and events that meet all the time) or `loose` (no weight sets, few
waits: all contexts are soon busy). In all of them, each entry needs only what entries before it give, so they must come to their end. A fault makes a table, the registers or the cores bad at one place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.isa import INSTRUCTION_BYTES, MAX_CORES, NUM_AREAS, TASK, Cause, TaskKind, encode_task
from models.taskq import check_entry, stuck

ORIGIN = 0x1_0000_0000
MEMORY_BYTES = 1 << 16
SLICE_BUFFERS = (2048, 2048, 2048, 64, 256, 1024)  # words, by SliceBuffer: the defaults of fvgm_taskq
STYLES = ("ring", "wild", "loose")
ENTRY_FAULTS = ("kind", "cores", "weights_set", "weights_areas", "task_areas", "length")
FAULTS = ("none", *ENTRY_FAULTS, "no_end", "fetch", "base", "below", "beyond", "count", "slices", "odd_base", "odd_size", "core_error", "core_error_early",
          "dead_event", "dead_set", "reset")
PACES = {"quick": (2, 12), "even": (60, 60), "uneven": (3, 300), "slow": (150, 400)}  # cycles of a task


@dataclass
class Item:
    """One table with its registers, the behaviour of memory and cores, and its outcome (cause NONE: it is done)."""

    style: str
    fault: str
    table: list[dict[str, int]]  # what the model gets; END included, if there is one
    raw: np.ndarray
    base: int
    count: int
    window: tuple[int, int]
    slices: tuple[tuple[int, ...], tuple[int, ...]]
    contexts: int  # register
    watchdog: int
    pace: str
    ready: float  # chance of task_ready, while a context is free
    latency: int
    jitter: int
    stall: int
    cause: Cause = Cause.NONE
    index: int = 0
    address: int = 0
    at: int = -1  # entry with the fault
    bad_core: int = 0
    error_after: int = 0  # hand-outs after which the bad core fails
    reset_after: int = 0
    fetch_error: int = 0  # address that answers with an error


def _waits_and_signals(rng: np.random.Generator, f: dict[str, int], given: dict[int, int], runs: int, events: np.ndarray,
                       waits: bool) -> None:
    """Some waits that what was given satisfies in the end, some signals."""
    known = [int(e) for e in events]
    for w in rng.permutation(4)[:rng.choice([0, 1, 1, 2, 3, 4]) if waits else 0]:
        event = int(rng.choice(known))
        have = given.get(event, 0)
        value = have if rng.random() < 0.7 else int(rng.integers(have + 1))
        if rng.random() < 0.05:
            value = int(rng.integers(0x9000, 0x10000))  # behind zero: holds at once
        f |= {f"wait{w}_event": event, f"wait{w}_value": value}
    for s in range(2):
        if rng.random() < 0.6:
            event = int(rng.choice(known))
            f[f"signal{s}"] = event
            given[event] = given.get(event, 0) + runs


def good_table(rng: np.random.Generator, cores: int, number: int, style: str) -> list[dict[str, int]]:
    """`number` entries without END."""
    every, table, given = (1 << cores) - 1, [], {}
    events = rng.permutation(np.arange(1, 256))[:6 if style == "wild" else 40]
    held: dict[int, int] = {}  # set: areas
    cursor, number_of_set, tasks_left = int(rng.integers(NUM_AREAS)), int(rng.integers(1, 256)), 0
    areas_used = 4 if style == "wild" else NUM_AREAS
    tied = 0.02 if style == "loose" else float(rng.choice([0.1, 1.0]))  # share of the entries with waits
    while len(table) < number:
        f = {"priority": int(rng.choice([0, 0, 1, 7, 255])), "tag": int(rng.integers(1 << 16)), "length": int(rng.integers(1, 1 << 16)),
             "base": 64 * int(rng.integers(1 << 34)), "cores": int(rng.integers(1, every + 1)) if rng.random() < 0.4 else every}
        f["cores"] |= int(rng.integers(1 << MAX_CORES - cores)) << cores  # cores that are not there
        weights = {"wild": rng.random() < 0.25, "ring": tasks_left == 0, "loose": False}[style]
        if weights:
            f["cores"] |= every
            if style == "wild":
                f |= {"set": int(rng.integers(1, 5)), "areas": int(rng.integers(1, 1 << areas_used))}
            else:
                number_of_set = number_of_set % 255 + 1
                width = int(rng.integers(1, 4))
                f |= {"set": number_of_set, "areas": sum(1 << (cursor + a) % NUM_AREAS for a in range(width))}
                cursor, tasks_left = cursor + width, int(rng.integers(1, 9))
            held = {s: a for s, a in held.items() if not a & f["areas"] and s != f["set"]} | {f["set"]: f["areas"]}
        else:
            tasks_left -= 1
            if held and rng.random() < 0.8:
                number_ = int(rng.choice(list(held))) if style == "wild" else list(held)[-1 - int(rng.integers(min(2, len(held))))]
                f |= {"set": number_, "areas": held[number_]}
            elif rng.random() < 0.5:
                f["areas"] = int(rng.integers(256))  # without a set they mean nothing
        _waits_and_signals(rng, f, given, cores if weights else 1, events, rng.random() < tied)
        kind = TaskKind.WEIGHTS if weights else TaskKind.TASK
        table.append({"kind": int(kind)} | f)
    return table


def complete(f: dict[str, int]) -> dict[str, int]:
    """An entry with all its fields."""
    return {t.name: f.get(t.name, 0) for t in TASK}


def encode(f: dict[str, int]) -> np.ndarray:
    """An entry as bytes, also one of a kind that does not exist."""
    raw = encode_task(TaskKind.TASK, **{k: v for k, v in f.items() if k != "kind"})
    raw[0] = f["kind"]
    return raw


def burst_of(entry: int, base: int, count: int) -> int:
    """First entry of the burst in which the fetch reads an entry: up to 4, not across 4 KiB."""
    first = 0
    while True:
        following = first + min(4, count - first, 64 - (base // INSTRUCTION_BYTES + first) % 64)
        if entry < following:
            return first
        first = following


def random_item(rng: np.random.Generator, cores: int, contexts: int, fault: str, style: str) -> Item:
    """A table of that style with that fault."""
    number = int(rng.integers(1, [3, 12, 30, 90][int(rng.integers(4))]))
    if fault not in ("none", "reset"):
        number = max(number, 6)
    if style == "loose":
        number += 3 * contexts * cores
    table = good_table(rng, cores, number, style)
    at = int(rng.integers(number))
    cause, index, address = Cause.NONE, 0, 0
    if fault in ENTRY_FAULTS:
        f = table[at]
        weights = fault.startswith("weights")
        f |= {"kind": int(TaskKind.WEIGHTS if weights else TaskKind.TASK), "set": 1, "areas": 3} if fault != "cores" else {}
        f |= {"kind": {"kind": int(rng.choice([0, 4, 255]))}, "cores": {"cores": int(rng.integers(1 << MAX_CORES - cores)) << cores},
              "weights_set": {"set": 0}, "weights_areas": {"areas": 0}, "task_areas": {"areas": 0}, "length": {"length": 0}}[fault]
        cause, index = check_entry(complete(f), cores), at
        assert cause != Cause.NONE
    elif fault == "dead_event":
        event = int(rng.integers(1, 256))
        table[at] |= {"wait2_event": event, "wait2_value": 0x4000}
        cause = Cause.DEADLOCK
    elif fault == "dead_set":
        table[at] |= {"kind": int(TaskKind.TASK), "set": 255, "areas": 0x81}
        for f in table:
            if f["kind"] == TaskKind.WEIGHTS and f["set"] == 255:
                f["set"] = 254
        cause = Cause.DEADLOCK
    table = [complete(f) for f in table]
    if fault == "none" or fault == "reset":
        assert not stuck(table, cores)
    end = complete({"kind": int(TaskKind.END)} | {"cores": int(rng.integers(256)), "length": int(rng.integers(5))})
    count = number + 1 + int(rng.integers(4))
    if fault == "no_end":
        count, cause, index = number, Cause.PROGRAM_RANGE, number
    else:
        table.append(end)
    raw = np.concatenate([encode(f) for f in table])
    slots = MEMORY_BYTES // INSTRUCTION_BYTES
    base = ORIGIN + INSTRUCTION_BYTES * int(rng.integers(slots - count))
    window = (base - 64 * int(rng.integers(3)), base + INSTRUCTION_BYTES * count + int(rng.integers(65)))
    sizes = tuple(int(rng.integers(words // contexts + 1)) for words in SLICE_BUFFERS)
    bases = tuple(words - contexts * size - int(rng.integers(words - contexts * size + 1)) for words, size in zip(SLICE_BUFFERS, sizes))
    if rng.random() < 0.5:
        bases = tuple(words - contexts * size for words, size in zip(SLICE_BUFFERS, sizes))
    even = (-2,) + (-1,) * (len(SLICE_BUFFERS) - 1)  # slices of abuf start at even units
    sizes, bases = (tuple(v & mask for v, mask in zip(values, even)) for values in (sizes, bases))
    if fault == "no_end":
        address = base + INSTRUCTION_BYTES * number
    elif fault == "fetch":
        at = burst_of(at, base, count)  # all beats of a burst answer with the error
        cause, index, address = Cause.FETCH_ERROR, at, base + INSTRUCTION_BYTES * at
    elif fault == "base":
        base += int(rng.choice([32, 1, 63]))
        cause, address = Cause.MISALIGNED, base
    elif fault == "below":
        window, cause, address = (base + 1, window[1]), Cause.WINDOW_RANGE, base
    elif fault == "beyond":
        window, cause, address = (window[0], base + INSTRUCTION_BYTES * count - 1), Cause.WINDOW_RANGE, base
    elif fault == "count":
        count, cause, address = 0, Cause.PROGRAM_RANGE, base
    elif fault == "slices":
        b = int(rng.integers(6))
        bases = tuple(w - contexts * s + 1 if i == b else x for i, (w, s, x) in enumerate(zip(SLICE_BUFFERS, sizes, bases)))
        cause = Cause.BUFFER_RANGE
    elif fault == "odd_base":
        bases, sizes, cause = (1, *bases[1:]), (sizes[0] // 2 & -2, *sizes[1:]), Cause.MISALIGNED
    elif fault == "odd_size":
        bases, sizes, cause = (0, *bases[1:]), (SLICE_BUFFERS[0] // contexts - 1, *sizes[1:]), Cause.MISALIGNED
    elif fault.startswith("core_error"):
        cause = Cause.CORE_ERROR
    pace = str(rng.choice(list(PACES)))
    return Item(style, fault, table, raw, base, count, window, (bases, sizes), int(rng.choice([0, 1, contexts, contexts + 1])),
                int(rng.integers(100, 300)) if cause == Cause.DEADLOCK else 100_000, pace, float(rng.choice([1.0, 0.5, 0.1])),
                *[(1, 0, 0), (8, 8, 64), (60, 30, 0)][int(rng.integers(3))], cause=cause, index=index, address=address, at=at,
                bad_core=int(rng.integers(cores)), error_after=0 if fault == "core_error_early" else int(rng.integers(1, 4)),
                reset_after=int(rng.integers(5, 1500)), fetch_error=address if fault == "fetch" else 0)
