"""A build of ten families in ten deciles in which everything holds, for tests to break."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import TableContract
from dtsen_spark.job import Job
from tests.frames import Given, Rows, build_job, frame

PKH, EMPLOYMENT = tables.decision("pkh"), tables.decision("employment")


def decided(decision: str, **unit: str) -> dict[str, Any]:
    return {c.DECISION: decision, c.REASONS: [], c.CHANGE: "NONE", c.CHANGE_VS_RECIPIENT: "NONE", **unit}


def good_build() -> dict[TableContract, Rows]:
    """Ten families of one person each, one more person who died."""
    ten = range(1, 11)
    persons = [{c.PERSON_ID: f"P{n}", c.ALIVE: True, c.SOURCES: [], c.FAMILY_ID: f"F{n}"} for n in ten]
    persons.append({c.PERSON_ID: "dead", c.ALIVE: False, c.SOURCES: []})
    records = [{c.RECORD_ID: f"dtks:{n}", c.SOURCE: "dtks"} for n in range(11)]
    return {
        tables.PERSON_RECORD: records,
        tables.MEMBERSHIP: [
            *({c.RECORD_ID: r[c.RECORD_ID], c.PERSON_ID: "P1", c.MATCH_REASON: "NIK"} for r in records),
            # What held until the last release is no second membership.
            {c.RECORD_ID: "dtks:1", c.PERSON_ID: "P2", c.MATCH_REASON: "NIK", c.VALID_TO: "2025Q4.1"},
        ],
        tables.PERSON: persons,
        tables.PERSON_ATTRIBUTE: [
            {
                **{c.PERSON_ID: f"P{n}", c.FAMILY_ID: f"F{n}", c.SEX: "L", c.AGE: 40, c.ALIVE: True},
                **{c.REGION_CODE: "1101", c.RELATION: "HEAD"},
            }
            for n in ten
        ],
        tables.FAMILY: [{c.FAMILY_ID: f"F{n}", c.MEMBERS: 1} for n in ten],
        tables.FAMILY_MEMBER: [{c.FAMILY_ID: f"F{n}", c.PERSON_ID: f"P{n}"} for n in ten],
        tables.SCORE: [
            {
                **{c.FAMILY_ID: f"F{n}", c.MEMBERS: 1, c.SCORE: 13_000_000 + n, c.DECILE: n, c.STATE: "RANKED"},
                **{c.REGION_CODE: "1101", c.EXPENDITURE_IDR_MONTH: 500_000},
            }
            for n in ten
        ],
        PKH: [decided("SELECTED", family_id="F1"), decided("NOT_ELIGIBLE", family_id="F9")],
        EMPLOYMENT: [
            decided("SELECTED", family_id="F2", person_id="P2"),
            decided("NOT_ELIGIBLE", person_id="dead"),
        ],
    }


@dataclass(frozen=True, kw_only=True)
class JobOverFrames(Job):
    """A job whose build is rows in memory: the audit only reads it, and ten Delta tables a test would be slow."""

    given: Given

    def read(self, table: TableContract) -> DataFrame:
        return frame(self.spark, table, self.given[table]).coalesce(1)

    def has(self, table: TableContract) -> bool:
        return table in self.given


@pytest.fixture
def make_job(spark: SparkSession, tmp_path: Path) -> Callable[..., Job]:
    """A job whose build holds the given tables."""

    def make(given: Given, *, period: str = "2026Q1", previous: str | None = None) -> Job:
        job = build_job(spark, tmp_path, {}, None, period)
        stated = {one.name: getattr(job, one.name) for one in fields(job)} | {"previous_release": previous}
        return JobOverFrames(**stated, given=given)

    return make
