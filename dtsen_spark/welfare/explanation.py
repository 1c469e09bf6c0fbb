"""Why a family stands where it stands: the parts of its score in rupiah, the next cuts, what moved it.

A score is a sum of logs, so a part has no rupiah of its own. The way from the place's level to the family's figure is
shared among the parts in proportion to their points (the logarithmic mean divides it without a rest; Ang 2005, LMDI),
rounded so that level and parts add up to the predicted expenditure exactly.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from dtsen_spark import columns as c
from dtsen_spark.welfare.change import CUT, MODEL, STEPS
from dtsen_spark.welfare.deciles import TENTHS
from dtsen_spark.welfare.model import MICRO
from dtsen_spark.welfare.scoring import LEVEL_PART

_LEADING: Final = 3


@dataclass(frozen=True)
class Part:
    """What one indicator does to the prediction.

    Attributes:
        indicator: The indicator, or ``level`` for the place.
        points: Millionths of log rupiah.
        rupiah: Rupiah for each member a month, against a family of the place that is average in everything.
        source: Source of the value; None where it is the register's own or unknown.
        as_of: Day of the value.
    """

    indicator: str
    points: int
    rupiah: int
    source: str | None = None
    as_of: date | None = None


@dataclass(frozen=True)
class CutDistance:
    """How far the next cut is.

    Attributes:
        k: Its number.
        decile: Decile beyond it.
        points: Millionths of log rupiah from the family to the nearest score beyond; negative = downwards.
        rupiah: The same in rupiah for each member a month.
    """

    k: int
    decile: int
    points: int
    rupiah: int


@dataclass(frozen=True)
class Step:
    """What one cause did since the last release.

    Attributes:
        cause: OWN_DATA, MEMBERSHIP, MODEL or CUT.
        points: Move of the margin to the reference cut, millionths of log rupiah.
        deciles: Deciles.
        rupiah: Rupiah for each member a month; a cut moves no rupiah.
    """

    cause: str
    points: int
    deciles: int
    rupiah: int


@dataclass(frozen=True)
class Change:
    """The move since the last release, whole and by cause; points, deciles and rupiah of the steps add up to it.

    Attributes:
        previous_release: Release that is compared with.
        move: UP, DOWN, SAME, NEW, RANKED or UNRANKED.
        cause: What moved the decile most.
        decile_before: Decile then.
        expenditure_before: Predicted rupiah for each member a month then.
        reference_cut: Cut whose distance the points are of.
        points: Move of the margin.
        rupiah: Move of the predicted expenditure.
        steps: By cause, in the order in which they are walked.
    """

    previous_release: str
    move: str
    cause: str | None
    decile_before: int | None
    expenditure_before: int | None
    reference_cut: int | None
    points: int | None
    rupiah: int | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class FamilyExplanation:
    """Everything that explains one family's decile.

    Attributes:
        parts: Level first, then the indicators by the size of their points; they add up to the score and, in rupiah,
            to the predicted expenditure. None where the family is unranked.
        leading: The three indicators that matter most.
        next_cuts: The cut below and the cut above, where there are such.
        change: What moved it since the last release; None where nothing did, or there is none.
    """

    parts: tuple[Part, ...]
    leading: tuple[Part, ...]
    next_cuts: tuple[CutDistance, ...]
    change: Change | None


def explained(
    score: Mapping[str, Any],
    parts: Mapping[str, Any],
    change: Mapping[str, Any] | None,
    cuts: Sequence[int],
    smearing: float,
) -> FamilyExplanation:
    """Put one family's explanation together, from rows as Python holds them.

    Args:
        score: Row of ``welfare/score``.
        parts: Row of ``welfare/score_part``; empty where the build is gone.
        change: Row of ``welfare/change``; None where nothing moved.
        cuts: Scores of the nine cuts.
        smearing: Factor of the model to mean rupiah.
    """
    told = _parts(score, parts, smearing)
    indicators = [part for part in told if part.indicator != LEVEL_PART]
    return FamilyExplanation(
        parts=told,
        leading=tuple(indicators[:_LEADING]),
        next_cuts=next_cuts(score[c.SCORE], score[c.DECILE], cuts, smearing),
        change=None if change is None else _change(change),
    )


def _parts(score: Mapping[str, Any], row: Mapping[str, Any], smearing: float) -> tuple[Part, ...]:
    points = {part["indicator"]: int(part["points"]) for part in row.get(c.SCORE_PARTS) or ()}
    if not points or score[c.EXPENDITURE_IDR_MONTH] is None:
        return ()
    inputs = {one["indicator"]: (one["source"], one["as_of"]) for one in row.get(c.SCORE_INPUTS) or ()}
    level = points.pop(LEVEL_PART, 0)
    base = rupiah_of(level, smearing)
    whole = int(score[c.EXPENDITURE_IDR_MONTH])
    shares = shared(whole - base, points, log_mean(base, whole))
    order = sorted(points, key=lambda name: (-abs(points[name]), name))
    parts = [Part(name, points[name], shares[name], *inputs.get(name, (None, None))) for name in order]
    return (Part(LEVEL_PART, level, base), *parts)


def rupiah_of(score: int, smearing: float) -> int:
    """Return the predicted expenditure of a score, rupiah for each member a month."""
    return math.floor(math.exp(score / MICRO) * smearing + 0.5)


def log_mean(one: int, other: int) -> float:
    """Return the logarithmic mean of two amounts: rupiah for each log point on the way from one to the other."""
    one, other = max(one, 1), max(other, 1)
    return float(one) if one == other else (other - one) / math.log(other / one)


def shared(whole: int, points: Mapping[str, int], rupiah_a_point: float) -> dict[str, int]:
    """Share rupiah among parts in proportion to their points, without a rest.

    Args:
        whole: Rupiah that are shared.
        points: Points by part, millionths of log rupiah; they may cancel.
        rupiah_a_point: Rupiah for each whole log point.

    Returns:
        Integers by part that add up to ``whole``; none where there are no parts.
    """
    exact = {name: value * rupiah_a_point / MICRO for name, value in points.items()}
    found = {name: math.floor(value) for name, value in exact.items()}
    if found:
        # Largest remainder; the larger part, then the name, decides between equal ones.
        order = sorted(points, key=lambda name: (found[name] - exact[name], -abs(points[name]), name))
        each, more = divmod(whole - sum(found.values()), len(order))
        for name in order[:more]:
            found[name] += 1
        # Whole rupiah at both ends leave more to share where the way is long: the largest part bears it unseen.
        found[max(points, key=lambda name: (abs(points[name]), name))] += each * len(order)
    return found


def next_cuts(score: int | None, decile: int | None, cuts: Sequence[int], smearing: float) -> tuple[CutDistance, ...]:
    """Return how far the neighbouring deciles are.

    Args:
        score: The family's score; None where it is unranked.
        decile: Its decile.
        cuts: Scores of the nine cuts: the least score above each.
        smearing: Factor to mean rupiah.

    Returns:
        The cut below (to the greatest score under it) and the cut above, where there are such.
    """
    if score is None or decile is None or len(cuts) != TENTHS - 1:
        return ()
    here = rupiah_of(score, smearing)
    found = []
    if decile > 1:
        beyond = cuts[decile - 2] - 1
        found.append(CutDistance(decile - 1, decile - 1, beyond - score, rupiah_of(beyond, smearing) - here))
    if decile < TENTHS:
        beyond = cuts[decile - 1]
        found.append(CutDistance(decile, decile + 1, beyond - score, rupiah_of(beyond, smearing) - here))
    return tuple(found)


def _change(row: Mapping[str, Any]) -> Change:
    before, now = row[c.EXPENDITURE_BEFORE], row[c.EXPENDITURE_IDR_MONTH]
    split = row[c.MARGIN] is not None
    steps: tuple[Step, ...] = ()
    if split:
        points = {cause: int(row[of_points]) for cause, (of_points, _) in STEPS.items()}
        rupiah = rupiah_steps(before, now, points)
        steps = tuple(Step(cause, points[cause], int(row[name]), rupiah[cause]) for cause, (_, name) in STEPS.items())
    return Change(
        previous_release=row[c.PREVIOUS_RELEASE],
        move=row[c.MOVE],
        cause=row[c.DECILE_CAUSE],
        decile_before=row[c.DECILE_BEFORE],
        expenditure_before=before,
        reference_cut=row[c.REFERENCE_CUT],
        points=row[c.MARGIN] - row[c.MARGIN_BEFORE] if split else None,
        rupiah=now - before if split else None,
        steps=steps,
    )


def rupiah_steps(before: int, now: int, points: Mapping[str, int]) -> dict[str, int]:
    """Share the move of the predicted expenditure among the causes that move scores.

    The model's part holds its factor to rupiah as well, which points do not show; it takes what the logs of own data
    and membership leave.

    Args:
        before: Rupiah then.
        now: Rupiah now.
        points: Points by cause, millionths of log rupiah.

    Returns:
        Rupiah by cause, adding up to ``now - before``; 0 for the cut.
    """
    whole = round(math.log(max(now, 1) / max(before, 1)) * MICRO)
    moving = {cause: value for cause, value in points.items() if cause not in {CUT, MODEL}}
    # Without another model the rest is what rounding to rupiah left: it is no cause.
    if points[MODEL] or not any(moving.values()):
        moving[MODEL] = whole - sum(moving.values())
    shares = shared(now - before, moving, log_mean(before, now))
    return {cause: shares.get(cause, 0) for cause in points}
