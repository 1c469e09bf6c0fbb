"""A small job over a lake of a test's own, and rows that name only what a test is about."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from dtsen_spark import config, tables
from dtsen_spark.contract import TableContract
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import Ledger

Rows = list[dict[str, Any]]


def frame(spark: SparkSession, table: TableContract, rows: Rows) -> DataFrame:
    """Rows under a contract; what a row does not say is null."""
    return spark.createDataFrame([tuple(row.get(name) for name in table.columns) for row in rows], table.schema)


@pytest.fixture
def make_job(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """A job whose build holds the given tables; tables of the linkage and silver that are not given are empty."""
    monkeypatch.setenv("DTSEN_ID_KEY", "5a" * 32)

    def make(given: dict[TableContract, Rows], *, published: dict[TableContract, Rows] | None = None) -> Job:
        lake = Lake(spark, tmp_path / "lake")
        release = "2026Q1.1"
        job = Job(
            spark=spark,
            config=config.load(),
            lake=lake,
            landing=tmp_path,
            period=Period.parse("2026Q1"),
            release_id=release,
            previous_release="2025Q4.1" if published else None,
            ledger=Ledger(release, "2026Q1", run_id="test"),
            outputs={},
        )
        needed = (tables.MEMBERSHIP, tables.REVIEW_QUEUE, tables.PERSON_RECORD, tables.FAMILY_RECORD)
        for table in {*needed, *given}:
            lake.write(table, frame(spark, table, given.get(table, [])), build=release)
        for table, rows in (published or {}).items():
            lake.write(table, frame(spark, table, rows))
        return job

    return make
