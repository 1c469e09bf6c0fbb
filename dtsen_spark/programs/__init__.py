"""Rules as dated data to decisions: who gets what, and why."""

from dtsen_spark.programs.rules import ProgramRules, changed_rules, load_rules, program_at
from dtsen_spark.programs.stage import STAGE, decide_all, run

__all__ = ["STAGE", "ProgramRules", "changed_rules", "decide_all", "load_rules", "program_at", "run"]
