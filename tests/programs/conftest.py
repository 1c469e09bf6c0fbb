"""A small job over a lake of a test's own, and a small population whose members name only what a test is about."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import config
from dtsen_spark.contract import TableContract
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import Ledger
from tests.frames import Rows, frame


def family(family_id: str, decile: int | None, score: int = 0, members: int = 1, region: str = "3201012001") -> Any:
    """One row of ``welfare/score``."""
    return {
        c.FAMILY_ID: family_id,
        c.DECILE: decile,
        c.SCORE: score,
        c.MEMBERS: members,
        c.REGION_CODE: region,
        c.STATE: "UNRANKED" if decile is None else "RANKED",
    }


def person(person_id: str, family_id: str | None, **values: Any) -> dict[str, Any]:
    """One row of ``master/person_attribute``; the NIK is the id with ``N`` in front."""
    row = {c.PERSON_ID: person_id, c.FAMILY_ID: family_id, c.NIK: f"N{person_id}", c.ALIVE: True, c.AGE: 30}
    return {**row, c.REGION_CODE: "3201012001", **values}


@pytest.fixture
def make_job(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """A job whose build holds the given tables, and whose national totals make every quota as large as the nation's."""
    monkeypatch.setenv("DTSEN_ID_KEY", "5a" * 32)

    def make(
        given: dict[TableContract, Rows],
        *,
        settings: list[str] | None = None,
        published: dict[TableContract, Rows] | None = None,
        period: str = "2026Q1",
    ) -> Job:
        lake = Lake(spark, tmp_path / "lake")
        release = f"{period}.1"
        for table, rows in given.items():
            lake.write(table, frame(spark, table, rows), build=release)
        versions = {}
        for table, rows in (published or {}).items():
            before = [{**row, c.PERIOD: "2025Q4", c.RELEASE_ID: "2025Q4.1"} for row in rows]
            versions[table.path] = lake.write(table, frame(spark, table, before)).version
        return Job(
            spark=spark,
            config=config.load(settings=settings or []),
            lake=lake,
            landing=tmp_path,
            period=Period.parse(period),
            release_id=release,
            previous_release="2025Q4.1" if published else None,
            ledger=Ledger(release, period, run_id="test"),
            outputs={},
            published_versions=versions,
        )

    return make
