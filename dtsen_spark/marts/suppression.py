"""Small cells in statistics: what is left out so that nobody can be found by counting. Plain Python, no Spark.

A table of statistics has a few thousand cells, whatever the population, so it is worked on as a whole: a small cell
is suppressed (primary), and where it could be had by subtracting the others from a total that is shown, the smallest
of the others is suppressed as well (secondary), until nothing can be had that way.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any


def suppressed(counts: Mapping[Any, int], totals: Iterable[Sequence[Hashable]], small_cell: int) -> frozenset[Hashable]:
    """Return the cells to leave out.

    >>> sorted(suppressed({"a": 3, "b": 40, "c": 25}, [("a", "b", "c")], 10))
    ['a', 'c']

    Args:
        counts: Count of each cell. A cell of 0 tells nothing of anybody and is shown, unless it has to cover.
        totals: Groups of cells whose sum is shown or can be had.
        small_cell: Counts from 1 to below this are small.

    Returns:
        Primary and secondary cells.
    """
    out = {cell for cell, count in counts.items() if 0 < count < small_cell}
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
