"""The whole job on a small nation with documented errors: laws that hold over all stages together."""

import json
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import evaluation, pipeline, tables
from dtsen_spark.config import Config
from dtsen_spark.errors import ExitCode
from dtsen_spark.ingest import applied_tables
from dtsen_spark.lake import Lake
from tests.conftest import SmallLake


def _open(spark: SparkSession, small_lake: SmallLake) -> Lake:
    return Lake(spark, small_lake.root)


def test_every_account_balances(small_lake: SmallLake) -> None:
    assert {one.stage for one in small_lake.outcome.accounts} >= {"ingest", "harmonise", "linkage", "family"}
    assert [one for one in small_lake.outcome.accounts if not one.balanced] == []


def test_every_record_belongs_to_one_person(spark: SparkSession, small_lake: SmallLake) -> None:
    store = _open(spark, small_lake)
    release = small_lake.outcome.release_id
    members = store.read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull())
    records = store.read(tables.PERSON_RECORD, build=release)

    assert members.count() == members.select(c.RECORD_ID).distinct().count() == records.count()


def test_links_are_right(spark: SparkSession, small_lake: SmallLake) -> None:
    figures = evaluation.evaluate(_open(spark, small_lake), small_lake.nation / "truth")

    assert figures["linkage"]["pairwise"]["precision"] >= 0.998
    assert figures["linkage"]["permitted"]["recall"] >= 0.98
    assert "stability" not in figures, "a first release is not compared with anything"
    json.dumps(figures)


def test_each_desil_holds_a_tenth(spark: SparkSession, small_lake: SmallLake) -> None:
    ranked = _open(spark, small_lake).read(tables.SCORE).where(F.col(c.STATE) == "RANKED")
    weights = {row[c.DECILE]: row["n"] for row in ranked.groupBy(c.DECILE).agg(F.sum(c.MEMBERS).alias("n")).collect()}
    tie = ranked.groupBy(c.SCORE).agg(F.sum(c.MEMBERS).alias("n")).agg(F.max("n")).collect()[0][0]
    total = sum(weights.values())

    assert sorted(weights) == list(range(1, 11))
    assert [k for k, n in weights.items() if abs(n - total / 10) > max(0.001 * total, tie)] == []


def test_the_same_run_again_changes_nothing(spark: SparkSession, small_lake: SmallLake, settings: Config) -> None:
    before = {path: _open(spark, small_lake).version(table) for path, table in _published().items()}
    request = pipeline.RunRequest(small_lake.nation / "landing", small_lake.root, small_lake.period, publish=True)

    again = pipeline.run(request, settings, lambda _: None)

    assert again.unchanged
    assert again.exit_code is ExitCode.OK
    assert {path: _open(spark, small_lake).version(table) for path, table in _published().items()} == before


def test_what_was_applied_is_known_without_spark(small_lake: SmallLake, tmp_path: Path) -> None:
    required = {path for path, table in tables.LANDING.items() if table.required}
    assert required <= applied_tables(small_lake.root)
    assert applied_tables(tmp_path) == frozenset()


def _published() -> dict[str, tables.TableContract]:
    return {table.path: table for table in (*tables.TABLES, tables.decision("pkh")) if table.published}
