"""The benchmarks of BENCHMARKS.md: ratios measured side by side in one run (``dtsen bench``)."""

from dtsen_spark.bench.app import app

__all__ = ["app"]
