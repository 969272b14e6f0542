"""What lint and synthesis need to know about the files of rtl/: modules, their parameters, which text is generated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from models import config

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ("tiny", "sim", "v80")

# Written by PeakRDL or by a table generator: checked for freshness by scripts.check, not for style.
GENERATED = ("fvgm_csr_regs.sv", "fvgm_csr_regs_pkg.sv", "fvgm_taskq_regs.sv", "fvgm_taskq_regs_pkg.sv", "fvgm_sfu_rom_pkg.sv",
             "fvgm_isa_pkg.sv")

_NOISE = re.compile(r"//[^\n]*|^\s*import\s[^;]*;", re.MULTILINE)
_HEADER = re.compile(r"^\s*module\s+(\w+)(.*?);", re.MULTILINE | re.DOTALL)
_PARAMETER = re.compile(r"\bparameter\s+[\w:]+(?:\s+unsigned|\s+signed)?\s*(?:\[[^\]]*\]\s*)?(\w+)\s*=")


@dataclass(frozen=True)
class Module:
    """A module of rtl/ and the parameters that its header declares."""

    name: str
    file: Path
    parameters: tuple[str, ...]

    def settings(self) -> list[tuple[str, dict[str, int]]]:
        """(label, parameters): the defaults, then what each configuration gives it, equal ones once."""
        labels: dict[tuple[tuple[str, int], ...], list[str]] = {(): ["default"]}
        for name in CONFIGS:
            values = config.load(name).rtl_parameters()
            key = tuple((p, values[p]) for p in self.parameters if p in values)
            labels.setdefault(key, []).append(name)
        return [(" = ".join(names), dict(key)) for key, names in labels.items()]


def modules() -> list[Module]:
    """Every module of rtl/, packages left out, in order of folder and name."""
    found = []
    for file in sorted((ROOT / "rtl").glob("*/*.sv")):
        if file.name.endswith("_pkg.sv"):
            continue
        header = _HEADER.search(_NOISE.sub("", file.read_text()))
        if header is None:
            raise SystemExit(f"{file.relative_to(ROOT)}: no module in it")
        found.append(Module(header[1], file, tuple(_PARAMETER.findall(header[2]))))
    return found


def handwritten() -> list[Path]:
    """Every handwritten SystemVerilog file of rtl/ and tb/."""
    files = [f for folder in ("rtl", "tb") for pattern in ("*/*.sv", "*/*.svh") for f in (ROOT / folder).glob(pattern)]
    return sorted(f for f in files if f.name not in GENERATED)
