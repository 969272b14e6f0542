"""The cycle model against the RTL on whole programs drawn at random: cycles from start to end of each within 2 %, of half of them within
0.05 %.

The model is to predict every cycle, and does in most programs; but in programs this short (10 to 100 thousand cycles) one cycle that
it does not know can swap two equal tasks and so move the end.

Method: a layer of a small Latte model with random sizes that are no powers of two, random weights and tokens, rows kept by random
masks or by the similarity engine; on `tiny`, one or two cores, one or two contexts, three latencies of the memory. FVGM_SEED draws
other programs. The model gets what models/core.py finds out about rows, lists and passes, and no number of the RTL. `python -m
bench.cycles` records more and larger programs. What the test cannot see: a model that is wrong for a few cycles in a place that
hardly matters.
"""

from __future__ import annotations

from dataclasses import replace

from bench import cycles
from models.cycles import Timing
from tb.common.seed import rng

LIMIT = 0.02  # one program
MEDIAN = 0.0005  # of the magnitudes
DRAWS = (("dense", 2, 2), ("mask", 1, 2), ("mask_window", 2, 1), ("step", 2, 2), ("window", 1, 1), ("both", 2, 2))


def drawn(source: str, cores: int, contexts: int) -> cycles.Draw:
    """A program of some ten thousand cycles."""
    random = rng(f"cycles.{source}.{cores}.{contexts}")
    return replace(cycles.draw(random, source), heads=int(random.integers(1, 3)), head_dim=int(random.choice([16, 24])),
                   grid=int(random.integers(3, 5)), cores=cores, contexts=contexts)


def test_model_predicts_the_rtl() -> None:
    found = [cycles.compare(drawn(*d)) for d in DRAWS]
    errors = sorted(abs(f["error"]) for f in found)
    print([(f["what"], f["rtl"], f["error"]) for f in found])
    assert all(f["rtl"] > 5000 for f in found)
    assert errors[-1] <= LIMIT and errors[len(errors) // 2] <= MEDIAN, found


def test_the_limits_see_a_wrong_constant() -> None:
    """A check that takes four times as long, a memory that is farther away, a context less: each moves every program by more than half
    of them may be off, and at least one by more than any may be. How much a check counts depends on the program: 2 to 16 % with six seeds."""
    moved = []
    for cores in (1, 2):
        d = drawn("dense", cores, 2)
        case = cycles.prepare(d)
        right = cycles.predict(case, 2, d.latency)
        assert cycles.predict(case, 2, d.latency) == right
        slow = Timing(latency=d.latency, check={opcode: 4 * n for opcode, n in Timing().check.items()})
        wrong = [cycles.predict(case, 2, 3 * d.latency), cycles.predict(case, 1, d.latency), cycles.predict(case, 2, d.latency, slow)]
        moved.append([abs(w / right - 1) for w in wrong])
    assert all(m > MEDIAN for program in moved for m in program), moved
    assert max(m for program in moved for m in program) > LIMIT, moved
