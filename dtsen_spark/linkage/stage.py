"""The linkage stage: reads silver, composes, writes membership, crosswalk, review queue and edges.

Order: records to registry rows by NIK (hash joins) → node table → candidate pairs of the residue → Splink → best
anchor, then the anchorless among themselves → labels → ids. Each arrow stores its result in the build's scratch folder,
so that no step is computed twice and Spark's plans stay small.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.errors import DtsenError
from dtsen_spark.job import Job
from dtsen_spark.linkage import assignment, blocking, collapse, identity, labels, nodes, scoring, terms, training
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.model import LATEST, LinkageModel, load

log = structlog.get_logger(__name__)

STAGE: Final = "linkage"
_MODELS: Final = Path("models") / "linkage"
_REGISTRY_REASON: Final = "REGISTRY"
_ALONE_REASON: Final = "ONLY_RECORD"
# Node hashes are made unique by trying another salt: with 64 bits a second try is already unlikely to be needed.
_SALTS: Final = range(4)


@dataclass(frozen=True)
class Prepared:
    """What every later step reads, stored.

    Attributes:
        records: Prepared person records.
        anchors: Registry rows.
        claims: Records outside the registry with the registry row of their NIK, where a rule agrees.
        residue: Claims without an anchor, with their node; a follower has its representative's and a reason.
        units: Family cards of the registry rows of each unit's linked members.
        labels: Decisions of people on pairs.
        apart: Pairs of records that people kept apart, both orders.
        salt: Salt of the nodes.
        counts: Rows by name.
    """

    records: DataFrame
    anchors: DataFrame
    claims: DataFrame
    residue: DataFrame
    units: DataFrame
    labels: DataFrame
    apart: DataFrame
    salt: int
    counts: dict[str, int]

    @property
    def linked(self) -> DataFrame:
        """Claims with an anchor."""
        return self.claims.where(F.col(w.ANCHOR).isNotNull())


@dataclass(frozen=True)
class Decisions:
    """What became of the residue.

    Attributes:
        links: One row for each residue node that has company: its cluster, weight and reason.
        decided: One row for each residue node that had a candidate anchor: the pair and its state.
        guarded: Nodes whose component broke a guard.
    """

    links: DataFrame
    decided: DataFrame
    guarded: DataFrame


class _Scratch:
    """Intermediate files of the stage under the build; gone when the stage ends."""

    def __init__(self, job: Job) -> None:
        self.path = job.lake.scratch(job.release_id) / STAGE
        self._spark = job.spark

    def keep(self, name: str, df: DataFrame) -> DataFrame:
        path = str(self.path / name)
        df.write.mode("overwrite").parquet(path)
        return self._spark.read.parquet(path)


def run(job: Job) -> None:
    """Link person records to persons and give them their ids.

    Reads ``silver/person_record``, ``silver/label_pair`` and the published membership; writes ``linkage/membership``,
    ``linkage/crosswalk``, ``linkage/review_queue`` and ``linkage/edge``. Uses the registered model, and trains one
    where there is none.

    Args:
        job: The job.

    Raises:
        DtsenError: An invariant is broken, which is a fault of this package and stops the run.
    """
    scratch = _Scratch(job)
    try:
        prepared = _prepare(job, scratch)
        model = load(job.lake.root / _MODELS, job.config.linkage.model)
        if model is None:
            model = _train(job, prepared, scratch)
        decisions = _link(job, prepared, model, scratch)
        members = _members(job, prepared, decisions.links, scratch)
        _write(job, prepared, members, decisions, model)
    finally:
        job.lake.drop_scratch(job.release_id)


def train(job: Job) -> str:
    """Fit a model on the build's person records and register it.

    Args:
        job: The job; its build has ``silver/person_record``.

    Returns:
        The model's version.
    """
    scratch = _Scratch(job)
    try:
        return _train(job, _prepare(job, scratch), scratch).version
    finally:
        job.lake.drop_scratch(job.release_id)


def _prepare(job: Job, scratch: _Scratch) -> Prepared:
    scoring.similarity_functions(job.spark)
    records = collapse.prepared(job.read(tables.PERSON_RECORD))
    decisions = job.read(tables.LABEL_PAIR) if job.has(tables.LABEL_PAIR) else job.lake.empty(tables.LABEL_PAIR)
    apart = labels.kept_apart(decisions)
    own_kk = F.when(F.col(w.KK_NUMBER).isNotNull(), F.array(w.KK_NUMBER))
    anchors = collapse.spine(records).withColumn(w.HOUSEHOLD_KKS, own_kk)
    claims = scratch.keep("claims", collapse.claims(records, anchors, apart))
    open_claims = claims.where(F.col(w.ANCHOR).isNull())
    for salt in _SALTS:
        named = open_claims.withColumn(w.NODE, collapse.node_of_record(salt))
        residue = scratch.keep(f"residue_{salt}", collapse.unregistered_groups(named))
        found = residue.agg(
            F.count(F.lit(1)).alias("residue"),
            F.count_if(F.col(c.MATCH_REASON).isNull()).alias("heads"),
            F.count_distinct(F.when(F.col(c.MATCH_REASON).isNull(), F.col(w.NODE))).alias("nodes"),
        ).collect()[0]
        if found["heads"] == found["nodes"]:
            break
    else:
        message = f"two records share a node under each of {len(_SALTS)} salts; give more in {__name__}"
        raise DtsenError(message)
    counts = {
        "claims": claims.count(),
        "anchors": anchors.count(),
        "residue": int(found["residue"]),
        "heads": int(found["heads"]),
    }
    counts["linked"] = counts["claims"] - counts["residue"]
    units = nodes.housemate_kks(claims.where(F.col(w.ANCHOR).isNotNull()))
    return Prepared(records, anchors, claims, residue, units, decisions, apart, salt, counts)


def _train(job: Job, prepared: Prepared, scratch: _Scratch) -> LinkageModel:
    counts = prepared.counts
    listed = scratch.keep(
        "terms", terms.count_terms(prepared.anchors, counts["anchors"], job.config.privacy.small_cell)
    )
    linked = nodes.with_household(prepared.linked, prepared.units)
    linked = linked.withColumn(w.NODE, collapse.node_of_record(prepared.salt)).withColumn(w.INACTIVE, F.lit(False))
    # Of the records that state a NIK or none, as many as the NIK linked have a registry row: the residue is no better.
    prior = max(counts["linked"], 1) / (max(counts["claims"], 1) * max(counts["anchors"], 1))
    model = training.train(
        linked,
        prepared.anchors,
        listed,
        counts=counts,
        prior=min(prior, 0.5),
        scratch=scratch.path,
    )
    version = model.version
    job.lake.write(
        tables.LINKAGE_TERM,
        listed.withColumn(c.MODEL_VERSION, F.lit(version)),
        slice_values={c.MODEL_VERSION: version},
    )
    # The terms first: a model that is registered is complete.
    model.save(job.lake.root / _MODELS)
    log.info("linkage model registered", version=version, linked=counts["linked"], registered_as=LATEST)
    return model


def _link(job: Job, prepared: Prepared, model: LinkageModel, scratch: _Scratch) -> Decisions:
    """Score the residue and decide."""
    limits = job.config.linkage
    listed = job.lake.read(tables.LINKAGE_TERM).where(F.col(c.MODEL_VERSION) == model.version)
    heads = prepared.residue.where(F.col(c.MATCH_REASON).isNull()).withColumn(w.INACTIVE, F.lit(False))
    residue_nodes = scratch.keep("residue_nodes", nodes.featured(nodes.with_household(heads, prepared.units), listed))
    anchor_nodes = scratch.keep("anchor_nodes", nodes.featured(prepared.anchors, listed))
    blocks = blocking.candidate_pairs(anchor_nodes, residue_nodes, limits.max_block_pairs, scratch.keep)
    pairs = scratch.keep("pairs", blocks.pairs)
    job.ledger.metric(STAGE, "blocks_dropped", blocks.dropped)
    job.ledger.metric(STAGE, "candidate_pairs", pairs.count())

    everyone = residue_nodes.unionByName(anchor_nodes)
    scored = scratch.keep("scored", scoring.score(everyone, pairs, model))
    facts = assignment.Nodes(
        residue=residue_nodes.select(w.NODE, w.UNIT, c.SOURCE, c.SEX, c.BIRTH_YEAR),
        inactive=anchor_nodes.where(w.INACTIVE).select(w.NODE),
        linked_units=prepared.linked.where(F.col(w.UNIT).isNotNull()).select(w.ANCHOR, w.UNIT).distinct(),
        forbidden=labels.nodes_kept_apart(prepared.apart, prepared.salt),
    )
    allowed = assignment.allowed(scored, facts)
    decided = scratch.keep("decided", assignment.best_anchors(allowed, facts, limits))
    anchored = assignment.anchored(decided)
    strong = scratch.keep("peers", assignment.peers(allowed, facts, decided, limits))
    via = scratch.keep("via", assignment.linked_via(strong, facts, limits))
    edges = scratch.keep("mutual", assignment.mutual_best(strong, via))
    grouped = assignment.guarded(edges, assignment.components(edges), facts, limits)
    links = scratch.keep("links", anchored.unionByName(via).unionByName(grouped))
    # 1 : 1, a node is linked once: what had a mutual partner and no link broke a guard.
    return Decisions(links, decided, edges.select(w.NODE).distinct().join(links, w.NODE, "left_anti"))


def _registry_record(node: str) -> Column:
    """Return the record id of an anchor: its native key is the NIK, so nothing has to be looked up."""
    return F.concat(F.lit(f"{collapse.REGISTRY}:"), F.lpad(F.col(node).cast("string"), 16, "0"))


def _members(job: Job, prepared: Prepared, links: DataFrame, scratch: _Scratch) -> DataFrame:
    """Return one row for each person record: cluster_record, match_reason, match_weight, nik_grade, nik_claimed."""
    no_weight = F.lit(None).cast("double")
    no_claim = F.lit(None).cast("string")
    registry = prepared.records.where(F.col(c.SOURCE) == collapse.REGISTRY).select(
        c.RECORD_ID,
        F.col(c.RECORD_ID).alias(w.CLUSTER_RECORD),
        F.lit(_REGISTRY_REASON).alias(c.MATCH_REASON),
        no_weight.alias(c.MATCH_WEIGHT),
        F.when(F.col(w.NIK_NUMBER).isNull(), "V0").otherwise("V3").alias(c.NIK_GRADE),
        no_claim.alias(c.NIK_CLAIMED),
    )
    collapsed = prepared.linked.select(
        c.RECORD_ID,
        _registry_record(w.ANCHOR).alias(w.CLUSTER_RECORD),
        c.MATCH_REASON,
        no_weight.alias(c.MATCH_WEIGHT),
        F.lit("V3").alias(c.NIK_GRADE),
        no_claim.alias(c.NIK_CLAIMED),
    )
    claims_other = F.col(w.IN_REGISTRY)
    grade = F.when(F.col(w.NIK_NUMBER).isNull(), "V0").when(claims_other, "V2").otherwise("V1")
    # n : 1, a node has at most one link; a node without one is a cluster of its own.
    residue = prepared.residue.join(links.withColumnRenamed(c.MATCH_REASON, "link_reason"), w.NODE, "left").select(
        c.RECORD_ID,
        F.coalesce(w.CLUSTER, w.NODE).alias(w.CLUSTER),
        F.coalesce(c.MATCH_REASON, "link_reason", F.lit(_ALONE_REASON)).alias(c.MATCH_REASON),
        F.when(F.col(c.MATCH_REASON).isNull(), F.col(c.MATCH_WEIGHT)).alias(c.MATCH_WEIGHT),
        grade.alias(c.NIK_GRADE),
        F.when(claims_other, F.col(c.NIK)).alias(c.NIK_CLAIMED),
    )
    least = residue.where(F.col(w.CLUSTER) < 0).groupBy(w.CLUSTER).agg(F.min(c.RECORD_ID).alias("least"))
    # n : 1, a cluster has one least record; a cluster with an anchor is named by that.
    named = residue.join(least, w.CLUSTER, "left").withColumn(
        w.CLUSTER_RECORD, F.coalesce("least", _registry_record(w.CLUSTER))
    )
    members = scratch.keep("members", registry.unionByName(collapsed).unionByName(named.select(*registry.columns)))
    if prepared.labels.isEmpty():
        return members
    return scratch.keep("members_by_label", labels.obeyed(members, prepared.labels, scratch.keep))


def _write(job: Job, prepared: Prepared, members: DataFrame, decisions: Decisions, model: LinkageModel) -> None:
    previous = job.published(tables.MEMBERSHIP)
    if previous is None or job.previous_release is None:
        found = identity.first_identities(members, job.id_key(), job.release_id)
        history = None
    else:
        found = identity.next_identities(
            members,
            previous,
            job.id_key(),
            release_id=job.release_id,
            previous_release=job.previous_release,
        )
        history = job.published(tables.CROSSWALK)
    job.write(tables.MEMBERSHIP, found.membership)
    _write_crosswalk(job, found.events, history)

    record_of = prepared.residue.where(F.col(c.MATCH_REASON).isNull()).select(
        F.col(w.NODE).alias(w.LEFT), F.col(c.RECORD_ID).alias(c.RECORD_ID_L)
    )
    # n : 1, a node has one representative.
    shown = decisions.decided.join(record_of, w.LEFT).withColumn(c.RECORD_ID_R, _registry_record(w.RIGHT))
    edges = shown.select(
        c.RECORD_ID_L,
        c.RECORD_ID_R,
        c.MATCH_WEIGHT,
        F.col(w.MATCH_KEY).cast("int").alias(c.BLOCKING_RULE),
        scoring.explanation(model).alias(c.AGREEMENT),
        c.STATE,
        F.when(F.col(c.STATE) != assignment.State.LINKED, F.col(c.STATE)).alias(c.REASON),
    )
    job.write(tables.EDGE, edges)
    guarded = decisions.guarded.withColumnRenamed(w.NODE, w.LEFT).join(record_of, w.LEFT)
    _write_review(job, prepared, members, shown, guarded)
    _account(job)


def _write_crosswalk(job: Job, events: DataFrame, history: DataFrame | None) -> None:
    # Past events keep the release that they happened in, so the job's own stamp is not for this table.
    stamped = events.withColumn(c.PERIOD, F.lit(job.period.text)).withColumn(c.RELEASE_ID, F.lit(job.release_id))
    everything = stamped if history is None else stamped.unionByName(history)
    job.outputs[tables.CROSSWALK.path] = job.lake.write(tables.CROSSWALK, everything, build=job.release_id)


def _write_review(job: Job, prepared: Prepared, members: DataFrame, shown: DataFrame, guarded: DataFrame) -> None:
    # What a later step linked after all needs nobody's eyes.
    alone = members.where(F.col(c.MATCH_REASON) == _ALONE_REASON).select(F.col(c.RECORD_ID).alias(c.RECORD_ID_L))
    unsure = (
        shown.where(F.col(c.STATE) != assignment.State.LINKED)
        .join(alone, c.RECORD_ID_L, "left_semi")
        .select(
            F.col(c.STATE).alias(c.KIND),
            c.RECORD_ID_L,
            c.RECORD_ID_R,
            c.MATCH_WEIGHT,
            F.lit("best candidate of a record that was not linked").alias(c.REASON),
        )
    )
    broken = guarded.select(
        F.lit(assignment.State.GUARD).alias(c.KIND),
        c.RECORD_ID_L,
        F.lit(None).cast("string").alias(c.RECORD_ID_R),
        F.lit(None).cast("double").alias(c.MATCH_WEIGHT),
        F.lit("similar records that cannot all be one person").alias(c.REASON),
    )
    unsure = unsure.unionByName(broken)
    if not prepared.labels.isEmpty():
        against = labels.contradictions(members, prepared.labels).select(
            F.lit("CONTRADICTION").alias(c.KIND),
            c.RECORD_ID_L,
            c.RECORD_ID_R,
            F.lit(None).cast("double").alias(c.MATCH_WEIGHT),
            F.lit("must be one person by label, and an invariant or another label forbids it").alias(c.REASON),
        )
        unsure = unsure.unionByName(against)
    job.write(tables.REVIEW_QUEUE, unsure)


def _account(job: Job) -> None:
    """Enter the stage's account and figures, and prove the invariants on what was written.

    Raises:
        DtsenError: Two registry persons, or two verified NIKs, are one person.
    """
    silver = job.read(tables.PERSON_RECORD).select(c.RECORD_ID, c.SOURCE, c.NIK)
    current = job.read(tables.MEMBERSHIP).where(F.col(c.VALID_TO).isNull())
    verified = F.when(F.col(c.NIK_GRADE) == "V3", F.col(c.NIK))
    persons = (
        # 1 : 1, a record has one current row.
        current.join(silver, c.RECORD_ID)
        .groupBy(c.PERSON_ID)
        .agg(
            F.count(F.lit(1)).alias("records"),
            F.count_if(F.col(c.SOURCE) == collapse.REGISTRY).alias("registry_rows"),
            F.min(verified).alias("least_nik"),
            F.max(verified).alias("greatest_nik"),
        )
    )
    found = persons.agg(
        F.sum("records").alias("records"),
        F.count(F.lit(1)).alias("persons"),
        F.count_if(F.col("registry_rows") > 1).alias("i1"),
        F.count_if(F.col("least_nik") != F.col("greatest_nik")).alias("i2"),
    ).collect()[0]
    job.ledger.account(STAGE, tables.MEMBERSHIP.path, rows_in=silver.count(), rows_out=int(found["records"] or 0))
    job.ledger.metric(STAGE, "persons", int(found["persons"]))
    job.ledger.metric(STAGE, "i1_violations", int(found["i1"]), severity="critical")
    job.ledger.metric(STAGE, "i2_violations", int(found["i2"]), severity="critical")
    for row in current.groupBy(c.MATCH_REASON).count().collect():
        job.ledger.metric(STAGE, "records_by_reason", row["count"], rule=row[c.MATCH_REASON])
    if found["i1"] or found["i2"]:
        message = (
            f"linkage: {found['i1']:,} persons hold two registry rows, {found['i2']:,} two verified NIKs; "
            "nothing is published; report this with the release id"
        )
        raise DtsenError(message)
