"""Two sexes and two generations are not one person (I3), and a number of several persons is nobody's."""

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


MEMBER = (
    f"{c.RECORD_ID} string, {w.CLUSTER_RECORD} string, {c.MATCH_REASON} string, {c.MATCH_WEIGHT} double, "
    f"{c.NIK_GRADE} string, {c.NIK_CLAIMED} string, {w.SEX_DIFFERS} boolean"
)


def test_a_number_that_several_persons_state_is_nobodys(spark: SparkSession) -> None:
    # Record, cluster, NIK, whether the registry has it.
    cases = [
        ("dtks:1", "dtks:1", "own", False),
        ("p3ke:1", "dtks:1", "own", False),  # one person, two records: the number is theirs
        ("dtks:2", "dtks:2", "two", False),
        ("dtks:3", "dtks:3", "two", False),
        *((f"dtks:{n}", f"dtks:{n}", "many", False) for n in (4, 5, 6)),
        ("dtks:7", "dtks:7", "registered", True),
        ("dtks:8", "dtks:8", "registered", True),  # grade V2 and a claim already
        ("dtks:9", "dtks:9", None, False),
    ]
    residue = spark.createDataFrame(
        [(one, nik, known) for one, _, nik, known in cases],
        f"{c.RECORD_ID} string, {c.NIK} string, {w.IN_REGISTRY} boolean",
    )
    grades = {"registered": "V2", None: "V0"}
    everyone = spark.createDataFrame(
        [(one, to, "R", 1.0, grades.get(nik, "V1"), nik if known else None, False) for one, to, nik, known in cases],
        MEMBER,
    )
    shared = members.shared_numbers(everyone, residue)
    found = {
        row[c.RECORD_ID]: (row[c.NIK_GRADE], row[c.NIK_CLAIMED])
        for row in members.disowned(everyone, shared, dummy_persons=3).collect()
    }
    assert found == {
        "dtks:1": ("V1", None),
        "p3ke:1": ("V1", None),
        "dtks:2": ("V1", "two"),
        "dtks:3": ("V1", "two"),
        **{f"dtks:{n}": ("V0", "many") for n in (4, 5, 6)},
        "dtks:7": ("V2", "registered"),
        "dtks:8": ("V2", "registered"),
        "dtks:9": ("V0", None),
    }


def test_of_two_sexes(spark: SparkSession) -> None:
    records = collapse.prepared(
        frame(
            spark,
            [record(one, sex=sex, birth_year=year, nik=one[-1]) for one, _, sex, year, _ in CASES],
        )
    )
    everyone = spark.createDataFrame(
        [(one, cluster, "R", 1.0, "V3", None, differs) for one, cluster, _, _, differs in CASES],
        MEMBER,
    )
    leavers = members.of_two_sexes(everyone, records, lambda _, df: df)
    assert {row[c.RECORD_ID] for row in leavers.collect()} == {"p3ke:1", "regsosek:3"}
    alone = members.without(everyone, leavers).where(f"{c.RECORD_ID} = 'p3ke:1'").collect()[0]
    assert (alone[w.CLUSTER_RECORD], alone[c.MATCH_REASON]) == ("p3ke:1", "ONLY_RECORD")
    assert (alone[c.NIK_GRADE], alone[c.NIK_CLAIMED]) == ("V2", "1")
