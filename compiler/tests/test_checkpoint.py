"""Checkpoints: every defect gives a CompileError of one line that names it; good ones give the stored values.

Method: a small random checkpoint is written to disk with one defect at a time; the command line is run on some of
them as well.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compiler.checkpoint import WEIGHTS_FILE, RandomCheckpoint, SafetensorsCheckpoint, expected_shapes
from compiler.errors import CompileError
from compiler.model import compile_blocks, pair
from compiler.tests import small
from models import config as configs
from workloads import latte

D = small.dims()
NAME = "transformer_blocks.0.attn1.to_q.weight"


def test_values_and_shapes_agree_with_the_oracle(tmp_path: Path) -> None:
    folder = small.write_checkpoint(tmp_path, D)
    checkpoint, model = SafetensorsCheckpoint(folder), latte.load(folder)
    assert expected_shapes(D) == latte.expected_shapes(model.config)
    assert checkpoint.dims == D
    for name, value in model.weights.items():
        assert np.array_equal(checkpoint.get(name), value) and checkpoint.get(name).dtype == np.float32


def test_random_checkpoint_repeats_itself() -> None:
    one, two = RandomCheckpoint(D), RandomCheckpoint(D)
    assert all(np.array_equal(one.get(n), two.get(n)) and one.get(n).shape == s for n, s in expected_shapes(D).items())


@pytest.mark.parametrize(("tensors", "message"), [
    ({NAME: None}, f"tensor {NAME} is missing"),
    ({NAME: np.zeros((48, 48), np.int8)}, f"tensor {NAME} has dtype I8"),
    ({NAME: np.zeros((48, 48), np.float64)}, f"tensor {NAME} has dtype F64"),
    ({"transformer_blocks.0.attn1.to_q.centre": np.zeros(48, np.float32)}, "tensor transformer_blocks.0.attn1.to_q.centre is not supported"),
    ({"transformer_blocks.0.ff.net.2.centre": np.zeros(48, np.float32)}, "tensor transformer_blocks.0.ff.net.2.centre has shape (48,)"),
    ({"transformer_blocks.0.ff.net.2.smooth": np.ones(192, np.float32)}, "tensor transformer_blocks.0.ff.net.2.smooth is not supported"),
    ({"transformer_blocks.0.attn1.to_q.smooth": np.zeros(48, np.float32)}, "tensor transformer_blocks.0.attn1.to_q.smooth divides inputs"),
    ({NAME: np.zeros((48, 47), np.float16)}, f"tensor {NAME} has shape (48, 47)"),
    ({NAME: np.full((48, 48), np.nan, np.float16)}, f"tensor {NAME} holds NaN or infinity"),
    ({NAME: np.full((48, 48), np.inf, np.float32)}, f"tensor {NAME} holds NaN or infinity"),
    ({"scale_shift_table": np.full((2, 48), np.nan, np.float32)}, "tensor scale_shift_table holds NaN or infinity"),
], ids=["missing", "int8", "float64", "centre-unknown", "centre-shape", "smooth-unknown", "smooth-zero", "shape", "nan", "inf", "nan-on-the-host"])
def test_defective_tensor(tmp_path: Path, tensors: dict[str, np.ndarray | None], message: str) -> None:
    folder = small.write_checkpoint(tmp_path, D, tensors)
    with pytest.raises(CompileError) as error:
        checkpoint = SafetensorsCheckpoint(folder)
        compile_blocks(checkpoint, configs.load("tiny"), 5)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("change", "message"), [
    ({"norm_type": "layer_norm"}, "norm_type = 'layer_norm' is not supported"),
    ({"activation_fn": "geglu"}, "activation_fn = 'geglu' is not supported"),
    ({"attention_bias": False}, "attention_bias = False is not supported"),
    ({"norm_elementwise_affine": True}, "norm_elementwise_affine = True is not supported"),
    ({"cross_attention_dim": 47}, "cross_attention_dim = 47 is not supported"),
    ({"num_layers": 0}, "num_layers = 0"),
    ({"video_length": "16"}, "video_length = '16'"),
    ({"sample_size": 7}, "sample_size = 7 is not a multiple"),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
def test_unsupported_configuration(tmp_path: Path, change: dict[str, object], message: str) -> None:
    folder = small.write_checkpoint(tmp_path, D, None, **change)
    with pytest.raises(CompileError, match=message.replace("(", r"\(")):
        SafetensorsCheckpoint(folder)


def test_broken_files(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="config.json: cannot be read"):
        SafetensorsCheckpoint(tmp_path / "nowhere")
    folder = small.write_checkpoint(tmp_path, D)
    weights = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(weights[:-100])
    with pytest.raises(CompileError, match="is truncated"):
        SafetensorsCheckpoint(folder)
    (folder / WEIGHTS_FILE).write_bytes(b"not a checkpoint")
    with pytest.raises(CompileError, match="not a safetensors file"):
        SafetensorsCheckpoint(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(CompileError, match="not JSON"):
        SafetensorsCheckpoint(folder)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "compiler", *arguments], capture_output=True, text=True, check=False)


def test_command_line(tmp_path: Path) -> None:
    folder = small.write_checkpoint(tmp_path / "good", D)
    out = tmp_path / "out"
    done = command(str(folder), "--config", "tiny", "--captions", "5", "--out", str(out), "--report", str(out / "report.json"))
    assert done.returncode == 0, done.stderr
    memory_map = json.loads((out / "map.json").read_text())
    summary = json.loads((out / "report.json").read_text())
    assert summary == memory_map["summary"] and summary["instructions"] == memory_map["instructions"]
    assert sum(summary["unit_instructions"].values()) == summary["instructions"] - sum(summary["tasks"].values())
    assert memory_map["entries"] == 1 + sum(summary["tasks"].values()) and summary["cores"] == 2
    assert summary["peak_cycles"] <= summary["unit_cycles"]["mpu"] <= summary["cores"] * summary["ideal_cycles"]
    assert (out / "program.bin").stat().st_size == 64 * memory_map["instructions"]
    compiled = compile_blocks(SafetensorsCheckpoint(folder), configs.load("tiny"), 5, base=memory_map["base"])
    image = compiled.memory()
    weights = (out / "weights.bin").read_bytes()
    first = compiled.parts[0][0] - compiled.hbm.base
    assert weights == image[first:first + len(weights)].tobytes() and len(weights) == compiled.weight_bytes
    assert (out / "program.bin").read_bytes() == compiled.assembled.code.tobytes()
    start = memory_map["table"] - compiled.hbm.base
    assert (out / "table.bin").read_bytes() == image[start:start + 64 * memory_map["entries"]].tobytes()


def test_command_line_error_is_one_line(tmp_path: Path) -> None:
    folder = small.write_checkpoint(tmp_path, D, {NAME: None})
    done = command(str(folder), "--config", "tiny")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and NAME in done.stderr


def test_blocks_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="block spatial 3 does not exist"):
        compile_blocks(RandomCheckpoint(D), configs.load("tiny"), 5, pair(3))
    with pytest.raises(CompileError, match="at least one caption"):
        compile_blocks(RandomCheckpoint(D), configs.load("tiny"), 0, pair(0))
