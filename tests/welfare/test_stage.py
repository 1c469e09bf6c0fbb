"""Training, scoring and deciles end to end on a small country."""

import dataclasses
from collections.abc import Callable
from datetime import date
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
from dtsen_spark.welfare.frozen import frozen_at
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
        c.LINK_CONFIDENCE: "SURE",
        c.RECORDS_IN_REVIEW: 0,
        c.SOURCE_OF: '{"floor":"regsosek 2025-11-14","has_fridge":"regsosek 2025-11-14"}',
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
    {c.HOUSEHOLD_ID: "b3", c.KAB_CODE: "3201", c.WEIGHT: Decimal(0), c.EXPENDITURE_PER_CAPITA: Decimal(900_000)},
    {c.HOUSEHOLD_ID: "b4", c.WEIGHT: Decimal(1), c.EXPENDITURE_PER_CAPITA: Decimal(900_000)},
    {c.HOUSEHOLD_ID: "b5", c.KAB_CODE: "3201", c.WEIGHT: Decimal(1), c.EXPENDITURE_PER_CAPITA: Decimal(1)},
    {c.HOUSEHOLD_ID: "b6", c.KAB_CODE: "3201", c.EXPENDITURE_PER_CAPITA: Decimal(900_000)},
]
FAMILIES, PERSONS = households(range(1000, 1200), c.FAMILY_ID)
# An old schooling and doubtful links; no fridge known; everything known and fresh.
FAMILIES[0] |= {c.WEAKEST_LINK: 7.5, c.RECORDS_IN_REVIEW: 2, c.LINK_CONFIDENCE: "REVIEW"}
FAMILIES[1] |= {c.HAS_FRIDGE: None}
PERSONS = [
    {**person, c.SOURCE_OF: '{"education":"dtks 2016-03-01"}'}
    if person[c.FAMILY_ID] == "01000" and person[c.RELATION] == "HEAD"
    else person
    for person in PERSONS
]
NOWHERE = {**FAMILIES[0], c.FAMILY_ID: "nowhere", c.KAB_CODE: None, c.REGION_CODE: None}
UNSEEN = {c.FAMILY_ID: "unseen", c.KAB_CODE: "3201", c.REGION_CODE: "3201", c.MEMBERS: 1}
EMPTY = {**FAMILIES[1], c.FAMILY_ID: "empty", c.MEMBERS: 0}
LISTED = {**UNSEEN, c.FAMILY_ID: "listed"}
REGISTERED = {c.FAMILY_ID: "listed", c.PERSON_ID: "r", c.ALIVE: True, c.EDUCATION: "TERTIARY", c.RELATION: "HEAD"}
ALL_FAMILIES = [*FAMILIES, NOWHERE, UNSEEN, EMPTY, LISTED]


def score_parts(job: Job) -> dict[str, Any]:
    return {row[c.FAMILY_ID]: row for row in job.read(tables.SCORE_PART).collect()}


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
    parts = {key: row[c.SCORE_PARTS] for key, row in score_parts(job).items()}
    cuts = job.read(tables.CUTPOINT).collect()

    # Nobody is lost, and whoever cannot be ranked has the reason.
    assert len(rows) == len(ALL_FAMILIES)
    reasons = {key: row[c.REASON] for key, row in rows.items() if row[c.STATE] == "UNRANKED"}
    assert reasons == {"nowhere": "NO_REGION", "unseen": "NO_INDICATORS", "empty": "NO_MEMBERS"}
    assert all((row[c.DECILE] is None) == (row[c.STATE] == "UNRANKED") for row in rows.values())
    assert all(account.balanced for account in job.ledger.accounts)
    bad = next(account for account in job.ledger.accounts if account.subject == tables.SURVEY_HOUSEHOLD.path)
    assert (bad.rows_out, bad.rows_set_aside) == (500, 6)
    assert sorted(bad.set_aside) == [
        "expenditure_implausible",
        "expenditure_missing",
        "expenditure_not_positive",
        "region_missing",
        "weight_missing",
        "weight_not_positive",
    ]

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

    check_inputs(rows, score_parts(job))
    check_card(job, ranked[0][c.MODEL_VERSION])


def check_inputs(rows: dict[str, Any], told: dict[str, Any]) -> None:
    """Where each input came from, how fresh and how sure."""
    inputs = {part["indicator"]: part for part in told["01000"][c.SCORE_INPUTS]}
    assert (inputs[c.FLOOR]["source"], inputs[c.FLOOR]["as_of"]) == ("regsosek", date(2025, 11, 14))
    assert (inputs[c.EDUCATION]["source"], inputs[c.EDUCATION]["as_of"]) == ("dtks", date(2016, 3, 1))
    fresh, old, unseen = (rows[key] for key in ("01002", "01000", "01001"))
    assert old[c.OLDEST_INPUT] == date(2016, 3, 1)
    assert fresh[c.CONFIDENCE] == 1
    assert max(old[c.CONFIDENCE], unseen[c.CONFIDENCE]) < 1
    assert old[c.SCORE_ERROR] > fresh[c.SCORE_ERROR] < unseen[c.SCORE_ERROR]
    assert (old[c.WEAKEST_LINK], old[c.RECORDS_IN_REVIEW], old[c.LINK_CONFIDENCE]) == (7.5, 2, "REVIEW")
    assert rows["listed"][c.MODEL_VARIANT] == "person"
    ranked = [row for row in rows.values() if row[c.STATE] == "RANKED"]
    for row in ranked:
        assert row[c.EXPENDITURE_LOW_IDR_MONTH] < row[c.EXPENDITURE_IDR_MONTH] < row[c.EXPENDITURE_HIGH_IDR_MONTH]
        assert (row[c.DECILE_PERMILLE] is not None) == (row[c.DECILE_STATE] == "BORDERLINE")
    by_kab = sorted((row[c.REGION_CODE][:4], row[c.SCORE], row[c.KAB_RANK]) for row in ranked)
    assert [rank for kab, _, rank in by_kab if kab == "3201"] == sorted(rank for k, _, rank in by_kab if k == "3201")


def check_card(job: Job, version: str) -> None:
    """The card: calibrated, intervals hold, better than what it has to beat."""
    assert registry.registered(job.lake, "latest") == version
    model = registry.load(job.lake, version)
    held_out = model.card["held_out"]
    assert 0.6 < held_out["r2"] < 0.95
    assert set(held_out["targeting"]) == {"10", "20", "30", "40"}
    assert 0.7 < held_out["interval_coverage"] < 0.9
    assert max(abs(tenth["bias"]) for tenth in held_out["calibration"]) < 0.2
    baselines = held_out["baselines"]
    assert baselines["national_model"]["r2"] < held_out["r2"]
    assert baselines["equal_weights"]["r2"] < held_out["r2"]
    assert baselines["perfect_ranking"]["targeting"]["40"] == {"inclusion_error": 0, "exclusion_error": 0}
    assert set(held_out["by_province"]) == {"32", "74"}
    assert 0 < held_out["by_kind"]["urban"]["targeting"]["40"]["exclusion_error"] < 0.5
    assert 0.15 < model.residual_sd < 0.25
    assert model.variants["full"].residual_sd == model.residual_sd < model.variants["person"].residual_sd


def test_a_month_keeps_model_and_cuts_and_says_what_moved(make_job: Callable[..., Job]) -> None:
    first = make_job(country(SURVEY, SURVEY_MEMBERS))
    welfare.run(first)
    release = {c.RELEASE_ID: "2025Q4.1", c.PERIOD: "2025Q4"}
    scores, cuts = (
        [{**row.asDict(), **release} for row in first.read(table).collect()]
        for table in (tables.SCORE, tables.CUTPOINT)
    )
    version = cuts[0][c.MODEL_VERSION]
    # A model that was registered since is for the next quarter.
    registry.register(first.lake, dataclasses.replace(registry.load(first.lake, version), smearing=2.0))

    def corrected(family: dict[str, Any]) -> dict[str, Any]:
        return {**family, c.FLOOR: "EARTH" if family[c.FLOOR] != "EARTH" else "MARBLE"}

    # 01003 has another floor, 01004 another member, of whom nobody knows more; 01005 both.
    touched = {"01003": (True, False), "01004": (False, True), "01005": (True, True)}
    families = [
        {
            **(corrected(family) if touched.get(family[c.FAMILY_ID], (False, False))[0] else family),
            c.MEMBERS: family[c.MEMBERS] + touched.get(family[c.FAMILY_ID], (False, False))[1],
        }
        for family in ALL_FAMILIES
    ]
    newcomers = [
        {c.FAMILY_ID: key, c.PERSON_ID: f"new in {key}", c.ALIVE: True, c.RELATION: "OTHER", c.SEX: "L", c.AGE: 30}
        for key, (_, joined) in touched.items()
        if joined
    ]
    members = [{c.RELATION: "CHILD", **person} for person in [*PERSONS, REGISTERED]]
    month = make_job(
        {
            **country([], []),
            tables.FAMILY: families,
            tables.FAMILY_ATTRIBUTE: families,
            tables.PERSON_ATTRIBUTE: [*PERSONS, REGISTERED, *newcomers],
        },
        published={tables.SCORE: scores, tables.CUTPOINT: cuts, tables.FAMILY_MEMBER: members},
        period="2026-04",
    )
    welfare.run(month)

    after = {row[c.FAMILY_ID]: row for row in month.read(tables.SCORE).collect()}
    before = {row[c.FAMILY_ID]: row for row in scores}
    assert {row[c.MODEL_VERSION] for row in after.values()} == {version}
    frozen = [
        sorted((x[c.UNIT], x[c.K], x[c.SCORE]) for x in rows) for rows in (month.read(tables.CUTPOINT).collect(), cuts)
    ]
    assert frozen[0] == frozen[1]
    assert {key for key, row in after.items() if row[c.SCORE] != before[key][c.SCORE]} == set(touched)
    assert {key: row[c.DECILE] for key, row in after.items() if key not in touched} == {
        key: row[c.DECILE] for key, row in before.items() if key not in touched
    }
    changes = {row[c.FAMILY_ID]: row for row in month.read(tables.WELFARE_CHANGE).collect()}
    assert set(changes) == set(touched)
    for key, (data, joined) in touched.items():
        row = changes[key]
        assert row[c.OWN_DATA_POINTS] + row[c.MEMBERSHIP_POINTS] == row[c.SCORE] - row[c.SCORE_BEFORE] != 0
        assert (row[c.OWN_DATA_POINTS] != 0, row[c.MEMBERSHIP_POINTS] != 0) == (data, joined)
        assert (row[c.MODEL_POINTS], row[c.CUT_POINTS]) == (0, 0)

    # One family alone, re-classed outside a run, stands where the month put it: by the versions that the registry
    # names, whatever a publication that died half way left behind them.
    upset = [{**cut, c.SCORE: 0} for cut in cuts], [{**row, c.DECILE: 10} for row in scores]
    for table, rows in zip((tables.CUTPOINT, tables.SCORE), upset, strict=True):
        month.lake.write(table, frame(month.spark, table, rows))
    alone = [family for family in families if family[c.FAMILY_ID] in {"01003", "01004"}]
    theirs = [person for person in [*PERSONS, *newcomers] if person[c.FAMILY_ID] in {"01003", "01004"}]
    again = welfare.reclass(
        month.lake,
        frame(month.spark, tables.FAMILY_ATTRIBUTE, alone),
        frame(month.spark, tables.PERSON_ATTRIBUTE, theirs),
        release_id="2025Q4.1",
        versions=month.published_versions,
        on=month.period.last_day,
        rules=month.config.welfare,
    )
    found = {row[c.FAMILY_ID]: row for row in again.collect()}
    assert {key: (row[c.SCORE], row[c.DECILE], row[c.MODEL_VERSION]) for key, row in found.items()} == {
        key: (after[key][c.SCORE], after[key][c.DECILE], version) for key in ("01003", "01004")
    }
    assert {key: row[c.DECILE_BEFORE] for key, row in found.items()} == {
        key: before[key][c.DECILE] for key in ("01003", "01004")
    }

    with pytest.raises(UsageError, match="no cut points"):
        frozen_at(month.lake, "2025Q4.1", {})

    # And it is explained: parts and steps add up.
    person_cuts = sorted((cut[c.K], cut[c.SCORE]) for cut in cuts if cut[c.UNIT] == "person")
    told = welfare.explained(
        after["01005"].asDict(),
        score_parts(month)["01005"].asDict(recursive=True),
        changes["01005"].asDict(),
        [score for _, score in person_cuts],
        registry.smearing(month.lake, version),
    )
    assert sum(part.rupiah for part in told.parts) == after["01005"][c.EXPENDITURE_IDR_MONTH]
    assert {part.indicator: part.source for part in told.parts}[c.FLOOR] == "regsosek"
    assert told.change is not None
    assert sum(step.rupiah for step in told.change.steps) == told.change.rupiah


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
