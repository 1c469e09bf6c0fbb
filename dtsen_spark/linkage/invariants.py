"""The invariants I1 to I5, each proven by a query on what was written, in every run.

I1: a person holds one registry row at most. I2: no two different verified NIKs. I3: no two sexes with birth years more
than five apart, unless people decided so. I4: scores bring no more records of one source to a person than configured
(more that state the person's own NIK wait in the review queue). I5: of the records that were grouped without a registry
row, one has a scored edge to all others, so no single edge joins two parts.
"""

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.errors import DtsenError
from dtsen_spark.job import Job
from dtsen_spark.linkage.agreement import MOST_YEARS_OF_TWO_SEXES
from dtsen_spark.linkage.assignment import Reason, State
from dtsen_spark.linkage.collapse import REGISTRY

_SAYS: Final = {
    "i1": "two registry rows",
    "i2": "two verified NIKs",
    "i3": "two sexes with birth years more than five apart",
    "i4": "more scored records of one source than linkage.max_source_records",
    "i5": "records without one that all others have an edge to",
}
_BY_SCORE: Final = (Reason.SCORE, Reason.SCORE_HOUSEHOLD, Reason.SCORE_VIA_RECORD, Reason.SCORE_GROUP)


def prove(job: Job, stage: str) -> int:
    """Enter the stage's account and figures, and prove the invariants on what was written.

    Args:
        job: The job; its build has membership and edges.
        stage: Stage of the pipeline.

    Returns:
        Persons with more records of one source than configured, by whatever reason: for the review queue.

    Raises:
        DtsenError: An invariant is broken, which is a fault of this package and stops the run.
    """
    silver = job.read(tables.PERSON_RECORD).select(c.RECORD_ID, c.SOURCE, c.NIK, c.SEX, c.BIRTH_YEAR)
    current = job.read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull())
    found = _of_persons(current, silver, job.config.linkage.max_source_records)
    found["i5"] = _chains(current, job.read(tables.EDGE))
    job.ledger.account(stage, tables.MEMBERSHIP.path, rows_in=silver.count(), rows_out=found.pop("records"))
    job.ledger.metric(stage, "persons", found.pop("persons"))
    crowded = found.pop("crowded")
    job.ledger.metric(stage, "persons_crowded", crowded)
    for name, persons in sorted(found.items()):
        job.ledger.metric(stage, f"{name}_violations", persons, severity="critical")
    for row in current.groupBy(c.MATCH_REASON).count().collect():  # a dozen reasons
        job.ledger.metric(stage, "records_by_reason", row["count"], rule=row[c.MATCH_REASON])
    broken = [f"{persons:,} persons hold {_SAYS[name]} ({name.upper()})" for name, persons in found.items() if persons]
    if broken:
        message = f"linkage: {'; '.join(broken)}; nothing is published; report this with the release id"
        raise DtsenError(message)
    return crowded


def _of_persons(current: DataFrame, silver: DataFrame, max_source_records: int) -> dict[str, int]:
    """Count records, persons, crowded persons and violations of I1 to I4 in one pass."""
    verified = F.when(F.col(c.NIK_GRADE) == "V3", F.col(c.NIK))
    year, man, woman = F.col(c.BIRTH_YEAR), F.col(c.SEX) == "L", F.col(c.SEX) == "P"

    def span(late: Column, early: Column) -> Column:
        return F.coalesce(F.max(F.when(late, year)) - F.min(F.when(early, year)), F.lit(0))

    scored = F.col(c.MATCH_REASON).isin(*_BY_SCORE)

    def most_of_a_source(counted: Column) -> Column:
        return F.greatest(*(F.count_if(counted & (F.col(c.SOURCE) == source)) for source in tables.LINKED_SOURCES))

    persons = (
        # 1 : 1, a record has one current row.
        current.join(silver, c.RECORD_ID)
        .groupBy(c.PERSON_ID)
        .agg(
            F.count(F.lit(1)).alias("records"),
            F.count_if(F.col(c.SOURCE) == REGISTRY).alias("registry_rows"),
            F.min(verified).alias("least_nik"),
            F.max(verified).alias("greatest_nik"),
            F.greatest(span(man, woman), span(woman, man)).alias("years"),
            F.count_if(F.col(c.MATCH_REASON).startswith("LABEL_")).alias("by_label"),
            most_of_a_source(scored).alias("scored_of_source"),
            most_of_a_source(F.lit(True)).alias("of_source"),
        )
    )
    row = persons.agg(
        F.sum("records").alias("records"),
        F.count(F.lit(1)).alias("persons"),
        F.count_if(F.col("registry_rows") > 1).alias("i1"),
        F.count_if(F.col("least_nik") != F.col("greatest_nik")).alias("i2"),
        F.count_if((F.col("years") > MOST_YEARS_OF_TWO_SEXES) & (F.col("by_label") == 0)).alias("i3"),
        F.count_if(F.col("scored_of_source") > max_source_records).alias("i4"),
        F.count_if(F.col("of_source") > max_source_records).alias("crowded"),
    ).collect()[0]
    return {name: int(value or 0) for name, value in row.asDict().items()}


def _chains(current: DataFrame, edges: DataFrame) -> int:
    """Count persons whose grouped records have no member with an edge to all others (I5)."""
    grouped = current.where(F.col(c.MATCH_REASON) == Reason.SCORE_GROUP).select(c.RECORD_ID, c.PERSON_ID)
    linked = edges.where(F.col(c.STATE) == State.LINKED)
    ends = linked.select(F.col(c.RECORD_ID_L).alias(c.RECORD_ID), F.col(c.RECORD_ID_R).alias("other")).unionByName(
        linked.select(F.col(c.RECORD_ID_R).alias(c.RECORD_ID), F.col(c.RECORD_ID_L).alias("other"))
    )
    others = grouped.select(F.col(c.RECORD_ID).alias("other"), F.col(c.PERSON_ID).alias("other_person"))
    # n : 1 on either end, a record is of one person; the other end may have left by a label or a guard.
    seen = ends.join(grouped, c.RECORD_ID).join(others, "other", "left")
    inside = F.coalesce(F.col(c.PERSON_ID) == F.col("other_person"), F.lit(False))
    degrees = seen.groupBy(c.PERSON_ID, c.RECORD_ID).agg(
        F.count_distinct(F.when(inside, F.col("other"))).alias("degree"), F.count_if(~inside).alias("left")
    )
    hubs = degrees.groupBy(c.PERSON_ID).agg(F.max("degree").alias("hub"), F.sum("left").alias("left"))
    sizes = grouped.groupBy(c.PERSON_ID).agg(F.count(F.lit(1)).alias("records"))
    # 1 : 1, a person has one size and one hub. Who lost a member stands as people or the guard left it.
    joined = sizes.where("records > 1").join(hubs, c.PERSON_ID, "left").where(F.coalesce("left", F.lit(0)) == 0)
    return joined.where(F.coalesce("hub", F.lit(0)) < F.col("records") - 1).count()
