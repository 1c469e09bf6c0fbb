"""What all batches of a table up to the period leave: the accepted state.

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
from dtsen_spark.accepted import is_accepted
from dtsen_spark.contract import local_frame
from dtsen_spark.ingest.rules import REPEATED
from dtsen_spark.tables import DELETE, FULL, UPSERT, LandingTable, accepted

_SEQ: Final = "_seq"
GONE_AT: Final = "_gone_at"
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


def last_full(ordered: Sequence[Applied]) -> int | None:
    """Return the number of the last full batch of batches in order; None where all are deltas."""
    return max((number for number, batch in enumerate(ordered) if batch.mode == FULL), default=None)


def touched(classified: DataFrame, ordered: Sequence[Applied]) -> DataFrame:
    """Return the keys whose state is not simply their row in the last full batch.

    Args:
        classified: The batches' rows, from ``accepted.classify``.
        ordered: The batches in order.

    Returns:
        native_key: every key where all batches are deltas, else those that a batch after the last full one names, or
        whose row in it was rejected.
    """
    full = last_full(ordered)
    since = ordered if full is None else ordered[full + 1 :]
    named = F.col(c.BATCH_ID).isin([batch.batch_id for batch in since])
    if full is not None:
        named = named | ((F.col(c.BATCH_ID) == ordered[full].batch_id) & _is_rejected())
    return classified.where(named & F.col(c.NATIVE_KEY).isNotNull()).select(c.NATIVE_KEY).distinct()


def latest(
    classified: DataFrame, table: LandingTable, batches: Sequence[Applied], changed: DataFrame | None
) -> DataFrame:
    """Return the accepted state.

    The last full batch is the state but for the touched keys: only their rows are brought together, so that a
    month's changes do not shuffle the nation.

    Args:
        classified: The batches' rows, from ``accepted.classify``.
        table: The landing table.
        batches: The batches whose rows these are.
        changed: From ``touched``; None where there are none.

    Returns:
        One row for each native key that is there, under the table's accepted contract.
    """
    names, ordered = accepted(table).columns, in_order(batches)
    full = last_full(ordered)
    carried = (c.PARENT_GONE, *table.columns)
    if full is None:
        return _alive(_folded(classified, ordered, carried)).select(*names)
    listed = classified.where((F.col(c.BATCH_ID) == ordered[full].batch_id) & is_accepted())
    base = listed.withColumn(c.STALE_QUARANTINED, F.lit(False)).select(*names)
    if changed is None:
        return base
    # n : 1 and 1 : at most 1, a key.
    folded = _folded(classified.join(changed, c.NATIVE_KEY, "left_semi"), ordered, carried)
    return base.join(changed, c.NATIVE_KEY, "left_anti").unionByName(_alive(folded).select(*names))


def presence(classified: DataFrame, batches: Sequence[Applied]) -> DataFrame:
    """Return every key that a parent table has or had: what its members are held against.

    Args:
        classified: The rows of its batches, from ``accepted.classify``.
        batches: The batches.

    Returns:
        native_key × the day on which it was removed, null where it is there.
    """
    if len(batches) == 1 and batches[0].mode == FULL:
        there = F.lit(None).cast("date").alias(GONE_AT)
        return classified.where(is_accepted()).select(c.NATIVE_KEY, there)
    # Keys only are brought together.
    return _folded(classified, in_order(batches), ()).select(c.NATIVE_KEY, GONE_AT)


def no_presence(spark: SparkSession) -> DataFrame:
    """Return the presence of a parent table without any key."""
    return local_frame(spark, [], f"{c.NATIVE_KEY} string, {GONE_AT} date")


def _is_rejected() -> Column:
    return F.size(F.array_except(F.col(c.REASONS), F.array(F.lit(REPEATED)))) > 0


def _alive(folded: DataFrame) -> DataFrame:
    return folded.where(f"{GONE_AT} IS NULL")


def _folded(classified: DataFrame, ordered: Sequence[Applied], names: Sequence[str]) -> DataFrame:
    """Fold each key's rows: its last accepted row, and when it was removed after that (null = it is there)."""
    numbered = classified.where(F.col(c.NATIVE_KEY).isNotNull()).withColumn(_SEQ, _sequence(ordered))
    sound, rejected = is_accepted(), _is_rejected()
    carried = (_SEQ, c.AS_OF, c.BATCH_ID, *names)
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
    return keyed.where(F.col(_LAST).isNotNull()).select(
        c.NATIVE_KEY,
        F.get(days, removed_by).alias(GONE_AT),
        (F.coalesce(F.col(_REJECTED), F.lit(-1)) > last).alias(c.STALE_QUARANTINED),
        *(F.col(f"{_LAST}.{name}").alias(name) for name in carried[1:]),
    )


def _sequence(ordered: Sequence[Applied]) -> Column:
    numbers = F.create_map(*(part for i, batch in enumerate(ordered) for part in (F.lit(batch.batch_id), F.lit(i))))
    return F.element_at(numbers, F.col(c.BATCH_ID))
