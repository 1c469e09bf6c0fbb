"""NIK and KK numbers: form, what is inside, and what is odd about them.

A NIK is PPKKCC DDMMYY SSSS: kecamatan of first registration, birth date (day + 40 for women), serial from 0001. There
is no check digit and the century is open. It is never changed when a person moves or a birth date is corrected, so a
difference to the stated date, sex or region is a note, not a fault.
"""

import re
from functools import partial
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.expressions import present

# Grades that the form alone gives; linkage raises them by what Dukcapil says.
WELL_FORMED: Final = "V1"
INVALID: Final = "V0"

DUMMY: Final = "dummy"
IMPOSSIBLE_DATE: Final = "impossible_date"
IMPOSSIBLE_DAY: Final = "impossible_day"
IMPOSSIBLE_MONTH: Final = "impossible_month"
NOT_16_DIGITS: Final = "not_16_digits"
NOT_DIGITS: Final = "not_digits"
SERIAL_ZERO: Final = "serial_zero"
BIRTH_DATE_DIFFERS: Final = "birth_date_differs"
REGION_UNVERIFIED: Final = "region_unverified"
SEX_DIFFERS: Final = "sex_differs"

_DIGITS: Final = 16
# DDMMYY with 41-71 for women; 29 February only in years that one of the two centuries makes a leap year.
_DATE: Final = (
    "(?:(?:0[1-9]|1[0-9]|2[0-8]|4[1-9]|5[0-9]|6[0-8])(?:0[1-9]|1[0-2])[0-9]{2}"
    "|(?:29|69)(?:(?:0[13-9]|1[0-2])[0-9]{2}|02(?:[02468][048]|[13579][26]))"
    "|(?:30|70)(?:0[13-9]|1[0-2])[0-9]{2}"
    "|(?:31|71)(?:0[13578]|1[02])[0-9]{2})"
)
_DATED: Final = f"^[0-9]{{6}}{_DATE}[0-9]{{4}}$"
_FORM: Final = f"^[0-9]{{6}}{_DATE}(?!0000)[0-9]{{4}}$"
_ALL_DIGITS: Final = "^[0-9]{16}$"
_DAY: Final = "^[0-9]{6}(?:0[1-9]|[12][0-9]|3[01]|4[1-9]|[56][0-9]|7[01])"
_MONTH: Final = "^[0-9]{8}(?:0[1-9]|1[0-2])"
_WOMEN: Final = 40
_LEAP_DAY: Final = 229

_CODE_YEAR: Final = "_nik_yy"
_CODE_MONTH: Final = "_nik_mm"
_CODE_DAY: Final = "_nik_dd"
NIK_KNOWN_REGION: Final = "_nik_region_known"


def _is_dummy(raw: Column, dummies: tuple[str, ...]) -> Column:
    return raw.rlike(f"^(?:{'|'.join(f'(?:{pattern})' for pattern in _renumbered(dummies))})$")


def _renumbered(patterns: tuple[str, ...]) -> list[str]:
    r"""Number the groups of patterns anew, so that each back reference of the joined pattern finds its own group.

    >>> _renumbered((r"(\d)\1{15}", r"(\d\d)\1{7}"))
    ['(\\d)\\1{15}', '(\\d\\d)\\2{7}']
    """
    renumbered: list[str] = []
    before = 0
    for pattern in patterns:
        shifted = re.sub(r"\\(\d+)", partial(_shift, before), pattern)
        renumbered.append(shifted)
        before += re.compile(pattern).groups
    return renumbered


def _shift(by: int, found: re.Match[str]) -> str:
    return f"\\{int(found[1]) + by}"


def nik_or_null(raw: Column, dummies: tuple[str, ...]) -> Column:
    """Return a NIK of valid form, else null.

    Args:
        raw: NIK as delivered.
        dummies: Patterns of numbers that nobody has.
    """
    return F.when(raw.rlike(_FORM) & ~_is_dummy(raw, dummies), raw)


def kk_or_null(raw: Column, dummies: tuple[str, ...]) -> Column:
    """Return a KK number of valid form (16 digits, no dummy), else null.

    Args:
        raw: KK number as delivered.
        dummies: Patterns of numbers that nobody has.
    """
    return F.when(raw.rlike(_ALL_DIGITS) & ~_is_dummy(raw, dummies), raw)


def kk_fault(raw: Column) -> Column:
    """Return the rule that a KK number breaks which ``kk_or_null`` did not take.

    Args:
        raw: KK number as delivered.
    """
    return (
        F.when(raw.rlike("[^0-9]"), F.lit(NOT_DIGITS))
        .when(F.length(raw) != _DIGITS, F.lit(NOT_16_DIGITS))
        .otherwise(F.lit(DUMMY))
    )


def with_nik(df: DataFrame, raw: str, dummies: tuple[str, ...]) -> DataFrame:
    """Grade the NIK by its form and take it apart.

    Args:
        df: With the delivered NIK in ``raw``, the columns of ``with_birth_date``, ``sex``, ``as_of`` and
            ``NIK_KNOWN_REGION``.
        raw: Column with the NIK as delivered.
        dummies: Patterns of numbers that nobody has.

    Returns:
        ``df`` with ``nik`` (null where its form is invalid), ``nik_grade`` (V1 or V0), ``nik_reasons`` (sorted; empty
        where there is no NIK or nothing to say), ``nik_birth_date``, ``nik_sex``, ``nik_region`` and ``nik_serial``.
        The century of the birth date is the one nearer to the stated year, else the latest up to ``as_of``.
    """
    number = F.col(raw)
    formed = df.withColumn(c.NIK, nik_or_null(number, dummies))
    nik = F.col(c.NIK)
    parts = formed.withColumns(
        {
            _CODE_DAY: F.substring(nik, 7, 2).try_cast("int"),
            _CODE_MONTH: F.substring(nik, 9, 2).try_cast("int"),
            _CODE_YEAR: F.substring(nik, 11, 2).try_cast("int"),
        }
    ).withColumns(
        {
            c.NIK_SEX: F.when(F.col(_CODE_DAY) > _WOMEN, F.lit("P")).when(nik.isNotNull(), F.lit("L")),
            _CODE_DAY: F.col(_CODE_DAY) % _WOMEN,
        }
    )
    day, month = F.col(_CODE_DAY), F.col(_CODE_MONTH)
    dated = parts.withColumn(_CODE_YEAR, _year()).withColumns(
        {
            c.NIK_BIRTH_DATE: F.when(nik.isNotNull(), F.make_date(F.col(_CODE_YEAR), month, day)),
            c.NIK_REGION: F.substring(nik, 1, 6),
            c.NIK_SERIAL: F.substring(nik, 13, 4),
            c.NIK_GRADE: F.when(nik.isNotNull(), F.lit(WELL_FORMED)).otherwise(F.lit(INVALID)),
        }
    )
    return dated.withColumn(c.NIK_REASONS, _reasons(number, dummies)).drop(_CODE_DAY, _CODE_MONTH, _CODE_YEAR)


def _year() -> Column:
    short, month_day = F.col(_CODE_YEAR), F.col(_CODE_MONTH) * 100 + F.col(_CODE_DAY)
    stated, as_of = F.col(c.BIRTH_YEAR), F.col(c.AS_OF)
    nearer = F.abs(short + 2000 - stated) < F.abs(short + 1900 - stated)
    past = (short + 2000) * 10_000 + month_day <= F.year(as_of) * 10_000 + F.month(as_of) * 100 + F.day(as_of)
    # 1900 had no 29 February, 2000 had.
    only_2000 = (short == 0) & (month_day == _LEAP_DAY)
    this_century = only_2000 | F.coalesce(nearer, past)
    return F.when(this_century, short + 2000).otherwise(short + 1900)


def _reasons(raw: Column, dummies: tuple[str, ...]) -> Column:
    # Both lists are in alphabetical order: arrays are stored sorted.
    notes = {
        BIRTH_DATE_DIFFERS: F.col(c.NIK_BIRTH_DATE) != F.col(c.BIRTH_DATE),
        REGION_UNVERIFIED: ~F.col(NIK_KNOWN_REGION),
        SEX_DIFFERS: F.col(c.NIK_SEX) != F.col(c.SEX),
    }
    digits, day, month = raw.rlike(_ALL_DIGITS), raw.rlike(_DAY), raw.rlike(_MONTH)
    faults = {
        DUMMY: _is_dummy(raw, dummies),
        IMPOSSIBLE_DATE: digits & day & month & ~raw.rlike(_DATED),
        IMPOSSIBLE_DAY: digits & ~day,
        IMPOSSIBLE_MONTH: digits & ~month,
        NOT_16_DIGITS: F.length(raw) != _DIGITS,
        NOT_DIGITS: raw.rlike("[^0-9]"),
        SERIAL_ZERO: digits & raw.endswith("0000"),
    }
    return (
        F.when(F.col(c.NIK).isNotNull(), listed(notes))
        .when(raw.isNotNull(), listed(faults))
        .otherwise(F.array().cast("array<string>"))
    )


def listed(rules: dict[str, Column]) -> Column:
    """Return the names of the rules that hold, in their order; a rule that is null does not hold."""
    return present(*(F.when(holds, F.lit(name)) for name, holds in rules.items()))
