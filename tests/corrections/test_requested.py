"""A lost job asks for a visit at once: the next sample draws the family for that reason."""

from datetime import date

from dtsen_spark import columns as c
from dtsen_spark import tables, verification
from dtsen_spark.lake import Lake
from tests.frames import frame

RELEASE = {c.PERIOD: "2026Q1", c.RELEASE_ID: "2026Q1.1"}
# Family, and the kind and outcome of its member's ticket, and whether the papers were in order.
TICKETS = {
    "LOST_JOB": ("INCOME_SHOCK", "OPEN", True),
    "PAPERS_WANTED": ("INCOME_SHOCK", "OPEN", False),
    "SEEN": ("INCOME_SHOCK", "UPHELD", True),
    "OTHER_KIND": ("DATA_ERROR", "OPEN", True),
}


def test_an_open_ticket_of_a_lost_job_asks_for_a_visit(spark, tmp_path):
    lake = Lake(spark, tmp_path / "lake")
    families = [*TICKETS, "NOBODY"]
    rows = {
        tables.SCORE: [
            {c.FAMILY_ID: one, c.REGION_CODE: "3201012001", c.SCORE: 13_000_000, c.DECILE: 3, c.CONFIDENCE: 0.9,
             c.MEMBERS: 1, c.STATE: "RANKED"}
            for one in families
        ],
        tables.CUTPOINT: [{c.K: k, c.SCORE: 13_000_000 + k, c.WEIGHT_BELOW: k, c.UNIT: "person"} for k in range(1, 10)],
        tables.FAMILY_MEMBER: [{c.FAMILY_ID: one, c.PERSON_ID: f"P-{one}", c.RELATION: "HEAD"} for one in families],
        tables.MEMBERSHIP: [
            {c.RECORD_ID: f"dukcapil:{one}", c.PERSON_ID: f"P-{one}", c.MATCH_REASON: "ONLY_RECORD"}
            for one in families
        ],
        tables.TICKET: [
            {c.TICKET_ID: one, c.TICKET_KIND: kind, c.OUTCOME: outcome, c.SUBJECT_RECORD_ID: f"dukcapil:{one}",
             c.IDENTIFIED_ON: date(2026, 2, 3) if seen else None, c.STATE: "x", c.REASONS: []}
            for one, (kind, outcome, seen) in TICKETS.items()
        ],
    }  # fmt: skip
    for table, some in rows.items():
        lake.write(table, frame(spark, table, [{**row, **RELEASE} for row in some]))

    assert verification.sample(lake, "2026Q1.1", "2026Q1", (), budget=len(families)) == len(families)
    reasons = {row[c.FAMILY_ID]: row[c.REASON] for row in lake.read(tables.ASSIGNMENT).collect()}
    assert {one for one, reason in reasons.items() if reason == "REQUESTED"} == {"LOST_JOB"}
