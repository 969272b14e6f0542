"""The operators of rtl/fp: index in fvgm_fp_tb, latency of the contract, model, and what coverage asks of each.

A model takes operand words uint32[n, 4] (tb/fp/stimulus.py) and gives the result bits as uint32[n].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models import numerics

Words = np.ndarray

ROUNDINGS = ("exact", "down", "tie_down", "tie_up", "up", "carry")
F32_CLASSES = tuple(s + c for c in ("zero", "subnormal", "normal", "inf") for s in "+-") + ("nan",)
FLAGS = tuple(range(8))
LEADING = tuple(range(95))  # bit 95 of the magnitude would be -2^95, which no sum reaches


def _f32(words: Words, column: int) -> np.ndarray:
    return np.ascontiguousarray(words[:, column]).view(np.float32)


def _i32(words: Words) -> np.ndarray:
    return np.ascontiguousarray(words[:, 0]).view(np.int32)


def _u32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(np.uint32)


def acc_limbs(words: Words) -> tuple[np.ndarray, np.ndarray]:
    """Accumulator words as the (hi, lo) of numerics.acc_to_f32."""
    low, mid = words[:, 0].astype(np.int64), words[:, 1].astype(np.int64)
    high = words[:, 2].astype(np.int32).astype(np.int64)
    return (high << 16) | (mid >> 16), ((mid & 0xFFFF) << 32) | low


def _acc(words: Words) -> np.ndarray:
    flag = words[:, 3]
    return _u32(numerics.acc_to_f32(*acc_limbs(words), (flag & 4) != 0, (flag & 2) != 0, (flag & 1) != 0))


def _f16(words: Words) -> np.ndarray:
    return words[:, 0].astype(np.uint16).view(np.float16)


@dataclass(frozen=True)
class Operator:
    """One operator. `bits` is the width of the result; `f16_result` says how to read it."""

    index: int
    latency: int
    bits: int
    model: Callable[[Words], np.ndarray]
    operand_classes: int  # operands that are FP numbers: 2, 1 or 0
    roundings: tuple[str, ...]
    results: tuple[str, ...]


_FLOAT = tuple(c for c in F32_CLASSES if "subnormal" not in c)

OPERATORS: dict[str, Operator] = {
    "fp32_mul": Operator(0, 3, 32, lambda w: _u32(numerics.f32_mul(_f32(w, 0), _f32(w, 1))), 2,
                         (*ROUNDINGS, "overflow", "flushed", "rounded_to_normal", "special"), _FLOAT),
    "fp32_add": Operator(1, 4, 32, lambda w: _u32(numerics.f32_add(_f32(w, 0), _f32(w, 1))), 2,
                         (*ROUNDINGS, "overflow", "flushed", "special"), _FLOAT),
    "fp32_to_fp16": Operator(2, 2, 16, lambda w: numerics.f32_to_f16(_f32(w, 0)).view(np.uint16).astype(np.uint32), 1,
                             (*ROUNDINGS, "overflow", "special"), F32_CLASSES),
    "fp32_to_i8": Operator(3, 2, 8, lambda w: numerics.f32_to_i8(_f32(w, 0)).view(np.uint8).astype(np.uint32), 1,
                           (*ROUNDINGS[:5], "overflow", "special"), ("+zero", "+normal", "-normal")),
    "i32_to_fp32": Operator(4, 2, 32, lambda w: _u32(numerics.i32_to_f32(_i32(w))), 0, ROUNDINGS,
                            ("+zero", "+normal", "-normal")),
    "acc_to_fp32": Operator(5, 4, 32, _acc, 0, (*ROUNDINGS, "special"),
                            ("+zero", "+normal", "-normal", "+inf", "-inf", "nan")),
    "fp16_to_fp32": Operator(6, 1, 32, lambda w: _u32(numerics.f16_to_f32(_f16(w))), 1, ("exact", "special"), _FLOAT),
}


def classes(bits: np.ndarray, width: int) -> np.ndarray:
    """Class names (F32_CLASSES) of FP32 or FP16 patterns; INT8 and their like count as normal or zero."""
    if width == 8:
        return np.where(bits == 0, "+zero", np.where(bits >> 7, "-normal", "+normal"))
    man_bits = 23 if width == 32 else 10
    sign = (bits >> (width - 1)) & 1
    man = bits & ((1 << man_bits) - 1)
    exp = (bits >> man_bits) & ((1 << (width - 1 - man_bits)) - 1)
    top = (1 << (width - 1 - man_bits)) - 1
    tests = [(exp == 0) & (man == 0), exp == 0, exp < top, man == 0]
    kind = np.select(tests, ["zero", "subnormal", "normal", "inf"], "nan")
    return np.where(kind == "nan", "nan", np.char.add(np.where(sign == 1, "-", "+"), kind))


def _exact(name: str, words: Words) -> tuple[np.ndarray, np.ndarray]:
    """The exact result as an unevaluated sum of two float64; NaN where it is no number."""
    a, b = _f32(words, 0).astype(np.float64), _f32(words, 1).astype(np.float64)
    zero = np.zeros(len(words))
    if name in ("fp32_mul", "fp32_add"):
        a, b = (np.where(np.abs(x) < 2.0**-126, 0.0, x) for x in (a, b))
        if name == "fp32_mul":
            return a * b, zero
        a, b = np.where(np.abs(a) >= np.abs(b), a, b), np.where(np.abs(a) >= np.abs(b), b, a)
        return np.where(np.isfinite(b), a, np.nan), b
    if name == "i32_to_fp32":
        return _i32(words).astype(np.float64), zero
    if name == "acc_to_fp32":
        hi, lo = acc_limbs(words)
        return np.where(words[:, 3] == 0, hi.astype(np.float64), np.nan), lo * 2.0**-48
    if name == "fp16_to_fp32":
        return _f16(words).astype(np.float64), zero
    return a, zero


def roundings(name: str, words: Words, result: np.ndarray) -> np.ndarray:
    """How each result was rounded: ROUNDINGS, overflow (or saturation), flushed, rounded_to_normal (up to 2^-126), special."""
    with np.errstate(all="ignore"):
        high, low = _exact(name, words)
        bits = OPERATORS[name].bits
        if bits == 32:
            value = result.view(np.float32)
        elif bits == 16:
            value = result.astype(np.uint16).view(np.float16)
        else:
            value = result.astype(np.uint8).view(np.int8).astype(np.float32)
        sign = np.where(high + low < 0, -1.0, 1.0)
        high, low, value = high * sign, low * sign, np.abs(value)
        above = (high - value.astype(np.float64)) + low < 0  # rounded away from zero
        if bits == 8:
            lower = value.astype(np.float64) - above
            half = np.full(len(words), 0.5)
        else:
            floor = np.where(above, np.nextafter(value, value.dtype.type(0)), value)
            step = np.nextafter(floor, value.dtype.type(np.inf)).astype(np.float64)
            # The largest finite number has its own step above it.
            below = np.nextafter(floor, value.dtype.type(0)).astype(np.float64)
            step = np.where(np.isinf(step), floor + (floor - below), step)
            lower, half = floor.astype(np.float64), (step - floor.astype(np.float64)) / 2
        rest = (high - lower) + low
        against_half = (high - lower - half) + low
        power_of_two = (np.frexp(value.astype(np.float64))[0] == 0.5) & (value >= 1 if bits == 8 else True)
        rounded = np.select(
            [rest == 0, against_half < 0, (against_half == 0) & ~above, above & power_of_two, against_half == 0],
            ["exact", "down", "tie_down", "carry", "tie_up"], "up")
        if bits == 8:
            rounded = np.where(rounded == "carry", np.where(against_half == 0, "tie_up", "up"), rounded)
            overflow = high > 127.5
        else:
            overflow = np.isinf(value)
        total = high + low
        flushed = (value == 0) & (total > 0) & (total < 2.0**-126) & (bits == 32)
        to_normal = (value > 0) & (total < 2.0**-126) & (bits == 32)
        special = ~np.isfinite(high) | ~np.isfinite(low)
        names = ["special", "overflow", "rounded_to_normal", "flushed"]
        return np.select([special, overflow, to_normal, flushed], names, rounded)
