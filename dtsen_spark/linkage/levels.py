"""Levels and weights of a few pairs as plain expressions: what Splink computes for many, for the second look at some.

The household pass and explanations look at pairs that Splink's own run did not see; a prediction of Splink's costs
seconds of planning whatever the number of pairs. One model and one list of levels serve both, and a test holds the
two against each other.
"""

import math
from functools import reduce
from operator import add
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.comparisons import COMPARISONS, Comparison
from dtsen_spark.linkage.model import LinkageModel

GAMMA: Final = "gamma_"
# Weights are compared with thresholds and with each other: rounded, so that nothing hangs on a last bit.
WEIGHT_DIGITS: Final = 4


def side_by_side(pairs: DataFrame, nodes: DataFrame) -> DataFrame:
    """Join each pair with what is known of its two nodes.

    Args:
        pairs: ``join_key_l``, ``join_key_r`` and whatever else; few.
        nodes: Node table (``nodes.COLUMNS``).

    Returns:
        One row for each pair: its columns, and those of the nodes with ``_l`` and ``_r`` behind the name.
    """

    def side(suffix: str, key: str) -> DataFrame:
        return nodes.select(
            F.col(w.NODE).alias(key), *(F.col(n).alias(f"{n}{suffix}") for n in nodes.columns if n != w.NODE)
        )

    # n : 1 on either side, a node has one row.
    return pairs.join(side("_l", w.LEFT), w.LEFT).join(side("_r", w.RIGHT), w.RIGHT)


def level_of(comparison: Comparison) -> Column:
    """Return the level of a comparison as Splink numbers it: -1 says nothing, 0 is the last, the highest agrees."""
    said = F.when(F.expr(comparison.missing), F.lit(-1))
    for at, level in enumerate(comparison.levels[:-1]):
        said = said.when(F.expr(level.sql), F.lit(len(comparison.levels) - 1 - at))
    return said.otherwise(F.lit(0))


def weight_of(comparison: Comparison, model: LinkageModel) -> Column:
    """Return the weight of a pair's level of one comparison, bits; 0 where it says nothing."""
    weights: Column = F.lit(0.0)
    for at, one in enumerate(reversed(model.comparisons[comparison.name])):
        weights = F.when(F.col(GAMMA + comparison.name) == at, F.lit(one.weight)).otherwise(weights)
    return weights


def prior_bits(model: LinkageModel) -> float:
    """Return the log2 odds of the model's prior."""
    return math.log2(model.prior / (1 - model.prior))


def weighed(paired: DataFrame, model: LinkageModel) -> DataFrame:
    """Weigh pairs under a model.

    Args:
        paired: ``side_by_side``.
        model: The model.

    Returns:
        The same rows: the pair's own columns, ``match_weight`` (bits, prior included) and ``gamma_<comparison>``.
    """
    own = [name for name in paired.columns if not name.endswith(("_l", "_r")) or name in {w.LEFT, w.RIGHT}]
    found = paired.select(*own, *(level_of(one).alias(GAMMA + one.name) for one in COMPARISONS))
    total = reduce(add, (weight_of(one, model) for one in COMPARISONS), F.lit(prior_bits(model)))
    return found.withColumn(c.MATCH_WEIGHT, F.round(total, WEIGHT_DIGITS))


def explanation(model: LinkageModel) -> Column:
    """Return the comparison levels of a scored pair as JSON: comparison, level, weight in bits."""
    parts = []
    for comparison in COMPARISONS:
        said: Column = F.lit(None)
        for at, weights in enumerate(reversed(model.comparisons[comparison.name])):
            text = F.struct(
                F.lit(comparison.name).alias("comparison"),
                F.lit(weights.level).alias("level"),
                F.lit(round(weights.weight, 2)).alias("weight"),
            )
            said = F.when(F.col(GAMMA + comparison.name) == at, text).otherwise(said)
        parts.append(said)
    return F.to_json(F.array_compact(F.array(*parts)))
