"""Files that leave the lake: one file of a frame, and CSV that a spreadsheet cannot take for a formula."""

import shutil
from pathlib import Path
from typing import Final

from pyspark.sql import Column, DataFrame, DataFrameWriter
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType

# A cell that begins so is run by spreadsheets (OWASP, CSV injection).
_FORMULA: Final = r"^[=+\-@\t\r\n]"
_SEPARATOR: Final = "|"


def csv_safe(df: DataFrame, *untouched: str) -> DataFrame:
    """Return a frame whose every column is one cell, and no text of it a formula.

    Args:
        df: Plain columns and arrays of text.
        untouched: Columns that stay as they are, such as one that files are named by.

    Returns:
        The same rows; arrays as text with ``|`` between, a text that begins like a formula with ``'`` in front.
    """
    cells = {field.name: _cell(df, field.name, field.dataType) for field in df.schema.fields}
    return df.select(*(df[name] if name in untouched else cell.alias(name) for name, cell in cells.items()))


def _cell(df: DataFrame, name: str, kind: object) -> Column:
    column = F.array_join(df[name], _SEPARATOR) if isinstance(kind, ArrayType) else df[name]
    if isinstance(kind, ArrayType | StringType):
        return F.when(column.rlike(_FORMULA), F.concat(F.lit("'"), column)).otherwise(column)
    return column


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
