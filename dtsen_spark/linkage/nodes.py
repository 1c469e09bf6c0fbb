"""The node table: one row for each registry anchor and each residue record, with what the model compares."""

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.expressions import present
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.terms import UNLISTED, TermKind

# Tokens of a name that are compared; longer names are rare, and each token costs a broadcast look-up.
_TOKENS_COMPARED: Final = 5
# Family cards that a record's housemates may bring in; a unit with more is an institution, not a family.
MOST_KKS: Final = 4

COLUMNS: Final = (
    w.NODE,
    w.UNIT,
    c.SOURCE,
    w.INACTIVE,
    c.NAME_SORTED,
    w.NAME_CLASS,
    w.TOKENS,
    w.COMPACT,
    c.NAME_PHONETIC,
    c.MOTHER_NAME_NORM,
    c.SEX,
    w.DATE_NUMBER,
    c.BIRTH_YEAR,
    c.BIRTH_MONTH,
    c.BIRTH_DAY,
    c.BIRTH_HEAPED,
    w.VILLAGE,
    w.DISTRICT,
    w.REGENCY,
    w.PROVINCE,
    w.HOUSEHOLD_KKS,
    w.NIK_NUMBER,
)


def housemate_kks(linked: DataFrame) -> DataFrame:
    """Collect the family cards of the registry rows that the members of a unit were linked to.

    Args:
        linked: Claims with an anchor.

    Returns:
        One row for each unit of a source: ``unit``, ``unit_kks`` (sorted, one entry for each linked member).
    """
    return (
        linked.where(F.col(w.UNIT).isNotNull() & F.col(w.ANCHOR_KK).isNotNull())
        .groupBy(w.UNIT)
        .agg(F.sort_array(F.collect_list(w.ANCHOR_KK)).alias("unit_kks"))
    )


def with_household(records: DataFrame, units: DataFrame) -> DataFrame:
    """Add the family cards that speak for a record: its own, and those of its housemates' registry rows.

    A record that is itself linked does not speak for itself: one entry of its anchor's card is taken out, so that
    training on linked records sees what a residue record would see.

    Args:
        records: Claims, linked or residue.
        units: ``housemate_kks``.

    Returns:
        The same rows with ``household_kks`` (sorted, at most a few; null where nothing is known).
    """
    kks = F.coalesce(F.col("unit_kks"), F.array().cast("array<bigint>"))
    own = F.when(F.col(w.ANCHOR).isNotNull(), F.col(w.ANCHOR_KK))
    others = F.when(F.size(F.filter(kks, lambda kk: kk == own)) == 1, F.array_remove(kks, own)).otherwise(kks)
    listed = F.slice(F.array_distinct(others), 1, MOST_KKS)
    stated = F.when(F.col(w.KK_NUMBER).isNotNull(), F.array(w.KK_NUMBER)).otherwise(F.array().cast("array<bigint>"))
    both = F.array_union(listed, stated)
    # n : 1, a unit has one row.
    return (
        records.join(units, w.UNIT, "left").withColumn(w.HOUSEHOLD_KKS, F.when(F.size(both) > 0, both)).drop("unit_kks")
    )


def featured(records: DataFrame, terms: DataFrame) -> DataFrame:
    """Bring records into the form that the model compares.

    Args:
        records: Records with ``node``, ``inactive`` and ``household_kks``.
        terms: Common tokens and names with their class (``terms.count_terms``); small.

    Returns:
        The same rows, ``COLUMNS``.
    """
    names = terms.where(F.col(c.TERM_KIND) == TermKind.NAME).select(
        F.col(c.TERM).alias(c.NAME_SORTED), F.col(c.TERM_CLASS).alias(w.NAME_CLASS)
    )
    # n : 1, a name is listed once.
    named = records.join(F.broadcast(names), c.NAME_SORTED, "left").withColumn(
        w.NAME_CLASS, F.coalesce(w.NAME_CLASS, F.lit(UNLISTED))
    )
    return (
        _with_token_classes(named, terms)
        .select(
            *(
                name
                for name in COLUMNS
                if name not in {w.COMPACT, w.DATE_NUMBER, w.VILLAGE, w.DISTRICT, w.REGENCY, w.PROVINCE}
            ),
            F.replace(c.NAME_SORTED, F.lit(" "), F.lit("")).alias(w.COMPACT),
            (F.col(c.BIRTH_YEAR) * 10_000 + F.col(c.BIRTH_MONTH) * 100 + F.col(c.BIRTH_DAY)).alias(w.DATE_NUMBER),
            _region(10).alias(w.VILLAGE),
            _region(6).alias(w.DISTRICT),
            _region(4).alias(w.REGENCY),
            _region(2).alias(w.PROVINCE),
        )
        .select(*COLUMNS)
    )


def _region(digits: int) -> Column:
    code = F.col(c.REGION_CODE)
    return F.when(F.length(code) >= digits, F.left(code, F.lit(digits)).try_cast("bigint"))


def _with_token_classes(records: DataFrame, terms: DataFrame) -> DataFrame:
    # A broadcast look-up for each token position: no shuffle, where exploding the tokens would cost one of all records.
    listed = terms.where(F.col(c.TERM_KIND) == TermKind.TOKEN)
    marked = []
    for position in range(_TOKENS_COMPARED):
        token, rarity = f"token_{position}", f"class_{position}"
        lookup = listed.select(F.col(c.TERM).alias(token), F.col(c.TERM_CLASS).alias(rarity))
        # n : 1, a token is listed once.
        records = records.withColumn(token, F.get(c.NAME_TOKENS, F.lit(position))).join(
            F.broadcast(lookup), token, "left"
        )
        rarity_text = F.coalesce(F.col(rarity), F.lit(UNLISTED)).cast("string")
        marked.append(F.when(F.col(token).isNotNull(), F.concat(rarity_text, F.lit(":"), F.col(token))))
    return records.withColumn(w.TOKENS, present(*marked))
