"""What one landing table delivers, before it is written."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.synthetic.draw import Draws
from dtsen_spark.synthetic.dwelling import Dwellings
from dtsen_spark.synthetic.profile import BrokenRates, Profile
from dtsen_spark.tables import DELTA, FULL, LANDING, OP

# Columns beside those of the contract: whose record it is, and which errors it has.
PERSON: Final = "true_person"
MODES: Final = "error_mode"


@dataclass(frozen=True)
class World:
    """The nation as every source reads it.

    Attributes:
        families: One row a family.
        persons: One row an identity.
        draws: The nation's chance.
        profile: Error rates.
        dwellings: Indicator expressions.
        today: The day on which the nation was made.
        count: Families that it was made with.
        living: Living persons.
    """

    families: DataFrame
    persons: DataFrame
    draws: Draws
    profile: Profile
    dwellings: Dwellings
    today: date
    count: int
    living: int


@dataclass(frozen=True)
class Delivery:
    """One table of one source.

    Attributes:
        path: ``source/table``.
        rows: The contract's columns as text, and ``op`` where the delivery is of changes; person tables also have
            ``true_person`` and ``error_mode``.
        as_of: Date of the delivery.
        expected: About how many rows there are; says how many files are written.
        broken: Rows that are to be spoilt.
        person_key: Column of the native key where rows are records of persons.
        mode: ``full`` or ``delta``.
        batch: Name of the batch after its date.
    """

    path: str
    rows: DataFrame
    as_of: date
    expected: float
    broken: BrokenRates = field(default_factory=BrokenRates)
    person_key: str | None = None
    mode: str = FULL
    batch: str = "01"

    @property
    def batch_id(self) -> str:
        """Id of the batch; its folder."""
        return f"{self.as_of:%Y%m%d}-{self.batch}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of its files."""
        return (*((OP,) if self.mode == DELTA else ()), *LANDING[self.path].columns)


def text(column: Column) -> Column:
    """Return a column as text."""
    return column.cast("string")


def number(column: Column, multiplier: int) -> Column:
    """Return an id of eleven digits that tells nothing of the number it stands for.

    An odd multiplier is a bijection modulo 2^36, so different numbers give different ids.
    """
    return F.lpad(((column * multiplier + 1234577) % (1 << 36)).cast("string"), 11, "0")
