"""EM on patterns of a known mixture."""

import itertools

import pytest

from dtsen_spark.linkage.em import estimated_m

U = [[0.9, 0.1], [0.8, 0.15, 0.05], [0.5, 0.5]]
M = [[0.05, 0.95], [0.02, 0.08, 0.9], [0.1, 0.9]]


def _mixture(matches: int, others: int) -> dict[tuple[int, ...], int]:
    found = {}
    for pattern in itertools.product(*(range(len(one)) for one in U)):
        m = u = 1.0
        for at, level in enumerate(pattern):
            m, u = m * M[at][level], u * U[at][level]
        found[pattern] = round(matches * m + others * u)
    return found


def test_finds_the_m_that_made_the_pairs() -> None:
    found = estimated_m(_mixture(200_000, 1_000_000), U, 0.5)
    for mine, true in zip(found, M, strict=True):
        assert mine == pytest.approx(true, abs=0.01)


def test_hangs_on_no_order_and_passes_over_what_says_nothing() -> None:
    patterns = {**_mixture(2_000, 9_000), (-1, 2, 1): 500, (1, -1, -1): 70}
    backwards = dict(reversed(patterns.items()))
    found = estimated_m(patterns, U, 0.2)
    assert found == estimated_m(backwards, U, 0.2)
    assert all(sum(one) == pytest.approx(1, abs=1e-5) for one in found)
