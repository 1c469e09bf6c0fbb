"""How sure a decile is: intervals of scores and predictions, the probability of each decile, who is on the border.

Two errors, not to be mixed. The error of the *score* (coefficients, the place's level, missing and stale inputs) says
how far the family could move if it were visited and the survey were larger; it decides what is BORDERLINE. The error
of the *prediction* adds what no visit can see (the residual of the model) and gives the interval in rupiah.

A middle decile is a quarter of the scores' spread wide. A survey of a few hundred households tells scores no better
than that, so nearly every family is BORDERLINE; how likely each decile is then says more than the flag.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.welfare.deciles import TENTHS, Cut, decile
from dtsen_spark.welfare.model import MICRO

CLEAR: Final = "CLEAR"
BORDERLINE: Final = "BORDERLINE"
_WHOLE: Final = 1000
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: error function to 1.5e-7. Spark has none.
_ERF: Final = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
_ERF_P: Final = 0.3275911


def classify(
    scored: DataFrame, cuts: Sequence[Cut], *, residual_sd: float, smearing: float, interval: float
) -> DataFrame:
    """Place scored families in deciles, with what is known of their error, and turn scores into rupiah: a narrow map.

    Args:
        scored: One row for each family: ``score`` (null where unranked), ``score_error``.
        cuts: Nine cuts; none where nobody is ranked.
        residual_sd: Standard deviation of what the model does not explain, log points.
        smearing: Factor to mean rupiah.
        interval: Probability that intervals hold.

    Returns:
        The rows with ``decile``, ``decile_state``, ``decile_permille`` (only where BORDERLINE; adds up to 1000),
        ``log_expenditure``, ``expenditure_idr_month``, ``expenditure_low_idr_month``, ``expenditure_high_idr_month``.
    """
    score, error = F.col(c.SCORE), F.col(c.SCORE_ERROR)
    z = NormalDist().inv_cdf((1 + interval) / 2)
    reach = F.floor(error * F.lit(z) + 0.5)
    borderline = decile(score - reach, cuts) != decile(score + reach, cuts)
    of_prediction = F.sqrt(error * error / F.lit(float(MICRO) ** 2) + F.lit(residual_sd**2)) * F.lit(z)

    def rupiah(log: Column) -> Column:
        return F.floor(F.exp(log) * F.lit(smearing) + 0.5).cast("long")

    middle = score / F.lit(float(MICRO))
    return (
        scored.withColumn(c.DECILE, decile(score, cuts))
        .withColumn(c.LOG_EXPENDITURE, middle)
        .withColumn(c.EXPENDITURE_IDR_MONTH, rupiah(middle))
        .withColumn(
            c.DECILE_STATE,
            F.when(score.isNotNull(), F.when(borderline, F.lit(BORDERLINE)).otherwise(F.lit(CLEAR))),
        )
        .withColumn(c.DECILE_PERMILLE, F.when(F.col(c.DECILE_STATE) == BORDERLINE, probabilities(score, error, cuts)))
        .withColumn(c.EXPENDITURE_LOW_IDR_MONTH, rupiah(middle - of_prediction))
        .withColumn(c.EXPENDITURE_HIGH_IDR_MONTH, rupiah(middle + of_prediction))
    )


def probabilities(score: Column, error: Column, cuts: Sequence[Cut]) -> Column:
    """Return the probability of each decile as ten integers per mille that add up to 1000.

    Args:
        score: The score.
        error: Its standard error, in the same unit; 1 at least.
        cuts: Nine cuts.

    Returns:
        Array of ten integers: the score is normally distributed around its estimate.
    """
    below = [F.lit(0)]
    below += [
        F.floor(normal_probability((F.lit(cut.score) - score) / F.greatest(error, F.lit(1))) * _WHOLE + 0.5).cast("int")
        for cut in cuts
    ]
    below += [F.lit(_WHOLE)] * (TENTHS + 1 - len(below))
    return F.array(*(upper - lower for lower, upper in pairwise(below)))


def normal_probability(z: Column) -> Column:
    """Return the probability that a standard normal is below ``z``."""
    x = F.abs(z) / F.lit(2**0.5)
    t = 1 / (1 + F.lit(_ERF_P) * x)
    series: Column = F.lit(0.0)
    for coefficient in reversed(_ERF):
        series = (series + F.lit(coefficient)) * t
    upper = F.lit(0.5) * series * F.exp(-x * x)
    return F.when(z >= 0, 1 - upper).otherwise(upper)
