"""One batch into bronze, or refused whole with nothing of it kept."""

from typing import Final

import structlog
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.ingest.bronze import read_batch
from dtsen_spark.ingest.erased import without_erased
from dtsen_spark.ingest.files import drift, verify
from dtsen_spark.ingest.landing import Batch
from dtsen_spark.ingest.manifest import RefusedError
from dtsen_spark.ingest.registry import APPLIED, REFUSED, Registry
from dtsen_spark.job import Job
from dtsen_spark.tables import bronze

log = structlog.get_logger(__name__)

_OTHER_CONTENT: Final = "another content under a batch id that was applied before"


def take(job: Job, session: SparkSession, registry: Registry, batch: Batch) -> None:
    """Bring one READY batch into bronze and enter what became of it.

    The slice of a batch is replaced as a whole, so a run that was killed in between leaves nothing twice; rows of a
    batch that is not entered as APPLIED are never read.

    Args:
        job: The run.
        session: From ``bronze.reading_session``.
        registry: Gets the batch as APPLIED or REFUSED; nothing where it was applied before.
        batch: The batch.
    """
    before = registry.manifest_of(batch)
    if before == batch.manifest_sha256:
        return
    if before is not None:
        refuse(job, registry, batch, _OTHER_CONTENT)
        return
    try:
        rows, drifted = _write(job, session, batch)
    except RefusedError as error:
        refuse(job, registry, batch, str(error))
    else:
        registry.enter(job, batch, APPLIED, rows=rows, drift=drifted)


def refuse(job: Job, registry: Registry, batch: Batch, reason: str) -> None:
    """Enter a batch as refused and say so; the run goes on."""
    log.warning("batch refused, nothing of it is kept; correct it and run again", batch=batch.path, reason=reason)
    registry.enter(job, batch, REFUSED, reason=reason)


def _write(job: Job, session: SparkSession, batch: Batch) -> tuple[int, str]:
    files = verify(batch, job.config.ingest)
    if not files:
        return 0, "{}"
    target, slice_values = bronze(batch.table), {c.BATCH_ID: batch.batch_id}
    try:
        frame = without_erased(job, batch.table, read_batch(session, batch, files, job.config.ingest))
        rows = job.lake.write(target, frame, slice_values=slice_values).rows
        _check_counts(job, batch, rows)
    except RefusedError:
        job.lake.clear(target, slice_values)
        raise
    except (PySparkException, Py4JJavaError) as error:
        # The engine's message may quote the data; its class and the batch's path are enough to find the file.
        job.lake.clear(target, slice_values)
        message = f"its files cannot be parsed ({type(error).__name__})"
        raise RefusedError(message) from None
    return rows, drift(batch.table, files, batch.described.mode)


def _check_counts(job: Job, batch: Batch, rows: int) -> None:
    manifest = batch.described
    if rows != manifest.rows:
        message = f"{rows:,} records in its files, the manifest says {manifest.rows:,}"
        raise RefusedError(message)
    if len(manifest.files) == 1:
        return
    written = job.lake.read(bronze(batch.table)).where(F.col(c.BATCH_ID) == batch.batch_id)
    per_file = written.groupBy(c.FILE).agg(F.count(F.lit(1)).alias(c.ROWS)).collect()
    counted = {row[c.FILE]: row[c.ROWS] for row in per_file}
    if wrong := [file.name for file in manifest.files if counted.get(file.name, 0) != file.rows]:
        message = f"{len(wrong)} files hold another number of records than the manifest says, such as {wrong[0]}"
        raise RefusedError(message)
