"""Scheduler model against enumeration: every address that docs/isa.md names is listed, one by one, and compared with
the ranges.

Method: random small instructions, some of them just over an edge; the oracle walks all rows, columns, groups and
products. Corners of SU, RU and lists: the last address that fits, and one more. It does not prove the arithmetic at the largest sizes; `test_no_wrap` does that at the corners.
"""

from __future__ import annotations

import numpy as np
import pytest

from models.config import Config
from models.isa import Buffer, Cause, Layout, Opcode, Precision, RuOp, SfuOp, Unit, decode, encode
from models.scheduler import Counts, DeadlockError, Queues, Semaphores, decode_program, execution_order, resolve
from models.scheduler_check import Windows, check, check_many, check_program

CONFIG = Config("edge", cores=1, chain_rows=1, abuf=256, bbuf=192, vbuf=320, pbuf=16, rbuf=48, mbuf=64,
                queue_depth=2, axi_slots=2, burst_beats=4, contexts=2, task_window=4)
WINDOWS = Windows(read=(0x1000, 0x3000), write=(0x2800, 0x5000))
SIZE = {Buffer.A: CONFIG.abuf, Buffer.B: CONFIG.bbuf, Buffer.V: CONFIG.vbuf, Buffer.P: 4 * CONFIG.pbuf}


def up(value: int, divisor: int) -> int:
    """ceil(value / divisor) without the model's helper."""
    return -(-value // divisor)


def touched_transfer(f: dict[str, int]) -> tuple[set[int], set[int]]:
    """Buffer units and HBM beats (byte addresses) of a LOAD or STORE."""
    cells = [(r, u) for r in range(f["rows"]) for u in range(f["row_units"])]
    buffer = {f["base"] + r * f["row_step"] + u * f["unit_step"] for r, u in cells}
    far = [(r, u) for r in range(f["bound"]) for u in range(f["row_units"])] if f["list"] else cells
    return buffer, {(f["hbm_addr"] + r * f["hbm_stride"] + 16 * u) // 32 * 32 for r, u in far}


def touched_su(f: dict[str, int]) -> tuple[set[int], set[int]]:
    """vbuf units and mbuf entries of an SU."""
    rows, vbuf = range(f["rows"]), set()
    per_unit = 16 if f["c_int8"] else 8
    for r in rows:
        for e in range(f["cols"]):
            if not f["mask"]:
                vbuf.add(f["x_base"] + r * f["x_step"] + e // 8)
            if f["step"]:
                vbuf.add(f["c_base"] + r * f["c_step"] + e // per_unit)
        if f["meta"]:
            vbuf.add(f["meta_base"] + r // 2)
        if f["mask"]:
            vbuf.add(f["mask_base"] + r // 128)
    return vbuf, {f[name] + r for name in ("list_base", "map_base", "write_base") for r in rows}


def touched_ru(f: dict[str, int]) -> tuple[set[int], set[int]]:
    """vbuf units and mbuf entries of an RU, of y only row 0."""
    operands = ["d"] + ["c1"] * (f["op"] == RuOp.RECOVER) + ["c2"] * (f["op"] == RuOp.RECOVER and f["extrapolate"])
    vbuf = {f[f"{n}_base"] + r * f[f"{n}_step"] + u for n in operands for r in range(f["rows"]) for u in range(f["units"])}
    return vbuf | {f["y_base"] + u for u in range(f["units"])}, {f["map_base"] + r for r in range(f["rows"])}


def touched_gemm(f: dict[str, int]) -> dict[str, set[int]]:
    """Units of every operand of a GEMM."""
    per_unit = 8 if f["precision"] == Precision.FP16 else 16
    out: dict[str, set[int]] = {"a": set(), "b": set(), "o": set(), "r": set(), "p": set()}
    for i in range(f["batch"]):
        for g in range(up(f["k"], per_unit)):
            out["a"] |= {f["a_base"] + i * f["a_batch"] + g * f["a_step"] + r for r in range(f["m"])}
            if f["b_layout"] == Layout.NK:
                out["b"] |= {f["b_base"] + i * f["b_batch"] + g * f["b_step"] + n for n in range(f["n"])}
        if f["b_layout"] == Layout.KN:
            out["b"] |= {f["b_base"] + i * f["b_batch"] + k * f["b_step"] + j for k in range(f["k"])
                         for j in range(up(f["n"], 8))}
        for r in range(f["m"]):
            units = range(up(f["n"], 8) * (2 if f["out_fp32"] else 1))
            out["o"] |= {f["o_base"] + i * f["o_batch"] + r * f["o_step"] + j for j in units}
            out["r"].add(f["rbuf_base"] + i * f["m"] + r)
    out["p"] = {f["pbuf_base"] + j for j in range(up(f["n"], 8))}
    return out


def touched_sfu(f: dict[str, int]) -> dict[str, set[int]]:
    """Units of every operand of an SFU operation."""
    int8 = f["op"] in (SfuOp.LAYERNORM, SfuOp.QUANT, SfuOp.GELU) and not f["out_fp16"]
    rows = range(f["rows"])
    wide = up(f["cols"], 8)
    return {
        "x": {f["x_base"] + r * f["x_step"] + u for r in rows for u in range(up(f["cols"], 4 if f["x_fp32"] else 8))},
        "y": {f["y_base"] + r * f["y_step"] + u for r in rows for u in range(wide)},
        "d": {f["d_base"] + r * f["d_row"] + u * f["d_unit"] for r in rows
              for u in range(up(f["cols"], 16 if int8 else 8))},
        "p": {f["pbuf_base"] + u for u in range(wide)},
        "r": {f["rbuf_base"] + r for r in rows},
    }


def oracle(f: dict[str, int]) -> Cause:
    """First cause by enumeration, for flags and lengths that are legal."""
    if f["opcode"] in (Opcode.LOAD, Opcode.STORE):
        units, beats = touched_transfer(f)
        listed = {f["list_base"] + r for r in range(f["rows"])} if f["list"] else {0}
        if max(units) >= SIZE[Buffer(f["buffer"])] or max(listed) >= CONFIG.mbuf:
            return Cause.BUFFER_RANGE
        windows = [WINDOWS.write] if f["opcode"] == Opcode.STORE else [WINDOWS.write, WINDOWS.read]
        legal = any(all(low <= b and b + 32 <= high for b in beats) for low, high in windows)
        return Cause.NONE if legal else Cause.WINDOW_RANGE
    if f["opcode"] == Opcode.GEMM:
        t = touched_gemm(f)
        bad = (max(t["a"]) >= CONFIG.abuf or max(t["b"]) >= CONFIG.bbuf or max(t["o"]) >= CONFIG.vbuf
               or (f["row_scale"] and max(t["r"]) >= CONFIG.rbuf) or (f["col_affine"] and max(t["p"]) >= CONFIG.pbuf))
        return Cause.BUFFER_RANGE if bad else Cause.NONE
    if f["opcode"] in (Opcode.SU, Opcode.RU):
        vbuf, mbuf = (touched_su if f["opcode"] == Opcode.SU else touched_ru)(f)
        return Cause.BUFFER_RANGE if max(vbuf, default=0) >= CONFIG.vbuf or max(mbuf) >= CONFIG.mbuf else Cause.NONE
    t = touched_sfu(f)
    scales = f["op"] == SfuOp.SOFTMAX or (f["op"] != SfuOp.RESIDUAL and not f["out_fp16"])
    bad = (max(t["x"]) >= CONFIG.vbuf or (f["op"] == SfuOp.RESIDUAL and max(t["y"]) >= CONFIG.vbuf)
           or max(t["d"]) >= SIZE[Buffer(f["dst"])] or (f["affine"] and max(t["p"]) >= CONFIG.pbuf)
           or (scales and max(t["r"]) >= CONFIG.rbuf))
    return Cause.BUFFER_RANGE if bad else Cause.NONE


def random_instruction(rng: np.random.Generator) -> dict[str, int]:
    """Legal flags and lengths, addresses of which about half leave something."""
    def r(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))
    opcode = Opcode(r(2, 7))
    if opcode in (Opcode.LOAD, Opcode.STORE):
        store = opcode == Opcode.STORE
        return decode(encode(opcode, hbm_addr=32 * r(0x70, 0x290), rows=r(1, 6), row_units=r(1, 9),
                             hbm_stride=32 * r(0, 20),
                             buffer=2 if store else r(0, 3), base=r(0, 330), row_step=r(0, 24),
                             unit_step=1 if store else r(0, 8), list=r(0, 1), list_base=r(0, 70), bound=r(1, 9)))
    if opcode == Opcode.GEMM:
        precision = r(0, 1)
        layout = r(0, 1) if precision else 0
        even = 1 if precision else 2
        return decode(encode(opcode, precision=precision, b_layout=layout, out_fp32=r(0, 1),
                             row_scale=r(0, 1),
                             col_affine=r(0, 1), m=r(1, 12), n=r(1, 40), k=r(1, 50), batch=r(1, 3), a_base=even * r(0, 64),
                             a_step=even * r(0, 8),
                             a_batch=even * r(0, 20), b_base=r(0, 64), b_step=r(0, 10) | layout, b_batch=r(0, 20), o_base=r(0, 160),
                             o_step=r(0, 10),
                             o_batch=r(0, 40), rbuf_base=r(0, 24), pbuf_base=r(0, 14)))
    if opcode == Opcode.SU:
        step, mask = [(0, 0), (1, 0), (0, 1)][r(0, 2)]
        w = [r(1, 8) for _ in range(3)]
        return decode(encode(opcode, window=r(0, 1), step=step, mask=mask, meta=step | r(0, 1), c_int8=step & r(0, 1),
                             rows=r(1, 40) if r(0, 3) else r(120, 140) if mask else r(1, 8), cols=r(1, 60), x_base=r(0, 250),
                             x_step=r(0, 9), c_base=r(0, 250), c_step=r(0, 9), n1=r(1, 9), n2=r(1, 9), w0=w[0], w1=w[1], w2=w[2],
                             o0=r(0, w[0] - 1), o1=r(0, w[1] - 1), o2=r(0, w[2] - 1), max_age=r(0, 15),
                             meta_base=r(0, 325), mask_base=r(0, 325), list_base=r(0, 40), map_base=r(0, 40),
                             write_base=r(0, 40), count_kept=r(0, 15), count_written=r(0, 15)))
    if opcode == Opcode.RU:
        op = r(0, 1)
        return decode(encode(opcode, op=op, extrapolate=op & r(0, 1), rows=r(1, 20), units=r(1, 12), y_base=r(0, 330),
                             y_step=r(0, 9), c1_base=r(0, 250), c1_step=r(0, 12), c2_base=r(0, 250), c2_step=r(0, 12),
                             d_base=r(0, 250), d_step=r(0, 12), map_base=r(0, 60)))
    op = SfuOp(r(1, 5))
    return decode(encode(opcode, op=op, x_fp32=r(0, 1) if op == SfuOp.SOFTMAX else 0,
                         out_fp16=r(0, 1) if op in (SfuOp.LAYERNORM, SfuOp.QUANT, SfuOp.GELU) else 0,
                         affine=r(0, 1) if op != SfuOp.SOFTMAX else 0, rows=r(1, 20), cols=r(1, 80),
                         x_base=r(0, 200), x_step=r(0, 16), y_base=r(0, 200), y_step=r(0, 16), dst=2 * r(0, 1),
                         d_base=r(0, 150),
                         d_row=r(0, 16), d_unit=r(0, 12), pbuf_base=r(0, 14), rbuf_base=r(0, 40)))


def test_ranges_against_enumeration() -> None:
    rng = np.random.default_rng(1)
    seen: dict[tuple[int, Cause], int] = {}
    for _ in range(9000):
        f = random_instruction(rng)
        expected = oracle(f)
        assert check(f, CONFIG, WINDOWS) == expected, f
        seen[f["opcode"], expected] = seen.get((f["opcode"], expected), 0) + 1
    for opcode in set(Opcode) - {Opcode.END}:
        assert seen[opcode, Cause.NONE] > 50 and seen[opcode, Cause.BUFFER_RANGE] > 50, seen
    assert seen[Opcode.LOAD, Cause.WINDOW_RANGE] > 50 and seen[Opcode.STORE, Cause.WINDOW_RANGE] > 50


LOAD = dict(hbm_addr=0x1000, rows=1, row_units=2, hbm_stride=0, buffer=0, base=0, row_step=1, unit_step=1)
STORE = LOAD | dict(hbm_addr=0x3000, buffer=2)
GEMM = dict(m=1, n=1, k=1, batch=1)
SFU = dict(op=SfuOp.QUANT, rows=1, cols=1)
SU = dict(rows=3, cols=17, n1=1, n2=1, w0=1, w1=1, w2=1)
RU = dict(op=RuOp.RECOVER, rows=3, units=5, y_step=1, c1_step=10, c2_step=10, d_step=10)
LIST = LOAD | dict(list=1, bound=4, rows=3, hbm_stride=0x40, row_step=0)


@pytest.mark.parametrize("opcode, base, change, cause", [
    (Opcode.LOAD, LOAD, {}, Cause.NONE),
    (Opcode.LOAD, LOAD, {"rows": 0, "hbm_addr": 1}, Cause.ZERO_LENGTH),
    (Opcode.LOAD, LOAD, {"row_units": 0}, Cause.ZERO_LENGTH),
    (Opcode.LOAD, LOAD, {"hbm_addr": 0x1010, "base": 0xFFFFF}, Cause.MISALIGNED),
    (Opcode.LOAD, LOAD, {"hbm_stride": 16}, Cause.MISALIGNED),
    (Opcode.LOAD, LOAD, {"base": 256, "hbm_addr": 0}, Cause.BUFFER_RANGE),
    (Opcode.LOAD, LOAD, {"hbm_addr": 0xFE0}, Cause.WINDOW_RANGE),
    (Opcode.LOAD, LOAD, {"hbm_addr": 0x4FE0}, Cause.NONE),
    (Opcode.LOAD, LOAD, {"hbm_addr": 0x4FE0, "row_units": 3}, Cause.WINDOW_RANGE),
    (Opcode.STORE, STORE, {}, Cause.NONE),
    (Opcode.STORE, STORE, {"buffer": 0, "rows": 0}, Cause.ILLEGAL_FIELD),
    (Opcode.STORE, STORE, {"unit_step": 2}, Cause.ILLEGAL_FIELD),
    (Opcode.STORE, STORE, {"hbm_addr": 0x27E0}, Cause.WINDOW_RANGE),
    (Opcode.GEMM, GEMM, {}, Cause.NONE),
    (Opcode.GEMM, GEMM, {"b_layout": 1}, Cause.ILLEGAL_FIELD),
    *((Opcode.GEMM, GEMM, {name: 3}, Cause.ILLEGAL_FIELD) for name in ("a_base", "a_step", "a_batch")),
    (Opcode.GEMM, GEMM, {"precision": 1, "a_base": 3, "a_step": 3, "a_batch": 3}, Cause.NONE),
    (Opcode.GEMM, GEMM, {"precision": 1, "k": 16385}, Cause.ILLEGAL_FIELD),
    (Opcode.GEMM, GEMM, {"precision": 1, "k": 16384}, Cause.NONE),
    (Opcode.GEMM, GEMM, {"m": 0}, Cause.ZERO_LENGTH),
    (Opcode.GEMM, GEMM, {"n": 0}, Cause.ZERO_LENGTH),
    (Opcode.GEMM, GEMM, {"k": 0}, Cause.ZERO_LENGTH),
    (Opcode.GEMM, GEMM, {"batch": 0}, Cause.ZERO_LENGTH),
    (Opcode.SFU, SFU, {}, Cause.NONE),
    (Opcode.SFU, SFU, {"op": 0}, Cause.ILLEGAL_FIELD),
    (Opcode.SFU, SFU, {"op": 6}, Cause.ILLEGAL_FIELD),
    (Opcode.SFU, SFU, {"x_fp32": 1}, Cause.ILLEGAL_FIELD),
    (Opcode.SFU, SFU, {"op": SfuOp.SOFTMAX, "affine": 1}, Cause.ILLEGAL_FIELD),
    (Opcode.SFU, SFU, {"affine": 1}, Cause.NONE),
    (Opcode.SFU, SFU, {"op": SfuOp.GELU, "affine": 1}, Cause.NONE),
    (Opcode.SFU, SFU, {"dst": 1}, Cause.ILLEGAL_FIELD),
    (Opcode.SFU, SFU, {"dst": 3}, Cause.ILLEGAL_FIELD),
    (Opcode.SFU, SFU, {"op": SfuOp.SOFTMAX, "out_fp16": 1}, Cause.ILLEGAL_FIELD),
    (Opcode.SFU, SFU, {"rows": 0}, Cause.ZERO_LENGTH),
    (Opcode.SFU, SFU, {"cols": 0}, Cause.ZERO_LENGTH),
    (Opcode.LOAD, LIST, {"list": 0, "bound": 0, "list_base": 0xFFFF}, Cause.NONE),
    (Opcode.LOAD, LIST, {"bound": 0, "hbm_addr": 1}, Cause.ZERO_LENGTH),
    (Opcode.LOAD, LIST, {"list_base": 64 - 3}, Cause.NONE),
    (Opcode.LOAD, LIST, {"list_base": 64 - 2}, Cause.BUFFER_RANGE),
    (Opcode.LOAD, LIST, {"hbm_addr": 0x5000 - 3 * 0x40 - 0x20}, Cause.NONE),
    (Opcode.LOAD, LIST, {"hbm_addr": 0x5000 - 3 * 0x40}, Cause.WINDOW_RANGE),
    (Opcode.LOAD, LIST, {"hbm_addr": 0x5000 - 0x20, "bound": 1}, Cause.NONE),
    (Opcode.LOAD, LIST, {"hbm_addr": 0x5000 - 0x20, "bound": 1, "list": 0}, Cause.WINDOW_RANGE),
    (Opcode.STORE, STORE, {"list": 1}, Cause.ZERO_LENGTH),
    (Opcode.STORE, STORE, {"list": 1, "bound": 65535}, Cause.NONE),
    (Opcode.SU, SU, {}, Cause.NONE),
    (Opcode.SU, SU, {"rows": 1025, "cols": 0}, Cause.ILLEGAL_FIELD),
    (Opcode.SU, SU, {"count": 1}, Cause.ILLEGAL_FIELD),
    (Opcode.SU, SU, {"step": 1}, Cause.ILLEGAL_FIELD),
    (Opcode.SU, SU, {"step": 1, "meta": 1}, Cause.NONE),
    (Opcode.SU, SU, {"step": 1, "meta": 1, "mask": 1}, Cause.ILLEGAL_FIELD),
    (Opcode.SU, SU, {"c_int8": 1}, Cause.ILLEGAL_FIELD),
    *((Opcode.SU, SU, {f"w{k}": w, f"o{k}": o}, cause) for k in range(3) for w, o, cause in (
        (0, 0, Cause.ILLEGAL_FIELD), (9, 0, Cause.ILLEGAL_FIELD), (15, 7, Cause.ILLEGAL_FIELD), (8, 7, Cause.NONE),
        (7, 7, Cause.ILLEGAL_FIELD), (1, 1, Cause.ILLEGAL_FIELD), (2, 1, Cause.NONE))),
    *((Opcode.SU, SU, {n: 0}, Cause.ZERO_LENGTH) for n in ("rows", "cols", "n1", "n2")),
    (Opcode.SU, SU, {"rows": 1024, "mask": 1}, Cause.BUFFER_RANGE),
    (Opcode.SU, SU, {"x_step": 10, "x_base": 320 - 20 - 3}, Cause.NONE),
    (Opcode.SU, SU, {"x_step": 10, "x_base": 320 - 20 - 2}, Cause.BUFFER_RANGE),
    (Opcode.SU, SU, {"x_base": 320, "mask": 1}, Cause.NONE),
    (Opcode.SU, SU, {"step": 1, "meta": 1, "c_step": 10, "c_base": 320 - 20 - 3}, Cause.NONE),
    (Opcode.SU, SU, {"step": 1, "meta": 1, "c_step": 10, "c_base": 320 - 20 - 2}, Cause.BUFFER_RANGE),
    (Opcode.SU, SU, {"step": 1, "meta": 1, "c_int8": 1, "c_step": 10, "c_base": 320 - 20 - 2}, Cause.NONE),
    (Opcode.SU, SU, {"step": 1, "meta": 1, "c_int8": 1, "c_step": 10, "c_base": 320 - 20 - 1}, Cause.BUFFER_RANGE),
    (Opcode.SU, SU, {"c_base": 320}, Cause.NONE),
    (Opcode.SU, SU, {"meta": 1, "meta_base": 320 - 2}, Cause.NONE),
    (Opcode.SU, SU, {"meta": 1, "meta_base": 320 - 1}, Cause.BUFFER_RANGE),
    (Opcode.SU, SU, {"meta_base": 320, "mask_base": 320}, Cause.NONE),
    (Opcode.SU, SU, {"mask": 1, "mask_base": 320 - 1}, Cause.NONE),
    (Opcode.SU, SU, {"mask": 1, "mask_base": 320}, Cause.BUFFER_RANGE),
    *((Opcode.SU, SU, {f"{n}_base": 64 - 3 + over}, (Cause.NONE, Cause.BUFFER_RANGE)[over]) for over in (0, 1)
      for n in ("list", "map", "write")),
    (Opcode.RU, RU, {}, Cause.NONE),
    (Opcode.RU, RU, {"rows": 0}, Cause.ZERO_LENGTH),
    (Opcode.RU, RU, {"units": 0}, Cause.ZERO_LENGTH),
    (Opcode.RU, RU, {"op": RuOp.GATHER, "extrapolate": 1, "rows": 0}, Cause.ILLEGAL_FIELD),
    (Opcode.RU, RU, {"op": RuOp.GATHER, "c1_base": 320, "c2_base": 320}, Cause.NONE),
    (Opcode.RU, RU, {"c2_base": 320}, Cause.NONE),
    (Opcode.RU, RU, {"count": 15}, Cause.NONE),
    *((Opcode.RU, RU | {"extrapolate": 1}, {f"{n}_base": 320 - 20 - 5 + over}, (Cause.NONE, Cause.BUFFER_RANGE)[over])
      for over in (0, 1) for n in ("d", "c1", "c2")),
    (Opcode.RU, RU, {"y_base": 320 - 5, "y_step": 99}, Cause.NONE),
    (Opcode.RU, RU, {"y_base": 320 - 4}, Cause.BUFFER_RANGE),
    (Opcode.RU, RU, {"map_base": 64 - 3}, Cause.NONE),
    (Opcode.RU, RU, {"map_base": 64 - 2}, Cause.BUFFER_RANGE),
    (Opcode.END, {}, {}, Cause.NONE),
    (Opcode.END, {}, {"count": 3}, Cause.NONE),
])
def test_causes_and_their_order(opcode: Opcode, base: dict, change: dict, cause: Cause) -> None:
    assert check(decode(encode(opcode, **(base | change))), CONFIG, WINDOWS) == cause


def test_unknown_opcodes() -> None:
    for opcode in (0, 8, 0x82, 0xFF):
        raw = np.zeros(64, np.uint8)
        raw[0] = opcode
        assert check(decode(raw), CONFIG, WINDOWS) == Cause.ILLEGAL_OPCODE


def test_no_wrap() -> None:
    huge = Windows(read=(0, 1 << 41), write=(0, 1 << 41))
    top = LOAD | dict(hbm_addr=(1 << 40) - 32, buffer=0)
    assert check(decode(encode(Opcode.LOAD, **top)), CONFIG, huge) == Cause.NONE
    assert check(decode(encode(Opcode.LOAD, **(top | {"row_units": 3, "unit_step": 0}))), CONFIG,
                 huge) == Cause.WINDOW_RANGE
    far = top | dict(rows=65535, hbm_stride=(1 << 32) - 32, row_step=0)
    assert check(decode(encode(Opcode.LOAD, **far)), CONFIG, huge) == Cause.WINDOW_RANGE
    wide = LOAD | dict(rows=65535, row_step=(1 << 20) - 1, row_units=65535, unit_step=(1 << 20) - 1)
    assert check(decode(encode(Opcode.LOAD, **wide)), CONFIG, huge) == Cause.BUFFER_RANGE


def test_check_many_is_check() -> None:
    rng = np.random.default_rng(2)
    by_opcode: dict[int, list[dict[str, int]]] = {}
    for _ in range(400):
        f = random_instruction(rng)
        by_opcode.setdefault(f["opcode"], []).append(f)
    for opcode, items in by_opcode.items():
        columns = {name: np.array([f[name] for f in items]) for name in items[0]}
        assert [int(check(f, CONFIG, WINDOWS)) for f in items] == list(check_many(opcode, columns, CONFIG, WINDOWS))


def test_check_program() -> None:
    assert check_program(0x1000, 1, WINDOWS) == Cause.NONE
    assert check_program(0x1020, 1, WINDOWS) == Cause.MISALIGNED
    assert check_program(0xFC0, 1, WINDOWS) == Cause.WINDOW_RANGE
    assert check_program(0x2FC0, 1, WINDOWS) == Cause.NONE
    assert check_program(0x2FC0, 2, WINDOWS) == Cause.WINDOW_RANGE
    assert check_program(0x1000, 0, WINDOWS) == Cause.PROGRAM_RANGE


def test_semaphores_wrap() -> None:
    s = Semaphores()
    for count in range(1 << 16):
        if count in (0, 1, 32767, 32768, 65535):
            for value in (0, 1, 100, 32767, 32768, 65535):
                distance = (count - value + (1 << 15)) % (1 << 16) - (1 << 15)
                assert s.holds(5, value) == (distance >= 0)
        s.signal(5)
    assert s.value[5] == 0 and s.holds(0, 9)
    s.signal(0)
    assert s.value == [0] * 64


BOUNDED = {Opcode.LOAD: "rows", Opcode.STORE: "rows", Opcode.GEMM: "m", Opcode.SFU: "rows", Opcode.RU: "rows"}


@pytest.mark.parametrize("opcode", BOUNDED, ids=lambda o: o.name)
def test_counts_bound_instructions(opcode: Opcode) -> None:
    """Every count around the number of rows: other fields stay, 0 skips, more is COUNT_RANGE, no count changes nothing."""
    name, counts = BOUNDED[opcode], Counts()
    other = {f: 3 for f in ("n", "k") if opcode == Opcode.GEMM}
    for rows in (1, 2, 7, 1024, 65535):
        for count in sorted({0, 1, rows - 1, rows, rows + 1} & set(range(1025))):
            counts.write(5, count)
            f = decode(encode(opcode, count=5, signal=3, **{name: rows}, **other))
            out = resolve(f, counts)
            if count == 0:
                assert out is None
            elif count > rows:
                assert out is Cause.COUNT_RANGE
            else:
                assert out == {**f, name: count} and f[name] == rows and resolve(f, counts.value) == out
            free = decode(encode(opcode, **{name: rows}, **other))
            assert resolve(free, counts) == free


def test_count_registers() -> None:
    counts = Counts()
    assert [counts[i] for i in range(16)] == [0] * 16
    counts.write(0, 9)
    counts.write(15, 1024)
    assert [counts[i] for i in range(16)] == [0] * 15 + [1024]
    for value in (-1, 1025):
        with pytest.raises(ValueError, match="cannot take"):
            counts.write(1, value)


def test_execution_order_and_deadlock() -> None:
    load = decode(encode(Opcode.LOAD, signal=1))
    gemm = decode(encode(Opcode.GEMM, wait0_sem=1, wait0_val=1, signal=2))
    late = decode(encode(Opcode.LOAD, wait0_sem=2, wait0_val=1))
    order = execution_order([load, gemm, late], 2)
    assert order == [0, 1, 2]
    assert execution_order([load, gemm, late], 2, choose=lambda u: u[-1]) == [0, 1, 2]
    with pytest.raises(DeadlockError, match="LOAD 0"):
        execution_order([late, load, gemm], 2)
    # the fourth LOAD needs a deeper queue than 2 before the GEMM can be seen
    waiting = decode(encode(Opcode.LOAD, wait0_sem=3, wait0_val=1))
    free = decode(encode(Opcode.GEMM, signal=3))
    assert execution_order([waiting, waiting, free], 2) == [2, 0, 1]
    with pytest.raises(DeadlockError):
        execution_order([waiting, waiting, waiting, free], 2)


def test_a_head_that_may_start_makes_place_in_its_queue() -> None:
    """One instruction fits the command register; the one behind it, and one that waits, do not move."""
    load, waiting, gemm = (decode(encode(o, **f)) for o, f in ((Opcode.LOAD, {}), (Opcode.LOAD, {"wait0_sem": 3, "wait0_val": 1}), (Opcode.GEMM, {})))
    queues = Queues([load, load, load, gemm], 2)
    assert queues.head(Unit.MPU) is None and queues.reach(Unit.MPU) and queues.head(Unit.MPU) == 3
    assert (queues.register, queues.head(Unit.LOAD), list(queues.queue[Unit.LOAD])) == ({Unit.LOAD: 0}, 0, [1, 2])
    assert set(queues.startable()) == {Unit.LOAD, Unit.MPU} and [queues.start(Unit.LOAD) for _ in range(3)] == [0, 1, 2]
    assert not Queues([load, load, load, load, gemm], 2).reach(Unit.MPU), "two would have to leave the queue"
    assert not Queues([waiting, load, load, gemm], 2).reach(Unit.MPU) and not Queues([load], 2).reach(Unit.MPU)
    with pytest.raises(ValueError, match="LOAD: no instruction can enter"):
        Queues([waiting], 2).pick(Unit.LOAD)


def test_decode_program() -> None:
    image = np.concatenate([encode(Opcode.LOAD, tag=7), encode(Opcode.END), encode(Opcode.GEMM)])
    program, cause = decode_program(image, 3)
    assert cause == Cause.NONE and [f["tag"] for f in program] == [7]
    assert decode_program(image, 1)[1] == Cause.PROGRAM_RANGE
