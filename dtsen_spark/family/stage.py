"""The family stage: reads the linkage and silver, writes ``master``."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.family import carry, formation, housing, survivorship
from dtsen_spark.job import Job

STAGE: Final = "family"

_LINKED: Final = (
    c.RECORD_ID,
    c.SOURCE,
    c.FAMILY_RECORD_ID,
    c.AS_OF,
    c.NIK,
    c.NIK_GRADE,
    c.NO_KK,
    c.NAME,
    c.SEX,
    c.BIRTH_DATE,
    c.BIRTH_YEAR,
    c.REGION_CODE,
    c.RELATION,
    c.MARITAL,
    c.REGISTRY_STATUS,
    c.PRESENCE,
    *tables.PERSON_INDICATORS,
)

# What a correction says of a person, besides whose it is.
_VERIFIED: Final = (
    c.PERSON_ID,
    c.RECORD_ID,
    c.SOURCE,
    c.AS_OF,
    c.NO_KK,
    c.REGION_CODE,
    c.RELATION,
    c.MARITAL,
    c.PRESENCE,
    *tables.PERSON_INDICATORS,
    survivorship.IN_REVIEW,
)


def run(job: Job) -> None:
    """Make persons and families of the linked records.

    Reads ``linkage/membership``, ``linkage/review_queue``, ``silver/person_record``, ``silver/family_record``,
    ``silver/correction``, ``silver/power_customer`` and the families of the last release; writes ``master/person``,
    ``person_attribute``, ``family``, ``family_member``, ``family_attribute``.

    Args:
        job: The run.
    """
    rules = job.config.family
    membership = job.read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull())
    records = job.read(tables.PERSON_RECORD).select(*_LINKED)
    linked = survivorship.linked_records(membership, records, job.read(tables.REVIEW_QUEUE))
    corrected = None
    if job.has(tables.CORRECTION):
        corrected = survivorship.corrected_records(membership, job.read(tables.CORRECTION))
        linked = linked.unionByName(corrected.select(*_VERIFIED), allowMissingColumns=True)

    # Each of the three is read several times, in few columns: written once to files, not held in memory.
    persons = job.keep(
        STAGE,
        "persons",
        survivorship.survivors(linked, rules.precedence, rules.indicator_precedence, job.period.last_day),
    )
    listed = job.keep(STAGE, "listed", formation.listings(linked, rules.housing_precedence))
    assigned = job.keep(STAGE, "assigned", _assign(job, persons, listed))

    # person : assignment is 1 : 0..1; the dead have none. A relation is to this family's head; that of the dead
    # stays as it was recorded.
    here = assigned.select(c.PERSON_ID, c.FAMILY_ID, F.col(c.RELATION).alias("_here"))
    placed = persons.join(here, c.PERSON_ID, "left").withColumn(
        c.RELATION, F.when(F.col(c.ALIVE), F.col("_here")).otherwise(F.col(c.RELATION))
    )
    written = job.write(tables.PERSON, placed)
    job.write(tables.PERSON_ATTRIBUTE, placed)
    members = job.write(tables.FAMILY_MEMBER, assigned)
    job.write(tables.FAMILY, assigned.where(F.col(c.PERSON_ID) == F.col(c.HEAD_PERSON_ID)))
    family_records = job.read(tables.FAMILY_RECORD)
    if corrected is not None:
        listed, family_records = housing.with_corrections(listed, family_records, corrected)
    attributes = housing.attributes(assigned, listed, family_records, rules.housing_precedence)
    if job.has(tables.POWER_CUSTOMER):
        attributes = housing.with_measured_power(attributes, persons, assigned, job.read(tables.POWER_CUSTOMER))
    job.write(tables.FAMILY_ATTRIBUTE, attributes)
    _account(job, membership, persons, written.rows, members.rows)


def _assign(job: Job, persons: DataFrame, listed: DataFrame) -> DataFrame:
    wanted = (
        c.PERSON_ID,
        survivorship.REGISTRY_KK,
        c.RELATION,
        c.BIRTH_DATE,
        c.BIRTH_YEAR,
        c.NIK,
        c.NAME,
        c.REGION_CODE,
        c.RECORDS_IN_REVIEW,
        c.WEAKEST_LINK,
    )
    # living person : basis is 1 : 1.
    members = formation.bases(persons, listed).join(persons.select(*wanted), c.PERSON_ID)
    families, family_members = job.published(tables.FAMILY), job.published(tables.FAMILY_MEMBER)
    if families is None or family_members is None:
        identified = carry.minted(members, job.id_key())
    else:
        identified = carry.carried(members, families, family_members, job.id_key())
    return formation.households(identified)


def _account(job: Job, membership: DataFrame, persons: DataFrame, person_rows: int, member_rows: int) -> None:
    counted = persons.agg(
        F.coalesce(F.sum(survivorship.RECORDS), F.lit(0)).alias("records"),
        F.count_if(~F.col(c.ALIVE)).alias("dead"),
        F.count_if(survivorship.INACTIVE_DUPLICATE).alias("duplicates"),
        F.count_if(F.col(c.BIRTH_YEAR).isNull()).alias("ageless"),
    ).first()
    figures = counted.asDict() if counted else {}
    dead = int(figures["dead"])
    job.ledger.account(STAGE, "records of persons", rows_in=membership.count(), rows_out=int(figures["records"]))
    job.ledger.account(
        STAGE, "persons in families", rows_in=person_rows, rows_out=member_rows, set_aside={"deceased": dead}
    )
    job.ledger.metric(STAGE, "persons_deceased", dead, subject=tables.PERSON.path)
    job.ledger.metric(STAGE, "persons_with_inactive_duplicate", figures["duplicates"], subject=tables.PERSON.path)
    job.ledger.metric(STAGE, "persons_without_birth_year", figures["ageless"], subject=tables.PERSON.path)
