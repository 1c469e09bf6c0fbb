"""Rules are refused before Spark starts, with the file and the fault."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dtsen_spark.config import load
from dtsen_spark.errors import ConfigError
from dtsen_spark.job import Period
from dtsen_spark.programs import load_rules, wages
from dtsen_spark.programs.rules import folder, parse

Q1 = Period.parse("2026Q1")


def version(**changed: Any) -> dict[str, Any]:
    given = {
        "valid_from": "2026-01-01",
        "valid_to": None,
        "legal_reference": "Law",
        "source": "Book",
        "deciles": [1, 2],
    }
    return {**given, **changed}


def written(tmp_path: Path, *versions: dict[str, Any], **changed: Any) -> Path:
    path = tmp_path / "toy.yaml"
    content = {
        "program": "toy",
        "says": "A toy",
        "title": "Mainan",
        "unit": "family",
        "versions": list(versions),
        **changed,
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


AGED = {"column": "age", "op": "ge", "value": 60}
PART = {"name": "ELDERLY", "when": [AGED], "amount_idr_year": 5}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"quotas": 5}, "quotas"),
        ({"legal_reference": ""}, "legal_reference"),
        ({"legal_reference": None}, "legal_reference"),
        ({"deciles": [1, 3]}, "without a gap"),
        ({"deciles": [2, 1]}, "without a gap"),
        ({"deciles": [0, 1]}, "within 1 to 10"),
        ({"valid_to": "2025-12-31"}, "valid_to stands before"),
        ({"component_required": True}, "needs components"),
        ({"components": [PART, PART]}, "one name"),
        ({"components": [{**PART, "when": [{**AGED, "column": "aeg"}]}]}, "no column"),
        ({"components": [{**PART, "when": [{**AGED, "value": "60"}]}]}, "must be of type int"),
        ({"components": [{**PART, "when": [{**AGED, "op": "in"}]}]}, "takes a list"),
        ({"components": [{**PART, "when": [{"column": "disability", "op": "eq", "value": "BAD"}]}]}, "in no code list"),
        ({"components": [{**PART, "when": [{"column": "sex", "op": "ge", "value": "L"}]}]}, "numbers only"),
        ({"exclusions": [{"reason": "X", "scope": "family"}]}, "exactly one test"),
        ({"exclusions": [{"reason": "X", "scope": "family", "payroll_kinds": ["BOSS"]}]}, "in no code list"),
        ({"exclusions": [{"reason": "X", "scope": "person", "wage_above_minimum": True}]}, "excludes by family"),
        ({"requirements": [{"reason": "OLD", "when": [AGED]}]}, "requirements are of persons"),
        ({"quota": {"national": 0, "source": "Book"}}, "quota.national"),
        ({"grace_days": -1}, "grace_days"),
        ({"budget": {"national_idr_year": 5}}, "budget.source"),
        ({"priority": [{"name": "OLD", "when": [AGED]}]}, "inside a quota: it needs one"),
        ({"protected": [{"name": "OLD"}]}, "exactly one test"),
        ({"protected": [{"name": "OLD", "when": [AGED], "catastrophic": True}]}, "exactly one test"),
        ({"protected": [{"name": "OLD", "when": [AGED]}] * 2}, "one name"),
    ],
)
def test_a_wrong_version_is_refused(tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(written(tmp_path, version(**changed)))


def test_overlapping_versions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="overlap"):
        parse(written(tmp_path, version(), version(valid_from="2026-07-01")))


@pytest.mark.parametrize(
    ("columns", "says"),
    [(["nik", "score_parts"], "score_parts cannot be handed over"), (["nik", "nik"], "named twice"), ([], "columns")],
)
def test_a_hand_over_of_more_than_there_is_is_refused(tmp_path: Path, columns: list[str], says: str) -> None:
    contract = {"recipient": "Ministry", "purpose": "Payment", "legal_reference": "Law", "columns": columns}
    with pytest.raises(ConfigError, match=says):
        parse(written(tmp_path, version(), handover=contract))


def test_a_file_under_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the file's name"):
        parse(written(tmp_path, version(), program="tyo"))


def test_the_version_of_the_period_is_taken() -> None:
    # PP 50/2025 halves the premium from April 2026.
    first, second = (load_rules(["employment"], Period.parse(p))[0].rules for p in ("2026Q1", "2026Q2"))

    assert (first.amount_idr_year, second.amount_idr_year) == (201_600, 100_800)


def test_a_period_without_a_version_and_an_unknown_program_are_refused() -> None:
    with pytest.raises(ConfigError, match="no version is valid"):
        load_rules(["pkh"], Period.parse("2019Q1"))
    with pytest.raises(ConfigError, match=r"no rules for program 'pkk'.*pkh"):
        load_rules(["pkk"], Q1)


def test_every_program_of_the_house_is_valid() -> None:
    assert [one.program for one in load_rules(load().programs.enabled, Q1)] == ["pkh", "bpnt", "pbi_jkn", "employment"]
    assert {path.stem for path in folder().glob("*.yaml")} >= {"pkh", "bpnt", "pbi_jkn", "employment"}


def test_a_kabkota_has_its_own_minimum_wage_else_its_provinces_else_none(tmp_path: Path) -> None:
    path = tmp_path / "wages.csv"
    path.write_text(
        "region_code,valid_from,valid_to,wage_idr_month,source\n"
        "32,2026-01-01,2026-12-31,2300000,UMP\n"
        "3216,2026-01-01,2026-12-31,5900000,UMK\n"
        "33,2025-01-01,2025-12-31,2100000,UMP\n",
        encoding="utf-8",
    )

    assert wages.at(wages.read(path), Q1.last_day, ["3201", "3216", "3301", ""]) == {"3201": 2300000, "3216": 5900000}


def test_overlapping_minimum_wages_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wages.csv"
    rows = "32,2026-01-01,2026-12-31,1,UMP\n32,2026-06-01,2026-12-31,2,UMP\n"
    path.write_text("region_code,valid_from,valid_to,wage_idr_month,source\n" + rows, encoding="utf-8")

    with pytest.raises(ConfigError, match="overlap"):
        wages.read(path)
