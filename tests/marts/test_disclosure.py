"""An attacker with a linear program learns no hidden count closer than the threshold, from one release or two."""

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from dtsen_spark.marts.disclosure import NATION, Before, Cell, Table, hidden_regions, listed, parent, upward

SMALL = 10
VALUES = (("a",), ("b",), ("c",), ("d",))
KECAMATAN = [f"{prov}{kab}{kec}" for prov in ("11", "12", "13") for kab in ("01", "02") for kec in ("01", "02", "03")]

Counts = dict[Cell, int]


def summed(leaves: Counts) -> Counts:
    counts: Counts = defaultdict(int)
    for (region, value), count in leaves.items():
        for above in upward(region, 3):
            counts[above, value] += count
    return dict(counts)


def totals_of(counts: Counts) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for (region, _), count in counts.items():
        totals[region] += count
    return dict(totals)


class Attacker:
    """What a reader knows: sums of cells, each cell a variable that is not negative."""

    def __init__(self) -> None:
        self.number: dict[object, int] = {}
        self.equations: list[tuple[dict[int, float], float]] = []

    def variable(self, name: object) -> int:
        return self.number.setdefault(name, len(self.number))

    def knows(self, terms: dict[object, float], value: float) -> None:
        self.equations.append(({self.variable(name): factor for name, factor in terms.items()}, value))

    def reads(
        self, counts: Counts, sealed: frozenset[str], before: Before, tag: str, blocks=(), totals=True
    ) -> set[Cell]:
        """Takes in a published table and the published totals; returns the cells that were left out."""
        shown = listed(Table(counts, sealed, before, blocks, totals_known=totals), SMALL)
        there = {cell for cell, _ in shown}
        regions = {region for region, _ in counts}
        values = {value for _, value in counts}
        for region in regions:
            for value in values:
                if (region, value) not in there:
                    self.knows({(tag, region, value): 1}, 0)
            parts = [part for part in regions if part != NATION and parent(part) == region]
            if parts:
                for value in values:
                    terms = {(tag, part, value): 1.0 for part in parts}
                    # Whoever is of the region but of no listed part.
                    self.knows({**terms, (tag, region + "~", value): 1.0, (tag, region, value): -1.0}, 0)
            if totals and region not in sealed:
                self.knows({(tag, region, value): 1.0 for value in values}, totals_of(counts)[region])
        for cell, secret in shown:
            if not secret:
                self.knows({(tag, *cell): 1.0}, counts.get(cell, 0))
        return {cell for cell, secret in shown if secret}

    def interval(self, name: object) -> tuple[float, float]:
        matrix = np.zeros((len(self.equations), len(self.number)))
        for row, (terms, _) in enumerate(self.equations):
            for column, factor in terms.items():
                matrix[row, column] = factor
        goal = np.zeros(len(self.number))
        goal[self.number[name]] = 1
        right = [value for _, value in self.equations]
        ends = [linprog(sign * goal, A_eq=matrix, b_eq=right, bounds=(0, None), method="highs") for sign in (1, -1)]
        assert all(one.status in {0, 3} for one in ends), [one.message for one in ends]
        return ends[0].fun, (-ends[1].fun if ends[1].status == 0 else np.inf)


def assert_nothing_is_learnt(attacker: Attacker, hidden: set[Cell], counts: Counts, tag: str) -> None:
    # The hidden cells that matter are those with somebody in them; a few of them speak for all.
    people = sorted((cell for cell in hidden if counts.get(cell, 0)), key=lambda cell: (counts[cell], cell))
    for cell in people[:6] + people[-2:]:
        low, high = attacker.interval((tag, *cell))
        assert high - low >= SMALL - 1e-6, (cell, counts[cell], low, high)


COUNT = st.one_of(st.just(0), st.integers(0, 12), st.integers(0, 60))
LEAVES = st.dictionaries(
    st.tuples(st.sampled_from([*KECAMATAN, "1101", "12", ""]), st.sampled_from(VALUES)), COUNT, min_size=6
)
EXAMPLES = settings(max_examples=25, deadline=None, derandomize=True)


@EXAMPLES
@given(LEAVES)
def test_totals_of_regions(leaves: Counts) -> None:
    totals = {(region, ()): count for region, count in totals_of(summed(leaves)).items() if count}
    attacker = Attacker()
    hidden = attacker.reads(totals, frozenset(), Before(), "now", totals=False)
    assert {cell for cell, count in totals.items() if 0 < count < SMALL} <= hidden
    if totals.get((NATION, ()), 0) >= SMALL:
        assert_nothing_is_learnt(attacker, hidden, totals, "now")


@EXAMPLES
@given(LEAVES)
def test_a_table_beside_the_totals(leaves: Counts) -> None:
    counts = summed(leaves)
    sealed = hidden_regions(totals_of(counts), SMALL)
    attacker = Attacker()
    hidden = attacker.reads(counts, sealed, Before(), "now")
    assert {cell for cell, count in counts.items() if 0 < count < SMALL} <= hidden
    assert_nothing_is_learnt(attacker, hidden, counts, "now")


KEPT, LEFT, CAME, OUT = ("kept",), ("left",), ("came",), ("out",)
MOVES = st.dictionaries(
    st.tuples(st.sampled_from([*KECAMATAN, "1101"]), st.sampled_from((KEPT, LEFT, CAME, OUT))), COUNT, min_size=6
)


@EXAMPLES
@given(MOVES)
def test_two_releases_side_by_side(moves: Counts) -> None:
    now = summed(moves)
    first: Counts = defaultdict(int)
    for (region, value), count in now.items():
        first[region, ("in",) if value in {KEPT, LEFT} else OUT] += count
    sealed = hidden_regions(totals_of(now), SMALL)
    attacker = Attacker()
    hidden_first = attacker.reads(first, sealed, Before(), "first")
    before = Before(frozenset(r for r in totals_of(now) if {(r, ("in",)), (r, OUT)} <= hidden_first))
    hidden_now = attacker.reads(now, sealed, before, "now", blocks=[{KEPT, LEFT}])
    for region in totals_of(now):
        # Who is kept or left was in; who came or stayed out was not.
        attacker.knows({("now", region, KEPT): 1, ("now", region, LEFT): 1, ("first", region, ("in",)): -1}, 0)
        attacker.knows({("now", region, CAME): 1, ("now", region, OUT): 1, ("first", region, OUT): -1}, 0)
    assert_nothing_is_learnt(attacker, hidden_first, first, "first")
    assert_nothing_is_learnt(attacker, hidden_now, now, "now")


@EXAMPLES
@given(LEAVES, st.sampled_from(KECAMATAN), st.sampled_from(VALUES), st.integers(1, 30))
def test_a_revision_that_adds_a_few_does_not_show_what_the_first_hid(
    leaves: Counts, place: str, value: tuple[str], more: int
) -> None:
    # The worst reader: he knows that all other cells are as they were.
    first, now = summed(leaves), summed({**leaves, (place, value): leaves.get((place, value), 0) + more})
    sealed = hidden_regions(totals_of(first), SMALL)
    sealed_now = hidden_regions(totals_of(now), SMALL, Before(sealed))
    shown = listed(Table(first, sealed), SMALL)
    left_out = {cell for cell, secret in shown if secret}
    rows = {region for region, _ in first}
    closed = frozenset(r for r in rows if all(secret for (region, _), secret in shown if region == r))
    values = frozenset(v for region, v in left_out if region == NATION)
    again = listed(Table(now, sealed_now, Before(closed, values)), SMALL)
    still = {cell for cell, secret in again if secret}
    opened = {cell for cell in left_out - still if first.get(cell, 0) and cell in now}
    grown = set(upward(place, 3))
    assert all(first[cell] >= SMALL or cell[0] in grown for cell in opened)


def test_what_is_listed_does_not_hang_on_the_order_of_the_counts() -> None:
    leaves = {(region, value): 3 * n % 17 for n, region in enumerate(KECAMATAN) for value in VALUES}
    counts = summed(leaves)
    backwards = dict(reversed(counts.items()))
    assert listed(Table(counts), SMALL) == listed(Table(backwards), SMALL)


def test_a_nation_below_the_threshold_shows_nothing() -> None:
    counts = summed({("110101", ("a",)): 4, ("110102", ("b",)): 3})
    assert all(secret for _, secret in listed(Table(counts), SMALL))


def test_a_hidden_region_lists_every_value_of_the_nation() -> None:
    counts = summed({("110101", ("a",)): 4, ("110102", ("a",)): 30, ("110103", ("b",)): 40})
    cells = dict(listed(Table(counts), SMALL))
    assert cells["110101", ("a",)]
    assert cells["110101", ("b",)], "an empty cell of a hidden region must not be told from a small one"
