"""Task queue: the checks of a table, and which of its entries may be given to which core.

`TaskQueue` knows no time: `startable` lists the legal hand-outs in the order in which the hardware prefers them, `start` and
`complete` say what happened. The hardware (rtl/taskq) takes one of them; which, depends on how far it has looked.

* The window holds the oldest `window` entries that have not left it: a TASK leaves when it is given out, a WEIGHTS when all its
  cores have been given it. END ends the table; it takes no place.
* An entry waits until each of its waits holds: `signed16(event - value) >= 0`. Every run of an entry that is over (of a WEIGHTS one
  per core) increments its two events.
* On core c, an entry goes behind each older one in the window that may still go to c, shares an area with it, and of which one or
  both are WEIGHTS. A WEIGHTS also waits until nothing that runs on c uses its areas; a TASK of a set (not 0) until each of its areas
  holds that set on c: the last WEIGHTS given to c for that area was of this set, and is over. Without a set a TASK has no areas.
* No core has more than `contexts` tasks.

Preferred is WEIGHTS, then the highest priority, then the oldest; of its cores the one with the most free contexts, then the lowest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from models.isa import INSTRUCTION_BYTES, NUM_AREAS, NUM_EVENTS, NUM_TASK_WAITS, Cause, TaskKind, decode_task
from models.scheduler_check import ADDRESS_BITS

EVENT_BITS = 16

Fields = Mapping[str, int]


def decode_table(image: np.ndarray, count: int) -> tuple[list[dict[str, int]], Cause]:
    """Entries of a table of at most `count` up to END, that included; PROGRAM_RANGE where there is none."""
    table = []
    for index in range(count):
        table.append(decode_task(image[INSTRUCTION_BYTES * index:INSTRUCTION_BYTES * (index + 1)]))
        if table[-1]["kind"] == TaskKind.END:
            return table, Cause.NONE
    return table, Cause.PROGRAM_RANGE


def check_table(base: int, count: int, window: tuple[int, int]) -> Cause:
    """Why TASK_BASE and TASK_COUNT cannot be used with that read window (first byte, byte behind)."""
    end = base + INSTRUCTION_BYTES * count
    if base % INSTRUCTION_BYTES:
        return Cause.MISALIGNED
    if base < window[0] or end > min(window[1], 1 << ADDRESS_BITS):
        return Cause.WINDOW_RANGE
    return Cause.PROGRAM_RANGE if count == 0 else Cause.NONE


def check_entry(fields: Fields, cores: int) -> Cause:
    """Why an entry cannot be used on a machine with that many cores."""
    kind = fields["kind"]
    if kind not in set(TaskKind):
        return Cause.ILLEGAL_OPCODE
    if kind == TaskKind.END:
        return Cause.NONE
    if not fields["cores"] & (1 << cores) - 1:
        return Cause.ILLEGAL_FIELD
    if (kind == TaskKind.WEIGHTS and not fields["set"]) or ((kind == TaskKind.WEIGHTS or fields["set"]) and not fields["areas"]):
        return Cause.ILLEGAL_FIELD
    return Cause.NONE if fields["length"] else Cause.ZERO_LENGTH


def _holds(event: int, value: int) -> bool:
    return (event - value) % (1 << EVENT_BITS) < 1 << EVENT_BITS - 1


class TaskQueue:
    """Window, events, weight sets and contexts of a table whose entries pass the checks."""

    def __init__(self, table: Sequence[Fields], cores: int, contexts: int, window: int) -> None:
        self.table, self.cores, self.contexts, self.size = table, cores, contexts, window
        self.next = 0  # entry that enters the window next
        self.pending: dict[int, set[int]] = {}  # window, oldest first: cores to which the entry may still go
        self.running: list[list[int]] = [[] for _ in range(cores)]
        self.events = [0] * NUM_EVENTS
        self.held: list[list[int]] = [[0] * NUM_AREAS for _ in range(cores)]  # weight set of each area, 0: none, or under way
        self._areas = [f["areas"] if f["set"] else 0 for f in table]
        self._weights = [f["kind"] == TaskKind.WEIGHTS for f in table]
        self._behind: dict[int, set[int]] = {}  # what `behind` has found since the window last changed
        self._enter()

    def _enter(self) -> None:
        while len(self.pending) < self.size and not self.ended:
            mask = self.table[self.next]["cores"]
            self.pending[self.next] = {c for c in range(self.cores) if mask >> c & 1}
            self.next += 1

    @property
    def ended(self) -> bool:
        """Whether END stands before the window's next entry."""
        return self.next >= len(self.table) or self.table[self.next]["kind"] == TaskKind.END

    @property
    def finished(self) -> bool:
        """END was reached and everything given out is over."""
        return self.ended and not self.pending and not any(self.running)

    def areas(self, entry: int) -> int:
        """Areas of the shared buffers that an entry uses."""
        return self._areas[entry]

    def waits_hold(self, entry: int) -> bool:
        """Whether every wait of an entry holds."""
        f = self.table[entry]
        return all(_holds(self.events[f[f"wait{w}_event"]], f[f"wait{w}_value"])
                   for w in range(NUM_TASK_WAITS) if f[f"wait{w}_event"])

    def free(self, core: int) -> int:
        """Contexts of a core without a task."""
        return self.contexts - len(self.running[core])

    def behind(self, entry: int) -> set[int]:
        """Cores on which an entry goes behind an older one of the window, for the areas that they share."""
        if entry not in self._behind:
            areas, weights = self._areas[entry], self._weights[entry]
            self._behind[entry] = set().union(*(cores for older, cores in self.pending.items() if older < entry
                                                and areas & self._areas[older] and (weights or self._weights[older])))
        return self._behind[entry]

    def fits(self, entry: int, core: int) -> bool:
        """Whether a core may get an entry of the window as far as weight sets and areas are concerned."""
        if core in self.behind(entry):
            return False
        areas = self._areas[entry]
        if self._weights[entry]:
            return not any(areas & self._areas[e] for e in self.running[core])
        number = self.table[entry]["set"]
        return all(held == number for area, held in enumerate(self.held[core]) if areas >> area & 1)

    def preference(self, entry: int) -> tuple[int, int, int]:
        """Sorts entries, the preferred first."""
        return -self._weights[entry], -self.table[entry]["priority"], entry

    def ready(self, cores: Iterable[int] | None = None) -> list[tuple[int, int]]:
        """(entry, core): every hand-out that is legal as soon as the core, one of `cores` (default: all), has a free context, the
        preferred first."""
        cores = sorted(range(self.cores) if cores is None else cores, key=lambda c: (-self.free(c), c))
        entries = sorted((e for e in self.pending if self.waits_hold(e)), key=self.preference) if cores else []
        return [(e, c) for e in entries for c in cores if c in self.pending[e] and self.fits(e, c)]

    def startable(self) -> list[tuple[int, int]]:
        """(entry, core): every legal hand-out, the preferred first."""
        return self.ready(c for c in range(self.cores) if self.free(c) > 0)

    def start(self, entry: int, core: int) -> None:
        """An entry of the window is given to a core."""
        self._behind.clear()
        if self._weights[entry]:
            self.pending[entry].remove(core)
            self._hold(entry, core, 0)
        else:
            self.pending[entry].clear()
        if not self.pending[entry]:
            del self.pending[entry]
        self.running[core].append(entry)
        self._enter()

    def signal(self, event: int) -> None:
        """Count an event; 0 is none."""
        if event:
            self.events[event] = (self.events[event] + 1) % (1 << EVENT_BITS)

    def complete(self, entry: int, core: int, signals: Sequence[str] = ("signal0", "signal1")) -> None:
        """An entry is over on a core, and signals what it has not yet signalled."""
        self.running[core].remove(entry)
        f = self.table[entry]
        for name in signals:
            self.signal(f[name])
        if self._weights[entry]:
            self._hold(entry, core, f["set"])

    def _hold(self, entry: int, core: int, number: int) -> None:
        for area in range(NUM_AREAS):
            if self._areas[entry] >> area & 1:
                self.held[core][area] = number


def stuck(table: Sequence[Fields], cores: int) -> list[int]:
    """Entries that need what the entries before them do not give: enough signals (a WEIGHTS signals once a core) or, on one of its
    cores at least, its weight set in each of its areas. Such a table may stop for ever; one without goes on, in any legal order.
    """
    given: Counter[int] = Counter()
    held = [[0] * NUM_AREAS for _ in range(cores)]
    bad = []
    for index, f in enumerate(table):
        if f["kind"] == TaskKind.END:
            break
        weights = f["kind"] == TaskKind.WEIGHTS
        own = [c for c in range(cores) if f["cores"] >> c & 1]
        areas = [a for a in range(NUM_AREAS) if f["set"] and f["areas"] >> a & 1]
        waits = [(f[f"wait{w}_event"], f[f"wait{w}_value"]) for w in range(NUM_TASK_WAITS)]
        if not all(_holds(given[event], value) for event, value in waits if event):
            bad.append(index)
        elif not weights and not any(all(held[c][a] == f["set"] for a in areas) for c in own):
            bad.append(index)
        for core in own if weights else ():
            for area in areas:
                held[core][area] = f["set"]
        for event in (f["signal0"], f["signal1"]):
            if event:
                given[event] += len(own) if weights else 1
    return bad
