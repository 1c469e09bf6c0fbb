"""Codes and counts of one landing table, in our words; what was not taken is named."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DecimalType

from dtsen_spark import codes
from dtsen_spark import columns as c
from dtsen_spark.expressions import present
from dtsen_spark.harmonise.numbers import kk_fault

NOT_A_NUMBER: Final = "not_a_number"
OUT_OF_RANGE: Final = "out_of_range"
INVALID: Final = "invalid"

_EXACT: Final = "decimal(20,6)"
_NUMBER: Final = "_number_"


def select_values(df: DataFrame, table: str, names: Sequence[str], others: dict[str, Column]) -> DataFrame:
    """Project a landing table's rows to our columns.

    Args:
        df: Accepted rows of the table.
        table: Landing table, such as ``dtks/anggota``.
        names: Our columns with a code list or a range; null where the table does not ask.
        others: Further expressions over the accepted rows, by name.

    Returns:
        One row for each row: ``others``, ``names``, and ``value_reasons``: the values that were not taken, as
        ``<column>:<rule>``, in the order of ``names``.
    """
    landing_codes = {column for name in _coded(names) for column in codes.code_columns(name, table)}
    counted = {name: found for name in names if (found := codes.number_field(name, table)) is not None}
    # A step of its own: every list and every rule reads the cleaned text.
    cleaned = df.withColumns(
        {column: codes.code_key(F.col(column)) for column in sorted(landing_codes)}
        | {f"{_NUMBER}{name}": F.col(field.column).try_cast(_EXACT) for name, field in counted.items()}
    )
    values: list[Column] = []
    reasons: list[Column] = []
    for name in names:
        kind = c.COLUMNS[name].type
        if name in counted:
            value, broken = _number(counted[name], kind)
        elif name in codes.code_lists() and (mapped := codes.map_column(name, table)) is not None:
            value, broken = mapped, [_unknown_code(name, table)]
        else:
            value, broken = F.lit(None), []
        values.append(value.cast(kind).alias(name))
        reasons += broken
    listed = present(*reasons) if reasons else F.array()
    kept = [expression.alias(name) for name, expression in others.items()]
    return cleaned.select(*kept, *values, listed.cast("array<string>").alias(c.VALUE_REASONS))


def _coded(names: Iterable[str]) -> list[str]:
    return [name for name in names if name in codes.code_lists()]


def _unknown_code(name: str, table: str) -> Column:
    columns = codes.code_columns(name, table)
    unknown = [F.col(column).isNotNull() & ~F.col(column).isin(sorted(known)) for column, known in columns.items()]
    return F.when(reduce(lambda left, right: left | right, unknown), F.lit(f"{name}:{codes.UNKNOWN_CODE}"))


def _number(field: codes.NumberField, kind: DataType) -> tuple[Column, list[Column]]:
    number = F.col(f"{_NUMBER}{field.name}")
    within = number.between(field.low, field.high)
    whole = number if isinstance(kind, DecimalType) else F.round(number)
    reason = (
        F.when(F.col(field.column).isNotNull() & number.isNull(), F.lit(f"{field.name}:{NOT_A_NUMBER}"))
        .when(~within, F.lit(f"{field.name}:{OUT_OF_RANGE}"))
        .otherwise(F.lit(None))
    )
    return F.when(within, whole), [reason]


def text_of(name: str, table: str) -> Column:
    """Return a name, number, date or address as delivered, null where the table has none.

    Args:
        name: Our column.
        table: Landing table.
    """
    columns = codes.source_columns(name, table)
    if not columns:
        return F.lit(None).cast("string")
    if len(columns) == 1:
        return F.col(columns[0])
    return F.nullif(F.concat_ws(" ", *columns), F.lit(""))


def rejected(name: str, raw: Column, taken: Column, rule: str = INVALID) -> Column:
    """Return the reason of a value that was delivered and not taken, else null.

    Args:
        name: Our column.
        raw: The value as delivered.
        taken: What became of it.
        rule: Rule that it broke.
    """
    return F.when(raw.isNotNull() & taken.isNull(), F.lit(f"{name}:{rule}"))


def kk_rejected(raw: Column, taken: Column) -> Column:
    """Return the reason of a KK number that was delivered and not taken, by its structural class, else null.

    Args:
        raw: The number as delivered.
        taken: What stands in its place: itself, null, or the number of another row (a member's family).
    """
    return F.when(raw.isNotNull() & ~taken.eqNullSafe(raw), F.concat(F.lit(f"{c.NO_KK}:"), kk_fault(raw)))


def with_reasons(df: DataFrame, *reasons: Column) -> DataFrame:
    """Append to ``value_reasons``; null reasons are left out.

    Args:
        df: With ``value_reasons``.
        reasons: Strings, null where the rule was kept.
    """
    return df.withColumn(c.VALUE_REASONS, F.concat(c.VALUE_REASONS, present(*reasons)))
