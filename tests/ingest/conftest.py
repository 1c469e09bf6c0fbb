"""The ingest stage on hand-written deliveries of four tables, and what it left."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import config, ingest, tables
from dtsen_spark.accepted import accepted_rows
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import Ledger

PLN = "pln/pelanggan"
PARENT = "dtks/rumah_tangga"
MEMBER = "dtks/anggota"
TICKET = "usulan/tiket"
LIMITS = ("ingest.max_file_bytes=20000000", "ingest.max_record_chars=100000")
Runner = Callable[..., Job]


@pytest.fixture
def make_job(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """A job over tmp_path/landing for a period and a lake, with four of the contract's tables."""
    for path in [path for path in tables.LANDING if path not in (PLN, PARENT, MEMBER, TICKET)]:
        monkeypatch.delitem(tables.LANDING, path)

    def make(
        period: str = "2026Q1", *, lake: str = "lake", revision: int = 1, landing: str = "landing", limits: Any = LIMITS
    ) -> Job:
        release = f"{period}.{revision}"
        return Job(
            spark=spark,
            config=config.load(settings=limits),
            lake=Lake(spark, tmp_path / lake),
            landing=tmp_path / landing,
            period=Period.parse(period),
            release_id=release,
            previous_release=None,
            ledger=Ledger(release, period, "run"),
            outputs={},
        )

    return make


@pytest.fixture
def runner(make_job: Runner) -> Runner:
    """Runs the stage over such a job; every account balances."""

    def run(*args: Any, **how: Any) -> Job:
        job = make_job(*args, **how)
        ingest.run(job)
        job.ledger.require_balance()
        return job

    return run


def customer(number: int, **bent: str | None) -> dict[str, str | None]:
    return {"id_pelanggan": f"P{number}", "nik": None, "no_kk": None, "daya": "900", "kwh_bulan": "50"} | bent


def state(job: Job, path: str, *columns: str) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in accepted_rows(job.lake, job.release_id, path).select(*columns).collect()}


def quarantine(job: Job, path: str, *columns: str) -> list[tuple[Any, ...]]:
    table = tables.quarantine(tables.LANDING[path])
    found = [tuple(row) for row in job.lake.read(table).select(*columns).collect()]
    return sorted(found, key=str)


def aside(job: Job, path: str) -> dict[str, dict[str, int]]:
    return {a.batch_id or "": dict(a.set_aside) for a in job.ledger.accounts if a.subject == path}


def figures(job: Job) -> dict[tuple[str, str, str], float]:
    """Figures that the stage entered, by metric, subject and rule; to be asked once, since they are handed over."""
    return {(row[c.METRIC], row[c.SUBJECT], row[c.RULE]): row[c.VALUE] for row in job.ledger.drain_metrics()}
