"""Pairs of people who share a family, counted without listing one."""

from pyspark.sql import SparkSession

from dtsen_spark.family import evaluate_family


def test_pairs_are_counted_from_the_contingency_table(spark: SparkSession) -> None:
    ours = {"F1": "abc", "F2": "de", "F3": "f", "F4": "g"}
    true = {"T1": "ab", "T2": "cde", "T3": "f"}  # g is nobody that the truth knows
    member = spark.createDataFrame([(f, p) for f, ps in ours.items() for p in ps], "family_id string, person_id string")
    # Person a has a wrong record that most of its records outvote.
    membership = spark.createDataFrame(
        [(f"r{p}", p) for p in "abcdefg"] + [("rr", "a"), ("wrong", "a")], "record_id string, person_id string"
    )
    truth = spark.createDataFrame(
        [(f"r{p}", p.upper()) for p in "abcdef"] + [("rr", "A"), ("wrong", "D")],
        "record_id string, true_person_id string",
    )
    families = spark.createDataFrame(
        [(t, p.upper()) for t, ps in true.items() for p in ps], "true_family_id string, true_person_id string"
    )
    found = evaluate_family(member, membership, truth, families)
    # Ours: ab ac bc de; true: ab cd ce de.
    assert {name: found["pairwise"][name] for name in ("tp", "fp", "fn")} == {"tp": 2, "fp": 2, "fn": 2}
    assert found["pairwise"]["f1"] == 0.5
    assert (found["families"], found["true_families"], found["exact"]) == (3, 3, 1 / 3)
    assert (found["persons"], found["persons_unmatched"]) == (6, 1)
