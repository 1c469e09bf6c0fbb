"""Records to registry rows by NIK: hash joins, O(records), no pairs."""

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import agreement
from dtsen_spark.linkage import working as w

REGISTRY: Final = "dukcapil"
_PREFIX: Final = "registry_"
_FIRST: Final = "first_node"
_REASON: Final = "group_reason"
_HANDED_OUT: Final = "handed_out"

# What the stage reads of a person record; everything else stays in silver.
READ: Final = (
    c.RECORD_ID,
    c.SOURCE,
    c.FAMILY_RECORD_ID,
    c.NIK,
    c.NO_KK,
    c.NAME_NORM,
    c.NAME_SORTED,
    c.NAME_TOKENS,
    c.NAME_PHONETIC,
    c.MOTHER_NAME_NORM,
    c.SEX,
    c.BIRTH_YEAR,
    c.BIRTH_MONTH,
    c.BIRTH_DAY,
    c.BIRTH_HEAPED,
    c.REGION_CODE,
    c.REGISTRY_STATUS,
)


def number(name: str) -> Column:
    """Return a 16-digit number held as text as a 64-bit integer, null where it is none: joins carry no text."""
    return F.col(name).try_cast("bigint")


def prepared(records: DataFrame) -> DataFrame:
    """Narrow person records to what the stage compares, numbers as integers.

    Args:
        records: One row for each person record (``silver/person_record``).

    Returns:
        The same rows: ``READ``, ``nik_number``, ``kk_number``, ``unit``.
    """
    unit = F.when(F.col(c.FAMILY_RECORD_ID).isNotNull(), F.xxhash64(c.FAMILY_RECORD_ID))
    return (
        records.select(*READ)
        .withColumn(w.NIK_NUMBER, number(c.NIK))
        .withColumn(w.KK_NUMBER, number(c.NO_KK))
        .withColumn(w.UNIT, unit)
    )


def spine(records: DataFrame) -> DataFrame:
    """Return the registry rows with a NIK of valid form: one anchor for each NIK.

    A registry row whose own NIK is malformed stays a person of its own and is no anchor: nobody can state its NIK.

    Args:
        records: Prepared records.

    Returns:
        One row for each anchor; ``node`` is its NIK.
    """
    inactive = F.coalesce(F.col(c.REGISTRY_STATUS) == "INACTIVE", F.lit(False))
    return (
        records.where((F.col(c.SOURCE) == REGISTRY) & F.col(w.NIK_NUMBER).isNotNull())
        .withColumn(w.NODE, F.col(w.NIK_NUMBER))
        .withColumn(w.INACTIVE, inactive)
    )


def claims(records: DataFrame, anchors: DataFrame, forbidden: DataFrame) -> DataFrame:
    """Join every record outside the registry to the registry row of the NIK that it states.

    Args:
        records: Prepared records.
        anchors: ``spine``.
        forbidden: Pairs of record ids (``record_id_l``, ``record_id_r``, both orders) that people kept apart; small.

    Returns:
        One row for each record outside the registry, with ``anchor`` and ``match_reason`` where a rule agrees,
        ``in_registry`` (the NIK is of a registry row), ``certain``, ``anchor_kk`` (that row's family card) and
        ``sex_differs``.
    """
    other = anchors.select(
        F.col(w.NODE).alias(w.NIK_NUMBER),
        F.col(c.RECORD_ID).alias(_PREFIX + c.RECORD_ID),
        *(F.col(name).alias(_PREFIX + name) for name in agreement.COMPARED),
    )
    # n : 1, a registry row has its NIK for itself.
    joined = records.where(F.col(c.SOURCE) != REGISTRY).join(other, w.NIK_NUMBER, "left")
    apart = F.broadcast(
        forbidden.select(
            F.col(c.RECORD_ID_L).alias(c.RECORD_ID),
            F.col(c.RECORD_ID_R).alias(_PREFIX + c.RECORD_ID),
            F.lit(True).alias("apart"),
        )
    )
    # n : 1, a pair is forbidden once.
    joined = joined.join(apart, [c.RECORD_ID, _PREFIX + c.RECORD_ID], "left")
    in_registry = F.col(_PREFIX + c.RECORD_ID).isNotNull()
    reason = F.when(in_registry & F.col("apart").isNull(), agreement.rule(_PREFIX))
    return (
        joined.withColumn(c.MATCH_REASON, reason)
        .withColumn(w.IN_REGISTRY, in_registry)
        .withColumn(w.CERTAIN, agreement.certain(_PREFIX))
        .withColumn(w.ANCHOR, F.when(F.col(c.MATCH_REASON).isNotNull(), F.col(w.NIK_NUMBER)))
        .withColumn(w.ANCHOR_KK, F.col(_PREFIX + w.KK_NUMBER))
        .withColumn(w.SEX_DIFFERS, agreement.sex_differs(_PREFIX))
        .drop("apart", *(_PREFIX + name for name in (c.RECORD_ID, *agreement.COMPARED)))
    )


def stated_in_vain(claims: DataFrame, families: int) -> DataFrame:
    """Find the registry's NIKs that records of many families state without being its person.

    Such a number was handed out by somebody (borrowed, put in for an unknown one). One family that gives all members
    the NIK of its head is one family in each source.

    Args:
        claims: ``claims``, stored.
        families: So many make a number one that is handed out.

    Returns:
        One row for each such NIK, few: ``nik_number``.
    """
    vain = claims.where(F.col(w.IN_REGISTRY) & F.col(w.ANCHOR).isNull())
    counted = vain.groupBy(w.NIK_NUMBER).agg(F.count_distinct(_family()).alias("families"))
    return counted.where(F.col("families") >= families).select(w.NIK_NUMBER)


def beyond_chance(claims: DataFrame, handed_out: DataFrame) -> DataFrame:
    """Take from a NIK that is handed out the records that a rule linked without name and full birth date.

    Args:
        claims: ``claims``, stored.
        handed_out: ``stated_in_vain``.

    Returns:
        The same rows; ``anchor`` and ``match_reason`` are null where the link was taken away.
    """
    # n : 1, a NIK is found once.
    marked = claims.join(handed_out.withColumn(_HANDED_OUT, F.lit(True)), w.NIK_NUMBER, "left")
    holds = F.col(_HANDED_OUT).isNull() | F.col(w.CERTAIN)
    kept = {name: F.when(holds, F.col(name)) for name in (c.MATCH_REASON, w.ANCHOR)}
    return marked.withColumns(kept).drop(_HANDED_OUT)


def _family() -> Column:
    return F.coalesce(F.col(w.UNIT), F.xxhash64(c.RECORD_ID))


def node_of_record(salt: int, record_id: str = c.RECORD_ID) -> Column:
    """Return the node of a record outside the registry: a negative 64-bit hash of its id.

    Args:
        salt: Another salt gives other nodes; used where two records would share one.
        record_id: Column of the record id.
    """
    return -F.shiftrightunsigned(F.xxhash64(F.lit(salt), F.col(record_id)), 1) - F.lit(1)


def unregistered_groups(residue: DataFrame, families: int) -> DataFrame:
    """Collapse residue records that state one NIK that no registry row has, by the same rules.

    The group's representative is its least record id; each other record is compared with that one only, so that
    a dummy NIK shared by thousands costs as many comparisons, not their square. A number that many families state
    asks for name and full birth date.

    Args:
        residue: Claims without an anchor, with ``node`` of their own.
        families: So many make a number one that is handed out.

    Returns:
        The same rows; a follower has its representative's ``node`` and a ``match_reason``.
    """
    stated = residue.where(F.col(w.NIK_NUMBER).isNotNull() & ~F.col(w.IN_REGISTRY))
    groups = (
        stated.groupBy(w.NIK_NUMBER)
        .agg(
            F.min_by(w.NODE, c.RECORD_ID).alias(_FIRST),
            F.count(F.lit(1)).alias("n"),
            (F.count_distinct(_family()) >= families).alias(_HANDED_OUT),
        )
        .where("n > 1")
        .drop("n")
    )
    columns = (c.RECORD_ID, w.NODE, w.NIK_NUMBER, *agreement.COMPARED)
    grouped = stated.select(*columns).join(groups, w.NIK_NUMBER)  # n : 1, a NIK has one group
    first = grouped.where(F.col(w.NODE) == F.col(_FIRST)).select(
        w.NIK_NUMBER, *(F.col(name).alias(_PREFIX + name) for name in agreement.COMPARED)
    )
    followers = (
        grouped.where(F.col(w.NODE) != F.col(_FIRST))
        .join(first, w.NIK_NUMBER)  # n : 1, a group has one representative
        .withColumn(_REASON, F.when(~F.col(_HANDED_OUT) | agreement.certain(_PREFIX), agreement.rule(_PREFIX)))
        .where(F.col(_REASON).isNotNull())
        .select(c.RECORD_ID, _FIRST, _REASON, agreement.sex_differs(_PREFIX).alias("follows_other_sex"))
    )
    # 1 : 1, a record follows at most one representative.
    return (
        residue.join(followers, c.RECORD_ID, "left")
        .withColumn(w.NODE, F.coalesce(_FIRST, w.NODE))
        .withColumn(c.MATCH_REASON, F.col(_REASON))
        .withColumn(w.SEX_DIFFERS, F.coalesce("follows_other_sex", F.lit(False)))
        .drop(_FIRST, _REASON, "follows_other_sex")
    )
