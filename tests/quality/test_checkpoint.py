"""The checkpoint: what fails is named with its subject, and the data docs fetch and tell nothing."""

import math
import re
from pathlib import Path

import pytest

from dtsen_spark.quality import docs
from dtsen_spark.quality.checkpoint import FailedExpectation, check
from dtsen_spark.quality.figures import Figure
from dtsen_spark.quality.suite import Shape, Suite, Threshold

SUITE = Suite(
    figures=(
        Threshold(metric="rows_unaccounted", max=0, severity="critical", why="Rows were lost."),
        Threshold(metric="share_unranked", max=0.1, severity="warning", why="Thin data."),
        Threshold(metric="share_unranked", max=0.5, severity="critical", why="No data."),
        Threshold(metric="share_volume_change", min=-0.1, max=0.1, severity="critical", required=False, why="Volume."),
    ),
    sample_families=10,
    least_examined=1,
    sample=(
        Shape(table="person", column="sex", values=("L", "P"), severity="critical", why="Codes."),
        Shape(table="person", column="region_code", pattern=r"\d\d", severity="critical", why="Codes."),
        Shape(table="person", column="age", min=0, max=125, severity="warning", why="Years."),
        Shape(table="person", column="relation", filled=True, severity="warning", why="Relation."),
    ),
)
GOOD = [Figure("rows_unaccounted", "linkage a", 0), Figure("share_unranked", "welfare/score", 0.01)]
PERSON = {"sex": "L", "region_code": "11", "age": 5, "relation": "CHILD"}


def judged(figures: list[Figure], folder: Path, *persons: dict[str, object]) -> list[FailedExpectation]:
    return check(SUITE, figures, {"person": list(persons)}, run="2026Q1.1", docs=folder)


def test_a_good_release_passes(tmp_path: Path) -> None:
    assert judged(GOOD, tmp_path, PERSON) == []


def test_what_fails_is_named_by_subject_and_severity(tmp_path: Path) -> None:
    figures = [*GOOD, Figure("rows_unaccounted", "family b", 3), Figure("share_unranked", "other", 0.2)]

    assert [str(one) for one in judged([*figures, Figure("share_volume_change", "families", -0.4)], tmp_path)] == [
        "rows_unaccounted at most 0: family b: 3",
        "share_unranked at most 0.1: other: 0.2",
        "share_volume_change from -0.1 to 0.1: families: -0.4",
    ]


def test_a_required_figure_that_nobody_counted_fails(tmp_path: Path) -> None:
    found = judged(GOOD[1:], tmp_path)

    assert [(one.name, one.severity) for one in found] == [("rows_unaccounted at most 0", "critical")]
    assert math.isnan(found[0].value)


@pytest.mark.parametrize(
    ("column", "value", "severity"),
    [
        ("sex", "X", "critical"),
        ("region_code", "1101", "critical"),
        ("age", 300, "warning"),
        ("relation", None, "warning"),
    ],
)
def test_the_shape_of_the_sample(column: str, value: object, severity: str, tmp_path: Path) -> None:
    found = judged(GOOD, tmp_path, PERSON, PERSON | {column: value})

    assert [(one.subject, one.severity) for one in found] == [("sample person", severity)]


def test_data_docs_fetch_nothing_and_show_no_sampled_value(tmp_path: Path) -> None:
    figures = [*GOOD, Figure("rows_unaccounted", "family b", 4711)]
    failed = judged(figures, tmp_path, PERSON | {"sex": "QQSECRETQQ", "region_code": "QQSECRETQQ"})

    index = docs.finish(tmp_path, "2026Q1.1", SUITE, figures, failed)

    pages = {page: page.read_text(encoding="utf-8") for page in tmp_path.rglob("*") if page.is_file()}
    assert index in pages
    assert len(pages) >= 5  # the index, and for each of two suites what was expected and what was found
    fetched = re.compile(r"""<script|<link|(?:src|href)\s*=\s*["'](?:https?:)?//|url\(|@import""", re.IGNORECASE)
    assert [page.name for page, text in pages.items() if fetched.search(text)] == []
    assert "QQSECRETQQ" not in "".join(pages.values())
    assert "4,711" in pages[index]
    assert "Rows were lost." in pages[index]
    assert any("share_unranked" in text for page, text in pages.items() if page != index)
    broken = [link for link in re.findall(r'href="([^"]+)"', pages[index]) if not (tmp_path / link).is_file()]
    assert broken == []
