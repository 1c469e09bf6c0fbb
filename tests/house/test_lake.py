"""The lake: contracts hold on every write, slices replace themselves, hashes follow the content alone."""

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from dtsen_spark import columns as c
from dtsen_spark import lake as lakes
from dtsen_spark import tables
from dtsen_spark.contract import TableContract, fields
from dtsen_spark.errors import ContractError, LakeError, LakeLockedError
from dtsen_spark.lake import Lake

TABLE = TableContract(
    layer="master",
    name="thing",
    one_row_is="thing × period",
    key=(c.PERIOD, c.FAMILY_ID),
    fields=fields(c.FAMILY_ID, c.MEMBERS, c.REASON, c.PERIOD, c.RELEASE_ID, required=(c.FAMILY_ID,)),
    slice_by=(c.PERIOD,),
)
Row = tuple[str | None, int | None, str | None, str, str]
ROWS: list[Row] = [("F1", 1, None, "2026Q1", "2026Q1.1"), ("F2", None, "x", "2026Q1", "2026Q1.1")]


@pytest.fixture
def store(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, tmp_path / "lake")


def _frame(store: Lake, rows: list[Row]) -> DataFrame:
    return store.spark.createDataFrame(rows, TABLE.schema)


def test_the_hash_follows_content_not_order_or_release(store: Lake) -> None:
    one = store.write(TABLE, _frame(store, ROWS), build="a")
    other = [(*row[:4], "2026Q1.2") for row in reversed(ROWS)]
    same = store.write(TABLE, _frame(store, other).repartition(3), build="b")
    moved = store.write(TABLE, _frame(store, [("F1", 1, "x", "p", "r"), ("F2", None, None, "p", "r")]), build="c")

    assert (one.rows, one.content_hash) == (same.rows, same.content_hash) == (2, one.content_hash)
    assert moved.content_hash != one.content_hash, "a null that changed its place must show"


def test_a_slice_replaces_itself_and_nothing_else(store: Lake) -> None:
    later: list[Row] = [("F9", 9, None, "2026Q2", "2026Q2.1")]
    for rows, period in ((ROWS, "2026Q1"), (later, "2026Q2"), (ROWS[:1], "2026Q1")):
        store.write(TABLE, _frame(store, rows), slice_values={c.PERIOD: period})

    assert sorted(row[c.FAMILY_ID] for row in store.read(TABLE).collect()) == ["F1", "F9"]


def test_restore_goes_back(store: Lake) -> None:
    first = store.write(TABLE, _frame(store, ROWS))
    store.write(TABLE, _frame(store, ROWS[:1]))

    store.restore(TABLE, first.version)

    assert store.read(TABLE).count() == 2


def test_a_broken_frame_is_refused_with_all_faults(store: Lake) -> None:
    frame = _frame(store, ROWS).drop(c.REASON).withColumnRenamed(c.MEMBERS, "m")
    with pytest.raises(ContractError, match=r"2 columns.*members.*reason"):
        store.write(TABLE, frame)

    with pytest.raises(ContractError, match="family_id: 1 nulls"):
        store.write(TABLE, _frame(store, [(None, 1, None, "p", "r")]))


def test_comments_and_reader_version(store: Lake) -> None:
    store.write(TABLE, _frame(store, ROWS))
    described = store.spark.sql(f"DESCRIBE DETAIL delta.`{store.path(TABLE)}`").first()
    assert described is not None
    assert described["minReaderVersion"] == 1
    assert store.read(TABLE).schema[c.MEMBERS].metadata["comment"] == c.COLUMNS[c.MEMBERS].comment


def test_a_missing_table_is_named(store: Lake) -> None:
    with pytest.raises(LakeError, match="master/thing"):
        store.read(TABLE)


def test_ops_rows_append(store: Lake) -> None:
    for run in ("a", "b"):
        store.append_rows(tables.LEDGER, [{c.RUN_ID: run, c.STAGE: "ingest"}])

    assert store.read(tables.LEDGER).count() == 2


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with (
        lakes.hold(tmp_path),
        pytest.raises(LakeLockedError, match="another run") as caught,
        lakes.hold(tmp_path),
    ):
        pass
    assert caught.value.exit_code == 5
    with lakes.hold(tmp_path):
        pass
