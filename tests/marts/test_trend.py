"""The series of figures tells what the other statistics show, and no more."""

import pytest

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.marts import figures, trend
from dtsen_spark.marts.objections import Objections

NO_TICKETS = Objections([], {}, {})


def row(region: str, suppressed: bool = False, **values: object) -> dict[str, object]:
    level = 0 if region == "00" else len(region) // 2
    return {c.REGION_CODE: region, c.REGION_LEVEL: level, c.SUPPRESSED: suppressed, **values}


def told(stats: dict, found: Objections = NO_TICKETS, cuts: dict[int, int] | None = None) -> dict:
    given = {**{table: [] for table in tables.STATS}, **stats}
    rows = trend.trend_rows(given, found, cuts or {})
    assert all(one[c.SUPPRESSED] == (one[c.VALUE] is None) for one in rows)
    keys = [(one[c.REGION_CODE], one[c.METRIC], one[c.SUBJECT]) for one in rows]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, (one[c.VALUE] for one in rows), strict=True))


def test_a_figure_is_left_out_where_a_part_of_it_is() -> None:
    def units(region: str, decision: str, change: str, count: int | None) -> dict[str, object]:
        values = {c.DECISION: decision, c.CHANGE: change, c.ROWS: count, c.BENEFIT_TOTAL_IDR_YEAR: count}
        return row(region, count is None, **{c.PROGRAM: "pkh", **values})

    rows = [
        units("00", "SELECTED", "KEEP", 30),
        units("00", "SELECTED", "ADD", 20),
        units("00", "EXCLUDED", "DROP", 12),
        units("32", "SELECTED", "KEEP", 30),
        units("32", "SELECTED", "ADD", None),
        units("3201", "SELECTED", "KEEP", 30),
    ]
    found = told({tables.STATS_PROGRAM: rows})
    assert (found["00", "selected", "pkh"], found["00", "added", "pkh"], found["00", "dropped", "pkh"]) == (50, 20, 12)
    assert (found["32", "selected", "pkh"], found["32", "added", "pkh"], found["32", "kept", "pkh"]) == (None, None, 30)
    assert {region for region, _, _ in found} == {"00", "32"}


def test_a_cut_between_deciles_that_are_not_shown_is_left_out() -> None:
    deciles = [row("00", hidden, **{c.DECILE: k, c.PERSONS: None if hidden else 40}) for k, hidden in
               ((1, False), (2, False), (3, True), (None, False))]  # fmt: skip
    found = told({tables.STATS_DECILE: deciles}, cuts={1: 13_449_286, 2: 13_621_112})
    # exp(13.449286) = 692,9xx rupiah.
    assert found["00", "cut_point_idr_month", "1"] == 693_000
    assert found["00", "cut_point_idr_month", "2"] is None
    assert found["00", "decile_persons", "not_ranked"] == 40


def test_sums_of_tickets_hold_for_the_regions_that_are_shown() -> None:
    cell = {c.CHANNEL: "desa", c.OUTCOME: "OPEN", c.ACTION: "SUBMIT", c.OVERDUE: True}
    late, upheld = ("desa", "OPEN", True), ("desa", "UPHELD", False)
    rows = [
        row("00", **cell),
        row("00", **{**cell, c.OUTCOME: "UPHELD", c.OVERDUE: False}),
        row("00", True, **{**cell, c.OUTCOME: "UPHELD", c.OVERDUE: False, c.CHANNEL: "portal"}),
        row("32", **cell),
        row("33", True),
    ]
    found = told(
        {tables.STATS_OBJECTION: rows},
        Objections(rows, {("00", late): 40, ("00", upheld): 50, ("32", late): 30}, {"00": 102, "32": 30}),
    )
    assert (found["00", "tickets", "all"], found["00", "tickets", "open"]) == (102, 40)
    assert found["00", "tickets", "upheld"] is None, "the portal's are left out, so the sum is"
    assert (found["32", "tickets_overdue", "all"], found["33", "tickets_overdue", "all"]) == (30, None)


def test_the_expected_precision_follows_from_the_weights() -> None:
    # Odds of 1 : 1 and of 1024 : 1.
    assert trend.expected_precision([(0, 100), (10, 100)]) == pytest.approx((50 + 100 * 1024 / 1025) / 200)
    weights = [
        {c.TOPIC: figures.LINK_WEIGHT, c.SUBJECT: state, c.METRIC: bits, c.VALUE: 50.0}
        for state, bits in (("LINKED", "20"), ("REVIEW", "1"))
    ]
    found = told({tables.STATS_FIGURE: weights})
    assert found["00", "expected_link_precision", "all"] > 0.99999


def test_a_region_without_a_known_population_has_no_coverage() -> None:
    values = {c.PERSONS: 90, c.FAMILIES: 30, c.COVERAGE: None, c.REGISTRY_PERSONS: None}
    hidden = {c.PERSONS: None, c.FAMILIES: None, c.COVERAGE: None, c.REGISTRY_PERSONS: 500}
    found = told({tables.STATS_REGION: [row("32", **values), row("33", True, **hidden)]})
    assert ("32", "coverage", "all") not in found
    assert (found["32", "persons", "all"], found["33", "coverage", "all"]) == (90, None)
