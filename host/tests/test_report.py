"""The report: attribution of cycles on traces written by hand, comparison of memories, and `make sim` without RTL.

Method: small traces whose right answer is countable by hand; a run of host.sim with --model-only on the committed
workload. The RTL's part is tested by tb/top and by `make sim` itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from compiler.memory import Region
from compiler.program import Op
from host import report, sim, trace
from host.trace import Span, TaskSpan
from models import config as configs
from models.isa import Unit

TINY = configs.load("tiny")
OPS = [Op("a.transfer", "transfer", block="a"), Op("a.norm", "special", 16, 8, block="a"),
       Op("a.lin", "linear", 16, 8, 128, precision="int8", block="a"),
       Op("a.scores", "attention", 8, 8, 64, 2, precision="fp16", block="a")]
SPANS = [Span(0, 10, 0, 0, Unit.LOAD, 0, 0), Span(10, 30, 0, 0, Unit.SFU, 1, 0), Span(12, 35, 0, 1, Unit.SFU, 1, 1),
         Span(30, 200, 0, 0, Unit.MPU, 2, 0), Span(150, 330, 0, 1, Unit.MPU, 3, 1)]
TRACE = report.Trace(1, 400, SPANS)


def assembled() -> SimpleNamespace:
    return SimpleNamespace(code=np.zeros((6, 64), np.uint8), tag=np.array([0, 1, 1, 2, 3]), moved=np.array([640, 0, 0, 0, 0]),
                           tasks=[None, None])


def test_every_cycle_belongs_to_a_matrix_operation() -> None:
    cycles = report.operation_cycles(TRACE, len(OPS))
    # overlapping commands of one operation count once; the tail belongs to the last
    assert cycles.tolist() == [10, 25, 200, 200]
    assert cycles[2] + cycles[3] == 400


def test_trace_by_core_and_unit() -> None:
    other = Span(5, 25, 1, 0, Unit.SFU, 1, 2)
    whole = report.Trace(2, 400, [*reversed(SPANS), other])
    assert whole.of(0, Unit.SFU) == SPANS[1:3] and whole.of(1, Unit.SFU) == [other] and not whole.of(1, Unit.MPU)
    # what overlaps counts once, a gap not at all
    assert [whole.busy(0, unit) for unit in (Unit.LOAD, Unit.SFU, Unit.MPU, Unit.RU)] == [10, 25, 300, 0]
    assert report.Trace(1, 50, [Span(0, 10, 0, 0, Unit.LOAD, 0, 0), Span(40, 50, 0, 0, Unit.LOAD, 0, 0)]).busy(0, Unit.LOAD) == 20


def test_cores_add_up() -> None:
    other = [Span(s.start, s.done, 1, s.context, s.unit, s.tag, s.entry) for s in SPANS]
    cycles = report.operation_cycles(report.Trace(2, 400, SPANS + other), len(OPS))
    assert cycles.tolist() == [20, 50, 400, 400]
    assert report.build(TINY, OPS, assembled(), report.Trace(2, 400, SPANS + other))["mac_utilisation"] == pytest.approx(
        (16384 / TINY.int8_macs + 8192 / TINY.fp16_macs) / 800, abs=1e-4)


def test_utilisation_counts_the_algorithm_at_its_precision() -> None:
    out = report.build(TINY, OPS, assembled(), TRACE)
    linear, scores = out["ops"][2], out["ops"][3]
    assert (linear["macs"], scores["macs"]) == (16 * 8 * 128, 2 * 8 * 8 * 64)
    assert linear["utilisation"] == pytest.approx(16384 / (200 * TINY.int8_macs), abs=1e-4)
    assert scores["utilisation"] == pytest.approx(8192 / (200 * TINY.fp16_macs), abs=1e-4)
    assert out["mac_utilisation"] == pytest.approx((16384 / TINY.int8_macs + 8192 / TINY.fp16_macs) / 400, abs=1e-4)
    assert out["linear"]["cycles"] == out["attention"]["cycles"] == 200
    assert out["ops"][0]["bytes"] == out["bytes_moved"] == 640


def test_classes_of_cycles_come_from_the_counters() -> None:
    counters = {"mpu_busy": 70, "mpu_idle": 12, "mpu_idle_task": 2} | {f"mpu_stall_on{i}": i for i in range(7)}
    classes = report.cycle_classes(counters, Unit.MPU)
    assert (classes["busy"], classes["waits for SFU"], classes["waits, other"]) == (70, 4, 0)
    assert (classes["nothing queued"], classes["no task"], sum(classes.values())) == (10, 2, 70 + 21 + 12)


def test_chrome_trace() -> None:
    events = trace.events(SPANS, [TaskSpan(0, 210, 0, 0, 0)], [op.name for op in OPS], ["zero", "one"])
    spans = [e for e in events if e["ph"] == "X"]
    assert len(spans) == 6 and spans[3] == {"ph": "X", "pid": 0, "tid": 2, "ts": 30, "dur": 170, "name": "a.lin",
                                            "args": {"task": "zero", "context": 0}}
    assert spans[-1]["name"] == "zero" and spans[-1]["tid"] == len(Unit)
    names = {(e["pid"], e.get("tid")): e["args"]["name"] for e in events if e["ph"] == "M" and "name" in e["args"]}
    assert names[0, None] == "core 0" and names[0, 2] == "mpu" and names[0, len(Unit)] == "context 0"


def test_chrome_trace_of_two_cores_as_a_file(tmp_path: Path) -> None:
    """Cores are processes; contexts of one number lie in lanes of their own; the file is what a viewer reads."""
    spans = [SPANS[0], Span(0, 7, 1, 1, Unit.STORE, 0, 1)]
    events = trace.events(spans, [TaskSpan(0, 9, 1, 1, 1), TaskSpan(2, 8, 1, 0, 0)], [op.name for op in OPS], ["zero", "one"])
    trace.write(tmp_path / "new" / "trace.json", events)
    read = json.loads((tmp_path / "new" / "trace.json").read_text())["traceEvents"]
    assert read == events and all(e["ph"] in "MX" for e in read)
    lanes = {(e["pid"], e["tid"]): e["args"]["name"] for e in read if e["name"] == "thread_name"}
    assert lanes == {(0, 0): "load", (1, 1): "store", (1, len(Unit)): "context 0", (1, len(Unit) + 1): "context 1"}
    assert {e["args"]["name"] for e in read if e["name"] == "process_name"} == {"core 0", "core 1"}
    assert {(e["pid"], e["tid"]) for e in read if e["ph"] == "X"} == set(lanes)


def test_comparison_counts_words_by_region() -> None:
    regions = [Region("x", 100, 32, "scratch"), Region("o", 132, 16, "scratch")]
    compiled = SimpleNamespace(written=lambda: regions, hbm=SimpleNamespace(base=100))
    one = np.arange(64, dtype=np.uint8)
    two = one.copy()
    assert sim.compare(compiled, one, two) == (24, {})
    two[3] ^= 1
    two[[34, 35, 40]] ^= 128
    two[60] = 9  # outside of what the program writes
    assert sim.compare(compiled, one, two) == (24, {"x": 1, "o": 2})


def test_model_only_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["sim", "--model-only", "--out", str(tmp_path)])
    assert sim.main() == 0
    out = json.loads((tmp_path / "sim.json").read_text())
    assert {"config", "clip", "blocks", "bit_exact", "words_compared", "mismatches", "cycles", "macs",
            "peak_macs_per_cycle",
            "mac_utilisation", "ops", "sim_cycles_per_second", "wall_seconds"} <= set(out)
    assert {"name", "kind", "m", "n", "k", "precision", "cycles", "utilisation"} <= set(out["ops"][0])
    assert not out["rtl"] and not out["bit_exact"]
    assert min(out["cosine"].values()) >= 0.999
    assert out["linear"]["cycles"] + out["attention"]["cycles"] == out["cores"] * out["cycles"]
    assert (tmp_path / "timeline.png").stat().st_size > 10_000


@pytest.mark.parametrize(("arguments", "message"), [
    (["--blocks", "9"], "block spatial 9 does not exist"), (["--blocks", "x"], "--blocks x: a layer number or all"),
    (["--config", "huge"], "unknown configuration 'huge'"), (["--clip", "nothing"], "no noised/nothing"),
    (["--time", "0.5"], "no noised/bottle/0.5"),
], ids=lambda v: v[0].strip("-") if isinstance(v, list) else "")
def test_wrong_arguments_give_one_line(arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("sys.argv", ["sim", "--model-only", *arguments])
    assert sim.main() == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ") and error.count("\n") == 1
