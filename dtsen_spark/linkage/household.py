"""The household pass (associative, as ONS's census linkage): whom the score linked speaks for the rest of the family.

The first pass knows housemates that the NIK linked. Where a source has no NIK, or few, a family's first links come
from the score: those members bring the family card of their registry rows, and the other members are compared once
more, with the people of that card only.
"""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.assignment import State
from dtsen_spark.linkage.blocking import HOUSEHOLD_RULE
from dtsen_spark.linkage.nodes import MOST_KKS

_NEW: Final = "new_kks"


def linked_units(decided: DataFrame) -> DataFrame:
    """Return the distinct anchor × unit of a source that the score linked.

    Args:
        decided: ``assignment.best_anchors``.
    """
    linked = decided.where((F.col(c.STATE) == State.LINKED) & F.col(w.UNIT).isNotNull())
    return linked.select(F.col(w.RIGHT).alias(w.ANCHOR), w.UNIT).distinct()


def reopened(decided: DataFrame, residue_nodes: DataFrame, anchor_nodes: DataFrame) -> DataFrame:
    """Return the residue nodes without an anchor that a housemate's link tells something new about.

    Args:
        decided: ``assignment.best_anchors`` of the first pass.
        residue_nodes: Node table of the residue.
        anchor_nodes: Node table of the registry.

    Returns:
        One row for each such node, as in the node table, ``household_kks`` with the cards that the housemates brought,
        and ``new_kks``: those that the first pass did not know.
    """
    cards = anchor_nodes.select(F.col(w.NODE).alias(w.ANCHOR), F.explode(w.HOUSEHOLD_KKS).alias("kk"))
    brought = (
        linked_units(decided)
        .join(cards, w.ANCHOR)  # n : 1, a registry row has one card
        .groupBy(w.UNIT)
        .agg(F.slice(F.sort_array(F.collect_set("kk")), 1, MOST_KKS).alias("brought"))
    )
    linked = decided.where(F.col(c.STATE) == State.LINKED).select(F.col(w.LEFT).alias(w.NODE))
    known = F.coalesce(w.HOUSEHOLD_KKS, F.array().cast("array<bigint>"))
    return (
        residue_nodes.join(linked, w.NODE, "left_anti")
        .join(brought, w.UNIT)  # n : 1, a unit has one row
        .withColumn(_NEW, F.array_except("brought", known))
        .where(F.size(_NEW) > 0)
        .withColumn(w.HOUSEHOLD_KKS, F.array_union(known, "brought"))
        .drop("brought")
    )


def household_pairs(reopened_nodes: DataFrame, anchor_nodes: DataFrame, max_block_pairs: int) -> DataFrame:
    """Propose the reopened nodes with the registry rows of their new family cards.

    Args:
        reopened_nodes: ``reopened``.
        anchor_nodes: Node table of the registry.
        max_block_pairs: Largest block, as pairs; a card that an institution shares proposes nobody.

    Returns:
        One row for each pair: ``join_key_l``, ``join_key_r``, ``match_key``.
    """
    lefts = reopened_nodes.select(F.col(w.NODE).alias(w.LEFT), F.explode(_NEW).alias("kk"))
    rights = anchor_nodes.select(F.col(w.NODE).alias(w.RIGHT), F.explode(w.HOUSEHOLD_KKS).alias("kk"))
    # 1 : 1, a card is counted once on either side.
    sizes = (
        lefts.groupBy("kk")
        .agg(F.count(F.lit(1)).alias("n"))
        .join(rights.groupBy("kk").agg(F.count(F.lit(1)).alias("m")), "kk")
    )
    fits = sizes.where(F.col("n") * F.col("m") <= max_block_pairs).select("kk")
    # n : m inside a card, bounded by its cap.
    return (
        lefts.join(fits, "kk")
        .join(rights, "kk")
        .select(w.LEFT, w.RIGHT, F.lit(str(HOUSEHOLD_RULE)).alias(w.MATCH_KEY))
        .distinct()
    )
