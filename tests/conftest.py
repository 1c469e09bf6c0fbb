"""One Spark session and one small published lake for all tests: making them costs more than most tests."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import config, session
from dtsen_spark.config import Config
from dtsen_spark.pipeline import Outcome, RunRequest
from dtsen_spark.pipeline import run as run_pipeline
from dtsen_spark.synthetic import generate

_SETTINGS = (
    "spark.master=local[2]",
    "spark.shuffle_partitions=2",
    "spark.driver_memory=2g",
    # On a few thousand rows compiling a plan costs more than running it. The slow tests run compiled plans, and must
    # give the same content hashes.
    "spark.options={spark.sql.codegen.wholeStage: 'false', spark.sql.codegen.factoryMode: NO_CODEGEN}",
)
# For the same reason: the quick compiler of the JVM only.
os.environ.setdefault("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True)
class SmallLake:
    """A nation of 2,000 persons that went through the whole job.

    Attributes:
        root: The lake.
        nation: Folder with ``landing`` and ``truth``.
        period: Its period.
        outcome: What the run ended with.
    """

    root: Path
    nation: Path
    period: str
    outcome: Outcome


@pytest.fixture(scope="session")
def settings() -> Config:
    """The configuration of the shared session; a job in a test must not change its properties."""
    return config.load(settings=_SETTINGS)


@pytest.fixture(scope="session")
def spark(settings: Config) -> Iterator[SparkSession]:
    """A local session with two shuffle partitions."""
    running = session.start(settings, "tests")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def small_lake(spark: SparkSession, settings: Config, tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    """A published lake of a small nation with documented errors; to be read, never written."""
    folder = tmp_path_factory.mktemp("small")
    nation, root, period = folder / "nation", folder / "lake", settings.generate.quarter
    generate(spark, settings, persons=2000, seed=3, out=nation, profile="documented")
    request = RunRequest(nation / "landing", root, period, publish=True)
    outcome = run_pipeline(request, settings, lambda _: None)
    assert outcome.published, outcome.gate
    return SmallLake(root, nation, period, outcome)
