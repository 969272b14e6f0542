"""Chrome trace of a run: open it in https://ui.perfetto.dev or chrome://tracing and zoom.

One process per core; in it a thread per unit (instructions, named after the compiler's operations) and a thread per context
(tasks). The viewer's microsecond is one cycle. Format: "Trace Event Format", complete events ("ph": "X").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.isa import Unit


@dataclass(frozen=True)
class Span:
    """An instruction from its start to its completion, in cycles since the start of the run; `entry` is the table's."""

    start: int
    done: int
    core: int
    context: int
    unit: Unit
    tag: int
    entry: int


@dataclass(frozen=True)
class TaskSpan:
    """A task in a context of a core."""

    start: int
    done: int
    core: int
    context: int
    entry: int


def events(spans: Iterable[Span], tasks: Iterable[TaskSpan], operations: Sequence[str],
           entries: Sequence[str]) -> list[dict[str, object]]:
    """Trace events; names of operations by tag, of the table's entries by number."""
    out, lanes = [], set()
    for s in spans:
        lanes.add((s.core, int(s.unit), f"{s.unit.name.lower()}"))
        out.append({"ph": "X", "pid": s.core, "tid": int(s.unit), "ts": s.start, "dur": s.done - s.start,
                    "name": operations[s.tag], "args": {"task": entries[s.entry], "context": s.context}})
    for t in tasks:
        lane = len(Unit) + t.context
        lanes.add((t.core, lane, f"context {t.context}"))
        out.append({"ph": "X", "pid": t.core, "tid": lane, "ts": t.start, "dur": t.done - t.start, "name": entries[t.entry],
                    "args": {"entry": t.entry}})
    names = [{"ph": "M", "pid": core, "name": "process_name", "args": {"name": f"core {core}"}}
             for core in sorted({core for core, _, _ in lanes})]
    for core, lane, name in sorted(lanes):
        names.append({"ph": "M", "pid": core, "tid": lane, "name": "thread_name", "args": {"name": name}})
        names.append({"ph": "M", "pid": core, "tid": lane, "name": "thread_sort_index", "args": {"sort_index": lane}})
    return names + out


def write(path: Path, trace: list[dict[str, object]]) -> None:
    """The trace as a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"traceEvents": trace, "displayTimeUnit": "ns"}))
