"""Compiler launcher of Verilator's makefiles (OBJCACHE): compiles Verilator's own library once per set of flags, not once per top.

    objcache.py FOLDER c++ ... -c -o name.o source.cpp

An object of the library is taken from FOLDER when the same command made it before, in whatever folder; everything else is compiled as
it stands.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


def main(folder: Path, command: list[str]) -> int:
    """Run the command, or copy its object; the compiler's exit status."""
    source, root = Path(command[-1]), os.environ.get("VERILATOR_ROOT", "")
    if not root or source.parent != Path(root) / "include" or "-o" not in command:
        return subprocess.call(command)
    target = Path(command[command.index("-o") + 1])
    kept = folder / f"{hashlib.sha256(chr(0).join(command).encode()).hexdigest()[:24]}.o"
    if kept.exists():
        shutil.copy(kept, target)
        return 0
    status = subprocess.call(command)
    if status == 0:
        folder.mkdir(parents=True, exist_ok=True)
        whole = kept.with_suffix(f".{os.getpid()}")  # a build beside this one sees the whole object or none
        shutil.copy(target, whole)
        whole.replace(kept)
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
