"""How common a name is: the frequency list of the registry, frozen with each model.

Only terms that many people share are listed, so the list says nothing of one person; what is not listed is rare.
"""

from enum import StrEnum
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c

# Least share of the registry's persons that bear a term, by class; class 0 is the most common.
_CLASS_SHARES: Final = (1e-2, 1e-3, 1e-4, 1e-5)
UNLISTED: Final = len(_CLASS_SHARES)


class TermKind(StrEnum):
    """What is counted."""

    TOKEN = "TOKEN"
    NAME = "NAME"


def count_terms(anchors: DataFrame, persons: int, least_count: int) -> DataFrame:
    """Count tokens and whole names of the registry and class them by their share.

    Args:
        anchors: One row for each registry person, with ``name_sorted`` and ``name_tokens``.
        persons: Rows of ``anchors``.
        least_count: Terms of fewer persons are left out: a rare name can point at somebody.

    Returns:
        One row for each common term: ``kind``, ``term``, ``term_class``.
    """
    named = anchors.select(
        F.explode(
            F.concat(
                F.transform(
                    F.array_compact(F.array(c.NAME_SORTED)),
                    lambda name: F.struct(F.lit(TermKind.NAME).alias(c.TERM_KIND), name.alias(c.TERM)),
                ),
                F.transform(
                    F.coalesce(c.NAME_TOKENS, F.array().cast("array<string>")),
                    lambda token: F.struct(F.lit(TermKind.TOKEN).alias(c.TERM_KIND), token.alias(c.TERM)),
                ),
            )
        ).alias("one")
    ).select("one.*")
    counted = named.groupBy(c.TERM_KIND, c.TERM).agg(F.count(F.lit(1)).alias("n"))
    shared = counted.where(F.col("n") >= least_count).withColumn(c.TERM_CLASS, _class_of(F.col("n"), persons))
    return shared.where(F.col(c.TERM_CLASS) < UNLISTED).select(c.TERM_KIND, c.TERM, c.TERM_CLASS)


def _class_of(count: Column, persons: int) -> Column:
    # Counts against whole numbers: the class must not hang on rounding.
    rarity: Column = F.lit(UNLISTED)
    for number, share in reversed(list(enumerate(_CLASS_SHARES))):
        rarity = F.when(count >= max(1, round(share * persons)), F.lit(number)).otherwise(rarity)
    return rarity.cast("int")
