"""A link told to an auditor: the rule or the weights, how far from another answer, and the weights as a waterfall."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from dtsen_spark import columns as c
from dtsen_spark.wording import Wording

_WIDTH: Final = 360.0  # of the drawing, pixels
_DIGITS: Final = 1


@dataclass(frozen=True)
class Bar:
    """One bar of a waterfall.

    Attributes:
        label: What it stands for.
        bits: Its weight, written.
        left: Where it begins, pixels.
        width: Its width, pixels.
        speaks: ``for`` or ``against`` one person, or ``sum``.
    """

    label: str
    bits: str
    left: float
    width: float
    speaks: str


@dataclass(frozen=True)
class Waterfall:
    """Weights of one pair from the prior to their sum.

    Attributes:
        title: The pair.
        bars: From top to bottom.
        needed: Where the least weight of a link lies, pixels; None where no weight was asked for.
    """

    title: str
    bars: tuple[Bar, ...]
    needed: float | None


def _parts(link: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(link[c.AGREEMENT] or "[]")
    return found


def _pair(link: Mapping[str, Any], w: Wording) -> str:
    return f"{link[c.RECORD_ID_L]} ~ {link[c.RECORD_ID_R] or w.text('no_partner')}"


def told(link: Mapping[str, Any], w: Wording) -> Iterator[str]:
    """Say why a record belongs to its person or stands alone, and what would have changed it.

    Args:
        link: A row of ``linkage.explain_links``.
        w: The words.
    """
    weight, needed, runner_up = (link[name] for name in (c.MATCH_WEIGHT, c.NEEDED_WEIGHT, c.RUNNER_UP_WEIGHT))
    reason = f"{link[c.MATCH_REASON]}, {link[c.STATE]}"
    scored = "" if weight is None else f"; {w.text('weight')} {w.number(weight, _DIGITS)}"
    asked = "" if needed is None else f", {w.text('needed')} {w.number(needed, _DIGITS)}"
    yield f"{_pair(link, w)}: {reason}{scored}{asked}"
    if parts := _parts(link):
        levels = "; ".join(
            f"{w.code(part['comparison'])}: {part['level']} {w.signed(part['weight'], _DIGITS)}" for part in parts
        )
        yield f"{w.text('compared')}: {levels}"
    if link[c.HOLDING_RULES]:
        yield f"{w.text('holding')}: {', '.join(link[c.HOLDING_RULES])}"
    if link[c.DECISIVE]:
        yield f"{w.text('decisive')}: {', '.join(w.code(one) for one in link[c.DECISIVE])}"
    elif link[c.HOLDING_RULES] or (weight is not None and needed is not None and weight >= needed):
        yield w.text("not_decisive")
    if weight is not None and needed is not None and weight < needed:
        yield f"{w.text('short')}: {w.number(needed - weight, _DIGITS)}"
    if runner_up is not None:
        yield f"{w.text('runner_up')}: {w.number(runner_up, _DIGITS)}"


def waterfall(link: Mapping[str, Any], w: Wording) -> Waterfall | None:
    """Draw the weights of a pair that the model decided on, from the prior by each comparison to their sum.

    Args:
        link: A row of ``linkage.explain_links``.
        w: The words.

    Returns:
        The drawing; None where a rule or a person decided.
    """
    prior, weight, needed = (link[name] for name in (c.PRIOR_WEIGHT, c.MATCH_WEIGHT, c.NEEDED_WEIGHT))
    if prior is None or weight is None:
        return None
    steps = [(w.text("prior"), float(prior))]
    steps += [(f"{w.code(one['comparison'])}: {one['level']}", float(one["weight"])) for one in _parts(link)]
    ends = list(accumulate(bits for _, bits in steps))
    low, high = min(0.0, *ends, needed or 0.0), max(0.0, *ends, needed or 0.0)
    scale = _WIDTH / ((high - low) or 1.0)

    def bar(label: str, start: float, bits: float, speaks: str) -> Bar:
        left, right = sorted((start, start + bits))
        written = w.signed(bits, _DIGITS)
        return Bar(label, written, round((left - low) * scale, 1), round((right - left) * scale, 1), speaks)

    bars = [
        bar(label, end - bits, bits, "for" if bits > 0 else "against")
        for (label, bits), end in zip(steps, ends, strict=True)
    ]
    at = None if needed is None else round((needed - low) * scale, 1)
    return Waterfall(_pair(link, w), (*bars, bar(w.text("sum"), 0.0, float(weight), "sum")), at)
