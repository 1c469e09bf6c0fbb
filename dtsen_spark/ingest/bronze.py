"""A batch's files as bronze rows: all columns text, with file, record number and the reasons that a row alone shows."""

from collections import defaultdict
from functools import reduce
from pathlib import Path
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DoubleType,
    FloatType,
    MapType,
    StringType,
    StructField,
    StructType,
)

from dtsen_spark import columns as c
from dtsen_spark import session
from dtsen_spark.config import IngestConfig
from dtsen_spark.ingest.files import DeliveredFile, FileKind
from dtsen_spark.ingest.landing import Batch
from dtsen_spark.ingest.rules import Record, native_key, row_reasons
from dtsen_spark.tables import DELTA, OP, UPSERT, LandingTable

_ROW_BITS: Final = 33  # monotonically_increasing_id: the partition above, the row in it below
_WHITE: Final = " \t\r\n"
_MAX_FIELDS: Final = 100_000  # beyond this the tokenizer fails the task; the width of a file is checked before
_GLOB: Final = str.maketrans({mark: f"\\{mark}" for mark in "\\*?[]{}"})


def reading_session(spark: SparkSession) -> SparkSession:
    """Return a session in which each file is a partition of its own, so that rows can be numbered inside it.

    Files are unsplittable as it is (gzip, line breaks in quotes); what changes is that small ones are not packed.
    """
    # A batch is one partition of bronze: rows need no sorting by it before they are written.
    return session.beside(
        spark, {"spark.sql.files.openCostInBytes": str(2**40), "spark.sql.maxConcurrentOutputFileWriters": "2"}
    )


def read_batch(reading: SparkSession, batch: Batch, files: list[DeliveredFile], config: IngestConfig) -> DataFrame:
    """Read a batch's files.

    Files with one header are one scan; their column order is free, so columns are read by position and then named.

    Args:
        reading: From ``reading_session``.
        batch: The batch.
        files: Its files, at least one, as ``files.verify`` found them.
        config: Limits.

    Returns:
        One row for each record, under the table's bronze contract: text trimmed, null where empty, reasons sorted.
    """
    alike: dict[tuple[FileKind, tuple[str, ...], tuple[tuple[str, str], ...]], list[Path]] = defaultdict(list)
    for file in files:
        alike[(file.kind, file.header, tuple(sorted(file.types.items())))].append(file.path)
    rows = [
        _bronze(_scan(reading, kind, header, paths), kind, header, batch, config)
        for (kind, header, _), paths in sorted(alike.items())
    ]
    return _with_blank_lines(reduce(DataFrame.unionByName, rows), files)


def _with_blank_lines(rows: DataFrame, files: list[DeliveredFile]) -> DataFrame:
    blank = {f"{file.path.name}/{number}": lines for file in files for number, lines in file.blank_lines}
    if not blank:
        return rows
    pairs = F.create_map(*(F.lit(part) for pair in blank.items() for part in pair))
    behind = F.try_element_at(pairs, F.concat_ws("/", c.FILE, c.RECORD_NO))
    return rows.withColumn(c.LINE_BREAKS, F.col(c.LINE_BREAKS) + F.coalesce(behind, F.lit(0)))


def _scan(reading: SparkSession, kind: FileKind, header: tuple[str, ...], paths: list[Path]) -> DataFrame:
    names = [str(path).translate(_GLOB) for path in sorted(paths)]
    if kind is FileKind.PARQUET:
        delivered = reading.read.parquet(*names)
        positions = [_as_text(field).alias(_position(i)) for i, field in enumerate(delivered.schema.fields)]
        number, name = F.col("_metadata.row_index") + 1, F.col("_metadata.file_name")
        # Every Parquet row has the fields of its schema.
        return delivered.select(*positions, F.lit(None).cast("string").alias(c.CORRUPT), *_where(name, number))
    schema = StructType([StructField(_position(i), StringType()) for i in range(len(header))])
    delivered = (
        reading.read.schema(schema.add(c.CORRUPT, StringType()))
        .option("header", value=True)
        .option("multiLine", value=True)
        .option("quote", '"')
        .option("escape", '"')
        .option("encoding", "UTF-8")
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", c.CORRUPT)
        .option("maxColumns", _MAX_FIELDS)
        .csv(names)
    )
    number = F.monotonically_increasing_id().bitwiseAND(F.lit(2**_ROW_BITS - 1)) + 1
    # The same name as the metadata column's, which would have every row copied into a wider one.
    name = F.substring_index(F.input_file_name(), "/", -1)
    return delivered.select(*delivered.columns, *_where(name, number))


def _where(name: Column, number: Column) -> list[Column]:
    return [name.alias(c.FILE), number.alias(c.RECORD_NO)]


def _position(index: int) -> str:
    return f"_{index}"


def _as_text(field: StructField) -> Column:
    # Quoted: a delivered name may hold a dot.
    column = F.col(f"`{field.name.replace('`', '``')}`")
    kind: DataType = field.dataType
    if isinstance(kind, (StructType, ArrayType, MapType)):
        return F.to_json(column)
    if isinstance(kind, (FloatType, DoubleType)):
        # A code that a tool held as a float (3.0) is still the code 3; its "not a number" is an empty cell.
        whole = F.when(column == F.floor(column), column.try_cast("decimal(38,0)").cast("string"))
        return F.when(~F.isnan(column), F.coalesce(whole, column.cast("string")))
    # Bytes become text as they are: decoding would fail the batch where one row is no UTF-8.
    return column.cast("string")


def _bronze(scan: DataFrame, kind: FileKind, header: tuple[str, ...], batch: Batch, config: IngestConfig) -> DataFrame:
    table, manifest = batch.table, batch.described
    is_delta = manifest.mode == DELTA
    text = {name: F.col(_position(i)) for i, name in enumerate(header) if name in table.columns}
    delivered = [F.col(_position(i)) for i in range(len(header))]
    operation = _clean(F.col(_position(header.index(OP)))) if is_delta else F.lit(UPSERT)
    # A file of mixed line ends leaves its carriage returns on the last column; keys decide, so they are trimmed too.
    strict = {*table.key, header[-1] if header else ""}
    columns = {
        name: (_clean(text[name], strict=name in strict) if name in text else F.lit(None).cast("string"))
        for name in table.columns
    }
    key = [columns[name] for name in table.key]
    record = Record(delivered, F.col(c.CORRUPT), key, operation, was_decoded=kind is FileKind.CSV)
    whole = record.whole
    breaks = F.length(whole) - F.length(F.replace(whole, F.lit("\n"), F.lit("")))
    return scan.select(
        F.lit(batch.batch_id).alias(c.BATCH_ID),
        F.lit(manifest.as_of).alias(c.AS_OF),
        F.lit(manifest.mode).alias(c.BATCH_MODE),
        operation.alias(c.OP),
        F.col(c.FILE),
        F.col(c.RECORD_NO),
        breaks.alias(c.LINE_BREAKS),
        native_key(key).alias(c.NATIVE_KEY),
        row_reasons(record, config).alias(c.REASONS),
        _extra(table, header, is_delta=is_delta).alias(c.EXTRA),
        F.col(c.CORRUPT),
        *(column.alias(name) for name, column in columns.items()),
    )


def _clean(column: Column, *, strict: bool = True) -> Column:
    trimmed = F.btrim(column, F.lit(_WHITE)) if strict else F.trim(column)
    return F.nullif(trimmed, F.lit(""))


def _extra(table: LandingTable, header: tuple[str, ...], *, is_delta: bool) -> Column:
    ours = {*table.columns, OP} if is_delta else set(table.columns)
    named: dict[str, Column] = {}
    for i, name in enumerate(header):
        if name not in ours:
            label = name or f"column_{i + 1}"
            named[label if label not in named else f"{label}_{i + 1}"] = _clean(F.col(_position(i)))
    if not named:
        return F.lit(None).cast("string")
    # A map, not a struct: names that differ only in case are two keys. Empty values are left out.
    pairs = [part for name, value in named.items() for part in (F.lit(name), value)]
    filled = F.map_filter(F.create_map(*pairs), lambda _, value: value.isNotNull())
    return F.when(F.size(filled) > 0, F.to_json(filled))
