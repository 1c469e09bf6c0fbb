"""Silver to membership against Splink on DuckDB and against one shuffle of the input, in turns in one run."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F
from rich.console import Console

from dtsen_spark import columns as c
from dtsen_spark import linkage, pipeline, session, tables
from dtsen_spark.bench.nation import nation
from dtsen_spark.bench.ratios import Bound, Candidate, Verdict, compare, judge, print_comparison
from dtsen_spark.config import Config
from dtsen_spark.lake import Lake
from dtsen_spark.linkage import yardstick

_OURS = "silver to membership"
_SPLINK = "Splink on DuckDB"
_SPLINK_ON_SPARK = "Splink on Spark"
_FLOOR = "one shuffle of the input"
_BOUNDS = (Bound(_OURS, _SPLINK, gate=1.5, goal=1.0), Bound(_OURS, _FLOOR, gate=10.0, goal=6.0))


def measure(
    out: Console, config: Config, root: Path, persons: int, rounds: int, *, on_spark: bool = False
) -> list[Verdict]:
    """Link one nation with ours and with Splink, both with a model trained beforehand, and shuffle it once.

    The bounds are set for 3 million persons; at small sizes Spark's planning, which does not grow, is most of ours.

    Args:
        out: Where the figures go.
        config: The configuration.
        root: The workspace.
        persons: Persons of the nation.
        rounds: Timed rounds of each candidate.
        on_spark: Time Splink on Spark as well; no bound is set against it.

    Returns:
        The verdicts.
    """
    landing = nation(config, root, persons) / "landing"
    store = Lake(session.start(config, "dtsen bench linkage"), root / f"lake-linkage-{persons}")
    request = pipeline.RunRequest(landing, store.root, config.generate.quarter, last="harmonise")
    pipeline.run(request, config, lambda _: None)
    job = pipeline.job_of_build(store, config)
    records = root / f"records-{persons}"
    yardstick.export_records(job.read(tables.PERSON_RECORD), records)
    settings = _apart(yardstick.train_plainly, records)
    linkage.train(job)

    def floor() -> None:
        silver = job.read(tables.PERSON_RECORD).select(c.RECORD_ID, c.SOURCE, *yardstick.COMPARED)
        silver.repartition(F.col(c.NIK)).write.mode("overwrite").parquet(str(root / "floor"))

    def plainly() -> None:
        _apart(yardstick.link_plainly, records, settings, root / "clusters.parquet")

    def plainly_on_spark() -> None:
        yardstick.link_plainly_on_spark(job.spark, records, settings, root / "splink-on-spark")

    candidates = [
        Candidate(_OURS, lambda: linkage.run(job)),
        Candidate(_SPLINK, plainly),
        Candidate(_FLOOR, floor),
        *([Candidate(_SPLINK_ON_SPARK, plainly_on_spark)] if on_spark else []),
    ]
    timings = compare(candidates, rounds)
    verdicts = judge(timings, _BOUNDS)
    print_comparison(out, f"Linkage of {persons:,} persons", timings, verdicts)
    return verdicts


def _apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do it in a process of its own, which takes its memory with it: DuckDB would keep it beside the JVM's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, *arguments).result()
