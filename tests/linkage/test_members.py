"""Two sexes and two generations are not one person (I3), whichever records say so."""

from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark.linkage import collapse, members
from dtsen_spark.linkage import working as w

from .conftest import frame, record

# Record, cluster, sex, birth year, whether its sex differs from that of the record it was linked to.
CASES = [
    ("dukcapil:1", "dukcapil:1", "L", 1970, False),
    ("dtks:1", "dukcapil:1", "L", 1980, False),  # a slip of ten years
    ("p3ke:1", "dukcapil:1", "P", 1970, True),  # a slip of the sex: fits the registry row, not the other record
    ("dukcapil:2", "dukcapil:2", "P", 1990, False),
    ("dtks:2", "dukcapil:2", "L", 1992, True),  # near enough
    ("dtks:3", "dtks:3", None, 1950, False),
    ("p3ke:3", "dtks:3", "L", 1950, True),
    ("regsosek:3", "dtks:3", "P", 1960, True),
]


def test_of_two_sexes(spark: SparkSession) -> None:
    records = collapse.prepared(
        frame(
            spark,
            [record(one, sex=sex, birth_year=year, nik=one[-1]) for one, _, sex, year, _ in CASES],
        )
    )
    everyone = spark.createDataFrame(
        [(one, cluster, "R", 1.0, "V3", None, differs) for one, cluster, _, _, differs in CASES],
        f"{c.RECORD_ID} string, {w.CLUSTER_RECORD} string, {c.MATCH_REASON} string, {c.MATCH_WEIGHT} double, "
        f"{c.NIK_GRADE} string, {c.NIK_CLAIMED} string, {w.SEX_DIFFERS} boolean",
    )
    leavers = members.of_two_sexes(everyone, records)
    assert {row[c.RECORD_ID] for row in leavers.collect()} == {"p3ke:1", "regsosek:3"}
    alone = members.without(everyone, leavers).where(f"{c.RECORD_ID} = 'p3ke:1'").collect()[0]
    assert (alone[w.CLUSTER_RECORD], alone[c.MATCH_REASON]) == ("p3ke:1", "ONLY_RECORD")
    assert (alone[c.NIK_GRADE], alone[c.NIK_CLAIMED]) == ("V2", "1")
