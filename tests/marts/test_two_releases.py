"""What a reader works out who lays the tables of two successive releases side by side: no hidden count, by less than θ.

The tables are those that the stage writes, made by the same functions. The reader knows every shown cell, that regions
add up, what one table says of another's sums, and what ties the two releases: who is kept or dropped was selected.
"""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import lil_matrix

from dtsen_spark import columns as c
from dtsen_spark.marts import cells, figures
from dtsen_spark.marts.disclosure import NATION, parent, upward
from dtsen_spark.marts.objections import BY, left_out, objections

SMALL = 10
KECAMATAN = [f"{prov}{kab}{kec}" for prov in ("11", "12") for kab in ("01", "02", "03") for kec in ("01", "02")]
MOST = 12  # hidden cells that are looked at in each example
EXAMPLES = settings(max_examples=30, deadline=None, derandomize=True, phases=(Phase.generate,))
Row = dict[str, object]


class Reader:
    """Sums of cells that somebody knows; each cell a number that is not negative."""

    def __init__(self) -> None:
        self.number: dict[tuple, int] = {}
        self.equal: list[tuple[dict[tuple, float], float]] = []
        self.at_most: list[tuple[dict[tuple, float], float]] = []

    def knows(self, terms: dict[tuple, float], value: float) -> None:
        for name in terms:
            self.number.setdefault(name, len(self.number))
        self.equal.append((terms, value))

    def knows_at_most(self, terms: dict[tuple, float], value: float) -> None:
        for name in terms:
            self.number.setdefault(name, len(self.number))
        self.at_most.append((terms, value))

    def reads(self, table: str, rows: Iterable[Row], by: tuple[str, ...], measure: str, deepest: int) -> set[tuple]:
        """Take in a table; return its hidden cells."""
        hidden, listed, values = set(), set(), set()
        for row in rows:
            cell = (table, row[c.REGION_CODE], tuple(row.get(name) for name in by))
            listed.add(cell)
            values.add(cell[2])
            if row[c.SUPPRESSED]:
                hidden.add(cell)
            else:
                self.knows({cell: 1}, float(row[measure]))
        for region in every_region(deepest):
            for value in values:
                if (table, region, value) not in listed:
                    self.knows({(table, region, value): 1}, 0)
        self.adds_up(table, values, deepest)
        return hidden

    def adds_up(self, table: str, values: Iterable[tuple], deepest: int) -> None:
        """Know that a region is its parts, and whoever is of no listed part."""
        for value in values:
            for region in every_region(deepest - 1):
                parts = [part for part in every_region(deepest) if part != NATION and parent(part) == region]
                terms = {(table, part, value): 1.0 for part in parts}
                self.knows({**terms, (table, region + "~", value): 1.0, (table, region, value): -1.0}, 0)

    def width(self, name: tuple) -> float:
        """How far apart the least and the greatest value of a cell are."""
        goal = np.zeros(len(self.number))
        goal[self.number[name]] = 1
        ends = [self._least(sign * goal) for sign in (1, -1)]
        return -ends[1] - ends[0]

    def _least(self, goal: np.ndarray) -> float:
        (sums, values), (tops, most) = (self._matrix(facts) for facts in (self.equal, self.at_most))
        found = linprog(goal, A_eq=sums, b_eq=values, A_ub=tops, b_ub=most, bounds=(0, None))
        assert found.status in {0, 3}, found.message
        return found.fun if found.status == 0 else -np.inf

    def _matrix(self, facts: list[tuple[dict[tuple, float], float]]) -> tuple[object, object]:
        if not facts:
            return None, None
        matrix = lil_matrix((len(facts), len(self.number)))
        for row, (terms, _) in enumerate(facts):
            for name, factor in terms.items():
                matrix[row, self.number[name]] += factor
        return matrix.tocsr(), [value for _, value in facts]


def every_region(deepest: int) -> list[str]:
    return sorted({region for kecamatan in KECAMATAN for region in upward(kecamatan, deepest)})


def learnt(reader: Reader, hidden: Iterable[tuple], counts: dict[tuple, int]) -> list[tuple]:
    """Hidden cells with somebody in them that the reader bounds to less than the threshold."""
    few = sorted(
        (cell for cell in hidden if 0 < counts.get(cell, 0) < SMALL), key=lambda cell: (counts[cell], str(cell))
    )
    found = [(cell, counts[cell], reader.width(cell)) for cell in few[:: max(1, len(few) // MOST)]]
    return [one for one in found if one[2] < SMALL - 1e-6]


def true_counts(table: str, rows: Iterable[Row], by: tuple[str, ...], measure: str, deepest: int) -> dict[tuple, int]:
    return {(table, *cell): count for cell, count in cells.summed(rows, by, deepest, measure).items()}


# --- programs: who is selected, who came and left, why, and in which decile -----------------------------------------
MOVES = {
    "kept": ("SELECTED", "KEEP"),
    "came": ("SELECTED", "ADD"),
    "left": ("NOT_ELIGIBLE", "DROP"),
    "out": ("NOT_ELIGIBLE", "NONE"),
}
COUNT = st.one_of(st.integers(0, 3), st.integers(0, 12), st.integers(0, 60))
FLOWS = st.dictionaries(
    st.tuples(
        st.sampled_from([*KECAMATAN, "1101", ""]),
        st.sampled_from(sorted(MOVES)),
        st.sampled_from(("QUOTA", "MOVED")),
        st.sampled_from((1, 2)),
    ),
    COUNT,
    min_size=12,
)
PROGRAM = (c.DECISION, c.CHANGE)
CAUSE = (c.CHANGE, c.CHANGE_CAUSE)
DECILE = (c.DECILE,)


def decided(flows: dict[tuple, int], *, first: bool) -> list[Row]:
    """Counted decisions of the first release (everybody new) or of the second."""
    rows = []
    for (region, move, cause, decile), count in flows.items():
        decision, change = MOVES[move]
        if first:
            decision, change = ("SELECTED", "ADD") if move in {"kept", "left"} else ("NOT_ELIGIBLE", "NONE")
        why = cause if change in {"ADD", "DROP"} else ""
        values = {c.DECISION: decision, c.CHANGE: change, c.CHANGE_CAUSE: why, c.DECILE: decile, c.ROWS: count}
        rows.append({c.PROGRAM: "pkh", c.UNIT: "family", c.REGION_CODE: region, c.BENEFIT_TOTAL_IDR_YEAR: 0, **values})
    return [row for row in rows if row[c.ROWS]]


def program_tables(rows: list[Row], before: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """``stats/region``, ``program``, ``change`` and ``budget`` as the stage makes them."""

    def last(table: str, by: tuple[str, ...]) -> cells.Before:
        return cells.before_of(before.get(table, []), by)

    scored = [{**row, c.FAMILIES: row[c.ROWS], c.PERSONS: row[c.ROWS]} for row in rows]
    sealed = cells.sealed_regions(scored, SMALL, last("region", ()))
    program = cells.program_rows(rows, SMALL, sealed, lambda _: last("program", PROGRAM))
    closed = sealed | cells.withheld(program)
    ask = (2, SMALL, lambda _: closed)
    change = cells.program_value_rows(
        cells.changed(rows), CAUSE, (c.ROWS,), *ask, lambda _: last("change", CAUSE), c.CHANGE
    )
    budget = cells.program_value_rows(cells.selected(rows), DECILE, (c.ROWS,), *ask, lambda _: last("budget", DECILE))
    return {
        "region": cells.region_rows(scored, {}, sealed),
        "program": program,
        "change": change,
        "budget": budget,
    }


def shown_sums(rows: Iterable[Row], name: str) -> dict[tuple[str, object], float]:
    """Units of each region by a value of one column, where every cell of it is shown."""
    sums: dict[tuple[str, object], float] = {}
    secret = set()
    for row in rows:
        key = (row[c.REGION_CODE], row[name])
        secret |= {key} if row[c.SUPPRESSED] else set()
        sums[key] = sums.get(key, 0) + (row[c.ROWS] or 0)
    return {key: value for key, value in sums.items() if key not in secret}


def over_two_releases(flows: dict[tuple, int], table: str, by: tuple[str, ...], deepest: int) -> list[tuple]:
    """What is learnt from one table of two releases, and what coarser tables say of its sums."""
    reader = Reader()
    before: dict[str, list[Row]] = {}
    hidden: set[tuple] = set()
    counts: dict[tuple, int] = {}
    for tag in ("first", "now"):
        rows = decided(flows, first=tag == "first")
        own = {"change": cells.changed, "budget": cells.selected}.get(table, list)(rows)
        before = program_tables(rows, before)
        hidden |= reader.reads(tag, before[table], by, c.FAMILIES if table == "region" else c.ROWS, deepest)
        counts |= true_counts(tag, own, by, c.ROWS, deepest)
        values = {name[2] for name in reader.number if name[0] == tag}
        if table == "program":
            for row in before["region"]:
                if not row[c.SUPPRESSED]:
                    reader.knows({(tag, row[c.REGION_CODE], value): 1.0 for value in values}, row[c.FAMILIES])
        for name, column in (("budget", c.DECISION), ("change", c.CHANGE)):
            for (region, value), known in shown_sums(before["program"], column).items() if name == table else ():
                parts = [one for one in values if (table == "budget" and value == "SELECTED") or one[0] == value]
                if parts and len(region) <= 2 * deepest:
                    reader.knows({(tag, region, one): 1.0 for one in parts}, known)
    if table == "program":
        for region in every_region(3):
            for now, then in (({"KEEP", "DROP"}, "SELECTED"), ({"ADD", "NONE"}, "NOT_ELIGIBLE")):
                is_now = {name: 1.0 for name in reader.number if name[:2] == ("now", region) and name[2][1] in now}
                was = {name: -1.0 for name in reader.number if name[:2] == ("first", region) and name[2][0] == then}
                reader.knows({**is_now, **was}, 0)
    return learnt(reader, hidden, counts)


@pytest.mark.parametrize(
    ("table", "by", "deepest"),
    [("region", (), 3), ("program", PROGRAM, 3), ("change", CAUSE, 2), ("budget", DECILE, 2)],
)
def test_a_program_over_two_releases(table: str, by: tuple[str, ...], deepest: int) -> None:
    @EXAMPLES
    @given(FLOWS)
    def holds(flows: dict[tuple, int]) -> None:
        if sum(flows.values()) >= SMALL:
            assert over_two_releases(flows, table, by, deepest) == []

    holds()


# --- objections: what was open then is open or ended now -------------------------------------------------------------
STANDS = (
    ("OPEN", "SUBMIT", False),
    ("OPEN", "SUBMIT", True),
    ("UPHELD", "RECEIVE", False),
    ("REJECTED", "DENY", False),
)
TICKETS = st.dictionaries(
    st.tuples(
        st.sampled_from([*KECAMATAN, ""]),
        st.sampled_from(("desa", "portal")),
        st.sampled_from(STANDS),
        st.sampled_from(("new", "was open")),
    ),
    COUNT,
    min_size=12,
)


def counted(tickets: dict[tuple, int], *, first: bool) -> list[Row]:
    """Tickets of the first release, which are all open, or of the second, by region and ancestors."""
    found: dict[tuple, int] = {}
    for (region, channel, stands, since), count in tickets.items():
        if count and not (first and since == "new"):
            value = (channel, *(("OPEN", "SUBMIT", False) if first else stands))
            for above in upward(region, 3):
                found[above, value] = found.get((above, value), 0) + count
    days = {c.MEDIAN_DAYS: 1.0, c.P90_DAYS: 2.0}
    return [
        {c.REGION_CODE: region, **dict(zip((c.CHANNEL, *BY), value, strict=True)), c.TICKETS: count, **days}
        for (region, value), count in found.items()
    ]


@EXAMPLES
@given(TICKETS)
def test_objections_over_two_releases(tickets: dict[tuple, int]) -> None:
    by = (c.CHANNEL, *BY)
    reader = Reader()
    hidden: set[tuple] = set()
    counts: dict[tuple, int] = {}
    before: list[Row] = []
    for tag in ("first", "now"):
        rows = counted(tickets, first=tag == "first")

        def last(channel: str, published: list[Row] = before) -> cells.Before:
            return left_out(row for row in published if row[c.CHANNEL] == channel)

        found = objections(rows, SMALL, last)
        before = [{**dict.fromkeys(BY), **row} for row in found.rows]
        values = {tuple(row[name] for name in by) for row in rows if row[c.REGION_CODE] == NATION}
        # A region of which one row says that it is hidden may have any value of the nation.
        listed = [
            {**row, **dict(zip(by, value, strict=True))}
            for row in before
            for value in values
            if value == tuple(row[name] for name in by) or (row[c.OUTCOME] is None and row[c.CHANNEL] == value[0])
        ]
        hidden |= reader.reads(tag, listed, by, c.TICKETS, 3)
        counts |= {(tag, row[c.REGION_CODE], tuple(row[name] for name in by)): int(row[c.TICKETS]) for row in rows}
        for (region, (channel, outcome, overdue)), known in found.sums.items():
            parts = [value for value in values if (value[0], value[1], value[3]) == (channel, outcome, overdue)]
            reader.knows({(tag, region, value): 1.0 for value in parts}, known)
        for region, known in found.totals.items():
            reader.knows({(tag, region, value): 1.0 for value in values}, known)
    for region in every_region(3):
        for channel in ("desa", "portal"):
            of = {name for name in reader.number if name[1] == region and name[2][0] == channel}
            was = {name: 1.0 for name in of if name[0] == "first"}
            reader.knows_at_most({**was, **{name: -1.0 for name in of if name[0] == "now"}}, 0)
    of_nation: dict[tuple, int] = {}
    for tag, region, value in counts:
        if region == NATION:
            of_nation[tag, value[0]] = of_nation.get((tag, value[0]), 0) + counts[tag, region, value]
    # A channel that has a few in all cannot be kept wider than they are.
    if all(count >= SMALL for count in of_nation.values()):
        assert learnt(reader, hidden, counts) == []


@settings(EXAMPLES, max_examples=10)
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(("MOVE", "DEATH", "DATA_ERROR")),
            st.sampled_from(("desa", "portal")),
            st.sampled_from(("OPEN", "UPHELD", "REJECTED")),
        ),
        COUNT,
        min_size=6,
    )
)
def test_tables_of_kinds_and_channels_side_by_side(tickets: dict[tuple, int]) -> None:
    given_in = [(*cell, count) for cell, count in tickets.items() if count]
    everywhere = [
        {c.REGION_CODE: NATION, c.CHANNEL: channel, c.OUTCOME: outcome, c.ACTION: "STEP", c.OVERDUE: False,
         c.TICKETS: sum(n for _, one, stands, n in given_in if (one, stands) == (channel, outcome)),
         c.MEDIAN_DAYS: 1.0, c.P90_DAYS: 2.0}
        for channel, outcome in sorted({cell[1:3] for cell in given_in})
    ]  # fmt: skip
    found = objections(everywhere, SMALL)
    told = figures.objection_rows(given_in, found, SMALL)
    shown = {(row[c.TOPIC], row[c.SUBJECT], row[c.METRIC]): row[c.VALUE] for row in told}
    counts: dict[tuple, int] = {}
    reader = Reader()
    parts: dict[tuple, set[tuple]] = {}
    for kind, channel, outcome, count in given_in:
        for topic, subject in ((figures.OBJECTION, kind), (figures.OBJECTION_CHANNEL, channel)):
            of_all, every = (figures.OBJECTION, "all", outcome), (figures.OBJECTION, "all", "all")
            cell, whole = (topic, subject, outcome), (topic, subject, "all")
            for total, part in ((whole, cell), (of_all, cell), (every, whole)):
                parts.setdefault((topic, total), set()).add(part)
            for one in (cell, whole, *((of_all, every) if topic == figures.OBJECTION else ())):
                counts[one] = counts.get(one, 0) + count
    for (_, total), of_total in parts.items():
        reader.knows({**dict.fromkeys(of_total, 1.0), total: -1.0}, 0)
    for cell, value in shown.items():
        assert value == counts[cell]
        reader.knows({cell: 1.0}, value)
    if all(sum(n for _, one, _, n in given_in if one == channel) >= SMALL for _, channel, _, _ in given_in):
        assert learnt(reader, counts.keys() - shown.keys(), counts) == []
