"""Small cells in statistics: what is left out so that nobody can be found by counting. Plain Python, no Spark.

A table of statistics has a few thousand cells, whatever the population, so it is worked on as a whole: a small cell
is suppressed (primary), and where it could be had by subtracting the others from a total that is shown, the smallest
of the others is suppressed as well (secondary), until nothing can be had that way.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog

_SOLVED: Final = 0
_EXACT: Final = 1e-6  # counts are whole: a bound this far off is the solver's rounding


def suppressed(
    counts: Mapping[Any, int],
    totals: Iterable[Sequence[Hashable]],
    small_cell: int,
    also: Collection[Hashable] = (),
) -> frozenset[Hashable]:
    """Return the cells to leave out.

    >>> sorted(suppressed({"a": 3, "b": 40, "c": 25}, [("a", "b", "c")], 10))
    ['a', 'c']

    Args:
        counts: Count of each cell. A cell of 0 tells nothing of anybody and is shown, unless it has to cover.
        totals: Groups of cells whose sum is shown or can be had.
        small_cell: Counts from 1 to below this are small.
        also: Cells to leave out in any case.

    Returns:
        Primary and secondary cells.
    """
    out = {cell for cell, count in counts.items() if 0 < count < small_cell or cell in also}
    # Each cover changes which groups are open, so the order of work decides: cells come from Spark in any order.
    groups = sorted((tuple(sorted((cell for cell in group if cell in counts), key=str)) for group in totals), key=str)
    of_cell: dict[Hashable, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        for cell in group:
            of_cell[cell].append(number)
    open_groups = list(range(len(groups)))
    while open_groups:
        number = open_groups.pop()
        group = groups[number]
        hidden = [cell for cell in group if cell in out]
        shown = [cell for cell in group if cell not in out]
        # What the hidden cells add up to can be had: it must be a sum of several, and no small number.
        exposed = hidden and (len(hidden) == 1 or sum(counts[cell] for cell in hidden) < small_cell)
        if exposed and shown:
            cover = min(shown, key=lambda cell: (counts[cell] == 0, counts[cell], str(cell)))
            out.add(cover)
            open_groups.extend(of_cell[cover])
    return frozenset(out)


def guarded(
    counts: Mapping[Any, int],
    totals: Sequence[tuple[Any, Sequence[Any]]],
    small_cell: int,
    *,
    known: Collection[Any] = (),
    secret: Collection[Any] = (),
) -> frozenset[Any]:
    """Return the cells to leave out of a small table whose totals stand in it.

    What the sums of ``suppressed`` do not see, such as two rows that give each other away, a linear program does: who
    knows all shown cells must not bound a hidden one to an interval narrower than the threshold.

    >>> rows = {"a": {"x": 3, "y": 50}, "b": {"x": 60, "y": 7}}
    >>> cells = {(row, name): count for row, of_row in rows.items() for name, count in of_row.items()}
    >>> totals = [(row, [(row, "x"), (row, "y")]) for row in rows]
    >>> sorted(guarded({**cells, "a": 53, "b": 67}, totals, 10))
    [('a', 'x'), ('a', 'y'), ('b', 'x'), ('b', 'y')]

    Args:
        counts: Count of each cell, the totals among them.
        totals: Each total with the cells that add up to it.
        small_cell: Counts from 1 to below this are small.
        known: Cells that another table shows.
        secret: Cells that another table leaves out.
    """
    cells = sorted(counts, key=str)
    sums = np.array([[(cell in parts) - (cell == total) for cell in cells] for total, parts in totals])
    small = {cell for cell, count in counts.items() if 0 < count < small_cell}
    out = (small | set(secret)).difference(known)
    sums_up = {total for total, _ in totals}
    # Totals are what is looked at first, and of the others the small ones: they go first.
    spare = sorted(
        counts.keys() - out - set(known),
        key=lambda cell: (cell in sums_up, counts[cell] == 0, counts[cell], str(cell)),
    )

    def narrow(cell: Any, hidden: Collection[Any]) -> float:
        bounds = [(0, None) if one in hidden else (counts[one], counts[one]) for one in cells]
        return small_cell - _EXACT - _width(sums, bounds, cells.index(cell))

    def bare(hidden: Collection[Any]) -> Any:
        # An empty cell that covers others tells of nobody.
        return next((cell for cell in cells if cell in hidden and counts[cell] and narrow(cell, hidden) > 0), None)

    covers = []
    while spare and (open_cell := bare(out)) is not None:
        now = narrow(open_cell, out)
        # The first that makes it vague enough, else the first that helps at all, else the first.
        gains = [(cell, narrow(open_cell, {*out, cell})) for cell in spare]
        cover = next(
            (cell for cell, left in gains if left <= 0), next((cell for cell, left in gains if left < now), spare[0])
        )
        out.add(cover)
        covers.append(cover)
        spare.remove(cover)
    # What was taken early may not be needed any more; the last to be taken is the first to be told.
    for cover in reversed(covers):
        if bare(out - {cover}) is None:
            out.discard(cover)
    return frozenset(out)


def _width(sums: Any, bounds: Sequence[tuple[int, int | None]], number: int) -> float:
    """How far apart the least and the greatest value are that a cell can have."""
    goal = np.zeros(len(bounds))
    goal[number] = 1
    low, high = (linprog(sign * goal, A_eq=sums, b_eq=np.zeros(len(sums)), bounds=bounds) for sign in (1, -1))
    # Without a greatest value nothing is known.
    return -high.fun - low.fun if high.status == _SOLVED else float("inf")
