"""When a core's instructions start: fetch, check, queues and the choice among contexts of rtl/scheduler, in front of the units of
models/unit_cycles.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models import unit_cycles
from models.config import Config
from models.isa import Unit
from models.timing import Events, Timing

UNITS = len(Unit)
FETCH_DEPTH, FETCH_BURST = 8, 4  # instructions: queue of a context, longest burst (fvgm_scheduler_fetch)
PAGE_INSTRUCTIONS = 64
IN_FLIGHT = 7  # instructions of a unit that are under way (fvgm_scheduler_unit)


@dataclass
class Work:
    """A program as the cycle model needs it. Per instruction, END the last: unit (END: -1), what its unit's time depends on,
    cycles of its check, waits as (unit whose completions count, number), whether a count bounds it, tag. `page`: place of the
    first in its 4 KiB."""

    unit: list[int]
    item: list[unit_cycles.Item | None]
    check: list[int]
    waits: list[tuple[tuple[int, int], ...]]
    counted: list[bool]
    tag: list[int]
    page: int = 0


@dataclass
class Span:
    """One instruction that was executed."""

    start: int
    done: int
    core: int
    context: int
    entry: int
    unit: int
    tag: int


class _Context:
    """A task under way in a context."""

    def __init__(self, work: Work, entry: int, priority: int, slot: int, now: int) -> None:
        self.work, self.entry, self.slot, self.began = work, entry, slot, now
        self.rank = (-priority, now)
        self.asked = 0  # instructions asked for
        self.arrived: deque[int] = deque()  # when those that are not yet checked come
        self.front = 0  # next for the check
        self.queue: list[deque[int]] = [deque() for _ in range(UNITS)]
        self.tested = [0] * UNITS  # first test of a head's waits
        self.ready = [-1] * UNITS  # when the head is ready, -1: not known
        self.done: list[list[int]] = [[] for _ in range(UNITS)]  # cycles of completions
        self.left = len(work.unit) - 1
        self.last = 0  # completion or END


class _Unit:
    """The front of a unit: command register, instructions under way."""

    def __init__(self, pipe: object) -> None:
        self.pipe = pipe
        self.picked = -1  # when a head may enter the command register
        self.free = 0  # the unit takes a command
        self.flight: deque[int] = deque([-1] * IN_FLIGHT, IN_FLIGHT)  # when the last ones retire
        self.done = -1
        self.wake = -1  # pending choice among the heads
        self.turn = (0, 0)  # a cycle, the context whose head was looked at before it


class Core:
    """Contexts, fetch, check and units of one core; `over(cycle, core, context)` is called when a task is. Instructions go to
    `spans` unless it is None."""

    def __init__(self, number: int, config: Config, timing: Timing, events: Events, over: Callable[[int, _Context], None],
                 spans: list[Span] | None) -> None:
        self.number, self.depth, self.timing, self.events, self.over, self.spans = number, config.queue_depth, timing, events, over, spans
        contexts = config.contexts
        self.contexts: list[_Context | None] = [None] * contexts
        self.units = [_Unit(pipe) for pipe in unit_cycles.pipes(config, timing.latency)]
        self.beat = -1  # last beat of the fetch
        self.asker, self.free = 0, 0  # the context that asked last; when another may
        self.turn = (0, contexts > 1)  # a cycle, the context that the fetch offers in it
        self.checking = -1  # the check is taken until then
        self.wake = -1
        self.array = 0

    def begin(self, now: int, work: Work, entry: int, priority: int) -> None:
        """A task takes the lowest free context."""
        slot = self.contexts.index(None)
        self.contexts[slot] = _Context(work, entry, priority, slot, now)
        self.events.at(now, self._fetch, self.contexts[slot])

    def _over(self, now: int, context: _Context) -> None:
        self.contexts[context.slot] = None
        self.over(now, self.number, context)

    # ----------------------------------------------------------------------------------------------------- fetch and check

    def _fetch(self, now: int, context: _Context) -> None:
        """A context may have room for instructions from `now` on."""
        self.events.at(now, self._ask)
        self._offer(now)

    def _ask(self, now: int) -> None:
        """The contexts in turn ask for what their queues have room for, one every second cycle."""
        wishes = [c for c in self.contexts if c is not None and c.began <= now and c.asked < len(c.work.unit)
                  and c.asked + FETCH_BURST - c.front <= FETCH_DEPTH]
        if not wishes:
            return
        if now < self.free:
            self.events.at(self.free, self._ask)
            return
        context = min(wishes, key=lambda c: (c.slot - self.asker - 1) % len(self.contexts))
        place = (context.work.page + context.asked) % PAGE_INSTRUCTIONS
        size = min(FETCH_BURST, len(context.work.unit) - context.asked, PAGE_INSTRUCTIONS - place)
        self.beat = max(self.beat, now + self.timing.fetch + self.timing.latency - 1)
        for _ in range(size):
            self.beat += 2
            context.arrived.append(self.beat - 1 + self.timing.offer - 1)
        context.asked += size
        self.asker, self.free = context.slot, now + 2
        self.events.at(self.free, self._ask)
        self._offer(now)

    def _offer(self, now: int) -> None:
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
            self._offer(now + 1)
            return
        context.arrived.popleft()
        pushed = now + 1 + context.work.check[context.front]
        context.front += 1
        self.checking = pushed + 1
        self.turn = (pushed + 1, (slot + 1) % len(self.contexts))
        self.events.at(pushed, self._push, context, context.front - 1)
        self._fetch(now + 1, context)

    def _push(self, now: int, context: _Context, index: int) -> None:
        unit = context.work.unit[index]
        if unit < 0:
            context.last = max(context.last, now)
            context.front += 1  # END was taken
            if not context.left:
                self.events.at(context.last + self.timing.over, self._over, context)
        else:
            self._rotate(now, unit)
            context.queue[unit].append(index)
            if len(context.queue[unit]) == 1:
                self._head(now + self.timing.push, context, unit)
        self._offer(now + 1)

    # ---------------------------------------------------------------------------------------------------------------- units

    def _head(self, first: int, context: _Context, unit: int) -> None:
        """An instruction is the head of its queue, its waits are tested from `first` on."""
        context.tested[unit], context.ready[unit] = first, -1
        self._test(context, unit)

    def _test(self, context: _Context, unit: int) -> None:
        """When the head is ready, if all completions that it waits for are known."""
        index, time, timing = context.queue[unit][0], context.tested[unit], self.timing
        waits = context.work.waits[index]
        for number, (other, value) in enumerate(waits):
            done = context.done[other]
            if len(done) < value:
                return
            time = self._turn(context, unit, max(time + (timing.test if number else 0), done[value - 1] + timing.seen))
        if not waits:
            time = self._turn(context, unit, time)
        elif context.work.counted[index]:
            time = self._turn(context, unit, time + timing.test)
        context.ready[unit] = time + 1
        self._wake(time + 1, unit)

    def _looks(self, unit: int, until: int, context: _Context | None = None) -> Iterator[tuple[int, int, int, list[int]]]:
        """The turns of the heads that are not ready, one a cycle: (from, to, context before it, contexts) while these are the same.
        That of `context` is not ready."""
        now, last = self.units[unit].turn
        heads = [(c.slot, c.tested[unit] - 1, until if c.ready[unit] < 0 or c is context else c.ready[unit])
                 for c in self.contexts if c is not None and c.queue[unit]]
        while now < until:
            here = [slot for slot, begin, end in heads if begin <= now < end]
            end = min([until, *(t for _, *times in heads for t in times if t > now)])
            yield now, end, last, here
            if here:
                last = here[(sum(slot <= last for slot in here) + end - now - 1) % len(here)]
            now = end
        yield until, until, last, []

    def _rotate(self, now: int, unit: int) -> None:
        """Let the heads have their turns until `now`; before one comes or goes."""
        if len(self.contexts) > 1:
            for _, _, last, _ in self._looks(unit, now):
                pass
            self.units[unit].turn = now, last

    def _turn(self, context: _Context, unit: int, first: int) -> int:
        """The first test of a head from `first` on, if none comes: it was looked at a cycle before."""
        if len(self.contexts) == 1:
            return first
        for start, end, last, here in self._looks(unit, first + len(self.contexts), context):
            if context.slot in here and end >= first:
                skipped = max(0, first - 1 - start)
                turn = start + skipped + (here.index(context.slot) - sum(slot <= last for slot in here) - skipped) % len(here)
                if turn < end:
                    return turn + 1
        return first

    def _wake(self, time: int, unit: int) -> None:
        u = self.units[unit]
        if u.wake < 0 or time < u.wake:
            u.wake = time
            self.events.at(time, self._pick, unit)

    def _pick(self, now: int, unit: int) -> None:
        """The best head that is ready enters the command register, and from there the unit."""
        u = self.units[unit]
        if now != u.wake:
            return
        u.wake = -1
        room = max(u.picked, u.flight[0] + 1)
        best, later = None, -1
        for context in self.contexts:
            if context is None or context.ready[unit] < 0:
                continue
            if max(context.ready[unit], room) <= now:
                if best is None or context.rank < best.rank:
                    best = context
            later = min(later, max(context.ready[unit], room)) if later >= 0 else max(context.ready[unit], room)
        if best is None:
            if later >= 0:
                self._wake(later, unit)
            return
        self._rotate(now, unit)
        queue = best.queue[unit]
        index = queue.popleft()
        best.ready[unit] = -1
        item = best.work.item[index]
        if item is None:
            start = now + 1
            done = max(start + 1, u.done + 1)
        else:
            start = max(now + 1, u.free)
            u.free, done = u.pipe.accept(start, item)
            done = max(done, u.done + 1)
            if unit == Unit.MPU:
                self.array += item[1]
        u.picked, u.done = start, done
        u.flight.append(done + 1)
        span = None
        if self.spans is not None:
            span = Span(start, done, self.number, best.slot, best.entry, unit, best.work.tag[index])
            self.spans.append(span)
        self.events.at(done, self._complete, best, unit, item, span)
        if queue:
            self._head(now + 2, best, unit)
        if len(queue) == self.depth - 1:
            self._offer(now + 1)
        if any(c is not None and c.ready[unit] >= 0 for c in self.contexts):
            self._wake(max(now + 1, u.picked), unit)

    def _complete(self, now: int, context: _Context, unit: int, item: object, span: Span | None) -> None:
        if unit in (Unit.RU, Unit.STORE, Unit.SFU) and item is not None:
            done = self.units[unit].pipe.revise(now)
            if done > now:
                self.units[unit].done = max(self.units[unit].done, done)
                self.events.at(done, self._complete, context, unit, item, span)
                return
        if span is not None:
            span.done = now
        context.done[unit].append(now)
        context.left -= 1
        context.last = max(context.last, now)
        if not context.left and context.front > len(context.work.unit):
            self.events.at(now + self.timing.over, self._over, context)
            return
        for other in range(UNITS):
            if context.queue[other] and context.ready[other] < 0:
                self._test(context, other)
