"""Who is the head of a family hangs on what is known of its members, not on their ids."""

from datetime import date

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark.family.formation import BASIS, households
from dtsen_spark.family.survivorship import REGISTRY_KK

# Two of one birth date, as twins, and as the many whose date nobody knew.
TIED = {
    "by NIK": ({c.NIK: "1", c.NAME: "B"}, {c.NIK: "2", c.NAME: "A"}),
    "who has a NIK": ({c.NIK: "2", c.NAME: "B"}, {c.NIK: None, c.NAME: "A"}),
    "by name": ({c.NIK: None, c.NAME: "A"}, {c.NIK: None, c.NAME: "B"}),
}


@pytest.mark.parametrize("ids", [("P1", "P2"), ("P2", "P1")])
def test_ids_do_not_say_who_is_head(spark: SparkSession, ids: tuple[str, str]) -> None:
    alike = {c.RELATION: None, c.BIRTH_DATE: date(1960, 7, 1), c.BIRTH_YEAR: 1960, REGISTRY_KK: None}
    rest = {c.REGION_CODE: "3201012001", c.RECORDS_IN_REVIEW: 0, c.WEAKEST_LINK: None}
    rows = [
        {c.PERSON_ID: one, c.FAMILY_ID: case, BASIS: f"record:{case}", **alike, **rest, **who}
        for case, tied in TIED.items()
        for one, who in zip(ids, tied, strict=True)
    ]
    schema = ", ".join(
        f"{name} {'string' if name in {BASIS, REGISTRY_KK} else c.COLUMNS[name].type.simpleString()}"
        for name in rows[0]
    )
    frame = spark.createDataFrame([tuple(row.values()) for row in rows], schema)

    found = {row[c.FAMILY_ID]: row[c.HEAD_PERSON_ID] for row in households(frame).collect()}

    assert found == dict.fromkeys(TIED, ids[0])
