"""The metrics against an enumeration of every pair."""

from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark.linkage import evaluate_linkage

# For each record: true person, predicted person (None = missing from membership).
RECORDS = st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 5))), min_size=2, max_size=24)


def _frames(spark: SparkSession, records: list[tuple[int, int | None]]):
    ids = [f"dtks:{i}" for i in range(len(records))]
    truth = spark.createDataFrame(
        [(one, f"t{true}") for one, (true, _) in zip(ids, records, strict=True)],
        f"{c.RECORD_ID} string, true_person_id string",
    )
    membership = spark.createDataFrame(
        [(one, f"p{p}") for one, (_, p) in zip(ids, records, strict=True) if p is not None],
        f"{c.RECORD_ID} string, {c.PERSON_ID} string",
    )
    silver = spark.createDataFrame(
        [(one, "dtks", None) for one in ids], f"{c.RECORD_ID} string, {c.SOURCE} string, {c.NIK} string"
    )
    return membership, truth, silver


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(records=RECORDS)
def test_against_every_pair(spark: SparkSession, records: list[tuple[int, int | None]]) -> None:
    found = evaluate_linkage(*_frames(spark, records))
    true = [t for t, _ in records]
    predicted = [("alone", i) if p is None else ("p", p) for i, (_, p) in enumerate(records)]
    pairs = list(combinations(range(len(records)), 2))
    tp = sum(true[i] == true[j] and predicted[i] == predicted[j] for i, j in pairs)
    fp = sum(true[i] != true[j] and predicted[i] == predicted[j] for i, j in pairs)
    fn = sum(true[i] == true[j] and predicted[i] != predicted[j] for i, j in pairs)
    assert (found["pairwise"]["tp"], found["pairwise"]["fp"], found["pairwise"]["fn"]) == (tp, fp, fn)
    assert found["pairwise"]["precision"] == pytest.approx(tp / (tp + fp) if tp + fp else 1.0)

    def bcubed(mine: list, other: list) -> float:
        shares = [
            sum(mine[i] == mine[j] and other[i] == other[j] for j in range(len(mine))) / mine.count(mine[i])
            for i in range(len(mine))
        ]
        return sum(shares) / len(shares)

    assert found["bcubed"]["precision"] == pytest.approx(bcubed(predicted, true))
    assert found["bcubed"]["recall"] == pytest.approx(bcubed(true, predicted))


def test_permitted_pairs_are_those_of_the_best_partition(spark: SparkSession) -> None:
    # One true person with two registry rows: A with one record of its NIK, B with none, one record without a NIK.
    rows = [
        ("dukcapil:1", "dukcapil", "1"),
        ("dtks:a", "dtks", "1"),
        ("dukcapil:2", "dukcapil", "2"),
        ("p3ke:free", "p3ke", None),
    ]
    silver = spark.createDataFrame(rows, f"{c.RECORD_ID} string, {c.SOURCE} string, {c.NIK} string")
    truth = spark.createDataFrame(
        [(one, "t") for one, _, _ in rows] + [("dtks:quarantined", "t")],
        f"{c.RECORD_ID} string, true_person_id string",
    )
    membership = spark.createDataFrame(
        [("dukcapil:1", "p"), ("dtks:a", "p"), ("dukcapil:2", "q"), ("p3ke:free", "r")],
        f"{c.RECORD_ID} string, {c.PERSON_ID} string",
    )
    found = evaluate_linkage(membership, truth, silver)
    # Best: {1, a, free} and {2}: 3 pairs of the 10 of five records; one of them was found.
    assert found["permitted"] == {"recall": pytest.approx(1 / 3), "ceiling": 0.3, "pairs": 3}
    assert found["records"] == {"counted": 5, "missing": 1, "unknown_to_truth": 0}
