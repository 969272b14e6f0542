"""pyuvm environment of rtl/fp.

An item is one wake-up of the bench: an operation in each of the `LANES` lanes, after some idle cycles; or a reset. The
driver changes inputs after the falling edge, the monitors sample at it, so what they see is what the rising edge saw.
The scoreboard compares every bit with models/numerics.py and every result's cycle with the contract's latency.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from pyuvm import (
    ConfigDB, uvm_agent, uvm_analysis_port, uvm_component, uvm_driver, uvm_env, uvm_monitor, uvm_sequence,
    uvm_sequence_item, uvm_sequencer, uvm_subscriber,
)

from tb.common.coverage import Coverage
from tb.fp.operators import FLAGS, F32_CLASSES, LEADING, OPERATORS, classes, roundings
from tb.fp.stimulus import operands

LANES = 16
SAMPLE = 512  # operations that count once together for coverage


class FpItem(uvm_sequence_item):
    """`idles` cycles without an operation, then one operation per lane (words uint32[LANES, 4]) or a reset cycle."""

    def __init__(self, name: str, words: np.ndarray | None, idles: int = 0) -> None:
        super().__init__(name)
        self.words, self.idles = words, idles


class FpSequence(uvm_sequence):
    """Operand words uint32[n, 4], LANES per item; a share `idle_rate` of the items follows idle cycles."""

    def __init__(self, name: str, words: np.ndarray, rng: np.random.Generator, idle_rate: float = 0.0) -> None:
        super().__init__(name)
        self.words, self.rng, self.idle_rate = words, rng, idle_rate

    async def body(self) -> None:
        """Send everything, the last batch filled up from the start."""
        fill = np.resize(np.arange(len(self.words)), -(-len(self.words) // LANES) * LANES)
        for batch in self.words[fill].reshape(-1, LANES, 4):
            idles = int(self.rng.integers(1, 7)) if self.rng.random() < self.idle_rate else 0
            await self.send(FpItem("operations", batch, idles))

    async def send(self, item: FpItem) -> None:
        """One item through the driver."""
        await self.start_item(item)
        await self.finish_item(item)


class FpResetSequence(FpSequence):
    """Resets while 0, 1, ... operations are in flight: none of them may come out afterwards."""

    async def body(self) -> None:
        """Every number of operations up to the deepest pipeline."""
        for flight in range(6):
            for batch in self.words[: flight * LANES].reshape(-1, LANES, 4):
                await self.send(FpItem("lost", batch))
            await self.send(FpItem("reset", None))
            await self.send(FpItem("kept", self.words[:LANES], idles=flight))


class FpDriver(uvm_driver):
    """Drives items; while idle the operands are garbage, which must not matter."""

    def build_phase(self) -> None:
        self.dut = cocotb.top
        self.operator = OPERATORS[ConfigDB().get(self, "", "OPERATOR")]

    async def run_phase(self) -> None:
        """One item after the other, without a gap of its own."""
        self.dut.rst_ni.value = 0
        self.dut.valid_i.value = 0
        self.dut.op_i.value = self.operator.index
        garbage = int.from_bytes(np.random.default_rng(1).bytes(16 * LANES), "little")
        self.dut.x_i.value = garbage
        for _ in range(3):
            await FallingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1
        while True:
            item = await self.seq_item_port.get_next_item()
            for _ in range(item.idles):
                self.dut.valid_i.value = 0
                self.dut.x_i.value = garbage
                await FallingEdge(self.dut.clk_i)
            if item.words is None:
                self.dut.valid_i.value = 0
                self.dut.rst_ni.value = 0
                await FallingEdge(self.dut.clk_i)
                self.dut.rst_ni.value = 1
            else:
                self.dut.valid_i.value = 1 << self.operator.index
                self.dut.x_i.value = int.from_bytes(item.words.astype("<u4").tobytes(), "little")
                await FallingEdge(self.dut.clk_i)
            self.dut.valid_i.value = 0
            self.seq_item_port.item_done()


class FpMonitor(uvm_monitor):
    """Publishes (cycle, uint32 array, or None for a reset) of the input port or the output port."""

    def __init__(self, name: str, parent: uvm_component, output: bool) -> None:
        super().__init__(name, parent)
        self.output = output

    def build_phase(self) -> None:
        self.ap = uvm_analysis_port("ap", self)
        self.dut = cocotb.top
        self.flip = ConfigDB().get(self, "", "FLIP") if self.output else 0

    async def run_phase(self) -> None:
        """Sample every cycle. FLIP = n inverts one bit of the n-th output (negative test)."""
        valid, data = (self.dut.valid_o, self.dut.y_o) if self.output else (self.dut.valid_i, self.dut.x_i)
        cycle = seen = 0
        while True:
            await FallingEdge(self.dut.clk_i)
            cycle += 1
            if not int(self.dut.rst_ni.value):
                self.ap.write((cycle, None))
            elif int(valid.value):
                raw = int(data.value)
                seen += 1
                if self.flip and seen == self.flip:
                    raw ^= 1 << (seen % 8)
                count = LANES * (1 if self.output else 4)
                self.ap.write((cycle, np.frombuffer(raw.to_bytes(4 * count, "little"), "<u4").astype(np.uint32)))


class FpScoreboard(uvm_component):
    """Model against RTL: same bits, same order, contract latency, nothing lost and nothing after a reset.

    Order and cycles are checked as results arrive, the bits of all results at once in the check phase.
    """

    def build_phase(self) -> None:
        self.name_of_operator = ConfigDB().get(self, "", "OPERATOR")
        self.operator = OPERATORS[self.name_of_operator]
        self.in_flight: deque[tuple[int, np.ndarray]] = deque()
        self.words: list[np.ndarray] = []
        self.results: list[np.ndarray] = []
        self.errors: list[str] = []
        self.inputs = _Sink("inputs", self, self.on_input)
        self.outputs = _Sink("outputs", self, self.on_output)
        self.ap = uvm_analysis_port("ap", self)

    def on_input(self, event: tuple[int, np.ndarray | None]) -> None:
        """Expect a result; a reset forgets what is in flight."""
        cycle, data = event
        if data is None:
            self.in_flight.clear()
        else:
            # Both monitors sample behind the rising edge, at which the first stage has already taken the operands.
            self.in_flight.append((cycle + self.operator.latency - 1, data.reshape(LANES, 4)))

    def on_output(self, event: tuple[int, np.ndarray | None]) -> None:
        """Pair a result with the oldest operation in flight."""
        cycle, data = event
        if data is None:
            return
        if not self.in_flight:
            self.errors.append(f"cycle {cycle}: a result that nothing asked for")
            return
        due, words = self.in_flight.popleft()
        if cycle != due:
            self.errors.append(f"cycle {cycle}: result due in cycle {due}")
        self.words.append(words)
        self.results.append(data)

    def extract_phase(self) -> None:
        """Compare every bit."""
        if self.in_flight:
            self.errors.append(f"{len(self.in_flight)} results never came")
        if not self.words:
            self.errors.append("nothing was compared")
            return
        words, results = np.concatenate(self.words), np.concatenate(self.results)
        model = self.operator.model(words)
        for i in np.flatnonzero(results != model):
            operand = " ".join(f"{w:08x}" for w in words[i])
            self.errors.append(f"{self.name_of_operator}({operand}) = {results[i]:08x}, model {model[i]:08x}")
        self.logger.info(f"{self.name_of_operator}: {len(results)} results compared, {len(self.errors)} errors")
        self.ap.write((words, model))

    def check_phase(self) -> None:
        assert not self.errors, f"{len(self.errors)} errors, first: " + "; ".join(self.errors[:5])


class _Sink(uvm_subscriber):
    """A subscriber that hands what it gets to a function."""

    def __init__(self, name: str, parent: uvm_component, function: Any) -> None:
        super().__init__(name, parent)
        self.function = function

    def write(self, tt: Any) -> None:
        self.function(tt)


class FpCoverage(uvm_subscriber):
    """Operand classes and their cross, roundings, result classes; for the accumulator flags and leading positions."""

    def build_phase(self) -> None:
        self.name_of_operator = ConfigDB().get(self, "", "OPERATOR")
        self.operator = OPERATORS[self.name_of_operator]
        self.coverage = Coverage("fp", self.name_of_operator)
        if self.operator.operand_classes:
            self.coverage.point("cp_operand_class_a", F32_CLASSES)
        if self.operator.operand_classes == 2:
            self.coverage.point("cp_operand_class_b", F32_CLASSES)
            self.coverage.cross("cp_operand_class_a_x_b", "cp_operand_class_a", "cp_operand_class_b", goal=2)
        if self.name_of_operator == "acc_to_fp32":
            self.coverage.point("cp_flags", FLAGS, goal=2)
            self.coverage.point("cp_leading_bit", LEADING, goal=2)
        self.coverage.point("cp_rounding", self.operator.roundings, goal=2)
        self.coverage.point("cp_result_class", self.operator.results)

    def _sample(self, **columns: np.ndarray) -> None:
        """Count each combination once per SAMPLE operations."""
        for start in range(0, len(next(iter(columns.values()))), SAMPLE):
            for row in set(zip(*(values[start:start + SAMPLE].tolist() for values in columns.values()))):
                self.coverage.sample_all(**dict(zip(columns, row)))

    def write(self, tt: tuple[np.ndarray, np.ndarray]) -> None:
        words, result = tt
        width = 16 if self.name_of_operator == "fp16_to_fp32" else 32
        names = ("cp_operand_class_a", "cp_operand_class_b")[: self.operator.operand_classes]
        columns = {name: classes(words[:, i], width) for i, name in enumerate(names)}
        if columns:
            self._sample(**columns)
        if self.name_of_operator == "acc_to_fp32":
            self._sample(cp_flags=words[:, 3])
            magnitude = [abs((w[2] << 64 | w[1] << 32 | w[0]) - (w[2] >> 31 << 96)) for w in words.tolist()]
            leading = np.array([m.bit_length() - 1 for m in magnitude])
            self._sample(cp_leading_bit=leading[leading >= 0])
        self._sample(cp_rounding=roundings(self.name_of_operator, words, result))
        self._sample(cp_result_class=classes(result, self.operator.bits))

    def check_phase(self) -> None:
        self.coverage.check()


class FpAgent(uvm_agent):
    """Sequencer, driver and the two monitors."""

    def build_phase(self) -> None:
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = FpDriver("driver", self)
        self.input_monitor = FpMonitor("input_monitor", self, output=False)
        self.output_monitor = FpMonitor("output_monitor", self, output=True)

    def connect_phase(self) -> None:
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)


class FpEnv(uvm_env):
    """Agent, scoreboard, coverage."""

    def build_phase(self) -> None:
        self.agent = FpAgent("agent", self)
        self.scoreboard = FpScoreboard("scoreboard", self)
        self.coverage = FpCoverage("coverage", self)

    def connect_phase(self) -> None:
        self.agent.input_monitor.ap.connect(self.scoreboard.inputs.analysis_export)
        self.agent.output_monitor.ap.connect(self.scoreboard.outputs.analysis_export)
        self.scoreboard.ap.connect(self.coverage.analysis_export)


def sequences(operator: str, rng: np.random.Generator, count: int) -> list[FpSequence]:
    """Streaming without a gap, then with idles, then resets in flight."""
    words = operands(operator, rng, count)
    return [
        FpSequence("streaming", words, rng),
        FpSequence("idles", rng.permutation(words)[: max(LANES, count // 8)], rng, idle_rate=0.5),
        FpResetSequence("resets", words[: 6 * LANES], rng),
    ]
