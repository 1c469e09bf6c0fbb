"""What being on a list of poor families says of one of whom little is known, as the register itself tells.

A list such as DTKS or P3KE holds families that somebody took for poor. A family of whom a block of inputs is unknown
is scored without it, as the survey's average household would be; but families on no list are better off than that, and
those on one are worse off. How much, families on the same lists of whom everything is known tell: what they consume on
average, less the mean of what they would score without the block. (A pattern-mixture model: Little 1993,
"Pattern-mixture models for multivariate incomplete data", JASA 88.) A family of whom everything is known is scored by
its own inputs alone, whatever list it is on.

What these families consume is not known, only what they score. A village meeting names who lives poorly, whatever our
inputs see of it; a score is nearer to everybody's mean than consumption is, by the share of the spread that it explains
(R²), so the distance of a list's mean score from that of all is divided by it (regression dilution: Spearman 1904,
"The proof and measurement of association between two things", American Journal of Psychology 15; Fuller 1987,
"Measurement Error Models", §1.1). Of lists that were themselves made by a score of the same inputs, the mean score is
all that there is to know (``follow`` ``inputs``).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.welfare import scoring
from dtsen_spark.welfare.model import FULL, LISTED, MICRO, Listing, PmtModel, lists_of

_CONSUMPTION: Final = "consumption"
# With fewer families their mean says little: its error is then above a tenth of their spread.
_FEWEST: Final = 100
# A model that explains less of the spread than this tells too little to be read backwards.
_LEAST_EXPLAINED: Final = 0.2


def with_listing(model: PmtModel, design: DataFrame, lists: Sequence[str], follow: str) -> PmtModel:
    """Add to a model what lists say of families of whom not everything is known.

    Args:
        model: The model.
        design: ``frozen.family_design`` of the nation.
        lists: Sources that hold only who was thought poor; none = the model stays as it is.
        follow: ``consumption`` where they hold who lives poorly, ``inputs`` where a score of the same inputs made them.

    Returns:
        The model with its ``listing``; its card has the families that told it, by the lists that they are on. A
        pattern of fewer than a hundred families says nothing. The model as it is where it has no variants by what is
        known.
    """
    if not lists or model.by_place or FULL not in model.variants:
        return model
    sums: dict[str, Counter[str]] = {}
    for variant in sorted(model.variants):
        as_if = scoring.as_if(design, model, known=FULL, variant=variant).groupBy(LISTED)
        # A row for each of eight patterns.
        rows = as_if.agg(F.count(F.lit(1)).alias(c.FAMILIES), F.sum(c.SCORE).alias(c.SCORE)).collect()
        sums[variant], families = Counter(), Counter[str]()  # the families are the same ones for each variant
        for row in rows:
            on = lists_of(row[LISTED], lists)
            sums[variant][on] += int(row[c.SCORE])
            families[on] += int(row[c.FAMILIES])
    enough = sorted(pattern for pattern, count in families.items() if count >= _FEWEST)
    told = _told(sums[FULL], families, _explained(model) if follow == _CONSUMPTION else 1.0)
    shifts = {
        variant: {pattern: round(told[pattern] - found[pattern] / families[pattern]) / MICRO for pattern in enough}
        for variant, found in sums.items()
        if variant != FULL
    }
    if not any(shifts.values()):
        return model
    card = {**model.card, "lists": {pattern: families[pattern] for pattern in enough}}
    return replace(model, listing=Listing(tuple(lists), shifts), card=card)


def _explained(model: PmtModel) -> float:
    """Share of the spread of consumption that the model explains of households that it has not seen."""
    explained = float(model.card.get("held_out", {}).get("r2", 0.0))
    return explained if explained >= _LEAST_EXPLAINED else 1.0


def _told(sums: Mapping[str, int], families: Mapping[str, int], explained: float) -> dict[str, float]:
    """Return what families of each pattern consume on average, millionths, as their scores tell."""
    everybody = sum(sums.values()) / max(sum(families.values()), 1)
    return {name: everybody + (sums[name] / count - everybody) / explained for name, count in families.items()}
