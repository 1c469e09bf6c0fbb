"""Training of the proxy means test on a survey as large as the nation's: seconds, against a goal in seconds."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from rich.console import Console

from dtsen_spark import columns as c
from dtsen_spark import session
from dtsen_spark.bench.ratios import Candidate, Verdict, compare, judge_seconds, print_comparison
from dtsen_spark.codes import Indicator, Kind, Level, code_list, indicators
from dtsen_spark.config import Config
from dtsen_spark.lake import stored
from dtsen_spark.welfare import training

_SEED: Final = 14
_KABS: Final = 514
_MOST_MEMBERS: Final = 6
_MOST: Final = 90  # counts, square metres, years
_TRAINING: Final = "training"
_SECONDS: Final = 60.0
_OF_HOUSEHOLD: Final = frozenset({c.URBAN, c.MEMBERS})

Draw = Callable[[str], Column]


def measure(out: Console, config: Config, root: Path, households: int, rounds: int) -> list[Verdict]:
    """Time the training and print it.

    Args:
        out: Where the table goes.
        config: The configuration.
        root: The workspace.
        households: Surveyed households.
        rounds: Timed rounds.

    Returns:
        One verdict: seconds over those of the goal.
    """
    spark = session.start(config, "dtsen bench pmt")
    homes, people = _survey(spark, root, households)
    rules = config.welfare

    def train() -> None:
        training.train(homes, people, shrinkage=rules.shrinkage, folds=rules.folds, interval=rules.interval)

    timings = compare([Candidate(_TRAINING, train)], rounds, warm_up=False)
    verdict = judge_seconds(timings[_TRAINING], _SECONDS)
    print_comparison(out, f"Proxy means test on {households:,} households", timings, [verdict])
    return [verdict]


def _survey(spark: SparkSession, root: Path, households: int) -> tuple[DataFrame, DataFrame]:
    """Households and members with values for every indicator, made of their number."""
    ids = spark.range(households)
    draw = _drawn("id")
    kab = F.lit(3201) + F.pmod(draw("kab"), F.lit(_KABS))
    # What a household spends follows from some of its goods, so that there is something to find.
    goods = [F.when(_number(name, draw) % 2 == 0, 0.4).otherwise(0.0) for name in (c.HAS_FRIDGE, c.HAS_CAR, c.HAS_LAND)]
    log = 13.2 + goods[0] + goods[1] + goods[2] + (draw("noise") % 1000) / 2500
    homes = ids.select(
        _text("H").alias(c.HOUSEHOLD_ID),
        kab.cast("string").alias(c.KAB_CODE),
        (draw("urban") > 0).alias(c.URBAN),
        (draw("weight") % 1000000 / 10000 + 275).cast(c.COLUMNS[c.WEIGHT].type).alias(c.WEIGHT),
        _members(draw).alias(c.MEMBERS),
        F.floor(F.exp(log)).cast(c.COLUMNS[c.EXPENDITURE_PER_CAPITA].type).alias(c.EXPENDITURE_PER_CAPITA),
        *(_value(one, draw) for one in indicators() if one.level is Level.FAMILY and one.name not in _OF_HOUSEHOLD),
    )
    place = F.explode(F.sequence(F.lit(1), _members(draw))).alias("place")
    of_member = _drawn("id", "place")
    people = ids.select("id", place).select(
        F.concat_ws(":", _text("H"), F.col("place")).alias(c.RECORD_ID),
        _text("H").alias(c.HOUSEHOLD_ID),
        F.when(F.col("place") == 1, "HEAD").otherwise("CHILD").alias(c.RELATION),
        *(_value(one, of_member) for one in indicators() if one.level is Level.PERSON and one.name != c.RELATION),
    )
    return stored(homes, root / f"homes-{households}.parquet"), stored(people, root / f"people-{households}.parquet")


def _drawn(*of: str) -> Draw:
    def draw(name: str) -> Column:
        return F.xxhash64(*of, F.lit(f"{name} {_SEED}"))

    return draw


def _members(draw: Draw) -> Column:
    return (F.pmod(draw("members"), F.lit(_MOST_MEMBERS)) + 1).cast("int")


def _text(prefix: str) -> Column:
    return F.concat(F.lit(prefix), F.lpad(F.col("id").cast("string"), 9, "0"))


def _number(name: str, draw: Draw) -> Column:
    return F.pmod(draw(name), F.lit(_MOST)).cast("int")


def _value(one: Indicator, draw: Draw) -> Column:
    number = _number(one.name, draw)
    if one.kind is Kind.FLAG:
        return (number % 2 == 0).alias(one.name)
    if one.kind is Kind.CATEGORY:
        codes = [code.code for code in code_list(one.name).codes]
        return F.get(F.array(*map(F.lit, codes)), number % len(codes)).alias(one.name)
    return number.alias(one.name)
