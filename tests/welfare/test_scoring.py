"""Families that no rule was made for: far from any survey, forty of them, children alone."""

import math
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import config, tables
from dtsen_spark.codes import code_list
from dtsen_spark.welfare import family_design, scoring
from dtsen_spark.welfare.model import PmtModel, Variant
from tests.frames import frame

# Points of a whole unit: a tier of floor 0.1, a log of members -0.3, a tier of schooling 0.05, all children 0.02.
SLOPES = {"floor": 0.001, "members": -0.003, "education_mean": 0.0005, "age_children": 0.0002}
MEANS = {"floor": 300, "members": 139, "education_mean": 200, "age_children": 30}
LEVELS = {"ID": 13.6, "32": 13.7, "3201:R": 13.9}
ERRORS = {"ID": 0.01, "32": 0.02, "3201:R": 0.03}
MODEL = PmtModel(
    # No assets in it, so who lacks those lacks nothing.
    {
        "full": Variant(SLOPES, {}, LEVELS, ERRORS, 0.4),
        "dwelling": Variant(SLOPES, {}, LEVELS, ERRORS, 0.4),
        "utility": Variant(SLOPES | {"power": 0.002}, {}, LEVELS, ERRORS, 0.45),
        "person": Variant(SLOPES, {}, LEVELS, ERRORS, 0.5),
    },
    MEANS | {"power": 200},
    1.0,
    {"households": 1000, "shrinkage_households": 100},
    dict.fromkeys(SLOPES, 50.0),
    0.4,
)
TIER = next(code.tier for code in code_list(c.POWER).codes if code.code == "VA_2200")
PLACE = 0.4**2 / 100  # variance of places around their parent
# Family: its place, its size, the ages of its members.
FAMILIES: dict[str, tuple[str, list[int]]] = {
    "here": ("3201", [40, 38, 9, 7]),
    "unsurveyed district": ("3299", [40, 38, 9, 7]),
    "unsurveyed province": ("9401", [40, 38, 9, 7]),
    "forty": ("3201", [40, 38, *[20] * 38]),
    "twenty": ("3201", [40, 38, *[20] * 18]),
    "no adults": ("3201", [14, 9]),
    "no dwelling": ("3201", [40, 38, 9, 7]),
    "only power": ("3201", [40, 38, 9, 7]),
}


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> dict[str, dict[str, Any]]:
    families = [
        {
            c.FAMILY_ID: key,
            c.KAB_CODE: kab,
            c.REGION_CODE: kab,
            c.URBAN: False,
            c.MEMBERS: len(ages),
            c.FLOOR: None if key in {"no dwelling", "only power"} else "CEMENT",
            c.POWER: "VA_2200" if key == "only power" else None,
        }
        for key, (kab, ages) in FAMILIES.items()
    ]
    persons = [
        {
            c.FAMILY_ID: key,
            c.PERSON_ID: f"{key}:{number}",
            c.ALIVE: True,
            c.AGE: age,
            c.RELATION: "HEAD" if number == 0 else "OTHER",
            c.EDUCATION: "PRIMARY" if age >= 15 else None,
        }
        for key, (_, ages) in FAMILIES.items()
        for number, age in enumerate(ages)
    ]
    design = family_design(
        frame(spark, tables.FAMILY_ATTRIBUTE, families), frame(spark, tables.PERSON_ATTRIBUTE, persons)
    )
    scored = scoring.score(design, MODEL, on=date(2026, 3, 31), rules=config.load().welfare)
    found = {row["unit"]: row.asDict(recursive=True) for row in scored.collect()}
    for row in found.values():
        row["parts"] = {part["indicator"]: part["points"] for part in row[c.SCORE_PARTS]}
    return found


def test_all_of_them_are_ranked_and_their_parts_add_up(rows: dict[str, dict[str, Any]]) -> None:
    assert {row[c.STATE] for row in rows.values()} == {"RANKED"}
    assert all(sum(row["parts"].values()) == row[c.SCORE] for row in rows.values())


def test_a_district_without_a_survey_takes_the_level_of_its_parent_and_is_less_certain(
    rows: dict[str, dict[str, Any]],
) -> None:
    names = ("here", "unsurveyed district", "unsurveyed province")
    assert [rows[name]["parts"]["level"] for name in names] == [13_900_000, 13_700_000, 13_600_000]
    variance = [(rows[name][c.SCORE_ERROR] / 1e6) ** 2 - MODEL.coefficient_variance for name in names]
    assert variance == pytest.approx([0.03**2, 0.02**2 + PLACE, 0.01**2 + 2 * PLACE], rel=1e-3)


def test_a_family_of_forty_is_scored_as_one_of_twenty(rows: dict[str, dict[str, Any]]) -> None:
    part = math.floor(-0.003 * 1e6 * (round(math.log(20) * 100) - MEANS["members"]) + 0.5)
    assert rows["forty"]["parts"][c.MEMBERS] == rows["twenty"]["parts"][c.MEMBERS] == part
    # It counts as forty persons all the same.
    assert rows["forty"][c.MEMBERS] == 40


def test_a_family_without_adults_is_ranked_without_what_only_adults_have(rows: dict[str, dict[str, Any]]) -> None:
    row = rows["no adults"]
    assert row["parts"][c.EDUCATION] == 0
    assert row["parts"][c.AGE] == 0.0002 * 1e6 * (100 - MEANS["age_children"])
    assert row[c.CONFIDENCE] < rows["here"][c.CONFIDENCE] == 1
    assert row[c.SCORE_ERROR] > rows["here"][c.SCORE_ERROR]


def test_a_family_whose_dwelling_nobody_saw_is_as_unsure_as_the_model_without_it(
    rows: dict[str, dict[str, Any]],
) -> None:
    row = rows["no dwelling"]
    assert (row[c.MODEL_VARIANT], rows["here"][c.MODEL_VARIANT]) == ("person", "dwelling")
    # Not by what the floor would bring, slope times spread, but by what the model without it leaves unexplained more.
    variance = 0.03**2 + MODEL.coefficient_variance + 0.5**2 - 0.4**2
    assert (row[c.SCORE_ERROR] / 1e6) ** 2 == pytest.approx(variance, rel=1e-3)
    assert row[c.CONFIDENCE] < 1


def test_a_family_of_whom_only_the_power_is_known_is_scored_by_what_power_tells_alone(
    rows: dict[str, dict[str, Any]],
) -> None:
    row, nothing = rows["only power"], rows["no dwelling"]
    assert row[c.MODEL_VARIANT] == "utility"
    assert row["parts"][c.POWER] == 0.002 * 1e6 * (TIER * 100 - 200)
    assert row[c.SCORE_ERROR] < nothing[c.SCORE_ERROR]


def test_a_family_that_only_a_shorter_form_reached_is_scored_by_what_that_form_tells(spark: SparkSession) -> None:
    fridge, phone = {c.HAS_FRIDGE: 0.002}, {c.HAS_SMARTPHONE: 0.001}
    longer = {"full": Variant(fridge | phone, {}, LEVELS, ERRORS, 0.4)}
    longer["asset"] = Variant({c.HAS_FRIDGE: 0.0025}, {}, LEVELS, ERRORS, 0.42)
    model = replace(
        MODEL, variants=MODEL.variants | longer, means=MODEL.means | {c.HAS_FRIDGE: 40, c.HAS_SMARTPHONE: 60}
    )
    place = {c.KAB_CODE: "3201", c.MEMBERS: 1, c.HAS_FRIDGE: True}
    families = [{c.FAMILY_ID: "A", **place, c.HAS_SMARTPHONE: False}, {c.FAMILY_ID: "B", **place}]
    persons = [{c.FAMILY_ID: key, c.PERSON_ID: key, c.ALIVE: True, c.AGE: 40} for key in "AB"]
    design = family_design(
        frame(spark, tables.FAMILY_ATTRIBUTE, families), frame(spark, tables.PERSON_ATTRIBUTE, persons)
    )

    scored = scoring.score(design, model, on=date(2026, 3, 31), rules=config.load().welfare)

    found = {row["unit"]: row for row in scored.collect()}
    parts = {key: {part["indicator"]: part["points"] for part in row[c.SCORE_PARTS]} for key, row in found.items()}
    assert {key: row[c.MODEL_VARIANT] for key, row in found.items()} == {"A": "full", "B": "asset"}
    assert parts["A"][c.HAS_FRIDGE] == 0.002 * 1e6 * (100 - 40)
    assert parts["A"][c.HAS_SMARTPHONE] == 0.001 * 1e6 * (0 - 60)
    assert (parts["B"][c.HAS_FRIDGE], parts["B"][c.HAS_SMARTPHONE]) == (0.0025 * 1e6 * (100 - 40), 0)


def test_a_model_that_was_made_without_a_variant_uses_the_next(spark: SparkSession) -> None:
    design = family_design(
        frame(
            spark, tables.FAMILY_ATTRIBUTE, [{c.FAMILY_ID: "A", c.KAB_CODE: "3201", c.MEMBERS: 1, c.POWER: "VA_2200"}]
        ),
        frame(spark, tables.PERSON_ATTRIBUTE, [{c.FAMILY_ID: "A", c.PERSON_ID: "A", c.ALIVE: True, c.AGE: 40}]),
    )
    older = replace(MODEL, variants={name: MODEL.variants[name] for name in ("full", "dwelling", "person")})

    scored = scoring.score(design, older, on=date(2026, 3, 31), rules=config.load().welfare)

    assert [row[c.MODEL_VARIANT] for row in scored.collect()] == ["person"]


def test_members_are_scored_under_another_model_by_the_variant_that_the_family_would_take(spark: SparkSession) -> None:
    of_dwelling = replace(MODEL.variants["dwelling"], slopes=SLOPES | {"education_mean": 0.001})
    older = replace(MODEL, variants={"full": of_dwelling, "dwelling": of_dwelling, "person": MODEL.variants["person"]})
    people = spark.createDataFrame(
        [(name, name, 300) for name in ("asset", "utility", "3201U")], "unit string, model_variant string, x long"
    ).withColumnRenamed("x", "x_education_mean")

    found = {row["unit"]: row[scoring.MEMBER_POINTS] for row in scoring.member_points(people, older).collect()}

    # Schooling is a tier above the mean; the table's own variants are none of this model's.
    assert found == {"asset": 100_000, "utility": 50_000}
