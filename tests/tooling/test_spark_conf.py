"""The properties files of a submit must not contradict what the session sets."""

from pathlib import Path

import pytest

from dtsen_spark import session

FILES = sorted((Path(__file__).resolve().parents[2] / "conf" / "spark").glob("*.conf"))


def properties(path: Path) -> dict[str, str]:
    lines = [line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines()]
    return {line[0]: line[1].strip() for line in lines if line and not line[0].startswith("#")}


def test_there_is_a_file_for_each_kind_of_cluster() -> None:
    assert [path.stem for path in FILES] == ["kubernetes", "local", "standalone", "yarn"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_results_depend_on_is_said_alike(path: Path) -> None:
    given = properties(path)
    fixed = session._FIXED

    assert given["spark.sql.constraintPropagation.enabled"] == "false"
    assert {key: given[key] for key in given.keys() & fixed.keys()} == {
        key: fixed[key] for key in given.keys() & fixed.keys()
    }
    assert {given[f"spark.{side}.extraJavaOptions"] for side in ("driver", "executor")} == {session._JVM}
    # A property that a restart of the session would refuse makes every later error unreadable.
    assert [key for key in given if key.startswith("spark.sql.") and key not in fixed] == [
        "spark.sql.shuffle.partitions"
    ]
