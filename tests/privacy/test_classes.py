"""A column's privacy class is declared once and holds at every door."""

import pytest

from dtsen_spark import columns as c
from dtsen_spark import dictionary, privacy, tables
from dtsen_spark.errors import ContractError

SAYS_WHO = ("nik", "no_kk", "name", "address", "record_id", "raw", "native_key")


@pytest.mark.parametrize("table", tables.STATS, ids=lambda table: table.path)
def test_a_statistic_names_nobody(table: tables.TableContract) -> None:
    privacy.require_no_person(table)


@pytest.mark.parametrize(
    "table", [tables.PERSON, tables.SCORE, tables.MEMBERSHIP, tables.bronze(tables.LANDING["dtks/anggota"])]
)
def test_a_table_of_persons_may_not_leave(table: tables.TableContract) -> None:
    with pytest.raises(ContractError, match="may not leave the register"):
        privacy.require_no_person(table)


def test_what_says_who_somebody_is_counts_as_identifying() -> None:
    loose = [
        name
        for name, column in c.COLUMNS.items()
        if any(name == word or name.startswith(f"{word}_") for word in SAYS_WHO)
        and column.privacy is not c.Privacy.IDENTIFYING
    ]
    # What a NIK says of sex and region, and how sure it is, says nothing of who it is.
    assert loose == [c.NIK_GRADE, c.NIK_REASONS, c.NIK_SEX, c.NIK_REGION]


def test_every_published_table_declares_a_class_for_every_column() -> None:
    published = [table for table in dictionary.contracts().values() if table.published]
    assert published
    assert all(isinstance(field.column.privacy, c.Privacy) for table in published for field in table.fields)
