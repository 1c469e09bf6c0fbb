"""What people decided on pairs of records is obeyed; where it contradicts itself or an invariant, it is reported."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.assignment import components
from dtsen_spark.linkage.collapse import REGISTRY, node_of_record

_GROUP: Final = "label_node"
_PEER: Final = "peer"


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

    Clusters that must be one are merged unless two of them hang on registry rows (I1, I2). Then, of two records that
    must not be one person, the one outside the registry leaves; of two such, the one with the greater record id.

    Args:
        members: One row for each record, with ``cluster_record`` and ``match_reason``.
        labels: ``silver/label_pair``; as few as people can decide on.
        keep: Stores a frame under a name and returns it: the pairs to merge are read in every round.

    Returns:
        The same rows.
    """
    return _split(_merged(members, labels, keep), labels)


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
    def side(record: str, cluster: str) -> DataFrame:
        return members.select(F.col(c.RECORD_ID).alias(record), F.col(w.CLUSTER_RECORD).alias(cluster))

    pairs = F.broadcast(labels.select(c.RECORD_ID_L, c.RECORD_ID_R))
    # n : 1 on either side, a record has one cluster; a label on a record that is not there says nothing.
    left = side(c.RECORD_ID_L, "left_cluster").join(pairs, c.RECORD_ID_L)
    return side(c.RECORD_ID_R, "right_cluster").join(F.broadcast(left), c.RECORD_ID_R)


def _merged(members: DataFrame, labels: DataFrame, keep: Callable[[str, DataFrame], DataFrame]) -> DataFrame:
    must = labels.where(F.col(c.LABEL) == Label.MUST_LINK)
    pairs = keep("must_link", _with_clusters(members, must).where("left_cluster <> right_cluster"))
    edges = (
        pairs.select(F.col("left_cluster").alias(w.NODE), F.col("right_cluster").alias(_PEER))
        .unionByName(pairs.select(F.col("right_cluster").alias(w.NODE), F.col("left_cluster").alias(_PEER)))
        .distinct()
    )
    groups = keep("must_link_groups", components(edges))
    # The registry row names the merged cluster, else its least record.
    named = (
        groups.groupBy(_GROUP)
        .agg(
            F.count_if(is_registry(w.NODE)).alias("anchors"),
            F.min(F.struct((~is_registry(w.NODE)).alias("other"), F.col(w.NODE))).alias("first"),
        )
        .where("anchors <= 1")
        .select(_GROUP, F.col(f"first.{w.NODE}").alias("merged_into"))
    )
    moves = groups.join(named, _GROUP).select(F.col(w.NODE).alias(w.CLUSTER_RECORD), "merged_into")
    moved = F.col("merged_into").isNotNull() & (F.col("merged_into") != F.col(w.CLUSTER_RECORD))
    # n : 1, a cluster moves once.
    return (
        members.join(F.broadcast(moves), w.CLUSTER_RECORD, "left")
        .withColumn(c.MATCH_REASON, F.when(moved, Reason.MUST_LINK).otherwise(F.col(c.MATCH_REASON)))
        .withColumn(w.CLUSTER_RECORD, F.coalesce("merged_into", w.CLUSTER_RECORD))
        .drop("merged_into")
    )


def _split(members: DataFrame, labels: DataFrame) -> DataFrame:
    cannot = labels.where(F.col(c.LABEL) == Label.CANNOT_LINK)
    left, right = F.col(c.RECORD_ID_L), F.col(c.RECORD_ID_R)
    # The record that names its cluster is of the registry or the least, so it never leaves.
    loser = F.when(is_registry(c.RECORD_ID_L), right).when(is_registry(c.RECORD_ID_R), left)
    leavers = (
        _with_clusters(members, cannot)
        .where("left_cluster = right_cluster")
        .select(F.coalesce(loser, F.greatest(left, right)).alias(c.RECORD_ID), F.lit(True).alias("leaves"))
        .distinct()
    )
    # 1 : 1, a record leaves once.
    joined = members.join(F.broadcast(leavers), c.RECORD_ID, "left")
    leaves = F.col("leaves").isNotNull()
    return (
        joined.withColumn(w.CLUSTER_RECORD, F.when(leaves, F.col(c.RECORD_ID)).otherwise(F.col(w.CLUSTER_RECORD)))
        .withColumn(c.MATCH_REASON, F.when(leaves, Reason.CANNOT_LINK).otherwise(F.col(c.MATCH_REASON)))
        .withColumn(c.MATCH_WEIGHT, F.when(~leaves, F.col(c.MATCH_WEIGHT)))
        .drop("leaves")
    )
