"""The features of a family: what nobody asked is unknown, and never the least that could have been said."""

import pytest
from pyspark.sql import Row, SparkSession

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.codes import Kind, Level, indicators
from dtsen_spark.welfare import family_design, packing
from dtsen_spark.welfare.features import Block, features
from tests.frames import frame

ASKED_NUMBERS = {c.FLOOR_AREA_M2, c.CATTLE, c.GOATS, c.HAS_FRIDGE, c.FLOOR}
ASKED = {Kind.CATEGORY: None, Kind.FLAG: True, Kind.NUMBER: 36, Kind.COUNT: 2}


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> dict[str, Row]:
    of_family = [i for i in indicators() if i.level is Level.FAMILY and i.name not in {c.URBAN, c.MEMBERS}]
    answers = {i.name: ASKED[i.kind] for i in of_family} | {c.FLOOR: "CEMENT"}
    families = [
        {c.FAMILY_ID: "asked", c.MEMBERS: 1, c.URBAN: False, **answers},
        {c.FAMILY_ID: "not asked", c.MEMBERS: 1, c.URBAN: False},
    ]
    persons = [
        {c.FAMILY_ID: name, c.PERSON_ID: name, c.ALIVE: True, c.AGE: 40, c.RELATION: "HEAD"}
        for name in ("asked", "not asked")
    ]
    design = family_design(
        frame(spark, tables.FAMILY_ATTRIBUTE, families), frame(spark, tables.PERSON_ATTRIBUTE, persons)
    )
    return {row["unit"]: row for row in packing.unpacked(design).collect()}


def test_what_nobody_asked_is_unknown(rows: dict[str, Row]) -> None:
    of_visits = [f for f in features() if f.block is not Block.PERSON]
    of_families = [f for f in of_visits if not f.of_members]

    assert {f.name: rows["not asked"][f.column] for f in of_visits} == dict.fromkeys(f.name for f in of_visits)
    assert all(rows["asked"][f.column] is not None for f in of_families if f.name in ASKED_NUMBERS)


def test_a_block_is_what_the_same_sources_know(spark: SparkSession) -> None:
    blocks: dict[Block, set[str]] = {block: set() for block in Block}
    for feature in features():
        blocks[feature.block].add(feature.indicator)
    assert blocks[Block.UTILITY] == {c.POWER}
    assert blocks[Block.VISIT] == {c.HAS_BUSINESS, c.HAS_ID_DOCUMENT, c.HAS_SMARTPHONE}
    assert {c.AGE, c.MEMBERS, c.URBAN, c.SEX, c.EDUCATION, c.OCCUPATION} <= blocks[Block.PERSON]
    assert {c.FLOOR, c.TOILET, c.WORKING} <= blocks[Block.DWELLING]
    assert {c.HAS_FRIDGE, c.CATTLE, c.DISABILITY, c.FLOOR_AREA_M2} <= blocks[Block.ASSET]
    assert sum(map(len, blocks.values())) == 39


def test_a_family_of_unknown_size_has_no_size(spark: SparkSession) -> None:
    unknown = frame(spark, tables.FAMILY_ATTRIBUTE, [{c.FAMILY_ID: "A", c.URBAN: True}])
    none = frame(spark, tables.PERSON_ATTRIBUTE, [])

    row = packing.unpacked(family_design(unknown, none)).collect()[0]

    assert row[next(f.column for f in features() if f.name == c.MEMBERS)] is None
