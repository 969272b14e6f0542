"""Scoreboard of the dma: every burst, every buffer write and every completion as the model says, and the images at the
end.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from models import dma
from models.config import Config
from models.isa import Buffer
from tb.dma.dma_coverage import DmaCoverage
from tb.dma.dma_stimulus import NOISE_UNITS, ORIGIN, WINDOW_BYTES, Fields, Plan


@dataclass
class _Burst:
    command: int
    started: bool = False


@dataclass
class _Side:
    """Book-keeping of one unit during a plan."""

    commands: list[Fields]
    bursts: deque[tuple[int, int, int]]  # (command, address, beats) still to be announced
    outstanding: dict[int, _Burst] = field(default_factory=dict)  # by AXI ID, oldest first
    open_bursts: list[int] = field(default_factory=list)  # by command: bursts not completed
    open_units: list[int] = field(default_factory=list)  # by command: units not written
    entries: deque[tuple[int, int]] = field(default_factory=deque)  # (command, mbuf address) still to be read
    stop: int = 0  # the command whose list is out of bound, or the number of commands
    accepted: int = 0
    done: int = 0
    error: int | None = None
    announced_after_stop: int = 0


class DmaScoreboard:
    """Between begin() and the end of a plan it judges the monitor's events; `errors` collects what is wrong."""

    def __init__(self, coverage: DmaCoverage, machine: Config, memory: np.ndarray) -> None:
        self.coverage, self.machine, self.memory = coverage, machine, memory
        self.errors: list[str] = []
        self.compared = self.cycles = self.data_beats = 0
        self.sides: dict[str, _Side] = {}

    def begin(self, plan: Plan, buffers: dict[Buffer, np.ndarray]) -> None:
        """Expect a plan; `buffers` and the memory hold their contents before it."""
        self.plan, self.before = plan, {b: v.copy() for b, v in buffers.items()}
        self.memory_before = self.memory.copy()
        self.expected = {b: v.copy() for b, v in buffers.items()}
        window = np.concatenate([self.memory, np.zeros(WINDOW_BYTES - self.memory.size, np.uint8)])
        loads, stores = self._executed(plan.loads), self._executed(plan.stores)
        for fields in loads:
            dma.load(fields, window, self.expected, ORIGIN, plan.mbuf)
        for fields in stores:
            dma.store(fields, window, buffers, ORIGIN, plan.mbuf)
        self.memory_expected = window[:self.memory.size]
        self.owner = {b: np.full(len(v), -1) for b, v in buffers.items()}
        self.sides = {"load": self._side(plan.loads, loads), "store": self._side(plan.stores, stores)}
        for i, fields in enumerate(loads):
            units = dma.unit_addresses(fields, len(self.before[Buffer.V])).ravel()
            self.owner[Buffer(fields["buffer"])][units] = i
            self.sides["load"].open_units[i] = len(units)
        self.stopped = False
        self.w_bursts = self.aw_bursts = 0
        self.coverage.plan(plan)

    def _executed(self, commands: list[Fields]) -> list[Fields]:
        """What the hardware carries out: up to the first row that a list must not name."""
        for i, fields in enumerate(commands):
            row = dma.offending_row(fields, self.plan.mbuf)
            if row is not None:
                return commands[:i] + ([fields | {"rows": row}] if row else [])
        return commands

    def _side(self, commands: list[Fields], executed: list[Fields]) -> _Side:
        side = _Side(commands, deque(), open_units=[0] * len(commands))
        mbuf = self.plan.mbuf
        for i, fields in enumerate(commands):
            bursts = dma.bursts(executed[i], self.machine, mbuf) if i < len(executed) else []
            side.bursts.extend((i, a, n) for a, n in bursts)
            side.open_bursts.append(len(bursts))
            if dma.is_list(fields):
                side.entries.extend((i, (fields["list_base"] + r) % (1 << 16)) for r in range(fields["rows"]))
        bad = (i for i, fields in enumerate(commands) if dma.offending_row(fields, mbuf) is not None)
        side.stop = next(bad, len(commands))
        return side

    def fail(self, text: str) -> None:
        """Remember an error."""
        self.errors.append(f"{self.plan.name}: cycle {self.cycles}: {text}")

    def finished(self) -> bool:
        """Every command is done."""
        return all(s.done == len(s.commands) for s in self.sides.values())

    def on_event(self, event: tuple) -> None:
        """One event of the monitor."""
        if self.sides:
            getattr(self, f"_on_{event[0]}")(*event[1:])

    def _on_cycle(self) -> None:
        self.cycles += 1

    def _on_stall(self, kind: str) -> None:
        self.coverage.points.sample("cp_stall", kind)

    def _on_error(self, unit: str, address: int) -> None:
        side = self.sides[unit]
        if side.error is None:
            side.error = address
            if self.plan.fault is None:
                self.fail(f"{unit}: error at {address:#x} that nobody injected")

    def _on_accept(self, unit: str) -> None:
        self.sides[unit].accepted += 1

    def _on_entry(self, unit: str, address: int) -> None:
        side = self.sides[unit]
        command, want = side.entries.popleft() if side.entries else (side.accepted, -1)
        if address != want:
            self.fail(f"{unit}: entry {address:#x} of mbuf read, model {want:#x}")
        elif command >= side.accepted:
            self.fail(f"{unit}: entry {address:#x} read before command {command} was accepted")

    def _on_done(self, unit: str) -> None:
        side = self.sides[unit]
        if side.done == side.stop:
            return self.fail(f"{unit}: more completions than commands that can complete")
        if side.open_bursts[side.done] or side.open_units[side.done]:
            self.fail(f"{unit}: command {side.done} done with {side.open_bursts[side.done]} bursts open, "
                      f"{side.open_units[side.done]} units not written")
        if unit == "store":
            fields = side.commands[side.done]
            for start in dma.byte_offsets(fields, WINDOW_BYTES, ORIGIN, self.plan.mbuf):
                row = slice(start, start + 16 * fields["row_units"])
                if self.memory[row].tobytes() != self.memory_expected[row].tobytes():
                    self.fail(f"store: command {side.done} done, its bytes at {ORIGIN + start:#x} are not in memory")
        side.done += 1

    def _on_announce(self, channel: str) -> None:
        unit = "load" if channel == "ar" else "store"
        if self.stopped or self.sides[unit].error is not None:
            self.sides[unit].announced_after_stop += 1

    def _address(self, unit: str, slot: int, address: int, length: int) -> None:
        side = self.sides[unit]
        command, want_address, want_beats = side.bursts.popleft() if side.bursts else (0, -1, 0)
        if (address, length + 1) != (want_address, want_beats):
            self.fail(f"{unit}: burst {address:#x} of {length + 1} beats, model {want_address:#x} of {want_beats}")
        if slot in side.outstanding:
            self.fail(f"{unit}: ID {slot} is already outstanding")
        earlier = any(b.command < command for b in side.outstanding.values())
        self.coverage.points.sample(f"cp_{unit}_overlap", earlier)
        side.outstanding[slot] = _Burst(command)
        self.coverage.depth("cp_read_depth" if unit == "load" else "cp_write_depth", len(side.outstanding))

    def _on_ar(self, slot: int, address: int, length: int) -> None:
        self._address("load", slot, address, length)

    def _on_aw(self, slot: int, address: int, length: int) -> None:
        self._address("store", slot, address, length)
        self.aw_bursts += 1

    def _on_w(self, last: int) -> None:
        # A W beat belongs to the burst numbered w_bursts; seen before that burst's AW handshake it is early.
        self.coverage.points.sample("cp_w_before_aw", self.w_bursts >= self.aw_bursts)
        self.data_beats += 1
        self.w_bursts += last

    def _on_r(self, slot: int, last: int) -> None:
        side = self.sides["load"]
        self.data_beats += 1
        if slot not in side.outstanding:
            return self.fail(f"load: beat for ID {slot}, which is not outstanding")
        burst = side.outstanding[slot]
        others = [b for s, b in side.outstanding.items() if s != slot]
        self.coverage.points.sample("cp_interleave", any(b.started for b in others))
        burst.started = True
        if last:
            self._order("cp_read_order", side, slot)
            del side.outstanding[slot]
            side.open_bursts[burst.command] -= 1

    def _order(self, point: str, side: _Side, slot: int) -> None:
        oldest = next(iter(side.outstanding))
        self.coverage.points.sample(point, "in_order" if oldest == slot else "reordered")

    def _on_b(self, slot: int) -> None:
        side = self.sides["store"]
        if slot not in side.outstanding:
            return self.fail(f"store: response for ID {slot}, which is not outstanding")
        self._order("cp_write_order", side, slot)
        side.open_bursts[side.outstanding.pop(slot).command] -= 1

    def _on_write(self, buffer: int, unit: int, data: bytes) -> None:
        buffer, side = Buffer(buffer), self.sides["load"]
        unit %= len(self.before[buffer])
        owner = self.owner[buffer][unit]
        self.compared += 1
        if owner < 0:
            self.fail(f"load: unit {buffer.name}[{unit}] written, which no command names (or named again)")
        elif data != self.expected[buffer][unit].tobytes():
            model = self.expected[buffer][unit].tobytes()
            self.fail(f"load: {buffer.name}[{unit}] = {data.hex()}, model {model.hex()}")
        else:
            side.open_units[owner] -= 1
            self.owner[buffer][unit] = -1

    def end(self, buffers: dict[Buffer, np.ndarray]) -> None:
        """Compare the images after a plan; after a fault, a unit or byte may also still be what it was."""
        fault = self.plan.fault
        for b, image in buffers.items():
            wrong = (image != self.expected[b]).any(axis=1)
            if fault:
                wrong &= (image != self.before[b]).any(axis=1)
            wrong[len(image) // 2:len(image) // 2 + NOISE_UNITS] = False
            self.compared += len(image)
            for unit in np.flatnonzero(wrong)[:3]:
                is_now, model = image[unit].tobytes(), self.expected[b][unit].tobytes()
                self.fail(f"{b.name}[{unit}] = {is_now.hex()}, model {model.hex()}")
        wrong = self.memory != self.memory_expected
        if fault:
            wrong &= self.memory != self.memory_before
        self.compared += self.memory.size // 16
        for byte in np.flatnonzero(wrong)[:3]:
            self.fail(f"memory {ORIGIN + byte:#x} = {self.memory[byte]}, model {self.memory_expected[byte]}")
        for unit, side in self.sides.items():
            if side.outstanding:
                self.fail(f"{unit}: {len(side.outstanding)} bursts still outstanding when idle")
            if not fault and side.done != len(side.commands):
                self.fail(f"{unit}: {side.done} of {len(side.commands)} commands done")
            if not fault and side.entries:
                self.fail(f"{unit}: {len(side.entries)} entries of mbuf not read")
        if self.aw_bursts != self.w_bursts:
            self.fail(f"store: {self.aw_bursts} bursts announced, data of {self.w_bursts} sent")
        if fault:
            self._judge_fault(fault)
        self.sides = {}

    def _judge_fault(self, fault) -> None:
        unit = "load" if fault.kind.split("_")[0] == "read" or fault.kind == "halt_load" else "store"
        side = self.sides[unit]
        # One burst may enter the address register in the cycle in which the stop is seen.
        for name, other in self.sides.items():
            if other.announced_after_stop > 1:
                self.fail(f"{name}: {other.announced_after_stop} bursts announced after the stop")
            if other.error is not None and (other is not side or fault.kind.startswith("halt")):
                self.fail(f"{name}: error at {other.error:#x} that nobody injected")
        if fault.kind.startswith("halt"):
            return
        if side.error is None:
            return self.fail(f"{unit}: no error reported for {fault.kind} at {fault.address:#x}")
        if fault.kind.endswith("bound"):
            if side.error != fault.address:
                self.fail(f"{unit}: error address {side.error:#x}, hbm_addr of the command is {fault.address:#x}")
            if side.bursts:
                self.fail(f"{unit}: {len(side.bursts)} bursts of rows before the bad one were not issued")
            return
        hit = {}
        for i, fields in enumerate(side.commands):
            for address, beats in dma.bursts(fields, self.machine, self.plan.mbuf):
                if address <= fault.address < address + 32 * beats:
                    hit.setdefault(i, []).append(address)
        if side.error not in [a for addresses in hit.values() for a in addresses]:
            self.fail(f"{unit}: error address {side.error:#x}, injected at {fault.address:#x}")
        if side.done > min(hit):
            self.fail(f"{unit}: command {side.done - 1} done although command {min(hit)} failed")
