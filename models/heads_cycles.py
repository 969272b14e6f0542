"""When the heads of a unit's queues are ready: they are looked at in turn, one a cycle, a wait a test (rtl/scheduler/fvgm_scheduler_unit)."""

from __future__ import annotations

from collections.abc import Sequence

from models.timing import NEVER, Timing


class Head:
    """The head of a context's queue, looked at from `begin` on: what it waits for as (unit, number of completions), whether a count bounds
    it, the cycles of completions by unit. `ready`: when it may be picked, as far as is known, -1: not known."""

    __slots__ = ("slot", "begin", "waits", "tests", "done", "passed", "tested", "ready")

    def __init__(self, slot: int, begin: int, waits: Sequence[tuple[int, int]], counted: bool, done: list[list[int]]) -> None:
        self.slot, self.begin, self.waits, self.done = slot, begin, waits, done
        self.tests = max(1, len(waits) + (counted and bool(waits)))  # a count behind waits takes a test of its own
        self.passed, self.tested = 0, -1  # tests, the last of them
        self.ready = -1

    def holds(self, passed: int, seen: int) -> int:
        """From which test on the one behind `passed` holds, -1: not known."""
        if passed >= len(self.waits):
            return 0
        unit, number = self.waits[passed]
        done = self.done[unit]
        return done[number - 1] + seen if len(done) >= number else -1


class Heads:
    """The heads of one unit. What was looked at before `now` is settled; what comes then is reckoned again when something changes."""

    def __init__(self, timing: Timing) -> None:
        self.seen, self.test = timing.seen, timing.test
        self.heads: list[Head] = []  # by context
        self.now = self.last = 0  # a cycle, the context that was looked at before it

    def add(self, head: Head) -> None:
        """A head comes."""
        self.heads = sorted([*self.heads, head], key=lambda h: h.slot)
        self.reckon()

    def remove(self, now: int, slot: int) -> None:
        """A head leaves in cycle `now`."""
        self._look(now)
        self.heads = [h for h in self.heads if h.slot != slot]

    def reckon(self) -> None:
        """When heads are ready, if no other one comes."""
        before = [(h.passed, h.tested) for h in self.heads]
        now, last = self.now, self.last
        self._look(NEVER)
        for head, (head.passed, head.tested) in zip(self.heads, before, strict=True):
            pass
        self.now, self.last = now, last

    def _look(self, until: int) -> None:
        """Look at heads in cycles before `until`, or until none of them can become ready any more."""
        if len(self.heads) == 1:
            self._alone(self.heads[0], until)
            return
        while self.now < until:
            now, here, change, soon = self.now, [], until, False
            for head in self.heads:
                if head.begin > now:
                    change = min(change, head.begin)
                elif head.passed < head.tests or head.tested >= now:  # it is ready a cycle behind its last test
                    here.append(head)
                if head.passed < head.tests:
                    at = self._holds(head)
                    soon = soon or at <= now + 1
                    if at < NEVER:
                        change = min(change, max(at - 1, now + 1))
                elif head.tested >= now:
                    soon = True
            if change == NEVER and not soon:
                return
            if not here or not soon:
                if here:
                    self.last = here[(sum(h.slot <= self.last for h in here) + change - now - 1) % len(here)].slot
                self.now = change
                continue
            head = here[sum(h.slot <= self.last for h in here) % len(here)]
            self.last, self.now = head.slot, now + 1
            if head.passed < head.tests and self._holds(head) <= now + 1:
                self._pass(head, now + 1)

    def _holds(self, head: Head) -> int:
        """The first test that the next wait of a head passes, as far as is known."""
        at = head.holds(head.passed, self.seen)
        return max(at, head.begin + 1, head.tested + self.test if head.passed else 0) if at >= 0 else NEVER

    def _pass(self, head: Head, now: int) -> None:
        """A head passes a test."""
        head.passed, head.tested = head.passed + 1, now
        if head.passed == head.tests:
            head.ready = now + 1

    def _alone(self, head: Head, until: int) -> None:
        """The same if there is one head."""
        looked = head.begin < until and (head.passed < head.tests or head.tested >= self.now)
        while head.passed < head.tests:
            at = max(self._holds(head), self.now + 1)
            if at > until or at >= NEVER:
                break
            self._pass(head, at)
        if until < NEVER:
            self.last = head.slot if looked else self.last
            self.now = max(self.now, until)
