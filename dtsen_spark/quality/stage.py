"""The audit: figures, proofs and a sample into one checkpoint, whose verdict is the gate."""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import structlog
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.errors import LakeError
from dtsen_spark.job import Job
from dtsen_spark.lake import Lake
from dtsen_spark.quality import docs, proofs, sample
from dtsen_spark.quality.checkpoint import FailedExpectation, check
from dtsen_spark.quality.figures import STAGE, Figure, changes, counted
from dtsen_spark.quality.suite import load_suite

log = structlog.get_logger(__name__)

_PASSED: Final = "gate_passed"
_FAILED: Final = "expectation_failed"
_QUERIES_AT_ONCE: Final = 3


@dataclass(frozen=True)
class GateResult:
    """What the gate says of a release.

    Attributes:
        passed: No critical expectation failed.
        failed: Critical expectations that did not hold, by subject.
        warnings: Expectations that flag the release but let it through.
        data_docs: First page of the data docs.
    """

    passed: bool
    failed: tuple[FailedExpectation, ...]
    warnings: tuple[FailedExpectation, ...]
    data_docs: Path


def run(job: Job) -> None:
    """Judge the build: figures of all stages, proofs, a sample, the checkpoint, data docs.

    Reads ``ops`` and the tables of the build; writes figures and verdict to ``ops/dq_metric`` and the data docs to
    ``ops/data_docs/<release>``.

    Args:
        job: The run.

    Raises:
        ConfigError: The suite is wrong.
    """
    suite = load_suite(job.config.quality.suite)
    programs = [p for p in job.config.programs.enabled if job.has(tables.decision(p))]
    queries: Sequence[Callable[[], list[Figure]]] = (
        lambda: proofs.persons(job, programs),
        lambda: proofs.links(job),
        lambda: proofs.families(job, programs),
        lambda: proofs.deciles(job),
        lambda: counted(job, suite.least_examined),
    )
    with ThreadPoolExecutor(_QUERIES_AT_ONCE) as pool:
        # Loads while Spark works: it costs seconds.
        library = pool.submit(import_module, "great_expectations")
        figures = [figure for found in pool.map(lambda query: query(), queries) for figure in found]
        library.result()
    figures += changes(job, figures)
    drawn = sample.draw(job, figures, suite.sample_families)
    folder = docs_folder(job.lake, job.release_id)
    shutil.rmtree(folder, ignore_errors=True)
    failed = check(suite, figures, drawn, run=job.release_id, docs=folder)
    docs.finish(folder, job.release_id, suite, figures, failed)
    _enter(job, figures, failed)


def docs_folder(lake: Lake, release_id: str) -> Path:
    """Return the folder of a release's data docs."""
    return lake.root / "ops" / "data_docs" / release_id


def _enter(job: Job, figures: Sequence[Figure], failed: Sequence[FailedExpectation]) -> None:
    for one in sorted(figures):
        job.ledger.metric(STAGE, one.metric, one.value, subject=one.subject)
    for fault in failed:
        log.warning("expectation failed", expected=fault.name, of=fault.subject, severity=fault.severity)
        job.ledger.metric(STAGE, _FAILED, fault.value, subject=fault.subject, rule=fault.name, severity=fault.severity)
    passed = not any(fault.severity == "critical" for fault in failed)
    job.ledger.metric(STAGE, _PASSED, float(passed), severity="info" if passed else "critical")


def gate(job: Job) -> GateResult:
    """Return the verdict of the audit, which may have been done by an earlier run of the release.

    Args:
        job: The run.

    Raises:
        LakeError: The release was not audited.
    """
    result = last_gate(job.lake, job.release_id)
    if result is None:
        message = f"{job.release_id} was not audited; run the audit stage"
        raise LakeError(message)
    return result


def last_gate(lake: Lake, release_id: str) -> GateResult | None:
    """Return the verdict of a release's last audit; None where there was none.

    Args:
        lake: The lake; reads ``ops/dq_metric``.
        release_id: The release.
    """
    if not lake.exists(tables.DQ_METRIC):
        return None
    mine = (F.col(c.RELEASE_ID) == release_id) & (F.col(c.STAGE) == STAGE) & F.col(c.METRIC).isin(_PASSED, _FAILED)
    rows = lake.read(tables.DQ_METRIC).where(mine).collect()  # one row, and one for each fault
    verdict = [row[c.VALUE] for row in rows if row[c.METRIC] == _PASSED]
    if not verdict:
        return None
    faults = sorted(
        (
            FailedExpectation(row[c.RULE], row[c.SUBJECT], row[c.VALUE], row[c.SEVERITY])
            for row in rows
            if row[c.METRIC] == _FAILED
        ),
        key=lambda fault: (fault.name, fault.subject),
    )
    return GateResult(
        passed=bool(verdict[0]),
        failed=tuple(fault for fault in faults if fault.severity == "critical"),
        warnings=tuple(fault for fault in faults if fault.severity == "warning"),
        data_docs=docs_folder(lake, release_id) / docs.INDEX,
    )
