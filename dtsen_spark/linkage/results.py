"""Members and decisions to the tables of the stage: membership, crosswalk, edges, review queue."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.job import Job
from dtsen_spark.linkage import identity, labels, levels
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.assignment import State
from dtsen_spark.linkage.decisions import Decisions
from dtsen_spark.linkage.members import ALONE_REASON, registry_record
from dtsen_spark.linkage.model import LinkageModel
from dtsen_spark.linkage.prepared import Prepared

CONTRADICTION: Final = "CONTRADICTION"
SOURCE_CROWD: Final = "SOURCE_CROWD"


def write_membership(job: Job, members: DataFrame) -> None:
    """Give every cluster its permanent id and write membership and crosswalk.

    Args:
        job: The job.
        members: ``members.members``.
    """
    previous = job.published(tables.MEMBERSHIP)
    if previous is None or job.previous_release is None:
        found = identity.first_identities(members, job.id_key(), job.release_id)
        history = None
    else:
        found = identity.next_identities(
            members,
            previous,
            job.id_key(),
            release_id=job.release_id,
            previous_release=job.previous_release,
        )
        history = job.published(tables.CROSSWALK)
    job.write(tables.MEMBERSHIP, found.membership)
    # Past events keep the release that they happened in, so the job's own stamp is not for this table.
    stamped = found.events.withColumn(c.PERIOD, F.lit(job.period.text)).withColumn(c.RELEASE_ID, F.lit(job.release_id))
    everything = stamped if history is None else stamped.unionByName(history)
    job.outputs[tables.CROSSWALK.path] = job.lake.write(tables.CROSSWALK, everything, build=job.release_id)


def write_edges(job: Job, prepared: Prepared, decisions: Decisions, model: LinkageModel) -> DataFrame:
    """Write every pair that a decision hung on, with its levels.

    Args:
        job: The job.
        prepared: What was prepared.
        decisions: What became of the residue.
        model: The model.

    Returns:
        The edges, as written.
    """
    no_runner_up = F.lit(None).cast("double")
    pairs = decisions.anchors.unionByName(
        decisions.peers.withColumn(c.RUNNER_UP_WEIGHT, no_runner_up), allowMissingColumns=True
    )
    # A node has one representative: n : 1 on either side; an anchor names itself.
    record_of = prepared.heads.select(w.NODE, c.RECORD_ID)
    left = record_of.select(F.col(w.NODE).alias(w.LEFT), F.col(c.RECORD_ID).alias(c.RECORD_ID_L))
    right = record_of.select(F.col(w.NODE).alias(w.RIGHT), F.col(c.RECORD_ID).alias("peer_record"))
    edges = (
        pairs.join(left, w.LEFT)
        .join(right, w.RIGHT, "left")
        .select(
            c.RECORD_ID_L,
            F.coalesce("peer_record", registry_record(w.RIGHT)).alias(c.RECORD_ID_R),
            c.MATCH_WEIGHT,
            c.RUNNER_UP_WEIGHT,
            c.NEEDED_WEIGHT,
            F.col(w.MATCH_KEY).cast("int").alias(c.BLOCKING_RULE),
            levels.explanation(model).alias(c.AGREEMENT),
            c.STATE,
            F.when(F.col(c.STATE) != State.LINKED, F.col(c.STATE)).alias(c.REASON),
            F.lit(model.version).alias(c.MODEL_VERSION),
        )
    )
    job.write(tables.EDGE, edges)
    return job.read(tables.EDGE)


def write_review(job: Job, prepared: Prepared, members: DataFrame, edges: DataFrame, crowded: int) -> None:
    """Write what a person should look at.

    Args:
        job: The job; its build has ``linkage/membership``.
        prepared: What was prepared.
        members: Final members.
        edges: ``linkage/edge``.
        crowded: Persons with more records of one source than configured; where there are none, nobody is looked for.
    """
    # What a later step linked after all needs nobody's eyes.
    alone = members.where(F.col(c.MATCH_REASON) == ALONE_REASON).select(F.col(c.RECORD_ID).alias(c.RECORD_ID_L))
    rows = (
        edges.where(F.col(c.STATE) != State.LINKED)
        .join(alone, c.RECORD_ID_L, "left_semi")
        .select(
            F.col(c.STATE).alias(c.KIND),
            c.RECORD_ID_L,
            c.RECORD_ID_R,
            c.MATCH_WEIGHT,
            F.when(F.col(c.STATE) == State.GUARD, "similar records that cannot all be one person")
            .otherwise("best candidate of a record that was not linked")
            .alias(c.REASON),
        )
    )
    no_weight = F.lit(None).cast("double")
    if not prepared.labels.isEmpty():
        rows = rows.unionByName(
            labels.contradictions(members, prepared.labels).select(
                F.lit(CONTRADICTION).alias(c.KIND),
                c.RECORD_ID_L,
                c.RECORD_ID_R,
                no_weight.alias(c.MATCH_WEIGHT),
                F.lit("must be one person by label, and an invariant or another label forbids it").alias(c.REASON),
            )
        )
    if crowded:
        rows = rows.unionByName(
            _crowds(members, job.config.linkage.max_source_records).select(
                F.lit(SOURCE_CROWD).alias(c.KIND),
                F.col(w.CLUSTER_RECORD).alias(c.RECORD_ID_L),
                F.lit(None).cast("string").alias(c.RECORD_ID_R),
                no_weight.alias(c.MATCH_WEIGHT),
                F.lit("one source lists this person more often than the configuration takes for normal").alias(
                    c.REASON
                ),
            )
        )
    job.write(tables.REVIEW_QUEUE, rows)


def _crowds(members: DataFrame, most: int) -> DataFrame:
    """Return clusters with more records of one source than ``most`` (I4): ``cluster_record``."""
    source = F.substring_index(c.RECORD_ID, ":", 1)
    counted = members.groupBy(w.CLUSTER_RECORD, source.alias(c.SOURCE)).agg(F.count(F.lit(1)).alias("n"))
    return counted.where(F.col("n") > most).select(w.CLUSTER_RECORD).distinct()
