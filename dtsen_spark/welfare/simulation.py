"""What another unit, model, cut or equivalence scale would do to the deciles of a release, before anything is decided.

Nothing is written. A winner is a family that would stand in a poorer decile (nearer to programs), a loser one that
would stand in a richer one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.config import WelfareConfig, read_yaml, validated
from dtsen_spark.errors import ConfigError, UsageError
from dtsen_spark.lake import Lake, stored
from dtsen_spark.welfare import registry, scoring
from dtsen_spark.welfare.deciles import TENTHS, Cut, cut_points, decile
from dtsen_spark.welfare.features import UNIT
from dtsen_spark.welfare.frozen import FAMILY, PERSON, family_design
from dtsen_spark.welfare.model import MICRO

# What winners and losers are told by; a decile is that of before.
NATION: Final = "nation"
DECILE: Final = "decile"
PROVINCE: Final = "province"
KAB: Final = "kab"
FAMILY_TYPE: Final = "family_type"
GROUPINGS: Final = (NATION, DECILE, PROVINCE, KAB, FAMILY_TYPE)
_PROVINCE_DIGITS: Final = 2
_KAB_DIGITS: Final = 4
_CHILD_BELOW: Final = 15
_OLD_FROM: Final = 65
_CUTS: Final = TENTHS - 1


class WelfareScenario(BaseModel):
    """What is different; what is not said stays as it is in the release.

    The equivalence scale divides a family's expenditure by (adults + child_weight × children) ^ elasticity (National
    Research Council 1995, "Measuring Poverty"); the register's own is 1 and 1, expenditure for each head.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Literal["person", "family"] | None = Field(None, description="Unit that deciles hold a tenth of each.")
    model: str | None = Field(None, description="Registered model that scores the families.")
    cuts_idr_month: tuple[int, ...] | None = Field(
        None, description="Nine rising cuts in rupiah for each member a month, instead of tenths."
    )
    child_weight: float = Field(1.0, gt=0, le=1, description="A child below 15 as a share of an adult.")
    elasticity: float = Field(
        1.0, ge=0, le=1, description="Power of the number of adults: 1 = no saving by living together."
    )

    @model_validator(mode="after")
    def _cuts_rise(self) -> "WelfareScenario":
        cuts = self.cuts_idr_month
        if cuts is not None and (len(cuts) != _CUTS or list(cuts) != sorted(set(cuts)) or cuts[0] <= 0):
            message = f"cuts_idr_month: nine rising amounts above 0 are needed, {len(cuts)} were given"
            raise ValueError(message)
        return self


@dataclass(frozen=True)
class Simulation:
    """Outcome of a scenario.

    Attributes:
        scores: The release's ``welfare/score`` with the ``score`` and ``decile`` of the scenario, for program rules.
        moves: One row for each ranked family: ``family_id``, ``members``, ``kab_code``, ``family_type``,
            ``decile_before``, ``decile``.
        cuts: Scores of the scenario's nine cuts.
    """

    scores: DataFrame
    moves: DataFrame
    cuts: tuple[int, ...]


@dataclass(frozen=True)
class Moved:
    """Who of a group of families would stand elsewhere; what may not be shown of few is None.

    Attributes:
        grouping: One of ``GROUPINGS``.
        group: A decile (of before), a region code, a family type; empty for the nation.
        families: Families.
        persons: Their members.
        winners: Families that would stand in a poorer decile.
        losers: Families that would stand in a richer one.
        persons_won: Members of the winners.
        persons_lost: Members of the losers.
    """

    grouping: str
    group: str
    families: int | None
    persons: int | None
    winners: int | None
    losers: int | None
    persons_won: int | None
    persons_lost: int | None


def read_scenario(path: Path) -> WelfareScenario:
    """Read a scenario.

    Args:
        path: YAML file such as ``{unit: family, elasticity: 0.7}``.

    Raises:
        ConfigError: The file cannot be read, says nothing, or what it says is no scenario.
    """
    content = read_yaml(path)
    if not content:
        message = f"--welfare {path}: says nothing that is different, such as 'unit: family' or 'elasticity: 0.7'"
        raise ConfigError(message)
    return validated(path, WelfareScenario, content, "welfare scenario")


def simulate(lake: Lake, release_id: str, scenario: WelfareScenario, *, on: date, rules: WelfareConfig) -> Simulation:
    """Rank the families of a release under a scenario.

    Args:
        lake: The lake.
        release_id: A release whose build is in the lake.
        scenario: What is different.
        on: Day that scores are of.
        rules: The configuration of the release.

    Returns:
        Frames over intermediate files in the release's scratch folder, which the caller drops; nothing else is written.

    Raises:
        UsageError: The release has no build, or the scenario's model is not registered.
    """
    of_model = () if scenario.model is None else (tables.FAMILY_ATTRIBUTE,)
    for table in (tables.SCORE, tables.PERSON_ATTRIBUTE, *of_model):
        if not lake.exists(table, build=release_id):
            message = f"{release_id}: no {table.path} in its build; run the stages up to welfare first"
            raise UsageError(message)
    before = lake.read(tables.SCORE, build=release_id)
    persons = lake.read(tables.PERSON_ATTRIBUTE, build=release_id).where(F.col(c.FAMILY_ID).isNotNull())
    smearing = 1.0
    if scenario.model is None:
        scored = before.select(c.FAMILY_ID, c.SCORE)
        version = before.where(F.col(c.MODEL_VERSION).isNotNull()).select(c.MODEL_VERSION).first()
        smearing = registry.smearing(lake, version[0]) if version else smearing
    else:
        model = registry.load(lake, registry.require(lake, scenario.model))
        design = family_design(lake.read(tables.FAMILY_ATTRIBUTE, build=release_id), persons)
        rescored = scoring.score(design, model, on=on, rules=rules)
        scored = rescored.select(F.col(UNIT).alias(c.FAMILY_ID), c.SCORE)
        smearing = model.smearing
    # family : its members' figures is 1 : 0..1; family : its score is 1 : 1.
    made = (
        before.withColumnsRenamed({c.SCORE: "_score_before", c.DECILE: c.DECILE_BEFORE})
        .join(scored, c.FAMILY_ID)
        .join(composition(persons), c.FAMILY_ID, "left")
        .withColumn(c.SCORE, F.col(c.SCORE) + _per_equivalent(scenario))
    )
    # Read three times, twice of it in two columns: once to files instead of scoring the nation again.
    families = stored(made, lake.scratch(release_id) / "simulate")
    cuts = _cuts(families, scenario, smearing, rules)
    after = families.withColumn(c.DECILE, decile(F.col(c.SCORE), cuts))
    ranked = after.where(F.col(c.DECILE).isNotNull() & F.col(c.DECILE_BEFORE).isNotNull())
    moves = ranked.select(
        c.FAMILY_ID,
        c.MEMBERS,
        F.substring(c.REGION_CODE, 1, _KAB_DIGITS).alias(c.KAB_CODE),
        F.coalesce(FAMILY_TYPE, F.lit("UNKNOWN")).alias(FAMILY_TYPE),
        c.DECILE_BEFORE,
        c.DECILE,
    )
    return Simulation(after.select(*tables.SCORE.columns), moves, tuple(cut.score for cut in cuts))


def composition(persons: DataFrame) -> DataFrame:
    """Count who a family consists of.

    Args:
        persons: Members, in the columns of ``master/person_attribute``; an unknown age counts as an adult's.

    Returns:
        ``family_id``, ``adults``, ``children`` (below 15), ``family_type``: ALONE, ELDERLY_ONLY (65 and more),
        LONE_PARENT (one adult with children), WITH_CHILDREN, WITHOUT_CHILDREN.
    """
    child = F.coalesce(F.col(c.AGE) < _CHILD_BELOW, F.lit(False))
    old = F.coalesce(F.col(c.AGE) >= _OLD_FROM, F.lit(False))
    counted = persons.groupBy(c.FAMILY_ID).agg(
        F.count_if(~child).alias("adults"), F.count_if(child).alias("children"), F.count_if(old).alias("elderly")
    )
    adults, children = F.col("adults"), F.col("children")
    kind = (
        F.when((adults > 0) & (F.col("elderly") == adults) & (children == 0), F.lit("ELDERLY_ONLY"))
        .when(adults + children == 1, F.lit("ALONE"))
        .when((adults == 1) & (children > 0), F.lit("LONE_PARENT"))
        .when(children > 0, F.lit("WITH_CHILDREN"))
        .otherwise(F.lit("WITHOUT_CHILDREN"))
    )
    return counted.select(c.FAMILY_ID, adults, children, kind.alias(FAMILY_TYPE))


def winners_and_losers(moves: DataFrame) -> tuple[Moved, ...]:
    """Count who would stand elsewhere, from one pass over the families.

    Args:
        moves: As in ``Simulation``.

    Returns:
        The groups of every grouping, in the order of ``GROUPINGS``. Counts, not yet suppressed.
    """
    change = F.signum(F.col(c.DECILE) - F.col(c.DECILE_BEFORE)).cast("int")
    cells = moves.groupBy(c.DECILE_BEFORE, c.KAB_CODE, FAMILY_TYPE, change.alias("change")).agg(
        F.count(F.lit(1)).alias("families"), F.sum(c.MEMBERS).alias("persons")
    )
    groups = {
        NATION: F.lit(""),
        DECILE: F.lpad(F.col(c.DECILE_BEFORE).cast("string"), 2, "0"),  # sorts as the deciles do
        PROVINCE: F.substring(c.KAB_CODE, 1, _PROVINCE_DIGITS),
        KAB: F.col(c.KAB_CODE),
        FAMILY_TYPE: F.col(FAMILY_TYPE),
    }
    each = F.array(*(F.struct(F.lit(name).alias("grouping"), group.alias("group")) for name, group in groups.items()))
    figures = {
        "families": F.sum("families"),
        "persons": F.sum("persons"),
        "winners": _sum_where("families", -1),
        "losers": _sum_where("families", 1),
        "persons_won": _sum_where("persons", -1),
        "persons_lost": _sum_where("persons", 1),
    }
    rows = (
        cells.select("families", "persons", "change", F.explode(each).alias("of"))
        .groupBy("of.grouping", "of.group")
        .agg(*(figure.alias(name) for name, figure in figures.items()))
        .collect()  # a row for each kab/kota, and some fifty more
    )
    found = [Moved(row["grouping"], row["group"], *(int(row[name] or 0) for name in figures)) for row in rows]
    return tuple(sorted(found, key=lambda one: (GROUPINGS.index(one.grouping), one.group)))


def _sum_where(figure: str, change: int) -> Column:
    return F.sum(F.when(F.col("change") == change, F.col(figure)))


def _per_equivalent(scenario: WelfareScenario) -> Column:
    """From expenditure for each head to expenditure for each equivalent adult, millionths of log."""
    if (scenario.child_weight, scenario.elasticity) == (1.0, 1.0):
        return F.lit(0).cast("long")
    adults = F.coalesce("adults", F.lit(0)) + F.lit(scenario.child_weight) * F.coalesce("children", F.lit(0))
    scale = F.log(F.greatest(adults, F.lit(scenario.child_weight))) * F.lit(scenario.elasticity)
    return F.floor((F.log(F.greatest(F.col(c.MEMBERS), F.lit(1)).cast("double")) - scale) * MICRO + 0.5)


def _cuts(families: DataFrame, scenario: WelfareScenario, smearing: float, rules: WelfareConfig) -> tuple[Cut, ...]:
    if scenario.cuts_idr_month is not None:
        scores = (math.ceil(math.log(amount / smearing) * MICRO) for amount in scenario.cuts_idr_month)
        return tuple(Cut(k, score, 0) for k, score in enumerate(scores, start=1))
    unit = scenario.unit or rules.unit
    weights: Mapping[str, Column] = {PERSON: F.col(c.MEMBERS), FAMILY: F.lit(1)}
    ranked = families.where(F.col(c.SCORE).isNotNull()).select(c.SCORE, c.MEMBERS)
    return cut_points(ranked, c.SCORE, {unit: weights[unit]})[unit]
