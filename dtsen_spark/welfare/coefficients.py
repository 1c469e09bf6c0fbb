"""A model's coefficients as the executors have them: constants of the generated code, one for each variant.

A part of a score is slope × distance from the mean, rounded to points (millionths of log rupiah). What is generated
for it has no nulls and no checks of overflow, for the whole map is one method, which Java compiles only while it is
small: values are doubles that hold whole numbers, and so are their sums, exact far below 2^53. Levels stand in an array
by number of the place, already taken from province or nation where a place was not surveyed; a join on text for each
of these would cost more than all products together.
"""

import math
from typing import Final

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.contract import local_frame
from dtsen_spark.expressions import constant
from dtsen_spark.welfare import packing
from dtsen_spark.welfare.features import HUNDREDTHS, Feature
from dtsen_spark.welfare.model import LISTED, MICRO, NATION, PATTERNS, PmtModel, Variant

# Number of a variant among the model's, in the order of their names.
VARIANT_NUMBER: Final = "_variant"
LEVEL: Final = "_level"
# Of the score: by the place's level, the slopes and whole blocks that the variant does without; log points squared.
VARIANCE: Final = "_variance"
_KEY: Final = "_key"
_NUMBER: Final = "_number"
_LEVELS: Final = "_levels"
_VARIANCES: Final = "_variances"
_NATION: Final = "_nation"
_NATION_VARIANCE: Final = "_nation_variance"
# Codes of kab/kota have four digits, and each has an urban and a rural part.
_KINDS: Final = 2
_KABS: Final = 10_000
_OF_PROVINCE: Final = _KABS // 100 * _KINDS


def place_number() -> Column:
    """Return the number of a unit's place: its kab/kota's code twice, and one more in the urban part."""
    urban = F.coalesce(F.col(c.URBAN), F.lit(False)).cast("int")
    return F.col(c.KAB_CODE).try_cast("int") * F.lit(_KINDS) + urban


def variant_keys(model: PmtModel) -> dict[str, int]:
    """Return what families find each variant of a model by: its number; of a model by place that of the place."""
    names = sorted(model.variants)
    if model.by_place:
        return {name: int(name[:-1]) * _KINDS + (name[-1] == "U") for name in names}
    return {name: number for number, name in enumerate(names)}


def with_coefficients(design: DataFrame, model: PmtModel, key: Column) -> DataFrame:
    """Put level and variance of its variant and place on every family.

    Args:
        design: One row for each family: ``kab_code``, ``urban``.
        model: The model.
        key: Its variant's key (``variant_keys``).

    Returns:
        The rows with ``model_variant``, ``_variant``, ``_level`` (points) and ``_variance``; of a model by place the
        first, level and variance are null where the place is none of the model's.
    """
    keys = variant_keys(model)
    rows = []
    for number, (name, fitted) in enumerate(sorted(model.variants.items())):
        levels, variances = ([], []) if model.by_place else _by_place(fitted, model)
        own = model.coefficient_variance + model.gaps.get(name, 0.0)
        nation = float(_points(fitted.levels[NATION])), _unsurveyed(fitted, model) + own
        rows.append((keys[name], name, number, levels, [v + own for v in variances], *nation))
    schema = (
        f"{_KEY} int, {c.MODEL_VARIANT} string, {_NUMBER} int, {_LEVELS} array<double>, "
        f"{_VARIANCES} array<double>, {_NATION} double, {_NATION_VARIANCE} double"
    )
    table = F.broadcast(local_frame(design.sparkSession, rows, schema))
    place = place_number()
    # Never null, for it stands in every part: where the place is none of the model's, the first; nothing comes of it.
    variant = F.coalesce(_NUMBER, F.lit(0)) if model.by_place else F.col(_KEY)
    # family : its variant is n : 1, of a model by place n : 0..1; four rows, or a thousand.
    return (
        design.withColumn(_KEY, key)
        .join(table, _KEY, "left" if model.by_place else "inner")
        .withColumn(LEVEL, F.coalesce(F.get(_LEVELS, place), F.col(_NATION)))
        .withColumn(VARIANT_NUMBER, variant)
        .withColumn(VARIANCE, F.coalesce(F.get(_VARIANCES, place), F.col(_NATION_VARIANCE)))
        .drop(_KEY, _NUMBER, _LEVELS, _VARIANCES, _NATION, _NATION_VARIANCE)
    )


def part(feature: Feature, model: PmtModel, variant: Column) -> Column:
    """Return the points that a feature brings: slope × distance from the mean, or what its absence brings.

    Args:
        feature: The feature, of a packed and opened design.
        model: The model.
        variant: Number of the family's variant, not null.

    Returns:
        Double column that holds a whole number.
    """
    fitted = [variant_ for _, variant_ in sorted(model.variants.items())]
    slopes = [one.slopes.get(feature.name, 0.0) * MICRO for one in fitted]
    absences = [float(_points(one.slopes.get(f"{feature.name}_missing", 0.0) * HUNDREDTHS)) for one in fitted]
    here = packing.value(feature)
    distance = here.cast("double") - F.lit(float(int(model.means[feature.name])))
    points = F.rint(constant(slopes, variant) * distance)
    return F.when(here != packing.UNKNOWN, points).otherwise(constant(absences, variant))


def of_lists(model: PmtModel, variant: Column) -> Column | None:
    """Return the points that the lists a family is on bring; None where the model has nothing of them.

    Args:
        model: The model.
        variant: Number of the family's variant, not null.

    Returns:
        Double column that holds a whole number.
    """
    if model.listing is None:
        return None
    points = [one for name in sorted(model.variants) for one in model.listing.points(name)]
    return constant(points, variant * F.lit(PATTERNS) + pattern())


def pattern() -> Column:
    """Return the lists that a family is on as its design has them, not null: of whom no member is known, on none."""
    return F.coalesce(F.col(LISTED), F.lit(0))


def _points(value: float) -> int:
    return math.floor(value * MICRO + 0.5)


def _unsurveyed(fitted: Variant, model: PmtModel) -> float:
    """Variance of the level where neither place nor province was surveyed."""
    # A place without a survey differs from its province, and that from the nation, as places do.
    return fitted.level_errors.get(NATION, 0.0) ** 2 + model.place_variance + model.province_variance


def _by_place(fitted: Variant, model: PmtModel) -> tuple[list[float], list[float]]:
    """Level and its variance by number of the place: its own, else its province's, else the nation's."""
    levels = np.full(_KABS * _KINDS, float(_points(fitted.levels[NATION])))
    variances = np.full(_KABS * _KINDS, _unsurveyed(fitted, model))
    # Provinces have shorter keys: they come first, and their places overwrite them.
    for key in sorted(set(fitted.levels) - {NATION}, key=lambda key: (len(key), key)):
        kab, _, kind = key.partition(":")
        own = fitted.level_errors.get(key, 0.0) ** 2
        if kind:
            here = slice(int(kab) * _KINDS + (kind == "U"), int(kab) * _KINDS + (kind == "U") + 1)
        else:
            here = slice(int(kab) * _OF_PROVINCE, (int(kab) + 1) * _OF_PROVINCE)
            own += model.place_variance
        levels[here], variances[here] = _points(fitted.levels[key]), own
    return levels.tolist(), variances.tolist()
