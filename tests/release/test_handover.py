"""What leaves the lake: the files of a ministry, the change list with its notices, what persons decided on leavers."""

import csv
import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.errors import ConfigError, UsageError
from dtsen_spark.handover import hand_over
from dtsen_spark.lake import Lake, Written
from dtsen_spark.notices import templates, write_notices
from dtsen_spark.release import CONFIRMED, REVERSED, Registry, changes, decide_leavers, reinstate
from dtsen_spark.synthetic import handed_over
from tests.frames import frame
from tests.release.conftest import PKH

TELLS = date(2026, 4, 1)
ENDS = date(2026, 5, 1)


def _decided(key: str, decision: str, change: str, **values: Any) -> dict[str, Any]:
    row = {c.FAMILY_ID: key, c.DECISION: decision, c.CHANGE: change, c.CHANGE_VS_RECIPIENT: "NONE", c.REASONS: ["X"]}
    if change != "NONE":
        row |= {c.NOTICE_ON: TELLS, c.EFFECTIVE_ON: ENDS if change == "DROP" else TELLS}
    return {**row, c.REGION_CODE: "3201012001", c.HOLD: False, c.COMPONENTS: [], **values}


BEFORE = [_decided(key, "SELECTED", "NONE") for key in ("keeps", "leaves", "waits", "ill")]
NOW = [
    _decided("keeps", "SELECTED", "KEEP", **{c.BENEFIT_IDR_YEAR: 3_000_000, c.COMPONENTS: ["CHILD_0_6", "ELDERLY"]}),
    _decided("comes", "SELECTED", "ADD", **{c.CHANGE_CAUSE: "NEW_UNIT", c.REGION_CODE: "1101012001"}),
    _decided("leaves", "NOT_ELIGIBLE", "DROP", **{c.CHANGE_CAUSE: "DECEASED", c.NOTICE: "GRACE", c.REGION_CODE: None}),
    _decided("waits", "NOT_ELIGIBLE", "DROP", **{c.CHANGE_CAUSE: "DECILE_MOVED_CUT", c.NOTICE: "HUMAN_DECISION"}),
    _decided("ill", "ELIGIBLE", "DROP", **{c.CHANGE_CAUSE: "QUOTA", c.NOTICE: "FIELD_CHECK", c.HOLD: True}),
    _decided("never", "NOT_ELIGIBLE", "NONE"),
]


@pytest.fixture
def two_releases(lake: Lake) -> Registry:
    """Two published releases of PKH, the later one with families and their heads."""
    registry = Registry(lake)
    for period, decided in (("2025Q4", BEFORE), ("2026Q1", NOW)):
        of_release = {c.PERIOD: period, c.RELEASE_ID: f"{period}.1"}
        keys = [row[c.FAMILY_ID] for row in decided if row[c.FAMILY_ID] != "leaves"]
        families = [
            {c.FAMILY_ID: key, c.NO_KK: f"KK{key}", c.HEAD_PERSON_ID: f"P{key}", c.MEMBERS: 2, **of_release}
            for key in keys
        ]
        persons = [
            {
                c.PERSON_ID: f"P{key}",
                c.NIK: f"0{key}",
                c.NAME: '=cmd|"x"' if key == "keeps" else "SITI, AMINAH",
                c.SEX: "P",
                c.ALIVE: True,
                c.SOURCES: [],
                **of_release,
            }
            for key in keys
        ]
        rows = {
            PKH: [{**row, **of_release} for row in decided],
            tables.FAMILY: families,
            tables.PERSON: persons,
        }
        release_id = registry.open(period, revise=False)
        built: dict[str, Written] = {
            table.path: lake.write(table, frame(lake.spark, table, some), build=release_id)
            for table, some in rows.items()
        }
        registry.conclude(release_id, "run", passed=True, failed=[])
        registry.publish(release_id, built, run_id="run", signoff_roles=())
    return registry


def test_a_ministry_gets_what_its_contract_allows_and_can_check_it(two_releases: Registry, tmp_path: Path) -> None:
    lake = two_releases.lake
    made = hand_over(lake, "pkh", tmp_path)

    assert (made.files, made.rows) == (3, 5)
    manifest = json.loads((made.folder / "manifest.json").read_text(encoding="utf-8"))
    assert {one["region_code"]: one["rows"] for one in manifest["files"]} == {"0000": 1, "1101": 1, "3201": 3}
    assert (manifest["rows"], manifest["selected"], manifest["added"], manifest["dropped"]) == (5, 2, 1, 3)
    for one in manifest["files"]:
        assert hashlib.sha256((made.folder / one["name"]).read_bytes()).hexdigest() == one["sha256"]
    allowed = [one["column"] for one in manifest["columns"]]
    with (made.folder / "3201.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["family_id"]: row for row in csv.DictReader(file)}
    assert list(rows["keeps"]) == allowed
    assert [*rows] == sorted(rows), "the order of the units, wherever Spark read them"
    assert not {"score", "decile", "cut_margin", "reasons"} & set(allowed)
    assert "never" not in rows
    assert rows["keeps"]["name"] == '\'=cmd|"x"', "no spreadsheet takes a name for a formula"
    assert rows["waits"]["name"] == "SITI, AMINAH"
    assert (rows["keeps"]["components"], rows["keeps"]["benefit_idr_year"]) == ("CHILD_0_6|ELDERLY", "3000000")
    assert rows["waits"]["effective_on"] == "", "no end before somebody has decided"
    dictionary = (made.folder / "data-dictionary.csv").read_text(encoding="utf-8")
    assert all(f'"{name}"' in dictionary for name in allowed)
    # The same release is the same bytes, and the hand-over is on record, without a person's value.
    hashes = [one["sha256"] for one in manifest["files"]]
    again = json.loads((hand_over(lake, "pkh", tmp_path).folder / "manifest.json").read_text(encoding="utf-8"))
    assert [one["sha256"] for one in again["files"]] == hashes
    assert [row[c.SUBJECT] for row in lake.read(tables.ACCESS_LOG).collect()] == ["programs/pkh 2026Q1.1"] * 2

    # What a synthetic ministry would answer.
    (waits,) = handed_over(tmp_path, "2026-04")
    assert (waits.release_id, waits.unit_id, waits.columns, waits.rows) == ("2026Q1.1", c.FAMILY_ID, tuple(allowed), 5)
    assert [file.name for file in waits.files if file.is_file()] == ["0000.csv", "1101.csv", "3201.csv"]

    typed = hand_over(lake, "pkh", tmp_path, form="parquet").folder
    assert lake.spark.read.parquet(str(typed / "1101.parquet")).count() == 1


def _records(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Records of a hand-over by region, each of them valid under the schema that was handed over with them."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    schema = json.loads((folder / manifest["json_schema"]).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    checked = jsonschema.Draft202012Validator(schema)
    found = {}
    for one in manifest["files"]:
        lines = (folder / one["name"]).read_text(encoding="utf-8").splitlines()
        found[one["region_code"]] = [json.loads(line) for line in lines]
        for record in found[one["region_code"]]:
            checked.validate(record)
    return found


def test_records_in_the_names_of_dci_are_valid_under_their_schema(two_releases: Registry, tmp_path: Path) -> None:
    records = _records(hand_over(two_releases.lake, "pkh", tmp_path, form="dci").folder)
    assert {region: len(found) for region, found in records.items()} == {"0000": 1, "1101": 1, "3201": 3}
    assert "group_head_info" not in records["0000"][0], "who is gone has no head, not one without a name"
    record = records["1101"][0]
    assert record["group_identifier"] == [
        {"identifier_type": "DTSEN_FAMILY_ID", "identifier_value": "comes"},
        {"identifier_type": "KK", "identifier_value": "KKcomes"},
    ]
    assert record["group_head_info"] == {
        "member_identifier": [{"identifier_type": "UIN", "identifier_value": "0comes"}],
        "demographic_info": {"name": {"given_name": "SITI, AMINAH"}},
    }
    assert {"key": "decision", "value": "SELECTED"} in record["additional_attributes"]


def test_a_person_in_the_names_of_dci(lake: Lake, tmp_path: Path) -> None:
    registry, of_release = Registry(lake), {c.PERIOD: "2026Q1", c.RELEASE_ID: "2026Q1.1"}
    pbi = tables.decision("pbi_jkn")
    known = {c.NIK: "0in", c.NAME: "SLAMET", c.SEX: "L", c.BIRTH_DATE: date(1961, 7, 1), c.ALIVE: True, c.SOURCES: []}
    rows = {
        pbi: [
            {**_decided("F", "SELECTED", "ADD"), c.PERSON_ID: "in", **of_release},
            {**_decided("F", "NOT_ELIGIBLE", "DROP", **{c.REGION_CODE: None}), c.PERSON_ID: "gone", **of_release},
        ],
        tables.PERSON: [{c.PERSON_ID: "in", **known, **of_release}],
    }
    registry.open("2026Q1", revise=False)
    built = {
        table.path: lake.write(table, frame(lake.spark, table, some), build="2026Q1.1") for table, some in rows.items()
    }
    registry.conclude("2026Q1.1", "run", passed=True, failed=[])
    registry.publish("2026Q1.1", built, run_id="run", signoff_roles=())

    records = _records(hand_over(lake, "pbi_jkn", tmp_path, form="dci").folder)
    found = {region: {**some[0], "additional_attributes": None} for region, some in records.items()}
    assert found == {
        "3201": {
            "@type": "Person",
            "identifier": [
                {"identifier_type": "DTSEN_PERSON_ID", "identifier_value": "in"},
                {"identifier_type": "UIN", "identifier_value": "0in"},
            ],
            "name": {"given_name": "SLAMET"},
            "sex": "male",
            "birth_date": "1961-07-01T00:00:00Z",
            "address": [{"region_code": "3201012001", "country_code": "ID"}],
            "additional_attributes": None,
        },
        "0000": {
            "@type": "Person",
            "identifier": [{"identifier_type": "DTSEN_PERSON_ID", "identifier_value": "gone"}],
            "address": [{"country_code": "ID"}],
            "additional_attributes": None,
        },
    }


@pytest.mark.slow
def test_a_hand_over_that_cannot_be_is_said(two_releases: Registry, lake: Lake, tmp_path: Path) -> None:
    for named, says in (({"form": "xlsx"}, "--format xlsx"), ({"period": "2026Q2"}, "2026Q2: pkh was not published")):
        with pytest.raises(UsageError, match=says):
            hand_over(lake, "pkh", tmp_path, **named)
    assert list(tmp_path.glob("pkh")) == []


def test_leavers_leave_when_a_person_has_decided(two_releases: Registry, tmp_path: Path) -> None:
    registry, who = two_releases, {"role": "DINSOS", "name": "Rina"}
    file = tmp_path / "notices.csv"
    write_notices(registry.lake, "pkh", "2025Q4", "2026Q1", file)
    with file.open(encoding="utf-8", newline="") as content:
        told = {row["family_id"]: row["notice_text"] for row in csv.DictReader(content)}
    assert set(told) == {"comes", "leaves", "waits", "ill"}
    assert "Program Keluarga Harapan (PKH)" in told["comes"]
    assert "berlaku mulai 1 April 2026" in told["comes"]
    assert "turut berduka cita" in told["leaves"]
    assert "sebelum 1 Mei 2026" in told["leaves"]
    assert "Batas peringkat" in told["waits"]
    assert "petugas memutuskan" in told["waits"]
    assert "petugas datang memeriksa" in told["ill"]
    assert all("keberatan" in text for text in told.values())
    assert not any(key in text for key, text in told.items())

    units = tmp_path / "units.txt"
    units.write_text("ill\nleaves\n", encoding="utf-8")
    with pytest.raises(UsageError, match="1 units do not wait"):
        decide_leavers(registry, "pkh", "2026Q1", state=CONFIRMED, units=units, **who)
    units.write_text("ill\n\n", encoding="utf-8")
    assert decide_leavers(registry, "pkh", "2026Q1", state=CONFIRMED, units=None, **who) == 2
    assert decide_leavers(registry, "pkh", "2026Q1", state=REVERSED, units=units, **who) == 1

    rows = changes(registry, "pkh", "2025Q4", "2026Q1").where(F.col(c.CHANGE) == "DROP").collect()
    found = {row[c.FAMILY_ID]: (row[c.NOTICE], row[c.EFFECTIVE_ON]) for row in rows}
    assert found["leaves"] == ("GRACE", ENDS)
    assert found["ill"] == ("REVERSED", None), "what was decided on one goes before what was decided on all"
    assert found["waits"][0] == "CONFIRMED"
    assert found["waits"][1] >= ENDS


def test_who_shows_papers_is_put_back_the_same_day_and_the_ministry_is_told(
    two_releases: Registry, tmp_path: Path
) -> None:
    registry, who = two_releases, {"role": "DINSOS", "name": "Rina"}
    units = tmp_path / "units.txt"
    units.write_text("waits\nkeeps\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"1 units were not dropped for X only in 2026Q1\.1; nothing was recorded"):
        reinstate(registry, "pkh", "2026Q1", despite=["X"], units=units, **who)
    units.write_text("waits\nleaves\n", encoding="utf-8")
    with pytest.raises(UsageError, match="2 units were not dropped for BEYOND_QUOTA only"):
        reinstate(registry, "pkh", "2026Q1", despite=["BEYOND_QUOTA"], units=units, **who)

    # Also who has been told already that the benefit ends, and after a decision that it does.
    decide_leavers(registry, "pkh", "2026Q1", state=CONFIRMED, units=None, **who)
    assert reinstate(registry, "pkh", "2026Q1", despite=["X", "Y"], units=units, **who) == 2
    today = datetime.now(UTC).date()
    folder = hand_over(registry.lake, "pkh", tmp_path, form="parquet").folder
    files = registry.lake.spark.read.parquet(*(str(file) for file in folder.glob("*.parquet")))
    told = {row[c.FAMILY_ID]: (row[c.NOTICE], row[c.EFFECTIVE_ON]) for row in files.collect()}
    assert (told["waits"], told["leaves"]) == (("REINSTATED", today), ("REINSTATED", today))
    assert told["ill"][0] == "CONFIRMED"


@pytest.mark.parametrize("change", ["ADD", "DROP"])
def test_every_cause_has_a_text(change: str) -> None:
    texts = templates()
    for cause in [*texts.because[change], "SOMETHING_NEW", "DECILE_MOVED_WIND"]:
        for notice in (
            [None]
            if change == "ADD"
            else ["GRACE", "FIELD_CHECK", "HUMAN_DECISION", "CONFIRMED", "REVERSED", "REINSTATED"]
        ):
            text = texts.text(change, cause, notice, title="PKH", notice_on=TELLS, effective_on=ENDS)
            assert "{" not in text
            assert "PKH" in text
    assert texts.because["DROP"]["DECILE_MOVED"] in texts.text(
        "DROP", "DECILE_MOVED_WIND", "GRACE", title="PKH", notice_on=TELLS, effective_on=ENDS
    )


def test_wrong_texts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "id.yaml"
    path.write_text("months: [Januari]\nbecuse: {}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="becuse"):
        templates(path)
