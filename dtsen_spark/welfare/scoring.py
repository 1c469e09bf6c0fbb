"""Scoring: one narrow map over the features, coefficients broadcast, in fixed point, every part kept."""

from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.contract import local_frame
from dtsen_spark.welfare.features import Block, Feature, features
from dtsen_spark.welfare.model import NATION, PmtModel
from dtsen_spark.welfare.training import stratum_key

RANKED: Final = "RANKED"
UNRANKED: Final = "UNRANKED"
NO_MODEL: Final = "NO_MODEL"
NO_REGION: Final = "NO_REGION"
NO_MEMBERS: Final = "NO_MEMBERS"
NO_INDICATORS: Final = "NO_INDICATORS"

_VARIANT: Final = "variant"
_MICRO: Final = 1_000_000
# Name of the part that is the place's level.
LEVEL_PART: Final = "level"


def score(design: DataFrame, model: PmtModel) -> DataFrame:
    """Score families: level of the place plus, for each feature, slope × distance from the survey's mean.

    A missing feature counts as the mean (its part is 0), unless the survey lacked it often enough to give missing a
    coefficient of its own; a family of whom no asset, or no dwelling, is known is scored by the variant that was
    fitted without them. Either lowers ``confidence``.

    Args:
        design: One row for each family: ``members``, ``region_code``, ``kab_code``, ``urban`` and the features.
        model: The model.

    Returns:
        The rows with ``score`` (null where unranked), ``log_expenditure``, ``expenditure_idr_month``, ``state``
        (``UNRANKED`` where it cannot be scored), ``reason``, ``confidence``, ``score_parts``.
    """
    used = [f for f in features() if any(f.name in v.slopes for v in model.variants.values())]
    placed = _with_coefficients(design.withColumn(_VARIANT, _variant(used)), model, used)
    parts = {f.name: _part(f, model) for f in used}
    indicators: dict[str, Column] = {}
    for feature in used:
        part = parts[feature.name]
        held = indicators.get(feature.indicator)
        indicators[feature.indicator] = part if held is None else held + part
    level = F.coalesce("level_kab", "level_province", "level_nation")
    named = placed.select(
        "*",
        F.floor(level * _MICRO + 0.5).alias(f"p_{LEVEL_PART}"),
        *(part.alias(f"p_{name}") for name, part in indicators.items()),
    )
    order = sorted([LEVEL_PART, *indicators])
    total: Column = F.lit(0).cast("long")
    for name in order:
        total = total + F.col(f"p_{name}")
    reason = _reason(used)
    ranked = F.col(c.REASON).isNull()
    struct = [F.struct(F.lit(name).alias("indicator"), F.col(f"p_{name}").alias("points")) for name in order]
    return (
        named.withColumn(c.REASON, reason)
        .withColumn(c.SCORE, F.when(ranked, total))
        .withColumn(c.SCORE_PARTS, F.when(ranked, F.array(*struct)))
        .withColumn(c.LOG_EXPENDITURE, F.col(c.SCORE) / F.lit(float(_MICRO)))
        .withColumn(
            c.EXPENDITURE_IDR_MONTH, F.floor(F.exp(c.LOG_EXPENDITURE) * F.lit(model.smearing) + 0.5).cast("long")
        )
        .withColumn(c.STATE, F.when(ranked, F.lit(RANKED)).otherwise(F.lit(UNRANKED)))
        .withColumn(c.CONFIDENCE, _confidence(used))
    )


def without_model(design: DataFrame) -> DataFrame:
    """Leave every family unranked: there is no model and no survey to train one.

    Args:
        design: One row for each family.

    Returns:
        The rows with the columns that ``score`` adds.
    """
    return (
        design.withColumn(c.SCORE, F.lit(None).cast("long"))
        .withColumn(c.SCORE_PARTS, F.lit(None).cast("array<struct<indicator:string,points:bigint>>"))
        .withColumn(c.LOG_EXPENDITURE, F.lit(None).cast("double"))
        .withColumn(c.EXPENDITURE_IDR_MONTH, F.lit(None).cast("long"))
        .withColumn(c.STATE, F.lit(UNRANKED))
        .withColumn(c.REASON, F.lit(NO_MODEL))
        .withColumn(c.CONFIDENCE, F.lit(0.0))
    )


def _variant(used: list[Feature]) -> Column:
    def any_of(block: Block) -> Column:
        known: Column = F.lit(False)
        for feature in used:
            if feature.block is block:
                known = known | F.col(feature.column).isNotNull()
        return known

    return (
        F.when(any_of(Block.ASSET), F.lit("full"))
        .when(any_of(Block.DWELLING), F.lit("dwelling"))
        .otherwise(F.lit("person"))
    )


def _with_coefficients(design: DataFrame, model: PmtModel, used: list[Feature]) -> DataFrame:
    spark: SparkSession = design.sparkSession
    names = [name for f in used for name in (f.name, f"{f.name}_missing")]
    slopes = [
        (variant, *(float(fitted.slopes.get(name, 0.0)) for name in names), fitted.levels[NATION])
        for variant, fitted in sorted(model.variants.items())
    ]
    schema = ", ".join([f"{_VARIANT} string", *(f"`b_{name}` double" for name in names), "level_nation double"])
    levels = [
        (variant, stratum, level)
        for variant, fitted in sorted(model.variants.items())
        for stratum, level in sorted(fitted.levels.items())
    ]
    table = local_frame(spark, levels, f"{_VARIANT} string, place string, level double")
    of_kab = table.select(_VARIANT, F.col("place").alias("_stratum"), F.col("level").alias("level_kab"))
    of_province = table.select(_VARIANT, F.col("place").alias("_province"), F.col("level").alias("level_province"))
    # family : coefficients are n : 1, family : level is n : 0..1; all three are small and broadcast.
    return (
        design.withColumn("_stratum", stratum_key())
        .withColumn("_province", F.substring(c.KAB_CODE, 1, 2))
        .join(F.broadcast(local_frame(spark, slopes, schema)), _VARIANT)
        .join(F.broadcast(of_kab), [_VARIANT, "_stratum"], "left")
        .join(F.broadcast(of_province), [_VARIANT, "_province"], "left")
    )


def _part(feature: Feature, model: PmtModel) -> Column:
    mean = F.lit(int(model.means[feature.name]))
    here = F.floor(F.col(f"b_{feature.name}") * _MICRO * (F.col(feature.column) - mean) + 0.5)
    absent = F.floor(F.col(f"b_{feature.name}_missing") * (_MICRO * 100) + 0.5)
    return F.coalesce(here, absent)


def _reason(used: list[Feature]) -> Column:
    telling: Column = F.lit(False)
    for feature in used:
        if not feature.demographic:
            telling = telling | F.col(feature.column).isNotNull()
    return (
        F.when(F.col(c.KAB_CODE).isNull(), F.lit(NO_REGION))
        .when(F.coalesce(F.col(c.MEMBERS), F.lit(0)) < 1, F.lit(NO_MEMBERS))
        .when(~telling, F.lit(NO_INDICATORS))
    )


def _confidence(used: list[Feature]) -> Column:
    if not used:
        return F.lit(0.0)
    known: Column = F.lit(0)
    for feature in used:
        known = known + F.col(feature.column).isNotNull().cast("int")
    return known / F.lit(float(len(used)))
