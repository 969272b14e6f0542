"""Stimulus of the scheduler: programs with random, satisfiable dependencies, and every way to fail."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.config import Config
from models.isa import (HEADER, HEADER_BITS, INSTRUCTION_BYTES, PAYLOAD, UNIT_OF, Cause, Opcode, SfuOp, decode, encode)
from models.scheduler import Windows

ORIGIN = 0x40_0000_0000
MEMORY_BYTES = 1 << 16
WINDOWS = Windows((ORIGIN, ORIGIN + 0xC000), (ORIGIN + 0xC000, ORIGIN + 0x10000))
SEMAPHORES = 10  # few, so that they are shared
FAULTS = ("none", "illegal_opcode", "illegal_field", "zero_length", "misaligned", "buffer_range", "window_range",
          "no_end", "fetch",
          "read", "write", "deadlock", "base", "empty", "reset")
UNIT_SPEEDS = ("instant", "quick", "slow", "uneven")


@dataclass
class Item:
    """One program and how everything around it behaves.

    `fault` is one of FAULTS, `at` the instruction that it concerns; `speed` how the units take and finish commands; the
    rest are knobs of the program memory.
    """

    program: list[np.ndarray]
    fault: str = "none"
    at: int = 0
    base: int = ORIGIN
    length: int = 0
    watchdog: int = 0
    speed: str = "quick"
    latency: int = 8
    jitter: int = 0
    stall: int = 0
    fields: list[dict[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fields = [decode(raw) for raw in self.program]
        self.length = self.length or len(self.program)


def payload_bits(raw: np.ndarray) -> int:
    """The payload that a unit must see: used bits only, reserved ones read as 0."""
    opcode = Opcode(int(raw[0]))
    used = sum(f.bits for f in PAYLOAD[opcode])
    return int.from_bytes(bytes(raw), "little") >> HEADER_BITS & ((1 << used) - 1)


def legal_instruction(rng: np.random.Generator, config: Config, **header: int) -> np.ndarray:
    """One instruction that passes every check, with random values in all fields."""
    def r(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))
    opcode = Opcode(r(2, 5))
    if opcode in (Opcode.LOAD, Opcode.STORE):
        rows, units = r(1, 8), r(1, 16)
        window = WINDOWS.write if opcode == Opcode.STORE or r(0, 1) else WINDOWS.read
        stride = 32 * r(0, 20)
        span = (rows - 1) * stride + -(-units // 2) * 32
        return encode(opcode, hbm_addr=window[0] + 32 * r(0, (window[1] - window[0] - span) // 32), rows=rows,
                      row_units=units,
                      hbm_stride=stride, buffer=2 if opcode == Opcode.STORE else r(0, 2), base=r(0, 1000),
                      row_step=r(0, 60),
                      unit_step=1 if opcode == Opcode.STORE else r(0, 30), **header)
    if opcode == Opcode.GEMM:
        precision = r(0, 1)
        layout = r(0, 1) if precision else 0
        return encode(opcode, precision=precision, b_layout=layout, out_fp32=r(0, 1),
                      row_scale=r(0, 1),
                      col_affine=r(0, 1), m=r(1, 30), n=r(1, 60), k=r(1, 60), batch=r(1, 4), a_base=r(0, 900),
                      a_step=r(0, 40),
                      a_batch=r(0, 60), b_base=r(0, 400), b_step=r(0, 10) | layout, b_batch=r(0, 60), o_base=r(0, 400),
                      o_step=r(0, 16),
                      o_batch=r(0, 100), rbuf_base=r(0, 100), pbuf_base=r(0, 50), **header)
    op = SfuOp(r(1, 5))
    return encode(opcode, op=op, x_fp32=r(0, 1) if op == SfuOp.SOFTMAX else 0,
                  out_fp16=r(0, 1) if op in (SfuOp.LAYERNORM, SfuOp.QUANT, SfuOp.GELU) else 0,
                  affine=r(0, 1) if op in (SfuOp.LAYERNORM, SfuOp.RESIDUAL) else 0, rows=r(1, 30), cols=r(1, 200),
                  x_base=r(0, 900),
                  x_step=r(0, 30), y_base=r(0, 900), y_step=r(0, 30), dst=2 * r(0, 1), d_base=r(0, 500), d_row=r(0, 20),
                  d_unit=r(0, 8),
                  pbuf_base=r(0, 30), rbuf_base=r(0, 200), imm0=r(0, 2**32 - 1), imm1=r(0, 2**32 - 1), **header)


def dependent_program(rng: np.random.Generator, config: Config, count: int) -> list[np.ndarray]:
    """`count` legal instructions whose waits ask for what instructions in front of them signal: always satisfiable.

    Some waits ask for values that lie behind the semaphore already, also as negative distances below zero (0xFFFF).
    """
    signalled = [0] * SEMAPHORES
    program = []
    for index in range(count):
        header: dict[str, int] = {"tag": index, "signal": int(rng.integers(0, SEMAPHORES))}
        for wait in range(3):
            semaphore = int(rng.integers(0, SEMAPHORES))
            if rng.random() < 0.5 and semaphore:
                top = signalled[semaphore]
                value = int(rng.integers(max(0, top - 2), top + 1))
                header |= {f"wait{wait}_sem": semaphore, f"wait{wait}_val": 0xFFFF if rng.random() < 0.1 else value}
        program.append(legal_instruction(rng, config, **header))
        if header["signal"]:
            signalled[header["signal"]] += 1
    return program


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


def break_instruction(rng: np.random.Generator, config: Config, raw: np.ndarray, fault: str) -> np.ndarray | None:
    """The instruction with one fault of a kind, or None where its opcode has no such fault."""
    opcode = Opcode(int(raw[0]))

    def pick(*options: dict[str, int]) -> np.ndarray:
        return change(raw, **options[int(rng.integers(len(options)))])

    transfer = opcode in (Opcode.LOAD, Opcode.STORE)
    if fault == "illegal_opcode":
        return change(raw, opcode=int(rng.choice([0, 6, 7, 0x80, 0xFF])))
    if fault == "illegal_field":
        options = {Opcode.STORE: [{"buffer": 0}, {"unit_step": 0}],
                   Opcode.GEMM: [{"precision": 0, "b_layout": 1}, {"precision": 1, "k": 16385}],
                   Opcode.SFU: [{"op": 0}, {"op": 9}, {"dst": 1}, {"dst": 3}, {"op": 2, "x_fp32": 1},
                                {"op": 5, "out_fp16": 1},
                                {"op": 3, "affine": 1}]}
        return pick(*options[opcode]) if opcode in options else None
    if fault == "zero_length":
        names = ("rows", "row_units") if transfer else ("m", "n", "k", "batch") if opcode == Opcode.GEMM else ("rows",
                                                                                                               "cols")
        return pick(*({n: 0} for n in names))
    if fault == "misaligned":
        return pick({"hbm_addr": ORIGIN + 16}, {"hbm_addr": ORIGIN + 1}, {"hbm_stride": 16}) if transfer else None
    if fault == "buffer_range":
        if transfer:
            return change(raw, base=(config.abuf, config.bbuf, config.vbuf)[decode(raw)["buffer"]])
        return pick({"a_base": config.abuf}, {"b_base": config.bbuf}, {"o_base": config.vbuf},
                    {"row_scale": 1, "rbuf_base": config.rbuf},
                    {"col_affine": 1, "pbuf_base": config.pbuf}) if opcode == Opcode.GEMM else \
            pick({"x_base": config.vbuf}, {"op": SfuOp.RESIDUAL, "x_fp32": 0, "out_fp16": 0, "y_base": config.vbuf},
                 {"d_base": max(config.abuf, config.vbuf)})
    if fault == "window_range":
        outside = {"hbm_addr": ORIGIN - 32}, {"hbm_addr": WINDOWS.write[1]}, {"hbm_addr": WINDOWS.write[1] - 32,
                                                                              "rows": 2, "hbm_stride": 32}
        return pick(*outside) if transfer else None
    raise ValueError(fault)


CAUSE_OF = {"illegal_opcode": Cause.ILLEGAL_OPCODE, "illegal_field": Cause.ILLEGAL_FIELD,
            "zero_length": Cause.ZERO_LENGTH,
            "misaligned": Cause.MISALIGNED, "buffer_range": Cause.BUFFER_RANGE, "window_range": Cause.WINDOW_RANGE,
            "no_end": Cause.PROGRAM_RANGE, "empty": Cause.PROGRAM_RANGE, "fetch": Cause.FETCH_ERROR,
            "read": Cause.READ_ERROR,
            "write": Cause.WRITE_ERROR, "deadlock": Cause.DEADLOCK, "base": Cause.MISALIGNED}


def random_item(rng: np.random.Generator, config: Config, fault: str, count: int) -> Item:
    """A program of `count` instructions and END with one fault (or none) and random surroundings."""
    program = dependent_program(rng, config, count)
    at = int(rng.integers(count))
    knobs = dict(speed=str(rng.choice(UNIT_SPEEDS)), latency=int(rng.choice([1, 8, 60])),
                 jitter=int(rng.choice([0, 20])),
                 stall=int(rng.choice([0, 0, 128])))
    base = ORIGIN + 64 * int(rng.integers(0, 100))
    if fault in CAUSE_OF and fault not in ("no_end", "empty", "fetch", "read", "write", "deadlock", "base"):
        while (broken := break_instruction(rng, config, program[at], fault)) is None:
            program[at] = legal_instruction(rng, config, tag=at)
        program[at] = broken
        return Item([*program, encode(Opcode.END)], fault, at, base, **knobs)
    if fault in ("read", "write"):
        opcode = Opcode.LOAD if fault == "read" else Opcode.STORE
        while not any(UNIT_OF[Opcode(int(p[0]))] == UNIT_OF[opcode] for p in program):
            program = dependent_program(rng, config, count)
        return Item([*program, encode(Opcode.END)], fault, 0, base, **knobs)
    if fault == "no_end":
        return Item(program, fault, count, base, **knobs)
    if fault == "deadlock":
        program = [change(p, wait1_sem=0) for p in program]
        program[at] = change(program[at], wait1_sem=60, wait1_val=1)
        return Item([*program, encode(Opcode.END)], fault, at, base, watchdog=400, **knobs)
    if fault == "base":
        return Item([*program, encode(Opcode.END)], fault, 0, base + 32, **knobs)
    item = Item([*program, encode(Opcode.END)], fault, at, base, **knobs)
    if fault == "empty":
        item.length = 0
    return item


