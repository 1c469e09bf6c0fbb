"""Rows that other rows set aside: rivals for a key inside a batch, and members without their family or household.

Only keys and places in files are shuffled here, never whole rows: what is found is small beside the table, and is
brought back to it by a join that needs no shuffle.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.ingest.rules import DUPLICATE_KEY, ORPHAN, REPEATED, is_accepted
from dtsen_spark.ingest.state import GONE_AT
from dtsen_spark.tables import UPSERT, LandingTable

PLACE: Final = (c.BATCH_ID, c.FILE, c.RECORD_NO)

_COPIES: Final = "_copies"
_VARIANTS: Final = "_variants"
_KEPT: Final = "_kept"
_PARENT: Final = "_parent"
_CONTENT: Final = "_content"
_NUMBER: Final = "_number"
# Not ``reason``: a delivery may have a column of that name.
_REASON: Final = "_found_reason"
_GONE: Final = "_found_parent_gone"


def repeated_keys(rows: Mapping[str, DataFrame]) -> DataFrame:
    """Return the keys that stand more than once among the sound rows of a batch; one shuffle for all tables.

    Args:
        rows: Bronze rows by path of their table.

    Returns:
        One row for each: subject (the table's path), batch_id, native_key.
    """
    # A row with a reason of its own is not a rival of a sound one.
    keys = [
        df.where(is_accepted()).select(F.lit(path).alias(c.SUBJECT), c.BATCH_ID, c.NATIVE_KEY)
        for path, df in sorted(rows.items())
    ]
    counted = reduce(DataFrame.unionByName, keys).groupBy(c.SUBJECT, c.BATCH_ID, c.NATIVE_KEY)
    return counted.agg(F.count(F.lit(1)).alias(_COPIES)).where(F.col(_COPIES) > 1).drop(_COPIES)


def rivals(rows: DataFrame, table: LandingTable, repeated: DataFrame) -> DataFrame:
    """Find the rows that share their key with another row of the batch.

    Args:
        rows: Bronze rows.
        table: Their table.
        repeated: From ``repeated_keys``, of this table.

    Returns:
        Place (batch_id, file, record_no) × reason (duplicate_key, or repeated: all but one of identical rows) and
        whether the parent has gone: false.
    """
    values = [part for name in (c.OP, c.EXTRA, *table.columns) for part in (F.col(name), F.col(name).isNull())]
    # n : 1, a repeated key.
    candidates = (
        rows.where(is_accepted())
        .join(repeated.select(c.BATCH_ID, c.NATIVE_KEY), [c.BATCH_ID, c.NATIVE_KEY], "left_semi")
        # Of identical rows any one may stay; a number names it.
        .select(*PLACE, c.NATIVE_KEY, F.xxhash64(*values).alias(_CONTENT), F.xxhash64(*PLACE[1:]).alias(_NUMBER))
    )
    groups = candidates.groupBy(c.BATCH_ID, c.NATIVE_KEY).agg(
        (F.min(_CONTENT) != F.max(_CONTENT)).alias(_VARIANTS), F.min(_NUMBER).alias(_KEPT)
    )
    # n : 1, a repeated key.
    judged = candidates.join(groups, [c.BATCH_ID, c.NATIVE_KEY])
    reason = F.when(F.col(_VARIANTS), F.lit(DUPLICATE_KEY)).when(F.col(_NUMBER) != F.col(_KEPT), F.lit(REPEATED))
    found = judged.select(*PLACE, reason.alias(_REASON), F.lit(False).alias(_GONE))
    return found.where(F.col(_REASON).isNotNull())


def orphans(rows: DataFrame, parent_column: str, parents: DataFrame) -> DataFrame:
    """Find the members whose parent is not there, or was removed after they were described.

    Args:
        rows: Bronze rows of a member table.
        parent_column: Column with the parent's key.
        parents: Keys of the parent table, from ``state.presence``.

    Returns:
        Place × reason (orphan; null where only the parent has gone since) and whether the parent has gone.
    """
    known = parents.select(F.col(c.NATIVE_KEY).alias(_PARENT), GONE_AT)
    members = rows.where(is_accepted() & (F.col(c.OP) == UPSERT)).select(*PLACE, c.AS_OF, parent_column)
    # n members : at most 1 parent.
    joined = members.join(known, F.col(parent_column) == F.col(_PARENT), "left")
    # A parent that is there now counts, however late it came; one that went counts for members described before.
    has_parent = F.col(_PARENT).isNotNull() & (F.col(GONE_AT).isNull() | (F.col(GONE_AT) > F.col(c.AS_OF)))
    found = joined.select(
        *PLACE,
        F.when(~has_parent, F.lit(ORPHAN)).alias(_REASON),
        (has_parent & F.col(GONE_AT).isNotNull()).alias(_GONE),
    )
    return found.where(F.col(_REASON).isNotNull() | F.col(_GONE))


def found_by_others(
    rows: DataFrame, table: LandingTable, repeated: DataFrame | None, parents: DataFrame | None
) -> DataFrame | None:
    """Find every row of a table that other rows say something about.

    Args:
        rows: Bronze rows of the table's batches.
        table: The table.
        repeated: From ``repeated_keys``, of this table; None where no key is repeated.
        parents: Keys of the parent table; None where the table has no parent.

    Returns:
        One row for each: place, reason?, whether the parent has gone; None where nothing can be found.
    """
    twice = rivals(rows, table, repeated) if repeated is not None else None
    if parents is None or table.parent is None:
        return twice
    alone = orphans(rows, table.parent[1], parents)
    if twice is None:
        return alone
    # A rival is no orphan: one reason is enough. 1 : at most 1, a place.
    return twice.unionByName(alone.join(twice.select(*PLACE), list(PLACE), "left_anti"))


def classify(rows: DataFrame, table: LandingTable, found: DataFrame | None) -> DataFrame:
    """Give every row all reasons for which it is set aside; an empty list means that it is accepted.

    Args:
        rows: Bronze rows of the table's batches.
        table: The table.
        found: From ``found_by_others``; None where it found nothing.

    Returns:
        The same rows with reasons complete, and ``parent_gone`` (null where the table has no parent).
    """
    if found is None:
        gone = F.lit(False) if table.parent else F.lit(None)
        return rows.withColumn(c.PARENT_GONE, gone.cast("boolean"))
    # 1 : at most 1, a place.
    joined = rows.join(found, list(PLACE), "left")
    reasons = F.when(F.col(_REASON).isNotNull(), F.array(_REASON)).otherwise(F.col(c.REASONS))
    gone = F.coalesce(F.col(_GONE), F.lit(False)) if table.parent else F.lit(None).cast("boolean")
    return joined.withColumns({c.REASONS: reasons, c.PARENT_GONE: gone}).drop(_REASON, _GONE)
