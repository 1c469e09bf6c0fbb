"""Regional minimum wages as a dated table: ``conf/programs/minimum_wage.csv``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Final

from dtsen_spark import codes
from dtsen_spark.errors import ConfigError
from dtsen_spark.programs.rules import folder

_HEADER: Final = ("region_code", "valid_from", "valid_to", "wage_idr_month", "source")
_LEVELS: Final = (4, 2)  # digits of kab/kota (UMK), then of province (UMP)


@dataclass(frozen=True)
class MinimumWage:
    """Minimum wage of one region for a time.

    Attributes:
        region_code: Current Kemendagri code: kab/kota (UMK) or province (UMP).
        valid_from: First day.
        valid_to: Last day.
        idr_month: Rupiah a month.
    """

    region_code: str
    valid_from: date
    valid_to: date
    idr_month: int


def read(path: Path | None = None) -> tuple[MinimumWage, ...]:
    """Read the table.

    Args:
        path: File; None = ``conf/programs/minimum_wage.csv``.

    Raises:
        ConfigError: The file is missing, a value does not parse, or two rows of a region overlap.
    """
    path = path or folder() / "minimum_wage.csv"
    wages = []
    for line, row in enumerate(codes.read_rows(path, _HEADER), start=2):
        try:
            first, last = (date.fromisoformat(row[name]) for name in ("valid_from", "valid_to"))
            wages.append(MinimumWage(row["region_code"], first, last, int(row["wage_idr_month"])))
        except ValueError as error:
            message = f"{path}: line {line}: {error}"
            raise ConfigError(message) from None
    wages.sort(key=lambda wage: (wage.region_code, wage.valid_from))
    for earlier, later in pairwise(wages):
        if earlier.region_code == later.region_code and earlier.valid_to >= later.valid_from:
            message = f"{path}: two rows of region {later.region_code} overlap from {later.valid_from}"
            raise ConfigError(message)
    return tuple(wages)


def at(wages: Iterable[MinimumWage], day: date, kab_codes: Iterable[str]) -> dict[str, int]:
    """Return the minimum wage of each kab/kota on a day: its own (UMK), else its province's (UMP).

    Args:
        wages: The table.
        day: Day that is asked for.
        kab_codes: Kab/kota codes.

    Returns:
        Rupiah a month by kab/kota; one without a figure is not there, and its wage rule is off.
    """
    valid: Mapping[str, int] = {
        wage.region_code: wage.idr_month for wage in wages if wage.valid_from <= day <= wage.valid_to
    }
    found = {kab: next((valid[kab[:n]] for n in _LEVELS if kab[:n] in valid), None) for kab in kab_codes}
    return {kab: wage for kab, wage in found.items() if wage is not None}
