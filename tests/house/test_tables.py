"""The data dictionary holds together."""

import pytest

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import TableContract

ALL = [*tables.TABLES, tables.decision("pkh"), *(tables.quarantine(t) for t in tables.LANDING.values())]


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.path)
def test_a_contract_is_whole(table: TableContract) -> None:
    assert len(set(table.columns)) == len(table.columns), "a column stands twice"
    assert set(table.key) <= set(table.columns), "the key is not among the columns"
    assert set(table.slice_by) <= set(table.columns)
    if table.published:
        assert {c.PERIOD, c.RELEASE_ID} <= set(table.columns)


def test_table_paths_are_distinct() -> None:
    paths = [table.path for table in ALL]
    assert len(set(paths)) == len(paths)


def test_every_column_has_meaning() -> None:
    assert [name for name, info in c.COLUMNS.items() if not info.meaning.endswith(".")] == []


def test_parents_of_members_are_landing_tables() -> None:
    for table in tables.LANDING.values():
        assert set(table.key) <= set(table.columns)
        if table.parent:
            path, column = table.parent
            assert column in tables.LANDING[path].key
            assert column in table.columns
