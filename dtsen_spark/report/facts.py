"""What the report tells: rows of ``stats`` and ``ops`` of one release and of the one before it; nothing of a person.

The tables are small whatever the population, so they are read without Spark.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dtsen_spark import columns as c
from dtsen_spark import lake, tables
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Period
from dtsen_spark.release import State, chain_of, events_of, previous_in

Row = dict[str, Any]

_BUILD: Final = "build"


@dataclass(frozen=True)
class Facts:
    """Rows of one release, by what they are about.

    Attributes:
        release_id: The release.
        period: Its period.
        state: Its state in the registry.
        failed: Checks of the gate that stopped it.
        previous: The release before it, if any was published.
        stats: Rows of each statistic, by table name.
        before: The same of the release before.
        trend: Rows of ``stats/trend`` of this and all earlier periods, oldest period first.
        accounts: Its accounts, one for each stage and subject: those of the last run.
        metrics: Its quality figures.
        batches: Batches that were offered up to it.
    """

    release_id: str
    period: str
    state: str
    failed: list[str]
    previous: str | None
    stats: dict[str, list[Row]]
    before: dict[str, list[Row]]
    trend: list[Row]
    accounts: list[Row]
    metrics: list[Row]
    batches: list[Row]

    def metric(self, stage: str, name: str) -> list[Row]:
        """Return the figures of a stage with a name."""
        return [row for row in self.metrics if (row[c.STAGE], row[c.METRIC]) == (stage, name)]

    def figures(self, topic: str) -> list[Row]:
        """Return the rows of ``stats/figure`` of a topic."""
        return [row for row in self.stats[tables.STATS_FIGURE.name] if row[c.TOPIC] == topic]


def read(root: Path, period: str) -> Facts:
    """Read the newest release of a period.

    Args:
        root: The lake.
        period: Quarter or month.

    Returns:
        Its rows.

    Raises:
        UsageError: There is no lake, no such release, or its statistics were not made.
    """
    lake.require_whole(root)
    events = events_of(root)
    own = [row for row in events if row[c.PERIOD] == period]
    if not own:
        known = ", ".join(sorted({row[c.PERIOD] for row in events})) or "none"
        message = f"--period {period}: no release in {root}; periods there: {known}"
        raise UsageError(message)
    release_id = max((row[c.RELEASE_ID] for row in own), key=lambda text: int(text.rsplit(".", 1)[1]))
    state = next(row[c.STATE] for row in reversed(own) if row[c.RELEASE_ID] == release_id)
    previous = previous_in(chain_of(events), release_id)
    stats = {table.name: _of(root, table, release_id, events) for table in tables.STATS}
    if not stats[tables.STATS_REGION.name]:
        message = f"{release_id}: it has no statistics yet; run every stage first (dtsen run)"
        raise UsageError(message)
    before = {table.name: _of(root, table, previous, events) if previous else [] for table in tables.STATS}
    return Facts(
        release_id=release_id,
        period=period,
        state=state,
        failed=_failed(row for row in own if row[c.RELEASE_ID] == release_id),
        previous=previous,
        stats=stats,
        before=before,
        trend=_series(root, stats[tables.STATS_TREND.name], events),
        accounts=_last_accounts(row for row in lake.peek(root, tables.LEDGER) if row[c.RELEASE_ID] == release_id),
        metrics=[row for row in lake.peek(root, tables.DQ_METRIC) if row[c.RELEASE_ID] == release_id],
        batches=lake.peek(root, tables.BATCH),
    )


def _failed(events: Iterable[Row]) -> list[str]:
    found: list[str] = []
    for row in events:
        if row[c.STATE] in {"AUDITED", "REJECTED"}:
            found = json.loads(row[c.DETAIL] or "{}").get("failed", [])
    return found


def _of(root: Path, table: TableContract, release_id: str, events: Iterable[Row]) -> list[Row]:
    """Rows of a release where it was published, at the version that the registry names; else of its build."""
    published = [row for row in events if (row[c.RELEASE_ID], row[c.STATE]) == (release_id, State.PUBLISHED)]
    if not published:
        return lake.peek(root / _BUILD / release_id, table)
    named = json.loads(published[-1][c.TABLES_JSON] or "{}").get(table.path)
    rows = lake.peek(root, table, named["version"]) if named else []
    return [row for row in rows if row[c.RELEASE_ID] == release_id]


def _series(root: Path, own: list[Row], events: Iterable[Row]) -> list[Row]:
    """A release's rows after those of the earlier periods, as the current release has them."""
    if not own:
        return []
    day = Period.parse(own[0][c.PERIOD]).last_day
    current = [row for row in events if row[c.TABLES_JSON]]
    named = json.loads(current[-1][c.TABLES_JSON]).get(tables.STATS_TREND.path) if current else None
    past = lake.peek(root, tables.STATS_TREND, named["version"]) if named else []
    earlier = [row for row in past if Period.parse(row[c.PERIOD]).last_day < day]
    return [*sorted(earlier, key=lambda row: Period.parse(row[c.PERIOD]).last_day), *own]


def _last_accounts(rows: Iterable[Row]) -> list[Row]:
    """A stage that was run again has entered its accounts again: the last ones count."""
    by_stage: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_stage[row[c.STAGE]].append(row)
    kept: list[Row] = []
    for own in by_stage.values():
        last = max(own, key=lambda row: row[c.RECORDED_AT])[c.RUN_ID]
        kept += [
            {**row, c.SET_ASIDE_REASON: json.loads(row[c.SET_ASIDE_REASON] or "{}")}
            for row in own
            if row[c.RUN_ID] == last
        ]
    return kept
