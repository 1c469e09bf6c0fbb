"""Score against truth: fit and targeting errors, by hand."""

import numpy as np
import pytest
from pyspark.sql import SparkSession

from dtsen_spark import tables
from dtsen_spark.welfare import equity, evaluate_welfare, family_groups, stability
from tests.frames import frame


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
    # Every third family has a woman at its head, of some nothing is known; who has no NIK is every second.
    woman = [None if i % 10 == 9 else i % 3 == 0 for i in range(60)]
    groups = spark.createDataFrame(
        [(f"F{i}", woman[i], False, i < 5, None, i % 2 == 0) for i in range(60)],
        "family_id string, head_woman boolean, disability boolean, remote boolean, mononym boolean, no_nik boolean",
    )
    found = evaluate_welfare(score, member, membership, persons, families, consumption, groups)

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
    poor, chosen = (_poorest(values, members, 4) for values in (true, predicted))
    for flag, name in ((True, "yes"), (False, "no")):
        mine = np.array([value is flag for value in woman])
        errors = found["equity"]["head_woman"][name]
        both = members[poor & chosen & mine].sum()
        assert errors["families"] == mine.sum()
        assert errors["exclusion_error"] == pytest.approx(1 - both / members[poor & mine].sum())
        assert errors["inclusion_error"] == pytest.approx(1 - both / members[chosen & mine].sum())
        assert errors["poor"] == pytest.approx(members[poor & mine].sum() / members[mine].sum())
        assert errors["selected"] == pytest.approx(members[chosen & mine].sum() / members[mine].sum())
        assert errors["scored_low"] == pytest.approx(np.average((true - predicted)[mine], weights=members[mine]))
    assert found["equity"]["mononym"]["yes"] == dict.fromkeys(errors, 0)


def test_groups_of_families(spark: SparkSession) -> None:
    people = [
        {"person_id": "1", "family_id": "A", "relation": "HEAD", "sex": "P", "disability": "NONE", "nik": "3" * 16},
        {"person_id": "2", "family_id": "A", "relation": "CHILD", "sex": "L", "disability": "SEVERE", "nik": None},
        {"person_id": "3", "family_id": "B", "relation": "HEAD", "sex": "L", "nik": "4" * 16},
        {"person_id": "4", "family_id": None, "relation": "HEAD", "sex": "P"},
    ]
    names = [{"person_id": "1", "name": " SITI "}, {"person_id": "2", "name": "SITI AMINAH"}]
    names += [{"person_id": "3", "name": "BUDI SANTOSO"}, {"person_id": "4", "name": "X"}]
    families = [
        {"family_id": "A", "urban": False, "region_code": "9401012001"},
        {"family_id": "B", "urban": True, "region_code": "9401011001"},
    ]
    found = family_groups(
        frame(spark, tables.PERSON_ATTRIBUTE, people),
        frame(spark, tables.PERSON, names),
        frame(spark, tables.FAMILY_ATTRIBUTE, families),
    )
    rows = {row["family_id"]: [row[name] for name in equity.GROUPS] for row in found.collect()}
    # In the order of GROUPS: woman at the head, disability, remote, mononym, no NIK.
    assert rows == {"A": [True, True, True, True, True], "B": [False, None, False, False, False]}


def test_a_jump_counts_where_no_own_data_changed(spark: SparkSession) -> None:
    score = [{"family_id": str(i), "state": "RANKED"} for i in range(10)] + [{"family_id": "u", "state": "UNRANKED"}]
    moved = [(5, 2, 0, "DOWN"), (5, 7, 0, "UP"), (5, 2, 900, "DOWN"), (5, 4, 0, "DOWN"), (None, 3, None, "NEW")]
    change = [
        {"family_id": str(i), "decile_before": before, "decile": now, "own_data_points": own, "move": move}
        for i, (before, now, own, move) in enumerate(moved)
    ]
    found = stability(frame(spark, tables.SCORE, score), frame(spark, tables.WELFARE_CHANGE, change))
    assert found == {"jumped_without_own_data": 2 / 9, "families": 9}


def _poorest(values: np.ndarray, weights: np.ndarray, tenths: int) -> np.ndarray:
    below = np.array([weights[values < value].sum() for value in values])
    return 10 * below < tenths * weights.sum()
