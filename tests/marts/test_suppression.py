"""Nobody can be found by counting, not even by subtraction."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from dtsen_spark.marts.suppression import suppressed

SMALL = 10


def test_a_small_cell_takes_the_smallest_other_of_its_total_along() -> None:
    assert suppressed({"a": 3, "b": 40, "c": 25, "d": 30}, ["abcd"], SMALL) == {"a", "c"}


def test_small_cells_that_cover_each_other_need_no_more() -> None:
    assert suppressed({"a": 9, "b": 8, "c": 30}, ["abc"], SMALL) == {"a", "b"}


def test_two_small_cells_whose_sum_is_small_need_more() -> None:
    assert suppressed({"a": 1, "b": 2, "c": 30}, ["abc"], SMALL) == {"a", "b", "c"}


def test_no_small_cell_suppresses_nothing_and_nothing_is_not_small() -> None:
    assert suppressed({"a": 0, "b": 10, "c": 30}, ["abc"], SMALL) == frozenset()


def test_a_cover_is_covered_in_its_other_total() -> None:
    # b covers a in the row; in the column b stands alone then, and d covers it.
    counts = {"a": 3, "b": 20, "c": 90, "d": 40}
    assert suppressed(counts, [("a", "b"), ("b", "d")], SMALL) == {"a", "b", "d"}


GRID = st.lists(st.lists(st.integers(0, 40), min_size=4, max_size=4), min_size=2, max_size=5)


@settings(deadline=None)
@given(GRID)
def test_no_row_or_column_gives_a_small_number_away(grid: list[list[int]]) -> None:
    counts = {(y, x): count for y, row in enumerate(grid) for x, count in enumerate(row)}
    rows = [[(y, x) for x in range(4)] for y in range(len(grid))]
    columns = [[(y, x) for y in range(len(grid))] for x in range(4)]

    out = suppressed(counts, [*rows, *columns], SMALL)

    assert {cell for cell, count in counts.items() if 0 < count < SMALL} <= out
    for group in (*rows, *columns):
        hidden = [cell for cell in group if cell in out]
        if hidden and len(hidden) < len(group):
            assert len(hidden) > 1
            assert sum(counts[cell] for cell in hidden) >= SMALL


@settings(deadline=None)
@given(GRID, st.randoms(use_true_random=False))
def test_the_order_of_cells_and_totals_does_not_matter(grid: list[list[int]], chance: Random) -> None:
    counts = {(i, j): n for i, row in enumerate(grid) for j, n in enumerate(row)}
    rows = [[(i, j) for j in range(len(grid[0]))] for i in range(len(grid))]
    columns = [[(i, j) for i in range(len(grid))] for j in range(len(grid[0]))]
    cells, totals = list(counts), rows + columns
    first = suppressed(counts, totals, SMALL)

    chance.shuffle(cells)
    chance.shuffle(totals)
    for total in totals:
        chance.shuffle(total)

    assert suppressed({cell: counts[cell] for cell in cells}, totals, SMALL) == first
