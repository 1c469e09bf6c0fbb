"""Families to scores and deciles: indicators, the proxy means test, exact deciles."""

from dtsen_spark.welfare.evaluation import evaluate_welfare
from dtsen_spark.welfare.stage import STAGE, run, train

__all__ = ["STAGE", "evaluate_welfare", "run", "train"]
