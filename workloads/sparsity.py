"""Activation sparsity of the functional forward: which token rows a region computes, and how the others are recovered.

A *region* is a group of layers with one keep mask: `qkv`, `out`, `cross_q`, `cross_out` and `mlp` of a block.  A
`Policy` says for one region at one denoising step which rows are kept (computed) and which are dropped (recovered):

* `dense`   every row is kept.
* `step`    a row is dropped while it resembles its own cached input row: `age < max_age`, `dot > 0` and
            `dot^2 > thr^2 |a|^2 |c|^2`, with `age` the steps since it was last computed (1 in the step after).
            Its output is `y1 + coef * age * (y1 - y2)`, y1 and y2 the last two outputs computed for it.
* `window`  (h, w, t) windows over rows, columns and frames, clipped at the borders: a row is dropped if it resembles
            the reference row of its window and that row is itself kept; its output is the reference's.
* `step+window`  both: the step axis decides first.
* `mask`    the program dictates: `keep` is `all`, `none`, `random` or `round_robin` (the last two at `rate`);
            recovery as for `step`.

NaN rows and zero rows are kept because they fail every comparison.  The first step of a cache is dense.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

SPATIAL = ("qkv", "out", "cross_q", "cross_out", "mlp")
TEMPORAL = ("qkv", "out", "mlp")
BRANCHES = ("caption", "null")
POLICY_FILE = Path(__file__).resolve().parent / "data" / "sparsity.json"
GOLDEN = 0.6180339887  # spreads the phases of round robin evenly over the rows


@dataclass(frozen=True)
class Policy:
    """What one region does at one denoising step; see the module's description."""

    source: str = "dense"
    thr: float = 1.0
    max_age: int = 1
    coef: float = 0.0
    window: tuple[int, int, int] = (1, 1, 1)
    ref: tuple[int, int, int] = (0, 0, 0)
    keep: str = "all"
    rate: float = 1.0
    normalised: bool = False  # decide on LayerNormed and modulated rows instead of raw ones (qkv and mlp)

    @property
    def skips_all(self) -> bool:
        return self.source == "mask" and self.keep == "none"


DENSE = Policy()
SKIP = Policy("mask", keep="none")


def regions(layers: int) -> list[str]:
    """Names of all regions in order of execution: `spatial.0.qkv` ... `temporal.3.mlp`."""
    names = []
    for index in range(layers):
        names += [f"spatial.{index}.{region}" for region in SPATIAL]
        names += [f"temporal.{index}.{region}" for region in TEMPORAL]
    return names


@dataclass
class Schedule:
    """A policy for every denoising step, guidance branch and region; regions that are not listed are dense."""

    steps: int
    policies: dict[tuple[int, str, str], Policy] = field(default_factory=dict)

    def policy(self, step: int, branch: str, region: str) -> Policy:
        return self.policies.get((step, branch, region), DENSE)

    def save(self, path: Path, **about) -> None:
        """Write the policy file: distinct policies once, then per step region -> [index of caption, of null branch]."""
        distinct = list(dict.fromkeys([DENSE, *self.policies.values()]))
        index = {policy: number for number, policy in enumerate(distinct)}
        names = list(dict.fromkeys(region for _, _, region in self.policies))
        rows = [{name: [index[self.policy(step, branch, name)] for branch in BRANCHES] for name in names} for step in range(self.steps)]
        defaults = asdict(DENSE)
        listed = [{k: v for k, v in asdict(p).items() if k == "source" or v != defaults[k]} for p in distinct]
        text = json.dumps({**about, "steps": self.steps, "branches": BRANCHES, "policies": ["@"], "schedule": ["@@"]}, indent=1)
        text = text.replace('"@"', ",\n  ".join(map(json.dumps, listed))).replace('"@@"', ",\n  ".join(map(json.dumps, rows)))
        Path(path).write_text(text + "\n")

    @classmethod
    def load(cls, path: Path = POLICY_FILE) -> "Schedule":
        """Read a policy file that `save` wrote."""
        data = json.loads(Path(path).read_text())
        listed = [Policy(**{k: tuple(v) if isinstance(v, list) else v for k, v in p.items()}) for p in data["policies"]]
        table = {
            (step, branch, name): listed[number]
            for step, row in enumerate(data["schedule"])
            for name, pair in row.items()
            for branch, number in zip(data["branches"], pair)
            if listed[number] != DENSE
        }
        return cls(data["steps"], table)


def window_reference(grid: int, frames: int, window, ref, temporal: bool) -> np.ndarray:
    """Row number of every row's window reference [N]; rows are frame-major, in temporal blocks position-major.

    The reference is `ref` (row, column, frame) inside the window, clipped to the part of the window that exists.
    """
    h, w, t = window
    frame, row, column = np.meshgrid(np.arange(frames), np.arange(grid), np.arange(grid), indexing="ij")
    reference = [
        np.minimum(position // size * size + offset, limit - 1)
        for position, size, offset, limit in ((frame, t, ref[2], frames), (row, h, ref[0], grid), (column, w, ref[1], grid))
    ]
    position = reference[1] * grid + reference[2]
    if temporal:
        return (position * frames + reference[0]).reshape(frames, -1).T.ravel()
    return (reference[0] * grid * grid + position).ravel()


def similar(a, b, thr: float):
    """dot > 0 and dot^2 > thr^2 |a|^2 |b|^2 for every row pair: bool [N]; false for zero and NaN rows."""
    dot = (a * b).sum(-1)
    return (dot > 0) & (dot * dot > thr * thr * (a * a).sum(-1) * (b * b).sum(-1))


class Cache:
    """What a region remembers between steps: input rows, the last two outputs, and each row's age in steps."""

    def __init__(self):
        self.input = self.y1 = self.y2 = self.age = None

    def replace(self, rows, output) -> None:
        """Every row was computed."""
        self.input, self.y1, self.y2 = rows.copy(), output, output if self.y1 is None else self.y1
        self.age = np.zeros(len(rows), np.float32)

    def refresh(self, index, rows, output) -> None:
        """The rows `index` were computed."""
        if self.y2 is self.y1:
            self.y2 = self.y1.copy()
        self.y2[index], self.y1[index] = self.y1[index], output
        self.input[index], self.age[index] = rows[index], 0

    def recover(self, coef: float):
        """Outputs as the step axis recovers them, [N, M]."""
        if coef == 0 or self.y2 is self.y1:
            return self.y1
        return self.y1 + (coef * self.age)[:, None] * (self.y1 - self.y2)


@dataclass
class Counts:
    """Multiply-accumulates of a run: done, done in tiles of 4 and of 64 rows, and those of the dense run. `time` and `dense_time` are
    what they take of the array, in INT8 MACs: `linear_cost` and `attention_cost` each, 1 in INT8 and 2 in FP16; the dense run is W8A8."""

    macs: float = 0
    macs_4: float = 0
    macs_64: float = 0
    dense: float = 0
    time: float = 0
    dense_time: float = 0
    linear_cost: int = 1
    attention_cost: int = 2
    kept: dict = field(default_factory=dict)  # (step, branch, region) -> share of rows computed

    def always(self, macs: float, done: bool = True) -> None:
        """Work without a mask: attention, embedding, output projection."""
        self.dense += macs
        self.dense_time += 2 * macs
        if done:
            self.time += self.attention_cost * macs
            self.macs, self.macs_4, self.macs_64 = self.macs + macs, self.macs_4 + macs, self.macs_64 + macs

    def rows(self, key, keep: np.ndarray, per_row: int, tile: int = 64) -> None:
        """A region's keep mask [N]; tiles are `tile` consecutive rows."""
        kept = keep.reshape(-1, tile).sum(1)
        self.dense += len(keep) * per_row
        self.dense_time += len(keep) * per_row
        self.time += self.linear_cost * kept.sum() * per_row
        self.macs += kept.sum() * per_row
        self.macs_4 += (-(-kept // 4) * 4).sum() * per_row
        self.macs_64 += (kept > 0).sum() * tile * per_row
        self.kept[key] = float(kept.sum() / len(keep))


class Sparsifier:
    """Decides, computes and recovers the regions of one guidance branch of one video."""

    def __init__(self, schedule: Schedule, branch: str, counts: Counts, seed: int = 0):
        self.schedule, self.branch, self.counts = schedule, branch, counts
        self.step, self.caches, self.references = -1, {}, {}
        self.rng = np.random.default_rng([seed, 7, BRANCHES.index(branch)])

    def begin_step(self) -> None:
        """The next denoising step: every cached row grows older."""
        self.step += 1
        for cache in self.caches.values():
            if cache.age is not None:
                cache.age = cache.age + 1

    def policy(self, region: str) -> Policy:
        return self.schedule.policy(self.step, self.branch, region)

    def skips(self, *names: str) -> bool:
        """Whether the program skips all rows of all these regions, so that work between them is not needed."""
        return all(self.policy(name).skips_all and self.cache(name).y1 is not None for name in names)

    def cache(self, region: str) -> Cache:
        return self.caches.setdefault(region, Cache())

    def run(self, region: str, rows, compute, per_row: int, grid: int, frames: int, normalise=None):
        """Output rows [N, M] of a region on input rows [N, D]; `compute` maps any subset of rows to outputs."""
        policy, cache = self.policy(region), self.cache(region)
        key = (self.step, self.branch, region)
        if policy.skips_all and cache.y1 is not None:
            self.counts.rows(key, np.zeros(frames * grid * grid, bool), per_row)
            return cache.recover(policy.coef)
        tested = normalise(rows) if policy.normalised and normalise else rows
        by_step, by_window, reference = self.dropped(region, policy, cache, tested, grid, frames)
        keep = ~(by_step | by_window)
        self.counts.rows(key, keep, per_row)
        if keep.all():
            output = compute(rows)
            cache.replace(tested, output)
            return output
        index = np.flatnonzero(keep)
        computed = compute(rows[index])
        if cache.y1 is None:  # windows at the first step: nothing to recover from the past
            output = np.zeros((len(rows), computed.shape[1]), np.float32)
            output[index] = computed
        else:
            output = cache.recover(policy.coef).copy()
            output[index] = computed
            cache.refresh(index, tested, computed)
        if reference is not None:
            output[by_window] = output[reference[by_window]]
        return output

    def dropped(self, region: str, policy: Policy, cache: Cache, rows, grid: int, frames: int):
        """Rows dropped by the step axis and by windows, bool [N] each, and the rows' window references."""
        none = np.zeros(frames * grid * grid, bool)
        by_step, by_window, reference = none, none, None
        if cache.y1 is not None and policy.source == "mask":
            by_step = ~self.dictated(policy, len(none))
        elif cache.y1 is not None and policy.source.startswith("step"):
            by_step = similar(rows, cache.input, policy.thr) & (cache.age < policy.max_age)
        if policy.source.endswith("window"):
            reference = self.reference(region, policy, grid, frames)
            other = reference != np.arange(len(none))
            by_window = similar(rows, rows[reference], policy.thr) & other & ~by_step & ~by_step[reference]
        return by_step, by_window, reference

    def dictated(self, policy: Policy, count: int) -> np.ndarray:
        """The keep mask of a `mask` policy, bool [count]."""
        if policy.keep == "random":
            return self.rng.random(count) < policy.rate
        if policy.keep == "round_robin":
            phase = np.arange(count) * GOLDEN % 1
            return np.floor(self.step * policy.rate + phase) != np.floor((self.step - 1) * policy.rate + phase)
        return np.full(count, policy.keep == "all")

    def reference(self, region: str, policy: Policy, grid: int, frames: int):
        temporal = region.startswith("temporal")
        key = (temporal, policy.window, policy.ref)
        if key not in self.references:
            self.references[key] = window_reference(grid, frames, policy.window, policy.ref, temporal)
        return self.references[key]
