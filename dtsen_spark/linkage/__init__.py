"""Linkage: silver person records to persons, each once; the only package that imports splink."""

import logging

from dtsen_spark.linkage.calibration import calibration
from dtsen_spark.linkage.evaluation import evaluate_linkage
from dtsen_spark.linkage.explain import explain_links
from dtsen_spark.linkage.hidden import hide_nik_test
from dtsen_spark.linkage.stage import run, train

# Splink reports each step of its own, once its linker is made without log_level=None; a stage has one progress line.
logging.getLogger("splink").setLevel(logging.ERROR)

__all__ = ["calibration", "evaluate_linkage", "explain_links", "hide_nik_test", "run", "train"]
