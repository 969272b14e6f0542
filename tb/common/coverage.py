"""Functional coverage: named points with bins and goals; a run that misses a goal fails.

A `Coverage` belongs to one environment. Points are called `cp_*`. `check()` writes build/coverage/<block>/<run>.json
(`{goals: {point: goal}, points: {point: {bin: hits}}, seed}`), which `make regress` merges over seeds, and raises
CoverageError naming every missed bin. Runs that are meant to fail (`simulate(check=False)`) leave no file.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Hashable, Iterable
from pathlib import Path

OUTPUT = Path(__file__).resolve().parents[2] / "build" / "coverage"


class CoverageError(AssertionError):
    """A coverage goal was missed; the message names the bins."""


class Coverage:
    """Coverage model of one block."""

    def __init__(self, block: str, run: str = "run") -> None:
        self.block, self.run = block, run
        self._hits: dict[str, dict[Hashable, int]] = {}
        self._goal: dict[str, int] = {}
        self._parts: dict[str, tuple[str, ...]] = {}
        self._last: dict[str, Hashable] = {}

    def point(self, name: str, bins: Iterable[Hashable], goal: int = 1) -> None:
        """Declare a point: each of `bins` must be hit at least `goal` times."""
        if not name.startswith("cp_"):
            raise ValueError(f"coverage point {name!r} must be called cp_*")
        self._hits[name] = dict.fromkeys(bins, 0)
        self._goal[name] = goal

    def cross(self, name: str, *points: str, ignore: Iterable[tuple] = (), goal: int = 1) -> None:
        """Declare the cross product of declared points; `ignore` lists combinations that cannot occur."""
        skip = set(ignore)
        bins = (c for c in itertools.product(*(self._hits[p] for p in points)) if c not in skip)
        self.point(name, bins, goal)
        self._parts[name] = points

    def sample(self, name: str, value: Hashable) -> None:
        """Count one value of a point; a value without a bin is an error of the environment."""
        if value not in self._hits[name]:
            raise ValueError(f"{self.block}.{name} has no bin {value!r}")
        self._hits[name][value] += 1
        self._last[name] = value

    def sample_all(self, **values: Hashable) -> None:
        """Count one value for each named point, and every cross whose points are all among them."""
        for name, value in values.items():
            self.sample(name, value)
        for name, points in self._parts.items():
            if all(p in values for p in points):
                combination = tuple(values[p] for p in points)
                if combination in self._hits[name]:
                    self._hits[name][combination] += 1

    def missed(self) -> list[str]:
        """Bins below their goal, as `point[bin]`."""
        return [f"{name}[{value}]" for name, bins in self._hits.items()
                for value, hits in bins.items() if hits < self._goal[name]]

    def check(self) -> None:
        """Write the counts, then raise CoverageError if any goal was missed."""
        if os.environ.get("FVGM_COVERAGE") != "off":
            folder = OUTPUT / self.block
            folder.mkdir(parents=True, exist_ok=True)
            counts = {name: {str(b): n for b, n in bins.items()} for name, bins in self._hits.items()}
            goals = {"goals": self._goal, "points": counts, "seed": os.environ.get("FVGM_SEED", "")}
            (folder / f"{self.run}.json").write_text(json.dumps(goals, indent=1))
        missed = self.missed()
        if missed:
            raise CoverageError(f"{self.block}: {len(missed)} coverage goals missed: {', '.join(missed[:20])}")
