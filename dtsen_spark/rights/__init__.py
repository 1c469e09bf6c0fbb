"""Rights of persons under UU 27/2022: access (art. 32), erasure (art. 42-45), notice of a breach (art. 46)."""

from dtsen_spark.rights.access import access_report
from dtsen_spark.rights.breach import Breach, affected
from dtsen_spark.rights.erase import Erasure, erase

__all__ = ["Breach", "Erasure", "access_report", "affected", "erase"]
