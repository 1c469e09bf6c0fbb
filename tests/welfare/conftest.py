"""A small job over a lake of a test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import config
from dtsen_spark.contract import TableContract
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import Ledger
from tests.frames import Rows, frame


@pytest.fixture
def make_job(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """A job whose build holds the given tables."""
    monkeypatch.setenv("DTSEN_ID_KEY", "5a" * 32)

    def make(
        given: dict[TableContract, Rows], *, published: dict[TableContract, Rows] | None = None, period: str = "2026Q1"
    ) -> Job:
        lake = Lake(spark, tmp_path / "lake")
        release = f"{period}.1"
        job = Job(
            spark=spark,
            config=config.load(),
            lake=lake,
            landing=tmp_path,
            period=Period.parse(period),
            release_id=release,
            previous_release="2025Q4.1" if published else None,
            ledger=Ledger(release, period, run_id="test"),
            outputs={},
        )
        for table, rows in given.items():
            lake.write(table, frame(spark, table, rows), build=release)
        for table, rows in (published or {}).items():
            lake.write(table, frame(spark, table, rows))
        return job

    return make
