"""How objections fare, by village and channel: received, upheld, rejected and by whom, how long, how many are late."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import regions
from dtsen_spark.marts.suppression import suppressed

NATION: Final = "00"
_NATION_NAME: Final = "Indonesia"
_DIGITS: Final = (2, 4, 6, 10)  # of province, kab/kota, kecamatan, village
_CELL: Final = (c.REGION_CODE, c.CHANNEL, c.OUTCOME, c.ACTION)
Row = dict[str, Any]


def counted_tickets(tickets: DataFrame) -> list[Row]:
    """Count the tickets of every region and its ancestors.

    Args:
        tickets: ``corrections/ticket``.

    Returns:
        One row for each region (nation to village) × channel × outcome × last action: ``tickets``,
        ``tickets_overdue``, ``median_days``, ``p90_days``; as many as villages with tickets, whatever the population.
    """
    code = F.col(c.REGION_CODE)
    upward = [F.when(F.length(code) >= digits, F.substring(code, 1, digits)) for digits in _DIGITS]
    # Every ticket counts once on each level: five rows a ticket.
    levels = F.array_distinct(F.array_compact(F.array(F.lit(NATION), *upward)))
    return [
        row.asDict()
        for row in tickets.withColumn(c.REGION_CODE, F.explode(levels))
        .groupBy(*_CELL)
        .agg(
            F.count(F.lit(1)).alias(c.TICKETS),
            F.count_if(c.OVERDUE).alias(c.TICKETS_OVERDUE),
            F.percentile(c.DAYS_OPEN, 0.5).alias(c.MEDIAN_DAYS),
            F.percentile(c.DAYS_OPEN, 0.9).alias(c.P90_DAYS),
        )
        .collect()  # villages with tickets × channels × outcomes
    ]


def objection_rows(counted: Iterable[Row], small_cell: int) -> list[Row]:
    """Return ``stats/objection``: small cells are left out, and what would give them away.

    Args:
        counted: From ``counted_tickets``.
        small_cell: Tickets below this are suppressed.
    """
    cells = {tuple(row[name] for name in _CELL): row for row in counted}
    counts = {cell: int(row[c.TICKETS]) for cell, row in cells.items()}
    groups: dict[Any, list[Any]] = defaultdict(list)
    for cell in counts:
        region, *values = cell
        # Totals run down the regions, and across the channels and outcomes of a region.
        groups[region].append(cell)
        if region != NATION:
            groups[_parent(region), *values].append(cell)
    hidden = suppressed(counts, groups.values(), small_cell)
    measures = (c.TICKETS, c.TICKETS_OVERDUE, c.MEDIAN_DAYS, c.P90_DAYS)
    return [
        {
            **dict(zip(_CELL, cell, strict=True)),
            c.REGION_LEVEL: 0 if cell[0] == NATION else 1 + _DIGITS.index(len(cell[0])),
            c.REGION_NAME: _NATION_NAME if cell[0] == NATION else regions.name_of(cell[0]),
            **{name: None if cell in hidden else cells[cell][name] for name in measures},
            c.SUPPRESSED: cell in hidden,
        }
        for cell in sorted(counts, key=lambda cell: [(value is None, str(value)) for value in cell])
    ]


def _parent(region: str) -> str:
    shorter = [digits for digits in _DIGITS if digits < len(region)]
    return region[: shorter[-1]] if shorter else NATION
