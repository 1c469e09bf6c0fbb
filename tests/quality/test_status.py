"""What a user sees of deliveries and gate, on a lake that went through the whole job."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark import cli, tables
from dtsen_spark import columns as c
from dtsen_spark.lake import Lake
from tests.conftest import SmallLake


def test_status_shows_the_gate_and_no_good_news_as_a_warning(
    small_lake: SmallLake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status", "--lake", str(small_lake.root)]) == 0

    shown = capsys.readouterr().out
    assert "the gate passed" in shown
    assert "i1_violations" not in shown


def test_what_was_quarantined_is_open_or_came_back(spark: SparkSession, small_lake: SmallLake) -> None:
    store = Lake(spark, small_lake.root)
    ever = {
        one.subject.removesuffix(" quarantine"): one.rows_in
        for one in small_lake.outcome.accounts
        if one.subject.endswith(" quarantine")
    }
    held = [table for table in tables.LANDING.values() if store.exists(tables.quarantine(table))]
    assert held
    assert {table.path: store.read(tables.quarantine(table)).count() for table in held} == ever


def test_coverage_of_a_kabkota_is_a_figure(spark: SparkSession, small_lake: SmallLake) -> None:
    figures = Lake(spark, small_lake.root).read(tables.DQ_METRIC).where(F.col(c.METRIC) == "registry_coverage_relative")
    by_kab = {row[c.REGION_CODE]: row[c.VALUE] for row in figures.collect()}

    assert len(by_kab) > 500
    assert max(by_kab.values()) > 1
