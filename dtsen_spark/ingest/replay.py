"""Quarantined rows offered to today's rules, outside a run: those that pass re-enter with their history.

What re-enters is marked in bronze and in the quarantine, and entered in the accounts of its own batch; the next run
that settles the batch takes it into its state. Published releases do not change.
"""

from dataclasses import dataclass
from typing import Final

from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.accepted import is_accepted
from dtsen_spark.ingest import quarantine as rejects
from dtsen_spark.ingest import settle
from dtsen_spark.ingest.registry import Registry
from dtsen_spark.ingest.rules import judged_again
from dtsen_spark.ingest.settle import Settled
from dtsen_spark.job import Job
from dtsen_spark.tables import LANDING, LandingTable, bronze, quarantine

REPLAY: Final = "replay_quarantine"


@dataclass(frozen=True)
class ReplayedBatch:
    """What a replay did with the quarantined rows of one batch.

    Attributes:
        table: Landing table.
        batch_id: The batch.
        open_before: Rows that were open.
        re_entered: Rows of them that re-entered now.
        still_open: Rows that are open now.
    """

    table: str
    batch_id: str
    open_before: int
    re_entered: int
    still_open: int

    @property
    def changed(self) -> bool:
        """Whether the batch accepts other rows now: one re-entered, or one that was sound has a rival in it."""
        return self.re_entered > 0 or self.still_open != self.open_before


def replay(job: Job) -> tuple[ReplayedBatch, ...]:
    """Offer every open row of the quarantine to today's rules.

    Reads bronze and quarantine; changes the reasons of rows in bronze that pass now and the state of their rows in
    quarantine, and enters the accounts. Done again, it changes nothing.

    Args:
        job: A job of the newest release.

    Returns:
        Every batch that had open rows, by table and batch.
    """
    registry = Registry.load(job)
    held = [table for table in LANDING.values() if job.lake.exists(quarantine(table))]
    before = {table.path: settle.by_state(job, table) for table in held}
    for table in held:
        today = judged_again(table, job.config.ingest)
        differs = ~is_accepted() & ~F.col(c.REASONS).eqNullSafe(today[c.REASONS])
        job.lake.update(bronze(table), differs, today)
    # A member is an orphan or not by its parents' state, whether or not a parent's row was ever rejected.
    parents = {table.parent[0] for table in held if table.parent}
    concerned = [table for path, table in LANDING.items() if table in held or path in parents]
    batches = {table.path: registry.applied(table) for table in concerned}
    settled: dict[str, Settled] = {}
    with settle.examined(job, batches) as seen:
        for table in held:
            one = settled[table.path] = seen.settled(table, batches[table.path])
            if table.path in seen.rows:
                settle.set_aside(job, table, seen, one)
    for table in held:
        settle.over_time(job, REPLAY, table, settled[table.path])
    return tuple(one for table in held for one in _told(table, before[table.path], settled[table.path]))


def _told(table: LandingTable, before: dict[str, dict[str, int]], settled: Settled) -> list[ReplayedBatch]:
    found = []
    for batch_id, states in sorted(before.items()):
        now = settled.quarantined.get(batch_id, {})
        back = now.get(rejects.RE_ENTERED, 0) - states.get(rejects.RE_ENTERED, 0)
        if states.get(rejects.OPEN):
            found.append(ReplayedBatch(table.path, batch_id, states[rejects.OPEN], back, now.get(rejects.OPEN, 0)))
    return found
