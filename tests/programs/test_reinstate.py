"""A PBI member who was dropped and shows a medical letter is put back between rankings."""

from datetime import date

from dtsen_spark import columns as c
from dtsen_spark import programs, tables
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
