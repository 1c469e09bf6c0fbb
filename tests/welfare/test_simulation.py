"""Another unit, model, cut or equivalence scale: who would stand elsewhere; counts of few are left out."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dtsen_spark import cli, config, simulation, tables
from dtsen_spark import columns as c
from dtsen_spark.errors import ConfigError, UsageError
from dtsen_spark.job import Job
from dtsen_spark.release import Registry
from dtsen_spark.welfare import (
    GROUPINGS,
    Moved,
    WelfareScenario,
    read_scenario,
    registry,
    simulate,
    winners_and_losers,
)
from dtsen_spark.welfare.model import PmtModel, Variant

# Twenty families, the poorer the larger: f0 has five members, f19 one.
SIZES = [5 - i // 5 for i in range(20)]
FAMILIES = [
    {
        c.FAMILY_ID: f"f{i:02d}",
        c.MEMBERS: size,
        c.SCORE: 13_000_000 + 50_000 * i,
        c.DECILE: 1 + 10 * sum(SIZES[:i]) // sum(SIZES),
        c.STATE: "RANKED",
        c.REGION_CODE: ("3201", "7401")[i % 2],
    }
    for i, size in enumerate(SIZES)
]
PERSONS = [
    {c.FAMILY_ID: f"f{i:02d}", c.PERSON_ID: f"{i}-{j}", c.AGE: 70 if size == 2 else 40 if j < 1 else 9, c.ALIVE: True}
    for i, size in enumerate(SIZES)
    for j in range(size)
]


def run(job: Job, **scenario: Any) -> tuple[dict[str, int], dict[str, dict[str, Moved]]]:
    made = simulate(
        job.lake,
        job.release_id,
        WelfareScenario(**scenario),
        on=date(2026, 3, 31),
        rules=config.load().welfare,
    )
    rows = {row[c.FAMILY_ID]: row[c.DECILE] for row in made.scores.collect()}
    counted: dict[str, dict[str, Moved]] = {name: {} for name in GROUPINGS}
    for one in winners_and_losers(made.moves):
        counted[one.grouping][one.group] = one
    return rows, counted


def test_scenarios_on_a_small_nation(make_job: Callable[..., Job]) -> None:
    job = make_job({tables.SCORE: FAMILIES, tables.PERSON_ATTRIBUTE: PERSONS, tables.FAMILY_ATTRIBUTE: []})
    before = {family[c.FAMILY_ID]: family[c.DECILE] for family in FAMILIES}

    # Families instead of persons: two families in each decile.
    by_family, counted = run(job, unit="family")
    assert by_family == {f"f{i:02d}": 1 + i // 2 for i in range(20)}
    winners = sum(by_family[key] < before[key] for key in before)
    losers = sum(by_family[key] > before[key] for key in before)
    whole = counted["nation"][""]
    assert (whole.families, whole.persons, whole.winners, whole.losers) == (20, sum(SIZES), winners, losers)
    for groups in counted.values():
        assert sum(part.winners for part in groups.values()) == winners
        assert sum(part.persons_lost for part in groups.values()) == whole.persons_lost
    assert set(counted["province"]) == {"32", "74"}
    assert set(counted["kab"]) == {"3201", "7401"}
    assert set(counted["family_type"]) == {"LONE_PARENT", "ELDERLY_ONLY"}
    of_third = [f for f in FAMILIES if f[c.DECILE] == 3]
    assert counted["decile"]["03"].winners == sum(by_family[f[c.FAMILY_ID]] < 3 for f in of_third)

    # Cuts in rupiah: nobody is below the first, the richest half above the last.
    middle = round(2.718281828459045**13.475)
    by_cut, _ = run(job, cuts_idr_month=[100 + k for k in range(8)] + [middle])
    assert set(by_cut.values()) == {9, 10}
    assert {key for key, decile in by_cut.items() if decile == 10} == {f"f{i}" for i in range(10, 20)}

    # Nothing is shared in a large family any more: the large ones come out richer, the order turns.
    by_scale, _ = run(job, elasticity=0.0)
    assert by_scale["f00"] > before["f00"]
    assert by_scale["f19"] < before["f19"]


@pytest.mark.parametrize(
    "wrong",
    [{"cuts_idr_month": [1, 2, 3]}, {"cuts_idr_month": [9, 8, 7, 6, 5, 4, 3, 2, 1]}, {"unit": "household"}, {"cut": 1}],
)
def test_a_scenario_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WelfareScenario(**wrong)


def test_another_model_ranks_by_what_it_knows(make_job: Callable[..., Job]) -> None:
    homes = [{**family, c.KAB_CODE: "3201", c.URBAN: True, c.FLOOR: "EARTH"} for family in FAMILIES]
    # The first family has the best floor: by a model of floors alone it is the richest.
    homes[0] |= {c.FLOOR: "MARBLE"}
    job = make_job({tables.SCORE: FAMILIES, tables.PERSON_ATTRIBUTE: PERSONS, tables.FAMILY_ATTRIBUTE: homes})
    of_floors = {name: Variant({"floor": 0.001}, {}, {"ID": 13.6}) for name in ("full", "dwelling", "person")}
    version = registry.register(job.lake, PmtModel(of_floors, {"floor": 300}, 1.0))
    deciles, counted = run(job, model=version)
    assert {deciles[key] for key in deciles if key != "f00"} == {1}
    assert deciles["f00"] == 10
    assert counted["nation"][""].losers == 1
    with pytest.raises(UsageError, match="pmt-none is not registered"):
        run(job, model="pmt-none")


def test_the_command_shows_and_writes_no_count_of_few(make_job: Callable[..., Job], tmp_path: Path) -> None:
    job = make_job({tables.SCORE: FAMILIES, tables.PERSON_ATTRIBUTE: PERSONS})
    assert Registry(job.lake).open("2026Q1", revise=False) == job.release_id
    found = simulation.simulate(job.lake, job.config, "2026Q1", (), WelfareScenario(unit="family"))
    assert found.effects == ()
    whole, *others = found.shifts
    assert (whole.grouping, whole.families) == ("nation", 20)
    by = {(one.grouping, one.group): one for one in others}
    assert (by["province", "32"].families, by["kab", "7401"].persons) == (10, 34)
    small = job.config.privacy.small_cell
    for one in others:
        assert all(count in {0, None} or count >= small for count in (one.families, one.winners, one.losers))
        assert one.winners is not None or one.persons_won is None
    assert by["decile", "03"].families is None
    lines = list(csv.DictReader(io.StringIO(simulation.as_csv(found.shifts))))
    assert (lines[0]["grouping"], len(lines)) == ("nation", len(found.shifts))
    assert json.loads(simulation.as_json(found))["shifts"][0]["persons"] == sum(SIZES)
    assert not job.lake.scratch(job.release_id).exists()


def moved(grouping: str, group: str, winners: int) -> Moved:
    return Moved(grouping, group, 1000, 3000, winners, 0, 3 * winners, 0)


def test_what_is_left_out_cannot_be_had_by_subtraction() -> None:
    every = [moved("nation", "", 96), moved("province", "31", 36), moved("province", "32", 60)]
    every += [moved("kab", "3101", 4), moved("kab", "3102", 12), moved("kab", "3103", 20)]
    every += [moved("kab", "3201", 30), moved("kab", "3202", 30)]
    shown = {one.group: one for one in simulation.shown(every, 10)}
    assert (shown["3101"].winners, shown["3101"].persons_won) == (None, None)
    # Its province is shown: the next smallest kab/kota covers it.
    assert (shown["31"].winners, shown["3102"].winners, shown["3103"].winners) == (36, None, 20)
    assert (shown["3201"].winners, shown["3101"].families) == (30, 1000)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "says nothing that is different"),
        ("{unit: household}", "unit: Input should be"),
        ("{elasticity: 1.5}", "elasticity: Input should be less"),
        ("{equivalence: 0.5}", "equivalence: Extra inputs"),
        ("{cuts_idr_month: [3, 2, 1]}", "nine rising amounts"),
        ("[1", "cannot be read as YAML"),
    ],
)
def test_a_scenario_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        read_scenario(path)


def test_a_simulation_of_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "--lake", str(tmp_path), "--period", "2026Q1"]) == 2
    assert "--welfare FILE" in capsys.readouterr().err
