"""An executor that takes every freedom the hardware has, to find missing waits.

Any entry that the task queue may give out (models/taskq.py) goes to any core that may have it, at any time, into any free
context. Inside a context each unit takes instructions from its queue in order, but starts the next one before the last has
completed (up to `OVERLAP` in flight), and completes them in order. Between start and completion an instruction's memory
effect happens at a moment of its own: at its start, at its completion, or when chance says so. Units of all contexts take
turns at random. A table whose waits are complete gives the same memory for every choice.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from compiler.model import Compiled
from models.core import State
from models.isa import NUM_COUNTS, TaskKind, Unit
from models.scheduler import DeadlockError, Queues, decode_program
from models.taskq import TaskQueue, decode_table

OVERLAP = 3
EAGER, LATE = 0.35, 0.75  # bounds of a uniform draw: at start, at completion, somewhere between


class _Context:
    """A task under way. `flying[unit]`: [index, effect happened, effect waits for the end]."""

    def __init__(self, entry: int, core: int, context: int, program: list, depth: int) -> None:
        self.entry, self.core, self.context, self.program = entry, core, context, program
        self.queues = Queues(program, depth)
        self.flying: dict[Unit, deque[list]] = {unit: deque() for unit in Unit}
        self.done = 0

    def moves(self) -> list[tuple[str, Unit]]:
        """What may happen next."""
        out = [("start", u) for u in self.queues.startable() if len(self.flying[u]) < OVERLAP]
        out += [("finish", u) for u in Unit if self.flying[u]]
        return out + [("effect", u) for u in Unit if any(not e[1] and not e[2] for e in self.flying[u])]


class Adversary:
    """One random run of the table in `memory`, an image of a compiled program."""

    def __init__(self, compiled: Compiled, memory: np.ndarray, cores: int, seed: int) -> None:
        self.rng, self.compiled, self.config = np.random.default_rng(seed), compiled, compiled.config
        self.memory = memory.copy()
        origin = compiled.hbm.base
        self.states = [State(self.config, self.memory, origin, compiled.slices) for _ in range(cores)]
        start = compiled.table.base - origin
        table, _ = decode_table(self.memory[start:start + 64 * compiled.table_entries], compiled.table_entries)
        self.table = table
        self.queue = TaskQueue(table, cores, self.config.contexts, self.config.task_window)
        self.running: list[_Context] = []

    def _give(self, entry: int, core: int) -> None:
        taken = {r.context for r in self.running if r.core == core}
        context = int(self.rng.choice([c for c in range(self.config.contexts) if c not in taken]))
        fields = self.table[entry]
        start = fields["base"] - self.compiled.hbm.base
        program, _ = decode_program(self.memory[start:start + 64 * fields["length"]], fields["length"])
        self.states[core].counts[context] = [0] * NUM_COUNTS
        self.queue.start(entry, core)
        self.running.append(_Context(entry, core, context, program, self.config.queue_depth))

    def _move(self, task: _Context, what: str, unit: Unit) -> None:
        state = self.states[task.core]
        if what == "start":
            index, draw = task.queues.start(unit), self.rng.random()
            if draw < EAGER:
                state.execute(task.program[index], task.context)
            task.flying[unit].append([index, draw < EAGER, EAGER <= draw < LATE])
        elif what == "effect":
            waiting = [e for e in task.flying[unit] if not e[1] and not e[2]]
            entry = waiting[self.rng.integers(len(waiting))]
            state.execute(task.program[entry[0]], task.context)
            entry[1] = True
        else:
            index, happened, _ = task.flying[unit].popleft()
            if not happened:
                state.execute(task.program[index], task.context)
            task.queues.complete(index)
            task.done += 1

    def run(self) -> np.ndarray:
        """The memory afterwards; DeadlockError if nothing can go on."""
        # A unit or a core that is slow for a while lets the others run as far ahead as the waits allow.
        speed: dict = {}
        while not self.queue.finished:
            for task in [r for r in self.running if r.done == len(r.program)]:
                self.running.remove(task)
                self.queue.complete(task.entry, task.core)
            if self.rng.random() < 0.02:
                keys = (*Unit, *((r.core, r.context) for r in self.running))
                speed = {key: float(self.rng.choice([0.02, 0.3, 1.0])) for key in keys}
            moves = [(r, what, u) for r in self.running for what, u in r.moves()]
            moves += [(None, *pair) for pair in self.queue.startable()]
            if not moves:
                if self.queue.finished or any(r.done == len(r.program) for r in self.running):
                    continue
                raise DeadlockError("neither a task nor an instruction can start")
            weights = np.array([1.0 if r is None else speed.get(u, 1.0) * speed.get((r.core, r.context), 1.0) for r, _, u in moves])
            task, first, second = moves[self.rng.choice(len(moves), p=weights / weights.sum())]
            if task is None:
                self._give(first, second)
            else:
                self._move(task, first, second)
        return self.memory


def run_adversarially(compiled: Compiled, memory: np.ndarray, seed: int, cores: int | None = None) -> np.ndarray:
    """The memory image after one random run on so many cores (None: those that it was compiled for)."""
    return Adversary(compiled, memory, compiled.cores if cores is None else cores, seed).run()


def tasks(compiled: Compiled) -> list[int]:
    """Entries of the table that are tasks with instructions."""
    return [n for n, info in enumerate(compiled.assembled.tasks) if info.kind == TaskKind.TASK.name.lower()]
