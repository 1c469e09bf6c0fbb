"""The residue: scored by the model, then linked to its best anchors, by its household, by its peers, or left alone."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.config import LinkageConfig
from dtsen_spark.job import Job
from dtsen_spark.linkage import assignment, candidates, household, labels, levels, nodes, peers
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.assignment import Nodes, State
from dtsen_spark.linkage.model import LinkageModel
from dtsen_spark.linkage.prepared import Prepared, Scratch


@dataclass(frozen=True)
class Decisions:
    """What became of the residue.

    Attributes:
        links: One row for each residue node that has company: its cluster, weight and reason.
        anchors: One row for each residue node that had a candidate anchor: the pair and its state.
        peers: One row for each pair of residue nodes that was each other's best, or whose anchor was taken over.
        scored: Every scored pair.
    """

    links: DataFrame
    anchors: DataFrame
    peers: DataFrame
    scored: DataFrame


def decide(
    job: Job, prepared: Prepared, model: LinkageModel, scratch: Scratch, *, of_release: bool = False
) -> Decisions:
    """Score the residue and decide.

    Args:
        job: The job.
        prepared: What was prepared.
        model: The model.
        scratch: Where intermediate results are stored.
        of_release: Go on from the last release's scored pairs, and keep this one's.

    Returns:
        The decisions, stored.
    """
    limits = job.config.linkage
    listed = job.lake.read(tables.LINKAGE_TERM).where(F.col(c.MODEL_VERSION) == model.version)
    heads = prepared.heads.withColumn(w.INACTIVE, F.lit(False))
    with ThreadPoolExecutor(1) as beside:
        of_registry = beside.submit(scratch.keep, "anchor_nodes", nodes.featured(prepared.anchors, listed))
        with_family = nodes.with_household(heads, prepared.units)
        residue_nodes = scratch.keep("residue_nodes", nodes.featured(with_family, listed))
        anchor_nodes = of_registry.result()
    everyone = residue_nodes.unionByName(anchor_nodes)
    if of_release:
        scored = candidates.scored_of_release(job, everyone, model, scratch)
    else:
        scored = candidates.scored_in_full(everyone, model, limits.max_block_pairs, scratch)
    facts = Nodes(
        residue=residue_nodes.select(w.NODE, w.UNIT, c.SOURCE, c.SEX, c.BIRTH_YEAR),
        inactive=anchor_nodes.where(w.INACTIVE).select(w.NODE),
        linked_units=scratch.keep(
            "linked_units", prepared.linked.where(F.col(w.UNIT).isNotNull()).select(w.ANCHOR, w.UNIT).distinct()
        ),
        forbidden=scratch.keep("forbidden", labels.nodes_kept_apart(prepared.apart, prepared.salt)),
        namesakes=scratch.keep("namesakes", peers.namesakes(residue_nodes, limits.max_namesakes)),
    )
    if of_release:
        job.ledger.metric(candidates.STAGE, "records_of_crowded_names", facts.namesakes.count())
    allowed = assignment.allowed(scored, facts)
    first = scratch.keep("first_pass", assignment.best_anchors(allowed, facts, limits))
    again = household.reopened(first, residue_nodes, anchor_nodes)
    decided = first
    reopened = scratch.keep("reopened", again)
    if not reopened.isEmpty():
        second = scratch.keep(
            "household_pass", _household_pass(allowed, first, reopened, anchor_nodes, facts, limits, model, scratch)
        )
        # 1 : 1, a node is decided once in each pass.
        both = second.unionByName(first.join(second.select(w.LEFT), w.LEFT, "left_anti"))
        decided = scratch.keep("decided", assignment.few_of_a_source(both, limits.max_source_records))
    anchored = assignment.anchored(decided)
    strong = scratch.keep("peers", peers.peers(allowed, facts, decided, limits))
    offered = peers.linked_via(strong, facts, limits)
    via = scratch.keep("via", peers.within_cap(offered, decided, facts, limits.max_source_records))
    mutual = scratch.keep("mutual", peers.mutual_best(strong, via, limits))
    grouped = peers.guarded(mutual, peers.components(mutual), facts, limits)
    links = scratch.keep("links", anchored.unionByName(via.drop(w.PEER)).unionByName(grouped))
    used = _used_pairs(via, mutual, links)
    # 1 : 1, a pair is scored once.
    shown = scratch.keep("peer_edges", used.join(scored, [w.LEFT, w.RIGHT]))
    return Decisions(links, decided, shown.withColumn(c.NEEDED_WEIGHT, F.lit(limits.peer_weight)), scored)


def _household_pass(
    allowed: DataFrame,
    first: DataFrame,
    reopened: DataFrame,
    anchor_nodes: DataFrame,
    facts: Nodes,
    limits: LinkageConfig,
    model: LinkageModel,
    scratch: Scratch,
) -> DataFrame:
    """Return the reopened nodes that their housemates' family card links, as ``assignment.best_anchors`` does."""
    pairs = household.household_pairs(reopened, anchor_nodes, limits.max_block_pairs)
    everyone = reopened.select(*nodes.COLUMNS).unionByName(anchor_nodes)
    # Stored before it is filtered, as Splink's pairs are: a condition on the weight would repeat every comparison.
    at_home = scratch.keep("at_home", levels.weighed(levels.side_by_side(pairs, everyone), model))
    # What the first pass knew still competes; where both scored a pair, the household's view of it holds.
    elsewhere = allowed.join(reopened.select(F.col(w.NODE).alias(w.LEFT)), w.LEFT, "left_semi").join(
        pairs.select(w.LEFT, w.RIGHT), [w.LEFT, w.RIGHT], "left_anti"
    )
    candidates = assignment.allowed(at_home, facts).unionByName(elsewhere)
    taken = facts.linked_units.unionByName(household.linked_units(first)).distinct()
    known = replace(facts, linked_units=taken)
    return assignment.best_anchors(candidates, known, limits).where(F.col(c.STATE) == State.LINKED)


def _used_pairs(via: DataFrame, mutual: DataFrame, links: DataFrame) -> DataFrame:
    """Return the pairs of residue nodes that a decision hung on: ``join_key_l``, ``join_key_r``, ``state``."""
    taken_over = via.select(w.NODE, w.PEER, F.lit(State.LINKED).alias(c.STATE))
    linked = links.select(w.NODE, F.lit(State.LINKED).alias("linked"))
    # n : 1, a node is linked once: what had a mutual partner and no link broke a guard.
    grouped = (
        mutual.where(F.col(w.NODE) < F.col(w.PEER))
        .join(linked, w.NODE, "left")
        .select(w.NODE, w.PEER, F.coalesce("linked", F.lit(State.GUARD)).alias(c.STATE))
    )
    both = taken_over.unionByName(grouped)
    return both.select(
        F.least(w.NODE, w.PEER).alias(w.LEFT), F.greatest(w.NODE, w.PEER).alias(w.RIGHT), c.STATE
    ).distinct()
