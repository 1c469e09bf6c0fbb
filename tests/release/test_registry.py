"""A release is published whole or not at all, once, by those who must sign; and can be taken back."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from pyspark.sql import Row

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import LakeError, UsageError
from dtsen_spark.lake import Lake, Written
from dtsen_spark.release import Registry, State, diff, status
from dtsen_spark.release.serve import register
from tests.frames import build_job
from tests.release.conftest import PKH

Audited = Callable[..., dict[str, Written]]


def publish(lake: Lake, release_id: str, built: dict[str, Written], roles: Sequence[str] = ()) -> bool:
    return Registry(lake).publish(release_id, built, run_id="publishing", signoff_roles=roles)


def families(lake: Lake, table: TableContract) -> set[tuple[str, str]]:
    return {(row[c.RELEASE_ID], row[c.FAMILY_ID]) for row in lake.read(table).collect()}


def test_a_life_of_releases(lake: Lake, audited: Audited) -> None:
    first = audited("2025Q4.1", {"A": "SELECTED", "B": "SELECTED"})
    assert Registry(lake).current() is None
    assert publish(lake, "2025Q4.1", first)
    # Again: nothing is written, and it says so.
    versions = lake.version(tables.FAMILY), lake.version(tables.RELEASE)
    assert not publish(lake, "2025Q4.1", first)
    assert (lake.version(tables.FAMILY), lake.version(tables.RELEASE)) == versions

    second = audited("2026Q1.1", {"B": "SELECTED", "C": "SELECTED", "D": "EXCLUDED"})
    publish(lake, "2026Q1.1", second)
    registry = Registry(lake)
    assert (registry.current(), registry.is_published("2026Q1")) == ("2026Q1.1", True)
    # A whole table holds the release; a sliced one keeps the periods before it.
    assert families(lake, tables.FAMILY) == {("2026Q1.1", key) for key in "BCD"}
    assert families(lake, PKH) == {("2025Q4.1", "A"), ("2025Q4.1", "B")} | {("2026Q1.1", key) for key in "BCD"}
    counted = {(row[c.CHANGE], row[c.ROWS]) for row in diff(lake, "pkh", "2025Q4", "2026Q1")}
    assert counted == {("KEEP", 1), ("ADD", 1), ("DROP", 1)}

    registry.rollback("2025Q4.1")
    assert (registry.current(), registry.is_published("2026Q1")) == ("2025Q4.1", False)
    for table in (tables.FAMILY, PKH):
        assert families(lake, table) == {("2025Q4.1", "A"), ("2025Q4.1", "B")}
        at = lake.read(table, version=registry.published_versions()[table.path])
        assert {row[c.RELEASE_ID] for row in at.collect()} == {"2025Q4.1"}
    # What was published once is never another thing: the next run is a revision.
    assert registry.open("2026Q1", revise=False) == "2026Q1.2"

    shown = status(lake)["Releases"]
    assert [(row["release"], row["state"], row["current"]) for row in shown] == [
        ("2025Q4.1", "PUBLISHED", "yes"),
        ("2026Q1.1", "ROLLED_BACK", ""),
        ("2026Q1.2", "BUILDING", ""),
    ]


def test_a_publication_that_died_is_invisible_and_is_finished_by_the_next(
    lake: Lake, audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(lake, "2025Q4.1", audited("2025Q4.1", {"A": "SELECTED"}))
    built = audited("2026Q1.1", {"B": "SELECTED"})
    write = Lake.write

    def dies(self: Lake, table: TableContract, *args: object, **named: object) -> Written:
        if table.path == PKH.path:
            message = "the power went"
            raise OSError(message)
        return write(self, table, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Lake, "write", dies)
    with pytest.raises(OSError, match="the power went"):
        publish(lake, "2026Q1.1", built)
    monkeypatch.undo()

    registry = Registry(lake)
    assert registry.current() == "2025Q4.1"
    # The next run compares with what was published, and BI clients see it, whatever the newest Delta version holds.
    job = replace(build_job(lake.spark, lake.root.parent, {}, None, "2026Q1"), lake=lake)
    job = replace(job, published_versions=registry.published_versions())
    before = job.published(tables.FAMILY)
    assert before is not None
    assert {row[c.RELEASE_ID] for row in before.collect()} == {"2025Q4.1"}
    assert job.published(tables.SCORE) is None
    assert {row[0] for row in _served(registry, "dtsen.master_family")} == {"2025Q4.1"}
    at = lake.read(tables.FAMILY, version=registry.published_versions()[tables.FAMILY.path])
    assert {row[c.RELEASE_ID] for row in at.collect()} == {"2025Q4.1"}

    assert publish(lake, "2026Q1.1", built)
    assert families(lake, tables.FAMILY) == {("2026Q1.1", "B")}
    registry = Registry(lake)
    assert {row[0] for row in _served(registry, "dtsen.master_family")} == {"2026Q1.1"}
    assert {row[0] for row in _served(registry, "dtsen_2025q4.master_family")} == {"2025Q4.1"}
    assert families(lake, PKH) == {("2025Q4.1", "A"), ("2026Q1.1", "B")}


def _served(registry: Registry, view: str) -> list[Row]:
    spark = registry.lake.spark
    # A session's temporary views are not the server's, whatever SHOW VIEWS lists.
    spark.range(1).createOrReplaceTempView("another_stage_left_this")
    names = register(registry)
    try:
        return spark.table(view).select(c.RELEASE_ID).distinct().collect() if view in names else []
    finally:
        for schema in {name.partition(".")[0] for name in names}:
            spark.sql(f"DROP DATABASE {schema} CASCADE")


def test_only_what_was_audited_is_published(lake: Lake, audited: Audited, build: Audited) -> None:
    registry = Registry(lake)
    built = audited("2026Q1.1", {"A": "SELECTED"})
    build("2026Q1.1", {"A": "SELECTED", "B": "SELECTED"})
    with pytest.raises(LakeError, match="another content"):
        publish(lake, "2026Q1.1", built)

    registry.open("2026Q1", revise=False)
    with pytest.raises(UsageError, match="BUILDING"):
        publish(lake, "2026Q1.1", built)
    registry.conclude("2026Q1.1", "later", passed=False, failed=["coverage"])
    with pytest.raises(UsageError, match=r"REJECTED \(coverage\)"):
        publish(lake, "2026Q1.1", built)
    assert registry.current() is None


def test_four_eyes(lake: Lake, audited: Audited) -> None:
    registry = Registry(lake)
    roles = ["BPS", "PUSDATIN"]
    built = audited("2026Q1.1", {"A": "SELECTED"})
    with pytest.raises(UsageError, match="not signed by BPS, PUSDATIN"):
        publish(lake, "2026Q1.1", built, roles)
    with pytest.raises(UsageError, match="no role that must sign"):
        registry.approve("2026Q1.1", "MINISTER", "Rina", roles)

    registry.approve("2026Q1.1", "BPS", "Rina", roles)
    with pytest.raises(UsageError, match="nobody signs in two roles"):
        registry.approve("2026Q1.1", "PUSDATIN", " rina ", roles)
    with pytest.raises(UsageError, match="has signed already"):
        registry.approve("2026Q1.1", "BPS", "Budi", roles)
    with pytest.raises(UsageError, match="not signed by PUSDATIN"):
        publish(lake, "2026Q1.1", built, roles)
    # A run that finds everything done leaves the signature standing; another audit does not.
    registry.open("2026Q1", revise=False)
    registry.conclude("2026Q1.1", "run of 2026Q1.1", passed=True, failed=[])
    assert set(registry.releases()["2026Q1.1"].signatures) == {"BPS"}
    registry.open("2026Q1", revise=False)
    registry.conclude("2026Q1.1", "another run", passed=True, failed=[])
    assert registry.releases()["2026Q1.1"].signatures == {}

    registry.approve("2026Q1.1", "BPS", "Rina", roles)
    registry.approve("2026Q1.1", "PUSDATIN", "Budi", roles)
    assert registry.releases()["2026Q1.1"].state is State.APPROVED
    assert publish(lake, "2026Q1.1", built, roles)


def test_unknown_releases_and_periods_are_said(lake: Lake, audited: Audited) -> None:
    registry = Registry(lake)
    with pytest.raises(UsageError, match="no release in this lake"):
        registry.release_of("2026Q1")
    publish(lake, "2026Q1.1", audited("2026Q1.1", {"A": "SELECTED"}))
    with pytest.raises(UsageError, match=r"no published release; there are: 2026Q1\.1"):
        registry.rollback("2025Q4.1")
    with pytest.raises(UsageError, match="not published; there are: pkh"):
        diff(lake, "pip", "2025Q4", "2026Q1")
    with pytest.raises(UsageError, match="2025Q4: pkh was not published"):
        diff(lake, "pkh", "2025Q4", "2026Q1")
