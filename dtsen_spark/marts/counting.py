"""What Spark counts for the statistics: a few passes over scores, persons, decisions and links.

What comes back to the driver is bounded by the number of regions and values, never by the population.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import local_frame
from dtsen_spark.expressions import present
from dtsen_spark.job import Job
from dtsen_spark.marts.disclosure import DIGITS

Row = dict[str, Any]

EVERYBODY: Final = "all"  # the program of those who are in none, and of all others
PROVINCE: Final = 1
KAB: Final = 2
KECAMATAN: Final = 3

_SELECTED: Final = "SELECTED"
_PROGRAMS: Final = "_programs"
_OF_FAMILY: Final = "_of_family"
_OF_PERSON: Final = "_of_person"
# First ages of the groups: school levels (7, 13, 16), working age, elderly (60, as of PKH and PBI-JKN).
_AGES_FROM: Final = (0, 7, 13, 16, 19, 30, 45, 60)


@dataclass(frozen=True)
class Decided:
    """Counts of the decisions, twice: fine regions with few values, coarse ones with many.

    Attributes:
        by_decision: Program, kecamatan, decision, change: rows and benefits.
        by_cause: Program, kab/kota, decision, change, cause, decile: rows and benefits.
    """

    by_decision: list[Row]
    by_cause: list[Row]


def region(level: int, column: str = c.REGION_CODE) -> Column:
    """Return the code of a place up to a level; the empty text where no place is known."""
    return F.coalesce(F.substring(F.col(column), 1, DIGITS[level]), F.lit("")).alias(c.REGION_CODE)


def age_group() -> Column:
    """Return the age group of ``age``, such as ``07-12``; null where the age is unknown."""
    group = None
    for first, after in zip(_AGES_FROM, (*_AGES_FROM[1:], None), strict=True):
        label = f"{first:02}+" if after is None else f"{first:02}-{after - 1:02}"
        inside = F.col(c.AGE) >= first if after is None else F.col(c.AGE).between(first, after - 1)
        group = F.when(inside, label) if group is None else group.when(inside, label)
    if group is None:
        message = "no age group is declared"
        raise ValueError(message)
    return group.alias(c.AGE_GROUP)


def scored(job: Job) -> list[Row]:
    """Families and persons by kecamatan and decile, from ``welfare/score``."""
    return _rows(
        job.read(tables.SCORE)
        .groupBy(region(KECAMATAN), c.DECILE)
        .agg(F.count(F.lit(1)).alias(c.FAMILIES), F.coalesce(F.sum(c.MEMBERS), F.lit(0)).alias(c.PERSONS))
    )


def people(job: Job) -> tuple[list[Row], list[Row]]:
    """Living persons in families, counted for two tables.

    Returns:
        By kecamatan, sex and age group; by program, province, decile, sex and age group, where the program
        ``EVERYBODY`` holds all and each other those in a selected unit.
    """
    persons = job.read(tables.PERSON_ATTRIBUTE).where(c.ALIVE).select(c.PERSON_ID, c.FAMILY_ID, c.SEX, age_group())
    families = job.read(tables.SCORE).select(c.FAMILY_ID, region(KECAMATAN), c.DECILE)
    # A person's programs are bits of a number: one flat value to shuffle and to group by.
    named = [program for program in job.config.programs.enabled if job.has(tables.decision(program))]
    of_family, of_person = _selected_units(job, named, c.FAMILY_ID), _selected_units(job, named, c.PERSON_ID)
    # Families 1 : 0..1 selected families, persons 1 : 0..1 selected persons, as both are grouped on the key;
    # then persons n : 1 families.
    families = families.join(of_family.withColumnRenamed(_PROGRAMS, _OF_FAMILY), c.FAMILY_ID, "left")
    joined = persons.join(of_person.withColumnRenamed(_PROGRAMS, _OF_PERSON), c.PERSON_ID, "left").join(
        families, c.FAMILY_ID
    )
    nothing = F.lit(0).cast("long")
    programs = F.coalesce(_OF_FAMILY, nothing).bitwiseOR(F.coalesce(_OF_PERSON, nothing))
    counted = joined.groupBy(c.REGION_CODE, c.DECILE, c.SEX, c.AGE_GROUP, programs.alias(_PROGRAMS)).agg(
        F.count(F.lit(1)).alias(c.PERSONS)
    )
    within = [F.when(F.getbit(_PROGRAMS, F.lit(bit)) == 1, F.lit(program)) for bit, program in enumerate(named)]
    total = F.sum(c.PERSONS).alias(c.PERSONS)
    with _kept(counted) as kept:
        by_age = _rows(kept.groupBy(c.REGION_CODE, c.SEX, c.AGE_GROUP).agg(total))
        profile = _rows(
            kept.select(
                F.explode(present(F.lit(EVERYBODY), *within)).alias(c.PROGRAM),
                region(PROVINCE),
                c.DECILE,
                c.SEX,
                c.AGE_GROUP,
                c.PERSONS,
            )
            .groupBy(c.PROGRAM, c.REGION_CODE, c.DECILE, c.SEX, c.AGE_GROUP)
            .agg(total)
        )
    return by_age, profile


def _selected_units(job: Job, programs: list[str], unit: str) -> DataFrame:
    """Return the selected units of one kind, each with a bit for each of its programs.

    Args:
        job: The run.
        programs: Programs; the place of each is its bit.
        unit: ``family_id`` or ``person_id``; a unit that is a person has both.

    Returns:
        One row for each: the unit, and the bits as a number.
    """
    of_kind = F.col(c.PERSON_ID).isNotNull() if unit == c.PERSON_ID else F.col(c.PERSON_ID).isNull()
    found = local_frame(job.spark, [], f"{unit} string, {_PROGRAMS} long")
    for bit, program in enumerate(programs):
        selected = job.read(tables.decision(program)).where((F.col(c.DECISION) == _SELECTED) & of_kind)
        found = found.unionByName(selected.select(unit, F.lit(1 << bit).cast("long").alias(_PROGRAMS)))
    return found.groupBy(unit).agg(F.bit_or(_PROGRAMS).alias(_PROGRAMS))


def _decisions(job: Job) -> DataFrame | None:
    parts = None
    for program in job.config.programs.enabled:
        table = tables.decision(program)
        if job.has(table):
            part = job.read(table).withColumn(c.PROGRAM, F.lit(program))
            parts = part if parts is None else parts.unionByName(part)
    return parts


def decided(job: Job) -> Decided:
    """Units and benefits by decision, change, cause and decile, from ``programs/<program>``."""
    parts = _decisions(job)
    if parts is None:
        return Decided([], [])
    counted = parts.groupBy(
        c.PROGRAM,
        region(KECAMATAN),
        c.DECISION,
        c.CHANGE,
        F.coalesce(c.CHANGE_CAUSE, F.lit("")).alias(c.CHANGE_CAUSE),
        c.DECILE,
    ).agg(
        F.count(F.lit(1)).alias(c.ROWS),
        # Only a program of persons names persons.
        F.max(F.col(c.PERSON_ID).isNotNull()).alias(_OF_PERSON),
        F.coalesce(F.sum(c.BENEFIT_IDR_YEAR), F.lit(0)).alias(c.BENEFIT_TOTAL_IDR_YEAR),
    )
    sums = (
        F.sum(c.ROWS).alias(c.ROWS),
        F.max(_OF_PERSON).alias(_OF_PERSON),
        F.sum(c.BENEFIT_TOTAL_IDR_YEAR).alias(c.BENEFIT_TOTAL_IDR_YEAR),
    )
    with _kept(counted) as kept:
        fine = _rows(kept.groupBy(c.PROGRAM, c.REGION_CODE, c.DECISION, c.CHANGE).agg(*sums))
        coarse = _rows(kept.groupBy(c.PROGRAM, region(KAB), c.DECISION, c.CHANGE, c.CHANGE_CAUSE, c.DECILE).agg(*sums))
    of_persons = {row[c.PROGRAM] for row in fine if row[_OF_PERSON]}
    with_unit = [{**row, c.UNIT: "person" if row[c.PROGRAM] in of_persons else "family"} for row in fine]
    return Decided(with_unit, coarse)


def known(job: Job) -> list[Row]:
    """Living persons by source that knows them and kab/kota, from ``master/person``."""
    if not job.has(tables.PERSON):
        return []
    return _rows(
        job.read(tables.PERSON)
        .where(c.ALIVE)
        .groupBy(c.SOURCES, region(KAB))
        .agg(F.count(F.lit(1)).alias(c.PERSONS))
        .select(F.explode(c.SOURCES).alias(c.SOURCE), c.REGION_CODE, c.PERSONS)
        .groupBy(c.SOURCE, c.REGION_CODE)
        .agg(F.sum(c.PERSONS).alias(c.PERSONS))
    )


def linked(job: Job) -> list[Row]:
    """Records by source and reason of their link, from ``linkage/membership``."""
    if not job.has(tables.MEMBERSHIP):
        return []
    return _rows(
        job.read(tables.MEMBERSHIP)
        .where(F.col(c.VALID_TO).isNull())
        .groupBy(F.substring_index(c.RECORD_ID, ":", 1).alias(c.SOURCE), c.MATCH_REASON)
        .agg(F.count(F.lit(1)).alias(c.RECORDS))
    )


@contextmanager
def _kept(df: DataFrame) -> Iterator[DataFrame]:
    """Keep a small frame that is read twice, and let it go."""
    kept = df.persist()
    try:
        yield kept
    finally:
        kept.unpersist()


def _rows(df: DataFrame) -> list[Row]:
    return [row.asDict() for row in df.collect()]  # regions × values
