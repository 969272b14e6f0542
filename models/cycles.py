"""The cycle model: when every instruction of a table of tasks starts and completes, without data.

`simulate` plays the task queue (models/taskq_cycles.py), each core's fetch, check and queues (models/scheduler_cycles.py), and its
units (models/unit_cycles.py), event by event. What an instruction's time depends on comes from a run of models/core.py (rows, lists,
passes), or is what is expected of them. host/tests/test_cycles.py holds the model to 2 % of the RTL; docs/cycles.md says what it knows and
what not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models import unit_cycles
from models.config import Config
from models.fetch_cycles import PAGE_INSTRUCTIONS, Work
from models.isa import NUM_WAITS, UNIT_OF, Opcode, Unit
from models.scheduler_cycles import Core, Span
from models.taskq import TaskQueue
from models.taskq_cycles import HandOuts
from models.timing import Events, Timing

__all__ = ["Outcome", "Span", "Timing", "Work", "simulate", "work"]

Fields = Mapping[str, int]


def work(program: Sequence[Fields], rows: Sequence[int], seen: Sequence[int | tuple[int, ...]], config: Config, timing: Timing = Timing(),
         base: int = 0) -> Work:
    """A task's program at HBM address `base`, without its END; `rows` and `seen` as models/core.py has them, or empty. Semaphore
    1 + u counts the completions of unit u, as the compiler's programs have it."""
    out = Work([], [], [], [], [], [], base // 64 % PAGE_INSTRUCTIONS)
    for index, f in enumerate(program):
        opcode = Opcode(f["opcode"])
        out.unit.append(int(UNIT_OF[opcode]))
        out.item.append(unit_cycles.item(f, rows[index] if rows else -1, seen[index] if seen else -1, config))
        out.check.append(timing.check[opcode])
        out.waits.append(tuple((f[f"wait{i}_sem"] - 1, f[f"wait{i}_val"]) for i in range(NUM_WAITS) if f[f"wait{i}_sem"]))
        out.counted.append(bool(f["count"]))
        out.tag.append(f["tag"])
    out.unit.append(-1)
    out.check.append(timing.check[Opcode.END])
    return out


@dataclass
class Outcome:
    """`cycles` from the start of the table to its end; spans of instructions; (start, end, core, context, entry) of tasks; `busy`
    cycles in which the array of each core's matrix unit worked."""

    cycles: int
    spans: list[Span]
    tasks: list[tuple[int, int, int, int, int]]
    array: list[int]

    def busy(self, unit: Unit) -> list[int]:
        """Cycles in which a unit had an instruction, per core."""
        total, reached = [0] * len(self.array), [0] * len(self.array)
        for s in sorted((s for s in self.spans if s.unit == unit), key=lambda s: s.start):
            total[s.core] += max(0, s.done - max(s.start, reached[s.core]))
            reached[s.core] = max(reached[s.core], s.done)
        return total


def simulate(config: Config, table: Sequence[Fields], works: Sequence[Work], *, cores: int | None = None,
             contexts: int | None = None, timing: Timing = Timing(), record: bool = True) -> Outcome:
    """Cycles of a table on `cores` cores of which each uses `contexts` contexts (default: those of the configuration)."""
    count = config.cores if cores is None else cores
    queue = TaskQueue(table, count, config.contexts if contexts is None else contexts, config.task_window)
    events, spans, tasks = Events(), [], []

    def begin(now: int, entry: int, core: int) -> None:
        machine[core].begin(now + 1, works[entry], entry, table[entry]["priority"])

    def over(now: int, core: int, context: object) -> None:
        tasks.append((context.began, now, core, context.slot, context.entry))
        hand_outs.over(now, context.entry, core, context.slot)

    hand_outs = HandOuts(queue, timing, events, begin)
    used = {unit for w in works for unit in w.unit}
    machine = [Core(c, config, timing, events, over, spans if record else None, used) for c in range(count)]
    hand_outs.start()
    events.run()
    if not queue.finished:
        raise AssertionError("the table does not come to its end: a wait can never hold")
    end = max((t[1] for t in tasks), default=timing.begin + timing.latency) + timing.end
    return Outcome(end, spans, tasks, [core.array for core in machine])
