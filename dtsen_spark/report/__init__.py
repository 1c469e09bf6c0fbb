"""The release report: one HTML file from the statistics and accounts of a release, without Spark or a network."""

from dtsen_spark.report.render import write

__all__ = ["write"]
