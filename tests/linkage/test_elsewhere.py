"""Deliveries made elsewhere: sources without NIKs, without rows, with names of other languages, nothing at all."""

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables

from .conftest import KEY, Lab, crowd, nik, record

pytestmark = pytest.mark.slow

FOREIGN = ("OSULLIVAN SAOIRSE", "NGUYEN VAN AN", "SMITH JONES MARY ANN", "MULLER JURGEN", "XI", "DE LA CRUZ MARIA")


@pytest.fixture
def fresh(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lake of its own: no model and no ids from other tests."""
    monkeypatch.setenv("DTSEN_ID_KEY", KEY)
    return Lab(spark, tmp_path)


def _without_niks(source: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, c.NIK: None} if row[c.SOURCE] == source else row for row in rows]


def test_dtks_without_any_nik(fresh: Lab) -> None:
    verified = [
        {
            **row,
            c.RECORD_ID: row[c.RECORD_ID].replace("dtks:", "regsosek:"),
            c.SOURCE: "regsosek",
            # A household of another source: within one, nobody is listed twice.
            c.FAMILY_RECORD_ID: row[c.FAMILY_RECORD_ID].replace("dtks/rumah_tangga", "regsosek/keluarga"),
        }
        for row in crowd(600)
        if row[c.SOURCE] == "dtks"
    ]
    rows = _without_niks("dtks", [*crowd(600), *verified])
    linked = fresh.run(rows)
    anchors = {row[c.RECORD_ID]: row[c.NIK] for row in crowd(600) if row[c.SOURCE] == "dtks"}
    right = [one for one, of in anchors.items() if linked.together(one, f"dukcapil:{of}")]
    people = {row[c.NIK]: linked.person(row[c.RECORD_ID]) for row in crowd(600) if row[c.SOURCE] == "dukcapil"}
    theirs = {person: number for number, person in people.items()}
    wrong = [one for one, of in anchors.items() if theirs.get(linked.person(one), of) != of]
    assert len(right) >= 0.98 * len(anchors)
    assert wrong == []
    assert {linked.rows[one][c.NIK_GRADE] for one in anchors} == {"V0"}


def test_names_of_other_languages_and_a_source_without_rows(fresh: Lab) -> None:
    rows = crowd(600)
    for i, name in enumerate(FOREIGN):
        number, birth = nik(500 + i, f"19{60 + i}-0{1 + i}-1{i}"), f"19{60 + i}-0{1 + i}-1{i}"
        rows += [
            record(f"dukcapil:{number}", name, birth),
            record(f"dtks:f{i}", " ".join(reversed(name.split())), birth, nik=number),
            record(f"regsosek:f{i}", name, birth),
        ]
    # Written in letters that the normal form has none for: a record without a name.
    rows.append({**record("regsosek:nameless", None, "1970-01-01"), c.NAME: "王伟"})
    linked = fresh.run(rows)
    for i in range(len(FOREIGN)):
        number = nik(500 + i, f"19{60 + i}-0{1 + i}-1{i}")
        assert linked.together(f"dukcapil:{number}", f"dtks:f{i}", f"regsosek:f{i}")
    assert linked.reason("regsosek:nameless") == "ONLY_RECORD"


def test_no_registry_no_rows(fresh: Lab) -> None:
    others = [row for row in crowd(40) if row[c.SOURCE] == "dtks"]
    linked = fresh.run(
        [*others, record("regsosek:c3", others[3][c.NAME], str(others[3][c.BIRTH_DATE]), nik=others[3][c.NIK])]
    )
    assert linked.together("dtks:c3", "regsosek:c3"), "one NIK, one name, one birth date"
    assert len({row[c.PERSON_ID] for row in linked.rows.values()}) == len(others)
    assert fresh.run([]).rows == {}


def test_the_same_first_release_under_2_and_16_partitions(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTSEN_ID_KEY", KEY)
    rows = _without_niks("dtks", crowd(300)) + [row for row in crowd(900) if row[c.SOURCE] == "dukcapil"][300:]
    rows += [
        {**row, c.RECORD_ID: f"p3ke:{row[c.RECORD_ID]}", c.SOURCE: "p3ke"}
        for row in crowd(900)
        if row[c.SOURCE] == "dtks"
    ]
    found = []
    for partitions, given in (("2", rows), ("16", list(reversed(rows)))):
        spark.conf.set("spark.sql.shuffle.partitions", partitions)
        try:
            linked = Lab(spark, tmp_path / partitions).run(given)
        finally:
            spark.conf.set("spark.sql.shuffle.partitions", "2")
        hashes = {path: written.content_hash for path, written in linked.job.outputs.items()}
        model = linked.job.read(tables.EDGE).select(F.min(c.MODEL_VERSION)).collect()[0][0]
        found.append((hashes, model, {one: row[c.PERSON_ID] for one, row in linked.rows.items()}))
    assert found[0] == found[1]
    assert set(found[0][0]) >= {"linkage/membership", "linkage/edge", "linkage/crosswalk", "linkage/review_queue"}
