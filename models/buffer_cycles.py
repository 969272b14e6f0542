"""Who waits for whom at the banks of vbuf and abuf, to the cycle (rtl/buffer, docs/buffer.md).

A bank serves one read and one write a cycle, the lowest port first. What a port takes is kept as *streams*: an integer with one field a
cycle, from a first cycle on, in which every bank has a bit. So two streams meet where the AND of their integers is not 0, which is one
operation for thousands of cycles; only where they do, requests are followed one by one.

What begins later may take banks from what is under way. A `Pipe` therefore plays its commands again, from the first that is concerned,
when a port in front of its own takes what was not known before; `settle` lets all pipes of a core do so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from models.timing import NEVER

BANKS = 8  # of vbuf
PIECE = 64  # fields of a stream that are taken out of it at a time: it is a long integer, they are short ones
SLACK = 64  # cycles by which requests are late, more is looked for anew


def mask(unit: int, banks: int = BANKS, units: int = 2, step: int = 1) -> int:
    """Banks of `units` units from `unit` on, `step` apart."""
    out = 0
    for i in range(units):
        out |= 1 << (unit + i * step) % banks
    return out


def in_fields(bits: int, width: int, number: int) -> list[int]:
    """The first `number` fields of a stream."""
    full = (1 << width) - 1
    return [bits >> width * i & full for i in range(number)]


def joined(fields: Sequence[int], width: int) -> int:
    """A stream of such fields."""
    return sum(field << width * i for i, field in enumerate(fields))


def in_bytes(taken: int) -> bytes:
    """Banks of vbuf that are taken, a byte a cycle."""
    return taken.to_bytes((taken.bit_length() + 7) // 8, "little")


@lru_cache(1 << 12)
def later(wanted: int, length: int, late: int, width: int) -> tuple[int, int]:
    """What is left to ask for, and for how long, when it is late by some cycles: where nothing is asked for it catches up."""
    out, place = 0, 0
    for begin in range(0, length, PIECE):
        fields = in_fields(wanted & (1 << width * PIECE) - 1, width, min(PIECE, length - begin))
        taken = next(islice((i + 1 for i, field in enumerate(fields) if not field), late - 1, None), len(fields)) if late else 0
        kept = [field for field in fields[:taken] if field]
        out |= joined(kept, width) << width * place
        wanted, late, place = wanted >> width * taken, late - taken + len(kept), place + len(kept)
        if not late:
            return out | wanted << width * place, length - begin - taken + place
    return out, place


@lru_cache(1 << 14)
def _follow(busy: int, wanted: int, length: int, known: int, width: int, whole: bool, gaps: bool) -> tuple[int, int] | None:
    """What `Port.serve` takes, and in how many cycles, where others take `busy`, of which `length + known` cycles are known; None if
    these do not tell."""
    full, at, taken, known = (1 << width) - 1, 0, 0, known + length
    while clash := busy & wanted:
        first = ((clash & -clash).bit_length() - 1) // width
        taken |= (wanted & (1 << width * first) - 1) << width * at
        at, wanted, busy, length, known = at + first, wanted >> width * first, busy >> width * first, length - first, known - first
        left, since = wanted & full, at
        while left:
            got = left & ~busy
            if whole and got != left:
                got = 0
            taken |= (got & full) << width * at
            left &= ~got
            at, busy, known = at + 1, busy >> width, known - 1
            if known < length + 1:
                return None
        wanted, length = wanted >> width, length - 1
        if gaps:
            wanted, length = later(wanted, length, at - since - 1, width)
    return taken | wanted << width * at, at + length


class Port:
    """What one port of a buffer takes, oldest first; of the ports `ahead` every one is served before it. A request of a read (`whole`)
    needs all its banks in one cycle, of a write every bank in some cycle. `banks`: bits of a cycle."""

    def __init__(self, *ahead: Port, banks: int = BANKS, whole: bool = True) -> None:
        self.ahead, self.banks, self.whole = ahead, banks, whole
        self.streams: deque[tuple[int, int, int]] = deque()  # first cycle, last, bits
        self.removed: list[tuple[int, int, int]] = []  # by `cut`, newest first
        self.added = 0
        self.watchers: list[Pipe] = []
        self.needed = False  # it is ahead of a port that is used
        self.keep = 0  # what ended before concerns nobody any more

    def add(self, begin: int, bits: int) -> None:
        """Take the banks `bits` from cycle `begin` on."""
        if not bits or not self.needed:
            return
        stream = begin, begin + (bits.bit_length() - 1) // self.banks, bits
        while self.streams and self.streams[0][1] < self.keep:
            self.streams.popleft()
        self.streams.append(stream)
        self.added += 1
        if self.removed and self.removed[-1] == stream:
            self.removed.pop()
            return
        self.tell(begin)

    def tell(self, begin: int) -> None:
        """From `begin` on, or from where the first removed stream began, another takes place than was known."""
        begin = min([begin, *(s[0] for s in self.removed)])
        self.removed.clear()
        for pipe in self.watchers:
            pipe.stale = min(pipe.stale, begin)

    def cut(self, added: int) -> None:
        """Forget what was added since `added` streams had been."""
        while self.added > added:
            self.removed.append(self.streams.pop())
            self.added -= 1

    def busy(self, begin: int, cycles: int = NEVER) -> int:
        """What the ports ahead take from `begin` on, for some cycles."""
        out, width = 0, self.banks
        for port in self.ahead:
            for first, last, bits in reversed(port.streams):
                if last < begin:
                    break
                if first >= begin + cycles:
                    continue
                shift = width * (first - begin)
                out |= bits << shift if shift >= 0 else bits >> -shift
        return out & (1 << width * cycles) - 1 if cycles < NEVER else out

    def serve(self, at: int, wanted: int, length: int, before: int = -1, gaps: bool = False) -> int:
        """Requests of which one stands in every cycle of `length` from `at` on, with `gaps` none where no bit is set, each behind the one
        before, the first behind `before`; take the banks, and return the last cycle. A read that is refused holds up the cycles behind
        it; a write only until a cycle comes in which none is asked for."""
        width = self.banks
        if before >= at:
            if gaps:
                wanted, length = later(wanted, length, before + 1 - at, width)
            at = before + 1
        if not self.needed and not any(port.streams and port.streams[-1][1] >= at for port in self.ahead):
            return at + length - 1
        known = SLACK  # cycles of `busy` behind those in which it should end
        busy = self.busy(at, length + known)
        if busy & wanted:
            while not (served := _follow(busy, wanted, length, known, width, self.whole, gaps)):
                known *= 4
                busy = self.busy(at, length + known)
            wanted, length = served
        self.add(at, wanted)
        return at + length - 1


@dataclass
class Command:
    """One under way: when it was taken, what it is, the pipe and its ports before it, its end and its last request as known by now."""

    now: int
    item: tuple
    before: tuple
    added: tuple[int, ...]
    done: int = 0
    until: int = 0


class Pipe(ABC):
    """A unit of a core. `STATE` names what a command changes; `ports` are its own. `free`: when it takes another command."""

    STATE: tuple[str, ...] = ()

    def __init__(self, *ports: Port) -> None:
        self.ports = ports
        self.under_way: deque[Command] = deque()
        self.stale = NEVER  # first cycle in which ports ahead take otherwise than was known
        self.free = 0

    def watch(self) -> None:
        """The pipe is used: it has to know what the ports ahead take."""
        for ahead in {id(a): a for port in self.ports for a in port.ahead}.values():
            ahead.needed = True
            if ahead not in self.ports:
                ahead.watchers.append(self)

    @abstractmethod
    def play(self, now: int, item: tuple) -> tuple[int, int]:
        """Take a command in cycle `now`, set `free`: (when it is done, cycle of its last request) as far as is known."""

    def accept(self, now: int, item: tuple) -> int:
        """Take a command in cycle `now`; when it is done, as far as is known."""
        command = Command(now, item, tuple(getattr(self, name) for name in self.STATE), tuple(port.added for port in self.ports))
        self.under_way.append(command)
        command.done, command.until = self.play(now, item)
        return command.done

    def settle(self) -> bool:
        """Play again what was played on what is not true any more; whether there was any."""
        stale, self.stale = self.stale, NEVER
        first = next((i for i, c in enumerate(self.under_way) if c.until >= stale), -1)
        if first < 0:
            return False
        again = [self.under_way[i] for i in range(first, len(self.under_way))]
        for name, value in zip(self.STATE, again[0].before, strict=True):
            setattr(self, name, value)
        for port, added in zip(self.ports, again[0].added, strict=True):
            port.cut(added)
        for command in again:
            command.before = tuple(getattr(self, name) for name in self.STATE)
            command.added = tuple(port.added for port in self.ports)
            command.done, command.until = self.play(command.now, command.item)
        for port in self.ports:
            if port.removed:
                port.tell(NEVER)
        return True


def settle(pipes: Sequence[Pipe], now: int) -> list[Pipe]:
    """Let `pipes`, those in front first, play again what others change, and return these; what ended before all that is under way is
    forgotten."""
    again = []
    while stale := [pipe for pipe in pipes if pipe.stale < NEVER]:
        again += [pipe for pipe in stale if pipe.settle()]
    keep = min([now, *(pipe.under_way[0].now for pipe in pipes if pipe.under_way)])
    for pipe in pipes:
        for port in pipe.ports:
            port.keep = keep
    return again
