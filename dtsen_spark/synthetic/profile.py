"""Error profiles: how often each source errs in each way (``conf/synthetic/profiles/*.yaml``)."""

from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dtsen_spark.config import conf_dir, read_yaml, validated
from dtsen_spark.errors import UsageError


class _Rates(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _rate(description: str) -> Any:
    return Field(default=0.0, ge=0.0, le=1.0, description=description)


class NikRates(_Rates):
    """At most one of these befalls a record's NIK; shares of records."""

    missing: float = _rate("No NIK.")
    invalid: float = _rate("Not sixteen digits.")
    typo: float = _rate("One digit mistyped.")
    transposed: float = _rate("Two neighbouring digits swapped.")
    heads: float = _rate("Families whose every member carries the head's NIK (share of families).")
    borrowed: float = _rate("The NIK of a neighbour.")
    dummy: float = _rate("A number that stands for 'unknown'.")


class NameRates(_Rates):
    """At most one of these befalls a record's name; shares of records."""

    spelling: float = _rate("A spelling variant, such as MUHAMMAD and MOCHAMMAD.")
    old_spelling: float = _rate("The spelling before 1972.")
    letter: float = _rate("One letter left out or doubled.")
    nickname: float = _rate("What the person is called.")
    initials: float = _rate("Later words as initials.")
    title: float = _rate("A title or degree added.")
    swapped: float = _rate("First and last word swapped.")
    truncated: float = _rate("Cut after twenty letters, as old systems did.")


class BirthRates(_Rates):
    """At most one of these befalls a record's birth date; shares of records."""

    swapped: float = _rate("Day and month swapped.")
    digit: float = _rate("One figure off.")
    unknown: float = _rate("Day, or day and month, unknown.")
    heaped: float = _rate("An office's date put in place of the real one.")


class BrokenRates(_Rates):
    """Rows that ingest must set aside; shares of rows."""

    too_few_fields: float = _rate("A row cut short.")
    duplicate_key: float = _rate("Another row under the same key.")
    orphan: float = _rate("A member whose family is not delivered.")
    empty_key: float = _rate("No native key.")


class SourceRates(_Rates):
    """How one source sees the nation."""

    coverage: float = Field(gt=0.0, le=1.0, description="Share of families that the source lists.")
    nik: NikRates = Field(description="Errors of the NIK.")
    name: NameRates = Field(description="Errors of the name.")
    birth: BirthRates = Field(description="Errors of the birth date.")
    broken: BrokenRates = Field(description="Rows for quarantine.")
    sex_wrong: float = _rate("The other sex.")
    mother_missing: float = _rate("No mother's name.")
    mother_variant: float = _rate("Mother's name spelt otherwise.")
    kk_missing: float = _rate("Families without number of their card.")
    deceased_kept: float = _rate("Of the dead: still listed as living.")
    duplicate: float = _rate("Persons listed twice, under two keys.")
    merged: float = _rate("Households that hold the families of two cards (share of pairs of neighbours).")


class RegistryRates(_Rates):
    """How the civil registry differs from who lives in the country."""

    not_registered: float = _rate("Living persons whom the registry does not know.")
    reused_nik: float = _rate("Of those: carry the number of another resident.")
    no_nik: float = _rate("Of those: carry no number.")
    second_number: float = _rate("Persons registered twice.")
    second_number_found: float = _rate("Of those: the second row is set inactive.")
    inactive: float = _rate("Living persons set inactive.")
    deceased_kept: float = _rate("Of the dead: still active.")


class FamilyRates(_Rates):
    """What happened to families since the visits."""

    kk_changed: float = _rate("Family card replaced since.")
    moved: float = _rate("Moved since.")


class SourcesRates(_Rates):
    """Rates of each source of persons."""

    dukcapil: SourceRates
    regsosek: SourceRates
    dtks: SourceRates
    p3ke: SourceRates


class Profile(_Rates):
    """One error profile.

    Attributes:
        name: Name of its file.
        registry: The registry against the nation.
        families: Families since the visits.
        sources: Each source.
    """

    name: str
    registry: RegistryRates
    families: FamilyRates
    sources: SourcesRates

    def source(self, name: str) -> SourceRates:
        """Return the rates of one source."""
        rates: SourceRates = getattr(self.sources, name)
        return rates


def load_profile(name: str) -> Profile:
    """Read and validate an error profile; touches no Spark.

    Args:
        name: Name of a file in ``conf/synthetic/profiles`` without its ending.

    Returns:
        The frozen profile.

    Raises:
        UsageError: There is no such profile, or its file has an unknown key or a value out of range.
    """
    folder = conf_dir() / "synthetic" / "profiles"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        message = f"--profile {name}: no such error profile; there are {', '.join(known)} (in {folder})"
        raise UsageError(message)
    path = folder / f"{name}.yaml"
    return validated(path, Profile, {"name": name, **(read_yaml(path) or {})}, "profile")


def first_day(quarter: str) -> date:
    """Return the first day of a quarter such as ``2026Q1``: the day on which the nation is true.

    Raises:
        UsageError: The text is not a quarter.
    """
    year, letter, number = quarter.partition("Q")
    if not (letter and year.isdigit() and number in {"1", "2", "3", "4"}):
        message = f"generate.quarter {quarter}: write a quarter such as 2026Q1"
        raise UsageError(message)
    return date(int(year), 3 * int(number) - 2, 1)
