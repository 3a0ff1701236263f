"""The likelihood-ratio attack against fits made one by one, and against the optimum of known Gaussians."""

import numpy as np
import pytest
from scipy.stats import norm

from scoring import forgetting_quality
from scoring.audits import likelihood_ratio_attack
from scoring.audits.held_out_epsilon import held_out_epsilons


def one_by_one(unlearned, reference):
    """Log ratios of the left-out pairs of one example, each with its own two fits."""
    ratios = []
    for i in range(len(unlearned)):
        fits = [np.delete(side, i) for side in (unlearned, reference)]
        gaussians = [norm(fit.mean(), fit.std(ddof=1)) for fit in fits]
        ratios.append(
            [gaussians[0].logpdf(side[i]) - gaussians[1].logpdf(side[i]) for side in (unlearned, reference)]
        )
    return np.array(ratios).T


@pytest.mark.parametrize("n_models", [3, 4, 11])
def test_every_pair_is_attacked_by_fits_without_it(n_models):
    generator = np.random.default_rng(n_models)
    unlearned, reference = generator.normal(size=(2, n_models, 25)) * [[[0.7]], [[1.3]]] + 5
    result = likelihood_ratio_attack(unlearned, reference)
    aucs = []
    for example in range(25):
        of_unlearned, of_reference = one_by_one(unlearned[:, example], reference[:, example])
        false_positives, false_negatives = (of_reference > 0).sum(), (of_unlearned <= 0).sum()
        right = 2 * n_models - false_positives - false_negatives
        assert result.accuracies[example] == pytest.approx(right / (2 * n_models))
        expected = held_out_epsilons(
            np.array([false_positives]), np.array([false_negatives]), n_models=n_models, delta=1e-5
        )
        assert result.epsilons[example] == expected[0]
        aucs.append((of_unlearned > of_reference).mean())
    assert result.auc == pytest.approx(np.mean(aucs))
    assert result.accuracy == pytest.approx(result.accuracies.mean())
    assert result.forgetting_quality == forgetting_quality(result.epsilons, n_models)


def test_shifted_gaussians_are_told_apart_as_well_as_can_be():
    unlearned, reference = np.random.default_rng(1).normal(size=(2, 200, 200))
    result = likelihood_ratio_attack(unlearned + 1.0, reference)
    assert result.accuracy == pytest.approx(norm.cdf(0.5), abs=0.01)
    assert result.auc == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.01)


def test_gaussians_of_different_spread_are_told_apart_as_well_as_can_be():
    unlearned, reference = np.random.default_rng(2).normal(size=(2, 200, 200))
    result = likelihood_ratio_attack(unlearned, 3 * reference)
    # Densities are equal at ±edge: unlearned within.
    edge = np.sqrt(2 * np.log(3) / (1 - 1 / 9))
    optimum = (1 - 2 * norm.cdf(-edge) + 2 * norm.cdf(-edge / 3)) / 2
    assert result.accuracy == pytest.approx(optimum, abs=0.01)


@pytest.mark.parametrize("n_models", [3, 8])
def test_alike_models_are_guessed_by_chance(n_models):
    unlearned, reference = np.random.default_rng(3).normal(size=(2, n_models, 20_000))
    result = likelihood_ratio_attack(unlearned, reference)
    assert result.accuracy == pytest.approx(0.5, abs=0.006)
    assert result.auc == pytest.approx(0.5, abs=0.012)


def test_constants_that_differ_are_told_apart_and_equal_ones_are_not():
    constant = np.full((4, 1), 1.5)
    equal = likelihood_ratio_attack(constant, constant)
    assert (equal.accuracy, equal.auc, equal.epsilons.tolist()) == (0.5, 0.5, [0.0])
    different = likelihood_ratio_attack(constant, constant + 1e-3)
    assert (different.accuracy, different.auc, different.epsilons.tolist()) == (1.0, 1.0, [50.0])


def test_a_constant_inside_a_spread_sample_gives_itself_away():
    spread = np.random.default_rng(4).normal(size=(20, 1))
    assert likelihood_ratio_attack(np.zeros((20, 1)), spread).accuracy == 1.0


def test_identical_samples_are_guessed_by_chance():
    sample = np.random.default_rng(5).normal(size=(10, 30))
    result = likelihood_ratio_attack(sample, sample.copy())
    assert (result.accuracy, result.auc) == (0.5, 0.5)


def test_outliers_among_equal_values_leave_no_negative_spread():
    values, outliers = np.random.default_rng(6).uniform(-100, 100, size=(2, 500))
    unlearned = np.tile(values, (4, 1))
    unlearned[3] = outliers
    result = likelihood_ratio_attack(unlearned, np.full((4, 500), 200.0))
    assert np.isfinite(result.epsilons).all()
    assert np.all(result.accuracies >= 7 / 8)  # all but perhaps the outlier
