"""Care of a lake: small files made one, files and builds that nobody needs deleted; never a retained release's.

A release is retained at the Delta versions that the registry names; Delta's own VACUUM knows ages, not releases.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dtsen_spark import tables
from dtsen_spark.contract import TableContract
from dtsen_spark.lake import Lake
from dtsen_spark.release.registry import Registry, State, contract_of
from dtsen_spark.release.retention import purge_deliveries

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


def maintain(
    registry: Registry, *, keep_releases: int, keep_hours: int, keep_delivery_days: int | None = None
) -> list[Cared]:
    """Compact and clean every table, delete builds and deliveries that nothing needs; a repeat does nothing.

    Args:
        registry: Releases of the lake; the caller holds it.
        keep_releases: Newest published releases that stay readable.
        keep_hours: Least age of a deleted file, hours: readers may still be at it.
        keep_delivery_days: Days that superseded deliveries are kept (``purge_deliveries``); None = for ever.

    Returns:
        What was done, by subject; things that needed nothing are left out.
    """
    lake = registry.lake
    retained = registry.published_chain()[-keep_releases:]
    purged = []
    if keep_delivery_days is not None:
        purged = purge_deliveries(registry, keep_releases=keep_releases, keep_days=keep_delivery_days)
    done = [Cared(f"delivery {name}", 0, 1, 0) for name in purged]
    done += [_care(registry, table, retained, keep_hours) for table in _tables(registry)]
    done += [Cared(f"build/{name}", 0, 1, 0) for name in _drop_builds(lake, registry, retained)]
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


def _drop_builds(lake: Lake, registry: Registry, retained: Iterable[str]) -> list[str]:
    """Delete builds that were published and are retained no more, that were taken back, and replays that died."""
    kept, releases = set(retained), registry.releases()
    dropped = []
    for folder in sorted((lake.root / "build").glob("*")):
        release = releases.get(folder.name)
        past = release is not None and release.state in {State.PUBLISHED, State.ROLLED_BACK}
        if folder.name.endswith(_REPLAY) or (past and folder.name not in kept):
            shutil.rmtree(folder)
            dropped.append(folder.name)
    return dropped
