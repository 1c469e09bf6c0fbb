"""Accuracy of a release: against truth where there is one, by hidden NIKs where there is none."""

from dtsen_spark.evaluation.measure import evaluate, require_truth
from dtsen_spark.evaluation.page import page

__all__ = ["evaluate", "page", "require_truth"]
