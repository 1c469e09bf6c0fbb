"""The linkage stage: reads silver, composes, writes membership, crosswalk, review queue and edges.

Order: records to registry rows by NIK (hash joins) → node table → candidate pairs of the residue → Splink (of what
changed since the last release only, see ``candidates``) → best anchor, household, then the anchorless among themselves
→ guards → labels → ids → proof of the invariants. Each arrow stores its result in the build's scratch folder: no step
is computed twice, and Spark's plans stay small.
"""

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version as installed
from typing import Any

import structlog
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.job import Job
from dtsen_spark.ledger import utc_now
from dtsen_spark.linkage import collapse, invariants, nodes, results, terms, training
from dtsen_spark.linkage import working as w
from dtsen_spark.linkage.candidates import STAGE
from dtsen_spark.linkage.decisions import decide
from dtsen_spark.linkage.hidden import relinked
from dtsen_spark.linkage.members import members
from dtsen_spark.linkage.model import LATEST, MODELS, LinkageModel, load
from dtsen_spark.linkage.prepared import Prepared, Scratch, prepare

log = structlog.get_logger(__name__)


def run(job: Job) -> None:
    """Link person records to persons and give them their ids.

    Reads ``silver/person_record``, ``silver/label_pair``, ``corrections/override`` and the published membership; writes
    ``linkage/membership``, ``linkage/crosswalk``, ``linkage/review_queue`` and ``linkage/edge``. Uses the registered
    model, and trains one where there is none.

    Args:
        job: The job.

    Raises:
        DtsenError: An invariant is broken, which is a fault of this package and stops the run.
    """
    scratch = Scratch(job, STAGE)
    try:
        prepared = prepare(job, scratch)
        model = load(job.lake.root / MODELS, job.config.linkage.model)
        if model is None:
            model = _train(job, prepared, scratch)
        decisions = decide(job, prepared, model, scratch, of_release=True)
        with ThreadPoolExecutor(1) as beside:
            # Small, and nothing of the membership hangs on them.
            written = beside.submit(results.write_edges, job, prepared, decisions, model)
            everyone = members(prepared, decisions.links, scratch, job.config.linkage.dummy_persons)
            results.write_membership(job, everyone)
            edges = written.result()
        crowded = invariants.prove(job, STAGE)
        results.write_review(job, prepared, everyone, edges, crowded)
    finally:
        job.lake.drop_scratch(job.release_id)


def train(job: Job) -> str:
    """Fit a model on the build's person records, register it, and put its hide-NIK accuracy on its card.

    Args:
        job: The job; its build has ``silver/person_record``.

    Returns:
        The model's version.
    """
    scratch = Scratch(job, STAGE)
    try:
        prepared = prepare(job, scratch)
        model = _train(job, prepared, scratch)
        by_source = prepared.linked.groupBy(c.SOURCE).count().orderBy(F.desc("count"), c.SOURCE).collect()  # three
        if by_source:
            tested = relinked(job, model, prepared.linked, by_source[0][c.SOURCE], Scratch(job, "hidden"))
            model.save(job.lake.root / MODELS, {**_made(job), **_accuracy(tested)})
        return model.version
    finally:
        job.lake.drop_scratch(job.release_id)


def _made(job: Job) -> dict[str, str]:
    """Say on the card when and with what a model was made; no part of its version."""
    versions = {f"{name} version": installed(name) for name in ("splink", "pyspark", "dtsen-spark")}
    return {"made on": utc_now().date().isoformat(), "made in release": job.release_id, **versions}


def _accuracy(tested: dict[str, Any]) -> dict[str, str]:
    where = f"with the NIKs of {tested['source']} hidden ({tested['records']:,} records)"
    return {
        f"{name} {where}": f"{tested[name]['value']:.5f} ({tested[name]['low']:.5f} to {tested[name]['high']:.5f})"
        for name in ("precision", "recall")
    }


def _train(job: Job, prepared: Prepared, scratch: Scratch) -> LinkageModel:
    counts = prepared.counts()
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
    model.save(job.lake.root / MODELS, _made(job))
    log.info("linkage model registered", version=version, linked=counts["linked"], registered_as=LATEST)
    return model
