"""The small table that the gate judges: what the stages counted, put into figures of one unit each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.job import Job

STAGE: Final = "audit"
RELEASE: Final = "release"
# Stages that must have entered an account: each moves rows of persons, families or deliveries.
ACCOUNTED: Final = ("ingest", "harmonise", "linkage", "family", "welfare", "programs")

# Figures of a release that the next one is held against, and the figure that compares them.
VOLUME: Final = "volume"
VOLUME_CHANGE: Final = "share_volume_change"

# What the stages count, by name in ``ops/dq_metric``.
_ROWS: Final = "rows"
_REGION_STATES: Final = "region_states"
_VALUES_NOT_TAKEN: Final = "values_not_taken"
_UNMATCHED: Final = frozenset({"UNMATCHED", "AMBIGUOUS"})
# Figures that are judged as they were counted: name in ``ops/dq_metric``, name in the suite.
_AS_COUNTED: Final = {
    "i1_violations": "i1_violations",
    "i2_violations": "i2_violations",
    "batches_refused": "batches_refused",
    "columns_drifted": "columns_drifted",
    "volume_change_share": "share_delivery_change",
    "pmt_r2_held_out": "pmt_r2_held_out",
    "register_never_delivered": "registers_never_delivered",
}
_ACCEPTED: Final = "rows_accepted"
_READ: Final = (*_AS_COUNTED, _ROWS, _REGION_STATES, _VALUES_NOT_TAKEN, _ACCEPTED)
_REQUIRED: Final = frozenset(path for path, table in tables.LANDING.items() if table.required)


@dataclass(frozen=True, order=True)
class Figure:
    """One figure of a release.

    Attributes:
        metric: Name; it says the unit: ``share_`` a share, else a count.
        subject: What it is about, such as a table.
        value: The figure.
    """

    metric: str
    subject: str
    value: float


def counted(job: Job) -> list[Figure]:
    """Return what earlier stages counted, as figures.

    Args:
        job: The run; reads ``ops/ledger``, ``ops/dq_metric`` and ``ops/batch``.

    Returns:
        Figures of accounts, deliveries, codes, regions and links.
    """
    return [*_from_ledger(job), *_from_metrics(job), *_from_batches(job)]


def _from_ledger(job: Job) -> list[Figure]:
    if not job.lake.exists(tables.LEDGER):
        return [Figure("stages_without_account", stage, 1) for stage in ACCOUNTED]
    rows = job.lake.read(tables.LEDGER).where(F.col(c.RELEASE_ID) == job.release_id).collect()
    return account_figures([row.asDict() for row in rows])


def account_figures(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Return the figures of a release's accounts; of a stage that was run again, only the last run counts.

    Args:
        rows: Rows of ``ops/ledger``; a few for each stage and batch.

    Returns:
        ``rows_unaccounted`` of each account, ``share_quarantined`` of each delivered table, and
        ``stages_without_account``.
    """
    last: dict[str, tuple[Any, str]] = {}
    for row in rows:
        last[row[c.STAGE]] = max(last.get(row[c.STAGE], (row[c.RECORDED_AT], "")), (row[c.RECORDED_AT], row[c.RUN_ID]))
    valid = [row for row in rows if row[c.RUN_ID] == last[row[c.STAGE]][1]]
    figures = [Figure("stages_without_account", stage, float(stage not in last)) for stage in ACCOUNTED]
    delivered: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in valid:
        subject = " ".join(part for part in (row[c.STAGE], row[c.SUBJECT], row[c.BATCH_ID]) if part)
        apart = abs(row[c.ROWS_IN] - row[c.ROWS_OUT] - row[c.ROWS_SET_ASIDE])
        figures.append(Figure("rows_unaccounted", subject, apart))
        if row[c.STAGE] == "ingest" and row[c.SUBJECT] in tables.LANDING:
            delivered[row[c.SUBJECT]][0] += row[c.ROWS_SET_ASIDE]
            delivered[row[c.SUBJECT]][1] += row[c.ROWS_IN]
    figures += [Figure("share_quarantined", path, share(*pair)) for path, pair in delivered.items() if pair[1]]
    return figures


def _from_metrics(job: Job) -> list[Figure]:
    if not job.lake.exists(tables.DQ_METRIC):
        return []
    mine = (F.col(c.RELEASE_ID) == job.release_id) & F.col(c.METRIC).isin(list(_READ))
    # Regions are summed up: what is left is a few hundred rows whatever the population.
    by_rule = job.lake.read(tables.DQ_METRIC).where(mine).groupBy(c.METRIC, c.SUBJECT, c.RULE)
    return metric_figures([row.asDict() for row in by_rule.agg(F.sum(c.VALUE).alias(c.VALUE)).collect()])


def metric_figures(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Return figures of what the stages counted in ``ops/dq_metric``.

    Args:
        rows: metric, subject, rule and value, summed over regions.

    Returns:
        Figures as they were counted, rows of the required tables, and shares of rows whose code or region was not
        taken.
    """
    figures: dict[tuple[str, str], float] = defaultdict(float)
    total: dict[str, float] = defaultdict(float)
    unmatched: dict[str, float] = {}
    for row in rows:
        metric, subject = row[c.METRIC], row[c.SUBJECT]
        if metric in _AS_COUNTED:
            figures[_AS_COUNTED[metric], subject or RELEASE] += row[c.VALUE]
        elif metric == _ACCEPTED:
            if subject in _REQUIRED:
                figures["rows_of_required_table", subject] += row[c.VALUE]
        elif metric == _ROWS:
            total[subject] += row[c.VALUE]
        elif metric == _REGION_STATES:
            unmatched.setdefault(subject, 0)
            unmatched[subject] += row[c.VALUE] if row[c.RULE] in _UNMATCHED else 0
    for subject, value in unmatched.items():
        figures["share_region_unmatched", subject] = share(value, total[subject])
    for row in rows:
        if row[c.METRIC] == _VALUES_NOT_TAKEN:
            subject = f"{row[c.SUBJECT]} {row[c.RULE]}"
            figures["share_values_not_taken", subject] = share(row[c.VALUE], total[row[c.SUBJECT]])
    return [Figure(metric, subject, value) for (metric, subject), value in figures.items()]


def _from_batches(job: Job) -> list[Figure]:
    if not job.lake.exists(tables.BATCH):
        return batch_figures([])
    grouped = job.lake.read(tables.BATCH).groupBy(c.SOURCE, c.SOURCE_TABLE, c.STATE)
    return batch_figures([row.asDict() for row in grouped.agg(F.count(F.lit(1)).alias(c.ROWS)).collect()])


def batch_figures(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Return how many batches of each required table were ever taken in: none is a table of refused batches only.

    Args:
        rows: source, source table, state and number of batches.

    Returns:
        ``batches_applied`` of each required table.
    """
    applied = {f"{r[c.SOURCE]}/{r[c.SOURCE_TABLE]}": r[c.ROWS] for r in rows if r[c.STATE] == "APPLIED"}
    return [
        Figure("batches_applied", path, applied.get(path, 0))
        for path, table in tables.LANDING.items()
        if table.required
    ]


def changes(job: Job, now: Iterable[Figure]) -> list[Figure]:
    """Hold the volumes of this release against those of the last published one.

    Args:
        job: The run.
        now: This release's figures.

    Returns:
        ``share_volume_change`` of each volume that both have; none where nothing was published.
    """
    if job.previous_release is None:
        return []
    there = (F.col(c.RELEASE_ID) == job.previous_release) & (F.col(c.STAGE) == STAGE) & (F.col(c.METRIC) == VOLUME)
    rows = job.lake.read(tables.DQ_METRIC).where(there).collect()  # a few volumes
    before = {row[c.SUBJECT]: row[c.VALUE] for row in rows}
    return [
        Figure(VOLUME_CHANGE, one.subject, one.value / before[one.subject] - 1)
        for one in now
        if one.metric == VOLUME and before.get(one.subject)
    ]


def share(part: float, total: float) -> float:
    """Return a part of a total; 0 where there is no total."""
    return part / total if total else 0.0
