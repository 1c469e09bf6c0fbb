"""Linkage: silver person records to persons, each once; the only package that imports splink."""

from dtsen_spark.linkage.calibration import calibration
from dtsen_spark.linkage.evaluation import evaluate_linkage
from dtsen_spark.linkage.explain import explain_links
from dtsen_spark.linkage.hidden import hide_nik_test
from dtsen_spark.linkage.stage import run, train

__all__ = ["calibration", "evaluate_linkage", "explain_links", "hide_nik_test", "run", "train"]
