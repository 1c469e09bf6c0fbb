"""A lake with small releases in it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.lake import Lake, Written
from dtsen_spark.release import Registry
from tests.frames import frame

PKH = tables.decision("pkh")


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, tmp_path / "lake")


@pytest.fixture
def build(lake: Lake) -> Callable[..., dict[str, Written]]:
    """Write a build with the families of a release: a whole table, and a table sliced by period."""

    def make(release_id: str, families: dict[str, str]) -> dict[str, Written]:
        of_release = {c.PERIOD: release_id.rsplit(".", 1)[0], c.RELEASE_ID: release_id, c.MEMBERS: 1}
        decided = {c.REASONS: [], c.CHANGE: "NONE", c.CHANGE_VS_RECIPIENT: "NONE", **of_release}
        rows = [{c.FAMILY_ID: key, c.DECISION: decision, **decided} for key, decision in families.items()]
        return {
            table.path: lake.write(table, frame(lake.spark, table, rows), build=release_id)
            for table in (tables.FAMILY, PKH)
        }

    return make


@pytest.fixture
def audited(lake: Lake, build: Callable[..., dict[str, Written]]) -> Callable[..., dict[str, Written]]:
    """An audited release."""

    def make(release_id: str, families: dict[str, str], *, revise: bool = False) -> dict[str, Written]:
        registry = Registry(lake)
        assert registry.open(release_id.rsplit(".", 1)[0], revise=revise) == release_id
        built = build(release_id, families)
        registry.conclude(release_id, f"run of {release_id}", passed=True, failed=[])
        return built

    return make


@pytest.fixture
def published(lake: Lake) -> Lake:
    of_release = {c.PERIOD: "2026Q1", c.RELEASE_ID: "2026Q1.1"}
    decided = {c.REASONS: ["WITHIN_QUOTA"], c.CHANGE: "ADD", c.CHANGE_VS_RECIPIENT: "ADD", c.DECISION: "SELECTED"}
    families = [{c.FAMILY_ID: f"F{n}", c.MEMBERS: 3, **of_release} for n in range(4)]
    rows = {
        tables.FAMILY: families,
        PKH: [{c.FAMILY_ID: f"F{n}", **decided, **of_release} for n in range(3)],
    }
    registry = Registry(lake)
    registry.open("2026Q1", revise=False)
    built = {
        table.path: lake.write(table, frame(lake.spark, table, some), build="2026Q1.1") for table, some in rows.items()
    }
    registry.conclude("2026Q1.1", "run", passed=True, failed=[])
    registry.publish("2026Q1.1", built, run_id="run", signoff_roles=())
    return lake
