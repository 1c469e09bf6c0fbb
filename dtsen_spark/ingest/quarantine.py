"""Rejected rows: where they stand in their file, and what became of those that were rejected before."""

from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.ingest.rules import REPEATED
from dtsen_spark.tables import LandingTable, quarantine

OPEN: Final = "OPEN"
RE_ENTERED: Final = "RE_ENTERED"

_BEFORE: Final = "_before"
_PLACE: Final = (c.BATCH_ID, c.FILE, c.LINE)
_PARQUET: Final = ".parquet"


def rejected(classified: DataFrame, rows: DataFrame, table: LandingTable, release_id: str) -> DataFrame:
    """Return the rows for quarantine.

    Args:
        classified: From ``rivals.classify``.
        rows: The bronze rows, for the line breaks of the records before.
        table: The landing table.
        release_id: Release that rejects them.

    Returns:
        One row for each rejected row, state OPEN; repeated rows are not among them, they say nothing new.
    """
    delivered = F.to_json(F.struct(*table.columns, c.OP, c.EXTRA))
    bad = classified.where((F.size(c.REASONS) > 0) & ~F.array_contains(c.REASONS, REPEATED)).select(
        c.BATCH_ID,
        c.AS_OF,
        c.NATIVE_KEY,
        F.sort_array(c.REASONS).alias(c.REASONS),
        c.FILE,
        c.RECORD_NO,
        F.coalesce(c.CORRUPT, delivered).alias(c.RAW),
    )
    return _with_line(bad, rows).select(
        *(name for name in quarantine(table).columns if name not in (c.STATE, c.RELEASE_ID, c.RECORDED_AT)),
        F.lit(OPEN).alias(c.STATE),
        F.lit(release_id).alias(c.RELEASE_ID),
        F.current_timestamp().alias(c.RECORDED_AT),
    )


def _with_line(bad: DataFrame, rows: DataFrame) -> DataFrame:
    # A record starts one line after the header for each record before it, and one more for each line break in those.
    # Only rejected records and those with breaks meet in the window, file by file.
    broken = rows.where(F.col(c.LINE_BREAKS) > 0).select(c.BATCH_ID, c.FILE, c.RECORD_NO, c.LINE_BREAKS)
    both = bad.unionByName(broken, allowMissingColumns=True)
    earlier = Window.partitionBy(c.BATCH_ID, c.FILE).orderBy(c.RECORD_NO).rangeBetween(Window.unboundedPreceding, -1)
    before = F.coalesce(F.sum(c.LINE_BREAKS).over(earlier), F.lit(0))
    return (
        both.withColumn(_BEFORE, before)
        .where(F.col(c.REASONS).isNotNull())
        .withColumn(c.LINE, _line())
        .drop(_BEFORE, c.LINE_BREAKS, c.RECORD_NO)
    )


def _line() -> Column:
    header = F.when(F.endswith(c.FILE, F.lit(_PARQUET)), F.lit(0)).otherwise(F.lit(1))
    return F.col(c.RECORD_NO) + header + F.col(_BEFORE)


def fresh(open_now: DataFrame, before: DataFrame) -> DataFrame:
    """Return the rows of ``rejected`` that were never in quarantine; 1 : at most 1, a place in a file."""
    return open_now.join(before.select(*_PLACE), list(_PLACE), "left_anti")


def with_history(open_now: DataFrame, before: DataFrame, considered: list[str]) -> DataFrame:
    """Bring today's rejected rows together with those of earlier runs.

    Args:
        open_now: From ``rejected``.
        before: The quarantine table as it stands.
        considered: Batches that were classified today; rows of others stay as they are.

    Returns:
        Rows of both: what is rejected now is OPEN and keeps the release that rejected it first; what was rejected and
        is accepted now is RE_ENTERED.
    """
    columns = before.columns
    first = before.select(*_PLACE, F.col(c.RELEASE_ID).alias("_release"), F.col(c.RECORDED_AT).alias("_recorded"))
    # 1 : at most 1, a place in a file.
    still = (
        open_now.join(first, list(_PLACE), "left")
        .withColumn(c.RELEASE_ID, F.coalesce("_release", c.RELEASE_ID))
        .withColumn(c.RECORDED_AT, F.coalesce("_recorded", c.RECORDED_AT))
        .select(*columns)
    )
    # Rows of earlier runs that are not rejected now; 1 : at most 1.
    past = before.join(open_now.select(*_PLACE), list(_PLACE), "left_anti").select(*columns)
    state = F.when(F.col(c.BATCH_ID).isin(considered), F.lit(RE_ENTERED)).otherwise(F.col(c.STATE))
    return still.unionByName(past.withColumn(c.STATE, state))
