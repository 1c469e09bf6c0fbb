"""Scored pairs to anchors: the best one, with a margin and under guards.

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
from dtsen_spark.linkage.levels import GAMMA


class State(StrEnum):
    """What became of a residue node or of an edge."""

    LINKED = "LINKED"
    AMBIGUOUS = "AMBIGUOUS"
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    UNIT_TAKEN = "UNIT_TAKEN"
    CROWDED = "CROWDED"
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
        namesakes: Residue nodes whose name and birth date very many share: ``node``, ``crowd`` (equal where both are).
    """

    residue: DataFrame
    inactive: DataFrame
    linked_units: DataFrame
    forbidden: DataFrame
    namesakes: DataFrame


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
        One row for each residue node with a candidate: the pair of its best anchor, its ``source`` and ``unit``,
        ``runner_up_weight`` (bits of the second anchor, null where there is none), ``needed_weight`` and ``state``.
    """
    # A runner-up may lie a margin below the least weight that anything is decided on.
    least = min(config.review_weight, config.household_weight) - config.margin
    edges = (
        scored.where((F.col(w.RIGHT) > 0) & (F.col(c.MATCH_WEIGHT) >= least))
        # n : 1, a node has one row.
        .join(nodes.residue.select(F.col(w.NODE).alias(w.LEFT), w.UNIT, c.SOURCE), w.LEFT)
        # n : 1, a registry row is inactive once.
        .join(
            nodes.inactive.select(F.col(w.NODE).alias(w.RIGHT), F.lit(config.margin).alias("handicap")), w.RIGHT, "left"
        )
        # n : 1, an anchor has a unit once.
        .join(taken(nodes.linked_units), [w.RIGHT, w.UNIT], "left")
    )
    open_edges = edges.where(F.col("taken").isNull() | _same_name_and_date())
    rank = F.struct(
        (F.col(c.MATCH_WEIGHT) - F.coalesce("handicap", F.lit(0.0))).alias("rank"),
        F.col(w.RIGHT),
        *(F.col(name) for name in scored.columns if name not in {w.LEFT, w.RIGHT}),
    )
    # Bounded: a node has as many candidates as its capped blocks hold.
    ranked = open_edges.groupBy(w.LEFT, w.UNIT, c.SOURCE).agg(
        F.slice(F.sort_array(F.collect_list(rank), asc=False), 1, 2).alias("best")
    )
    first = F.get("best", F.lit(0))
    decided = ranked.select(
        w.LEFT,
        w.UNIT,
        c.SOURCE,
        first.alias("first"),
        F.get("best", F.lit(1))["rank"].alias(c.RUNNER_UP_WEIGHT),
    ).select(w.LEFT, w.UNIT, c.SOURCE, "first.*", c.RUNNER_UP_WEIGHT)
    clear = F.col(c.RUNNER_UP_WEIGHT).isNull() | (F.col("rank") - F.col(c.RUNNER_UP_WEIGHT) >= config.margin)
    decided = decided.withColumn(
        c.NEEDED_WEIGHT, F.when(_at_home(), config.household_weight).otherwise(config.match_weight).cast("double")
    )
    strong = F.col(c.MATCH_WEIGHT) >= F.col(c.NEEDED_WEIGHT)
    state = F.when(strong & clear, State.LINKED).when(strong, State.AMBIGUOUS).otherwise(State.BELOW_THRESHOLD)
    return (
        decided.withColumn(c.STATE, state)
        .where((F.col(c.STATE) != State.BELOW_THRESHOLD) | (F.col(c.MATCH_WEIGHT) >= config.review_weight))
        .transform(_one_of_a_unit)
        .transform(few_of_a_source, config.max_source_records)
        .drop("rank")
    )


def _at_home() -> Column:
    """Say whether a pair may link on the household's lower weight: same family card, and two of name, date and sex.

    Inside the family card of its housemates a record has few candidates. Two of three keep siblings and twins apart:
    they share the card and a date or a sex, and their names weigh against them.
    """
    agreeing = [_top(NAME, _SAME_NAME_LEVELS), _top(BIRTH, 1), _top(SEX, 1)]
    return _top(HOUSEHOLD, 1) & (reduce(Column.__add__, (one.cast("int") for one in agreeing)) >= 2)


def taken(linked_units: DataFrame) -> DataFrame:
    """Return ``Nodes.linked_units`` with the anchor as right node, and ``taken``."""
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


def few_of_a_source(decided: DataFrame, most: int) -> DataFrame:
    """Take an anchor from all records of a source where more than ``most`` want it (I4).

    One person in hundreds of records of one source is a shared name and birth date, not a person.

    Args:
        decided: ``best_anchors``.
        most: Most records of one source that scores may bring to one person.

    Returns:
        The same rows; ``state`` is ``CROWDED`` where an anchor was taken away.
    """
    wanted = (
        decided.where(F.col(c.STATE) == State.LINKED)
        .groupBy(w.RIGHT, c.SOURCE)
        .agg(F.count(F.lit(1)).alias("claimants"))
        .where(F.col("claimants") > most)
    )
    # n : 1, an anchor has one count in a source.
    joined = decided.join(wanted, [w.RIGHT, c.SOURCE], "left")
    crowded = (F.col(c.STATE) == State.LINKED) & F.col("claimants").isNotNull()
    return joined.withColumn(c.STATE, F.when(crowded, State.CROWDED).otherwise(F.col(c.STATE))).drop("claimants")


def anchored(decided: DataFrame) -> DataFrame:
    """Return the residue nodes that got an anchor.

    Args:
        decided: ``best_anchors``.

    Returns:
        One row for each: ``node``, ``cluster`` (the anchor), ``match_weight``, ``match_reason``, ``sex_differs``.
    """
    return decided.where(F.col(c.STATE) == State.LINKED).select(
        F.col(w.LEFT).alias(w.NODE),
        F.col(w.RIGHT).alias(w.CLUSTER),
        c.MATCH_WEIGHT,
        F.when(_top(HOUSEHOLD, 1), Reason.SCORE_HOUSEHOLD).otherwise(Reason.SCORE).alias(c.MATCH_REASON),
        (~_top(SEX, 1)).alias(w.SEX_DIFFERS),
    )
