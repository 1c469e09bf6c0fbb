"""Dates of four written forms, with unknown parts; nothing is guessed."""

from collections.abc import Iterable
from datetime import date
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c

NOT_A_DATE: Final = "not_a_date"
IMPLAUSIBLE: Final = "implausible"

# How forms write a part that nobody knew (landing contract, section 2.1); zeros are empty boxes.
_UNKNOWN_PART: Final = (0, 98, 99)
_UNKNOWN_YEAR: Final = (0, 9998, 9999)
_DAYS_IN_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY: Final = 2
_LONGEST_MONTH: Final = 31

YEAR_TEXT: Final = "_year"
MONTH_TEXT: Final = "_month"
DAY_TEXT: Final = "_day"
BIRTH_REASON: Final = "_birth_reason"


def written_parts(raw: Column) -> dict[str, Column]:
    """Return year, month and day of a written date as text.

    ``YYYY-MM-DD``, ``DD-MM-YYYY`` and ``DD/MM/YYYY`` (and the fourth, ``YYYY/MM/DD``); a time behind the date is left
    out. A text without three parts gives its whole as the year, so that it fails as a number.

    Args:
        raw: The date as delivered.

    Returns:
        Expressions by the names that ``with_birth_date`` reads.
    """
    text = _dashed(raw)
    # Found in the bytes: a split would make Java strings of every date.
    first, last = F.substring_index(text, "-", 1), F.substring_index(text, "-", -1)
    middle = F.substring_index(F.substring_index(text, "-", 2), "-", -1)
    three = F.length(text) - F.length(F.replace(text, F.lit("-"))) == 2
    year_first = F.length(first) == 4
    return {
        YEAR_TEXT: F.when(~three, raw).otherwise(F.when(year_first, first).otherwise(last)),
        MONTH_TEXT: F.when(three, middle),
        DAY_TEXT: F.when(three, F.when(year_first, last).otherwise(first)),
    }


def _dashed(raw: Column) -> Column:
    return F.replace(F.substring(raw, 1, 10), F.lit("/"), F.lit("-"))


def with_birth_date(df: DataFrame, earliest: date, heaped_days: tuple[str, ...]) -> DataFrame:
    """Add the birth date and its known parts.

    Args:
        df: With the text columns ``YEAR_TEXT``, ``MONTH_TEXT``, ``DAY_TEXT`` and ``as_of``.
        earliest: Earliest plausible date; the latest is ``as_of``.
        heaped_days: Month and day (``MM-DD``) that offices put in for an unknown date.

    Returns:
        ``df`` with ``birth_year``, ``birth_month`` and ``birth_day`` where known, ``birth_date`` where all are known,
        valid and plausible, ``birth_heaped``, and ``BIRTH_REASON``: the rule that a delivered value broke, else null.
        A date that cannot be (31 February) keeps its year and month; one out of range keeps nothing.
    """
    texts = (YEAR_TEXT, MONTH_TEXT, DAY_TEXT)
    year, month, day = (F.col(name).try_cast("int") for name in texts)
    read = df.withColumns({c.BIRTH_YEAR: year, c.BIRTH_MONTH: month, c.BIRTH_DAY: day})
    year, month, day = F.col(c.BIRTH_YEAR), F.col(c.BIRTH_MONTH), F.col(c.BIRTH_DAY)

    garbled = _any(
        F.col(text).isNotNull() & part.isNull() for text, part in zip(texts, (year, month, day), strict=True)
    )
    known_year = F.when(~year.isin(*_UNKNOWN_YEAR), year)
    known_month = F.when(~month.isin(*_UNKNOWN_PART), month)
    known_day = F.when(~day.isin(*_UNKNOWN_PART), day)
    wrong_month = ~known_month.between(1, 12)
    wrong_day = ~known_day.between(1, _days_in(known_month, known_year))
    early = known_year < earliest.year
    late = (
        known_year * 10_000 + F.coalesce(known_month, F.lit(0)) * 100 + F.coalesce(known_day, F.lit(0))
    ) > _as_number(F.col(c.AS_OF))
    reason = (
        F.when(early | late, F.lit(IMPLAUSIBLE))
        .when(garbled | wrong_month | wrong_day, F.lit(NOT_A_DATE))
        .otherwise(F.lit(None))
    )
    judged = read.withColumns(
        {
            BIRTH_REASON: reason.cast("string"),
            c.BIRTH_YEAR: known_year,
            c.BIRTH_MONTH: F.when(~wrong_month, known_month),
            c.BIRTH_DAY: F.when(~wrong_day, known_day),
        }
    )
    taken = ~F.col(BIRTH_REASON).eqNullSafe(IMPLAUSIBLE)
    plausible = judged.withColumns(
        {name: F.when(taken, F.col(name)) for name in (c.BIRTH_YEAR, c.BIRTH_MONTH, c.BIRTH_DAY)}
    )
    whole = F.col(c.BIRTH_YEAR).isNotNull() & F.col(c.BIRTH_MONTH).isNotNull() & F.col(c.BIRTH_DAY).isNotNull()
    heaped = [int(text[:2]) * 100 + int(text[3:]) for text in heaped_days]
    return plausible.withColumns(
        {
            c.BIRTH_DATE: F.when(whole, F.make_date(c.BIRTH_YEAR, c.BIRTH_MONTH, c.BIRTH_DAY)),
            c.BIRTH_HEAPED: F.coalesce((F.col(c.BIRTH_MONTH) * 100 + F.col(c.BIRTH_DAY)).isin(heaped), F.lit(False)),
        }
    ).drop(*texts)


def day_of(raw: Column, earliest: date, latest: Column) -> Column:
    """Return a delivered day in any of the written forms, null where it does not parse or is out of range.

    Args:
        raw: The date as delivered.
        earliest: Earliest plausible date.
        latest: Latest plausible date.
    """
    text = _dashed(raw)
    day = F.coalesce(F.try_to_date(text, "yyyy-MM-dd"), F.try_to_date(text, "dd-MM-yyyy"))
    return F.when(day.between(F.lit(earliest), latest), day)


def _days_in(month: Column, year: Column) -> Column:
    """Days of a month; of the longest where it is unknown or wrong, of a leap year where the year is unknown."""
    lengths = F.array(*(F.lit(days) for days in _DAYS_IN_MONTH))
    common_year = (year % 4 != 0) | ((year % 100 == 0) & (year % 400 != 0))
    days = F.when((month == _FEBRUARY) & common_year, F.lit(28)).otherwise(F.get(lengths, month - 1))
    return F.coalesce(days, F.lit(_LONGEST_MONTH))


def _as_number(day: Column) -> Column:
    return F.year(day) * 10_000 + F.month(day) * 100 + F.day(day)


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(lambda left, right: left | right, conditions)
