"""Estimated errors against the truth of one nation, by samples drawn from it."""

import numpy as np
import pytest

from dtsen_spark.corrections.estimation import Estimate, Sample, exclusion_error, inclusion_error

SAMPLES = 2000
VISITS = (120, 90, 150, 80, 60, 100)


@pytest.fixture(scope="module")
def nation():
    """30,000 families in six strata that differ in how often the program errs."""
    chance = np.random.default_rng(16)
    sizes = (9000, 6000, 7000, 4000, 2500, 1500)
    stratum = np.repeat(np.arange(6), sizes)
    poor = chance.random(len(stratum)) < np.array((0.5, 0.35, 0.2, 0.6, 0.3, 0.4))[stratum]
    right = np.array((0.7, 0.6, 0.8, 0.65, 0.55, 0.5))[stratum]
    selected = np.where(poor, chance.random(len(stratum)) < right, chance.random(len(stratum)) < 0.25)
    return stratum, poor, selected


def _draw(chance, nation, answer_rate=1.0):
    stratum, poor, selected = nation
    drawn = np.concatenate(
        [chance.choice(np.flatnonzero(stratum == one), size=visits, replace=False) for one, visits in enumerate(VISITS)]
    )
    probability = (np.array(VISITS) / np.bincount(stratum))[stratum[drawn]]
    answered = chance.random(len(drawn)) < answer_rate
    return Sample(stratum[drawn], probability, answered, selected[drawn], poor[drawn])


@pytest.mark.parametrize("answer_rate", [1.0, pytest.param(0.8, marks=pytest.mark.slow)])
def test_intervals_cover_the_truth_as_often_as_they_say(nation, answer_rate):
    _, poor, selected = nation
    truths = (selected & ~poor).sum() / selected.sum(), (poor & ~selected).sum() / poor.sum()
    chance = np.random.default_rng(95)
    samples = [_draw(chance, nation, answer_rate) for _ in range(SAMPLES)]
    for estimator, truth in zip((inclusion_error, exclusion_error), truths, strict=True):
        found = [estimator(sample) for sample in samples]
        covered = np.mean([one.low <= truth <= one.high for one in found])
        assert 0.93 <= covered <= 0.97
        assert abs(np.mean([one.value for one in found]) - truth) < 0.005


def test_an_unweighted_share_would_miss_the_truth(nation):
    _, poor, selected = nation
    truth = (poor & ~selected).sum() / poor.sum()
    samples = [_draw(np.random.default_rng(seed), nation) for seed in range(200)]
    plain = [(s.poor & ~s.selected).sum() / s.poor.sum() for s in samples]
    weighted = [exclusion_error(s).value for s in samples]
    assert abs(np.mean(weighted) - truth) < abs(np.mean(plain) - truth) / 3


def test_a_census_has_no_doubt_and_an_unanswered_question_no_estimate():
    def sample(answered):
        flags = np.array([True, True, False, False])
        poor = np.array([True, False, True, False])
        return Sample(np.zeros(4, int), np.ones(4), np.full(4, answered), flags, poor)

    census = inclusion_error(sample(answered=True))
    assert (census.value, census.low, census.high, census.visits) == (0.5, 0.5, 0.5, 2)
    assert inclusion_error(sample(answered=False)) is None


def test_where_every_visit_says_the_same_the_interval_is_not_a_point():
    stratum, flags = np.zeros(20, int), np.ones(20, bool)
    found = inclusion_error(Sample(stratum, np.full(20, 0.1), flags, flags, flags))
    assert found == Estimate(0.0, 0.0, pytest.approx(0.168, abs=0.001), 20)
