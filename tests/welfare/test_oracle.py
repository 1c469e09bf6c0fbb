"""The oracle: our model fitted on the truth of the families themselves, and how far we are from it."""

from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark import cli, config, tables
from dtsen_spark import columns as c
from dtsen_spark.welfare import against_oracle, family_design, oracle
from dtsen_spark.welfare.training import train
from tests.frames import frame
from tests.welfare.test_stage import households

SIZE = 300


def test_it_is_what_a_survey_of_every_family_would_train(spark: SparkSession) -> None:
    rules = config.load().welfare
    families, persons = households(range(SIZE), c.FAMILY_ID)
    money = {family[c.FAMILY_ID]: family[c.EXPENDITURE_PER_CAPITA] for family in families}
    design = family_design(
        frame(spark, tables.FAMILY_ATTRIBUTE, families), frame(spark, tables.PERSON_ATTRIBUTE, persons)
    )
    truths = spark.createDataFrame([(key, float(value)) for key, value in money.items()], "family_id string, m double")
    # A family that is not ranked has no truth to learn from.
    truths = truths.selectExpr("family_id", "cast(floor(ln(m) * 1000000 + 0.5) as bigint) as truth").where(
        "family_id <> '00000'"
    )

    best = oracle(design, truths, rules)

    # The same families as a survey that asked all of them, each weighing its members: the same folds, the same fit.
    homes = [{**f, c.HOUSEHOLD_ID: f[c.FAMILY_ID], c.WEIGHT: Decimal(f[c.MEMBERS])} for f in families[1:]]
    people = [{**person, c.HOUSEHOLD_ID: person[c.FAMILY_ID]} for person in persons]
    model = train(
        frame(spark, tables.SURVEY_HOUSEHOLD, homes),
        frame(spark, tables.SURVEY_MEMBER, people),
        shrinkage=rules.shrinkage,
        folds=rules.folds,
        interval=rules.interval,
    )
    assert model is not None
    held_out = model.card["held_out"]
    assert (best["r2"], best["rmse"]) == pytest.approx((held_out["r2"], held_out["rmse"]))
    assert 0.6 < best["r2"] < 0.95
    assert 0 < best["exclusion_error"] < 0.4
    assert oracle(design, truths.limit(0), rules) == {}


def test_the_distance_to_it_is_a_share_and_a_difference() -> None:
    figures = {"pmt": {"r2": 0.57}, "targeting": {"40": {"exclusion_error": 0.22}}}
    best = {"r2": 0.6, "rmse": 0.4, "exclusion_error": 0.2}
    found = against_oracle(figures, best)
    assert found == {**best, "r2_share": pytest.approx(0.95), "exclusion_error_more": pytest.approx(0.02)}
    assert against_oracle(figures, {}) == {}


def test_without_a_truth_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "--lake", str(tmp_path), "--hide-nik", "dtks", "--oracle"]) == 2
    assert "--truth DIR" in capsys.readouterr().err
