"""Another unit, cut or equivalence scale: who would stand elsewhere."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from dtsen_spark import columns as c
from dtsen_spark import config, tables
from dtsen_spark.job import Job
from dtsen_spark.welfare import WelfareScenario, simulate, winners_and_losers

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


def run(job: Job, **scenario: Any) -> tuple[dict[str, int], dict[str, Any]]:
    made = simulate(
        job.lake,
        job.release_id,
        WelfareScenario(**scenario),
        on=date(2026, 3, 31),
        rules=config.load().welfare,
    )
    rows = {row[c.FAMILY_ID]: row[c.DECILE] for row in made.scores.collect()}
    return rows, winners_and_losers(made.moves)


def test_scenarios_on_a_small_nation(make_job: Callable[..., Job]) -> None:
    job = make_job({tables.SCORE: FAMILIES, tables.PERSON_ATTRIBUTE: PERSONS, tables.FAMILY_ATTRIBUTE: []})
    before = {family[c.FAMILY_ID]: family[c.DECILE] for family in FAMILIES}

    # Families instead of persons: two families in each decile.
    by_family, counted = run(job, unit="family")
    assert by_family == {f"f{i:02d}": 1 + i // 2 for i in range(20)}
    winners = sum(by_family[key] < before[key] for key in before)
    losers = sum(by_family[key] > before[key] for key in before)
    assert (counted["nation"]["winners"], counted["nation"]["losers"]) == (winners, losers)
    assert counted["nation"]["persons"] == sum(SIZES)
    for name in ("by_decile", "by_province", "by_family_type"):
        assert sum(part["winners"] for part in counted[name].values()) == winners
    assert set(counted["by_province"]) == {"32", "74"}
    assert set(counted["by_family_type"]) == {"LONE_PARENT", "ELDERLY_ONLY"}

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
