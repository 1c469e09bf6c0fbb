"""How well the model does on households that it has not seen, and against which baselines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.contract import local_frame
from dtsen_spark.welfare.deciles import Cut, cuts_of_histogram
from dtsen_spark.welfare.model import NATION, Variant
from dtsen_spark.welfare.targeting import TENTHS_OF_PROGRAMS, missed

MODEL: Final = "model"
# What the model has to beat, and what nothing can.
NATIONAL: Final = "national_model"  # the same slopes, one level for the whole nation
EQUAL: Final = "equal_weights"  # every feature counts the same, in the direction that it has by itself
PERFECT: Final = "perfect_ranking"  # the true order
_RANKINGS: Final = (MODEL, NATIONAL, EQUAL, PERFECT)
_TRUE: Final = "y"
_PROVINCE_DIGITS: Final = 2
# Rankings are compared in thousandths of log points: a household is a few millionths of the nation.
_STEP: Final = 1000

Cell = Mapping[str, Any]


@dataclass(frozen=True)
class Tested:
    """What is tested on the survey.

    Attributes:
        names: Features in order.
        means: Mean of each, hundredths.
        folds: Model of each fold, slopes in millionths for a hundredth.
        equal: Weight of each feature in the ranking by equal weights: sign / spread.
        prediction_sd: Standard deviation of a prediction's error (residual and slopes), millionths.
        interval: Probability that prediction intervals should hold.
    """

    names: Sequence[str]
    means: Sequence[int]
    folds: Mapping[int, Variant]
    equal: Sequence[float]
    prediction_sd: float
    interval: float


def validate(rows: DataFrame, tested: Tested) -> dict[str, Any]:
    """Predict every household by the model that was fitted without its fold.

    Args:
        rows: One row for each household: ``fold``, ``stratum``, ``urban``, ``members``, ``w``, ``y`` (millionths),
            ``z_<name>``.
        tested: What is tested.

    Returns:
        ``r2``, ``rmse`` (log points), ``smearing``, ``interval_coverage`` (share of households inside their interval),
        ``calibration`` (mean prediction and mean truth by tenth of the prediction), ``targeting`` (errors at the
        poorest 10 to 40 % of persons), ``by_kind`` (urban, rural) and ``by_province`` (R², RMSE, targeting at national
        cuts), ``baselines`` (R² and targeting of three other rankings).
    """
    predicted = _predicted(rows, tested).persist()
    try:
        cuts = _cuts(predicted)
        cells = _cells(predicted, cuts, tested)
    finally:
        predicted.unpersist()
    kinds = {"urban": True, "rural": False}
    provinces = sorted({cell["province"] for cell in cells})
    weight = sum(cell["w"] for cell in cells)
    return {
        **_fit(cells, MODEL),
        "smearing": float(f"{sum(cell['back'] for cell in cells) / weight / 1e6:.9g}"),
        "interval_coverage": sum(cell["covered"] for cell in cells) / weight,
        "calibration": _calibration(cells),
        "targeting": _targeting(cells, MODEL),
        "by_kind": {name: _part([x for x in cells if x[c.URBAN] is kind]) for name, kind in kinds.items()},
        "by_province": {p: _part([x for x in cells if x["province"] == p]) for p in provinces},
        "baselines": {
            name: {"r2": _fit(cells, name)["r2"], "targeting": _targeting(cells, name)}
            for name in (NATIONAL, EQUAL, PERFECT)
        },
    }


def _predicted(rows: DataFrame, tested: Tested) -> DataFrame:
    spark, names = rows.sparkSession, tested.names
    slopes = [
        (fold, *(float(model.slopes.get(name, 0.0)) for name in names), model.levels[NATION])
        for fold, model in sorted(tested.folds.items())
    ]
    schema = ", ".join(["fold int", *(f"`b_{name}` double" for name in names), "nation double"])
    levels = [
        (fold, key, level)
        for fold, model in sorted(tested.folds.items())
        for key, level in sorted(model.levels.items())
    ]
    of_fold = F.broadcast(local_frame(spark, slopes, schema))
    of_stratum = F.broadcast(local_frame(spark, levels, "fold int, stratum string, level double"))
    of_province = of_stratum.select("fold", F.col("stratum").alias("province"), F.col("level").alias("province_level"))
    line: Column = F.lit(0.0)
    equal: Column = F.lit(0.0)
    for name, mean, weight in zip(names, tested.means, tested.equal, strict=True):
        line = line + F.col(f"b_{name}") * (F.col(f"z_{name}") - F.lit(mean))
        equal = equal + F.lit(weight) * (F.col(f"z_{name}") - F.lit(mean))
    level = F.coalesce("level", "province_level", "nation")
    # household : fold, stratum and province are n : 1, all three broadcast.
    joined = (
        rows.withColumn("province", F.substring("stratum", 1, _PROVINCE_DIGITS))
        .join(of_fold, "fold")
        .join(of_stratum, ["fold", "stratum"], "left")
        .join(of_province, ["fold", "province"], "left")
        .select(
            "province",
            c.URBAN,
            c.MEMBERS,
            "w",
            _TRUE,
            level.alias("level"),
            "nation",
            line.alias("line"),
            equal.alias("sum"),
        )
    )
    return joined.select(
        "province",
        c.URBAN,
        "w",
        (F.col("w") * F.col(c.MEMBERS)).cast("decimal(20,0)").alias("people"),
        _TRUE,
        F.floor(F.col("level") + F.col("line") + 0.5).alias(MODEL),
        F.floor(F.col("nation") + F.col("line") + 0.5).alias(NATIONAL),
        F.floor(F.col("sum") * 1e5 + 0.5).alias(EQUAL),
        F.col(_TRUE).alias(PERFECT),
    )


def _bucket(name: str) -> Column:
    return F.floor(F.col(name) / _STEP)


def _cuts(predicted: DataFrame) -> dict[str, tuple[Cut, ...]]:
    """The nine cuts of every ranking, in one pass: a few thousand buckets each, however large the survey."""
    ranks = F.explode(F.array(*(F.struct(F.lit(n).alias("name"), _bucket(n).alias("bucket")) for n in _RANKINGS)))
    counted = predicted.select(ranks.alias("rank"), "people").groupBy("rank.name", "rank.bucket").agg(F.sum("people"))
    histograms: dict[str, dict[int, int]] = {name: {} for name in _RANKINGS}
    for name, bucket, people in counted.collect():
        histograms[name][bucket] = int(people)
    return {name: cuts_of_histogram(found) for name, found in histograms.items()}


def _cells(predicted: DataFrame, cuts: Mapping[str, Sequence[Cut]], tested: Tested) -> list[dict[str, Any]]:
    """Exact sums by province, kind and tenth of the prediction: some hundred rows, whatever the survey."""
    weight = F.col("w").cast("decimal(14,0)")
    y = F.col(_TRUE).cast("decimal(8,0)")
    error = F.col(_TRUE) - F.col(MODEL)
    # The exponential in millionths: a sum of integers does not hang on the order of the rows.
    back = F.floor(F.exp(error / 1e6) * 1e6 + 0.5).cast("decimal(14,0)")
    reach = NormalDist().inv_cdf((1 + tested.interval) / 2) * tested.prediction_sd
    sums = {
        "w": weight,
        "y": weight * y,
        "yy": weight * y * y,
        "back": weight * back,
        "covered": F.when(F.abs(error) <= F.lit(reach), weight),
    }
    for name in (MODEL, NATIONAL, EQUAL):
        x = F.col(name).cast("decimal(9,0)")
        sums |= {f"x_{name}": weight * x, f"xx_{name}": weight * x * x, f"xy_{name}": weight * x * y}
    for k in TENTHS_OF_PROGRAMS:
        poor = _bucket(_TRUE) < F.lit(cuts[PERFECT][k - 1].score)
        for name in _RANKINGS:
            chosen = _bucket(name) < F.lit(cuts[name][k - 1].score)
            sums[f"chosen_{name}_{k}"] = F.when(chosen, F.col("people"))
            sums[f"both_{name}_{k}"] = F.when(chosen & poor, F.col("people"))
    tenth: Column = F.lit(1)
    for cut in cuts[MODEL]:
        tenth = tenth + (_bucket(MODEL) >= F.lit(cut.score)).cast("int")
    grouped = predicted.groupBy("province", c.URBAN, tenth.alias("tenth"))
    rows = grouped.agg(*(F.sum(value).alias(name) for name, value in sums.items())).collect()
    return [
        {
            **{name: int(value or 0) for name, value in row.asDict().items() if name in sums},
            "province": row["province"],
            c.URBAN: row[c.URBAN],
            "tenth": row["tenth"],
        }
        for row in rows
    ]


def _part(cells: Sequence[Cell]) -> dict[str, Any]:
    return {**_fit(cells, MODEL), "targeting": _targeting(cells, MODEL)}


def _sum(cells: Iterable[Cell], name: str) -> int:
    return sum(int(cell[name]) for cell in cells)


def _fit(cells: Sequence[Cell], name: str) -> dict[str, float]:
    """R² and RMSE of a prediction; of a ranking that predicts nothing the squared correlation, and no RMSE."""
    if name == PERFECT:
        return {"r2": 1.0}
    weight, y, yy = (_sum(cells, part) for part in ("w", "y", "yy"))
    if not weight:
        return {"r2": 0.0, "rmse": 0.0}
    x, xx, xy = (_sum(cells, f"{part}_{name}") for part in ("x", "xx", "xy"))
    spread = yy * weight - y * y
    if name == EQUAL:
        others = xx * weight - x * x
        together = xy * weight - x * y
        return {"r2": together * together / (spread * others) if spread and others else 0.0}
    errors = yy - 2 * xy + xx
    return {
        "r2": 1 - errors * weight / spread if spread else 0.0,
        "rmse": float((errors / weight) ** 0.5 / 1e6),
    }


def _targeting(cells: Sequence[Cell], name: str) -> dict[str, dict[str, float]]:
    found = {}
    for k in TENTHS_OF_PROGRAMS:
        # The perfect ranking chooses whoever is poor.
        both, chosen, poor = (
            _sum(cells, part) for part in (f"both_{name}_{k}", f"chosen_{name}_{k}", f"chosen_{PERFECT}_{k}")
        )
        found[str(k * 10)] = {"inclusion_error": missed(both, chosen), "exclusion_error": missed(both, poor)}
    return found


def _calibration(cells: Sequence[Cell]) -> list[dict[str, float]]:
    """Mean predicted and mean true log by tenth of the prediction; their difference, log points, should be near 0."""
    found = []
    for tenth in sorted({cell["tenth"] for cell in cells}):
        part = [cell for cell in cells if cell["tenth"] == tenth]
        weight = _sum(part, "w")
        bias = (_sum(part, f"x_{MODEL}") - _sum(part, "y")) / weight / 1e6
        found.append({"tenth": tenth, "share": weight / _sum(cells, "w"), "bias": bias})
    return found
