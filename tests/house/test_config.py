"""A wrong configuration stops with the file and key named, before Spark starts."""

from pathlib import Path

import pytest

from dtsen_spark import config
from dtsen_spark.errors import ConfigError, ExitCode


def test_later_layers_win(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("welfare: {unit: family}\nspark: {shuffle_partitions: 3}\n")

    loaded = config.load(files=[mine], settings=["spark.shuffle_partitions=5"])

    assert loaded.welfare.unit == "family"
    assert loaded.spark.shuffle_partitions == 5
    assert loaded.spark.master == "local[*]"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("welfare: {unti: person}", "welfare.unti"),
        ("welfare: {unit: household}", "welfare.unit"),
        ("nonsense: {a: 1}", "nonsense"),
        ("welfare: {folds: 1}", "welfare.folds"),
        ("spark: {driver_memory: lots}", "spark.driver_memory"),
        ("welfare: 3", "welfare"),
        ("- a\n- b", "sections"),
        ("a: [", "YAML"),
        ("\x00", "YAML"),
    ],
)
def test_every_fault_names_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(text)

    with pytest.raises(ConfigError, match=named) as caught:
        config.load(files=[mine])

    assert str(mine) in str(caught.value)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("setting", ["welfare", "welfare=1", "=", ".a=1", "welfare.unit=[", "welfare.=x"])
def test_a_setting_that_is_not_one_is_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        config.load(settings=[setting])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        config.load(files=[tmp_path / "absent.yaml"])


@pytest.mark.parametrize(
    ("master", "place"),
    [(None, "local"), ("local[4]", "local"), ("spark://127.0.0.1:7077", "standalone"), ("yarn", "cluster")],
)
def test_the_place_follows_the_master(master: str | None, place: str) -> None:
    assert config.place_of(master) == place


def test_a_fingerprint_moves_with_its_sections_only() -> None:
    base = config.load()
    other = config.load(settings=["welfare.unit=family"])

    assert base.fingerprint("welfare") != other.fingerprint("welfare")
    assert base.fingerprint("linkage") == other.fingerprint("linkage")
