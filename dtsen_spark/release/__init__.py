"""Audit, sign-off, publication, rollback; what outsiders read."""

from dtsen_spark.release.compare import changes, diff
from dtsen_spark.release.registry import Registry, Release, State
from dtsen_spark.release.serve import serve
from dtsen_spark.release.status import status

__all__ = ["Registry", "Release", "State", "changes", "diff", "serve", "status"]
