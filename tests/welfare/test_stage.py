"""Training, scoring and deciles end to end on a small country."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import tables, welfare
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Job
from dtsen_spark.welfare import features, registry, training
from tests.frames import frame

Rows = list[dict[str, Any]]
KABS = ("3201", "3271", "7401")
FLOORS = ("EARTH", "BAMBOO", "WOOD", "CEMENT", "TILE", "CERAMIC", "MARBLE")
SCHOOLS = ("NONE", "PRIMARY", "LOWER_SECONDARY", "UPPER_SECONDARY", "TERTIARY")


def household(number: int, key: str) -> tuple[dict[str, Any], Rows]:
    """A household whose log expenditure is known up to noise; every figure is a function of its number."""
    draw = np.random.default_rng(number)
    floor, school, size = int(draw.integers(7)), int(draw.integers(5)), int(draw.integers(1, 7))
    fridge, urban, kab = bool(draw.integers(2)), bool(draw.integers(2)), KABS[int(draw.integers(3))]
    log = 13.5 + 0.08 * floor + 0.15 * school + 0.2 * fridge - 0.3 * np.log(size) + 0.1 * urban
    log += {"3201": 0.0, "3271": 0.2, "7401": -0.2}[kab] + draw.normal(0, 0.2)
    home = {
        key: f"{number:05d}",
        c.KAB_CODE: kab,
        c.REGION_CODE: f"{kab}012001",
        c.URBAN: urban,
        c.MEMBERS: size,
        c.WEIGHT: Decimal(int(draw.integers(100, 900))),
        c.EXPENDITURE_PER_CAPITA: Decimal(round(float(np.exp(log)))),
        c.FLOOR: FLOORS[floor],
        c.HAS_FRIDGE: fridge,
    }
    people = [
        {
            key: home[key],
            c.RECORD_ID: f"{number}:{i}",
            c.PERSON_ID: f"{number}:{i}",
            c.ALIVE: True,
            c.RELATION: "HEAD" if i == 0 else "CHILD",
            c.SEX: "LP"[int(draw.integers(2))],
            c.AGE: int(draw.integers(20, 70)) if i == 0 else int(draw.integers(0, 15)),
            c.EDUCATION: SCHOOLS[school] if i == 0 else None,
            c.WORKING: bool(draw.integers(2)) if i == 0 else None,
        }
        for i in range(size)
    ]
    return home, people


def households(numbers: range, key: str) -> tuple[Rows, Rows]:
    made = [household(number, key) for number in numbers]
    return [home for home, _ in made], [person for _, people in made for person in people]


SURVEY, SURVEY_MEMBERS = households(range(500), c.HOUSEHOLD_ID)
BAD = [
    {c.HOUSEHOLD_ID: "b1", c.KAB_CODE: "3201", c.WEIGHT: Decimal(1)},
    {c.HOUSEHOLD_ID: "b2", c.KAB_CODE: "3201", c.WEIGHT: Decimal(1), c.EXPENDITURE_PER_CAPITA: Decimal(-5)},
    {c.HOUSEHOLD_ID: "b3", c.KAB_CODE: "3201", c.WEIGHT: Decimal(0), c.EXPENDITURE_PER_CAPITA: Decimal(9)},
    {c.HOUSEHOLD_ID: "b4", c.WEIGHT: Decimal(1), c.EXPENDITURE_PER_CAPITA: Decimal(9)},
]
FAMILIES, PERSONS = households(range(1000, 1200), c.FAMILY_ID)
NOWHERE = {**FAMILIES[0], c.FAMILY_ID: "nowhere", c.KAB_CODE: None, c.REGION_CODE: None}
UNSEEN = {c.FAMILY_ID: "unseen", c.KAB_CODE: "3201", c.REGION_CODE: "3201", c.MEMBERS: 1}
EMPTY = {**FAMILIES[1], c.FAMILY_ID: "empty", c.MEMBERS: 0}
LISTED = {**UNSEEN, c.FAMILY_ID: "listed"}
REGISTERED = {c.FAMILY_ID: "listed", c.PERSON_ID: "r", c.ALIVE: True, c.EDUCATION: "TERTIARY", c.RELATION: "HEAD"}
ALL_FAMILIES = [*FAMILIES, NOWHERE, UNSEEN, EMPTY, LISTED]


def country(survey: Rows, members: Rows) -> dict[Any, Rows]:
    return {
        tables.SURVEY_HOUSEHOLD: survey,
        tables.SURVEY_MEMBER: members,
        tables.FAMILY: ALL_FAMILIES,
        tables.FAMILY_ATTRIBUTE: ALL_FAMILIES,
        tables.PERSON_ATTRIBUTE: [*PERSONS, REGISTERED],
    }


def test_a_country_is_trained_scored_and_ranked(make_job: Callable[..., Job]) -> None:
    job = make_job(country([*SURVEY, *BAD], SURVEY_MEMBERS))
    welfare.run(job)
    rows = {row[c.FAMILY_ID]: row for row in job.read(tables.SCORE).collect()}
    parts = {row[c.FAMILY_ID]: row[c.SCORE_PARTS] for row in job.read(tables.SCORE_PART).collect()}
    cuts = job.read(tables.CUTPOINT).collect()

    # Nobody is lost, and whoever cannot be ranked has the reason.
    assert len(rows) == len(ALL_FAMILIES)
    reasons = {key: row[c.REASON] for key, row in rows.items() if row[c.STATE] == "UNRANKED"}
    assert reasons == {"nowhere": "NO_REGION", "unseen": "NO_INDICATORS", "empty": "NO_MEMBERS"}
    assert all((row[c.DECILE] is None) == (row[c.STATE] == "UNRANKED") for row in rows.values())
    assert all(account.balanced for account in job.ledger.accounts)
    bad = next(account for account in job.ledger.accounts if account.subject == tables.SURVEY_HOUSEHOLD.path)
    assert (bad.rows_out, bad.rows_set_aside, len(bad.set_aside)) == (500, 4, 4)

    # The parts are the score; the score predicts; a family with fewer inputs is less certain.
    ranked = [row for row in rows.values() if row[c.STATE] == "RANKED"]
    for row in ranked:
        points = parts[row[c.FAMILY_ID]]
        assert sum(part["points"] for part in points) == row[c.SCORE]
        assert [part["indicator"] for part in points] == sorted(part["indicator"] for part in points)
    truth = {home[c.FAMILY_ID]: float(home[c.EXPENDITURE_PER_CAPITA]) for home in FAMILIES}
    pairs = np.array([[rows[key][c.SCORE] / 1e6, np.log(money)] for key, money in truth.items()])
    assert np.corrcoef(pairs.T)[0, 1] ** 2 > 0.7
    assert rows["listed"][c.CONFIDENCE] < ranked[0][c.CONFIDENCE] <= 1
    expected = np.exp(ranked[0][c.LOG_EXPENDITURE])
    assert 1 < ranked[0][c.EXPENDITURE_IDR_MONTH] / expected < 1.1

    # Deciles by person, cuts of both units.
    assert sorted((cut[c.UNIT], cut[c.K]) for cut in cuts) == [
        (u, k) for u in ("family", "person") for k in range(1, 10)
    ]
    people = sum(row[c.MEMBERS] for row in ranked)
    heaviest = max(row[c.MEMBERS] for row in ranked)
    for k in range(1, 11):
        assert abs(sum(row[c.MEMBERS] for row in ranked if row[c.DECILE] == k) - people / 10) <= heaviest

    # The registered model is used, not trained again; a month keeps the cuts.
    version = ranked[0][c.MODEL_VERSION]
    assert registry.registered(job.lake, "latest") == version
    card = json.loads((job.lake.root / "models" / "pmt" / f"{version}.json").read_text())["card"]
    assert 0.6 < card["held_out"]["r2"] < 0.95
    assert set(card["held_out"]["targeting"]) == {"10", "20", "30", "40"}
    before = {unit: [cut[c.SCORE] for cut in cuts if cut[c.UNIT] == unit] for unit in ("family", "person")}
    again_job = make_job(country([], []), published={tables.CUTPOINT: [cut.asDict() for cut in cuts]}, period="2026-04")
    welfare.run(again_job)
    after = again_job.read(tables.CUTPOINT).collect()
    assert {u: sorted(x[c.SCORE] for x in after if x[c.UNIT] == u) for u in before} == {
        u: sorted(values) for u, values in before.items()
    }
    assert {row[c.FAMILY_ID]: row[c.DECILE] for row in again_job.read(tables.SCORE).collect()} == {
        key: row[c.DECILE] for key, row in rows.items()
    }


def test_without_model_and_survey_nobody_is_ranked(make_job: Callable[..., Job]) -> None:
    job = make_job(country([], []))
    welfare.run(job)
    assert {(row[c.STATE], row[c.REASON]) for row in job.read(tables.SCORE).collect()} == {("UNRANKED", "NO_MODEL")}
    assert job.read(tables.CUTPOINT).count() == 0
    with pytest.raises(UsageError):
        welfare.train(job)


def test_training_in_spark_is_weighted_least_squares_whatever_the_partitions(spark: SparkSession) -> None:
    homes = frame(spark, tables.SURVEY_HOUSEHOLD, SURVEY)
    people = frame(spark, tables.SURVEY_MEMBER, SURVEY_MEMBERS)
    model = training.train(homes.repartition(1), people.repartition(1), shrinkage=0, folds=3)
    other = training.train(homes.repartition(5), people.repartition(3), shrinkage=0, folds=3)
    assert model is not None
    assert other is not None
    assert model.version == other.version

    used = list(model.variants["full"].slopes)
    columns = [f"x_{name}" for name in used]
    design = training.survey_design(homes, people, 3).select("y", c.WEIGHT, *columns).toPandas()
    x = design[columns].astype(float)
    x = x.fillna({column: model.means[column[2:]] for column in columns})
    weights = design[c.WEIGHT].astype(float)
    centred = x - np.average(x, axis=0, weights=weights)
    reference = sm.WLS(design["y"].astype(float) / 1e6, sm.add_constant(centred), weights=weights).fit()
    found = model.variants["full"]
    np.testing.assert_allclose([found.slopes[name] for name in used], reference.params[columns], rtol=1e-8)
    np.testing.assert_allclose([found.errors[name] for name in used], reference.bse[columns], rtol=1e-8)


def test_every_indicator_has_a_feature(spark: SparkSession) -> None:
    assert len({feature.indicator for feature in features.features()}) == 39
    assert spark is not None
