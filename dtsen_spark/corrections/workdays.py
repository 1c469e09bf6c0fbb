"""Working days: deadlines that skip weekends and holidays."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from pyspark.sql import Column
from pyspark.sql import functions as F

_SATURDAY = 5


@dataclass(frozen=True)
class WorkingDays:
    """The working days of some years.

    Attributes:
        first_year: First year that is known.
        last_year: Last year that is known.
        holidays: Days off beside Saturdays and Sundays.
    """

    first_year: int
    last_year: int
    holidays: frozenset[date]

    @cached_property
    def _start(self) -> date:
        return date(self.first_year, 1, 1)

    @cached_property
    def _counts(self) -> list[int]:
        """Working days from the start up to and with each day."""
        counts, worked = [], 0
        for place in range((date(self.last_year, 12, 31) - self._start).days + 1):
            worked += self.is_working(self._start + timedelta(days=place))
            counts.append(worked)
        return counts

    @cached_property
    def _places(self) -> list[int]:
        """Place of each working day, from the first."""
        return [place for place in range(len(self._counts)) if self.is_working(self._start + timedelta(days=place))]

    def is_working(self, day: date) -> bool:
        """Say whether offices work on a day."""
        return day.weekday() < _SATURDAY and day not in self.holidays

    def after(self, day: date, working_days: int) -> date | None:
        """Return the last day of a span of working days that begins the day after ``day``.

        >>> WorkingDays(2026, 2026, frozenset({date(2026, 1, 5)})).after(date(2026, 1, 2), 2)
        datetime.date(2026, 1, 7)

        Args:
            day: Day that does not count.
            working_days: Length of the span.

        Returns:
            The day; None outside the known years.
        """
        place = (day - self._start).days
        if not 0 <= place < len(self._counts):
            return None
        wanted = self._counts[place] + working_days - 1
        return self._start + timedelta(days=self._places[wanted]) if wanted < len(self._places) else None

    def column_after(self, day: Column, working_days: Column) -> Column:
        """Return ``after`` as an expression; null where an argument is, and outside the known years.

        Two lists of days stand in it as constants, looked up by place: nothing is joined or counted.
        """
        start = F.lit(self._start)
        counted = F.get(_constant(self._counts), F.datediff(day, start))
        return F.date_add(start, F.get(_constant(self._places), counted + working_days - 1))


def _constant(numbers: list[int]) -> Column:
    # One text that Spark folds into an array once: a literal for each day would be thousands of nodes.
    return F.split(F.lit(",".join(map(str, numbers))), ",").cast("array<int>")
