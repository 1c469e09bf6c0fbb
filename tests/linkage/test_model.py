"""The model file: the same counts, the same version; what is registered is what is read."""

from pathlib import Path

import pytest

from dtsen_spark.errors import UsageError
from dtsen_spark.linkage import model as models
from dtsen_spark.linkage.comparisons import COMPARISONS


def _fitted(agreeing: int) -> models.LinkageModel:
    return models.fitted(
        {"sex": {1: agreeing, 0: 10}}, {"sex": {1: 500, 0: 500, -1: 9}}, prior=1e-5, facts={"linked records": "1000"}
    )


def test_weights_are_shares_of_counts() -> None:
    same, other = _fitted(988).comparisons["sex"]
    assert same.m == pytest.approx(0.989, abs=1e-6)
    assert same.m + other.m == pytest.approx(1)
    assert same.u == pytest.approx(0.5)
    assert same.weight == pytest.approx(0.984, abs=1e-3)


def test_a_level_that_was_never_seen_is_rare_not_impossible() -> None:
    assert all(0 < one.u < 1 and 0 < one.m < 1 for levels in _fitted(5).comparisons.values() for one in levels)


def test_a_level_that_no_match_was_seen_on_never_speaks_for_one() -> None:
    found = models.fitted({"sex": {0: 20}}, {"sex": {0: 100_000}}, prior=1e-5, facts={}).comparisons["sex"]
    assert found[0].weight == 0


def test_registered_model_is_read_back(tmp_path: Path) -> None:
    made = _fitted(988)
    assert made.save(tmp_path) == _fitted(988).version != _fitted(987).version
    assert models.load(tmp_path, "latest") == made
    assert models.load(tmp_path, made.version) == made
    assert "| sex | same | 0.989" in (tmp_path / f"{made.version}.md").read_text()


def test_no_model(tmp_path: Path) -> None:
    assert models.load(tmp_path, "latest") is None
    with pytest.raises(UsageError, match="no such linkage model"):
        models.load(tmp_path, "0123456789ab")


def test_settings_hold_every_level() -> None:
    settings = models.splink_settings(_fitted(1), "node")
    for made, one in zip(settings["comparisons"], COMPARISONS, strict=True):
        assert len(made["comparison_levels"]) == len(one.levels) + 1
        assert made["comparison_levels"][0]["is_null_level"]
        assert made["comparison_levels"][-1]["sql_condition"] == "ELSE"
