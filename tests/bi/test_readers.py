"""Readers without Spark: every published table opens in delta-rs, Polars and DuckDB, with its meaning beside it."""

import json
from typing import Any

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable

from dtsen_spark import columns as c
from dtsen_spark import config, tables
from dtsen_spark.contract import TableContract
from tests.conftest import SmallLake

PUBLISHED = [
    *(table for table in tables.TABLES if table.published),
    *(tables.decision(program) for program in config.load().programs.enabled),
]
OPERATIONS = (tables.LEDGER, tables.RUN, tables.RELEASE, tables.DQ_METRIC, tables.BATCH)
PLAIN = {"string", "long", "integer", "double", "boolean", "date", "timestamp"}


def opened(lake: SmallLake, table: TableContract) -> DeltaTable:
    return DeltaTable(str(lake.root / table.path))


def depth(data_type: Any) -> int:
    """Levels of struct in a Delta type; types that not every reader knows raise."""
    match data_type:
        case str() as name:
            assert name in PLAIN or name.startswith("decimal("), name
            return 0
        case {"type": "array", "elementType": element}:
            return depth(element)
        case {"type": "struct", "fields": parts}:
            return 1 + max(depth(part["type"]) for part in parts)
    pytest.fail(f"{data_type} is no type that every reader knows")


@pytest.mark.parametrize("table", PUBLISHED, ids=lambda table: table.path)
def test_a_published_table_opens_everywhere_with_the_rows_that_were_published(
    table: TableContract, small_lake: SmallLake
) -> None:
    delta = opened(small_lake, table)
    registry = pl.read_delta(str(small_lake.root / tables.RELEASE.path)).filter(pl.col(c.STATE) == "PUBLISHED")
    wanted = json.loads(registry.get_column(c.TABLES_JSON)[-1])[table.path]

    by_polars = pl.scan_delta(str(small_lake.root / table.path)).select(pl.len()).collect().item()
    arrow = delta.to_pyarrow_dataset()
    by_duckdb = duckdb.sql("SELECT count(*) FROM arrow").fetchall()[0][0]

    assert (by_polars, by_duckdb, delta.version()) == (wanted["rows"], wanted["rows"], wanted["version"])
    assert arrow.schema.names == list(table.columns)


@pytest.mark.parametrize("table", PUBLISHED, ids=lambda table: table.path)
def test_a_published_table_asks_nothing_special_of_its_readers(table: TableContract, small_lake: SmallLake) -> None:
    delta = opened(small_lake, table)
    fields = json.loads(delta.schema().to_json())["fields"]

    assert delta.protocol().min_reader_version == 1
    assert max(depth(field["type"]) for field in fields) <= 1
    assert {c.PERIOD, c.RELEASE_ID} <= {field["name"] for field in fields}
    assert [field["metadata"]["comment"] for field in fields] == [one.column.comment for one in table.fields]


def test_a_first_release_has_every_table_even_those_that_compare(small_lake: SmallLake) -> None:
    registry = pl.read_delta(str(small_lake.root / tables.RELEASE.path)).filter(pl.col(c.STATE) == "PUBLISHED")

    assert set(json.loads(registry.get_column(c.TABLES_JSON)[-1])) == {table.path for table in PUBLISHED}


@pytest.mark.parametrize("table", OPERATIONS, ids=lambda table: table.path)
def test_accounts_and_figures_open_too(table: TableContract, small_lake: SmallLake) -> None:
    assert opened(small_lake, table).protocol().min_reader_version == 1
    assert not pl.read_delta(str(small_lake.root / table.path)).is_empty()


def test_duckdb_joins_persons_to_deciles_and_finds_the_published_statistics(small_lake: SmallLake) -> None:
    bi = duckdb.connect()
    for name, table in (("member", tables.FAMILY_MEMBER), ("score", tables.SCORE), ("stats", tables.STATS_DECILE)):
        bi.register(name, opened(small_lake, table).to_pyarrow_dataset())

    counted = bi.sql(
        "SELECT decile, count(*) AS persons FROM member JOIN score USING (family_id, period) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    published = bi.sql(
        "SELECT decile, persons FROM stats WHERE region_level = 0 AND persons IS NOT NULL ORDER BY ALL"
    ).fetchall()

    assert len(published) >= 10
    assert set(published) <= set(counted)


def test_no_published_statistic_holds_a_column_about_a_person(small_lake: SmallLake) -> None:
    for table in tables.STATS:
        privacy = {
            name: c.COLUMNS[name].privacy for name in opened(small_lake, table).to_pyarrow_dataset().schema.names
        }
        assert c.Privacy.IDENTIFYING not in privacy.values()
        assert {c.PERSON_ID, c.FAMILY_ID}.isdisjoint(privacy)
