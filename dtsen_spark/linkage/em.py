"""Expectation maximisation as a check: would the same pairs, without their labels, teach the same m?

Fellegi and Sunter's model by EM (Winkler 1988) over counts of agreement patterns, u held at what random pairs gave. On
the driver: there are a few thousand patterns whatever the population, and in a fixed order the sums are the same
everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_ROUNDS: Final = 100
_SETTLED: Final = 1e-7
_DIGITS: Final = 6
_START: Final = 0.9  # m of the highest level to begin with; the others share the rest
_FLOOR: Final = 1e-12

Pattern = tuple[int, ...]


def estimated_m(
    patterns: Mapping[Pattern, int], u: Sequence[Sequence[float]], share_of_matches: float
) -> tuple[tuple[float, ...], ...]:
    """Estimate m of each level of each comparison from unlabelled pairs.

    Args:
        patterns: Pairs by their levels, one for each comparison as Splink numbers them (-1 says nothing).
        u: Probabilities among different persons, by comparison, lowest level first.
        share_of_matches: Share of matches among the pairs to begin with.

    Returns:
        m by comparison, lowest level first, six digits; adds up to 1 in each comparison that spoke.
    """
    ordered = sorted(patterns)
    counts = np.array([patterns[one] for one in ordered], dtype=float)
    levels = np.array(ordered, dtype=int).reshape(len(ordered), len(u))
    fixed = [np.array(one, dtype=float) for one in u]
    m = [_start(len(one)) for one in fixed]
    share = share_of_matches
    for _ in range(_ROUNDS):
        match = share * _likelihood(levels, m)
        other = (1 - share) * _likelihood(levels, fixed)
        weighted = counts * match / np.maximum(match + other, _FLOOR)
        later = [_maximised(levels[:, at], weighted, one) for at, one in enumerate(m)]
        moved = max((float(np.abs(new - old).max()) for new, old in zip(later, m, strict=True)), default=0.0)
        m, share = later, float(weighted.sum() / max(counts.sum(), 1.0))
        if moved < _SETTLED:
            break
    return tuple(tuple(round(float(value), _DIGITS) for value in one) for one in m)


def _start(levels: int) -> NDArray[np.float64]:
    rest = (1 - _START) / max(levels - 1, 1)
    return np.array([rest] * (levels - 1) + [_START])


def _likelihood(levels: NDArray[np.int_], probabilities: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    total = np.ones(len(levels))
    for at, one in enumerate(probabilities):
        total *= np.where(levels[:, at] < 0, 1.0, one[np.maximum(levels[:, at], 0)])
    return total


def _maximised(
    levels: NDArray[np.int_], weights: NDArray[np.float64], before: NDArray[np.float64]
) -> NDArray[np.float64]:
    spoke = levels >= 0
    sums = np.bincount(levels[spoke], weights=weights[spoke], minlength=len(before))
    return sums / sums.sum() if sums.sum() > 0 else before
