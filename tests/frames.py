"""Rows that name only what a test is about, and a small job over a lake of a test's own."""

from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from dtsen_spark import config
from dtsen_spark.contract import TableContract, local_frame
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import Ledger

Rows = list[dict[str, Any]]
Given = dict[TableContract, Rows]


def frame(spark: SparkSession, table: TableContract, rows: Rows) -> DataFrame:
    """Rows under a contract; what a row does not say is null."""
    return local_frame(spark, [tuple(row.get(name) for name in table.columns) for row in rows], table.schema)


def build_job(spark: SparkSession, root: Path, given: Given, published: Given | None, period: str) -> Job:
    """A job whose build holds the given tables, after a release that published others."""
    lake = Lake(spark, root / "lake")
    release = f"{period}.1"
    for table, rows in given.items():
        lake.write(table, frame(spark, table, rows), build=release)
    versions = {
        table.path: lake.write(table, frame(spark, table, rows)).version for table, rows in (published or {}).items()
    }
    return Job(
        spark=spark,
        config=config.load(),
        lake=lake,
        landing=root,
        period=Period.parse(period),
        release_id=release,
        previous_release="2025Q4.1" if published else None,
        ledger=Ledger(release, period, run_id="test"),
        outputs={},
        published_versions=versions,
    )
