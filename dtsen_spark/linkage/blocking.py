"""Candidate pairs: several keys a record, each key's block capped, each pair once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.nodes import MOST_KKS

# Columns of a key row: one for each node and key.
KEY: Final = "block_key"
REFINE: Final = ("refine_1", "refine_2")
IS_LEFT: Final = "is_left"
IS_RIGHT: Final = "is_right"
FRESH: Final = "fresh"
_RULE: Final = "rule"
_LEFTS: Final = "lefts"
_RIGHTS: Final = "rights"

# Where a key stands in ``block_keys``: each rule at its number, then the swapped date, then the family cards.
_SWAPPABLE: Final = 3  # the rule whose date is swapped on the left side
_SWAPPED: Final = 10
HOUSEHOLD_RULE: Final = 10  # number of the rule behind those of ``_rules``
_FIRST_KK: Final = 11
_KKS: Final = MOST_KKS + 1  # those of the housemates and the record's own


@dataclass(frozen=True)
class Blocks:
    """Candidate pairs and what was given up for them.

    Attributes:
        pairs: One row for each pair: ``join_key_l`` (residue node), ``join_key_r`` (anchor or residue node),
            ``match_key`` (number of the first rule that proposed it, as text).
        dropped: Blocks that stayed too large after every refinement.
    """

    pairs: DataFrame
    dropped: int


def _rules(date: Column) -> tuple[tuple[Column, ...], ...]:
    """Return what each rule's key is made of; a key with a null part does not exist."""
    year = F.col(c.BIRTH_YEAR)
    rarest = F.array_max(w.TOKENS)
    sounds = F.col(c.NAME_PHONETIC)
    district, regency = F.col(w.DISTRICT), F.col(w.REGENCY)
    name = F.col(c.NAME_SORTED)
    return (
        (date, F.col(c.SEX), district),
        (date, rarest),
        (date, sounds),
        # Only the left side is swapped, so this rule joins a swapped date with a straight one.
        (date, F.col(c.SEX), regency),
        (name, district),
        (name, year),
        (rarest, regency, (year / 2).cast("int")),
        (rarest, regency, ((year + 1) / 2).cast("int"), F.lit("+")),
        (sounds, district, F.col(c.SEX)),
        (F.col(c.MOTHER_NAME_NORM), year, F.col(c.BIRTH_MONTH)),
    )


def keyed(nodes: DataFrame) -> DataFrame:
    """Reduce nodes to what blocking needs of them, and to a hash that tells whether anything of them changed.

    Args:
        nodes: Node table (``nodes.COLUMNS``); a node of the residue is negative.

    Returns:
        One row for each node, in the columns of ``linkage/node``: ``node``, ``node_hash``, ``refinements``,
        ``block_keys`` (by position; null where a part is unknown).
    """
    swapped = F.col(c.BIRTH_YEAR) * 10_000 + F.col(c.BIRTH_DAY) * 100 + F.col(c.BIRTH_MONTH)
    of_rules = [_key(number, parts) for number, parts in enumerate(_rules(F.col(w.DATE_NUMBER)))]
    of_swapped = F.when(_of_residue(), _key(_SWAPPABLE, _rules(swapped)[_SWAPPABLE]))
    of_kks = [_key(HOUSEHOLD_RULE, (F.get(w.HOUSEHOLD_KKS, F.lit(at)),)) for at in range(_KKS)]
    # What an oversize block is split by: first where and of which sex, then the rarest token and the year.
    first = F.xxhash64(F.coalesce(w.DISTRICT, F.lit(0)), F.coalesce(c.SEX, F.lit("")))
    second = F.xxhash64(F.coalesce(F.array_max(w.TOKENS), F.lit("")), F.coalesce(c.BIRTH_YEAR, F.lit(0)))
    # The hash skips nulls, so each value is followed by whether it is null.
    said = [part for name in nodes.columns if name != w.NODE for part in (F.col(name), F.col(name).isNull())]
    return nodes.select(
        w.NODE,
        F.xxhash64(*said).alias(c.NODE_HASH),
        F.array(first, second).alias(c.REFINEMENTS),
        F.array(*of_rules, of_swapped, *of_kks).alias(c.BLOCK_KEYS),
    )


def _of_residue() -> Column:
    return F.col(w.NODE) < 0


def _key(number: int, parts: tuple[Column, ...]) -> Column:
    known = reduce(Column.__and__, (part.isNotNull() for part in parts))
    return F.when(known, F.xxhash64(F.lit(number), *parts))


def key_rows(keyed_nodes: DataFrame) -> DataFrame:
    """Return one row for each node × key.

    A residue node stands on both sides of its blocks, an anchor on the right; the swapped-date rule is one-sided, so
    there the swapped key of a residue node is its left and the straight one its right.

    Args:
        keyed_nodes: ``keyed``.

    Returns:
        ``node``, ``block_key``, ``rule``, the refining hashes, ``is_left``, ``is_right``.
    """
    at = F.col("at")
    return (
        keyed_nodes.select(w.NODE, c.REFINEMENTS, F.posexplode(c.BLOCK_KEYS).alias("at", KEY))
        .where(F.col(KEY).isNotNull())
        .select(
            w.NODE,
            KEY,
            F.when(at == _SWAPPED, _SWAPPABLE).when(at >= _FIRST_KK, HOUSEHOLD_RULE).otherwise(at).alias(_RULE),
            *(F.get(c.REFINEMENTS, F.lit(number)).alias(name) for number, name in enumerate(REFINE)),
            (_of_residue() & (at != _SWAPPABLE)).alias(IS_LEFT),
            (at != _SWAPPED).alias(IS_RIGHT),
        )
    )


def candidate_pairs(keys: DataFrame, max_block_pairs: int, keep: Callable[[str, DataFrame], DataFrame]) -> Blocks:
    """Propose pairs of residue × anchors and residue × residue; never two anchors.

    A key whose block holds more than ``max_block_pairs`` pairs is split by a further column, twice if need be, and
    then given up and counted: the cost of a name and birth date that 200,000 records share is bounded.

    Args:
        keys: Rows of ``key_rows``, all of each key, and ``fresh``: pairs of two nodes that are not are left out.
        max_block_pairs: Largest block, as pairs.
        keep: Stores a frame under a name and returns it: blocks and their sizes are read by all that follows.

    Returns:
        The pairs (lazy), and how many blocks were given up.
    """
    # Anchors are most nodes, and most of their keys are of no block with a left side: shuffled once, not in each step.
    blocks = keys.where(IS_LEFT).select(KEY).distinct()
    keys = keep("keys_of_blocks", keys.join(blocks, KEY, "left_semi"))
    found: list[DataFrame] = []
    for at, refine in enumerate((*REFINE, None)):
        sizes = keep(f"block_sizes_{at}", _sizes(keys))
        # Each left node of the residue stands on the right as well: it does not pair with itself.
        fits = F.col(_LEFTS) * F.col(_RIGHTS) <= max_block_pairs
        found.append(_pairs(keys, sizes.where(fits)))
        oversize = sizes.where(~fits)
        dropped = oversize.count()
        if refine is None or not dropped:
            break
        # n : 1, a key has one size.
        keys = refined(keys.join(oversize.select(KEY), KEY), refine)
    return Blocks(_each_once(reduce(DataFrame.unionByName, found)), dropped)


def refined(keys: DataFrame, column: str) -> DataFrame:
    """Split the blocks of key rows by one of ``REFINE``."""
    return keys.withColumn(KEY, F.xxhash64(KEY, column))


def _sizes(keys: DataFrame) -> DataFrame:
    return (
        keys.groupBy(KEY)
        .agg(
            F.count_if(IS_LEFT).alias(_LEFTS),
            F.count_if(IS_RIGHT).alias(_RIGHTS),
            F.max(FRESH).alias(FRESH),
        )
        .where((F.col(_LEFTS) > 0) & (F.col(_RIGHTS) > 0) & F.col(FRESH))
        .drop(FRESH)
    )


def _pairs(keys: DataFrame, blocks: DataFrame) -> DataFrame:
    # n : 1 to the block, then n : m inside it, bounded by its cap.
    lefts = (
        keys.where(IS_LEFT)
        .select(KEY, _RULE, F.col(w.NODE).alias(w.LEFT), F.col(FRESH).alias("left_is"))
        .join(blocks.select(KEY), KEY)
    )
    rights = keys.where(IS_RIGHT).select(KEY, F.col(w.NODE).alias(w.RIGHT), F.col(FRESH).alias("right_is"))
    return lefts.join(rights, KEY).where(F.col("left_is") | F.col("right_is")).select(w.LEFT, w.RIGHT, _RULE)


def _each_once(pairs: DataFrame) -> DataFrame:
    # Two residue nodes may meet from both sides; an anchor is positive, so the lesser node is always of the residue.
    left, right = F.col(w.LEFT), F.col(w.RIGHT)
    return (
        pairs.where(left != right)
        .select(F.least(left, right).alias(w.LEFT), F.greatest(left, right).alias(w.RIGHT), _RULE)
        .groupBy(w.LEFT, w.RIGHT)
        .agg(F.min(_RULE).cast("string").alias(w.MATCH_KEY))
    )
