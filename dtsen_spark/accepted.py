"""The accepted state of a landing table, as ingest leaves it and every later stage reads it.

A state that is one full batch is not written a second time: it stands in bronze, less what other rows said of its rows
(``accepted/set_aside``). Only a state that several batches made is a table of its own.
"""

from collections.abc import Mapping
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.lake import Lake
from dtsen_spark.tables import LandingTable

PLACE: Final = (c.BATCH_ID, c.FILE, c.RECORD_NO)

# Not the plain names: a delivery may have columns of those.
_REASON: Final = "_found_reason"
_GONE: Final = "_found_parent_gone"


def is_accepted() -> Column:
    """Return whether a row has no reason to be set aside."""
    return F.size(F.col(c.REASONS)) == 0


def classify(rows: DataFrame, table: LandingTable, found: DataFrame | None) -> DataFrame:
    """Give every row all reasons for which it is set aside; an empty list means that it is accepted.

    Args:
        rows: Bronze rows of the table's batches.
        table: The table.
        found: Rows of ``accepted/set_aside`` of the table; None where there are none.

    Returns:
        The same rows with reasons complete, and ``parent_gone`` (null where the table has no parent).
    """
    none = F.lit(False) if table.parent else F.lit(None).cast("boolean")
    if found is None:
        return rows.withColumn(c.PARENT_GONE, none)
    said = found.select(*PLACE, F.col(c.REASON).alias(_REASON), F.col(c.PARENT_GONE).alias(_GONE))
    # 1 : at most 1, a place.
    joined = rows.join(said, list(PLACE), "left")
    reasons = F.when(F.col(_REASON).isNotNull(), F.array(_REASON)).otherwise(F.col(c.REASONS))
    gone = F.coalesce(F.col(_GONE), none) if table.parent else none
    return joined.withColumns({c.REASONS: reasons, c.PARENT_GONE: gone}).drop(_REASON, _GONE)


def of_one_batch(rows: DataFrame, table: LandingTable, found: DataFrame | None) -> DataFrame:
    """Return the state that one full batch is.

    Args:
        rows: Its bronze rows.
        table: The table.
        found: Rows of ``accepted/set_aside`` of the table; None where there are none.

    Returns:
        One row for each native key, under the table's accepted contract.
    """
    accepted = classify(rows.where(is_accepted()), table, found).where(is_accepted())
    return accepted.withColumn(c.STALE_QUARANTINED, F.lit(False)).select(*tables.accepted(table).columns)


def is_delivered(lake: Lake, build: str, path: str) -> bool:
    """Say whether a landing table was ever delivered to a build, be it in refused batches only.

    Args:
        lake: The lake.
        build: Release of the build.
        path: The landing table, such as ``dtks/anggota``.
    """
    return path in _standing(lake, build) or lake.exists(tables.accepted(tables.LANDING[path]), build)


def accepted_rows(lake: Lake, build: str, path: str) -> DataFrame:
    """Return the accepted state of a landing table.

    Args:
        lake: The lake.
        build: Release of the build.
        path: The landing table, such as ``dtks/anggota``.

    Returns:
        One row for each native key that is there, under the table's accepted contract; none where the table was never
        delivered.
    """
    table = tables.LANDING[path]
    target = tables.accepted(table)
    standing = _standing(lake, build).get(path)
    if standing is None:
        return lake.read(target, build=build) if lake.exists(target, build) else lake.empty(target)
    if not standing[c.ROWS]:
        return lake.empty(target)
    rows = lake.read(tables.bronze(table)).where(F.col(c.BATCH_ID) == standing[c.BATCH_ID])
    return of_one_batch(rows, table, set_aside(lake, build, path))


def set_aside(lake: Lake, build: str, path: str) -> DataFrame | None:
    """Return what other rows say of the rows of a landing table; None where they say nothing.

    Args:
        lake: The lake.
        build: Release of the build.
        path: The landing table.
    """
    if {c.SUBJECT: path} not in lake.slices(tables.SET_ASIDE, build):
        return None
    return lake.read(tables.SET_ASIDE, build=build).where(F.col(c.SUBJECT) == path)


def _standing(lake: Lake, build: str) -> Mapping[str, dict[str, Any]]:
    return {row[c.SUBJECT]: row for row in lake.rows(tables.STANDING, build)}
