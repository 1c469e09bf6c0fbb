"""Days by step: those of the states that tickets left, and none that would tell of a few."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark.marts.disclosure import NATION, parent, upward
from dtsen_spark.marts.objections import BY
from dtsen_spark.marts.steps import TOLD, counted_steps, step_rows

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


def cells(tickets: Tickets, shown: Tickets | None = None) -> set[tuple]:
    """Region, channel and state of which days are told.

    Args:
        tickets: Tickets by region, channel and state that they left.
        shown: The same of those that ``stats/objection`` shows; None = all of them.
    """
    known = on_each_level(tickets if shown is None else shown)
    rows = [
        {
            **dict(zip(WHERE, cell, strict=True)),
            c.TICKETS: count,
            TOLD: known.get(cell, 0),
            c.MEDIAN_STEP_DAYS: 2.0,
            c.P90_STEP_DAYS: 5.0,
        }
        for cell, count in on_each_level(tickets).items()
    ]
    found = step_rows(rows, SMALL)
    assert all(row[c.MEDIAN_STEP_DAYS] == 2.0 for row in found)
    return {tuple(row[name] for name in WHERE) for row in found}


def regions(found: Iterable[tuple], state: str = "SUBMITTED") -> set[str]:
    return {region for region, _, of in found if of == state}


def test_days_by_step_are_those_of_the_states_that_tickets_left(spark: SparkSession) -> None:
    village = "3201012001"
    # Ten waited 0, 1, ... 9 days; the eleventh has no village, and was returned and waited once more.
    tickets = [(f"T{n}", village if n < 10 else None, "desa", *(LATE if n == 3 else UPHELD)) for n in range(11)]
    waited = [(f"T{n}", None, "SUBMITTED", n if n < 10 else 40) for n in range(11)]
    other = [
        ("T10", None, "SUBMITTED", 20),
        ("T0", "REPEATED", "SUBMITTED", None),
        ("T0", None, "DRAFT", None),
        ("nobody's", None, "SUBMITTED", 99),
    ]
    # Of the village the late one is left out, of the kab/kota everything.
    objections = [
        {c.REGION_CODE: region, c.CHANNEL: "desa", **dict(zip(BY, stands, strict=True)), c.SUPPRESSED: hidden}
        for region, stands, hidden in (
            (village, UPHELD, False), (village, LATE, True), ("3201", UPHELD, True), ("00", UPHELD, False),
            ("00", LATE, False),
        )
    ]  # fmt: skip
    by = f"{c.OUTCOME} string, {c.ACTION} string, {c.OVERDUE} boolean"
    counted = counted_steps(
        spark.createDataFrame(tickets, f"{c.TICKET_ID} string, {c.REGION_CODE} string, {c.CHANNEL} string, {by}"),
        spark.createDataFrame(
            [*waited, *other], f"{c.TICKET_ID} string, {c.REASON} string, {c.STATE_BEFORE} string, {c.DAYS} int"
        ),
        objections,
    )

    assert {row[c.STATE_BEFORE] for row in counted} == {"SUBMITTED"}
    found = {row[c.REGION_CODE]: row for row in counted}
    assert {region: (row[c.TICKETS], row[TOLD]) for region, row in found.items()} == {
        "00": (11, 11),
        "32": (10, 0),
        "3201": (10, 0),
        "320101": (10, 0),
        village: (10, 9),
    }
    # Between the fifth and the sixth of ten; a tenth of the way from the ninth to the last.
    here, nation = found[village], found["00"]
    assert (here[c.MEDIAN_STEP_DAYS], here[c.P90_STEP_DAYS]) == pytest.approx((4.5, 8.1))
    # The middle of 0 ... 9, 20, 40; nine tenths of the eleven steps between them: 9 + 0.9 * 11.
    assert (nation[c.MEDIAN_STEP_DAYS], nation[c.P90_STEP_DAYS]) == pytest.approx((5.5, 18.9))


def test_few_tickets_are_left_out_with_a_sibling_that_covers_them() -> None:
    villages = {"3201012001": 4, "3201012002": 30, "3201012003": 50}
    tickets = {(code, "desa", "SUBMITTED"): count for code, count in villages.items()}
    # The days of 84 tickets less those of 80 would be those of four.
    assert regions(cells(tickets)) == {"00", "32", "3201", "320101", "3201012003"}


def test_a_state_that_few_left_is_left_out_for_itself() -> None:
    tickets = {("3201012001", "desa", "SUBMITTED"): 30, ("3201012001", "desa", "AGREED"): 9}
    assert len(regions(cells(tickets))) == 5
    assert not regions(cells(tickets), "AGREED")


def test_days_do_not_tell_of_tickets_that_the_objections_leave_out() -> None:
    village = ("3201012001", "desa", "SUBMITTED")
    # Were the state told, one at least of the nine that are left out would have left it.
    assert cells({village: 18}, {village: 9}) == set()
    assert len(cells({village: 19}, {village: 10})) == 5


COUNTS = st.dictionaries(
    st.tuples(
        st.sampled_from((*VILLAGES, "3201", "")),
        st.sampled_from(("desa", "portal")),
        st.sampled_from(("SUBMITTED", "AGREED")),
    ),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
    min_size=8,
)


@given(COUNTS)
def test_what_is_left_out_has_as_many_tickets_as_the_threshold(given_in: dict[tuple, tuple[int, int]]) -> None:
    tickets = {cell: shown + hidden for cell, (shown, hidden) in given_in.items()}
    found, counts = cells(tickets, {cell: shown for cell, (shown, _) in given_in.items()}), on_each_level(tickets)
    for region, channel, state in found:
        # What is told of a region, less what is told of its parts, is of nobody or of many.
        parts = [part for part in found if part[1:] == (channel, state) and part[0] != NATION]
        of_parts = sum(counts[part] for part in parts if parent(part[0]) == region)
        assert counts[region, channel, state] >= SMALL
        assert not 0 < counts[region, channel, state] - of_parts < SMALL
        assert region == NATION or (parent(region), channel, state) in found
