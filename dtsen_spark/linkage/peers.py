"""Residue records that no registry row fits: to the anchor of a strong peer, or among themselves, under guards."""

from collections.abc import Callable
from functools import reduce
from itertools import count
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.config import LinkageConfig
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.agreement import MOST_YEARS_OF_TWO_SEXES
from dtsen_spark.linkage.assignment import Nodes, Reason, State, taken

LABEL_NODE: Final = "label_node"
_CROWD: Final = "crowd"
# Rounds of label propagation: a component is a few records of a few sources, so its diameter is small; what is not
# settled after these is cut and goes to review.
_ROUNDS: Final = 4


def namesakes(residue_nodes: DataFrame, most: int) -> DataFrame:
    """Find the residue nodes whose name and birth date more of them share than can be told apart by these.

    The frequency list is the registry's: what offices put in for an unknown person stands in no registry, and counts as
    the rarest of names. Of one that thousands bear, two in a village are no more one person than any two neighbours.

    Args:
        residue_nodes: Node table of the residue.
        most: Most nodes of one name and birth date (unknown ones alike) that these still tell apart.

    Returns:
        One row for each such node: ``node``, ``crowd``: equal where name and birth date are.
    """
    crowd = F.xxhash64(c.NAME_SORTED, F.coalesce(F.col(w.DATE_NUMBER), F.lit(0)))
    named = residue_nodes.where(F.col(c.NAME_SORTED).isNotNull()).select(w.NODE, crowd.alias(_CROWD))
    large = named.groupBy(_CROWD).agg(F.count(F.lit(1)).alias("n")).where(F.col("n") > most)
    return named.join(large, _CROWD, "left_semi").select(w.NODE, _CROWD)


def peers(scored: DataFrame, nodes: Nodes, decided: DataFrame, config: LinkageConfig) -> DataFrame:
    """Return the strong pairs among the residue, from both sides, with what is known of each side.

    Args:
        scored: Allowed pairs.
        nodes: Facts on nodes.
        decided: ``best_anchors``.
        config: Thresholds.

    Returns:
        Two rows for each pair of different units and not of one crowd of namesakes: ``node`` with its state, ``peer``
        with its source and anchor (null where it has none), ``match_weight``.
    """
    strong = (
        scored.where((F.col(w.RIGHT) < 0) & (F.col(c.MATCH_WEIGHT) >= config.peer_weight))
        .select(w.LEFT, w.RIGHT, c.MATCH_WEIGHT)
        # n : 1 each, a node is in one crowd at most.
        .join(nodes.namesakes.select(F.col(w.NODE).alias(w.LEFT), F.col(_CROWD).alias("left_crowd")), w.LEFT, "left")
        .join(nodes.namesakes.select(F.col(w.NODE).alias(w.RIGHT), F.col(_CROWD).alias("right_crowd")), w.RIGHT, "left")
        .where(F.coalesce(F.col("left_crowd") != F.col("right_crowd"), F.lit(True)))
    )
    both = strong.select(F.col(w.LEFT).alias(w.NODE), F.col(w.RIGHT).alias(w.PEER), c.MATCH_WEIGHT).unionByName(
        strong.select(F.col(w.RIGHT).alias(w.NODE), F.col(w.LEFT).alias(w.PEER), c.MATCH_WEIGHT)
    )
    known = nodes.residue.join(
        # 1 : 1, a node is decided once.
        decided.select(F.col(w.LEFT).alias(w.NODE), c.STATE, F.col(w.RIGHT).alias(w.ANCHOR)),
        w.NODE,
        "left",
    )
    other = known.select(
        F.col(w.NODE).alias(w.PEER),
        F.col(w.UNIT).alias("peer_unit"),
        F.col(c.SOURCE).alias("peer_source"),
        F.col(c.STATE).alias("peer_state"),
        F.when(F.col(c.STATE) == State.LINKED, F.col(w.ANCHOR)).alias("peer_anchor"),
    )
    apart = F.coalesce(F.col(w.UNIT) != F.col("peer_unit"), F.lit(True))
    # n : 1 on either side, a node has one row.
    return both.join(known.select(w.NODE, w.UNIT, c.SOURCE, c.STATE), w.NODE).join(other, w.PEER).where(apart)


def linked_via(pairs: DataFrame, nodes: Nodes, config: LinkageConfig) -> DataFrame:
    """Link nodes without an anchor to that of their strongest peer, where only one anchor is in question.

    Args:
        pairs: ``peers``.
        nodes: Facts on nodes.
        config: Thresholds.

    Returns:
        As ``anchored``, and ``peer``.
    """
    open_node = F.coalesce(F.col(c.STATE).isin(State.BELOW_THRESHOLD), F.lit(True))
    offers = (
        pairs.where(open_node & F.col("peer_anchor").isNotNull())
        .withColumn(w.RIGHT, F.col("peer_anchor"))
        # n : 1, an anchor has a unit once.
        .join(taken(nodes.linked_units), [w.RIGHT, w.UNIT], "left_anti")
        .groupBy(w.NODE, w.RIGHT)
        .agg(F.max(F.struct(c.MATCH_WEIGHT, w.PEER)).alias("strongest"))
        .groupBy(w.NODE)
        .agg(F.slice(F.sort_array(F.collect_list(F.struct("strongest", w.RIGHT)), asc=False), 1, 2).alias("best"))
    )
    first, second = F.get("best", F.lit(0)), F.get("best", F.lit(1))
    weight = first["strongest"][c.MATCH_WEIGHT]
    clear = second.isNull() | (weight - second["strongest"][c.MATCH_WEIGHT] >= config.margin)
    return offers.where(clear).select(
        w.NODE,
        first[w.RIGHT].alias(w.CLUSTER),
        weight.alias(c.MATCH_WEIGHT),
        F.lit(Reason.SCORE_VIA_RECORD).alias(c.MATCH_REASON),
        # What its peer's anchor says was not compared: let the guard of the final clusters look.
        F.lit(True).alias(w.SEX_DIFFERS),
        first["strongest"][w.PEER].alias(w.PEER),
    )


def within_cap(via: DataFrame, decided: DataFrame, nodes: Nodes, most: int) -> DataFrame:
    """Drop links by way of a peer that bring too many records of one source to one anchor (I4).

    Args:
        via: ``linked_via``.
        decided: ``assignment.best_anchors``.
        nodes: Facts on nodes.
        most: Most records of one source that scores may bring to one person.

    Returns:
        The other rows.
    """
    # n : 1, a node has one row.
    wanted = via.join(nodes.residue.select(w.NODE, c.SOURCE), w.NODE)
    linked = decided.where(F.col(c.STATE) == State.LINKED).select(F.col(w.RIGHT).alias(w.CLUSTER), c.SOURCE)
    counted = (
        wanted.select(w.CLUSTER, c.SOURCE)
        .unionByName(linked)
        .groupBy(w.CLUSTER, c.SOURCE)
        .agg(F.count(F.lit(1)).alias("n"))
    )
    crowded = counted.where(F.col("n") > most).select(w.CLUSTER, c.SOURCE)
    return wanted.join(crowded, [w.CLUSTER, c.SOURCE], "left_anti").select(*via.columns)


def mutual_best(pairs: DataFrame, linked: DataFrame, config: LinkageConfig) -> DataFrame:
    """Keep, among nodes without an anchor, the pairs that are each other's clear best in the other's source.

    Args:
        pairs: ``peers``.
        linked: Nodes that have an anchor by now.
        config: Thresholds.

    Returns:
        Two rows for each kept pair: ``node``, ``peer``, ``match_weight``.
    """
    # A node that could be one of two registry persons could also be either of two peers: it stays alone.
    undecidable = (State.LINKED, State.AMBIGUOUS, State.CROWDED)
    settled = F.col(c.STATE).isin(*undecidable)
    peer_settled = F.col("peer_state").isin(*undecidable)
    free = (
        pairs.where(~F.coalesce(settled, F.lit(False)) & ~F.coalesce(peer_settled, F.lit(False)))
        .join(linked.select(w.NODE), w.NODE, "left_anti")
        .join(linked.select(F.col(w.NODE).alias(w.PEER)), w.PEER, "left_anti")
    )
    # Bounded: a node has as many peers as its capped blocks hold.
    ranked = free.groupBy(w.NODE, "peer_source").agg(
        F.slice(F.sort_array(F.collect_list(F.struct(c.MATCH_WEIGHT, w.PEER)), asc=False), 1, 2).alias("best")
    )
    first, second = F.get("best", F.lit(0)), F.get("best", F.lit(1))
    # Two peers of one source that fit alike: one person listed twice, or two of one name. Nobody can know which.
    clear = second.isNull() | (first[c.MATCH_WEIGHT] - second[c.MATCH_WEIGHT] >= config.margin)
    best = ranked.where(clear).select(w.NODE, first[w.PEER].alias(w.PEER), first[c.MATCH_WEIGHT].alias(c.MATCH_WEIGHT))
    back = best.select(F.col(w.PEER).alias(w.NODE), F.col(w.NODE).alias(w.PEER))
    # 1 : 1, a node has one best peer in a source.
    return best.join(back, [w.NODE, w.PEER])


def components(edges: DataFrame, labels: DataFrame | None = None) -> DataFrame:
    """Label connected nodes by their least node: a fixed number of rounds of min-label propagation.

    Args:
        edges: Two rows for each pair (``node``, ``peer``), stored: they are read in every round.
        labels: Labels of an earlier call to go on from; None = each node begins with its own.

    Returns:
        One row for each node: ``node``, ``label_node``; equal labels within a component of small diameter.
    """
    # Each node is its own peer as well, so that a round reads the labels once and the plan grows by one join a round.
    itself = edges.select(w.NODE, F.col(w.NODE).alias(w.PEER)).distinct()
    around = edges.select(w.NODE, w.PEER).unionByName(itself)
    found = around.groupBy(w.NODE).agg(F.min(w.PEER).alias(LABEL_NODE)) if labels is None else labels
    for _ in range(_ROUNDS - 1):
        of_peers = found.select(F.col(w.NODE).alias(w.PEER), LABEL_NODE)
        joined = around.join(of_peers, w.PEER)  # n : 1, a node has one label
        found = joined.groupBy(w.NODE).agg(F.min(LABEL_NODE).alias(LABEL_NODE))
    return found


def settled_components(edges: DataFrame, keep: Callable[[str, DataFrame], DataFrame]) -> DataFrame:
    """Label connected nodes as ``components`` does, going on until no label changes; for graphs that people made.

    Args:
        edges: Two rows for each pair (``node``, ``peer``), stored.
        keep: Stores a frame under a name and returns it.

    Returns:
        One row for each node: ``node``, ``label_node``; equal labels within each component.
    """
    found = keep("components_0", components(edges))
    for call in count(1):
        later = keep(f"components_{call}", components(edges, found))
        # 1 : 1, a node has one label in each.
        changed = later.join(found.withColumnRenamed(LABEL_NODE, "before"), w.NODE).where(
            F.col(LABEL_NODE) != F.col("before")
        )
        if changed.isEmpty():
            break
        found = later
    return found


def guarded(edges: DataFrame, labels: DataFrame, nodes: Nodes, config: LinkageConfig) -> DataFrame:
    """Let a component be a person only under the guards; else every member stays alone.

    Guards: no more than ``max_cluster_records`` records and ``max_source_records`` of one source (I4), no two of one
    household, no two sexes with birth years more than five apart (I3), one member that all others have an edge to
    (I5: a chain of lookalikes has none, and no single edge joins two dense parts), and labels that the propagation
    settled.

    Args:
        edges: ``mutual_best``.
        labels: ``components``.
        nodes: Facts on nodes.
        config: Limits.

    Returns:
        The nodes of components that broke no guard, as ``anchored`` gives them.
    """
    strongest = edges.groupBy(w.NODE).agg(
        F.max(c.MATCH_WEIGHT).alias(c.MATCH_WEIGHT), F.count_distinct(w.PEER).alias("peers")
    )
    # 1 : 1 each, a node has one label, one row and one strongest edge.
    members = labels.join(strongest, w.NODE).join(nodes.residue, w.NODE)
    of_source = members.groupBy(LABEL_NODE, c.SOURCE).agg(F.count(F.lit(1)).alias("of_source"))
    most_of_source = of_source.groupBy(LABEL_NODE).agg(F.max("of_source").alias("of_source"))
    tests = members.groupBy(LABEL_NODE).agg(
        F.count(F.lit(1)).alias("records"),
        F.max("peers").alias("hub_peers"),
        F.count(w.UNIT).alias("unit_rows"),
        F.count_distinct(w.UNIT).alias("units"),
        F.count_distinct(c.SEX).alias("sexes"),
        (F.max(c.BIRTH_YEAR) - F.min(c.BIRTH_YEAR)).alias("years"),
        F.count_if(F.col(w.NODE) == F.col(LABEL_NODE)).alias("heads"),
    )
    broken = [
        F.col("records") > config.max_cluster_records,
        F.col("of_source") > config.max_source_records,
        F.col("hub_peers") < F.col("records") - 1,
        F.col("unit_rows") > F.col("units"),
        (F.col("sexes") > 1) & (F.coalesce("years", F.lit(0)) > MOST_YEARS_OF_TWO_SEXES),
        # A label whose own node carries another one: the component was larger than the rounds could walk.
        F.col("heads") == 0,
    ]
    # 1 : 1, a component has one row in each; n : 1, a node one component.
    judged = members.join(
        tests.join(most_of_source, LABEL_NODE).select(LABEL_NODE, reduce(Column.__or__, broken).alias("broken")),
        LABEL_NODE,
    )
    return judged.where(~F.col("broken")).select(
        w.NODE,
        F.col(LABEL_NODE).alias(w.CLUSTER),
        c.MATCH_WEIGHT,
        F.lit(Reason.SCORE_GROUP).alias(c.MATCH_REASON),
        F.lit(False).alias(w.SEX_DIFFERS),
    )
