"""Scoring: one narrow map over the features, coefficients broadcast, in fixed point, every part kept."""

from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.codes import Level, indicators
from dtsen_spark.config import WelfareConfig
from dtsen_spark.contract import local_frame
from dtsen_spark.welfare import provenance
from dtsen_spark.welfare.features import UNIT, Block, Feature, features
from dtsen_spark.welfare.model import NATION, PmtModel
from dtsen_spark.welfare.training import LEAST, VARIANTS, stratum_key

RANKED: Final = "RANKED"
UNRANKED: Final = "UNRANKED"
NO_MODEL: Final = "NO_MODEL"
NO_REGION: Final = "NO_REGION"
NO_MEMBERS: Final = "NO_MEMBERS"
NO_INDICATORS: Final = "NO_INDICATORS"
# Part of the score that is made of the members: what changes when somebody comes or goes.
MEMBER_POINTS: Final = "member_points"
# The same two figures under the model of the last release.
FORMER_SCORE: Final = "former_score"
FORMER_MEMBER_POINTS: Final = "former_member_points"
# Name of the part that is the place's level.
LEVEL_PART: Final = "level"

_MICRO: Final = 1_000_000
_LEVEL_VARIANCE: Final = "_level_variance"
_SLOPES: Final = "_slopes"


def score(design: DataFrame, model: PmtModel, *, on: date, rules: WelfareConfig) -> DataFrame:
    """Score families: level of the place plus, for each feature, slope × distance from the survey's mean.

    A missing feature counts as the mean (its part is 0), unless the survey lacked it often enough to give missing a
    coefficient of its own; a family of whom no asset, no dwelling, or nothing but its members is known is scored by
    the variant that was fitted without them. What is missing or stale lowers ``confidence`` and widens
    ``score_error`` by the signal that it would have brought.

    Args:
        design: One row for each family: ``members``, ``region_code``, ``kab_code``, ``urban``, the features and
            their origins.
        model: The model.
        on: Day that scores are of.
        rules: From which age on an input counts less.

    Returns:
        The rows with ``score`` (null where unranked), ``log_expenditure``, ``expenditure_idr_month``, ``state``
        (``UNRANKED`` where it cannot be scored), ``reason``, ``confidence``, ``score_error``, ``model_variant``,
        ``score_parts``, ``score_inputs``, ``oldest_input``, ``member_points``.
    """
    used = used_features(model)
    named, order = _with_parts(design, model, used)
    reason = _reason(used)
    ranked = F.col(c.REASON).isNull()
    struct = [F.struct(F.lit(name).alias("indicator"), F.col(f"p_{name}").alias("points")) for name in order]
    lost = _lost(model, used, on, rules)
    variance = F.col(_LEVEL_VARIANCE) + F.lit(model.coefficient_variance) + _lost_variance(model)
    return (
        named.withColumn(c.REASON, reason)
        .withColumns(lost)
        .withColumn(c.SCORE, F.when(ranked, _total(order)))
        .withColumn(MEMBER_POINTS, F.when(ranked, _total(_of_members(order))))
        .withColumn(c.SCORE_PARTS, F.when(ranked, F.array(*struct)))
        .withColumn(c.LOG_EXPENDITURE, F.col(c.SCORE) / F.lit(float(_MICRO)))
        .withColumn(
            c.EXPENDITURE_IDR_MONTH, F.floor(F.exp(c.LOG_EXPENDITURE) * F.lit(model.smearing) + 0.5).cast("long")
        )
        .withColumn(c.STATE, F.when(ranked, F.lit(RANKED)).otherwise(F.lit(UNRANKED)))
        .withColumn(c.CONFIDENCE, _share_known(model, used))
        .withColumn(c.SCORE_ERROR, F.when(ranked, F.floor(F.sqrt(variance) * _MICRO + 0.5)))
        .withColumns(_inputs(used))
        .drop(_LEVEL_VARIANCE, *lost, *map(_asked, Block))
    )


def without_model(design: DataFrame) -> DataFrame:
    """Leave every family unranked: there is no model and no survey to train one.

    Args:
        design: One row for each family.

    Returns:
        The rows with the columns that ``score`` adds.
    """
    nothing = {
        MEMBER_POINTS: "long",
        **{
            name: c.COLUMNS[name].type.simpleString()
            for name in (
                c.SCORE,
                c.SCORE_PARTS,
                c.SCORE_INPUTS,
                c.OLDEST_INPUT,
                c.LOG_EXPENDITURE,
                c.EXPENDITURE_IDR_MONTH,
                c.SCORE_ERROR,
                c.MODEL_VARIANT,
            )
        },
    }
    return (
        design.withColumns({name: F.lit(None).cast(kind) for name, kind in nothing.items()})
        .withColumn(c.STATE, F.lit(UNRANKED))
        .withColumn(c.REASON, F.lit(NO_MODEL))
        .withColumn(c.CONFIDENCE, F.lit(0.0))
    )


def with_former(design: DataFrame, model: PmtModel) -> DataFrame:
    """Add what today's features score under the model of the last release.

    Args:
        design: As for ``score``.
        model: The model of the last release.

    Returns:
        The rows with ``former_score`` and ``former_member_points``.
    """
    named, order = _with_parts(design, model, used_features(model))
    figures = {FORMER_SCORE: _total(order), FORMER_MEMBER_POINTS: _total(_of_members(order))}
    return named.select(*design.columns, *(figure.alias(name) for name, figure in figures.items()))


def member_points(people: DataFrame, model: PmtModel) -> DataFrame:
    """Score the part that is made of the members alone.

    Args:
        people: One row for each family: ``unit``, ``model_variant``, ``members``, the features of members.
        model: The model.

    Returns:
        ``unit``, ``member_points``.
    """
    used = [f for f in used_features(model) if is_of_members(f)]
    coefficients = _slopes(people.sparkSession, model, used)
    # family : coefficients are n : 1, three rows (a model by place: a thousand), broadcast.
    placed = people.join(F.broadcast(coefficients), c.MODEL_VARIANT)
    named = placed.select(UNIT, *(part.alias(f"p_{name}") for name, part in _parts(used, model).items()))
    return named.select(UNIT, _total(sorted({f.indicator for f in used})).alias(MEMBER_POINTS))


def used_features(model: PmtModel) -> list[Feature]:
    """Return the features that any variant of a model uses, in the order of the indicators."""
    return [f for f in features() if any(f.name in v.slopes for v in model.variants.values())]


def is_of_members(feature: Feature) -> bool:
    """Say whether a feature is made of who the members are: of them, or of their number."""
    return feature.of_members or feature.indicator == c.MEMBERS


def _of_members(order: list[str]) -> list[str]:
    personal = {i.name for i in indicators() if i.level is Level.PERSON} | {c.MEMBERS}
    return [name for name in order if name in personal]


def _total(names: list[str]) -> Column:
    total: Column = F.lit(0).cast("long")
    for name in names:
        total = total + F.col(f"p_{name}")
    return total


def _with_parts(design: DataFrame, model: PmtModel, used: list[Feature]) -> tuple[DataFrame, list[str]]:
    """Add ``p_<indicator>`` and ``p_level``, points; and the names of the parts, sorted."""
    # Asked once for each block, in a step of its own: each feature's absence hangs on it.
    asked = design.withColumns({_asked(block): _known(used, block) for block in Block})
    placed = _with_coefficients(asked.withColumn(c.MODEL_VARIANT, _variant(model)), model, used)
    parts = _parts(used, model)
    level = F.coalesce("level_kab", "level_province", "level_nation")
    error = F.coalesce("error_kab", "error_province", "error_nation")
    named = placed.select(
        *asked.columns,
        c.MODEL_VARIANT,
        (error * error).alias(_LEVEL_VARIANCE),
        F.floor(level * _MICRO + 0.5).alias(f"p_{LEVEL_PART}"),
        *(part.alias(f"p_{name}") for name, part in parts.items()),
    )
    return named, sorted([LEVEL_PART, *parts])


def _parts(used: list[Feature], model: PmtModel) -> dict[str, Column]:
    parts: dict[str, Column] = {}
    for number, feature in enumerate(used):
        part = _part(number, feature, model)
        held = parts.get(feature.indicator)
        parts[feature.indicator] = part if held is None else held + part
    return parts


def _known(used: list[Feature], block: Block) -> Column:
    """Whether anything of a block is known of the family, beyond what is known of everybody."""
    telling = [feature.column for feature in used if feature.block is block and not feature.demographic]
    return F.coalesce(*telling).isNotNull() if telling else F.lit(False)


def _asked(block: Block) -> str:
    return f"_asked_{block.value}"


def _variant(model: PmtModel) -> Column:
    if model.by_place:
        return F.translate(stratum_key(), ":", "")
    fitted = [(name, blocks[0]) for name, blocks in VARIANTS.items() if name in model.variants]
    return F.coalesce(*(F.when(F.col(_asked(block)), F.lit(name)) for name, block in fitted), F.lit(LEAST))


def _slopes(spark: SparkSession, model: PmtModel, used: list[Feature]) -> DataFrame:
    """One row for each variant; slopes as one array, value and absence of each feature in turn.

    A column for each slope would make the row of a family more than twice as wide, and wider than what Spark compiles
    as one stage.
    """
    names = [name for f in used for name in (f.name, f"{f.name}_missing")]
    rows = [
        (
            variant,
            [float(fitted.slopes.get(name, 0.0)) for name in names],
            fitted.levels[NATION],
            # A place without a survey differs from its province, and that from the nation, as places do.
            (fitted.level_errors.get(NATION, 0.0) ** 2 + 2 * model.place_variance) ** 0.5,
        )
        for variant, fitted in sorted(model.variants.items())
    ]
    schema = f"{c.MODEL_VARIANT} string, {_SLOPES} array<double>, level_nation double, error_nation double"
    return local_frame(spark, rows, schema)


def _with_coefficients(design: DataFrame, model: PmtModel, used: list[Feature]) -> DataFrame:
    spark = design.sparkSession
    levels = [
        (variant, stratum, level, fitted.level_errors.get(stratum, 0.0))
        for variant, fitted in sorted(model.variants.items())
        for stratum, level in sorted(fitted.levels.items())
    ]
    table = local_frame(spark, levels, f"{c.MODEL_VARIANT} string, place string, level double, error double")
    of_kab = table.select(
        c.MODEL_VARIANT,
        F.col("place").alias("_stratum"),
        F.col("level").alias("level_kab"),
        F.col("error").alias("error_kab"),
    )
    of_province = table.select(
        c.MODEL_VARIANT,
        F.col("place").alias("_province"),
        F.col("level").alias("level_province"),
        F.sqrt(F.col("error") * F.col("error") + F.lit(model.place_variance)).alias("error_province"),
    )
    # family : coefficients are n : 1, family : level is n : 0..1; all three are small and broadcast.
    joined = "left" if model.by_place else "inner"
    return (
        design.withColumn("_stratum", stratum_key())
        .withColumn("_province", F.substring(c.KAB_CODE, 1, 2))
        .join(F.broadcast(_slopes(spark, model, used)), c.MODEL_VARIANT, joined)
        .join(F.broadcast(of_kab), [c.MODEL_VARIANT, "_stratum"], "left")
        .join(F.broadcast(of_province), [c.MODEL_VARIANT, "_province"], "left")
    )


def _part(number: int, feature: Feature, model: PmtModel) -> Column:
    mean = F.lit(int(model.means[feature.name]))
    of_value, of_absence = (F.get(F.col(_SLOPES), F.lit(2 * number + which)) for which in (0, 1))
    here = F.floor(of_value * _MICRO * (F.col(feature.column) - mean) + 0.5)
    absent = F.floor(of_absence * (_MICRO * 100) + 0.5)
    return F.coalesce(here, absent)


def _reason(used: list[Feature]) -> Column:
    telling = [feature.column for feature in used if not feature.demographic]
    anything = F.coalesce(*telling).isNotNull() if telling else F.lit(False)
    return (
        F.when(F.col(c.KAB_CODE).isNull(), F.lit(NO_REGION))
        .when(F.coalesce(F.col(c.MEMBERS), F.lit(0)) < 1, F.lit(NO_MEMBERS))
        .when(~anything, F.lit(NO_INDICATORS))
    )


def _lost(model: PmtModel, used: list[Feature], on: date, rules: WelfareConfig) -> dict[str, Column]:
    """Return the variance that missing and stale inputs of each block would bring, as ``_lost_<block>``.

    A value that does not apply (the job of a family in which nobody works) is no gap: where the model has a
    coefficient for its absence and the block was asked, it counts as observed.
    """
    signals = model.signals
    fresh = {
        name: provenance.freshness(F.col(provenance.origin_column(name)), on, rules.fresh_days, rules.stale_days)
        for name in {feature.indicator for feature in used} & _traced()
    }
    whole = F.lit(provenance.WHOLE).cast("long")
    lost: dict[str, Column] = {_lost_of(block): F.lit(0.0) for block in Block}
    for feature in used:
        signal = signals.get(feature.name, 0.0)
        if not signal:
            continue
        there = fresh.get(feature.indicator, whole)
        of_absence = f"{feature.name}_missing" in model.whole.slopes
        absent = F.when(F.col(_asked(feature.block)), whole).otherwise(F.lit(0)) if of_absence else F.lit(0)
        present = F.when(F.col(feature.column).isNotNull(), there).otherwise(absent)
        of_block = _lost_of(feature.block)
        lost[of_block] = lost[of_block] + (whole - present) * F.lit(signal / provenance.WHOLE)
    return lost


def _lost_of(block: Block) -> str:
    return f"_lost_{block.value}"


def _share_known(model: PmtModel, used: list[Feature]) -> Column:
    """Share of all that the inputs would bring that is there."""
    total = sum(model.signals.get(feature.name, 0.0) for feature in used)
    if not total:
        return F.lit(1.0)
    lost: Column = F.lit(0.0)
    for block in Block:
        lost = lost + F.col(_lost_of(block))
    # Six digits: a share of a sum of doubles is the same on every machine that far.
    return F.floor((1 - lost / F.lit(total)) * _MICRO + 0.5) / F.lit(float(_MICRO))


def _lost_variance(model: PmtModel) -> Column:
    """Variance by what is missing or stale: of a block that the family's variant does without, the variant's gap."""
    gaps = model.gaps
    lost: Column = F.lit(0.0)
    for block in Block:
        without = [name for name, blocks in VARIANTS.items() if name in gaps and block not in blocks]
        here = F.col(_lost_of(block))
        lost = lost + (F.when(F.col(c.MODEL_VARIANT).isin(without), F.lit(0.0)).otherwise(here) if without else here)
    for name, gap in sorted(gaps.items()):
        if gap:
            lost = lost + F.when(F.col(c.MODEL_VARIANT) == name, F.lit(gap)).otherwise(F.lit(0.0))
    return lost


def _traced() -> frozenset[str]:
    return frozenset(name for level in Level for name in provenance.traced_indicators(level))


def _inputs(used: list[Feature]) -> dict[str, Column]:
    """Source and day of each traced indicator of the score, sorted by name, and the oldest day."""
    names = sorted({f.indicator for f in used} & _traced())
    if not names:
        kinds = {name: c.COLUMNS[name].type.simpleString() for name in (c.SCORE_INPUTS, c.OLDEST_INPUT)}
        return {name: F.lit(None).cast(kind) for name, kind in kinds.items()}
    origins = {name: F.col(provenance.origin_column(name)) for name in names}
    told = [
        F.when(
            origin.isNotNull(),
            F.array(
                F.struct(
                    F.lit(name).alias("indicator"),
                    provenance.origin_source(origin).alias("source"),
                    provenance.origin_day(origin).alias("as_of"),
                )
            ),
        ).otherwise(F.array())
        for name, origin in origins.items()
    ]
    # ``least`` skips nulls; it wants two columns at least.
    oldest = F.least(*origins.values()) if len(names) > 1 else origins[names[0]]
    return {c.SCORE_INPUTS: F.concat(*told), c.OLDEST_INPUT: provenance.origin_day(oldest)}


def strata(design: DataFrame) -> list[str]:
    """Return the places of the families that have one; at most a thousand in the country."""
    placed = design.where(F.col(c.KAB_CODE).isNotNull())
    return sorted(row[0] for row in placed.select(stratum_key()).distinct().collect())
