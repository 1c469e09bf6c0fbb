"""A small silver frame and a job over it."""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import config, linkage, tables
from dtsen_spark.contract import local_frame
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import Ledger

KEY = "ab" * 32


def record(record_id: str, name: str | None = None, birth: str | None = None, **values: Any) -> dict[str, Any]:
    """One row of ``silver/person_record``; what is not given is derived from name and date, or null."""
    row: dict[str, Any] = dict.fromkeys(tables.PERSON_RECORD.columns)
    source, _, key = record_id.partition(":")
    row.update({c.RECORD_ID: record_id, c.SOURCE: source, c.SEX: "L", c.REGION_CODE: "3201012001"})
    if source == "dukcapil":
        row.update({c.NIK: key, c.REGISTRY_STATUS: "ACTIVE"})
    if name:
        tokens = sorted(set(name.split()))
        row.update(
            {
                c.NAME: name,
                c.NAME_NORM: name,
                c.NAME_SORTED: " ".join(sorted(name.split())),
                c.NAME_TOKENS: tokens,
                c.TOKEN_COUNT: len(tokens),
                c.NAME_PHONETIC: max(tokens, key=len)[:4],
            }
        )
    if birth:
        day = date.fromisoformat(birth)
        row.update(
            {
                c.BIRTH_DATE: day,
                c.BIRTH_YEAR: day.year,
                c.BIRTH_MONTH: day.month,
                c.BIRTH_DAY: day.day,
                c.BIRTH_HEAPED: (day.month, day.day) in {(1, 1), (7, 1), (12, 31)},
            }
        )
    row.update(values)
    return row


def nik(number: int, birth: str = "1980-03-12", sex: str = "L") -> str:
    """A NIK of valid form; ``number`` is its serial."""
    day = date.fromisoformat(birth)
    return f"320101{day.day + 40 * (sex == 'P'):02d}{day:%m%y}{number:04d}"


FIRST = (
    "AGUS",
    "BAMBANG",
    "CAHYO",
    "DEWI",
    "EKO",
    "FITRI",
    "GUNAWAN",
    "HARTONO",
    "INDAH",
    "JOKO",
    "KARTIKA",
    "LESTARI",
)
LAST = ("ANWAR", "BASUKI", "CANDRA", "DARMA", "EFENDI", "FIRDAUS", "GINTING", "HIDAYAT", "IRAWAN", "JATMIKO", "KUSUMA")


def crowd(size: int) -> list[dict[str, Any]]:
    """Registry persons with one verified DTKS record each: what a model can be trained on."""
    rows = []
    for i in range(size):
        name = f"{FIRST[i % 12]} {LAST[(i // 12) % 11]}{chr(65 + i % 7)}"
        birth = f"{1950 + (i * 7) % 60}-{1 + i % 12:02d}-{1 + (i * 5) % 28:02d}"
        sex = "LP"[i % 2]
        number = f"3201{1 + i % 9:02d}{int(birth[8:]) + 40 * (i % 2):02d}{birth[5:7]}{birth[2:4]}{i % 9000 + 100:04d}"
        shared = {c.SEX: sex, c.REGION_CODE: f"3201{1 + i % 9:02d}2001", c.NO_KK: f"320101010120{i // 3:04d}"}
        rows.append(record(f"dukcapil:{number}", name, birth, **shared))
        typo = name[:-2] + name[-1] if i % 9 == 0 else name
        rows.append(
            record(
                f"dtks:c{i}",
                typo,
                birth,
                **{**shared, c.NIK: number, c.FAMILY_RECORD_ID: f"dtks/rumah_tangga:{i // 3}"},
            )
        )
    return rows


class Linked:
    """A job that ran, and its answers."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.membership = job.read(tables.MEMBERSHIP)
        self.rows: dict[str, Row] = {
            row[c.RECORD_ID]: row for row in self.membership.where(F.col(c.VALID_TO).isNull()).collect()
        }

    def person(self, record_id: str) -> str:
        return str(self.rows[record_id][c.PERSON_ID])

    def reason(self, record_id: str) -> str:
        return str(self.rows[record_id][c.MATCH_REASON])

    def together(self, *record_ids: str) -> bool:
        return len({self.person(one) for one in record_ids}) == 1


def frame(spark: SparkSession, rows: Iterable[dict[str, Any]]) -> DataFrame:
    schema = tables.PERSON_RECORD.schema
    return local_frame(spark, (tuple(row[name] for name in schema.names) for row in rows), schema)


class Lab:
    """A lake in which the stage runs release after release."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark = spark
        self.root = root
        self.lake = Lake(spark, root / "lake")
        self.releases: list[str] = []
        self.versions: dict[str, int] = {}

    def run(self, rows: Iterable[dict[str, Any]], labels: Iterable[tuple[str, str, str]] = ()) -> Linked:
        """Run the stage over rows of silver and publish: a second call is the next release."""
        release = f"2026Q{len(self.releases) + 1}.1"
        job = Job(
            spark=self.spark,
            config=config.load(),
            lake=self.lake,
            landing=self.root,
            period=Period.parse(release[:6]),
            release_id=release,
            previous_release=self.releases[-1] if self.releases else None,
            ledger=Ledger(release, release[:6], run_id="test"),
            outputs={},
            published_versions=self.versions,
        )
        job.write(tables.PERSON_RECORD, frame(self.spark, rows))
        label_rows = [(left, right, label, "somebody", None) for left, right, label in labels]
        job.write(tables.LABEL_PAIR, local_frame(self.spark, label_rows, tables.LABEL_PAIR.schema))
        linkage.run(job)
        for table in (tables.MEMBERSHIP, tables.CROSSWALK):
            self.versions[table.path] = self.lake.write(table, job.read(table)).version
        self.releases.append(release)
        return Linked(job)


@pytest.fixture(scope="package")
def lab(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lake for the package: its model is trained once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DTSEN_ID_KEY", KEY)
        yield Lab(spark, tmp_path_factory.mktemp("linkage"))
