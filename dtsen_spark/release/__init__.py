"""Audit, sign-off, publication, rollback; what outsiders read."""

from dtsen_spark.release.care import Cared, maintain
from dtsen_spark.release.compare import changes, diff
from dtsen_spark.release.erased import Sum, as_detail, erased_since, sums, taken
from dtsen_spark.release.files import csv_safe, csv_writer, write_file
from dtsen_spark.release.leavers import (
    CONFIRMED,
    REINSTATED,
    REVERSED,
    decide_leavers,
    decisions_of,
    reinstate,
    with_outcome,
)
from dtsen_spark.release.manifest import is_genuine, signed
from dtsen_spark.release.registry import Registry, Release, State, chain_of, contract_of, events_of, previous_in
from dtsen_spark.release.serve import serve
from dtsen_spark.release.status import status

__all__ = [
    "CONFIRMED",
    "REINSTATED",
    "REVERSED",
    "Cared",
    "Registry",
    "Release",
    "State",
    "Sum",
    "as_detail",
    "chain_of",
    "changes",
    "contract_of",
    "csv_safe",
    "csv_writer",
    "decide_leavers",
    "decisions_of",
    "diff",
    "erased_since",
    "events_of",
    "is_genuine",
    "maintain",
    "previous_in",
    "reinstate",
    "serve",
    "signed",
    "status",
    "sums",
    "taken",
    "with_outcome",
    "write_file",
]
