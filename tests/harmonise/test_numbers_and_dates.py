"""NIK, KK and birth dates: every case in one frame."""

from datetime import date

import pytest
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import config
from dtsen_spark.harmonise import dates, numbers
from dtsen_spark.harmonise.values import kk_rejected

AS_OF = date(2025, 12, 31)
WOMAN = "3174015208900001"

# NIK, written birth date, sex, region known: NIK kept, reasons, birth date inside.
NIKS = [
    (WOMAN, "1990-08-12", "P", True, True, [], date(1990, 8, 12)),
    (
        WOMAN,
        "1990-08-13",
        "L",
        False,
        True,
        ["birth_date_differs", "region_unverified", "sex_differs"],
        date(1990, 8, 12),
    ),
    ("3174011208250001", "1925-08-12", "L", True, True, [], date(1925, 8, 12)),  # the stated century
    ("3174011208250001", None, "L", True, True, [], date(2025, 8, 12)),  # else the latest up to the day
    ("3174013112260001", None, None, True, True, [], date(1926, 12, 31)),
    ("3174016902000001", None, None, True, True, [], date(2000, 2, 29)),  # 1900 had no 29 February
    ("3174012902010001", None, None, True, False, ["impossible_date"], None),
    ("3174013102900001", None, None, True, False, ["impossible_date"], None),
    ("3174010008900001", None, None, True, False, ["impossible_day"], None),
    ("3174017208900001", None, None, True, False, ["impossible_day"], None),  # a woman's day 32
    ("3174011213900001", None, None, True, False, ["impossible_month"], None),
    ("3174017102900001", None, None, True, False, ["impossible_date"], None),  # a woman's 31 February
    ("3174013213900001", None, None, True, False, ["impossible_day", "impossible_month"], None),
    ("3174015208900000", None, None, True, False, ["serial_zero"], None),
    ("317401520890001", None, None, True, False, ["not_16_digits"], None),
    ("31740152O8900001", None, None, True, False, ["not_digits"], None),
    ("3.17402E+15", None, None, True, False, ["not_16_digits", "not_digits"], None),
    ("1111111111111111", None, None, True, False, ["dummy"], None),
    ("1212121212121212", None, None, True, False, ["dummy"], None),
    ("0000000000000000", None, None, True, False, ["dummy", "impossible_day", "impossible_month", "serial_zero"], None),
    (None, "1990-08-12", "P", True, False, [], None),
]

# Written date: birth date, known parts, heaped, rule broken.
DATES = [
    ("1990-08-12", date(1990, 8, 12), (1990, 8, 12), False, None),
    ("12-08-1990", date(1990, 8, 12), (1990, 8, 12), False, None),
    ("12/08/1990", date(1990, 8, 12), (1990, 8, 12), False, None),
    ("1990/08/12", date(1990, 8, 12), (1990, 8, 12), False, None),
    ("1990-08-12 00:00:00", date(1990, 8, 12), (1990, 8, 12), False, None),
    ("1-7-1965", date(1965, 7, 1), (1965, 7, 1), True, None),
    ("31/12/1950", date(1950, 12, 31), (1950, 12, 31), True, None),
    ("1955-07-98", None, (1955, 7, None), False, None),
    ("9998-99-98", None, (None, None, None), False, None),
    ("0000-00-00", None, (None, None, None), False, None),
    ("1980-02-31", None, (1980, 2, None), False, "not_a_date"),
    ("1900-02-29", None, (1900, 2, None), False, "not_a_date"),
    ("2000-02-29", date(2000, 2, 29), (2000, 2, 29), False, None),
    ("05-23-1990", None, (1990, None, 5), False, "not_a_date"),  # month first: not guessed
    ("1899-12-31", None, (None, None, None), False, "implausible"),
    ("2026-01-01", None, (None, None, None), False, "implausible"),
    ("2025-12-31", AS_OF, (2025, 12, 31), True, None),
    ("12 Agustus 1990", None, (None, None, None), False, "not_a_date"),
    ("99999999999-1-1", None, (None, None, None), False, "not_a_date"),  # no form of a date: no part is taken
    (None, None, (None, None, None), False, None),
]


@pytest.fixture(scope="module")
def found(spark):
    settings = config.load().harmonise
    rows = [(f"d{i:02}", None, case[0], None, True) for i, case in enumerate(DATES)]
    rows += [(f"n{i:02}", nik, born, sex, known) for i, (nik, born, sex, known, *_) in enumerate(NIKS)]
    schema = f"id string, raw string, born string, {c.SEX} string, {numbers.NIK_KNOWN_REGION} boolean"
    given = spark.createDataFrame(rows, schema).withColumn(c.AS_OF, F.lit(AS_OF))
    dated = given.withColumns(dates.written_parts(F.col("born"))).transform(
        dates.with_birth_date, date.fromisoformat(settings.earliest_birth), settings.heaped_days
    )
    graded = numbers.with_nik(dated, "raw", settings.number_dummies)
    kept = graded.withColumn(c.NO_KK, numbers.kk_or_null(F.col("raw"), settings.number_dummies)).withColumn(
        "fault", kk_rejected(F.col("raw"), F.col(c.NO_KK))
    )
    return {row["id"]: row for row in kept.collect()}


@pytest.mark.parametrize("number", range(len(DATES)))
def test_written_dates(found, number):
    _, born, parts, heaped, reason = DATES[number]
    row = found[f"d{number:02}"]
    assert row[c.BIRTH_DATE] == born
    assert (row[c.BIRTH_YEAR], row[c.BIRTH_MONTH], row[c.BIRTH_DAY]) == parts
    assert row[c.BIRTH_HEAPED] is heaped
    assert row[dates.BIRTH_REASON] == reason


@pytest.mark.parametrize("number", range(len(NIKS)))
def test_niks(found, number):
    nik, *_, kept, reasons, born = NIKS[number]
    row = found[f"n{number:02}"]
    assert row[c.NIK] == (nik if kept else None)
    assert row[c.NIK_GRADE] == ("V1" if kept else "V0")
    assert row[c.NIK_REASONS] == reasons
    assert row[c.NIK_BIRTH_DATE] == born
    # A NIK that was not taken always says why.
    assert kept or nik is None or row[c.NIK_REASONS]


def test_what_is_inside_a_nik(found):
    row = found["n00"]
    assert (row[c.NIK_SEX], row[c.NIK_REGION], row[c.NIK_SERIAL]) == ("P", "317401", "0001")
    assert found["n02"][c.NIK_SEX] == "L"


def test_a_kk_number_needs_sixteen_digits_and_no_date(found):
    said = {nik: (found[f"n{i:02}"][c.NO_KK], found[f"n{i:02}"]["fault"]) for i, (nik, *_) in enumerate(NIKS)}
    assert said["3174013102900001"] == ("3174013102900001", None)
    assert said["317401520890001"] == (None, "no_kk:not_16_digits")
    assert said["31740152O8900001"] == (None, "no_kk:not_digits")
    assert said["1111111111111111"] == (None, "no_kk:dummy")
    assert said[None] == (None, None)
