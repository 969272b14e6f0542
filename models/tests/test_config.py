"""Named configurations: every one loads, hangs together, and a bad one is named."""

import pytest

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
    machine = config.load("v80")
    assert machine.cores * machine.dsp58 <= 0.95 * 10_848
    uram_bytes = machine.cores * 16 * (machine.abuf + machine.bbuf + machine.vbuf)
    assert uram_bytes <= 1_925 * 36 * 1024


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(config.ConfigError, match="huge.*tiny, sim, v80"):
        config.load("huge")


@pytest.mark.parametrize("field, value", [("vbuf", 0), ("chain_rows", 33), ("abuf", "many")])
def test_an_unusable_number_is_named(field, value):
    good = config.load("tiny")
    with pytest.raises(config.ConfigError, match=field):
        config.Config(**{**good.__dict__, field: value})
