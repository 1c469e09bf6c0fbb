"""Where several outcomes hold, the first of 1, 5, 2, 4, 3 is the exit code."""

import pytest

from dtsen_spark.errors import ExitCode, worst


@pytest.mark.parametrize(
    ("codes", "wins"),
    [([], 0), ([3], 3), ([3, 4], 4), ([3, 4, 2], 2), ([3, 2, 5], 5), ([5, 1, 3], 1), ([0, 3], 3)],
)
def test_worst(codes: list[int], wins: int) -> None:
    assert worst([ExitCode(code) for code in codes]) == wins
