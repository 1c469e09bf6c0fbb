"""Two records that state one NIK: which rule says that they are one person, and which pairs no rule takes."""

from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.linkage import agreement, collapse, scoring

from .conftest import frame, record

REGISTRY = {"name": "RUDI HERMANSYAH", "birth": "1975-04-09"}
WOMAN = {c.SEX: "P"}
# What the other record says, and the rule that takes it.
CASES: list[tuple[dict[str, Any], str | None]] = [
    ({"name": "RUDY HERMANSYAH", "birth": "1975-04-09"}, "NIK_NAME_BIRTH"),
    ({"name": "RUDI HERMANSYAH", "birth": "1975-09-04"}, "NIK_NAME_BIRTH"),  # day and month changed places
    ({"name": "RUDI", "birth": "1975-01-01"}, "NIK_NAME_BIRTH"),  # short name, put-in date
    ({"name": "RUDI HERMANSYAH", "birth": None}, "NIK_NAME_BIRTH"),
    ({"name": "RUDI HERMANSYAH", "birth": "1975-04-09", **WOMAN}, "NIK_NAME_BIRTH"),  # slip of the sex
    ({"name": "MANSYAH", "birth": "1975-06-30"}, "NIK_NAME_BIRTH"),  # tail of the name
    ({"name": "R HERMANSYAH", "birth": "1975-01-01"}, "NIK_NAME_BIRTH"),  # initial
    ({"name": "RUDI HERMANSYAH", "birth": "1991-12-30", **WOMAN}, None),  # another sex and another generation (I3)
    ({"name": "WAWAN", "birth": "1975-04-09"}, "NIK_BIRTH"),
    ({"name": "RUDI HERMANSYAH", "birth": "1991-12-30"}, "NIK_NAME"),
    ({"name": "WAWAN", "birth": "1974-04-09"}, "NIK_DAY"),
    ({"name": "WAWAN", "birth": "1975-12-31", c.NO_KK: "3201010101990001"}, "NIK_KK_YEAR"),
    # The head's NIK on his wife, on his child who bears his name, on a stranger.
    ({"name": "NURUL HERMANSYAH", "birth": "1975-11-23", **WOMAN, c.NO_KK: "3201010101990001"}, None),
    ({"name": "FAJAR RUDI", "birth": "2005-08-14", c.NO_KK: "3201010101990001"}, None),
    ({"name": "TARMIZI TAHER", "birth": "1958-01-30"}, None),
    ({"name": "TARMIZI TAHER", "birth": None}, None),
]


def test_rules(spark: SparkSession) -> None:
    scoring.similarity_functions(spark)
    registry = frame(spark, [record("dukcapil:1", **REGISTRY, no_kk="3201010101990001")])
    other = collapse.prepared(registry).select(*(F.col(n).alias(f"r_{n}") for n in agreement.COMPARED))
    rows = [record(f"dtks:{i:02d}", **values) for i, (values, _) in enumerate(CASES)]
    found = (
        collapse.prepared(frame(spark, rows))
        .crossJoin(other)
        .select(c.RECORD_ID, agreement.rule("r_").alias("rule"))
        .orderBy(c.RECORD_ID)
        .collect()
    )
    assert [row["rule"] for row in found] == [rule for _, rule in CASES]
