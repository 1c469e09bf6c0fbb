"""From a ticket to the decisions that it changed."""

from datetime import date

from dtsen_spark import columns as c
from dtsen_spark import corrections, tables
from tests.frames import build_job

PKH, PBI = tables.decision("pkh"), tables.decision("pbi_jkn")


def _override(ticket, record, field, state="STANDING", origin="TICKET"):
    return {
        c.RECORD_ID: record,
        c.INDICATOR: field,
        c.VALUE_TEXT: "x",
        c.ORIGIN: origin,
        c.TICKET_ID: ticket,
        c.VERIFIED_ON: date(2026, 2, 1),
        c.STATE: state,
    }


def _score(family, score, decile, release="2026Q1.1"):
    return {c.FAMILY_ID: family, c.SCORE: score, c.DECILE: decile, c.STATE: "RANKED", c.RELEASE_ID: release}


def _decision(decision, family, person=None, release="2026Q1.1"):
    row = {c.FAMILY_ID: family, c.PERSON_ID: person, c.DECISION: decision, c.REASONS: [], c.RELEASE_ID: release}
    return {**row, c.CHANGE: "NONE", c.CHANGE_VS_RECIPIENT: "NONE"}


def test_a_ticket_shows_what_it_changed_from_field_to_decision(spark, tmp_path):
    then = "2025Q4.1"
    given = {
        tables.OVERRIDE: [
            _override("new", "dukcapil:1", "floor"),
            _override("new", "dukcapil:1", "roof"),
            _override("known", "dukcapil:2", "floor"),
            _override("beaten", "dukcapil:2", "roof", state="SUPERSEDED"),
            _override("V1", "dukcapil:2", "wall", origin="FIELD_CHECK"),
        ],
        tables.MEMBERSHIP: [{c.RECORD_ID: f"dukcapil:{n}", c.PERSON_ID: f"P{n}", c.MATCH_REASON: "x"} for n in (1, 2)],
        tables.FAMILY_MEMBER: [{c.FAMILY_ID: "F1", c.PERSON_ID: "P1"}, {c.FAMILY_ID: "F2", c.PERSON_ID: "P2"}],
        tables.SCORE: [_score("F1", 11, 3), _score("F2", 20, 5)],
        PKH: [_decision("SELECTED", "F1")],
        PBI: [_decision("SELECTED", "F1", "P1"), _decision("EXCLUDED", "F1", "P9")],
    }
    published = {
        tables.OVERRIDE: [_override("known", "dukcapil:2", "floor")],
        tables.FAMILY_MEMBER: [{c.FAMILY_ID: "F0", c.PERSON_ID: "P1"}],
        tables.SCORE: [_score("F0", 14, 5, then), _score("F0", 99, 9, "2025Q3.1")],
        PKH: [_decision("NOT_ELIGIBLE", "F0", release=then)],
        PBI: [],
    }
    job = build_job(spark, tmp_path, given, published, "2026Q1")
    corrections.run_effects(job)
    found = [row.asDict() for row in job.read(tables.EFFECT).collect()]
    wanted = {
        c.TICKET_ID: "new",
        c.PERSON_ID: "P1",
        c.CHANGED_FIELDS: ["floor", "roof"],
        c.SCORE_BEFORE: 14,
        c.SCORE: 11,
        c.DECILE_BEFORE: 5,
        c.DECILE: 3,
        c.DECISIONS: ["pbi_jkn: NONE > SELECTED", "pkh: NOT_ELIGIBLE > SELECTED"],
    }
    assert [{name: row[name] for name in wanted} for row in found] == [wanted]


def test_where_nothing_was_delivered_or_published_a_reader_finds_every_table_empty(spark, tmp_path):
    job = build_job(spark, tmp_path, {}, None, "2026Q1")
    corrections.run(job)
    corrections.run_effects(job)
    listed = [table for table in tables.TABLES if table.layer == tables.EFFECT.layer and table.published]
    assert {table.name: job.outputs[table.path].rows for table in listed} == dict.fromkeys(
        ("ticket", "event", "override", "effect", "answer"), 0
    )
