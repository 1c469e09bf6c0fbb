"""Rejected rows: where they stand in their file, and what became of those that were rejected before."""

from collections.abc import Mapping
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.ingest.rules import REPEATED
from dtsen_spark.tables import LANDING

OPEN: Final = "OPEN"
RE_ENTERED: Final = "RE_ENTERED"

_BEFORE: Final = "_before"
_PLACE: Final = (c.BATCH_ID, c.FILE, c.LINE)
_PARQUET: Final = ".parquet"


def rejected(classified: Mapping[str, DataFrame], rows: Mapping[str, DataFrame], release_id: str) -> DataFrame:
    """Return the rows for quarantine, of several tables in one plan.

    Args:
        classified: The tables' rows with all their reasons, by path.
        rows: Their bronze rows, by path, for the line breaks of the records before.
        release_id: Release that rejects them.

    Returns:
        One row for each rejected row: subject (the table's path) and the columns of its quarantine, state OPEN.
        Repeated rows are not among them, they say nothing new.
    """
    bad, broken = [], []
    for path, df in sorted(classified.items()):
        of_table = F.lit(path).alias(c.SUBJECT)
        delivered = F.to_json(F.struct(*LANDING[path].columns, c.OP, c.EXTRA))
        bad.append(
            df.where((F.size(c.REASONS) > 0) & ~F.array_contains(c.REASONS, REPEATED)).select(
                of_table,
                c.BATCH_ID,
                c.AS_OF,
                c.NATIVE_KEY,
                F.sort_array(c.REASONS).alias(c.REASONS),
                c.FILE,
                c.RECORD_NO,
                F.coalesce(c.CORRUPT, delivered).alias(c.RAW),
            )
        )
        with_breaks = rows[path].where(F.col(c.LINE_BREAKS) > 0)
        broken.append(with_breaks.select(of_table, c.BATCH_ID, c.FILE, c.RECORD_NO, c.LINE_BREAKS))
    return _with_line(reduce(DataFrame.unionByName, bad), reduce(DataFrame.unionByName, broken)).withColumns(
        {c.STATE: F.lit(OPEN), c.RELEASE_ID: F.lit(release_id), c.RECORDED_AT: F.current_timestamp()}
    )


def _with_line(bad: DataFrame, broken: DataFrame) -> DataFrame:
    # A record starts one line after the header for each record before it, and one more for each line break in those.
    # Only rejected records and those with breaks meet in the window, file by file.
    both = bad.unionByName(broken, allowMissingColumns=True)
    of_file = Window.partitionBy(c.SUBJECT, c.BATCH_ID, c.FILE).orderBy(c.RECORD_NO)
    earlier = of_file.rangeBetween(Window.unboundedPreceding, -1)
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
