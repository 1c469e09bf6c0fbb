"""Family ids for life: a family keeps the id that it had in the last published release."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.family.formation import BASIS
from dtsen_spark.privacy import with_opaque_id

_KEPT: Final = "_kept"


def minted(members: DataFrame, key: bytes) -> DataFrame:
    """Give every member the id that their family's basis makes.

    Args:
        members: One row for each living person with ``basis``.
        key: The id key.

    Returns:
        The same rows with ``family_id``.
    """
    return with_opaque_id(members, key, F.concat(F.lit("family:"), F.col(BASIS)), c.FAMILY_ID, "F")


def carried(members: DataFrame, families: DataFrame, family_members: DataFrame, key: bytes) -> DataFrame:
    """Give every member their family's id, kept from the last release where the family is the same.

    A family is the same as one of the last release if it has the same card; else if more than half of its
    members come from it and more than half of those of it who live are here (so that at most one family can be
    its successor). An id that is another family's is never minted again: the smallest person id joins the basis.

    Args:
        members: One row for each living person with ``basis``.
        families: ``master/family`` of the last release.
        family_members: ``master/family_member`` of the last release.
        key: The id key.

    Returns:
        The same rows with ``family_id``.
    """
    before = family_members.select(c.PERSON_ID, F.col(c.FAMILY_ID).alias("old_id"))
    card = F.concat(F.lit("kk:"), F.col(c.NO_KK)).alias(BASIS)
    # One card may stand on two families of the last release (a carried id): the smaller id keeps it.
    by_card = families.where(F.col(c.NO_KK).isNotNull()).groupBy(card).agg(F.min(c.FAMILY_ID).alias("by_card"))
    # member : former family is 1 : 0..1.
    flow = members.join(before, c.PERSON_ID, "left")
    pairs = flow.groupBy(BASIS, "old_id").agg(F.count(F.lit(1)).alias("n"))
    size = pairs.groupBy(BASIS).agg(F.sum("n").alias("size"))
    left = pairs.where(F.col("old_id").isNotNull()).groupBy("old_id").agg(F.sum("n").alias("living"))
    # pair : family and pair : former family are n : 1.
    by_majority = (
        pairs.where(F.col("old_id").isNotNull())
        .join(size, BASIS)
        .join(left, "old_id")
        .where((F.col("n") * 2 > F.col("size")) & (F.col("n") * 2 > F.col("living")))
        .select(BASIS, F.col("old_id").alias("by_majority"))
    )
    taken = by_card.select(F.col("by_card").alias("by_majority"), F.col(BASIS).alias("owner"))
    new = members.groupBy(BASIS).agg(F.min(c.PERSON_ID).alias("first_person"))
    living_cards = by_card.join(new.select(BASIS), BASIS, "left_semi")
    # Each join is 1 : 0..1. A former id goes to the family with its card, if that family still has members.
    kept = (
        new.join(by_card, BASIS, "left")
        .join(by_majority, BASIS, "left")
        .join(taken.join(living_cards.select(F.col(BASIS).alias("owner")), "owner", "left_semi"), "by_majority", "left")
        .withColumn(_KEPT, F.coalesce("by_card", F.when(F.col("owner").isNull(), F.col("by_majority"))))
    )
    fresh = minted(kept.select(BASIS, "first_person", _KEPT), key)
    used = families.select(F.col(c.FAMILY_ID), F.lit(True).alias("used"))
    # fresh id : former id is 1 : 0..1.
    checked = fresh.join(used, c.FAMILY_ID, "left")
    message = F.concat_ws(":", F.lit("family"), F.col(BASIS), F.col("first_person"))
    again = with_opaque_id(checked, key, message, "again", "F")
    ids = again.select(
        BASIS,
        F.coalesce(F.col(_KEPT), F.when(F.col("used"), F.col("again")).otherwise(F.col(c.FAMILY_ID))).alias(
            c.FAMILY_ID
        ),
    )
    # member : family is n : 1.
    return members.join(ids, BASIS)
