"""When a core's instructions come and pass the check: the fetch of rtl/scheduler, in front of models/scheduler_cycles.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from models.isa import Unit
from models.timing import Events, Timing

UNITS = len(Unit)
FETCH_DEPTH, FETCH_BURST = 8, 4  # instructions: queue of a context, longest burst (fvgm_scheduler_fetch)
PAGE_INSTRUCTIONS = 64


@dataclass
class Work:
    """A program as the cycle model needs it. Per instruction, END the last: unit (END: -1), what its unit's time depends on,
    cycles of its check, waits as (unit whose completions count, number), whether a count bounds it, tag. `page`: place of the
    first in its 4 KiB."""

    unit: list[int]
    item: list[tuple | None]
    check: list[int]
    waits: list[tuple[tuple[int, int], ...]]
    counted: list[bool]
    tag: list[int]
    page: int = 0


class Context:
    """A task under way in a context."""

    def __init__(self, work: Work, entry: int, priority: int, slot: int, now: int) -> None:
        self.work, self.entry, self.slot, self.began = work, entry, slot, now
        self.rank = (-priority, now)
        self.asked = 0  # instructions asked for
        self.arrived: deque[int] = deque()  # when those that are not yet checked come
        self.front = 0  # next for the check
        self.taken = -1  # when the last one was taken for it
        self.queue: list[deque[int]] = [deque() for _ in range(UNITS)]
        self.done: list[list[int]] = [[] for _ in range(UNITS)]  # cycles of completions
        self.left = len(work.unit) - 1
        self.last = 0  # completion or END


class Fetch:
    """Fetch and check of the `contexts` of a core whose queues hold `depth` instructions; `push(cycle, context, index)` is called when an
    instruction has passed the check."""

    def __init__(self, contexts: list[Context | None], depth: int, timing: Timing, events: Events,
                 push: Callable[[int, Context, int], None]) -> None:
        self.contexts, self.depth, self.timing, self.events, self.push = contexts, depth, timing, events, push
        self.beat = -1  # last beat
        self.asker, self.free = 0, 0  # the context that asked last; when another may
        self.turn = (0, len(contexts) > 1)  # a cycle, the context that is offered in it
        self.checking = -1  # the check is taken until then
        self.wake = -1

    def look(self, now: int) -> None:
        """Some context may have room for instructions from `now` on."""
        self.events.at(now, self.ask)
        self.offer(now)

    def ask(self, now: int) -> None:
        """The contexts in turn ask for what their queues have room for, one every second cycle."""
        wishes = [c for c in self.contexts if c is not None and c.began < now and c.asked < len(c.work.unit)
                  and c.asked + FETCH_BURST - c.front + (c.taken == now) <= FETCH_DEPTH]
        if not wishes:
            return
        if now < self.free:
            self.events.at(self.free, self.ask)
            return
        context = min(wishes, key=lambda c: (c.slot - self.asker - 1) % len(self.contexts))
        place = (context.work.page + context.asked) % PAGE_INSTRUCTIONS
        size = min(FETCH_BURST, len(context.work.unit) - context.asked, PAGE_INSTRUCTIONS - place)
        self.beat = max(self.beat, now + self.timing.fetch - 1 + self.timing.latency - 1)
        for _ in range(size):
            self.beat += 2
            context.arrived.append(self.beat - 1 + self.timing.offer - 1)
        context.asked += size
        self.asker, self.free = context.slot, now + 2
        self.events.at(self.free, self.ask)
        self.offer(now)

    def offer(self, now: int) -> None:
        """Schedule the next instruction for the check: the contexts in turn offer theirs, if its queue has room."""
        start = max(now, self.checking)
        best = None
        count = len(self.contexts)
        since, turn = self.turn
        for context in self.contexts:
            if context is None or not context.arrived:
                continue
            unit = context.work.unit[context.front]
            if unit >= 0 and len(context.queue[unit]) >= self.depth:
                continue
            time = max(start, context.arrived[0])
            time += (context.slot - turn - (time - since)) % count
            if best is None or time < best:
                best = time
        if best is not None and (self.wake < now or best < self.wake):
            self.wake = best
            self.events.at(best, self._take)

    def _take(self, now: int) -> None:
        """The fetch shows an instruction to the check."""
        if now != self.wake or now < self.checking:
            return
        self.wake = -1
        since, turn = self.turn
        slot = (turn + now - since) % len(self.contexts)
        context = self.contexts[slot]
        unit = context.work.unit[context.front] if context is not None and context.arrived else -1
        if context is None or not context.arrived or context.arrived[0] > now or (
                unit >= 0 and len(context.queue[unit]) >= self.depth):
            self.offer(now + 1)
            return
        context.arrived.popleft()
        pushed = now + 1 + context.work.check[context.front]
        context.front += 1
        context.taken = now
        self.checking = pushed + 1
        self.turn = (pushed + 1, (slot + 1) % len(self.contexts))
        self.events.at(pushed, self.push, context, context.front - 1)
        self.look(now + 1)
