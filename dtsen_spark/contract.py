"""What a table is: fields, grain, key; and ``conform``: a frame is only as good as its contract."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from dtsen_spark import columns as c
from dtsen_spark.errors import ContractError

# Columns that say which run wrote a row, not what the row says: they are left out of content hashes,
# so that the same deliveries give the same hash under another release or another landing folder.
NOT_CONTENT: Final = frozenset(
    {c.PERIOD, c.RELEASE_ID, c.RUN_ID, c.FILE, c.LINE, c.VALID_FROM, c.VALID_TO, c.RECORDED_AT}
)
# Layers before silver: content hashes are asked from silver on (design, law 2), and hashing text costs a reading of it.
NOT_HASHED: Final = frozenset({"bronze", "quarantine", "accepted"})


@dataclass(frozen=True)
class Field:
    """One column of a table.

    Attributes:
        name: Column name, a constant of ``columns``; type, meaning, unit and privacy class come from there.
        required: The column is never null.
    """

    name: str
    required: bool = False

    @property
    def column(self) -> c.ColumnInfo:
        """What the column means wherever it stands."""
        return c.COLUMNS[self.name]


@dataclass(frozen=True)
class TableContract:
    """The contract of one Delta table.

    Attributes:
        layer: Folder under the lake root, such as ``master``.
        name: Table name inside the layer.
        one_row_is: The grain in one phrase.
        key: Columns that identify a row.
        fields: Every column, in stored order.
        published: Outsiders read it; it carries ``period`` and ``release_id`` and is built apart first.
        slice_by: Columns that name the slice a write replaces; empty = the whole table.
        text_columns: Delivered columns (bronze only): text under the names of the landing contract.
    """

    layer: str
    name: str
    one_row_is: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    published: bool = False
    slice_by: tuple[str, ...] = ()
    text_columns: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Path under the lake root (or under a build folder)."""
        return f"{self.layer}/{self.name}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in stored order."""
        return (*(field.name for field in self.fields), *self.text_columns)

    @property
    def content_columns(self) -> tuple[str, ...]:
        """Columns that the content hash covers."""
        return tuple(name for name in self.columns if name not in NOT_CONTENT)

    @property
    def is_hashed(self) -> bool:
        """Whether the table's content hash is kept: from silver on."""
        return self.layer not in NOT_HASHED

    @property
    def schema(self) -> StructType:
        """Spark schema with the meaning and unit of each column as its comment."""
        ours = [StructField(f.name, f.column.type, True, {"comment": f.column.comment}) for f in self.fields]
        theirs = [StructField(name, StringType(), True, {"comment": "As delivered."}) for name in self.text_columns]
        return StructType(ours + theirs)

    def conform(self, df: DataFrame) -> DataFrame:
        """Return ``df`` with exactly the contract's columns, types, order and comments.

        A column of another type is an error, not a cast: a silent cast hides a wrong expression.

        Args:
            df: A frame with at least the contract's columns; others are dropped.

        Returns:
            One row for each row of ``df``.

        Raises:
            ContractError: Columns are missing or have another type; the message lists all of them.
        """
        found = {field.name: field.dataType.simpleString() for field in df.schema.fields}
        wrong = [
            f"{want.name}: {found.get(want.name, 'missing')} instead of {want.dataType.simpleString()}"
            for want in self.schema.fields
            if found.get(want.name) != want.dataType.simpleString()
        ]
        if wrong:
            message = f"{self.path}: the frame breaks the table's contract ({len(wrong)} columns): {'; '.join(wrong)}"
            raise ContractError(message)
        return df.select(*(F.col(want.name).alias(want.name, metadata=want.metadata) for want in self.schema.fields))

    def row_hash(self) -> Column:
        """Return a 64-bit hash of one row's content columns; the sum over rows is the table's content hash.

        ``xxhash64`` skips nulls, so each value is followed by whether it is null: (a, null) and (null, a) differ.
        """
        parts = [part for name in self.content_columns for part in (F.col(name), F.col(name).isNull())]
        return F.xxhash64(*parts)


def fields(*names: str, required: tuple[str, ...] = ()) -> tuple[Field, ...]:
    """Build the fields of a contract from column names.

    Args:
        names: Column names in stored order.
        required: Those that are never null.

    Returns:
        One ``Field`` for each name.
    """
    return tuple(Field(name, required=name in required) for name in names)


def arrow_table(rows: Iterable[tuple[Any, ...]], schema: StructType) -> pa.Table:
    """Make an Arrow table of a few rows that the driver has, in the order of a schema."""
    arrow = to_arrow_schema(schema)
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, arrow, strict=True)]
    return pa.Table.from_arrays(arrays, schema=arrow)


def local_frame(spark: SparkSession, rows: Iterable[tuple[Any, ...]], schema: StructType | str) -> DataFrame:
    """Make a frame of a few rows that the driver has, such as a model's coefficients.

    The rows become a relation of the plan. ``createDataFrame`` of tuples would start Python processes on the
    executors to hand them over, and Spark would not know how small the frame is.

    Args:
        spark: The session.
        rows: Rows in the order of the schema; few enough for the driver.
        schema: Columns, as a type or as DDL.

    Returns:
        One row for each given row.

    Raises:
        ContractError: The DDL is a single type.
    """
    struct = StructType.fromDDL(schema) if isinstance(schema, str) else schema
    if not isinstance(struct, StructType):
        message = f"{schema}: columns are needed, not one type"
        raise ContractError(message)
    return spark.createDataFrame(arrow_table(rows, struct))
