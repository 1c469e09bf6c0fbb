"""Decisions of small populations that were made for it."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from dtsen_spark import columns as c
from dtsen_spark import config, programs, tables
from dtsen_spark.contract import local_frame
from dtsen_spark.job import Job, Period
from dtsen_spark.programs import decide, facts
from tests.programs.conftest import family, person

Jobs = Callable[..., Job]

PKH, BPNT, PBI, WORK = (tables.decision(name) for name in ("pkh", "bpnt", "pbi_jkn", "employment"))


def only(*names: str, families: int = 1_000_000, persons: int = 1_000_000) -> list[str]:
    """Settings: these programs, in a nation so small (in families and persons) that the quota does not bind."""
    listed = ", ".join(names)
    nation = [f"programs.national_families={families}", f"programs.national_persons={persons}"]
    return [f"programs.enabled=[{listed}]", *nation]


def decisions(job: Job, table: Any, unit: str = c.FAMILY_ID) -> dict[str, Row]:
    return {row[unit]: row for row in job.read(table).collect()}


def test_pkh_counts_the_dearest_four_and_says_every_reason(make_job: Jobs) -> None:
    people = [
        # Three small children (two count), two elderly, a pupil: capped at four, the dearest first.
        *(person(f"A{n}", "FA", **{c.AGE: 3}) for n in range(3)),
        *(person(f"B{n}", "FA", **{c.AGE: 70}) for n in range(2)),
        person("C0", "FA", **{c.AGE: 8, c.IN_SCHOOL: True, c.SCHOOL_LEVEL: "PRIMARY"}),
        person("D0", "FB"),  # poor, but nobody who counts
        person("E0", "FC", **{c.AGE: 70}),
        person("E1", "FC"),  # on the pay-roll: the whole family is out
        person("F0", "FD"),  # too rich, no component, and on the pay-roll
        person("G0", "FE", **{c.AGE: 70}),
        person("H0", "FG", **{c.AGE: 70, c.ALIVE: False}),  # does not count
        person("H1", "FG"),
    ]
    scores = [
        family("FA", 1, members=6),
        family("FB", 2),
        family("FC", 1, members=2),
        family("FD", 9),
        family("FE", None),
        family("FG", 1),
    ]
    payroll = [{c.NIK: nik, c.PAYROLL_KIND: kind} for nik, kind in (("NE1", "ASN"), ("NF0", "PERANGKAT_DESA"))]
    job = make_job(
        {
            tables.SCORE: scores,
            tables.PERSON_ATTRIBUTE: people,
            tables.PAYROLL: payroll,
            tables.FAMILY_ATTRIBUTE: [
                {c.FAMILY_ID: "FA", c.POWER: "VA_1300", c.HAS_CAR: False},
                {c.FAMILY_ID: "FB", c.POWER: "VA_900", c.HAS_CAR: True},
            ],
        },
        settings=only("pkh"),
    )

    programs.run(job)

    found = decisions(job, PKH)
    assert {key: (row[c.DECISION], row[c.REASONS]) for key, row in found.items()} == {
        "FA": ("SELECTED", ["WITHIN_QUOTA"]),
        "FB": ("NOT_ELIGIBLE", ["NO_COMPONENT"]),
        "FC": ("EXCLUDED", ["STATE_PAYROLL"]),
        "FD": ("NOT_ELIGIBLE", ["DECILE_OUTSIDE", "NO_COMPONENT", "VILLAGE_OFFICE"]),
        "FE": ("NOT_ELIGIBLE", ["UNRANKED"]),
        "FG": ("NOT_ELIGIBLE", ["NO_COMPONENT"]),
    }
    assert found["FA"][c.BENEFIT_IDR_YEAR] == 2 * 3_000_000 + 2 * 2_400_000
    assert found["FA"][c.COMPONENTS] == ["CHILD_0_6", "ELDERLY"]
    assert found["FC"][c.BENEFIT_IDR_YEAR] is None
    flags = {key: row[c.RED_FLAGS] for key, row in found.items() if row[c.RED_FLAGS]}
    assert flags == {"FA": ["POWER_ABOVE_900VA"], "FB": ["OWNS_CAR"]}, "a flag asks for a look and decides nothing"
    assert {row[c.CHANGE] for row in found.values()} == {"ADD", "NONE"}
    assert [account.balanced for account in job.ledger.accounts] == [True]


def test_the_cut_takes_the_poorest_of_each_kabkota(make_job: Jobs) -> None:
    regions = ("3201012001", "3201022001", "3302012001")
    scores = [family(f"F{n:02d}", 1, score=n // 4, region=regions[n % 3]) for n in range(30)]
    people = [person(f"P{n:02d}", f"F{n:02d}") for n in range(30)]
    # 18.3 of 36.6 million: half of the families; 3201 has 20 of 30 families, 3302 has 10.
    job = make_job({tables.SCORE: scores, tables.PERSON_ATTRIBUTE: people}, settings=only("bpnt", families=36_600_000))

    programs.run(job)

    rows = list(decisions(job, BPNT).values())
    by_kab = {kab: [row for row in rows if row[c.REGION_CODE][:4] == kab] for kab in ("3201", "3302")}
    selected = {kab: [row for row in part if row[c.DECISION] == "SELECTED"] for kab, part in by_kab.items()}
    assert {kab: len(part) for kab, part in selected.items()} == {"3201": 10, "3302": 5}
    for kab, part in by_kab.items():
        left = [row[c.SCORE] for row in part if row[c.DECISION] == "ELIGIBLE"]
        assert max(row[c.SCORE] for row in selected[kab]) <= min(left)


def test_equal_scores_are_cut_otherwise_in_another_period(spark: SparkSession) -> None:
    (program,) = programs.load_rules(("bpnt",), Period.parse("2026Q1"))
    names = [facts.recipient("bpnt"), facts.protected("bpnt")]
    names += [facts.excluded("bpnt", one) for one in program.rules.exclusions]
    flags = ", ".join(f"`{name}` boolean" for name in names)
    schema = f"family_id string, region_code string, decile int, score long, {facts.DECILE_CAUSE} string, {flags}"
    rows = [(f"F{n:02}", "3201012001", 1, 5, None, *([False] * len(names))) for n in range(40)]
    units = decide.family_units(local_frame(spark, rows, schema), program)

    def cut(salt: str) -> set[str]:
        decided = decide.decide(units, program, {"3201": 20}, salt)
        return {row[c.FAMILY_ID] for row in decided.where(f"{c.DECISION} = 'SELECTED'").collect()}

    first, again, later = cut("2026Q1"), cut("2026Q1"), cut("2026Q2")
    assert first == again
    assert len(first) == len(later) == 20
    assert first != later, "the same families would always be last"


def test_a_wage_excludes_only_where_the_region_has_a_minimum(make_job: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs.stage.wages, "at", lambda *_: {"3201": 2_300_000})
    elsewhere = "3302012001"
    scores = [family("FA", 1), family("FB", 1), family("FC", 1, region=elsewhere), family("FD", 1)]
    people = [person("A", "FA"), person("B", "FB"), person("C", "FC", **{c.REGION_CODE: elsewhere}), person("D", "FD")]
    wage = [("NA", 2_300_001, True), ("NB", 2_300_000, True), ("NC", 9_000_000, True), ("ND", 9_000_000, False)]
    insured = [{c.NIK: n, c.WAGE_IDR_MONTH: w, c.ACTIVE: a, c.SEGMENT: "PU"} for n, w, a in wage]
    job = make_job(
        {tables.SCORE: scores, tables.PERSON_ATTRIBUTE: people, tables.EMPLOYMENT_INSURANCE: insured},
        settings=only("bpnt"),
    )

    programs.run(job)

    found = decisions(job, BPNT)
    assert {key: row[c.DECISION] for key, row in found.items()} == {
        "FA": "EXCLUDED",
        "FB": "SELECTED",
        "FC": "SELECTED",
        "FD": "SELECTED",
    }
    figures = {row[c.METRIC]: row[c.VALUE] for row in job.ledger.drain_metrics()}
    assert figures["kabkota_without_minimum_wage"] == 1


def test_employment_is_for_informal_workers_of_working_age(make_job: Jobs) -> None:
    informal = {c.EMPLOYMENT_STATUS: "OWN_ACCOUNT"}
    people = [
        person("A", "FA", **informal),
        person("B", "FA", **{**informal, c.AGE: 65}),
        person("C", "FA", **{c.EMPLOYMENT_STATUS: "PRIVATE_EMPLOYEE", c.AGE: 12}),
        person("D", "FA", **informal),  # pays for cover himself
        person("E", "FA", **informal),  # is covered because the program pays
        person("F", "FA", **{**informal, c.ALIVE: False}),
    ]
    insured = [{c.NIK: n, c.ACTIVE: True, c.SEGMENT: "BPU"} for n in ("ND", "NE")]
    listed = [{c.PROGRAM: "employment", c.NIK: n} for n in ("NE", "NF", "NZ")]
    job = make_job(
        {
            tables.SCORE: [family("FA", 1, members=5)],
            tables.PERSON_ATTRIBUTE: people,
            tables.EMPLOYMENT_INSURANCE: insured,
            tables.RECIPIENT: listed,
        },
        settings=only("employment"),
    )

    programs.run(job)

    found = decisions(job, WORK, c.PERSON_ID)
    # Of the third listed NIK no person is known: an opaque id stands for it.
    unknown = next(key for key in found if key.startswith("R"))
    assert {key: (row[c.DECISION], row[c.REASONS]) for key, row in found.items()} == {
        "A": ("SELECTED", ["WITHIN_QUOTA"]),
        "B": ("NOT_ELIGIBLE", ["AGE_NOT_15_64"]),
        "C": ("NOT_ELIGIBLE", ["AGE_NOT_15_64", "NOT_INFORMAL_WORKER"]),
        "D": ("EXCLUDED", ["COVERED_ALREADY"]),
        "E": ("SELECTED", ["WITHIN_QUOTA"]),
        "F": ("NOT_ELIGIBLE", ["DECEASED"]),
        unknown: ("NOT_ELIGIBLE", ["NOT_FOUND"]),
    }
    changes = {key: row[c.CHANGE_VS_RECIPIENT] for key, row in found.items()}
    assert changes == {"A": "ADD", "B": "NONE", "C": "NONE", "D": "NONE", "E": "KEEP", "F": "DROP", unknown: "DROP"}
    assert [account.balanced for account in job.ledger.accounts] == [True]


def test_changes_have_causes_and_leavers_under_treatment_are_held(make_job: Jobs) -> None:
    before = [
        # person, decision, decile before
        ("A", "SELECTED", 2),  # stays
        ("B", "SELECTED", 2),  # family moved out of the deciles, under treatment
        ("C", "SELECTED", 8),  # stands where it stood: the rule has changed
        ("D", "SELECTED", 2),  # died
        ("E", "SELECTED", 2),  # in the register no more
        ("F", "NOT_ELIGIBLE", 9),  # came into the deciles
        ("G", "NOT_ELIGIBLE", 2),  # gone, but never selected: keeps no row
        ("H", "SELECTED", 2),  # an employer covers it now
        ("M", "SELECTED", 2),  # was A as well
        ("O", "SELECTED", 2),  # out of the deciles, as B, F and P for another cause each
        ("P", "SELECTED", 2),
        ("Q", "SELECTED", 2),  # nobody told why
    ]
    published = [
        {
            c.PERSON_ID: who,
            c.FAMILY_ID: f"F{who}",
            c.DECISION: decision,
            c.DECILE: decile,
            c.REASONS: [],
            c.CHANGE: "NONE",
            c.CHANGE_VS_RECIPIENT: "NONE",
            c.REGION_CODE: "3201012001",
        }
        for who, decision, decile in before
    ]
    deciles = {"A": 3, "B": 7, "C": 8, "F": 4, "H": 2, "N": 1, "O": 6, "P": 6, "Q": 6}
    people = [person(who, f"F{who}") for who in deciles]
    people.append(person("D", None, **{c.ALIVE: False}))
    health = [
        {c.NIK: "NB", c.ACTIVE: True, c.SEGMENT: "PBI", c.CATASTROPHIC: True},
        {c.NIK: "NH", c.ACTIVE: True, c.SEGMENT: "PPU", c.CATASTROPHIC: False},
    ]
    job = make_job(
        {
            tables.SCORE: [family(f"F{who}", decile) for who, decile in deciles.items()],
            tables.PERSON_ATTRIBUTE: people,
            tables.HEALTH_INSURANCE: health,
            tables.CROSSWALK: [
                {c.PERSON_ID: "M", c.EVENT: "MERGED", c.OTHER_PERSON_ID: "A", c.RELEASE_ID: "2026Q1.1"},
                {c.PERSON_ID: "E", c.EVENT: "MERGED", c.OTHER_PERSON_ID: "A", c.RELEASE_ID: "2025Q1.1"},
            ],
            tables.WELFARE_CHANGE: [
                {c.FAMILY_ID: f"F{who}", c.MOVE: "MOVED", c.DECILE_CAUSE: cause, c.PREVIOUS_RELEASE: "2025Q4.1"}
                for who, cause in (("B", "CUT"), ("F", "OWN_DATA"), ("O", "MEMBERSHIP"), ("P", "MODEL"), ("A", None))
            ],
        },
        settings=only("pbi_jkn"),
        published={PBI: published},
    )

    programs.run(job)

    found = decisions(job, PBI, c.PERSON_ID)
    assert {key: (row[c.CHANGE], row[c.CHANGE_CAUSE], row[c.HOLD]) for key, row in found.items()} == {
        "A": ("KEEP", None, False),
        "B": ("DROP", "DECILE_MOVED_CUT", True),
        "C": ("DROP", "RULE_CHANGED", False),
        "D": ("DROP", "DECEASED", False),
        "E": ("DROP", "NOT_FOUND", False),
        "F": ("ADD", "DECILE_MOVED_OWN_DATA", False),
        "H": ("DROP", "EXCLUSION", False),
        "N": ("ADD", "NEW_UNIT", False),
        "M": ("DROP", "MERGED", False),
        "O": ("DROP", "DECILE_MOVED_MEMBERSHIP", False),
        "P": ("DROP", "DECILE_MOVED_MODEL", False),
        "Q": ("DROP", "DECILE_MOVED", False),
    }
    # Who leaves is told on the day after the period, and only a death needs no further decision.
    assert {key: (row[c.NOTICE], row[c.NOTICE_ON], row[c.EFFECTIVE_ON]) for key, row in found.items()} == {
        "A": (None, None, None),
        **dict.fromkeys("FN", (None, date(2026, 4, 1), date(2026, 4, 1))),
        **dict.fromkeys("CEHMOPQ", ("HUMAN_DECISION", date(2026, 4, 1), date(2026, 5, 1))),
        "B": ("FIELD_CHECK", date(2026, 4, 1), date(2026, 5, 1)),
        "D": ("GRACE", date(2026, 4, 1), date(2026, 5, 1)),
    }
    assert found["E"][c.FAMILY_ID] == "FE"
    assert [account.balanced for account in job.ledger.accounts] == [True]


PIP = """
program: pip
says: Program Indonesia Pintar, cash for pupils
title: Program Indonesia Pintar (PIP)
unit: person
versions:
  - valid_from: 2026-01-01
    valid_to: null
    legal_reference: Permendikbud 10/2020
    source: Puslapdik
    deciles: [1, 2, 3, 4]
    budget: {national_idr_year: 800000, source: RAPBN}
    component_required: true
    components:
      - name: PRIMARY
        when: [{column: in_school, op: eq, value: true}, {column: school_level, op: eq, value: PRIMARY}]
        amount_idr_year: 450000
    requirements:
      - {reason: AGE_NOT_6_21, when: [{column: age, op: ge, value: 6}, {column: age, op: le, value: 21}]}
"""


def test_a_fifth_program_is_a_file_and_no_code(make_job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(config.conf_dir(), tmp_path / "conf")
    (tmp_path / "conf" / "programs" / "pip.yaml").write_text(PIP, encoding="utf-8")
    monkeypatch.setenv("DTSEN_CONF", str(tmp_path / "conf"))
    pupil = {c.AGE: 9, c.IN_SCHOOL: True, c.SCHOOL_LEVEL: "PRIMARY"}
    people = [person("A", "FA", **pupil), person("B", "FA", **{**pupil, c.AGE: 25}), person("C", "FA", **{c.AGE: 9})]
    job = make_job(
        {tables.SCORE: [family("FA", 1, members=3)], tables.PERSON_ATTRIBUTE: people},
        settings=only("pip", persons=6),
    )

    programs.run(job)

    found = decisions(job, tables.decision("pip"), c.PERSON_ID)
    assert {key: (row[c.DECISION], row[c.REASONS]) for key, row in found.items()} == {
        "A": ("SELECTED", ["ELIGIBLE"]),
        "B": ("NOT_ELIGIBLE", ["AGE_NOT_6_21"]),
        "C": ("NOT_ELIGIBLE", ["NO_COMPONENT"]),
    }
    assert found["A"][c.BENEFIT_IDR_YEAR] == 450_000
    # A lake of three persons in a nation of six has half of its budget.
    figures = {row[c.METRIC]: row[c.VALUE] for row in job.ledger.drain_metrics()}
    told = ("benefit_total_idr_year", "budget_idr_year", "benefit_above_budget_idr_year")
    assert [figures[name] for name in told] == [450_000, 400_000, 50_000]
