"""Instruction set: the one definition of every field.

`python -m models.isa` writes `rtl/pkg/fvgm_isa_pkg.sv` and `docs/isa.md` from the tables below (`--check` only compares).

An instruction is 512 bits, little endian, 64 bytes in memory: a 128-bit header and a 384-bit payload that the opcode
names. Addresses of on-chip buffers count units of 16 bytes (pbuf: see LOAD; mbuf: entries of 32 bits). HBM addresses
count bytes.

What only the data knows bounds an instruction at run time: with `count != 0` the number in count register `count`, which
SU wrote, takes the place of `rows` (GEMM: of `m`) when the instruction starts; `rows` (`m`) itself is then the largest
number that is allowed, more is COUNT_RANGE. With a count of 0 the instruction completes without doing anything. Count
registers are cleared when a program starts; reading one before the SU that writes it is a race like any other.

A core runs several programs at a time, each in a *context* with semaphores and count registers of its own. What a
context has of a buffer is its *slice*: with bit b of `slice` set, every address that the instruction holds for buffer b
(SliceBuffer) counts from the first word of the slice, and the operand must lie in the slice; else it counts from the
first word of the buffer.

Dependencies are counting semaphores. Before a unit starts the instruction at the head of its queue, every `waitN` with
`waitN_sem != 0` must hold: `signed16(semaphore[waitN_sem] - waitN_val) >= 0`. When an instruction has completed (its last
word is written, its last AXI response has come) `semaphore[signal]` is incremented, unless `signal` is 0. Semaphores are
16-bit, wrap, and are cleared when a program starts.

A *task* is such a program, the work on one tile, that any core may do in any context. The task queue reads a table of
entries of 64 bytes. TASK: the program of one task. WEIGHTS: a program that loads the weight set `set` into `areas` of the
shared part of bbuf and pbuf; every core runs it once. A TASK of a `set` goes to cores that have loaded it. END closes the
table. A TASK is ready when each wait with `waitN_event != 0` holds: `signed16(event[waitN_event] - waitN_value) >= 0`;
the waits of an entry count events of earlier entries alone, so the oldest entry can always go. When a task is over, its
events are incremented. Events are cleared when a table starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

INSTRUCTION_BYTES = 64
NUM_SEMAPHORES = 64
NUM_WAITS = 3
NUM_COUNTS = 16  # count register 0 does not exist
MAX_LIST_ROWS = 1024  # rows of one SU: what an entry of mbuf can name
MAX_CORES = 16
MAX_CONTEXTS = 8  # of a core
NUM_EVENTS = 256  # of the task queue; event 0 does not exist
NUM_TASK_WAITS = 4
NUM_SETS = 256  # weight sets; set 0 does not exist
NUM_AREAS = 8  # pieces of the shared part of bbuf and pbuf
HEADER_BITS = 128


class Opcode(IntEnum):
    """What an instruction does; its unit follows. 0 is illegal, so that cleared memory stops the core."""

    END = 0x01
    LOAD = 0x02
    STORE = 0x03
    GEMM = 0x04
    SFU = 0x05
    SU = 0x06
    RU = 0x07


class Buffer(IntEnum):
    """On-chip buffers of one core."""

    A = 0
    B = 1
    V = 2
    P = 3


class SliceBuffer(IntEnum):
    """Buffers that contexts have slices of; bits of `slice`."""

    A = 0
    B = 1
    V = 2
    P = 3
    R = 4
    M = 5


class TaskKind(IntEnum):
    """Entries of a task table. 0 is illegal, so that cleared memory stops the task queue."""

    TASK = 1
    WEIGHTS = 2
    END = 3


class Precision(IntEnum):
    """Operands of a GEMM."""

    INT8 = 0
    FP16 = 1


class Layout(IntEnum):
    """Layout of the B operand in bbuf: NK has K inside a unit, KN (FP16 only) has N inside a unit."""

    NK = 0
    KN = 1


class SfuOp(IntEnum):
    """Row operations of the special-function unit. 0 is illegal."""

    LAYERNORM = 1
    QUANT = 2
    GELU = 3
    SOFTMAX = 4
    RESIDUAL = 5


class RuOp(IntEnum):
    """Row movements of the recovery unit."""

    GATHER = 0
    RECOVER = 1


class Unit(IntEnum):
    """Decoupled units, one instruction queue each."""

    LOAD = 0
    STORE = 1
    MPU = 2
    SFU = 3
    SU = 4
    RU = 5


UNIT_OF = {Opcode.LOAD: Unit.LOAD, Opcode.STORE: Unit.STORE, Opcode.GEMM: Unit.MPU, Opcode.SFU: Unit.SFU,
           Opcode.SU: Unit.SU, Opcode.RU: Unit.RU}


class Cause(IntEnum):
    """Why a core stopped; the value of the CAUSE register."""

    NONE = 0
    ILLEGAL_OPCODE = 1
    ILLEGAL_FIELD = 2
    ZERO_LENGTH = 3
    MISALIGNED = 4
    BUFFER_RANGE = 5
    WINDOW_RANGE = 6
    PROGRAM_RANGE = 7
    FETCH_ERROR = 8
    READ_ERROR = 9
    WRITE_ERROR = 10
    DEADLOCK = 11
    COUNT_RANGE = 12
    CORE_ERROR = 13


@dataclass(frozen=True)
class Field:
    """One bit field: `lsb` counts from the start of the header or of the payload."""

    name: str
    lsb: int
    bits: int
    doc: str


def _fields(*rows: tuple[str, int, str]) -> tuple[Field, ...]:
    out, lsb = [], 0
    for name, bits, doc in rows:
        out.append(Field(name, lsb, bits, doc))
        lsb += bits
    return tuple(out)


HEADER = _fields(
    ("opcode", 8, "Opcode"),
    ("signal", 6, "semaphore incremented at completion; 0: none"),
    ("wait0_sem", 6, "semaphore of wait 0; 0: no wait"),
    ("wait0_val", 16, "value that wait 0 needs"),
    ("wait1_sem", 6, "semaphore of wait 1"),
    ("wait1_val", 16, "value that wait 1 needs"),
    ("wait2_sem", 6, "semaphore of wait 2"),
    ("wait2_val", 16, "value that wait 2 needs"),
    ("tag", 16, "operation of the compiler's table; traces carry it, the hardware does not read it"),
    ("count", 4, "count register that bounds the instruction; 0: none (SU, END: always)"),
    ("slice", 6, "bit b: addresses in SliceBuffer b count from the slice of the context"),
)

# An entry of a task table, 512 bits.
TASK = _fields(
    ("kind", 8, "TaskKind"),
    ("base", 40, "byte address of the first instruction, multiple of 64"),
    ("length", 16, "instructions of the program, END included, at least 1"),
    ("set", 8, "TASK: weight set that it needs, 0: none; WEIGHTS: weight set that it loads, at least 1"),
    ("areas", 8, "bit a: the set lies in area a"),
    ("cores", MAX_CORES, "bit c: core c may run it; WEIGHTS: core c runs it"),
    ("priority", 8, "larger goes first, among the ready entries and among the contexts of a core"),
    ("signal0", 8, "event incremented when the task is over; 0: none"),
    ("signal1", 8, "event incremented when the task is over; 0: none"),
    ("wait0_event", 8, "event of wait 0; 0: no wait"),
    ("wait0_value", 16, "value that wait 0 needs"),
    ("wait1_event", 8, "event of wait 1"),
    ("wait1_value", 16, "value that wait 1 needs"),
    ("wait2_event", 8, "event of wait 2"),
    ("wait2_value", 16, "value that wait 2 needs"),
    ("wait3_event", 8, "event of wait 3"),
    ("wait3_value", 16, "value that wait 3 needs"),
    ("tag", 16, "number of the task in the compiler's table; traces carry it"),
)

# An entry of mbuf, 32 bits. SU writes lists and maps of them, LOAD, STORE and RU follow them.
LIST_ENTRY = _fields(
    ("row", 10, "row of the tile"),
    ("slot", 10, "place of the row's result among the computed rows"),
    ("age", 4, "denoising steps since the row was last computed, this one included; 0: computed now"),
    ("step", 1, "1: dropped, its own cached row takes its place"),
)

_TRANSFER = (
    ("hbm_addr", 40, "byte address of the first row, multiple of 32"),
    ("rows", 16, "rows, at least 1"),
    ("row_units", 16, "units per row, at least 1"),
    ("hbm_stride", 32, "bytes between rows in HBM, multiple of 32"),
    ("buffer", 2, "Buffer; STORE: V"),
    ("base", 20, "first unit in the buffer; pbuf counts 16-byte quarters of an entry"),
    ("row_step", 20, "units between rows in the buffer"),
    ("unit_step", 20, "units between neighbouring units of one row in the buffer; STORE: 1"),
    ("list", 1, "1: row i of the buffer is row `row` of entry list_base + i of mbuf in HBM, at hbm_addr + row * hbm_stride"),
    ("list_base", 16, "mbuf: first entry of the list"),
    ("bound", 16, "with list: rows in HBM, at least 1; an entry that names another stops the core (READ_ERROR, WRITE_ERROR)"),
)

PAYLOAD: dict[Opcode, tuple[Field, ...]] = {
    Opcode.LOAD: _fields(*_TRANSFER),
    Opcode.STORE: _fields(*_TRANSFER),
    Opcode.GEMM: _fields(
        ("precision", 1, "Precision"),
        ("b_layout", 1, "Layout of B"),
        ("out_fp32", 1, "1: FP32 out (8 columns take two units), 0: FP16 out"),
        ("row_scale", 1, "1: multiply row r of the result by rbuf[rbuf_base + r], r counts on over the batch"),
        ("col_affine", 1, "1: then multiply column n by a[n] and add b[n] of pbuf"),
        ("m", 16, "rows of A and of the result, at least 1"),
        ("n", 16, "columns of the result, at least 1"),
        ("k", 16, "inner dimension, at least 1, with FP16 at most 16384; INT8 16 and FP16 8 values a unit"),
        ("batch", 16, "independent products, at least 1"),
        ("a_base", 20, "abuf: unit of (row r, k group g) is a_base + batch*a_batch + g*a_step + r; with INT8 all three even, "
                       "for the rows of a pair come out of neighbouring banks"),
        ("a_step", 20, "units between k groups of A"),
        ("a_batch", 20, "units between products of A"),
        ("b_base", 20, "bbuf: NK: unit of (column n, k group g) is b_base + batch*b_batch + g*b_step + n; "
                       "KN: unit of (k, columns 8j..8j+7) is b_base + batch*b_batch + k*b_step + j"),
        ("b_step", 20, "units between k groups (NK) or between k (KN, odd: eight of them lie in eight banks) of B"),
        ("b_batch", 20, "units between products of B"),
        ("o_base", 20, "vbuf: columns 8j.. of row r: FP16 at o_base + batch*o_batch + r*o_step + j, FP32 at ... + 2j"),
        ("o_step", 20, "units between rows of the result"),
        ("o_batch", 20, "units between products of the result"),
        ("rbuf_base", 16, "first row scale"),
        ("pbuf_base", 16, "first pbuf entry (8 channels each)"),
    ),
    Opcode.SFU: _fields(
        ("op", 4, "SfuOp"),
        ("x_fp32", 1, "1: x rows are FP32 (SOFTMAX only), 0: FP16"),
        ("out_fp16", 1, "LAYERNORM, QUANT, GELU: 1: FP16 out without scaling, 0: INT8 out and its scale into rbuf; else 0"),
        ("affine", 1, "LAYERNORM, QUANT: y = y*a + b by pbuf; GELU: y = y + b; RESIDUAL: y = y*a (gate); SOFTMAX: 0"),
        ("rows", 16, "rows, at least 1"),
        ("cols", 16, "elements per row, at least 1"),
        ("x_base", 20, "vbuf: first unit of row 0 of x; elements of a row are contiguous"),
        ("x_step", 20, "units between rows of x"),
        ("y_base", 20, "vbuf: first unit of row 0 of y (RESIDUAL: out = x + gate*y)"),
        ("y_step", 20, "units between rows of y"),
        ("dst", 2, "Buffer of the result: A or V"),
        ("d_base", 20, "unit of (row r, unit u) of the result is d_base + r*d_row + u*d_unit"),
        ("d_row", 20, "units between rows of the result"),
        ("d_unit", 20, "units between neighbouring units of one row of the result"),
        ("pbuf_base", 16, "first pbuf entry"),
        ("rbuf_base", 16, "row r writes its scale (SOFTMAX: 1/sum) to rbuf[rbuf_base + r]"),
        ("imm0", 32, "FP32: LAYERNORM 1/cols; SOFTMAX log2(e) * scale"),
        ("imm1", 32, "FP32: LAYERNORM epsilon"),
    ),
    Opcode.SU: _fields(
        ("window", 1, "1: drop rows that resemble the reference of their window"),
        ("step", 1, "1: drop rows that resemble their own cached row; needs meta"),
        ("mask", 1, "1: drop the rows whose mask bit is 0, look at no data; with window the reference recovers them, else their "
                    "own cached row; excludes step"),
        ("meta", 1, "1: read (step, mask) and write the ages and norms of the rows"),
        ("c_int8", 1, "1: cached rows are INT8, 0: FP16"),
        ("rows", 16, "rows of the tile, 1 to 1024"),
        ("cols", 16, "elements per row, at least 1"),
        ("x_base", 20, "vbuf: first unit of row 0; FP16, elements of a row are contiguous"),
        ("x_step", 20, "units between rows"),
        ("c_base", 20, "vbuf: first unit of the cached row of row 0"),
        ("c_step", 20, "units between cached rows"),
        ("n1", 12, "row r has the coordinates (r / (n1 n2), r / n2 mod n1, r mod n2); at least 1"),
        ("n2", 12, "at least 1"),
        ("w0", 4, "window along coordinate 0, 1 to 8; windows start at multiples and end at the border at the latest"),
        ("w1", 4, "window along coordinate 1"),
        ("w2", 4, "window along coordinate 2"),
        ("o0", 3, "reference: min(o0, rows of the window along coordinate 0, less 1); less than w0"),
        ("o1", 3, "reference along coordinate 1"),
        ("o2", 3, "reference along coordinate 2"),
        ("thr_window", 32, "FP32: square of the least cosine of a window"),
        ("thr_step", 32, "FP32: square of the least cosine to the cached row"),
        ("max_age", 4, "a row whose age would exceed it is computed"),
        ("meta_base", 20, "vbuf: unit of rows 2i and 2i+1 is meta_base + i, 8 bytes a row: FP32 squared norm, then the age in 8 bits"),
        ("mask_base", 20, "vbuf: bit r mod 128 of unit mask_base + r/128 is row r's; 1: keep"),
        ("list_base", 16, "mbuf: entry i of the kept rows: its row, slot i"),
        ("map_base", 16, "mbuf: entry r of the recovery map: slot of row r or of its reference, or step and age"),
        ("write_base", 16, "mbuf: entry i of the rows that are not recovered by their own cached row: row, slot"),
        ("count_kept", 4, "count register that takes the number of kept rows; 0: none"),
        ("count_written", 4, "count register that takes the number of entries at write_base; 0: none"),
        ("fill", 8, "with step and no window: where the kept rows do not fill a multiple of it, the last rows are kept until they "
                    "do; 0: never"),
    ),
    Opcode.RU: _fields(
        ("op", 1, "RuOp: GATHER: row i of the result is row `row` of y; RECOVER: row `slot` of y, or, with step, row i of c1"),
        ("extrapolate", 1, "RECOVER: a row with step is c1 + (coef * age) * (c1 - c2), else c1"),
        ("rows", 16, "rows of the result, at least 1"),
        ("units", 16, "units per row, at least 1"),
        ("y_base", 20, "vbuf: first unit of row 0 of y"),
        ("y_step", 20, "units between rows of y"),
        ("c1_base", 20, "vbuf: first unit of the last computed row of row 0"),
        ("c1_step", 20, "units between rows of c1"),
        ("c2_base", 20, "vbuf: first unit of the row computed before c1"),
        ("c2_step", 20, "units between rows of c2"),
        ("d_base", 20, "vbuf: first unit of row 0 of the result; it may lie on c1 or c2, not on y"),
        ("d_step", 20, "units between rows of the result"),
        ("map_base", 16, "mbuf: entry i decides about row i of the result"),
        ("coef", 32, "FP32"),
    ),
    Opcode.END: (),
}

# The addresses of an instruction in each buffer that has slices. A LOAD's or STORE's `base` is of the buffer that it
# names (in quarters of an entry if that is P), a result of the SFU of `dst`.
SLICED: dict[Opcode, dict[str, SliceBuffer]] = {
    Opcode.LOAD: {"list_base": SliceBuffer.M},
    Opcode.STORE: {"list_base": SliceBuffer.M},
    Opcode.GEMM: {"a_base": SliceBuffer.A, "b_base": SliceBuffer.B, "o_base": SliceBuffer.V, "rbuf_base": SliceBuffer.R,
                  "pbuf_base": SliceBuffer.P},
    Opcode.SFU: {"x_base": SliceBuffer.V, "y_base": SliceBuffer.V, "pbuf_base": SliceBuffer.P, "rbuf_base": SliceBuffer.R},
    Opcode.SU: {"x_base": SliceBuffer.V, "c_base": SliceBuffer.V, "meta_base": SliceBuffer.V, "mask_base": SliceBuffer.V,
                "list_base": SliceBuffer.M, "map_base": SliceBuffer.M, "write_base": SliceBuffer.M},
    Opcode.RU: {"y_base": SliceBuffer.V, "c1_base": SliceBuffer.V, "c2_base": SliceBuffer.V, "d_base": SliceBuffer.V,
                "map_base": SliceBuffer.M},
    Opcode.END: {},
}


class InstructionError(ValueError):
    """A field is unknown or its value does not fit; the message names it."""


def encode(opcode: Opcode, **values: int) -> np.ndarray:
    """One instruction as uint8[64]. Unnamed fields are 0; a value that does not fit raises InstructionError."""
    return encode_many(opcode, 1, **values)[0]


def encode_many(opcode: Opcode, number: int, /, **values: int | np.ndarray) -> np.ndarray:
    """`number` instructions of one opcode as uint8[number, 64]; each value is a scalar or an array of `number`."""
    fields = {f.name: (f, 0) for f in HEADER} | {f.name: (f, HEADER_BITS) for f in PAYLOAD[opcode]}
    return _pack(opcode.name, fields, number, {"opcode": int(opcode), **values})


def encode_task(kind: TaskKind, **values: int) -> np.ndarray:
    """One entry of a task table as uint8[64]; unnamed fields are 0."""
    return _pack(kind.name, {f.name: (f, 0) for f in TASK}, 1, {"kind": int(kind), **values})[0]


def decode_task(raw: np.ndarray | bytes) -> dict[str, int]:
    """Fields of one 64-byte entry of a task table by name."""
    value = int.from_bytes(bytes(raw), "little")
    return {f.name: (value >> f.lsb) & ((1 << f.bits) - 1) for f in TASK}


def _pack(what: str, fields: dict[str, tuple[Field, int]], number: int, values: dict[str, int | np.ndarray]) -> np.ndarray:
    """Values in their fields, as uint8[number, 64]."""
    words = np.zeros((number, INSTRUCTION_BYTES // 8), np.uint64)
    for name, value in values.items():
        if name not in fields:
            raise InstructionError(f"{what} has no field {name!r}")
        field, offset = fields[name]
        array = np.broadcast_to(np.asarray(value, np.int64), (number,))
        if (array < 0).any() or (array >> field.bits).any():
            bad = array[(array < 0) | ((array >> field.bits) != 0)][0]
            raise InstructionError(f"{what}.{name} = {bad} does not fit {field.bits} bits")
        word, bit = divmod(offset + field.lsb, 64)
        wide = array.astype(np.uint64)
        words[:, word] |= wide << np.uint64(bit)
        if bit + field.bits > 64:
            words[:, word + 1] |= wide >> np.uint64(64 - bit)
    return words.view(np.uint8).reshape(number, INSTRUCTION_BYTES)


def decode(raw: np.ndarray | bytes) -> dict[str, int]:
    """Fields of one 64-byte instruction by name; an unknown opcode gives the header alone."""
    value = int.from_bytes(bytes(raw), "little")
    out = {f.name: (value >> f.lsb) & ((1 << f.bits) - 1) for f in HEADER}
    if out["opcode"] in set(Opcode):
        for f in PAYLOAD[Opcode(out["opcode"])]:
            out[f.name] = (value >> (HEADER_BITS + f.lsb)) & ((1 << f.bits) - 1)
    return out


if __name__ == "__main__":
    from models.isa_text import main
    raise SystemExit(main())
