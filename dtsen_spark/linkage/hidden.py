"""The hide-NIK test: accuracy without truth. One source's NIKs are hidden; does the model find the same persons?

What the NIK, with name or birth date, has verified is as good as truth, and at full size. The source loses the
household evidence of its own verified members as well, so the test is harder than the residue that it stands for.
"""

from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Job
from dtsen_spark.linkage import collapse
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.decisions import decide
from dtsen_spark.linkage.intervals import share_with_interval
from dtsen_spark.linkage.model import load
from dtsen_spark.linkage.prepared import Scratch, prepare
from dtsen_spark.linkage.stage import MODELS

_FOLDER: Final = "hidden"


def hide_nik_test(job: Job, source: str) -> dict[str, Any]:
    """Hide the NIKs of one source and link it again; writes nothing.

    Args:
        job: A job over a build that has ``linkage/membership``.
        source: The source.

    Returns:
        ``source``; ``records`` that the NIK verified; ``found`` (linked to the same registry row), ``wrong`` (to
        another), ``missed``; ``precision`` and ``recall``, each with its 95 % interval.

    Raises:
        UsageError: No model is registered, or the source has no verified record.
    """
    model = load(job.lake.root / MODELS, job.config.linkage.model)
    if model is None:
        message = f"{job.lake.root}: no linkage model is registered; run 'dtsen train linkage' first"
        raise UsageError(message)
    scratch = Scratch(job, _FOLDER)
    try:
        prepared = prepare(job, scratch, hide_nik_of=source)
        decisions = decide(job, prepared, model, scratch)
        # n : 1, a record has one node, a node one link at most.
        now = (
            prepared.residue.where(F.col(c.SOURCE) == source)
            .join(decisions.links, w.NODE, "left")
            .select(c.RECORD_ID, w.CLUSTER)
        )
        return {"source": source, **_counted(_verified(job, source), now, source)}
    finally:
        job.lake.drop_scratch(job.release_id)


def _verified(job: Job, source: str) -> DataFrame:
    """Return the records of a source that the NIK verified, with the node of their registry row."""
    current = job.read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull() & (F.col(c.NIK_GRADE) == "V3"))
    stated = job.read(tables.PERSON_RECORD).where(F.col(c.SOURCE) == source)
    # 1 : 1, a record has one current row.
    return current.select(c.RECORD_ID).join(
        stated.select(c.RECORD_ID, collapse.number(c.NIK).alias(w.ANCHOR)), c.RECORD_ID
    )


def _counted(verified: DataFrame, now: DataFrame, source: str) -> dict[str, Any]:
    cluster = F.col(w.CLUSTER)
    row = (
        # 1 : 1, a record has one place.
        verified.join(now, c.RECORD_ID, "left")
        .agg(
            F.count(F.lit(1)).alias("records"),
            F.count_if(cluster == F.col(w.ANCHOR)).alias("found"),
            F.count_if((cluster > 0) & (cluster != F.col(w.ANCHOR))).alias("wrong"),
        )
        .collect()[0]
    )
    records, found, wrong = (int(row[name] or 0) for name in ("records", "found", "wrong"))
    if not records:
        message = f"hide-NIK test: {source} has no record that its NIK verified; choose another source"
        raise UsageError(message)
    return {
        "records": records,
        "found": found,
        "wrong": wrong,
        "missed": records - found - wrong,
        "precision": share_with_interval(found, found + wrong),
        "recall": share_with_interval(found, records),
    }
