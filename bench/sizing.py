"""Sizes of the machine for the Alveo V80: cycles by the compiler's schedule beside what the card has.

    python -m bench.sizing

Each candidate compiles one layer of Latte-1 (a spatial and a temporal block; layers repeat) with its own buffers, and is priced from
bench/results/synth.json: LUT sites per block, scaled by the chain rows as measured; DSP58 exactly; buffers by the shape of URAM
(4096 x 72) and BRAM (512 x 72). The second part changes one property of `v80` at a time in the estimate, to see what limits it.
Result: bench/results/sizing.json.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.table import Table

from compiler import cost
from compiler.checkpoint import LATTE_1, RandomCheckpoint
from compiler.model import compile_blocks, pair
from models import config as configs
from models.config import Config
from models.isa import Opcode, Unit

RESULTS = Path(__file__).resolve().parent / "results"
CARD = {"lut": 2_574_000, "dsp58": 10_848, "uram": 1_925, "bram": 3_741}
# Shares up to which a candidate counts as feasible. yosys counts LUT1 to LUT6 and merges no two of them in a site.
LIMIT = {"lut": 0.85, "dsp58": 0.95, "uram": 1.0, "bram": 0.95}
LAYER, CAPTIONS, CLOCK = 5, 120, 300e6
K = 1024
# cores, chain rows, contexts, abuf, bbuf, vbuf in units of 1024
CANDIDATES = (
    (3, 16, 4, 256, 512, 512), (6, 16, 2, 128, 256, 256), (8, 16, 2, 64, 128, 256), (7, 12, 2, 64, 128, 256), (8, 12, 2, 64, 128, 256),
    (9, 12, 2, 64, 128, 256), (10, 12, 2, 64, 128, 256), (10, 12, 2, 64, 64, 256), (10, 13, 2, 64, 128, 256), (10, 11, 2, 64, 128, 256),
    (10, 8, 2, 64, 128, 256), (11, 12, 2, 64, 64, 256),
)


def resources(machine: Config) -> dict[str, int]:
    """LUT sites, DSP58, URAM and BRAM36 of a machine: its cores, and the task queue as it is for ten of them."""
    blocks = json.loads((RESULTS / "synth.json").read_text())["blocks"]

    def sites(name: str) -> int:
        return blocks[name]["lut"] + blocks[name]["lutram"]

    rows = machine.chain_rows

    def along(small: str, few: int, large: str, many: int) -> int:
        """Of a block that grows with the chain rows, from two sizes."""
        return round(sites(small) + (sites(large) - sites(small)) * (rows - few) / (many - few))

    array = (8 * rows * sites("fvgm_dspe_chain") + 2 * rows * sites("fvgm_dspe_align.row") + 8 * sites("fvgm_dspe_align.column"))
    multiplexer = round((sites("fvgm_mpu_array.v80") - sites("fvgm_dspe_array.v80")) * rows / 31)
    feed = along("fvgm_mpu_feed", 2, "fvgm_mpu_feed.v80", 13)
    abuf = sites("fvgm_abuf.8") if rows <= 8 else along("fvgm_abuf.v80", 13, "fvgm_abuf.16", 16)  # 32 banks, or 64
    others = sum(sites(n) for n in (
        "fvgm_mpu_drain", "fvgm_sfu", "fvgm_su", "fvgm_ru", "fvgm_mbuf", "fvgm_dma_load.v80", "fvgm_dma_store.v80", "fvgm_buffer.bbuf",
        "fvgm_buffer.vbuf", "fvgm_pbuf.v80", "fvgm_rbuf", "fvgm_scheduler.v80", "fvgm_csr"))
    dsp = machine.dsp58 + sum(blocks[n]["dsp58"] for n in (
        "fvgm_mpu_feed.v80", "fvgm_mpu_drain", "fvgm_sfu", "fvgm_su", "fvgm_ru", "fvgm_dma_load.v80", "fvgm_dma_store.v80", "fvgm_buffer.bbuf",
        "fvgm_scheduler.v80"))
    uram, bram = 0, 2 * 8 * -(-machine.pbuf // 512) + -(-machine.rbuf // K) + 3 * -(-machine.mbuf // K) + int(blocks["fvgm_su"]["bram"] + blocks["fvgm_sfu"]["bram"])
    for units, banks in ((machine.abuf, 1 << (machine.abuf_port - 1).bit_length()), (machine.bbuf, 8), (machine.vbuf, 8)):
        if units // banks >= 4096:
            uram += 2 * banks * -(-units // banks // 4096)
        else:
            bram += 2 * banks * -(-units // banks // 512)
    core = {"lut": array + multiplexer + feed + abuf + others, "dsp58": dsp, "uram": uram, "bram": bram}
    queue = {"lut": sites("fvgm_taskq.v80"), "dsp58": int(blocks["fvgm_taskq.v80"]["dsp58"])}
    return {name: machine.cores * value + queue.get(name, 0) for name, value in core.items()}


class _Zeros(RandomCheckpoint):
    """Weights whose values do not matter."""

    def get(self, name: str) -> np.ndarray:
        """Zeros."""
        return np.zeros(self.shapes[name], np.float32)


def layer(machine: Config) -> dict[str, object]:
    """Cycles of one layer of Latte-1, busy shares of the units, bytes."""
    compiled = compile_blocks(_Zeros(LATTE_1), machine, CAPTIONS, pair(LAYER), base=0x40_0000_0000)
    a = compiled.assembled
    busy = {unit.name.lower(): round(float(a.cycles[a.unit == unit].sum()) / (a.estimate * machine.cores), 3)
            for unit in (Unit.LOAD, Unit.STORE, Unit.MPU, Unit.SFU)}
    seconds = a.estimate * LATTE_1.layers / CLOCK
    return {"cycles": int(a.estimate), "seconds": round(seconds, 3), "busy": busy, "bytes": int(a.moved.sum()), "peak": compiled.peak}


def sized(cores: int, rows: int, contexts: int, abuf: int, bbuf: int, vbuf: int) -> Config:
    """`v80` with other sizes."""
    return replace(configs.load("v80"), cores=cores, chain_rows=rows, contexts=contexts, abuf=abuf * K, bbuf=bbuf * K, vbuf=vbuf * K)


@contextmanager
def scaled(change: Callable[[list[Opcode], list[dict[str, int]], np.ndarray], None]) -> Iterator[None]:
    """Instructions take other times in the estimate."""
    original = cost.table

    def table(opcodes: list[Opcode], fields: list[dict[str, int]], machine: Config) -> tuple[np.ndarray, np.ndarray]:
        busy, latency = original(opcodes, fields, machine)
        change(opcodes, fields, busy)
        return busy, latency

    with patch.object(cost, "table", table):
        yield


def _divide(choose: Callable[[Opcode, dict[str, int]], bool], by: int) -> Callable[..., None]:
    def change(opcodes: list[Opcode], fields: list[dict[str, int]], busy: np.ndarray) -> None:
        for index, opcode in enumerate(opcodes):
            if choose(opcode, fields[index]):
                busy[index] = -(-busy[index] // by)
    return change


def limits(machine: Config) -> list[dict[str, object]]:
    """The machine with one property changed in the estimate."""
    roomy = replace(machine, contexts=4, abuf=256 * K, bbuf=512 * K, vbuf=512 * K)
    changes = (
        ("as it is", machine, lambda *_: None),
        ("a data port of 64 bytes a cycle", machine, _divide(lambda o, _: o in (Opcode.LOAD, Opcode.STORE), 2)),
        ("four contexts, each with the buffers of a present one or more (does not fit the card)", roomy, lambda *_: None),
        ("both", roomy, _divide(lambda o, _: o in (Opcode.LOAD, Opcode.STORE), 2)),
    )
    out = []
    for name, changed, change in changes:
        with scaled(change):
            out.append({"name": name, **layer(changed)})
    return out


def main() -> None:
    """Measure, print, write."""
    rows = []
    for sizes in CANDIDATES:
        machine = sized(*sizes)
        used = resources(machine)
        share = {k: round(v / CARD[k], 3) for k, v in used.items()}
        rows.append({**dict(zip(("cores", "chain_rows", "contexts", "abuf", "bbuf", "vbuf"), sizes)), **layer(machine), **used, "share": share,
                     "fits": all(share[k] <= LIMIT[k] for k in LIMIT)})
    v80 = configs.load("v80")
    report = {"card": CARD, "limit": LIMIT, "candidates": rows, "v80": resources(v80), "limits": limits(v80)}
    (RESULTS / "sizing.json").write_text(json.dumps(report, indent=1) + "\n")
    table = Table("cores x rows", "contexts", "abuf, bbuf, vbuf (K)", "s", "busy: load, mpu, sfu", *CARD, "fits")
    for r in rows:
        table.add_row(f"{r['cores']} x {r['chain_rows']}", str(r["contexts"]), f"{r['abuf']}, {r['bbuf']}, {r['vbuf']}", f"{r['seconds']:.2f}",
                      ", ".join(f"{r['busy'][u]:.0%}" for u in ("load", "mpu", "sfu")), *(f"{r['share'][k]:.0%}" for k in CARD), str(r["fits"]))
    console = Console(width=150)
    console.print(table)
    for r in report["limits"]:
        console.print(f"{r['name']}: {r['seconds']:.2f} s, {r['busy']}")


if __name__ == "__main__":
    main()
