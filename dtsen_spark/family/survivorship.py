"""The surviving value of each attribute of a person, in one shuffle."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.expressions import present
from dtsen_spark.family.order import AGE_BITS, Key, Race, origins, source_rank, staleness

REGISTRY: Final = tables.PERSON_SOURCES[0]
# Values that a ticket or a field check verified: a source of its own, first in the configuration's lists of trust.
CORRECTION: Final = tables.CORRECTION.name

# Columns that only this stage reads; they are in its scratch tables, never in a published one.
REGISTRY_KK: Final = "registry_kk"
RECORDS: Final = "records"
INACTIVE_DUPLICATE: Final = "inactive_duplicate"
IN_REVIEW: Final = "in_review"

# From the registry first: what a civil registrar has seen papers for.
_REGISTERED: Final = (c.SEX, c.BIRTH_DATE, c.BIRTH_YEAR, c.RELATION, c.MARITAL)
# From visits first: what an enumerator saw; the registry's schooling and job are as old as the last paper.
_VISITED: Final = (c.PRESENCE, *tables.PERSON_INDICATORS)
_LIFE_SIGNS: Final = ("PRESENT", "NEW", "AWAY", "MOVED", "ABROAD")
_OWN_NIK_GRADES: Final = ("V3", "V1")
_KAB_DIGITS: Final = 4
_TRUST_BITS: Final = 5


def linked_records(membership: DataFrame, records: DataFrame, review: DataFrame) -> DataFrame:
    """Put the person on each record.

    Args:
        membership: Current rows of ``linkage/membership``: one row for each record.
        records: ``silver/person_record``.
        review: ``linkage/review_queue``.

    Returns:
        One row for each linked record: the record's columns, ``person_id``, the NIK only where it is the
        person's own, ``match_weight`` and ``in_review``.
    """
    links = membership.select(
        c.RECORD_ID,
        c.PERSON_ID,
        c.MATCH_WEIGHT,
        F.col(c.NIK_CLAIMED).alias("_claimed"),
        F.col(c.NIK_GRADE).alias("_grade"),
    )
    items = (
        review.select(F.explode(F.array(c.RECORD_ID_L, c.RECORD_ID_R)).alias(c.RECORD_ID))
        .where(F.col(c.RECORD_ID).isNotNull())
        .distinct()
        .withColumn(IN_REVIEW, F.lit(True))
    )
    grade = F.coalesce(F.col("_grade"), F.col(c.NIK_GRADE))
    own = (F.col(c.SOURCE) == REGISTRY) | (grade.isin(*_OWN_NIK_GRADES) & F.col("_claimed").isNull())
    # membership : record is 1 : 1; record : review item is 1 : 0..1.
    joined = records.join(links, c.RECORD_ID).join(items, c.RECORD_ID, "left")
    return joined.withColumn(c.NIK, F.when(own, F.col(c.NIK))).withColumn(
        IN_REVIEW, F.coalesce(F.col(IN_REVIEW), F.lit(False))
    )


def corrected_records(membership: DataFrame, corrections: DataFrame) -> DataFrame:
    """Put the person on each row of verified values.

    Args:
        membership: Current rows of ``linkage/membership``: one row for each record.
        corrections: ``silver/correction``: one row for each registry record with verified values.

    Returns:
        One row for each correction whose record is linked: its columns, ``person_id``, ``source``, ``in_review``.
    """
    # correction : membership is 1 : 0..1; the few corrections decide the size.
    return corrections.join(membership.select(c.RECORD_ID, c.PERSON_ID), c.RECORD_ID).withColumns(
        {c.SOURCE: F.lit(CORRECTION), IN_REVIEW: F.lit(False)}
    )


def survivors(linked: DataFrame, precedence: Sequence[str], visit_precedence: Sequence[str], on: date) -> DataFrame:
    """Reduce the records of each person to one row.

    Every field has its own winner: the best source of the field's list that has a value, then the freshest
    record (NIK and card: then the smaller number; name: then the smaller record id). An inactive registry record
    yields to every active one. A region that names no kab/kota yields to any that does.

    Args:
        linked: One row for each record, as ``linked_records`` returns them.
        precedence: Sources by trust for identity, best first.
        visit_precedence: Sources by trust for what a visit sees, best first.
        on: Day that ages are of.

    Returns:
        One row for each person: the columns of ``master/person_attribute`` but ``family_id``; ``name``,
        ``birth_year``, ``sources``; ``registry_kk``, ``records``, ``inactive_duplicate``, ``records_in_review``,
        ``weakest_link``.
    """
    inactive = F.coalesce((F.col(c.SOURCE) == REGISTRY) & (F.col(c.REGISTRY_STATUS) == "INACTIVE"), F.lit(False))
    registered = F.col(c.SOURCE) == REGISTRY
    # Computed once a record, not once a field.
    ordered = linked.select(
        "*",
        (source_rank(precedence) * 2 + inactive.cast("int")).alias("_trust"),
        (source_rank(visit_precedence) * 2).alias("_seen"),
        staleness().alias("_stale"),
        inactive.alias("_inactive"),
    )
    trust, seen = Key(F.col("_trust"), _TRUST_BITS), Key(F.col("_seen"), _TRUST_BITS)
    fresh = Key(F.col("_stale"), AGE_BITS)
    vague = Key((F.length(c.REGION_CODE) < _KAB_DIGITS).cast("int"), 1)
    races = {
        # Sixteen digits leave no room for a date; a source has a second record of a person only by mistake.
        c.NIK: Race(c.NIK, (trust,)),
        c.NO_KK: Race(c.NO_KK, (trust,)),
        **{name: Race(name, (trust, fresh)) for name in (*_REGISTERED, c.REGISTRY_STATUS)},
        **{name: Race(name, (seen, fresh)) for name in _VISITED},
        c.REGION_CODE: Race(c.REGION_CODE, (vague, trust, fresh)),
    }
    grouped = ordered.groupBy(c.PERSON_ID).agg(
        *(race.least().alias(column) for column, race in races.items()),
        races[c.NO_KK].least(registered | (F.col(c.SOURCE) == CORRECTION)).alias(REGISTRY_KK),
        *(F.max(F.col(c.SOURCE) == source).alias(f"_from_{source}") for source in tables.PERSON_SOURCES),
        F.count_if(F.col(c.SOURCE) != CORRECTION).alias(RECORDS),
        F.max("_inactive").alias("_inactive"),
        F.max(registered & ~F.col("_inactive")).alias("_active"),
        F.count_if(IN_REVIEW).cast("int").alias(c.RECORDS_IN_REVIEW),
        F.min(c.MATCH_WEIGHT).alias(c.WEAKEST_LINK),
        *_life_marks(),
    )

    def origin(column: str) -> tuple[Column, Column, Column]:
        race, order = races[column], visit_precedence if column in _VISITED else precedence
        place = 1 if column == c.REGION_CODE else 0
        rank = F.shiftright(race.key(F.col(column), place), 1).cast("int")
        source = F.coalesce(F.get(F.array(*map(F.lit, order)), rank), F.lit("other"))
        return F.col(column).isNotNull(), source, race.key(F.col(column), place + 1)

    # A name does not pack into a number. Its own aggregate keeps the others free of text, and so of a sort.
    called = F.struct("_trust", "_stale", c.RECORD_ID, c.NAME)
    names = (
        ordered.where(F.col(c.NAME).isNotNull())
        .groupBy(c.PERSON_ID)
        .agg(F.min(called).alias("_called"))
        .select(c.PERSON_ID, F.col(f"_called.{c.NAME}").alias(c.NAME))
    )
    traced = (c.REGION_CODE, c.RELATION, c.MARITAL, *tables.PERSON_INDICATORS)
    born, year = F.col(c.BIRTH_DATE), F.col(c.BIRTH_YEAR)
    return (
        grouped.select(
            c.PERSON_ID,
            *(race.value(F.col(column)).alias(column) for column, race in races.items()),
            races[c.NO_KK].value(F.col(REGISTRY_KK)).alias(REGISTRY_KK),
            origins({column: origin(column) for column in traced}).alias(c.SOURCE_OF),
            _sources().alias(c.SOURCES),
            _alive().alias(c.ALIVE),
            RECORDS,
            (F.col("_inactive") & F.col("_active")).alias(INACTIVE_DUPLICATE),
            c.RECORDS_IN_REVIEW,
            c.WEAKEST_LINK,
        )
        .withColumn(c.BIRTH_YEAR, F.coalesce(F.year(born), year))
        .withColumn(c.AGE, age(born, year, on))
        .join(names, c.PERSON_ID, "left")  # person : name is 1 : 0..1
    )


def age(born: Column, year: Column, on: date) -> Column:
    """Return the completed years of age on a day.

    Where only the year is known, 1 July stands for the day: the registry's own rule for unknown dates since 2010
    (Permendagri 19/2010).

    Args:
        born: Birth date.
        year: Year of birth.
        on: The day.

    Returns:
        Integer column; null where the birth is unknown or after the day.
    """
    today = on.year * 10_000 + on.month * 100 + on.day
    birthday = F.coalesce(F.year(born) * 10_000 + F.month(born) * 100 + F.dayofmonth(born), year * 10_000 + F.lit(701))
    years = F.floor((F.lit(today) - birthday) / 10_000).cast("int")
    return F.when(birthday <= today, years)


def _sources() -> Column:
    known = [F.when(F.col(f"_from_{source}"), F.lit(source)) for source in sorted(tables.PERSON_SOURCES)]
    return present(*known)


def _life_marks() -> tuple[Column, ...]:
    registered = F.col(c.SOURCE) == REGISTRY
    # A verified death is as good as a registered one.
    verified = (F.col(c.SOURCE) == CORRECTION) & (F.col(c.PRESENCE) == "DECEASED")
    dead = (registered & (F.col(c.REGISTRY_STATUS) == "DECEASED")) | verified
    seen_dead = ~registered & (F.col(c.PRESENCE) == "DECEASED")
    seen_alive = (registered & ~dead) | (~registered & F.col(c.PRESENCE).isin(*_LIFE_SIGNS))
    return (
        F.max(F.coalesce(dead, F.lit(False))).alias("_dead_in_registry"),
        F.max(F.when(seen_dead, F.col(c.AS_OF))).alias("_last_seen_dead"),
        F.max(F.when(seen_alive, F.col(c.AS_OF))).alias("_last_seen_alive"),
    )


def _alive() -> Column:
    # The registry's word on a death is final; a visit's word stands until somebody saw the person later.
    dead = F.col("_dead_in_registry") | (
        F.col("_last_seen_dead").isNotNull()
        & (F.col("_last_seen_alive").isNull() | (F.col("_last_seen_dead") >= F.col("_last_seen_alive")))
    )
    return ~dead
