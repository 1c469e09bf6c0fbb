"""Rules as dated data to decisions: who gets what, and why."""

from dtsen_spark.programs.rules import ProgramRules, load_rules
from dtsen_spark.programs.stage import STAGE, run

__all__ = ["STAGE", "ProgramRules", "load_rules", "run"]
