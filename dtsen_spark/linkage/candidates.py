"""The scored pairs of a release: those of the last release, where nothing changed, and fresh ones around what did.

A pair of the last release holds where neither of its nodes is new, gone or changed, and no block that its left node
stands in turned too large or small enough since: then every block that proposed it proposes it still, by the same rule,
and what is compared of both is the same. All pairs of the other nodes are proposed and scored again, from blocks in
their true size. So the pairs are those that a full run scores (equal hashes of 64 bits count as equal), and all that is
decided upon them is decided anew.
"""

import hashlib
from functools import cache
from importlib.metadata import version as installed
from pathlib import Path
from typing import Final

import structlog
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import expressions, tables
from dtsen_spark.contract import local_frame
from dtsen_spark.job import Job
from dtsen_spark.linkage import changes, levels, scoring
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.blocking import FRESH, Blocks, candidate_pairs, key_rows, keyed
from dtsen_spark.linkage.comparisons import COMPARISONS
from dtsen_spark.linkage.model import LinkageModel
from dtsen_spark.linkage.prepared import Scratch

log = structlog.get_logger(__name__)

STAGE: Final = "linkage"
# Above this share of changed nodes their blocks are most blocks, and to keep account of them costs more than it saves.
_MOST_CHANGED: Final = 0.2


def scored_in_full(nodes: DataFrame, model: LinkageModel, max_block_pairs: int, scratch: Scratch) -> DataFrame:
    """Propose and score all pairs, and keep nothing for a later run.

    Args:
        nodes: Node table of residue and registry, stored.
        model: The model.
        max_block_pairs: Largest block, as pairs.
        scratch: Where intermediate results are stored.

    Returns:
        ``scoring.score``, stored.
    """
    blocks = _all_blocks(scratch.keep("keyed", keyed(nodes)), max_block_pairs, scratch)
    return scratch.keep("scored", scoring.score(nodes, scratch.keep("pairs", blocks.pairs), model))


def scored_of_release(job: Job, nodes: DataFrame, model: LinkageModel, scratch: Scratch) -> DataFrame:
    """Score the pairs of a release, and keep what the next release can go on from.

    Args:
        job: The job.
        nodes: Node table of residue and registry, stored.
        model: The model.
        scratch: Where intermediate results are stored.

    Returns:
        ``scoring.score``, stored.
    """
    cap = job.config.linkage.max_block_pairs
    basis = fingerprint(model, cap)
    written = job.write(tables.NODE, keyed(nodes))
    now = job.read(tables.NODE)
    found = None
    if (dropped := _dropped_before(job, basis)) is not None:
        before = job.lake.read(tables.NODE, build=job.previous_release)
        found = changes.since(before, now, cap, scratch.keep, most=int(written.rows * _MOST_CHANGED))
    if found is None or dropped is None:
        blocks = _all_blocks(now, cap, scratch)
        dropped, touched = blocks.dropped, written.rows
        scored = scoring.score(nodes, scratch.keep("pairs", blocks.pairs), model)
    else:
        dropped, touched = dropped + found.dropped, found.touched
        scored = _scored_before(job).transform(changes.between_others, found.ends)
        if found.keys is not None:
            fresh = scratch.keep("pairs", candidate_pairs(found.keys, cap, scratch.keep).pairs)
            scored = scored.unionByName(scoring.score(_of_pairs(nodes, fresh, scratch), fresh, model))
    pairs = job.write(tables.SCORED_PAIR, _to_table(scored)).rows
    job.write(tables.LINKAGE_BASIS, local_frame(job.spark, [(basis, dropped)], tables.LINKAGE_BASIS.schema).coalesce(1))
    for name, value in (("blocks_dropped", dropped), ("candidate_pairs", pairs), ("nodes_scored_again", touched)):
        job.ledger.metric(STAGE, name, value)
    log.info("pairs scored", nodes=written.rows, of_nodes=touched, in_full=found is None, pairs=pairs)
    return _from_table(job.read(tables.SCORED_PAIR))


def fingerprint(model: LinkageModel, max_block_pairs: int) -> str:
    """Return the SHA-256 of what scored pairs hang on beside the nodes: model, cap, code, libraries.

    Args:
        model: The model.
        max_block_pairs: Largest block, as pairs.
    """
    basis = f"{model.version} {max_block_pairs} {_code()}"
    return hashlib.sha256(basis.encode()).hexdigest()


@cache
def _code() -> str:
    digest = hashlib.sha256(f"{installed('splink')} {installed('pyspark')}".encode())
    # All of the package: which part of it pairs hang on is not worth a mistake, and code changes seldom.
    for path in sorted([*Path(__file__).parent.glob("*.py"), Path(expressions.__file__)]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _dropped_before(job: Job, basis: str) -> int | None:
    """Return how many blocks the last release dropped; None where it kept nothing, or on another basis."""
    previous = job.previous_release
    # A published build that is linked once more, such as by a benchmark, has nothing before it but itself.
    if previous in {None, job.release_id} or not all(job.lake.exists(one, previous) for one in tables.LINKAGE_KEPT):
        return None
    kept = job.lake.rows(tables.LINKAGE_BASIS, build=previous)
    return int(kept[0][c.BLOCKS_DROPPED]) if kept and kept[0][c.FINGERPRINT] == basis else None


def _all_blocks(keyed_nodes: DataFrame, max_block_pairs: int, scratch: Scratch) -> Blocks:
    keys = key_rows(keyed_nodes).withColumn(FRESH, F.lit(True))
    return candidate_pairs(keys, max_block_pairs, scratch.keep)


def _of_pairs(nodes: DataFrame, pairs: DataFrame, scratch: Scratch) -> DataFrame:
    ends = pairs.select(F.col(w.LEFT).alias(w.NODE)).unionByName(pairs.select(F.col(w.RIGHT).alias(w.NODE))).distinct()
    return scratch.keep("nodes_of_pairs", nodes.join(ends, w.NODE, "left_semi"))


def _scored_before(job: Job) -> DataFrame:
    return _from_table(job.lake.read(tables.SCORED_PAIR, build=job.previous_release))


def _to_table(scored: DataFrame) -> DataFrame:
    return scored.select(
        F.col(w.LEFT).alias(c.NODE_L),
        F.col(w.RIGHT).alias(c.NODE_R),
        F.col(w.MATCH_KEY).cast("int").alias(c.BLOCKING_RULE),
        c.MATCH_WEIGHT,
        F.array(*(F.col(levels.GAMMA + one.name) for one in COMPARISONS)).alias(c.LEVELS),
    )


def _from_table(stored: DataFrame) -> DataFrame:
    return stored.select(
        F.col(c.NODE_L).alias(w.LEFT),
        F.col(c.NODE_R).alias(w.RIGHT),
        F.col(c.BLOCKING_RULE).cast("string").alias(w.MATCH_KEY),
        c.MATCH_WEIGHT,
        *(F.get(c.LEVELS, F.lit(at)).alias(levels.GAMMA + one.name) for at, one in enumerate(COMPARISONS)),
    )
