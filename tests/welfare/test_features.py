"""The features of a family: what nobody asked is unknown, and never the least that could have been said."""

import pytest
from pyspark.sql import Row, SparkSession

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.codes import Kind, Level, indicators
from dtsen_spark.welfare import family_design
from dtsen_spark.welfare.features import Block, features
from tests.frames import frame

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
    return {row["unit"]: row for row in design.collect()}


def test_what_nobody_asked_is_unknown(rows: dict[str, Row]) -> None:
    of_housing = [f for f in features() if f.block in {Block.DWELLING, Block.ASSET}]

    assert {f.name: rows["not asked"][f.column] for f in of_housing} == dict.fromkeys(f.name for f in of_housing)
    assets = [f for f in of_housing if f.block is Block.ASSET]
    assert all(rows["asked"][f.column] is not None for f in assets)


def test_a_family_of_unknown_size_has_no_size(spark: SparkSession) -> None:
    unknown = frame(spark, tables.FAMILY_ATTRIBUTE, [{c.FAMILY_ID: "A", c.URBAN: True}])
    none = frame(spark, tables.PERSON_ATTRIBUTE, [])

    row = family_design(unknown, none).collect()[0]

    assert row[next(f.column for f in features() if f.name == c.MEMBERS)] is None
