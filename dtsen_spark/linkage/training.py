"""m and u by counting: pairs that the NIK verified, with the NIK hidden, against pairs of different persons."""

from pathlib import Path
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.lake import stored
from dtsen_spark.linkage import em, scoring
from dtsen_spark.linkage import nodes as node_table
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.comparisons import COMPARISONS, NIK
from dtsen_spark.linkage.levels import GAMMA
from dtsen_spark.linkage.model import LinkageModel, fitted, untrained, with_check
from dtsen_spark.linkage.terms import UNLISTED

_MATCHES: Final = 20_000  # linked records that are drawn
_ANCHORS: Final = 20_000  # registry rows that are drawn for pairs of different persons
_RANDOM_PAIRS: Final = 500_000
_DRAWS: Final = 1_000_000_007
_IS_MATCH: Final = "match"
_IS_RANDOM: Final = "random"


def _drawn(key: str, wanted: int, rows: int) -> Column:
    # By a hash of the id: the same records on every cluster. Salted, so that draws do not coincide with nodes.
    share = min(_DRAWS, max(1, wanted * _DRAWS // max(rows, 1)))
    return F.pmod(F.xxhash64(F.lit("draw"), F.col(key)), F.lit(_DRAWS)) < share


def _bucket(key: str, buckets: int) -> Column:
    return F.pmod(F.xxhash64(F.lit("bucket"), F.col(key)), F.lit(buckets))


def train(
    linked: DataFrame, anchors: DataFrame, terms: DataFrame, *, counts: dict[str, int], prior: float, scratch: Path
) -> LinkageModel:
    """Fit the model on records that the NIK collapse linked.

    Args:
        linked: Linked records with ``node``, ``anchor``, ``household_kks``.
        anchors: Registry rows with ``node``, ``household_kks``.
        terms: Common names and tokens; small.
        counts: Rows of ``linked`` and ``anchors`` under those names.
        prior: Probability that a residue record and an anchor drawn at random are one person.
        scratch: Folder for intermediate files.

    Returns:
        The model, not yet registered. The same rows give the same model, whatever the partitions.
    """
    sample = linked.where(_drawn(w.NODE, _MATCHES, counts["linked"]))
    # The NIK is what labels these pairs, so it must not be seen by the model.
    hidden = node_table.featured(sample, terms).withColumn(w.NIK_NUMBER, F.lit(None).cast("bigint"))
    # Half of them without household, as the residue often is: what a region says where no household speaks.
    alone = _bucket(w.NODE, 2) == 0
    hidden = hidden.withColumn(w.HOUSEHOLD_KKS, F.when(~alone, F.col(w.HOUSEHOLD_KKS)))
    partners = sample.select(F.col(w.ANCHOR).alias(w.NODE)).distinct()
    drawn = anchors.where(_drawn(w.NODE, _ANCHORS, counts["anchors"])).select(w.NODE)
    # 1 : 1, an anchor has one row.
    others = anchors.join(partners.unionByName(drawn).distinct(), w.NODE)
    nodes = stored(hidden.unionByName(node_table.featured(others, terms)), scratch / "training_nodes")

    matches = sample.select(F.col(w.NODE).alias(w.LEFT), F.col(w.ANCHOR).alias(w.RIGHT)).withColumn(
        w.MATCH_KEY, F.lit(_IS_MATCH)
    )
    drawn_pairs = min(_MATCHES, counts["linked"]) * min(_ANCHORS, counts["anchors"])
    buckets = max(1, drawn_pairs // _RANDOM_PAIRS)
    # n : m inside a bucket, as many pairs as were asked for.
    randoms = (
        sample.select(F.col(w.NODE).alias(w.LEFT), w.ANCHOR, _bucket(w.NODE, buckets).alias("bucket"))
        .join(drawn.select(F.col(w.NODE).alias(w.RIGHT), _bucket(w.NODE, buckets).alias("bucket")), "bucket")
        .where(F.col(w.ANCHOR) != F.col(w.RIGHT))
        .select(w.LEFT, w.RIGHT, F.lit(_IS_RANDOM).alias(w.MATCH_KEY))
    )
    scored = scoring.score(nodes, matches.unionByName(randoms), untrained())
    gammas = [GAMMA + one.name for one in COMPARISONS]
    # A few thousand patterns at most, whatever the population: product of the levels that occur together.
    patterns = [row.asDict() for row in scored.groupBy(w.MATCH_KEY, *gammas).count().collect()]
    listed = terms.groupBy().agg(
        F.count(F.lit(1)).alias("terms"),
        F.sum(F.xxhash64(c.TERM_KIND, c.TERM, c.TERM_CLASS).cast("decimal(38,0)")).alias("digest"),
    )
    found = listed.collect()[0]
    facts = {
        "linked records": str(counts["linked"]),
        "registry rows": str(counts["anchors"]),
        "matches counted": str(_total(patterns, _IS_MATCH)),
        "pairs of different persons counted": str(_total(patterns, _IS_RANDOM)),
        "common terms": str(found["terms"]),
        "digest of the terms": str(found["digest"]),
        "rarity classes": str(UNLISTED + 1),
    }
    model = fitted(_by_level(patterns, _IS_MATCH), _by_level(patterns, _IS_RANDOM), prior=prior, facts=facts)
    return _checked(model, patterns)


def _checked(model: LinkageModel, patterns: list[dict[str, Any]]) -> LinkageModel:
    """Add what EM finds on the same pairs without their labels."""
    # The NIK is hidden in these pairs, so there is nothing to check of it.
    compared = [one.name for one in COMPARISONS if one.name != NIK.name]
    seen: dict[em.Pattern, int] = {}
    for row in patterns:
        key = tuple(int(row[GAMMA + name]) for name in compared)
        seen[key] = seen.get(key, 0) + int(row["count"])
    u = [[one.u for one in reversed(model.comparisons[name])] for name in compared]
    share = _total(patterns, _IS_MATCH) / max(sum(seen.values()), 1)
    estimated = dict(zip(compared, em.estimated_m(seen, u, share), strict=True)) if seen else {}
    own = {name: [one.m for one in reversed(levels)] for name, levels in model.comparisons.items()}
    return with_check(model, {**own, **estimated})


def _total(patterns: list[dict[str, Any]], kind: str) -> int:
    return sum(int(row["count"]) for row in patterns if row[w.MATCH_KEY] == kind)


def _by_level(patterns: list[dict[str, Any]], kind: str) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {one.name: {} for one in COMPARISONS}
    for row in patterns:
        if row[w.MATCH_KEY] != kind:
            continue
        for name, levels in found.items():
            gamma = int(row[GAMMA + name])
            if gamma >= 0:
                levels[gamma] = levels.get(gamma, 0) + int(row["count"])
    return found
