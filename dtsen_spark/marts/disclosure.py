"""Which cells of a table of regions are left out, so that nobody can be found by counting or by subtracting.

A table holds, for each region of a tree (nation, province, kab/kota, kecamatan, village), the counts of the same
values. What a reader can work out is a system of sums: a region is the sum of its parts, and the total of a region is
known from another table. Two kinds of rows are taken out, and a closed form says when that is enough:

- *Values* that are small in the nation are hidden everywhere, with the next smallest as cover, so that only their sum
  can be had. The rest of the scheme sees them as one value.
- *Regions* with a small cell are hidden with all their parts, with the next smallest siblings as cover. A reader then
  knows, of the hidden siblings, their totals T and the sums S of each value, together N. That is a transportation
  problem: a cell lies between max(0, T + S - N) and min(T, S), so its interval is min(T, S, N - T, N - S) wide.
  Siblings are added until no T, S, N - T or N - S is below the threshold; where that never is, all are hidden.

A table of changes shares sums with the release before (kept + dropped = selected then): such values form a *block*
whose sum counts as known, and the condition holds in each block. Where it shares sums with a third table (selected
now, too, is told by the budget and by the next release), the values fall apart in two ways, and the condition holds in
each. A value that is small in the nation is then hidden with cover in both ways: kept, came, left and neither are a
square whose four sums are known, and each of them lies in an interval as wide as the smallest of these. Regions that
the release before hid are preferred as cover, so that two releases do not show two halves of one secret. Where the
last release bounds what a region must have now (open tickets do not vanish), the hidden regions together must have as
much beyond that as the threshold says.
Plain Python, in a fixed order, no Spark.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dtsen_spark.marts.suppression import suppressed

NATION: Final = "00"
DIGITS: Final = (0, 2, 4, 6, 10)  # of nation, province, kab/kota, kecamatan, village: the place is the level

Value = tuple[Any, ...]
Cell = tuple[str, Value]
Row = Mapping[Value, int]

_MERGED: Final[Value] = ("merged",)
_REST: Final = "~"  # what a region has beyond its listed parts: places known no finer


@dataclass(frozen=True)
class Before:
    """What the last published release left out of a table; preferred as cover, never a reason of its own.

    Attributes:
        regions: Regions of which it showed nothing.
        values: Values that it left out of the nation.
        least: What a region must have now, by what it showed, such as the tickets that were open: known of a hidden
            region too.
    """

    regions: frozenset[str] = frozenset()
    values: frozenset[Value] = frozenset()
    least: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table of counts before anything is left out.

    Attributes:
        counts: Count of each (region, value), ancestors included; a cell that is not there counts 0.
        sealed: Regions whose total is left out wherever it would stand: they are left out here too, and listed as if
            they had every value.
        before: What the last published release left out of this table.
        blocks: Sets of values whose sum is known for each region from elsewhere.
        totals_known: The totals of the regions, or of their blocks, are known from elsewhere, but for the sealed ones.
        rest_known: So is the sum of what is in no block. Where it is not and is small, its values are left out
            everywhere and tell nothing of the others.
        margins: Instead of blocks, sets of values that overlap: the sum of each, and that of what is not in it, is
            known for each region from one other table or release. No set is told apart where one of its two sums is
            small in the nation: then the whole table is left out.
        withheld: Values that would give another table's secret away: they are left out everywhere, and so is their
            sum.
    """

    counts: Mapping[Cell, int]
    sealed: Collection[str] = frozenset()
    before: Before = Before()
    blocks: Sequence[Collection[Value]] = ()
    totals_known: bool = True
    rest_known: bool = True
    margins: Sequence[Collection[Value]] = ()
    withheld: Collection[Value] = ()


@dataclass(frozen=True)
class Told:
    """What a table tells.

    Attributes:
        cells: Every cell to list, in order, and whether its count is left out.
        closed: Regions of which neither cells nor sums may be known.
    """

    cells: list[tuple[Cell, bool]]
    closed: frozenset[str]


@dataclass(frozen=True)
class _View:
    """One way in which the values of the rows fall apart into parts whose sums are known.

    Attributes:
        parts: The parts that tell something.
        names: The name under which a value that is left out everywhere counts together with others of its part.
        rows: The regions' counts by name.
    """

    parts: Sequence[frozenset[Value]]
    names: Mapping[Value, Value]
    rows: Mapping[str, Row]


def upward(code: str, deepest: int) -> Iterator[str]:
    """The nation and each region above a code, down to the code, no deeper than asked for or than is sure."""
    yield NATION
    for digits in DIGITS[1 : deepest + 1]:
        if len(code) >= digits:
            yield code[:digits]


def parent(region: str) -> str:
    """Return the region that a region is part of; not for the nation."""
    return region[: DIGITS[DIGITS.index(len(region)) - 1]] or NATION


def hidden_regions(totals: Mapping[str, int], small: int, before: Before = Before()) -> frozenset[str]:
    """Return the regions whose total is left out: no other table may show it either.

    Args:
        totals: Count of each region, ancestors included.
        small: Counts from 1 to below this are small.
        before: What the last published release left out.
    """
    table = Table({(region, ()): count for region, count in totals.items()}, before=before, totals_known=False)
    return frozenset(region for (region, _), hidden in listed(table, small) if hidden)


def listed(table: Table, small: int) -> list[tuple[Cell, bool]]:
    """Return the cells of ``told``."""
    return told(table, small).cells


def told(table: Table, small: int) -> Told:
    """Return every cell to list, in order, and whether its count is left out.

    A region that is hidden lists every value, so that not even the empty ones are told apart.

    Args:
        table: The counts.
        small: Counts from 1 to below this are small.
    """
    rows: dict[str, dict[Value, int]] = defaultdict(dict)
    for (region, value), count in table.counts.items():
        if count:
            rows[region][value] = count
    nation = rows.get(NATION, {})
    if nation:
        # That a region has nothing here would be told as well.
        rows.update({region: {} for region in table.sealed if region not in rows})
    values = sorted(nation, key=_order)
    known = {value: count for value, count in nation.items() if value not in table.withheld}
    partitions = [_halves(known, margin) for margin in table.margins] or [_partition(known, table, small)]
    out = _out_everywhere(known, partitions, table.before, small)
    views = [_view(rows, parts, out, small) for parts in partitions]
    sums = [sum(known[value] for value in part) for parts in partitions for part in parts if table.margins]
    whole = sum(nation.values()) < small or NATION in table.sealed or any(0 < count < small for count in sums)
    hidden = set(rows) if whole else _hidden(views, table, small)
    names = views[0].names
    mates: dict[Value, set[Value]] = defaultdict(set)
    for value in values:
        mates[names.get(value, value)].add(value)
    cells: list[tuple[Cell, bool]] = []
    for region in sorted(rows):
        for value in values:
            # A value that is left out everywhere is listed wherever any value of its group is there.
            there = value in table.withheld or not mates[names.get(value, value)].isdisjoint(rows[region])
            if region in hidden or there:
                cells.append(((region, value), region in hidden or value in names or value in table.withheld))
    return Told(cells, frozenset(hidden))


def known_sums(table: Table, small: int) -> list[frozenset[Value]]:
    """Return the sets of values whose sum may be shown for the nation and every region that is not hidden.

    Args:
        table: The counts.
        small: Counts from 1 to below this are small.

    Returns:
        Each value of the nation in one set: the blocks, those too small in the nation among the rest.
    """
    return _partition(_nation(table), table, small)


def _nation(table: Table) -> dict[Value, int]:
    return {value: count for (region, value), count in table.counts.items() if region == NATION and count}


def _order(value: Value) -> tuple[tuple[bool, str], ...]:
    return tuple((part is None, str(part).zfill(2)) for part in value)


def _halves(nation: Row, margin: Collection[Value]) -> list[frozenset[Value]]:
    inside = frozenset(value for value in nation if value in margin)
    return [inside, frozenset(nation) - inside]


def _partition(nation: Row, table: Table, small: int) -> list[frozenset[Value]]:
    """Groups of values whose sum is known, the rest first; a block too small to be known joins the rest."""
    parts = []
    rest = set(nation)
    for block in table.blocks:
        inside = frozenset(value for value in block if value in nation)
        if sum(nation[value] for value in inside) >= small and rest - inside:
            parts.append(inside)
            rest -= inside
    if table.rest_known and parts and 0 < sum(nation[value] for value in rest) < small:
        rest |= parts.pop()
    return [frozenset(rest), *parts]


def _out_everywhere(
    nation: Row, partitions: Sequence[Sequence[frozenset[Value]]], before: Before, small: int
) -> frozenset[Any]:
    """Values that are small in the nation, with their cover in every part that they are in."""
    parts = [tuple(part) for parts in partitions for part in parts]
    out = suppressed(nation, parts, small)
    touched = {value for part in parts if out.intersection(part) for value in part}
    return suppressed(nation, parts, small, touched & before.values)


def _view(rows: Mapping[str, Row], parts: Sequence[frozenset[Value]], out: Collection[Any], small: int) -> _View:
    names = {value: (*_MERGED, number) for number, part in enumerate(parts) for value in part if value in out}
    nation = rows.get(NATION, {})
    told = [part for part in parts if sum(nation[value] for value in part) >= small]
    inside = {value for part in told for value in part}
    recoded = {region: _recode({v: n for v, n in row.items() if v in inside}, names) for region, row in rows.items()}
    return _View([frozenset(names.get(value, value) for value in part) for part in told], names, recoded)


def _recode(row: Row, names: Mapping[Value, Value]) -> dict[Value, int]:
    recoded: dict[Value, int] = defaultdict(int)
    for value, count in row.items():
        recoded[names.get(value, value)] += count
    return dict(recoded)


def _hidden(views: Sequence[_View], table: Table, small: int) -> set[str]:
    regions = views[0].rows.keys()
    children: dict[str, list[str]] = defaultdict(list)
    for region in sorted(regions):
        if region != NATION:
            children[parent(region)].append(region)
    forced = _forced(views[0].rows, children, table, small) if table.before.least else set()
    if NATION in forced:
        return set(regions)
    hidden: set[str] = set()
    shown = [NATION] if NATION in regions else []
    while shown:
        above = shown.pop()
        groups = [(_group(view.rows, children, above), view.parts) for view in views]
        out = _cover(groups, table, small, forced)
        for region in children[above]:
            if region not in out:
                shown.append(region)
        below = [region for region in out if region in regions]
        while below:
            region = below.pop()
            hidden.add(region)
            below.extend(children[region])
    return hidden


def _group(rows: Mapping[str, Row], children: Mapping[str, list[str]], above: str) -> dict[str, Row]:
    """The parts of a region, with what it has beyond them."""
    group = {region: rows[region] for region in children.get(above, ())}
    if group and (rest := _rest(rows[above], group.values())):
        group[above + _REST] = rest
    return group


def _forced(
    rows: Mapping[str, Row],
    children: Mapping[str, list[str]],
    table: Table,
    small: int,
) -> set[str]:
    """Regions whose parts do not protect each other even where all are hidden, from the finest upwards."""
    forced: set[str] = set()
    for above in sorted(children, key=lambda region: (-len(region), region == NATION)):
        group = _group(rows, children, above)
        secret = any(region in forced or any(0 < n < small for n in row.values()) for region, row in group.items())
        if secret and not _loose(group, table.before.least, small):
            forced.add(above)
    return forced


def _rest(above: Row, group: Iterable[Row]) -> dict[Value, int]:
    left = dict(above)
    for row in group:
        for value, count in row.items():
            left[value] -= count
    return {value: count for value, count in left.items() if count}


def _cover(
    groups: Sequence[tuple[Mapping[str, Row], Sequence[frozenset[Value]]]],
    table: Table,
    small: int,
    forced: Collection[str],
) -> set[str]:
    """The siblings to hide: those with a small cell or that have to, and as many more as it takes, in every view."""
    group = groups[0][0]
    out = {
        region
        for rows, _ in groups
        for region, row in rows.items()
        if region in table.sealed or region in forced or any(0 < count < small for count in row.values())
    }
    if not out:
        return out
    out |= {region for region in group if region in table.before.regions}
    unknown = {region for region in group if region in table.sealed} if table.totals_known else set(group)
    # What a region has beyond its parts is known where all its parts are.
    unknown |= {region for region in group if unknown and region.endswith(_REST)}
    spare = sorted(group.keys() - out, key=lambda region: (-sum(group[region].values()), region))
    while spare:
        chosen = [({region: rows[region] for region in out}, parts) for rows, parts in groups]
        if _loose(chosen[0][0], table.before.least, small) and all(
            _safe(rows, parts, unknown, small) for rows, parts in chosen
        ):
            break
        out.add(spare.pop())
    return out


def _loose(rows: Mapping[str, Row], least: Mapping[str, int], small: int) -> bool:
    """Whether the hidden rows have enough beyond the least that each must have, which may be anywhere among them.

    With L the least of its region, a cell lies between max(0, L + S - N) and min(S, L + N - all L): where N - all L is
    no less than the threshold, that is as wide. So it is for the parts of a hidden region.
    """
    beyond = sum(sum(row.values()) for row in rows.values()) - sum(least.get(region, 0) for region in rows)
    return not least or beyond >= small


def _safe(rows: Mapping[str, Row], parts: Iterable[frozenset[Value]], unknown: Collection[str], small: int) -> bool:
    """Whether the hidden rows protect each other: the condition of the module's text, in each block."""
    if len(rows) < 2:
        return False
    for part in parts:
        sums: dict[Value, int] = defaultdict(int)
        known = []
        for region, row in rows.items():
            inside = {value: count for value, count in row.items() if value in part}
            for value, count in inside.items():
                sums[value] += count
            total = sum(inside.values())
            # A total that is small itself is left out where it would stand.
            if region not in unknown and total >= small:
                known.append(total)
        whole = sum(sums.values())
        lump = whole - sum(known)
        if any(0 < count < small for count in sums.values()) or any(whole - total < small for total in known):
            return False
        if known and 0 < lump < small:
            return False
    return True
