"""The loss attack: its regression against a general optimiser, its accuracy against known distributions."""

import re

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import norm

from scoring.audits import cross_entropy_losses, logistic_loss_attack
from scoring.audits.loss_attack import _draw_splits, fit_logistic

DRAWS = {
    "alike": lambda g: g.exponential(size=(2, 40)),
    "apart": lambda g: g.exponential(size=(2, 40)) + np.array([[0.0], [30.0]]),
    "slightly apart": lambda g: g.exponential(size=(2, 40)) + np.array([[0.0], [0.5]]),
    "tiny": lambda g: 1e-9 * g.exponential(size=(2, 40)),
    "heavy tails": lambda g: 103 * g.beta(0.05, 0.6, size=(2, 40)),
    "one outlier": lambda g: np.append(np.zeros(79), 103.0).reshape(2, 40),
    "huge": lambda g: 1e3 * g.exponential(size=(2, 40)) + np.array([[0.0], [1e2]]),
}


def objective(weights, x, is_positive):
    slope, intercept = weights
    margin = np.where(is_positive, 1, -1) * (slope * x + intercept)
    return slope**2 / 2 + np.logaddexp(0, -margin).sum()


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_regression_is_the_minimum_that_a_general_optimiser_finds(draw):
    x = draw(np.random.default_rng(1)).reshape(1, -1)
    is_positive = np.arange(80) >= 40
    fit = fit_logistic(x, is_positive[np.newaxis])
    found = objective((fit.slope[0], fit.intercept[0]), x[0], is_positive)
    # The optimiser sees x with mean 0 and spread 1, and the penalty scaled to it: the same minimum.
    centre, spread = x.mean(), x.std()

    def scaled(weights):
        slope = weights[0] / spread
        return objective((slope, weights[1] - slope * centre), x[0], is_positive)

    optimum = minimize(scaled, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    assert found == pytest.approx(optimum.fun, abs=1e-7)
    if spread > 1e-3:
        assert fit.slope[0] * spread == pytest.approx(optimum.x[0], abs=1e-4)
        assert fit.intercept[0] + fit.slope[0] * centre == pytest.approx(optimum.x[1], abs=1e-4)


def test_regression_has_no_gradient_left():
    generator = np.random.default_rng(2)
    x = generator.gamma(0.5, 3.0, size=(20, 60))
    is_positive = generator.random((20, 60)) < 0.5
    slope, intercept = fit_logistic(x, is_positive)
    probability = 1 / (1 + np.exp(-(slope[:, None] * x + intercept[:, None])))
    np.testing.assert_allclose((probability - is_positive).sum(axis=1), 0, atol=1e-8)
    np.testing.assert_allclose(((probability - is_positive) * x).sum(axis=1) + slope, 0, atol=1e-8)


def test_splits_hold_a_tenth_of_each_class_back_and_use_all():
    splits = _draw_splits(30, 5, np.random.default_rng(3))
    assert splits.fitted.shape == (5, 54)
    assert splits.guessed.shape == (5, 6)
    for fitted, guessed in zip(splits.fitted, splits.guessed, strict=True):
        assert sorted([*fitted, *guessed]) == list(range(60))
        assert (guessed >= 30).sum() == 3
    assert len({tuple(guessed) for guessed in splits.guessed}) == 5


def test_accuracy_on_known_losses_is_the_best_possible():
    generator = np.random.default_rng(4)
    forget, test = generator.normal(8, 1, (20, 1000)), generator.normal(9, 1, (20, 1000))
    result = logistic_loss_attack(forget, test, seed=0)
    assert result.accuracy == pytest.approx(norm.cdf(0.5), abs=0.01)
    assert result.accuracies.shape == (20,)
    assert result.accuracy == result.accuracies.mean()
    assert (result.n_models, result.n_per_class, result.n_splits) == (20, 1000, 10)


def test_forget_examples_with_the_higher_losses_are_told_as_well():
    generator = np.random.default_rng(5)
    forget, test = generator.normal(9, 1, (20, 500)), generator.normal(8, 1, (20, 500))
    assert logistic_loss_attack(forget, test, seed=0).accuracy == pytest.approx(norm.cdf(0.5), abs=0.015)


def test_alike_losses_are_guessed_by_chance():
    forget, test = np.random.default_rng(6).exponential(size=(2, 60, 200))
    assert logistic_loss_attack(forget, test, seed=0).accuracy == pytest.approx(0.5, abs=0.02)


def test_losses_far_apart_are_told_without_error():
    generator = np.random.default_rng(7)
    forget, test = generator.random((3, 50)), generator.random((3, 50)) + 20
    assert logistic_loss_attack(forget, test, seed=0).accuracy == 1.0


def test_constant_losses_are_guessed_by_chance():
    assert logistic_loss_attack(np.full((3, 20), 0.1), np.full((3, 20), 0.1), seed=0).accuracy == 0.5


@pytest.mark.parametrize(("n_forget", "n_test"), [(300, 100), (100, 300)])
def test_the_larger_set_is_cut_to_the_smaller(n_forget, n_test):
    generator = np.random.default_rng(8)
    forget, test = generator.exponential(size=(30, n_forget)), generator.exponential(size=(30, n_test))
    result = logistic_loss_attack(forget, test, seed=0)
    assert result.n_per_class == 100
    assert result.accuracy == pytest.approx(0.5, abs=0.05)  # 0.75 if every guess were the larger set


def test_the_cut_set_is_a_random_part():
    forget, test = np.ones((1, 200)), np.ones((1, 100))
    forget[:, :100] = 30.0  # the first half alone would be told apart without error
    assert logistic_loss_attack(forget, test, seed=0).accuracy < 0.9


def test_every_model_has_its_own_accuracy():
    generator = np.random.default_rng(9)
    forget, test = generator.random((2, 60)), generator.random((2, 60))
    test[1] += 20
    accuracies = logistic_loss_attack(forget, test, seed=0).accuracies
    assert accuracies[0] < 0.75
    assert accuracies[1] == 1.0


def test_the_seed_draws_the_splits():
    forget, test = np.random.default_rng(10).exponential(size=(2, 4, 50))
    results = [logistic_loss_attack(forget, test, seed=seed).accuracies for seed in (1, 1, 2)]
    np.testing.assert_array_equal(results[0], results[1])
    assert np.any(results[0] != results[2])


def test_two_examples_of_a_kind_are_enough():
    losses = np.array([[0.0, 1.0]])
    assert 0 <= logistic_loss_attack(losses, losses, seed=0).accuracy <= 1


def test_losses_of_logits_are_cross_entropies():
    generator = np.random.default_rng(11)
    logits = (generator.normal(size=(4, 6, 10)) * 8).astype(np.float32)
    labels = generator.integers(0, 10, 6)
    expected = [
        torch.nn.functional.cross_entropy(torch.tensor(z).double(), torch.tensor(labels), reduction="none")
        for z in logits
    ]
    np.testing.assert_allclose(cross_entropy_losses(logits, labels), torch.stack(expected), rtol=1e-9)


def test_loss_of_a_saturated_softmax_is_finite():
    logits = np.zeros((1, 2, 10), np.float32)
    logits[0, :, 3] = 1e4
    right, wrong = cross_entropy_losses(logits, np.array([3, 4]))[0]
    assert right == pytest.approx(0, abs=1e-40)
    assert wrong == pytest.approx(-np.log(1e-45))


@pytest.mark.parametrize("kind", ["forget", "test"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.5, 1e5])
def test_a_loss_that_cannot_be_is_refused_with_its_place(kind, bad):
    losses = {"forget": np.ones((3, 4)), "test": np.ones((3, 4))}
    losses[kind][2, 1] = bad
    with pytest.raises(ValueError, match=rf"the {kind} loss of model 2, example 1 is {bad}, .*\(1 such"):
        logistic_loss_attack(losses["forget"], losses["test"], seed=0)


@pytest.mark.parametrize("shape", [(3,), (0, 4), (3, 1)])
def test_losses_of_a_wrong_shape_are_refused_with_it(shape):
    with pytest.raises(ValueError, match=re.escape(f"are {shape}")):
        logistic_loss_attack(np.ones(shape), np.ones((3, 4)), seed=0)


def test_losses_of_other_models_and_no_splits_are_refused_with_the_numbers():
    with pytest.raises(ValueError, match="got 3 models on forget, 4 on test examples"):
        logistic_loss_attack(np.ones((3, 5)), np.ones((4, 5)), seed=0)
    with pytest.raises(ValueError, match="and 0 splits"):
        logistic_loss_attack(np.ones((3, 5)), np.ones((3, 5)), seed=0, n_splits=0)
