"""Time for the cycle model: the constants of scheduler and task queue, and a list of events.

The constants count registers of rtl/scheduler and rtl/taskq; models/tests/test_cycles.py adds them up, host/tests/test_cycles.py
compares with the RTL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from models.isa import Opcode


NEVER = 1 << 62  # a cycle that does not come


@dataclass(frozen=True)
class Timing:
    """Cycles of scheduler and task queue; `latency` is the memory's, from an accepted request to its first beat or its response."""

    latency: int = 32
    begin: int = 2  # start of the table -> its first entry leaves the fetch, the memory's latency excluded
    entry: int = 2  # beats of an entry
    scan: int = 3  # an entry has its turn -> it may go
    clear: int = 4  # an entry may go -> when it is given out, those behind it are free to be looked at
    admit: int = 6  # the same -> the entry that takes its place is
    leave: int = 3  # the same -> its place is free
    give: int = 4  # it may go -> its core starts the fetch
    between: int = 3  # hand-outs
    again: int = 4  # hand-outs to the same core
    fetch: int = 2  # the fetch starts -> first request at the memory
    offer: int = 3  # first beat of an instruction -> it is before the check
    check: Mapping[Opcode, int] = field(default_factory=lambda: {
        Opcode.LOAD: 9, Opcode.STORE: 9, Opcode.GEMM: 16, Opcode.SFU: 13, Opcode.SU: 13, Opcode.RU: 12, Opcode.END: 1})
    head: int = 1  # pushed into an empty queue, or the one before is picked -> the head is looked at first, tested a cycle later
    seen: int = 1  # a completion is retired -> a test that sees it
    test: int = 2  # a test that holds -> the next one of the same head
    over: int = 2  # the last completion of a task, or the cycle before END passes the check -> the task queue is told
    end: int = 7  # the last task is over -> the table is


class Events:
    """What is to happen, by time; of one cycle in the order in which it was asked for."""

    def __init__(self) -> None:
        self.heap: list[tuple] = []
        self.number = 0

    def at(self, time: int, what: Callable[..., None], *values: object) -> None:
        """Call `what(time, *values)` at `time`."""
        self.number += 1
        heappush(self.heap, (time, self.number, what, values))

    def run(self) -> None:
        """Until nothing is left."""
        heap = self.heap
        while heap:
            now, _, what, values = heappop(heap)
            what(now, *values)
