"""Files that leave the lake: one file of a frame, and CSV that a spreadsheet cannot take for a formula."""

import shutil
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Final

from pyspark.sql import Column, DataFrame, DataFrameWriter
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType

# A cell that begins so is run by spreadsheets (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_SEPARATOR: Final = "|"


def csv_safe(df: DataFrame, *untouched: str) -> DataFrame:
    """Return a frame whose every column is one cell, and no text of it a formula.

    Args:
        df: Plain columns and arrays of text.
        untouched: Columns that stay as they are, such as one that files are named by.

    Returns:
        The same rows; arrays as text with ``|`` between, a text that begins like a formula with ``'`` in front.
    """
    kinds = {field.name: field.dataType for field in df.schema.fields if field.name not in untouched}
    lists = {name: F.array_join(name, _SEPARATOR) for name, kind in kinds.items() if isinstance(kind, ArrayType)}
    texts = [name for name, kind in kinds.items() if isinstance(kind, ArrayType | StringType)]
    # In a step of its own: a list is joined once, and asked about seven times.
    plain = df.withColumns(lists) if lists else df
    return plain.select(*(_cell(name).alias(name) if name in texts else name for name in df.columns))


def _cell(name: str) -> Column:
    text = F.col(name)
    # Not by a pattern: for that Spark would make a Java text of every cell.
    begins = reduce(or_, (text.startswith(sign) for sign in _FORMULA))
    return F.when(begins, F.concat(F.lit("'"), text)).otherwise(text)


def csv_writer(df: DataFrame) -> DataFrameWriter:
    """Return a writer of RFC 4180: quotes doubled, empty for null, one header row."""
    return (
        df.write.mode("overwrite")
        .option("header", True)
        .option("quote", '"')
        .option("escape", '"')
        .option("emptyValue", "")
        .option("nullValue", "")
    )


def write_file(df: DataFrame, path: Path) -> None:
    """Write a frame as one CSV or JSON-lines file, by its suffix; Spark writes it, in one task.

    Args:
        df: The rows, in the order in which they are to stand.
        path: File; replaced as a whole once it is complete.
    """
    part = path.with_name(f".{path.name}.part")
    single = df.coalesce(1)
    if path.suffix == ".csv":
        csv_writer(csv_safe(single)).csv(str(part.absolute()))
    else:
        single.write.mode("overwrite").json(str(part.absolute()))
    written = next(part.glob("part-*"))
    written.replace(path)
    shutil.rmtree(part)
