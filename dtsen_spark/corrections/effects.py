"""What an objection changed: fields, then the score, then the desil, then each program's decision."""

from functools import reduce
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import TableContract
from dtsen_spark.corrections.overrides import STANDING, TICKET
from dtsen_spark.job import Job

_NOW: Final = "_now"
_BEFORE: Final = "_before"
_ABSENT: Final = "NONE"


def run(job: Job) -> None:
    """Trace every ticket whose values stand for the first time in this release.

    Reads ``corrections/override``, ``linkage/membership``, ``master/family_member``, ``welfare/score`` and
    ``programs/*`` of the build and of the last published release; writes ``corrections/effect``. Where nothing was
    published before there is nothing to compare with, and the table is empty.

    Args:
        job: The run.
    """
    scores, members = job.published(tables.SCORE), job.published(tables.FAMILY_MEMBER)
    if not job.has(tables.OVERRIDE) or scores is None or members is None:
        job.write(tables.EFFECT, job.lake.empty(tables.EFFECT))
        return
    scores = scores.where(F.col(c.RELEASE_ID) == F.lit(job.previous_release))
    traced = _with_family(_tickets(job), job.read(tables.FAMILY_MEMBER), _NOW)
    traced = _with_score(_with_family(traced, members, _BEFORE), job.read(tables.SCORE), scores)
    decisions = [
        part for program in job.config.programs.enabled if (part := _decided(job, traced, program)) is not None
    ]
    if decisions:
        changed = reduce(DataFrame.unionByName, decisions).groupBy(c.TICKET_ID, c.PERSON_ID)
        listed = changed.agg(F.array_sort(F.collect_list("_decision")).alias(c.DECISIONS))
        # ticket and subject : their decisions is 1 : 0..1.
        traced = traced.join(listed, [c.TICKET_ID, c.PERSON_ID], "left")
    else:
        traced = traced.withColumn(c.DECISIONS, F.lit(None).cast("array<string>"))
    job.write(tables.EFFECT, traced)


def _tickets(job: Job) -> DataFrame:
    """One row for each ticket with values that stand now and did not before: subject and fields."""
    standing = job.read(tables.OVERRIDE).where((F.col(c.STATE) == STANDING) & (F.col(c.ORIGIN) == TICKET))
    before = job.published(tables.OVERRIDE)
    if before is not None:
        key = [c.RECORD_ID, c.INDICATOR, c.TICKET_ID]
        standing = standing.join(before.where(F.col(c.STATE) == STANDING).select(*key), key, "left_anti")
    fields = standing.groupBy(c.TICKET_ID, c.RECORD_ID).agg(
        F.array_sort(F.collect_set(c.INDICATOR)).alias(c.CHANGED_FIELDS)
    )
    links = job.read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull()).select(c.RECORD_ID, c.PERSON_ID)
    # ticket : record is n : 1 (a record has one current row); the tickets decide the size.
    return fields.join(links, c.RECORD_ID).drop(c.RECORD_ID)


def _with_family(traced: DataFrame, members: DataFrame, name: str) -> DataFrame:
    # subject : family is n : 0..1.
    placed = members.select(c.PERSON_ID, F.col(c.FAMILY_ID).alias(name))
    return traced.join(placed, c.PERSON_ID, "left")


def _with_score(traced: DataFrame, now: DataFrame, before: DataFrame) -> DataFrame:
    # family : score is n : 0..1.
    return traced.join(now.select(F.col(c.FAMILY_ID).alias(_NOW), c.SCORE, c.DECILE), _NOW, "left").join(
        before.select(
            F.col(c.FAMILY_ID).alias(_BEFORE),
            F.col(c.SCORE).alias(c.SCORE_BEFORE),
            F.col(c.DECILE).alias(c.DECILE_BEFORE),
        ),
        _BEFORE,
        "left",
    )


def _decided(job: Job, traced: DataFrame, program: str) -> DataFrame | None:
    """Say what a program decided on the subject, or on the subject's family, then and now."""
    table: TableContract = tables.decision(program)
    published = job.published(table)
    if published is None or not job.has(table):
        return None
    subjects = traced.select(c.TICKET_ID, c.PERSON_ID, _NOW, _BEFORE)

    def of_subject(decisions: DataFrame, family: str) -> DataFrame:
        # A program of persons has rows with a person, one of families rows without: one of the two joins finds it.
        unit = F.coalesce(c.PERSON_ID, c.FAMILY_ID)
        found = decisions.select(unit.alias("_unit"), c.DECISION)
        units = subjects.withColumn("_unit", F.explode(F.array(c.PERSON_ID, family)))
        return (
            units.join(found, "_unit")
            .groupBy(c.TICKET_ID, c.PERSON_ID)
            .agg(F.max(c.DECISION).alias(f"{family}_decision"))
        )

    now = of_subject(job.read(table), _NOW)
    then = of_subject(published.where(F.col(c.RELEASE_ID) == F.lit(job.previous_release)), _BEFORE)
    # ticket and subject : decision is 1 : 0..1 on either side.
    both = now.join(then, [c.TICKET_ID, c.PERSON_ID], "full_outer")
    words = (F.coalesce(f"{side}_decision", F.lit(_ABSENT)) for side in (_BEFORE, _NOW))
    return both.select(
        c.TICKET_ID, c.PERSON_ID, F.concat(F.lit(f"{program}: "), F.concat_ws(" > ", *words)).alias("_decision")
    )
