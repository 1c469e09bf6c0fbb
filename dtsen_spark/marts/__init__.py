"""Statistics for BI: no personal data, no small cells."""

from dtsen_spark.marts.stage import STAGE, run
from dtsen_spark.marts.suppression import suppressed

__all__ = ["STAGE", "run", "suppressed"]
