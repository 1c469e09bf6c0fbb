"""Who leaves a program of their own accord is out of it, is told so, and can ask for it again."""

from datetime import date

from dtsen_spark import columns as c
from dtsen_spark import programs, tables
from tests.programs.conftest import family, person

BPNT, PBI = tables.decision("bpnt"), tables.decision("pbi_jkn")
FIRST, LATER = date(2026, 1, 20), date(2026, 2, 20)
STAYS, LEAVES = ("SELECTED", "KEEP", None), ("EXCLUDED", "DROP", "WITHDRAWN")

# Who: tickets as (kind, program, outcome, day); then what bpnt (of the family) and pbi_jkn (of the person) decide.
CASES = {
    "EVERY": ([("WITHDRAWAL", None, "UPHELD", FIRST)], LEAVES, LEAVES),
    "NAMED": ([("WITHDRAWAL", "bpnt", "UPHELD", FIRST)], LEAVES, STAYS),
    "OPEN": ([("WITHDRAWAL", None, "OPEN", FIRST)], STAYS, STAYS),
    "TAKEN_BACK": ([("WITHDRAWAL", None, "WITHDRAWN", FIRST)], STAYS, STAYS),
    "OTHER_KIND": ([("DATA_ERROR", None, "UPHELD", FIRST)], STAYS, STAYS),
    "AGAIN": ([("WITHDRAWAL", None, "UPHELD", FIRST), ("INCLUSION", None, "UPHELD", LATER)], STAYS, STAYS),
    "ASKED_FIRST": ([("INCLUSION", None, "UPHELD", FIRST), ("WITHDRAWAL", None, "UPHELD", LATER)], LEAVES, LEAVES),
    "NOBODY": ([], STAYS, STAYS),
}


def _tickets():
    return [
        {
            c.TICKET_ID: f"{who}-{number}",
            c.TICKET_KIND: kind,
            c.PROGRAM: program,
            c.SUBJECT_RECORD_ID: f"dukcapil:N{who}",
            c.STATE: "x",
            c.STATE_SINCE: day,
            c.OUTCOME: outcome,
            c.REASONS: [],
        }
        for who, (tickets, *_) in CASES.items()
        for number, (kind, program, outcome, day) in enumerate(tickets)
    ]


def test_an_upheld_wish_to_leave_ends_the_program_until_it_is_asked_for_again(make_job):
    before = {c.DECISION: "SELECTED", c.DECILE: 1, c.REASONS: [], c.CHANGE: "NONE", c.CHANGE_VS_RECIPIENT: "NONE"}
    before |= {c.REGION_CODE: "3201012001"}
    # A member of each family who did not ask for anything.
    people = [one for who in CASES for one in (person(who, f"F-{who}"), person(f"{who}-2", f"F-{who}"))]
    job = make_job(
        {
            tables.SCORE: [family(f"F-{who}", decile=1, members=2) for who in CASES],
            tables.PERSON_ATTRIBUTE: people,
            tables.TICKET: _tickets(),
        },
        settings=["programs.enabled=[bpnt, pbi_jkn]", "programs.national_families=1", "programs.national_persons=1"],
        published={
            BPNT: [{c.FAMILY_ID: f"F-{who}", **before} for who in CASES],
            PBI: [{c.FAMILY_ID: one[c.FAMILY_ID], c.PERSON_ID: one[c.PERSON_ID], **before} for one in people],
        },
    )
    programs.run(job)
    families = {row[c.FAMILY_ID].removeprefix("F-"): row for row in job.read(BPNT).collect()}
    persons = {row[c.PERSON_ID]: row for row in job.read(PBI).collect()}

    def told(row):
        return row[c.DECISION], row[c.CHANGE], row[c.CHANGE_CAUSE]

    assert {who: (told(families[who]), told(persons[who])) for who in CASES} == {
        who: (of_family, of_person) for who, (_, of_family, of_person) in CASES.items()
    }
    assert {told(persons[f"{who}-2"]) for who in CASES} == {STAYS}, "the wish of one is not that of another"
    gone = persons["EVERY"]
    assert (gone[c.REASONS], gone[c.BENEFIT_IDR_YEAR]) == (["WITHDRAWN"], None)
    assert (gone[c.NOTICE], gone[c.HOLD]) == ("GRACE", False), "nobody needs to decide on a person's own wish"
