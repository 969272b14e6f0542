"""The coverage plan's reading of sources and pages, on small ones written by hand."""

from __future__ import annotations

from pathlib import Path

from scripts import coverage_plan

SOURCE = '''
def build(cover):
    cover.point("cp_kind", KINDS)
    for side in "ab":
        cover.point(f"cp_side_{side}", (0, 1), goal=3)
    for other in ("a", "b"):
        cover.cross(f"cp_kind_x_{other}", "cp_kind", f"cp_side_{other}", goal=2)
    cover.point("cp_wrap", (False,), 10)
    canvas.point("elsewhere", 1)
'''
PAGE = """
| point | bins |
|---|---|
| `cp_side_a`, `cp_side_b` | left or not; right or not |
| `cp_kind`, `cp_kind_x_a` | every kind |

| other | table |
|---|---|
| `cp_other` | not of this kind of table |

| point | bins |
|---|---|
| `cp_wrap` | over the end; not |
"""


def test_points_of_a_source(tmp_path: Path) -> None:
    (tmp_path / "env.py").write_text(SOURCE)
    (tmp_path / "monitor.py").write_text('cover.sample("cp_wrap", 1); cover.sample(f"cp_side_{x}", 1)')
    found = {p.name: (p.parts, p.goal, [f.name for f in p.files]) for p in coverage_plan.points(tmp_path)}
    assert found == {
        "cp_kind": ((), 1, ["env.py"]), "cp_wrap": ((), 10, ["env.py", "monitor.py"]),
        "cp_side_a": ((), 3, ["env.py", "monitor.py"]), "cp_side_b": ((), 3, ["env.py", "monitor.py"]),
        "cp_kind_x_a": (("cp_kind", "cp_side_a"), 2, ["env.py"]), "cp_kind_x_b": (("cp_kind", "cp_side_b"), 2, ["env.py"]),
    }


def test_words_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert coverage_plan.words(page) == {"cp_side_a": "left or not", "cp_side_b": "right or not", "cp_kind": "every kind",
                                         "cp_kind_x_a": "every kind", "cp_wrap": "over the end; not"}
    assert coverage_plan.words(tmp_path / "missing.md") == {}
