"""Statistics for BI: no personal data, no small cells."""

from dtsen_spark.marts.stage import STAGE, run

__all__ = ["STAGE", "run"]
