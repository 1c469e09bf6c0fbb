"""A family's features and their origins in a few whole numbers, four to a long: what a score is computed from.

A design has some eighty columns, most of them small numbers. As columns of their own they are wider than what Spark
compiles well, and reading them costs more than the score. Each takes 16 bits here: a feature in hundredths, a day
since 1900; all bits set means unknown. Sources take 6 bits, and are only looked at where a score is explained.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import cache
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.codes import Level
from dtsen_spark.welfare import provenance
from dtsen_spark.welfare.features import Feature, features

_BITS: Final = 16
_PER_WORD: Final = 4
_SOURCES_PER_WORD: Final = 10
UNKNOWN: Final = (1 << _BITS) - 1
# Day 0 of a packed day, in days since 1970.
_FIRST_DAY: Final = (date(1900, 1, 1) - date(1970, 1, 1)).days
_WORD: Final = 64


def packed(design: DataFrame) -> DataFrame:
    """Put the features and origins of a design into words.

    Args:
        design: One row for each family: any features and origins of ``features.design``; what it lacks is unknown.

    Returns:
        The rows with words (``words``) in their place. A value outside of what fits is the nearest that does: days are
        those of 1900 to 2079.
    """
    there = set(design.columns)

    def fields(names: Iterable[str], value: Callable[[Column], Column], unknown: int) -> list[Column]:
        return [value(F.col(name)) if name in there else F.lit(unknown).cast("long") for name in names]

    origins = [provenance.origin_column(name) for name in _traced()]
    of_features = fields((f.column for f in features()), _field, UNKNOWN)
    of_days = fields(origins, lambda origin: _field(provenance.origin_days(origin) - F.lit(_FIRST_DAY)), UNKNOWN)
    of_sources = fields(origins, lambda origin: F.coalesce(provenance.origin_slot(origin), F.lit(0)), 0)
    made = {
        **_words("f", of_features, _BITS, _PER_WORD),
        **_words("d", of_days, _BITS, _PER_WORD),
        **_words("s", of_sources, provenance.SOURCE_BITS, _SOURCES_PER_WORD),
    }
    taken = {*(f.column for f in features()), *origins}
    kept = [name for name in design.columns if name not in taken]
    return design.select(*kept, *(word.alias(name) for name, word in made.items()))


def opened(design: DataFrame) -> DataFrame:
    """Make the words of a packed design free of nulls, which files cannot promise."""
    return design.withColumns({name: F.coalesce(F.col(name), F.lit(-1).cast("long")) for name in words()})


def unpacked(design: DataFrame) -> DataFrame:
    """Return a packed design with its features as columns again, in place of the words.

    Args:
        design: As ``packed`` returns it.
    """
    kept = [name for name in design.columns if name not in set(words())]
    values = [(f, value(f)) for f in features()]
    return design.select(*kept, *(F.when(here != UNKNOWN, here).alias(f.column) for f, here in values))


def words() -> list[str]:
    """Return the names of the words of a packed design."""
    counts = {"f": (len(_names()), _PER_WORD), "d": (len(_traced()), _PER_WORD)}
    counts["s"] = (len(_traced()), _SOURCES_PER_WORD)
    return [f"{kind}{i}" for kind, (fields, each) in counts.items() for i in range(-(-fields // each))]


def value(feature: Feature) -> Column:
    """Return a feature of a packed design, hundredths; ``UNKNOWN`` where it is not known."""
    return _taken("f", _names().index(feature.name))


def any_known(wanted: Sequence[Feature]) -> Column:
    """Say whether any of some features of a packed design is known, a word at a time."""
    names = _names()
    masks: dict[int, int] = {}
    for feature in wanted:
        word, slot = divmod(names.index(feature.name), _PER_WORD)
        masks[word] = masks.get(word, 0) | UNKNOWN << (_BITS * slot)
    found = F.lit(False)
    for word, mask in sorted(masks.items()):
        signed = F.lit(mask - (1 << _WORD) if mask >> (_WORD - 1) else mask).cast("long")
        found = found | (F.col(f"f{word}").bitwiseAND(signed) != signed)
    return found


def staleness(name: str, on: date, fresh_days: int, stale_days: int) -> Column:
    """Return how much of an indicator's age counts against it, in days: none while fresh, at most until it is stale.

    Args:
        name: A traced indicator; a value whose day is unknown counts in full.
        on: Day that the score describes.
        fresh_days: Age up to which an input counts in full, days.
        stale_days: Age from which it counts as missing, days.

    Returns:
        Double column that holds a whole number, 0 to ``stale_days - fresh_days``.
    """
    # An unknown day is later than any other, so it is fresh.
    last_fresh = (on - date(1970, 1, 1)).days - fresh_days - _FIRST_DAY
    beyond = F.lit(float(last_fresh)) - _day(name).cast("double")
    return F.least(F.greatest(beyond, F.lit(0.0)), F.lit(float(stale_days - fresh_days)))


def origin(name: str) -> tuple[Column, Column]:
    """Return source and day of a traced indicator of a packed design; null where its day is unknown."""
    slot = _taken("s", _traced().index(name), provenance.SOURCE_BITS, _SOURCES_PER_WORD)
    known = _day(name) != UNKNOWN
    return F.when(known, provenance.slot_source(slot)), F.when(known, _date(_day(name)))


def oldest(names: Sequence[str]) -> Column:
    """Return the oldest day of some traced indicators of a packed design; null where none is known."""
    # ``least`` wants two columns at least.
    day = F.least(F.lit(UNKNOWN).cast("long"), *map(_day, names))
    return F.when(day != UNKNOWN, _date(day))


def _field(number: Column) -> Column:
    within = F.least(F.greatest(number, F.lit(0)), F.lit(UNKNOWN - 1))
    # Said first: ``greatest`` and ``least`` pass over nulls.
    return F.when(number.isNull(), F.lit(UNKNOWN)).otherwise(within).cast("long")


def _words(kind: str, fields: Sequence[Column], bits: int, each: int) -> dict[str, Column]:
    made = {}
    for start in range(0, len(fields), each):
        word: Column = F.lit(0).cast("long")
        for slot, field in enumerate(fields[start : start + each]):
            word = word.bitwiseOR(F.shiftleft(field.cast("long"), bits * slot))
        made[f"{kind}{start // each}"] = word
    return made


def _taken(kind: str, position: int, bits: int = _BITS, each: int = _PER_WORD) -> Column:
    word, slot = divmod(position, each)
    return F.shiftrightunsigned(F.col(f"{kind}{word}"), bits * slot).bitwiseAND(F.lit((1 << bits) - 1).cast("long"))


def _day(name: str) -> Column:
    return _taken("d", _traced().index(name))


def _date(day: Column) -> Column:
    return F.date_from_unix_date((day + F.lit(_FIRST_DAY)).cast("int"))


@cache
def _names() -> tuple[str, ...]:
    return tuple(feature.name for feature in features())


@cache
def _traced() -> tuple[str, ...]:
    return (*provenance.traced_indicators(Level.PERSON), *provenance.traced_indicators(Level.FAMILY))
