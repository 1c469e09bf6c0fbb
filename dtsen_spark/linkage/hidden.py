"""The hide-NIK test: accuracy without truth. One source's NIKs are hidden; does the model find the same persons?

What the NIK, with name or birth date, has verified is as good as truth, and at full size. The source loses the
household evidence of its own verified members as well, so the test is harder than the residue that it stands for.
"""

from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Job
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.decisions import decide
from dtsen_spark.linkage.intervals import share_with_interval
from dtsen_spark.linkage.model import MODELS, LinkageModel, load
from dtsen_spark.linkage.prepared import Scratch, prepare

_FOLDER: Final = "hidden"
_FOLDER_OF_TRUTH: Final = "verified"


def hide_nik_test(job: Job, source: str) -> dict[str, Any]:
    """Hide the NIKs of one source and link it again under the registered model; writes nothing.

    Args:
        job: A job over a build that has ``silver/person_record``.
        source: The source.

    Returns:
        As ``relinked``.

    Raises:
        UsageError: No model is registered, or the source has no verified record.
    """
    model = load(job.lake.root / MODELS, job.config.linkage.model)
    if model is None:
        message = f"{job.lake.root}: no linkage model is registered; run 'dtsen train linkage' first"
        raise UsageError(message)
    scratch = Scratch(job, _FOLDER)
    try:
        verified = prepare(job, Scratch(job, _FOLDER_OF_TRUTH)).linked
        return relinked(job, model, verified, source, scratch)
    finally:
        job.lake.drop_scratch(job.release_id)


def relinked(job: Job, model: LinkageModel, verified: DataFrame, source: str, scratch: Scratch) -> dict[str, Any]:
    """Link one source without its NIKs and compare with what the NIK had verified.

    Args:
        job: The job.
        model: The model.
        verified: Records that the NIK collapse linked (``prepared.Prepared.linked``).
        source: The source.
        scratch: Where intermediate results are stored.

    Returns:
        ``source``; ``records`` that the NIK verified; ``found`` (linked to the same registry row), ``wrong`` (to
        another), ``missed``; ``precision`` and ``recall``, each with its 95 % interval; ``proposed`` (blocking
        completeness: the share whose registry row was among the candidates at all) and ``first_proposed_by`` (records
        by the number of the first blocking rule that proposed it).

    Raises:
        UsageError: The source has no verified record.
    """
    prepared = prepare(job, scratch, hide_nik_of=source)
    decisions = decide(job, prepared, model, scratch)
    # n : 1, a record has one node, a node one link at most.
    now = (
        prepared.residue.where(F.col(c.SOURCE) == source)
        .join(decisions.links, w.NODE, "left")
        .select(c.RECORD_ID, w.CLUSTER)
    )
    truth = verified.where(F.col(c.SOURCE) == source).select(c.RECORD_ID, w.ANCHOR)
    counted = _counted(truth, now, source)
    # 1 : 1 each, a record has one node and one true registry row, a pair is proposed once.
    rules = (
        prepared.residue.select(c.RECORD_ID, F.col(w.NODE).alias(w.LEFT))
        .join(truth.withColumnRenamed(w.ANCHOR, w.RIGHT), c.RECORD_ID)
        .join(decisions.scored.select(w.LEFT, w.RIGHT, w.MATCH_KEY), [w.LEFT, w.RIGHT])
        .groupBy(F.col(w.MATCH_KEY).cast("int").alias("rule"))
        .count()
        .orderBy("rule")
        .collect()  # a dozen rules
    )
    by_rule = {str(row["rule"]): int(row["count"]) for row in rules}
    proposed = share_with_interval(sum(by_rule.values()), counted["records"])
    return {"source": source, **counted, "proposed": proposed, "first_proposed_by": by_rule}


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
