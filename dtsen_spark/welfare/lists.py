"""What being on a list of poor families says of one of whom little is known, as the register itself tells.

A list such as DTKS or P3KE holds families that somebody took for poor. A family of whom a block of inputs is unknown
is scored without it, as the survey's average household would be; but families on no list are better off than that, and
those on one are worse off. How much, families on the same lists of whom everything is known tell: the mean of their
whole score, less the mean of what they would score without the block. (A pattern-mixture model: Little 1993,
"Pattern-mixture models for multivariate incomplete data", JASA 88.) A family of whom everything is known is scored by
its own inputs alone, whatever list it is on.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.welfare import scoring
from dtsen_spark.welfare.model import FULL, LISTED, MICRO, Listing, PmtModel, lists_of

# With fewer families their mean says little: its error is then above a tenth of their spread.
_FEWEST: Final = 100


def with_listing(model: PmtModel, design: DataFrame, lists: Sequence[str]) -> PmtModel:
    """Add to a model what lists say of families of whom not everything is known.

    Args:
        model: The model.
        design: ``frozen.family_design`` of the nation.
        lists: Sources that hold only who was thought poor; none = the model stays as it is.

    Returns:
        The model with its ``listing``; its card has the families that told it, by the lists that they are on. A
        pattern of fewer than a hundred families says nothing. The model as it is where it has no variants by what is
        known.
    """
    if not lists or model.by_place or FULL not in model.variants:
        return model
    sums: dict[str, Counter[str]] = {}
    for variant in sorted(model.variants):
        told = scoring.as_if(design, model, known=FULL, variant=variant).groupBy(LISTED)
        # A row for each of eight patterns.
        rows = told.agg(F.count(F.lit(1)).alias(c.FAMILIES), F.sum(c.SCORE).alias(c.SCORE)).collect()
        sums[variant], families = Counter(), Counter[str]()  # the families are the same ones for each variant
        for row in rows:
            on = lists_of(row[LISTED], lists)
            sums[variant][on] += int(row[c.SCORE])
            families[on] += int(row[c.FAMILIES])
    enough = sorted(pattern for pattern, count in families.items() if count >= _FEWEST)
    shifts = {
        variant: {
            pattern: round((sums[FULL][pattern] - found[pattern]) / families[pattern]) / MICRO for pattern in enough
        }
        for variant, found in sums.items()
        if variant != FULL
    }
    if not any(shifts.values()):
        return model
    card = {**model.card, "lists": {pattern: families[pattern] for pattern in enough}}
    return replace(model, listing=Listing(tuple(lists), shifts), card=card)
