"""Probabilities of deciles, who is on the border, intervals, rank inside the kab/kota."""

from collections import defaultdict
from statistics import NormalDist

import numpy as np
import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark.welfare.deciles import Cut
from dtsen_spark.welfare.ranking import with_kab_rank
from dtsen_spark.welfare.uncertainty import BORDERLINE, CLEAR, classify

CUTS = tuple(Cut(k, 13_000_000 + 80_000 * k, 0) for k in range(1, 10))
GENERATOR = np.random.default_rng(5)
FAMILIES = [
    (f"f{i}", int(s), int(e))
    for i, (s, e) in enumerate(
        zip(GENERATOR.normal(13_400_000, 300_000, 150), GENERATOR.integers(1, 120_000, 150), strict=True)
    )
]


def test_probabilities_are_normal_and_the_border_is_where_the_interval_straddles_a_cut(spark: SparkSession) -> None:
    rows = [*FAMILIES, ("sure", 13_400_000, 0), ("unranked", None, None)]
    scored = spark.createDataFrame(rows, "family_id string, score long, score_error long")
    placed = classify(scored, CUTS, residual_sd=0.4, smearing=1.1, interval=0.8)
    found = {row[c.FAMILY_ID]: row for row in placed.collect()}
    assert {row[c.DECILE_STATE] for row in found.values()} == {BORDERLINE, CLEAR, None}
    z = NormalDist().inv_cdf(0.9)

    def decile(score: float) -> int:
        return 1 + sum(score >= cut.score for cut in CUTS)

    for name, score, error in FAMILIES:
        row = found[name]
        reach = np.floor(z * error + 0.5)
        border = decile(score - reach) != decile(score + reach)
        assert row[c.DECILE_STATE] == (BORDERLINE if border else CLEAR)
        assert row[c.DECILE] == decile(score)
        if border:
            below = [0.0, *(NormalDist(score, error).cdf(cut.score) for cut in CUTS), 1.0]
            assert sum(row[c.DECILE_PERMILLE]) == 1000
            assert row[c.DECILE_PERMILLE] == pytest.approx(np.diff(below) * 1000, abs=1.01)
        else:
            assert row[c.DECILE_PERMILLE] is None
        spread = z * np.sqrt(0.4**2 + (error / 1e6) ** 2)
        middle = np.exp(score / 1e6) * 1.1
        assert row[c.EXPENDITURE_IDR_MONTH] == pytest.approx(middle, abs=1)
        assert row[c.EXPENDITURE_LOW_IDR_MONTH] == pytest.approx(middle * np.exp(-spread), rel=1e-5)
        assert row[c.EXPENDITURE_HIGH_IDR_MONTH] == pytest.approx(middle * np.exp(spread), rel=1e-5)
    assert found["sure"][c.DECILE_STATE] == CLEAR
    assert found["unranked"][c.DECILE] is None
    assert found["unranked"][c.EXPENDITURE_HIGH_IDR_MONTH] is None


def test_rank_inside_the_kab_is_that_of_a_sort(spark: SparkSession) -> None:
    draw = np.random.default_rng(6)
    kabs = ("3201", "3271", "7401")
    rows = [
        (f"f{i}", kabs[draw.integers(3)] + "012001", int(draw.integers(-9, 9)) * 3000 if i % 9 else None)
        for i in range(300)
    ]
    rows += [("nowhere", None, None), ("in a province", "32", None)]
    df = spark.createDataFrame(rows, "family_id string, region_code string, score long")
    found = {row[c.FAMILY_ID]: row for row in with_kab_rank(df.repartition(3)).collect()}
    assert len(found) == len(rows)
    scores = defaultdict(list)
    for _, region, score in rows:
        if score is not None:
            scores[region].append(score)
    for name, region, score in rows:
        row = found[name]
        if score is None:
            assert (row[c.KAB_RANK], row[c.KAB_FAMILIES]) == (None, None)
        else:
            assert row[c.KAB_RANK] == 1 + sum(other < score for other in scores[region])
            assert row[c.KAB_FAMILIES] == len(scores[region])
