"""Persons to families: the surviving value of each attribute, who lives with whom, the family's dwelling."""

from dtsen_spark.family.evaluation import evaluate_family
from dtsen_spark.family.stage import STAGE, run

__all__ = ["STAGE", "evaluate_family", "run"]
