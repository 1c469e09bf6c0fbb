"""Periods: quarters and months, and the last day whose deliveries they take."""

from datetime import date

import pytest

from dtsen_spark.errors import UsageError
from dtsen_spark.job import Period


@pytest.mark.parametrize(
    ("text", "last", "quarter"),
    [
        ("2026Q1", date(2026, 3, 31), True),
        ("2025Q4", date(2025, 12, 31), True),
        ("2026-02", date(2026, 2, 28), False),
        ("2024-02", date(2024, 2, 29), False),
        ("2026-12", date(2026, 12, 31), False),
    ],
)
def test_last_day(text: str, last: date, quarter: bool) -> None:
    period = Period.parse(text)
    assert (period.last_day, period.is_quarter) == (last, quarter)


@pytest.mark.parametrize("text", ["", "2026", "2026Q5", "2026Q0", "2026-13", "2026-1", "26Q1", "2026Q1.1", "../x"])
def test_others_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="quarter such as 2026Q1"):
        Period.parse(text)
