"""Rows under a contract that name only what a test is about."""

from typing import Any

from pyspark.sql import DataFrame, SparkSession

from dtsen_spark.contract import TableContract

Rows = list[dict[str, Any]]


def frame(spark: SparkSession, table: TableContract, rows: Rows) -> DataFrame:
    """Rows under a contract; what a row does not say is null."""
    return spark.createDataFrame([tuple(row.get(name) for name in table.columns) for row in rows], table.schema)
