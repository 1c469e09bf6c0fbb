"""``stats/trend``: the figures of a release that are looked at over time, one a row, for the nation and the provinces.

Each period's rows are made of what the same release's other statistics show, so nothing is told here that they leave
out, and a release's rows hang on its own deliveries alone: the series is what earlier publications left in the table.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import exp
from typing import Any, Final

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import TableContract
from dtsen_spark.marts import figures
from dtsen_spark.marts.cells import place, selected
from dtsen_spark.marts.disclosure import NATION
from dtsen_spark.marts.figures import ALL
from dtsen_spark.marts.objections import Objections

Row = dict[str, Any]
# Rows of the other statistics of the release.
Stats = Mapping[TableContract, Sequence[Row]]

PROVINCE: Final = 1
NOT_RANKED: Final = "not_ranked"
DECILE_PERSONS: Final = "decile_persons"
SELECTED: Final = "selected"
BENEFIT: Final = c.BENEFIT_TOTAL_IDR_YEAR
CHANGES: Final = {"ADD": "added", "KEEP": "kept", "DROP": "dropped"}
SOURCE_PERSONS: Final = "source_persons"
CUT_POINT: Final = "cut_point_idr_month"
RECORDS_ALONE: Final = "records_alone"
LINK_PRECISION: Final = "expected_link_precision"
TICKETS_OVERDUE: Final = "tickets_overdue"
_ONLY_RECORD: Final = "ONLY_RECORD"
_LINKED: Final = "LINKED"
_MILLION: Final = 1_000_000
_THOUSAND: Final = 1_000


def trend_rows(stats: Stats, found: Objections, cuts: Mapping[int, int]) -> list[Row]:
    """Return the rows of ``stats/trend``; ``value`` is null where the cell, or one that it is the sum of, is left out.

    Args:
        stats: Rows of the other statistics of the release.
        found: What may be shown of its tickets.
        cuts: Cut points of the desil, 1e-6 log IDR a month, by number.
    """
    told = [
        *_counts(stats),
        *_programs(stats),
        *_cuts(stats, cuts),
        *_linkage(stats),
        *_tickets(found, stats[tables.STATS_OBJECTION]),
    ]
    return [
        {**place(region), c.METRIC: metric, c.SUBJECT: subject, c.VALUE: value, c.SUPPRESSED: value is None}
        for region, metric, subject, value in sorted(told, key=lambda one: one[:3])
    ]


Figure = tuple[str, str, str, float | None]


def _counts(stats: Stats) -> list[Figure]:
    told: list[Figure] = []
    for row in _high(stats[tables.STATS_REGION]):
        told += [(row[c.REGION_CODE], name, ALL, _number(row[name])) for name in (c.PERSONS, c.FAMILIES)]
        if row[c.REGISTRY_PERSONS]:
            told.append((row[c.REGION_CODE], c.COVERAGE, ALL, row[c.COVERAGE]))
    told += [
        (row[c.REGION_CODE], DECILE_PERSONS, NOT_RANKED if row[c.DECILE] is None else str(row[c.DECILE]), _persons(row))
        for row in _high(stats[tables.STATS_DECILE])
    ]
    told += [
        (row[c.REGION_CODE], SOURCE_PERSONS, row[c.SOURCE], _persons(row))
        for row in _high(stats[tables.STATS_COVERAGE])
    ]
    return told


def _programs(stats: Stats) -> list[Figure]:
    of_program: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in _high(stats[tables.STATS_PROGRAM]):
        of_program[row[c.REGION_CODE], row[c.PROGRAM]].append(row)
    told: list[Figure] = []
    for (region, program), rows in of_program.items():
        chosen = selected(rows)
        told.append((region, SELECTED, program, _sum(chosen, c.ROWS)))
        told.append((region, BENEFIT, program, _sum(chosen, c.BENEFIT_TOTAL_IDR_YEAR)))
        told += [
            (region, metric, program, _sum([row for row in rows if row[c.CHANGE] == change], c.ROWS))
            for change, metric in CHANGES.items()
        ]
    return told


def _cuts(stats: Stats, cuts: Mapping[int, int]) -> list[Figure]:
    # A cut between deciles that are not shown could be the score of one of a few families.
    shown = {
        row[c.DECILE]
        for row in stats[tables.STATS_DECILE]
        if row[c.REGION_CODE] == NATION and not row[c.SUPPRESSED] and row[c.DECILE] is not None
    }
    return [
        (
            NATION,
            CUT_POINT,
            str(k),
            float(round(exp(score / _MILLION) / _THOUSAND) * _THOUSAND) if {k, k + 1} <= shown else None,
        )
        for k, score in sorted(cuts.items())
    ]


def _linkage(stats: Stats) -> list[Figure]:
    alone = {
        row[c.SOURCE]: _number(row[c.RECORDS])
        for row in stats[tables.STATS_LINKAGE]
        if row[c.MATCH_REASON] == _ONLY_RECORD
    }
    told: list[Figure] = [(NATION, RECORDS_ALONE, source, records) for source, records in alone.items()]
    weights = [
        (int(row[c.METRIC]), int(row[c.VALUE]))
        for row in stats[tables.STATS_FIGURE]
        if (row[c.TOPIC], row[c.SUBJECT]) == (figures.LINK_WEIGHT, _LINKED)
    ]
    if weights:
        told.append((NATION, LINK_PRECISION, ALL, expected_precision(weights)))
    return told


def expected_precision(weights: Iterable[tuple[int, int]]) -> float:
    """Return the share of linked pairs that are right if the model's weights are: no truth is asked.

    Args:
        weights: Whole bits of the posterior odds, rounded down, and pairs.
    """
    weights = sorted(weights)
    right = sum(pairs / (1 + 2.0**-bits) for bits, pairs in weights)
    return right / sum(pairs for _, pairs in weights)


def _tickets(found: Objections, rows: Iterable[Row]) -> list[Figure]:
    rows = _high(rows)
    sums = {
        (row[c.CHANNEL], row[c.OUTCOME], row[c.OVERDUE])
        for row in rows
        if row[c.REGION_CODE] == NATION and row.get(c.OUTCOME)
    }
    told: list[Figure] = []
    for region in {row[c.REGION_CODE] for row in rows}:
        told.append((region, c.TICKETS, ALL, _number(found.totals.get(region))))
        told += [
            (region, c.TICKETS, outcome.lower(), _of_sums(found, region, {key for key in sums if key[1] == outcome}))
            for outcome in {outcome for _, outcome, _ in sums}
        ]
        told.append((region, TICKETS_OVERDUE, ALL, _of_sums(found, region, {key for key in sums if key[2]})))
    return told


def _of_sums(found: Objections, region: str, keys: Iterable[tuple[str, str, bool]]) -> float | None:
    """The sum of a region's sums; None where it, or one that stands in the nation, is left out."""
    if region not in found.totals or any((NATION, key) not in found.sums for key in keys):
        return None
    return float(sum(found.sums.get((region, key), 0) for key in keys))


def _high(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row[c.REGION_LEVEL] <= PROVINCE]


def _sum(rows: Iterable[Row], name: str) -> float | None:
    """The sum, 0 where there is no row; None where one is left out."""
    rows = list(rows)
    return None if any(row[c.SUPPRESSED] for row in rows) else float(sum(row[name] for row in rows))


def _persons(row: Row) -> float | None:
    return _number(row[c.PERSONS])


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
