"""``stats/figure``: figures of the whole release that no region has: links, the PMT card, objections by kind.

An example of a link is an agreement pattern that many pairs share: levels and weights, no value of a person.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.job import Job
from dtsen_spark.marts.suppression import suppressed

Row = dict[str, Any]

LINK_WEIGHT: Final = "link_weight"  # subject = state of the pair, metric = weight in bits, value = pairs
LINK_EXAMPLE: Final = "link_example"  # subject = state and number, metric = comparison: level, value = bits
PMT: Final = "pmt"  # subject = model, or kind of region
TARGETING: Final = "targeting"  # subject = poorest share in per cent, metric = kind of error
OBJECTION: Final = "objection"  # subject = kind of ticket, metric = outcome, value = tickets
PAIRS: Final = "pairs"

_EXAMPLES: Final = 4  # of each state
_PATTERNS: Final = 400
_BITS: Final = "_bits"


def figure_rows(job: Job, small: int) -> list[Row]:
    """Return the rows of ``stats/figure``.

    Args:
        job: The run; reads ``linkage/edge``, ``corrections/ticket`` and the card of the model that scored.
        small: Pairs and tickets below this are left out.
    """
    return [*_links(job, small), *pmt_rows(_card(job)), *_objections(job, small)]


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


def _objections(job: Job, small: int) -> list[Row]:
    if not job.has(tables.TICKET):
        return []
    counted = job.read(tables.TICKET).groupBy(c.TICKET_KIND, c.OUTCOME).count().collect()  # kinds × outcomes
    return objection_rows(((row[0], row[1], row[2]) for row in counted), small)


def objection_rows(tickets: Iterable[tuple[str | None, str, int]], small: int) -> list[Row]:
    """Return how many tickets of each kind had which outcome, small cells left out with their cover.

    Args:
        tickets: Kind, outcome, tickets.
        small: Tickets below this are left out.
    """
    counts = {(kind or "OTHER", outcome): count for kind, outcome, count in tickets}
    groups = [
        [cell for cell in counts if value in cell] for value in sorted({value for cell in counts for value in cell})
    ]
    out = suppressed(counts, [*groups, list(counts)], small)
    return [
        {c.TOPIC: OBJECTION, c.SUBJECT: kind, c.METRIC: outcome, c.VALUE: float(counts[kind, outcome])}
        for kind, outcome in sorted(counts)
        if (kind, outcome) not in out
    ]


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
