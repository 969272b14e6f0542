"""`make check`: generated files are fresh, and every block stands in rtl/, models/, tb/ and docs/ under one name.

Prints one line per problem; exit status 1 when there is any.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]

# rtl folder -> model and page, where the name is another word: the model of arithmetic is about numbers, not gates;
# the model of the integrated core is core.py, its page the architecture.
MODEL = {"fp": "numerics", "top": "core"}
PAGE = {"fp": "numerics", "top": "architecture"}
NOT_BLOCKS = {"pkg", "include", "prim"}

GENERATORS = ("models.isa", "models.sfu_tables", "scripts.regs", "scripts.numbers", "scripts.coverage_plan")
MAX_LINES = 600
GENERATED = {"rtl/csr/fvgm_csr_regs.sv", "rtl/csr/fvgm_csr_regs_pkg.sv", "rtl/taskq/fvgm_taskq_regs.sv",
             "rtl/taskq/fvgm_taskq_regs_pkg.sv", "rtl/sfu/fvgm_sfu_rom_pkg.sv"}


def stale_files() -> list[str]:
    """Problems that the generators report with --check."""
    problems = []
    for module in GENERATORS:
        run = subprocess.run([sys.executable, "-m", module, "--check"], cwd=ROOT, capture_output=True, text=True)
        if run.returncode:
            problems += run.stdout.splitlines() or run.stderr.splitlines()[-1:]
    return problems


def broken_mirror() -> list[str]:
    """Blocks without their model, environment or page, and files named against the law."""
    problems = []
    for folder in sorted(p for p in (ROOT / "rtl").iterdir() if p.is_dir() and any(p.glob("*.sv"))):
        for module in folder.glob("*.sv"):
            if not module.stem.startswith("fvgm_"):
                problems.append(f"{module.relative_to(ROOT)}: a module's file is named fvgm_*")
        if folder.name in NOT_BLOCKS:
            continue
        wanted = (f"models/{MODEL.get(folder.name, folder.name)}.py", f"tb/{folder.name}/test_{folder.name}.py",
                  f"docs/{PAGE.get(folder.name, folder.name)}.md")
        problems += [f"rtl/{folder.name} has no {name}" for name in wanted if not (ROOT / name).exists()]
    return problems


def long_files() -> list[str]:
    """Handwritten sources that outgrew MAX_LINES."""
    tracked = subprocess.run(["git", "ls-files", "*.py", "*.sv", "*.svh", "*.cpp"], cwd=ROOT, capture_output=True,
                             text=True, check=True).stdout.split()
    return [f"{name}: more than {MAX_LINES} lines" for name in tracked if name not in GENERATED
            and (ROOT / name).exists() and len((ROOT / name).read_text().splitlines()) > MAX_LINES]


def main() -> int:
    """Run every check."""
    problems = stale_files() + broken_mirror() + long_files()
    for problem in problems:
        print(f"check: {problem}")
    if not problems:
        Console().print("check: generated files fresh, mirror whole")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
