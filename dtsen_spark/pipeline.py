"""The stages in order, what each reads and writes; run and resume.

A stage is done when a row of ``ops/run`` says so under the fingerprint of everything it depends on: code, policy
files, configuration, deliveries and the stages before it. A run that was killed leaves no such row for the stage
it was in, and the next run begins there.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import structlog

from dtsen_spark import columns as c
from dtsen_spark import (
    corrections,
    family,
    harmonise,
    ingest,
    lake,
    linkage,
    marts,
    programs,
    quality,
    rotation,
    session,
    tables,
    welfare,
)
from dtsen_spark.config import Config, conf_dir
from dtsen_spark.errors import ExitCode, UsageError, worst
from dtsen_spark.ingest import LandingPlan, RefusedBatch
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake, Written
from dtsen_spark.ledger import Account, Ledger, utc_now
from dtsen_spark.linkage.model import registered as registered_links
from dtsen_spark.quality import GateResult
from dtsen_spark.release import Registry, signed
from dtsen_spark.welfare.registry import registered as registered_pmt

log = structlog.get_logger(__name__)

DONE: Final = "DONE"
FAILED: Final = "FAILED"
REPLAYED: Final = "REPLAYED"


@dataclass(frozen=True)
class Stage:
    """One stage of the job.

    Attributes:
        name: Name on the command line and in ``ops``.
        run: Reads, transforms, writes.
        sections: Sections of the configuration that its result depends on.
        says: What it does, in one phrase.
    """

    name: str
    run: Callable[[Job], None]
    sections: tuple[str, ...]
    says: str


STAGES: Final[tuple[Stage, ...]] = (
    Stage("ingest", ingest.run, ("ingest",), "deliveries to accepted rows, the rest to quarantine"),
    Stage("corrections", corrections.run, ("programs",), "tickets and field checks to verified values"),
    Stage("harmonise", harmonise.run, ("harmonise",), "four code systems to one meaning"),
    Stage("linkage", linkage.run, ("linkage",), "records to persons, each once"),
    Stage("family", family.run, ("family",), "persons to families"),
    Stage("welfare", welfare.run, ("welfare",), "families to scores and deciles"),
    Stage("programs", programs.run, ("programs",), "who gets what, and why"),
    Stage("effects", corrections.run_effects, ("programs",), "what each objection changed"),
    Stage("marts", marts.run, ("privacy",), "statistics without personal data"),
    Stage("audit", quality.run, ("quality",), "the gate of the release"),
)
NAMES: Final = tuple(stage.name for stage in STAGES)


@dataclass(frozen=True)
class RunRequest:
    """What ``dtsen run`` was asked for.

    Attributes:
        landing: Root of the deliveries.
        lake: Root of the lake.
        period: Period of the release.
        first: First stage to run; stages before it must be done.
        last: Last stage to run.
        publish: Publish when the gate lets it through.
        revise: Open the next revision of a published period.
    """

    landing: Path
    lake: Path
    period: str
    first: str = NAMES[0]
    last: str = NAMES[-1]
    publish: bool = False
    revise: bool = False


@dataclass(frozen=True)
class StageReport:
    """What one stage did in this run.

    Attributes:
        name: Stage.
        rows: Rows that it wrote, all its tables together.
        seconds: Duration; 0 where it was done before.
        resumed: It was done by an earlier run and was not done again.
        tables: What it wrote, by table path.
    """

    name: str
    rows: int
    seconds: float
    resumed: bool
    tables: dict[str, Written]


@dataclass(frozen=True)
class Outcome:
    """What a run ended with.

    Attributes:
        release_id: The release.
        exit_code: Exit code of the command.
        stages: What each stage did.
        accounts: Accounts of this run's stages.
        refused: Batches that were refused.
        gate: Result of the gate, where the audit ran.
        published: Whether the release is published now.
        unchanged: The period was published before; nothing was done.
    """

    release_id: str
    exit_code: ExitCode
    stages: tuple[StageReport, ...]
    accounts: tuple[Account, ...]
    refused: tuple[RefusedBatch, ...]
    gate: GateResult | None
    published: bool
    unchanged: bool = False


def selected(first: str, last: str) -> tuple[Stage, ...]:
    """Return the stages from ``first`` to ``last``.

    Raises:
        UsageError: A name is unknown, or they stand in the wrong order.
    """
    for name in (first, last):
        if name not in NAMES:
            message = f"no stage '{name}'; stages in order: {', '.join(NAMES)}"
            raise UsageError(message)
    start, end = NAMES.index(first), NAMES.index(last)
    if start > end:
        message = f"--from {first} stands after --to {last}; stages in order: {', '.join(NAMES)}"
        raise UsageError(message)
    return STAGES[start : end + 1]


@cache
def code_fingerprint() -> str:
    """Return the SHA-256 of the package's code and the policy files: another rule is another result."""
    package = Path(__file__).parent
    parts = ("codes", "corrections", "regions", "names", "models", "programs", "quality")
    policy = [path for part in parts for path in (conf_dir() / part).rglob("*")]
    digest = hashlib.sha256()
    for path in sorted([*package.rglob("*.py"), *(path for path in policy if path.is_file())]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def fingerprints(
    config: Config, plan: LandingPlan, period: Period, previous: str | None, rotations: int = 0
) -> dict[str, str]:
    """Return the fingerprint of every stage: each hangs on the one before it.

    Args:
        config: The configuration.
        plan: The deliveries that the period takes.
        period: Period of the release.
        previous: Last published release.
        rotations: How often the id key was changed: what a stage did under another key is not done.

    Returns:
        64 hex digits by stage name.
    """
    text = json.dumps([code_fingerprint(), plan.fingerprint, period.text, previous, rotations])
    found: dict[str, str] = {}
    for stage in STAGES:
        text = hashlib.sha256(f"{text} {stage.name} {config.fingerprint(*stage.sections)}".encode()).hexdigest()
        found[stage.name] = text
    return found


def run(request: RunRequest, config: Config, progress: Callable[[StageReport], None]) -> Outcome:
    """Run the job: stages, gate, and publication where asked.

    Everything that can be wrong without reading a row is found before Spark starts.

    Args:
        request: What was asked for.
        config: The configuration.
        progress: Called after each stage.

    Returns:
        What the run ended with; its exit code tells refused batches and a closed gate.

    Raises:
        UsageError: An argument is wrong, or a required table was never delivered.
        LakeLockedError: Another run holds the lake.
        DtsenError: A stage failed.
    """
    period = Period.parse(request.period)
    stages = selected(request.first, request.last)
    programs.load_rules(config.programs.enabled, period)
    plan = ingest.survey_landing(request.landing, period, ingest.applied_tables(request.lake))
    with lake.hold(request.lake):
        spark = session.start(config, f"dtsen {request.period}")
        store = Lake(spark, request.lake)
        registry = Registry(store)
        if registry.is_published(period.text) and not request.revise:
            release_id = registry.release_of(period.text)
            return Outcome(release_id, ExitCode.OK, (), (), (), None, published=True, unchanged=True)
        release_id = registry.open(period.text, revise=request.revise)
        config = with_frozen_models(config, registry, period)
        job = _job(registry, config, release_id, request.landing)
        wanted = fingerprints(config, plan, period, job.previous_release, rotation.number(store.root))
        reports = _run_stages(job, stages, wanted, progress)
        return _conclude(job, registry, request, reports)


def with_frozen_models(config: Config, registry: Registry, period: Period) -> Config:
    """Return a configuration that, in a month, names the models of the last published release.

    Only a quarter takes up what was trained since.

    Args:
        config: The configuration.
        registry: Releases of the lake.
        period: Period of the release that is made.
    """
    current = registry.current()
    if period.is_quarter or current is None:
        return config
    return with_models(config, registry.releases()[current].manifest.get("manifest", {}).get("models", {}))


def with_models(config: Config, models: Mapping[str, str | None]) -> Config:
    """Return a configuration that names registered models.

    Args:
        config: The configuration.
        models: Version by section (``linkage``, ``welfare``), as a release's manifest has them; None changes nothing.
    """
    named = {
        section: getattr(config, section).model_copy(update={"model": version})
        for section, version in models.items()
        if version is not None
    }
    return config.model_copy(update=named)


def _run_stages(
    job: Job, stages: Sequence[Stage], wanted: dict[str, str], progress: Callable[[StageReport], None]
) -> tuple[StageReport, ...]:
    done = _done(job, wanted)
    missing = [name for name in NAMES[: NAMES.index(stages[0].name)] if name not in done]
    if missing:
        message = f"--from {stages[0].name}: {', '.join(missing)} must be done first for {job.release_id}; run them"
        raise UsageError(message)
    reports: list[StageReport] = []
    for stage in stages:
        # A stage is only as done as those before it: once one was done again, all later ones are.
        report = done.get(stage.name) if all(r.resumed for r in reports) else None
        if report is None:
            report = _run_stage(job, stage, wanted[stage.name])
        reports.append(report)
        progress(report)
    return tuple(reports)


def _run_stage(job: Job, stage: Stage, fingerprint: str) -> StageReport:
    log.info("stage begins", stage=stage.name, release=job.release_id, what=stage.says)
    job.outputs.clear()
    job.lake.clear(tables.DQ_METRIC, {c.RELEASE_ID: job.release_id, c.STAGE: stage.name})
    began = time.monotonic()
    try:
        stage.run(job)
    except Exception as error:
        seconds = time.monotonic() - began
        job.lake.append_rows(tables.RUN, [_run_row(job, stage, FAILED, fingerprint, seconds, type(error).__name__)])
        raise
    written = dict(job.outputs)
    job.lake.append_rows(tables.LEDGER, job.ledger.drain_accounts())
    job.lake.append_rows(tables.DQ_METRIC, job.ledger.drain_metrics())
    seconds = time.monotonic() - began
    # Last of all: without this row the stage counts as never done.
    job.lake.append_rows(tables.RUN, [_run_row(job, stage, DONE, fingerprint, seconds, "")])
    return StageReport(stage.name, _rows(written), seconds, resumed=False, tables=written)


def _rows(written: dict[str, Written]) -> int:
    return sum(one.rows for one in written.values())


def _run_row(job: Job, stage: Stage, state: str, fingerprint: str, seconds: float, error: str) -> dict[str, Any]:
    detail = {
        "tables": {path: asdict(one) for path, one in sorted(job.outputs.items())},
        "error": error,
        "previous_release": job.previous_release,
        "models": _models(job) if state == DONE else {},
    }
    return {
        c.RUN_ID: job.ledger.run_id,
        c.RELEASE_ID: job.release_id,
        c.PERIOD: job.period.text,
        c.STAGE: stage.name,
        c.STATE: state,
        c.FINGERPRINT: fingerprint,
        c.ROWS: _rows(job.outputs),
        c.SECONDS: seconds,
        c.DETAIL: json.dumps(detail, sort_keys=True),
        c.RECORDED_AT: utc_now(),
    }


def stage_rows(store: Lake, release_id: str) -> list[dict[str, Any]]:
    """Return the rows of ``ops/run`` of one release, oldest first; a few for each run."""
    rows = [row for row in lake.peek(store.root, tables.RUN) if row[c.RELEASE_ID] == release_id]
    return sorted(rows, key=lambda row: row[c.RECORDED_AT])


def _done(job: Job, wanted: dict[str, str]) -> dict[str, StageReport]:
    """Return the leading stages that an earlier run did under today's fingerprint and whose tables still stand."""
    newest = {row[c.STAGE]: row for row in stage_rows(job.lake, job.release_id)}
    done: dict[str, StageReport] = {}
    for stage in STAGES:
        row = newest.get(stage.name)
        if row is None or row[c.STATE] != DONE or row[c.FINGERPRINT] != wanted[stage.name]:
            break
        written = {path: Written(**one) for path, one in json.loads(row[c.DETAIL])["tables"].items()}
        done[stage.name] = StageReport(stage.name, _rows(written), 0.0, resumed=True, tables=written)
    return done


def build_tables(store: Lake, release_id: str) -> dict[str, Written]:
    """Return what the finished stages of a build wrote, by table path."""
    found: dict[str, Written] = {}
    for row in stage_rows(store, release_id):
        if row[c.STATE] == DONE:
            found.update({path: Written(**one) for path, one in json.loads(row[c.DETAIL])["tables"].items()})
    return found


def publish(store: Lake, config: Config, period: str) -> tuple[str, bool]:
    """Publish the audited release of a period.

    Args:
        store: The lake; the caller holds it.
        config: The configuration: which roles must sign.
        period: Period of the release.

    Returns:
        The release, and whether anything changed.

    Raises:
        UsageError: The period has no audited release, or a signature is missing.
    """
    registry = Registry(store)
    release_id = registry.release_of(period)
    changed = registry.publish(
        release_id,
        build_tables(store, release_id),
        run_id=uuid4().hex,
        signoff_roles=config.release.signoff_roles,
        sign=lambda published: signed(
            _manifest(store, config, release_id, published), rotation.id_key(store.root, config)
        ),
    )
    return release_id, changed


def _manifest(store: Lake, config: Config, release_id: str, published: Mapping[str, Written]) -> dict[str, Any]:
    """Say what a release was made of and what it is: enough to make it again, and to prove that it is the same."""
    done = {row[c.STAGE]: row for row in stage_rows(store, release_id) if row[c.STATE] == DONE}
    details = [json.loads(row[c.DETAIL]) for row in done.values()]
    last = details[-1] if details else {}
    return {
        "release_id": release_id,
        "previous_release": last.get("previous_release"),
        "code_sha256": code_fingerprint(),
        # How Spark runs changes no result, and a lake may move.
        "configuration": config.model_dump(
            mode="json", exclude={"spark": True, "privacy": {"key_file", "tombstone_key_file"}}
        ),
        "models": last.get("models", {}),
        "inputs": [
            {"batch": f"{row[c.SOURCE]}/{row[c.SOURCE_TABLE]}/{row[c.BATCH_ID]}", "sha256": row[c.MANIFEST_SHA256]}
            for row in ingest.applied_batches(store.root, Period.of_release(release_id))
        ],
        "stages": {name: row[c.FINGERPRINT] for name, row in sorted(done.items())},
        "tables": {path: asdict(one) for path, one in sorted(published.items())},
    }


def _models(job: Job) -> dict[str, str | None]:
    """Return the versions of the registered models that a run of now would use."""
    return {
        "linkage": registered_links(job.lake.root / "models" / "linkage", job.config.linkage.model),
        "welfare": registered_pmt(job.lake, job.config.welfare.model),
    }


def newest_build(store: Lake) -> str:
    """Return the release whose build was written last.

    Raises:
        UsageError: The lake has no build.
    """
    known = Registry(store).releases() if store.exists(tables.RELEASE) else {}
    folders = [path for path in (store.root / "build").glob("*") if path.name in known]
    builds = sorted(folders, key=lambda path: path.stat().st_mtime)
    if not builds:
        message = f"{store.root}: no release here yet; run 'dtsen run' first"
        raise UsageError(message)
    return builds[-1].name


def job_of_build(store: Lake, config: Config, release: str | None = None) -> Job:
    """Return a job over a build, for commands that work on one outside a run (training, the hide-NIK test).

    Args:
        store: The lake.
        config: The configuration.
        release: Release of the build; None = the newest build.

    Raises:
        UsageError: The lake has no build.
    """
    return _job(Registry(store), config, release or newest_build(store), store.root)


def _job(registry: Registry, config: Config, release_id: str, landing: Path) -> Job:
    """Return a job over the build of a release, beside what is published now."""
    period = Period.of_release(release_id)
    return Job(
        spark=registry.lake.spark,
        config=config,
        lake=registry.lake,
        landing=landing,
        period=period,
        release_id=release_id,
        previous_release=registry.current(),
        ledger=Ledger(release_id, period.text, run_id=uuid4().hex),
        outputs={},
        published_versions=registry.published_versions(),
    )


def replay_quarantine(root: Path, config: Config) -> tuple[ingest.ReplayedBatch, ...]:
    """Offer the quarantined rows of a lake to today's rules.

    Rows that pass take part from the next run on; a build that is not published does its ingest again then.

    Args:
        root: Root of the lake.
        config: The configuration: today's limits.

    Returns:
        What became of the open rows, by batch.

    Raises:
        LakeLockedError: Another run holds the lake.
        UsageError: The lake has no release yet.
    """
    with lake.hold(root):
        store = Lake(session.start(config, "dtsen replay-quarantine"), root)
        registry = Registry(store)
        releases = list(registry.releases())
        if not releases:
            message = f"{root}: no release here yet; run 'dtsen run' first"
            raise UsageError(message)
        job = _job(registry, config, releases[-1], root)
        replayed = ingest.replay(job)
        store.append_rows(tables.LEDGER, job.ledger.drain_accounts())
        store.clear(tables.DQ_METRIC, {c.RELEASE_ID: job.release_id, c.STAGE: ingest.REPLAY})
        store.append_rows(tables.DQ_METRIC, job.ledger.drain_metrics())
        # Its state may stand in bronze, whose rows have other reasons now.
        if any(one.changed for one in replayed) and not registry.is_published(job.period.text):
            store.append_rows(tables.RUN, [_run_row(job, STAGES[0], REPLAYED, "", 0.0, "")])
        return replayed


def _conclude(job: Job, registry: Registry, request: RunRequest, reports: tuple[StageReport, ...]) -> Outcome:
    refused = tuple(ingest.refused_batches(job))
    codes = [ExitCode.REFUSED] if refused else []
    gate = None
    published = False
    if request.last == NAMES[-1]:
        gate = quality.gate(job)
        registry.conclude(job.release_id, job.ledger.run_id, passed=gate.passed, failed=[f.name for f in gate.failed])
        if not gate.passed:
            codes.append(ExitCode.GATE)
        elif request.publish:
            publish(job.lake, job.config, job.period.text)
            published = True
    job.lake.drop_scratch(job.release_id)
    return Outcome(
        job.release_id, worst(codes), reports, tuple(job.ledger.accounts), refused, gate, published=published
    )
