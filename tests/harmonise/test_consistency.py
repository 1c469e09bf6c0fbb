"""Each rule of consistency on a case that breaks it, and on sound ones; one pass over all cases."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.errors import ConfigError
from dtsen_spark.harmonise import consistency
from tests.frames import frame

LAST_DAY = date(2026, 3, 31)
DEAD = {c.REGISTRY_STATUS: "DECEASED", c.STATUS_DATE: date(2024, 5, 1)}
REGISTRY = {c.SOURCE: "dukcapil", c.FAMILY_RECORD_ID: None}


def one(relation: str | None = None, year: int = 1980, **said: Any) -> dict[str, Any]:
    return {c.RELATION: relation, c.BIRTH_DATE: date(year, 6, 15), c.MARITAL: None, **said}


SOUND = [one("HEAD", sex="L"), one("SPOUSE", 1982, sex="P", pregnant=True), one("CHILD", 2010), one("PARENT", 1950)]
# Name of a case → its records, and the rules that it breaks.
CASES: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "sound": (SOUND, set()),
    "relations unknown": ([one(), one("CHILD", 2010)], set()),
    "old head died": ([one("HEAD", **DEAD), one("HEAD", 1982), one("HEAD", 1999, presence="MOVED")], set()),
    "child older": ([one("HEAD", 1990), one("CHILD", 1985)], {"child_older_than_head"}),
    "child too soon": ([one("HEAD", 1990), one("CHILD", 1998)], {"child_within_10_years_of_head"}),
    "parent younger": ([one("HEAD"), one("PARENT", 1985)], {"parent_younger_than_head"}),
    "grandchild older": ([one("HEAD"), one("GRANDCHILD", 1979)], {"grandchild_older_than_head"}),
    "two heads": ([one("HEAD"), one("HEAD", 1985)], {"two_heads"}),
    "no head": ([one("SPOUSE"), one("CHILD", 2010)], {"no_head"}),
    "head a child": ([one("HEAD", 2016)], {"head_under_12"}),
    "spouse a child": ([one("HEAD"), one("SPOUSE", 2016)], {"spouse_under_12"}),
    "spouse is head": (
        [one("HEAD", nik="N1"), one("SPOUSE", 1981, nik="N1"), one("SPOUSE", 1982, nik="N2")],
        {"spouse_is_head", "nik_of_head_given_to_members"},
    ),
    "couple of one sex": ([one("HEAD", sex="L"), one("SPOUSE", sex="L")], {"spouse_of_same_sex"}),
    "hundred": ([one("HEAD"), *[one("OTHER")] * 99], {"hundred_in_family"}),
    "twenty-one": ([one("HEAD"), *[one("OTHER")] * 20], {"over_20_in_family"}),
    "two families": ([one(nik="N3"), one(nik="N3", family_record_id="elsewhere")], {"nik_in_two_families"}),
    "two cards": ([one(nik="N4", no_kk="K1"), one(nik="N4", no_kk="K2")], {"nik_in_two_kk"}),
    "other sources may differ": ([one(nik="N5", no_kk="K1"), one(nik="N5", no_kk="K2", source="p3ke")], set()),
    "dummy": ([one(None, 1980 + i, nik="N6") for i in range(5)], {"nik_of_many_persons"}),
    "own mother": ([one(nik="N7", mother_nik="N7")], {"own_parent"}),
    "pregnant man": ([one(sex="L", pregnant=True)], {"pregnant_man"}),
    "pregnant elder": ([one(None, 1950, sex="P", pregnant=True)], {"pregnant_child_or_elder"}),
    "married child": ([one(None, 2018, marital="MARRIED")], {"married_child"}),
    "single child": ([one(None, 2018, marital="SINGLE", education="PRIMARY")], set()),
    "schooled infant": ([one(None, 2018, education="TERTIARY")], {"schooled_infant"}),
    "working infant": ([one(None, 2023, working=True)], {"working_infant"}),
    "oldest": ([one(None, 1910)], {"older_than_110"}),
    "oldest, dead": ([one(None, 1910, **DEAD)], set()),
    "died too soon": ([one(None, 2025, **DEAD)], {"died_before_birth"}),
    "no name": ([one(name="NA70", name_norm="NA70")], {"mononym_of_letters"}),
    "stale": ([one(as_of=date(2023, 3, 31))], {"stale_record"}),
    "dead recipient": ([one(nik="R1", **REGISTRY, **DEAD)], {"dead_receiving"}),
    "late recipient": ([one(nik="R2", **REGISTRY, **DEAD)], {"dead_receiving", "receiving_since_after_death"}),
    "gone recipient": ([one(nik="R3", **REGISTRY, registry_status="ABROAD")], {"inactive_receiving"}),
    "living recipient": ([one(nik="R4", **REGISTRY, registry_status="ACTIVE")], set()),
}
SINCE = {"R1": date(2020, 1, 1), "R2": date(2025, 1, 1), "R3": None, "R4": date(2025, 1, 1), "R9": None}


def test_every_rule_finds_its_case_and_no_other(spark: SparkSession) -> None:
    persons = []
    for number, (records, _) in enumerate(CASES.values()):
        for place, record in enumerate(records):
            own = {
                **{c.RECORD_ID: f"{number}/{place}", c.SOURCE: "dtks", c.FAMILY_RECORD_ID: f"F{number}"},
                **{c.REGION_CODE: f"{number:04}01", c.AS_OF: date(2025, 12, 31)},
            }
            persons.append(own | record)
    recipients = [{c.PROGRAM: "pkh", c.NIK: nik, c.SINCE: since} for nik, since in SINCE.items()]

    rows = consistency.contradictions(
        frame(spark, tables.PERSON_RECORD, persons).coalesce(1),
        frame(spark, tables.RECIPIENT, recipients).coalesce(1),
        LAST_DAY,
    ).collect()

    found: dict[str, set[str]] = {name: set() for name in CASES}
    names = list(CASES)
    for row in rows:
        if row[c.METRIC] == consistency.INCONSISTENT and row[c.REGION_CODE]:
            found[names[int(row[c.REGION_CODE])]].add(row[c.RULE])
    assert found == {name: broken for name, (_, broken) in CASES.items()}
    nowhere = {(r[c.METRIC], r[c.SUBJECT], r[c.RULE], r[c.VALUE]) for r in rows if not r[c.REGION_CODE]}
    assert nowhere == {
        ("inconsistent", "pkh/recipient", "receiving_unknown_to_registry", 1),
        ("examined", "pkh/recipient", "", 1),
    }
    examined = {r[c.SUBJECT]: 0.0 for r in rows if r[c.METRIC] == consistency.EXAMINED}
    for row in rows:
        if row[c.METRIC] == consistency.EXAMINED:
            examined[row[c.SUBJECT]] += row[c.VALUE]
    assert examined["pkh/recipient"] == len(SINCE)
    assert examined["dtks/person"] + examined["dukcapil/person"] + examined["p3ke/person"] == len(persons)
    severities = {rule.name: rule.severity for rule in consistency.rules()}
    assert {row[c.RULE]: row[c.SEVERITY] for row in rows if row[c.RULE]} == severities


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [", "cannot be read as YAML"),
        ("rules: [{name: x, of: village, holds: '1 = 1', severity: info, source: s, why: w}]", "rules.0.of"),
        ("rules: [{name: x, of: person, holds: '', severity: info, source: s, why: w}]", "rules.0.holds"),
        ("rules: []", "rules: "),
    ],
)
def test_wrong_rules_are_named(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quality").mkdir()
    (tmp_path / "quality" / "consistency.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("DTSEN_CONF", str(tmp_path))
    consistency.rules.cache_clear()

    with pytest.raises(ConfigError, match=r"consistency\.yaml") as caught:
        consistency.rules()

    assert said in str(caught.value)
    consistency.rules.cache_clear()
