"""One table: its accepted state and its quarantine, from all its batches up to the period."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.ingest import quarantine as rejects
from dtsen_spark.ingest import rivals, state
from dtsen_spark.ingest.rules import REPEATED, is_accepted
from dtsen_spark.ingest.state import Applied
from dtsen_spark.job import Job
from dtsen_spark.tables import FULL, LandingTable, accepted, bronze, quarantine


@dataclass
class Settled:
    """What became of a table's rows.

    Attributes:
        batches: Its batches up to the period, in order.
        state_rows: Native keys of the accepted state.
        accepted_rows: Accepted rows by batch.
        set_aside: Rows set aside by batch and first reason.
        ever: Rows ever rejected by batch: those in quarantine before, and the new ones.
        quarantined: Rows in quarantine by batch and state (OPEN, RE_ENTERED).
        presence: Keys that members are held against.
    """

    batches: list[Applied]
    state_rows: int = 0
    accepted_rows: dict[str, int] = field(default_factory=dict)
    set_aside: dict[str, dict[str, int]] = field(default_factory=dict)
    ever: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, dict[str, int]] = field(default_factory=dict)
    presence: DataFrame | None = None
    _cached: list[DataFrame] = field(default_factory=list)

    def kept(self, df: DataFrame) -> DataFrame | None:
        """Keep a frame that is small beside its table and read several times; None where it holds nothing.

        Once it was counted its size is known, and a join with it does not shuffle the table.
        """
        self._cached.append(df.persist(StorageLevel.MEMORY_AND_DISK))
        return df if self._cached[-1].count() else None

    def release(self) -> None:
        """Give back what is kept."""
        for df in self._cached:
            df.unpersist()

    def rejected(self, batch_id: str) -> int:
        """Return how many rows of a batch are rejected now; a repeated row is set aside without a fault."""
        return sum(rows for reason, rows in self.set_aside.get(batch_id, {}).items() if reason != REPEATED)


def delivered_rows(job: Job, table: LandingTable, batches: list[Applied]) -> DataFrame | None:
    """Return the bronze rows of some batches; None where there are none."""
    if not any(batch.rows for batch in batches):
        return None
    return job.lake.read(bronze(table)).where(F.col(c.BATCH_ID).isin([batch.batch_id for batch in batches]))


@contextmanager
def repeated_by_table(job: Job, batches: Mapping[LandingTable, list[Applied]]) -> Iterator[dict[str, DataFrame]]:
    """Find the keys that stand more than once in a batch, of all tables in one pass.

    Args:
        job: The run.
        batches: Batches by table.

    Yields:
        Repeated keys by path of the table, kept until the end of the block; a table without any is left out.
    """
    rows = {table.path: df for table, of in batches.items() if (df := delivered_rows(job, table, of)) is not None}
    if not rows:
        yield {}
        return
    repeated = rivals.repeated_keys(rows).persist(StorageLevel.MEMORY_AND_DISK)
    paths = [row[c.SUBJECT] for row in repeated.select(c.SUBJECT).distinct().collect()]  # a few tables
    try:
        yield {path: repeated.where(F.col(c.SUBJECT) == path) for path in paths}
    finally:
        repeated.unpersist()


def settle(
    job: Job, table: LandingTable, batches: list[Applied], repeated: DataFrame | None, parents: DataFrame | None
) -> Settled:
    """Write a table's accepted state and its quarantine.

    Args:
        job: The run.
        table: The landing table; it was delivered, be it in refused batches only.
        batches: Its applied batches up to the period's last day.
        repeated: Its repeated keys, from ``rivals.repeated_keys``; None where there are none.
        parents: ``presence`` of its parent table; None where it has none.

    Returns:
        Counts, and the keys that its members are held against.
    """
    ordered = state.in_order(batches)
    settled = Settled(ordered, presence=state.no_presence(job.spark))
    target = accepted(table)
    rows = delivered_rows(job, table, ordered)
    if rows is None:
        settled.accepted_rows = {batch.batch_id: 0 for batch in ordered}
        job.outputs[target.path] = job.lake.write(target, job.lake.empty(target), build=job.release_id)
        return settled
    classified = classify(rows, table, repeated, parents, settled)
    is_simple = len(ordered) == 1 and ordered[0].mode == FULL
    has_base = not is_simple and state.last_full(ordered) is not None
    changed = settled.kept(state.touched(classified, ordered)) if has_base else None
    written = job.lake.write(target, state.latest(classified, table, ordered, changed), build=job.release_id)
    job.outputs[target.path] = written
    settled.state_rows = written.rows
    settled.presence = state.presence(job.read(target), classified, ordered)
    if is_simple:
        # Every accepted row of a single full batch is a row of the state: counted by its write.
        settled.accepted_rows = {ordered[0].batch_id: written.rows}
        if written.rows == ordered[0].rows and not job.lake.exists(quarantine(table)):
            return settled
    else:
        settled.accepted_rows = {batch.batch_id: 0 for batch in ordered} | _count_accepted(classified)
    set_aside(job, table, classified, rows, settled)
    return settled


def classify(
    rows: DataFrame, table: LandingTable, repeated: DataFrame | None, parents: DataFrame | None, settled: Settled
) -> DataFrame:
    """Return a table's rows with all their reasons; what other rows say of them is kept in ``settled``."""
    found = rivals.found_by_others(rows, table, repeated, parents)
    return rivals.classify(rows, table, settled.kept(found) if found is not None else None)


def _count_accepted(classified: DataFrame) -> dict[str, int]:
    counted = classified.where(is_accepted()).groupBy(c.BATCH_ID).agg(F.count(F.lit(1)).alias(c.ROWS))
    return {row[c.BATCH_ID]: row[c.ROWS] for row in counted.collect()}


def set_aside(job: Job, table: LandingTable, classified: DataFrame, rows: DataFrame, settled: Settled) -> None:
    """Bring the quarantine up to what the classified rows say, and count it.

    Args:
        job: The run.
        table: The landing table.
        classified: From ``classify``.
        rows: The bronze rows that were classified.
        settled: Gets the counts.
    """
    # Read several times, and small beside the table: the rows of some reason.
    aside = classified.where(~is_accepted()).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        settled.set_aside = _by_batch(aside, F.get(c.REASONS, F.lit(0)).alias(c.REASON), c.REASON)
        target = quarantine(table)
        there = job.lake.exists(target)
        if not there and not any(settled.rejected(batch.batch_id) for batch in settled.batches):
            return
        bad = rejects.rejected(aside, rows, table, job.release_id)
        considered = [batch.batch_id for batch in settled.batches]
        ever: Counter[str] = Counter()
        if there:
            before = job.lake.read(target)
            ever.update(_total(before))
            ever.update(_total(rejects.fresh(bad, before)))
            bad = rejects.with_history(bad, before, considered)
        else:
            ever.update({batch_id: settled.rejected(batch_id) for batch_id in considered})
        settled.ever = {batch_id: ever[batch_id] for batch_id in considered if ever[batch_id]}
        job.lake.write(target, bad)
        settled.quarantined = by_state(job, table)
    finally:
        aside.unpersist()


def by_state(job: Job, table: LandingTable) -> dict[str, dict[str, int]]:
    """Return how many rows a table's quarantine holds, by batch and state."""
    return _by_batch(job.lake.read(quarantine(table)), F.col(c.STATE), c.STATE)


def _total(df: DataFrame) -> dict[str, int]:
    counted = df.groupBy(c.BATCH_ID).agg(F.count(F.lit(1)).alias(c.ROWS)).collect()
    return {row[c.BATCH_ID]: row[c.ROWS] for row in counted}


def _by_batch(df: DataFrame, column: Column, name: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in df.groupBy(c.BATCH_ID, column).agg(F.count(F.lit(1)).alias(c.ROWS)).collect():
        found.setdefault(row[c.BATCH_ID], {})[row[name]] = row[c.ROWS]
    return found


def accounts(job: Job, stage: str, table: LandingTable, settled: Settled) -> None:
    """Enter a table's accounts: each batch, its quarantine over time, and the state that is left.

    Args:
        job: The run; its ledger gets the accounts and figures.
        stage: Name of the stage.
        table: The landing table.
        settled: From ``settle``.
    """
    for batch in settled.batches:
        aside: Mapping[str, int] = settled.set_aside.get(batch.batch_id, {})
        out = settled.accepted_rows.get(batch.batch_id, 0)
        job.ledger.account(
            stage, table.path, rows_in=batch.rows, rows_out=out, set_aside=aside, batch_id=batch.batch_id
        )
        for reason, rows in sorted(aside.items()):
            name = "rows_repeated" if reason == REPEATED else "rows_quarantined"
            job.ledger.metric(stage, name, rows, subject=f"{table.path}/{batch.batch_id}", rule=reason)
    over_time(job, stage, table, settled)
    job.ledger.metric(stage, "rows_accepted", settled.state_rows, subject=table.path)


def over_time(job: Job, stage: str, table: LandingTable, settled: Settled) -> None:
    """Enter a table's quarantine over time: rows ever rejected = re-entered + still open, for each batch.

    The three are counted apart: ever from what was there before and what is new, re-entered from the quarantine as
    it was written, open from the rules.

    Args:
        job: The run; its ledger gets the accounts and figures.
        stage: Name of the stage.
        table: The landing table.
        settled: From ``settle``.
    """
    for batch_id, ever in sorted(settled.ever.items()):
        back = settled.quarantined.get(batch_id, {}).get(rejects.RE_ENTERED, 0)
        still = {rejects.OPEN.lower(): settled.rejected(batch_id)}
        job.ledger.account(
            stage, f"{table.path} quarantine", rows_in=ever, rows_out=back, set_aside=still, batch_id=batch_id
        )
        if back:
            job.ledger.metric(stage, "rows_re_entered", back, subject=f"{table.path}/{batch_id}")
