"""Care of a lake: small files made one, files and builds that nobody needs deleted; never a retained release's.

A release is retained at the Delta versions that the registry names; Delta's own VACUUM knows ages, not releases.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dtsen_spark import tables
from dtsen_spark.config import ReleaseConfig, RetentionConfig
from dtsen_spark.contract import TableContract
from dtsen_spark.job import Period
from dtsen_spark.lake import Lake
from dtsen_spark.release.registry import Registry, State, contract_of
from dtsen_spark.release.retention import lapsed, purge_deliveries, purge_slices

_REPLAY: Final = ".replay"
_OPS: Final = (tables.LEDGER, tables.RUN, tables.RELEASE, tables.DQ_METRIC, tables.BATCH, tables.ACCESS_LOG)


@dataclass(frozen=True)
class Cared:
    """What was done to one thing.

    Attributes:
        subject: Table path, or folder of a build.
        compacted: Small files that were made one.
        deleted: Files, or for a build the folder, that were deleted.
        retained: Releases that the table keeps readable.
    """

    subject: str
    compacted: int
    deleted: int
    retained: int


def maintain(registry: Registry, release: ReleaseConfig, retention: RetentionConfig) -> list[Cared]:
    """Compact and clean every table, delete what nothing needs or has lapsed; a repeat does nothing.

    Args:
        registry: Releases of the lake; the caller holds it.
        release: Releases that stay readable, and the least age of a deleted file, as readers may still be at it.
        retention: Days that data of each class is kept.

    Returns:
        What was done, by subject; things that needed nothing are left out.
    """
    lake, keep = registry.lake, release.keep_releases
    retained = registry.published_chain()[-keep:]
    purged = []
    if retention.deliveries is not None:
        purged = purge_deliveries(registry, keep_releases=keep, keep_days=retention.deliveries)
    slices = purge_slices(registry, keep_releases=keep, keep_days=retention.model_dump())
    done = [Cared(f"delivery {name}", 0, 1, 0) for name in purged] + [Cared(name, 0, 1, 0) for name in slices]
    done += [_care(registry, table, retained, release.keep_hours) for table in _tables(registry)]
    done += [Cared(f"build/{name}", 0, 1, 0) for name in _drop_builds(lake, registry, retained, retention.identifying)]
    return sorted((one for one in done if one.compacted or one.deleted), key=lambda one: one.subject)


def _tables(registry: Registry) -> list[TableContract]:
    published = {path for release in registry.releases().values() for path in release.tables}
    found = [table for path in sorted(published) if (table := contract_of(path)) is not None]
    bronze = [tables.bronze(table) for table in tables.LANDING.values()]
    return [table for table in (*found, *_OPS, *bronze) if registry.lake.exists(table)]


def _care(registry: Registry, table: TableContract, retained: Iterable[str], keep_hours: int) -> Cared:
    lake, releases = registry.lake, registry.releases()
    needed = [releases[one].tables[table.path].version for one in retained if table.path in releases[one].tables]
    # Compaction writes a new version of the same rows; published versions go on being what they were.
    compacted = lake.compact(table)
    return Cared(table.path, compacted, lake.vacuum(table, needed, keep_hours), len(needed))


def _drop_builds(lake: Lake, registry: Registry, retained: Iterable[str], keep_days: int | None) -> list[str]:
    """Delete builds that were published and are retained no more, that were taken back, and replays that died.

    A build that was never published holds names and numbers, and is kept for as long as these.
    """
    kept, releases = set(retained), registry.releases()
    ends = [Period.of_release(release_id).last_day for release_id in registry.published_chain()]
    dropped = []
    for folder in sorted((lake.root / "build").glob("*")):
        release = releases.get(folder.name)
        past = release is not None and release.state in {State.PUBLISHED, State.ROLLED_BACK}
        if release is not None and ends:
            past |= bool(lapsed([release.period], (), max(ends), keep_days))
        if folder.name.endswith(_REPLAY) or (past and folder.name not in kept):
            shutil.rmtree(folder)
            dropped.append(folder.name)
    return dropped
