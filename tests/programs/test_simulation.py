"""What other rules would do: from small populations, and written nowhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dtsen_spark import columns as c
from dtsen_spark import programs, tables
from dtsen_spark.errors import ConfigError, UsageError
from dtsen_spark.job import Job, Period
from dtsen_spark.programs import changed_rules
from dtsen_spark.release import Registry
from dtsen_spark.simulation import as_csv, as_json, effects_shown, simulate
from dtsen_spark.welfare import WelfareScenario
from tests.programs.conftest import family, person

Q1 = Period.parse("2026Q1")


@pytest.mark.slow
def test_winners_losers_and_rupiah_by_region(make_job: Callable[..., Job], tmp_path: Path) -> None:
    elsewhere = "3302012001"
    scores = [
        *(family(f"A{n:02}", 1 + n // 6, n) for n in range(24)),
        *(family(f"B{n}", 2, n, region=elsewhere) for n in range(3)),
    ]
    job = make_job(
        {tables.SCORE: scores, tables.PERSON_ATTRIBUTE: [person(f"P{n}", f"A{n:02}") for n in range(24)]},
        settings=["programs.enabled=[bpnt]", "programs.national_families=1000000"],
    )
    assert Registry(job.lake).open("2026Q1", revise=False) == job.release_id
    programs.run(job)
    before = {path for path in job.lake.root.rglob("*") if path.is_file() and "_scratch" not in path.parts}
    rules = tmp_path / "rules.yaml"
    # Deciles 1 and 2 instead of 1 to 4, and 3,000,000 instead of 2,400,000 rupiah a year.
    rules.write_text("bpnt: {deciles: [1, 2], amount_idr_year: 3000000}", encoding="utf-8")

    found = simulate(job.lake, job.config, "2026Q1", changed_rules(rules, Q1))

    whole, *regions = found.effects
    assert (whole.units_now, whole.units_then, whole.win, whole.lose) == (27, 15, 0, 12)
    assert (whole.idr_year_now, whole.idr_year_then) == (27 * 2_400_000, 15 * 3_000_000)
    # Three families in 3302: what 3201 has would tell of them.
    assert [(one.region_code, one.units_now, one.idr_year_now) for one in regions] == [
        ("3201", None, None),
        ("3302", None, None),
    ]
    assert json.loads(as_json(found))["effects"][0]["win"] == 0
    assert as_csv(found.effects).splitlines()[0].startswith("program,region_code,units_now")
    assert {path for path in job.lake.root.rglob("*") if path.is_file()} == before

    # A tenth of the families each instead: the six of the lowest scores (ties share a decile) are in deciles 1 and 2.
    by_family = simulate(job.lake, job.config, "2026Q1", changed_rules(rules, Q1), WelfareScenario(unit="family"))
    assert (by_family.effects[0].units_then, by_family.effects[0].lose) == (6, 21)
    assert by_family.shifts[0].families == 27

    rules.write_text("pkh: {deciles: [1]}", encoding="utf-8")
    with pytest.raises(UsageError, match="no decisions on pkh"):
        simulate(job.lake, job.config, "2026Q1", changed_rules(rules, Q1))
    assert job.read(tables.decision("bpnt")).where(f"{c.DECISION} = 'SELECTED'").count() == 27


def test_what_is_left_out_cannot_be_had_by_subtraction() -> None:
    names = ("units_now", "units_then", "win", "lose")
    rows = {"3201": (500, 480, 20, 40), "3202": (300, 290, 15, 25), "3203": (90, 77, 0, 13), "3204": (40, 44, 4, 0)}
    by_region = {
        region: {**dict(zip(names, row, strict=True)), "idr_year_now": row[0] * 100, "idr_year_then": row[1] * 100}
        for region, row in rows.items()
    }
    whole, *regions = effects_shown("pkh", by_region, 10)
    assert (whole.units_now, whole.win, whole.idr_year_then) == (930, 39, 89_100)
    shown = {one.region_code: [getattr(one, name) for name in names] for one in regions}
    # Four units win in 3204. The sum of regions does not tell of them, and no region has one figure alone left out.
    assert shown["3204"][2] is None
    assert sum(row[2] is None for row in shown.values()) >= 2
    assert all(sum(figure is None for figure in row) != 1 for row in shown.values())
    assert all(sum(row[i] is None for row in shown.values()) != 1 for i in range(4))
    assert shown["3201"] == [500, 480, 20, 40]
    for one in regions:
        assert (one.idr_year_now is None, one.idr_year_then is None) == (one.units_now is None, one.units_then is None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pkh: {decile: [1]}", "decile: Extra inputs"),
        ("pkh: {deciles: [1, 3]}", "without a gap"),
        ("pkk: {deciles: [1]}", "no rules for program 'pkk'"),
        ("[]", "must hold programs"),
        ("pkh: [1", "cannot be read as YAML"),
    ],
)
def test_wrong_changes_are_refused(tmp_path: Path, text: str, says: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        changed_rules(rules, Q1)
