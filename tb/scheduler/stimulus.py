"""Stimulus of the scheduler: programs with random, satisfiable dependencies, and every way to fail.

The numbers that the SU will find are drawn with the program (`Item.writes`), so that instructions meet counts of 0,
below, at and above their rows. A consumer waits for the SU that writes its register, an SU for the consumers of what it
overwrites: a program has one outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.config import Config
from models.isa import HEADER_BITS, NUM_COUNTS, PAYLOAD, Cause, Opcode, SfuOp, decode, encode
from tb.scheduler.corners import ORIGIN, WINDOWS, change, corner, legal_gemm, legal_ru, legal_su, legal_transfer

MEMORY_BYTES = 1 << 16
SEMAPHORES = 10  # few, so that they are shared
ORDER_SEMAPHORES = range(SEMAPHORES, 60)  # order SUs and those that read their counts
FAULTS = ("none", "illegal_opcode", "illegal_field", "zero_length", "misaligned", "buffer_range", "window_range",
          "no_end", "fetch",
          "read", "write", "count_one", "count_range", "deadlock", "base", "empty", "reset")
UNIT_SPEEDS = ("instant", "quick", "slow", "uneven")
MOST = 7  # instructions of a unit under way
FLOODED = (Opcode.LOAD, Opcode.STORE, Opcode.GEMM, Opcode.SFU, Opcode.RU)  # SU needs counts to write
ROWS_OF = {o: "m" if o == Opcode.GEMM else "rows" for o in Opcode if o != Opcode.END}

Write = tuple[int, int, bool]


@dataclass
class Item:
    """One program and how everything around it behaves.

    `fault` is one of FAULTS, `at` the instruction that it concerns, `corner` the check that it is about; `writes` has
    by SU instruction what it writes in front of its completion: (count register, number, whether of kept rows); `speed`
    is how the units take and finish commands, `depth` how many they hold; the rest are knobs of the program memory.
    """

    program: list[np.ndarray]
    fault: str = "none"
    at: int = 0
    corner: str = ""
    writes: dict[int, list[Write]] = field(default_factory=dict)
    base: int = ORIGIN
    length: int = 0
    watchdog: int = 0
    speed: str = "quick"
    depth: int = 3
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


def legal_instruction(rng: np.random.Generator, config: Config, opcode: Opcode | None = None,
                      **header: int) -> np.ndarray:
    """One instruction that passes every check, with random values in all fields."""
    def r(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))
    opcode = Opcode(r(2, 7)) if opcode is None else opcode
    if opcode in (Opcode.LOAD, Opcode.STORE):
        return legal_transfer(rng, config, opcode, **header)
    if opcode in (Opcode.SU, Opcode.RU):
        return (legal_su if opcode == Opcode.SU else legal_ru)(rng, config, **header)
    if opcode == Opcode.GEMM:
        return legal_gemm(rng, config, **header)
    op = SfuOp(r(1, 5))
    return encode(opcode, op=op, x_fp32=r(0, 1) if op == SfuOp.SOFTMAX else 0,
                  out_fp16=r(0, 1) if op in (SfuOp.LAYERNORM, SfuOp.QUANT, SfuOp.GELU) else 0,
                  affine=r(0, 1) if op != SfuOp.SOFTMAX else 0, rows=r(1, 30), cols=r(1, 200),
                  x_base=r(0, 900),
                  x_step=r(0, 30), y_base=r(0, 900), y_step=r(0, 30), dst=2 * r(0, 1), d_base=r(0, 500), d_row=r(0, 20),
                  d_unit=r(0, 8),
                  pbuf_base=r(0, 30), rbuf_base=r(0, 200), imm0=r(0, 2**32 - 1), imm1=r(0, 2**32 - 1), **header)


@dataclass
class Count:
    """What a count register holds: number, semaphore of the SU that wrote it (0: cleared), and who reads it."""

    value: int = 0
    written: int = 0
    read: int = 0
    readers: int = 0


class Builder:
    """A program of legal instructions whose waits ask for what those in front of them signal: always satisfiable.

    Some waits ask for values that lie behind the semaphore already, also as negative distances below zero (0xFFFF).
    """

    def __init__(self, rng: np.random.Generator, config: Config) -> None:
        self.rng, self.config = rng, config
        self.program: list[np.ndarray] = []
        self.writes: dict[int, list[Write]] = {}
        self.signalled = [0] * SEMAPHORES
        self.free = list(ORDER_SEMAPHORES)
        self.counts = [Count() for _ in range(NUM_COUNTS)]

    def header(self) -> dict[str, int]:
        """Random waits on the shared semaphores, a shared signal."""
        rng = self.rng
        header = {"tag": len(self.program), "signal": int(rng.integers(0, SEMAPHORES))}
        for wait in range(3):
            semaphore = int(rng.integers(0, SEMAPHORES))
            if rng.random() < 0.5 and semaphore:
                top = self.signalled[semaphore]
                value = int(rng.integers(max(0, top - 2), top + 1))
                header |= {f"wait{wait}_sem": semaphore, f"wait{wait}_val": 0xFFFF if rng.random() < 0.1 else value}
        return header

    def append(self, raw: np.ndarray) -> None:
        """Take an instruction; shared signals count."""
        signal = decode(raw)["signal"]
        if signal < SEMAPHORES:
            self.signalled[signal] += 1
        self.program.append(raw)

    def add(self, opcode: Opcode | None = None) -> None:
        """One more instruction: an SU that writes counts, one that reads a count, or one without."""
        raw = legal_instruction(self.rng, self.config, opcode, **self.header())
        opcode = Opcode(int(raw[0]))
        if opcode == Opcode.SU:
            raw = self.writer(raw)
        elif self.free and self.rng.random() < 0.5:
            raw = self.reader(raw, opcode)
        self.append(raw)

    def number(self, rows: int) -> int:
        """A number of rows out of `rows`: often none, few or all."""
        few = min(rows, int(self.rng.integers(1, 9)))
        return int(self.rng.choice([0, few, few, rows]))

    def writer(self, raw: np.ndarray) -> np.ndarray:
        """An SU with numbers to find, behind everyone who reads what its registers hold now."""
        rng, rows = self.rng, decode(raw)["rows"]
        kept, written = (int(c) for c in rng.choice(np.arange(1, NUM_COUNTS), 2, replace=False))
        kept, written = kept if rng.random() < 0.8 else 0, written if rng.random() < 0.8 else 0
        done = self.free.pop() if self.free else 0
        if not done:
            kept = written = 0
        values = {kept: self.number(rows), written: self.number(rows)}
        fields = {"count_kept": kept, "count_written": written} | ({"signal": done} if done else {})
        for wait, register in zip((0, 2), (kept, written)):
            if register and self.counts[register].readers:
                old = self.counts[register]
                fields |= {f"wait{wait}_sem": old.read, f"wait{wait}_val": old.readers}
            if register:
                self.counts[register] = Count(values[register], done)
        writes: list[Write] = [(kept, values[kept], True)]
        if written or rng.random() < 0.5:
            writes.append((written, values[written], False))
        self.writes[len(self.program)] = writes[::-1] if rng.random() < 0.5 else writes
        return change(raw, **fields)

    def reader(self, raw: np.ndarray, opcode: Opcode) -> np.ndarray:
        """The instruction bounded by a count that its rows can take, at times by exactly as many."""
        rng, name = self.rng, ROWS_OF[opcode]
        rows = decode(raw)[name]
        fitting = [i for i in range(1, NUM_COUNTS) if self.counts[i].value <= rows]
        filled = [i for i in fitting if self.counts[i].value]
        if not fitting:
            return raw
        register = int(rng.choice(filled if filled and rng.random() < 0.7 else fitting))
        count = self.counts[register]
        if count.value and rng.random() < 0.4:
            raw = change(raw, **{name: count.value})
        return self.bound(raw, register)

    def bound(self, raw: np.ndarray, register: int) -> np.ndarray:
        """The instruction behind the SU that wrote `register`, bounded by it."""
        count = self.counts[register]
        if not count.read:
            count.read = self.free.pop()
        count.readers += 1
        fields = {"count": register, "signal": count.read}
        if count.written:
            fields |= {"wait2_sem": count.written, "wait2_val": 1}
        return change(raw, **fields)


def too_many(rng: np.random.Generator, config: Config, count: int, by_one: bool) -> tuple[Builder, int]:
    """A program with one instruction whose count exceeds its rows, by one or by more, and the index of that one."""
    build = Builder(rng, config)
    for _ in range(int(rng.integers(0, count))):
        build.add()
    while True:
        raw = legal_su(rng, config, **build.header())
        if decode(raw)["rows"] > 3 and len(build.free) > 4:
            break
        build = Builder(rng, config)
    register = int(rng.integers(1, NUM_COUNTS))
    value, done = int(rng.integers(3, decode(raw)["rows"] + 1)), build.free.pop()
    opcode = Opcode(int(rng.choice([Opcode.LOAD, Opcode.STORE, Opcode.GEMM, Opcode.SFU, Opcode.RU])))
    bounded = legal_instruction(rng, config, opcode, **(build.header() | {"tag": len(build.program) + 1}))
    rows = min(decode(bounded)[ROWS_OF[opcode]], value - (1 if by_one else 2))
    value = rows + 1 if by_one else value
    old = build.counts[register]
    fields = {"count_kept": register, "count_written": 0, "signal": done}
    if old.readers:
        fields |= {"wait0_sem": old.read, "wait0_val": old.readers}
    build.writes[len(build.program)] = [(register, value, True)]
    build.append(change(raw, **fields))
    build.counts[register] = Count(value, done)
    at = len(build.program)
    build.append(build.bound(change(bounded, **{ROWS_OF[opcode]: rows}), register))
    for _ in range(int(rng.integers(0, 4))):
        build.append(legal_instruction(rng, config, **build.header()))
    return build, at


def flood(rng: np.random.Generator, config: Config, count: int, opcode: Opcode | None = None) -> Builder:
    """A program of `count` instructions for one unit that wait for nothing: as many as the unit holds are under way."""
    build = Builder(rng, config)
    opcode = Opcode(int(rng.choice(FLOODED))) if opcode is None else opcode
    for tag in range(count):
        build.append(legal_instruction(rng, config, opcode, tag=tag, signal=int(rng.integers(SEMAPHORES))))
    return build


def dependent_program(rng: np.random.Generator, config: Config, count: int) -> Builder:
    """A program of `count` instructions."""
    build = Builder(rng, config)
    for _ in range(count):
        build.add()
    return build


def break_instruction(rng: np.random.Generator, config: Config, raw: np.ndarray, fault: str) -> np.ndarray | None:
    """The instruction with one fault of a kind, or None where its opcode has no such fault."""
    opcode = Opcode(int(raw[0]))

    def pick(*options: dict[str, int]) -> np.ndarray:
        return change(raw, **options[int(rng.integers(len(options)))])

    transfer = opcode in (Opcode.LOAD, Opcode.STORE)
    if fault == "illegal_opcode":
        return change(raw, opcode=int(rng.choice([0, 8, 0x80, 0xFF])))
    if fault == "illegal_field":
        options = {Opcode.STORE: [{"buffer": 0}, {"unit_step": 0}],
                   Opcode.GEMM: [{"precision": 0, "b_layout": 1}, {"precision": 1, "k": 16385}, {"precision": 0, "a_base": 1}],
                   Opcode.SFU: [{"op": 0}, {"op": 9}, {"dst": 1}, {"dst": 3}, {"op": 2, "x_fp32": 1},
                                {"op": 5, "out_fp16": 1},
                                {"op": 4, "affine": 1}],
                   Opcode.SU: [{"w1": 0}, {"count": 15}, {"rows": 65535}], Opcode.RU: [{"op": 0, "extrapolate": 1}]}
        return pick(*options[opcode]) if opcode in options else None
    if fault == "zero_length":
        names = {Opcode.GEMM: ("m", "n", "k", "batch"), Opcode.SFU: ("rows", "cols"), Opcode.SU: ("rows", "n2"),
                 Opcode.RU: ("rows", "units")}.get(opcode, ("rows", "row_units"))
        return pick(*({n: 0} for n in names))
    if fault == "misaligned":
        return pick({"hbm_addr": ORIGIN + 16}, {"hbm_addr": ORIGIN + 1}, {"hbm_stride": 16}) if transfer else None
    if fault == "buffer_range":
        if transfer:
            return change(raw, base=(config.abuf, config.bbuf, config.vbuf, 4 * config.pbuf)[decode(raw)["buffer"]])
        if opcode in (Opcode.SU, Opcode.RU):
            return change(raw, map_base=config.mbuf)
        return pick({"a_base": config.abuf}, {"b_base": config.bbuf}, {"o_base": config.vbuf},
                    {"row_scale": 1, "rbuf_base": config.rbuf},
                    {"col_affine": 1, "pbuf_base": config.pbuf}) if opcode == Opcode.GEMM else \
            pick({"x_base": config.vbuf}, {"op": SfuOp.RESIDUAL, "x_fp32": 0, "out_fp16": 0, "y_base": config.vbuf},
                 {"d_base": max(config.abuf, config.vbuf)})
    if fault == "window_range":
        outside = {"hbm_addr": ORIGIN - 32}, {"hbm_addr": WINDOWS.write[1]}, {
            "hbm_addr": WINDOWS.write[1] - 32, "rows": 2, "hbm_stride": 32, "list": 0}
        return pick(*outside) if transfer else None
    raise ValueError(fault)


CAUSE_OF = {"illegal_opcode": Cause.ILLEGAL_OPCODE, "illegal_field": Cause.ILLEGAL_FIELD,
            "zero_length": Cause.ZERO_LENGTH,
            "misaligned": Cause.MISALIGNED, "buffer_range": Cause.BUFFER_RANGE, "window_range": Cause.WINDOW_RANGE,
            "no_end": Cause.PROGRAM_RANGE, "empty": Cause.PROGRAM_RANGE, "fetch": Cause.FETCH_ERROR,
            "read": Cause.READ_ERROR,
            "write": Cause.WRITE_ERROR, "count_one": Cause.COUNT_RANGE,
            "count_range": Cause.COUNT_RANGE, "deadlock": Cause.DEADLOCK, "base": Cause.MISALIGNED}


CHECKED = ("illegal_opcode", "illegal_field", "zero_length", "misaligned", "buffer_range", "window_range")


def random_knobs(rng: np.random.Generator) -> dict[str, int | str]:
    """How the units and the program memory behave."""
    return dict(speed=str(rng.choice(UNIT_SPEEDS)), depth=int(rng.choice([1, 3, 8])), latency=int(rng.choice([1, 8, 60])),
                jitter=int(rng.choice([0, 20])), stall=int(rng.choice([0, 0, 128])),
                base=ORIGIN + 64 * int(rng.integers(0, 100)))


def corner_item(rng: np.random.Generator, config: Config, name: str) -> Item:
    """An instruction that just passes the check `name` of corners.CORNERS, then one that just fails it."""
    fault, good, bad = corner(rng, config, name)
    program = [change(good, tag=0), change(bad, tag=1), encode(Opcode.END)]
    writes = {0: [(0, 0, True)]} if good[0] == Opcode.SU else {}
    if writes:  # no count register is read here
        program[0] = change(program[0], count_kept=0, count_written=0)
    return Item(program, fault, 1, corner=name, writes=writes, **random_knobs(rng))


def random_item(rng: np.random.Generator, config: Config, fault: str, count: int) -> Item:
    """A program of `count` instructions and END with one fault (or none) and random surroundings."""
    make = flood if fault in ("none", "reset", *CHECKED) and rng.random() < 0.25 else dependent_program
    build, end, knobs = make(rng, config, count), encode(Opcode.END), random_knobs(rng)
    program, at = build.program, int(rng.integers(count))

    def item(*tail: np.ndarray, index: int = at, **more: int) -> Item:
        return Item([*program, *tail], fault, index, writes=build.writes, **(knobs | more))
    if fault in CHECKED:
        while (broken := break_instruction(rng, config, program[at], fault)) is None:
            program[at] = legal_instruction(rng, config, tag=at)
        program[at] = broken
        return item(end)
    if fault in ("read", "write"):
        opcode = Opcode.LOAD if fault == "read" else Opcode.STORE
        while not any(p[0] == opcode and decode(p)["count"] == 0 for p in program):
            build = dependent_program(rng, config, count)
            program = build.program
        return item(end, index=0)
    if fault in ("count_one", "count_range"):
        build, at = too_many(rng, config, count, fault == "count_one")
        program = build.program
        return item(end, index=at)
    if fault == "no_end":
        return item(index=count)
    if fault == "deadlock":
        program = [change(p, wait1_sem=0) for p in program]
        program[at] = change(program[at], wait1_sem=60, wait1_val=1)
        return item(end, watchdog=400)
    if fault == "base":
        return item(end, index=0, base=knobs["base"] + 32)
    out = item(end)
    if fault == "empty":
        out.length = 0
    return out
