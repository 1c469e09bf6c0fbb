"""What people decided on pairs: obeyed record by record, reported where it cannot be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from dtsen_spark import columns as c
from dtsen_spark.linkage import labels
from dtsen_spark.linkage import working as w

# Record, cluster, reason, grade.
MEMBERS = [
    ("dukcapil:1", "dukcapil:1", "REGISTRY", "V3"),
    ("dtks:1", "dukcapil:1", "NIK_BIRTH", "V3"),
    ("p3ke:1", "dukcapil:1", "SCORE", "V0"),
    ("regsosek:1", "dukcapil:1", "SCORE", "V0"),
    ("dukcapil:2", "dukcapil:2", "REGISTRY", "V3"),
    ("dtks:2", "dukcapil:2", "NIK_NAME", "V3"),
    ("dtks:g", "dtks:g", "SCORE_GROUP", "V0"),
    ("p3ke:g", "dtks:g", "SCORE_GROUP", "V0"),
    *((f"p3ke:chain{i:02d}", f"p3ke:chain{i:02d}", "ONLY_RECORD", "V0") for i in range(12)),
    ("regsosek:x", "regsosek:x", "ONLY_RECORD", "V0"),
]
LABELS = [
    # The score was wrong: a record of person 1 is of person 2; that person 1 has a registry row does not forbid it.
    ("p3ke:1", "dukcapil:2", "MUST_LINK"),
    # A group without registry row moves as a whole.
    ("dtks:g", "dukcapil:2", "MUST_LINK"),
    # By way of ten others.
    *((f"p3ke:chain{i:02d}", f"p3ke:chain{i + 1:02d}", "MUST_LINK") for i in range(11)),
    # Two registry rows are never one person; nor is anybody both one and not one.
    ("dukcapil:1", "dukcapil:2", "CANNOT_LINK"),
    # Leaves, and takes along what must be with it.
    ("regsosek:1", "dukcapil:1", "CANNOT_LINK"),
    ("regsosek:1", "regsosek:x", "MUST_LINK"),
    ("dtks:gone", "dukcapil:1", "MUST_LINK"),
]


@pytest.fixture
def keep(spark: SparkSession, tmp_path: Path) -> Callable[[str, DataFrame], DataFrame]:
    def kept(name: str, df: DataFrame) -> DataFrame:
        df.write.mode("overwrite").parquet(str(tmp_path / name))
        return spark.read.parquet(str(tmp_path / name))

    return kept


def _frames(spark: SparkSession, decided: list[tuple[str, str, str]]) -> tuple[DataFrame, DataFrame]:
    members = spark.createDataFrame(
        [(one, cluster, reason, None, grade, None) for one, cluster, reason, grade in MEMBERS],
        f"{c.RECORD_ID} string, {w.CLUSTER_RECORD} string, {c.MATCH_REASON} string, {c.MATCH_WEIGHT} double, "
        f"{c.NIK_GRADE} string, {c.NIK_CLAIMED} string",
    )
    return members, spark.createDataFrame(decided, f"{c.RECORD_ID_L} string, {c.RECORD_ID_R} string, {c.LABEL} string")


def test_obeyed(spark: SparkSession, keep: Callable[[str, DataFrame], DataFrame]) -> None:
    members, decided = _frames(spark, LABELS)
    rows = {row[c.RECORD_ID]: row for row in labels.obeyed(members, decided, keep).collect()}
    cluster = {one: row[w.CLUSTER_RECORD] for one, row in rows.items()}
    assert len(rows) == len(MEMBERS)
    assert {one for one, of in cluster.items() if of == "dukcapil:2"} == {
        "dukcapil:2",
        "dtks:2",
        "p3ke:1",
        "dtks:g",
        "p3ke:g",
    }
    assert {cluster[f"p3ke:chain{i:02d}"] for i in range(12)} == {"p3ke:chain00"}
    assert cluster["regsosek:1"] == cluster["regsosek:x"] != "dukcapil:1"
    assert {one for one, of in cluster.items() if of == "dukcapil:1"} == {"dukcapil:1", "dtks:1"}
    assert rows["p3ke:1"][c.MATCH_REASON] == "LABEL_MUST_LINK"
    assert all(cluster[of] == of for of in cluster.values()), "a cluster is named by one of its records"


def test_a_verified_nik_stays_behind_as_a_claim(
    spark: SparkSession, keep: Callable[[str, DataFrame], DataFrame]
) -> None:
    members, decided = _frames(spark, [("dtks:2", "dukcapil:1", "MUST_LINK")])
    moved = labels.obeyed(members, decided, keep).where(f"{c.RECORD_ID} = 'dtks:2'").collect()[0]
    assert (moved[w.CLUSTER_RECORD], moved[c.NIK_GRADE], moved[c.NIK_CLAIMED]) == ("dukcapil:1", "V2", "2")


def test_contradictions_are_reported(spark: SparkSession, keep: Callable[[str, DataFrame], DataFrame]) -> None:
    against = [
        ("dukcapil:1", "dukcapil:2", "MUST_LINK"),
        ("dtks:g", "regsosek:x", "MUST_LINK"),
        ("regsosek:x", "dtks:g", "CANNOT_LINK"),
    ]
    members, decided = _frames(spark, against)
    found = keep("final", labels.obeyed(members, decided, keep))
    reported = {tuple(row) for row in labels.contradictions(found, decided).collect()}
    assert reported == {("dukcapil:1", "dukcapil:2"), ("dtks:g", "regsosek:x")}
