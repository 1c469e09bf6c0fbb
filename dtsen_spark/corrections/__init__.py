"""The loop back: objections and field checks to verified values, answers of programs to what disagrees."""

from dtsen_spark.corrections.effects import run as run_effects
from dtsen_spark.corrections.stage import run
from dtsen_spark.corrections.terms import ticket_terms
from dtsen_spark.corrections.track import track

__all__ = ["run", "run_effects", "ticket_terms", "track"]
