"""Harmonise: accepted rows to silver with one meaning."""

from dtsen_spark.harmonise.stage import run

__all__ = ["run"]
