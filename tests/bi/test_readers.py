"""Readers without Spark: every published table opens in delta-rs, Polars and DuckDB, with its meaning beside it."""

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable
from pyhive import hive

from dtsen_spark import columns as c
from dtsen_spark import config, tables
from dtsen_spark.contract import TableContract
from tests.conftest import SmallLake
from tests.servers import free_ports, serving

PUBLISHED = [
    *(table for table in tables.TABLES if table.published),
    *(tables.decision(program) for program in config.load().programs.enabled),
]
OPERATIONS = (tables.LEDGER, tables.RUN, tables.RELEASE, tables.DQ_METRIC, tables.BATCH)
PLAIN = {"string", "long", "integer", "double", "boolean", "date", "timestamp"}


def opened(lake: SmallLake, table: TableContract) -> DeltaTable:
    return DeltaTable(str(lake.root / table.path))


def numbers(table: TableContract) -> list[str]:
    """Columns whose sum says something: they are numbers."""
    kinds = {name: c.COLUMNS[name].type.simpleString() for name in table.columns}
    return [name for name, kind in kinds.items() if kind in {"int", "bigint", "double"}]


def of_float(column: str) -> bool:
    return c.COLUMNS[column].type.simpleString() == "double"


def in_sql(table: TableContract, name: str) -> str:
    """Count of rows and sum of each number, in SQL that DuckDB and Spark both know; whole numbers add up exactly."""
    parts = ["count(*)"]
    for column in numbers(table):
        as_type = "double" if of_float(column) else "decimal(38,0)"
        parts.append(f"sum(cast({column} AS {as_type}))")
    return f"SELECT {', '.join(parts)} FROM {name}"


def plain(row: tuple[Any, ...]) -> list[float | int | None]:
    return [value if value is None else float(value) if isinstance(value, float) else int(value) for value in row]


def by_delta_rs(lake: SmallLake, table: TableContract) -> list[float | int | None]:
    stored = opened(lake, table).to_pyarrow_table(columns=numbers(table))
    # Counted apart: a table without numbers is read without columns.
    rows = opened(lake, table).to_pyarrow_dataset().count_rows()
    # As decimals: the sum of hashes passes 64 bits.
    whole = [stored[n] if of_float(n) else stored[n].cast(pa.decimal128(38, 0)) for n in numbers(table)]
    return plain((rows, *(pc.sum(values).as_py() for values in whole)))


def by_polars(lake: SmallLake, table: TableContract) -> list[float | int | None]:
    rows = pl.scan_delta(str(lake.root / table.path))
    columns = {n: pl.col(n) if of_float(n) else pl.col(n).cast(pl.Int128) for n in numbers(table)}
    # Polars calls the sum of nothing 0.
    sums = [pl.when(one.count() > 0).then(one.sum()).alias(name) for name, one in columns.items()]
    return plain(rows.select(pl.len(), *sums).collect().row(0))


def by_duckdb(lake: SmallLake, table: TableContract) -> list[float | int | None]:
    bi = duckdb.connect()
    bi.register("t", opened(lake, table).to_pyarrow_dataset())
    return plain(bi.sql(in_sql(table, "t")).fetchall()[0])


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

    found = by_delta_rs(small_lake, table)
    assert (found[0], delta.version()) == (wanted["rows"], wanted["version"])
    for reader in (by_polars, by_duckdb):
        assert reader(small_lake, table) == pytest.approx(found, rel=1e-9), reader.__name__
    assert delta.to_pyarrow_dataset().schema.names == list(table.columns)


@pytest.mark.slow
@pytest.mark.serve
def test_the_sql_server_shows_what_other_readers_read(small_lake: SmallLake, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = [Path(sys.executable).parent / "dtsen", "serve", "--lake", small_lake.root, "--port", str(port)]
    with serving(command, port, tmp_path), hive.connect("127.0.0.1", port, username="bi") as connection:
        cursor = connection.cursor()
        for table in PUBLISHED:
            cursor.execute(in_sql(table, f"dtsen.{table.layer}_{table.name}"))
            assert plain(cursor.fetchone()) == pytest.approx(by_delta_rs(small_lake, table), rel=1e-9), table.path


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
