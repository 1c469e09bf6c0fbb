"""What all batches of a table up to the period leave: the accepted state, and which rows are set aside and why.

The state is a function of the applied batches alone, whatever the order in which they arrived: nothing of an earlier
run is read. Batches are ordered by ``as_of``, full before delta, then by id (landing contract, section 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.contract import local_frame
from dtsen_spark.ingest.bronze import DELETE, UPSERT
from dtsen_spark.tables import LandingTable, accepted

DUPLICATE_KEY: Final = "duplicate_key"
ORPHAN: Final = "orphan"
REPEATED: Final = "repeated"

FULL: Final = "full"

_SEQ: Final = "_seq"
_PARENT: Final = "_parent"
_GONE_AT: Final = "_gone_at"
_COPIES: Final = "_copies"
_VARIANTS: Final = "_variants"
_KEPT: Final = "_kept"
_LAST: Final = "_last"
_DELETED: Final = "_deleted"
_REJECTED: Final = "_rejected"
_LISTED: Final = "_listed"


@dataclass(frozen=True)
class Applied:
    """A batch that bronze holds.

    Attributes:
        batch_id: Its id.
        as_of: Day that it describes.
        mode: full or delta.
        rows: Records in bronze.
    """

    batch_id: str
    as_of: date
    mode: str
    rows: int


def in_order(batches: Sequence[Applied]) -> list[Applied]:
    """Return batches in the order in which they take effect."""
    return sorted(batches, key=lambda batch: (batch.as_of, batch.mode != FULL, batch.batch_id))


def classify(rows: DataFrame, table: LandingTable, parents: DataFrame | None) -> DataFrame:
    """Give every row all reasons for which it is set aside; an empty list means that it is accepted.

    Args:
        rows: Bronze rows of the table's batches.
        table: The landing table.
        parents: Keys of the parent table from ``presence``; None where the table has no parent.

    Returns:
        The same rows with reasons complete, and ``parent_gone``.
    """
    marked = _with_duplicates(rows, table)
    if parents is None or table.parent is None:
        return marked.withColumn(c.PARENT_GONE, F.lit(None).cast("boolean"))
    return _with_orphans(marked, table.parent[1], parents)


def _accepted(column: str = c.REASONS) -> Column:
    return F.size(F.col(column)) == 0


def _with_duplicates(rows: DataFrame, table: LandingTable) -> DataFrame:
    # Only keys and hashes are shuffled, not rows. A row with a reason of its own is not a rival of a sound one.
    values = [part for name in (c.OP, c.EXTRA, *table.columns) for part in (F.col(name), F.col(name).isNull())]
    content = F.xxhash64(*values)
    # Of identical rows any one may stay; a number names it, since a minimum of structs would sort the table.
    place = F.xxhash64(c.FILE, c.RECORD_NO)
    several = (
        rows.where(_accepted())
        .select(c.BATCH_ID, c.NATIVE_KEY, content.alias(_VARIANTS), place.alias(_KEPT))
        .groupBy(c.BATCH_ID, c.NATIVE_KEY)
        .agg(
            F.count(F.lit(1)).alias(_COPIES),
            (F.min(_VARIANTS) != F.max(_VARIANTS)).alias(_VARIANTS),
            F.min(_KEPT).alias(_KEPT),
        )
        .where(F.col(_COPIES) > 1)
    )
    # n rows : at most 1 repeated key of the same batch.
    joined = rows.join(several, [c.BATCH_ID, c.NATIVE_KEY], "left")
    rival = _accepted() & F.col(_COPIES).isNotNull()
    reason = F.when(rival & F.col(_VARIANTS), F.lit(DUPLICATE_KEY)).when(
        rival & (place != F.col(_KEPT)), F.lit(REPEATED)
    )
    reasons = F.when(reason.isNotNull(), F.array(reason)).otherwise(F.col(c.REASONS))
    return joined.withColumn(c.REASONS, reasons).drop(_COPIES, _VARIANTS, _KEPT)


def _with_orphans(rows: DataFrame, parent_column: str, parents: DataFrame) -> DataFrame:
    known = parents.select(F.col(c.NATIVE_KEY).alias(_PARENT), F.col(_GONE_AT))
    # n members : at most 1 parent.
    joined = rows.join(known, F.col(parent_column) == F.col(_PARENT), "left")
    # A parent that is there now counts, however late it came; one that went counts for members described before.
    has_parent = F.col(_PARENT).isNotNull() & (F.col(_GONE_AT).isNull() | (F.col(_GONE_AT) > F.col(c.AS_OF)))
    orphan = _accepted() & (F.col(c.OP) == UPSERT) & ~has_parent
    return (
        joined.withColumn(c.REASONS, F.when(orphan, F.array(F.lit(ORPHAN))).otherwise(F.col(c.REASONS)))
        .withColumn(c.PARENT_GONE, has_parent & F.col(_GONE_AT).isNotNull())
        .drop(_PARENT, _GONE_AT)
    )


def latest(classified: DataFrame, table: LandingTable, batches: Sequence[Applied]) -> DataFrame:
    """Return the accepted state.

    Args:
        classified: From ``classify``.
        table: The landing table.
        batches: The batches whose rows these are.

    Returns:
        One row for each native key that is there, under the table's accepted contract.
    """
    if len(batches) == 1:
        # The common case: no earlier state, so no key needs to be brought together.
        only = classified.where(_accepted() & (F.col(c.OP) == UPSERT))
        return only.withColumn(c.STALE_QUARANTINED, F.lit(False)).select(*accepted(table).columns)
    folded = _folded(classified, table, batches)
    kept = [F.col(f"{_LAST}.{name}").alias(name) for name in (c.AS_OF, c.BATCH_ID, c.PARENT_GONE, *table.columns)]
    stale = (F.coalesce(F.col(_REJECTED), F.lit(-1)) > F.col(f"{_LAST}.{_SEQ}")).alias(c.STALE_QUARANTINED)
    return folded.where(_GONE_AT + " IS NULL").select(c.NATIVE_KEY, stale, *kept).select(*accepted(table).columns)


def presence(state: DataFrame, classified: DataFrame, table: LandingTable, batches: Sequence[Applied]) -> DataFrame:
    """Return every key that a parent table has or had: what its members are held against.

    Args:
        state: The accepted state.
        classified: The rows that it was made of.
        table: The parent table.
        batches: Its batches.

    Returns:
        native_key × the day on which it was removed, null where it is there.
    """
    there = state.select(c.NATIVE_KEY, F.lit(None).cast("date").alias(_GONE_AT))
    if len(batches) == 1:
        return there
    gone = _folded(classified, table, batches).where(_GONE_AT + " IS NOT NULL").select(c.NATIVE_KEY, _GONE_AT)
    return there.unionByName(gone)


def no_presence(spark: SparkSession) -> DataFrame:
    """Return the presence of a parent table without any key."""
    return local_frame(spark, [], f"{c.NATIVE_KEY} string, {_GONE_AT} date")


def _folded(classified: DataFrame, table: LandingTable, batches: Sequence[Applied]) -> DataFrame:
    """Fold each key's rows: its last accepted row, and when it was removed after that (null = it is there)."""
    ordered = in_order(batches)
    numbered = classified.where(F.col(c.NATIVE_KEY).isNotNull()).withColumn(_SEQ, _sequence(ordered))
    sound = _accepted()
    carried = (_SEQ, c.AS_OF, c.BATCH_ID, c.PARENT_GONE, *table.columns)
    rejected = F.size(F.array_except(F.col(c.REASONS), F.array(F.lit(REPEATED)))) > 0
    keyed = numbered.groupBy(c.NATIVE_KEY).agg(
        # The struct begins with the batch's number, and a key has one accepted row in a batch: no ties.
        F.max(F.when(sound & (F.col(c.OP) == UPSERT), F.struct(*carried))).alias(_LAST),
        F.collect_set(F.when(sound & (F.col(c.OP) == DELETE), F.col(_SEQ))).alias(_DELETED),
        F.max(F.when(rejected, F.col(_SEQ))).alias(_REJECTED),
        F.collect_set(F.when(rejected & (F.col(c.BATCH_MODE) == FULL), F.col(_SEQ))).alias(_LISTED),
    )
    fulls = F.array(*(F.lit(i) for i, batch in enumerate(ordered) if batch.mode == FULL)).cast("array<int>")
    days = F.array(*(F.lit(batch.as_of) for batch in ordered))
    last = F.col(f"{_LAST}.{_SEQ}")
    # A later full batch removes what it does not list; a quarantined row counts as listed.
    removals = F.concat(F.col(_DELETED), F.array_except(fulls, F.col(_LISTED)))
    removed_by = F.array_min(F.filter(removals, lambda number: number > last))
    return keyed.where(F.col(_LAST).isNotNull()).withColumn(_GONE_AT, F.get(days, removed_by))


def _sequence(ordered: Sequence[Applied]) -> Column:
    numbers = F.create_map(*(part for i, batch in enumerate(ordered) for part in (F.lit(batch.batch_id), F.lit(i))))
    return F.element_at(numbers, F.col(c.BATCH_ID))
