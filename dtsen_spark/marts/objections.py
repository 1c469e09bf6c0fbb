"""How objections fare, by village and channel: upheld, rejected and by whom, how long, how many are late.

A release counts the tickets that are open at its period's end and those that ended since the release before: a ticket
that ended is counted once, so that two releases side by side do not show the few that came between them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.marts.cells import BeforeOf, before_of, no_release, place
from dtsen_spark.marts.disclosure import DIGITS, NATION, Before, Cell, Table, Value, known_sums, listed

OPEN: Final = "OPEN"
BY: Final = (c.OUTCOME, c.ACTION, c.OVERDUE)
_MEASURES: Final = (c.TICKETS, c.MEDIAN_DAYS, c.P90_DAYS)
Row = dict[str, Any]


@dataclass(frozen=True)
class Objections:
    """Counts of tickets that may be shown.

    Attributes:
        rows: Rows of ``stats/objection``.
        sums: Tickets by region, channel, outcome and whether overdue; only those that may be shown.
        totals: Tickets by region; only those that may be shown.
    """

    rows: list[Row]
    sums: Mapping[tuple[str, Value], int]
    totals: Mapping[str, int]


def of_period(tickets: DataFrame, before: DataFrame | None, since: date | None) -> DataFrame:
    """Return the tickets that a release counts.

    Args:
        tickets: ``corrections/ticket``.
        before: The same of the last published release; None where it is of the same period, or there is none.
        since: Last day of the last published period before this one; None where there is none.
    """
    if before is not None:
        # ticket : ticket that had ended is 1 : 0..1. By what was known then, so that a late delivery counts too.
        return tickets.join(before.where(F.col(c.OUTCOME) != OPEN).select(c.TICKET_ID), c.TICKET_ID, "left_anti")
    if since is not None:
        return tickets.where((F.col(c.OUTCOME) == OPEN) | (F.col(c.STATE_SINCE) > F.lit(since)))
    return tickets


def counted_tickets(tickets: DataFrame) -> list[Row]:
    """Count the tickets of every region and its ancestors.

    Args:
        tickets: From ``of_period``.

    Returns:
        One row for each region (nation to village) × channel × outcome × last action × overdue: ``tickets``,
        ``median_days``, ``p90_days``; as many as villages with tickets, whatever the population.
    """
    return [
        row.asDict()
        for row in on_each_level(tickets)
        .groupBy(c.REGION_CODE, c.CHANNEL, *BY)
        .agg(
            F.count(F.lit(1)).alias(c.TICKETS),
            F.percentile(c.DAYS_OPEN, 0.5).alias(c.MEDIAN_DAYS),
            F.percentile(c.DAYS_OPEN, 0.9).alias(c.P90_DAYS),
        )
        .collect()  # villages with tickets × channels × outcomes
    ]


def on_each_level(rows: DataFrame) -> DataFrame:
    """Return each row once for its region and each region above it, the nation too: up to five rows for one."""
    code = F.col(c.REGION_CODE)
    upward = [F.when(F.length(code) >= digits, F.substring(code, 1, digits)) for digits in DIGITS[1:]]
    levels = F.array_distinct(F.array_compact(F.array(F.lit(NATION), *upward)))
    return rows.withColumn(c.REGION_CODE, F.explode(levels))


def objections(counted: Iterable[Row], small: int, before: BeforeOf = no_release) -> Objections:
    """Return what may be shown of the tickets.

    Each channel is a table of its own: a ticket never changes its channel, so that what was open in the last release
    says something of each channel's tickets now. Sums of an outcome are shown beside the actions that led to it, so
    each is a block.

    Args:
        counted: From ``counted_tickets``.
        small: Tickets below this are suppressed.
        before: What the last release left out of ``stats/objection``, by channel.
    """
    by_channel: dict[str | None, dict[Cell, Row]] = defaultdict(dict)
    for row in counted:
        by_channel[row[c.CHANNEL]][row[c.REGION_CODE], tuple(row[name] for name in BY)] = row
    rows: list[Row] = []
    sums: dict[tuple[str, Value], int] = {}
    totals: dict[str, int] = defaultdict(int)
    hidden: set[str] = set()
    for channel, cells in sorted(by_channel.items(), key=lambda one: str(one[0])):
        blocks: dict[Value, set[Value]] = defaultdict(set)
        for _, value in cells:
            blocks[_sum_of(value)].add(value)
        table = Table(
            {cell: int(row[c.TICKETS]) for cell, row in cells.items()},
            before=before(str(channel)),
            blocks=[blocks[key] for key in sorted(blocks)],
            # Nothing else tells how many tickets a region has.
            totals_known=False,
        )
        told = listed(table, small)
        showing = {region for (region, _), secret in told if not secret}
        hidden |= {region for (region, _), _ in told} - showing
        rows += [
            {
                **place(region),
                c.CHANNEL: channel,
                **dict(zip(BY, value, strict=True)),
                **{name: None if secret else cells[region, value][name] for name in _MEASURES},
                c.SUPPRESSED: secret,
            }
            for (region, value), secret in told
            if region in showing
        ]
        # Most villages have few tickets: one row says so, instead of one for each value that the nation has.
        rows += [
            {**place(region), c.CHANNEL: channel, c.SUPPRESSED: True}
            for region in sorted({region for (region, _), _ in told} - showing)
        ]
        known = [part for part in known_sums(table, small) if len({_sum_of(value) for value in part}) == 1]
        for (region, value), count in table.counts.items():
            if region in showing:
                totals[region] += count
                if any(value in part for part in known):
                    key = (region, (channel, *_sum_of(value)))
                    sums[key] = sums.get(key, 0) + count
    return Objections(rows, sums, {region: count for region, count in totals.items() if region not in hidden})


def left_out(rows: Iterable[Row]) -> Before:
    """Return what the last release left out, and how many tickets its open ones must be now.

    Args:
        rows: Published rows of ``stats/objection`` of one channel.
    """
    rows = list(rows)
    least: dict[str, int] = defaultdict(int)
    for row in rows:
        if row[c.OUTCOME] == OPEN and not row[c.SUPPRESSED]:
            least[row[c.REGION_CODE]] += row[c.TICKETS]
    return replace(before_of(rows, BY), least=least)


def _sum_of(value: Value) -> Value:
    outcome, _, overdue = value
    return (outcome, overdue)
