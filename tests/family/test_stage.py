"""Persons to families: who lives with whom, and nobody is lost."""

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from dtsen_spark import columns as c
from dtsen_spark import family, tables
from dtsen_spark.job import Job

VILLAGE = "3201012001"
KELURAHAN = "3201011001"
REGISTRY_DAY = date(2025, 12, 31)
VISIT_DAY = date(2022, 11, 14)


def record(person: str, source: str, group: str | None = None, **values: Any) -> dict[str, Any]:
    """A person record; ``group`` is the card for the registry, else the family record of the source."""
    registry = source == "dukcapil"
    return {
        c.PERSON_ID: person,
        c.RECORD_ID: f"{source}:{person}",
        c.SOURCE: source,
        c.AS_OF: REGISTRY_DAY if registry else VISIT_DAY,
        c.NO_KK: group if registry else None,
        c.FAMILY_RECORD_ID: None if registry or group is None else f"{source}/keluarga:{group}",
        c.REGISTRY_STATUS: "ACTIVE" if registry else None,
        c.REGION_CODE: VILLAGE,
        c.NAME: "X",
        c.SEX: "L",
        c.BIRTH_DATE: date(1980, 5, 1),
        **values,
    }


# One neighbourhood with every case; persons are named after their case.
RECORDS = [
    # A couple with a child, the child listed at the visit only.
    record("A-head", "dukcapil", "1" * 16, relation="HEAD", birth_date=date(1970, 1, 1)),
    record("A-spouse", "dukcapil", "1" * 16, relation="SPOUSE"),
    record("A-head", "regsosek", "a", relation="HEAD", education="PRIMARY", presence="PRESENT"),
    record("A-spouse", "regsosek", "a", relation="SPOUSE"),
    record("A-child", "regsosek", "a", relation="CHILD", birth_date=date(2020, 3, 31)),
    # Two cards in one dwelling: one BDT household row, two families; the lodger has no card and no majority.
    record("B-1", "dukcapil", "2" * 16, relation="HEAD"),
    record("B-2", "dukcapil", "3" * 16, relation="HEAD"),
    record("B-1", "dtks", "b"),
    record("B-2", "dtks", "b"),
    record("B-lodger", "dtks", "b", relation="OTHER"),
    # BKKBN split a card of two couples into two forms: the card keeps them together.
    record("C-old", "dukcapil", "4" * 16, relation="HEAD", birth_date=date(1950, 1, 1)),
    record("C-young", "dukcapil", "4" * 16, relation="CHILD"),
    record("C-old", "p3ke", "c1", relation="HEAD"),
    record("C-young", "p3ke", "c2", relation="HEAD"),
    record("C-bride", "p3ke", "c2", relation="SPOUSE", birth_date=date(1985, 1, 1)),
    # Nobody is in the registry: those listed together are a family; regsosek before dtks.
    record("D-1", "regsosek", "d", relation="SPOUSE", birth_date=date(1960, 1, 1)),
    record("D-2", "regsosek", "d", birth_date=None, birth_year=1950),
    record("D-2", "dtks", "other", birth_date=None),
    # Alone.
    record("E", "dtks", None, birth_date=None),
    # Dead in the registry; dead at a visit and not seen since; seen by the registry after a visit's mistake.
    record("F-dead", "dukcapil", "1" * 16, registry_status="DECEASED"),
    record("G-dead", "regsosek", "a", presence="DECEASED"),
    record("H-alive", "dukcapil", "5" * 16, relation="HEAD", region_code=KELURAHAN),
    record("H-alive", "regsosek", "h", presence="DECEASED", employment_status="EMPLOYER"),
]


def membership() -> list[dict[str, Any]]:
    weights = {"regsosek:A-child": 8.5, "regsosek:A-head": 21.0}
    return [
        {
            c.RECORD_ID: r[c.RECORD_ID],
            c.PERSON_ID: r[c.PERSON_ID],
            c.MATCH_REASON: "TEST",
            c.MATCH_WEIGHT: weights.get(r[c.RECORD_ID]),
        }
        for r in RECORDS
    ]


def dwelling(record_id: str, source: str, **values: Any) -> dict[str, Any]:
    return {c.FAMILY_RECORD_ID: record_id, c.SOURCE: source, c.AS_OF: VISIT_DAY, **values}


DWELLINGS = [
    dwelling("regsosek/keluarga:a", "regsosek", floor="EARTH", cattle=2),
    dwelling("dtks/keluarga:b", "dtks", floor="CERAMIC", has_car=True, power="VA_450"),
    dwelling("p3ke/keluarga:c1", "p3ke", floor="EARTH"),
    dwelling("p3ke/keluarga:c2", "p3ke", floor="CERAMIC_OR_TILE"),
]
POWER = [
    {c.CUSTOMER_ID: "1", c.NO_KK: "2" * 16, c.POWER_VA: 1300, c.AS_OF: REGISTRY_DAY},
    {c.CUSTOMER_ID: "2", c.NO_KK: "2" * 16},
]


@pytest.fixture
def done(make_job: Callable[..., Job]) -> Job:
    job = make_job(
        {
            tables.PERSON_RECORD: RECORDS,
            tables.MEMBERSHIP: membership(),
            tables.FAMILY_RECORD: DWELLINGS,
            tables.POWER_CUSTOMER: POWER,
            tables.REVIEW_QUEUE: [{c.KIND: "PAIR", c.RECORD_ID_L: "dtks:B-1"}],
        }
    )
    family.run(job)
    return job


def test_a_neighbourhood(done: Job) -> None:
    persons = {r[c.PERSON_ID]: r for r in done.read(tables.PERSON_ATTRIBUTE).collect()}
    members = done.read(tables.FAMILY_MEMBER).collect()
    families = {r[c.FAMILY_ID]: r for r in done.read(tables.FAMILY).collect()}
    dwellings = {r[c.FAMILY_ID]: r for r in done.read(tables.FAMILY_ATTRIBUTE).collect()}

    together = defaultdict(set)
    for row in members:
        together[row[c.FAMILY_ID]].add(row[c.PERSON_ID])
    assert sorted(map(sorted, together.values())) == [
        ["A-child", "A-head", "A-spouse"],
        ["B-1"],
        ["B-2"],
        ["B-lodger"],
        ["C-bride", "C-old", "C-young"],
        ["D-1", "D-2"],
        ["E"],
        ["H-alive"],
    ]
    # Every living person once, no dead one; the ledger says so.
    assert {p for p, r in persons.items() if not r[c.ALIVE]} == {"F-dead", "G-dead"}
    assert {p for p, r in persons.items() if r[c.FAMILY_ID] is None} == {"F-dead", "G-dead"}
    assert all(account.balanced for account in done.ledger.accounts)
    assert [a.rows_set_aside for a in done.ledger.accounts] == [0, 2]

    family_of = {r[c.PERSON_ID]: families[r[c.FAMILY_ID]] for r in members}
    assert {p: family_of[p][c.HEAD_PERSON_ID] for p in ("A-child", "C-bride", "D-1")} == {
        "A-child": "A-head",
        "C-bride": "C-old",
        "D-1": "D-2",
    }
    assert sorted(r[c.PERSON_ID] for r in members if r[c.RELATION] == "HEAD") == sorted(
        f[c.HEAD_PERSON_ID] for f in families.values()
    )
    assert family_of["A-head"][c.NO_KK] == "1" * 16
    assert family_of["D-1"][c.NO_KK] is None
    assert all(family_id.startswith("F") and len(family_id) == 25 for family_id in families)

    # Values: the visit knows schooling, a later registry outlives a visit's DECEASED, ages are of the last day.
    assert persons["A-head"][c.EDUCATION] == "PRIMARY"
    assert persons["A-head"][c.SOURCE_OF] is not None
    assert "regsosek 2022-11-14" in persons["A-head"][c.SOURCE_OF]
    assert (persons["A-child"][c.AGE], persons["A-head"][c.AGE], persons["D-2"][c.AGE]) == (6, 56, 75)
    assert persons["E"][c.AGE] is None

    # Dwelling: the record of most of the family; measured power beats the stated one; a desa is rural.
    at = {p: dwellings[f[c.FAMILY_ID]] for p, f in family_of.items()}
    assert (at["A-head"][c.FLOOR], at["A-head"][c.CATTLE]) == ("EARTH", 2)
    assert (at["B-1"][c.POWER], at["B-1"][c.LIGHTING], at["B-2"][c.POWER]) == ("VA_1300", "GRID_METERED", "VA_450")
    assert at["C-old"][c.FLOOR] == "CERAMIC_OR_TILE"
    assert (at["A-head"][c.URBAN], at["H-alive"][c.URBAN], at["E"][c.KAB_CODE]) == (False, True, "3201")
    assert (at["B-1"][c.LINK_CONFIDENCE], at["A-head"][c.LINK_CONFIDENCE]) == ("REVIEW", "SURE")
    assert (at["B-1"][c.RECORDS_IN_REVIEW], at["A-head"][c.RECORDS_IN_REVIEW]) == (1, 0)
    assert (at["A-head"][c.WEAKEST_LINK], at["B-1"][c.WEAKEST_LINK]) == (8.5, None)
    assert at["E"][c.FLOOR] is None
    # What replaces a value replaces its origin.
    assert json.loads(at["B-1"][c.SOURCE_OF]) == {
        "floor": "dtks 2022-11-14",
        "has_car": "dtks 2022-11-14",
        "power": "pln 2025-12-31",
        "lighting": "pln 2025-12-31",
    }
    assert json.loads(at["B-2"][c.SOURCE_OF])["power"] == "dtks 2022-11-14"

    people = {r[c.PERSON_ID]: r for r in done.read(tables.PERSON).collect()}
    assert people["A-head"][c.SOURCES] == ["dukcapil", "regsosek"]
