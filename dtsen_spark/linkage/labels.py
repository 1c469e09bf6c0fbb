"""What people decided on pairs of records is obeyed; where it contradicts itself or an invariant, it is reported."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.collapse import REGISTRY, node_of_record
from dtsen_spark.linkage.peers import LABEL_NODE, settled_components

_CLUSTER: Final = "cluster_of_record"
_BY_NIK: Final = "by_nik"
_TARGET: Final = "target_record"
_STANDING: Final = "STANDING"


class Label(StrEnum):
    """What a person can decide."""

    MUST_LINK = "MUST_LINK"
    CANNOT_LINK = "CANNOT_LINK"


class Reason(StrEnum):
    """Why a record belongs to its person, where a label decided."""

    MUST_LINK = "LABEL_MUST_LINK"
    CANNOT_LINK = "LABEL_CANNOT_LINK"


def is_registry(record_id: str) -> Column:
    """Say whether a record id is of the registry."""
    return F.col(record_id).startswith(f"{REGISTRY}:")


def united(delivered: DataFrame, overrides: DataFrame) -> DataFrame:
    """Add what upheld tickets decided on pairs of records to what was delivered.

    Args:
        delivered: ``silver/label_pair``.
        overrides: ``corrections/override``.

    Returns:
        One row for each pair, whichever way round it was named: of two decisions the later.
    """
    first, second = F.col(c.RECORD_ID), F.col(c.RECORD_ID_R)
    decided = overrides.where((F.col(c.STATE) == _STANDING) & (F.col(c.INDICATOR) == c.LABEL)).select(
        F.least(first, second).alias(c.RECORD_ID_L),
        F.greatest(first, second).alias(c.RECORD_ID_R),
        F.col(c.VALUE_TEXT).alias(c.LABEL),
        F.concat(F.lit("ticket "), F.col(c.TICKET_ID)).alias(c.DECIDED_BY),
        F.col(c.VERIFIED_ON).cast("timestamp").alias(c.DECIDED_AT),
    )
    names = tables.LABEL_PAIR.columns
    pair = F.struct(c.DECIDED_AT, c.LABEL, c.DECIDED_BY, c.RECORD_ID_L, c.RECORD_ID_R)
    both = delivered.select(*names).unionByName(decided)
    return (
        both.groupBy(
            F.least(c.RECORD_ID_L, c.RECORD_ID_R).alias("_one"), F.greatest(c.RECORD_ID_L, c.RECORD_ID_R).alias("_two")
        )
        .agg(F.max(pair).alias("_last"))
        .select(*(F.col(f"_last.{name}").alias(name) for name in names))
    )


def kept_apart(labels: DataFrame) -> DataFrame:
    """Return the pairs that people kept apart, in both orders.

    Args:
        labels: ``silver/label_pair``.

    Returns:
        Two rows for each such pair: ``record_id_l``, ``record_id_r``; as few as people can decide on.
    """
    apart = labels.where(F.col(c.LABEL) == Label.CANNOT_LINK).select(c.RECORD_ID_L, c.RECORD_ID_R)
    back = apart.select(F.col(c.RECORD_ID_R).alias(c.RECORD_ID_L), F.col(c.RECORD_ID_L).alias(c.RECORD_ID_R))
    return apart.unionByName(back).distinct()


def nodes_kept_apart(apart: DataFrame, salt: int) -> DataFrame:
    """Return pairs of records that were kept apart as pairs of nodes."""

    def node(record_id: str) -> Column:
        nik = F.substring_index(F.col(record_id), ":", -1).try_cast("bigint")
        return F.when(is_registry(record_id), nik).otherwise(node_of_record(salt, record_id))

    return apart.select(node(c.RECORD_ID_L).alias(w.LEFT), node(c.RECORD_ID_R).alias(w.RIGHT)).distinct()


def obeyed(members: DataFrame, labels: DataFrame, keep: Callable[[str, DataFrame], DataFrame]) -> DataFrame:
    """Merge and split clusters as people decided.

    Records that must be one person, directly or by way of others, come together: with the registry row among them;
    where none is, with that which most surely holds one of them (by NIK before by score). A cluster without registry
    row moves as a whole, of a cluster with one only the labelled records. Two registry rows are never brought together
    (I1, I2). Then, of two records that must not be one person, one leaves, and what must be one with it goes along:
    never what belongs to a registry row by a label, else the one with the greater record id.

    Args:
        members: One row for each record, with ``cluster_record`` and ``match_reason``.
        labels: ``silver/label_pair``; as few as people can decide on.
        keep: Stores a frame under a name and returns it: the pairs to merge are read in every round.

    Returns:
        The same rows; what moves is stored, and laid over ``members`` as they are read.
    """
    must = labels.where(F.col(c.LABEL) == Label.MUST_LINK)
    pairs = keep("must_link", _with_clusters(members, must))
    if not pairs.where("left_cluster <> right_cluster").isEmpty():
        members = _merged(members, pairs, keep)
    cannot = labels.where(F.col(c.LABEL) == Label.CANNOT_LINK)
    apart = keep("cannot_link", _with_clusters(members, cannot).where("left_cluster = right_cluster"))
    return members if apart.isEmpty() else _split(members, apart, pairs, keep)


def contradictions(members: DataFrame, labels: DataFrame) -> DataFrame:
    """Return the pairs that must be one person and are not, since an invariant or another label forbids it.

    Args:
        members: Final members.
        labels: ``silver/label_pair``.

    Returns:
        One row for each pair: ``record_id_l``, ``record_id_r``.
    """
    must = labels.where(F.col(c.LABEL) == Label.MUST_LINK)
    return _with_clusters(members, must).where("left_cluster <> right_cluster").select(c.RECORD_ID_L, c.RECORD_ID_R)


def _with_clusters(members: DataFrame, labels: DataFrame) -> DataFrame:
    def side(record: str, prefix: str) -> DataFrame:
        return members.select(
            F.col(c.RECORD_ID).alias(record),
            F.col(w.CLUSTER_RECORD).alias(f"{prefix}_cluster"),
            F.col(c.MATCH_REASON).startswith("NIK_").alias(f"{prefix}_by_nik"),
        )

    pairs = F.broadcast(labels.select(c.RECORD_ID_L, c.RECORD_ID_R))
    # n : 1 on either side, a record has one cluster; a label on a record that is not there says nothing.
    left = side(c.RECORD_ID_L, "left").join(pairs, c.RECORD_ID_L)
    return side(c.RECORD_ID_R, "right").join(F.broadcast(left), c.RECORD_ID_R)


def _both_ways(left: str, right: str, pairs: DataFrame) -> DataFrame:
    one = pairs.select(F.col(left).alias(w.NODE), F.col(right).alias(w.PEER))
    return one.unionByName(one.select(F.col(w.PEER).alias(w.NODE), F.col(w.NODE).alias(w.PEER)))


def _merged(members: DataFrame, pairs: DataFrame, keep: Callable[[str, DataFrame], DataFrame]) -> DataFrame:
    sides = [
        pairs.select(F.col(record).alias(w.NODE), F.col(f"{side}_cluster").alias(_CLUSTER), F.col(f"{side}_by_nik"))
        for record, side in ((c.RECORD_ID_L, "left"), (c.RECORD_ID_R, "right"))
    ]
    labelled = sides[0].toDF(w.NODE, _CLUSTER, _BY_NIK).union(sides[1].toDF(w.NODE, _CLUSTER, _BY_NIK)).distinct()
    hangs = is_registry(_CLUSTER)
    # A cluster without registry row is one with each of its labelled records: it moves as a whole.
    with_cluster = _both_ways(w.NODE, _CLUSTER, labelled.where(~hangs))
    edges = keep("must_edges", _both_ways(c.RECORD_ID_L, c.RECORD_ID_R, pairs).unionByName(with_cluster).distinct())
    # 1 : 1, a record is in one group.
    grouped = keep("must_groups", labelled.join(settled_components(edges, keep), w.NODE))
    by_rank = F.struct((~F.col(_BY_NIK)).alias("by_score"), F.col(_CLUSTER))
    targets = (
        grouped.groupBy(LABEL_NODE)
        .agg(
            F.count_if(is_registry(w.NODE)).alias("registry_rows"),
            F.max(F.when(is_registry(w.NODE), F.col(w.NODE))).alias("registry_row"),
            F.min_by(_CLUSTER, F.when(hangs, by_rank)).alias("surest"),
            F.min(_CLUSTER).alias("least"),
        )
        .where("registry_rows <= 1")
        .select(LABEL_NODE, F.coalesce("registry_row", "surest", "least").alias(_TARGET))
    )
    moves = keep("must_moves", grouped.join(targets, LABEL_NODE))  # n : 1, a group has one target
    of_record = moves.select(F.col(w.NODE).alias(c.RECORD_ID), F.col(_TARGET).alias("record_target"))
    of_cluster = moves.where(~hangs).select(F.col(_CLUSTER).alias(w.CLUSTER_RECORD), _TARGET).distinct()
    # n : 1 each, a record and a cluster without registry row have one target.
    found = members.join(F.broadcast(of_cluster), w.CLUSTER_RECORD, "left").join(
        F.broadcast(of_record), c.RECORD_ID, "left"
    )
    target = F.coalesce("record_target", _TARGET, w.CLUSTER_RECORD)
    return _moved(found, target, Reason.MUST_LINK).drop("record_target", _TARGET)


def _split(
    members: DataFrame, apart: DataFrame, must: DataFrame, keep: Callable[[str, DataFrame], DataFrame]
) -> DataFrame:
    edges = keep("must_records", _both_ways(c.RECORD_ID_L, c.RECORD_ID_R, must).distinct())
    groups = keep("must_record_groups", settled_components(edges, keep))
    bound = groups.groupBy(LABEL_NODE).agg(F.max(is_registry(w.NODE)).alias("bound"))
    known = groups.join(bound, LABEL_NODE)  # n : 1, a group has one row

    def side(record: str, prefix: str) -> DataFrame:
        return known.select(
            F.col(w.NODE).alias(record),
            F.col(LABEL_NODE).alias(f"{prefix}_group"),
            F.col("bound").alias(f"{prefix}_bound"),
        )

    # n : 1 on either side, a record is in one group at most.
    pairs = apart.join(side(c.RECORD_ID_L, "left"), c.RECORD_ID_L, "left").join(
        side(c.RECORD_ID_R, "right"), c.RECORD_ID_R, "left"
    )
    left, right = F.col(c.RECORD_ID_L), F.col(c.RECORD_ID_R)
    left_stays = is_registry(c.RECORD_ID_L) | F.coalesce("left_bound", F.lit(False))
    right_stays = is_registry(c.RECORD_ID_R) | F.coalesce("right_bound", F.lit(False))
    # The record that names its cluster is of the registry or the least, so it never leaves.
    right_leaves = F.when(is_registry(c.RECORD_ID_L), F.lit(True)).when(is_registry(c.RECORD_ID_R), F.lit(False))
    right_leaves = F.coalesce(right_leaves, F.when(left_stays != right_stays, left_stays), right > left)
    left_group, right_group = F.coalesce("left_group", left), F.coalesce("right_group", right)
    leaving = pairs.select(
        F.when(right_leaves, right).otherwise(left).alias(c.RECORD_ID),
        # Records of one group that must not be one contradict each other: then one record leaves alone.
        F.when(left_group != right_group, F.when(right_leaves, right_group).otherwise(left_group)).alias("group"),
        F.col("left_cluster").alias(w.CLUSTER_RECORD),
    )
    alone = leaving.select(c.RECORD_ID, F.coalesce("group", c.RECORD_ID).alias("group"))
    along = leaving.where(F.col("group").isNotNull()).join(
        groups.select(F.col(w.NODE).alias("mate"), F.col(LABEL_NODE).alias("group")), "group"
    )
    # A record may be told to leave by several pairs: the least group, so that the result hangs on no order.
    leavers = (
        alone.unionByName(along.select(F.col("mate").alias(c.RECORD_ID), "group"))
        .groupBy(c.RECORD_ID)
        .agg(F.min("group").alias("group"))
    )
    least = F.min(c.RECORD_ID).over(Window.partitionBy("group")).alias(_TARGET)
    named = keep("cannot_moves", leavers.where(~is_registry(c.RECORD_ID)).select(c.RECORD_ID, least))
    # 1 : 1, a record leaves once.
    found = members.join(F.broadcast(named), c.RECORD_ID, "left")
    return _moved(found, F.coalesce(_TARGET, w.CLUSTER_RECORD), Reason.CANNOT_LINK).drop(_TARGET)


def _moved(members: DataFrame, target: Column, reason: Reason) -> DataFrame:
    """Move records to another cluster; a NIK that was verified against the cluster they leave becomes a claim."""
    moves = target != F.col(w.CLUSTER_RECORD)
    verified = moves & (F.col(c.NIK_GRADE) == "V3") & is_registry(w.CLUSTER_RECORD)
    return members.withColumns(
        {
            w.CLUSTER_RECORD: target,
            c.MATCH_REASON: F.when(moves, reason).otherwise(F.col(c.MATCH_REASON)),
            c.MATCH_WEIGHT: F.when(~moves, F.col(c.MATCH_WEIGHT)),
            c.NIK_CLAIMED: F.when(verified, F.substring_index(w.CLUSTER_RECORD, ":", -1)).otherwise(
                F.col(c.NIK_CLAIMED)
            ),
            c.NIK_GRADE: F.when(verified, "V2").otherwise(F.col(c.NIK_GRADE)),
        }
    )
