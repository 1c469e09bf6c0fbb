"""A small job over a lake of a test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark.job import Job
from tests.frames import Given, build_job


@pytest.fixture
def make_job(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """A job whose build holds the given tables."""
    monkeypatch.setenv("DTSEN_ID_KEY", "5a" * 32)

    def make(given: Given, *, published: Given | None = None, period: str = "2026Q1") -> Job:
        return build_job(spark, tmp_path, given, published, period)

    return make
