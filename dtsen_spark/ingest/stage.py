"""The stage: what is new in the landing zone into bronze, then each table's accepted state and quarantine."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from pyspark.sql import DataFrame, SparkSession

from dtsen_spark import columns as c
from dtsen_spark.ingest import intake
from dtsen_spark.ingest.bronze import reading_session
from dtsen_spark.ingest.landing import BatchClass, LandingPlan, survey_landing
from dtsen_spark.ingest.registry import Registry, drift_of
from dtsen_spark.ingest.settle import Settled, accounts, settle
from dtsen_spark.ingest.state import FULL, in_order, no_presence
from dtsen_spark.job import Job
from dtsen_spark.tables import LANDING, LandingTable

log = structlog.get_logger(__name__)

STAGE: Final = "ingest"
# Each job has a serial tail (commit, listing) that leaves cores idle: a few tables run side by side.
_GROUPS_AT_ONCE: Final = 3


def run(job: Job) -> None:
    """Take in every batch up to the period's last day and write what all of them leave.

    Reads the landing zone; writes bronze and quarantine, ``accepted/<source>_<table>`` of the build for every table
    that was ever delivered, ``ops/batch``, accounts and figures. A refused batch is entered and the run goes on.

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
    session = reading_session(job.spark)
    settled: dict[str, Settled] = {}
    with ThreadPoolExecutor(_GROUPS_AT_ONCE) as pool:
        for found in pool.map(lambda group: _take_group(job, session, plan, registry, group), _groups(offered | known)):
            settled.update(found)
    registry.save(job)
    # Entered here and not in the threads: the ledger's order is the contract's.
    for path, table in LANDING.items():
        if path in settled:
            accounts(job, STAGE, table, settled[path])
    _figures(job, plan, registry)


def _groups(delivered: set[str]) -> list[list[LandingTable]]:
    # A parent and its members go one after the other: members are held against the parent's state.
    groups: dict[str, list[LandingTable]] = {}
    for table in LANDING.values():
        if table.path in delivered:
            groups.setdefault(table.parent[0] if table.parent else table.path, []).append(table)
    return [sorted(group, key=lambda table: table.parent is not None) for group in groups.values()]


def _take_group(
    job: Job, session: SparkSession, plan: LandingPlan, registry: Registry, group: list[LandingTable]
) -> dict[str, Settled]:
    found: dict[str, Settled] = {}
    for table in group:
        for batch in plan.of(BatchClass.READY):
            if batch.table.path == table.path:
                intake.take(job, session, registry, batch)
        batches = [batch for batch in registry.applied(table) if batch.as_of <= job.period.last_day]
        found[table.path] = settle(job, table, batches, _parents(job, table, found))
    return found


def _parents(job: Job, table: LandingTable, found: dict[str, Settled]) -> DataFrame | None:
    if table.parent is None:
        return None
    parent = found.get(table.parent[0])
    return parent.presence if parent and parent.presence is not None else no_presence(job.spark)


def _figures(job: Job, plan: LandingPlan, registry: Registry) -> None:
    refused = registry.refused(job.release_id)
    waiting, pending = plan.of(BatchClass.WAITING), plan.of(BatchClass.PENDING)
    job.ledger.metric(STAGE, "batches_refused", len(refused), severity="warning" if refused else "info")
    job.ledger.metric(STAGE, "batches_waiting", len(waiting))
    job.ledger.metric(STAGE, "batches_pending", len(pending))
    job.ledger.metric(STAGE, "tables_unknown", len(plan.unknown), severity="warning" if plan.unknown else "info")
    for batch in (*waiting, *pending):
        log.info("batch left for later", batch=batch.path, state=batch.state.value)
    for name in plan.unknown:
        log.warning("folder of no table in the contract; left alone", folder=name)
    for table in LANDING.values():
        _drift_figures(job, table, registry)


def _drift_figures(job: Job, table: LandingTable, registry: Registry) -> None:
    """Report drift of what this release took in, and the volume of the newest full batch against the one before."""
    for row in registry.entered(table, job.release_id):
        for kind, names in sorted(drift_of(row).items()):
            subject = f"{table.path}/{row[c.BATCH_ID]}"
            log.warning("the batch's columns drift from the contract", batch=subject, kind=kind, columns=list(names))
            job.ledger.metric(STAGE, "columns_drifted", len(names), subject=subject, rule=kind, severity="warning")
    fulls = [
        batch
        for batch in in_order(registry.applied(table))
        if batch.mode == FULL and batch.as_of <= job.period.last_day
    ]
    if len(fulls) > 1 and fulls[-2].rows:
        change = fulls[-1].rows / fulls[-2].rows - 1
        job.ledger.metric(STAGE, "volume_change_share", change, subject=table.path)
