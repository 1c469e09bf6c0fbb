"""How long data is kept, by its class (UU 27/2022 art. 42-45): as the configuration says, never less than needed.

A batch can go when a later full batch of its table stands in every retained release. A key that was quarantined in
all batches since then loses its last accepted state with it, and is missing as at its first sight.

A period's slice of a published table can go when the period is no retained release's. It leaves the newest version of
the table; its files go with the last retained release that was published before.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from dtsen_spark import columns as c
from dtsen_spark import privacy, tables
from dtsen_spark.contract import local_frame
from dtsen_spark.job import Period
from dtsen_spark.lake import Lake
from dtsen_spark.release.registry import Registry, contract_of

APPLIED: Final = "APPLIED"
PURGED: Final = "PURGED"


def purge_deliveries(registry: Registry, *, keep_releases: int, keep_days: int) -> list[str]:
    """Delete the delivered rows of batches that are old and superseded; their entry in ``ops/batch`` says PURGED.

    Args:
        registry: Releases of the lake; the caller holds it.
        keep_releases: Newest published releases that stay readable.
        keep_days: Days before the end of the oldest retained period that a batch must describe at least.

    Returns:
        The batches, as source/table/batch_id.
    """
    lake = registry.lake
    retained = registry.published_chain()[-keep_releases:]
    if not retained or not lake.exists(tables.BATCH):
        return []
    oldest = min(Period.of_release(release_id).last_day for release_id in retained)
    rows = [row.asDict() for row in lake.read(tables.BATCH).collect()]  # a few hundred a year
    gone = {
        id(row)
        for table in tables.LANDING.values()
        for row in superseded([one for one in rows if _is_of(one, table)], oldest, oldest - timedelta(days=keep_days))
    }
    if gone:
        marked = [{**row, c.STATE: PURGED} if id(row) in gone else row for row in rows]
        # Marked first: from here on nobody reads their rows, however far the deletion gets.
        values = [tuple(row[name] for name in tables.BATCH.columns) for row in marked]
        frame = local_frame(lake.spark, values, tables.BATCH.schema)
        lake.write(tables.BATCH, frame.coalesce(1))
    purged = [row for row in rows if id(row) in gone or row[c.STATE] == PURGED]
    for row in purged:
        _delete(lake, row)
    return sorted(f"{r[c.SOURCE]}/{r[c.SOURCE_TABLE]}/{r[c.BATCH_ID]}" for r in purged if id(r) in gone)


def lapsed(periods: Iterable[str], retained: Collection[str], newest: date, keep_days: int | None) -> list[str]:
    """Return the periods whose rows have been kept for long enough.

    Args:
        periods: Periods of a table.
        retained: Periods of retained releases.
        newest: Last day of the newest published period.
        keep_days: Days that rows are kept after the end of their period; None = for ever.
    """
    if keep_days is None:
        return []
    before = newest - timedelta(days=keep_days)
    return sorted(one for one in periods if one not in retained and Period.parse(one).last_day < before)


def purge_slices(registry: Registry, *, keep_releases: int, keep_days: Mapping[str, int | None]) -> list[str]:
    """Delete the slices of published tables whose period has lapsed for the table's privacy class.

    Args:
        registry: Releases of the lake; the caller holds it.
        keep_releases: Newest published releases that stay readable.
        keep_days: Days that rows are kept, by privacy class; None = for ever.

    Returns:
        The slices, as table path and period.
    """
    chain = registry.published_chain()
    if not chain:
        return []
    retained = {Period.of_release(release_id).text for release_id in chain[-keep_releases:]}
    newest = max(Period.of_release(release_id).last_day for release_id in chain)
    purged = []
    for path in sorted({path for release in registry.releases().values() for path in release.tables}):
        table = contract_of(path)
        if table is None or table.slice_by != (c.PERIOD,):
            continue
        periods = [one[c.PERIOD] for one in registry.lake.slices(table)]
        for period in lapsed(periods, retained, newest, keep_days[privacy.class_of(table).value]):
            registry.lake.clear(table, {c.PERIOD: period})
            purged.append(f"{path} {period}")
    return purged


def superseded(batches: list[dict[str, Any]], oldest: date, before: date) -> list[dict[str, Any]]:
    """Return the batches of one table that no retained release needs and that are old enough.

    Args:
        batches: Rows of ``ops/batch`` of the table.
        oldest: Last day of the oldest retained period.
        before: A batch must describe a day before this one.
    """
    applied = sorted((row for row in batches if row[c.STATE] == APPLIED), key=_order)
    fulls = [row for row in applied if row[c.BATCH_MODE] == tables.FULL and row[c.AS_OF] <= oldest]
    if not fulls:
        return []
    return [row for row in applied if _order(row) < _order(fulls[-1]) and row[c.AS_OF] < before]


def _order(row: dict[str, Any]) -> tuple[date, bool, str]:
    # The order in which batches take effect (landing contract, section 1).
    return (row[c.AS_OF], row[c.BATCH_MODE] != tables.FULL, row[c.BATCH_ID])


def _is_of(row: dict[str, Any], table: tables.LandingTable) -> bool:
    return (row[c.SOURCE], row[c.SOURCE_TABLE]) == (table.source, table.table)


def _delete(lake: Lake, row: dict[str, Any]) -> None:
    table = next(one for one in tables.LANDING.values() if _is_of(row, one))
    lake.clear(tables.bronze(table), {c.BATCH_ID: row[c.BATCH_ID]})
