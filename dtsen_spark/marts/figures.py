"""``stats/figure``: figures of the whole release that no region has: links, the PMT card, objections by kind, payments.

An example of a link is an agreement pattern that many pairs share: levels and weights, no value of a person.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.job import Job
from dtsen_spark.marts.disclosure import NATION
from dtsen_spark.marts.objections import Objections
from dtsen_spark.marts.suppression import guarded, suppressed

Row = dict[str, Any]
Cell = tuple[str, str, str]

LINK_WEIGHT: Final = "link_weight"  # subject = state of the pair, metric = weight in bits, value = pairs
LINK_EXAMPLE: Final = "link_example"  # subject = state and number, metric = comparison: level, value = bits
PMT: Final = "pmt"  # subject = model, or kind of region
TARGETING: Final = "targeting"  # subject = poorest share in per cent, metric = kind of error
OBJECTION: Final = "objection"  # subject = kind of ticket or all, metric = where they stand or all, value = tickets
OBJECTION_CHANNEL: Final = "objection_channel"  # subject = channel, the rest the same
PAYMENT: Final = "payment"  # subject = program and release handed over, metric = state of the answer, value = units
PAIRS: Final = "pairs"
ALL: Final = "all"
OTHER: Final = "OTHER"

_EXAMPLES: Final = 4  # of each state
_PATTERNS: Final = 400
_BITS: Final = "_bits"


def figure_rows(job: Job, small: int, tickets: DataFrame | None, found: Objections) -> list[Row]:
    """Return the rows of ``stats/figure``.

    Args:
        job: The run; reads ``linkage/edge``, ``corrections/answer`` and the card of the model that scored.
        small: Pairs, tickets and units below this are left out.
        tickets: Tickets that the release counts, if any.
        found: What may be shown of them by region.
    """
    return [*_links(job, small), *pmt_rows(_card(job)), *_objections(small, tickets, found), *_payments(job, small)]


def _links(job: Job, small: int) -> list[Row]:
    if not job.has(tables.EDGE):
        return []
    pairs = F.count(F.lit(1)).alias(PAIRS)
    edges = job.read(tables.EDGE).select(c.STATE, c.AGREEMENT, F.floor(c.MATCH_WEIGHT).cast("int").alias(_BITS))
    # States × some hundred bits; the commonest patterns.
    weights = edges.groupBy(c.STATE, _BITS).agg(pairs).collect()
    patterns = (
        edges.groupBy(c.STATE, c.AGREEMENT)
        .agg(pairs)
        .where(F.col(PAIRS) >= small)
        .orderBy(F.col(PAIRS).desc(), c.STATE, c.AGREEMENT)
        .limit(_PATTERNS)
        .collect()
    )
    rows = weight_rows(((row[c.STATE], row[_BITS], row[PAIRS]) for row in weights), small)
    return rows + example_rows((row[c.STATE], row[c.AGREEMENT], row[PAIRS]) for row in patterns)


def _objections(small: int, tickets: DataFrame | None, found: Objections) -> list[Row]:
    if tickets is None:
        return []
    # Kinds × channels × outcomes.
    counted = tickets.groupBy(c.TICKET_KIND, c.CHANNEL, c.OUTCOME, c.OVERDUE).count().collect()
    return objection_rows(((row[0], row[1], standing(row[2], overdue=row[3]), row[4]) for row in counted), found, small)


def _payments(job: Job, small: int) -> list[Row]:
    if not job.has(tables.ANSWER):
        return []
    # Programs × releases that were handed over × states.
    counted = job.read(tables.ANSWER).groupBy(c.PROGRAM, c.ANSWERED_RELEASE, c.STATE).count().collect()
    return payment_rows(((row[0], row[1], row[2], row[3]) for row in counted), small)


def payment_rows(counted: Iterable[tuple[str, str, str, int]], small: int) -> list[Row]:
    """Return how many units were selected and not paid, or paid and not selected; no table has the sum of these.

    Args:
        counted: Program, release that was handed over, state of the answer, units.
        small: Units below this are left out.
    """
    return [
        {c.TOPIC: PAYMENT, c.SUBJECT: f"{program} {release_id}", c.METRIC: state, c.VALUE: float(units)}
        for program, release_id, state, units in sorted(counted)
        if units >= small
    ]


def objection_rows(
    tickets: Iterable[tuple[str | None, str | None, str, int]], found: Objections, small: int
) -> list[Row]:
    """Return how many tickets of each kind, and of each channel, stand where, small cells left out with their cover.

    Args:
        tickets: Kind, channel, standing (from ``standing``), tickets.
        found: What ``stats/objection`` shows: sums of a channel stand in both.
        small: Tickets below this are left out.
    """
    counts: dict[Cell, int] = defaultdict(int)
    totals: dict[tuple[str, Cell], set[Cell]] = defaultdict(set)
    every = (OBJECTION, ALL, ALL)
    for kind, channel, stands, count in tickets:
        of_all = (OBJECTION, ALL, stands)
        for topic, subject in ((OBJECTION, kind or OTHER), (OBJECTION_CHANNEL, channel or OTHER)):
            cell, whole = (topic, subject, stands), (topic, subject, ALL)
            for one in (cell, whole):
                counts[one] += count
            totals[topic, whole].add(cell)
            totals[topic, of_all].add(cell)
            totals[topic, every].add(whole)
        for one in (of_all, every):
            counts[one] += count
    shown = {
        (OBJECTION_CHANNEL, channel or OTHER, standing(outcome, overdue=overdue))
        for region, (channel, outcome, overdue) in found.sums
        if region == NATION
    }
    channels = {cell for cell in counts if cell[0] == OBJECTION_CHANNEL and cell[2] != ALL}
    known = shown | ({every} if NATION in found.totals else set())
    parts = [(total, sorted(cells)) for (_, total), cells in sorted(totals.items())]
    out = guarded(counts, parts, small, known=known, secret=channels - shown)
    return [
        {c.TOPIC: topic, c.SUBJECT: subject, c.METRIC: stands, c.VALUE: float(counts[topic, subject, stands])}
        for topic, subject, stands in sorted(counts)
        if (topic, subject, stands) not in out
    ]


def standing(outcome: str, *, overdue: bool) -> str:
    """Return where a ticket stands: its outcome, the late ones apart."""
    return f"{outcome}_OVERDUE" if overdue else outcome


def weight_rows(weights: Iterable[tuple[str | None, int | None, int]], small: int) -> list[Row]:
    """Return how many pairs have which weight, small bins left out with their cover.

    Args:
        weights: State of the pairs, weight in whole bits, pairs.
        small: Pairs below this are left out.
    """
    counts = {(state or "OPEN", bits): pairs for state, bits, pairs in weights if bits is not None}
    states = sorted({state for state, _ in counts})
    out = suppressed(counts, [[cell for cell in counts if cell[0] == state] for state in states], small)
    return [
        {c.TOPIC: LINK_WEIGHT, c.SUBJECT: state, c.METRIC: str(bits), c.VALUE: float(counts[state, bits])}
        for state, bits in sorted(counts)
        if (state, bits) not in out
    ]


def example_rows(patterns: Iterable[tuple[str | None, str | None, int]]) -> list[Row]:
    """Return a few agreement patterns of each state, the commonest first.

    Args:
        patterns: State, agreement as JSON (comparison, level, weight), pairs; in the order of preference.
    """
    rows: list[Row] = []
    taken: dict[str, int] = {}
    for state, agreement, pairs in patterns:
        number = taken.get(state or "OPEN", 0) + 1
        parts = json.loads(agreement or "[]")
        if number > _EXAMPLES or not parts:
            continue
        taken[state or "OPEN"] = number
        subject = f"{state or 'OPEN'} {number}"
        rows.append({c.TOPIC: LINK_EXAMPLE, c.SUBJECT: subject, c.METRIC: PAIRS, c.VALUE: float(pairs)})
        rows += [
            {
                c.TOPIC: LINK_EXAMPLE,
                c.SUBJECT: subject,
                c.METRIC: f"{part['comparison']}: {part['level']}",
                c.VALUE: float(part["weight"]),
            }
            for part in parts
        ]
    return rows


def _card(job: Job) -> dict[str, Any]:
    version = job.read(tables.SCORE).agg(F.max(c.MODEL_VERSION)).first()
    path = job.lake.root / "models" / "pmt" / f"{version[0] if version else None}.json"
    return {"version": path.stem, **json.loads(path.read_text(encoding="utf-8"))["card"]} if path.exists() else {}


def pmt_rows(card: dict[str, Any]) -> list[Row]:
    """Return the figures of a PMT card: fit on held-out households, and errors at each cut.

    Args:
        card: The registered card with its version; empty = no model.
    """
    held_out = card.get("held_out", {})
    rows = [
        {c.TOPIC: PMT, c.SUBJECT: str(card["version"]), c.METRIC: name, c.VALUE: float(value)}
        for name, value in (
            ("r2", held_out.get("r2")),
            ("rmse", held_out.get("rmse")),
            ("households", card.get("households")),
            ("strata", card.get("strata")),
        )
        if isinstance(value, int | float)
    ]
    for topic, part in ((PMT, held_out.get("by_kind", {})), (TARGETING, held_out.get("targeting", {}))):
        rows += [
            {c.TOPIC: topic, c.SUBJECT: str(subject), c.METRIC: name, c.VALUE: float(value)}
            for subject, figures in sorted(part.items())
            for name, value in sorted(figures.items())
            if isinstance(value, int | float)
        ]
    return rows
