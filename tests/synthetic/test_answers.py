"""What ministries answer: by the hand-over that they got and the nation's truth, never by the lake."""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from dtsen_spark import config
from dtsen_spark.errors import UsageError
from dtsen_spark.synthetic.answers import ANSWERS, answer, handed_over
from dtsen_spark.synthetic.generate import RECORD, VERSION
from dtsen_spark.tables import LANDING

MONTH = "2026-04"
COLUMNS = ("family_id", "nik", "name", "decision", "notice", "effective_on", "benefit_idr_year")
POOR, RICH = 13.0, 16.0  # log expenditure of either


def hand_over(folder: Path, release_id: str, units: list[tuple], program: str = "pkh") -> None:
    """Write what ``dtsen handover`` writes, in two files."""
    target = folder / program / release_id / "csv"
    target.mkdir(parents=True)
    parts = {"1101": units[::2], "3201": units[1::2]}
    for region, rows in parts.items():
        with (target / f"{region}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows)
    manifest = {
        "program": program,
        "unit": "family",
        "release_id": release_id,
        "rows": len(units),
        "columns": [{"column": name} for name in COLUMNS],
        "files": [{"name": f"{region}.csv"} for region in parts],
    }
    (target / "manifest.json").write_text(json.dumps(manifest))


def selected(name: str, nik: str, benefit: str = "3000001") -> tuple:
    return (name, nik, "A, B", "SELECTED", "", "", benefit)


def leaver(name: str, notice: str, ends: str) -> tuple:
    return (name, nik(1), "C", "NOT_ELIGIBLE", notice, ends, "")


def nik(number: int) -> str:
    return f"32010{number:011d}"


@pytest.fixture
def make_nation(tmp_path: Path) -> Callable[..., Path]:
    """A nation of which only the record and a month's truth are there: person n is alive, or dead from 9,000 on."""

    def make(name: str, seed: int = 5) -> Path:
        out, truth = tmp_path / name, tmp_path / name / "truth" / MONTH
        truth.mkdir(parents=True)
        persons = [*range(1, 2001), 9001]
        record = {"version": VERSION, "seed": seed, "generate": config.load().generate.model_dump(mode="json")}
        (out / RECORD).write_text(json.dumps(record))
        living = [number for number in persons if number < 9000]
        tables = {
            "person": {
                "record_id": [f"dukcapil:{nik(n)}" for n in persons] + [f"dtks:{n}" for n in persons],
                "true_person_id": [f"P{n}" for n in persons] * 2,
                "error_mode": [""] * 2 * len(persons),
            },
            "family": {
                "true_family_id": [f"F{n}" for n in living],
                "true_person_id": [f"P{n}" for n in living],
                "no_kk": [""] * len(living),
            },
            "consumption": {
                "true_family_id": [f"F{n}" for n in living],
                "log_expenditure": [RICH if n > 1500 else POOR for n in living],
            },
        }
        for table, columns in tables.items():
            pq.write_table(pa.table(columns), truth / f"{table}.parquet")
        return out

    return make


def delivered(nation: Path) -> dict[str, dict[str, str]]:
    batch = nation / "landing" / ANSWERS / "20260430-01"
    manifest = json.loads((batch / "_manifest.json").read_text())
    told = (manifest["source"], manifest["table"], manifest["mode"], manifest["as_of"])
    assert told == ("program", "tanggapan", "delta", "2026-04-30")
    rows: list[dict[str, str]] = []
    for part in manifest["files"]:
        with gzip.open(batch / part["name"], "rt", newline="") as file:
            read = csv.DictReader(file)
            assert read.fieldnames == ["op", *LANDING[ANSWERS].columns]
            own = list(read)
        assert len(own) == part["rows"]
        rows += own
    assert {row["op"] for row in rows} == {"U"}
    found = {row["unit_id"]: row for row in rows}
    assert len(found) == len(rows), "a unit is answered once"
    return found


def test_a_month_answers_the_hand_over_by_what_is_true(
    spark: SparkSession, tmp_path: Path, make_nation: Callable[..., Path]
) -> None:
    units = [
        *(selected(f"U{n}", nik(n)) for n in range(1, 2001)),
        selected("dead", nik(9001)),
        selected("unknown", nik(9002)),
        selected("nameless", ""),
        leaver("waits", "HUMAN_DECISION", ""),
        leaver("reversed", "REVERSED", ""),
        leaver("reinstated", "REINSTATED", "2026-04-02"),
        leaver("later", "GRACE", "2026-05-01"),
        *(leaver(f"gone{n}", "GRACE", "2026-04-01") for n in range(200)),
        ("never", nik(2), "D", "NOT_ELIGIBLE", "", "", ""),
    ]
    hand_over(tmp_path / "out", "2026Q1.1", units)
    handed = handed_over(tmp_path / "out", MONTH)
    nation = make_nation("nation")
    count = answer(spark, out=nation, period=MONTH, handed=handed)
    found = delivered(nation)

    assert count == len(found)
    assert {(row["program"], row["release_id"]) for row in found.values()} == {("pkh", "2026Q1.1")}
    words = {name: (row["status"], row["reason"]) for name, row in found.items()}
    assert (words["dead"], words["unknown"]) == (("NOT_FOUND", "MENINGGAL"), ("NOT_FOUND", "NIK_TIDAK_DIKENAL"))
    assert words["nameless"] == words["unknown"]
    assert {words[name] for name in ("waits", "reversed", "reinstated", "later")} == {("PAID", "")}
    assert "never" not in found
    # One in ten of those whose benefit ended is paid on.
    assert 5 <= sum(name.startswith("gone") for name in found) <= 40
    well_off = Counter(words.get(f"U{n}", ("", "")) for n in range(1501, 2001))
    poor = Counter(words.get(f"U{n}", ("", "")) for n in range(1, 1501))
    assert 200 <= well_off["REFUSED", "MAMPU"] <= 300
    assert poor["REFUSED", "MAMPU"] == 0
    assert 1380 <= poor["PAID", ""] <= 1470
    assert all(poor[why] for why in (("NOT_FOUND", "PINDAH"), ("PENDING", "REKENING_BELUM_AKTIF"), ("", "")))
    assert {row["amount_idr"] for row in found.values() if row["status"] != "PAID"} == {""}
    assert next(row["amount_idr"] for name, row in found.items() if words[name] == ("PAID", "")) == "750000"
    assert {row["at"][:7] for row in found.values()} == {MONTH}

    def shas(out: Path) -> list[str]:
        manifest = out / "landing" / ANSWERS / "20260430-01" / "_manifest.json"
        return [file["sha256"] for file in json.loads(manifest.read_text())["files"]]

    assert answer(spark, out=nation, period=MONTH, handed=handed) == count, "what stands is left as it is"
    for name, seed in (("again", 5), ("other", 6)):
        answer(spark, out=make_nation(name, seed), period=MONTH, handed=handed)
    assert shas(nation) == shas(tmp_path / "again") != shas(tmp_path / "other")


def test_the_newest_hand_over_before_the_month_is_answered(tmp_path: Path) -> None:
    for release_id in ("2025Q4.1", "2026Q1.2", "2026Q1.10", "2026-04.1"):
        hand_over(tmp_path, release_id, [selected("U1", nik(1))])
    hand_over(tmp_path, "2025Q4.1", [selected("U1", nik(1))], program="bpnt")
    found = {one.program: one for one in handed_over(tmp_path, MONTH)}
    assert {name: one.release_id for name, one in found.items()} == {"bpnt": "2025Q4.1", "pkh": "2026Q1.10"}
    assert [file.name for file in found["pkh"].files] == ["1101.csv", "3201.csv"]
    with pytest.raises(UsageError, match="no CSV hand-over of a period before 2025-10"):
        handed_over(tmp_path, "2025-10")
