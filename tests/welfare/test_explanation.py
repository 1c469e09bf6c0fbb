"""An explanation adds up: parts to the prediction, steps to the whole move."""

import math
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from dtsen_spark import columns as c
from dtsen_spark.welfare.change import CUT, MEMBERSHIP, MODEL, OWN_DATA, STEPS
from dtsen_spark.welfare.explanation import explained, log_mean, next_cuts, rupiah_of, rupiah_steps, shared

POINTS = st.integers(-3_000_000, 3_000_000)
PARTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), POINTS, min_size=1, max_size=12)
LEVELS = st.integers(11_000_000, 16_000_000)
CUTS = [13_000_000 + 100_000 * k for k in range(9)]


def score_row(parts: dict[str, int], smearing: float, **values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    score = sum(parts.values())
    row = {c.FAMILY_ID: "F", c.SCORE: score, c.DECILE: 1 + sum(score >= cut for cut in CUTS)}
    row[c.EXPENDITURE_IDR_MONTH] = rupiah_of(score, smearing)
    told = [{"indicator": name, "points": points} for name, points in sorted(parts.items())]
    return {**row, **values}, {
        c.SCORE_PARTS: told,
        c.SCORE_INPUTS: [{"indicator": "a", "source": "dtks", "as_of": None}],
    }


@example({"a": -2_698_802, "b": -2_998_849, "c": -1}, 11_000_000, 1.0)
@given(PARTS, LEVELS, st.floats(1, 1.5))
def test_parts_add_up_to_score_and_rupiah(parts: dict[str, int], level: int, smearing: float) -> None:
    row, told = score_row({**parts, "level": level}, smearing)
    found = explained(row, told, None, CUTS, smearing)
    assert sum(part.points for part in found.parts) == row[c.SCORE]
    assert sum(part.rupiah for part in found.parts) == row[c.EXPENDITURE_IDR_MONTH]
    assert found.parts[0].indicator == "level"
    weights = [abs(part.points) for part in found.parts[1:]]
    assert weights == sorted(weights, reverse=True)
    assert found.leading == found.parts[1:4]
    # A part that raises the score never lowers the rupiah by more than what rounding needs.
    assert all(part.points * part.rupiah >= -abs(part.points) * len(parts) for part in found.parts[1:])


@given(st.integers(100_000, 50_000_000), st.integers(100_000, 50_000_000), POINTS, POINTS, POINTS)
def test_steps_add_up_to_the_whole_move(before: int, now: int, own: int, members: int, cut: int) -> None:
    whole = round(math.log(now / before) * 1e6)
    points = {OWN_DATA: own, MEMBERSHIP: members, MODEL: whole - own - members, CUT: cut}
    found = rupiah_steps(before, now, points)
    assert sum(found.values()) == now - before
    assert found[CUT] == 0


def test_without_another_model_nothing_is_put_on_the_model() -> None:
    score_before, score = 13_200_000, 13_350_001
    found = rupiah_steps(
        rupiah_of(score_before, 1.1), rupiah_of(score, 1.1), {OWN_DATA: 100_001, MEMBERSHIP: 50_000, MODEL: 0, CUT: 7}
    )
    assert found[MODEL] == 0
    assert 1.99 < found[OWN_DATA] / found[MEMBERSHIP] < 2.01


@given(st.integers(-10_000, 10_000), PARTS, st.floats(1, 1e7))
def test_nothing_is_lost_in_sharing(whole: int, parts: dict[str, int], rate: float) -> None:
    assert sum(shared(whole, parts, rate).values()) == whole


def test_log_mean_is_between_the_two() -> None:
    assert log_mean(500_000, 500_000) == 500_000
    assert 500_000 < log_mean(500_000, 900_000) < 900_000


@given(LEVELS, st.floats(1, 1.5))
def test_moving_by_the_distance_crosses_the_cut_and_not_more(score: int, smearing: float) -> None:
    decile = 1 + sum(score >= cut for cut in CUTS)
    for cut in next_cuts(score, decile, CUTS, smearing):
        moved = score + cut.points
        assert 1 + sum(moved >= at for at in CUTS) == cut.decile
        one_less = moved - (1 if cut.points > 0 else -1)
        assert 1 + sum(one_less >= at for at in CUTS) == decile
        assert rupiah_of(score, smearing) + cut.rupiah == rupiah_of(moved, smearing)


def test_an_unranked_family_has_no_parts() -> None:
    row = {c.FAMILY_ID: "F", c.SCORE: None, c.DECILE: None, c.EXPENDITURE_IDR_MONTH: None, c.REASON: "NO_REGION"}
    found = explained(row, {}, None, CUTS, 1.0)
    assert (found.parts, found.leading, found.next_cuts, found.change) == ((), (), (), None)


def test_a_change_is_told_by_cause() -> None:
    row, told = score_row({"level": 13_000_000, "a": 250_000}, 1.0)
    moved = {
        c.PREVIOUS_RELEASE: "2025Q4.1",
        c.MOVE: "UP",
        c.DECILE_CAUSE: OWN_DATA,
        c.DECILE_BEFORE: 2,
        c.EXPENDITURE_BEFORE: rupiah_of(13_150_000, 1.0),
        c.EXPENDITURE_IDR_MONTH: row[c.EXPENDITURE_IDR_MONTH],
        c.REFERENCE_CUT: 2,
        c.MARGIN_BEFORE: -50_000,
        c.MARGIN: 40_000,
        **dict(zip((points for points, _ in STEPS.values()), (100_000, 0, 0, -10_000), strict=True)),
        **dict(zip((deciles for _, deciles in STEPS.values()), (1, 0, 0, 0), strict=True)),
    }
    found = explained(row, told, moved, CUTS, 1.0).change
    assert found is not None
    assert sum(step.points for step in found.steps) == found.points == 90_000
    assert sum(step.rupiah for step in found.steps) == found.rupiah
    assert [step.cause for step in found.steps] == [OWN_DATA, MEMBERSHIP, MODEL, CUT]
