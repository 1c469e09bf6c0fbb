"""The draw of field checks: known probabilities, the budget, the same sample each time."""

import pytest
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.corrections import sampling
from dtsen_spark.errors import UsageError
from tests.frames import frame

FAMILIES = 1200
BUDGET = 120


def test_a_small_stratum_is_visited_whole_and_the_budget_is_met():
    terms = sampling.load_terms()
    sizes = {
        "32/1/OTHER/OUT": 5000,
        "32/4/BORDERLINE/IN": 300,
        "32/4/HELD/IN": 2,
        "33/9/STALE/OUT": 1,
        "34/3/REQUESTED/IN": 9,
    }
    visits = sampling.allocated(sizes, 100, terms)
    assert sum(visits.values()) == 100
    assert visits["34/3/REQUESTED/IN"] == 9
    assert (visits["32/4/HELD/IN"], visits["33/9/STALE/OUT"]) == (2, 1)
    assert visits["32/4/BORDERLINE/IN"] / 300 > 3 * visits["32/1/OTHER/OUT"] / 5000
    assert sampling.allocated(sizes, 10**6, terms) == sizes


@pytest.fixture(scope="module")
def families(spark):
    scores = [
        {
            c.FAMILY_ID: f"F{number:05d}",
            c.REGION_CODE: f"3{1 + number % 2}0{1 + number % 3}012001",
            c.SCORE: 12_000_000 + number * 2_000,
            c.DECILE: 1 + number * 10 // FAMILIES,
            c.CONFIDENCE: 0.2 if number % 7 == 0 else 0.9,
        }
        for number in range(FAMILIES)
    ]
    decided = [
        {c.FAMILY_ID: f"F{number:05d}", c.DECISION: "SELECTED" if number < 400 else "ELIGIBLE", c.HOLD: number == 500}
        for number in range(0, FAMILIES, 2)
    ]
    return sampling.frame(
        frame(spark, tables.SCORE, scores),
        [frame(spark, tables.decision("pkh"), decided)],
        frame(spark, tables.FAMILY, [{c.FAMILY_ID: f"F{number:05d}"} for number in (7, 700, 1100)]),
        {4: 12_000_000 + 480 * 2_000},
        sampling.load_terms(),
    ).localCheckpoint()


def test_each_family_is_drawn_with_the_probability_that_it_carries(families):
    terms = sampling.load_terms()
    drawn = sampling.draw(families, BUDGET, "2026Q1.1", terms).collect()
    assert len(drawn) == len({row[c.FAMILY_ID] for row in drawn}) == BUDGET
    held = [row for row in drawn if row[c.REASON] == "HELD"]
    assert [(row[c.FAMILY_ID], row[c.PROBABILITY]) for row in held] == [("F00500", 1.0)]
    asked = {row[c.FAMILY_ID]: row[c.PROBABILITY] for row in drawn if row[c.REASON] == "REQUESTED"}
    assert asked == {"F00007": 1.0, "F00700": 1.0, "F01100": 1.0}
    # The weights of a sample add up to the families that it stands for.
    assert sum(1 / row[c.PROBABILITY] for row in drawn) == pytest.approx(FAMILIES)
    chance = {row[c.REASON]: row[c.PROBABILITY] for row in drawn if row[c.STRATUM].endswith("OUT")}
    assert chance["BORDERLINE"] > 2 * chance["OTHER"]

    again = sampling.draw(families.repartition(5).orderBy(F.rand(1)), BUDGET, "2026Q1.1", terms).collect()
    assert sorted(again) == sorted(drawn)
    with pytest.raises(UsageError, match="give at least that many"):
        sampling.draw(families, 3, "2026Q1.1", terms)
