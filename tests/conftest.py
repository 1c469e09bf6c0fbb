"""One Spark session and one small published lake for all tests of a process: making them costs more than most tests.

``make test`` shares the tests between two processes, because planning, which is most of a small job, is one thread's
work. The lake is made in one of them.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import config, session
from dtsen_spark.config import Config
from dtsen_spark.lake import forget_tables
from dtsen_spark.pipeline import Outcome, RunRequest
from dtsen_spark.pipeline import run as run_pipeline
from dtsen_spark.synthetic import generate

SMALL_LAKE = "small_lake"
_SETTINGS = ("spark.master=local[2]", "spark.shuffle_partitions=2", "spark.driver_memory=2g")
# On a few thousand rows compiling a plan costs more than running it. The slow tests run compiled plans, and must give
# the same content hashes.
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
# For the same reason: the quick compiler of the JVM only, which then has to inline. Left to itself it has 48 MB for its
# code, and stops for good where they are full, which is after a minute; one thread of garbage collection leaves the
# other core to a test; and from a small heap and no room for classes it would collect all the time.
_JVM = (
    "-XX:TieredStopAtLevel=1",
    "-XX:C1MaxInlineSize=35",
    "-XX:C1MaxTrivialSize=6",
    "-XX:ReservedCodeCacheSize=512m",
    "-XX:+UseSerialGC",
    "-XX:InitialHeapSize=900m",
    "-XX:NewSize=384m",
    "-XX:MetaspaceSize=400m",
)
os.environ.setdefault("SPARK_SUBMIT_OPTS", " ".join(_JVM))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep together what shares an expensive fixture, where two processes share the tests.

    Not the slow tests by the small lake: nearly all read it, so that each process makes its own.
    """
    is_slow = item.get_closest_marker("slow") is not None
    by_lake = not is_slow and SMALL_LAKE in getattr(item, "fixturenames", ())
    item.add_marker(pytest.mark.xdist_group(SMALL_LAKE if by_lake else item.nodeid.partition("::")[0]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what may take longest, so that at the end no process works alone."""

    def patience(item: pytest.Item) -> float:
        marker = item.get_closest_marker("timeout")
        return marker.args[0] if marker else 0

    items.sort(key=patience, reverse=True)


@pytest.fixture(autouse=True, scope="module")
def _opened_tables_forgotten() -> Iterator[None]:
    """Delta keeps 2 MB of plan for each table that was opened: after hundreds of them Java collects garbage only."""
    yield
    if running := SparkSession.getActiveSession():
        forget_tables(running)


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
def settings(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The configuration of the shared session; a job in a test must not change its properties."""
    properties = {**INTERPRETED, "spark.sql.warehouse.dir": tmp_path_factory.mktemp("warehouse").as_uri()}
    return config.load(settings=(*_SETTINGS, f"spark.options={json.dumps(properties)}"))


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
