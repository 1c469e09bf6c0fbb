"""Exact deciles without sorting the nation: a histogram of the fixed-point score, refined where the cuts are.

The law: a family's decile is the lowest k from 1 to 10 with 10 × (weight strictly below its score) < k × total, so
equal scores share a decile. The cut of k is then the least score whose weight below is at least k tenths, and the
decile is 1 + the number of cuts at or below the score (``engine-notes.md`` §4 has what was measured).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

TENTHS: Final = 10
# Scores of one coarse cell: with millionths of log points the nation has a few thousand cells.
_CELL: Final = 4096


@dataclass(frozen=True)
class Cut:
    """One cut point.

    Attributes:
        k: Its number, 1 to 9.
        score: Least score above it.
        weight_below: Weight strictly below that score.
    """

    k: int
    score: int
    weight_below: int


@dataclass(frozen=True)
class _Bar:
    start: int
    end: int
    weight: int


def cut_points(scores: DataFrame, score: str, weights: Mapping[str, Column]) -> dict[str, tuple[Cut, ...]]:
    """Find the nine cuts of each unit in two passes over two columns.

    Args:
        scores: One row for each scored family.
        score: Long column that ranks; no nulls.
        weights: Integer weight of a row by unit, such as members for ``person`` and 1 for ``family``.

    Returns:
        Cuts 1 to 9 by unit; none where there is no row. A cut that no score reaches (few or equal scores) stands one
        above the greatest score.
    """
    cell = F.floor(F.col(score) / F.lit(_CELL))
    sums = [F.sum(weight.cast("long")).alias(unit) for unit, weight in weights.items()]
    coarse = (
        scores.groupBy(cell.alias("cell")).agg(F.min(score).alias("start"), F.max(score).alias("end"), *sums).collect()
    )
    coarse.sort(key=lambda row: row["cell"])
    cells = {unit: [_Bar(row["start"], row["end"], row[unit]) for row in coarse] for unit in weights}
    wanted = sorted({coarse[i]["cell"] for bars in cells.values() for i in _cells_of_cuts(bars)})
    if not coarse:
        return dict.fromkeys(weights, ())
    fine = scores.where(cell.isin(wanted)).groupBy(F.col(score).alias("start")).agg(*sums)
    # At most nine cells for each unit, so at most as many rows as they have scores.
    refined = sorted(fine.collect(), key=lambda row: row["start"])
    return {
        unit: _cuts(bars, [_Bar(row["start"], row["start"], row[unit]) for row in refined])
        for unit, bars in cells.items()
    }


def cuts_of_histogram(weights: Mapping[int, int]) -> tuple[Cut, ...]:
    """Find the nine cuts of a histogram that is already on the driver.

    Args:
        weights: Weight by score.

    Returns:
        Cuts 1 to 9; none where there is no score.
    """
    return _cuts([_Bar(score, score, weight) for score, weight in sorted(weights.items())], ()) if weights else ()


def _cells_of_cuts(bars: Sequence[_Bar]) -> set[int]:
    """Return the cells in which a cut can be: the last one whose first score is below the cut."""
    total = sum(bar.weight for bar in bars)
    found: set[int] = set()
    below = 0
    starts = []
    for bar in bars:
        starts.append(below)
        below += bar.weight
    for k in range(1, TENTHS):
        under = [i for i, start in enumerate(starts) if TENTHS * start < k * total]
        found.update(under[-1:])
    return found


def _cuts(cells: Sequence[_Bar], fine: Sequence[_Bar]) -> tuple[Cut, ...]:
    """Cumulate: coarse cells, but the refined ones score by score."""
    refined: dict[int, list[_Bar]] = {}
    for bar in fine:
        refined.setdefault(bar.start // _CELL, []).append(bar)
    bars = [bar for cell in cells for bar in refined.get(cell.start // _CELL, [cell])]
    total = sum(bar.weight for bar in bars)
    cuts: list[Cut] = []
    below = 0
    for bar in bars:
        while len(cuts) < TENTHS - 1 and TENTHS * below >= (len(cuts) + 1) * total:
            cuts.append(Cut(len(cuts) + 1, bar.start, below))
        below += bar.weight
    after = bars[-1].end + 1
    cuts += [Cut(k, after, total) for k in range(len(cuts) + 1, TENTHS)]
    return tuple(cuts)


def decile(score: Column, cuts: Sequence[Cut]) -> Column:
    """Return the decile of a score: a narrow expression of nine comparisons.

    Args:
        score: The score.
        cuts: Nine cuts; none = everybody is in the first.

    Returns:
        Integer column 1 to 10; null where the score is.
    """
    above: Column = F.lit(1)
    for cut in cuts:
        above = above + (score >= F.lit(cut.score)).cast("int")
    return F.when(score.isNotNull(), above.cast("int"))
