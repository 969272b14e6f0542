"""The finished table against the dependencies that it must keep, whatever the order in which tasks complete.

A wait for value n of an event is meant for the first n signals in the order of the table. It is for them exactly if no
later signal of that event can come while one of the first n is missing: if every task that signals later waits, directly
or through others, for all of them. The check first takes every wait for what it is meant, finds what each entry then
follows, and verifies with this that the meaning holds (the first wait in time to be wrong would need an earlier one).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from compiler.tasks import Before
from models.isa import NUM_AREAS, NUM_TASK_WAITS, TaskKind

Entry = Mapping[str, int]


class TableError(AssertionError):
    """The table lets a task start too early, or never; the message names the entry."""


def _waits(fields: Entry) -> list[tuple[int, int]]:
    return [(fields[f"wait{w}_event"], fields[f"wait{w}_value"]) for w in range(NUM_TASK_WAITS) if fields.get(f"wait{w}_event")]


def check_table(entries: Sequence[Entry], after: Mapping[int, set[int]], cores: int) -> None:
    """`after[entry]` are the entries (by place in the table, END excluded) that one must follow. Raises TableError."""
    _check_waits(entries, after)
    _check_sets(entries, cores)


class _Signals:
    """The signals of one event in the order of the table; `upto(n)`: what is over when the first n have come."""

    def __init__(self) -> None:
        self.users: list[int] = []
        self.known: dict[int, Before] = {0: Before()}

    def upto(self, value: int, before: Sequence[Before]) -> Before:
        if value not in self.known:
            start = max(v for v in self.known if v < value)
            known = Before(self.known[start].floor, self.known[start].bits)
            for user in self.users[start:value]:
                known.add(user, before[user])
            known.settle()
            self.known[value] = known
        return self.known[value]


def _check_waits(entries: Sequence[Entry], after: Mapping[int, set[int]]) -> None:
    # Tasks are numbered without the weight sets between them, which no task follows.
    number, place = {}, []
    for entry, fields in enumerate(entries):
        if fields["kind"] == TaskKind.TASK:
            number[entry] = len(place)
            place.append(entry)
        elif _waits(fields) or fields.get("signal0") or fields.get("signal1"):
            raise TableError(f"entry {entry}: a weight set waits or signals")
    signals: dict[int, _Signals] = defaultdict(_Signals)
    before: list[Before] = []
    for task, entry in enumerate(place):
        known = Before()
        for event, value in _waits(entries[entry]):
            if value > len(signals[event].users):
                raise TableError(f"entry {entry} waits for signal {value} of event {event}; only {len(signals[event].users)} stand before")
            known.join(signals[event].upto(value, before))
        known.settle()
        before.append(known)
        for other in after.get(entry, ()):
            if number[other] not in known:
                raise TableError(f"entry {entry} does not wait for entry {other}")
        for name in ("signal0", "signal1"):
            if entries[entry].get(name):
                signals[entries[entry][name]].users.append(task)
    for event, own in signals.items():
        edges = sorted(own.known)
        if len(own.users) >= 1 << 15:
            raise TableError(f"event {event} counts to {len(own.users)}")
        for start, value, end in zip(edges, edges[1:], [*edges[2:], len(own.users)]):
            for later in own.users[value:end]:
                if any(other not in before[later] for other in own.users[start:value]):
                    raise TableError(f"entry {place[later]} may signal event {event} before its first {value} signals have come")


def _check_sets(entries: Sequence[Entry], cores: int) -> None:
    """Every task finds its set in all of its areas: nothing else has been loaded there in between."""
    held: dict[int, int] = {}
    for entry, fields in enumerate(entries):
        areas = [a for a in range(NUM_AREAS) if fields.get("set") and fields["areas"] >> a & 1]
        if fields["kind"] == TaskKind.WEIGHTS:
            if fields["cores"] != (1 << cores) - 1 or not areas:
                raise TableError(f"entry {entry}: a weight set for some cores or no area")
            held |= dict.fromkeys(areas, entry)
        elif areas:
            loads = {held.get(a) for a in areas}
            load = loads.pop()
            if loads or load is None or any(entries[load][name] != fields[name] for name in ("set", "areas")):
                raise TableError(f"entry {entry}: set {fields['set']} is not what its areas hold")
