"""What a reader works out who lays the tables of two successive releases side by side: no hidden count, by less than θ.

The tables are those that the stage writes, made by the same functions. The reader knows every shown cell, that regions
add up, what one table says of another's sums, and what ties the two releases: who is kept or dropped was selected.
"""

from collections.abc import Callable, Iterable

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
HISTORIES = ("000", "001", "010", "011", "100", "101", "110", "111")  # selected in the release before, first, second?
COUNT = st.one_of(st.integers(0, 3), st.integers(0, 12), st.integers(0, 60))
FLOWS = st.dictionaries(
    st.tuples(
        st.sampled_from([*KECAMATAN, "1101", ""]),
        st.sampled_from(HISTORIES),
        st.sampled_from(("QUOTA", "MOVED")),
        st.sampled_from((1, 2)),
        st.sampled_from(("NOT_ELIGIBLE", "NOT_ELIGIBLE", "EXCLUDED")),
    ),
    COUNT,
    min_size=12,
)
PROGRAM = (c.DECISION, c.CHANGE)
CAUSE = (c.CHANGE, c.CHANGE_CAUSE)
DECILE = (c.DECILE,)
# Values and finest region of each table.
TABLES = {"region": ((), 3), "program": (PROGRAM, 3), "change": (CAUSE, 2), "budget": (DECILE, 2)}
SELECTED = "SELECTED"


def decided(flows: dict[tuple, int], at: int, *, new: bool) -> list[Row]:
    """Counted decisions of a release; in a lake's first one everybody who is selected is new."""
    rows = []
    for (region, history, cause, decile, why_not), count in flows.items():
        was, now = (history[at - 1] == "1" and not new, history[at] == "1")
        change = {(False, True): "ADD", (True, True): "KEEP", (True, False): "DROP", (False, False): "NONE"}[was, now]
        why = cause if change in {"ADD", "DROP"} else ""
        decision = SELECTED if now else why_not
        values = {c.DECISION: decision, c.CHANGE: change, c.CHANGE_CAUSE: why, c.DECILE: decile, c.ROWS: count}
        rows.append({c.PROGRAM: "pkh", c.UNIT: "family", c.REGION_CODE: region, c.BENEFIT_TOTAL_IDR_YEAR: 0, **values})
    return [row for row in rows if row[c.ROWS]]


def program_tables(rows: list[Row], before: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """``stats/region``, ``program``, ``change`` and ``budget`` as the stage makes them."""

    def last(table: str) -> cells.Before:
        return cells.before_of(before.get(table, []), TABLES[table][0])

    scored = [{**row, c.FAMILIES: row[c.ROWS], c.PERSONS: row[c.ROWS]} for row in rows]
    sealed = cells.sealed_regions(scored, SMALL, last("region"))
    program, of_program = cells.program_rows(rows, SMALL, sealed, lambda _: last("program"))
    closed = sealed | of_program["pkh"]
    ask = (2, SMALL, lambda _: closed)
    change = cells.program_value_rows(
        cells.changed(rows),
        CAUSE,
        (c.ROWS,),
        *ask,
        lambda _: last("change"),
        c.CHANGE,
        lambda _: cells.secret_changes(program),
    )
    budget = cells.program_value_rows(cells.selected(rows), DECILE, (c.ROWS,), *ask, lambda _: last("budget"))
    return {"region": cells.region_rows(scored, {}, sealed), "program": program, "change": change, "budget": budget}


def counts_of(table: str, rows: list[Row]) -> list[Row]:
    return {"change": cells.changed, "budget": cells.selected}.get(table, list)(rows)


def ties(reader: Reader, tag: str) -> None:
    """Know that the tables of one release count the same units, whatever they show."""
    for region in every_region(3):
        of = {table: [n for n in reader.number if n[:2] == (f"{tag}/{table}", region)] for table in TABLES}

        def same(table: str, program: str, values: Callable[[tuple], bool], of: dict = of) -> None:
            units = {name: -1.0 for name in of["program"] if program in {"", *name[2]}}
            reader.knows({**{name: 1.0 for name in of[table] if values(name[2])}, **units}, 0)

        same("region", "", lambda _: True)
        if len(region) <= 4:
            same("budget", SELECTED, lambda _: True)
            for change in ("ADD", "DROP"):
                same("change", change, lambda value, change=change: value[0] == change)


def over_two_releases(flows: dict[tuple, int], *, new: bool) -> list[tuple]:
    """What is learnt from all tables of programs of two releases, the first being the lake's first or a later one."""
    reader = Reader()
    before = {} if new else program_tables(decided(flows, 0, new=True), {})
    hidden: set[tuple] = set()
    counts: dict[tuple, int] = {}
    for at, tag in ((1, "first"), (2, "now")):
        rows = decided(flows, at, new=new and at == 1)
        before = program_tables(rows, before)
        for table, (by, deepest) in TABLES.items():
            name, measure = f"{tag}/{table}", c.FAMILIES if table == "region" else c.ROWS
            hidden |= reader.reads(name, before[table], by, measure, deepest)
            counts |= true_counts(name, counts_of(table, rows), by, c.ROWS, deepest)
        ties(reader, tag)
    for region in every_region(3):
        is_now = {n: 1.0 for n in reader.number if n[:2] == ("now/program", region) and n[2][1] in {"KEEP", "DROP"}}
        was = {n: -1.0 for n in reader.number if n[:2] == ("first/program", region) and n[2][0] == SELECTED}
        reader.knows({**is_now, **was}, 0)
    return [
        one for table in TABLES for one in learnt(reader, (cell for cell in hidden if cell[0].endswith(table)), counts)
    ]


@pytest.mark.parametrize("new", [True, False])
def test_all_tables_of_a_program_over_two_releases(new: bool) -> None:
    @settings(EXAMPLES, max_examples=10)
    @given(FLOWS)
    def holds(flows: dict[tuple, int]) -> None:
        # A nation below the threshold shows nothing.
        if sum(flows.values()) >= SMALL:
            assert over_two_releases(flows, new=new) == []

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
