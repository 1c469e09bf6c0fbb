"""Which families are visited: a stratified sample without replacement, with the probability of each family.

Strata are region × decile × class × whether a program selected the family. The region is as fine as the budget allows:
every stratum gets its least visits. Inside a stratum the families with the least hash of release and id are drawn, so
the same release gives the same sample.
"""

from collections.abc import Mapping
from functools import reduce
from math import sqrt
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.config import read_yaml, validated
from dtsen_spark.contract import local_frame
from dtsen_spark.corrections.terms import folder
from dtsen_spark.errors import ConfigError, UsageError

SELECTED: Final = "_selected"
_REQUESTED: Final = "_requested"
_KLASS: Final = "_class"
_DRAW: Final = "_draw"
_ORDER: Final = "_order"
_OTHER: Final = "OTHER"
_CLASSES: Final = ("REQUESTED", "HELD", "BORDERLINE", "STALE", _OTHER)
# Digits of the region in a stratum, finest first: kab/kota, province, nation.
_REGION_DIGITS: Final = (4, 2, 0)
_HASHES: Final = 2.0**53


class SamplingTerms(BaseModel):
    """``conf/corrections/sampling.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: Mapping[str, float] = Field(description="How many times as often as OTHER a class is drawn.")
    certain: tuple[str, ...] = Field(description="Classes that are visited whole.")
    near_cuts: tuple[int, ...] = Field(description="Cuts that decide for a program.")
    near: float = Field(gt=0, description="Distance to such a cut that is near, log of expenditure.")
    stale_below: float = Field(ge=0, le=1, description="Confidence below which a score is stale.")
    least_visits: int = Field(ge=2, description="Fewest visits of a stratum.")
    visits_per_officer: int = Field(ge=1, description="Most visits of one officer.")


def load_terms() -> SamplingTerms:
    """Read the terms of sampling.

    Raises:
        ConfigError: The file is missing or breaks a rule.
    """
    path = folder() / "sampling.yaml"
    terms = validated(path, SamplingTerms, read_yaml(path), "terms of sampling")
    if set(terms.classes) != set(_CLASSES) or min(terms.classes.values()) <= 0 or set(terms.certain) - set(_CLASSES):
        message = f"{path}: classes must be {', '.join(_CLASSES)}, each with a factor above 0"
        raise ConfigError(message)
    return terms


def frame(
    scores: DataFrame,
    decisions: list[DataFrame],
    requested: DataFrame,
    cuts: Mapping[int, int],
    terms: SamplingTerms,
) -> DataFrame:
    """Return every family that can be visited, with what its stratum hangs on.

    Args:
        scores: ``welfare/score`` of the release.
        decisions: ``programs/*`` of the release.
        requested: ``family_id`` of those for whom a visit was asked, unique.
        cuts: Score at each cut, in millionths.
        terms: The terms.

    Returns:
        One row for each family: ``family_id``, ``region_code``, ``decile`` (0 = not ranked), ``_class``, ``_selected``.
    """
    none = scores.select(c.FAMILY_ID, F.lit(False).alias(SELECTED), F.lit(False).alias(c.HOLD)).limit(0)
    parts = (d.select(c.FAMILY_ID, (F.col(c.DECISION) == "SELECTED").alias(SELECTED), c.HOLD) for d in decisions)
    of_family = (
        reduce(DataFrame.unionByName, parts, none)
        .where(SELECTED + " OR " + c.HOLD)
        .groupBy(c.FAMILY_ID)
        .agg(F.max(SELECTED).alias(SELECTED), F.max(c.HOLD).alias(c.HOLD))
    )
    distance = round(terms.near * 1_000_000)
    near = F.lit(False)
    for k in terms.near_cuts:
        if k in cuts:
            near = near | (F.abs(F.col(c.SCORE) - F.lit(cuts[k])) <= distance)
    klass = (
        F.when(F.coalesce(_REQUESTED, F.lit(False)), F.lit("REQUESTED"))
        .when(F.coalesce(c.HOLD, F.lit(False)), F.lit("HELD"))
        .when(near, F.lit("BORDERLINE"))
        .when(F.col(c.CONFIDENCE) < terms.stale_below, F.lit("STALE"))
        .otherwise(F.lit(_OTHER))
    )
    # family : its decisions is 1 : 0..1, family : request is 1 : 0..1.
    asked = requested.select(c.FAMILY_ID, F.lit(True).alias(_REQUESTED))
    return (
        scores.join(of_family, c.FAMILY_ID, "left")
        .join(asked, c.FAMILY_ID, "left")
        .select(
            c.FAMILY_ID,
            F.coalesce(c.REGION_CODE, F.lit("")).alias(c.REGION_CODE),
            F.coalesce(c.DECILE, F.lit(0)).alias(c.DECILE),
            klass.alias(_KLASS),
            F.coalesce(SELECTED, F.lit(False)).alias(SELECTED),
        )
    )


def stratum(digits: int) -> Column:
    """Return the name of a family's stratum, with its region in so many digits."""
    region = F.substring(c.REGION_CODE, 1, digits) if digits else F.lit("")
    inside = F.when(F.col(SELECTED), F.lit("IN")).otherwise(F.lit("OUT"))
    return F.concat_ws("/", region, F.col(c.DECILE), F.col(_KLASS), inside)


def allocated(sizes: Mapping[str, int], budget: int, terms: SamplingTerms) -> dict[str, int]:
    """Share the visits over the strata: in proportion to families × factor of the class, at least the least.

    >>> terms = SamplingTerms(classes={"HELD": 12, "BORDERLINE": 4, "OTHER": 1}, certain=(), near_cuts=(4,), near=0.05,
    ...     stale_below=0.5, least_visits=2, visits_per_officer=60)
    >>> allocated({"32/1/OTHER/OUT": 900, "32/4/BORDERLINE/IN": 100, "32/4/HELD/IN": 1}, 20, terms)
    {'32/1/OTHER/OUT': 13, '32/4/BORDERLINE/IN': 6, '32/4/HELD/IN': 1}

    Args:
        sizes: Families of each stratum; more of ``budget`` than the strata's least.
        budget: Visits.
        terms: The terms.

    Returns:
        Visits of each stratum; their sum is the budget, or all families where these are fewer.
    """
    visits = {name: _least(name, size, terms) for name, size in sizes.items()}
    weights = {name: size * terms.classes[name.split("/")[2]] for name, size in sizes.items()}
    left = min(budget, sum(sizes.values())) - sum(visits.values())
    # A stratum that is used up passes its share on, so a few rounds are needed.
    while left > 0:
        open_ = {name: weights[name] for name in sorted(sizes) if visits[name] < sizes[name]}
        total = sum(open_.values())
        shares = {name: min(int(left * weight / total), sizes[name] - visits[name]) for name, weight in open_.items()}
        if not any(shares.values()):
            first = sorted(open_, key=lambda name: (-open_[name], name))[:left]
            shares = dict.fromkeys(first, 1)
        for name, share in shares.items():
            visits[name] += share
        left -= sum(shares.values())
    return visits


def _least(name: str, size: int, terms: SamplingTerms) -> int:
    return size if name.split("/")[2] in terms.certain else min(size, terms.least_visits)


def draw(families: DataFrame, budget: int, release_id: str, terms: SamplingTerms) -> DataFrame:
    """Draw the sample.

    Args:
        families: From ``frame``.
        budget: Visits.
        release_id: Release whose families are drawn; another release draws others.
        terms: The terms.

    Returns:
        One row for each drawn family, in the columns of ``verify/assignment`` but period and release.

    Raises:
        UsageError: The budget is too small for the coarsest strata.
    """
    cells = families.groupBy(stratum(_REGION_DIGITS[0]).alias(c.STRATUM)).count().collect()  # kab/kota × 160 at most
    for digits in _REGION_DIGITS:
        sizes: dict[str, int] = {}
        for row in cells:
            region, _, rest = row[c.STRATUM].partition("/")
            name = f"{region[:digits]}/{rest}"
            sizes[name] = sizes.get(name, 0) + int(row["count"])
        least = sum(_least(name, size, terms) for name, size in sizes.items())
        if least <= budget:
            break
    else:
        message = f"--budget {budget}: {len(sizes)} strata need at least {least} visits; give at least that many"
        raise UsageError(message)
    visits = allocated(sizes, budget, terms)
    known = local_frame(
        families.sparkSession,
        [
            (name, visits[name], visits[name] / size, _within(visits[name], size))
            for name, size in sorted(sizes.items())
        ],
        f"{c.STRATUM} string, _visits long, {c.PROBABILITY} double, _within double",
    )
    chance = F.shiftrightunsigned(F.xxhash64(F.lit(release_id), c.FAMILY_ID), 11) / F.lit(_HASHES)
    # family : stratum is n : 1. Only families with small draws are sorted, a few more than are visited.
    near = (
        families.withColumn(c.STRATUM, stratum(digits))
        .withColumn(_DRAW, chance)
        .join(F.broadcast(known), c.STRATUM)
        .where(F.col(_DRAW) <= F.col("_within"))
    )
    order = Window.partitionBy(c.STRATUM).orderBy(_DRAW, c.FAMILY_ID)
    drawn = near.withColumn(_ORDER, F.row_number().over(order)).where(F.col(_ORDER) <= F.col("_visits"))
    # As many rows as visits. An officer works in one kab/kota, village by village.
    kab = F.substring(c.REGION_CODE, 1, 4)
    route = Window.partitionBy(kab).orderBy(c.REGION_CODE, c.FAMILY_ID)
    officer = F.floor((F.row_number().over(route) - 1) / terms.visits_per_officer) + 1
    return drawn.select(
        F.concat(F.lit("V"), F.substring(F.sha2(F.concat_ws("|", F.lit(release_id), c.FAMILY_ID), 256), 1, 16)).alias(
            c.ASSIGNMENT_ID
        ),
        c.FAMILY_ID,
        c.REGION_CODE,
        c.STRATUM,
        c.PROBABILITY,
        F.col(_KLASS).alias(c.REASON),
        F.concat_ws("-", kab, F.lpad(officer.cast("string"), 3, "0")).alias(c.OFFICER),
    )


def _within(visits: int, size: int) -> float:
    """Return a bound below which the draws of a stratum hold all that are visited, but for a chance of 1e-20."""
    return min(1.0, (visits + 10 * sqrt(visits) + 60) / size)
