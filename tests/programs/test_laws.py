"""Laws that hold for every program, whatever the population; and what becomes of families that leave."""

import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row

from dtsen_spark import columns as c
from dtsen_spark import config, programs, tables
from dtsen_spark.job import Job
from dtsen_spark.programs.quota import largest_remainder, scaled_quota
from tests.programs.conftest import family, person

Jobs = Callable[..., Job]

UNITS = {"pkh": c.FAMILY_ID, "bpnt": c.FAMILY_ID, "pbi_jkn": c.PERSON_ID, "employment": c.PERSON_ID}
# Old people before pregnant women before all others: no program of the house has a priority.
PRIORITY = "priority: [{name: OLD, when: [{column: age, op: ge, value: 60}]}, \
{name: BIRTH, when: [{column: pregnant, op: eq, value: true}]}]"
REGIONS = ("3201012001", "3201022001", "3302012001", "1101012001", None)
BEFORE, NOW = "2025Q4.1", "2026Q1.1"


def _population(draw: random.Random) -> tuple[list[Any], list[Any]]:
    families, people = [], []
    for n in range(120):
        members, region = draw.randint(1, 5), draw.choice(REGIONS)
        decile = draw.choice([None, *range(1, 11)])
        families.append(family(f"F{n:03}", decile, draw.randint(0, 40), members, region))
        for m in range(members + draw.choice((0, 0, 1))):
            values = {
                c.AGE: draw.randint(0, 90),
                c.ALIVE: m < members,  # the dead are no members
                c.PREGNANT: draw.random() < 0.2,
                c.IN_SCHOOL: draw.random() < 0.3,
                c.SCHOOL_LEVEL: draw.choice(("PRIMARY", "LOWER_SECONDARY", "UPPER_SECONDARY")),
                c.EMPLOYMENT_STATUS: draw.choice(("OWN_ACCOUNT", "CASUAL_OTHER", "PRIVATE_EMPLOYEE")),
                c.REGION_CODE: region,
            }
            people.append(person(f"P{n:03}{m}", f"F{n:03}" if m < members else None, **values))
    return families, people


def _published(draw: random.Random, families: list[Any], people: list[Any]) -> dict[Any, list[Any]]:
    """Former decisions on most units of now and on some that are gone."""
    base = {c.REASONS: [], c.CHANGE: "NONE", c.CHANGE_VS_RECIPIENT: "NONE", c.REGION_CODE: REGIONS[0]}
    tables_before = {}
    for name, unit in UNITS.items():
        ids = [row[unit] for row in (families if unit == c.FAMILY_ID else people)] + [f"X{n}" for n in range(9)]
        tables_before[tables.decision(name)] = [
            {
                c.FAMILY_ID: key if unit == c.FAMILY_ID else "FX",
                c.PERSON_ID: key if unit == c.PERSON_ID else None,
                c.DECISION: draw.choice(("SELECTED", "ELIGIBLE", "EXCLUDED", "NOT_ELIGIBLE")),
                c.DECILE: draw.randint(1, 10),
                **base,
            }
            for key in draw.sample(ids, len(ids) * 4 // 5)
        ]
    return tables_before


@pytest.fixture
def with_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A program of the house that takes two groups before all others."""
    shutil.copytree(config.conf_dir(), tmp_path / "conf")
    path = tmp_path / "conf" / "programs" / "bpnt.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("    amount_idr_year:", f"    {PRIORITY}\n    amount_idr_year:"), encoding="utf-8")
    monkeypatch.setenv("DTSEN_CONF", str(tmp_path / "conf"))
    return "bpnt"


def _ranks(people: list[Any]) -> dict[str, int]:
    """Place of each family's first priority group."""
    ranks: dict[str, int] = defaultdict(lambda: 2)
    for who in people:
        if who[c.ALIVE]:
            mine = 0 if who[c.AGE] >= 60 else 1 if who[c.PREGNANT] else 2
            ranks[who[c.FAMILY_ID]] = min(ranks[who[c.FAMILY_ID]], mine)
    return ranks


@pytest.mark.parametrize("seed", [7])
def test_quota_order_exclusions_deaths_and_changes(make_job: Jobs, with_priority: str, seed: int) -> None:
    draw = random.Random(seed)
    families, people = _population(draw)
    payroll = [{c.NIK: who[c.NIK], c.PAYROLL_KIND: "ASN"} for who in draw.sample(people, 20)]
    listed = [
        {c.PROGRAM: name, c.NIK: nik}
        for name in UNITS
        for nik in [*(who[c.NIK] for who in draw.sample(people, 60)), "NZ1", "NZ2"]
    ]
    before = _published(draw, families, people)
    nation = {c.FAMILY_ID: 60_000_000, c.PERSON_ID: 500_000_000}
    job = make_job(
        {
            tables.SCORE: families,
            tables.PERSON_ATTRIBUTE: people,
            tables.PAYROLL: payroll,
            tables.RECIPIENT: listed,
        },
        settings=[
            f"programs.national_families={nation[c.FAMILY_ID]}",
            f"programs.national_persons={nation[c.PERSON_ID]}",
        ],
        published=before,
    )

    programs.run(job)

    assert [one.subject for one in job.ledger.accounts if not one.balanced] == []
    barred_niks = {row[c.NIK] for row in payroll}
    barred = {who[c.FAMILY_ID] for who in people if who[c.NIK] in barred_niks and who[c.ALIVE]} - {None}
    dead = {who[c.PERSON_ID] for who in people if not who[c.ALIVE]}
    rules = {one.program: one for one in programs.load_rules(tuple(UNITS), job.period)}
    sizes: Counter[str] = Counter()
    heads: Counter[str] = Counter()
    for one in families:
        sizes[(one[c.REGION_CODE] or "")[:4]] += 1
        heads[(one[c.REGION_CODE] or "")[:4]] += one[c.MEMBERS]
    for name, unit in UNITS.items():
        rows = job.read(tables.decision(name)).collect()
        selected = [row for row in rows if row[c.DECISION] == "SELECTED"]
        units = sizes if unit == c.FAMILY_ID else heads
        quota = rules[name].rules.quota
        assert quota is not None
        shares = largest_remainder(scaled_quota(quota.national, sum(units.values()), nation[unit]), units)
        ranks = _ranks(people) if name == with_priority else {}
        _hold_quota_and_order(rows, shares, ranks)
        assert len(selected) > 5, name
        assert not {row[c.PERSON_ID] for row in selected} & dead, name
        if unit == c.FAMILY_ID:
            assert not {row[c.FAMILY_ID] for row in selected} & barred, name
        assert all(row[c.BENEFIT_IDR_YEAR] is None for row in rows if row[c.DECISION] != "SELECTED")
        assert len({row[unit] for row in rows}) == len(rows), f"{name}: one row for each unit"

        # KEEP + DROP is what was, KEEP + ADD what is, against each baseline and in each region.
        known = {row[unit]: row for row in (families if unit == c.FAMILY_ID else people) if row.get(c.ALIVE, True)}
        former = {row[unit]: row for row in before[tables.decision(name)] if row[c.DECISION] == "SELECTED"}
        on_list = {row[c.NIK] for row in listed if row[c.PROGRAM] == name}
        receives = {who[unit]: who for who in people if who[c.NIK] in on_list and who[c.ALIVE]}
        # Who is on the list and is no unit now, as dead or as nobody's, is one row for each NIK.
        living = {who[c.NIK] for who in receives.values()} | {
            who[c.NIK] for who in people if who[c.ALIVE] and who[c.NIK] in on_list
        }
        for column, was, gone in ((c.CHANGE, former, 0), (c.CHANGE_VS_RECIPIENT, receives, len(on_list - living))):
            _adds_up(rows, column, unit, {key: known.get(key, row) for key, row in was.items()}, gone)
        assert {row[c.NOTICE] is not None for row in rows if row[c.CHANGE] == "DROP"} == {True}
        assert {row[c.CHANGE_CAUSE] is None for row in rows if row[c.CHANGE] in {"ADD", "DROP"}} == {False}
    pkh = job.read(tables.decision("pkh")).where("decision = 'SELECTED'").collect()
    assert max(row[c.BENEFIT_IDR_YEAR] for row in pkh) <= 4 * 3_000_000


def _adds_up(rows: list[Row], column: str, unit: str, was: Mapping[str, Mapping[str, Any]], gone: int) -> None:
    """In each kab/kota KEEP + DROP is what was, where it is now or was last, and KEEP + ADD what is."""

    def by_region(some: Iterable[Any]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for row in some:
            found[(row[c.REGION_CODE] or "")[:4]].add(row[unit])
        return found

    kept, dropped, added = ([row for row in rows if row[column] == change] for change in ("KEEP", "DROP", "ADD"))
    assert by_region([*kept, *added]) == by_region(row for row in rows if row[c.DECISION] == "SELECTED"), column
    left = [row for row in dropped if row[unit] in was]
    assert by_region([*kept, *left]) == by_region(was.values()), column
    assert len(dropped) - len(left) == gone, column


def _hold_quota_and_order(rows: list[Row], shares: dict[str, int], ranks: Mapping[str, int]) -> None:
    by_region: dict[str, list[Row]] = {}
    for row in rows:
        by_region.setdefault((row[c.REGION_CODE] or "")[:4], []).append(row)
    for region, some in by_region.items():
        taken = [row for row in some if row[c.DECISION] == "SELECTED"]
        waiting = [row for row in some if row[c.DECISION] == "ELIGIBLE"]
        assert len(taken) <= shares.get(region, 0)
        # A place stays free only where nobody eligible waits for it.
        assert not waiting or len(taken) == shares[region]
        if not (taken and waiting):
            continue

        def place(row: Row) -> tuple[int, int]:
            return ranks.get(row[c.FAMILY_ID], 0), row[c.SCORE]

        rank, last = max(map(place, taken))
        assert (rank, last) <= min(map(place, waiting))
        cut = [row for row in (*taken, *waiting) if place(row)[0] == rank]
        assert [row[c.CUT_MARGIN] for row in cut] == [row[c.SCORE] - last for row in cut]
        if ranks:
            first = {row[c.FAMILY_ID]: row[c.REASONS] for row in taken if place(row)[0] < 2}
            assert {tuple(why) for why in first.values()} <= {
                ("PRIORITY_OLD", "WITHIN_QUOTA"),
                ("PRIORITY_BIRTH", "WITHIN_QUOTA"),
            }


def test_what_became_of_families_that_left(make_job: Jobs) -> None:
    before = ("died", "merged", "lost", "moved", "stays", "squeezed", "richer", "ruled")
    decided = {c.DECISION: "SELECTED", c.DECILE: 2, c.REASONS: [], c.CHANGE: "NONE", c.CHANGE_VS_RECIPIENT: "NONE"}
    members = {"died": ["D"], "merged": ["M", "E"], "lost": ["L"]}
    elsewhere = "3302012001"
    job = make_job(
        {
            tables.SCORE: [
                family("stays", 2, 10),
                family("squeezed", 2, 20),  # somebody poorer has the place
                family("moved", 2, 90, region=elsewhere),
                family("there", 2, 10, region=elsewhere),
                family("richer", 6, 70),
                family("ruled", 5, 65),  # decile 5 was taken until the end of 2025
            ],
            tables.PERSON_ATTRIBUTE: [
                person("D", None, **{c.ALIVE: False}),
                person("E", None, **{c.ALIVE: False}),
                person("M", "stays"),
            ],
            tables.CUTPOINT: [{c.K: 4, c.SCORE: 61, c.WEIGHT_BELOW: 4, c.UNIT: "person"}],
        },
        # Two places for six families: one in each kab/kota.
        settings=["programs.enabled=[bpnt]", "programs.national_families=54900000"],
        published={
            tables.decision("bpnt"): [{c.FAMILY_ID: key, c.REGION_CODE: "3201012001", **decided} for key in before],
            tables.FAMILY_MEMBER: [
                {c.FAMILY_ID: key, c.PERSON_ID: who} for key, persons in members.items() for who in persons
            ],
        },
    )

    programs.run(job)

    assert [one.balanced for one in job.ledger.accounts] == [True]
    rows = {row[c.FAMILY_ID]: row for row in job.read(tables.decision("bpnt")).collect()}
    assert {key: (row[c.CHANGE], row[c.CHANGE_CAUSE], row[c.CUT_MARGIN]) for key, row in rows.items()} == {
        "stays": ("KEEP", None, 0),  # to the quota, which binds in both
        "squeezed": ("DROP", "QUOTA", 10),
        "there": ("ADD", "NEW_UNIT", 0),
        "moved": ("DROP", "MOVED", 80),
        "richer": ("DROP", "DECILE_MOVED", 10),  # to the deciles: the highest score inside is 60
        "ruled": ("DROP", "RULE_CHANGED", 5),
        "died": ("DROP", "DECEASED", None),
        "merged": ("DROP", "MERGED", None),
        "lost": ("DROP", "NOT_FOUND", None),
    }
