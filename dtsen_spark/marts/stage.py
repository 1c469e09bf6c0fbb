"""The marts stage: statistics for BI, without personal data and without small cells.

A fixed list of tables (``tables.STATS``). Spark counts in a few passes; ancestors, coverage and suppression follow on
the driver, where everything is bounded by the number of regions and values.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import lake, privacy, regions, tables
from dtsen_spark.contract import TableContract, local_frame
from dtsen_spark.job import Job, Period
from dtsen_spark.marts import cells, counting, figures, objections, steps, trend
from dtsen_spark.marts.disclosure import Before

STAGE: Final = "marts"

_WRITERS: Final = 4

Row = dict[str, Any]


def run(job: Job) -> None:
    """Write the statistics of the release, a table of each contract of ``tables.STATS``.

    Reads ``welfare/score``, ``master/person``, ``master/person_attribute``, ``programs/<program>``,
    ``linkage/membership``, ``linkage/edge``, ``corrections/ticket``, ``corrections/event``, ``welfare/cutpoint``, the
    card of the PMT model, and what the last published release left out and which tickets had ended in it.

    Args:
        job: The run.
    """
    small = job.config.privacy.small_cell
    scored = counting.scored(job)
    sealed = cells.sealed_regions(scored, small, _before(job, tables.STATS_REGION, ()))
    by_age, profile = counting.people(job)
    decided = counting.decided(job)
    sex_age = (c.SEX, c.AGE_GROUP)
    deciles = cells.value_rows(
        scored,
        (c.DECILE,),
        (c.FAMILIES, c.PERSONS),
        counting.KECAMATAN,
        small,
        sealed,
        _before(job, tables.STATS_DECILE, (c.DECILE,)),
    )
    population = cells.value_rows(
        by_age,
        sex_age,
        (c.PERSONS,),
        counting.KECAMATAN,
        small,
        sealed,
        _before(job, tables.STATS_POPULATION, sex_age),
    )
    programs, of_program = cells.program_rows(
        decided.by_decision, small, sealed, _before_of(job, tables.STATS_PROGRAM, (c.DECISION, c.CHANGE))
    )
    # The profile breaks down what the two tables above it hold: where they show nothing, it must not either.
    closed = sealed | cells.withheld(deciles) | cells.withheld(population)

    def withheld(program: str) -> frozenset[str]:
        return sealed | of_program.get(program, frozenset())

    def secret_changes(program: str) -> frozenset[str]:
        return cells.secret_changes(row for row in programs if row[c.PROGRAM] == program)

    tickets = _tickets(job)
    found = objections.objections(
        [] if tickets is None else objections.counted_tickets(tickets),
        small,
        _left_out(job),
    )
    rows = {
        tables.STATS_REGION: cells.region_rows(scored, regions.population(), sealed),
        tables.STATS_DECILE: deciles,
        tables.STATS_POPULATION: population,
        tables.STATS_PROFILE: cells.program_value_rows(
            profile,
            (c.DECILE, *sex_age),
            (c.PERSONS,),
            counting.PROVINCE,
            small,
            lambda program: closed | withheld(program),
            _before_of(job, tables.STATS_PROFILE, (c.DECILE, *sex_age)),
        ),
        tables.STATS_PROGRAM: programs,
        tables.STATS_CHANGE: cells.program_value_rows(
            cells.changed(decided.by_cause),
            (c.CHANGE, c.CHANGE_CAUSE),
            (c.ROWS,),
            counting.KAB,
            small,
            withheld,
            _before_of(job, tables.STATS_CHANGE, (c.CHANGE, c.CHANGE_CAUSE)),
            block=c.CHANGE,
            untold=secret_changes,
        ),
        tables.STATS_BUDGET: cells.program_value_rows(
            cells.selected(decided.by_cause),
            (c.DECILE,),
            (c.ROWS, c.BENEFIT_TOTAL_IDR_YEAR),
            counting.KAB,
            small,
            withheld,
            _before_of(job, tables.STATS_BUDGET, (c.DECILE,)),
        ),
        tables.STATS_COVERAGE: cells.coverage_rows(
            counting.known(job), small, sealed, _before_of(job, tables.STATS_COVERAGE, (), c.SOURCE)
        ),
        tables.STATS_LINKAGE: cells.linkage_rows(counting.linked(job), small),
        tables.STATS_FIGURE: figures.figure_rows(job, small, tickets, found),
        tables.STATS_OBJECTION: found.rows,
        tables.STATS_STEP: []
        if tickets is None
        else steps.step_rows(steps.counted_steps(tickets, job.read(tables.TICKET_EVENT), found.rows), small),
    }
    rows[tables.STATS_TREND] = trend.trend_rows(rows, found, _cuts(job))
    # Every release's publication replaces the slice of its period, so all are written even where empty.
    # Each write is a small job that mostly waits for its plan, so they go side by side.
    with ThreadPoolExecutor(_WRITERS) as writers:
        list(writers.map(lambda table: _write(job, table, rows[table]), tables.STATS))
    for table in tables.STATS:
        _report(job, table, rows[table])


def _tickets(job: Job) -> DataFrame | None:
    if not job.has(tables.TICKET):
        return None
    version = job.published_versions.get(tables.STATS_FIGURE.path)
    # The smallest table that holds every published period.
    past = [] if version is None else lake.peek(job.lake.root, tables.STATS_FIGURE, version)
    ends = {Period.parse(row[c.PERIOD]).last_day for row in past}
    since = max((day for day in ends if day < job.period.last_day), default=None)
    earlier = job.previous_release is not None and Period.of_release(job.previous_release).last_day == since
    return objections.of_period(job.read(tables.TICKET), job.published(tables.TICKET) if earlier else None, since)


def _left_out(job: Job) -> Callable[[str], Before]:
    published = _published(job, tables.STATS_OBJECTION)
    return lambda channel: objections.left_out(row for row in published if str(row[c.CHANNEL]) == channel)


def _cuts(job: Job) -> dict[int, int]:
    if not job.has(tables.CUTPOINT):
        return {}
    # Nine for each unit.
    cuts = job.read(tables.CUTPOINT).where(F.col(c.UNIT) == job.config.welfare.unit).collect()
    return {row[c.K]: row[c.SCORE] for row in cuts}


def _before(job: Job, table: TableContract, by: tuple[str, ...]) -> Before:
    return cells.before_of(_published(job, table), by)


def _before_of(
    job: Job, table: TableContract, by: tuple[str, ...], subject: str = c.PROGRAM
) -> Callable[[str], Before]:
    published = _published(job, table)
    return lambda value: cells.before_of((row for row in published if row[subject] == value), by)


def _published(job: Job, table: TableContract) -> list[Row]:
    """Rows of a statistic in the last published release; a small table, so no Spark."""
    version = job.published_versions.get(table.path)
    if version is None:
        return []
    # A column that the statistic got since then is null in it.
    return [
        {name: row.get(name) for name in table.columns}
        for row in lake.peek(job.lake.root, table, version)
        if row[c.RELEASE_ID] == job.previous_release
    ]


def _write(job: Job, table: TableContract, rows: list[Row]) -> None:
    privacy.require_no_person(table)
    ordered = [tuple(row.get(name) for name in table.columns) for row in rows]
    job.write(table, local_frame(job.spark, ordered, table.schema).coalesce(1))


def _report(job: Job, table: TableContract, rows: list[Row]) -> None:
    job.ledger.metric(STAGE, "cells", len(rows), subject=table.path)
    if c.SUPPRESSED in table.columns:
        hidden = sum(bool(row[c.SUPPRESSED]) for row in rows)
        job.ledger.metric(STAGE, "cells_suppressed", hidden, subject=table.path)
