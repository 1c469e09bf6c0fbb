"""Score against truth: fit and targeting errors, by hand."""

import numpy as np
import pytest
from pyspark.sql import SparkSession

from dtsen_spark.welfare import evaluate_welfare


def test_fit_and_targeting_against_truth(spark: SparkSession) -> None:
    generator = np.random.default_rng(8)
    true = generator.normal(13.5, 0.6, 60).round(6)
    predicted = (true + generator.normal(0, 0.4, 60)).round(6)
    members = generator.integers(1, 5, 60)
    score = spark.createDataFrame(
        [(f"F{i}", int(members[i]), round(predicted[i] * 1e6)) for i in range(60)] + [("F-unranked", 3, None)],
        "family_id string, members int, score long",
    )
    people = [(f"F{i}", f"{i}-{j}") for i in range(60) for j in range(members[i])]
    member = spark.createDataFrame(people, "family_id string, person_id string")
    membership = spark.createDataFrame([(f"r{p}", p) for _, p in people], "record_id string, person_id string")
    persons = spark.createDataFrame([(f"r{p}", f"T{p}") for _, p in people], "record_id string, true_person_id string")
    families = spark.createDataFrame(
        [(f"TF{f}", f"T{p}") for f, p in people], "true_family_id string, true_person_id string"
    )
    consumption = spark.createDataFrame(
        [(f"TFF{i}", float(true[i])) for i in range(60)], "true_family_id string, log_expenditure double"
    )
    found = evaluate_welfare(score, member, membership, persons, families, consumption)

    mean = np.average(true, weights=members)
    error = np.average((true - predicted) ** 2, weights=members)
    assert found["pmt"]["families"] == 60
    assert found["pmt"]["rmse"] == pytest.approx(error**0.5, rel=1e-6)
    assert found["pmt"]["r2"] == pytest.approx(1 - error / np.average((true - mean) ** 2, weights=members), rel=1e-6)
    for tenths in (1, 2, 3, 4):
        poor, chosen = (_poorest(values, members, tenths) for values in (true, predicted))
        both = members[poor & chosen].sum()
        errors = found["targeting"][str(tenths * 10)]
        assert errors["exclusion_error"] == pytest.approx(1 - both / members[poor].sum())
        assert errors["inclusion_error"] == pytest.approx(1 - both / members[chosen].sum())


def _poorest(values: np.ndarray, weights: np.ndarray, tenths: int) -> np.ndarray:
    below = np.array([weights[values < value].sum() for value in values])
    return 10 * below < tenths * weights.sum()
