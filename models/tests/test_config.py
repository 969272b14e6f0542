"""Named configurations: every one loads, hangs together, and a bad one is named."""

from dataclasses import replace

import pytest

from bench import sizing
from models import config


@pytest.mark.parametrize("name", ["tiny", "sim", "v80"])
def test_ports_of_a_configuration_hang_together(name):
    machine = config.load(name)
    assert machine.int8_macs == 8 * machine.int8_rows * machine.tile_cols
    assert machine.fp16_macs == 8 * machine.fp16_rows * machine.tile_cols
    # a step reads the units of all rows and of all columns
    assert machine.int8_rows <= machine.abuf_port
    assert machine.tile_cols <= machine.bbuf_port
    assert machine.vbuf_port * 4 >= machine.tile_cols


def test_v80_fits_the_card():
    """DSP58, LUT sites and buffers, priced by bench/sizing.py."""
    used = sizing.resources(config.load("v80"))
    assert all(0 < used[k] <= sizing.LIMIT[k] * sizing.CARD[k] for k in sizing.LIMIT)


def test_buffers_are_priced_by_the_shape_of_the_memories():
    """vbuf and bbuf in URAM by whole 4096 words of a bank, abuf of 64 banks in BRAM; a deeper abuf in URAM."""
    machine = config.load("v80")
    assert sizing.resources(machine)["uram"] == machine.cores * (128 + 64)
    deeper = replace(machine, abuf=4 * machine.abuf)
    assert sizing.resources(deeper)["uram"] == machine.cores * (128 + 64 + 128)
    assert sizing.resources(machine)["bram"] - sizing.resources(deeper)["bram"] == machine.cores * 256


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(config.ConfigError, match="huge.*tiny, sim, v80"):
        config.load("huge")


@pytest.mark.parametrize("field, value", [("vbuf", 0), ("cores", config.MAX_CORES + 1), ("chain_rows", 33), ("abuf", "many")])
def test_an_unusable_number_is_named(field, value):
    good = config.load("tiny")
    with pytest.raises(config.ConfigError, match=field):
        config.Config(**{**good.__dict__, field: value})
