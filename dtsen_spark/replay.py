"""A past release made again from the deliveries that the lake keeps, and held against what was published.

Kept are: every delivered row as it came (bronze), which batches each release took (``ops/batch`` and the signed
manifest), every registered model, and the former release at its Delta versions for as long as ``dtsen maintain``
retains it. The replay runs apart, in a lake of its own below ``build``, and changes nothing that anybody reads.

Whoever was erased since is in the deliveries no more. The tombstones keep the sums of what left each table: a table
made again is the signed one less these. Where others hang on the erased, such as the score of the family, it cannot be
made again; then what stands of it, with these sums, must be what was signed.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import structlog
from pydantic import BaseModel
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import pipeline, rotation, tables
from dtsen_spark.config import Config
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import LakeError, UsageError
from dtsen_spark.job import Job, Period
from dtsen_spark.lake import Lake, Written
from dtsen_spark.ledger import Ledger
from dtsen_spark.release import Registry, Release, Sum, contract_of, erased_since, is_genuine, sums

log = structlog.get_logger(__name__)

_NOTHING: Final = Sum()
# The audit judges a release; it makes none of its tables.
STAGES: Final = tuple(stage for stage in pipeline.STAGES if stage.name != pipeline.NAMES[-1])


@dataclass(frozen=True)
class Compared:
    """One published table, as it was published and as it was made again.

    Attributes:
        path: The table.
        then: Rows and content hash as they were signed.
        now: The same, made again; None where no stage made it.
        erased: What left the published table since, by the tombstones.
        stands: What stands of the published table; None where that was not asked or is not kept.
    """

    path: str
    then: Sum
    now: Sum | None
    erased: Sum = _NOTHING
    stands: Sum | None = None

    @property
    def same(self) -> bool:
        """Whether it was made again with the same rows and content, but for what was erased."""
        return self.now == self.then - self.erased

    @property
    def accounted(self) -> bool:
        """Whether it is the same, or stands as it was signed but for what was erased."""
        return self.same or self.stands == self.then - self.erased


@dataclass(frozen=True)
class Replayed:
    """What a replay found.

    Attributes:
        release_id: The release.
        code_changed: Its code or policy files differ from today's: a difference need not be a fault of the data.
        tables: Every table of the release.
    """

    release_id: str
    code_changed: bool
    tables: tuple[Compared, ...]

    @property
    def accounted(self) -> bool:
        """Whether every table is the same, or stands as it was signed but for what was erased."""
        return all(one.accounted for one in self.tables)


def replay(lake: Lake, config: Config, period: str, progress: Callable[[str], None]) -> Replayed:
    """Make the published release of a period again from kept deliveries, and compare.

    Args:
        lake: The lake; the caller holds it.
        config: Today's configuration: Spark and the place of the id key; the rest comes from the manifest.
        period: Period of the release.
        progress: Called with each stage's name as it begins.

    Returns:
        Each table of the release, then and now.

    Raises:
        UsageError: The period was never published, or its manifest is not genuine.
        LakeError: Deliveries or the former release are not kept any more.
    """
    release = _release(Registry(lake), period)
    key = rotation.id_key(lake.root, config)
    if not is_genuine(release.manifest, key):
        message = f"{release.release_id}: its manifest is missing or was not signed with the id key of now"
        raise UsageError(message)
    manifest = release.manifest["manifest"]
    root = lake.root / "build" / f"{release.release_id}.replay"
    shutil.rmtree(root, ignore_errors=True)
    try:
        made = _make(lake, _configuration(config, manifest, lake.root), manifest, root, progress)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return Replayed(
        release.release_id, manifest["code_sha256"] != pipeline.code_fingerprint(), _compared(lake, release, made)
    )


def _compared(lake: Lake, release: Release, made: Mapping[str, Written]) -> tuple[Compared, ...]:
    erased = erased_since(lake.root, release.release_id)
    found = []
    for path, then in sorted(release.manifest["manifest"]["tables"].items()):
        now = _sum(made[path].rows, made[path].content_hash) if path in made else None
        one = Compared(path, _sum(then["rows"], then["content_hash"]), now, erased.get(path, _NOTHING))
        if erased and not one.same:
            one = replace(one, stands=_stands(lake, release, path))
        found.append(one)
    return tuple(found)


def _sum(rows: int, content_hash: str) -> Sum:
    return Sum(rows, int(content_hash))


def _stands(lake: Lake, release: Release, path: str) -> Sum | None:
    """Add up what is kept of a table of a release; None where its version went with an erasure."""
    table, version = contract_of(path), release.tables.get(path)
    if table is None or version is None:
        return None
    rows = lake.read(table, version=version.version)
    return sums(table, rows, release.release_id).get(release.release_id, _NOTHING)


def _release(registry: Registry, period: str) -> Release:
    published = [one for one in registry.releases().values() if one.period == period and one.tables]
    if not published:
        known = ", ".join(registry.versions_by_period()) or "none"
        message = f"--period {period}: never published; there are: {known}"
        raise UsageError(message)
    return max(published, key=lambda one: one.revision)


def _configuration(config: Config, manifest: Mapping[str, Any], root: Path) -> Config:
    """Return the configuration of then, with the models of then, on the Spark of now."""
    stored = dict(manifest["configuration"])
    key_file = config.privacy.key_file or str(root / ".keys" / "id.key")
    files = {"key_file": key_file, "tombstone_key_file": config.privacy.tombstone_key_file}
    stored["privacy"] = {**stored["privacy"], **files}
    then = Config.model_validate({**_of_then(config, stored), "spark": config.spark.model_dump()})
    return pipeline.with_models(then, manifest["models"])


def _of_then(today: BaseModel, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Put stored values over today's: keys that came since are as today, keys that went are nobody's to read."""
    found = today.model_dump()
    for name, value in today:
        if name in stored:
            found[name] = _of_then(value, stored[name]) if isinstance(value, BaseModel) else stored[name]
    return found


def _make(
    lake: Lake, config: Config, manifest: Mapping[str, Any], root: Path, progress: Callable[[str], None]
) -> dict[str, Written]:
    previous = manifest["previous_release"]
    versions = {}
    if previous is not None:
        versions = {path: one.version for path, one in Registry(lake).releases()[previous].tables.items()}
    store = _lake_of_then(lake, manifest, root)
    release_id = manifest["release_id"]
    period = Period.of_release(release_id)
    # Nothing is delivered. A folder without any source is taken for a wrong path, one with a source that is silent not.
    empty = root / "landing"
    (empty / tables.PERSON_SOURCES[0]).mkdir(parents=True)
    job = Job(
        spark=lake.spark,
        config=config,
        lake=store,
        landing=empty,
        period=period,
        release_id=release_id,
        previous_release=previous,
        ledger=Ledger(release_id, period.text, run_id=uuid4().hex),
        outputs={},
        published_versions=versions,
    )
    for stage in STAGES:
        progress(stage.name)
        stage.run(job)
    return dict(job.outputs)


def _lake_of_then(lake: Lake, manifest: Mapping[str, Any], root: Path) -> Lake:
    """Make a lake that holds the deliveries, models and former release of then, without copying them."""
    batches = lake.read(tables.BATCH).collect()  # a few hundred a year
    # A batch that was purged stands in the state of then no more: a later full batch had replaced it.
    named = {(row[c.SOURCE], row[c.SOURCE_TABLE], row[c.BATCH_ID], row[c.MANIFEST_SHA256]): row for row in batches}
    wanted = [(*one["batch"].split("/", 2), one["sha256"]) for one in manifest["inputs"]]
    missing = [key for key in wanted if key not in named]
    if missing:
        message = f"{manifest['release_id']}: {len(missing)} of its {len(wanted)} batches are not kept any more"
        raise LakeError(message)
    root.mkdir(parents=True)
    for layer in ("bronze", *sorted({table.layer for table in _published()})):
        if (lake.root / layer).is_dir():
            (root / layer).symlink_to(lake.root / layer, target_is_directory=True)
    (root / "ops").mkdir()
    for table in (tables.KEY_ROTATION, tables.ID_CROSSWALK):
        if lake.exists(table):
            (root / table.path).symlink_to(lake.path(table), target_is_directory=True)
    # A copy: a stage that finds no model would register one.
    if (lake.root / "models").is_dir():
        shutil.copytree(lake.root / "models", root / "models")
    store = Lake(lake.spark, root)
    taken = lake.read(tables.BATCH).where(
        F.concat_ws("/", c.SOURCE, c.SOURCE_TABLE, c.BATCH_ID).isin(*(one["batch"] for one in manifest["inputs"]))
        & (F.col(c.STATE) == "APPLIED")
    )
    store.write(tables.BATCH, taken.coalesce(1))
    return store


def _published() -> list[TableContract]:
    return [*(table for table in tables.TABLES if table.published), tables.decision("")]
