"""The suite of the gate as data: what is wrong with it is said before anything is judged."""

from pathlib import Path

import pytest

from dtsen_spark.errors import ConfigError
from dtsen_spark.quality.suite import Threshold, load_suite


def test_the_suite_of_the_house_is_whole() -> None:
    suite = load_suite("release")

    names = [one.name for one in suite.figures]
    assert len(names) == len(set(names))
    assert {"rows_unaccounted", "i1_violations", "share_off_a_tenth", "families_ranked"} <= {
        one.metric for one in suite.figures if one.severity == "critical"
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("figures: [{metric: rows, min: 2, max: 1, severity: critical, why: x}]", "min 2.0 is above max 1.0"),
        ("figures: [{metric: rows, severity: critical, why: x}]", "give min, max or both"),
        ("figures: [{metric: rows, max: 1, severity: fatal, why: x}]", "severity"),
        ("figures: [{metric: rows, max: 1, severity: critical, why: x, mx: 1}]", "mx"),
        ("figures: [", "cannot be read as YAML"),
        ("sample: [{table: family, column: decile, severity: warning, why: x}]", "give exactly one of"),
    ],
)
def test_a_wrong_suite_is_refused_with_the_fault(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quality").mkdir()
    (tmp_path / "quality" / "release.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("DTSEN_CONF", str(tmp_path))

    with pytest.raises(ConfigError, match=r"release\.yaml") as error:
        load_suite("release")

    assert said in str(error.value)


def test_no_such_suite() -> None:
    with pytest.raises(ConfigError, match=r"quality\.suite"):
        load_suite("nowhere")


@pytest.mark.parametrize(("value", "holds"), [(0.1, True), (0.5, True), (0.09, False), (0.51, False)])
def test_limits_belong_to_what_is_good(value: float, holds: bool) -> None:
    threshold = Threshold(metric="share", min=0.1, max=0.5, severity="warning", why="x")

    assert threshold.holds(value) is holds
