"""Where each input of a score came from, and how fresh it is.

The family stage writes source and day of every surviving value as ``source_of``. Here they become one integer for each
indicator (day first, so that the least is the oldest), which an aggregate over a family's members can reduce without
text or sort.
"""

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
SOURCE_BITS: Final = 6
_SLOTS: Final = 1 << SOURCE_BITS  # sources that a packed origin has room for
_DAY_TEXT: Final = 10


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


def origin_days(packed: Column) -> Column:
    """Return the day of a packed origin, in days since 1970."""
    return F.shiftright(packed, SOURCE_BITS)


def origin_slot(packed: Column) -> Column:
    """Return the number of the source of a packed origin."""
    return packed.bitwiseAND(F.lit(_SLOTS - 1).cast("long"))


def slot_source(slot: Column) -> Column:
    """Return the source of a number of one."""
    return F.get(F.array(F.lit(_OTHER), *map(F.lit, _sources())), slot.cast("int"))


def _sources() -> tuple[str, ...]:
    landed = {table.source for table in tables.LANDING.values()}
    # A verified correction stands above every source, and is named as itself.
    return tuple(sorted(landed | {tables.CORRECTION.name}))
