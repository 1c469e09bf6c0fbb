"""The gate of a release: what must hold is counted, judged by Great Expectations and written down."""

from dtsen_spark.quality.checkpoint import FailedExpectation
from dtsen_spark.quality.figures import STAGE
from dtsen_spark.quality.stage import GateResult, gate, last_gate, run

__all__ = ["STAGE", "FailedExpectation", "GateResult", "gate", "last_gate", "run"]
