"""Scored pairs to clusters: best anchor with a margin, then the anchorless among themselves, under guards.

Anchors are fixed labels and each residue node takes one at most, so no cluster can hold two registry persons (I1) nor
two verified NIKs (I2), whatever the weights say.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.config import LinkageConfig
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.comparisons import BIRTH, HOUSEHOLD, NAME, SEX, Comparison
from dtsen_spark.linkage.scoring import GAMMA

_RUNNER_UP: Final = "runner_up"
_LABEL: Final = "label_node"
_SEX_YEAR_GAP: Final = 5
# Rounds of label propagation: a component is a few records of a few sources, so its diameter is small; what is not
# settled after these is cut and goes to review.
_ROUNDS: Final = 4


class State(StrEnum):
    """What became of a residue node or of an edge."""

    LINKED = "LINKED"
    AMBIGUOUS = "AMBIGUOUS"
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    UNIT_TAKEN = "UNIT_TAKEN"
    GUARD = "CLUSTER_GUARD"


class Reason(StrEnum):
    """Why a record of the residue belongs to its person."""

    SCORE = "SCORE"
    SCORE_HOUSEHOLD = "SCORE_HOUSEHOLD"
    SCORE_VIA_RECORD = "SCORE_VIA_RECORD"
    SCORE_GROUP = "SCORE_GROUP"


@dataclass(frozen=True)
class Nodes:
    """What the decisions know of nodes beside their scores.

    Attributes:
        residue: One row for each residue node: node, unit, source, sex, birth_year.
        inactive: Nodes of registry rows that the registry itself put out of use.
        linked_units: Distinct anchor × unit of a source, of the records that the NIK collapse linked.
        forbidden: Distinct pairs of nodes (``join_key_l``, ``join_key_r``, both orders) that people kept apart; small.
    """

    residue: DataFrame
    inactive: DataFrame
    linked_units: DataFrame
    forbidden: DataFrame


def _top(comparison: Comparison, levels: int) -> Column:
    """Say whether a pair stands on one of the highest levels of a comparison."""
    return F.col(GAMMA + comparison.name) >= len(comparison.levels) - levels


_SAME_NAME_LEVELS: Final = sum(level.name.startswith("same") for level in NAME.levels)


def _same_name_and_date() -> Column:
    """Say whether a pair agrees on name and date so far that one unit listed one person twice."""
    return _top(NAME, _SAME_NAME_LEVELS) & _top(BIRTH, 2)


def allowed(scored: DataFrame, nodes: Nodes) -> DataFrame:
    """Drop the pairs that people kept apart.

    Args:
        scored: Scored pairs.
        nodes: Facts on nodes.

    Returns:
        The other rows.
    """
    return scored.join(F.broadcast(nodes.forbidden), [w.LEFT, w.RIGHT], "left_anti")


def best_anchors(scored: DataFrame, nodes: Nodes, config: LinkageConfig) -> DataFrame:
    """Decide for each residue node whether its best anchor is good enough and clear enough.

    A household lists a person once: where a member of the node's own unit is linked to an anchor already, the node is
    somebody else, unless name and birth date are both the same. Of two registry rows of one person the one in use wins:
    one that is out of use is ranked a margin lower.

    Args:
        scored: Allowed pairs.
        nodes: Facts on nodes.
        config: Thresholds.

    Returns:
        One row for each residue node with a candidate: the pair of its best anchor, ``runner_up`` (bits of the second
        anchor, null where there is none) and ``state``.
    """
    # A runner-up may lie a margin below the least weight that anything is decided on.
    least = min(config.review_weight, config.household_weight) - config.margin
    edges = (
        scored.where((F.col(w.RIGHT) > 0) & (F.col(c.MATCH_WEIGHT) >= least))
        # n : 1, a node has one row.
        .join(nodes.residue.select(F.col(w.NODE).alias(w.LEFT), w.UNIT), w.LEFT)
        # n : 1, a registry row is inactive once.
        .join(
            nodes.inactive.select(F.col(w.NODE).alias(w.RIGHT), F.lit(config.margin).alias("handicap")), w.RIGHT, "left"
        )
        # n : 1, an anchor has a unit once.
        .join(_taken(nodes.linked_units), [w.RIGHT, w.UNIT], "left")
    )
    open_edges = edges.where(F.col("taken").isNull() | _same_name_and_date())
    rank = F.struct(
        (F.col(c.MATCH_WEIGHT) - F.coalesce("handicap", F.lit(0.0))).alias("rank"),
        F.col(w.RIGHT),
        *(F.col(name) for name in scored.columns if name not in {w.LEFT, w.RIGHT}),
    )
    # Bounded: a node has as many candidates as its capped blocks hold.
    ranked = open_edges.groupBy(w.LEFT, w.UNIT).agg(
        F.slice(F.sort_array(F.collect_list(rank), asc=False), 1, 2).alias("best")
    )
    first = F.get("best", F.lit(0))
    decided = ranked.select(
        w.LEFT,
        w.UNIT,
        first.alias("first"),
        F.get("best", F.lit(1))["rank"].alias(_RUNNER_UP),
    ).select(w.LEFT, w.UNIT, "first.*", _RUNNER_UP)
    clear = F.col(_RUNNER_UP).isNull() | (F.col("rank") - F.col(_RUNNER_UP) >= config.margin)
    # Inside the family card of its housemates a record has few candidates: full date and sex are enough there.
    at_home = _top(HOUSEHOLD, 1) & _top(BIRTH, 1) & _top(SEX, 1) & (F.col(c.MATCH_WEIGHT) >= config.household_weight)
    strong = (F.col(c.MATCH_WEIGHT) >= config.match_weight) | at_home
    state = F.when(strong & clear, State.LINKED).when(strong, State.AMBIGUOUS).otherwise(State.BELOW_THRESHOLD)
    return (
        decided.withColumn(c.STATE, state)
        .where((F.col(c.STATE) != State.BELOW_THRESHOLD) | (F.col(c.MATCH_WEIGHT) >= config.review_weight))
        .transform(_one_of_a_unit)
        .drop("rank")
    )


def _taken(linked_units: DataFrame) -> DataFrame:
    return linked_units.select(F.col(w.ANCHOR).alias(w.RIGHT), w.UNIT, F.lit(True).alias("taken"))


def _one_of_a_unit(decided: DataFrame) -> DataFrame:
    # Two members of one unit that want the same anchor: the stronger has it, the other is somebody else.
    winner = (
        decided.where((F.col(c.STATE) == State.LINKED) & F.col(w.UNIT).isNotNull())
        .groupBy(w.RIGHT, w.UNIT)
        .agg(F.max_by(w.LEFT, F.struct(c.MATCH_WEIGHT, w.LEFT)).alias("winner"))
    )
    # n : 1, an anchor has one winner in a unit.
    joined = decided.join(winner, [w.RIGHT, w.UNIT], "left")
    lost = (F.col(c.STATE) == State.LINKED) & (F.col("winner") != F.col(w.LEFT)) & ~_same_name_and_date()
    return joined.withColumn(c.STATE, F.when(lost, State.UNIT_TAKEN).otherwise(F.col(c.STATE))).drop("winner")


def anchored(decided: DataFrame) -> DataFrame:
    """Return the residue nodes that got an anchor.

    Args:
        decided: ``best_anchors``.

    Returns:
        One row for each: ``node``, ``cluster`` (the anchor), ``match_weight``, ``match_reason``.
    """
    return decided.where(F.col(c.STATE) == State.LINKED).select(
        F.col(w.LEFT).alias(w.NODE),
        F.col(w.RIGHT).alias(w.CLUSTER),
        c.MATCH_WEIGHT,
        F.when(_top(HOUSEHOLD, 1), Reason.SCORE_HOUSEHOLD).otherwise(Reason.SCORE).alias(c.MATCH_REASON),
    )


def peers(scored: DataFrame, nodes: Nodes, decided: DataFrame, config: LinkageConfig) -> DataFrame:
    """Return the strong pairs among the residue, from both sides, with what is known of each side.

    Args:
        scored: Allowed pairs.
        nodes: Facts on nodes.
        decided: ``best_anchors``.
        config: Thresholds.

    Returns:
        Two rows for each pair of different units: ``node`` with its state, ``peer`` with its source and anchor
        (null where it has none), ``match_weight``.
    """
    strong = scored.where((F.col(w.RIGHT) < 0) & (F.col(c.MATCH_WEIGHT) >= config.match_weight))
    both = strong.select(F.col(w.LEFT).alias(w.NODE), F.col(w.RIGHT).alias("peer"), c.MATCH_WEIGHT).unionByName(
        strong.select(F.col(w.RIGHT).alias(w.NODE), F.col(w.LEFT).alias("peer"), c.MATCH_WEIGHT)
    )
    known = nodes.residue.join(
        # 1 : 1, a node is decided once.
        decided.select(F.col(w.LEFT).alias(w.NODE), c.STATE, F.col(w.RIGHT).alias(w.ANCHOR)),
        w.NODE,
        "left",
    )
    other = known.select(
        F.col(w.NODE).alias("peer"),
        F.col(w.UNIT).alias("peer_unit"),
        F.col(c.SOURCE).alias("peer_source"),
        F.col(c.STATE).alias("peer_state"),
        F.when(F.col(c.STATE) == State.LINKED, F.col(w.ANCHOR)).alias("peer_anchor"),
    )
    apart = F.coalesce(F.col(w.UNIT) != F.col("peer_unit"), F.lit(True))
    # n : 1 on either side, a node has one row.
    return both.join(known.select(w.NODE, w.UNIT, c.SOURCE, c.STATE), w.NODE).join(other, "peer").where(apart)


def linked_via(pairs: DataFrame, nodes: Nodes, config: LinkageConfig) -> DataFrame:
    """Link nodes without an anchor to that of their strongest peer, where only one anchor is in question.

    Args:
        pairs: ``peers``.
        nodes: Facts on nodes.
        config: Thresholds.

    Returns:
        As ``anchored``.
    """
    open_node = F.coalesce(F.col(c.STATE).isin(State.BELOW_THRESHOLD), F.lit(True))
    offers = (
        pairs.where(open_node & F.col("peer_anchor").isNotNull())
        .withColumn(w.RIGHT, F.col("peer_anchor"))
        # n : 1, an anchor has a unit once.
        .join(_taken(nodes.linked_units), [w.RIGHT, w.UNIT], "left_anti")
        .groupBy(w.NODE, w.RIGHT)
        .agg(F.max(c.MATCH_WEIGHT).alias(c.MATCH_WEIGHT))
        .groupBy(w.NODE)
        .agg(F.slice(F.sort_array(F.collect_list(F.struct(c.MATCH_WEIGHT, w.RIGHT)), asc=False), 1, 2).alias("best"))
    )
    first, second = F.get("best", F.lit(0)), F.get("best", F.lit(1))
    clear = second.isNull() | (first[c.MATCH_WEIGHT] - second[c.MATCH_WEIGHT] >= config.margin)
    return offers.where(clear).select(
        w.NODE,
        first[w.RIGHT].alias(w.CLUSTER),
        first[c.MATCH_WEIGHT].alias(c.MATCH_WEIGHT),
        F.lit(Reason.SCORE_VIA_RECORD).alias(c.MATCH_REASON),
    )


def mutual_best(pairs: DataFrame, linked: DataFrame) -> DataFrame:
    """Keep, among nodes without an anchor, the pairs that are each other's best in the other's source.

    Args:
        pairs: ``peers``.
        linked: Nodes that have an anchor by now.

    Returns:
        Two rows for each kept pair: ``node``, ``peer``, ``match_weight``.
    """
    # A node that could be one of two registry persons could also be either of two peers: it stays alone.
    settled = F.col(c.STATE).isin(State.LINKED, State.AMBIGUOUS)
    peer_settled = F.col("peer_state").isin(State.LINKED, State.AMBIGUOUS)
    free = (
        pairs.where(~F.coalesce(settled, F.lit(False)) & ~F.coalesce(peer_settled, F.lit(False)))
        .join(linked.select(w.NODE), w.NODE, "left_anti")
        .join(linked.select(F.col(w.NODE).alias("peer")), "peer", "left_anti")
    )
    best = free.groupBy(w.NODE, "peer_source").agg(
        F.max_by("peer", F.struct(c.MATCH_WEIGHT, "peer")).alias("peer"), F.max(c.MATCH_WEIGHT).alias(c.MATCH_WEIGHT)
    )
    back = best.select(F.col("peer").alias(w.NODE), F.col(w.NODE).alias("peer"))
    # 1 : 1, a node has one best peer in a source.
    return best.select(w.NODE, "peer", c.MATCH_WEIGHT).join(back, [w.NODE, "peer"])


def components(edges: DataFrame) -> DataFrame:
    """Label connected nodes by their least node: a fixed number of rounds of min-label propagation.

    Args:
        edges: Two rows for each pair (``node``, ``peer``), stored: they are read in every round.

    Returns:
        One row for each node: ``node``, ``label_node``; equal labels within a component of small diameter.
    """
    # Each node is its own peer as well, so that a round reads the labels once and the plan grows by one join a round.
    itself = edges.select(w.NODE, F.col(w.NODE).alias("peer")).distinct()
    around = edges.select(w.NODE, "peer").unionByName(itself)
    labels = around.groupBy(w.NODE).agg(F.min("peer").alias(_LABEL))
    for _ in range(_ROUNDS - 1):
        of_peers = labels.select(F.col(w.NODE).alias("peer"), _LABEL)
        labels = around.join(of_peers, "peer").groupBy(w.NODE).agg(F.min(_LABEL).alias(_LABEL))  # n : 1, one label each
    return labels


def guarded(edges: DataFrame, labels: DataFrame, nodes: Nodes, config: LinkageConfig) -> DataFrame:
    """Let a component be a person only under the guards; else every member stays alone.

    Guards: no more than ``max_cluster_records`` records, no two of one household, no two sexes with birth years more
    than five apart, and labels that the propagation settled.

    Args:
        edges: ``mutual_best``.
        labels: ``components``.
        nodes: Facts on nodes.
        config: Limits.

    Returns:
        The nodes of components that broke no guard, as ``anchored`` gives them.
    """
    strongest = edges.groupBy(w.NODE).agg(F.max(c.MATCH_WEIGHT).alias(c.MATCH_WEIGHT))
    # 1 : 1 each, a node has one label, one row and one strongest edge.
    members = labels.join(strongest, w.NODE).join(nodes.residue, w.NODE)
    tests = members.groupBy(_LABEL).agg(
        F.count(F.lit(1)).alias("records"),
        F.count(w.UNIT).alias("unit_rows"),
        F.count_distinct(w.UNIT).alias("units"),
        F.count_distinct(c.SEX).alias("sexes"),
        (F.max(c.BIRTH_YEAR) - F.min(c.BIRTH_YEAR)).alias("years"),
        F.min(w.NODE).alias("least"),
        F.count_if(F.col(w.NODE) == F.col(_LABEL)).alias("heads"),
    )
    broken = [
        F.col("records") > config.max_cluster_records,
        F.col("unit_rows") > F.col("units"),
        (F.col("sexes") > 1) & (F.coalesce("years", F.lit(0)) > _SEX_YEAR_GAP),
        # A label whose own node carries another one: the component was larger than the rounds could walk.
        F.col("heads") == 0,
    ]
    judged = members.join(tests.select(_LABEL, reduce(Column.__or__, broken).alias("broken")), _LABEL)
    return judged.where(~F.col("broken")).select(
        w.NODE,
        F.col(_LABEL).alias(w.CLUSTER),
        c.MATCH_WEIGHT,
        F.lit(Reason.SCORE_GROUP).alias(c.MATCH_REASON),
    )
