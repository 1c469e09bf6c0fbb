"""Families to scores and deciles: indicators, the proxy means test, exact deciles, and why a family stands there."""

from dtsen_spark.welfare.change import CUT
from dtsen_spark.welfare.equity import family_groups, stability
from dtsen_spark.welfare.evaluation import evaluate_welfare, true_expenditure
from dtsen_spark.welfare.explanation import Change, FamilyExplanation, Part, Step, explained
from dtsen_spark.welfare.frozen import family_design, reclass
from dtsen_spark.welfare.oracle import against_oracle, oracle
from dtsen_spark.welfare.registry import smearing
from dtsen_spark.welfare.simulation import (
    GROUPINGS,
    KAB,
    NATION,
    PROVINCE,
    Moved,
    Simulation,
    WelfareScenario,
    read_scenario,
    simulate,
    winners_and_losers,
)
from dtsen_spark.welfare.stage import STAGE, run, train

__all__ = [
    "CUT",
    "GROUPINGS",
    "KAB",
    "NATION",
    "PROVINCE",
    "STAGE",
    "Change",
    "FamilyExplanation",
    "Moved",
    "Part",
    "Simulation",
    "Step",
    "WelfareScenario",
    "against_oracle",
    "evaluate_welfare",
    "explained",
    "family_design",
    "family_groups",
    "oracle",
    "read_scenario",
    "reclass",
    "run",
    "simulate",
    "smearing",
    "stability",
    "train",
    "true_expenditure",
    "winners_and_losers",
]
