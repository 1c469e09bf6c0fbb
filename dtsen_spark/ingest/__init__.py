"""Deliveries to accepted rows: landing zone to bronze and quarantine, and the state that all batches leave."""

from dtsen_spark.ingest.landing import Batch, BatchClass, LandingPlan, survey_landing
from dtsen_spark.ingest.registry import APPLIED, RefusedBatch, applied_batches, applied_tables, refused_batches
from dtsen_spark.ingest.replay import REPLAY, ReplayedBatch, replay
from dtsen_spark.ingest.stage import STAGE, run

__all__ = [
    "APPLIED",
    "REPLAY",
    "STAGE",
    "Batch",
    "BatchClass",
    "LandingPlan",
    "RefusedBatch",
    "ReplayedBatch",
    "applied_batches",
    "applied_tables",
    "refused_batches",
    "replay",
    "run",
    "survey_landing",
]
