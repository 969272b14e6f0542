"""Functional coverage of the task queue's environment. It keeps a model of its own, so that it sees what a hand-out was chosen from."""

from __future__ import annotations

import os

from pyuvm import ConfigDB, uvm_subscriber

from models.config import Config
from models.isa import TaskKind
from models.taskq import TaskQueue
from tb.common.coverage import Coverage
from tb.taskq.stimulus import FAULTS, PACES, STYLES

LATENCIES = (1, 8, 60)


class TaskqCoverage(uvm_subscriber):
    """Counts the events of driver and monitor."""

    def build_phase(self) -> None:
        super().build_phase()
        self.config: Config = ConfigDB().get(self, "", "CONFIG")
        self.coverage = Coverage("taskq", os.environ.get("FVGM_RUN", "run"))
        cores, contexts, cover = self.config.cores, self.config.contexts, self.coverage
        several = ["one", "several"] if cores > 1 else ["one"]
        cover.point("cp_fault", FAULTS)
        cover.point("cp_style", STYLES)
        cover.point("cp_pace", PACES)
        cover.cross("cp_style_x_pace", "cp_style", "cp_pace")
        cover.point("cp_table_latency", LATENCIES)
        cover.point("cp_entries", ["one", "few", "some", "many"])
        cover.point("cp_contexts", ["limited", "all"] if contexts > 1 else ["all"])
        cover.point("cp_what", ["TASK", "TASK of a set", "WEIGHTS"], goal=20)
        cover.point("cp_entry_waits", range(5), goal=5)
        cover.point("cp_wait_behind_zero", [True, False])
        cover.point("cp_signals", ["none", "one", "two", "one twice"])
        cover.point("cp_entries_to_choose", ["one", "several"], goal=20)
        cover.point("cp_cores_to_choose", several, goal=20)
        cover.point("cp_overtakes", ["nothing", "one that waits for events", "one that may go"], goal=5)
        cover.point("cp_weights_wait_for", ["older entry", "running task"] if contexts > 1 else ["older entry"], goal=5)
        cover.point("cp_set_is", ["loaded", "not loaded"], goal=5)
        cover.point("cp_running", ["one", "several", "core full"] if contexts > 2 else ["one", "core full"][contexts < 2:], goal=5)
        cover.point("cp_context", range(contexts), goal=5)
        cover.point("cp_taken", ["at once", "later"], goal=20)
        cover.point("cp_ends_at_once", ["one", "several"] if cores * contexts > 1 else ["one"])
        self.ends: tuple[int, int] = (0, 0)
        self.offered: dict[int, int] = {}

    def write(self, event: tuple) -> None:
        """Count one event."""
        function = getattr(self, f"on_{event[0]}", None)
        if function:
            function(*event[1:])

    def on_begin(self, item) -> None:
        cover = self.coverage
        contexts = self.config.contexts
        limit = item.contexts if 0 < item.contexts <= contexts else contexts
        cover.sample("cp_fault", item.fault)
        if item.fault == "none":
            cover.sample_all(cp_style=item.style, cp_pace=item.pace)
        cover.sample("cp_table_latency", item.latency)
        number = len(item.table) - 1
        cover.sample("cp_entries", "one" if number <= 1 else "few" if number <= 8 else "some" if number <= 25 else "many")
        cover.sample("cp_contexts", "limited" if limit < contexts else "all")
        self.queue = TaskQueue(item.table, self.config.cores, limit, self.config.task_window)

    def on_offer(self, cycle: int, core: int, task: dict[str, int], open_: int, load: int) -> None:
        cover, queue, entry = self.coverage, self.queue, task["seq"]
        self.offered[core] = cycle
        choices = queue.startable()
        if (entry, core) not in choices:
            return  # the scoreboard will say so
        f = queue.table[entry]
        weights = f["kind"] == TaskKind.WEIGHTS
        cover.sample("cp_what", "WEIGHTS" if weights else "TASK of a set" if f["set"] else "TASK")
        waits = [w for w in range(4) if f[f"wait{w}_event"]]
        cover.sample("cp_entry_waits", len(waits))
        for w in waits:
            cover.sample("cp_wait_behind_zero", f[f"wait{w}_value"] >= 0x8000)
        signals = [f[f"signal{s}"] for s in range(2) if f[f"signal{s}"]]
        cover.sample("cp_signals", "none" if not signals else "one" if len(signals) == 1 else "one twice" if len(set(signals)) == 1 else "two")
        cover.sample("cp_entries_to_choose", "several" if len({e for e, _ in choices}) > 1 else "one")
        cover.sample("cp_cores_to_choose", "several" if len([c for e, c in choices if e == entry]) > 1 else "one")
        older = [e for e in queue.pending if e < entry]
        ready = {e for e, _ in choices}
        cover.sample("cp_overtakes", "one that may go" if ready & set(older) else
                     "one that waits for events" if any(not queue.waits_hold(e) for e in older) else "nothing")
        for e in queue.pending:
            uses = queue.areas(e)
            if queue.table[e]["kind"] == TaskKind.WEIGHTS:
                for c in queue.pending[e]:
                    if any(o < e and c in p and uses & queue.areas(o) for o, p in queue.pending.items()):
                        cover.sample("cp_weights_wait_for", "older entry")
                    elif any(uses & queue.areas(r) for r in queue.running[c]):
                        cover.sample("cp_weights_wait_for", "running task")
            elif queue.table[e]["set"]:
                for c in queue.pending[e]:
                    cover.sample("cp_set_is", "loaded" if queue.fits(e, c) else "not loaded")
        queue.start(entry, core)

    def on_take(self, cycle: int, core: int, context: int, running: int) -> None:
        cover = self.coverage
        cover.sample("cp_context", context)
        full = running == self.config.contexts
        cover.sample("cp_running", "core full" if full else "one" if running == 1 else "several")
        cover.sample("cp_taken", "at once" if cycle == self.offered[core] else "later")

    def on_done(self, cycle: int, core: int, entry: int) -> None:
        number = self.ends[1] + 1 if self.ends[0] == cycle else 1
        self.ends = cycle, number
        self.coverage.sample("cp_ends_at_once", "several" if number > 1 else "one")
        self.queue.complete(entry, core)
