"""Statistics add up from kecamatan to nation."""

from collections.abc import Callable

import pytest

from dtsen_spark import columns as c
from dtsen_spark import marts, tables
from dtsen_spark.job import Job
from dtsen_spark.marts.stage import decile_rows, program_rows, region_rows
from tests.programs.conftest import family, make_job

__all__ = ["make_job"]


def counted(region: str, decile: int | None, families: int) -> dict[str, object]:
    return {c.REGION_CODE: region, c.DECILE: decile, c.FAMILIES: families, c.PERSONS: 3 * families}


def test_regions_add_up_and_know_their_coverage() -> None:
    scored = [counted("320101", 1, 20), counted("320102", 2, 30), counted("3302", 1, 50), counted("", None, 10)]

    rows = {row[c.REGION_CODE]: row for row in region_rows(scored, {"3201": 600, "3302": 150, "3303": 250}, 10)}

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

    rows = {(row[c.REGION_CODE], row[c.DECILE]): row for row in decile_rows(scored, 10)}

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

    rows = program_rows([units("pkh", "SELECTED", 30), units("bpnt", "SELECTED", 4)], 10)

    nation = {row[c.PROGRAM]: row for row in rows if row[c.REGION_LEVEL] == 0}
    assert (nation["pkh"][c.ROWS], nation["pkh"][c.BENEFIT_TOTAL_IDR_YEAR]) == (30, 210)
    assert (nation["bpnt"][c.ROWS], nation["bpnt"][c.SUPPRESSED]) == (None, True)


def test_the_stage_writes_three_tables_that_agree(make_job: Callable[..., Job]) -> None:
    scores = [family(f"F{n}", 1 + n % 2, members=2, region="3201012001") for n in range(40)]
    decided = [
        {
            c.FAMILY_ID: f"F{n}",
            c.DECISION: "SELECTED" if n % 2 else "NOT_ELIGIBLE",
            c.CHANGE: "ADD" if n % 2 else "NONE",
            c.CHANGE_VS_RECIPIENT: "NONE",
            c.REASONS: [],
            c.REGION_CODE: "3201012001",
            c.BENEFIT_IDR_YEAR: 100 if n % 2 else None,
        }
        for n in range(40)
    ]
    job = make_job({tables.SCORE: scores, tables.decision("pkh"): decided}, settings=["programs.enabled=[pkh]"])

    marts.run(job)

    nation = job.read(tables.STATS_REGION).where("region_level = 0").collect()
    assert [(row[c.FAMILIES], row[c.PERSONS]) for row in nation] == [(40, 80)]
    deciles = job.read(tables.STATS_DECILE).where("region_level = 2").orderBy(c.DECILE).collect()
    assert [row[c.FAMILIES] for row in deciles] == [20, 20]
    selected = job.read(tables.STATS_PROGRAM).where("region_level = 0 and decision = 'SELECTED'").collect()
    assert [(row[c.ROWS], row[c.BENEFIT_TOTAL_IDR_YEAR], row[c.UNIT]) for row in selected] == [(20, 2000, "family")]
