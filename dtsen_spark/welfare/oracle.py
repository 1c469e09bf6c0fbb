"""What the best model of this form could reach: fitted on the true expenditure of the whole nation.

It sees the same inputs of the register as ours, so the distance to it is what the survey's size and its other way of
asking cost, not what the inputs fail to say.
"""

from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.config import WelfareConfig
from dtsen_spark.welfare import packing
from dtsen_spark.welfare.evaluation import TRUTH
from dtsen_spark.welfare.features import UNIT
from dtsen_spark.welfare.training import FOLD, LOG_ORIGIN, STRATUM, Y, stratum_key, train_on

_SHARE: Final = "40"


def oracle(design: DataFrame, truths: DataFrame, rules: WelfareConfig) -> dict[str, float]:
    """Fit the model on the truth of every family and test it on folds that it has not seen.

    Args:
        design: ``frozen.family_design`` of the nation.
        truths: ``evaluation.true_expenditure``: ranked families with their truth.
        rules: The configuration.

    Returns:
        ``r2``, ``rmse`` (log points) and ``exclusion_error`` at 40 %, all person-weighted; none without a truth.
    """
    true = truths.select(F.col(c.FAMILY_ID).alias(UNIT), F.col(TRUTH))
    # A family weighs its members, so that figures are of persons; it then counts as one when people are counted.
    # family : its truth is 1 : 0..1.
    everyone = (
        packing.unpacked(design)
        .join(true, UNIT)
        .withColumn(c.REASON, F.lit(None).cast("string"))
        .withColumn(STRATUM, stratum_key())
        .withColumn(FOLD, F.pmod(F.xxhash64(UNIT), F.lit(rules.folds)).cast("int"))
        .withColumn(Y, F.col(TRUTH) - LOG_ORIGIN)
        .withColumn(c.WEIGHT, F.col(c.MEMBERS).cast(c.COLUMNS[c.WEIGHT].type))
        .withColumn(c.MEMBERS, F.lit(1))
        .persist()
    )
    try:
        model = train_on(everyone, shrinkage=rules.shrinkage, folds=rules.folds, interval=rules.interval)
    finally:
        everyone.unpersist()
    if model is None:
        return {}
    held_out: dict[str, Any] = model.card["held_out"]
    return {
        "r2": held_out["r2"],
        "rmse": held_out["rmse"],
        "exclusion_error": held_out["targeting"][_SHARE]["exclusion_error"],
    }


def against_oracle(figures: dict[str, Any], best: dict[str, float]) -> dict[str, float]:
    """Compare our accuracy with the oracle's.

    Args:
        figures: ``evaluation.evaluate_welfare``.
        best: ``oracle``.

    Returns:
        The oracle's figures, ``r2_share`` (ours / oracle's) and ``exclusion_error_more`` (ours less oracle's, at 40 %).
    """
    if not best:
        return {}
    ours = figures["targeting"][_SHARE]["exclusion_error"]
    return {
        **best,
        "r2_share": figures["pmt"]["r2"] / best["r2"] if best["r2"] else 0.0,
        "exclusion_error_more": ours - best["exclusion_error"],
    }
