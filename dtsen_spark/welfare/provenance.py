"""Where each input of a score came from, and how fresh it is.

The family stage writes source and day of every surviving value as ``source_of``. Here they become one integer for each
indicator (day first, so that the least is the oldest), which an aggregate over a family's members can reduce without
text or sort.
"""

from datetime import date
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.codes import Level, indicators

# Parsed ``source_of`` of a row, while origins are taken from it.
ORIGINS: Final = "_origins"
# Of a person's birth, sex and place in the family no day is kept: they do not age. Region and size are the register's.
_UNTRACED: Final = frozenset({c.AGE, c.SEX, c.URBAN, c.MEMBERS})
_OTHER: Final = "other"
_SLOTS: Final = 64  # sources that a packed origin has room for
_DAY_TEXT: Final = 10
_EPOCH: Final = date(1970, 1, 1)
WHOLE: Final = 1000


def traced_indicators(level: Level) -> tuple[str, ...]:
    """Return the indicators of persons or families whose origin is kept."""
    return tuple(i.name for i in indicators() if i.level is level and i.name not in _UNTRACED)


def origin_column(name: str) -> str:
    """Return the column of a design frame that holds the origin of an indicator."""
    return f"o_{name}"


def origin_map(source_of: Column) -> Column:
    """Return ``source_of`` as a map from indicator to ``<source> <day>``; its words need no unescaping."""
    return F.str_to_map(F.translate(source_of, '{"}', ""), F.lit(","), F.lit(":"))


def packed_origin(name: str) -> Column:
    """Return the origin of an indicator as one integer: days since 1970, then the source; null where none is known.

    Args:
        name: The indicator; the row has ``ORIGINS``.
    """
    text = F.try_element_at(F.col(ORIGINS), F.lit(name))
    day = F.unix_date(F.right(text, F.lit(_DAY_TEXT)).try_cast("date")).cast("long")
    source = F.substring_index(text, " ", 1)
    return day * _SLOTS + F.array_position(F.array(*map(F.lit, _sources())), source)


def origin_source(packed: Column) -> Column:
    """Return the source of a packed origin."""
    return F.get(F.array(F.lit(_OTHER), *map(F.lit, _sources())), packed.bitwiseAND(F.lit(_SLOTS - 1)).cast("int"))


def origin_day(packed: Column) -> Column:
    """Return the day of a packed origin."""
    return F.date_from_unix_date(_days(packed))


def _days(packed: Column) -> Column:
    return F.shiftright(packed, _SLOTS.bit_length() - 1).cast("int")


def freshness(packed: Column, on: date, fresh_days: int, stale_days: int) -> Column:
    """Return how much an input still counts, per mille: all of it while fresh, nothing once stale, linear between.

    Args:
        packed: Packed origin; where it is null the value has no day, and counts in full.
        on: Day that the score describes.
        fresh_days: Age up to which an input counts in full, days.
        stale_days: Age from which it counts as missing, days.

    Returns:
        Long column, 0 to 1000.
    """
    # Counted in days since 1970, not as dates: every family has dozens of these.
    until_stale = _days(packed).cast("long") + F.lit(stale_days - (on - _EPOCH).days)
    left = F.floor(until_stale * WHOLE / F.lit(stale_days - fresh_days))
    counted = F.least(F.greatest(left, F.lit(0)), F.lit(WHOLE))
    # Said first: ``greatest`` skips nulls, and would call an unknown day stale.
    return F.when(packed.isNull(), F.lit(WHOLE)).otherwise(counted).cast("long")


def _sources() -> tuple[str, ...]:
    landed = {table.source for table in tables.LANDING.values()}
    # A verified correction stands above every source, and is named as itself.
    return tuple(sorted(landed | {tables.CORRECTION.name}))
