"""Decisions to clusters: one row for each person record, with the record that names its cluster and the reason."""

from collections.abc import Callable
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import collapse, labels
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.agreement import MOST_YEARS_OF_TWO_SEXES
from dtsen_spark.linkage.prepared import Prepared, Scratch

REGISTRY_REASON: Final = "REGISTRY"
ALONE_REASON: Final = "ONLY_RECORD"


def registry_record(node: str) -> Column:
    """Return the record id of an anchor: its native key is the NIK, so nothing has to be looked up."""
    return F.concat(F.lit(f"{collapse.REGISTRY}:"), F.lpad(F.col(node).cast("string"), 16, "0"))


def members(prepared: Prepared, links: DataFrame, scratch: Scratch, dummy_persons: int) -> DataFrame:
    """Bring every person record into its cluster.

    Args:
        prepared: What was prepared.
        links: Residue nodes that have company (``decisions.Decisions.links``).
        scratch: Where intermediate results are stored.
        dummy_persons: Persons that make a NIK which the registry lacks a dummy.

    Returns:
        One row for each person record: ``record_id``, ``cluster_record``, ``match_reason``, ``match_weight``,
        ``nik_grade``, ``nik_claimed``; guards and labels obeyed.
    """
    no_weight = F.lit(None).cast("double")
    no_claim = F.lit(None).cast("string")
    registry = prepared.records.where(F.col(c.SOURCE) == collapse.REGISTRY).select(
        c.RECORD_ID,
        F.col(c.RECORD_ID).alias(w.CLUSTER_RECORD),
        F.lit(REGISTRY_REASON).alias(c.MATCH_REASON),
        no_weight.alias(c.MATCH_WEIGHT),
        F.when(F.col(w.NIK_NUMBER).isNull(), "V0").otherwise("V3").alias(c.NIK_GRADE),
        no_claim.alias(c.NIK_CLAIMED),
        F.lit(False).alias(w.SEX_DIFFERS),
    )
    collapsed = prepared.linked.select(
        c.RECORD_ID,
        registry_record(w.ANCHOR).alias(w.CLUSTER_RECORD),
        c.MATCH_REASON,
        no_weight.alias(c.MATCH_WEIGHT),
        F.lit("V3").alias(c.NIK_GRADE),
        no_claim.alias(c.NIK_CLAIMED),
        w.SEX_DIFFERS,
    )
    claims_other = F.col(w.IN_REGISTRY)
    grade = F.when(F.col(w.NIK_NUMBER).isNull(), "V0").when(claims_other, "V2").otherwise("V1")
    found = links.withColumnsRenamed({c.MATCH_REASON: "link_reason", w.SEX_DIFFERS: "link_sex_differs"})
    # n : 1, a node has at most one link; a node without one is a cluster of its own.
    residue = prepared.residue.join(found, w.NODE, "left").select(
        c.RECORD_ID,
        F.coalesce(w.CLUSTER, w.NODE).alias(w.CLUSTER),
        F.coalesce(c.MATCH_REASON, "link_reason", F.lit(ALONE_REASON)).alias(c.MATCH_REASON),
        F.when(F.col(c.MATCH_REASON).isNull(), F.col(c.MATCH_WEIGHT)).alias(c.MATCH_WEIGHT),
        grade.alias(c.NIK_GRADE),
        F.when(claims_other, F.col(c.NIK)).alias(c.NIK_CLAIMED),
        (F.col(w.SEX_DIFFERS) | F.coalesce("link_sex_differs", F.lit(False))).alias(w.SEX_DIFFERS),
    )
    least = residue.where(F.col(w.CLUSTER) < 0).groupBy(w.CLUSTER).agg(F.min(c.RECORD_ID).alias("least"))
    # n : 1, a cluster has one least record; a cluster with an anchor is named by that.
    named = residue.join(least, w.CLUSTER, "left").withColumn(
        w.CLUSTER_RECORD, F.coalesce("least", registry_record(w.CLUSTER))
    )
    everyone = scratch.keep("members", registry.unionByName(collapsed).unionByName(named.select(*registry.columns)))
    # What is changed below concerns few: it is kept, and laid over the members as they are read.
    leavers = scratch.keep("two_sexes", of_two_sexes(everyone, prepared.records, scratch.keep))
    told = everyone if leavers.isEmpty() else without(everyone, leavers)
    if not prepared.labels.isEmpty():
        told = labels.obeyed(told, prepared.labels, scratch.keep)
    shared = scratch.keep("shared_numbers", shared_numbers(told, prepared.residue))
    return told if shared.isEmpty() else scratch.keep("members_own_numbers", disowned(told, shared, dummy_persons))


def of_two_sexes(everyone: DataFrame, records: DataFrame, keep: Callable[[str, DataFrame], DataFrame]) -> DataFrame:
    """Find the records that make one person of two sexes and two generations (I3).

    Only clusters with a record whose sex differs from that of the record it was linked to are looked at.

    Args:
        everyone: Members, with ``sex_differs``.
        records: Prepared records.
        keep: Stores a frame under a name and returns it: of a file the size is known, and to find a few in everyone
            takes no shuffle then.

    Returns:
        One row for each record to take out: ``record_id``, ``nik`` (as stated), ``cluster_record``. Those of the sex
        that the cluster's naming record has not.
    """
    suspects = keep("suspects", everyone.where(w.SEX_DIFFERS).select(w.CLUSTER_RECORD).distinct())
    with_them = everyone.select(c.RECORD_ID, w.CLUSTER_RECORD).join(suspects, w.CLUSTER_RECORD, "left_semi")
    seen = (
        keep("with_suspects", with_them)
        .join(records.select(c.RECORD_ID, c.NIK, c.SEX, c.BIRTH_YEAR), c.RECORD_ID)  # 1 : 1, a record has one row
        .where(F.col(c.SEX).isNotNull())
    )
    year, man = F.col(c.BIRTH_YEAR), F.col(c.SEX) == "L"
    first_man, last_man = F.min(F.when(man, year)), F.max(F.when(man, year))
    first_woman, last_woman = F.min(F.when(~man, year)), F.max(F.when(~man, year))
    names_it = F.col(c.RECORD_ID) == F.col(w.CLUSTER_RECORD)
    spans = F.greatest(last_man - first_woman, last_woman - first_man)
    broken = (
        seen.groupBy(w.CLUSTER_RECORD)
        # The naming record's sex; where that is unknown, that of the least record.
        .agg(spans.alias("years"), F.min_by(c.SEX, F.struct(~names_it, F.col(c.RECORD_ID))).alias("kept_sex"))
        .where(F.col("years") > MOST_YEARS_OF_TWO_SEXES)
    )
    return (
        seen.join(broken, w.CLUSTER_RECORD)  # n : 1, a cluster is judged once
        .where(F.col(c.SEX) != F.col("kept_sex"))
        .select(c.RECORD_ID, c.NIK, w.CLUSTER_RECORD)
    )


def without(everyone: DataFrame, leavers: DataFrame) -> DataFrame:
    """Take records out of their clusters: each becomes a person of its own, its NIK a claim.

    Args:
        everyone: Members.
        leavers: ``of_two_sexes``; few.

    Returns:
        The same rows.
    """
    marked = leavers.select(c.RECORD_ID, F.col(c.NIK).alias("stated_nik"), F.lit(True).alias("leaves"))
    leaves = F.col("leaves").isNotNull()
    verified = F.col(c.NIK_GRADE) == "V3"
    # 1 : 1, a record leaves once.
    return (
        everyone.join(F.broadcast(marked), c.RECORD_ID, "left")
        .withColumn(w.CLUSTER_RECORD, F.when(leaves, F.col(c.RECORD_ID)).otherwise(F.col(w.CLUSTER_RECORD)))
        .withColumn(c.MATCH_REASON, F.when(leaves, ALONE_REASON).otherwise(F.col(c.MATCH_REASON)))
        .withColumn(c.MATCH_WEIGHT, F.when(~leaves, F.col(c.MATCH_WEIGHT)))
        .withColumn(c.NIK_CLAIMED, F.when(leaves & verified, F.col("stated_nik")).otherwise(F.col(c.NIK_CLAIMED)))
        .withColumn(c.NIK_GRADE, F.when(leaves & verified, "V2").otherwise(F.col(c.NIK_GRADE)))
        .drop("leaves", "stated_nik")
    )


def shared_numbers(everyone: DataFrame, residue: DataFrame) -> DataFrame:
    """Find the records whose NIK the registry lacks and several persons state: it is nobody's own.

    Args:
        everyone: Members.
        residue: Records without an anchor, with ``nik`` and ``in_registry``.

    Returns:
        One row for each such record: ``record_id``, ``stated_nik``, ``persons`` that state it.
    """
    unknown = residue.where(F.col(c.NIK).isNotNull() & ~F.col(w.IN_REGISTRY)).select(
        c.RECORD_ID, F.col(c.NIK).alias("stated_nik")
    )
    # Whoever states a number that the registry lacks is V1 (``members``), and few are.
    candidates = everyone.where(F.col(c.NIK_GRADE) == "V1").select(c.RECORD_ID, w.CLUSTER_RECORD)
    stated = candidates.join(unknown, c.RECORD_ID)  # 1 : 1, a record has one row
    # Person by person first: a number that millions carry is brought together in parts.
    by_number = (
        stated.select("stated_nik", w.CLUSTER_RECORD)
        .distinct()
        .groupBy("stated_nik")
        .agg(F.count(F.lit(1)).alias("persons"))
        .where("persons > 1")
    )
    # n : 1, a number is counted once.
    return stated.join(by_number, "stated_nik").select(c.RECORD_ID, "stated_nik", "persons")


def disowned(everyone: DataFrame, shared: DataFrame, dummy_persons: int) -> DataFrame:
    """Make the numbers that several persons state claims, and those that many state dummies (grade V0).

    Args:
        everyone: Members.
        shared: ``shared_numbers``.
        dummy_persons: Persons that make a number a dummy.

    Returns:
        The same rows.
    """
    many = F.coalesce(F.col("persons") >= dummy_persons, F.lit(False))
    # 1 : 1, a record states one number.
    return (
        everyone.join(shared, c.RECORD_ID, "left")
        .withColumn(c.NIK_CLAIMED, F.coalesce(c.NIK_CLAIMED, "stated_nik"))
        .withColumn(c.NIK_GRADE, F.when(many, "V0").otherwise(F.col(c.NIK_GRADE)))
        .drop("stated_nik", "persons")
    )
