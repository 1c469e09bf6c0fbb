"""From delivered tickets and events to verified values: what stands, what does not, and that no reporter shows."""

import json
from datetime import date

import pytest
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import corrections, tables
from dtsen_spark.corrections import overrides as overrides_of
from dtsen_spark.corrections import terms
from dtsen_spark.harmonise.corrections import corrections as verified_rows
from dtsen_spark.linkage import labels
from tests.frames import build_job, frame

SITI, BUDI, TONO = "3174015208900001", "3174010101700002", "3174020303800003"
CARD, OTHER_CARD = "3174010101200001", "3174010101200009"
HOME, AWAY = "3174011001", "3174021002"
WAY = ("SUBMIT", "ID_OK", "MUSDES_AGREE", "DINSOS_VERIFY", "APPROVE", "FORWARD", "RECEIVE")
PAPERS = [{"type": kind, "sha256": digit * 64} for kind, digit in (("KTP", "a"), ("KK", "b"))]

REGISTRY = [
    {"nik": SITI, "no_kk": CARD, "shdk": "1", "status": "1", "kode_wilayah": HOME},
    {"nik": BUDI, "no_kk": CARD, "shdk": "4", "status": "2", "kode_wilayah": HOME},
    {"nik": TONO, "no_kk": OTHER_CARD, "shdk": "1", "status": "1", "kode_wilayah": AWAY},
]


def _ticket(name, kind, changes=None, nik=SITI, **more):
    return {
        "ticket_id": name,
        "submitted_at": "2026-01-05T09:00:00Z",
        "channel": "desa",
        "kind": kind,
        "subject_nik": nik,
        "reporter_nik": SITI,
        "kode_wilayah": HOME,
        "evidence": json.dumps(PAPERS),
        "changes": json.dumps(changes or {}),
        **more,
    }


TICKETS = [
    _ticket("floor-1", "DATA_ERROR", {"r303": "8"}),
    _ticket("floor-2", "DATA_ERROR", {"floor": "ceramic", "r504e": 3}),
    _ticket("floor-3", "DATA_ERROR", {"r303": "8"}, submitted_at="2026-01-06T09:00:00Z"),
    _ticket("death", "DEATH", nik=TONO),
    _ticket("other", "EXCLUSION", reporter_nik=TONO),
    _ticket("late", "DATA_ERROR", {"roof": "ZINC"}, nik=BUDI),
    _ticket("strange", "DATA_ERROR", {"r999": "1"}),
    _ticket("wrong", "DATA_ERROR", {"r303": "77"}),
    _ticket("move", "MOVE", subject_no_kk=OTHER_CARD, kode_wilayah=AWAY),
    _ticket("twin", "IDENTITY", {"record_id": "dtks:9", "label": "CANNOT_LINK"}),
    _ticket("back", "DATA_ERROR", {"wall": "MASONRY", "r305": "3"}),
    _ticket("bare", "DATA_ERROR", {"r305": "3"}, evidence="[]"),
    _ticket("card", "DATA_ERROR", {"r308": "10"}, nik=None, subject_no_kk=CARD),
    _ticket("leaves", "WITHDRAWAL", {"program": "PKH"}, nik=BUDI),
    _ticket("astray", "DATA_ERROR", {"program": "pkh"}),
    _ticket("nobody", "DATA_ERROR", {"r308": "10"}, nik="3174019999999999"),
]
UPHELD = ("floor-1", "floor-2", "death", "late", "move", "twin", "back", "card", "leaves", "nobody")


def _events():
    actors = terms.load().actors
    ways = dict.fromkeys(UPHELD, WAY) | {"back": (*WAY, "WITHDRAW")}
    ways |= dict.fromkeys(("other", "strange", "astray", "wrong", "bare", "floor-3"), WAY[:2]) | {"gone": ("SUBMIT",)}
    return [
        {
            "ticket_id": name,
            "seq": str(number),
            "at": f"2026-01-{number + (10 if name == 'floor-2' else 5):02d}T03:00:00+07:00",
            "actor_role": actors[action],
            "action": action,
        }
        for name, way in ways.items()
        for number, action in enumerate(way, start=1)
    ]


def _accepted(table, rows):
    landing = tables.LANDING[table]
    carried = {c.AS_OF: date(2026, 2, 15), c.BATCH_ID: "b1", c.STALE_QUARANTINED: False, c.PARENT_GONE: False}
    return [{c.NATIVE_KEY: "|".join(row[name] for name in landing.key), **carried, **row} for row in rows]


@pytest.fixture(scope="module")
def job(spark, tmp_path_factory):
    given = {"dukcapil/penduduk": REGISTRY, "usulan/tiket": TICKETS, "usulan/peristiwa": _events()}
    frames = {tables.accepted(tables.LANDING[table]): _accepted(table, rows) for table, rows in given.items()}
    made = build_job(spark, tmp_path_factory.mktemp("corrections"), frames, None, "2026Q1")
    corrections.run(made)
    return made


@pytest.fixture(scope="module")
def tickets(job):
    return {row[c.TICKET_ID]: row for row in job.read(tables.TICKET).collect()}


@pytest.fixture(scope="module")
def overrides(job):
    return {(row[c.TICKET_ID], row[c.INDICATOR]): row for row in job.read(tables.OVERRIDE).collect()}


def test_a_ticket_stands_where_its_events_left_it(tickets):
    states = {name: row[c.STATE] for name, row in tickets.items()}
    assert {states[name] for name in UPHELD if name != "back"} == {"RECEIVED"}
    assert (states["back"], states["bare"], states["floor-3"]) == ("WITHDRAWN", "DRAFT", "ID_CHECKED")
    assert tickets["floor-3"][c.WAITS_FOR] == "MUSDES"
    assert {name: row[c.PROGRAM] for name, row in tickets.items() if row[c.PROGRAM]} == {
        "leaves": "pkh",
        "astray": "pkh",
    }
    assert tickets["floor-3"][c.OVERDUE]  # 14 working days after 7 January have gone by on 31 March
    assert not tickets["bare"][c.OVERDUE]


def test_what_cannot_be_treated_is_given_back_with_its_reason(tickets):
    found = {
        name: (tickets[name][c.STATE], tickets[name][c.REASONS]) for name in ("strange", "astray", "wrong", "other")
    }
    assert found == {
        # Given back on 6 January and not handed in again within 30 working days.
        "strange": ("EXPIRED", ["UNKNOWN_FIELD"]),
        "astray": ("EXPIRED", ["UNKNOWN_FIELD"]),
        "wrong": ("EXPIRED", ["INVALID_VALUE"]),
        "other": ("EXPIRED", ["REPORTER_ELSEWHERE"]),
    }
    assert tickets["late"][c.REASONS] == ["SUBJECT_DECEASED"]
    assert tickets["nobody"][c.REASONS] == ["SUBJECT_UNKNOWN"]
    assert tickets["floor-3"][c.REASONS] == ["REPEATED_TICKET"]


def test_every_event_is_kept_with_what_became_of_it(job):
    events = {row[c.EVENT_KEY]: row for row in job.read(tables.TICKET_EVENT).collect()}
    assert len(events) == len(_events())
    assert events["bare|1"][c.REASON] == "MISSING_EVIDENCE"
    assert events["gone|1"][c.REASON] == "UNKNOWN_TICKET"
    assert events["strange|1"][c.STATE_AFTER] == "RETURNED"
    assert events["strange|2"][c.REASON] == "OUT_OF_ORDER"
    assert all(account.balanced for account in job.ledger.accounts)


def test_an_upheld_change_is_a_verified_value_until_a_newer_one_or_its_withdrawal(overrides):
    states = {key: row[c.STATE] for key, row in overrides.items()}
    assert states == {
        ("floor-1", c.FLOOR): "SUPERSEDED",
        ("floor-2", c.FLOOR): "STANDING",
        ("floor-2", c.GOATS): "STANDING",
        ("death", c.PRESENCE): "STANDING",
        ("move", c.NO_KK): "STANDING",
        ("move", c.REGION_CODE): "STANDING",
        ("twin", c.LABEL): "STANDING",
        ("back", c.WALL): "WITHDRAWN",
        ("back", c.ROOF): "WITHDRAWN",
        ("card", c.COOKING_FUEL): "STANDING",
    }
    assert overrides["card", c.COOKING_FUEL][c.RECORD_ID] == f"dukcapil:{SITI}"  # the head of the card
    assert overrides["floor-1", c.FLOOR][c.EVIDENCE] == ["a" * 64, "b" * 64]
    assert overrides["floor-1", c.FLOOR][c.VERIFIED_ON] == date(2026, 1, 12)


def test_verified_values_enter_silver_in_its_own_types_and_labels_reach_the_linkage(job):
    rows = {row[c.RECORD_ID]: row for row in verified_rows(job.read(tables.OVERRIDE)).collect()}
    siti = rows[f"dukcapil:{SITI}"]
    assert (siti[c.FLOOR], siti[c.GOATS], siti[c.COOKING_FUEL]) == ("CERAMIC", 3, "FIREWOOD")
    assert (siti[c.NO_KK], siti[c.REGION_CODE], siti[c.WALL]) == (OTHER_CARD, AWAY, None)
    assert rows[f"dukcapil:{TONO}"][c.PRESENCE] == "DECEASED"
    pairs = labels.united(job.lake.empty(tables.LABEL_PAIR), job.read(tables.OVERRIDE)).collect()
    assert [(row[c.RECORD_ID_L], row[c.RECORD_ID_R], row[c.LABEL]) for row in pairs] == [
        ("dtks:9", f"dukcapil:{SITI}", "CANNOT_LINK")
    ]


def test_who_reported_somebody_else_is_in_no_table(job):
    for table in (tables.TICKET, tables.TICKET_EVENT, tables.OVERRIDE):
        written = job.read(table)
        if c.TICKET_ID in table.columns:
            written = written.where(F.col(c.TICKET_ID) == "other")
        assert TONO not in str(written.collect())


def test_what_a_visit_saw_later_stands_above_an_upheld_ticket(spark, job):
    results = _accepted(
        "verifikasi/hasil",
        [
            {"assignment_id": "V1", "visited_at": "2026-02-10", "changes": '{"r303": "1"}', "photos": '["ff"]'},
            {"assignment_id": "V2", "visited_at": "2026-02-10", "changes": '{"r303": "1"}'},  # never drawn
        ],
    )
    seen = overrides_of.of_visits(
        frame(spark, tables.accepted(tables.LANDING["verifikasi/hasil"]), results),
        frame(spark, tables.ASSIGNMENT, [{c.ASSIGNMENT_ID: "V1", c.FAMILY_ID: "F1"}]),
        frame(spark, tables.FAMILY, [{c.FAMILY_ID: "F1", c.HEAD_PERSON_ID: "P1"}]),
        frame(spark, tables.MEMBERSHIP, [{c.PERSON_ID: "P1", c.RECORD_ID: f"dukcapil:{SITI}"}]),
    )
    told = job.read(tables.OVERRIDE).where(F.col(c.INDICATOR) == c.FLOOR).select(*seen.columns)
    found = {row[c.TICKET_ID]: row for row in overrides_of.settled(told.unionByName(seen)).collect()}
    assert {name: row[c.STATE] for name, row in found.items()} == {
        "floor-1": "SUPERSEDED",
        "floor-2": "SUPERSEDED",
        "V1": "STANDING",
    }
    assert (found["V1"][c.VALUE_TEXT], found["V1"][c.EVIDENCE]) == ("MARBLE", ["ff"])
