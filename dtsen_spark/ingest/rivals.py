"""Rows that other rows set aside: rivals for a key inside a batch, and members without their family or household.

Only keys and places in files are shuffled here, never whole rows, and those of all tables together: what is found is
small beside the tables, and is brought back to them by a join that needs no shuffle.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.accepted import PLACE, is_accepted
from dtsen_spark.ingest.rules import DUPLICATE_KEY, ORPHAN, REPEATED
from dtsen_spark.ingest.state import GONE_AT
from dtsen_spark.tables import LANDING, UPSERT

SHARED: Final = "shared_key"  # no reason yet: the rows of the key must be looked at

_PARENT_TABLE: Final = "_parent_table"
_PARENT: Final = "_parent"
_IS: Final = "_is_known"
_CONTENT: Final = "_content"
_NUMBER: Final = "_number"


def keys(rows: Mapping[str, DataFrame]) -> DataFrame:
    """Count the rows of all tables by what they show by themselves; one shuffle of their keys.

    Args:
        rows: Bronze rows by path of their table.

    Returns:
        subject (the table's path), batch_id, reason, native_key, rows (number of rows): the first reason that a row
        shows by itself, null for a sound one, ``SHARED`` where its key stands more than once among the sound rows of
        the batch. One row for each such key, all other rows of a reason together without a key.
    """
    shown = [
        df.select(F.lit(path).alias(c.SUBJECT), c.BATCH_ID, F.get(c.REASONS, F.lit(0)).alias(c.REASON), c.NATIVE_KEY)
        for path, df in sorted(rows.items())
    ]
    # A row with a reason of its own is not a rival of a sound one.
    counted = _together(shown).groupBy(c.SUBJECT, c.BATCH_ID, c.REASON, c.NATIVE_KEY)
    by_key = counted.agg(F.count(F.lit(1)).alias(c.ROWS))
    is_shared = F.col(c.REASON).isNull() & (F.col(c.ROWS) > 1)
    marked = by_key.select(
        c.SUBJECT,
        c.BATCH_ID,
        F.when(is_shared, F.lit(SHARED)).otherwise(F.col(c.REASON)).alias(c.REASON),
        F.when(is_shared, F.col(c.NATIVE_KEY)).alias(c.NATIVE_KEY),
        c.ROWS,
    )
    return marked.groupBy(c.SUBJECT, c.BATCH_ID, c.REASON, c.NATIVE_KEY).agg(F.sum(c.ROWS).alias(c.ROWS))


def rivals(rows: Mapping[str, DataFrame], counted: DataFrame) -> DataFrame:
    """Find the rows that share their key with another row of the batch.

    Args:
        rows: Bronze rows by path of their table, of tables with shared keys.
        counted: From ``keys``.

    Returns:
        Rows of ``accepted/set_aside``: duplicate_key, or repeated for all but one of identical rows.
    """
    candidates = []
    for path, df in sorted(rows.items()):
        shared = counted.where((F.col(c.SUBJECT) == path) & (F.col(c.REASON) == SHARED))
        table = LANDING[path]
        values = [part for name in (c.OP, c.EXTRA, *table.columns) for part in (F.col(name), F.col(name).isNull())]
        candidates.append(
            df.where(is_accepted())
            # n : 1, a shared key.
            .join(shared.select(c.BATCH_ID, c.NATIVE_KEY), [c.BATCH_ID, c.NATIVE_KEY], "left_semi")
            # Of identical rows any one may stay; a number names it.
            .select(
                F.lit(path).alias(c.SUBJECT),
                *PLACE,
                c.NATIVE_KEY,
                F.xxhash64(*values).alias(_CONTENT),
                F.xxhash64(*PLACE[1:]).alias(_NUMBER),
            )
        )
    of_key = Window.partitionBy(c.SUBJECT, c.BATCH_ID, c.NATIVE_KEY)
    differ = F.min(_CONTENT).over(of_key) != F.max(_CONTENT).over(of_key)
    kept = F.min(_NUMBER).over(of_key)
    reason = F.when(differ, F.lit(DUPLICATE_KEY)).when(F.col(_NUMBER) != kept, F.lit(REPEATED))
    found = _together(candidates).select(c.SUBJECT, *PLACE, reason.alias(c.REASON), F.lit(False).alias(c.PARENT_GONE))
    return found.where(F.col(c.REASON).isNotNull())


def orphans(members: Mapping[str, DataFrame], parents: Mapping[str, DataFrame]) -> DataFrame:
    """Find the members whose parent is not there, or was removed after they were described.

    Args:
        members: Rows of member tables by path of their table, with the reasons of their rivals: a rival is no orphan,
            one reason is enough.
        parents: Keys of every parent table by its path, from ``state.presence``.

    Returns:
        Rows of ``accepted/set_aside``: orphan, or no reason where only the parent has gone since.
    """
    known = [
        df.select(F.lit(path).alias(_PARENT_TABLE), F.col(c.NATIVE_KEY).alias(_PARENT), GONE_AT, F.lit(True).alias(_IS))
        for path, df in sorted(parents.items())
    ]
    described = [
        df.where(is_accepted() & (F.col(c.OP) == UPSERT)).select(
            F.lit(path).alias(c.SUBJECT),
            *PLACE,
            c.AS_OF,
            F.lit(parent[0]).alias(_PARENT_TABLE),
            F.col(parent[1]).alias(_PARENT),
        )
        for path, df in sorted(members.items())
        if (parent := LANDING[path].parent)
    ]
    # n members : at most 1 parent.
    joined = _together(described).join(_together(known), [_PARENT_TABLE, _PARENT], "left")
    # A parent that is there now counts, however late it came; one that went counts for members described before.
    has_parent = F.col(_IS).isNotNull() & (F.col(GONE_AT).isNull() | (F.col(GONE_AT) > F.col(c.AS_OF)))
    found = joined.select(
        c.SUBJECT,
        *PLACE,
        F.when(~has_parent, F.lit(ORPHAN)).alias(c.REASON),
        (has_parent & F.col(GONE_AT).isNotNull()).alias(c.PARENT_GONE),
    )
    return found.where(F.col(c.REASON).isNotNull() | F.col(c.PARENT_GONE))


def _together(frames: Iterable[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)
