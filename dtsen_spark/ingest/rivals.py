"""Rows that other rows set aside: rivals for a key inside a batch, and members without their family or household.

Only keys and places in files are shuffled here, never whole rows, and those of all tables together: what is found is
small beside the tables, and is brought back to them by a join that needs no shuffle.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.accepted import PLACE, is_accepted
from dtsen_spark.ingest.rules import DUPLICATE_KEY, ORPHAN, OWN, REPEATED
from dtsen_spark.ingest.state import GONE_AT
from dtsen_spark.tables import LANDING, UPSERT

SHARED: Final = "shared_key"  # no reason yet: the rows of the key must be looked at

# A table, a batch and the first reason that a row shows by itself; None for a sound row.
Group = tuple[str, str, str | None]

_GROUP: Final = "_group"
_KEY: Final = "_key"
_PARENT_TABLE: Final = "_parent_table"
_PARENT: Final = "_parent"
_IS: Final = "_is_known"
_CONTENT: Final = "_content"
_NUMBER: Final = "_number"


def groups(batches: Mapping[str, Sequence[str]]) -> list[Group]:
    """Return every group that rows can be of, in a fixed order: a row carries its place in it instead of three texts.

    Args:
        batches: Ids of the batches by path of their table.
    """
    return [(path, one, reason) for path, ids in sorted(batches.items()) for one in ids for reason in (None, *OWN)]


def keys(rows: Mapping[str, DataFrame], known: Sequence[Group]) -> DataFrame:
    """Count the rows of all tables by what they show by themselves; one shuffle of their keys, as 64-bit hashes.

    Args:
        rows: Bronze rows by path of their table.
        known: From ``groups``.

    Returns:
        ``_group`` (place in ``known``), ``_key``, rows (number of rows). The hash of a key where it stands more than
        once among the sound rows of the batch: one row for each such hash. All other rows of a group together without.
    """
    # A row with a reason of its own is not a rival of a sound one.
    shown = [
        df.select(_group(path, known).alias(_GROUP), F.when(is_accepted(), _hashed_key()).alias(_KEY))
        for path, df in sorted(rows.items())
    ]
    by_key = _together(shown).groupBy(_GROUP, _KEY).agg(F.count(F.lit(1)).alias(c.ROWS))
    shared = F.when(F.col(c.ROWS) > 1, F.col(_KEY)).alias(_KEY)
    return by_key.select(_GROUP, shared, c.ROWS).groupBy(_GROUP, _KEY).agg(F.sum(c.ROWS).alias(c.ROWS))


def counts(counted: DataFrame, known: Sequence[Group]) -> dict[Group, int]:
    """Return the rows of each group, those of shared keys under the reason ``SHARED``.

    Args:
        counted: From ``keys``.
        known: From ``groups``.
    """
    is_shared = F.col(_KEY).isNotNull()
    found = counted.groupBy(_GROUP, is_shared).agg(F.sum(c.ROWS)).collect()  # a few for each batch
    return {(*known[group][:2], SHARED if shared else known[group][2]): number for group, shared, number in found}


def _group(path: str, known: Sequence[Group]) -> Column:
    first = F.get(c.REASONS, F.lit(0))
    # One flat choice, however many batches there are.
    chosen = F.when(F.lit(False), F.lit(-1))
    for place, (of, batch_id, reason) in enumerate(known):
        if of == path:
            same_reason = first.isNull() if reason is None else first == reason
            chosen = chosen.when((F.col(c.BATCH_ID) == batch_id) & same_reason, F.lit(place))
    return chosen


def _hashed_key() -> Column:
    return F.xxhash64(c.NATIVE_KEY)


def rivals(rows: Mapping[str, DataFrame], counted: DataFrame, known: Sequence[Group]) -> DataFrame:
    """Find the rows that share their key with another row of the batch.

    Args:
        rows: Bronze rows by path of their table, of tables with shared keys.
        counted: From ``keys``.
        known: From ``groups``.

    Returns:
        Rows of ``accepted/set_aside``: duplicate_key, or repeated for all but one of identical rows.
    """
    shared = counted.where(F.col(_KEY).isNotNull()).select(_GROUP, _KEY)
    candidates = []
    for path, df in sorted(rows.items()):
        table = LANDING[path]
        values = [part for name in (c.OP, c.EXTRA, *table.columns) for part in (F.col(name), F.col(name).isNull())]
        candidates.append(
            df.where(is_accepted())
            .withColumns({_GROUP: _group(path, known), _KEY: _hashed_key()})
            # n : 1, a shared key. Two keys of one hash are told apart below.
            .join(shared, [_GROUP, _KEY], "left_semi")
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


def doubtful(members: Mapping[str, DataFrame], parents: Mapping[str, DataFrame]) -> DataFrame:
    """Find the parents that members name and that are not simply there; only keys are brought together.

    Args:
        members: Rows of member tables by path of their table, with the reasons of their rivals.
        parents: Keys of every parent table by its path, from ``state.presence``.

    Returns:
        One row for each: the parent's table and key, whether it was ever there, and when it was removed.
    """
    named = [
        _described(df).select(F.lit(parent[0]).alias(_PARENT_TABLE), F.col(parent[1]).alias(_PARENT))
        for path, df in sorted(members.items())
        if (parent := LANDING[path].parent)
    ]
    known = [
        df.select(F.lit(path).alias(_PARENT_TABLE), F.col(c.NATIVE_KEY).alias(_PARENT), GONE_AT, F.lit(True).alias(_IS))
        for path, df in sorted(parents.items())
    ]
    # 1 : at most 1, a key.
    joined = _together(named).distinct().join(_together(known), [_PARENT_TABLE, _PARENT], "left")
    return joined.where(F.col(_IS).isNull() | F.col(GONE_AT).isNotNull())


def orphans(members: Mapping[str, DataFrame], doubtful: DataFrame) -> DataFrame:
    """Find the members whose parent is not there, or was removed after they were described.

    Args:
        members: Rows of member tables by path of their table, with the reasons of their rivals: a rival is no orphan,
            one reason is enough.
        doubtful: From ``doubtful``; few, as a file, so that the members are not shuffled.

    Returns:
        Rows of ``accepted/set_aside``: orphan, or no reason where only the parent has gone since.
    """
    # A parent that is there now counts, however late it came; one that went counts for members described before.
    has_parent = F.col(_IS).isNotNull() & (F.col(GONE_AT) > F.col(c.AS_OF))
    found = []
    for path, df in sorted(members.items()):
        if (parent := LANDING[path].parent) is None:
            continue
        of_table = doubtful.where(F.col(_PARENT_TABLE) == parent[0]).drop(_PARENT_TABLE)
        # n members : at most 1 parent.
        joined = _described(df).join(of_table, F.col(parent[1]).eqNullSafe(F.col(_PARENT)), "inner")
        found.append(
            joined.select(
                F.lit(path).alias(c.SUBJECT),
                *PLACE,
                F.when(~has_parent, F.lit(ORPHAN)).alias(c.REASON),
                has_parent.alias(c.PARENT_GONE),
            )
        )
    return _together(found)


def _described(members: DataFrame) -> DataFrame:
    return members.where(is_accepted() & (F.col(c.OP) == UPSERT))


def _together(frames: Iterable[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)
