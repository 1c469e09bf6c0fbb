"""Scoring: one narrow map over the features, coefficients broadcast, in fixed point, every part kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.codes import Level, indicators
from dtsen_spark.config import WelfareConfig
from dtsen_spark.welfare import coefficients, packing, provenance
from dtsen_spark.welfare.features import UNIT, Block, Feature, features
from dtsen_spark.welfare.model import LISTED, MICRO, PmtModel
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
# Name of the part that is what the lists say, which the family is on (``welfare.lists``).
LISTS_PART: Final = "lists"

_SIGNAL_BITS: Final = 40  # of the variance that a day of an input's age takes


def score(design: DataFrame, model: PmtModel, *, on: date, rules: WelfareConfig) -> DataFrame:
    """Score families: level of the place plus, for each feature, slope × distance from the survey's mean.

    A missing feature counts as the mean (its part is 0), unless the survey lacked it often enough to give missing a
    coefficient of its own; a family of whom no asset, no dwelling, or nothing but its members is known is scored by
    the variant that was fitted without them. What is missing or stale lowers ``confidence`` and widens
    ``score_error`` by the signal that it would have brought.

    Args:
        design: One row for each family, packed: ``members``, ``region_code``, ``kab_code``, ``urban``, the features
            and their origins.
        model: The model.
        on: Day that scores are of.
        rules: From which age on an input counts less.

    Returns:
        The rows with ``score`` (null where unranked), ``state`` (``UNRANKED`` where it cannot be scored), ``reason``,
        ``confidence``, ``score_error``, ``model_variant``, ``score_parts``, ``score_inputs``, ``oldest_input``,
        ``member_points``.
    """
    used = used_features(model)
    lost = _Lost.of(model, used, on, rules)
    named, order = _with_parts(design, model, used, lost.by_block)
    ranked = F.col(c.REASON).isNull()
    struct = [
        F.struct(F.lit(name).alias("indicator"), F.col(f"p_{name}").cast("long").alias("points")) for name in order
    ]
    variance = F.col(coefficients.VARIANCE) + lost.variance(model)
    return (
        named.withColumn(c.SCORE, F.when(ranked, _total(order)))
        .withColumn(MEMBER_POINTS, F.when(ranked, _total(_of_members(order))))
        .withColumn(c.SCORE_PARTS, F.when(ranked, F.array(*struct)))
        .withColumn(c.STATE, F.when(ranked, F.lit(RANKED)).otherwise(F.lit(UNRANKED)))
        .withColumn(c.CONFIDENCE, lost.share_known())
        .withColumn(c.SCORE_ERROR, F.when(ranked, F.floor(F.sqrt(variance) * MICRO + 0.5)))
        .withColumns(_inputs(used))
        .drop(coefficients.VARIANCE, *lost.by_block)
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
    named, order = _with_parts(design, model, used_features(model), {})
    figures = {FORMER_SCORE: _total(order), FORMER_MEMBER_POINTS: _total(_of_members(order))}
    return named.select(*design.columns, *(figure.alias(name) for name, figure in figures.items()))


def as_if(design: DataFrame, model: PmtModel, *, known: str, variant: str) -> DataFrame:
    """Score the families of one variant as if another one were theirs, without what lists say.

    Args:
        design: As for ``score``.
        model: The model; it has variants by what is known of a family.
        known: The variant of the families.
        variant: The one that they are scored by.

    Returns:
        One row for each family of the variant ``known`` that can be scored: ``listed``, ``score``.
    """
    used = used_features(model)
    keys = coefficients.variant_keys(model)
    families = _with_asked(design, used).where(_variant(model) == keys[known])
    placed = coefficients.with_coefficients(families, model, F.lit(keys[variant])).where(_reason(used).isNull())
    parts = _parts(used, model, F.col(coefficients.VARIANT_NUMBER))
    parts[LEVEL_PART] = F.col(coefficients.LEVEL)
    named = placed.select(
        coefficients.pattern().alias(LISTED), *(part.alias(f"p_{name}") for name, part in parts.items())
    )
    return named.select(LISTED, _total(sorted(parts)).alias(c.SCORE))


def member_points(people: DataFrame, model: PmtModel) -> DataFrame:
    """Score the part that is made of the members alone.

    Args:
        people: One row for each family: ``unit``, ``model_variant``, ``members``, the features of members.
        model: The model.

    Returns:
        ``unit``, ``member_points``: one row for each family whose variant the model has, or a narrower one.
    """
    used = [f for f in used_features(model) if is_of_members(f)]
    numbers = F.create_map(*(F.lit(one) for pair in _numbers(model).items() for one in pair))
    placed = (
        packing.opened(packing.packed(people))
        .withColumn(coefficients.VARIANT_NUMBER, F.try_element_at(numbers, F.col(c.MODEL_VARIANT)))
        .where(F.col(coefficients.VARIANT_NUMBER).isNotNull())
    )
    parts = _parts(used, model, F.coalesce(coefficients.VARIANT_NUMBER, F.lit(0)))
    named = placed.select(UNIT, *(part.alias(f"p_{name}") for name, part in parts.items()))
    return named.select(UNIT, _total(sorted({f.indicator for f in used})).alias(MEMBER_POINTS))


def _numbers(model: PmtModel) -> dict[str, int]:
    """Number of the variant that a family takes, by the one that it took in another model."""
    names = sorted(model.variants)
    if model.by_place:
        return {name: number for number, name in enumerate(names)}
    chain = list(VARIANTS)
    taken = {name: next(n for n in chain[i:] if n in names) for i, name in enumerate(chain)}
    return {name: names.index(one) for name, one in taken.items()}


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
    total: Column = F.lit(0.0)
    for name in names:
        total = total + F.col(f"p_{name}")
    return total.cast("long")


def _with_asked(design: DataFrame, used: list[Feature]) -> DataFrame:
    # Asked once for each block, in a step of its own: each feature's absence hangs on it.
    return packing.opened(design).withColumns({_asked(block): _known(used, block) for block in Block})


def _with_parts(
    design: DataFrame, model: PmtModel, used: list[Feature], more: Mapping[str, Column]
) -> tuple[DataFrame, list[str]]:
    """Add reason, variant, variance, ``p_<part>`` (points), and more; return the parts' names too, sorted."""
    placed = coefficients.with_coefficients(_with_asked(design, used), model, _variant(model))
    number = F.col(coefficients.VARIANT_NUMBER)
    parts = _parts(used, model, number) | {LEVEL_PART: F.col(coefficients.LEVEL)}
    lists = coefficients.of_lists(model, number)
    if lists is not None:
        parts[LISTS_PART] = lists
    named = placed.select(
        *design.columns,
        c.MODEL_VARIANT,
        coefficients.VARIANCE,
        _reason(used).alias(c.REASON),
        *(part.alias(f"p_{name}") for name, part in parts.items()),
        *(column.alias(name) for name, column in more.items()),
    )
    return named, sorted(parts)


def _parts(used: list[Feature], model: PmtModel, variant: Column) -> dict[str, Column]:
    parts: dict[str, Column] = {}
    for feature in used:
        part = coefficients.part(feature, model, variant)
        held = parts.get(feature.indicator)
        parts[feature.indicator] = part if held is None else held + part
    return parts


def _known(used: list[Feature], block: Block) -> Column:
    """Whether anything of a block is known of the family, beyond what is known of everybody."""
    return packing.any_known([f for f in used if f.block is block and not f.demographic])


def _asked(block: Block) -> str:
    return f"_asked_{block.value}"


def _variant(model: PmtModel) -> Column:
    if model.by_place:
        return coefficients.place_number()
    keys = coefficients.variant_keys(model)
    fitted = [(keys[name], blocks[0]) for name, blocks in VARIANTS.items() if name in keys]
    chosen = F.lit(keys[LEAST])
    for number, block in reversed(fitted):
        chosen = F.when(F.col(_asked(block)), F.lit(number)).otherwise(chosen)
    return chosen


def _reason(used: list[Feature]) -> Column:
    anything = packing.any_known([feature for feature in used if not feature.demographic])
    return (
        # Of a model by place: the place is none of its own.
        F.when(F.col(c.KAB_CODE).isNull() | F.col(c.MODEL_VARIANT).isNull(), F.lit(NO_REGION))
        .when(F.coalesce(F.col(c.MEMBERS), F.lit(0)) < 1, F.lit(NO_MEMBERS))
        .when(~anything, F.lit(NO_INDICATORS))
    )


@dataclass(frozen=True)
class _Lost:
    """What missing and stale inputs take from a score, in doubles that hold whole numbers.

    A value that does not apply (the job of a family in which nobody works) is no gap: where the model has a
    coefficient for its absence and the block was asked, it counts as observed.

    Attributes:
        by_block: Variance that a block's missing and stale inputs would bring, by column name, log points squared
            times ``2^_SIGNAL_BITS``.
        whole: The variance that all inputs bring, in the same unit.
    """

    by_block: Mapping[str, Column]
    whole: int

    @classmethod
    def of(cls, model: PmtModel, used: Sequence[Feature], on: date, rules: WelfareConfig) -> "_Lost":
        span = rules.stale_days - rules.fresh_days
        nothing, all_of_it = F.lit(0.0), F.lit(float(span))
        stale = {
            name: packing.staleness(name, on, rules.fresh_days, rules.stale_days)
            for name in {feature.indicator for feature in used} & _traced()
        }
        signals = model.signals
        by_block: dict[str, Column] = {_lost_of(block): nothing for block in Block}
        whole = 0
        for feature in used:
            weight = round(signals.get(feature.name, 0.0) * (1 << _SIGNAL_BITS) / span)
            if not weight:
                continue
            whole += weight * span
            of_absence = f"{feature.name}_missing" in model.whole.slopes
            absent = F.when(F.col(_asked(feature.block)), nothing).otherwise(all_of_it) if of_absence else all_of_it
            days = F.when(packing.value(feature) != packing.UNKNOWN, stale.get(feature.indicator, nothing)).otherwise(
                absent
            )
            of_block = _lost_of(feature.block)
            by_block[of_block] = by_block[of_block] + days * F.lit(float(weight))
        return cls(by_block, whole)

    def share_known(self) -> Column:
        """Share of all that the inputs would bring that is there."""
        if not self.whole:
            return F.lit(1.0)
        lost: Column = F.lit(0.0)
        for name in self.by_block:
            lost = lost + F.col(name)
        return F.floor((1 - lost / F.lit(float(self.whole))) * MICRO + 0.5) / F.lit(float(MICRO))

    def variance(self, model: PmtModel) -> Column:
        """Variance by what is missing or stale, but in blocks that the family's variant does without.

        Those are in the variant's own variance (``PmtModel.gaps``).
        """
        gaps = model.gaps
        lost: Column = F.lit(0.0)
        for block in Block:
            without = [name for name, blocks in VARIANTS.items() if name in gaps and block not in blocks]
            here = F.col(_lost_of(block))
            lost = lost + (
                F.when(F.col(c.MODEL_VARIANT).isin(without), F.lit(0.0)).otherwise(here) if without else here
            )
        return lost * F.lit(2.0**-_SIGNAL_BITS)


def _lost_of(block: Block) -> str:
    return f"_lost_{block.value}"


def _traced() -> frozenset[str]:
    return frozenset(name for level in Level for name in provenance.traced_indicators(level))


def _inputs(used: list[Feature]) -> dict[str, Column]:
    """Source and day of each traced indicator of the score, sorted by name, and the oldest day."""
    names = sorted({f.indicator for f in used} & _traced())
    if not names:
        kinds = {name: c.COLUMNS[name].type.simpleString() for name in (c.SCORE_INPUTS, c.OLDEST_INPUT)}
        return {name: F.lit(None).cast(kind) for name, kind in kinds.items()}
    told = []
    for name in names:
        source, day = packing.origin(name)
        one = F.struct(F.lit(name).alias("indicator"), source.alias("source"), day.alias("as_of"))
        told.append(F.when(day.isNotNull(), F.array(one)).otherwise(F.array()))
    return {c.SCORE_INPUTS: F.concat(*told), c.OLDEST_INPUT: packing.oldest(names)}


def strata(design: DataFrame) -> list[str]:
    """Return the places of the families that have one; at most a thousand in the country."""
    placed = design.where(F.col(c.KAB_CODE).isNotNull())
    return sorted(row[0] for row in placed.select(stratum_key()).distinct().collect())
