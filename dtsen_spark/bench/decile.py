"""Deciles by histogram against ``ntile`` over one window, alone and behind scoring, and how even the tasks are."""

import statistics
from pathlib import Path
from typing import Any, Final

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from rich.console import Console

from dtsen_spark import columns as c
from dtsen_spark import session
from dtsen_spark.bench.ratios import Bound, Candidate, Verdict, compare, judge, print_comparison
from dtsen_spark.config import Config
from dtsen_spark.job import Period
from dtsen_spark.lake import stored
from dtsen_spark.welfare import deciles, features, model, packing, scoring, stage, training

_SEED: Final = 14
_KABS: Final = 514
_MOST_MEMBERS: Final = 6
_MANY_TASKS: Final = 8
_VALUES: Final = 900
# Days since 1900: from 2016 on, ten years.
_FIRST_DAY: Final = 42_369
_DAYS: Final = 3_650
_DECILES, _NTILE = "deciles", "ntile"
_BOTH, _SCORED_NTILE = "scoring + deciles", "scoring + ntile"
_BOUNDS: Final = (Bound(_DECILES, _NTILE, 0.35, 0.25), Bound(_BOTH, _SCORED_NTILE, 0.55))
_EVEN: Final = Bound("the largest task", "the median task of its stage", 2.0)


def measure(out: Console, config: Config, root: Path, families: int, rounds: int) -> list[Verdict]:
    """Time both ways in turns and print them.

    Args:
        out: Where the table goes.
        config: The configuration.
        root: The workspace.
        families: Families that are ranked.
        rounds: Timed rounds of each candidate.

    Returns:
        The verdicts: two ratios, and the largest task against the median task of its stage.
    """
    spark = session.start(config, "dtsen bench decile")
    designs = _designs(spark, config, root, families)
    fitted = _model(designs)
    scored = _scored(designs, fitted, config)
    plain = stored(scored, root / f"scores-{families}.parquet")

    def with_deciles(scores: DataFrame) -> None:
        ranked = scores.where(F.col(c.SCORE).isNotNull()).select(c.SCORE, c.MEMBERS)
        cuts = deciles.cut_points(ranked, c.SCORE, {"person": F.col(c.MEMBERS), "family": F.lit(1)})
        _consume(scores.withColumn(c.DECILE, deciles.decile(F.col(c.SCORE), cuts["person"])))

    def score_and_deciles() -> None:
        with_deciles(stored(scored, root / f"rescored-{families}.parquet"))

    candidates = (
        Candidate(_DECILES, lambda: with_deciles(plain)),
        Candidate(_NTILE, lambda: _consume(_ntile(plain))),
        Candidate(_BOTH, score_and_deciles),
        Candidate(_SCORED_NTILE, lambda: _consume(_ntile(scored))),
    )
    timings = compare(candidates, rounds)
    first = next_stage(spark)
    score_and_deciles()
    even = Verdict(_EVEN, largest_task(spark, first))
    verdicts = [*judge(timings, _BOUNDS), even]
    print_comparison(out, f"Deciles of {families:,} families, weighted by person", timings, verdicts)
    return verdicts


def _ntile(scores: DataFrame) -> DataFrame:
    # What is compared with: one window without a partition, ties by arrival, families not weighted.
    return scores.withColumn(c.DECILE, F.ntile(deciles.TENTHS).over(Window.orderBy(c.SCORE)))


def _consume(df: DataFrame) -> None:
    df.write.format("noop").mode("overwrite").save()


def _designs(spark: SparkSession, config: Config, root: Path, families: int) -> DataFrame:
    """Packed families with values for nearly every feature, made of their number; written unless they stand there."""
    path = root / f"designs-{families}.parquet"
    if (path / "_SUCCESS").exists():
        return spark.read.parquet(str(path))

    def draw(name: str) -> Column:
        return F.xxhash64("id", F.lit(f"{name} {_SEED}"))

    def fields(name: str, least: int, values: int) -> Column:
        """Four fields of 16 bits, of which one in fifty is unknown."""
        word: Column = F.lit(0).cast("long")
        for slot in range(0, 64, 16):
            drawn = F.shiftrightunsigned(draw(name), slot).bitwiseAND(F.lit(packing.UNKNOWN).cast("long"))
            known = F.lit(least) + drawn % F.lit(values)
            field = F.when(drawn % F.lit(50) == 0, F.lit(packing.UNKNOWN)).otherwise(known)
            word = word.bitwiseOR(F.shiftleft(field, slot))
        return word

    # Values in hundredths, days of the last ten years, and any sources.
    kinds = {"f": lambda name: fields(name, 0, _VALUES), "d": lambda name: fields(name, _FIRST_DAY, _DAYS), "s": draw}
    kab = F.element_at(
        F.array(*(F.lit(f"{32 + i // 100}{i % 100:02d}") for i in range(_KABS))), F.col("kab").cast("int")
    )
    made = (
        spark.range(families)
        .withColumn("kab", F.pmod(draw("kab"), F.lit(_KABS)) + 1)
        .select(
            F.concat(F.lit("F"), F.lpad(F.col("id").cast("string"), 12, "0")).alias(features.UNIT),
            (F.pmod(draw("members"), F.lit(_MOST_MEMBERS)) + 1).cast("int").alias(c.MEMBERS),
            kab.alias(c.KAB_CODE),
            kab.alias(c.REGION_CODE),
            (draw("urban") > 0).alias(c.URBAN),
            F.lit("SURE").alias(c.LINK_CONFIDENCE),
            (F.pmod(draw("link"), F.lit(200)) / 10).alias(c.WEAKEST_LINK),
            F.lit(0).alias(c.RECORDS_IN_REVIEW),
            draw("members").alias(c.MEMBER_HASH),
            *(kinds[name[0]](name).alias(name) for name in packing.words()),
        )
    )
    made.write.mode("overwrite").parquet(str(path))
    return spark.read.parquet(str(path))


def _model(designs: DataFrame) -> model.PmtModel:
    """A model that uses every feature, in every kab/kota."""
    names = [f.name for f in features.features()]
    places = {f"{32 + i // 100}{i % 100:02d}:{kind}": 13.5 + i / 1000 for i in range(_KABS) for kind in "UR"}
    levels = {model.NATION: 13.5, **places}
    variants = {
        name: model.Variant({one: 0.0004 + (i - 3 * j) / 1e6 for i, one in enumerate(names)}, {}, levels)
        for j, name in enumerate(training.VARIANTS)
    }
    return model.PmtModel(variants, dict.fromkeys(names, 450), 1.1, {}, dict.fromkeys(names, 260.0), 0.4)


def _scored(designs: DataFrame, fitted: model.PmtModel, config: Config) -> DataFrame:
    day = Period.parse(config.generate.quarter).last_day
    scored = scoring.score(designs, fitted, on=day, rules=config.welfare)
    # What the stage keeps of a family; in a first release there is no former score.
    kept = [name for name in stage.KEPT if name not in {scoring.FORMER_SCORE, scoring.FORMER_MEMBER_POINTS}]
    return scored.select(F.col(features.UNIT).alias(c.FAMILY_ID), *kept)


def next_stage(spark: SparkSession) -> int:
    """Return a number that every stage from now on reaches and none before did."""
    return max((ran.stageId() for ran in _stages(spark)), default=-1) + 1


def largest_task(spark: SparkSession, first: int) -> float:
    """Return the largest over the median duration of a task, the worst of the stages that have many tasks.

    Args:
        spark: The session.
        first: Stages from this one on are looked at; from ``next_stage``.

    Returns:
        The ratio; 1 where no stage has many tasks.
    """
    store = spark.sparkContext._jsc.sc().statusStore()
    worst = 1.0
    for ran in _stages(spark):
        if ran.stageId() < first or ran.numCompleteTasks() < _MANY_TASKS:
            continue
        tasks = store.taskList(ran.stageId(), ran.attemptId(), ran.numCompleteTasks())
        durations = [int(str(tasks.apply(j).duration().get())) for j in range(tasks.size())]
        worst = max(worst, max(durations) / max(statistics.median(durations), 1))
    return worst


def _stages(spark: SparkSession) -> list[Any]:
    gateway: Any = spark.sparkContext._gateway
    everything = gateway.jvm.java.util.ArrayList()
    no_quantiles = gateway.new_array(gateway.jvm.double, 0)
    store = spark.sparkContext._jsc.sc().statusStore()
    found = store.stageList(everything, False, False, no_quantiles, everything)
    return [found.apply(i) for i in range(found.size())]
