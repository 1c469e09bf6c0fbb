"""What ``dtsen status`` tells: releases, accounts of the newest one, figures of its gates, deadlines of tickets."""

import json
from typing import Any, Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.lake import Lake
from dtsen_spark.release.registry import Registry

_ACCOUNT: Final = (c.STAGE, c.SUBJECT, c.BATCH_ID, c.ROWS_IN, c.ROWS_OUT, c.ROWS_SET_ASIDE)
_FIGURE: Final = (c.SEVERITY, c.STAGE, c.METRIC, c.SUBJECT, c.RULE, c.VALUE)
_MOST_FIGURES: Final = 40


def status(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """Return the state of a lake, counts only.

    Args:
        lake: The lake.

    Returns:
        By section title, rows with the same keys: releases (oldest first), the newest release's accounts (the last
        run of each stage), how its deliveries drifted from the contract, its figures that are warnings or critical,
        summed over regions, and its open tickets by step.
    """
    registry = Registry(lake)
    current = registry.current()
    releases = list(registry.releases().values())
    sections: dict[str, list[dict[str, Any]]] = {
        "Releases": [
            {
                "release": one.release_id,
                "state": one.state.value,
                "current": "yes" if one.release_id == current else "",
                "signed by": ", ".join(sorted(one.signatures)),
                "stopped by": ", ".join(one.detail.get("failed", [])),
                "tables": len(one.tables),
            }
            for one in releases
        ]
    }
    if releases:
        newest = releases[-1].release_id
        sections[f"Accounts of {newest}"] = _accounts(lake, newest)
        sections[f"Drift of {newest}"] = _drift(lake, newest)
        sections[f"Warnings of {newest}"] = _warnings(lake, newest)
        if lake.exists(tables.TICKET, build=newest):
            sections[f"Open tickets of {newest}"] = _open_tickets(lake.read(tables.TICKET, build=newest))
    return sections


def _accounts(lake: Lake, release_id: str) -> list[dict[str, Any]]:
    if not lake.exists(tables.LEDGER):
        return []
    lines = lake.read(tables.LEDGER).where(F.col(c.RELEASE_ID) == release_id)
    # An account that a later run entered again stands in place of the earlier one.
    latest = Window.partitionBy(c.STAGE, c.SUBJECT, c.BATCH_ID).orderBy(F.col(c.RECORDED_AT).desc())
    last = lines.withColumn("_newest", F.row_number().over(latest)).where(F.col("_newest") == 1)
    return _rows(last.orderBy(c.RECORDED_AT, c.STAGE, c.SUBJECT, c.BATCH_ID).select(*_ACCOUNT))


def _drift(lake: Lake, release_id: str) -> list[dict[str, Any]]:
    if not lake.exists(tables.BATCH):
        return []
    drifted = (F.col(c.RELEASE_ID) == release_id) & (F.col(c.DRIFT) != "{}")
    found = []
    for row in lake.read(tables.BATCH).where(drifted).orderBy(c.SOURCE, c.SOURCE_TABLE, c.BATCH_ID).collect():
        kinds = json.loads(row[c.DRIFT])
        affects = kinds.pop("affects", {})
        for kind, names in sorted(kinds.items()):
            fed = sorted({ours for name in names for ours in affects.get(name, [])})
            batch = f"{row[c.SOURCE]}/{row[c.SOURCE_TABLE]}/{row[c.BATCH_ID]}"
            found.append({"batch": batch, "drift": kind, "columns": ", ".join(names), "affects": ", ".join(fed)})
    return found


def _warnings(lake: Lake, release_id: str) -> list[dict[str, Any]]:
    if not lake.exists(tables.DQ_METRIC):
        return []
    # A critical figure of 0, such as links that must not be, is good news.
    figures = lake.read(tables.DQ_METRIC).where(
        (F.col(c.RELEASE_ID) == release_id) & F.col(c.SEVERITY).isin("critical", "warning") & (F.col(c.VALUE) != 0)
    )
    by_rule = figures.groupBy(*_FIGURE[:-1]).agg(F.sum(c.VALUE).alias(c.VALUE))
    return _rows(by_rule.orderBy(*_FIGURE).limit(_MOST_FIGURES))


def _open_tickets(tickets: DataFrame) -> list[dict[str, Any]]:
    counted = (
        tickets.where(F.col(c.OUTCOME) == "OPEN")
        .groupBy(c.WAITS_FOR, c.STATE)
        .agg(
            F.count(F.lit(1)).alias("open"),
            F.count_if(c.OVERDUE).alias(c.OVERDUE),
            F.min(c.DUE).alias("first deadline"),
            F.max(c.DAYS_OPEN).alias("longest, days"),
        )
    )
    return _rows(counted.orderBy(c.WAITS_FOR, c.STATE))


def _rows(df: DataFrame) -> list[dict[str, Any]]:
    return [row.asDict() for row in df.collect()]  # a few for each stage and batch
