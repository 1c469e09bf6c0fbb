"""Care never takes what a retained release needs; a manifest cannot be changed; a release can be made again."""

import copy
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import config, pipeline, privacy, rights, tables
from dtsen_spark import replay as replaying
from dtsen_spark.config import Config, ReleaseConfig, RetentionConfig
from dtsen_spark.errors import LakeError, UsageError
from dtsen_spark.lake import Lake, Written
from dtsen_spark.release import Registry, Sum, as_detail, erased_since, is_genuine, maintain, signed
from dtsen_spark.release.retention import lapsed, purge_deliveries, superseded
from dtsen_spark.replay import Compared, replay
from tests.conftest import SmallLake
from tests.frames import frame
from tests.release.conftest import PKH

Audited = Callable[..., dict[str, Written]]
KEPT = ReleaseConfig(signoff_roles=(), keep_releases=2, keep_hours=0)
FOR_EVER = RetentionConfig(deliveries=None, identifying=None, specific=None, ordinary=None, public=None)


@pytest.mark.slow
def test_care_keeps_retained_releases_readable_and_has_nothing_to_do_twice(lake: Lake, audited: Audited) -> None:
    registry = Registry(lake)
    for period, key in (("2025Q3", "A"), ("2025Q4", "B"), ("2026Q1", "C")):
        built = audited(f"{period}.1", {key: "SELECTED"})
        registry.publish(f"{period}.1", built, run_id="run", signoff_roles=())
    audited("2026Q2.1", {"D": "SELECTED"})
    (lake.root / "build" / "2025Q3.1.replay").mkdir()

    done = maintain(registry, KEPT, FOR_EVER)

    assert {one.subject for one in done if one.subject.startswith("build")} == {
        "build/2025Q3.1",
        "build/2025Q3.1.replay",
    }
    assert {folder.name for folder in (lake.root / "build").iterdir()} == {"2025Q4.1", "2026Q1.1", "2026Q2.1"}
    by_subject = {one.subject: one for one in done}
    assert by_subject["master/family"].deleted >= 1, "the files of the release before are gone"
    for release_id, key in (("2025Q4.1", "B"), ("2026Q1.1", "C")):
        for table in (tables.FAMILY, PKH):
            version = registry.releases()[release_id].tables[table.path].version
            rows = lake.read(table, version=version).where(f"release_id = '{release_id}'").collect()
            assert [row[c.FAMILY_ID] for row in rows] == [key]
    assert lake.read(PKH).count() == 3, "earlier periods stay in a sliced table"

    assert maintain(registry, KEPT, FOR_EVER) == []


@pytest.mark.slow
def test_rows_leave_a_table_when_the_time_of_its_class_is_over(lake: Lake, audited: Audited) -> None:
    registry = Registry(lake)
    for period, key in (("2024Q4", "A"), ("2025Q1", "B"), ("2025Q4", "C"), ("2026Q1", "D")):
        built = audited(f"{period}.1", {key: "SELECTED"})
        registry.publish(f"{period}.1", built, run_id="run", signoff_roles=())
    public = tables.STATS_TREND
    row = {c.REGION_CODE: "00", c.REGION_LEVEL: 0, c.METRIC: "persons", c.SUBJECT: "all", c.PERIOD: "2024Q4"}
    lake.write(public, frame(lake.spark, public, [row]))

    Registry(lake).open("2024Q3", revise=False)
    (lake.root / "build" / "2024Q3.1").mkdir()
    # 2024Q4 and 2025Q1 end 455 and 365 days before 2026Q1; both are of no retained release.
    done = maintain(registry, KEPT, FOR_EVER.model_copy(update={"specific": 400, "identifying": 500, "ordinary": 0}))

    assert [one.subject for one in done if " " in one.subject] == ["programs/pkh 2024Q4"]
    assert "build/2024Q3.1" in {one.subject for one in done}, "a build that was never published holds names"
    assert {row[c.PERIOD] for row in lake.read(PKH).collect()} == {"2025Q1", "2025Q4", "2026Q1"}
    assert lake.read(public).count() == 1
    version = registry.releases()["2025Q4.1"].tables[PKH.path].version
    assert lake.read(PKH, version=version).count() == 3, "a retained release stays as it was published"

    maintain(registry, KEPT, FOR_EVER.model_copy(update={"specific": 0}))
    kept = {row[c.PERIOD] for row in lake.read(PKH).collect()}
    assert kept == {"2025Q4", "2026Q1"}, "periods of retained releases stay whatever is configured"
    for period in ("2026Q2", "2026Q3"):
        built = audited(f"{period}.1", {"E": "SELECTED"})
        registry.publish(f"{period}.1", built, run_id="run", signoff_roles=())
    maintain(registry, KEPT, FOR_EVER.model_copy(update={"specific": 0}))
    folders = {folder.name for folder in lake.path(PKH).glob("period=*") if any(folder.glob("*.parquet"))}
    # Files go with the last retained release that was published before.
    assert folders == {f"period={period}" for period in ("2025Q4", "2026Q1", "2026Q2", "2026Q3")}


def test_a_period_lapses_by_its_last_day_and_never_while_it_is_retained() -> None:
    periods, newest = ("2024Q4", "2025-01", "2025Q1", "2026Q1"), date(2026, 3, 31)
    assert lapsed(periods, {"2026Q1"}, newest, 400) == ["2024Q4", "2025-01"]
    assert lapsed(periods, {"2024Q4", "2026Q1"}, newest, 0) == ["2025-01", "2025Q1"]
    assert lapsed(periods, {"2026Q1"}, newest, None) == []


def test_a_table_is_of_the_strictest_class_of_its_columns() -> None:
    classes = {table.path: privacy.class_of(table).value for table in (*tables.TABLES, PKH)}
    assert classes["master/person"] == "identifying"
    assert (classes["welfare/score"], classes["programs/pkh"]) == ("specific", "specific")
    assert {classes[table.path] for table in tables.STATS} == {"public"}
    assert classes["welfare/cutpoint"] == "public", "a cut is nobody's, though its column is specific elsewhere"


def _batch(batch_id: str, as_of: str, mode: str, state: str = "APPLIED") -> dict[str, Any]:
    return {
        c.SOURCE: "pln",
        c.SOURCE_TABLE: "pelanggan",
        c.BATCH_ID: batch_id,
        c.AS_OF: date.fromisoformat(as_of),
        c.BATCH_MODE: mode,
        c.MANIFEST_SHA256: "ab",
        c.STATE: state,
    }


DELIVERED = [
    _batch("old", "2023-06-30", "full"),
    _batch("patch", "2023-09-30", "delta"),
    _batch("base", "2024-06-30", "full"),
    _batch("later", "2025-12-31", "delta"),
    _batch("next", "2026-06-30", "full"),
    _batch("bad", "2020-01-01", "full", "REFUSED"),
]


def test_only_superseded_deliveries_of_enough_age_can_go() -> None:
    def gone(oldest: str, before: str) -> list[str]:
        rows = superseded(DELIVERED, date.fromisoformat(oldest), date.fromisoformat(before))
        return [row[c.BATCH_ID] for row in rows]

    assert gone("2026-03-31", "2026-03-31") == ["old", "patch"], "the state of then stands on base and later"
    assert gone("2026-03-31", "2023-07-01") == ["old"], "younger ones are kept for as long as was said"
    assert gone("2024-03-31", "2024-03-31") == [], "no later full batch stands in the oldest retained release"


@pytest.mark.slow
def test_purged_deliveries_leave_bronze_and_the_rest_stays(lake: Lake, audited: Audited) -> None:
    registry = Registry(lake)
    registry.publish("2026Q1.1", audited("2026Q1.1", {"A": "SELECTED"}), run_id="run", signoff_roles=())
    bronze = tables.bronze(tables.LANDING["pln/pelanggan"])
    rows = [{c.BATCH_ID: row[c.BATCH_ID], c.FILE: "f", c.RECORD_NO: 1} for row in DELIVERED]
    lake.write(bronze, frame(lake.spark, bronze, rows))
    lake.write(tables.BATCH, frame(lake.spark, tables.BATCH, DELIVERED))

    assert purge_deliveries(registry, keep_releases=1, keep_days=0) == ["pln/pelanggan/old", "pln/pelanggan/patch"]

    assert {row[c.BATCH_ID] for row in lake.read(bronze).collect()} == {"base", "later", "next", "bad"}
    states = {row[c.BATCH_ID]: row[c.STATE] for row in lake.read(tables.BATCH).collect()}
    assert states == {**dict.fromkeys(("base", "later", "next"), "APPLIED"), "bad": "REFUSED"} | dict.fromkeys(
        ("old", "patch"), "PURGED"
    )
    assert purge_deliveries(registry, keep_releases=1, keep_days=0) == []


@pytest.mark.slow
def test_a_version_that_a_log_does_not_know_deletes_nothing(lake: Lake, audited: Audited) -> None:
    Registry(lake).publish("2026Q1.1", audited("2026Q1.1", {"A": "SELECTED"}), run_id="run", signoff_roles=())
    with pytest.raises(LakeError, match="not in the log any more; nothing was deleted"):
        lake.vacuum(tables.FAMILY, [99], 0)


def test_a_manifest_is_genuine_only_as_it_was_signed() -> None:
    detail = signed({"tables": {"master/person": {"rows": 3}}, "code_sha256": "ab"}, b"k" * 32)
    assert is_genuine(detail, b"k" * 32)
    assert not is_genuine(detail, b"x" * 32)
    changed = copy.deepcopy(detail)
    changed["manifest"]["tables"]["master/person"]["rows"] = 4
    assert not is_genuine(changed, b"k" * 32)
    assert not is_genuine({}, b"k" * 32)


def test_a_published_release_says_what_it_was_made_of(spark: SparkSession, small_lake: SmallLake) -> None:
    release = Registry(Lake(spark, small_lake.root)).releases()[small_lake.outcome.release_id]
    manifest = release.manifest["manifest"]

    assert is_genuine(release.manifest, privacy.id_key(small_lake.root))
    assert manifest["code_sha256"] == pipeline.code_fingerprint()
    assert {one["batch"].rpartition("/")[0] for one in manifest["inputs"]} >= {"dukcapil/penduduk", "regsosek/anggota"}
    assert all(manifest["models"].values())
    assert set(manifest["tables"]) == set(release.tables)
    assert set(manifest["stages"]) == set(pipeline.NAMES)


@pytest.mark.slow
def test_a_release_is_made_again_from_kept_deliveries(
    spark: SparkSession, small_lake: SmallLake, settings: Config, tmp_path: Path
) -> None:
    root = tmp_path / "lake"
    shutil.copytree(small_lake.root, root)
    lake = Lake(spark, root)
    with pytest.raises(UsageError, match="never published; there are: 2026Q1"):
        replay(lake, settings, "2025Q4", lambda _: None)
    before = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}

    found = replay(lake, settings, small_lake.period, lambda _: None)

    assert [one.path for one in found.tables if not one.same] == []
    assert found.accounted
    assert len(found.tables) > 10
    assert not found.code_changed
    assert {path.relative_to(root) for path in root.rglob("*") if path.is_file()} == before, "nothing is left behind"

    # Somebody is erased: the deliveries have him no more, and what stands is what was signed less his rows.
    nik = next(row[c.NIK] for row in lake.read(tables.PERSON).orderBy(c.PERSON_ID).collect() if row[c.NIK])
    rights.erase(lake, settings, nik, purpose="request 9")
    again = {one.path: one for one in replay(lake, settings, small_lake.period, lambda _: None).tables}
    assert [path for path, one in again.items() if not one.accounted] == []
    person, score = again[tables.PERSON.path], again[tables.SCORE.path]
    assert (person.erased.rows, person.same) == (1, True)
    assert (score.erased, score.stands) == (Sum(), score.then)


def test_a_release_is_replayed_by_its_own_configuration_whatever_keys_came_and_went(tmp_path: Path) -> None:
    today = config.load()
    stored = today.model_dump(mode="json", exclude={"spark": True, "privacy": {"key_file"}})
    stored["privacy"] |= {"small_cell": 25, "of_long_ago": 1}
    del stored["release"]["keep_hours"]
    manifest = {"configuration": stored, "models": {"linkage": "abc", "welfare": None}}

    then = replaying._configuration(today, manifest, tmp_path)

    assert (then.privacy.small_cell, then.release.keep_hours) == (25, today.release.keep_hours)
    assert (then.linkage.model, then.welfare.model) == ("abc", today.welfare.model)
    assert then.privacy.key_file == str(tmp_path / ".keys" / "id.key")


def test_a_table_is_accounted_for_by_what_was_erased(lake: Lake) -> None:
    then, gone = Sum(5, 100), Sum(1, 30)
    assert Compared("t", then, then).same
    assert Compared("t", then, Sum(4, 70), gone).same
    assert not Compared("t", then, Sum(4, 70)).accounted, "nobody was erased"
    # Made again it is another, as others hang on who was erased: then what stands must tell.
    assert Compared("t", then, Sum(4, 71), gone, stands=Sum(4, 70)).accounted
    assert not Compared("t", then, Sum(4, 71), gone, stands=Sum(4, 71)).accounted
    assert not Compared("t", then, Sum(4, 71), gone).accounted
    assert not Compared("t", then, None).accounted

    left = [{"2026Q1.1": gone, "2025Q4.1": Sum(2, 5)}, {"2026Q1.1": Sum(1, 3)}]
    graves = [{c.SUBJECT: str(n), c.DETAIL: as_detail([], {"master/person": one})} for n, one in enumerate(left)]
    lake.append_rows(tables.TOMBSTONE, graves)
    assert erased_since(lake.root, "2026Q1.1") == {"master/person": Sum(2, 33)}
    assert erased_since(lake.root, "2025Q3.1") == {}
