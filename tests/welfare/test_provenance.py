"""Where an input came from, packed into one integer, and how much it still counts."""

from datetime import date

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark.contract import local_frame
from dtsen_spark.welfare import provenance

ON = date(2026, 3, 31)
FRESH, STALE = 100, 300


@pytest.mark.parametrize(
    ("day", "counts"),
    [
        ("2026-03-31", 1000),
        ("2025-12-21", 1000),
        ("2025-09-12", 500),
        ("2025-06-04", 0),
        ("1900-01-01", 0),
        ("9999-12-31", 1000),
    ],
)
def test_an_input_counts_less_with_its_age_and_its_origin_comes_back(
    spark: SparkSession, day: str, counts: int
) -> None:
    rows = local_frame(spark, [(f'{{"floor":"dtks {day}"}}',)], "source_of string")
    packed = provenance.packed_origin("floor")

    row = (
        rows.withColumn(provenance.ORIGINS, provenance.origin_map(F.col("source_of")))
        .select(packed.alias("packed"))
        .select(
            provenance.origin_source(F.col("packed")),
            provenance.origin_day(F.col("packed")),
            provenance.freshness(F.col("packed"), ON, FRESH, STALE),
        )
        .first()
    )

    assert row is not None
    assert tuple(row) == ("dtks", date.fromisoformat(day), counts)


def test_an_input_without_a_day_counts_in_full(spark: SparkSession) -> None:
    rows = local_frame(spark, [("{}",), ('{"floor":"dtks soon"}',)], "source_of string")
    packed = provenance.packed_origin("floor")
    parsed = rows.withColumn(provenance.ORIGINS, provenance.origin_map(F.col("source_of")))

    found = parsed.select(packed.alias("packed")).select(provenance.freshness(F.col("packed"), ON, FRESH, STALE))

    assert [row[0] for row in found.collect()] == [1000, 1000]
