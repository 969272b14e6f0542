"""From tasks to a table: programs in their order, entries with events, waits, priorities and sets, bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from compiler import cost, events
from compiler.check import check_table
from compiler.errors import CompileError
from compiler.plan import FEW, LEADS, Plan, Planner, Template, priorities, ranks, staggered, template_of
from compiler.program import SEMAPHORE_OF, Program, Slot, placed
from compiler.schedule import order_of
from compiler.tasks import Order, Task, WeightSet
from models.config import Config
from models.isa import (INSTRUCTION_BYTES, NUM_SETS, NUM_WAITS, PAYLOAD, UNIT_OF, Opcode, TaskKind, Unit, encode,
                        encode_many, encode_task)

WINDOW = 384  # instructions among which the order of a program chooses
MAX_LENGTH = (1 << 16) - 1


@dataclass(frozen=True)
class TaskInfo:
    """An entry of the table, for reports. `kind`: task, weights, join. `tag`: one of its operations. `cycles`: alone on a core.
    Its program are the `length` instructions, END included, from `first` on in the code; its instructions those from
    `instruction` on in the arrays of all instructions. `busy`: cycles of each unit."""

    name: str
    kind: str
    phase: int
    tag: int
    cycles: int
    busy: tuple[int, ...]
    first: int
    length: int
    instruction: int


@dataclass(frozen=True)
class Assembled:
    """A finished table: `table` uint8[entries, 64] with END, whose programs are `code` uint8[n, 64].

    Per instruction, program after program in the order of the table, ENDs excluded: its unit, tag, ideal cycles, bytes moved
    (by all cores), and the cycles in which the estimate starts and ends it. `estimate`: cycles of the whole, `core` of every
    entry in it (-1: all).
    """

    table: np.ndarray
    code: np.ndarray
    tasks: list[TaskInfo]
    unit: np.ndarray
    tag: np.ndarray
    cycles: np.ndarray
    moved: np.ndarray
    start: np.ndarray
    done: np.ndarray
    core: np.ndarray
    estimate: int

    def placed_at(self, base: int) -> np.ndarray:
        """The table for programs that lie at HBM address `base`."""
        table = self.table.copy()
        words = table.view(np.uint64).reshape(len(table), -1)
        for row, info in enumerate(self.tasks):
            words[row, 0] |= np.uint64((base + INSTRUCTION_BYTES * info.first) << 8 & (1 << 48) - 1)
        return table


@dataclass
class _Shape:
    """A program's order and waits, shared by programs of equal structure."""

    slots: list[Slot]
    template: Template
    order: list[int] = field(default_factory=list)


class Assembler:
    """Programs of tasks (by number) and weight sets (as ~number) of one compilation."""

    def __init__(self, config: Config, tasks: Sequence[Task], sets: Sequence[WeightSet], spare: dict[Opcode, dict[str, int]],
                 cores: int, with_priority: bool) -> None:
        self.config, self.tasks, self.sets, self.spare, self.cores = config, tasks, sets, spare, cores
        self.with_priority = with_priority
        self.items: dict[int, Program] = {n: t.program for n, t in enumerate(tasks)} | {~s.number: s.program for s in sets}
        self.shapes: dict[int, _Shape] = {}
        self.latency: dict[int, Sequence[int]] = {}
        self._shape_all()

    def _shape_all(self) -> None:
        programs = list(self.items.items())
        opcodes = [o for _, p in programs for o in p.opcode]
        fields = [f for _, p in programs for f in p.fields]
        busy, latency = (column.tolist() for column in cost.table(opcodes, fields, self.config))
        known: dict[tuple, _Shape] = {}
        at = 0
        for item, program in programs:
            end = at + len(program.opcode)
            unit, own, late = program.unit, busy[at:end], latency[at:end]
            at = end
            key = (tuple(unit), tuple(own), tuple(tuple(sorted(d)) for d in program.deps))
            if key not in known:
                order, start = order_of(unit, own, late, program.deps, WINDOW)
                alone = max((s + b + t for s, b, t in zip(start, own, late)), default=0)
                known[key] = _Shape(placed(order, unit, program.deps), template_of(order, unit, own, late, program.deps, alone))
            self.shapes[item] = known[key]
            if len(known[key].slots) >= MAX_LENGTH:
                raise CompileError(f"task {self._name(item)} has {len(known[key].slots)} instructions, {MAX_LENGTH - 1} at most")

    def _name(self, item: int) -> str:
        return self.tasks[item].name if item >= 0 else f"{self.sets[~item].name}.weights"

    def assemble(self) -> Assembled:
        """Order, table, bytes."""
        order = Order([t.after for t in self.tasks])
        templates = {item: shape.template for item, shape in self.shapes.items()}
        rank, phase = ranks(order, [templates[n].alone for n in range(len(self.tasks))]), [t.phase for t in self.tasks]
        leads = LEADS if len(self.tasks) <= FEW else LEADS[:1]
        planner = min((self._planner(order, templates, staggered(rank, phase, lead)) for lead in leads), key=lambda p: p.run().cycles)
        plan, priority = planner.plan, planner.priority
        nodes = iter(events.nodes_of(order, [i for i in plan.sequence if i >= 0]))
        entries: list[tuple[int | None, events.Node | None]] = []
        for item in plan.sequence:
            if item < 0:
                entries.append((item, None))
                continue
            for node in nodes:
                entries.append((node.task, node))
                if node.task == item:
                    break
        slots = [self.shapes[item].slots if item is not None else [] for item, _ in entries]
        first = np.concatenate([[0], np.cumsum([len(s) + 1 for s in slots])])
        rows, infos = [], []
        for row, (item, node) in enumerate(entries):
            rows.append(self._entry(row, item, node, len(slots[row]) + 1, priority, planner))
            infos.append(self._info(row, item, int(first[row]), len(slots[row]), templates))
        table = np.stack([encode_task(**row) for row in rows] + [encode_task(TaskKind.END)])
        place = {item: row for row, (item, _) in enumerate(entries) if item is not None}
        check_table(rows, {place[n]: {place[a] for a in t.after} for n, t in enumerate(self.tasks)}, self.cores)
        return self._encode(entries, slots, first, table, infos, plan)

    def _planner(self, order: Order, templates: dict[int, Template], rank: Sequence[int]) -> Planner:
        priority = priorities(rank) if self.with_priority else [0] * len(rank)
        return Planner(self.tasks, self.sets, order, templates, rank, priority, self.cores, self.config.contexts)

    def _entry(self, row: int, item: int | None, node: events.Node | None, length: int, priority: Sequence[int],
               planner: Planner) -> dict[str, int]:
        every = (1 << self.cores) - 1
        if item is not None and item < 0:
            new = self.sets[~item]
            return {"kind": TaskKind.WEIGHTS, "length": length, "set": 1 + new.number % (NUM_SETS - 1), "areas": new.areas,
                    "cores": every, "priority": planner.set_priority[~item], "tag": row & 0xFFFF}
        fields = {"kind": TaskKind.TASK, "length": length, "cores": every, "tag": row & 0xFFFF,
                  "priority": 255 * self.with_priority}
        if item is not None:
            task = self.tasks[item]
            fields |= {"priority": priority[item], "cores": every if task.cores is None else task.cores}
            if task.set:
                fields |= {"set": 1 + task.set.number % (NUM_SETS - 1), "areas": task.set.areas}
        for number, event in enumerate(node.events):
            fields[f"signal{number}"] = event
        for number, (event, value) in enumerate(node.waits):
            fields |= {f"wait{number}_event": event, f"wait{number}_value": value}
        return fields

    def _info(self, row: int, item: int | None, first: int, length: int, templates: dict[int, Template]) -> TaskInfo:
        if item is None:
            return TaskInfo("join", "join", -1, 0, 0, (0,) * len(Unit), first, 1, first - row)
        template = templates[item]
        busy = [0] * len(Unit)
        for u, b in zip(template.unit, template.busy):
            busy[u] += b
        if item < 0:
            return TaskInfo(self._name(item), "weights", -1, self.sets[~item].tag, template.alone, tuple(busy), first, length + 1,
                            first - row)
        task = self.tasks[item]
        return TaskInfo(task.name, "task", task.phase, task.tag, template.alone, tuple(busy), first, length + 1, first - row)

    def _encode(self, entries: list, slots: list[list[Slot]], first: np.ndarray, table: np.ndarray, infos: list[TaskInfo],
                plan: Plan) -> Assembled:
        """All programs at once."""
        opcodes, fields, waits, times, start = [], [], [], [], []
        for (item, _), own in zip(entries, slots):
            if item is None:
                continue
            program, starts = self.items[item], plan.start[item]
            for slot in own:
                o = program.opcode[slot.index]
                opcodes.append(o)
                f = program.fields[slot.index]
                fields.append(self.spare[o] | {"tag": f["tag"]} if slot.spare else f)
                waits.append(slot.waits)
                times.append(self.cores if item < 0 else 1)
                start.append(starts[slot.index])
        count = len(opcodes)
        code = np.zeros((int(first[-1]), INSTRUCTION_BYTES), np.uint8)
        ends = first[1:] - 1
        code[ends] = encode(Opcode.END)
        rows_of = np.setdiff1d(np.arange(len(code)), ends, assume_unique=True)
        wait = np.zeros((count, NUM_WAITS, 2), np.int64)
        for row, group in enumerate(waits):
            for number, (v, n) in enumerate(group):
                wait[row, number] = SEMAPHORE_OF[Unit(v)], n % (1 << 16)
        kinds = np.array([int(o) for o in opcodes], np.int64)
        for opcode in set(opcodes):
            rows = np.flatnonzero(kinds == int(opcode))
            names = [f.name for f in PAYLOAD[opcode]] + ["tag", "count", "slice"]
            columns = {name: np.array([fields[r].get(name, 0) for r in rows], np.int64) for name in names}
            for number in range(NUM_WAITS):
                columns[f"wait{number}_sem"] = wait[rows, number, 0]
                columns[f"wait{number}_val"] = wait[rows, number, 1]
            columns["signal"] = np.full(len(rows), SEMAPHORE_OF[UNIT_OF[opcode]])
            code[rows_of[rows]] = encode_many(opcode, len(rows), **columns)
        cycles, latency = cost.table(opcodes, fields, self.config)
        begin = np.array(start, np.int64)
        core = np.array([-1 if item is None or item < 0 else plan.core[item] for item, _ in entries], np.int64)
        return Assembled(table, code, infos, np.array([UNIT_OF[o] for o in opcodes], np.int64),
                         np.array([f["tag"] for f in fields], np.int64), cycles,
                         cost.moved(opcodes, fields) * np.array(times, np.int64), begin, begin + cycles + latency, core,
                         plan.cycles)
