"""Which record a value is taken from: a race of packed numbers.

For each field, every record packs its place in the order and its value into one 63-bit integer, and the least
integer wins: place first, value last. A minimum of integers needs no sort, aggregates before the shuffle, and does
not depend on the order in which rows arrive; a minimum of structs with text took ten times as long. Where two records
share the whole order (same source, same day) the smaller code wins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DateType, IntegerType

from dtsen_spark import columns as c
from dtsen_spark.codes import code_lists

# Freshness counts back from a day that no delivery will see; 17 bits reach back to 1841.
_HORIZON: Final = "2200-01-01"
AGE_BITS: Final = 17
_DATE_ORIGIN: Final = "1800-01-01"
_CARD_DIGITS: Final = 16  # NIK and card number, below 2 ** 54
_LONG_BITS: Final = 63


@dataclass(frozen=True)
class Key:
    """One part of an order.

    Attributes:
        value: Integer column, 0 and more; the smaller wins.
        bits: Bits that it takes; larger values count as the largest.
    """

    value: Column
    bits: int


@dataclass(frozen=True)
class Race:
    """The race for one field.

    Attributes:
        name: Column whose value survives.
        keys: The order, most weighty first.
    """

    name: str
    keys: tuple[Key, ...]

    def least(self, having: Column | None = None) -> Column:
        """Return the aggregate: the packed winner, null where no row has a value.

        Args:
            having: Rows that may give the value; None = every row with one.
        """
        value = _encoded(self.name)
        packed: Column = F.lit(0).cast("long")
        for key in self.keys:
            top = 2**key.bits - 1
            packed = F.shiftleft(packed, key.bits) + F.least(F.greatest(key.value.cast("long"), F.lit(0)), F.lit(top))
        packed = F.shiftleft(packed, self._value_bits) + value
        may = value.isNotNull() if having is None else value.isNotNull() & having
        return F.min(F.when(may, packed))

    def value(self, packed: Column) -> Column:
        """Return the value of a packed winner."""
        return _decoded(self.name, packed.bitwiseAND(F.lit(2**self._value_bits - 1)))

    def key(self, packed: Column, place: int) -> Column:
        """Return one part of the order of a packed winner."""
        shift = self._value_bits + sum(key.bits for key in self.keys[place + 1 :])
        return F.shiftright(packed, shift).bitwiseAND(F.lit(2 ** self.keys[place].bits - 1))

    @property
    def _value_bits(self) -> int:
        return _LONG_BITS - sum(key.bits for key in self.keys)


def source_rank(precedence: Sequence[str]) -> Column:
    """Return the place of a row's source in a list of trust: 0 is the best, a source off the list the worst."""
    rank = F.lit(len(precedence))
    for place, source in reversed(list(enumerate(precedence))):
        rank = F.when(F.col(c.SOURCE) == source, F.lit(place)).otherwise(rank)
    return rank


def staleness() -> Column:
    """Return a number that is the smaller the fresher the row; undated rows are the stalest."""
    return F.coalesce(F.datediff(F.lit(_HORIZON).cast("date"), F.col(c.AS_OF)), F.lit(2**AGE_BITS - 1))


def day_of(stale: Column) -> Column:
    """Return the day of a ``staleness``."""
    return F.date_sub(F.lit(_HORIZON).cast("date"), stale.cast("int"))


def origins(winners: Mapping[str, tuple[Column, Column, Column]]) -> Column:
    """Return a JSON object with source and day of each surviving value: ``{"education":"regsosek 2022-11-14"}``.

    Args:
        winners: By column: whether there is a value, its source, its ``staleness``.

    Returns:
        String column. Names and sources are words of ours, so nothing needs escaping.
    """
    parts = [
        F.when(there, F.concat(F.lit(f'"{name}":"'), source, F.lit(" "), day_of(stale).cast("string"), F.lit('"')))
        for name, (there, source, stale) in winners.items()
    ]
    return F.concat(F.lit("{"), F.concat_ws(",", *parts), F.lit("}"))


def with_origin(source_of: Column, names: Sequence[str], source: str, day: Column) -> Column:
    """Return ``origins`` with other ones for some columns: their value was replaced.

    Args:
        source_of: As ``origins`` writes it; null where nothing had one.
        names: Columns whose value comes from ``source``.
        source: The source.
        day: Day of the value; where it is null nothing changes.
    """
    kept = F.coalesce(source_of, F.lit("{}"))
    for name in names:
        kept = F.regexp_replace(kept, f'"{name}":"[^"]*",?', "")
    added = [F.concat(F.lit(f'"{name}":"{source} '), day.cast("string"), F.lit('"')) for name in names]
    # What is left is an object without its first brace, perhaps with a comma before its last one.
    rest = F.regexp_replace(F.substring(kept, 2, 1_000_000), ",?\\}$", "")
    joined = F.concat(F.lit("{"), F.concat_ws(",", *added, F.nullif(rest, F.lit(""))), F.lit("}"))
    return F.when(day.isNull(), source_of).otherwise(joined)


def _codes(name: str) -> tuple[str, ...]:
    return tuple(code.code for code in code_lists()[name].codes)


def _encoded(name: str) -> Column:
    kind, here = c.COLUMNS[name].type, F.col(name)
    if isinstance(kind, BooleanType | IntegerType):
        return here.cast("long")
    if isinstance(kind, DateType):
        return F.datediff(here, F.lit(_DATE_ORIGIN).cast("date")).cast("long")
    if name in code_lists():
        places = ",".join(f"{code}:{place}" for place, code in enumerate(_codes(name)))
        return F.try_element_at(F.str_to_map(F.lit(places), F.lit(","), F.lit(":")), here).cast("long")
    return here.try_cast("long")  # NIK, card and region code: digits


def _decoded(name: str, value: Column) -> Column:
    kind = c.COLUMNS[name].type
    if isinstance(kind, BooleanType):
        return value == 1
    if isinstance(kind, IntegerType):
        return value.cast("int")
    if isinstance(kind, DateType):
        return F.date_add(F.lit(_DATE_ORIGIN).cast("date"), value.cast("int"))
    if name in code_lists():
        return F.get(F.array(*map(F.lit, _codes(name))), value.cast("int"))
    digits = value.cast("string")
    return F.lpad(digits, _CARD_DIGITS, "0") if name in {c.NIK, c.NO_KK} else digits
