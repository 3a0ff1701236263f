"""The bounded epsilon: its bounds against SciPy's, its coverage against populations of known epsilon."""

import numpy as np
import pytest
from scipy.stats import binomtest

from scoring import example_epsilons
from scoring.audits import bounded_epsilons
from scoring.audits.bounded_epsilon import _bound_table, _upper_bounds


def upper(errors, n_models, level):
    interval = binomtest(errors, n_models, alternative="less").proportion_ci(level, method="exact")
    return interval.high


@pytest.mark.parametrize("n_models", [1, 2, 9, 40])
def test_rates_are_bounded_as_by_clopper_and_pearson(n_models):
    expected = [upper(errors, n_models, 0.975) for errors in range(n_models + 1)]
    np.testing.assert_allclose(_upper_bounds(n_models, level=0.975), expected, rtol=1e-9)


def test_bound_of_errors_is_epsilon_of_both_rates_bounded():
    table = _bound_table(20, level=0.9, delta=0.01)
    for false_positives, false_negatives in ((2, 0), (3, 5), (0, 0)):
        fpr, fnr = upper(false_positives, 20, 0.95), upper(false_negatives, 20, 0.95)
        expected = max(np.log(0.99 - fpr) - np.log(fnr), np.log(0.99 - fnr) - np.log(fpr))
        assert table[false_positives, false_negatives] == pytest.approx(expected)
        assert table[false_negatives, false_positives] == pytest.approx(expected)
    assert table[20, 20] == -np.inf


@pytest.mark.parametrize("rate", [0.3, 0.1])
def test_bounds_are_below_the_true_epsilon_as_often_as_they_say(rate):
    # Confidence 0 or 1; one rule matters, with FPR = FNR = rate, and 1,000 examples are 1,000 draws.
    generator = np.random.default_rng(1)
    unlearned = (generator.random((300, 1000)) > rate).astype(float)
    reference = (generator.random((300, 1000)) < rate).astype(float)
    true_epsilon = np.log((1 - 1e-5 - rate) / rate)
    epsilons = bounded_epsilons(unlearned, reference, seed=0).epsilons
    assert (epsilons <= true_epsilon).mean() >= 0.95
    assert epsilons.mean() > 0.5 * true_epsilon  # and they do say something
    assert (example_epsilons(unlearned, reference) <= true_epsilon).mean() < 0.6


def test_a_lower_level_covers_less_but_no_less_than_it_says():
    generator = np.random.default_rng(2)
    unlearned = (generator.random((300, 1000)) > 0.3).astype(float)
    reference = (generator.random((300, 1000)) < 0.3).astype(float)
    true_epsilon = np.log((1 - 1e-5 - 0.3) / 0.3)
    result = bounded_epsilons(unlearned, reference, seed=0, level=0.5)
    assert 0.5 <= (result.epsilons <= true_epsilon).mean() < 0.95
    assert result.level == 0.5


@pytest.mark.parametrize("n_models", [20, 64])
def test_alike_models_are_seldom_said_to_differ(n_models):
    unlearned, reference = np.random.default_rng(3).normal(size=(2, n_models, 600))
    result = bounded_epsilons(unlearned, reference, seed=0, level=0.8)
    assert result.share_above_zero <= 0.2
    assert result.share_above_zero == (result.epsilons > 0).mean()


def test_models_apart_have_the_largest_bound():
    unlearned, reference = np.random.default_rng(5).normal(size=(2, 15, 10))
    result = bounded_epsilons(unlearned + 40, reference, seed=0)
    assert (result.n_models, result.n_measured, result.share_above_zero) == (15, 8, 1.0)
    bound = upper(0, 8, 0.975)
    assert result.largest == pytest.approx(np.log((1 - 1e-5 - bound) / bound))
    np.testing.assert_array_equal(result.epsilons, result.largest)


def test_models_that_can_prove_nothing_still_choose_well():
    # Five models choose: not even a rule without errors has a bound above 0. Six measure: it has.
    unlearned, reference = np.random.default_rng(6).normal(size=(2, 11, 10))
    result = bounded_epsilons(unlearned + 40, reference, seed=0)
    assert result.largest > 0.0
    np.testing.assert_array_equal(result.epsilons, result.largest)


def test_the_seed_draws_the_halves():
    unlearned, reference = np.random.default_rng(7).normal(size=(2, 60, 30))
    results = [bounded_epsilons(unlearned + 2, reference, seed=seed).epsilons for seed in (1, 1, 2)]
    np.testing.assert_array_equal(results[0], results[1])
    assert np.any(results[0] != results[2])


def test_three_models_prove_nothing():
    result = bounded_epsilons(np.zeros((3, 2)), np.ones((3, 2)), seed=0)
    assert (result.n_measured, result.largest, result.epsilons.tolist()) == (2, 0.0, [0.0, 0.0])


def test_identical_constants_have_bound_zero():
    constant = np.full((60, 1), 1.5)
    assert bounded_epsilons(constant, constant, seed=0).epsilons == 0.0


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, np.nan])
def test_a_level_that_is_none_is_refused_with_its_value(level):
    with pytest.raises(ValueError, match=rf"within \(0, 1\), got {level}"):
        bounded_epsilons(np.zeros((4, 2)), np.zeros((4, 2)), seed=0, level=level)
