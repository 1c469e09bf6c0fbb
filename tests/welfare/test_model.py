"""The solver against statsmodels, and what it does with columns and strata that cannot be estimated."""

import dataclasses
from statistics import NormalDist

import numpy as np
import pytest
import statsmodels.api as sm

from dtsen_spark.welfare.model import (
    MOST_SHRINKAGE,
    Moments,
    PmtModel,
    Shrinkage,
    StrataSums,
    Variant,
    fit,
    independent,
    level_errors,
    levels,
    residual_sd,
    shrinkage_of,
    slopes_variance,
    solve,
    spreads,
)

GENERATOR = np.random.default_rng(3)
HOUSEHOLDS = 400
X = np.column_stack([GENERATOR.integers(0, 7, HOUSEHOLDS) * 100, GENERATOR.integers(-500, 900, (HOUSEHOLDS, 3)).T[0]])
Y = (X @ np.array([120.0, -40.0]) + GENERATOR.normal(0, 4e5, HOUSEHOLDS)).astype(int)
W = GENERATOR.integers(50, 5000, HOUSEHOLDS)


def moments(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> Moments:
    z = np.column_stack([x, y]).astype(object)
    weights = w.astype(object)
    return Moments(
        weight=int(weights.sum()),
        first=tuple(int(v) for v in (z * weights[:, None]).sum(axis=0)),
        second=tuple(tuple(int(v) for v in row) for row in (z.T * weights) @ z),
        households=len(y),
    )


def test_agrees_with_statsmodels_on_a_centred_design() -> None:
    reference = sm.WLS(Y, sm.add_constant(X - np.average(X, axis=0, weights=W)), weights=W).fit()
    found = solve(moments(X, Y, W), np.array([True, True]))
    np.testing.assert_allclose(found.slopes, reference.params[1:], rtol=1e-8)
    np.testing.assert_allclose(found.errors, reference.bse[1:], rtol=1e-8)


def test_constant_and_collinear_columns_are_left_out() -> None:
    x = np.column_stack([X, X[:, 0] * 2 - X[:, 1], np.full(HOUSEHOLDS, 100)])
    found = solve(moments(x, Y, W), np.ones(4, dtype=bool))
    assert found.used.sum() == 2
    assert not found.used[3]
    assert found.slopes[~found.used].tolist() == [0, 0]
    fitted = x @ found.slopes
    reference = X @ solve(moments(X, Y, W), np.ones(2, dtype=bool)).slopes
    np.testing.assert_allclose(fitted - fitted.mean(), reference - reference.mean(), rtol=1e-6, atol=1e-3)


def test_columns_that_a_variant_may_not_use_are_not_used() -> None:
    assert independent(np.eye(3), np.array([True, False, True])).tolist() == [True, False, True]


def test_a_thin_stratum_is_shrunk_towards_its_province_and_nation() -> None:
    # Province 11: two strata; 12: one. No features, so a level is a mean; mean of the nation 0.
    y_sum = np.array([[100.0], [-40.0], [-60.0]])
    strata = StrataSums(("1101:U", "1101:R", "1201:R"), *[np.array([10.0, 30, 10])] * 3, y_sum)
    total = Moments(50, (0,), ((1,),), 50)
    free = levels(total, strata, np.zeros(0), (), Shrinkage(0, 0))
    assert free == pytest.approx({"ID": 0, "11": 1.5, "12": -6, "1101:U": 10, "1101:R": -40 / 30, "1201:R": -6})
    tied = levels(total, strata, np.zeros(0), (), Shrinkage(40, 40))
    province = 1.5 * 40 / 80
    assert tied["11"] == pytest.approx(province)
    assert tied["1101:U"] == pytest.approx(10 * 10 / 50 + province * 40 / 50)
    assert levels(total, strata, np.zeros(0), (), Shrinkage(10**9, 10**9)) == pytest.approx(
        dict.fromkeys(free, 0.0), abs=1e-5
    )


def test_moments_without_a_part_are_those_of_the_rest() -> None:
    rest = moments(X, Y, W).minus(moments(X[:100], Y[:100], W[:100]))
    assert rest == moments(X[100:], Y[100:], W[100:])


def test_the_unexplained_part_is_that_of_the_residuals_around_slopes_and_levels() -> None:
    place = np.arange(HOUSEHOLDS) % 3
    y = Y + np.array([0, 300_000, -200_000])[place]
    total, keys = moments(X, y, W), ("1101:U", "1101:R", "1201:R")
    z = np.column_stack([X, y]).astype(float)
    strata = StrataSums(
        keys,
        np.array([float((place == i).sum()) for i in range(3)]),
        np.array([float(W[place == i].sum()) for i in range(3)]),
        np.array([float((W[place == i] ** 2).sum()) for i in range(3)]),
        np.array([(z * W[:, None])[place == i].sum(axis=0) for i in range(3)]),
    )
    slopes = solve(total, np.ones(2, dtype=bool)).slopes
    found = levels(total, strata, slopes, (0, 0), Shrinkage(50, 50))
    around = y - X @ slopes - np.array([found[key] for key in keys])[place]
    effective = W.sum() ** 2 / (W**2).sum()
    assert strata.effective_households == pytest.approx(effective)
    wanted = np.sqrt(np.average(around**2, weights=W) * effective / (effective - 3))
    assert residual_sd(total, strata, slopes, (0, 0), found) == pytest.approx(wanted, rel=1e-9)


def test_the_error_of_a_level_is_that_of_its_mean_its_place_and_its_parent() -> None:
    ones = np.array([40.0, 160.0, 0.0])
    keys = ("1101:U", "1101:R", "1201:R")
    strata = StrataSums(keys, ones, ones, ones, np.zeros((3, 1)))
    errors = level_errors(strata, 1.0, Shrinkage(50, 50))
    variance = {key: error**2 for key, error in errors.items()}
    assert variance["ID"] == pytest.approx(1 / 200)
    # Equal weights: n households shrunk with k leave 1 / (n + k), and the parent's part.
    assert variance["11"] == pytest.approx(1 / 250 + (50 / 250) ** 2 / 200)
    assert variance["1101:U"] == pytest.approx(1 / 90 + (50 / 90) ** 2 * variance["11"])
    # Without a household all is the spread of places, twice: the province is not surveyed either.
    assert variance["1201:R"] == pytest.approx(1 / 50 + 1 / 50 + 1 / 200)
    # One household that weighs as much as all others tells less than forty.
    heavy = StrataSums(keys, ones, ones, ones * np.array([20.0, 1, 1]), np.zeros((3, 1)))
    assert level_errors(heavy, 1.0, Shrinkage(50, 50))["1101:U"] > errors["1101:U"]
    assert level_errors(strata, 1.0, Shrinkage(0, 0))["1101:U"] == pytest.approx(40**-0.5)


@pytest.mark.parametrize(("households", "features", "heaviest"), [(120, 30, 1), (120, 30, 9), (600, 12, 9)])
def test_the_score_error_holds_as_often_as_it_says(households: int, features: int, heaviest: int) -> None:
    """The 80 % interval of a score holds the score of an endless survey for 80 % of families."""
    draw, places, shrinkage = np.random.default_rng(households + heaviest), 6, 50
    names, keys = [f"f{i}" for i in range(features)], tuple(f"110{i + 1}:R" for i in range(places))
    held = []
    for _ in range(20):
        beta, level = draw.normal(0, 1000, features), draw.normal(0, 4e5 / shrinkage**0.5, places)

        def country(size: int) -> tuple[np.ndarray, np.ndarray]:
            common = draw.normal(0, 100, size)
            return (common[:, None] + draw.normal(0, 100, (size, features))).astype(int), draw.integers(
                places, size=size
            )

        x, place = country(households)
        y = (x @ beta + level[place] + draw.normal(0, 4e5, households)).astype(int)
        w = draw.integers(1, heaviest + 1, households)
        total, z = moments(x, y, w), np.column_stack([x, y]).astype(float)
        here = [place == i for i in range(places)]
        sums = [np.array([float(v[m].sum()) for m in here]) for v in (np.ones(households), w, w**2)]
        strata = StrataSums(keys, *sums, np.array([(z * w[:, None])[m].sum(axis=0) for m in here]))
        means = [round(value) for value in x.mean(axis=0)]
        fitted = fit(names, means, {"full": [True] * features}, total, strata, Shrinkage(shrinkage, shrinkage))["full"]
        slopes = np.array([fitted.slopes[name] for name in names])
        spread = residual_sd(total, strata, slopes, means, fitted.levels)
        new, where = country(500)
        found = (new - means) @ slopes + np.array([fitted.levels[keys[i]] for i in where])
        of_level = np.array([fitted.level_errors[keys[i]] for i in where])
        error = np.sqrt(of_level**2 + spread**2 * slopes_variance(features, strata.effective_households))
        held.append(np.mean(np.abs(found - new @ beta - level[where]) <= NormalDist().inv_cdf(0.9) * error))
    assert 0.74 < np.mean(held) < 0.86


@pytest.mark.parametrize("households", [1, 2, 3])
def test_a_survey_of_a_few_households_gives_finite_figures(households: int) -> None:
    x, y, w = X[:households], Y[:households], W[:households].astype(float)
    here = np.full(1, float(households))
    sums = np.column_stack([x, y]).astype(float)
    strata = StrataSums(
        ("1101:U",), here, np.array([w.sum()]), np.array([(w**2).sum()]), (sums * w[:, None]).sum(axis=0)[None, :]
    )
    total = moments(x, y, W[:households])
    fitted = fit(["a", "b"], [0, 0], {"full": [True, True]}, total, strata, Shrinkage(200, 200))["full"]
    assert len(fitted.slopes) < households
    assert np.isfinite([*fitted.levels.values(), *fitted.level_errors.values(), *fitted.errors.values()]).all()
    if households == 1:
        assert fitted.levels["ID"] == pytest.approx(Y[0])


def test_spreads_are_weighted_standard_deviations() -> None:
    mean = np.average(X, axis=0, weights=W)
    wanted = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=W))
    np.testing.assert_allclose(spreads(moments(X, Y, W)), wanted, rtol=1e-9)


def test_a_model_without_figures_of_its_survey_has_no_errors_of_its_own() -> None:
    bare = PmtModel({"3201U": Variant({"floor": 0.001}, {}, {"ID": 13.0})}, {"floor": 300}, 1.1, by_place=True)
    assert (bare.coefficient_variance, bare.place_variance, bare.signals) == (0.0, 0.0, {"floor": 0.0})
    trained = PmtModel(
        bare.variants, bare.means, 1.1, {"households": 100, "shrinkage_households": 4}, {"floor": 150}, 0.4
    )
    assert trained.coefficient_variance == pytest.approx(0.4**2 / 98)
    weighted = dataclasses.replace(trained, card={**trained.card, "effective_households": 50.0})
    assert weighted.coefficient_variance == pytest.approx(0.4**2 / 48)
    assert trained.place_variance == trained.province_variance == pytest.approx(0.4**2 / 4)
    apart = dataclasses.replace(trained, card={**trained.card, "shrinkage_households_province": 8})
    assert apart.province_variance == pytest.approx(0.4**2 / 8)
    assert trained.signals == {"floor": pytest.approx(0.15**2)}
    # What is error in the slope is no signal, and a slope that is all error has none.
    for error, signal in ((0.0006, 0.12**2), (0.002, 0.0)):
        unsure = Variant({"floor": 0.001}, {"floor": error}, {"ID": 13.0})
        assert dataclasses.replace(trained, variants={"full": unsure}).signals == {"floor": pytest.approx(signal)}


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.4])
def test_the_survey_says_how_much_a_thin_place_is_its_province(spread: float) -> None:
    """Places that differ by a known variance: k is near residual / place variance, and levels are nearest there."""
    draw, places, residual = np.random.default_rng(11), 400, 0.4
    keys = tuple(f"{11 + i // 50}{i % 50:02d}:R" for i in range(places))
    truth = np.repeat(draw.normal(0, 0.3, places // 50), 50) + draw.normal(0, spread, places)
    place = np.repeat(np.arange(places), draw.integers(2, 40, places))
    size = len(place)
    y = ((truth[place] + draw.normal(0, residual, size)) * 1e6).astype(int)
    x, w = draw.integers(-500, 500, (size, 1)), draw.integers(1, 4, size)
    total, z = moments(x, y, w), np.column_stack([x, y]).astype(float)
    sums = [np.bincount(place, part).astype(float) for part in (np.ones(size), w, w**2)]
    first = np.column_stack([np.bincount(place, w * column) for column in z.T])
    strata, slopes = StrataSums(keys, *sums, first), solve(total, np.ones(1, dtype=bool)).slopes

    said = shrinkage_of(total, strata, slopes)

    def error(shrinkage: Shrinkage) -> float:
        found = levels(total, strata, slopes, [0], shrinkage)
        return float(np.mean((np.array([found[key] for key in keys]) / 1e6 - truth) ** 2))

    some = (0, 1, 2, 4, 8, 16, 32, 64, 200, 1000, MOST_SHRINKAGE)
    best = min(error(Shrinkage(place, province)) for place in some for province in some)
    assert error(said) < 1.1 * best
    assert said.province < 10
    if spread:
        assert said.place == pytest.approx((residual / spread) ** 2, rel=0.5)
    else:
        assert said.place > 100


def test_one_place_says_nothing_of_how_places_differ() -> None:
    z = np.column_stack([X, Y]).astype(float)
    ones = np.full(1, float(HOUSEHOLDS))
    strata = StrataSums(("1101:U",), ones, np.array([W.sum()]), np.array([(W**2).sum()]), (z * W[:, None]).sum(0)[None])
    total = moments(X, Y, W)
    assert shrinkage_of(total, strata, solve(total, np.ones(2, dtype=bool)).slopes) == Shrinkage(
        MOST_SHRINKAGE, MOST_SHRINKAGE
    )
