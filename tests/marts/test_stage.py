"""Statistics add up from kecamatan to nation."""

from collections.abc import Callable

import pytest

from dtsen_spark import columns as c
from dtsen_spark import marts, tables
from dtsen_spark.job import Job
from dtsen_spark.marts.cells import before_of, program_rows, region_rows, sealed_regions, value_rows
from tests.programs.conftest import family, make_job, person

__all__ = ["make_job"]


def counted(region: str, decile: int | None, families: int) -> dict[str, object]:
    return {c.REGION_CODE: region, c.DECILE: decile, c.FAMILIES: families, c.PERSONS: 3 * families}


def test_regions_add_up_and_know_their_coverage() -> None:
    scored = [counted("320101", 1, 20), counted("320102", 2, 30), counted("3302", 1, 50), counted("", None, 10)]

    rows = {row[c.REGION_CODE]: row for row in region_rows(scored, {"3201": 600, "3302": 150, "3303": 250}, ())}

    assert {key: row[c.FAMILIES] for key, row in rows.items()} == {
        "00": 110,
        "32": 50,
        "3201": 50,
        "320101": 20,
        "320102": 30,
        "33": 50,
        "3302": 50,
    }
    assert rows["00"][c.COVERAGE] == pytest.approx(330 / 1000)
    assert rows["33"][c.COVERAGE] == pytest.approx(150 / 400)
    assert (rows["3201"][c.REGION_NAME], rows["3201"][c.REGION_LEVEL]) == ("Kabupaten Bogor", 2)
    assert rows["320101"][c.REGISTRY_PERSONS] is None


def test_a_small_decile_of_a_kabkota_is_hidden_with_its_cover() -> None:
    scored = [counted("3201", 1, 5), counted("3201", 2, 40), counted("3201", 3, 90), counted("3302", 1, 60)]

    sealed = sealed_regions(scored, 10)
    counts = (c.FAMILIES, c.PERSONS)
    rows = {(row[c.REGION_CODE], row[c.DECILE]): row for row in value_rows(scored, (c.DECILE,), counts, 3, 10, sealed)}

    hidden = {key for key, row in rows.items() if row[c.SUPPRESSED]}
    # Jawa Barat has one kab/kota here, so its cells are those of the kab/kota.
    assert {("3201", 1), ("3201", 2), ("32", 1), ("32", 2)} <= hidden
    assert ("00", 1) not in hidden
    assert all((rows[key][c.FAMILIES], rows[key][c.PERSONS]) == (None, None) for key in hidden)


def test_programs_share_no_total() -> None:
    def units(program: str, decision: str, rows: int) -> dict[str, object]:
        return {
            c.PROGRAM: program,
            c.REGION_CODE: "3201",
            c.DECISION: decision,
            c.CHANGE: "NONE",
            c.UNIT: "family",
            c.ROWS: rows,
            c.BENEFIT_TOTAL_IDR_YEAR: 7 * rows,
        }

    rows, closed = program_rows([units("pkh", "SELECTED", 30), units("bpnt", "SELECTED", 4)], 10, ())

    nation = {row[c.PROGRAM]: row for row in rows if row[c.REGION_LEVEL] == 0}
    assert (nation["pkh"][c.ROWS], nation["pkh"][c.BENEFIT_TOTAL_IDR_YEAR]) == (30, 210)
    assert (nation["bpnt"][c.ROWS], nation["bpnt"][c.SUPPRESSED]) == (None, True)
    assert ("00" in closed["bpnt"], closed["pkh"]) == (True, frozenset())


def test_a_region_is_left_out_of_every_table_with_a_sibling_and_all_their_parts() -> None:
    scored = [counted("320101", 1, 4), counted("320201", 1, 30), counted("320301", 1, 90), counted("320302", 1, 50)]

    sealed = sealed_regions(scored, 10)

    assert sealed == {"3201", "320101", "3202", "320201"}
    rows = {row[c.REGION_CODE]: row for row in region_rows(scored, {}, sealed)}
    assert (rows["3202"][c.FAMILIES], rows["3203"][c.FAMILIES], rows["32"][c.FAMILIES]) == (None, 140, 174)


def test_what_the_last_release_left_out_is_taken_as_cover_first() -> None:
    scored = [counted("320101", 1, 4), counted("320201", 1, 30), counted("320301", 1, 90)]
    before = before_of(
        [
            {c.REGION_CODE: "32", c.SUPPRESSED: False},
            *({c.REGION_CODE: code, c.SUPPRESSED: True} for code in ("3201", "3203")),
        ],
        (),
    )

    assert {code for code in sealed_regions(scored, 10, before) if len(code) == 4} == {"3201", "3203"}


def test_the_stage_writes_tables_that_agree(make_job: Callable[..., Job]) -> None:
    families = range(40)
    scores = [family(f"F{n}", 1 + n % 2, members=2, region="3201012001") for n in families]
    people = [
        person(f"P{n}{sex}", f"F{n}", **{c.SEX: sex, c.AGE: 3 if sex == "P" else 65}) for n in families for sex in "LP"
    ]
    decided = [
        {
            c.FAMILY_ID: f"F{n}",
            c.DECISION: "SELECTED" if n % 2 else "NOT_ELIGIBLE",
            c.CHANGE: "ADD" if n % 2 else "NONE",
            c.CHANGE_CAUSE: "NEW_UNIT" if n % 2 else None,
            c.CHANGE_VS_RECIPIENT: "NONE",
            c.REASONS: [],
            c.REGION_CODE: "3201012001",
            c.DECILE: 1 + n % 2,
            c.BENEFIT_IDR_YEAR: 100 if n % 2 else None,
        }
        for n in families
    ]
    edges = [
        {
            c.RECORD_ID_L: f"dtks:{n}",
            c.RECORD_ID_R: f"dukcapil:{n}",
            c.MATCH_WEIGHT: 20.5,
            c.STATE: "LINKED",
            c.MODEL_VERSION: "linkage-1",
            c.AGREEMENT: '[{"comparison": "name", "level": "same", "weight": 13.5}]',
        }
        for n in range(12)
    ]
    tickets = [
        {
            c.TICKET_ID: f"T{n}",
            c.CHANNEL: "desa",
            c.REGION_CODE: "3201012001",
            c.STATE: "ID_CHECKED",
            c.OUTCOME: "OPEN",
            c.ACTION: "ID_OK",
            c.OVERDUE: False,
            c.REASONS: [],
            c.DAYS_OPEN: 9,
        }
        for n in range(10)
    ]
    events = [
        {c.EVENT_KEY: f"T{n}|2", c.TICKET_ID: f"T{n}", c.STATE_BEFORE: "SUBMITTED", c.DAYS: 1 + n % 2}
        for n in range(10)
    ]
    given = {
        tables.ANSWER: [
            {c.PROGRAM: "pkh", c.ANSWERED_RELEASE: "2025Q4.1", c.UNIT_ID: f"F{n}", c.STATE: "REFUSED"}
            for n in range(11)
        ],
        tables.TICKET: tickets,
        tables.TICKET_EVENT: events,
        tables.SCORE: scores,
        tables.PERSON_ATTRIBUTE: [*people, person("P0D", "F0", **{c.ALIVE: False})],
        tables.decision("pkh"): decided,
        tables.EDGE: edges,
    }
    job = make_job(given, settings=["programs.enabled=[pkh]"])

    marts.run(job)

    nation = job.read(tables.STATS_REGION).where("region_level = 0").collect()
    assert [(row[c.FAMILIES], row[c.PERSONS]) for row in nation] == [(40, 80)]
    deciles = job.read(tables.STATS_DECILE).where("region_level = 3").orderBy(c.DECILE).collect()
    assert [row[c.FAMILIES] for row in deciles] == [20, 20]
    selected = job.read(tables.STATS_PROGRAM).where("region_level = 0 and decision = 'SELECTED'").collect()
    assert [(row[c.ROWS], row[c.BENEFIT_TOTAL_IDR_YEAR], row[c.UNIT]) for row in selected] == [(20, 2000, "family")]
    ages = job.read(tables.STATS_POPULATION).where("region_level = 0").orderBy(c.SEX).collect()
    assert [(row[c.SEX], row[c.AGE_GROUP], row[c.PERSONS]) for row in ages] == [("L", "60+", 40), ("P", "00-06", 40)]
    profile = job.read(tables.STATS_PROFILE).where("region_level = 1 and decile = 2 and sex = 'P'").collect()
    assert {(row[c.PROGRAM], row[c.PERSONS]) for row in profile} == {("all", 20), ("pkh", 20)}
    change = job.read(tables.STATS_CHANGE).where("region_level = 2").collect()
    assert [(row[c.CHANGE], row[c.CHANGE_CAUSE], row[c.ROWS]) for row in change] == [("ADD", "NEW_UNIT", 20)]
    budget = job.read(tables.STATS_BUDGET).where("region_level = 0").collect()
    assert [(row[c.DECILE], row[c.BENEFIT_TOTAL_IDR_YEAR]) for row in budget] == [(2, 2000)]
    figures = {
        (row[c.TOPIC], row[c.SUBJECT], row[c.METRIC]): row[c.VALUE] for row in job.read(tables.STATS_FIGURE).collect()
    }
    assert figures["link_weight", "LINKED", "20"] == 12
    assert figures["payment", "pkh 2025Q4.1", "REFUSED"] == 11
    assert figures["link_example", "LINKED 1", "name: same"] == 13.5
    steps = job.read(tables.STATS_STEP).where("region_level = 4").collect()
    assert [(row[c.STATE_BEFORE], row[c.MEDIAN_STEP_DAYS], row[c.P90_STEP_DAYS]) for row in steps] == [
        ("SUBMITTED", 1.5, 2.0)
    ]
    series = {
        (row[c.REGION_CODE], row[c.METRIC], row[c.SUBJECT]): row[c.VALUE]
        for row in job.read(tables.STATS_TREND).collect()
    }
    assert series["00", "persons", "all"] == 80
    assert (series["32", "selected", "pkh"], series["32", "added", "pkh"]) == (20, 20)
    assert set(job.outputs) == {table.path for table in tables.STATS}
