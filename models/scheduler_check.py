"""Scheduler: the checks of every instruction, those of `rtl/scheduler/fvgm_scheduler_check.sv`, class by class in the same order, so that
the first cause is the same one. The compiler runs them on what it emits, `models/core.py` on what it executes. All arithmetic is
on integers below 2^50 (int64 holds them), nothing wraps.

Order of the classes: ILLEGAL_OPCODE, ILLEGAL_FIELD, ZERO_LENGTH, MISALIGNED, BUFFER_RANGE, WINDOW_RANGE.

* A buffer operand touches `base + sum (n_i - 1) * step_i` at most, which must be below the size of its buffer.
* A transfer touches HBM bytes `[hbm_addr, hbm_addr + (rows-1)*hbm_stride + 32*ceil(row_units/2))`: whole beats, also
  where the last beat of a row is half used. A LOAD must lie in the read window or in the write window, a STORE in the
  write window.
  With `list` the rows in HBM are the `bound` that the list may name, those in the buffer are `rows` as ever.
* Reserved bits are ignored. Fields that an operation does not use are ignored, flags that it does not know are illegal.
* Checks see `rows` (`m`) as the program has it, the largest number; what a count register puts in its place is smaller.
* RU: which rows of y are read the map decides, at run time: of y, row 0 is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.config import BEAT_BYTES, Config
from models.isa import INSTRUCTION_BYTES, MAX_LIST_ROWS, Buffer, Cause, Layout, Opcode, Precision, RuOp, SfuOp, SliceBuffer
from models.numerics import FP16_MAX_K
from models.slices import Slices, buffer_sizes

MAX_WINDOW = 8  # rows of an SU window along a coordinate
ADDRESS_BITS = 40

Fields = Mapping[str, "int | np.ndarray"]


@dataclass(frozen=True)
class Windows:
    """HBM windows of a core as (first byte, byte after the last): registers READ_WINDOW and WRITE_WINDOW."""

    read: tuple[int, int]
    write: tuple[int, int]


def _ceil_div(value: np.ndarray, divisor: int) -> np.ndarray:
    return (value + divisor - 1) // divisor


def _illegal_field(opcode: Opcode, f: dict[str, np.ndarray]) -> np.ndarray:
    if opcode == Opcode.STORE:
        return (f["buffer"] != Buffer.V) | (f["unit_step"] != 1)
    if opcode == Opcode.GEMM:
        fp16 = f["precision"] == Precision.FP16
        kn = f["b_layout"] == Layout.KN
        odd = (f["a_base"] | f["a_step"] | f["a_batch"]) % 2 == 1
        return (~fp16 & (kn | odd)) | (fp16 & ((f["k"] > FP16_MAX_K) | (kn & (f["b_step"] % 2 == 0))))
    if opcode == Opcode.SFU:
        op = f["op"]
        scaled = (op == SfuOp.LAYERNORM) | (op == SfuOp.QUANT) | (op == SfuOp.GELU)
        return ((op < SfuOp.LAYERNORM) | (op > SfuOp.RESIDUAL)
                | ((f["x_fp32"] == 1) & (op != SfuOp.SOFTMAX))
                | ((f["out_fp16"] == 1) & ~scaled)
                | ((f["affine"] == 1) & (op == SfuOp.SOFTMAX))
                | ((f["dst"] != Buffer.A) & (f["dst"] != Buffer.V)))
    if opcode == Opcode.SU:
        bad = ((f["rows"] > MAX_LIST_ROWS) | (f["count"] != 0) | ((f["step"] == 1) & (f["meta"] == 0))
               | ((f["mask"] == 1) & (f["step"] == 1)) | ((f["c_int8"] == 1) & (f["step"] == 0)))
        for axis in range(3):
            window, offset = f[f"w{axis}"], f[f"o{axis}"]
            bad = bad | (window < 1) | (window > MAX_WINDOW) | (offset >= window)
        return bad
    if opcode == Opcode.RU:
        return (f["extrapolate"] == 1) & (f["op"] == RuOp.GATHER)
    return np.zeros(f["opcode"].shape, bool)


_LENGTHS = {Opcode.LOAD: ("rows", "row_units"), Opcode.STORE: ("rows", "row_units"),
            Opcode.GEMM: ("m", "n", "k", "batch"),
            Opcode.SFU: ("rows", "cols"), Opcode.SU: ("rows", "cols", "n1", "n2"), Opcode.RU: ("rows", "units")}


def _last(base: np.ndarray, *terms: tuple[np.ndarray, np.ndarray | int]) -> np.ndarray:
    """Last address of an operand: base + sum (n - 1) * step over the `(n, step)` terms."""
    for count, step in terms:
        base = base + (count - 1) * step
    return base


@dataclass(frozen=True)
class _Sizes:
    """Words that operands may use, per instruction, by buffer."""

    abuf: np.ndarray
    bbuf: np.ndarray
    vbuf: np.ndarray
    pbuf: np.ndarray
    rbuf: np.ndarray
    mbuf: np.ndarray


def _sizes(f: dict[str, np.ndarray], config: Config, slices: Slices) -> _Sizes:
    """The whole buffer, or with its bit of `slice` the slice of a context."""
    return _Sizes(*(np.where(f["slice"] >> buffer & 1, slices.size[buffer], whole)
                    for buffer, whole in zip(SliceBuffer, buffer_sizes(config))))


def _buffer_range(opcode: Opcode, f: dict[str, np.ndarray], config: _Sizes) -> np.ndarray:
    """True where an operand leaves its buffer, or its slice of it. Lengths are at least 1 here."""
    if opcode in (Opcode.LOAD, Opcode.STORE):
        size = np.choose(f["buffer"], [config.abuf, config.bbuf, config.vbuf, 4 * config.pbuf])
        return ((_last(f["base"], (f["rows"], f["row_step"]), (f["row_units"], f["unit_step"])) >= size)
                | ((f["list"] == 1) & (_last(f["list_base"], (f["rows"], 1)) >= config.mbuf)))
    if opcode == Opcode.GEMM:
        fp16 = f["precision"] == Precision.FP16
        kn = f["b_layout"] == Layout.KN
        k_groups = np.where(fp16, _ceil_div(f["k"], 8), _ceil_div(f["k"], 16))
        n_groups = _ceil_div(f["n"], 8)
        a = _last(f["a_base"], (f["batch"], f["a_batch"]), (k_groups, f["a_step"]), (f["m"], 1))
        b = _last(f["b_base"], (f["batch"], f["b_batch"]), (np.where(kn, f["k"], k_groups), f["b_step"]),
                  (np.where(kn, n_groups, f["n"]), 1))
        o = _last(f["o_base"], (f["batch"], f["o_batch"]), (f["m"], f["o_step"]),
                  (np.where(f["out_fp32"] == 1, 2 * n_groups, n_groups), 1))
        r = _last(f["rbuf_base"], (f["batch"], f["m"]), (f["m"], 1))
        p = _last(f["pbuf_base"], (n_groups, 1))
        return ((a >= config.abuf) | (b >= config.bbuf) | (o >= config.vbuf)
                | ((f["row_scale"] == 1) & (r >= config.rbuf)) | ((f["col_affine"] == 1) & (p >= config.pbuf)))
    if opcode == Opcode.SFU:
        op = f["op"]
        groups = _ceil_div(f["cols"], 8)
        int8 = (f["out_fp16"] == 0) & (op != SfuOp.SOFTMAX) & (op != SfuOp.RESIDUAL)
        d_units = np.where(int8, _ceil_div(f["cols"], 16), groups)
        x = _last(f["x_base"], (f["rows"], f["x_step"]),
                  (np.where(f["x_fp32"] == 1, _ceil_div(f["cols"], 4), groups), 1))
        y = _last(f["y_base"], (f["rows"], f["y_step"]), (groups, 1))
        d = _last(f["d_base"], (f["rows"], f["d_row"]), (d_units, f["d_unit"]))
        p = _last(f["pbuf_base"], (groups, 1))
        r = _last(f["rbuf_base"], (f["rows"], 1))
        return ((x >= config.vbuf) | ((op == SfuOp.RESIDUAL) & (y >= config.vbuf))
                | (d >= np.where(f["dst"] == Buffer.A, config.abuf, config.vbuf))
                | ((f["affine"] == 1) & (p >= config.pbuf))
                | ((int8 | (op == SfuOp.SOFTMAX)) & (r >= config.rbuf)))
    if opcode == Opcode.SU:
        groups = _ceil_div(f["cols"], 8)
        x = _last(f["x_base"], (f["rows"], f["x_step"]), (groups, 1))
        c = _last(f["c_base"], (f["rows"], f["c_step"]),
                  (np.where(f["c_int8"] == 1, _ceil_div(f["cols"], 16), groups), 1))
        meta = _last(f["meta_base"], (_ceil_div(f["rows"], 2), 1))
        mask = _last(f["mask_base"], (_ceil_div(f["rows"], 128), 1))
        bad = (((f["mask"] == 0) & (x >= config.vbuf)) | ((f["step"] == 1) & (c >= config.vbuf))
               | ((f["meta"] == 1) & (meta >= config.vbuf)) | ((f["mask"] == 1) & (mask >= config.vbuf)))
        for name in ("list_base", "map_base", "write_base"):
            bad = bad | (_last(f[name], (f["rows"], 1)) >= config.mbuf)
        return bad
    if opcode == Opcode.RU:
        recover = f["op"] == RuOp.RECOVER
        d, c1, c2 = (_last(f[f"{name}_base"], (f["rows"], f[f"{name}_step"]), (f["units"], 1))
                     for name in ("d", "c1", "c2"))
        return ((d >= config.vbuf) | (recover & (c1 >= config.vbuf))
                | (recover & (f["extrapolate"] == 1) & (c2 >= config.vbuf))
                | (_last(f["y_base"], (f["units"], 1)) >= config.vbuf)
                | (_last(f["map_base"], (f["rows"], 1)) >= config.mbuf))
    return np.zeros(f["opcode"].shape, bool)


def _inside(first: np.ndarray, end: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    return (first >= window[0]) & (end <= min(window[1], 1 << ADDRESS_BITS))


def check_many(opcode: int, fields: Fields, config: Config, windows: Windows, slices: Slices = Slices()) -> np.ndarray:
    """First cause of each of N instructions of one opcode, as int64[N].

    `fields` by name (`count` and `slice` may lack), arrays of N or scalars.
    """
    f = {name: np.atleast_1d(np.asarray(value, np.int64)) for name, value in fields.items()}
    shape = np.broadcast_shapes(*(v.shape for v in f.values()))
    f = {name: np.broadcast_to(value, shape) for name, value in f.items()}
    f.setdefault("opcode", np.full(shape, opcode))
    f.setdefault("count", np.zeros(shape, np.int64))
    f.setdefault("slice", np.zeros(shape, np.int64))
    if opcode not in set(Opcode):
        return np.full(shape, int(Cause.ILLEGAL_OPCODE))
    opcode = Opcode(opcode)
    cause = np.zeros(shape, np.int64)
    if opcode == Opcode.END:
        return cause

    def report(bad: np.ndarray, what: Cause) -> None:
        cause[(cause == 0) & bad] = int(what)

    report(_illegal_field(opcode, f), Cause.ILLEGAL_FIELD)
    report(np.logical_or.reduce([f[name] == 0 for name in _LENGTHS[opcode]]), Cause.ZERO_LENGTH)
    if opcode in (Opcode.LOAD, Opcode.STORE):
        report((f["list"] == 1) & (f["bound"] == 0), Cause.ZERO_LENGTH)
        report(((f["hbm_addr"] | f["hbm_stride"]) % BEAT_BYTES) != 0, Cause.MISALIGNED)
    report(_buffer_range(opcode, f, _sizes(f, config, slices)), Cause.BUFFER_RANGE)
    if opcode in (Opcode.LOAD, Opcode.STORE):
        rows = np.where(f["list"] == 1, f["bound"], f["rows"])
        end = f["hbm_addr"] + (rows - 1) * f["hbm_stride"] + BEAT_BYTES * _ceil_div(f["row_units"], 2)
        allowed = _inside(f["hbm_addr"], end, windows.write)
        if opcode == Opcode.LOAD:
            allowed = allowed | _inside(f["hbm_addr"], end, windows.read)
        report(~allowed, Cause.WINDOW_RANGE)
    return cause


def check(fields: Fields, config: Config, windows: Windows, slices: Slices = Slices()) -> Cause:
    """First cause of one decoded instruction (`models.isa.decode`), Cause.NONE when it may run."""
    return Cause(int(check_many(int(fields["opcode"]), fields, config, windows, slices)[0]))


def check_program(base: int, length: int, windows: Windows) -> Cause:
    """Check of PROG_BASE (byte address) and PROG_LEN (instructions) at start, before anything is fetched."""
    if base % INSTRUCTION_BYTES:
        return Cause.MISALIGNED
    if base < windows.read[0] or base + INSTRUCTION_BYTES * length > min(windows.read[1], 1 << ADDRESS_BITS):
        return Cause.WINDOW_RANGE
    return Cause.NONE if length else Cause.PROGRAM_RANGE
