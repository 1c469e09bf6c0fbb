"""``stats/step``: how many days objections were in each state that they left, by village and channel.

Days are told, never how many tickets: what entered a state less what left it would add up with ``stats/objection``.
That a state is told at all says that as many tickets as the threshold left it. So it is told only where the tickets
that ``stats/objection`` shows are as many: then it says nothing of those that are left out there.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.marts.cells import place
from dtsen_spark.marts.disclosure import NATION, Table, listed
from dtsen_spark.marts.objections import BY, on_each_level

Row = dict[str, Any]

_WHERE: Final = (c.REGION_CODE, c.CHANNEL, c.STATE_BEFORE)
_DAYS: Final = (c.MEDIAN_STEP_DAYS, c.P90_STEP_DAYS)
_ALL: Final = "_all"  # days of each time that the ticket left the state


@dataclass(frozen=True)
class Steps:
    """What Spark counts: as much as villages with tickets × channels × states, whatever the population.

    Attributes:
        days: One row for each region (nation to village) × channel × state: ``median_step_days``, ``p90_step_days``.
        tickets: One row for each of these × outcome × last action × overdue: ``tickets``.
    """

    days: list[Row]
    tickets: list[Row]


def counted_steps(tickets: DataFrame, events: DataFrame) -> Steps:
    """Count the tickets that left each state, and their days in it.

    Args:
        tickets: From ``objections.of_period``.
        events: ``corrections/event``; refused ones moved nothing, and before the first one a ticket was nowhere.
    """
    left = (
        events.where(F.col(c.REASON).isNull() & F.col(c.DAYS).isNotNull())
        # A ticket that was returned is in a state more than once, and is one ticket. Bounded by the events of a ticket.
        .groupBy(c.TICKET_ID, c.STATE_BEFORE)
        .agg(F.collect_list(c.DAYS).alias(_ALL))
    )
    # ticket : the states that it left is 1 : n.
    placed = on_each_level(tickets.select(c.TICKET_ID, c.REGION_CODE, c.CHANNEL, *BY).join(left, c.TICKET_ID))
    days = (
        placed.select(*_WHERE, F.explode(_ALL).alias(c.DAYS))
        .groupBy(*_WHERE)
        .agg(
            F.percentile(c.DAYS, 0.5).alias(c.MEDIAN_STEP_DAYS),
            F.percentile(c.DAYS, 0.9).alias(c.P90_STEP_DAYS),
        )
    )
    counts = placed.groupBy(*_WHERE, *BY).agg(F.count(F.lit(1)).alias(c.TICKETS))
    return Steps([row.asDict() for row in days.collect()], [row.asDict() for row in counts.collect()])


def step_rows(steps: Steps, objections: Iterable[Row], small: int) -> list[Row]:
    """Return ``stats/step``: a row for each region, channel and state whose days may be told.

    Each channel and state is a table of its own. Where a region is left out, so are siblings of it, until those that
    are left out together have as many tickets as the threshold: days of fewer cannot be had from a region and its
    other parts.

    Args:
        steps: From ``counted_steps``.
        objections: Rows of ``stats/objection``.
        small: Days of fewer tickets are left out.
    """
    shown = {
        tuple(row[name] for name in (c.REGION_CODE, c.CHANNEL, *BY)) for row in objections if not row[c.SUPPRESSED]
    }
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    told: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in steps.tickets:
        region, channel, state = (row[name] for name in _WHERE)
        counts[channel, state][region] += row[c.TICKETS]
        if (region, channel, *(row[name] for name in BY)) in shown:
            told[channel, state][region] += row[c.TICKETS]
    open_cells = set()
    for (channel, state), of_region in counts.items():
        known = told[channel, state]
        if known[NATION] < small:
            continue
        table = Table(
            {(region, ()): count for region, count in of_region.items()},
            sealed={region for region in of_region if known[region] < small},
            totals_known=False,
        )
        open_cells |= {(region, channel, state) for (region, _), secret in listed(table, small) if not secret}
    return [
        {**place(row[c.REGION_CODE]), **{name: row[name] for name in (c.CHANNEL, c.STATE_BEFORE, *_DAYS)}}
        for row in sorted(steps.days, key=lambda row: [str(row[name]) for name in _WHERE])
        if tuple(row[name] for name in _WHERE) in open_cells
    ]
