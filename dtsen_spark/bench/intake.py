"""Ingest and harmonise against the floor: reading the same files, shuffling them once, writing them once.

Beside both stand the two layers copied: what keeping every delivered column and every meaning costs without any rule.
"""

import dataclasses
import shutil
from collections.abc import Callable
from functools import partial, reduce
from pathlib import Path
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from rich.console import Console

from dtsen_spark import columns as c
from dtsen_spark import pipeline, session
from dtsen_spark.bench.nation import nation
from dtsen_spark.bench.ratios import Bound, Candidate, Timing, Verdict, compare, judge, print_comparison
from dtsen_spark.config import Config
from dtsen_spark.contract import TableContract, fields
from dtsen_spark.lake import Lake
from dtsen_spark.tables import LANDING, TABLES, bronze

INTAKE: Final = "ingest and harmonise"
FLOOR: Final = "read, shuffle, write once"
COPIES: Final = "both layers copied"
AUDIT: Final = "audit with Great Expectations"
RUN: Final = "whole run"

_FLOOR_GATE: Final = 5.0
_AUDIT_GATE: Final = 0.05
_MARGINAL_GATE: Final = 1.1
_SMALLER: Final = 10
_LARGER: Final = 3
_SEPARATOR: Final = "\x1f"
_WRITTEN: Final = TableContract(
    layer="bronze",
    name="floor",
    one_row_is="delivered row",
    key=(c.NATIVE_KEY,),
    fields=fields(c.NATIVE_KEY, c.RAW),
)


def measure(
    out: Console, config: Config, root: Path, persons: int, rounds: int, *, audit: bool, marginal: bool
) -> list[Verdict]:
    """Time ingest and harmonise against the floor, in turns.

    Args:
        out: Where the tables go.
        config: The configuration.
        root: The workspace.
        persons: Persons of the nation.
        rounds: Timed rounds of each.
        audit: Run the whole job once more, for the share of the gate in it.
        marginal: Time a nation of a tenth and one of three times the persons too.

    Returns:
        Verdicts: against the floor, and the same of the copies; share of the audit; cost of a further record.
    """
    landing = nation(config, root, persons) / "landing"
    spark = session.start(config, "dtsen bench")
    made = root / "lake-intake"
    candidates = [
        Candidate(INTAKE, partial(_intake, config, landing, made)),
        Candidate(FLOOR, partial(_floor, spark, landing, root / "lake-floor")),
        Candidate(COPIES, partial(_copies, Lake(spark, made), config, landing, root / "lake-copies")),
    ]
    timings = compare(candidates, rounds)
    verdicts = judge(timings, [Bound(name, FLOOR, _FLOOR_GATE) for name in (INTAKE, COPIES)])
    if marginal:
        verdicts.append(_marginal(config, root, persons, timings))
    if audit:
        verdicts.append(_audit(config, root, landing))
    print_comparison(out, f"Ingest and harmonise at {persons:,} persons", timings, verdicts)
    return verdicts


def _request(landing: Path, lake: Path, config: Config, last: str) -> pipeline.RunRequest:
    shutil.rmtree(lake, ignore_errors=True)
    return pipeline.RunRequest(landing, lake, config.generate.quarter, last=last)


def _intake(config: Config, landing: Path, lake: Path) -> None:
    pipeline.run(_request(landing, lake, config, "harmonise"), config, lambda _: None)


def _floor(spark: SparkSession, landing: Path, root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    delivered = [_read(spark, landing / path) for path in LANDING if (landing / path).is_dir()]
    shuffled = reduce(DataFrame.unionByName, map(_as_one_text, delivered)).repartition(c.NATIVE_KEY)
    Lake(spark, root).write(_WRITTEN, shuffled)


def _read(spark: SparkSession, folder: Path) -> DataFrame:
    # The same options as ingest: files of either do not split.
    rows = spark.read.option("header", value=True).option("multiLine", value=True).option("escape", '"')
    return rows.option("pathGlobFilter", "part-*").csv(f"{folder}/*")


def _as_one_text(delivered: DataFrame) -> DataFrame:
    columns = [F.col(f"`{name}`") for name in delivered.columns]
    # One text for all columns, so that all tables are one shuffle and one write: no less could be kept of a row.
    return delivered.select(columns[0].alias(c.NATIVE_KEY), F.concat_ws(_SEPARATOR, *columns).alias(c.RAW))


def _copies(made: Lake, config: Config, landing: Path, root: Path) -> None:
    """Write the delivered columns as they are read, and silver as it was made: no stage writes less."""
    shutil.rmtree(root, ignore_errors=True)
    copies = Lake(made.spark, root)
    for path, table in LANDING.items():
        if (landing / path).is_dir():
            delivered = _read(made.spark, landing / path)
            as_read = dataclasses.replace(bronze(table), fields=(), slice_by=(), text_columns=tuple(delivered.columns))
            copies.write(as_read, delivered)
    job = pipeline.job_of_build(made, config)
    for silver in TABLES:
        if silver.layer == "silver" and job.has(silver):
            copies.write(silver, job.read(silver))


def _marginal(config: Config, root: Path, persons: int, timings: dict[str, Timing]) -> Verdict:
    sizes = {size: nation(config, root, size) / "landing" for size in (persons // _SMALLER, persons * _LARGER)}
    lake = root / "lake-intake"
    others = [Candidate(str(size), partial(_intake, config, landing, lake)) for size, landing in sizes.items()]
    timed = compare(others, 1, warm_up=False)
    bound = Bound(
        f"a record from {persons:,} to {persons * _LARGER:,}",
        f"a record from {persons // _SMALLER:,} to {persons:,}",
        _MARGINAL_GATE,
    )

    def ratio(seconds: Callable[[Timing], float]) -> float:
        low, high = (seconds(timed[str(size)]) for size in sizes)
        middle = seconds(timings[INTAKE])
        return (high - middle) / (persons * (_LARGER - 1)) / ((middle - low) / (persons - persons // _SMALLER))

    return Verdict(bound, ratio(lambda one: one.median), ratio(lambda one: one.median_cpu))


def _audit(config: Config, root: Path, landing: Path) -> Verdict:
    seconds: dict[str, float] = {}
    request = _request(landing, root / "lake-whole", config, "audit")
    pipeline.run(request, config, lambda report: seconds.update({report.name: report.seconds}))
    return Verdict(Bound(AUDIT, RUN, _AUDIT_GATE), seconds["audit"] / sum(seconds.values()))
