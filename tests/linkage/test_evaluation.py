"""The metrics against an enumeration of every pair."""

from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from dtsen_spark import columns as c
from dtsen_spark.linkage import calibration, evaluate_linkage

from .conftest import frame, record

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
    silver = frame(spark, [record(one) for one in ids])
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

    clusters = {p: {t for t, q in zip(true, predicted, strict=True) if q == p} for p in predicted}
    persons = {t: {p for u, p in zip(true, predicted, strict=True) if u == t} for t in true}
    assert found["clusters"] == {
        "persons": len(persons),
        "exact": sum(len(of) == 1 and clusters[next(iter(of))] == {t} for t, of in persons.items()),
        "over_split": sum(len(of) > 1 for of in persons.values()),
        "over_merged": sum(len(of) > 1 for of in clusters.values()),
    }
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
    silver = frame(spark, [record(one, nik=nik) for one, _, nik in rows])
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


def test_strata_and_what_cannot_be_separated(spark: SparkSession) -> None:
    slamet = {"name": "SLAMET", "birth": "1960-07-01"}
    silver = frame(
        spark,
        [
            record("dukcapil:1", **slamet, no_kk="11"),
            record("dukcapil:2", **slamet, no_kk="22"),
            record("dtks:either", **slamet),
            record("p3ke:of_2", **slamet, no_kk="22"),
            record("regsosek:of_1", **slamet, nik="1"),
        ],
    )
    truth = spark.createDataFrame(
        [
            ("dukcapil:1", "one", ""),
            ("dukcapil:2", "two", ""),
            ("dtks:either", "one", "nik_missing, birth_heaped"),
            ("p3ke:of_2", "two", "nik_missing"),
            ("regsosek:of_1", "one", None),
        ],
        f"{c.RECORD_ID} string, true_person_id string, error_mode string",
    )
    membership = spark.createDataFrame(
        [("dukcapil:1", "p"), ("dukcapil:2", "q"), ("dtks:either", "q"), ("p3ke:of_2", "q"), ("regsosek:of_1", "p")],
        f"{c.RECORD_ID} string, {c.PERSON_ID} string",
    )
    found = evaluate_linkage(membership, truth, silver)
    # Its card says whose p3ke:of_2 is; dtks:either could be of either, and the two pairs it truly has are lost to all.
    assert {name: found["bound"][name] for name in ("records", "pairs")} == {"records": 1, "pairs": 2}
    assert found["bound"]["recall"] == pytest.approx(1 / 2, abs=0.01)
    strata = found["strata"]
    assert strata["error: birth_heaped"]["missed_pairs"] == 2
    assert strata["error: nik_missing"]["records"] == 2
    assert (strata["no error"]["records"], strata["mononym"]["records"]) == (3, 5)
    low, value, high = (strata["source: dtks"]["precision"][name] for name in ("low", "value", "high"))
    assert low == value == 0 < high < 1


def test_probabilities_are_held_against_the_truth_by_weight_and_stratum(spark: SparkSession) -> None:
    records = [(f"{source}:{i}", i) for source in ("dtks", "dukcapil") for i in range(4)]
    silver = frame(spark, [record(one, "SLAMET") for one, _ in records])
    truth = spark.createDataFrame(
        [(one, f"{person}", "nik_missing" if person < 2 else "") for one, person in records],
        f"{c.RECORD_ID} string, true_person_id string, error_mode string",
    )
    # Four pairs of about even odds, three of which are true, and one as good as sure that is not.
    scored = [(0, 0, 0.5), (1, 1, 0.0), (2, 2, 0.0), (3, 1, 0.0), (3, 2, 60.0)]
    edges = spark.createDataFrame(
        [(f"dtks:{left}", f"dukcapil:{right}", weight) for left, right, weight in scored],
        f"{c.RECORD_ID_L} string, {c.RECORD_ID_R} string, {c.MATCH_WEIGHT} double",
    )

    found = calibration(edges, truth, silver)

    assert [(one["from_bits"], one["pairs"], one["observed"]["value"]) for one in found["bins"]] == [
        (0, 4, 0.75),
        (24, 1, 0.0),
    ]
    half = 2**0.5 / (1 + 2**0.5)
    assert found["bins"][0]["expected"] == pytest.approx((half + 1.5) / 4, abs=1e-6)
    assert found["error"] == pytest.approx((3 - half - 1.5 + 1) / 5, abs=1e-6)
    missing = found["strata"]["error: nik_missing"]
    assert (missing["pairs"], missing["observed"]["value"]) == (2, 1.0)
    assert missing["error"] == pytest.approx((2 - half - 0.5) / 2, abs=1e-6)
    assert found["strata"]["no error"]["pairs"] == 3
