"""Days by step: those of the states that tickets left, and none that would tell of a few."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark.marts.disclosure import NATION, parent, upward
from dtsen_spark.marts.objections import BY, objections
from dtsen_spark.marts.steps import Steps, counted_steps, step_rows

SMALL = 10
VILLAGES = [f"{kecamatan}200{n}" for kecamatan in ("320101", "320102", "330201") for n in (1, 2, 3)]
UPHELD = ("UPHELD", "RECEIVE", False)
LATE = ("OPEN", "SUBMIT", True)


WHERE = (c.REGION_CODE, c.CHANNEL, c.STATE_BEFORE)
Tickets = dict[tuple, int]


def on_each_level(tickets: Tickets) -> Tickets:
    counts: Tickets = {}
    for (code, *rest), count in tickets.items():
        for region in upward(code, 4):
            counts[region, *rest] = counts.get((region, *rest), 0) + count
    return {cell: count for cell, count in counts.items() if count}


def told(tickets: Tickets, shown: Iterable[tuple] | None = None) -> set[tuple]:
    """Region, channel and state of which days are told.

    Args:
        tickets: Tickets by region, channel, state that they left, and where they stand.
        shown: What ``stats/objection`` shows: region, channel and where tickets stand; None = what it would show of
            those that left the first state.
    """
    rows = [
        {**dict(zip((*WHERE, *BY), (*cell, *stands), strict=True)), c.TICKETS: count}
        for (*cell, stands), count in on_each_level(tickets).items()
    ]
    days = [
        {**dict(zip(WHERE, cell, strict=True)), c.MEDIAN_STEP_DAYS: 2.0, c.P90_STEP_DAYS: 5.0}
        for cell in {tuple(row[name] for name in WHERE) for row in rows}
    ]
    if shown is None:
        first = [{**row, c.MEDIAN_DAYS: 1.0, c.P90_DAYS: 1.0} for row in rows if row[c.STATE_BEFORE] == "SUBMITTED"]
        listed = objections(first, SMALL).rows
    else:
        listed = [
            {c.REGION_CODE: region, c.CHANNEL: channel, **dict(zip(BY, stands, strict=True)), c.SUPPRESSED: False}
            for region, channel, stands in shown
        ]
    found = step_rows(Steps(days, rows), listed, SMALL)
    assert all(row[c.MEDIAN_STEP_DAYS] == 2.0 for row in found)
    return {tuple(row[name] for name in WHERE) for row in found}


def regions(cells: Iterable[tuple], state: str = "SUBMITTED") -> set[str]:
    return {region for region, _, of in cells if of == state}


def test_days_by_step_are_those_of_the_states_that_tickets_left(spark: SparkSession) -> None:
    village = "3201012001"
    # Ten waited 0, 1, ... 9 days; the eleventh has no village, and was returned and waited once more.
    tickets = [(f"T{n}", village if n < 10 else None, "desa", *UPHELD) for n in range(11)]
    waited = [(f"T{n}", None, "SUBMITTED", n if n < 10 else 40) for n in range(11)]
    other = [
        ("T10", None, "SUBMITTED", 20),
        ("T0", "REPEATED", "SUBMITTED", None),
        ("T0", None, "DRAFT", None),
        ("nobody's", None, "SUBMITTED", 99),
    ]
    by = f"{c.OUTCOME} string, {c.ACTION} string, {c.OVERDUE} boolean"
    steps = counted_steps(
        spark.createDataFrame(tickets, f"{c.TICKET_ID} string, {c.REGION_CODE} string, {c.CHANNEL} string, {by}"),
        spark.createDataFrame(
            [*waited, *other], f"{c.TICKET_ID} string, {c.REASON} string, {c.STATE_BEFORE} string, {c.DAYS} int"
        ),
    )

    days = {row[c.REGION_CODE]: row for row in steps.days}
    assert {row[c.STATE_BEFORE] for row in steps.days} == {"SUBMITTED"}
    assert set(days) == {"00", "32", "3201", "320101", village}
    # Between the fifth and the sixth of ten; a tenth of the way from the ninth to the last.
    assert (days[village][c.MEDIAN_STEP_DAYS], days[village][c.P90_STEP_DAYS]) == (4.5, 8.1)
    # The middle of 0 ... 9, 20, 40; nine tenths of the eleven steps between them: 9 + 0.9 * 11.
    assert (days["00"][c.MEDIAN_STEP_DAYS], days["00"][c.P90_STEP_DAYS]) == pytest.approx((5.5, 18.9))
    assert {row[c.REGION_CODE]: row[c.TICKETS] for row in steps.tickets} == {**dict.fromkeys(days, 10), "00": 11}


def test_few_tickets_are_left_out_with_a_sibling_that_covers_them() -> None:
    villages = {"3201012001": 4, "3201012002": 30, "3201012003": 50}
    tickets = {(code, "desa", "SUBMITTED", UPHELD): count for code, count in villages.items()}
    everything = {(region, "desa", UPHELD) for code in villages for region in upward(code, 4)}
    # The days of 84 tickets less those of 80 would be those of four.
    assert regions(told(tickets, everything)) == {"00", "32", "3201", "320101", "3201012003"}


def test_a_state_that_few_left_is_left_out_for_itself() -> None:
    tickets = {("3201012001", "desa", state, UPHELD): count for state, count in (("SUBMITTED", 30), ("AGREED", 9))}
    cells = told(tickets, {(region, "desa", UPHELD) for region in upward("3201012001", 4)})
    assert len(regions(cells)) == 5
    assert not regions(cells, "AGREED")


def test_days_do_not_tell_of_tickets_that_the_objections_leave_out() -> None:
    tickets = {("3201012001", "desa", "SUBMITTED", stands): 9 for stands in (UPHELD, LATE)}
    shown = [(region, "desa", UPHELD) for region in upward("3201012001", 4)]
    late = [(region, "desa", LATE) for region in upward("3201012001", 4)]
    # Were the state told, one at least of the nine that are left out would have left it.
    assert told(tickets, shown) == set()
    assert len(told(tickets, [*shown, *late])) == 5


@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from((*VILLAGES, "3201", "")),
            st.sampled_from(("desa", "portal")),
            st.sampled_from(("SUBMITTED", "AGREED")),
            st.sampled_from((UPHELD, LATE, ("REJECTED", "MUSDES_REJECT", False))),
        ),
        st.integers(0, 40),
        min_size=8,
    )
)
def test_what_is_left_out_has_as_many_tickets_as_the_threshold(tickets: Tickets) -> None:
    cells = told(tickets)
    counts: Tickets = {}
    for (*cell, _), count in on_each_level(tickets).items():
        counts[tuple(cell)] = counts.get(tuple(cell), 0) + count
    for region, channel, state in cells:
        # What is told of a region, less what is told of its parts, is of nobody or of many.
        parts = [part for part in cells if part[1:] == (channel, state) and part[0] != NATION]
        of_parts = sum(counts[part] for part in parts if parent(part[0]) == region)
        assert counts[region, channel, state] >= SMALL
        assert not 0 < counts[region, channel, state] - of_parts < SMALL
        assert region == NATION or (parent(region), channel, state) in cells
