"""Scoreboard of the task queue: each hand-out against models/taskq.py.

The model is told of a hand-out when it is offered, of an end when the core says so, and of nothing else, so it always knows at least
as much as the hardware. Legal: the hand-out is among the model's choices. Preferred: the hardware needs up to `settle` cycles to see
what the model sees (services of other ends, one turn of the rotation, the pipelines). An entry that has been ready for a core for
longer (settled) must not be better than the one that was given out, if the core was open when the selection looked, SELECTION cycles
before; nor may one of the entry's other cores be better. Prompt: a settled entry must not stand while its core is open and nothing is
handed out. What the selection takes for open, and for the number of a core's tasks (white box), must be what the model says whenever
no end is younger than its service takes.
"""

from __future__ import annotations

from collections import Counter

from pyuvm import ConfigDB, uvm_subscriber

from models.config import Config
from models.isa import Cause, TaskKind
from models.taskq import TaskQueue
from tb.taskq.stimulus import ENTRY_FAULTS, Item

PIPELINE = 16  # cycles of all the pipelines between an end, or an entry's arrival, and a selection
SELECTION = 3  # cycles from the selection's look to the offer
STATUS = {"idle": 1, "busy": 2, "done": 4, "error": 8, "resetting": 16}


class TaskqScoreboard(uvm_subscriber):
    """Checks events of the monitor: (kind, cycle, ...)."""

    def build_phase(self) -> None:
        super().build_phase()
        self.config: Config = ConfigDB().get(self, "", "CONFIG")
        self.corrupt = ConfigDB().get(self, "", "CORRUPT")
        self.item: Item | None = None
        self.tables = self.handouts = self.compared = self.compared_entries = 0
        cores, contexts, window = self.config.cores, self.config.contexts, self.config.task_window
        self.service = 2 * cores * contexts
        self.settle = self.service + window + PIPELINE

    def write(self, event: tuple) -> None:
        """Dispatch by kind."""
        if event[0] != "take":
            getattr(self, event[0])(*event[1:])

    def begin(self, item: Item) -> None:
        """A table starts."""
        contexts = self.config.contexts
        self.limit = item.contexts if 0 < item.contexts <= contexts else contexts
        self.item = item
        self.bad = item.at if item.fault in (*ENTRY_FAULTS, "fetch") else len(item.table)
        table = [dict(f) for f in item.table[:self.bad]]
        self.counted = item.fault in (*ENTRY_FAULTS, "fetch", "no_end")  # stops by itself once the window has entry `bad` - 1
        if self.corrupt == "wait" and table:  # the scoreboard believes in a wait that is not there
            table[0] |= {"wait0_event": 77, "wait0_value": 0x4000}
        self.queue = TaskQueue(table, self.config.cores, self.limit, self.config.task_window)
        self.admitted = 0
        self.since: dict[tuple[int, int], int] = {}
        self.closed = [0] * self.config.cores  # last cycle with an offer or an end
        self.last = 0  # hand-out
        self.given: Counter[tuple[str, int]] = Counter()
        self.expected_running = [0] * self.config.cores  # cycles with a task, offered or running
        self.stopped = False
        self.tables += 1

    def _look(self, cycle: int) -> None:
        now = {(e, c) for e, c in self.queue.ready() if e < self.admitted}
        self.since = {g: self.since.get(g, cycle) for g in now}

    def admit(self, cycle: int) -> None:
        """An entry took a place in the window."""
        self.admitted += 1
        self._look(cycle)

    def _settled(self, cycle: int, open_: int) -> list[tuple[int, int]]:
        return [(e, c) for (e, c), t in self.since.items() if cycle - t > self.settle and open_ >> c & 1]

    def offer(self, cycle: int, core: int, task: dict[str, int], open_: int, load: int) -> None:
        """A task is offered to a core; open_: cores among which the selection chose, load: their tasks by then, 4 bits each."""
        queue, entry = self.queue, task["seq"]
        assert not self.stopped, f"entry {entry} is given out after the error"
        assert (entry, core) in queue.startable(), f"entry {entry} may not go to core {core}; legal: {queue.startable()}"
        f = queue.table[entry]
        wanted = {"tag": f["tag"], "prio": f["priority"], "length": f["length"], "base": f["base"]}
        found = {name: task[name] for name in wanted}
        assert found == wanted, f"entry {entry}: payload {found}, not {wanted}"
        tasks = [load >> 4 * c & 15 for c in range(self.config.cores)]
        for other, where in self._settled(cycle - SELECTION, open_):
            assert queue.preference(entry) <= queue.preference(other), f"entry {entry} is given out before entry {other}"
            if other == entry:
                better = (tasks[where], where) < (tasks[core], core)
                assert not better, f"entry {entry} goes to core {core}, core {where} is preferred"
                self.compared += where != core
            else:
                self.compared_entries += 1
        kind = "weights" if f["kind"] == TaskKind.WEIGHTS else "tasks"
        self.given[kind, core] += 1
        self.handouts += 1
        queue.start(entry, core)
        self.last = cycle
        self._look(cycle)

    def busy(self, cycle: int, core: int) -> None:
        """A task stands at the port of a core in this cycle."""
        self.closed[core] = cycle

    def done(self, cycle: int, core: int, entry: int) -> None:
        """An entry is over."""
        self.queue.complete(entry, core)
        self.closed[core] = cycle
        self._look(cycle)

    def tick(self, cycle: int, steady: int, open_: int, load: int) -> None:
        """Now and then: what settled must have been handed out to cores open for 10 cycles (steady); open_ and load must be right."""
        late = self._settled(cycle - 10, steady)
        stopped = self.stopped or (self.counted and self.admitted >= self.bad)
        assert not late or cycle - self.last < 12 or stopped, f"nothing is handed out, though {late} may go"
        for core in range(self.config.cores):
            if cycle - self.closed[core] > self.service + 8:
                tasks = len(self.queue.running[core])
                assert load >> 4 * core & 15 == tasks, f"core {core} has {tasks} tasks, not {load >> 4 * core & 15}"
                assert open_ >> core & 1 == (tasks < self.limit), f"core {core} is open: {open_ >> core & 1}, tasks {tasks}"

    def stop(self) -> None:
        """The core has failed: from now on nothing is handed out."""
        self.stopped = True

    def end(self, cycle: int, out: dict[str, int]) -> None:
        """The interrupt came; `out` are the registers."""
        item, queue = self.item, self.queue
        if item.fault == "reset" and not out["status"] & STATUS["done"]:
            return
        index = item.index
        if item.cause == Cause.NONE:
            assert queue.finished, f"done, but {list(queue.pending)} were not given out and {queue.running} run"
            for core in range(self.config.cores):
                for kind in ("tasks", "weights"):
                    counted = out[f"count_core{core}_{kind}"]
                    assert counted == self.given[kind, core], f"core {core}: {counted} {kind} counted, {self.given[kind, core]} given"
        else:
            if item.cause == Cause.DEADLOCK:
                assert not queue.startable() and not any(queue.running), "a deadlock, though something may go or runs"
                index = min(queue.pending)
            for core, running in enumerate(queue.running):
                assert not running or (item.cause == Cause.CORE_ERROR and core == item.bad_core), f"core {core} runs at the error"
        status = STATUS["idle"] | STATUS["done"] if item.cause == Cause.NONE else STATUS["error"]
        wanted = {"status": status, "cause": int(item.cause), "core": item.bad_core if item.cause == Cause.CORE_ERROR else 0,
                  "index": index, "address": item.address}
        found = {name: out[name] for name in wanted}
        assert found == wanted, f"{item.fault}: {found}, not {wanted}"
        for core in range(self.config.cores):
            active = out[f"count_core{core}_active"]
            slack = (self.service + 12) * (self.given["tasks", core] + self.given["weights", core])
            assert self.expected_running[core] <= active <= self.expected_running[core] + slack, f"core {core}: active {active}"
            assert out[f"count_core{core}_starved"] + out[f"count_core{core}_full"] <= out["cycles"]
            assert active <= out["cycles"]

    def running(self, core: int, cycles: int) -> None:
        """A core had at least one task, offered or running, for so many cycles."""
        self.expected_running[core] = cycles
