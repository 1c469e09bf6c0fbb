"""Which record a value is taken from: source by precedence, then freshness, then record id."""

from collections.abc import Sequence
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from dtsen_spark import columns as c

_EPOCH: Final = "1970-01-01"


def source_rank(precedence: Sequence[str]) -> Column:
    """Return the place of a row's source in a list of trust: 0 is the best, a source off the list the worst."""
    rank = F.lit(len(precedence))
    for place, source in reversed(list(enumerate(precedence))):
        rank = F.when(F.col(c.SOURCE) == source, F.lit(place)).otherwise(rank)
    return rank


def staleness() -> Column:
    """Return a number that is the smaller the fresher the row: minus the days from 1970 to ``as_of``; undated last."""
    return F.coalesce(-F.datediff(F.col(c.AS_OF), F.lit(_EPOCH).cast("date")), F.lit(2**31 - 1))


def best(column: str, *order: Column, having: Column | None = None) -> Column:
    """Return the aggregate that keeps the first non-null value of a column in an order.

    A minimum over structs instead of ``first``: it does not depend on the order in which rows arrive.

    Args:
        column: Column whose value survives.
        order: What decides, most weighty first; the last of them should be unique, such as the record id.
        having: Rows that may give the value; None = every row with one.

    Returns:
        Struct of the order (``o0``, ``o1``, …), ``v`` (the value), ``source`` and ``as_of`` of the row; null
        where no row has a value.
    """
    keys = [part.alias(f"o{place}") for place, part in enumerate(order)]
    found = F.struct(*keys, F.col(column).alias("v"), F.col(c.SOURCE).alias("source"), F.col(c.AS_OF).alias("as_of"))
    may = F.col(column).isNotNull() if having is None else F.col(column).isNotNull() & having
    return F.min(F.when(may, found))


def origins(columns: Sequence[str], surviving: Sequence[Column]) -> Column:
    """Return a JSON object with source and day of each surviving value: ``{"education":"regsosek 2022-11-14"}``.

    Args:
        columns: Names of the values.
        surviving: Their structs, as ``best`` returns them.

    Returns:
        String column; columns without a value are left out.
    """
    parts = [F.concat_ws(" ", kept.getField("source"), kept.getField("as_of").cast("string")) for kept in surviving]
    named = [
        F.when(kept.isNotNull(), part).alias(name) for name, kept, part in zip(columns, surviving, parts, strict=True)
    ]
    return F.to_json(F.struct(*named))
