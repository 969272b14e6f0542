"""Corners of the checks: an instruction that just passes, and one that just fails, at times for two causes, of which one comes first.

`corner` gives both; the first must run and the second must stop the core with the cause of its fault. The instructions
that pass every check come from here too: fields that an operation does not use hold anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.config import Config
from models.isa import HEADER, HEADER_BITS, INSTRUCTION_BYTES, PAYLOAD, Opcode, decode, encode
from models.scheduler_check import Windows

ORIGIN = 0x40_0000_0000
WINDOWS = Windows((ORIGIN, ORIGIN + 0xC000), (ORIGIN + 0xC000, ORIGIN + 0x10000))

Fields = dict[str, int]


def change(raw: np.ndarray, **values: int) -> np.ndarray:
    """An instruction with other values in some fields."""
    value = int.from_bytes(bytes(raw), "little")
    table = {f.name: f.lsb for f in HEADER}
    widths = {f.name: f.bits for f in HEADER}
    if int(raw[0]) in set(Opcode):
        for f in PAYLOAD[Opcode(int(raw[0]))]:
            table[f.name], widths[f.name] = HEADER_BITS + f.lsb, f.bits
    for name, new in values.items():
        mask = (1 << widths[name]) - 1
        value = value & ~(mask << table[name]) | (new & mask) << table[name]
    return np.frombuffer(value.to_bytes(INSTRUCTION_BYTES, "little"), np.uint8).copy()


def legal_transfer(rng: np.random.Generator, config: Config, opcode: Opcode, **forced: int) -> np.ndarray:
    """A LOAD or STORE that passes every check, with a list in one of two; `forced` fields and header."""
    def r(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))
    store = opcode == Opcode.STORE
    rows, units, by_list = r(1, 8), r(1, 16), forced.get("list", r(0, 1))
    bound = r(1, 40) if by_list else r(0, 1) * r(0, 65535)  # not looked at without a list
    window = WINDOWS.write if store or r(0, 1) else WINDOWS.read
    stride = 32 * r(0, 10 if by_list else 20)
    span = ((bound if by_list else rows) - 1) * stride + -(-units // 2) * 32
    fields = dict(hbm_addr=window[0] + 32 * r(0, (window[1] - window[0] - span) // 32), rows=rows, row_units=units,
                  hbm_stride=stride, buffer=2 if store else r(0, 2), base=r(0, 1000), row_step=r(0, 60),
                  unit_step=1 if store else r(0, 30), list=by_list, bound=bound,
                  list_base=r(0, config.mbuf - rows) if by_list else r(0, 65535))
    if not store and r(0, 3) == 0:
        fields |= dict(buffer=3, base=r(0, 60), row_step=r(0, 8), unit_step=1)
    return encode(opcode, **(fields | forced))


def legal_gemm(rng: np.random.Generator, config: Config, **forced: int) -> np.ndarray:
    """A GEMM that passes every check; `forced` fields and header."""
    def r(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))
    precision = forced.get("precision", r(0, 1))
    layout = r(0, 1) if precision else 0
    even = 1 if precision else 2  # INT8 rows lie at even units
    fields = dict(precision=precision, b_layout=layout, out_fp32=r(0, 1), row_scale=r(0, 1), col_affine=r(0, 1), m=r(1, 30),
                  n=r(1, 60), k=r(1, 60), batch=r(1, 4), a_base=even * r(0, 450), a_step=even * r(0, 20), a_batch=even * r(0, 30),
                  b_base=r(0, 400), b_step=r(0, 10) | layout, b_batch=r(0, 60), o_base=r(0, 400), o_step=r(0, 16),
                  o_batch=r(0, 100), rbuf_base=r(0, 100), pbuf_base=r(0, 50))
    return encode(Opcode.GEMM, **(fields | forced))


def legal_su(rng: np.random.Generator, config: Config, **forced: int) -> np.ndarray:
    """An SU that passes every check; `forced` fields (flags with all that they need) and header."""
    def r(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))
    step, mask = [(0, 0), (1, 0), (0, 1)][r(0, 2)]
    flags = dict(window=r(0, 1), step=step, mask=mask, meta=step | r(0, 1), c_int8=step & r(0, 1)) | forced
    rows = forced.get("rows", r(25, 1024) if flags["mask"] and r(0, 3) == 0 else r(1, 24))
    w = [r(1, 8) for _ in range(3)]
    fields = dict(rows=rows, cols=r(1, 200), x_base=r(0, 900), x_step=r(0, 40), c_base=r(0, 900), c_step=r(0, 40),
                  n1=r(1, 4095), n2=r(1, 4095), w0=w[0], w1=w[1], w2=w[2], o0=r(0, w[0] - 1), o1=r(0, w[1] - 1),
                  o2=r(0, w[2] - 1), thr_window=r(0, 2**32 - 1), thr_step=r(0, 2**32 - 1), max_age=r(0, 15),
                  meta_base=r(0, 1000), mask_base=r(0, 1000))
    fields |= {name: r(0, config.mbuf - rows) for name in ("list_base", "map_base", "write_base")}
    unused = ["x"] * flags["mask"] + ["c"] * (not flags["step"])
    for name in [f"{n}_{part}" for n in unused for part in ("base", "step")] + ["meta_base"] * (not flags["meta"]) \
            + ["mask_base"] * (not flags["mask"]):
        fields[name] = r(0, 2**20 - 1)
    return encode(Opcode.SU, **(fields | flags))


def legal_ru(rng: np.random.Generator, config: Config, **forced: int) -> np.ndarray:
    """An RU that passes every check; `forced` fields and header."""
    def r(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))
    op = forced.get("op", r(0, 1))
    flags = dict(op=op, extrapolate=op & r(0, 1)) | forced
    rows = r(1, 24)
    fields = dict(rows=rows, units=r(1, 40), y_base=r(0, 1900), y_step=r(0, 2**20 - 1),
                  map_base=r(0, config.mbuf - rows), coef=r(0, 2**32 - 1))
    used = {"d": True, "c1": op == 1, "c2": flags["extrapolate"] == 1}
    for name, use in used.items():
        fields |= {f"{name}_base": r(0, 900 if use else 2**20 - 1), f"{name}_step": r(0, 40 if use else 2**20 - 1)}
    return encode(Opcode.RU, **(fields | flags))


def _legal(rng: np.random.Generator, config: Config, opcode: Opcode, **forced: int) -> np.ndarray:
    if opcode in (Opcode.LOAD, Opcode.STORE):
        return legal_transfer(rng, config, opcode, **forced)
    return {Opcode.GEMM: legal_gemm, Opcode.SU: legal_su, Opcode.RU: legal_ru}[opcode](rng, config, **forced)


@dataclass(frozen=True)
class Flag:
    """Fields that break a legal instruction which has the `forced` fields."""

    fault: str
    opcode: Opcode
    forced: Fields
    bad: Fields


@dataclass(frozen=True)
class Range:
    """An operand: its base, the size of its buffer, what lies between its first and its last address."""

    opcode: Opcode
    forced: Fields
    base: str
    size: str
    span: Callable[[Fields], int]


def _up(value: int, divisor: int) -> int:
    return (value + divisor - 1) // divisor


_STEP = {"step": 1, "meta": 1, "mask": 0}
_LIST_ROWS = {"rows": 1024, "mask": 1, "step": 0, "c_int8": 0}
_FAR = {"base": (1 << 20) - 1, "row_step": 0}  # behind every buffer
FLAGS = {
    **{f"GEMM INT8, {name} odd": Flag("illegal_field", Opcode.GEMM, {"precision": 0}, {name: 3})
       for name in ("a_base", "a_step", "a_batch")},
    "GEMM k": Flag("illegal_field", Opcode.GEMM, {"precision": 1, "b_layout": 0, "k": 16384, "a_step": 0, "b_step": 0}, {"k": 16385}),
    "SU rows": Flag("illegal_field", Opcode.SU, _LIST_ROWS, {"rows": 1025}),
    "SU count": Flag("illegal_field", Opcode.SU, {}, {"count": 7}),
    "SU step, no meta": Flag("illegal_field", Opcode.SU, _STEP, {"meta": 0}),
    "SU mask, step": Flag("illegal_field", Opcode.SU, _STEP, {"mask": 1}),
    "SU c_int8, no step": Flag("illegal_field", Opcode.SU, {"step": 0, "c_int8": 0}, {"c_int8": 1}),
    **{f"SU w{k} = {w}": Flag("illegal_field", Opcode.SU, {f"w{k}": 8 if w else 1, f"o{k}": 0}, {f"w{k}": w})
       for k in range(3) for w in (0, 9)},
    **{f"SU o{k} = w{k}": Flag("illegal_field", Opcode.SU, {f"w{k}": k + 3, f"o{k}": k + 2}, {f"o{k}": k + 3})
       for k in range(3)},
    "RU gather, extrapolate": Flag("illegal_field", Opcode.RU, {"op": 1, "extrapolate": 1}, {"op": 0}),
    **{f"{op.name} {name} = 0": Flag("zero_length", op, forced, {name: 0}) for op, names, forced in (
        (Opcode.SU, ("rows", "cols", "n1", "n2"), {}), (Opcode.RU, ("rows", "units"), {}),
        (Opcode.LOAD, ("bound",), {"list": 1}), (Opcode.STORE, ("bound",), {"list": 1})) for name in names},
    "STORE reads": Flag("window_range", Opcode.STORE, {}, {"hbm_addr": ORIGIN}),
    "LOAD across windows": Flag("window_range", Opcode.LOAD, {"list": 0},
                                {"hbm_addr": WINDOWS.read[1] - 32, "rows": 1, "row_units": 3, "unit_step": 0}),
    "illegal_field first": Flag("illegal_field", Opcode.STORE, {}, {"unit_step": 0, "rows": 0, "hbm_stride": 16}),
    "zero_length first": Flag("zero_length", Opcode.LOAD, {}, {"rows": 0, "hbm_stride": 16} | _FAR),
    "misaligned first": Flag("misaligned", Opcode.LOAD, {}, {"hbm_addr": ORIGIN - 16} | _FAR),
    "buffer_range first": Flag("buffer_range", Opcode.LOAD, {}, {"hbm_addr": ORIGIN - 32} | _FAR),
}
RANGES = {
    **{f"SU x, {n} columns": Range(Opcode.SU, {"mask": 0, "step": 0, "c_int8": 0, "cols": n}, "x_base", "vbuf",
                                   lambda f: (f["rows"] - 1) * f["x_step"] + _up(f["cols"], 8) - 1) for n in (8, 9)},
    **{f"SU c, FP16, {n} columns": Range(Opcode.SU, _STEP | {"c_int8": 0, "cols": n}, "c_base", "vbuf",
                                         lambda f: (f["rows"] - 1) * f["c_step"] + _up(f["cols"], 8) - 1)
       for n in (8, 9)},
    **{f"SU c, INT8, {n} columns": Range(Opcode.SU, _STEP | {"c_int8": 1, "cols": n}, "c_base", "vbuf",
                                         lambda f: (f["rows"] - 1) * f["c_step"] + _up(f["cols"], 16) - 1)
       for n in (16, 17)},
    **{f"SU meta, {n} rows": Range(Opcode.SU, {"meta": 1, "rows": n}, "meta_base", "vbuf",
                                   lambda f: _up(f["rows"], 2) - 1) for n in (2, 3)},
    **{f"SU mask, {n} rows": Range(Opcode.SU, {"mask": 1, "step": 0, "c_int8": 0, "rows": n}, "mask_base", "vbuf",
                                   lambda f: _up(f["rows"], 128) - 1) for n in (128, 129)},
    **{f"SU {name}": Range(Opcode.SU, {}, f"{name}_base", "mbuf", lambda f: f["rows"] - 1)
       for name in ("list", "map", "write")},
    **{f"RU {name}": Range(Opcode.RU, {"op": int(name != "d"), "extrapolate": int(name == "c2")}, f"{name}_base",
                           "vbuf", lambda f, step=f"{name}_step": (f["rows"] - 1) * f[step] + f["units"] - 1)
       for name in ("d", "c1", "c2")},
    "RU y": Range(Opcode.RU, {}, "y_base", "vbuf", lambda f: f["units"] - 1),
    "RU map": Range(Opcode.RU, {}, "map_base", "mbuf", lambda f: f["rows"] - 1),
    "LOAD list": Range(Opcode.LOAD, {"list": 1}, "list_base", "mbuf", lambda f: f["rows"] - 1),
    "STORE list": Range(Opcode.STORE, {"list": 1}, "list_base", "mbuf", lambda f: f["rows"] - 1),
}
WINDOW = {"LOAD bound": Opcode.LOAD, "STORE bound": Opcode.STORE}
CORNERS = (*FLAGS, *RANGES, *WINDOW)


def corner(rng: np.random.Generator, config: Config, name: str) -> tuple[str, np.ndarray, np.ndarray]:
    """(fault, instruction that just passes, instruction that just fails) of one of CORNERS."""
    if name in FLAGS:
        flag = FLAGS[name]
        good = _legal(rng, config, flag.opcode, **flag.forced)
        return flag.fault, good, change(good, **flag.bad)
    if name in RANGES:
        operand = RANGES[name]
        raw = _legal(rng, config, operand.opcode, **operand.forced)
        last = getattr(config, operand.size) - 1 - operand.span(decode(raw))
        return "buffer_range", change(raw, **{operand.base: last}), change(raw, **{operand.base: last + 1})
    raw = legal_transfer(rng, config, WINDOW[name], list=1, bound=int(rng.integers(2, 9)))
    f = decode(raw)
    stride = max(32, f["hbm_stride"])
    end = WINDOWS.write[1] - (f["bound"] - 1) * stride - 32 * _up(f["row_units"], 2)
    good = change(raw, hbm_stride=stride, hbm_addr=end)
    return "window_range", good, change(good, bound=f["bound"] + 1)
