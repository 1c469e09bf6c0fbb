"""What programs answered to the hand-over, held against the decisions: who was selected and not paid, and why."""

from functools import reduce
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.job import Job

PAID: Final = "PAID"
NO_ANSWER: Final = "NO_ANSWER"
NOT_SELECTED: Final = "PAID_NOT_SELECTED"

_STATUSES: Final = (PAID, "REFUSED", "NOT_FOUND", "PENDING")
_SELECTED: Final = "SELECTED"
_GRACE: Final = "GRACE"  # the notice of leavers on whom nobody needs to decide
_PAID_ON: Final = "_paid_on"
_UNTIL: Final = "_until"


def disagreements(job: Job, answered: DataFrame) -> DataFrame | None:
    """Reconcile the answers with the decisions that were handed over.

    Args:
        job: The run; published decisions are those of its predecessors.
        answered: Accepted rows of program/tanggapan.

    Returns:
        One row for each unit that was selected and not paid (REFUSED, NOT_FOUND, PENDING, or NO_ANSWER where the
        program answered for others of that release), and for each that was paid and not selected, but for leavers of
        that release whose benefit still ran; in the columns of ``corrections/answer``. None where no decision was ever
        published.
    """
    said = answered.select(
        F.lower("program").alias(c.PROGRAM),
        F.col("release_id").alias(c.ANSWERED_RELEASE),
        F.col("unit_id").alias(c.UNIT_ID),
        # A word outside the list of the landing contract is no answer.
        F.when(F.upper("status").isin(*_STATUSES), F.upper("status")).alias("_status"),
        F.col("reason").alias(c.REASON),
        F.col("at").try_cast("date").alias(_PAID_ON),
    )
    selected = F.col(c.DECISION) == _SELECTED
    handed = [
        decisions.where(selected | tables.leaves()).select(
            F.lit(program).alias(c.PROGRAM),
            F.col(c.RELEASE_ID).alias(c.ANSWERED_RELEASE),
            F.coalesce(c.PERSON_ID, c.FAMILY_ID).alias(c.UNIT_ID),
            selected.alias(_SELECTED),
            # Who waits for a decision or a visit is paid until then, everybody else until the end holds.
            F.when(~selected & (F.col(c.NOTICE) == _GRACE), F.col(c.EFFECTIVE_ON)).alias(_UNTIL),
        )
        for program in job.config.programs.enabled
        if (decisions := job.published(tables.decision(program))) is not None
    ]
    if not handed:
        return None
    # A few programs and releases: only what a program has begun to answer is reconciled.
    begun = F.broadcast(said.select(c.PROGRAM, c.ANSWERED_RELEASE).distinct())
    key = [c.PROGRAM, c.ANSWERED_RELEASE, c.UNIT_ID]
    concerned = reduce(DataFrame.unionByName, handed).join(begun, key[:2])
    # decision : answer is 0..1 : 0..1, both unique by program, release and unit.
    both = concerned.join(said, key, "full_outer")
    known = both.join(reduce(DataFrame.unionByName, handed).select(*key[:2]).distinct(), key[:2], "left_semi")
    ended = ~F.col(_SELECTED) & F.coalesce(F.col(_UNTIL) <= F.col(_PAID_ON), F.lit(False))
    not_selected = F.col(_SELECTED).isNull() | ended
    unpaid = F.coalesce(F.col(_SELECTED), F.lit(False)) & F.coalesce(F.col("_status") != PAID, F.lit(True))
    state = F.when(not_selected, F.lit(NOT_SELECTED)).otherwise(F.coalesce("_status", F.lit(NO_ANSWER)))
    return known.where((not_selected & (F.col("_status") == PAID)) | unpaid).select(
        *key, state.alias(c.STATE), c.REASON
    )
