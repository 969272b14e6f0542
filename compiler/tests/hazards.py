"""An executor that takes every freedom the hardware has, to find missing waits.

Each unit takes instructions from its queue in order, but starts the next one before the last has completed (up to
`OVERLAP` in flight), and completes them in order. Between start and completion an instruction's memory effect happens
at a moment of its own: at its start, at its completion, or when chance says so. Units take turns at random. A program
whose waits are complete gives the sequential result for every choice.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from models.config import Config
from models.core import State
from models.isa import Unit
from models.scheduler import DeadlockError, Queues, decode_program

OVERLAP = 3
EAGER, LATE, ANY = 0.35, 0.75, 1.0  # bounds of a uniform draw: at start, at completion, somewhere between


def run_adversarially(config: Config, memory: np.ndarray, start: int, length: int, origin: int,
                      seed: int) -> np.ndarray:
    """The memory image after one random interleaving of the program at byte `start` of the image."""
    rng = np.random.default_rng(seed)
    state = State(config, memory.copy(), origin)
    program, _ = decode_program(memory[start:start + 64 * length], length)
    queues = Queues(program, config.queue_depth)
    # [index, effect happened, effect waits for the end]
    flying: dict[Unit, deque[list]] = {unit: deque() for unit in Unit}
    # A unit that is slow for a while lets the others run as far ahead as the waits allow.
    speed = {unit: 1.0 for unit in Unit}
    done = 0
    while done < len(program):
        if rng.random() < 0.02:
            speed = {unit: float(rng.choice([0.02, 0.3, 1.0])) for unit in Unit}
        startable = [u for u in queues.startable() if len(flying[u]) < OVERLAP]
        moves = [("start", u) for u in startable] + [("finish", u) for u in Unit if flying[u]]
        moves += [("effect", u) for u in Unit if any(not e[1] and not e[2] for e in flying[u])]
        if not moves:
            raise DeadlockError(f"no instruction can start; {done} of {len(program)} completed")
        weights = np.array([speed[u] for _, u in moves])
        what, unit = moves[rng.choice(len(moves), p=weights / weights.sum())]
        if what == "start":
            index, draw = queues.start(unit), rng.random()
            if draw < EAGER:
                state.execute(program[index])
            flying[unit].append([index, draw < EAGER, EAGER <= draw < LATE])
        elif what == "effect":
            waiting = [e for e in flying[unit] if not e[1] and not e[2]]
            entry = waiting[rng.integers(len(waiting))]
            state.execute(program[entry[0]])
            entry[1] = True
        else:
            index, happened, _ = flying[unit].popleft()
            if not happened:
                state.execute(program[index])
            queues.complete(index)
            done += 1
    return state.memory
