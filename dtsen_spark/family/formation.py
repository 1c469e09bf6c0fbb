"""Who forms a family: the family card of the registry, else those who were listed together."""

from collections.abc import Sequence
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.family.order import source_rank, staleness
from dtsen_spark.family.survivorship import REGISTRY, REGISTRY_KK

# What a family hangs on: "kk:<number>", "record:<family record>" or "person:<person>". Scratch only: it identifies.
BASIS: Final = "basis"

_KAB_DIGITS: Final = 4


def listings(linked: DataFrame, precedence: Sequence[str]) -> DataFrame:
    """List who was recorded in which family or household row of a source.

    Args:
        linked: One row for each linked record.
        precedence: Sources by trust, best first.

    Returns:
        One row for each person × family record: ``person_id``, ``family_record_id``, ``trust``, ``staleness``.
    """
    return (
        linked.where((F.col(c.SOURCE) != REGISTRY) & F.col(c.FAMILY_RECORD_ID).isNotNull())
        .groupBy(c.PERSON_ID, c.FAMILY_RECORD_ID)
        .agg(F.min(source_rank(precedence)).alias("trust"), F.min(staleness()).alias("staleness"))
    )


def bases(persons: DataFrame, listed: DataFrame) -> DataFrame:
    """Say for every living person what their family hangs on.

    A person with a family card in the registry belongs to that card. A person without one belongs to the card of
    more than half of those listed in the same family record who have a card; the best source decides where the
    records disagree. Else everybody of that record who has no card is one family; a person whom no family
    record lists is a family of one.

    Args:
        persons: One row for each person: ``person_id``, ``alive``, ``registry_kk``.
        listed: One row for each person × family record, as ``listings`` returns them.

    Returns:
        One row for each living person: ``person_id``, ``basis``.
    """
    living = persons.where(c.ALIVE).select(c.PERSON_ID, REGISTRY_KK)
    cardless = living.where(F.col(REGISTRY_KK).isNull()).select(c.PERSON_ID)
    # cardless person : listing is 1 : 0..n (one for each source, rarely more).
    own = listed.join(cardless, c.PERSON_ID)
    rows = own.select(c.FAMILY_RECORD_ID).distinct()
    # Only family records that list a cardless person vote: a small part of all. listing : person is n : 1.
    fellows = listed.join(rows, c.FAMILY_RECORD_ID, "left_semi").join(
        living.where(F.col(REGISTRY_KK).isNotNull()), c.PERSON_ID
    )
    votes = fellows.groupBy(c.FAMILY_RECORD_ID, REGISTRY_KK).agg(F.count(F.lit(1)).alias("votes"))
    majority = (
        votes.groupBy(c.FAMILY_RECORD_ID)
        .agg(F.sum("votes").alias("all"), F.max(F.struct("votes", REGISTRY_KK)).alias("top"))
        .where(F.col("top.votes") * 2 > F.col("all"))
        .select(c.FAMILY_RECORD_ID, F.col(f"top.{REGISTRY_KK}").alias("joined_kk"))
    )
    # listing : majority is n : 0..1.
    chosen = (
        own.join(majority, c.FAMILY_RECORD_ID, "left")
        .groupBy(c.PERSON_ID)
        .agg(
            F.min(F.struct(F.col("joined_kk").isNull(), "trust", "staleness", c.FAMILY_RECORD_ID, "joined_kk")).alias(
                "home"
            )
        )
        .select(c.PERSON_ID, F.col("home.joined_kk"), F.col(f"home.{c.FAMILY_RECORD_ID}"))
    )
    card = F.coalesce(F.col(REGISTRY_KK), F.col("joined_kk"))
    basis = F.coalesce(
        F.concat(F.lit("kk:"), card),
        F.concat(F.lit("record:"), F.col(c.FAMILY_RECORD_ID)),
        F.concat(F.lit("person:"), F.col(c.PERSON_ID)),
    )
    # living person : choice is 1 : 0..1.
    return living.join(chosen, c.PERSON_ID, "left").select(c.PERSON_ID, basis.alias(BASIS))


def households(members: DataFrame) -> DataFrame:
    """Settle head, size and region of each family and put them on every member.

    Head is who the registry (else the best source) calls head; holders of the family's card come before those
    who were joined to it; without one the oldest, ties by NIK and name, and by person id only where those are the
    same or missing: ids change with their key, and nobody's head may. The region is the head's, else that of the
    first other member whose kab/kota is known. Somebody else who was head of another list is OTHER here.

    Args:
        members: One row for each living person: ``person_id``, ``family_id``, ``basis``, ``registry_kk``,
            ``relation``, ``birth_date``, ``birth_year``, ``nik``, ``name``, ``region_code``, ``records_in_review``,
            ``weakest_link``.

    Returns:
        The same rows: ``person_id``, ``family_id``, ``relation``, ``head_person_id``, ``members``,
        ``region_code`` (the family's), ``no_kk`` (the family's), ``records_in_review`` (of all members),
        ``weakest_link`` (of any member).
    """
    family = Window.partitionBy(c.FAMILY_ID)
    order = _seniority()
    placed = F.length(c.REGION_CODE) >= _KAB_DIGITS
    head = F.min(F.struct(*order)).over(family).getField(c.PERSON_ID)
    region = F.min(
        F.when(F.col(c.REGION_CODE).isNotNull(), F.struct((~placed).alias("vague"), *order, F.col(c.REGION_CODE)))
    ).over(family)
    card = F.when(F.col(BASIS).startswith("kk:"), F.substring(BASIS, 4, 16))
    relation = (
        F.when(F.col(c.PERSON_ID) == F.col(c.HEAD_PERSON_ID), F.lit("HEAD"))
        .when(F.col(c.RELATION) == "HEAD", F.lit("OTHER"))
        .otherwise(F.col(c.RELATION))
    )
    return (
        members.withColumn(c.HEAD_PERSON_ID, head)
        .withColumn(c.MEMBERS, F.count(F.lit(1)).over(family).cast("int"))
        .withColumn("_region", region.getField(c.REGION_CODE))
        .withColumn("_review", F.sum(c.RECORDS_IN_REVIEW).over(family).cast("int"))
        .withColumn("_weakest", F.min(c.WEAKEST_LINK).over(family))
        .select(
            c.PERSON_ID,
            c.FAMILY_ID,
            relation.alias(c.RELATION),
            c.HEAD_PERSON_ID,
            c.MEMBERS,
            F.col("_region").alias(c.REGION_CODE),
            card.alias(c.NO_KK),
            F.col("_review").alias(c.RECORDS_IN_REVIEW),
            F.col("_weakest").alias(c.WEAKEST_LINK),
        )
    )


def _seniority() -> tuple[Column, ...]:
    year_only = F.make_date(F.col(c.BIRTH_YEAR), F.lit(7), F.lit(1))
    born = F.coalesce(F.col(c.BIRTH_DATE), year_only, F.lit("9999-12-31").cast("date"))
    is_head = F.coalesce(F.col(c.RELATION) == "HEAD", F.lit(False))
    return (
        (~is_head).alias("not_head"),
        F.col(REGISTRY_KK).isNull().alias("cardless"),
        born.alias("born"),
        F.col(c.NIK).isNull().alias("no_nik"),
        F.col(c.NIK),
        F.col(c.NAME),
        F.col(c.PERSON_ID),
    )
