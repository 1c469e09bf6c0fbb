"""Objections by region and kind: what is small is left out, and what would give it away."""

from dtsen_spark import columns as c
from dtsen_spark.marts import figures
from dtsen_spark.marts.objections import objection_rows


def _cell(region, tickets, outcome="UPHELD", action="RECEIVE"):
    return {
        c.REGION_CODE: region,
        c.CHANNEL: "desa",
        c.OUTCOME: outcome,
        c.ACTION: action,
        c.TICKETS: tickets,
        c.TICKETS_OVERDUE: 1,
        c.MEDIAN_DAYS: 8.0,
        c.P90_DAYS: 20.0,
    }


def test_a_small_village_and_the_one_that_would_tell_it_are_left_out():
    villages = {"3201012001": 4, "3201012002": 30, "3201012003": 50}
    upward = [_cell(region, 84) for region in ("00", "32", "3201", "320101")]
    rows = objection_rows([*upward, *(_cell(*one) for one in villages.items())], 10)
    shown = {row[c.REGION_CODE]: row[c.TICKETS] for row in rows}
    assert shown == {
        "00": 84,
        "32": 84,
        "3201": 84,
        "320101": 84,
        "3201012001": None,
        "3201012002": None,
        "3201012003": 50,
    }
    hidden = next(row for row in rows if row[c.REGION_CODE] == "3201012002")
    assert (hidden[c.SUPPRESSED], hidden[c.MEDIAN_DAYS], hidden[c.REGION_LEVEL]) == (True, None, 4)


def test_kinds_with_few_tickets_are_left_out_with_their_cover():
    rows = figures.objection_rows([("DEATH", "UPHELD", 3), ("DEATH", "OPEN", 40), ("MOVE", "UPHELD", 25)], 10)
    assert ("DEATH", "UPHELD") not in {(row[c.SUBJECT], row[c.METRIC]) for row in rows}
    assert len(rows) < 2
