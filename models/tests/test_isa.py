"""The encoder against the generated SystemVerilog text: field positions are read from the package as a simulator would."""

import re
from pathlib import Path

import numpy as np
import pytest

from models import isa

PACKAGE = (Path(__file__).resolve().parents[2] / "rtl/pkg/fvgm_isa_pkg.sv").read_text()
STRUCT = {isa.Opcode.LOAD: "transfer_t", isa.Opcode.STORE: "transfer_t", isa.Opcode.GEMM: "gemm_t", isa.Opcode.SFU: "sfu_t",
          isa.Opcode.SU: "su_t", isa.Opcode.RU: "ru_t"}


def sv_layout(name: str) -> dict[str, tuple[int, int]]:
    """(lsb, width) of each field of a packed struct: the last field declared is the least significant."""
    body = re.search(r"typedef struct packed \{([^}]*)\} " + name + ";", PACKAGE).group(1)
    layout, lsb = {}, 0
    for msb, field in reversed(re.findall(r"logic \[(\d+):0\] (\w+);", body)):
        layout[field] = (lsb, int(msb) + 1)
        lsb += int(msb) + 1
    return layout


@pytest.mark.parametrize("opcode", STRUCT, ids=lambda o: o.name)
def test_encoder_places_every_field_where_the_struct_has_it(opcode):
    random = np.random.default_rng(1)
    header, payload = sv_layout("header_t"), sv_layout(STRUCT[opcode])
    assert max(lsb + width for lsb, width in header.values()) == isa.HEADER_BITS
    assert max(lsb + width for lsb, width in payload.values()) == 8 * isa.INSTRUCTION_BYTES - isa.HEADER_BITS
    for _ in range(50):
        fields = {f.name: int(random.integers(0, 2**f.bits)) for f in isa.HEADER[1:] + isa.PAYLOAD[opcode]}
        value = int.from_bytes(isa.encode(opcode, **fields).tobytes(), "little")
        assert value & 0xFF == opcode
        for name, expected in fields.items():
            lsb, width = header[name] if name in header else payload[name]
            offset = 0 if name in header else isa.HEADER_BITS
            assert (value >> (offset + lsb)) & ((1 << width) - 1) == expected, name
        assert isa.decode(isa.encode(opcode, **fields)) == {"opcode": opcode, **fields}


def test_list_entry_and_widths():
    layout = sv_layout("list_entry_t")
    assert max(lsb + width for lsb, width in layout.values()) == 32
    assert {f.name: (f.lsb, f.bits) for f in isa.LIST_ENTRY} == {n: v for n, v in layout.items() if n != "reserved"}
    assert 1 << layout["row"][1] == isa.MAX_LIST_ROWS
    for name, struct in (("Transfer", "transfer_t"), ("Gemm", "gemm_t"), ("Sfu", "sfu_t"), ("Su", "su_t"), ("Ru", "ru_t")):
        assert f"localparam int unsigned {name}W = {sv_layout(struct)['reserved'][0]};" in PACKAGE


def test_entry_of_a_table():
    layout = sv_layout("task_t")
    assert max(lsb + width for lsb, width in layout.values()) == 8 * isa.INSTRUCTION_BYTES
    names = {f.name: "prio" if f.name == "priority" else f.name for f in isa.TASK}
    assert {names[f.name]: (f.lsb, f.bits) for f in isa.TASK} == {n: v for n, v in layout.items() if n != "reserved"}
    assert layout["cores"][1] == isa.MAX_CORES and f"localparam int unsigned MaxCores = {isa.MAX_CORES};" in PACKAGE


def test_enumerations_have_the_values_of_the_package():
    for enum, prefix in ((isa.Opcode, "Op"), (isa.Buffer, "Buf"), (isa.SfuOp, "Sfu"), (isa.RuOp, "Ru"), (isa.Cause, "Cause"), (isa.Unit, "Unit")):
        for member in enum:
            name = prefix + member.name.title().replace("_", "")
            assert re.search(rf"\b{name} = \d+'d{member.value}\b", PACKAGE), name


def test_arrays_encode_like_single_instructions():
    rows = np.arange(1, 200)
    many = isa.encode_many(isa.Opcode.LOAD, len(rows), rows=rows, hbm_addr=rows * 32 + 2**39, signal=5)
    for i, row in enumerate(rows):
        assert (many[i] == isa.encode(isa.Opcode.LOAD, rows=row, hbm_addr=int(row) * 32 + 2**39, signal=5)).all()


@pytest.mark.parametrize("fields, word", [({"rows": 1 << 16}, "rows"), ({"rows": -1}, "rows"), ({"colour": 1}, "colour")])
def test_a_bad_field_is_named(fields, word):
    with pytest.raises(isa.InstructionError, match=word):
        isa.encode(isa.Opcode.LOAD, **fields)


def test_cleared_memory_is_no_instruction():
    assert isa.decode(bytes(isa.INSTRUCTION_BYTES))["opcode"] not in set(isa.Opcode)
