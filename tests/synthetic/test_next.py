"""The month after: deltas in the landing contract, and a truth that is that of the deliveries together."""

import csv
import gzip
import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from dtsen_spark import config
from dtsen_spark.errors import UsageError
from dtsen_spark.synthetic import generate, generate_next, month_of
from dtsen_spark.tables import LANDING

PERSONS = 760
SHARE = 0.8
PERSON_TABLES = ("dukcapil/penduduk", "regsosek/anggota", "dtks/anggota", "p3ke/individu")


@pytest.fixture(scope="module")
def nation(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A nation and a month of its life."""
    out = tmp_path_factory.mktemp("next") / "nation"
    # Without rows for quarantine, what was delivered is what is there.
    generate(spark, config.load(), persons=PERSONS, seed=4, out=out, profile="clean")
    shutil.copytree(out, out.with_name("copy"))
    assert generate_next(spark, out=out, period=month_of(out, None), share=SHARE).made
    return out


@pytest.fixture(scope="module")
def later(spark: SparkSession, nation: Path) -> Path:
    """The same nation two months on; the first of them was begun by a run that was killed."""
    out = nation.with_name("copy")
    (out / "landing" / "dukcapil" / "penduduk" / "20260430-01").mkdir()
    for month in ("2026-04", "2026-05"):
        assert generate_next(spark, out=out, period=month, share=SHARE).made
    return out


def rows(batch: Path) -> list[dict[str, str]]:
    return [row for part in sorted(batch.glob("part-*")) for row in csv.DictReader(gzip.open(part, "rt", newline=""))]


def delivered(nation: Path, path: str, until: str) -> dict[str, dict[str, str]]:
    """The rows of a table by key after the deliveries up to a day, in the order of the contract."""
    state: dict[str, dict[str, str]] = {}
    manifests = [json.loads(file.read_text()) for file in (nation / "landing" / path).glob("*/_manifest.json")]
    for manifest in sorted(manifests, key=lambda one: (one["as_of"], one["mode"] != "full", one["batch_id"])):
        if manifest["as_of"] <= until:
            for row in rows(nation / "landing" / path / manifest["batch_id"]):
                key = "|".join(row[name] for name in LANDING[path].key)
                if row.pop("op", "U") == "D":
                    del state[key]
                else:
                    state[key] = row
    return state


def truth(nation: Path, month: str, name: str) -> list[dict[str, str]]:
    table: list[dict[str, str]] = pq.read_table(nation / "truth" / month / f"{name}.parquet").to_pylist()
    return table


def test_a_month_is_delivered_as_the_contract_says(nation: Path) -> None:
    batches = list((nation / "landing").glob("*/*/202604*"))
    for batch in batches:
        manifest = json.loads((batch / "_manifest.json").read_text())
        path = f"{manifest['source']}/{manifest['table']}"

        assert manifest["mode"] == "delta"
        assert manifest["as_of"].startswith("2026-04")
        for file in manifest["files"]:
            part = batch / file["name"]
            with gzip.open(part, "rt", newline="") as opened:
                header, *records = csv.reader(opened)
            assert tuple(header) == ("op", *LANDING[path].columns)
            assert len(records) == file["rows"]
            assert hashlib.sha256(part.read_bytes()).hexdigest() == file["sha256"]
            assert {record[0] for record in records} <= {"U", "D"}
    updated = {"dukcapil/penduduk", "dtks/anggota", "regsosek/keluarga", "usulan/tiket"}
    assert updated <= {str(batch.parent.relative_to(nation / "landing")) for batch in batches}


def test_everything_that_may_happen_happens(nation: Path) -> None:
    changes = rows(nation / "landing" / "dukcapil" / "penduduk" / "20260430-01")
    before = delivered(nation, "dukcapil/penduduk", "2026-03-31")
    once = {row["nik"]: row for row in changes}
    known = {nik: row for nik, row in once.items() if nik in before}

    assert any(nik not in before and row["tanggal_lahir"].startswith("2026-04") for nik, row in once.items())
    assert any(row["status"] == "2" and before[nik]["status"] == "1" for nik, row in known.items())
    assert any(row["kode_wilayah"] != before[nik]["kode_wilayah"] for nik, row in known.items())
    assert any(row["status_kawin"] == "2" and before[nik]["status_kawin"] == "1" for nik, row in known.items())
    assert len(changes) > len(once), "some rows are told twice"
    alone = [row for nik, row in known.items() if row["no_kk"] != before[nik]["no_kk"]]
    assert {row["shdk"] for row in alone} >= {"1", "3"}
    assert all(row["no_kk"] not in {one["no_kk"] for one in before.values()} for row in alone)
    jobs = rows(nation / "landing" / "bpjstk" / "peserta" / "20260430-01")
    assert any(row["op"] == "U" and row["aktif"] == "0" for row in jobs)
    assert any(row["op"] == "D" for row in rows(nation / "landing" / "dtks" / "anggota" / "20260430-01"))


def test_truth_is_that_of_what_was_delivered(nation: Path) -> None:
    _check_truth(nation, "2026-04", "2026-04-30")


def test_everybody_who_lives_is_in_one_family(nation: Path) -> None:
    _check_families(nation, "2026-04", "2026-04-30")


def test_what_comes_late_is_as_it_was_before(nation: Path) -> None:
    late = rows(nation / "landing" / "dukcapil" / "penduduk" / "20260315-late")
    before = delivered(nation, "dukcapil/penduduk", "2026-01-01")
    april = {row["nik"] for row in rows(nation / "landing" / "dukcapil" / "penduduk" / "20260430-01")}

    assert late
    for row in late:
        assert before[row["nik"]] == {name: value for name, value in row.items() if name != "op"}
        assert row["nik"] in april, "told of again, so that what is newer wins"


def test_months_follow_each_other_and_are_made_once(spark: SparkSession, nation: Path, tmp_path: Path) -> None:
    assert not generate_next(spark, out=nation, period="2026-04", share=SHARE).made
    assert month_of(nation, None) == "2026-05"
    assert month_of(nation, "2026-04") == "2026-04"
    with pytest.raises(UsageError, match="--share"):
        generate_next(spark, out=nation, period="2026-04", share=SHARE / 2)
    with pytest.raises(UsageError, match="go on with 2026-05"):
        month_of(nation, "2026-08")
    with pytest.raises(UsageError, match="no nation"):
        month_of(tmp_path, None)


@pytest.mark.slow
def test_the_same_month_is_the_same_files(nation: Path, later: Path) -> None:
    def shas(root: Path) -> dict[str, str]:
        files = sorted((root / "landing").glob("*/*/*/_manifest.json"))
        return {str(file.relative_to(root)): file.read_text() for file in files}

    assert shas(nation).items() <= shas(later).items()


@pytest.mark.slow
def test_the_second_month_goes_on_from_the_first(later: Path) -> None:
    _check_truth(later, "2026-05", "2026-05-31")
    _check_families(later, "2026-05", "2026-05-31")
    told = [row["record_id"] for row in truth(later, "2026-05", "person")]
    # Newborn of both months.
    assert {"0426", "0526"} <= {record[17:21] for record in told if record.startswith("dukcapil:")}
    events = delivered(later, "usulan/peristiwa", "2026-05-31")
    opened = {row["ticket_id"] for row in events.values() if row["ticket_id"].startswith("T202604")}
    assert any(row["at"] > "2026-05" for row in events.values() if row["ticket_id"] in opened)


def _check_truth(nation: Path, month: str, last: str) -> None:
    records = [row["record_id"] for row in truth(nation, month, "person")]
    keys = {f"{path.split('/')[0]}:{key}" for path in PERSON_TABLES for key in delivered(nation, path, last)}

    assert len(records) == len(set(records))
    assert set(records) == keys


def _check_families(nation: Path, month: str, last: str) -> None:
    registry = delivered(nation, "dukcapil/penduduk", last)
    members = truth(nation, month, "family")
    persons = {row["record_id"]: row["true_person_id"] for row in truth(nation, month, "person")}
    card = {row["true_person_id"]: row["no_kk"] for row in members}
    told = {persons[f"dukcapil:{nik}"]: row["no_kk"] for nik, row in registry.items() if row["status"] in {"1", "3"}}

    assert len(card) == len(members)
    assert {person: card.get(person) for person in told} == told
    assert {row["true_family_id"] for row in members} == {
        row["true_family_id"] for row in truth(nation, month, "consumption")
    }
    # Each card with living members has one head.
    heads = Counter(row["no_kk"] for row in registry.values() if row["shdk"] == "1" and row["status"] in {"1", "3"})
    assert set(heads.values()) == {1}
    assert set(told.values()) == set(heads)
