"""How many are wrongly in and wrongly out, from a sample of visits: design-weighted ratios with intervals.

Plain NumPy: a sample is as large as the budget of visits, never as the population.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

_LEVEL: Final = 0.95


@dataclass(frozen=True)
class Estimate:
    """One estimated share.

    Attributes:
        value: Estimate, 0 to 1.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        visits: Visited families that the denominator rests on.
    """

    value: float
    low: float
    high: float
    visits: int


@dataclass(frozen=True)
class Sample:
    """Drawn families, answered or not, in one order.

    Attributes:
        stratum: Number of the stratum, from 0.
        probability: Probability of being drawn, drawn / families of the stratum.
        answered: The visit found an answer.
        selected: The program selected the family.
        poor: The visit found that the program is meant for the family; read only where answered.
    """

    stratum: npt.NDArray[np.int64]
    probability: Floats
    answered: npt.NDArray[np.bool_]
    selected: npt.NDArray[np.bool_]
    poor: npt.NDArray[np.bool_]


def inclusion_error(sample: Sample) -> Estimate | None:
    """Estimate the share of the selected whom the program is not meant for; None where nobody selected answered."""
    return _ratio(sample, sample.selected & ~sample.poor, sample.selected)


def exclusion_error(sample: Sample) -> Estimate | None:
    """Estimate the share of those whom the program is meant for who are not selected; None where none answered."""
    return _ratio(sample, sample.poor & ~sample.selected, sample.poor)


def _ratio(sample: Sample, above: npt.NDArray[np.bool_], below: npt.NDArray[np.bool_]) -> Estimate | None:
    """Estimate a ratio of totals under stratified sampling without replacement.

    The variance is that of the linearised ratio (Särndal, Swensson and Wretman 1992, section 5.6 and 7.3); who did not
    answer is taken to be as those of the stratum who did. The interval is symmetric on the logit scale, with Student's
    t on the answers that the denominator rests on less the strata that hold them. Where every answer says the same,
    it is the exact binomial one of as many answers (Clopper and Pearson 1934).
    """
    told = sample.answered
    stratum, x, y = sample.stratum[told], below[told].astype(float), above[told].astype(float)
    visits = int(x.sum())
    if visits == 0:
        return None
    strata = int(sample.stratum.max()) + 1
    families = _sums(1 / sample.probability, sample.stratum, strata)
    answers = np.bincount(stratum, minlength=strata).astype(float)
    weight = (families / np.maximum(answers, 1))[stratum]
    total = float(weight @ x)
    value = float(weight @ y) / total
    if value in {0.0, 1.0}:
        low, high = _exact(round(value * visits), visits)
        return Estimate(value, low, high, visits)
    spread = np.sqrt(_variance((y - value * x) / total, stratum, families, answers))
    holding = len(np.unique(stratum[x > 0]))
    reach = float(special.stdtrit(max(visits - holding, 1), (1 + _LEVEL) / 2)) * spread / (value * (1 - value))
    logit = np.log(value / (1 - value))
    low, high = (float(1 / (1 + np.exp(-(logit + sign * reach)))) for sign in (-1, 1))
    return Estimate(value, low, high, visits)


def _variance(z: Floats, stratum: npt.NDArray[np.int64], families: Floats, answers: Floats) -> float:
    """Variance of a weighted total; strata with one answer lend it their distance from the mean of all."""
    strata = len(families)
    mean = _sums(z, stratum, strata) / np.maximum(answers, 1)
    single = answers == 1
    squares = _sums((z - np.where(single[stratum], z.mean(), mean[stratum])) ** 2, stratum, strata)
    each = squares / np.maximum(answers - 1, 1)
    rest = 1 - np.minimum(answers / families, 1)
    return float(np.sum(np.where(answers > 0, families**2 * rest * each / np.maximum(answers, 1), 0.0)))


def _sums(values: Floats, stratum: npt.NDArray[np.int64], strata: int) -> Floats:
    summed: Floats = np.zeros(strata)
    np.add.at(summed, stratum, values)
    return summed


def _exact(hits: int, visits: int) -> tuple[float, float]:
    tail = (1 - _LEVEL) / 2
    low = 0.0 if hits == 0 else float(special.betaincinv(hits, visits - hits + 1, tail))
    high = 1.0 if hits == visits else float(special.betaincinv(hits + 1, visits - hits, 1 - tail))
    return low, high
