"""Features and where they came from, packed into words, and what an input's age takes from it."""

from datetime import date

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark.contract import local_frame
from dtsen_spark.welfare import features, packing, provenance

ON = date(2026, 3, 31)
FRESH, STALE = 100, 300
EXTREMES = ("1850-01-01", "9999-12-31")


def design(spark: SparkSession, source_of: str) -> DataFrame:
    """One family whose floor is known, packed as it is for the score."""
    rows = local_frame(spark, [(source_of,)], "source_of string")
    parsed = rows.withColumn(provenance.ORIGINS, provenance.origin_map(F.col("source_of")))
    floor = provenance.packed_origin("floor").alias(provenance.origin_column("floor"))
    return packing.packed(parsed.select(floor, F.lit(300).cast("long").alias("x_floor")))


@pytest.mark.parametrize(
    ("day", "taken"),
    [
        ("2026-03-31", 0),
        ("2025-12-21", 0),
        ("2025-12-20", 1),
        ("2025-09-12", 100),
        ("2025-06-04", 200),
        ("1900-01-01", 200),
        ("2079-01-01", 0),
    ],
)
def test_an_input_counts_less_with_its_age_and_its_origin_comes_back(spark: SparkSession, day: str, taken: int) -> None:
    row = (
        design(spark, f'{{"floor":"dtks {day}"}}')
        .select(
            *packing.origin("floor"),
            packing.staleness("floor", ON, FRESH, STALE),
            packing.oldest(["floor", "wall"]),
        )
        .first()
    )

    assert row is not None
    assert tuple(row) == ("dtks", date.fromisoformat(day), taken, date.fromisoformat(day))


@pytest.mark.parametrize("source_of", ["{}", '{"floor":"dtks soon"}'])
def test_an_input_without_a_day_counts_in_full(spark: SparkSession, source_of: str) -> None:
    found = design(spark, source_of).select(
        *packing.origin("floor"), packing.staleness("floor", ON, FRESH, STALE), packing.oldest(["floor"])
    )

    assert tuple(found.collect()[0]) == (None, None, 0, None)


def test_a_day_beyond_what_fits_is_the_nearest_that_does(spark: SparkSession) -> None:
    days = [design(spark, f'{{"floor":"dtks {day}"}}').select(packing.oldest(["floor"])) for day in EXTREMES]

    assert [df.collect()[0][0] for df in days] == [date(1900, 1, 1), date(2079, 6, 5)]


def test_features_come_back_from_their_words_and_a_word_tells_whether_any_is_known(spark: SparkSession) -> None:
    names = [feature.column for feature in features.features()]
    # A value or none in every place of a word; what does not fit is cut.
    values = [None if i % 3 == 0 else i * 1777 for i in range(len(names))]
    schema = ", ".join(f"{name} long" for name in names)
    df = packing.packed(spark.createDataFrame([(*values,), (*[None] * len(names),)], schema))
    assert set(df.columns) == set(packing.words())

    full, empty = packing.unpacked(packing.opened(df)).select(*names).collect()
    assert [full[name] for name in names] == [None if v is None else min(v, packing.UNKNOWN - 1) for v in values]
    assert set(empty) == {None}
    every = features.features()
    for wanted in ([every[0]], [every[1]], [every[3], every[6]], [every[3], every[7]], list(every), []):
        known = [row[0] for row in df.select(packing.any_known(wanted)).collect()]
        assert known == [any(values[every.index(f)] is not None for f in wanted), False]
