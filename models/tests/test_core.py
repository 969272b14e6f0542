"""models/core.py: programs and tables of tasks written by hand against plain integer and float64 arithmetic, order, deadlock,
errors; blocks of the trained model against diffusers' own activations.

Method: small programs and tables with known data; every word of the result is compared, of tables in random legal orders on one
to three cores. Blocks: the compiler's tables at the golden activations of workloads/data (FP32, from diffusers), cosine at least
0.999 for the block's output and for what the block adds to its input. It does not prove cycles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from compiler import inputs as host_inputs
from compiler.checkpoint import SafetensorsCheckpoint
from compiler.model import compile_blocks
from models import config as configs
from models import core
from models.isa import Buffer, Cause, Opcode, Precision, SfuOp, TaskKind, Unit, encode, encode_task
from models.scheduler_check import Windows
from models.slices import Slices
from workloads import inputs as workload
from workloads import latte

TINY = configs.load("tiny")
GOLDEN_FILE = workload.DATA / "golden.safetensors"
SIZE = 1 << 16
PROGRAM = 0x8000
EVERYWHERE = Windows((0, SIZE), (0, SIZE))


def run(instructions: list[np.ndarray], memory: np.ndarray, length: int | None = None,
        **arguments: object) -> core.Result:
    code = np.concatenate(instructions)
    memory = memory.copy()
    memory[PROGRAM:PROGRAM + code.size] = code
    arguments.setdefault("windows", EVERYWHERE)
    return core.run(TINY, memory, PROGRAM, len(instructions) if length is None else length, **arguments)


def put(memory: np.ndarray, address: int, values: np.ndarray) -> None:
    data = np.ascontiguousarray(values).view(np.uint8).reshape(-1)
    memory[address:address + data.size] = data


END = encode(Opcode.END)


def gemm_program(m: int, n: int, k: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """INT8 product with per-column scale and bias: instructions, memory, expected float64 [m, n]."""
    rng = np.random.default_rng(3)
    a, b = rng.integers(-127, 128, (m, k)), rng.integers(-127, 128, (n, k))
    scale, bias = (rng.integers(1, 9, n) / 1024, rng.integers(-64, 64, n) / 4)
    groups, memory = -(-k // 16), np.zeros(SIZE, np.uint8)
    for base, values in ((0x0000, a), (0x2000, b)):
        padded = np.zeros((len(values), groups * 16), np.int8)
        padded[:, :k] = values
        stride = -(-groups * 16 // 32) * 32
        rows = np.zeros((len(values), stride), np.uint8)
        rows[:, :groups * 16] = padded.view(np.uint8)
        put(memory, base, rows)
    pairs = np.zeros((-(-n // 8) * 8, 2), np.float32)
    pairs[:n, 0], pairs[:n, 1] = scale, bias
    put(memory, 0x4000, pairs)
    load = dict(row_units=groups, hbm_stride=stride, row_step=1, signal=1)
    units = -(-n // 8)
    program = [
        encode(Opcode.LOAD, hbm_addr=0x0000, rows=m, buffer=Buffer.A, base=6, unit_step=m + m % 2, **load),
        encode(Opcode.LOAD, hbm_addr=0x2000, rows=n, buffer=Buffer.B, base=7, unit_step=n, **load),
        encode(Opcode.LOAD, hbm_addr=0x4000, rows=1, row_units=4 * units, buffer=Buffer.P, base=4 * 3, unit_step=1,
               signal=1),
        encode(Opcode.GEMM, precision=Precision.INT8, col_affine=1, m=m, n=n, k=k, batch=1, a_base=6, a_step=m + m % 2,
               b_base=7,
               b_step=n, o_base=9, o_step=units, pbuf_base=3, wait0_sem=1, wait0_val=3, signal=2),
        encode(Opcode.STORE, hbm_addr=0x6000, rows=m, row_units=units, hbm_stride=64, buffer=Buffer.V, base=9,
               row_step=units,
               unit_step=1, wait0_sem=2, wait0_val=1),
        END,
    ]
    return program, memory, (a @ b.T) * scale + bias


@pytest.mark.parametrize("shape", [(16, 8, 32), (5, 11, 19), (1, 1, 1), (17, 24, 100)], ids=str)
def test_gemm_program_against_integers(shape: tuple[int, int, int]) -> None:
    program, memory, expected = gemm_program(*shape)
    result = run(program, memory)
    assert result.cause == Cause.NONE and sorted(result.order) == list(range(5))
    m, n, _ = shape
    rows = result.memory[0x6000:0x6000 + 64 * m].reshape(m, 64)
    got = rows[:, :16 * -(-n // 8)].copy().view(np.float16)
    # Integers below 2^24 times a power-of-two multiple are exact in FP32: one rounding to FP16 remains.
    assert np.array_equal(got[:, :n], expected.astype(np.float32).astype(np.float16))
    assert not got[:, n:].any()
    assert np.array_equal(result.memory[:0x6000], memory[:0x6000])


def test_residual_program_against_float64() -> None:
    rng = np.random.default_rng(4)
    x, y = (rng.integers(-512, 512, (6, 8)).astype(np.float16) / 16 for _ in range(2))
    memory = np.zeros(SIZE, np.uint8)
    rows = np.zeros((12, 16), np.float16)
    rows[:6, :8], rows[6:, :8] = x, y
    put(memory, 0, rows)
    result = run([
        encode(Opcode.LOAD, hbm_addr=0, rows=12, row_units=1, hbm_stride=32, buffer=Buffer.V, base=100, row_step=1,
               unit_step=1,
               signal=9),
        encode(Opcode.SFU, op=SfuOp.RESIDUAL, rows=6, cols=8, x_base=100, x_step=1, y_base=106, y_step=1, dst=Buffer.V,
               d_base=200, d_row=2, d_unit=1, wait2_sem=9, wait2_val=1, signal=4),
        encode(Opcode.STORE, hbm_addr=0x1000, rows=6, row_units=1, hbm_stride=32, buffer=Buffer.V, base=200, row_step=2,
               unit_step=1, wait1_sem=4, wait1_val=1),
        END], memory)
    got = result.memory[0x1000:0x1000 + 6 * 32].reshape(6, 32)[:, :16].copy().view(np.float16)
    assert np.array_equal(got, (x.astype(np.float64) + y).astype(np.float16))


def test_waits_decide_the_order_and_semaphores_wrap() -> None:
    load = dict(rows=1, row_units=1, hbm_addr=0, buffer=Buffer.V, unit_step=1)
    store = dict(rows=1, row_units=1, buffer=Buffer.V, unit_step=1)
    program = [encode(Opcode.STORE, hbm_addr=0x100, wait0_sem=1, wait0_val=1, signal=2, **store),
               encode(Opcode.LOAD, signal=1, **load),
               # A value behind the semaphore by less than half its range holds, one ahead does not.
               encode(Opcode.STORE, hbm_addr=0x120, wait0_sem=1, wait0_val=0xFFF0, **store), END]
    memory = np.zeros(SIZE, np.uint8)
    memory[:16] = 7
    for choice in (lambda units: units[0], lambda units: units[-1]):
        result = run(program, memory, choose=choice)
        assert result.order[0] == 1 and result.memory[0x100] == 7 and result.memory[0x120] == 7


def test_deadlock_is_found() -> None:
    program = [encode(Opcode.STORE, hbm_addr=0, rows=1, row_units=1, buffer=Buffer.V, unit_step=1, wait0_sem=1,
                      wait0_val=1), END]
    result = run(program, np.zeros(SIZE, np.uint8))
    assert result.cause == Cause.DEADLOCK and result.index == 0


@pytest.mark.parametrize(("bad", "cause"), [
    (np.zeros(64, np.uint8), Cause.ILLEGAL_OPCODE),
    (encode(Opcode.LOAD, rows=0, row_units=1), Cause.ZERO_LENGTH),
    (encode(Opcode.LOAD, hbm_addr=16, rows=1, row_units=1), Cause.MISALIGNED),
    (encode(Opcode.LOAD, rows=1, row_units=1, base=1 << 19), Cause.BUFFER_RANGE),
    (encode(Opcode.LOAD, hbm_addr=SIZE, rows=1, row_units=1), Cause.WINDOW_RANGE),
    (encode(Opcode.STORE, rows=1, row_units=1, buffer=Buffer.A, unit_step=1), Cause.ILLEGAL_FIELD),
], ids=lambda value: value.name if isinstance(value, Cause) else "")
def test_a_refused_instruction_stops_the_program(bad: np.ndarray, cause: Cause) -> None:
    good = encode(Opcode.LOAD, rows=1, row_units=1, buffer=Buffer.V, unit_step=1)
    result = run([good, bad, END], np.zeros(SIZE, np.uint8))
    assert (result.cause, result.index) == (cause, 1)


def test_program_without_end_and_outside_its_window() -> None:
    good = encode(Opcode.LOAD, rows=1, row_units=1, buffer=Buffer.V, unit_step=1)
    assert run([good, END], np.zeros(SIZE, np.uint8), length=1).cause == Cause.PROGRAM_RANGE
    assert run([END], np.zeros(SIZE, np.uint8), windows=Windows((0, 64), (0, 64))).cause == Cause.WINDOW_RANGE


def test_ideal_cycles_are_those_of_the_units() -> None:
    f = core.decode_program(encode(Opcode.GEMM, m=16, n=8, k=32, batch=3), 1)[0][0]
    assert core.ideal_cycles(f, TINY) == 3 * 2 * 8 and core.unit_of(f) == Unit.MPU
    f = core.decode_program(encode(Opcode.LOAD, rows=4, row_units=5), 1)[0][0]
    assert core.ideal_cycles(f, TINY) == 12


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("layer", range(4))
@pytest.mark.parametrize("kind", ["spatial", "temporal"])
def test_block_against_diffusers(kind: str, layer: int) -> None:
    golden = load_file(str(GOLDEN_FILE))
    x, y = (golden[f"small/{kind}.{layer}.{end}"] for end in ("input", "output"))
    model, sample = latte.load(workload.CHECKPOINT), workload.load().sample(workload.HELD_OUT, 0.35)
    embedded = latte.embed(model, sample.noised, sample.timestep, sample.caption)
    checkpoint = SafetensorsCheckpoint(workload.CHECKPOINT)
    if kind == "spatial":  # frame by frame: the golden frames are a video of their own
        checkpoint.dims = replace(checkpoint.dims, frames=len(x))
    else:  # position by position: a grid of 2 x 2 of the golden positions
        x, y = x[:, :4], y[:, :4]
        checkpoint.dims = replace(checkpoint.dims, sample_size=2 * checkpoint.dims.patch)
        x = x + (latte.temporal_positions(model.config)[:, None] if layer == 0 else 0)
    compiled = compile_blocks(checkpoint, configs.load("sim"), len(sample.caption), [(kind, layer)])
    memory = compiled.memory()
    frames = np.zeros((compiled.dims.frames, compiled.dims.hidden), np.float32)
    host_inputs.write_conditions(compiled, checkpoint, memory, embedded.adaln, [embedded.caption], None, frames)
    host_inputs.write_tokens(compiled, memory, x)
    result = core.run_tasks(compiled.config, memory, compiled.table.base, compiled.table_entries,
                            Windows(compiled.read_window, compiled.write_window), compiled.slices)
    assert result.cause == Cause.NONE
    got = host_inputs.read(compiled, result.memory).astype(np.float64)
    assert cosine(got, y) >= 0.999
    assert cosine(got - x, y - x) >= 0.999


# Tables of tasks: each adds its number to what an earlier one stored, through the private buffers of its context.

TABLE, SLICES = 0xC000, Slices((16, 0, 8, 0, 0, 0), (512, 512, 512, 16, 64, 256))


def chain(count: int) -> tuple[np.ndarray, list[dict[str, int]]]:
    """Memory with `count` programs and their entries: task i copies row i - 1 of the results, RESIDUAL adds row i of the inputs to
    it, and the sum becomes row i. The event 1 orders them."""
    memory, entries = np.zeros(SIZE, np.uint8), []
    ones = np.arange(1, 8 * count + 1, dtype=np.float16).reshape(count, 8)
    for i in range(count):
        put(memory, 32 * i, ones[i])
        load = dict(rows=1, row_units=1, buffer=Buffer.V, unit_step=1, slice=63, signal=1)
        program = [encode(Opcode.LOAD, hbm_addr=32 * i, base=3, **load),
                   encode(Opcode.LOAD, hbm_addr=0x4000 + 32 * (i - 1) if i else 0x6000, base=9, **load),
                   encode(Opcode.SFU, op=SfuOp.RESIDUAL, rows=1, cols=8, x_base=3, x_step=1, y_base=9, y_step=1, dst=Buffer.V,
                          d_base=20, d_row=1, d_unit=1, slice=63, wait0_sem=1, wait0_val=2, signal=2),
                   encode(Opcode.STORE, hbm_addr=0x4000 + 32 * i, rows=1, row_units=1, buffer=Buffer.V, base=20, unit_step=1,
                          slice=63, wait0_sem=2, wait0_val=1), END]
        put(memory, PROGRAM + 0x200 * i, np.concatenate(program))
        entries.append(dict(base=PROGRAM + 0x200 * i, length=len(program), cores=255, signal0=1,
                            **({"wait0_event": 1, "wait0_value": i} if i else {})))
    return memory, entries


def raw_entry(kind: int = TaskKind.TASK, **fields: int) -> np.ndarray:
    """An entry of any kind, illegal ones too."""
    raw = encode_task(TaskKind.TASK, **fields)
    raw[0] = kind
    return raw


def run_table(memory: np.ndarray, entries: list[dict[str, int]], cores: int = 1, count: int | None = None, base: int = TABLE,
              windows: Windows = EVERYWHERE, slices: Slices = SLICES, **arguments: object) -> core.TasksResult:
    memory = memory.copy()
    table = [raw_entry(**e) for e in entries]
    put(memory, base, np.concatenate([*table, encode_task(TaskKind.END)]))
    return core.run_tasks(TINY, memory, base, len(table) + 1 if count is None else count, windows, slices, cores=cores,
                          **arguments)


def place(memory: np.ndarray, programs: list[list[np.ndarray]]) -> list[dict[str, int]]:
    """Put programs into memory; base and length of each."""
    for i, program in enumerate(programs):
        put(memory, PROGRAM + 0x200 * i, np.concatenate(program))
    return [dict(base=PROGRAM + 0x200 * i, length=len(p), cores=255) for i, p in enumerate(programs)]


def random_choices(seed: int) -> Callable[[list[core.Choice]], core.Choice]:
    """A legal order by chance."""
    rng = np.random.default_rng(seed)
    return lambda choices: choices[int(rng.integers(len(choices)))]


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_tasks_in_any_order_give_running_sums(cores: int) -> None:
    memory, entries = chain(6)
    rng = np.random.default_rng(cores)
    for choose in (lambda c: c[0], lambda c: c[int(rng.integers(len(c)))]):
        result = run_table(memory, entries, cores, choose=choose)
        assert result.cause == Cause.NONE and len(result.order) == 6
        got = result.memory[0x4000:0x4000 + 6 * 32].reshape(6, 32)[:, :16].copy().view(np.float16)
        assert np.array_equal(got, np.cumsum(np.arange(1, 49).reshape(6, 8), 0))


def test_a_missing_wait_is_a_race() -> None:
    memory, entries = chain(4)
    expected = run_table(memory, entries).memory
    del entries[2]["wait0_event"], entries[2]["wait0_value"]
    rng = np.random.default_rng(7)
    runs = [run_table(memory, entries, 2, choose=lambda c: c[int(rng.integers(len(c)))]) for _ in range(40)]
    assert any(not np.array_equal(r.memory, expected) for r in runs)


def test_errors_of_tables() -> None:
    memory, entries = chain(3)
    assert run_table(memory, entries, count=3).cause == Cause.PROGRAM_RANGE
    assert run_table(memory, [entries[0] | {"cores": 0}]).cause == Cause.ILLEGAL_FIELD
    assert run_table(memory, [entries[0] | {"length": 0}]).cause == Cause.ZERO_LENGTH
    result = run_table(memory, [*entries[:2], entries[2] | {"base": entries[2]["base"] + 32}])
    assert (result.cause, result.entry) == (Cause.MISALIGNED, 2)
    result = run_table(memory, [*entries[:2], entries[2] | {"length": 3}])
    assert (result.cause, result.entry, result.index) == (Cause.PROGRAM_RANGE, 2, 3)
    result = run_table(memory, [entries[0], entries[1] | {"wait0_value": 2}])
    assert result.cause == Cause.DEADLOCK
    bad = memory.copy()
    put(bad, PROGRAM + 64, encode(Opcode.LOAD, hbm_addr=0, rows=1, row_units=1, buffer=Buffer.V, base=512, unit_step=1, slice=4))
    result = run_table(bad, entries)
    assert (result.cause, result.entry, result.index) == (Cause.BUFFER_RANGE, 0, 1)


@pytest.mark.parametrize(("change", "cause", "entry"), [
    ({"base": TABLE + 32}, Cause.MISALIGNED, 0),
    ({"windows": Windows((0, TABLE + 3 * 64), (0, SIZE))}, Cause.WINDOW_RANGE, 0),
    ({"windows": Windows((64, SIZE), (0, SIZE)), "base": 0}, Cause.WINDOW_RANGE, 0),
    ({"count": 0}, Cause.PROGRAM_RANGE, 0),
    ({"count": 3}, Cause.PROGRAM_RANGE, 3),
    ({"slices": Slices((16, 0, 8, 0, 0, 0), (512, 512, 1021, 16, 64, 256))}, Cause.BUFFER_RANGE, 0),
    ({"slices": Slices((17, 0, 8, 0, 0, 0), (512, 512, 512, 16, 64, 256))}, Cause.MISALIGNED, 0),
], ids=["misaligned", "ends outside", "starts outside", "empty", "no END", "slices", "odd slices"])
def test_a_table_that_is_refused_runs_nothing(change: dict[str, object], cause: Cause, entry: int) -> None:
    memory, entries = chain(3)
    assert run_table(memory, entries).cause == Cause.NONE
    result = run_table(memory, entries, **change)
    assert (result.cause, result.entry, result.index, result.order) == (cause, entry, -1, [])
    assert not result.memory[0x4000:0x4000 + 32 * 3].any()


@pytest.mark.parametrize(("change", "cause", "index"), [
    ({"kind": 0}, Cause.ILLEGAL_OPCODE, -1), ({"kind": 4}, Cause.ILLEGAL_OPCODE, -1),
    ({"set": 1}, Cause.ILLEGAL_FIELD, -1), ({"kind": TaskKind.WEIGHTS, "areas": 1}, Cause.ILLEGAL_FIELD, -1),
    ({"cores": 4}, Cause.ILLEGAL_FIELD, -1), ({"base": SIZE}, Cause.WINDOW_RANGE, 0),
], ids=["kind 0", "kind 4", "set without areas", "weights without a set", "no such core", "program outside"])
def test_an_entry_that_is_refused_is_named(change: dict[str, int], cause: Cause, index: int) -> None:
    """What the entry says is checked before anything runs, its program when it is given out."""
    memory, entries = chain(3)
    entries[1] |= change
    result = run_table(memory, entries, 2)
    assert (result.cause, result.entry, result.index) == (cause, 1, index)
    assert [e for e, _, _ in result.order] == ([] if index < 0 else [0])


@pytest.mark.parametrize(("bad", "cause"), [
    (np.zeros(64, np.uint8), Cause.ILLEGAL_OPCODE),
    (encode(Opcode.STORE, rows=1, row_units=1, buffer=Buffer.A, unit_step=1), Cause.ILLEGAL_FIELD),
    (encode(Opcode.LOAD, rows=0, row_units=1), Cause.ZERO_LENGTH),
    (encode(Opcode.LOAD, hbm_addr=16, rows=1, row_units=1), Cause.MISALIGNED),
    (encode(Opcode.LOAD, rows=1, row_units=1, buffer=Buffer.P, base=4 * 16, slice=8), Cause.BUFFER_RANGE),
    (encode(Opcode.LOAD, hbm_addr=SIZE, rows=1, row_units=1), Cause.WINDOW_RANGE),
], ids=lambda value: value.name if isinstance(value, Cause) else "")
def test_a_bad_instruction_names_entry_and_index(bad: np.ndarray, cause: Cause) -> None:
    memory, entries = chain(3)
    put(memory, entries[2]["base"] + 128, bad)
    for choose in (lambda c: c[0], random_choices(5)):
        result = run_table(memory, entries, 2, choose=choose)
        assert (result.cause, result.entry, result.index) == (cause, 2, 2)


def su_program(limit: int) -> list[np.ndarray]:
    """Loads 4 rows, keeps them all, stores as many of at most `limit` rows as the count register says."""
    return [encode(Opcode.LOAD, hbm_addr=0, rows=4, row_units=1, hbm_stride=32, buffer=Buffer.V, base=1, row_step=1, unit_step=1,
                   slice=63, signal=1),
            encode(Opcode.SU, rows=4, cols=8, x_base=1, x_step=1, n1=1, n2=1, w0=1, w1=1, w2=1, list_base=0, map_base=16,
                   write_base=32, count_kept=5, slice=63, tag=9, wait0_sem=1, wait0_val=1, signal=2),
            encode(Opcode.STORE, hbm_addr=0x4000, rows=limit, row_units=1, hbm_stride=32, buffer=Buffer.V, base=1, row_step=1,
                   unit_step=1, slice=63, count=5, wait0_sem=2, wait0_val=1), END]


def test_counts_bound_a_task_and_start_at_zero() -> None:
    memory = np.zeros(SIZE, np.uint8)
    put(memory, 0, np.arange(8 * 16, dtype=np.float16).reshape(8, 16))
    alone = encode(Opcode.STORE, hbm_addr=0x5000, rows=8, row_units=1, hbm_stride=32, buffer=Buffer.V, unit_step=1, slice=63, count=5)
    entries = place(memory, [su_program(8), [alone, END]])
    entries[0]["signal0"] = 1
    entries[1] |= {"wait0_event": 1, "wait0_value": 1}
    result = run_table(memory, entries)
    assert result.cause == Cause.NONE and result.order == [(0, 0, 0), (1, 0, 0)], "both in one context"
    assert result.rows == {0: [-1, -1, 4], 1: [0]} and result.decisions == [(9, 4, 4)]
    stored = result.memory[0x4000:0x4000 + 8 * 32].reshape(8, 32)
    assert np.array_equal(stored[:4, :16], memory[:4 * 32].reshape(4, 32)[:, :16]) and not stored[4:].any()
    assert not result.memory[0x5000:0x5000 + 8 * 32].any()


def test_a_count_above_its_limit_stops_the_table() -> None:
    memory = np.zeros(SIZE, np.uint8)
    put(memory, 0, np.ones((4, 16), np.float16))
    entries = place(memory, [[END], su_program(3)])
    result = run_table(memory, entries, 2)
    assert (result.cause, result.entry, result.index) == (Cause.COUNT_RANGE, 1, 2)
    assert not result.memory[0x4000:0x4000 + 4 * 32].any()


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_weight_sets(cores: int) -> None:
    """Sets 1, 2, 3 take turns in the shared first words of vbuf, 3 beside 1; each task copies what it finds in its area."""
    memory, entries, programs = np.zeros(SIZE, np.uint8), [], []
    put(memory, 0, np.repeat(np.arange(1, 4, dtype=np.uint8), 32))
    row = dict(rows=1, row_units=1, buffer=Buffer.V, unit_step=1)
    plan = [("w", 1, 0), ("w", 3, 1), *[("t", 1, 0), ("t", 3, 1)] * 3, ("w", 2, 0), *[("t", 2, 0), ("t", 3, 1)] * 3, ("w", 1, 0),
            *[("t", 1, 0)] * 3]
    for number, (what, which, area) in enumerate(plan):
        where = {"hbm_addr": 32 * (which - 1)} if what == "w" else {"hbm_addr": 0x4000 + 32 * number}
        programs.append([encode(Opcode.LOAD if what == "w" else Opcode.STORE, base=area, **row, **where), END])
        entries.append({"kind": TaskKind.WEIGHTS if what == "w" else TaskKind.TASK, "set": which, "areas": 1 << area})
    entries = [e | p for e, p in zip(entries, place(memory, programs))]
    for seed in range(8):
        over: list[int] = []
        result = run_table(memory, entries, cores, choose=random_choices(seed), progress=over.append)
        assert result.cause == Cause.NONE
        once = [e for e, (what, _, _) in enumerate(plan) for _ in range(cores if what == "w" else 1)]
        assert sorted(e for e, _, _ in result.order) == sorted(over) == once, "weights once a core"
        assert len({(e, c) for e, c, _ in result.order}) == len(once)
        for number, (what, which, _) in enumerate(plan):
            expected = which if what == "t" else 0
            assert (result.memory[0x4000 + 32 * number:0x4000 + 32 * number + 16] == expected).all()


def test_a_task_whose_set_no_core_loads_waits_for_ever() -> None:
    memory = np.zeros(SIZE, np.uint8)
    entries = place(memory, [[END], [END]])
    entries[1] |= {"set": 4, "areas": 2}
    result = run_table(memory, entries, 2)
    assert (result.cause, result.entry, [e for e, _, _ in result.order]) == (Cause.DEADLOCK, -1, [0])


def test_a_deadlock_in_a_program_names_its_task() -> None:
    memory, entries = chain(3)
    put(memory, entries[1]["base"] + 2 * 64, encode(Opcode.STORE, rows=1, row_units=1, buffer=Buffer.V, unit_step=1, wait0_sem=7,
                                                    wait0_val=1))
    result = run_table(memory, entries, 2, choose=random_choices(1))
    assert (result.cause, result.entry) == (Cause.DEADLOCK, 1) and {e for e, _, _ in result.order} == {0, 1}


def test_contexts_and_cores_do_not_share_their_slices() -> None:
    """Tasks at the same addresses, all started before any goes on: each stores what it loaded."""
    memory = np.zeros(SIZE, np.uint8)
    put(memory, 0, np.repeat(np.arange(1, 7, dtype=np.uint8), 32))
    row = dict(rows=1, row_units=1, buffer=Buffer.V, base=5, unit_step=1, slice=1 << Buffer.V)
    entries = place(memory, [[encode(Opcode.LOAD, hbm_addr=32 * i, signal=1, **row),
                              encode(Opcode.STORE, hbm_addr=0x4000 + 32 * i, wait0_sem=1, wait0_val=1, **row), END] for i in range(6)])

    def breadth(choices: list[core.Choice]) -> core.Choice:
        return min(choices, key=lambda c: (c[0] != "start", c[3] == Unit.STORE))

    result = run_table(memory, entries, 3, choose=breadth)
    assert result.cause == Cause.NONE and {(core_, context) for _, core_, context in result.order} == {
        (c, k) for c in range(3) for k in range(TINY.contexts)}
    assert np.array_equal(result.memory[0x4000:0x4000 + 32 * 6].reshape(6, 32)[:, 0], np.arange(1, 7))


def test_what_a_table_is_seen_to_do() -> None:
    """An FP16 product whose operands lie 2^20 apart takes passes beyond its steps, one with equal exponents none; -1 for the rest, and where
    nobody asked, nothing."""
    load = dict(buffer=Buffer.A, row_units=1, row_step=1, unit_step=1, hbm_stride=32, slice=63, signal=1)
    rows = 8
    for far, passes in ((False, (1, 1)), (True, (2, 2))):
        memory = np.zeros(SIZE, np.uint8)
        values = np.ones((rows, 8), np.float16)
        values[:, 1::2] *= np.float16(2 ** -10 if far else 1)
        values[:, 0::2] *= np.float16(2 ** 10 if far else 1)
        for r in range(rows):
            put(memory, 32 * r, values[r])
            put(memory, 0x1000 + 32 * r, np.ones(8, np.float16))
        program = [encode(Opcode.LOAD, hbm_addr=0, rows=rows, **load), encode(Opcode.LOAD, hbm_addr=0x1000, rows=rows, **load | {"buffer": Buffer.B}),
                   encode(Opcode.GEMM, precision=Precision.FP16, m=rows, n=8, k=8, batch=1, a_step=rows, b_step=rows, o_step=1, slice=63,
                          wait0_sem=1, wait0_val=2), END]
        result = run_table(memory, place(memory, [program]), watch=True)
        assert result.cause == Cause.NONE and result.seen == {0: [-1, -1, passes]}
        assert run_table(memory, place(memory, [program])).seen == {}
