"""Linkage: silver person records to persons, each once; the only package that imports splink."""

from dtsen_spark.linkage.evaluation import evaluate_linkage
from dtsen_spark.linkage.stage import run, train

__all__ = ["evaluate_linkage", "run", "train"]
