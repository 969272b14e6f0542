"""What `make bitstream` hands to Vivado, as far as it can be judged without Vivado: the wrapper elaborates in Verilator
with all of its ports, the files exist, what the host lacks is told in one line. The Tcl itself is not run.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from models import config
from scripts import vivado
from tb.common.runner import library_arguments, packages, verilator_environment


@pytest.mark.parametrize("cores", [1, 16])
def test_wrapper_elaborates(cores: int, tmp_path: Path) -> None:
    """No width and no port of fvgm_top is missed."""
    file = tmp_path / "fvgm_v80.v"
    file.write_text(vivado.wrapper(replace(config.load("tiny"), cores=cores)))
    run = subprocess.run(["verilator", "--lint-only", "-Wall", "--timing", *library_arguments(),
                          str(vivado.ROOT / "rtl/verilator.vlt"), *map(str, packages()), str(file), "--top-module", "fvgm_v80"],
                         env=os.environ | verilator_environment(), capture_output=True, text=True)
    assert run.returncode == 0 and "fvgm_v80.v" not in run.stderr, run.stderr
    assert len(re.findall(r"m_axi_hbm1_\d+_araddr,?$", file.read_text(), re.MULTILINE)) == cores


def test_vendor_primitives_elaborate(tmp_path: Path) -> None:
    """Both ways of the Tcl define what takes the device's primitives, and all wrappers fit their declarations."""
    tcl = (vivado.ROOT / "fpga/v80/build.tcl").read_text()
    assert "set Define FVGM_VENDOR_PRIMITIVES" in tcl
    assert "-verilog_define $Define" in tcl and "set_property verilog_define [concat $defines [list $Define]] $files" in tcl
    file = tmp_path / "fvgm_v80.v"
    file.write_text(vivado.wrapper(replace(config.load("tiny"), cores=1)))
    run = subprocess.run(["verilator", "--lint-only", "-Wall", "-Wno-UNUSED", "-Wno-UNDRIVEN", "-Wno-PINCONNECTEMPTY",
                          "--timing", "-DFVGM_VENDOR_PRIMITIVES",
                          "-y", str(vivado.ROOT / "tb/prim"), *library_arguments(), str(vivado.ROOT / "rtl/verilator.vlt"),
                          *map(str, packages()), str(file), "--top-module", "fvgm_v80"],
                         env=os.environ | verilator_environment(), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_settings_name_files_that_exist() -> None:
    values = dict(line.removeprefix("set ").split(" ", 1) for line in vivado.settings("", 2).splitlines())
    sources = values["Sources"].strip("{}").split()
    assert len(sources) > 40 and all(Path(s).exists() for s in sources if not s.endswith("fvgm_v80.v"))
    assert values["ShellProject"] == "{}" and Path(values["IncludeDir"]).is_dir()
    assert "[get_ports clk_i]" in vivado.clocks()


def test_what_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("sys.argv", ["vivado"])
    monkeypatch.setenv("PATH", "")
    assert vivado.main() == 2
    monkeypatch.setenv("SHELL_PROJECT", "no.xpr")
    assert vivado.main() == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "'vivado' is not on PATH" in first and "SHELL_PROJECT no.xpr: no such file" in second
