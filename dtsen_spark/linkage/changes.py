"""What a change of nodes touches: nodes whose pairs must be proposed again, and the blocks that they stand in.

A block's size before is its size now, less what came, plus what went: nothing but the blocks that a changed node stands
or stood in is counted. Where a block turned too large, or small enough, the pairs of all its left nodes change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.blocking import FRESH, IS_LEFT, IS_RIGHT, KEY, REFINE, key_rows, refined

# Whether a key row stands now, and whether it stood before.
_NOW: Final = "now"
_BEFORE: Final = "before"
# Whether its block is too large now, and was before.
_LARGE: Final = "large"
_WAS_LARGE: Final = "was_large"

_Keep = Callable[[str, DataFrame], DataFrame]


@dataclass(frozen=True)
class Change:
    """What changed between two releases.

    Attributes:
        ends: ``node``: nodes that came, went or changed, and residue nodes of blocks that turned.
        touched: Rows of ``ends``.
        keys: Key rows (``blocking.key_rows``) of all nodes in the blocks of ``ends``, with ``fresh``, stored; None
            where nothing changed.
        dropped: Blocks that are given up now, less those that were before.
    """

    ends: DataFrame
    touched: int
    keys: DataFrame | None
    dropped: int


def since(before: DataFrame, now: DataFrame, max_block_pairs: int, keep: _Keep, *, most: int) -> Change | None:
    """Find what changed between two node tables.

    Args:
        before: ``linkage/node`` of the last release.
        now: The same of this one.
        max_block_pairs: Largest block, as pairs.
        keep: Stores a frame under a name and returns it.
        most: Nodes that may have changed at most.

    Returns:
        The change; None where more nodes changed than that.
    """
    changed = keep("changed", _changed(before, now))
    count = changed.count()
    if count > most:
        return None
    if not count:
        return Change(changed, 0, None, 0)
    rows = keep("touched_keys", _touched(before, now, changed))
    turned, dropped = _turned(rows, max_block_pairs, keep)
    # 1 : 1, a node is among them once.
    others = keep("turned", turned.join(changed, w.NODE, "left_anti"))
    further = others.count()
    ends = changed.unionByName(others)
    there = rows.where(_NOW).drop(_NOW, _BEFORE)
    if further:
        of_others = key_rows(now.join(others, w.NODE, "left_semi")).select(KEY).distinct()
        more = of_others.join(rows.select(KEY).distinct(), KEY, "left_anti")
        there = there.unionByName(key_rows(now).join(more, KEY, "left_semi"))
    # n : 1, a node is an end once.
    marked = there.join(ends.withColumn(FRESH, F.lit(True)), w.NODE, "left")
    keys = marked.withColumn(FRESH, F.coalesce(FRESH, F.lit(False)))
    return Change(ends, count + further, keep("keys", keys), dropped)


def between_others(pairs: DataFrame, ends: DataFrame) -> DataFrame:
    """Keep the pairs of which neither node is an end of a change.

    Args:
        pairs: ``join_key_l``, ``join_key_r`` and whatever else.
        ends: ``Change.ends``.

    Returns:
        The other rows.
    """
    left, right = (ends.select(F.col(w.NODE).alias(key)) for key in (w.LEFT, w.RIGHT))
    return pairs.join(left, w.LEFT, "left_anti").join(right, w.RIGHT, "left_anti")


def _changed(before: DataFrame, now: DataFrame) -> DataFrame:
    # 1 : 1, a node has one row in each.
    both = before.select(w.NODE, F.col(c.NODE_HASH).alias(_BEFORE)).join(
        now.select(w.NODE, F.col(c.NODE_HASH).alias(_NOW)), w.NODE, "full_outer"
    )
    return both.where(~F.col(_BEFORE).eqNullSafe(F.col(_NOW))).select(w.NODE)


def _touched(before: DataFrame, now: DataFrame, changed: DataFrame) -> DataFrame:
    """Return the key rows of all blocks that a changed node stands or stood in, with ``now`` and ``before``."""
    went = key_rows(before.join(changed, w.NODE, "left_semi"))
    came = key_rows(now.join(changed, w.NODE, "left_semi"))
    blocks = went.select(KEY).unionByName(came.select(KEY)).distinct()
    stays = key_rows(now.join(changed, w.NODE, "left_anti")).join(blocks, KEY, "left_semi")
    return reduce(
        DataFrame.unionByName,
        (
            rows.withColumns({_NOW: F.lit(is_now), _BEFORE: F.lit(was_before)})
            for rows, is_now, was_before in ((stays, True, True), (came, True, False), (went, False, True))
        ),
    )


def _turned(rows: DataFrame, max_block_pairs: int, keep: _Keep) -> tuple[DataFrame, int]:
    """Return the left nodes of blocks that turned too large or small enough, and how many more blocks are given up.

    Under a block that turned all left nodes are found already; under one that did not, its parts are looked at.
    """
    found: list[DataFrame] = []
    dropped = 0
    for at, refine in enumerate((*REFINE, None)):
        sizes = rows.groupBy(KEY).agg(
            (_pairs(_NOW) > max_block_pairs).alias(_LARGE), (_pairs(_BEFORE) > max_block_pairs).alias(_WAS_LARGE)
        )
        large = keep(f"touched_blocks_{at}", sizes.where(F.col(_LARGE) | F.col(_WAS_LARGE)))
        turned = large.where(F.col(_LARGE) != F.col(_WAS_LARGE)).select(KEY)
        found.append(rows.where(F.col(_NOW) & F.col(IS_LEFT)).join(turned, KEY, "left_semi").select(w.NODE))
        counted = large.agg(
            F.count(F.lit(1)).alias("any"), F.count_if(_LARGE).alias("is"), F.count_if(_WAS_LARGE).alias("was")
        ).collect()[0]
        if refine is None:
            dropped = int(counted["is"]) - int(counted["was"])
        if refine is None or not counted["any"]:
            break
        # n : 1, a key has one size.
        parts = rows.join(large, KEY).withColumns(
            {_NOW: F.col(_NOW) & F.col(_LARGE), _BEFORE: F.col(_BEFORE) & F.col(_WAS_LARGE)}
        )
        rows = refined(parts.where(F.col(_NOW) | F.col(_BEFORE)), refine).drop(_LARGE, _WAS_LARGE)
    return reduce(DataFrame.unionByName, found).distinct(), dropped


def _pairs(when: str) -> Column:
    return F.count_if(F.col(when) & F.col(IS_LEFT)) * F.count_if(F.col(when) & F.col(IS_RIGHT))
