"""One table: its accepted state and its quarantine, from all its batches up to the period."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.ingest import quarantine as rejects
from dtsen_spark.ingest import state
from dtsen_spark.ingest.state import Applied
from dtsen_spark.job import Job
from dtsen_spark.tables import LandingTable, accepted, bronze, quarantine


@dataclass
class Settled:
    """What became of a table's rows.

    Attributes:
        batches: Its batches up to the period, in order.
        state_rows: Native keys of the accepted state.
        accepted_rows: Accepted rows by batch.
        set_aside: Rows set aside by batch and first reason.
        quarantined: Rows ever rejected by batch and state (OPEN, RE_ENTERED).
        presence: Keys that members are held against.
    """

    batches: list[Applied]
    state_rows: int = 0
    accepted_rows: dict[str, int] = field(default_factory=dict)
    set_aside: dict[str, dict[str, int]] = field(default_factory=dict)
    quarantined: dict[str, dict[str, int]] = field(default_factory=dict)
    presence: DataFrame | None = None


def settle(job: Job, table: LandingTable, batches: list[Applied], parents: DataFrame | None) -> Settled:
    """Write a table's accepted state and its quarantine.

    Args:
        job: The run.
        table: The landing table; it was delivered, be it in refused batches only.
        batches: Its applied batches up to the period's last day.
        parents: ``presence`` of its parent table; None where it has none.

    Returns:
        Counts, and the keys that its members are held against.
    """
    ordered = state.in_order(batches)
    settled = Settled(ordered, presence=state.no_presence(job.spark))
    target = accepted(table)
    if not any(batch.rows for batch in ordered):
        settled.accepted_rows = {batch.batch_id: 0 for batch in ordered}
        job.outputs[target.path] = job.lake.write(target, job.lake.empty(target), build=job.release_id)
        return settled
    rows = job.lake.read(bronze(table)).where(F.col(c.BATCH_ID).isin([batch.batch_id for batch in ordered]))
    classified = state.classify(rows, table, parents)
    written = job.lake.write(target, state.latest(classified, table, ordered), build=job.release_id)
    job.outputs[target.path] = written
    settled.state_rows = written.rows
    settled.presence = state.presence(job.read(target), classified, table, ordered)
    if len(ordered) == 1 and ordered[0].mode == state.FULL:
        # Every accepted row of a single full batch is a row of the state: counted by its write.
        settled.accepted_rows = {ordered[0].batch_id: written.rows}
        if written.rows == ordered[0].rows and not job.lake.exists(quarantine(table)):
            return settled
    else:
        settled.accepted_rows = {batch.batch_id: 0 for batch in ordered} | _count_accepted(classified)
    _set_aside(job, table, classified, rows, settled)
    return settled


def _count_accepted(classified: DataFrame) -> dict[str, int]:
    counted = classified.where(F.size(c.REASONS) == 0).groupBy(c.BATCH_ID).agg(F.count(F.lit(1)).alias(c.ROWS))
    return {row[c.BATCH_ID]: row[c.ROWS] for row in counted.collect()}


def _set_aside(job: Job, table: LandingTable, classified: DataFrame, rows: DataFrame, settled: Settled) -> None:
    # Read twice, and small beside the table: the rows of some reason.
    aside = classified.where(F.size(c.REASONS) > 0).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        settled.set_aside = _by_batch(aside, F.get(c.REASONS, F.lit(0)).alias(c.REASON), c.REASON)
        target = quarantine(table)
        there = job.lake.exists(target)
        if not there and not any(set(counts) - {state.REPEATED} for counts in settled.set_aside.values()):
            return
        bad = rejects.rejected(aside, rows, table, job.release_id)
        if there:
            bad = rejects.with_history(bad, job.lake.read(target), [batch.batch_id for batch in settled.batches])
        job.lake.write(target, bad)
    finally:
        aside.unpersist()
    if there:
        # Only a table that had rejected rows before can have re-entered ones.
        settled.quarantined = _by_batch(job.lake.read(target), F.col(c.STATE), c.STATE)


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
            name = "rows_repeated" if reason == state.REPEATED else "rows_quarantined"
            job.ledger.metric(stage, name, rows, subject=f"{table.path}/{batch.batch_id}", rule=reason)
    for batch_id, states in sorted(settled.quarantined.items()):
        back, still = states.get(rejects.RE_ENTERED, 0), states.get(rejects.OPEN, 0)
        if back:
            # Over time, rows that were ever quarantined = re-entered + still open.
            job.ledger.account(
                stage,
                f"{table.path} quarantine",
                rows_in=back + still,
                rows_out=back,
                set_aside={rejects.OPEN.lower(): still},
                batch_id=batch_id,
            )
            job.ledger.metric(stage, "rows_re_entered", back, subject=f"{table.path}/{batch_id}")
    job.ledger.metric(stage, "rows_accepted", settled.state_rows, subject=table.path)
