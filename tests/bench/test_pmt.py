"""The survey that the benchmark of the training is made of."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dtsen_spark.bench import pmt
from dtsen_spark.welfare import features, training


@pytest.mark.slow
def test_the_survey_has_a_value_for_every_feature_and_is_the_same_each_time(
    spark: SparkSession, tmp_path: Path
) -> None:
    homes, people = pmt._survey(spark, tmp_path, 2000)
    model = training.train(homes, people, shrinkage=200, folds=2)

    assert model is not None
    assert set(model.means) >= {feature.name for feature in features.features()}
    assert model.card["held_out"]["r2"] > 0.5
    again = training.train(*pmt._survey(spark, tmp_path / "again", 2000), shrinkage=200, folds=2)
    assert again is not None
    assert again.version == model.version
