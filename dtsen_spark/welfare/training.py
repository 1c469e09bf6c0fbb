"""Training of the proxy means test: sums over the survey in Spark, solution on the driver, validation in Spark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.welfare.features import UNIT, Block, Feature, design, features
from dtsen_spark.welfare.model import (
    FULL,
    Moments,
    PmtModel,
    Shrinkage,
    StrataSums,
    Variant,
    fit,
    residual_sd,
    shrinkage_of,
    slopes_variance,
    solve,
    spreads,
)
from dtsen_spark.welfare.validation import Tested, validate

FOLD: Final = "fold"
STRATUM: Final = "stratum"
Y: Final = "y"  # log expenditure less LOG_ORIGIN, millionths
W: Final = "w"  # survey weight, an integer
# Logs are counted from a million rupiah, so that their squares stay small; a round figure, nothing hangs on it.
LOG_ORIGIN: Final = round(math.log(1e6) * 1e6)
# A hundredth and a hundred times of that, rupiah a head a month: beyond it is a slip of the pen or of the unit, whose
# logarithm would pull the line by itself. Own judgement: a fiftieth of the poverty line, and more than surveys meet.
_LEAST: Final = 10_000
_MOST: Final = 100_000_000
# The variant of families of whom nothing is known but their members.
LEAST: Final = "person"
# Variants by the blocks that a family's records know, widest first: each knows one block less than the one before.
# Unknown inputs of a block count as the mean, which is wrong where all of it is unknown: what is known says more then.
VARIANTS: Final[dict[str, tuple[Block, ...]]] = {
    FULL: (Block.VISIT, Block.ASSET, Block.DWELLING, Block.UTILITY, Block.PERSON),
    "asset": (Block.ASSET, Block.DWELLING, Block.UTILITY, Block.PERSON),
    "dwelling": (Block.DWELLING, Block.UTILITY, Block.PERSON),
    "utility": (Block.UTILITY, Block.PERSON),
    LEAST: (Block.PERSON,),
}
_FIELD: Final = 2**31
_LIMIT: Final = 2**62
_WEIGHT_DECIMALS: Final = 6
# A missing value gets a coefficient of its own where at least this share of households lacks the value.
_FLAG_FROM: Final = 0.01


def survey_design(households: DataFrame, members: DataFrame, folds: int) -> DataFrame:
    """Compute the features of the survey's households and judge each row.

    Args:
        households: ``silver/survey_household``.
        members: ``silver/survey_member``.
        folds: Number of folds of the cross-validation.

    Returns:
        One row for each household: ``unit``, ``reason`` (null where it can train), ``stratum``, ``fold`` (by a hash
        of the household's key), ``y``, ``weight``, features.
    """
    units = households.withColumnRenamed(c.HOUSEHOLD_ID, UNIT)
    people = members.withColumnRenamed(c.HOUSEHOLD_ID, UNIT)
    carried = (c.KAB_CODE, c.URBAN, c.WEIGHT, c.EXPENDITURE_PER_CAPITA, c.MEMBERS)
    money, weight = F.col(c.EXPENDITURE_PER_CAPITA), F.col(c.WEIGHT)
    reason = (
        F.when(money.isNull(), "expenditure_missing")
        .when(money <= 0, "expenditure_not_positive")
        .when((money < _LEAST) | (money > _MOST), "expenditure_implausible")
        .when(weight.isNull(), "weight_missing")
        .when(weight <= 0, "weight_not_positive")
        .when(F.col(c.KAB_CODE).isNull(), "region_missing")
    )
    y = F.floor(F.log(money.cast("double")) * 1_000_000 + 0.5) - LOG_ORIGIN
    return (
        design(units, people, carried)
        .withColumn(c.REASON, reason)
        .withColumn(STRATUM, stratum_key())
        .withColumn(FOLD, F.pmod(F.xxhash64(UNIT), F.lit(folds)).cast("int"))
        .withColumn(Y, F.when(F.col(c.REASON).isNull(), y))
    )


def stratum_key() -> Column:
    """Return the stratum of a unit: ``<kab>:U`` or ``<kab>:R``; a unit of unknown kind counts as rural."""
    kind = F.when(F.coalesce(F.col(c.URBAN), F.lit(False)), F.lit("U")).otherwise(F.lit("R"))
    return F.concat_ws(":", F.col(c.KAB_CODE), kind)


def train(
    households: DataFrame, members: DataFrame, *, shrinkage: int | None, folds: int, interval: float = 0.8
) -> PmtModel | None:
    """Train the proxy means test on the survey.

    Args:
        households: ``silver/survey_household``.
        members: ``silver/survey_member``.
        shrinkage: Households at which a stratum weighs as much as its parent; None = as the survey says.
        folds: Folds of the cross-validation.
        interval: Probability that prediction intervals should hold; the card says how often they did.

    Returns:
        The model with its card; None where no household can train.
    """
    survey = survey_design(households, members, folds).persist()
    try:
        return train_on(survey, shrinkage=shrinkage, folds=folds, interval=interval)
    finally:
        survey.unpersist()


def train_on(survey: DataFrame, *, shrinkage: int | None, folds: int, interval: float) -> PmtModel | None:
    """Train on a frame as ``survey_design`` returns it; arguments as for ``train``."""
    all_features = features()
    reasons, profile = _profile(survey, all_features)
    used = reasons.pop("", 0)
    if not used:
        return None
    plan = _Plan.of(all_features, profile, used)
    rows = plan.prepare(survey.where(F.col(c.REASON).isNull())).persist()
    try:
        by_fold = _moments(rows, plan, folds)
        strata_by_fold = _strata(rows, plan, folds)
        total, strata = _total(by_fold), _total_strata(strata_by_fold)
        blocks = {name: [block in allowed for block in plan.blocks] for name, allowed in VARIANTS.items()}
        if shrinkage is None:
            whole = solve(total, np.array(blocks[FULL], dtype=bool))
            # One for all variants and folds: a thousand places tell it, no fold would tell another.
            shrunk = shrinkage_of(total, strata, whole.slopes)
        else:
            shrunk = Shrinkage(shrinkage, shrinkage)
        variants = fit(plan.names, plan.means, blocks, total, strata, shrunk)
        full = {FULL: blocks[FULL]}
        present = [fold for fold, part in enumerate(by_fold) if part.households]
        enough = len(present) > 1
        held_out = [
            fit(plan.names, plan.means, full, total.minus(part), strata.minus(strata_by_fold[fold]), shrunk)[FULL]
            if enough
            else variants[FULL]
            for fold, part in enumerate(by_fold)
            if part.households
        ]
        tested = dict(zip(present, held_out, strict=True))
        slopes = np.array([variants[FULL].slopes.get(name, 0.0) for name in plan.names])
        around = residual_sd(total, strata, slopes, plan.means, variants[FULL].levels)
        # Those of a fold are predicted by slopes that the others alone have told.
        others = strata.effective_households * (1 - 1 / len(present)) if enough else strata.effective_households
        error = around * math.sqrt(1 + slopes_variance(len(variants[FULL].slopes), others))
        figures = validate(rows, Tested(plan.names, plan.means, tested, plan.equal(total), error, interval))
    finally:
        rows.unpersist()
    smearing = figures.pop("smearing")
    card = {
        "households": used,
        "effective_households": round(strata.effective_households, 1),
        "set_aside": reasons,
        "strata": len(strata.keys),
        "folds": folds if enough else 0,
        "shrinkage_households": shrunk.place,
        "shrinkage_households_province": shrunk.province,
        "features": {name: len(variant.slopes) for name, variant in variants.items()},
        "unused_features": sorted(set(plan.names) - set(variants[FULL].slopes)),
        "held_out": figures,
    }
    return PmtModel(
        variants=_in_log_points(variants),
        means=dict(zip(plan.names, plan.means, strict=True)),
        smearing=smearing,
        card=card,
        spreads={name: float(f"{value:.9g}") for name, value in zip(plan.names, spreads(total).tolist(), strict=True)},
        residual_sd=float(f"{around / 1e6:.9g}"),
    )


def _in_log_points(variants: dict[str, Variant]) -> dict[str, Variant]:
    """Turn millionths into log points, and levels back to logs of rupiah."""
    return {
        name: Variant(
            slopes={key: value / 1e6 for key, value in variant.slopes.items()},
            errors={key: value / 1e6 for key, value in variant.errors.items()},
            levels={key: (value + LOG_ORIGIN) / 1e6 for key, value in variant.levels.items()},
            level_errors={key: value / 1e6 for key, value in variant.level_errors.items()},
            residual_sd=float(f"{variant.residual_sd / 1e6:.9g}"),
        )
        for name, variant in variants.items()
    }


def _profile(survey: DataFrame, all_features: Sequence[Feature]) -> tuple[dict[str, int], dict[str, Any]]:
    good = F.col(c.REASON).isNull()
    weight = F.when(good, F.col(c.WEIGHT))
    aggregates = [F.max(weight).alias("weight_max"), F.max(F.abs(Y)).alias("y_max")]
    for feature in all_features:
        here = F.when(good, F.col(feature.column))
        aggregates += [
            F.count(here).alias(f"n_{feature.name}"),
            F.sum(here).alias(f"s_{feature.name}"),
            F.max(F.abs(here)).alias(f"m_{feature.name}"),
        ]
    # One pass: a row for each reason, five at most.
    groups = survey.groupBy(F.coalesce(F.col(c.REASON), F.lit("")).alias(c.REASON)).agg(
        F.count(F.lit(1)).alias(c.ROWS), *aggregates
    )
    found = {row[c.REASON]: row.asDict() for row in groups.collect()}
    return {reason: int(row[c.ROWS]) for reason, row in found.items()}, found.get("", {})


@dataclass(frozen=True)
class _Plan:
    """Variables of the sums: the features that the survey knows, then flags of missing values.

    Attributes:
        names: Variables; ``<feature>_missing`` is 1 where the value is missing.
        blocks: Block of each.
        columns: Column of each in the prepared frame.
        means: Mean of each over the households that know it, hundredths; it stands for a missing value.
        sources: Column of the design that each comes from.
        weight_decimals: Decimals of the weight that the integer sums keep.
    """

    names: list[str]
    blocks: list[Block]
    columns: list[str]
    means: list[int]
    sources: list[str]
    weight_decimals: int

    @classmethod
    def of(cls, all_features: Sequence[Feature], profile: dict[str, Any], used: int) -> "_Plan":
        known = [f for f in all_features if profile[f"n_{f.name}"]]
        means = [round(profile[f"s_{f.name}"] / profile[f"n_{f.name}"]) for f in known]
        flagged = [f for f in known if used - profile[f"n_{f.name}"] >= max(_FLAG_FROM * used, 1)]
        x_max = max([100, *(int(profile[f"m_{f.name}"]) for f in known)])
        largest = Decimal(profile["weight_max"]) * x_max * max(x_max, int(profile["y_max"]), 1)
        decimals = _WEIGHT_DECIMALS
        while decimals and largest * 10**decimals >= _LIMIT:
            decimals -= 1
        return cls(
            names=[f.name for f in known] + [f"{f.name}_missing" for f in flagged],
            blocks=[f.block for f in known + flagged],
            columns=[f"z_{f.name}" for f in known] + [f"z_{f.name}_missing" for f in flagged],
            means=means + [0] * len(flagged),
            sources=[f.column for f in known + flagged],
            weight_decimals=decimals,
        )

    def equal(self, moments: Moments) -> list[float]:
        """Return the weight of each variable where all count the same: its direction by itself over its spread."""
        _, deviations = moments.centred()
        spread = spreads(moments)
        direction = np.sign(deviations[:-1, -1])
        usable = (spread > 0) & np.array([not name.endswith("_missing") for name in self.names])
        weights = np.where(usable, direction / np.where(usable, spread, 1.0), 0.0)
        return [float(f"{weight:.9g}") for weight in weights.tolist()]

    def prepare(self, rows: DataFrame) -> DataFrame:
        """Return ``unit``, ``stratum``, ``fold``, ``urban``, ``members``, ``w``, ``y`` and every variable, no nulls."""
        weight = F.greatest(F.round(F.col(c.WEIGHT) * 10**self.weight_decimals, 0).cast("long"), F.lit(1))
        variables = [
            F.when(F.col(source).isNull(), F.lit(100)).otherwise(F.lit(0)).cast("long").alias(column)
            if name.endswith("_missing")
            else F.coalesce(F.col(source), F.lit(mean)).cast("long").alias(column)
            for name, column, source, mean in zip(self.names, self.columns, self.sources, self.means, strict=True)
        ]
        people = F.coalesce(F.col(c.MEMBERS), F.lit(1)).alias(c.MEMBERS)
        return rows.select(UNIT, STRATUM, FOLD, c.URBAN, people, weight.alias(W), Y, *variables)


def _moments(rows: DataFrame, plan: _Plan, folds: int) -> list[Moments]:
    """Sum all products of two variables by fold, in one aggregate.

    Each household is a row for each variable, whose products with all variables are summed beside one another. A
    product fits 63 bits (``_Plan.of``); its sum may not, so its high and low parts are summed apart and joined on the
    driver.
    """
    # A one in front: its products are the weight and the first moments.
    others = ["one", *plan.columns, Y]
    size = len(others)
    with_one = rows.withColumn("one", F.lit(1).cast("long"))
    # The square of y alone may not fit: it is summed with the counts below.
    factors = F.posexplode(F.array(*map(F.col, others[:-1]))).alias("place", "factor")
    weighed = with_one.select(FOLD, W, *others, factors).withColumn("factor", F.col("factor") * F.col(W))
    products = {name: F.col("factor") * F.col(name) for name in others}
    sums = weighed.groupBy(FOLD, "place").agg(
        *(F.sum(F.shiftright(product, 31)).alias(f"high_{name}") for name, product in products.items()),
        *(F.sum(product.bitwiseAND(F.lit(_FIELD - 1))).alias(f"low_{name}") for name, product in products.items()),
    )
    squares = F.col(W).cast("decimal(14,0)") * F.col(Y).cast("decimal(7,0)") * F.col(Y).cast("decimal(7,0)")
    ends = rows.groupBy(FOLD).agg(F.count(F.lit(1)).alias("n"), F.sum(squares.cast("decimal(28,0)")).alias("square"))
    by_fold = {row[FOLD]: (int(row["n"]), int(row["square"])) for row in ends.collect()}
    # As many rows as folds × variables: it does not grow with the survey.
    found: dict[int, list[list[int]]] = {fold: [[0] * size for _ in others] for fold in range(folds)}
    for row in sums.collect():
        line = [row[f"high_{name}"] * _FIELD + row[f"low_{name}"] for name in others]
        found[row[FOLD]][row["place"]] = line
        found[row[FOLD]][-1][row["place"]] = line[-1]
    return [_moments_of(found[fold], *by_fold.get(fold, (0, 0))) for fold in range(folds)]


def _moments_of(square: list[list[int]], households: int, square_of_y: int) -> Moments:
    square[-1][-1] = square_of_y
    return Moments(
        weight=square[0][0],
        first=tuple(square[0][1:]),
        second=tuple(tuple(row[1:]) for row in square[1:]),
        households=households,
    )


def _strata(rows: DataFrame, plan: _Plan, folds: int) -> list[StrataSums]:
    exact = F.col(W).cast("decimal(19,0)")
    columns = [*plan.columns, Y]
    sums = rows.groupBy(FOLD, STRATUM).agg(
        F.count(F.lit(1)).alias("n"),
        F.sum(exact).alias(W),
        F.sum(exact * exact).alias("ww"),
        *(F.sum(exact * F.col(name).cast("decimal(19,0)")).alias(name) for name in columns),
    )
    # One row for each fold and stratum: about a thousand strata in the country.
    collected = sums.collect()
    keys = tuple(sorted({row[STRATUM] for row in collected}))
    index = {key: place for place, key in enumerate(keys)}
    table = np.zeros((folds, len(keys), len(columns) + 3))
    for row in collected:
        table[row[FOLD], index[row[STRATUM]]] = [float(row[name]) for name in ("n", W, "ww", *columns)]
    return [StrataSums(keys, part[:, 0], part[:, 1], part[:, 2], part[:, 3:]) for part in table]


def _total(parts: Sequence[Moments]) -> Moments:
    return Moments(
        weight=sum(part.weight for part in parts),
        first=tuple(map(sum, zip(*(part.first for part in parts), strict=True))),
        second=tuple(
            tuple(map(sum, zip(*lines, strict=True))) for lines in zip(*(part.second for part in parts), strict=True)
        ),
        households=sum(part.households for part in parts),
    )


def _total_strata(parts: Sequence[StrataSums]) -> StrataSums:
    return StrataSums(
        parts[0].keys,
        np.sum([part.households for part in parts], axis=0),
        np.sum([part.weight for part in parts], axis=0),
        np.sum([part.squares for part in parts], axis=0),
        np.sum([part.first for part in parts], axis=0),
    )
