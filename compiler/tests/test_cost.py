"""Cycles that the compiler plans with: equal to those of the units' models, for random instructions."""

from __future__ import annotations

import numpy as np
import pytest

from compiler import cost
from models import config as configs
from models import core, mpu
from models.isa import Layout, Opcode, Precision, SfuOp


def column(rng: np.random.Generator, count: int, *values: int) -> list[int]:
    drawn = rng.choice(values, count) if len(values) > 2 else rng.integers(values[0], values[1] + 1, count)
    return [int(v) for v in drawn]


@pytest.mark.parametrize("name", ["tiny", "sim", "v80"])
def test_cycles_are_those_of_the_models(name: str) -> None:
    config, rng, fields, opcodes = configs.load(name), np.random.default_rng(6), [], []
    for m, n, k, batch, fp16, kn in zip(*(column(rng, 400, 1, 200) for _ in range(3)), column(rng, 400, 1, 9),
                                        column(rng, 400, 0, 1), column(rng, 400, 0, 1)):
        opcodes.append(Opcode.GEMM)
        fields.append({"opcode": 4, "m": m, "n": n, "k": k, "batch": batch, "precision": fp16,
                       "b_layout": int(Layout.KN if fp16 and kn else Layout.NK)})
    for op, rows, cols, fp16 in zip(column(rng, 200, 1, 5), column(rng, 200, 1, 99), column(rng, 200, 1, 300),
                                    column(rng, 200, 0, 1)):
        opcodes.append(Opcode.SFU)
        scaled = op in (SfuOp.LAYERNORM, SfuOp.QUANT, SfuOp.GELU)
        fields.append({"opcode": 5, "op": op, "rows": rows, "cols": cols, "out_fp16": fp16 if scaled else 0})
    for rows, units in zip(column(rng, 100, 1, 99), column(rng, 100, 1, 99)):
        opcodes.append(Opcode.LOAD if rows % 2 else Opcode.STORE)
        fields.append({"opcode": int(opcodes[-1]), "rows": rows, "row_units": units})
    busy, latency = cost.table(opcodes, fields, config)
    for cycles, opcode, f in zip(busy, opcodes, fields):
        if opcode == Opcode.GEMM:
            wanted = mpu.ideal_cycles(f, config)
        else:
            wanted = core.ideal_cycles(f, config)
        assert cycles == wanted, (Precision(f.get("precision", 0)), f)
    assert (latency > 0).all()
    moved = cost.moved(opcodes, fields)
    assert moved.sum() == sum(16 * f["rows"] * f["row_units"] for f in fields if "row_units" in f)
