"""When a core's instructions start and retire: queues, waits and the choice among contexts of rtl/scheduler, behind models/fetch_cycles.py
and in front of the units of models/unit_cycles.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from models import unit_cycles
from models.config import Config
from models.fetch_cycles import UNITS, Context, Fetch, Work
from models.heads_cycles import Head, Heads
from models.isa import Unit
from models.timing import NEVER, Events, Timing

IN_FLIGHT = 7  # instructions of a unit that are under way (fvgm_scheduler_unit)


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


class _Unit:
    """The front of a unit: command register, instructions under way."""

    def __init__(self, timing: Timing) -> None:
        self.heads = Heads(timing)
        self.retiring: deque[tuple[int, Context, list[int]]] = deque()  # done, context, its `flight`
        self.full = False  # no head is picked before an instruction retires
        self.register: tuple[Context, int] | None = None  # command register: context, instruction
        self.picked = self.enters = self.entered = -1  # when a head was chosen; when it will enter the unit; when the last one did
        self.due = -1  # when the oldest under way will complete
        self.flight: deque[list[int]] = deque([[-2]] * IN_FLIGHT, IN_FLIGHT)  # when the last ones retire
        self.under_way: deque[tuple[Context, tuple | None, list[int], Span | None]] = deque()
        self.wake = -1  # pending choice among the heads


class Core:
    """Contexts, fetch, check and units of one core; `over(cycle, core, context)` is called when a task is. Instructions go to
    `spans` unless it is None; `used` are the units that any program uses."""

    def __init__(self, number: int, config: Config, timing: Timing, events: Events, over: Callable[[int, Context], None],
                 spans: list[Span] | None, used: Collection[int] = tuple(Unit)) -> None:
        self.number, self.depth, self.timing, self.events, self.over, self.spans = number, config.queue_depth, timing, events, over, spans
        contexts = config.contexts
        self.contexts: list[Context | None] = [None] * contexts
        self.freed = [-2] * contexts  # since when each is free
        self.units = [_Unit(timing) for _ in range(UNITS)]
        self.pipes = unit_cycles.Pipes(config, timing.latency, used)
        self.fetch = Fetch(self.contexts, self.depth, timing, events, self._push)
        self.retired = -1  # cycle of the last retirement
        self.array = 0

    def begin(self, now: int, work: Work, entry: int, priority: int) -> None:
        """A task takes the lowest context that was free in the cycle before."""
        slot = next(slot for slot, c in enumerate(self.contexts) if c is None and self.freed[slot] < now - 1)
        self.contexts[slot] = Context(work, entry, priority, slot, now)
        self.events.at(now + 1, self.fetch.look)

    def _over(self, now: int, context: Context) -> None:
        self.contexts[context.slot], self.freed[context.slot] = None, now
        self.over(now, self.number, context)

    def _push(self, now: int, context: Context, index: int) -> None:
        unit = context.work.unit[index]
        if unit < 0:
            context.last = max(context.last, now - 1)
            context.front += 1  # END was taken
            if not context.left:
                self.events.at(context.last + self.timing.over, self._over, context)
        else:
            context.queue[unit].append(index)
            if len(context.queue[unit]) == 1:
                self._head(now, context, unit)
        self.fetch.offer(now + 1)

    # ---------------------------------------------------------------------------------------------------------------- units

    def _head(self, now: int, context: Context, unit: int) -> None:
        """An instruction becomes the head of its queue."""
        index = context.queue[unit][0]
        self.units[unit].heads.add(Head(context.slot, now + self.timing.head, context.work.waits[index], context.work.counted[index], context.done))
        self._ready(now, unit)

    def _ready(self, now: int, unit: int) -> None:
        """Look for a head to pick as soon as one is ready."""
        times = [h.ready for h in self.units[unit].heads.heads if h.ready >= 0]
        if times:
            self._wake(max(now, min(times)), unit)

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
        if u.register:
            return
        if u.flight[0][0] == NEVER:
            u.full = True
            return
        room = max(u.entered, u.flight[0][0] + 1)
        ready = [h for h in u.heads.heads if h.ready >= 0]
        best = min((self.contexts[h.slot] for h in ready if max(h.ready, room) <= now), key=lambda c: c.rank, default=None)
        if best is None:
            if ready:
                self._wake(max(room, min(h.ready for h in ready)), unit)
            return
        u.heads.remove(now, best.slot)
        queue = best.queue[unit]
        index = queue.popleft()
        u.picked = now
        u.register = best, index
        self._enter(now + 1, unit)
        if queue:
            self._head(now, best, unit)
        else:
            u.heads.reckon()
        if len(queue) == self.depth - 1:
            self.fetch.offer(now + 1)

    def _enter(self, now: int, unit: int) -> None:
        """The command in the command register enters its unit as soon as that takes it."""
        u = self.units[unit]
        context, index = u.register
        u.enters = now if context.work.item[index] is None else max(now, self.pipes.ready(unit))
        self.events.at(u.enters, self._start, unit)

    def _settle(self, now: int) -> None:
        """What units take by now may let others end, or take a command, at another time."""
        for unit in self.pipes.settle(now):
            u = self.units[unit]
            if u.register:
                self._enter(max(now, u.picked + 1), unit)
            if u.under_way and u.under_way[0][1] is not None:
                self._due(now, unit)

    def _start(self, now: int, unit: int) -> None:
        """A unit takes the command in the command register, if nothing has changed that."""
        u = self.units[unit]
        if now != u.enters or not u.register:
            return
        (context, index), u.register = u.register, None
        item, done = context.work.item[index], now + 1
        if item is not None:
            done = self.pipes.accept(unit, now, item)
            if unit == Unit.MPU:
                self.array += item[1]
        u.entered = now
        flight = [NEVER]
        u.flight.append(flight)
        span = None
        if self.spans is not None:
            span = Span(now, done, self.number, context.slot, context.entry, unit, context.work.tag[index])
            self.spans.append(span)
        u.under_way.append((context, item, flight, span))
        if len(u.under_way) == 1:
            self._due(now + 1, unit)
        if item is not None:
            self._settle(now)
        self._ready(now, unit)

    def _due(self, now: int, unit: int) -> None:
        """The oldest instruction of a unit completes from `now` on, as soon as it is done."""
        u = self.units[unit]
        u.due = now if u.under_way[0][1] is None else max(now, self.pipes.done(unit))
        self.events.at(u.due, self._complete, unit)

    def _complete(self, now: int, unit: int) -> None:
        """The oldest instruction of a unit is done, if nothing has changed that."""
        u = self.units[unit]
        if now != u.due:
            return
        context, item, flight, span = u.under_way.popleft()
        u.due = -1
        if item is not None:
            self.pipes.over(unit)
        if u.under_way:
            self._due(now + 1, unit)
        if span is not None:
            span.done = now
        u.retiring.append((now, context, flight))
        self.events.at(now + 1, self._retire)

    def _retire(self, now: int) -> None:
        """Of the units that have completed instructions the first one retires its oldest: one a cycle."""
        retiring = [u.retiring for u in self.units if u.retiring and u.retiring[0][0] < now]
        if now <= self.retired or not retiring:
            return
        self.retired = now
        unit = next(i for i, u in enumerate(self.units) if u.retiring is retiring[0])
        _, context, flight = retiring[0].popleft()
        if len(retiring) > 1 or retiring[0]:
            self.events.at(now + 1, self._retire)
        flight[0] = now
        context.done[unit].append(now)
        context.left -= 1
        context.last = max(context.last, now - 1)
        u = self.units[unit]
        if u.full:
            u.full = False
            self._wake(now + 1, unit)
        if not context.left and context.front > len(context.work.unit):
            self.events.at(context.last + self.timing.over, self._over, context)
            return
        held = unit, len(context.done[unit])
        for other, waiting in enumerate(self.units):
            if any(h.slot == context.slot and held in h.waits for h in waiting.heads.heads):
                waiting.heads.reckon()
                self._ready(now, other)
