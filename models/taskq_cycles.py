"""When the task queue gives which entry to which core: the window, its rotation and the hand-outs of rtl/taskq, on models/taskq.py.

What is legal, and what is preferred, `TaskQueue` says. Here stands when the hardware knows it: one entry of the window a cycle
has its turn, in the order of their places; what holds is known `scan` cycles later. Which of two equal entries goes first so
depends on the cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from models.isa import NUM_TASK_WAITS, TaskKind
from models.taskq import TaskQueue
from models.timing import Events, Timing

FETCH_DEPTH, FETCH_BURST = 8, 4  # entries (fvgm_taskq_fetch)


class HandOuts:
    """Plays the task queue; `begin(cycle, entry, core)` is called in the cycle before a core starts the fetch of a task."""

    def __init__(self, queue: TaskQueue, timing: Timing, events: Events, begin: Callable[[int, int, int], None]) -> None:
        self.queue, self.table, self.timing, self.events, self.begin = queue, queue.table, timing, events, begin
        self.may: dict[tuple[int, int], int] = {}  # entry of the window, core to which it may go -> from when on
        self.turned: set[tuple[int, int]] = set()  # of these, those that a turn told
        self.place: dict[int, int] = {}  # of the entries in the window
        self.free: int | None = 0  # the place that the next entry takes
        self.freed = {p: -1 for p in range(1, queue.size)}  # other places that are free, and since when
        self.valid: list[int] = []  # when an entry is there from the table's fetch
        self.taken: list[int] = []  # when it leaves it
        self.fresh: dict[int, int] = {}  # when the rotation sees an entry first, and one without conditions may go
        self.held: dict[int, int] = {}  # from when on the waits of an entry are known to hold
        self.just: list[tuple[int, int, int]] = []  # until when, entry, core: given out, still in the way of others
        self.leaving: list[tuple[int, int, set[int]]] = []  # until when, entry, its cores: given out, still in the window
        self.turn = (0, 0)  # a cycle, the place that the rotation was at before it
        self.core_given = [-10] * queue.cores
        self.opened = [-1] * queue.cores  # since when a core has a free context
        self.closed = [-1] * queue.cores  # when an end of each was taken last
        self.ends: list[tuple[int, int, int, int]] = []  # that wait: core, context, cycle, entry
        self.granted = -1  # when the next may be taken
        self.given = self.chosen = -10

    def start(self) -> None:
        """The table is started in cycle 0."""
        self._enter(0)

    def over(self, now: int, entry: int, core: int, context: int) -> None:
        """A core says that a task is over."""
        self.ends.append((core, context, now, entry))
        self.events.at(now + 1, self._grant)

    def _grant(self, now: int) -> None:
        """Of the ends that wait one a cycle is taken, of the lowest core and context, and noted in the next; until then its core gets
        nothing."""
        waiting = [end for end in self.ends if end[2] < now]
        if not waiting or now < self.granted:
            return
        end = min(waiting)
        self.ends.remove(end)
        core, _, _, entry = end
        signals = [name for name in ("signal0", "signal1") if self.table[entry][name]]
        self.closed[core], self.granted = now, now + max(1, len(signals))  # an event a cycle
        if len(signals) == 2:
            self.events.at(now + 1, self._signal, self.table[entry][signals.pop(0)])
        self.events.at(self.granted, self._known, entry, core, signals)
        self.events.at(self.granted, self._grant)
        self.events.at(now + 1, self._hand_out)

    def _signal(self, now: int, event: int) -> None:
        """The first of two events is counted."""
        self._rotate(now)
        self.queue.signal(event)
        self._look(now, 1)

    def _known(self, now: int, entry: int, core: int, signals: list[str]) -> None:
        """An end is noted, with what is left to signal."""
        self._rotate(now)
        if not self.queue.free(core):
            self.opened[core] = now
        self.queue.complete(entry, core, signals)
        self._look(now, 1)
        self.events.at(now + 1, self._hand_out)

    def _blocked(self, entry: int, core: int, now: int) -> bool:
        """Whether an entry goes behind an older one on a core; of one that was just given out the window still thinks so."""
        queue = self.queue
        return core in queue.behind(entry) or any(
            until > now and c == core and e < entry and queue.areas(e) & queue.areas(entry)
            and TaskKind.WEIGHTS in (self.table[e]["kind"], self.table[entry]["kind"]) for until, e, c in self.just)

    def _wanted(self, now: int) -> list[int]:
        """Places that the rotation over the window looks at in cycle `now`: something about the entry is not known, and could be."""
        queue, out = self.queue, []
        for entry, cores in [*queue.pending.items(), *((e, cores) for until, e, cores in self.leaving if until > now)]:
            open_ = [c for c in cores if self.may.get((entry, c), now + 1) > now]
            if not open_ or entry not in self.place or self.fresh[entry] > now:
                continue
            if self.held.get(entry, now + 1) > now or (
                    self.table[entry]["kind"] == TaskKind.TASK and any(not self._blocked(entry, c, now) for c in open_)):
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

    def _look(self, now: int, alone: int = 0) -> None:
        """What holds now is found out when the rotation comes to the entries that it is about; what needs no turn, `alone` cycles from
        now. Turns that were to come are taken anew, since others may want theirs before."""
        queue, scan = self.queue, self.timing.scan
        here = {*queue.pending, *(e for until, e, _ in self.leaving if until > now)}
        self.held = {e: t for e, t in self.held.items() if e in here and (t - scan < now or e not in queue.pending or not self._waits(e))}
        self.may = {key: t for key, t in self.may.items() if key[0] in here and (key not in self.turned or t - scan < now)}
        self.turned = {key for key in self.turned if key[0] in here}
        missing: dict[int, list[int]] = {}  # of entries whose next turn tells something: cores that may have them then
        for entry, cores in queue.pending.items():
            if entry not in self.place or not queue.waits_hold(entry):
                continue
            free = [c for c in cores if (entry, c) not in self.may and not self._blocked(entry, c, now) and queue.fits(entry, c)]
            f = self.table[entry]
            if entry in self.held and (not f["set"] or f["kind"] == TaskKind.WEIGHTS):
                self._find(entry, free, max(now + alone, self.fresh[entry], self.held[entry]))
            elif free or entry not in self.held:
                missing[entry] = free
        last, entries = self.turn[1], {self.place[e]: e for e in missing}
        while missing:
            wanted = self._wanted(now)
            if wanted:
                last = wanted[sum(p <= last for p in wanted) % len(wanted)]
                entry = entries.get(last)
                if entry in missing:
                    if entry not in self.held:
                        self.held[entry] = now + scan
                        self.events.at(now + scan, self._hand_out)
                    cores = missing.pop(entry)
                    self.turned |= {(entry, c) for c in cores}
                    self._find(entry, cores, max(now + scan, self.held[entry]))
            now += 1

    def _waits(self, entry: int) -> bool:
        """Whether an entry has waits at all."""
        return any(self.table[entry][f"wait{w}_event"] for w in range(NUM_TASK_WAITS))

    def _find(self, entry: int, cores: Sequence[int], time: int) -> None:
        """An entry may go to cores from `time` on."""
        for core in cores:
            self.may[entry, core] = time
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
                if not self._waits(entry):
                    self.held[entry] = self.fresh[entry]
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
        self._look(now)

    def _cleared(self, now: int) -> None:
        """What was behind an entry that has been given out may be looked at."""
        self._rotate(now)
        self._look(now)

    def _hand_out(self, now: int) -> None:
        """Choose, when all has come that comes in this cycle."""
        if now > self.chosen:
            self.chosen = now
            self.events.at(now, self._choose)

    def _choose(self, now: int) -> None:
        self._rotate(now)
        if now < self.given + self.timing.between:
            self.events.at(self.given + self.timing.between, self._hand_out)
            return
        choices = [(e, c) for e, c in self.queue.startable() 
                   if self.may.get((e, c), now + 1) <= now and self.opened[c] < now]
        choices = [(e, c) for e, c in choices if self.closed[c] < now and not any(end[0] == c and end[2] < now for end in self.ends)]
        if any(self.core_given[c] + self.timing.again > now for _, c in choices):
            self.events.at(now + 1, self._hand_out)
            choices = [(e, c) for e, c in choices if self.core_given[c] + self.timing.again <= now]
        if not choices:
            return
        entry = choices[0][0]
        self.given = now
        self.events.at(now + 1, self._give, entry, [c for e, c in choices if e == entry])
        self.events.at(now + self.timing.between, self._hand_out)

    def _give(self, now: int, entry: int, open_: list[int]) -> None:
        """The entry that was chosen in the cycle before goes to the core that has most free contexts by now."""
        number = min(open_, key=lambda c: (-self.queue.free(c), c))
        now -= 1
        self.just = [j for j in self.just if j[0] > now] + [(now + self.timing.clear, entry, number)]
        self.leaving = [(until, e, cores) for until, e, cores in self.leaving if until > now]
        cores = set(self.queue.pending[entry])
        self.queue.start(entry, number)
        self.core_given[number] = now
        if entry not in self.queue.pending:
            self.freed[self.place[entry]] = now + self.timing.leave
            self.leaving.append((now + self.timing.leave, entry, cores))
        self.events.at(now + self.timing.give - 1, self.begin, entry, number)
        self._enter(now + self.timing.admit)
        self.events.at(now + self.timing.clear, self._cleared)
