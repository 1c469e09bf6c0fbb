"""How well the model does on households that it has not seen."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.contract import local_frame
from dtsen_spark.welfare.model import NATION, Variant
from dtsen_spark.welfare.targeting import errors_at_shares

_PREDICTED: Final = "predicted"
_PROVINCE_DIGITS: Final = 2


def validate(
    rows: DataFrame, names: Sequence[str], means: Sequence[int], folds: Mapping[int, Variant]
) -> dict[str, Any]:
    """Predict every household by the model that was fitted without its fold.

    Args:
        rows: One row for each household: ``fold``, ``stratum``, ``urban``, ``members``, ``w``, ``y`` (millionths),
            ``z_<name>``.
        names: Features in order.
        means: Mean of each, hundredths.
        folds: Model of each fold, slopes in millionths for a hundredth.

    Returns:
        ``r2``, ``rmse`` (log points), ``smearing``, ``by_kind`` (urban and rural), ``by_province`` (R² and RMSE),
        ``targeting`` (errors at the poorest 10 to 40 % of persons).
    """
    spark = rows.sparkSession
    slopes = [
        (fold, *(float(model.slopes.get(name, 0.0)) for name in names), model.levels[NATION])
        for fold, model in sorted(folds.items())
    ]
    schema = ", ".join(["fold int", *(f"`b_{name}` double" for name in names), "nation double"])
    levels = [
        (fold, key, level) for fold, model in sorted(folds.items()) for key, level in sorted(model.levels.items())
    ]
    of_fold = F.broadcast(local_frame(spark, slopes, schema))
    of_stratum = F.broadcast(local_frame(spark, levels, "fold int, stratum string, level double"))
    line = F.coalesce(F.col("level"), F.col("province_level"), F.col("nation"))
    for name, mean in zip(names, means, strict=True):
        line = line + F.col(f"b_{name}") * (F.col(f"z_{name}") - F.lit(mean))
    province = F.substring("stratum", 1, _PROVINCE_DIGITS)
    of_province = of_stratum.select("fold", F.col("stratum").alias("province"), F.col("level").alias("province_level"))
    # household : fold, stratum and province are n : 1, all three broadcast.
    predicted = (
        rows.withColumn("province", province)
        .join(of_fold, "fold")
        .join(of_stratum, ["fold", "stratum"], "left")
        .join(of_province, ["fold", "province"], "left")
        .select("province", c.URBAN, c.MEMBERS, "w", "y", F.floor(line + 0.5).alias(_PREDICTED))
        .persist()
    )
    try:
        figures = _fit(predicted)
        figures["targeting"] = errors_at_shares(predicted, "y", _PREDICTED, F.col("w") * F.col(c.MEMBERS))
    finally:
        predicted.unpersist()
    return figures


def _fit(predicted: DataFrame) -> dict[str, Any]:
    weight = F.col("w").cast("decimal(14,0)")
    error = (F.col("y") - F.col(_PREDICTED)).cast("decimal(8,0)")
    y = F.col("y").cast("decimal(8,0)")
    # The exponential in millionths: a sum of integers does not hang on the order of the rows.
    back = F.floor(F.exp((F.col("y") - F.col(_PREDICTED)) / 1e6) * 1e6 + 0.5).cast("decimal(14,0)")
    sums = predicted.groupBy("province", c.URBAN).agg(
        F.sum(weight).alias("w"),
        F.sum(weight * error * error).alias("ee"),
        F.sum(weight * y).alias("y"),
        F.sum(weight * y * y).alias("yy"),
        F.sum(weight * back).alias("back"),
    )
    # As many rows as provinces, twice.
    cells = [row.asDict() for row in sums.collect()]
    kinds = {"urban": True, "rural": False}
    whole = _figures(cells)
    return {
        **whole,
        "smearing": float(f"{float(sum(cell['back'] for cell in cells) / sum(cell['w'] for cell in cells)) / 1e6:.9g}"),
        "by_kind": {name: _figures([x for x in cells if x[c.URBAN] is kind]) for name, kind in kinds.items()},
        "by_province": {
            province: _figures([x for x in cells if x["province"] == province])
            for province in sorted({cell["province"] for cell in cells})
        },
    }


def _figures(cells: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    weight, errors, first, second = (sum(int(cell[name]) for cell in cells) for name in ("w", "ee", "y", "yy"))
    if not weight:
        return {"r2": 0.0, "rmse": 0.0}
    spread = second * weight - first * first
    return {
        "r2": 1 - errors * weight / spread if spread else 0.0,
        "rmse": float((errors / weight) ** 0.5 / 1e6),
    }
