"""Deciles: the same as a plain grouping and sort, for every family."""

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark.welfare import deciles
from dtsen_spark.welfare.deciles import Cut, cut_points, decile

GENERATOR = np.random.default_rng(14)


def by_sorting(scores: list[int], weights: list[int]) -> list[int]:
    """The law word for word: lowest k from 1 to 10 with 10 * (weight strictly below) < k * total."""
    score, weight = np.array(scores), np.array(weights)
    total = int(weight.sum())
    order = np.argsort(score, kind="stable")
    running = np.concatenate([[0], np.cumsum(weight[order])])
    below = running[np.searchsorted(score[order], score, side="left")]
    return [next((k for k in range(1, 11) if 10 * int(b) < k * total), 10) for b in below]


CASES = {
    "many cells": (GENERATOR.normal(13.8e6, 5e5, 3000).astype(int), GENERATOR.integers(1, 7, 3000)),
    "ties": (GENERATOR.integers(0, 25, 2000) * 1000, GENERATOR.integers(1, 7, 2000)),
    "one cell": (GENERATOR.integers(4096, 8191, 500), GENERATOR.integers(1, 3, 500)),
    "negative": (GENERATOR.integers(-20_000, 20_000, 500), GENERATOR.integers(1, 3, 500)),
    "zero weights": (GENERATOR.integers(0, 20_000, 400), GENERATOR.integers(0, 2, 400)),
    "fewer than ten": (np.array([5, 3, 9]), np.array([1, 2, 4])),
    "all equal": (np.full(20, 7), np.full(20, 3)),
    "one family": (np.array([12_345_678]), np.array([4])),
    "one heavy family": (np.arange(50) * 5000, np.array([1] * 25 + [1000] + [1] * 24)),
    "no weight at all": (np.arange(5), np.zeros(5, dtype=int)),
}


@pytest.mark.parametrize("case", CASES)
def test_decile_is_that_of_a_sort(spark: SparkSession, case: str) -> None:
    scores, weights = ([int(value) for value in values] for values in CASES[case])
    rows = [(i, s, w) for i, (s, w) in enumerate(zip(scores, weights, strict=True))]
    df = spark.createDataFrame(rows, "id long, score long, w long").coalesce(2)
    cuts = cut_points(df, "score", {"person": F.col("w"), "family": F.lit(1)})
    found = df.select("id", *(decile(F.col("score"), cuts[unit]).alias(unit) for unit in cuts)).orderBy("id").collect()
    assert [row["person"] for row in found] == by_sorting(scores, weights)
    assert [row["family"] for row in found] == by_sorting(scores, [1] * len(scores))


def test_cuts_carry_the_weight_below_them(spark: SparkSession) -> None:
    df = spark.range(100).select((F.col("id") * 3).alias("score"))
    assert cut_points(df, "score", {"family": F.lit(1)})["family"] == tuple(
        Cut(k, 30 * k, 10 * k) for k in range(1, 10)
    )


def test_nothing_to_rank(spark: SparkSession) -> None:
    assert cut_points(spark.range(0), "id", {"person": F.lit(1)}) == {"person": ()}


def test_cuts_do_not_depend_on_partitions_or_cells(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    df = spark.range(5000).select(((F.col("id") * 7919) % 100_003).alias("score"))
    units = {"family": F.lit(1)}
    one = cut_points(df.repartition(1), "score", units)
    assert cut_points(df.repartition(7), "score", units) == one
    monkeypatch.setattr(deciles, "_CELL", 17)
    assert cut_points(df, "score", units) == one
