"""A PBI member who was dropped and shows a medical letter is put back between rankings."""

import json
from datetime import date

from dtsen_spark import columns as c
from dtsen_spark import corrections, programs, tables
from dtsen_spark.corrections import terms
from tests.corrections.test_stage import CARD, HOME, PAPERS, REGISTRY, _accepted
from tests.programs.conftest import family, person

PBI = tables.decision("pbi_jkn")


def _ticket(person_id, kind="INCLUSION", outcome="OPEN", evidence=("KK", "KTP", "MEDICAL_LETTER"), on=date(2026, 2, 2)):
    return {
        c.TICKET_ID: f"{person_id}-{kind}",
        c.TICKET_KIND: kind,
        c.SUBJECT_RECORD_ID: f"dukcapil:N{person_id}",
        c.EVIDENCE_TYPES: list(evidence),
        c.IDENTIFIED_ON: on,
        c.STATE: "ID_CHECKED",
        c.OUTCOME: outcome,
        c.REASONS: [],
    }


def test_only_a_dropped_member_with_a_letter_in_order_is_put_back(make_job):
    people = ("LISTED", "LEFT", "NEVER", "NO_LETTER", "REJECTED", "UNSEEN", "OFFICIAL")
    before = {c.DECISION: "NOT_ELIGIBLE", c.REASONS: [], c.CHANGE: "NONE", c.CHANGE_VS_RECIPIENT: "NONE"}
    job = make_job(
        {
            tables.SCORE: [family(f"F-{one}", decile=8, score=9) for one in people],
            tables.PERSON_ATTRIBUTE: [person(one, f"F-{one}") for one in people],
            tables.PAYROLL: [{c.NIK: "NOFFICIAL", c.PAYROLL_KIND: "ASN"}],
            tables.RECIPIENT: [
                {c.PROGRAM: "pbi_jkn", c.NIK: f"N{one}"} for one in people if one not in {"LEFT", "NEVER"}
            ],
            tables.TICKET: [
                _ticket("LISTED"),
                _ticket("LEFT"),
                _ticket("NEVER"),
                _ticket("NO_LETTER", evidence=("KK", "KTP")),
                _ticket("REJECTED", outcome="REJECTED"),
                _ticket("UNSEEN", on=None),
                _ticket("OFFICIAL"),
            ],
        },
        settings=["programs.enabled=[pbi_jkn]"],
        published={PBI: [{c.PERSON_ID: "LEFT", c.FAMILY_ID: "F-LEFT", **before, c.CHANGE: "DROP"}]},
        period="2026-02",
    )
    programs.run(job)
    found = {row[c.PERSON_ID]: row for row in job.read(PBI).collect()}
    assert {one for one, row in found.items() if row[c.DECISION] == "SELECTED"} == {"LISTED", "LEFT"}
    back = found["LEFT"]
    assert (back[c.REASONS], back[c.CHANGE], back[c.CHANGE_CAUSE]) == (["REINSTATED"], "ADD", "REINSTATED")
    assert back[c.BENEFIT_IDR_YEAR] == 504_000
    assert found["LISTED"][c.CHANGE_VS_RECIPIENT] == "KEEP"
    assert "STATE_PAYROLL" in found["OFFICIAL"][c.REASONS]


LETTER = {"type": "MEDICAL_LETTER", "sha256": "c" * 64}
ARRIVES = ("SUBMIT", "ID_OK")
UPHELD = (*ARRIVES, "MUSDES_AGREE", "DINSOS_VERIFY", "GC_ASSIGN", "GC_CONFIRM", "APPROVE", "FORWARD", "RECEIVE")
# Who: papers, steps by the end of the month, steps by the end of the quarter.
WAYS = {
    "ILL": ([*PAPERS, LETTER], ARRIVES, UPHELD),
    "DENIED": ([*PAPERS, LETTER], ARRIVES, (*ARRIVES, "MUSDES_REJECT")),
    "UNSEEN": ([*PAPERS, LETTER], ("SUBMIT",), ("SUBMIT", "ID_FAIL")),
    "NO_LETTER": (PAPERS, ARRIVES, UPHELD),
}
NIKS = {who: f"317401010170{number:04d}" for number, who in enumerate(WAYS, start=1)}


def _deliveries(after):
    actors = terms.load().actors
    tickets = [
        {
            "ticket_id": who,
            "submitted_at": "2026-02-02T09:00:00Z",
            "channel": "desa",
            "kind": "INCOME_SHOCK",
            "subject_nik": NIKS[who],
            "reporter_nik": NIKS[who],
            "kode_wilayah": HOME,
            "evidence": json.dumps(papers),
            "changes": "{}",
        }
        for who, (papers, *_) in WAYS.items()
    ]
    events = [
        {"ticket_id": who, "seq": str(n), "at": f"2026-02-{n + 1:02d}T03:00:00Z", "actor_role": actors[action],
         "action": action}
        for who, ways in WAYS.items()
        for n, action in enumerate(ways[after], start=1)
    ]  # fmt: skip
    residents = [{**REGISTRY[0], "nik": number, "no_kk": CARD} for number in NIKS.values()]
    given = {"usulan/tiket": tickets, "usulan/peristiwa": events, "dukcapil/penduduk": residents}
    return {tables.accepted(tables.LANDING[table]): _accepted(table, rows) for table, rows in given.items()}


def _decided(make_job, after, before, period):
    """What PBI decides on members whom the ranking leaves out, with the tickets that stand by the period's end."""
    people = {
        tables.SCORE: [family(f"F-{who}", decile=8, score=9) for who in WAYS],
        tables.PERSON_ATTRIBUTE: [person(who, f"F-{who}", **{c.NIK: NIKS[who]}) for who in WAYS],
    }
    published = [
        {c.PERSON_ID: who, c.FAMILY_ID: f"F-{who}", c.REASONS: [], c.CHANGE_VS_RECIPIENT: "NONE", **values}
        for who, values in before.items()
    ]
    job = make_job(
        {**_deliveries(after), **people},
        settings=["programs.enabled=[pbi_jkn]"],
        published={PBI: published},
        period=period,
    )
    corrections.run(job)
    programs.run(job)
    return {row[c.PERSON_ID]: row for row in job.read(PBI).collect()}


def test_a_delivered_letter_puts_back_between_releases_and_stands_in_the_next(make_job):
    dropped = {c.DECISION: "NOT_ELIGIBLE", c.CHANGE: "DROP"}
    month = _decided(make_job, 1, dict.fromkeys(WAYS, dropped), "2026-02")
    assert {who for who, row in month.items() if row[c.DECISION] == "SELECTED"} == {"ILL", "DENIED"}
    assert (month["ILL"][c.CHANGE], month["ILL"][c.CHANGE_CAUSE]) == ("ADD", "REINSTATED")

    told = {who: {name: row[name] for name in (c.DECISION, c.CHANGE)} for who, row in month.items()}
    quarter = _decided(make_job, 2, told, "2026Q1")
    stands = quarter["ILL"]
    assert (stands[c.DECISION], stands[c.REASONS], stands[c.CHANGE]) == ("SELECTED", ["REINSTATED"], "KEEP")
    # Where the village rejects it, it was for the time until then.
    assert (quarter["DENIED"][c.DECISION], quarter["DENIED"][c.CHANGE]) == ("NOT_ELIGIBLE", "DROP")
    assert {quarter[who][c.DECISION] for who in ("UNSEEN", "NO_LETTER")} == {"NOT_ELIGIBLE"}
