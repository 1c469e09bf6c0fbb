"""``ops/batch``: which batches were applied, under which manifest, and which were refused and why."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.contract import local_frame
from dtsen_spark.ingest.landing import Batch
from dtsen_spark.ingest.state import Applied
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import peek
from dtsen_spark.ledger import utc_now
from dtsen_spark.tables import BATCH, LandingTable

APPLIED: Final = "APPLIED"
REFUSED: Final = "REFUSED"
# Applied once, superseded, and deleted when its time was over ('dtsen maintain'): never applied again.
PURGED: Final = "PURGED"


@dataclass(frozen=True)
class RefusedBatch:
    """A batch that was refused whole.

    Attributes:
        path: source/table/batch_id.
        reason: Why; names files and columns, never a person's value.
    """

    path: str
    reason: str


def applied_tables(lake: Path) -> frozenset[str]:
    """Return the landing tables that a lake holds an applied batch of, as source/table; needs no session."""
    rows = peek(lake, BATCH)
    return frozenset(f"{row[c.SOURCE]}/{row[c.SOURCE_TABLE]}" for row in rows if row[c.STATE] == APPLIED)


def applied_batches(lake: Path, period: Period) -> list[dict[str, Any]]:
    """Return the rows of ``ops/batch`` that a release of a period stands on, in order; needs no session."""
    rows = [r for r in peek(lake, BATCH) if r[c.STATE] == APPLIED and r[c.AS_OF] <= period.last_day]
    return sorted(rows, key=_order)


@dataclass
class Registry:
    """The rows of ``ops/batch`` as one run knows them; a few hundred a year, so they live on the driver."""

    rows: list[dict[str, Any]]

    @classmethod
    def load(cls, job: Job) -> "Registry":
        """Read the registry; what this release refused earlier is judged anew and left out."""
        if not job.lake.exists(BATCH):
            return cls([])
        kept = ~((F.col(c.STATE) == REFUSED) & (F.col(c.RELEASE_ID) == job.release_id))
        found = job.lake.read(BATCH).where(kept).collect()
        return cls(sorted((row.asDict() for row in found), key=_order))

    def save(self, job: Job) -> None:
        """Write the registry as a whole: an offer that came twice is one row."""
        rows = sorted({_order(row): row for row in self.rows}.values(), key=_order)
        frame = local_frame(job.spark, [tuple(row[name] for name in BATCH.columns) for row in rows], BATCH.schema)
        job.lake.write(BATCH, frame.coalesce(1))

    def applied(self, table: LandingTable) -> list[Applied]:
        """Return the batches of a table that bronze holds."""
        return [
            Applied(row[c.BATCH_ID], row[c.AS_OF], row[c.BATCH_MODE], row[c.ROWS])
            for row in self.rows
            if row[c.STATE] == APPLIED and (row[c.SOURCE], row[c.SOURCE_TABLE]) == (table.source, table.table)
        ]

    def refused(self, release_id: str) -> list[dict[str, Any]]:
        """Return the rows of batches that a release refused."""
        return [row for row in self.rows if row[c.STATE] == REFUSED and row[c.RELEASE_ID] == release_id]

    def entered(self, table: LandingTable, release_id: str) -> list[dict[str, Any]]:
        """Return the rows of a table's batches that a release applied."""
        here = (table.source, table.table, APPLIED, release_id)
        found = [r for r in self.rows if (r[c.SOURCE], r[c.SOURCE_TABLE], r[c.STATE], r[c.RELEASE_ID]) == here]
        return sorted(found, key=_order)

    def manifest_of(self, batch: Batch) -> str | None:
        """Return the SHA-256 of the manifest under which a batch was ever applied; None where it was not."""
        here = (batch.table.source, batch.table.table, batch.batch_id)
        shas = [
            row[c.MANIFEST_SHA256]
            for row in self.rows
            if row[c.STATE] in {APPLIED, PURGED} and (row[c.SOURCE], row[c.SOURCE_TABLE], row[c.BATCH_ID]) == here
        ]
        return shas[0] if shas else None

    def enter(self, job: Job, batch: Batch, state: str, *, reason: str = "", rows: int = 0, drift: str = "{}") -> None:
        """Enter what became of a batch.

        Args:
            job: The run.
            batch: The batch.
            state: APPLIED or REFUSED.
            reason: Why it was refused.
            rows: Records in bronze.
            drift: How its columns differ from the contract, JSON.
        """
        manifest = batch.manifest
        self.rows.append(
            {
                c.SOURCE: batch.table.source,
                c.SOURCE_TABLE: batch.table.table,
                c.BATCH_ID: batch.batch_id,
                c.AS_OF: manifest.as_of if manifest else None,
                c.BATCH_MODE: manifest.mode if manifest else None,
                c.MANIFEST_SHA256: batch.manifest_sha256,
                c.STATE: state,
                c.REASON: reason,
                c.ROWS: rows,
                c.DRIFT: drift,
                c.RELEASE_ID: job.release_id,
                c.RECORDED_AT: utc_now(),
            }
        )


def refused_batches(job: Job) -> list[RefusedBatch]:
    """Return the batches that the release's last ingest refused, on a resumed run as well.

    Args:
        job: The run.

    Returns:
        Paths and reasons, by path.
    """
    if not job.lake.exists(BATCH):
        return []
    rows = job.lake.read(BATCH).where((F.col(c.STATE) == REFUSED) & (F.col(c.RELEASE_ID) == job.release_id)).collect()
    found = [RefusedBatch(f"{r[c.SOURCE]}/{r[c.SOURCE_TABLE]}/{r[c.BATCH_ID]}", r[c.REASON]) for r in rows]
    return sorted(found, key=lambda batch: (batch.path, batch.reason))


def drift_of(row: dict[str, Any]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return a registry row's drift: columns by kind (new, missing, types), and our columns that each affects."""
    loaded: dict[str, Any] = json.loads(row[c.DRIFT])
    affects: dict[str, list[str]] = loaded.pop("affects", {})
    return {kind: sorted(names) for kind, names in loaded.items()}, affects


def _order(row: dict[str, Any]) -> tuple[str, str, str, str, str]:
    return (row[c.SOURCE], row[c.SOURCE_TABLE], row[c.BATCH_ID], row[c.STATE], row[c.MANIFEST_SHA256])
