"""The tables of statistics from what Spark counted: ancestors summed, small cells left out. Plain Python, no Spark."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from dtsen_spark import columns as c
from dtsen_spark import regions
from dtsen_spark.marts.disclosure import (
    DIGITS,
    NATION,
    Before,
    Cell,
    Table,
    Value,
    hidden_regions,
    listed,
    told,
    upward,
)

Row = dict[str, Any]
BeforeOf = Callable[[str], Before]  # what the last release left out, by program, source or channel

NATION_NAME: Final = "Indonesia"
_SELECTED: Final = "SELECTED"
_STAYERS: Final = ("KEEP", "DROP")
_NOTHING: Final = Before()


def no_release(_subject: str) -> Before:
    """Nothing was published before."""
    return _NOTHING


def sealed_regions(scored: Iterable[Row], small: int, before: Before = _NOTHING) -> frozenset[str]:
    """Return the regions whose total of families is left out of every table.

    Args:
        scored: Families by ``region_code`` (up to kecamatan, empty where unknown) and decile.
        small: Families below this are suppressed.
        before: What the last release left out of ``stats/region``.
    """
    return hidden_regions(
        {region: count for (region, _), count in summed(scored, (), 3, c.FAMILIES).items()}, small, before
    )


def region_rows(scored: Iterable[Row], residents: Mapping[str, int], sealed: Collection[str]) -> list[Row]:
    """Return ``stats/region``: persons, families and coverage of every region, nation to kecamatan.

    Args:
        scored: As of ``sealed_regions``.
        residents: Residents after Dukcapil's own table, by kab/kota.
        sealed: Regions whose total is left out.
    """
    scored = list(scored)
    families = summed(scored, (), 3, c.FAMILIES)
    persons = summed(scored, (), 3, c.PERSONS)
    registry: dict[str, int] = defaultdict(int)
    for kab, residents_of_kab in residents.items():
        for region in upward(kab, 2):
            registry[region] += residents_of_kab
    rows = []
    for region, value in sorted(families):
        shown = region not in sealed
        people, known = persons[region, value], registry.get(region)
        rows.append(
            {
                **place(region),
                c.PERSONS: people if shown else None,
                c.FAMILIES: families[region, value] if shown else None,
                c.REGISTRY_PERSONS: known,
                c.COVERAGE: people / known if shown and known else None,
                c.SUPPRESSED: not shown,
            }
        )
    return rows


def value_rows(
    counted: Iterable[Row],
    by: tuple[str, ...],
    measures: tuple[str, ...],
    deepest: int,
    small: int,
    sealed: Collection[str],
    before: Before = _NOTHING,
    block: str = "",
    untold: Collection[Any] = (),
) -> list[Row]:
    """Return a table of every region and value, such as ``stats/decile`` or ``stats/population``.

    Args:
        counted: Measures by ``region_code`` (empty where unknown) and the columns ``by``.
        by: Columns of the value.
        measures: Counts; the first one decides what is small.
        deepest: Level of the finest region.
        small: Counts below this are suppressed.
        sealed: Regions whose total is left out.
        before: What the last release left out of the table.
        block: Column of the value whose sums a coarser table shows.
        untold: Values of that column whose sums it leaves out.
    """
    counted = list(counted)
    sums = {name: summed(counted, by, deepest, name) for name in measures}
    blocks: dict[Any, set[Value]] = defaultdict(set)
    for _, value in sums[measures[0]] if block else ():
        blocks[value[by.index(block)]].add(value)
    table = Table(
        sums[measures[0]],
        _down_to(deepest, sealed),
        before,
        [blocks[key] for key in sorted(blocks)],
        rest_known=not block,
        withheld={value for key in blocks if key in untold for value in blocks[key]},
    )
    cells = listed(table, small)
    return [_row(cell, secret, by, sums) for cell, secret in cells]


def program_rows(
    decided: Iterable[Row], small: int, sealed: Collection[str], before: BeforeOf = no_release
) -> tuple[list[Row], dict[str, frozenset[str]]]:
    """Return ``stats/program``: units and benefits by decision and change of every region, nation to kecamatan.

    Args:
        decided: Counts by program, ``region_code`` (up to kecamatan, empty where unknown), decision and change.
        small: Units below this are suppressed.
        sealed: Regions whose total is left out.
        before: What the last release left out, by program.

    Returns:
        The rows; and by program the regions that no finer table of the same counts may tell of.
    """
    by = (c.DECISION, c.CHANGE)
    rows = []
    closed = {}
    # Two programs share no total, so each is a table of its own.
    for program, own in _by(decided, c.PROGRAM).items():
        sums = {name: summed(own, by, 3, name) for name in (c.ROWS, c.BENEFIT_TOTAL_IDR_YEAR)}
        values = {value for _, value in sums[c.ROWS]}
        # Kept and dropped are together what the last release selected, and who is selected is told by the budget and
        # will be kept or dropped by the next release: a reader knows either sum.
        was = {value for value in values if value[1] in _STAYERS}
        table = Table(
            sums[c.ROWS], sealed, before(program), margins=[was, {value for value in values if value[0] == _SELECTED}]
        )
        found = told(table, small)
        closed[program] = found.closed
        rows += [
            {c.PROGRAM: program, c.UNIT: own[0][c.UNIT], **_row(cell, secret, by, sums)} for cell, secret in found.cells
        ]
    return rows, closed


def secret_changes(rows: Iterable[Row]) -> frozenset[str]:
    """Return the changes whose number would give away what a program's table leaves out of the nation.

    Args:
        rows: Rows of ``stats/program`` of one program.
    """
    left_out = {(row[c.DECISION], row[c.CHANGE]) for row in rows if row[c.REGION_CODE] == NATION and row[c.SUPPRESSED]}
    changes = {change for _, change in left_out}
    return frozenset(changes) if len(changes) > 1 else frozenset()


def withheld(rows: Iterable[Row]) -> frozenset[str]:
    """Return the regions of which a table shows nothing, so that a finer table of the same counts must not either.

    Args:
        rows: Rows of the table (of one program).
    """
    shown: dict[str, bool] = defaultdict(bool)
    for row in rows:
        shown[row[c.REGION_CODE]] |= not row[c.SUPPRESSED]
    return frozenset(region for region, something in shown.items() if not something)


def program_value_rows(
    counted: Iterable[Row],
    by: tuple[str, ...],
    measures: tuple[str, ...],
    deepest: int,
    small: int,
    sealed_of: Callable[[str], Collection[str]],
    before: BeforeOf = no_release,
    block: str = "",
    untold: Callable[[str], Collection[Any]] = lambda _: (),
) -> list[Row]:
    """Return a table of every program, region and value: ``value_rows`` for each program.

    Args:
        counted: As of ``value_rows``, with the program.
        by: Columns of the value.
        measures: Counts.
        deepest: Level of the finest region.
        small: Counts below this are suppressed.
        sealed_of: Regions that show nothing, by program.
        before: What the last release left out, by program.
        block: As of ``value_rows``.
        untold: As of ``value_rows``, by program.
    """
    return [
        {c.PROGRAM: program, **row}
        for program, own in _by(counted, c.PROGRAM).items()
        for row in value_rows(
            own, by, measures, deepest, small, sealed_of(program), before(program), block, untold(program)
        )
    ]


def coverage_rows(
    known: Iterable[Row], small: int, sealed: Collection[str], before: BeforeOf = no_release
) -> list[Row]:
    """Return ``stats/coverage``: persons whom each source knows; sources overlap, so each is a table of its own.

    Args:
        known: Persons by source and ``region_code`` (up to kab/kota, empty where unknown).
        small: Persons below this are suppressed.
        sealed: Regions whose total is left out.
        before: What the last release left out, by source.
    """
    rows = []
    for source, own in _by(known, c.SOURCE).items():
        sums = {c.PERSONS: summed(own, (), 2, c.PERSONS)}
        table = Table(sums[c.PERSONS], _down_to(2, sealed), before(source), totals_known=False)
        rows += [{c.SOURCE: source, **_row(cell, secret, (), sums)} for cell, secret in listed(table, small)]
    return rows


def linkage_rows(linked: Iterable[Row], small: int) -> list[Row]:
    """Return ``stats/linkage``: records by source and reason; each source's sum is known from its accounts.

    Args:
        linked: Records by source and reason.
        small: Records below this are suppressed.
    """
    rows = []
    for source, own in _by(linked, c.SOURCE).items():
        counts = {(NATION, (row[c.MATCH_REASON],)): int(row[c.RECORDS]) for row in own}
        rows += [
            {
                c.SOURCE: source,
                c.MATCH_REASON: value[0],
                c.RECORDS: None if secret else counts[NATION, value],
                c.SUPPRESSED: secret,
            }
            for (_, value), secret in listed(Table(counts), small)
        ]
    return rows


def selected(rows: Iterable[Row]) -> list[Row]:
    """Keep the counts of selected units."""
    return [row for row in rows if row[c.DECISION] == _SELECTED]


def changed(rows: Iterable[Row]) -> list[Row]:
    """Keep the counts of units that came or went, and say where no cause is known."""
    return [row for row in rows if row[c.CHANGE] in {"ADD", "DROP"}]


def summed(rows: Iterable[Row], by: tuple[str, ...], deepest: int, measure: str) -> dict[Cell, int]:
    """Sum a measure for every region with its ancestors, and value of ``by``."""
    sums: dict[Cell, int] = defaultdict(int)
    for row in rows:
        value: Value = tuple(row[name] for name in by)
        for region in upward(row[c.REGION_CODE], deepest):
            sums[region, value] += int(row[measure])
    return dict(sums)


def before_of(rows: Iterable[Row], by: tuple[str, ...]) -> Before:
    """Return what a published table left out.

    Args:
        rows: Its rows of one program or source.
        by: Columns of the value.
    """
    rows = list(rows)
    showing = {row[c.REGION_CODE] for row in rows if not row[c.SUPPRESSED]}
    secret = [row for row in rows if row[c.SUPPRESSED]]
    return Before(
        frozenset(row[c.REGION_CODE] for row in secret) - showing,
        frozenset(tuple(row[name] for name in by) for row in secret if row[c.REGION_CODE] == NATION),
    )


def _down_to(deepest: int, regions_: Collection[str]) -> frozenset[str]:
    return frozenset(region for region in regions_ if len(region) <= DIGITS[deepest] or region == NATION)


def _by(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return dict(sorted(found.items()))


def _row(cell: Cell, secret: bool, by: tuple[str, ...], sums: Mapping[str, Mapping[Cell, int]]) -> Row:
    region, value = cell
    return {
        **place(region),
        **dict(zip(by, value, strict=True)),
        **{name: None if secret else counts.get(cell, 0) for name, counts in sums.items()},
        c.SUPPRESSED: secret,
    }


def place(region: str) -> Row:
    """Return the columns that say which region a row is about: code, level and name."""
    return {
        c.REGION_CODE: region,
        c.REGION_LEVEL: 0 if region == NATION else DIGITS.index(len(region)),
        c.REGION_NAME: NATION_NAME if region == NATION else regions.name_of(region),
    }
