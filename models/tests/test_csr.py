"""Register model against the elaborated SystemRDL itself, walked with the compiler's own properties."""

from __future__ import annotations

import subprocess
import sys

from systemrdl.node import RegNode

from host.regmap import REGISTERS
from models.csr import OKAY, SLVERR, CsrModel, strobe_mask
from scripts.regs import ROOT, compile_rdl


def nodes() -> dict[int, object]:
    """Every register of the RDL by its byte offset."""
    return {n.absolute_address: n for n in compile_rdl().descendants(unroll=True) if isinstance(n, RegNode)}


def test_map_is_the_rdl() -> None:
    rdl = nodes()
    assert {r.offset for r in REGISTERS.values()} == set(rdl)
    for register in REGISTERS.values():
        fields = {f.inst_name: (f.low, f.width) for f in rdl[register.offset].fields()}
        assert fields == {name: (f.low, f.width) for name, f in register.fields.items()}


def test_access_and_reset() -> None:
    for offset, node in nodes().items():
        model = CsrModel()
        response, before = model.read(offset)
        assert (response == OKAY) == node.has_sw_readable
        if response == OKAY:
            expected = sum((f.get_property("reset") or 0) << f.low for f in node.fields())
            assert before == expected
        writable = sum(((1 << f.width) - 1) << f.low for f in node.fields() if f.is_sw_writable)
        response, pulses = model.write(offset, 0xFFFFFFFF)
        assert (response == OKAY) == bool(writable)
        assert bool(pulses) == any(f.get_property("singlepulse") for f in node.fields())
        if node.has_sw_readable and writable and not any(f.get_property("onwrite") for f in node.fields()):
            assert model.read(offset)[1] == writable


def test_holes_answer_an_error() -> None:
    model, known = CsrModel(), set(nodes())
    for offset in range(0, 4096, 4):
        if offset not in known:
            assert model.read(offset)[0] == SLVERR and model.write(offset, 0)[0] == SLVERR


def test_strobes_interrupts_pulses() -> None:
    model = CsrModel()
    model.write(0x68, 0x11223344, 0b0101)
    assert model.read(0x68)[1] == 0x00220044 and strobe_mask(0b1000) == 0xFF000000
    model.interrupt(done=True, error=True)
    assert not model.irq
    model.write(0x4C, 2)
    assert model.irq
    model.write(0x48, 2)
    assert not model.irq and model.read(0x48)[1] == 1
    assert model.write(0x40, 3)[1] == {"control.start": 1, "control.soft_reset": 1}
    assert model.write(0x40, 3, 0b1110)[1] == {}


def test_generated_files_are_current() -> None:
    assert subprocess.run([sys.executable, "-m", "scripts.regs", "--check"], cwd=ROOT, check=False).returncode == 0
