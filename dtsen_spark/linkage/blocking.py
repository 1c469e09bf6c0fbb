"""Candidate pairs: several keys a record, each key's block capped, each pair once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import working as w

_KEY: Final = "block_key"
_RULE: Final = "rule"
HOUSEHOLD_RULE: Final = 10  # number of the rule behind those of ``_rules``
_REFINE: Final = ("refine_1", "refine_2")
_LEFTS: Final = "lefts"
_RIGHTS: Final = "rights"


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


def _swapped_date() -> Column:
    # Day and month exchanged, on one side only: meets the true date of the other side.
    return F.col(c.BIRTH_YEAR) * 10_000 + F.col(c.BIRTH_DAY) * 100 + F.col(c.BIRTH_MONTH)


def _rules(*, residue: bool) -> tuple[tuple[Column, ...], ...]:
    """Return what each rule's key is made of; a key with a null part does not exist."""
    date = F.col(w.DATE_NUMBER)
    year = F.col(c.BIRTH_YEAR)
    rarest = F.array_max(w.TOKENS)
    sounds = F.col(c.NAME_PHONETIC)
    district, regency = F.col(w.DISTRICT), F.col(w.REGENCY)
    name = F.col(c.NAME_SORTED)
    return (
        (date, F.col(c.SEX), district),
        (date, rarest),
        (date, sounds),
        # Only the residue side is swapped, so this rule joins a swapped date with a straight one.
        (_swapped_date() if residue else date, F.col(c.SEX), regency),
        (name, district),
        (name, year),
        (rarest, regency, (year / 2).cast("int")),
        (rarest, regency, ((year + 1) / 2).cast("int"), F.lit("+")),
        (sounds, district, F.col(c.SEX)),
        (F.col(c.MOTHER_NAME_NORM), year, F.col(c.BIRTH_MONTH)),
    )


def _keys(nodes: DataFrame, *, residue: bool) -> DataFrame:
    """Return one row for each node × key: ``block_key``, the refining hashes, ``rule``, ``node``."""
    made = []
    for number, parts in enumerate(_rules(residue=residue)):
        known = F.lit(True)
        for part in parts:
            known &= part.isNotNull()
        made.append(F.when(known, F.struct(F.lit(number).alias(_RULE), F.xxhash64(F.lit(number), *parts).alias(_KEY))))
    household = F.transform(
        F.coalesce(w.HOUSEHOLD_KKS, F.array().cast("array<bigint>")),
        lambda kk: F.struct(F.lit(HOUSEHOLD_RULE).alias(_RULE), F.xxhash64(F.lit(HOUSEHOLD_RULE), kk).alias(_KEY)),
    )
    # What an oversize block is split by: first where and of which sex, then the rarest token and the year.
    first = F.xxhash64(F.coalesce(w.DISTRICT, F.lit(0)), F.coalesce(c.SEX, F.lit("")))
    second = F.xxhash64(F.coalesce(F.array_max(w.TOKENS), F.lit("")), F.coalesce(c.BIRTH_YEAR, F.lit(0)))
    return (
        nodes.select(
            w.NODE,
            first.alias(_REFINE[0]),
            second.alias(_REFINE[1]),
            F.explode(F.concat(F.array(*made), household)).alias("key"),
        )
        .select(w.NODE, *_REFINE, F.col(f"key.{_RULE}").alias(_RULE), F.col(f"key.{_KEY}").alias(_KEY))
        .where(F.col(_KEY).isNotNull())
    )


def candidate_pairs(
    anchors: DataFrame, residue: DataFrame, max_block_pairs: int, keep: Callable[[str, DataFrame], DataFrame]
) -> Blocks:
    """Propose pairs of residue × anchors and residue × residue; never two anchors.

    A key whose block holds more than ``max_block_pairs`` pairs is split by a further column, twice if need be, and
    then given up and counted: the cost of a name and birth date that 200,000 records share is bounded.

    Args:
        anchors: Node table of the registry.
        residue: Node table of the residue.
        max_block_pairs: Largest block, as pairs.
        keep: Stores a frame under a name and returns it: sizes of blocks are read by all that follows.

    Returns:
        The pairs (lazy), and how many blocks were given up.
    """
    left = _keys(residue, residue=True)
    # The swapped-date rule is one-sided, so among the residue itself the straight keys are the right side.
    right = _keys(anchors, residue=False).unionByName(_keys(residue, residue=False))
    found: list[DataFrame] = []
    for at, refine in enumerate((*_REFINE, None)):
        sizes = keep(f"block_sizes_{at}", _sizes(left, right))
        # Each left node of the residue stands on the right as well: it does not pair with itself.
        fits = F.col(_LEFTS) * F.col(_RIGHTS) <= max_block_pairs
        found.append(_pairs(left, right, sizes.where(fits)))
        oversize = sizes.where(~fits)
        dropped = oversize.count()
        if refine is None or not dropped:
            break
        left, right = _refined(left, oversize, refine), _refined(right, oversize, refine)
    return Blocks(_each_once(reduce(DataFrame.unionByName, found)), dropped)


def _sizes(left: DataFrame, right: DataFrame) -> DataFrame:
    sides = left.select(_KEY, _RULE, F.lit(1).alias(_LEFTS), F.lit(0).alias(_RIGHTS)).unionByName(
        right.select(_KEY, _RULE, F.lit(0).alias(_LEFTS), F.lit(1).alias(_RIGHTS))
    )
    return (
        sides.groupBy(_KEY)
        .agg(F.min(_RULE).alias(_RULE), F.sum(_LEFTS).alias(_LEFTS), F.sum(_RIGHTS).alias(_RIGHTS))
        .where((F.col(_LEFTS) > 0) & (F.col(_RIGHTS) > 0))
    )


def _pairs(left: DataFrame, right: DataFrame, blocks: DataFrame) -> DataFrame:
    # n : 1 to the block, then n : m inside it, bounded by its cap.
    lefts = left.select(_KEY, _RULE, F.col(w.NODE).alias(w.LEFT)).join(blocks.select(_KEY), _KEY)
    return lefts.join(right.select(_KEY, F.col(w.NODE).alias(w.RIGHT)), _KEY).drop(_KEY)


def _refined(keys: DataFrame, oversize: DataFrame, column: str) -> DataFrame:
    # n : 1, a key has one size.
    return keys.join(oversize.select(_KEY), _KEY).withColumn(_KEY, F.xxhash64(_KEY, column))


def _each_once(pairs: DataFrame) -> DataFrame:
    # Two residue nodes may meet from both sides; an anchor is positive, so the lesser node is always of the residue.
    left, right = F.col(w.LEFT), F.col(w.RIGHT)
    return (
        pairs.where(left != right)
        .select(F.least(left, right).alias(w.LEFT), F.greatest(left, right).alias(w.RIGHT), _RULE)
        .groupBy(w.LEFT, w.RIGHT)
        .agg(F.min(_RULE).cast("string").alias(w.MATCH_KEY))
    )
