"""The stage: what is new in the landing zone into bronze, then each table's accepted state and quarantine."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark.contract import local_frame
from dtsen_spark.ingest import intake
from dtsen_spark.ingest.bronze import reading_session
from dtsen_spark.ingest.landing import BatchClass, LandingPlan, survey_landing
from dtsen_spark.ingest.registry import Registry, drift_of
from dtsen_spark.ingest.settle import Examined, Settled, accounts, examined, settle
from dtsen_spark.ingest.state import in_order
from dtsen_spark.job import Job
from dtsen_spark.tables import FULL, LANDING, SET_ASIDE, STANDING, LandingTable

log = structlog.get_logger(__name__)

STAGE: Final = "ingest"
# Each job has a serial tail (commit, listing) that leaves cores idle: a few tables run side by side.
_TABLES_AT_ONCE: Final = 3


def run(job: Job) -> None:
    """Take in every batch up to the period's last day and write what all of them leave.

    Reads the landing zone; writes bronze and quarantine, what ``accepted.accepted_rows`` needs for every table that was
    ever delivered, ``ops/batch``, accounts and figures. A refused batch is entered and the run goes on.

    Args:
        job: The run.

    Raises:
        DeliveryMissingError: A required table was never delivered.
    """
    registry = Registry.load(job)
    known = frozenset(path for path, table in LANDING.items() if registry.applied(table))
    plan = survey_landing(job.landing, job.period, known)
    for batch in plan.of(BatchClass.REFUSED):
        intake.refuse(job, registry, batch, batch.reason)
    offered = {batch.table.path for state in (BatchClass.READY, BatchClass.REFUSED) for batch in plan.of(state)}
    delivered = [table for path, table in LANDING.items() if path in offered | known]
    session = reading_session(job.spark)
    with ThreadPoolExecutor(_TABLES_AT_ONCE) as pool:
        # Waited for, so that an error in a thread is an error of the stage.
        list(pool.map(lambda table: _take(job, session, plan, registry, table), delivered))
        settled = _settle(job, registry, delivered, pool)
    registry.save(job)
    _write_standing(job, settled)
    # Entered here and not in the threads: the ledger's order is the contract's.
    for path, table in LANDING.items():
        if path in settled:
            accounts(job, STAGE, table, settled[path])
    _figures(job, plan, registry)


def _take(job: Job, session: SparkSession, plan: LandingPlan, registry: Registry, table: LandingTable) -> None:
    for batch in plan.of(BatchClass.READY):
        if batch.table.path == table.path:
            intake.take(job, session, registry, batch)


def _settle(
    job: Job, registry: Registry, delivered: list[LandingTable], pool: ThreadPoolExecutor
) -> dict[str, Settled]:
    batches = {
        table.path: [batch for batch in registry.applied(table) if batch.as_of <= job.period.last_day]
        for table in delivered
    }
    with examined(job, batches) as seen:
        # Written beside the tables: nothing here hangs on it.
        said = pool.submit(_write_set_aside, job, seen)
        done = pool.map(lambda table: (table.path, settle(job, table, batches[table.path], seen)), delivered)
        settled = dict(done)
        said.result()
    return settled


def _write_set_aside(job: Job, seen: Examined) -> None:
    if seen.others:
        # A few files of each table, whatever the number of partitions that it was found in.
        job.write(SET_ASIDE, seen.set_aside.repartition(c.SUBJECT, c.FILE))
    elif job.has(SET_ASIDE):
        job.write(SET_ASIDE, job.lake.empty(SET_ASIDE))


def _write_standing(job: Job, settled: dict[str, Settled]) -> None:
    """Say where each accepted state stands; last of all, since later stages read by it."""
    rows = [
        (path, one.standing.batch_id if one.standing else None, one.state_rows)
        for path, one in sorted(settled.items())
        if one.standing or not one.state_rows
    ]
    job.write(STANDING, local_frame(job.spark, rows, STANDING.schema).coalesce(1))


def _figures(job: Job, plan: LandingPlan, registry: Registry) -> None:
    refused = registry.refused(job.release_id)
    waiting, pending = plan.of(BatchClass.WAITING), plan.of(BatchClass.PENDING)
    job.ledger.metric(STAGE, "batches_refused", len(refused), severity="warning" if refused else "info")
    job.ledger.metric(STAGE, "batches_waiting", len(waiting))
    job.ledger.metric(STAGE, "batches_pending", len(pending))
    job.ledger.metric(STAGE, "tables_unknown", len(plan.unknown), severity="warning" if plan.unknown else "info")
    for batch in (*waiting, *pending):
        # No fault, but who delivered it asks for it: told without being asked for more talk.
        log.warning("batch left for later", batch=batch.path, state=batch.state.value)
    for name in plan.unknown:
        log.warning("in no table of the contract, or in no batch; left alone", what=name)
    for table in LANDING.values():
        _drift_figures(job, table, registry)


def _drift_figures(job: Job, table: LandingTable, registry: Registry) -> None:
    """Report drift of what this release took in, and the volume of the newest full batch against the one before."""
    for row in registry.entered(table, job.release_id):
        subject = f"{table.path}/{row[c.BATCH_ID]}"
        drifted, affects = drift_of(row)
        for kind, names in sorted(drifted.items()):
            fed = sorted({ours for name in names for ours in affects.get(name, [])})
            log.warning("the batch drifts from the contract", batch=subject, kind=kind, columns=names, affects=fed)
            job.ledger.metric(STAGE, "columns_drifted", len(names), subject=subject, rule=kind, severity="warning")
    fulls = [
        batch
        for batch in in_order(registry.applied(table))
        if batch.mode == FULL and batch.as_of <= job.period.last_day
    ]
    if len(fulls) > 1 and fulls[-2].rows:
        change = fulls[-1].rows / fulls[-2].rows - 1
        job.ledger.metric(STAGE, "volume_change_share", change, subject=table.path)
