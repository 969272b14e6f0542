"""`make implement`: run fpga/v80/implement.tcl with the sources and the `v80` parameters of configs.yaml."""

from __future__ import annotations

import subprocess
import sys

from models import config
from tb.common.runner import BUILD, ROOT, packages

CLOCK_PERIOD_NS = 3.333


def settings() -> str:
    """Tcl that fpga/v80/implement.tcl sources."""
    listed = packages()
    modules = sorted(p for p in (ROOT / "rtl").glob("*/*.sv") if p not in listed)
    machine = config.load("v80")
    generics = {"Cores": machine.cores, **machine.rtl_parameters()}
    out = BUILD / "vivado"
    return "\n".join([
        "set Sources {" + " ".join(str(p) for p in listed + modules) + "}",
        f"set IncludeDir {ROOT / 'rtl/include'}",
        "set Generics {" + " ".join(f"{k}={v}" for k, v in generics.items()) + "}",
        f"set OutDir {out}",
        f"set ClockPeriod {CLOCK_PERIOD_NS}",
    ]) + "\n"


def main() -> int:
    """Write the settings and call Vivado."""
    out = BUILD / "vivado"
    out.mkdir(parents=True, exist_ok=True)
    (out / "files.tcl").write_text(settings())
    return subprocess.run(["vivado", "-mode", "batch", "-source", str(ROOT / "fpga/v80/implement.tcl"),
                           "-tclargs", str(out / "files.tcl")], cwd=out).returncode


if __name__ == "__main__":
    sys.exit(main())
