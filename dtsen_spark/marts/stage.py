"""The marts stage: statistics for BI, without personal data and without small cells.

Spark counts once over the scores and once over the decisions, by the finest region that is asked for; what comes back
is bounded by the number of regions. Ancestors, coverage and suppression follow on the driver.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import regions, tables
from dtsen_spark.contract import TableContract, local_frame
from dtsen_spark.job import Job
from dtsen_spark.marts.suppression import suppressed

STAGE: Final = "marts"

NATION: Final = "00"
NATION_NAME: Final = "Indonesia"

_DIGITS: Final = (0, 2, 4, 6)  # of nation, province, kab/kota, kecamatan: the place is the level
_KAB: Final = 2
_KECAMATAN: Final = 3
Row = dict[str, Any]


def run(job: Job) -> None:
    """Write the statistics of the release.

    Reads ``welfare/score`` and ``programs/<program>``; writes ``stats/region``, ``stats/decile``, ``stats/program``.

    Args:
        job: The run.
    """
    small = job.config.privacy.small_cell
    kecamatan = _DIGITS[_KECAMATAN]
    counted = (
        job.read(tables.SCORE)
        .groupBy(F.coalesce(F.substring(c.REGION_CODE, 1, kecamatan), F.lit("")).alias(c.REGION_CODE), c.DECILE)
        .agg(F.count(F.lit(1)).alias(c.FAMILIES), F.coalesce(F.sum(c.MEMBERS), F.lit(0)).alias(c.PERSONS))
        .collect()  # kecamatan × decile
    )
    scored = [row.asDict() for row in counted]
    decided = _decided(job)
    # Every release's publication replaces the slice of its period, so the three are written even where empty.
    for table, rows in (
        (tables.STATS_REGION, region_rows(scored, regions.population(), small)),
        (tables.STATS_DECILE, decile_rows(scored, small)),
        (tables.STATS_PROGRAM, program_rows(decided, small)),
    ):
        _write(job, table, rows)


def _decided(job: Job) -> list[Row]:
    kab = _DIGITS[_KAB]
    parts = None
    for program in job.config.programs.enabled:
        table = tables.decision(program)
        if not job.has(table):
            continue
        part = job.read(table).select(
            F.lit(program).alias(c.PROGRAM),
            F.coalesce(F.substring(c.REGION_CODE, 1, kab), F.lit("")).alias(c.REGION_CODE),
            c.DECISION,
            c.CHANGE,
            c.PERSON_ID,
            c.BENEFIT_IDR_YEAR,
        )
        parts = part if parts is None else parts.unionByName(part)
    if parts is None:
        return []
    counted = (
        parts.groupBy(c.PROGRAM, c.REGION_CODE, c.DECISION, c.CHANGE)
        .agg(
            F.count(F.lit(1)).alias(c.ROWS),
            # Only a program of persons names persons.
            F.max(F.col(c.PERSON_ID).isNotNull()).alias("_of_persons"),
            F.coalesce(F.sum(c.BENEFIT_IDR_YEAR), F.lit(0)).alias(c.BENEFIT_TOTAL_IDR_YEAR),
        )
        .collect()  # programs × kab/kota × decisions × changes
    )
    rows = [row.asDict() for row in counted]
    of_persons = {row[c.PROGRAM] for row in rows if row["_of_persons"]}
    return [{**row, c.UNIT: "person" if row[c.PROGRAM] in of_persons else "family"} for row in rows]


def region_rows(scored: Iterable[Row], residents: Mapping[str, int], small_cell: int) -> list[Row]:
    """Return ``stats/region``: persons, families and coverage of every region, nation to kecamatan.

    Args:
        scored: Counts by ``region_code`` (up to kecamatan, empty where unknown) and decile.
        residents: Residents after Dukcapil's own table, by kab/kota.
        small_cell: Families below this are suppressed.
    """
    families, persons = _sums(scored, (), _KECAMATAN)
    registry: dict[str, int] = defaultdict(int)
    for kab, residents_of_kab in residents.items():
        for region in _upward(kab, _KAB):
            registry[region] += residents_of_kab
    counts = {region: families[(region,)] for (region,) in families}
    hidden = suppressed(counts, _children(counts).values(), small_cell)
    rows = []
    for region in sorted(counts):
        shown = region not in hidden
        known = registry.get(region)
        rows.append(
            {
                **_place(region),
                c.PERSONS: persons[(region,)] if shown else None,
                c.FAMILIES: counts[region] if shown else None,
                c.REGISTRY_PERSONS: known,
                c.COVERAGE: persons[(region,)] / known if shown and known else None,
                c.SUPPRESSED: not shown,
            }
        )
    return rows


def decile_rows(scored: Iterable[Row], small_cell: int) -> list[Row]:
    """Return ``stats/decile``: persons and families by decile of every region, nation to kab/kota.

    Args:
        scored: As of ``region_rows``; decile null = not ranked.
        small_cell: Families below this are suppressed.
    """
    families, persons = _sums(scored, (c.DECILE,), _KAB)
    hidden = _hidden(families, small_cell)
    return [
        {
            **_place(region),
            c.DECILE: decile,
            c.PERSONS: None if (region, decile) in hidden else persons[region, decile],
            c.FAMILIES: None if (region, decile) in hidden else count,
            c.SUPPRESSED: (region, decile) in hidden,
        }
        for (region, decile), count in _ordered(families)
    ]


def program_rows(decided: Iterable[Row], small_cell: int) -> list[Row]:
    """Return ``stats/program``: units and benefits by decision and change of every region, nation to kab/kota.

    Args:
        decided: Counts by program, ``region_code`` (up to kab/kota, empty where unknown), decision and change.
        small_cell: Units below this are suppressed.
    """
    decided = list(decided)
    by = (c.PROGRAM, c.DECISION, c.CHANGE)
    units, benefits = _sums(decided, by, _KAB, c.ROWS, c.BENEFIT_TOTAL_IDR_YEAR)
    unit_of = {row[c.PROGRAM]: row[c.UNIT] for row in decided}
    rows = []
    for program in sorted(unit_of):
        # Two programs share no total, so each is a table of its own.
        own = {cell: count for cell, count in units.items() if cell[1] == program}
        hidden = _hidden(own, small_cell)
        for cell, count in _ordered(own):
            region, _, decision, change = cell
            shown = cell not in hidden
            rows.append(
                {
                    c.PROGRAM: program,
                    **_place(region),
                    c.DECISION: decision,
                    c.CHANGE: change,
                    c.UNIT: unit_of[program],
                    c.ROWS: count if shown else None,
                    c.BENEFIT_TOTAL_IDR_YEAR: benefits[cell] if shown else None,
                    c.SUPPRESSED: not shown,
                }
            )
    return rows


Cell = tuple[Any, ...]


def _sums(
    rows: Iterable[Row], by: tuple[str, ...], deepest: int, first: str = c.FAMILIES, second: str = c.PERSONS
) -> tuple[dict[Cell, int], dict[Cell, int]]:
    """Two sums of every region (with its ancestors) and value of ``by``."""
    one: dict[Cell, int] = defaultdict(int)
    two: dict[Cell, int] = defaultdict(int)
    for row in rows:
        for region in _upward(row[c.REGION_CODE], deepest):
            cell = (region, *(row[name] for name in by))
            one[cell] += int(row[first])
            two[cell] += int(row[second])
    return dict(one), dict(two)


def _upward(code: str, deepest: int) -> Iterator[str]:
    """The region and its ancestors, from the nation down, no deeper than asked for or than is sure."""
    yield NATION
    for digits in _DIGITS[1 : deepest + 1]:
        if len(code) >= digits:
            yield code[:digits]


def _parent(region: str) -> str:
    return NATION if len(region) == _DIGITS[1] else region[: len(region) - 2]


def _children(regions_of: Iterable[str]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = defaultdict(list)
    for region in regions_of:
        if region != NATION:
            children[_parent(region)].append(region)
    return children


def _hidden(counts: Mapping[Cell, int], small_cell: int) -> frozenset[Any]:
    """Cells to suppress: totals run down the regions (for each value) and across the values of a region."""
    down: dict[Any, list[Cell]] = defaultdict(list)
    for cell in counts:
        region, *values = cell
        down[region].append(cell)
        if region != NATION:
            down[_parent(region), *values].append(cell)
    return suppressed(counts, down.values(), small_cell)


def _ordered(counts: Mapping[Cell, int]) -> list[tuple[Cell, int]]:
    return sorted(counts.items(), key=lambda item: [(value is None, str(value).zfill(2)) for value in item[0]])


def _place(region: str) -> Row:
    return {
        c.REGION_CODE: region,
        c.REGION_LEVEL: 0 if region == NATION else _DIGITS.index(len(region)),
        c.REGION_NAME: NATION_NAME if region == NATION else regions.name_of(region),
    }


def _write(job: Job, table: TableContract, rows: list[Row]) -> None:
    ordered = [tuple(row.get(name) for name in table.columns) for row in rows]
    df = local_frame(job.spark, ordered, table.schema).coalesce(1)
    job.write(table, df)
    hidden = sum(bool(row[c.SUPPRESSED]) for row in rows)
    job.ledger.metric(STAGE, "cells_suppressed", hidden, subject=table.path)
    job.ledger.metric(STAGE, "cells", len(rows), subject=table.path)
