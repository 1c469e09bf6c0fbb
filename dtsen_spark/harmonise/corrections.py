"""Verified values of tickets and visits, in silver's columns: a source of its own, ranked by the configuration."""

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables

_STANDING: Final = "STANDING"
_VALUES: Final = "_values"
_NO_FIELDS: Final = frozenset({c.RECORD_ID, c.AS_OF})


def corrections(overrides: DataFrame) -> DataFrame:
    """Bring the verified values that stand to one row for each record.

    Args:
        overrides: ``corrections/override``: at most one standing value for each record and field.

    Returns:
        One row for each record with a standing value, in the columns of ``silver/correction``.
    """
    standing = overrides.where((F.col(c.STATE) == _STANDING) & (F.col(c.INDICATOR) != c.LABEL))
    # A record has as many entries as fields were verified: bounded by the contract's columns.
    entry = F.struct(c.INDICATOR, c.VALUE_TEXT)
    grouped = standing.groupBy(c.RECORD_ID).agg(
        F.map_from_entries(F.array_sort(F.collect_list(entry))).alias(_VALUES), F.max(c.VERIFIED_ON).alias(c.AS_OF)
    )
    names = [name for name in tables.CORRECTION.columns if name not in _NO_FIELDS]
    return grouped.select(c.RECORD_ID, c.AS_OF, *(_value(name) for name in names))


def _value(name: str) -> Column:
    return F.try_element_at(_VALUES, F.lit(name)).try_cast(c.COLUMNS[name].type).alias(name)
