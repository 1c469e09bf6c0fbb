"""``stats/step``: how many days objections were in each state that they left, by village and channel.

Days are told, never how many tickets: what entered a state less what left it would add up with ``stats/objection``.
That a state is told at all says that as many tickets as the threshold left it. So it is told only where the tickets
that ``stats/objection`` shows are as many: then it says nothing of those that are left out there.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.contract import local_frame
from dtsen_spark.marts.cells import place
from dtsen_spark.marts.disclosure import NATION, Table, listed, parent
from dtsen_spark.marts.objections import BY, on_each_level

Row = dict[str, Any]

TOLD: Final = "_told"  # tickets that ``stats/objection`` shows
_WHERE: Final = (c.REGION_CODE, c.CHANNEL, c.STATE_BEFORE)
_CELL: Final = (c.REGION_CODE, c.CHANNEL, *BY)
_DAYS: Final = (c.MEDIAN_STEP_DAYS, c.P90_STEP_DAYS)
_ALL: Final = "_all"  # days of each time that a ticket left the state
_TIME: Final = "_time"


def counted_steps(tickets: DataFrame, events: DataFrame, objections: Iterable[Row]) -> list[Row]:
    """Count the tickets that left each state, and their days in it.

    Args:
        tickets: From ``objections.of_period``.
        events: ``corrections/event``; refused ones moved nothing, and before the first one a ticket was nowhere.
        objections: Rows of ``stats/objection``.

    Returns:
        One row for each region (nation to village) × channel × state: ``tickets``, ``_told``, ``median_step_days``,
        ``p90_step_days``; as many as villages with tickets × channels × states, whatever the population.
    """
    left = (
        events.where(F.col(c.REASON).isNull() & F.col(c.DAYS).isNotNull())
        # A ticket that was returned is in a state more than once, and is one ticket. Bounded by the events of a ticket.
        .groupBy(c.TICKET_ID, c.STATE_BEFORE)
        .agg(F.collect_list(c.DAYS).alias(_ALL))
    )
    # ticket : the states that it left is 1 : n.
    placed = on_each_level(tickets.select(c.TICKET_ID, *_CELL).join(left, c.TICKET_ID))
    cells = [tuple(row[name] for name in _CELL) for row in objections if not row[c.SUPPRESSED]]
    schema = placed.select(*_CELL).schema
    shown = local_frame(tickets.sparkSession, cells, schema).withColumn(TOLD, F.lit(True))
    # ticket on a level : cell is n : 0..1.
    each = placed.join(F.broadcast(shown), list(_CELL), "left").select(
        *_WHERE, TOLD, F.posexplode(_ALL).alias(_TIME, c.DAYS)
    )
    first = F.col(_TIME) == 0
    counted = each.groupBy(*_WHERE).agg(
        F.count_if(first).alias(c.TICKETS),
        F.count_if(first & F.col(TOLD)).alias(TOLD),
        F.percentile(c.DAYS, 0.5).alias(c.MEDIAN_STEP_DAYS),
        F.percentile(c.DAYS, 0.9).alias(c.P90_STEP_DAYS),
    )
    return [row.asDict() for row in counted.collect()]


def step_rows(counted: Iterable[Row], small: int) -> list[Row]:
    """Return ``stats/step``: a row for each region, channel and state whose days may be told.

    Each channel and state is a table of its own. Where a region is left out, so are siblings of it, until those that
    are left out together have as many tickets as the threshold: days of fewer cannot be had from a region and its
    other parts.

    Args:
        counted: From ``counted_steps``.
        small: Days of fewer tickets are left out.
    """
    tables: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in counted:
        tables[row[c.CHANNEL], row[c.STATE_BEFORE]][row[c.REGION_CODE]] = row
    rows = []
    for _, of_region in sorted(tables.items(), key=lambda one: str(one[0])):
        sealed = {region for region, row in of_region.items() if row[TOLD] < small}
        if NATION in sealed:
            continue
        # All parts of what is left out are, so they need not be looked at.
        near = [region for region in of_region if region == NATION or parent(region) not in sealed]
        table = Table({(region, ()): of_region[region][c.TICKETS] for region in near}, sealed, totals_known=False)
        rows += [
            {**place(region), **{name: of_region[region][name] for name in (c.CHANNEL, c.STATE_BEFORE, *_DAYS)}}
            for (region, _), secret in listed(table, small)
            if not secret
        ]
    return rows
