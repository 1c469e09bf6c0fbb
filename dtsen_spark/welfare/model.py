"""The proxy means test as numbers: normal equations solved on the driver, levels shrunk, no Spark.

Model (``domain.md`` 3.5; Alatas et al. 2012 for the form): the log of monthly expenditure for each member is linear in
the features; slopes are national, the level is that of the kab/kota's urban or rural part, shrunk towards its
province and the nation where the sample is thin. A stratum of n households weighs n / (n + k) against its parent;
k is what the survey itself says of how much places differ (``shrinkage_of``), or ``welfare.shrinkage_households``.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dtsen_spark.tables import LINKED_SOURCES

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# A column whose part that the others do not explain is below this share of its variance is collinear.
_RANK_TOLERANCE: Final = 1e-8
# Coefficients are kept to this many digits: machines whose linear algebra differs in the last bit agree.
_DIGITS: Final = 11
NATION: Final = "ID"
# Beyond it a place of the largest survey is its province's to nine tenths and more.
MOST_SHRINKAGE: Final = 10_000
# The variant that uses every block of features.
FULL: Final = "full"
# Which lists know a family: one bit for each of ``tables.LINKED_SOURCES``.
LISTED: Final = "listed"
PATTERNS: Final = 1 << len(LINKED_SOURCES)
MICRO: Final = 1_000_000


def place_variant(stratum: str) -> str:
    """Return the variant's name of a place in a model by place: ``3201:U`` is ``3201U``."""
    return stratum.replace(":", "")


@dataclass(frozen=True)
class Moments:
    """Exact sums over surveyed households.

    Attributes:
        weight: Sum of weights.
        first: Sum of weight × variable, one for each feature, then log expenditure.
        second: Sum of weight × product of two variables, the same order.
        households: Number of households.
    """

    weight: int
    first: tuple[int, ...]
    second: tuple[tuple[int, ...], ...]
    households: int

    def minus(self, other: "Moments") -> "Moments":
        """Return the moments without a part of the households."""
        return Moments(
            self.weight - other.weight,
            tuple(a - b for a, b in zip(self.first, other.first, strict=True)),
            tuple(
                tuple(a - b for a, b in zip(mine, theirs, strict=True))
                for mine, theirs in zip(self.second, other.second, strict=True)
            ),
            self.households - other.households,
        )

    def centred(self) -> tuple[Vector, Matrix]:
        """Return means and the matrix of weighted co-deviations, centred before anything is rounded."""
        total = self.weight
        means = np.array([value / total for value in self.first])
        # Integers of any size: no digit is lost in the difference of two large numbers.
        deviations = [
            [(total * value - a * b) / total for value, b in zip(row, self.first, strict=True)]
            for row, a in zip(self.second, self.first, strict=True)
        ]
        return means, np.array(deviations, dtype=np.float64)


@dataclass(frozen=True)
class Solution:
    """Slopes of one set of features.

    Attributes:
        slopes: One for each feature of the model, 0 where it is not used.
        errors: Standard errors, 0 where it is not used.
        used: Which features are.
        residual_variance: Weighted residual variance, weights with mean 1.
    """

    slopes: Vector
    errors: Vector
    used: NDArray[np.bool_]
    residual_variance: float


def independent(matrix: Matrix, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Choose columns that are neither constant nor explained by others: Cholesky with pivots on the correlations.

    Args:
        matrix: Co-deviations.
        wanted: Columns to choose from.

    Returns:
        Which columns to keep; of columns that say the same the first with the largest remaining variance.
    """
    variance = np.diag(matrix).copy()
    keep = np.zeros(len(variance), dtype=bool)
    candidates = wanted & (variance > 0)
    scale = np.where(candidates, np.sqrt(np.where(variance > 0, variance, 1.0)), 1.0)
    left = matrix / np.outer(scale, scale)
    remaining = np.where(candidates, 1.0, 0.0)
    while True:
        pivot = int(np.argmax(np.round(remaining, 9)))
        if remaining[pivot] <= _RANK_TOLERANCE:
            return keep
        keep[pivot] = True
        column = left[:, pivot] / np.sqrt(remaining[pivot])
        left = left - np.outer(column, column)
        remaining = np.where(candidates & ~keep, np.diag(left), 0.0)


def solve(moments: Moments, wanted: NDArray[np.bool_]) -> Solution:
    """Solve the weighted normal equations on the centred design.

    Args:
        moments: Sums over households; the last variable is the log expenditure.
        wanted: Features to use.

    Returns:
        Slopes, standard errors (as of weighted least squares: variance from the residuals, n - p - 1 degrees).
    """
    _, deviations = moments.centred()
    x, xy, yy = deviations[:-1, :-1], deviations[:-1, -1], deviations[-1, -1]
    used = independent(x, wanted)
    slopes, errors = np.zeros(len(x)), np.zeros(len(x))
    scale = np.sqrt(np.diag(x)[used])
    normal = x[np.ix_(used, used)] / np.outer(scale, scale)
    right = xy[used] / scale
    found = np.linalg.solve(normal, right) if used.any() else np.zeros(0)
    residual = float(yy - found @ right)
    degrees = max(moments.households - int(used.sum()) - 1, 1)
    slopes[used] = found / scale
    if used.any():
        errors[used] = np.sqrt(np.maximum(np.diag(np.linalg.inv(normal)) * residual / degrees, 0.0)) / scale
    # In units of one household's weight, so that the figure does not hang on how weights are scaled.
    variance = max(residual, 0.0) / moments.weight
    return Solution(_rounded(slopes), _rounded(errors), used, variance)


def _rounded(values: Vector) -> Vector:
    return np.array([float(f"{value:.{_DIGITS}g}") for value in values.tolist()])


@dataclass(frozen=True)
class StrataSums:
    """Sums by stratum, arrays in the order of ``keys``.

    Attributes:
        keys: ``<kab>:U`` or ``<kab>:R``, sorted.
        households: Number of households.
        weight: Sum of weights.
        squares: Sum of squared weights.
        first: Sum of weight × variable, one row for each stratum: features, then log expenditure.
    """

    keys: tuple[str, ...]
    households: Vector
    weight: Vector
    squares: Vector
    first: Matrix

    @property
    def effective_households(self) -> float:
        """Households of equal weight that would tell a mean as exactly (Kish 1965): unequal weights tell less."""
        squares = float(np.sum(self.squares))
        return float(np.sum(self.weight)) ** 2 / squares if squares else 0.0

    def minus(self, other: "StrataSums") -> "StrataSums":
        """Return the sums without a part of the households; both have the same keys."""
        return StrataSums(
            self.keys,
            self.households - other.households,
            self.weight - other.weight,
            self.squares - other.squares,
            self.first - other.first,
        )


@dataclass(frozen=True)
class Shrinkage:
    """How many households tell a level as well as its parent does.

    Attributes:
        place: Of a kab/kota's urban or rural part, against its province; 0 = the place's own mean.
        province: Of a province, against the nation.
    """

    place: int
    province: int


def levels(
    moments: Moments, strata: StrataSums, slopes: Vector, at: Sequence[int], shrinkage: Shrinkage
) -> dict[str, float]:
    """Return the level of every stratum: log expenditure of a household whose features are ``at``.

    Args:
        moments: National sums.
        strata: Sums by stratum.
        slopes: National slopes.
        at: The features that the level is told at: what the scores are centred on.
        shrinkage: Households at which a level weighs as much as its parent.

    Returns:
        Level by stratum: the nation (``ID``), provinces (``32``), kab/kota × urban (``3201:U``).
    """
    means, _ = moments.centred()
    centre = np.array(at, dtype=np.float64)
    nation = float(means[-1] + (centre - means[:-1]) @ slopes)
    # Residuals against the national line, summed by stratum.
    residual = strata.first[:, -1] - nation * strata.weight
    residual = residual - (strata.first[:, :-1] - np.outer(strata.weight, centre)) @ slopes
    provinces, of_province = np.unique([key[:2] for key in strata.keys], return_inverse=True)
    count = len(provinces)
    sums = [
        np.bincount(of_province, part, count).astype(np.float64)
        for part in (residual, strata.weight, strata.households)
    ]
    by_province = _shrunk(sums[0], sums[1], sums[2], np.zeros(count), shrinkage.province)
    by_stratum = _shrunk(residual, strata.weight, strata.households, by_province[of_province], shrinkage.place)
    keys = (NATION, *map(str, provinces), *strata.keys)
    values = np.concatenate([[nation], nation + by_province, nation + by_stratum])
    return dict(zip(keys, _rounded(values).tolist(), strict=True))


def _shrunk(residual: Vector, weight: Vector, households: Vector, parent: Vector, shrinkage: int) -> Vector:
    there = (weight > 0) & (households > 0)
    own = np.where(there, residual / np.where(there, weight, 1.0), 0.0)
    trust = np.where(there, households / np.where(there, households + shrinkage, 1.0), 0.0)
    return np.asarray(trust * own + (1 - trust) * parent)


@dataclass(frozen=True)
class Variant:
    """The model of families of whom certain blocks of features are known.

    Attributes:
        slopes: Log points for each hundredth, by feature.
        errors: Their standard errors.
        levels: Level by stratum.
        level_errors: Standard error of each level.
        residual_sd: Standard deviation of what it does not explain; 0 where it is not known.
    """

    slopes: Mapping[str, float]
    errors: Mapping[str, float]
    levels: Mapping[str, float]
    level_errors: Mapping[str, float] = field(default_factory=dict)
    residual_sd: float = 0.0


def lists_of(pattern: int, lists: Sequence[str]) -> str:
    """Return the name of a pattern of lists: those of some lists that are in it, such as ``dtks+p3ke``, or ``none``.

    Args:
        pattern: One bit for each of ``tables.LINKED_SOURCES``.
        lists: The lists that are looked at.
    """
    found = [name for bit, name in enumerate(LINKED_SOURCES) if pattern >> bit & 1 and name in lists]
    return "+".join(found) or "none"


@dataclass(frozen=True)
class Listing:
    """What lists of the poor say of families of whom not everything is known (``welfare.lists``).

    Attributes:
        lists: The lists.
        shifts: Log points by variant, then by the lists that a family is on (``lists_of``).
    """

    lists: tuple[str, ...]
    shifts: Mapping[str, Mapping[str, float]]

    def points(self, variant: str) -> list[float]:
        """Return the points of a variant by pattern of lists; a pattern or variant of which nothing is known has 0."""
        own = self.shifts.get(variant, {})
        return [float(round(own.get(lists_of(i, self.lists), 0.0) * MICRO)) for i in range(PATTERNS)]


@dataclass(frozen=True)
class PmtModel:
    """A registered proxy means test.

    Attributes:
        variants: By name of the variant; of a model by place, by name of the place (``place_variant``).
        means: Mean of each feature in the survey, hundredths: what stands for a missing value.
        smearing: Factor from the exponential of the prediction to mean rupiah (Duan 1983).
        card: Data, fit, accuracy.
        spreads: Standard deviation of each feature in the survey, hundredths.
        residual_sd: Standard deviation of what the model does not explain, log points.
        by_place: Every place has coefficients of its own (a table made elsewhere), instead of variants by what is
            known of a family.
        listing: What lists say of families of whom not everything is known; None = nothing.
    """

    variants: Mapping[str, Variant]
    means: Mapping[str, float]
    smearing: float
    card: Mapping[str, Any] = field(default_factory=dict)
    spreads: Mapping[str, float] = field(default_factory=dict)
    residual_sd: float = 0.0
    by_place: bool = False
    listing: Listing | None = None

    @property
    def whole(self) -> Variant:
        """The variant that knows most: the one that signals and errors are told by."""
        return self.variants.get(FULL) or max(self.variants.values(), key=lambda variant: len(variant.slopes))

    @property
    def signals(self) -> dict[str, float]:
        """Variance that each feature brings to scores, log points squared: slope² × spread².

        The square of an estimated slope holds the slope's own error as well, which is no signal: in a small survey it
        would be most of it.
        """
        slopes, errors = self.whole.slopes, self.whole.errors
        return {
            name: max(slopes[name] ** 2 - errors.get(name, 0.0) ** 2, 0.0) * self.spreads.get(name, 0.0) ** 2
            for name in slopes
            if name in self.means
        }

    @property
    def gaps(self) -> dict[str, float]:
        """Variance of scores that a variant's unknown blocks take, log points squared; none where it is not known.

        What the variant leaves unexplained beyond what the whole model does. The signals of the missing features do
        not add up to it: they say things in common, with one another and with what is known.
        """
        if self.by_place or not all(variant.residual_sd for variant in self.variants.values()):
            return {}
        least = self.whole.residual_sd**2
        return {name: max(variant.residual_sd**2 - least, 0.0) for name, variant in self.variants.items()}

    @property
    def coefficient_variance(self) -> float:
        """Variance of a score by the slopes' own errors, log points squared (``slopes_variance``)."""
        # A card that was made before weights were judged has the plain count only.
        households = float(self.card.get("effective_households", self.card.get("households", 0)))
        return self.residual_sd**2 * slopes_variance(len(self.whole.slopes), households)

    @property
    def place_variance(self) -> float:
        """Variance of levels between places of one province, log points squared.

        It is what the shrinkage stands for: n / (n + k) is the best weight where k = residual / place variance.
        """
        return self._between("shrinkage_households")

    @property
    def province_variance(self) -> float:
        """Variance of levels between provinces, log points squared."""
        # A card that was made before provinces had a figure of their own has one for both.
        return self._between("shrinkage_households_province") or self.place_variance

    def _between(self, name: str) -> float:
        shrinkage = int(self.card.get(name, 0))
        return self.residual_sd**2 / shrinkage if shrinkage else 0.0

    @property
    def version(self) -> str:
        """Name of the model: a hash of its coefficients."""
        content = {
            "variants": {
                name: {"slopes": dict(v.slopes), "levels": dict(v.levels)} for name, v in self.variants.items()
            },
            "means": dict(self.means),
            "smearing": self.smearing,
            **({"listing": asdict(self.listing)} if self.listing else {}),
        }
        return "pmt-" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def slopes_variance(slopes: int, households: float) -> float:
    """Return the mean over families of the variance of x'b, in units of the residual variance.

    The mean of x'Vx over families that were not surveyed: slopes / (households - slopes - 1) for normal features, one
    figure instead of a quadratic form for each family. Families with rare features have more.

    Args:
        slopes: Number of slopes.
        households: Effective number of households; 0 = no survey, no error of its own.
    """
    return slopes / max(households - slopes - 1, 1.0) if households else 0.0


def fit(
    names: Sequence[str],
    means: Sequence[int],
    blocks: Mapping[str, Sequence[bool]],
    moments: Moments,
    strata: StrataSums,
    shrinkage: Shrinkage,
) -> dict[str, Variant]:
    """Fit every variant from the same sums.

    Args:
        names: Features, in the order of the sums.
        means: Mean of each, rounded: what levels are told at.
        blocks: Features that each variant may use.
        moments: National sums.
        strata: Sums by stratum.
        shrinkage: Households at which a level weighs as much as its parent.

    Returns:
        The variants by name.
    """
    fitted = {}
    for variant, wanted in blocks.items():
        solution = solve(moments, np.array(wanted, dtype=bool))
        used = [name for name, use in zip(names, solution.used, strict=True) if use]
        found = levels(moments, strata, solution.slopes, means, shrinkage)
        spread = residual_sd(moments, strata, solution.slopes, means, found)
        fitted[variant] = Variant(
            slopes={name: float(solution.slopes[names.index(name)]) for name in used},
            errors={name: float(solution.errors[names.index(name)]) for name in used},
            levels=found,
            level_errors=level_errors(strata, spread, shrinkage),
            residual_sd=spread,
        )
    return fitted


def spreads(moments: Moments) -> Vector:
    """Return the standard deviation of every variable but the last, in its own unit."""
    _, deviations = moments.centred()
    return np.sqrt(np.maximum(np.diag(deviations)[:-1], 0.0) / moments.weight)


def residual_sd(
    moments: Moments, strata: StrataSums, slopes: Vector, at: Sequence[int], found: Mapping[str, float]
) -> float:
    """Return the standard deviation around slopes and levels, in units of the log expenditure.

    Args:
        moments: National sums.
        strata: Sums by stratum.
        slopes: National slopes.
        at: The features that levels are told at.
        found: Level of every stratum, as ``levels`` returns them.
    """
    means, deviations = moments.centred()
    around_line = deviations[-1, -1] - 2 * slopes @ deviations[:-1, -1] + slopes @ deviations[:-1, :-1] @ slopes
    centre = np.array(at, dtype=np.float64)
    line = float(means[-1] + (centre - means[:-1]) @ slopes)
    residual = strata.first[:, -1] - line * strata.weight
    residual = residual - (strata.first[:, :-1] - np.outer(strata.weight, centre)) @ slopes
    own = np.array([found[key] for key in strata.keys]) - line
    around_levels = around_line - float(np.sum(2 * own * residual - own**2 * strata.weight))
    households = strata.effective_households
    degrees = max(households - int(np.count_nonzero(slopes)) - 1, 1.0)
    return float(np.sqrt(max(around_levels, 0.0) / moments.weight * households / degrees))


def shrinkage_of(moments: Moments, strata: StrataSums, slopes: Vector) -> Shrinkage:
    """Ask the survey how much places differ from their province, and provinces from the nation.

    Residual variance inside places over the variance of places, and of provinces, by the method of moments for
    unbalanced data (Searle, Casella and McCulloch 1992, "Variance Components", chapter 3): the best weight of a mean
    of n households is then n / (n + k).

    Args:
        moments: National sums.
        strata: Sums by stratum.
        slopes: National slopes.

    Returns:
        Both figures, 1 at least; ``MOST_SHRINKAGE`` where levels differ no more than samples do by chance.
    """
    there = strata.households > 0
    means, deviations = moments.centred()
    weight, first = strata.weight[there], strata.first[there]
    residual = first[:, -1] - means[-1] * weight - (first[:, :-1] - np.outer(weight, means[:-1])) @ slopes
    own, households = residual / weight, weight**2 / strata.squares[there]
    _, of_province = np.unique(np.array([key[:2] for key in strata.keys])[there], return_inverse=True)
    in_province = np.bincount(of_province, households)
    mean = np.bincount(of_province, households * own) / in_province
    total, squares = float(np.sum(households)), np.bincount(of_province, households**2)
    whole = deviations[-1, -1] - 2 * slopes @ deviations[:-1, -1] + slopes @ deviations[:-1, :-1] @ slopes
    effective = strata.effective_households
    degrees = max(effective - len(own) - int(np.count_nonzero(slopes)), 1.0)
    inside = max(float(whole - np.sum(residual * own)), 0.0) / moments.weight * effective / degrees
    # Sums of squares between places and between provinces, each less what the levels below it bring by chance.
    between = float(np.sum(households * (own - mean[of_province]) ** 2)) - inside * (len(own) - len(mean))
    of_places = float(np.sum(squares / in_province))
    place = max(between, 0.0) / (total - of_places) if total > of_places else 0.0
    nation = float(np.sum(in_province * mean)) / total
    spread = float(np.sum(in_province * (mean - nation) ** 2)) - inside * (len(mean) - 1)
    spread -= place * (of_places - float(np.sum(squares)) / total)
    spare = total - float(np.sum(in_province**2)) / total
    province = max(spread, 0.0) / spare if len(mean) > 1 else 0.0
    return Shrinkage(_households(inside, place), _households(inside, province))


def _households(inside: float, between: float) -> int:
    return MOST_SHRINKAGE if between * MOST_SHRINKAGE <= inside else max(round(inside / between), 1)


def level_errors(strata: StrataSums, spread: float, shrinkage: Shrinkage) -> dict[str, float]:
    """Return the standard error of every level.

    A level is its own mean, trusted n / (n + k), and its parent's level: the error of that mean, of effective
    households, then how far places stand from their parent (variance of the residual / k, which is what the shrinkage
    stands for), then the parent's own error.

    Args:
        strata: Sums by stratum.
        spread: Standard deviation around the model.
        shrinkage: Households at which a level weighs as much as its parent.
    """
    unit = spread**2
    nation = unit / max(strata.effective_households, 1.0)
    found = {NATION: nation}

    def error(of: NDArray[np.bool_], parent: float, k: int) -> float:
        households, squares = float(np.sum(strata.households[of])), float(np.sum(strata.squares[of]))
        trust = households / (households + k) if households else 0.0
        own = unit * squares / float(np.sum(strata.weight[of])) ** 2 if squares else 0.0
        return trust**2 * own + (1 - trust) ** 2 * ((unit / k if k else 0.0) + parent)

    provinces = np.array([key[:2] for key in strata.keys])
    for province in sorted(set(provinces.tolist())):
        found[province] = error(provinces == province, nation, shrinkage.province)
    for number, key in enumerate(strata.keys):
        found[key] = error(np.arange(len(strata.keys)) == number, found[key[:2]], shrinkage.place)
    return {key: float(f"{variance**0.5:.{_DIGITS}g}") for key, variance in sorted(found.items())}
