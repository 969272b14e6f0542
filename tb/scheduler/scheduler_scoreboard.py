"""Scoreboard of the scheduler's environment: replays what the monitor reports on models/scheduler.py."""

from __future__ import annotations

from collections import deque
from typing import Any

from pyuvm import ConfigDB, uvm_scoreboard

from models.config import Config
from models.isa import INSTRUCTION_BYTES, UNIT_OF, Cause, Opcode, Unit
from models.scheduler import Counts, Queues, resolve
from models.scheduler_check import check
from tb.scheduler.corners import ORIGIN, WINDOWS, change
from tb.scheduler.stimulus import CAUSE_OF, MOST, ROWS_OF, Item, payload_bits

IDLE, BUSY, DONE, ERROR, RESETTING = (1 << bit for bit in range(5))
UNIT_NONE = 7  # CAUSE.unit_id of fetch and decode
OPCODE_OF = {unit: opcode for opcode, unit in UNIT_OF.items()}
PAGE_BYTES = 4096
BURST_INSTRUCTIONS = 4  # BurstInstrs of fvgm_scheduler_fetch


def burst_start(item: Item) -> int:
    """First instruction of the fetch burst that holds instruction `item.at`: the memory fails whole bursts."""
    index = 0
    while True:
        in_page = (PAGE_BYTES - (item.base + INSTRUCTION_BYTES * index) % PAGE_BYTES) // INSTRUCTION_BYTES
        count = min(BURST_INSTRUCTIONS, item.length - index, in_page)
        if item.at < index + count:
            return index
        index += count


class SchedulerScoreboard(uvm_scoreboard):
    """Replays events on the model: order and payload of commands, waits at their start, outcome at the end."""

    def build_phase(self) -> None:
        self.config: Config = ConfigDB().get(self, "", "CONFIG")
        self.item: Item | None = None
        self.programs = self.commands = 0

    def write(self, event: tuple) -> None:
        """One event, in time order."""
        getattr(self, f"on_{event[0]}")(*event[1:])

    def on_begin(self, item: Item) -> None:
        self.item = item
        self.runnable = self.before_error(item)
        self.queues = Queues(item.fields[:self.runnable], self.config.queue_depth)
        self.under_way: list[deque[int]] = [deque() for _ in Unit]
        self.skipped: set[int] = set()
        self.completed: list[int] = []
        self.counts = Counts()
        self.su_rows = self.su_kept = 0

    def before_error(self, item: Item) -> int:
        """Instructions in front of END and of the first one that the model refuses."""
        for index, fields in enumerate(item.fields):
            if fields["opcode"] == Opcode.END or check(fields, self.config, WINDOWS) != Cause.NONE:
                return index
        return len(item.fields)

    def start(self, unit: int, tag: int) -> int:
        """A unit's next instruction starts, or is skipped: its index."""
        assert self.queues.reach(Unit(unit)), f"unit {Unit(unit).name} got a command that the program does not have"
        index = self.queues.head(Unit(unit))
        assert tag == self.item.fields[index]["tag"], f"instruction {index}: unit {Unit(unit).name} got another tag"
        ready = self.queues.semaphores.ready(self.item.fields[index])
        assert ready, f"instruction {index} started before its waits held"
        self.queues.start(Unit(unit))
        self.under_way[unit].append(index)
        assert len(self.under_way[unit]) <= MOST, f"{len(self.under_way[unit])} instructions of unit {Unit(unit).name} are under way"
        return index

    def on_command(self, unit: int, payload: int, tag: int) -> None:
        index = self.start(unit, tag)
        raw, fields = self.item.program[index], resolve(self.item.fields[index], self.counts)
        assert isinstance(fields, dict), f"instruction {index} was issued, its count wants {fields}"
        name = ROWS_OF[Opcode(fields["opcode"])]
        assert payload == payload_bits(change(raw, **{name: fields[name]})), \
            f"instruction {index}: unit {Unit(unit).name} got another payload"
        self.su_rows += fields["rows"] if unit == Unit.SU else 0
        self.commands += 1

    def on_skip(self, unit: int, tag: int) -> None:
        index = self.start(unit, tag)
        assert resolve(self.item.fields[index], self.counts) is None, f"instruction {index} was skipped"
        self.skipped.add(index)

    def on_count(self, register: int, value: int, kept: bool, _: bool) -> None:
        self.counts.write(register, value)
        self.su_kept += value if kept else 0

    def on_done(self, unit: int, tag: int, skipped: bool) -> None:
        index = self.under_way[unit].popleft()
        assert tag == self.item.fields[index]["tag"], f"instruction {index} completed with another tag"
        assert skipped == (index in self.skipped), f"instruction {index}: skipped is {skipped}"
        self.queues.complete(index)
        self.completed.append(index)

    def on_end(self, outcome: dict[str, Any]) -> None:
        item, fault = self.item, self.item.fault
        self.programs += 1
        assert len(self.completed) == len(set(self.completed))
        if fault == "none" or (fault == "reset" and outcome["state"] & DONE):
            assert outcome["state"] == IDLE | DONE and outcome["cause"] == 0, outcome
            assert len(self.completed) == self.runnable, f"{len(self.completed)} of {self.runnable} completed"
            counts = [sum(UNIT_OF[Opcode(f["opcode"])] == u for f in item.fields[:self.runnable]) for u in Unit]
            assert outcome["instructions"] == counts, (outcome["instructions"], counts)
            assert (outcome["su_rows"], outcome["su_kept"]) == (self.su_rows, self.su_kept), outcome
            for unit in Unit:
                waits = {f[f"wait{w}_sem"] for f in item.fields[:self.runnable] if UNIT_OF[Opcode(f["opcode"])] == unit for w in range(3)}
                counted = {s for s in range(1, len(Unit) + 1) if outcome["stall_on"] >> (len(Unit) + 1) * unit + s & 1}
                assert counted <= waits, f"{unit.name}: stalls on semaphores {counted - waits}, for which nothing waits"
            return
        if fault == "reset":
            return
        assert outcome["state"] == ERROR and outcome["cause"] == CAUSE_OF[fault], f"{fault}: {outcome}"
        expected = self.expected_error()
        for name, value in expected.items():
            assert outcome[name] == value, f"{fault}: {name} is {outcome[name]}, expected {value}; {outcome}"

    def expected_error(self) -> dict[str, int]:
        """CAUSE registers of the present item as far as the program decides them."""
        item, fault = self.item, self.item.fault
        if fault in ("base", "empty"):
            return {"unit": UNIT_NONE, "index": 0, "opcode": 0, "addr": item.base}
        if fault in ("no_end", "fetch"):
            index = item.at if fault == "no_end" else burst_start(item)
            return {"unit": UNIT_NONE, "index": index, "opcode": 0, "addr": item.base + INSTRUCTION_BYTES * index}
        if fault in ("read", "write"):
            unit = Unit.LOAD if fault == "read" else Unit.STORE
            address = ORIGIN + (0x1120 if fault == "read" else 0xC120)
            return {"unit": unit, "opcode": OPCODE_OF[unit], "index": self.under_way[unit][0], "addr": address}
        if fault == "deadlock":
            assert not self.queues.register
            heads = {unit: queue[0] for unit, queue in self.queues.queue.items() if queue}
            assert not any(self.under_way), "the watchdog fired although a unit works"
            assert not self.queues.startable(), "the watchdog fired although something could start"
            return {"unit": min(heads), "index": heads[min(heads)], "opcode": OPCODE_OF[min(heads)],
                    "addr": 0}
        fields = item.fields[item.at]
        unit = UNIT_OF.get(fields["opcode"], UNIT_NONE)
        address = fields.get("hbm_addr", 0) if fault in ("misaligned", "window_range") else 0
        return {"unit": int(unit), "index": item.at, "opcode": fields["opcode"], "addr": address}
