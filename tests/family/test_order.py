"""Which record a value is taken from."""

from datetime import date
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.family.survivorship import linked_records, survivors
from tests.frames import frame

REGISTRY_FIRST = ("dukcapil", "regsosek", "dtks", "p3ke")
VISITS_FIRST = ("regsosek", "dtks", "p3ke", "dukcapil")
OLD, NEW = date(2021, 6, 30), date(2025, 12, 31)

# Records of one person each; two letters name person and record.
RECORDS: list[dict[str, Any]] = [
    # Each field its own winner; a value that the best source lacks comes from the next.
    {c.RECORD_ID: "dukcapil:a", c.AS_OF: NEW, c.SEX: "L", c.EDUCATION: "PRIMARY", c.NAME: "X", c.NO_KK: "0" * 15 + "7"},
    {c.RECORD_ID: "regsosek:a", c.AS_OF: OLD, c.SEX: "P", c.EDUCATION: "TERTIARY", c.BIRTH_DATE: date(1901, 2, 3)},
    {c.RECORD_ID: "p3ke:a", c.AS_OF: NEW, c.EDUCATION: "NONE", c.CHRONIC: True, c.BIRTH_YEAR: 1950},
    # Same source: the fresher record.
    {c.RECORD_ID: "dtks:b", c.AS_OF: OLD, c.MARITAL: "SINGLE", c.NAME: "OLD"},
    {c.RECORD_ID: "dtks:b2", c.AS_OF: NEW, c.MARITAL: "MARRIED", c.NAME: "NEW"},
    # An inactive registry record yields to the active one, and is counted.
    {c.RECORD_ID: "dukcapil:c", c.AS_OF: NEW, c.REGISTRY_STATUS: "INACTIVE", c.NIK: "3" * 16, c.REGION_CODE: "3201"},
    {c.RECORD_ID: "dukcapil:c2", c.AS_OF: NEW, c.REGISTRY_STATUS: "ACTIVE", c.NIK: "9" * 16, c.REGION_CODE: "32"},
    # Somebody else's NIK, and one that disagrees, are not this person's.
    {c.RECORD_ID: "regsosek:d", c.AS_OF: NEW, c.NIK: "4" * 16, c.NIK_GRADE: "V2"},
    {c.RECORD_ID: "dtks:d", c.AS_OF: NEW, c.NIK: "5" * 16, c.NIK_GRADE: "V1"},
    {c.RECORD_ID: "dtks:d2", c.AS_OF: NEW, c.NIK: "1" * 16, c.NIK_GRADE: "V3", c.NIK_CLAIMED: "1" * 16},
]


@pytest.fixture
def linked(spark: SparkSession) -> DataFrame:
    rows = [{**row, c.SOURCE: row[c.RECORD_ID].split(":")[0]} for row in RECORDS]
    links = [{**row, c.PERSON_ID: row[c.RECORD_ID].split(":")[1][0]} for row in RECORDS]
    return linked_records(
        frame(spark, tables.MEMBERSHIP, links),
        frame(spark, tables.PERSON_RECORD, rows),
        frame(spark, tables.REVIEW_QUEUE, [{c.RECORD_ID_L: "dtks:b", c.RECORD_ID_R: "dtks:d"}]),
    )


def test_each_field_has_its_own_winner_whatever_the_partitions(linked: DataFrame) -> None:
    found = survivors(linked, REGISTRY_FIRST, VISITS_FIRST, date(2026, 3, 31)).collect()
    again = survivors(linked.repartition(5, c.SOURCE), REGISTRY_FIRST, VISITS_FIRST, date(2026, 3, 31)).collect()
    rows = {row[c.PERSON_ID]: row for row in found}
    assert rows == {row[c.PERSON_ID]: row for row in again}

    a = rows["a"]
    assert (a[c.SEX], a[c.EDUCATION], a[c.CHRONIC], a[c.NAME]) == ("L", "TERTIARY", True, "X")
    assert (a[c.BIRTH_DATE], a[c.BIRTH_YEAR], a[c.AGE], a[c.NO_KK]) == (date(1901, 2, 3), 1901, 125, "0" * 15 + "7")
    assert a[c.SOURCE_OF] == '{"education":"regsosek 2021-06-30","chronic":"p3ke 2025-12-31"}'
    assert a[c.SOURCES] == ["dukcapil", "p3ke", "regsosek"]
    assert (rows["b"][c.MARITAL], rows["b"][c.NAME], rows["b"][c.RECORDS_IN_REVIEW]) == ("MARRIED", "NEW", 1)
    assert (rows["c"][c.NIK], rows["c"][c.REGION_CODE], rows["c"]["inactive_duplicate"]) == ("9" * 16, "3201", True)
    assert rows["d"][c.NIK] == "5" * 16
