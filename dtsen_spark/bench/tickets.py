"""The corrections stage on a month of many tickets: seconds against a goal, beside one shuffle and write of them."""

import shutil
from datetime import date
from pathlib import Path
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from rich.console import Console

from dtsen_spark import columns as c
from dtsen_spark import corrections, session, tables
from dtsen_spark.bench.ratios import Candidate, Verdict, compare, judge_seconds, print_comparison
from dtsen_spark.config import Config
from dtsen_spark.contract import TableContract
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import Ledger
from dtsen_spark.synthetic.draw import Draws
from dtsen_spark.synthetic.tickets import filed

_STAGE: Final = "tickets to verified values"
_FLOOR: Final = "read, shuffle, write once"
# For each ticket with its events: two minutes a million.
_SECONDS: Final = 120.0 / 1_000_000
_PERIOD: Final = Period.parse("2026-04")
# After the last event: a batch cannot tell of a later day.
_AS_OF: Final = date(2026, 6, 30)
_VILLAGES: Final = 200
_TABLES: Final = ("usulan/tiket", "usulan/peristiwa")


def measure(out: Console, config: Config, root: Path, tickets: int, rounds: int) -> list[Verdict]:
    """Time the corrections stage on tickets with their events, each of another subject, in a registry of as many.

    Args:
        out: Where the table goes.
        config: The configuration.
        root: The workspace; the tickets that stand there are used again.
        tickets: Tickets; about five events each.
        rounds: Timed rounds of each.

    Returns:
        One verdict: seconds over those of the goal.
    """
    spark = session.start(config, "dtsen bench tickets")
    job = _job(spark, config, root / f"lake-tickets-{tickets}")
    if not job.has(_accepted("usulan/peristiwa")):
        _deliver(job, tickets)
    floor = root / "floor"

    def run_floor() -> None:
        for path in _TABLES:
            rows = job.read(_accepted(path))
            rows.repartition(F.col("ticket_id")).write.mode("overwrite").parquet(str(floor / path))

    candidates = [Candidate(_STAGE, lambda: corrections.run(job)), Candidate(_FLOOR, run_floor)]
    timings = compare(candidates, rounds)
    verdicts = [judge_seconds(timings[_STAGE], _SECONDS * tickets)]
    events = job.read(_accepted("usulan/peristiwa")).count()
    print_comparison(out, f"{tickets:,} tickets with {events:,} events", timings, verdicts)
    shutil.rmtree(floor, ignore_errors=True)
    return verdicts


def _accepted(path: str) -> TableContract:
    return tables.accepted(tables.LANDING[path])


def _job(spark: SparkSession, config: Config, root: Path) -> Job:
    """Return a job over a build of its own; nothing was published before."""
    release = f"{_PERIOD.text}.1"
    ledger = Ledger(release, _PERIOD.text, run_id="bench")
    return Job(spark, config, Lake(spark, root), root, _PERIOD, release, None, ledger, outputs={})


def _deliver(job: Job, tickets: int) -> None:
    """Write what ingest would leave of a registry of heads of families and of one ticket of each."""
    family = F.col("family")
    heads = job.spark.range(tickets).select(
        F.col("id").alias("family"),
        F.concat(F.lit("317401"), F.lpad(F.col("id").cast("string"), 10, "0")).alias("nik"),
        F.concat(F.lit("317402"), F.lpad(F.col("id").cast("string"), 10, "0")).alias("no_kk"),
        F.concat(F.lit("317401"), F.lpad((family % _VILLAGES).cast("string"), 4, "0")).alias("village"),
        F.concat(F.lit("317401"), F.lpad(((family + 1) % tickets).cast("string"), 10, "0")).alias("neighbour_nik"),
        F.lit("HEAD").alias("role"),
        F.lit(True).alias("alive"),
        F.lit(True).alias("registered"),
        F.lit(0).alias("copy"),
    )
    new, events = filed(heads, Draws(1), _PERIOD, 1.0)
    registry = heads.withColumns({"shdk": F.lit("1"), "status": F.lit("1"), "kode_wilayah": F.col("village")})
    for path, rows in (("dukcapil/penduduk", registry), ("usulan/tiket", new), ("usulan/peristiwa", events)):
        job.lake.write(_accepted(path), _as_accepted(rows, path), build=job.release_id)


def _as_accepted(rows: DataFrame, path: str) -> DataFrame:
    table = tables.LANDING[path]
    carried = {
        c.NATIVE_KEY: F.concat_ws("|", *table.key),
        c.AS_OF: F.lit(_AS_OF),
        c.BATCH_ID: F.lit("bench"),
        c.STALE_QUARANTINED: F.lit(False),
        c.PARENT_GONE: F.lit(False),
    }
    missing = {name: F.lit(None).cast("string") for name in table.columns if name not in rows.columns}
    return rows.withColumns({**carried, **missing})
