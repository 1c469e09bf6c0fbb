"""Objections by region and kind: what is small is left out, and what would give it away."""

from datetime import date

from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark.marts import figures
from dtsen_spark.marts.objections import Objections, objections, of_period

NOTHING = Objections([], {}, {})


def _cell(region, tickets, outcome="UPHELD", action="RECEIVE", *, channel="desa", overdue=False):
    return {
        c.REGION_CODE: region,
        c.CHANNEL: channel,
        c.OUTCOME: outcome,
        c.ACTION: action,
        c.OVERDUE: overdue,
        c.TICKETS: tickets,
        c.MEDIAN_DAYS: 8.0,
        c.P90_DAYS: 20.0,
    }


def test_a_small_village_and_the_one_that_would_tell_it_are_left_out():
    villages = {"3201012001": 4, "3201012002": 30, "3201012003": 50}
    upward = [_cell(region, 84) for region in ("00", "32", "3201", "320101")]
    found = objections([*upward, *(_cell(*one) for one in villages.items())], 10)
    shown = {row[c.REGION_CODE]: row.get(c.TICKETS) for row in found.rows}
    assert shown == {
        "00": 84,
        "32": 84,
        "3201": 84,
        "320101": 84,
        "3201012001": None,
        "3201012002": None,
        "3201012003": 50,
    }
    hidden = next(row for row in found.rows if row[c.REGION_CODE] == "3201012002")
    assert (hidden[c.SUPPRESSED], hidden.get(c.MEDIAN_DAYS), hidden[c.REGION_LEVEL]) == (True, None, 4)
    assert found.totals == {region: count for region, count in shown.items() if count}


def test_a_hidden_region_is_one_row_that_does_not_say_what_it_has():
    nation = [_cell("00", 60), _cell("00", 40, "OPEN", "SUBMIT", overdue=True)]
    parts = [_cell("32", 57), _cell("33", 3), _cell("33", 40, "OPEN", "SUBMIT", overdue=True)]
    rows = objections([*nation, *parts], 10).rows
    hidden = [row for row in rows if row[c.SUPPRESSED]]
    assert [(row[c.REGION_CODE], row.get(c.OUTCOME), row.get(c.TICKETS)) for row in hidden] == [
        ("32", None, None),
        ("33", None, None),
    ]


def test_late_tickets_are_a_count_of_their_own():
    counted = [_cell("00", 50, "OPEN", "SUBMIT"), _cell("00", 4, "OPEN", "SUBMIT", overdue=True), _cell("00", 90)]
    found = objections(counted, 10)
    late = [row for row in found.rows if row[c.OVERDUE]]
    assert [row[c.TICKETS] for row in late] == [None]
    assert ("00", ("desa", "OPEN", True)) not in found.sums


def test_a_sum_of_a_channel_stands_where_its_actions_may():
    counted = [
        *(_cell("00", count, "REJECTED", action) for action, count in (("MUSDES_REJECT", 4), ("DISAPPROVE", 12))),
        _cell("00", 90),
    ]
    found = objections(counted, 10)
    assert found.sums["00", ("desa", "REJECTED", False)] == 16
    assert found.sums["00", ("desa", "UPHELD", False)] == 90


def test_kinds_with_few_tickets_are_left_out_with_their_cover():
    counted = [("DEATH", "desa", "UPHELD", 3), ("DEATH", "desa", "OPEN", 40), ("MOVE", "desa", "UPHELD", 25)]
    rows = figures.objection_rows(counted, NOTHING, 10)
    shown = {(row[c.SUBJECT], row[c.METRIC]) for row in rows if row[c.TOPIC] == figures.OBJECTION}
    # Of DEATH and MOVE the sums are told or the parts, never both.
    assert ("DEATH", "UPHELD") not in shown
    assert not {("MOVE", "UPHELD"), ("all", "UPHELD")} <= shown
    assert not {("DEATH", "OPEN"), ("DEATH", "all")} <= shown


def test_what_a_channel_hides_is_not_told_by_the_kinds():
    counted = [("MOVE", "desa", "UPHELD", 30), ("MOVE", "portal", "UPHELD", 12), ("MOVE", "portal", "OPEN", 50)]
    hidden = Objections([], {("00", ("desa", "UPHELD", False)): 30, ("00", ("portal", "OPEN", False)): 50}, {})
    told = {(row[c.TOPIC], row[c.SUBJECT], row[c.METRIC]) for row in figures.objection_rows(counted, hidden, 10)}
    assert (figures.OBJECTION_CHANNEL, "desa", "UPHELD") in told
    assert (figures.OBJECTION_CHANNEL, "portal", "UPHELD") not in told
    assert (figures.OBJECTION, "MOVE", "UPHELD") not in told, "less the 30 of the villages it is the portal's 12"


def test_payments_of_few_units_are_left_out():
    counted = [("pkh", "2026Q1.1", "REFUSED", 12), ("pkh", "2026Q1.1", "PENDING", 9)]
    rows = figures.payment_rows(counted, 10)
    assert [(row[c.SUBJECT], row[c.METRIC], row[c.VALUE]) for row in rows] == [("pkh 2026Q1.1", "REFUSED", 12)]


def test_a_ticket_that_ended_is_counted_in_one_release(spark: SparkSession):
    schema = f"{c.TICKET_ID} string, {c.OUTCOME} string, {c.STATE_SINCE} date"
    old, late = date(2025, 12, 1), date(2025, 12, 30)
    now = spark.createDataFrame([("a", "UPHELD", old), ("b", "REJECTED", late), ("c", "OPEN", old)], schema)
    before = spark.createDataFrame([("a", "UPHELD", old), ("b", "OPEN", old)], schema)

    def counted(*given) -> set[str]:
        return {row[0] for row in of_period(now, *given).select(c.TICKET_ID).collect()}

    assert counted(None, None) == {"a", "b", "c"}
    # It had ended when the last release was made, but nobody knew.
    assert counted(before, date(2025, 12, 31)) == {"b", "c"}
    assert counted(None, date(2025, 12, 31)) == {"c"}
