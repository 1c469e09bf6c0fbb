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
NOT_TAKEN: Final = "share_values_not_taken"
NOT_TAKEN_CHANGE: Final = "share_values_not_taken_change"

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
_ROWS_READ: Final = "rows_read"
_INCONSISTENT: Final = "inconsistent"
_EXAMINED: Final = "examined"
_READ: Final = (
    *_AS_COUNTED,
    *(_ROWS, _REGION_STATES, _VALUES_NOT_TAKEN, _ACCEPTED, _ROWS_READ, _INCONSISTENT, _EXAMINED),
)
# Figure of a contradiction by the severity of its rule; what is only watched (info) is not judged.
_CONTRADICTIONS: Final = {"critical": "share_contradicted", "warning": "share_inconsistent"}
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


def counted(job: Job, least_examined: int) -> list[Figure]:
    """Return what earlier stages counted, as figures.

    Args:
        job: The run; reads ``ops/ledger``, ``ops/dq_metric`` and ``ops/batch``.
        least_examined: Subjects below which a share of contradictions is no evidence.

    Returns:
        Figures of accounts, deliveries, codes, regions, contradictions and links.
    """
    return [*_from_ledger(job), *_from_metrics(job, least_examined), *_from_batches(job)]


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


def _from_metrics(job: Job, least_examined: int) -> list[Figure]:
    if not job.lake.exists(tables.DQ_METRIC):
        return []
    mine = (F.col(c.RELEASE_ID) == job.release_id) & F.col(c.METRIC).isin(list(_READ))
    # Regions are summed up: what is left is a few hundred rows whatever the population.
    by_rule = job.lake.read(tables.DQ_METRIC).where(mine).groupBy(c.METRIC, c.SUBJECT, c.RULE, c.SEVERITY)
    rows = [row.asDict() for row in by_rule.agg(F.sum(c.VALUE).alias(c.VALUE)).collect()]
    return [*metric_figures(rows), *between_stages(rows), *contradiction_figures(rows, least_examined)]


def between_stages(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Return how many rows of each delivered table were lost or made between intake and harmonisation.

    Args:
        rows: metric, subject and value; intake counts what it accepted, harmonisation what it read.

    Returns:
        ``rows_between_stages`` of each table that harmonisation read.
    """
    accepted = {row[c.SUBJECT]: row[c.VALUE] for row in rows if row[c.METRIC] == _ACCEPTED}
    read = {row[c.SUBJECT]: row[c.VALUE] for row in rows if row[c.METRIC] == _ROWS_READ}
    return [Figure("rows_between_stages", path, abs(accepted.get(path, 0) - value)) for path, value in read.items()]


def contradiction_figures(rows: Sequence[Mapping[str, Any]], least_examined: int) -> list[Figure]:
    """Return the share of subjects that break each rule of consistency.

    Args:
        rows: metric, subject, rule, severity and value, summed over regions.
        least_examined: A share of fewer subjects is no evidence and gives no figure.

    Returns:
        ``share_contradicted`` of critical rules and ``share_inconsistent`` of the others, by source and rule.
    """
    examined = {row[c.SUBJECT]: row[c.VALUE] for row in rows if row[c.METRIC] == _EXAMINED}
    return [
        Figure(
            _CONTRADICTIONS[row[c.SEVERITY]],
            f"{row[c.SUBJECT]} {row[c.RULE]}",
            share(row[c.VALUE], examined[row[c.SUBJECT]]),
        )
        for row in rows
        if row[c.METRIC] == _INCONSISTENT
        and row[c.SEVERITY] in _CONTRADICTIONS
        and examined.get(row[c.SUBJECT], 0) >= least_examined
    ]


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
            figures[NOT_TAKEN, subject] = share(row[c.VALUE], total[row[c.SUBJECT]])
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


def changes(job: Job, now: Sequence[Figure]) -> list[Figure]:
    """Hold this release against the last published one.

    Args:
        job: The run.
        now: This release's figures.

    Returns:
        ``share_volume_change`` of each volume that both have, and ``share_values_not_taken_change`` of each column:
        what was understood then and is not now; none where nothing was published.
    """
    if job.previous_release is None:
        return []
    figures = (F.col(c.STAGE) == STAGE) & F.col(c.METRIC).isin(VOLUME, NOT_TAKEN)
    there = (F.col(c.RELEASE_ID) == job.previous_release) & figures
    rows = job.lake.read(tables.DQ_METRIC).where(there).collect()  # a few volumes, and a few hundred columns
    return change_figures({(row[c.METRIC], row[c.SUBJECT]): row[c.VALUE] for row in rows}, now)


def change_figures(before: Mapping[tuple[str, str], float], now: Iterable[Figure]) -> list[Figure]:
    """Return what moved between two releases.

    Args:
        before: The earlier release's figures by metric and subject.
        now: The later one's.

    Returns:
        The figures that ``changes`` names.
    """
    moved = []
    for one in now:
        earlier = before.get((one.metric, one.subject), 0.0)
        if one.metric == VOLUME and earlier:
            moved.append(Figure(VOLUME_CHANGE, one.subject, one.value / earlier - 1))
        elif one.metric == NOT_TAKEN:
            moved.append(Figure(NOT_TAKEN_CHANGE, one.subject, one.value - earlier))
    return moved


def share(part: float, total: float) -> float:
    """Return a part of a total; 0 where there is no total."""
    return part / total if total else 0.0
