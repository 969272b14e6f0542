"""rtl/prim against models/dsp58.py.

Method: the primitive in eight configurations (all registers, none, mixtures; pre-adder on A, on B, squared; cascade
inputs; multiplier only, adder only), every legal OPMODE with every ALUMODE, random INMODE, NEGATE and carry, operands
bent towards the corners of their ports; first streaming, then with every clock enable and every reset drawn by itself.
Checks: every bit of P, PCOUT, ACOUT and BCOUT in every cycle, so also every latency; coverage goals. Each illegal
selection fails its assertion, each illegal parameter stops elaboration by name. The branches with the vendor's
primitives are elaborated against declarations of their ports (fvgm_dspfp32 calculates in tb/fp). It does not prove:
that AMD's silicon does what its manual says.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.lint import verilate
from scripts.rtl_sources import ROOT, Module
from tb.common.runner import Results, library_arguments, packages, simulate, verilator_environment
from tb.prim.stimulus import CONFIGS

HERE = Path(__file__).resolve().parent
WRAPPER = ROOT / "rtl/prim/fvgm_dsp58.sv"


def run(config: str, check: bool = True, **variables: int | str) -> Results:
    """Simulate one configuration; all share one build."""
    env = {"FVGM_PRIM_CONFIG": config} | {f"FVGM_PRIM_{k.upper()}": str(v) for k, v in variables.items()}
    return simulate("fvgm_prim_tb", "tb.prim.cocotb_prim", name="prim", sources=[HERE / "fvgm_prim_tb.sv"], env=env,
                    check=check, public_file=HERE / "public.vlt")


@pytest.mark.parametrize("config", CONFIGS)
def test_configuration(config: str) -> None:
    """Model and RTL agree on every bit, and the coverage goals are met."""
    run(config)


def test_flipped_bit_is_found() -> None:
    """One inverted bit of PCOUT in one cycle makes the scoreboard fail."""
    result = run("full", check=False, flip=1000)
    assert result.failed == 1 and "1 errors, first: cycle 1000: pcout = " in result.log.read_text()


def test_missed_coverage_is_found() -> None:
    """Too few cycles make the coverage fail."""
    result = run("product", check=False, count=20)
    assert result.failed == 1 and "coverage goals missed" in result.log.read_text()


# Assertion, and a configuration in which it can fail.
ILLEGAL = {"ProductInXAndY": "full", "ProductNeedsUseMult": "adder", "ConcatNeedsUseMult": "product",
           "ZIsLegal": "full", "FeedbackNeedsPReg": "wires", "AlumodeIsArithmetic": "full",
           "FirstRegisterOfA": "mixed", "FirstRegisterOfB": "wires"}


@pytest.mark.parametrize("assertion", ILLEGAL)
def test_illegal_selection_is_found(assertion: str) -> None:
    """Using an illegal selection ends the simulation with the assertion's name."""
    result = run(ILLEGAL[assertion], check=False, illegal=assertion)
    assert result.failed and f".u_twin.{assertion}: assertion failed" in result.log.read_text()


# Illegal values, and the parameter that the message names.
PARAMETERS = [
    ({"AReg": 3, "ACascReg": 3}, "AReg"), ({"BReg": 3, "BCascReg": 3}, "BReg"), ({"CReg": 2}, "CReg"),
    ({"DReg": 2}, "DReg"), ({"AdReg": 2}, "AdReg"), ({"MReg": 2}, "MReg"), ({"UseMult": '"NONE"'}, "MReg"),
    ({"PReg": 2}, "PReg"), ({"InmodeReg": 2}, "InmodeReg"), ({"OpmodeReg": 2}, "OpmodeReg"),
    ({"AlumodeReg": 2}, "AlumodeReg"), ({"CarryReg": 2}, "CarryReg"), ({"ACascReg": 0}, "ACascReg"),
    ({"AReg": 2, "ACascReg": 0}, "ACascReg"), ({"BReg": 0, "BCascReg": 1}, "BCascReg"),
    ({"AMultSel": '"B"'}, "AMultSel"), ({"BMultSel": '"A"'}, "BMultSel"), ({"PreaddSel": '"D"'}, "PreaddSel"),
    ({"UseMult": '"OFF"'}, "UseMult"),
]


@pytest.mark.parametrize(("parameters", "named"), PARAMETERS, ids=["_".join(p) for p, _ in PARAMETERS])
def test_illegal_parameter_is_named(parameters: dict[str, int], named: str) -> None:
    """An illegal parameter stops elaboration with one message, which names it."""
    problems = verilate(Module("fvgm_dsp58", WRAPPER, ()), parameters)
    errors = [problem for problem in problems if "fvgm_dsp58: " in problem]
    assert len(errors) == 1 and f"fvgm_dsp58: {named} must be" in errors[0]


@pytest.mark.parametrize(("module", "parameters"), [("fvgm_dsp58", ()), ("fvgm_dspfp32", ("-GAdd=0",)),
                                                    ("fvgm_dspfp32", ("-GAdd=1",))])
def test_vendor_branch_elaborates(module: str, parameters: tuple[str, ...]) -> None:
    """With FVGM_VENDOR_PRIMITIVES every port and attribute of the instance exists, and every port has its width."""
    command = ["verilator", "--lint-only", "-Wall", "-Wno-UNUSED", "-Wno-UNDRIVEN", "-Wno-PINCONNECTEMPTY",
               "-DFVGM_VENDOR_PRIMITIVES", "-y", str(HERE), *library_arguments(), *map(str, packages()),
               str(WRAPPER.with_stem(module)), "--top-module", module, *parameters]
    result = subprocess.run(command, env=verilator_environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
