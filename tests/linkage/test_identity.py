"""Ids over releases: what keeps, merges, splits and ends."""

from pyspark.sql import DataFrame, SparkSession

from dtsen_spark import columns as c
from dtsen_spark.linkage import identity
from dtsen_spark.linkage import working as w

KEY = bytes(32)


def _members(spark: SparkSession, clusters: dict[str, list[str]]) -> DataFrame:
    rows = [(one, name, "R", None, "V3", None) for name, records in clusters.items() for one in records]
    return spark.createDataFrame(
        rows,
        f"{c.RECORD_ID} string, {w.CLUSTER_RECORD} string, {c.MATCH_REASON} string, {c.MATCH_WEIGHT} double, "
        f"{c.NIK_GRADE} string, {c.NIK_CLAIMED} string",
    )


def test_ids_over_two_releases(spark: SparkSession) -> None:
    first = identity.first_identities(
        _members(
            spark,
            {
                "dukcapil:1": ["dukcapil:1", "dtks:1"],
                "dtks:m1": ["dtks:m1", "p3ke:m1"],
                "dtks:m2": ["dtks:m2"],
                "dtks:s": ["dtks:s", "regsosek:s", "p3ke:s"],
                "dtks:gone": ["dtks:gone"],
            },
        ),
        KEY,
        "2026Q1.1",
    )
    before = {row[c.RECORD_ID]: row[c.PERSON_ID] for row in first.membership.collect()}
    columns = [name for name in first.membership.columns if name != w.CLUSTER_RECORD]
    again = identity.next_identities(
        _members(
            spark,
            {
                "dukcapil:1": ["dukcapil:1", "dtks:1"],
                "dtks:m1": ["dtks:m1", "p3ke:m1", "dtks:m2"],  # two persons were one
                "dtks:s": ["dtks:s"],  # the record that named the id leaves; the other two keep it
                "p3ke:s": ["p3ke:s", "regsosek:s"],
                "dtks:new": ["dtks:new"],
            },
        ),
        first.membership.select(*columns),
        KEY,
        release_id="2026Q2.1",
        previous_release="2026Q1.1",
    )
    rows = again.membership.collect()
    now = {row[c.RECORD_ID]: row for row in rows if row[c.VALID_TO] is None}
    assert now["dtks:1"][c.PERSON_ID] == before["dtks:1"]
    assert now["dtks:m2"][c.PERSON_ID] == now["dtks:m1"][c.PERSON_ID] == before["dtks:m1"]
    assert now["regsosek:s"][c.PERSON_ID] == before["regsosek:s"]
    assert now["dtks:s"][c.PERSON_ID] not in before.values(), "an id that was given out is not given out again"
    assert (now["dtks:1"][c.VALID_FROM], now["dtks:m2"][c.VALID_FROM]) == ("2026Q1.1", "2026Q2.1")
    ended = {(row[c.RECORD_ID], row[c.VALID_TO]) for row in rows if row[c.VALID_TO] is not None}
    assert ended == {("dtks:m2", "2026Q1.1"), ("dtks:s", "2026Q1.1"), ("dtks:gone", "2026Q1.1")}
    events = {(row[c.EVENT], row[c.PERSON_ID], row[c.OTHER_PERSON_ID]) for row in again.events.collect()}
    assert events == {
        ("MERGED", before["dtks:m2"], before["dtks:m1"]),
        ("SPLIT", now["dtks:s"][c.PERSON_ID], before["p3ke:s"]),
        ("RETIRED", before["dtks:gone"], None),
        ("MINTED", now["dtks:new"][c.PERSON_ID], None),
    }
