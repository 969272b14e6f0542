"""Order of the instructions of a task: list scheduling over the dependencies, in estimated time.

Each unit takes, whenever it is free, the oldest instruction (in sequential order) whose dependencies have completed,
among the first `window` instructions that have not started. The program order is the order of the estimated
starts; a queue in the hardware then never waits for long behind a head that is not ready. Tasks of other contexts fill what a
task leaves idle (compiler/plan.py).
"""

from __future__ import annotations

from heapq import heappop, heappush

from models.isa import Unit


def order_of(unit: list[int], busy: list[int], latency: list[int], deps: list[set[int]],
             window: int) -> tuple[list[int], list[int]]:
    """Program order of instructions 0..n-1 and the estimated cycle at which each of them (by number) starts.

    `busy[i]` are the cycles that instruction i occupies its unit, `latency[i]` those until its completion afterwards.
    """
    count = len(unit)
    missing = [len(d) for d in deps]
    followers: list[list[int]] = [[] for _ in range(count)]
    for index, before in enumerate(deps):
        for dep in before:
            followers[dep].append(index)
    ready: list[list[int]] = [[] for _ in Unit]  # may start now
    parked: list[int] = []  # ready but beyond the window
    free_at = [0] * len(Unit)
    started_at = [-1] * count
    events: list[tuple[int, int]] = []  # (completion, instruction)
    order: list[int] = []
    oldest, now = 0, 0

    def offer(index: int) -> None:
        if index < oldest + window:
            heappush(ready[unit[index]], index)
        else:
            heappush(parked, index)

    for index in range(count):
        if not missing[index]:
            offer(index)
    while len(order) < count:
        progress = True
        while progress:
            progress = False
            for u, heap in enumerate(ready):
                if heap and free_at[u] <= now:
                    index = heappop(heap)
                    started_at[index] = now
                    order.append(index)
                    free_at[u] = now + busy[index]
                    heappush(events, (free_at[u] + latency[index], index))
                    progress = True
            while oldest < count and started_at[oldest] >= 0:
                oldest += 1
            while parked and parked[0] < oldest + window:
                index = heappop(parked)
                heappush(ready[unit[index]], index)
                progress = True
        # The next moment: a completion, or a unit with work becomes free.
        candidates = [free_at[u] for u, heap in enumerate(ready) if heap and free_at[u] > now]
        if events:
            candidates.append(events[0][0])
        if not candidates:
            break
        now = min(candidates)
        while events and events[0][0] <= now:
            _, index = heappop(events)
            for follower in followers[index]:
                missing[follower] -= 1
                if not missing[follower]:
                    offer(follower)
    if len(order) != count:
        raise AssertionError("dependencies form a cycle")
    return order, started_at
