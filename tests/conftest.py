"""One Spark session for all tests: start-up costs more than most tests."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import config, session


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A local session with two shuffle partitions."""
    settings = ["spark.master=local[2]", "spark.shuffle_partitions=2", "spark.driver_memory=2g"]
    running = session.start(config.load(settings=settings), "tests")
    yield running
    running.stop()
