"""Who was selected and not paid, and who was paid and not selected."""

from datetime import date

from dtsen_spark import columns as c
from dtsen_spark import corrections, tables
from tests.corrections.test_stage import _accepted
from tests.frames import build_job

TANGGAPAN = "program/tanggapan"


def _decision(unit, decision="SELECTED", column=c.FAMILY_ID, **more):
    return {
        column: unit,
        c.DECISION: decision,
        c.REASONS: [],
        c.CHANGE: "NONE",
        c.CHANGE_VS_RECIPIENT: "NONE",
        c.PERIOD: "2025Q4",
        c.RELEASE_ID: "2025Q4.1",
        **more,
    }


def _leaver(unit, notice, ends):
    return _decision(unit, "NOT_ELIGIBLE", **{c.CHANGE: "DROP", c.NOTICE: notice, c.EFFECTIVE_ON: ends})


def _answer(unit, status, program="PKH", release="2025Q4.1", **more):
    return {"program": program, "release_id": release, "unit_id": unit, "status": status, **more}


def test_answers_are_held_against_what_was_handed_over(spark, tmp_path):
    answers = [
        _answer("F1", "PAID"),
        _answer("F2", "REFUSED", reason="moved"),
        _answer("F4", "PAID"),
        _answer("F5", "NOT_FOUND"),
        _answer("F6", "SUDAH"),
        _answer("F1", "PAID", release="2024Q1.1"),  # a release of another lake
    ]
    given = {tables.accepted(tables.LANDING[TANGGAPAN]): _accepted(TANGGAPAN, answers)}
    published = {
        tables.decision("pkh"): [*map(_decision, ("F1", "F2", "F3", "F6")), _decision("F4", "ELIGIBLE")],
        tables.decision("bpnt"): [_decision("F9")],  # this program has not begun to answer
    }
    job = build_job(spark, tmp_path, given, published, "2026Q1")
    corrections.run(job)
    found = {row[c.UNIT_ID]: (row[c.STATE], row[c.REASON]) for row in job.read(tables.ANSWER).collect()}
    assert found == {
        "F2": ("REFUSED", "moved"),
        "F3": ("NO_ANSWER", None),
        "F6": ("NO_ANSWER", None),
        "F4": ("PAID_NOT_SELECTED", None),
    }


def test_a_leaver_is_paid_until_the_end_holds(spark, tmp_path):
    ends = date(2026, 2, 1)
    answers = [
        _answer("waits", "PAID", at="2026-03-02"),
        _answer("in_time", "PAID", at="2026-01-31"),
        _answer("paid_on", "PAID", at="2026-02-01"),
        _answer("refused", "REFUSED", at="2026-01-31"),
    ]
    leavers = [_leaver("waits", "HUMAN_DECISION", ends)]
    leavers += [_leaver(unit, "GRACE", ends) for unit in ("in_time", "paid_on", "refused", "silent")]
    given = {tables.accepted(tables.LANDING[TANGGAPAN]): _accepted(TANGGAPAN, answers)}
    job = build_job(spark, tmp_path, given, {tables.decision("pkh"): leavers}, "2026Q1")
    corrections.run(job)
    found = {row[c.UNIT_ID]: row[c.STATE] for row in job.read(tables.ANSWER).collect()}
    assert found == {"paid_on": "PAID_NOT_SELECTED"}
    told = job.ledger.drain_metrics()[-1]
    assert (told[c.SUBJECT], told[c.RULE], told[c.VALUE]) == ("programs/pkh", "PAID_NOT_SELECTED", 1.0)
