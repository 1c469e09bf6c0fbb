"""Deciles: the same as a plain grouping and sort, for every family."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
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


@pytest.mark.slow
def test_a_million_families_stand_where_numpy_puts_them_however_the_files_lie(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Both units, ties, families of no member, families without a score; the law by integer division."""
    size = 1_000_000
    score = GENERATOR.normal(13.8e6, 6e5, size).astype(np.int64)
    score[: size // 4] -= score[: size // 4] % 20_000  # a quarter stands in ties of thousands
    score[size // 4 : size // 4 + 1000] = 0
    unranked = GENERATOR.random(size) < 0.02
    weight = GENERATOR.integers(0, 9, size)
    families = pa.table({"id": np.arange(size), "score": pa.array(score, mask=unranked), "w": weight})

    def placed(order: np.ndarray, files: int) -> dict[str, np.ndarray]:
        folder = tmp_path / f"{files}"
        folder.mkdir()
        for number, part in enumerate(np.array_split(order, files)):
            pq.write_table(families.take(pa.array(part)), folder / f"{number}.parquet")
        df = spark.read.parquet(str(folder))
        units = {"person": F.col("w"), "family": F.lit(1)}
        cuts = cut_points(df.where("score is not null"), "score", units)
        out = folder / "deciles"
        df.select("id", *(decile(F.col("score"), cuts[unit]).alias(unit) for unit in units)).write.parquet(str(out))
        found = pq.read_table(out).sort_by("id")
        assert found["id"].to_numpy().tolist() == list(range(size))
        return {unit: found[unit].fill_null(0).to_numpy() for unit in units}

    first = placed(np.arange(size), 1)
    again = placed(GENERATOR.permutation(size), 7)
    for unit, counts in (("person", weight), ("family", np.ones(size, dtype=np.int64))):
        own, its = score[~unranked], counts[~unranked]
        ordered = np.argsort(own, kind="stable")
        running = np.concatenate([[0], np.cumsum(its[ordered])])
        below = running[np.searchsorted(own[ordered], own, side="left")]
        wanted = np.zeros(size, dtype=np.int64)
        wanted[~unranked] = np.minimum(10 * below // its.sum() + 1, 10)
        np.testing.assert_array_equal(first[unit], wanted)
        np.testing.assert_array_equal(again[unit], wanted)
