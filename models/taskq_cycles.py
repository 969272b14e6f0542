"""When the task queue gives which entry to which core: the window, its rotation and the hand-outs of rtl/taskq, on models/taskq.py.

What is legal, and what is preferred, `TaskQueue` says. Here stands when the hardware knows it: one entry of the window a cycle
has its turn, in the order of their places; what holds is known `scan` cycles later. Which of two equal entries goes first so
depends on the cycle.
"""

from __future__ import annotations

from collections.abc import Callable

from models.isa import NUM_TASK_WAITS, TaskKind
from models.taskq import TaskQueue
from models.timing import Events, Timing

FETCH_DEPTH, FETCH_BURST = 8, 4  # entries (fvgm_taskq_fetch)


class HandOuts:
    """Plays the task queue; `begin(cycle, entry, core)` is called when a core starts the fetch of a task."""

    def __init__(self, queue: TaskQueue, timing: Timing, events: Events, begin: Callable[[int, int, int], None]) -> None:
        self.queue, self.table, self.timing, self.events, self.begin = queue, queue.table, timing, events, begin
        self.may: dict[tuple[int, int], int] = {}  # entry of the window, core to which it may go -> from when on
        self.place: dict[int, int] = {}  # of the entries in the window
        self.free: int | None = 0  # the place that the next entry takes
        self.freed = {p: -1 for p in range(1, queue.size)}  # other places that are free, and since when
        self.valid: list[int] = []  # when an entry is there from the table's fetch
        self.taken: list[int] = []  # when it leaves it
        self.fresh: dict[int, int] = {}  # when the rotation sees an entry first, and one without conditions may go
        self.held: dict[int, bool] = {}  # the waits of an entry are known to hold
        self.just: list[tuple[int, int, int]] = []  # until when, entry, core: given out, still in the way of others
        self.leaving: list[tuple[int, int, set[int]]] = []  # until when, entry, its cores: given out, still in the window
        self.turn = (0, 0)  # a cycle, the place that the rotation was at before it
        self.core_given = [-10] * queue.cores
        self.given = self.noted = -10

    def start(self) -> None:
        """The table is started in cycle 0."""
        self._enter(0)

    def over(self, now: int, entry: int, core: int) -> None:
        """A core says that a task is over; of several, one a cycle is noted."""
        self.noted = max(now + self.timing.note, self.noted + 1)
        self.events.at(self.noted, self._known, entry, core)

    def _known(self, now: int, entry: int, core: int) -> None:
        self._rotate(now)
        self.queue.complete(entry, core)
        self._look(now, now, 1)
        self.events.at(now + 1, self._hand_out)

    def _blocked(self, entry: int, core: int, now: int) -> bool:
        """Whether an entry goes behind an older one on a core; of one that was just given out the window still thinks so."""
        queue = self.queue
        return queue.behind(entry, core) or any(
            until > now and c == core and e < entry and queue.areas(e) & queue.areas(entry)
            and TaskKind.WEIGHTS in (self.table[e]["kind"], self.table[entry]["kind"]) for until, e, c in self.just)

    def _wanted(self, now: int) -> list[int]:
        """Places that the rotation over the window looks at in cycle `now`: something about the entry is not known, and could be."""
        queue, out = self.queue, []
        for entry, cores in [*queue.pending.items(), *((e, cores) for until, e, cores in self.leaving if until > now)]:
            open_ = [c for c in cores if self.may.get((entry, c), now + 1) > now]
            if not open_ or entry not in self.place or self.fresh[entry] > now:
                continue
            holds = queue.waits_hold(entry)
            if not holds or (self.table[entry]["kind"] == TaskKind.TASK and any(not self._blocked(entry, c, now) for c in open_)):
                out.append(self.place[entry])
        return sorted(out)

    def _rotate(self, now: int) -> None:
        """Let the rotation go on until `now`; before anything changes."""
        since, last = self.turn
        if now <= since:
            return
        wanted = self._wanted(now - 1)
        if wanted:
            last = wanted[(sum(p <= last for p in wanted) + now - since - 1) % len(wanted)]
        self.turn = now, last

    def _look(self, now: int, first: int, alone: int = 0) -> None:
        """What holds now is found out when the rotation, from `first` on, comes to the entries that it is about; what needs no
        turn, `alone` cycles after `first`."""
        since, last = self.turn
        wanted = None
        found = {}
        for entry, cores in self.queue.pending.items():
            missing = [c for c in cores if (entry, c) not in self.may]
            if not missing or entry not in self.place or not self.queue.waits_hold(entry):
                continue
            f = self.table[entry]
            for core in missing:
                if self._blocked(entry, core, now) or not self.queue.fits(entry, core):
                    continue
                begin = max(first, self.fresh[entry])
                if (not f["set"] or f["kind"] == TaskKind.WEIGHTS) and (self.held[entry] or not any(
                        f[f"wait{w}_event"] for w in range(NUM_TASK_WAITS))):
                    found[entry, core] = max(first + alone, self.fresh[entry])
                    continue
                wanted = wanted or sorted(set(self._wanted(begin)) | {self.place[entry]})
                if self.place[entry] not in wanted:
                    wanted = sorted(wanted + [self.place[entry]])
                turns = (wanted.index(self.place[entry]) - sum(p <= last for p in wanted) - (begin - since)) % len(wanted)
                found[entry, core] = begin + turns + self.timing.scan
        for key, time in found.items():
            self.may[key] = time
            self.held[key[0]] = True
            self.events.at(time, self._hand_out)

    def _fetched(self, entry: int) -> int:
        """When an entry of the table can leave the fetch, which asks for four as soon as it has room for them."""
        latency, last = self.timing.latency, FETCH_BURST - 1
        while len(self.valid) <= entry:
            i = len(self.valid)
            asked = self.timing.begin
            if i >= FETCH_DEPTH and i % FETCH_BURST == 0:
                asked = self.taken[i - FETCH_DEPTH + last] + self.timing.fetch + 2
            self.valid.append(max(asked + latency, self.valid[-1] + self.timing.entry if i else 0))
        return self.valid[entry]

    def _enter(self, now: int) -> None:
        """Entries that come into the window, one after another, are looked at from `now` on at the earliest."""
        for entry in self.queue.pending:
            if entry not in self.fresh:
                before = self.fresh.get(entry - 1, 2) - 2  # when the one before left the register between fetch and window
                self.taken.append(max(self._fetched(entry), before))
                self.fresh[entry] = max(now, self.taken[-1] + 3)
                self.held[entry] = False
                self.events.at(self.fresh[entry], self._admit, entry)

    def _admit(self, now: int, entry: int) -> None:
        """An entry has its place: the one that was chosen when the entry before came, or the first that was free since."""
        self._rotate(now)
        if self.free is None:
            self.free = min(self.freed, key=lambda p: self.freed[p])
            del self.freed[self.free]
        self.place[entry] = self.free
        self.free = min((p for p, since in self.freed.items() if since <= now - 2), default=None)
        if self.free is not None:
            del self.freed[self.free]
        self._look(now, now)

    def _cleared(self, now: int) -> None:
        """What was behind an entry that has been given out may be looked at."""
        self._rotate(now)
        self._look(now, now)

    def _hand_out(self, now: int) -> None:
        self._rotate(now)
        if now < self.given + self.timing.between:
            self.events.at(self.given + self.timing.between, self._hand_out)
            return
        choices = [(e, c) for e, c in self.queue.startable() if self.may.get((e, c), now + 1) <= now]
        if any(self.core_given[c] + self.timing.again > now for _, c in choices):
            self.events.at(now + 1, self._hand_out)
            choices = [(e, c) for e, c in choices if self.core_given[c] + self.timing.again <= now]
        if not choices:
            return
        entry, number = choices[0]
        self.just = [j for j in self.just if j[0] > now] + [(now + self.timing.clear, entry, number)]
        self.leaving = [(until, e, cores) for until, e, cores in self.leaving if until > now]
        cores = set(self.queue.pending[entry])
        self.queue.start(entry, number)
        self.given = self.core_given[number] = now
        if entry not in self.queue.pending:
            self.freed[self.place[entry]] = now + self.timing.leave
            self.leaving.append((now + self.timing.leave, entry, cores))
        self.begin(now + self.timing.give, entry, number)
        self._enter(now + self.timing.admit)
        self.events.at(now + self.timing.clear, self._cleared)
        self.events.at(now + self.timing.between, self._hand_out)
