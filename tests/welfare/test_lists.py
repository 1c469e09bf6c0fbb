"""What lists of the poor say of families of whom not everything is known, and of nobody else."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import config, tables
from dtsen_spark.lake import Lake
from dtsen_spark.welfare import family_design, registry, scoring
from dtsen_spark.welfare.lists import with_listing
from dtsen_spark.welfare.model import FULL, LISTED, Listing, PmtModel, Variant
from tests.frames import frame

LEVELS = {"ID": 13.6}
# A telephone is asked by the longest form only, a refrigerator by others too: points 0.2 and 0.1 for having it.
MODEL = PmtModel(
    {
        FULL: Variant({c.HAS_SMARTPHONE: 0.002, c.HAS_FRIDGE: 0.001}, {}, LEVELS, {}, 0.4),
        "asset": Variant({c.HAS_FRIDGE: 0.0015}, {}, LEVELS, {}, 0.42),
        "person": Variant({}, {}, LEVELS, {}, 0.5),
    },
    {c.HAS_SMARTPHONE: 50, c.HAS_FRIDGE: 50},
    1.0,
)
# Lists, telephone, refrigerator, families. On lists few have a telephone.
NATION = [
    (["dukcapil", "regsosek"], True, True, 150),
    (["dukcapil", "regsosek"], False, True, 50),
    (["dtks", "dukcapil", "regsosek"], True, True, 30),
    (["dtks", "dukcapil", "regsosek"], False, True, 120),
    (["dukcapil", "p3ke", "regsosek"], False, True, 99),
    (["dukcapil"], None, True, 1),
    (["dtks"], None, True, 1),
    (["p3ke"], None, True, 1),
]
LISTS = ("dtks", "p3ke")


def nation(spark: SparkSession) -> DataFrame:
    families, persons = [], []
    for group, (sources, phone, fridge, count) in enumerate(NATION):
        for number in range(count):
            key = f"{group}:{number}"
            told = {c.HAS_SMARTPHONE: phone, c.HAS_FRIDGE: fridge}
            home = {c.FAMILY_ID: key, c.KAB_CODE: "3201", c.REGION_CODE: "3201", c.URBAN: False, c.MEMBERS: 2, **told}
            families.append(home)
            # The head is on every list of the family, the other member only in the registry.
            for member, known in enumerate((sources, ["dukcapil"])):
                who = {c.FAMILY_ID: key, c.PERSON_ID: f"{key}:{member}", c.ALIVE: True, c.SOURCES: known}
                persons.append({**who, c.AGE: 40, c.RELATION: "OTHER" if member else "HEAD"})
    return family_design(
        frame(spark, tables.FAMILY_ATTRIBUTE, families), frame(spark, tables.PERSON_ATTRIBUTE, persons)
    )


@pytest.fixture(scope="module")
def design(spark: SparkSession) -> DataFrame:
    return nation(spark)


def scores(design: DataFrame, model: PmtModel) -> dict[str, dict[str, Any]]:
    scored = scoring.score(design, model, on=date(2026, 3, 31), rules=config.load().welfare)
    found = {row["unit"]: row.asDict(recursive=True) for row in scored.collect()}
    for row in found.values():
        row["parts"] = {part["indicator"]: part["points"] for part in row[c.SCORE_PARTS]}
    return found


def test_a_pattern_of_lists_shifts_by_what_those_families_score_more_with_everything_known(design: DataFrame) -> None:
    model = with_listing(MODEL, design, LISTS, "inputs")

    # A telephone brings +0.1 or -0.1; a refrigerator 0.05 with it, 0.075 without, 0 where nothing is known.
    phones = {"none": 0.1 * (150 - 50) / 200, "dtks": 0.1 * (30 - 120) / 150}
    assert model.listing is not None
    assert model.listing.shifts["asset"] == pytest.approx({name: p + 0.05 - 0.075 for name, p in phones.items()})
    assert model.listing.shifts["person"] == pytest.approx({name: p + 0.05 for name, p in phones.items()})
    # 99 families on P3KE are too few to tell.
    assert model.card["lists"] == {"none": 200, "dtks": 150}
    assert model.version != MODEL.version


@pytest.mark.parametrize(("explained", "times"), [(0.5, 2.0), (0.25, 4.0), (0.1, 1.0)])
def test_a_list_of_who_lives_poorly_says_more_the_less_the_score_explains(
    design: DataFrame, explained: float, times: float
) -> None:
    model = replace(MODEL, card={"held_out": {"r2": explained}})

    listing = with_listing(model, design, LISTS, "consumption").listing

    # Of 449 families 180 have a telephone, so the mean score of all lies between those of the patterns.
    of_all = 0.1 * (2 * 180 - 449) / 449
    phones = {"none": 0.1 * (150 - 50) / 200, "dtks": 0.1 * (30 - 120) / 150}
    lived = {name: of_all + (phone - of_all) * times for name, phone in phones.items()}
    assert listing is not None
    assert listing.shifts["person"] == pytest.approx({name: one + 0.05 for name, one in lived.items()}, abs=2e-6)


def test_only_families_of_whom_something_is_unknown_are_shifted_and_parts_add_up(design: DataFrame) -> None:
    model = with_listing(MODEL, design, LISTS, "inputs")

    before, after = scores(design, MODEL), scores(design, model)

    moved = {unit: after[unit][c.SCORE] - row[c.SCORE] for unit, row in before.items()}
    assert {unit for unit, points in moved.items() if points} == {"5:0", "6:0"}
    assert moved["6:0"] < 0 < moved["5:0"], "on no list better off than it seemed, on a list worse off"
    assert all(sum(row["parts"].values()) == row[c.SCORE] for row in after.values())
    assert after["6:0"]["parts"][scoring.LISTS_PART] == moved["6:0"]
    assert scoring.LISTS_PART not in before["6:0"]["parts"]


def test_partitions_change_nothing_and_a_model_comes_back_as_it_was_registered(
    spark: SparkSession, design: DataFrame, tmp_path: Any
) -> None:
    model = with_listing(MODEL, design, LISTS, "inputs")
    assert with_listing(MODEL, design.repartition(7), LISTS, "inputs").version == model.version

    lake = Lake(spark, tmp_path)
    stored = registry.load(lake, registry.register(lake, model))

    assert stored.listing == model.listing
    assert stored.version == model.version


def test_a_family_of_whom_no_member_is_known_counts_as_on_no_list(design: DataFrame) -> None:
    unknown = design.withColumn(LISTED, F.lit(None).cast("int"))

    model = with_listing(MODEL, unknown, LISTS, "inputs")

    assert model.card["lists"] == {"none": 150 + 50 + 30 + 120 + 99}
    assert {row[c.SCORE] is None for row in scores(unknown, model).values()} == {False}


@pytest.mark.parametrize(
    ("model", "lists"),
    [(MODEL, ()), (replace(MODEL, by_place=True), LISTS), (replace(MODEL, variants={"asset": MODEL.whole}), LISTS)],
    ids=["no list", "by place", "nothing tells what is unknown"],
)
def test_where_there_is_nothing_to_learn_the_model_stays(
    design: DataFrame, model: PmtModel, lists: tuple[str, ...]
) -> None:
    assert with_listing(model, design, lists, "inputs") is model


def test_a_list_that_is_not_asked_about_tells_nothing() -> None:
    listing = Listing(("dtks",), {"asset": {"none": 0.1, "dtks": -0.2}})
    # Patterns of regsosek, dtks, p3ke from the lowest bit on.
    assert listing.points("asset") == [100_000, 100_000, -200_000, -200_000] * 2
    assert listing.points("utility") == [0.0] * 8
