"""What became of the rows of all tables: what they say of one another, the states that they leave, the quarantine."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.accepted import classify
from dtsen_spark.ingest import quarantine as rejects
from dtsen_spark.ingest import rivals, state
from dtsen_spark.ingest.rules import REPEATED
from dtsen_spark.ingest.state import Applied
from dtsen_spark.job import Job
from dtsen_spark.lake import Written
from dtsen_spark.tables import LANDING, LandingTable, accepted, bronze, quarantine

# Rows by path of the table, batch and reason; the rows of no reason stand under None.
_Counts = Counter[tuple[str, str, str | None]]


_SCRATCH: Final = "ingest"
# What stands beside the reasons for which a row is rejected.
_NO_FAULT: Final = frozenset({None, rivals.SHARED, REPEATED})


@dataclass
class Settled:
    """What became of a table's rows.

    Attributes:
        batches: Its batches up to the period, in order.
        state_rows: Native keys of the accepted state.
        standing: The full batch in bronze that the state is; None where it is empty, or a table of its own.
        accepted_rows: Accepted rows by batch.
        set_aside: Rows set aside by batch and first reason.
        ever: Rows ever rejected by batch: those in quarantine before, and the new ones.
        quarantined: Rows in quarantine by batch and state (OPEN, RE_ENTERED), where it was there before.
    """

    batches: list[Applied]
    state_rows: int = 0
    standing: Applied | None = None
    accepted_rows: dict[str, int] = field(default_factory=dict)
    set_aside: dict[str, dict[str, int]] = field(default_factory=dict)
    ever: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, dict[str, int]] = field(default_factory=dict)

    def rejected(self, batch_id: str) -> int:
        """Return how many rows of a batch are rejected now; a repeated row is set aside without a fault."""
        return sum(rows for reason, rows in self.set_aside.get(batch_id, {}).items() if reason != REPEATED)


@dataclass(frozen=True)
class Examined:
    """The bronze rows of all tables, and what they say of themselves and of one another.

    Attributes:
        rows: Bronze rows by path of the table, of tables that have any.
        said: What rows say of others, as rows of ``accepted/set_aside``.
        rejected: Rows for quarantine by path, of tables that have any.
        rejections: How many they are, by path and batch.
        own: Rows by the reason that each shows by itself.
        others: Sound rows by the reason that others give them; None where only their parent has gone.
    """

    rows: dict[str, DataFrame]
    said: list[DataFrame] = field(default_factory=list)
    rejected: dict[str, DataFrame] = field(default_factory=dict)
    rejections: Counter[tuple[str, str]] = field(default_factory=Counter)
    own: _Counts = field(default_factory=Counter)
    others: _Counts = field(default_factory=Counter)

    def classified(self, path: str) -> DataFrame:
        """Return the rows of a table with all their reasons."""
        is_spoken_of = any(of == path for of, _, _ in self.others)
        found = self.set_aside.where(F.col(c.SUBJECT) == path) if is_spoken_of else None
        return classify(self.rows[path], LANDING[path], found)

    @property
    def set_aside(self) -> DataFrame:
        """What rows say of others, where they say anything."""
        return reduce(DataFrame.unionByName, self.said)

    def settled(self, table: LandingTable, batches: list[Applied]) -> Settled:
        """Return the counts of a table's rows: accepted is what is sound and has no reason from another row."""
        settled = Settled(state.in_order(batches))
        for batch in settled.batches:
            own, others = (_by_reason(counts, table.path, batch.batch_id) for counts in (self.own, self.others))
            sound = own.pop(None, 0) + own.pop(rivals.SHARED, 0)
            others.pop(None, 0)
            settled.accepted_rows[batch.batch_id] = sound - others.total()
            settled.set_aside[batch.batch_id] = {str(reason): rows for reason, rows in (own + others).items()}
        return settled


@contextmanager
def examined(job: Job, batches: Mapping[str, list[Applied]]) -> Iterator[Examined]:
    """Look at the rows of all tables together: by themselves, for rivals, and members for their parents.

    Args:
        job: The run.
        batches: Batches by path of the table.

    Yields:
        What was found; its frames can be read until the end of the block.
    """
    rows = {path: _delivered_rows(job, path, of) for path, of in batches.items() if any(batch.rows for batch in of)}
    seen, scratch = Examined(rows), job.lake.scratch(job.release_id) / _SCRATCH

    def keep(name: str, df: DataFrame) -> DataFrame:
        # Small beside the tables, and read several times. A file and not a cached frame: the plan of a cached one stays
        # inside every plan that reads it, and these would grow with the square of the tables. Its size is known, too:
        # a join with it does not shuffle a table.
        return job.keep(_SCRATCH, name, df)

    def take(said: DataFrame) -> None:
        seen.said.append(said)
        counted = said.groupBy(c.SUBJECT, c.BATCH_ID, c.REASON).agg(F.count(F.lit(1))).collect()  # a few for each batch
        seen.others.update({(path, batch_id, reason): number for path, batch_id, reason, number in counted})

    try:
        if rows:
            known = rivals.groups({path: [batch.batch_id for batch in batches[path]] for path in rows})
            keys = keep("keys", rivals.keys(rows, known))
            seen.own.update(rivals.counts(keys, known))
            if shared := {path for path, _, reason in seen.own if reason == rivals.SHARED}:
                take(keep("rivals", rivals.rivals({path: rows[path] for path in shared}, keys, known)))
        if parent_of := {path: parent[0] for path in rows if (parent := LANDING[path].parent)}:
            parents = {path: _presence(job, seen, path, batches.get(path, [])) for path in set(parent_of.values())}
            members = {path: seen.classified(path) for path in parent_of}
            doubtful = keep("doubtful", rivals.doubtful(members, parents))
            take(keep("orphans", rivals.orphans(members, doubtful)))
        faults = {path for path, _, reason in seen.own + seen.others if reason not in _NO_FAULT}
        if faults:
            classified = {path: seen.classified(path) for path in faults}
            bad = keep("rejected", rejects.rejected(classified, rows, job.release_id))
            by_batch = bad.groupBy(c.SUBJECT, c.BATCH_ID).agg(F.count(F.lit(1))).collect()  # one for each batch
            seen.rejections.update({(path, batch_id): number for path, batch_id, number in by_batch})
            seen.rejected.update({path: bad.where(F.col(c.SUBJECT) == path) for path in faults})
        yield seen
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _delivered_rows(job: Job, path: str, batches: list[Applied]) -> DataFrame:
    rows = job.lake.read(bronze(LANDING[path]))
    return rows.where(F.col(c.BATCH_ID).isin([batch.batch_id for batch in batches]))


def _presence(job: Job, seen: Examined, path: str, batches: list[Applied]) -> DataFrame:
    return state.presence(seen.classified(path), batches) if path in seen.rows else state.no_presence(job.spark)


def settle(job: Job, table: LandingTable, batches: list[Applied], seen: Examined) -> Settled:
    """Leave a table's accepted state, written only where several batches made it, and its quarantine.

    Args:
        job: The run.
        table: The landing table; it was delivered, be it in refused batches only.
        batches: Its applied batches up to the period's last day.
        seen: What its rows are.

    Returns:
        Counts, and where the state stands.
    """
    settled = seen.settled(table, batches)
    target = accepted(table)
    if table.path in seen.rows:
        settled.standing = _only(settled)
        if settled.standing is None:
            written = _write_state(job, table, seen.classified(table.path), settled)
            settled.state_rows = written.rows
        else:
            settled.state_rows = settled.accepted_rows[settled.standing.batch_id]
            # Not written again: entered under its own name all the same, since a stage's rows are what it leaves.
            written = Written(settled.state_rows, "", job.lake.version(bronze(table)))
        set_aside(job, table, seen, settled)
    else:
        written = Written(0, "", -1)
    job.outputs[target.path] = written
    return settled


def _only(settled: Settled) -> Applied | None:
    """Return the full batch that the state is; None where a later batch, or an earlier one, has a say in it."""
    full = state.last_full(settled.batches)
    if full is None:
        return None
    batch = settled.batches[full]
    # A key whose row was rejected keeps what an earlier batch said.
    is_last = not any(later.rows for later in settled.batches[full + 1 :])
    return batch if is_last and not (full and settled.rejected(batch.batch_id)) else None


def _write_state(job: Job, table: LandingTable, classified: DataFrame, settled: Settled) -> Written:
    ordered, target = settled.batches, accepted(table)
    if state.last_full(ordered) is None:
        return job.lake.write(target, state.latest(classified, table, ordered, None), build=job.release_id)
    changed = state.touched(classified, ordered).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        # Once it was counted its size is known, and a join with it does not shuffle the table.
        changed.count()
        return job.lake.write(target, state.latest(classified, table, ordered, changed), build=job.release_id)
    finally:
        changed.unpersist()


def set_aside(job: Job, table: LandingTable, seen: Examined, settled: Settled) -> None:
    """Bring a table's quarantine up to what was found.

    Args:
        job: The run.
        table: The landing table.
        seen: What its rows are.
        settled: Its counts; gets those of the quarantine.
    """
    target, considered = quarantine(table), [batch.batch_id for batch in settled.batches]
    ever = Counter({batch_id: seen.rejections[table.path, batch_id] for batch_id in considered})
    bad = seen.rejected.get(table.path)
    if job.lake.exists(target):
        before = job.lake.read(target)
        bad = job.lake.empty(target) if bad is None else bad
        ever = _total(before) + _total(rejects.fresh(bad, before))
        job.lake.write(target, rejects.with_history(bad, before, considered))
        settled.quarantined = by_state(job, table)
    elif bad is not None:
        job.lake.write(target, bad)
    settled.ever = {batch_id: ever[batch_id] for batch_id in considered if ever[batch_id]}


def by_state(job: Job, table: LandingTable) -> dict[str, dict[str, int]]:
    """Return how many rows a table's quarantine holds, by batch and state."""
    found: dict[str, dict[str, int]] = {}
    counted = job.lake.read(quarantine(table)).groupBy(c.BATCH_ID, c.STATE).agg(F.count(F.lit(1)).alias(c.ROWS))
    for row in counted.collect():
        found.setdefault(row[c.BATCH_ID], {})[row[c.STATE]] = row[c.ROWS]
    return found


def _total(df: DataFrame) -> Counter[str]:
    counted = df.groupBy(c.BATCH_ID).agg(F.count(F.lit(1)).alias(c.ROWS)).collect()
    return Counter({row[c.BATCH_ID]: row[c.ROWS] for row in counted})


def _by_reason(counts: _Counts, path: str, batch_id: str) -> Counter[str | None]:
    return Counter({reason: rows for (*place, reason), rows in counts.items() if place == [path, batch_id]})


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
