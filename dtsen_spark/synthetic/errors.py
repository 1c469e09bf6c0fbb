"""Error modes: what a source writes instead of what is true, and which mode it was.

At most one mode befalls each of NIK, name, birth date, sex and mother's name of a record. A mode that changes nothing
(swapping 5 May) is not counted as one.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from pydantic import BaseModel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.synthetic.draw import Draws, by_share, pick
from dtsen_spark.synthetic.families import PUT_RIGHT
from dtsen_spark.synthetic.nation import read_csv
from dtsen_spark.synthetic.profile import SourceRates

# Columns that ``erring`` adds: what the source writes.
NIK: Final = "said_nik"
NAME: Final = "said_name"
MALE: Final = "said_male"
MOTHER: Final = "said_mother"
YEAR: Final = "said_year"
MONTH: Final = "said_month"
DAY: Final = "said_day"
MODES: Final = "error_mode"

_DUMMIES: Final = ("9999999999999999", "0000000000000000", "1234567890123456")
_TITLES: Final = ("H. {}", "{} S.PD", "DRS. {}", "{} S.E", "{} AMD", "R. {}")
_WOMENS_TITLES: Final = ("HJ. {}", "{} S.PD", "DRA. {}", "{} S.E", "{} AMD.KEB", "NY. {}")
_UNKNOWN: Final = 98
_UNKNOWN_YEAR: Final = 9998
_LONGEST: Final = 20

_Key = tuple[Column, Column]


def erring(records: DataFrame, source: str, rates: SourceRates, draws: Draws, as_of: date) -> DataFrame:
    """Add what a source writes of each person, and its error modes.

    Args:
        records: One row a record of the source: the person's columns, ``repeat`` (1 for a second listing), and
            ``more_modes``, an array of modes that the source found already (nulls allowed); ``put_right`` where it was
            told number, name and birth date as they are.
        source: Name of the source; its errors are independent of other sources'.
        rates: How often.
        draws: The nation's chance.
        as_of: Date of the source; nobody is said to be born after it.

    Returns:
        The same rows with the ``said_*`` columns and ``error_mode``: sorted, comma between, empty where all is true.
    """
    key = (F.col("person"), F.col("repeat"))
    # Drawn, then written, then which mode it was: a mode that changed nothing is none.
    shares = {
        "nik": _shares(rates.nik, "nik", ["heads"]),
        "name": _shares(rates.name, "name"),
        "birth": _shares(rates.birth, "birth"),
    }
    drawn = {
        f"{field}_mode": F.when(F.col(PUT_RIGHT), "").otherwise(
            by_share(draws.uniform(f"{source}/{field}", *key), modes, "")
        )
        for field, modes in shares.items()
    }
    parts = (
        _nik(source, rates, draws, key),
        _name(source, draws, key),
        _birth(source, draws, key, as_of),
        _sex(source, rates, draws, key),
        _mother(source, rates, draws, key),
    )
    written = {name: column for part, _ in parts for name, column in part.items()}
    modes = F.concat(F.array(*(mode for _, mode in parts)), F.col("more_modes"))
    return (
        records.withColumns(drawn)
        .withColumns(written)
        .withColumn(MODES, F.array_join(F.sort_array(modes), ","))
        .drop("more_modes", *drawn)
    )


def _shares(rates: BaseModel, field: str, left_out: Sequence[str] = ()) -> list[tuple[str, float]]:
    shares: dict[str, float] = rates.model_dump()
    return [(f"{field}_{name}", rate) for name, rate in shares.items() if rate > 0 and name not in left_out]


def _nik(source: str, rates: SourceRates, draws: Draws, key: _Key) -> tuple[dict[str, Column], Column]:
    true = F.col("carried_nik")
    heads = (
        draws.chance(f"{source}/heads", rates.nik.heads, F.col("family"))
        & F.col("head_nik").isNotNull()
        & (F.col("role") != "HEAD")
    )
    mode = F.when(heads, "nik_heads").otherwise(F.col("nik_mode"))
    place = draws.whole(f"{source}/nik place", 1, 15, *key)
    digit = F.substring(true, place, F.lit(1)).cast("int")
    other = ((digit + draws.whole(f"{source}/nik digit", 1, 9, *key)) % 10).cast("string")
    before, after = F.substring(true, F.lit(1), place - 1), F.substring(true, place + 1, F.lit(16))
    swapped = F.concat(
        before, F.substring(true, place + 1, F.lit(1)), F.substring(true, place, F.lit(1)),
        F.substring(true, place + 2, F.lit(16)),
    )  # fmt: skip
    wrong_form = F.when(draws.uniform(f"{source}/nik form", *key) < 0.6, F.substring(true, 1, 15)).otherwise(
        F.concat(F.substring(true, 1, 12), F.lit("XXXX"))
    )
    value = (
        F.when(mode == "nik_missing", F.lit(None).cast("string"))
        .when(mode == "nik_invalid", wrong_form)
        .when(mode == "nik_typo", F.concat(before, other, after))
        .when(mode == "nik_transposed", swapped)
        .when(mode == "nik_heads", F.col("head_nik"))
        .when(mode == "nik_borrowed", F.col("neighbour_nik"))
        .when(mode == "nik_dummy", draws.one_of(f"{source}/dummy", _DUMMIES, *key))
        .otherwise(true)
    )
    kept = F.when(F.col("reused"), "nik_reused").when(true.isNull(), "nik_missing")
    return {NIK: value}, F.when(F.col(NIK).eqNullSafe(true), kept).otherwise(mode)


def _variant(mode: str, name: Column, draw: Column) -> Column:
    """Return one of the spellings that differ from ``name``; ``name`` itself where there is none."""
    rules = [row for row in read_csv("spelling.csv") if row["mode"] == mode]
    spelt = F.array(*(F.replace(name, F.lit(row["found"]), F.lit(row["becomes"])) for row in rules))
    return F.coalesce(pick(F.array_distinct(F.array_except(spelt, F.array(name))), draw), name)


def _name(source: str, draws: Draws, key: _Key) -> tuple[dict[str, Column], Column]:
    true = F.col("name")
    mode = F.col("name_mode")
    which = draws.uniform(f"{source}/name which", *key)
    words = F.split(true, " ")
    first, rest = F.get(words, F.lit(0)), F.slice(words, F.lit(2), F.lit(9))
    place = (F.floor(which * (F.length(true) - 1)) + 2).cast("int")
    letter = F.substring(true, place, F.lit(1))
    one_more = F.concat(F.substring(true, F.lit(1), place - 1), letter, F.substring(true, place, F.lit(60)))
    one_less = F.concat(F.substring(true, F.lit(1), place - 1), F.substring(true, place + 1, F.lit(60)))
    titled = F.when(F.col("male"), _format_one(_TITLES, true, which)).otherwise(
        _format_one(_WOMENS_TITLES, true, which)
    )
    value = (
        F.when(mode == "name_spelling", _variant("name_spelling", true, which))
        .when(mode == "name_old_spelling", _variant("name_old_spelling", true, which))
        .when((mode == "name_letter") & (letter != " "), F.when(which < 0.5, one_more).otherwise(one_less))
        .when(mode == "name_nickname", F.when(F.length(first) >= 6, F.substring(first, 3, 30)).otherwise(first))
        .when(
            mode == "name_initials",
            F.array_join(F.concat(F.array(first), F.transform(rest, lambda word: F.substring(word, 1, 1))), " "),
        )
        .when(mode == "name_title", titled)
        .when(mode == "name_swapped", F.array_join(F.concat(rest, F.array(first)), " "))
        .when(mode == "name_truncated", F.rtrim(F.substring(true, 1, _LONGEST)))
        .otherwise(true)
    )
    return {NAME: value}, F.when(F.col(NAME) != true, mode)


def _format_one(forms: Sequence[str], name: Column, draw: Column) -> Column:
    titled = F.array(*(F.concat(F.lit(before), name, F.lit(after)) for before, after in (f.split("{}") for f in forms)))
    return pick(titled, draw)


def _birth(source: str, draws: Draws, key: _Key, as_of: date) -> tuple[dict[str, Column], Column]:
    true = F.col("birth_date")
    year, month, day = F.year(true), F.month(true), F.dayofmonth(true)
    mode = F.col("birth_mode")
    which = draws.uniform(f"{source}/birth which", *key)
    swap = (mode == "birth_swapped") & (day <= 12)
    # A year off never leads past the date of the source.
    off = F.when(which < 0.15, -10).when(which < 0.35, -1).when(which < 0.5, 1).otherwise(0)
    off = F.when(year + off >= as_of.year, -1).otherwise(off)
    digit, unknown, heaped = mode == "birth_digit", mode == "birth_unknown", mode == "birth_heaped"
    said_day = (
        F.when(swap, month)
        # Up to 28, so that the date exists whatever the month and year.
        .when(digit & (which >= 0.5), (day + 9) % 28 + 1)
        .when(digit, F.least(day, F.lit(28)))
        .when(unknown, _UNKNOWN)
        .when(heaped & (year < as_of.year), F.when(which < 0.6, 1).when(which < 0.85, 31).otherwise(1))
        .otherwise(day)
    )
    said_month = (
        F.when(swap, day)
        .when(unknown & (which < 0.7), _UNKNOWN)
        .when(heaped & (year < as_of.year), F.when(which < 0.6, 7).when(which < 0.85, 12).otherwise(1))
        .otherwise(month)
    )
    said_year = F.when(digit & (which < 0.5), year + off).when(unknown & (which < 0.15), _UNKNOWN_YEAR).otherwise(year)
    same = (F.col(DAY) == day) & (F.col(MONTH) == month) & (F.col(YEAR) == year)
    return {DAY: said_day, MONTH: said_month, YEAR: said_year}, F.when(~same, mode)


def _sex(source: str, rates: SourceRates, draws: Draws, key: _Key) -> tuple[dict[str, Column], Column]:
    wrong = draws.chance(f"{source}/sex", rates.sex_wrong, *key)
    return {MALE: F.col("male") != wrong}, F.when(F.col(MALE) != F.col("male"), "sex_wrong")


def _mother(source: str, rates: SourceRates, draws: Draws, key: _Key) -> tuple[dict[str, Column], Column]:
    true, drawn = F.col("mother_name"), draws.uniform(f"{source}/mother", *key)
    missing = drawn < rates.mother_missing
    variant = ~missing & (drawn < rates.mother_missing + rates.mother_variant)
    spelt = _variant("name_spelling", true, draws.uniform(f"{source}/mother which", *key))
    value = F.when(~missing, F.when(variant, spelt).otherwise(true))
    mode = F.when(F.col(MOTHER).isNull(), "mother_missing").when(F.col(MOTHER) != true, "mother_variant")
    return {MOTHER: value}, mode
