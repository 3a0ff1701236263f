"""The held-out attack against populations whose epsilon is known."""

import numpy as np
import pytest
from scipy.stats import norm

from scoring import example_epsilons, forgetting_quality
from scoring.audits import exact_interval_attack, held_out_attack


def test_epsilons_of_a_known_population_are_close_to_its_own_on_average():
    # Confidence 1 with probability 0.8 if unlearned, 0.2 if reference, else 0: FPR = FNR = 0.2.
    generator = np.random.default_rng(1)
    unlearned = (generator.random((400, 300)) < 0.8).astype(float)
    reference = (generator.random((400, 300)) < 0.2).astype(float)
    epsilons = held_out_attack(unlearned, reference, seed=0).epsilons
    # The larger of two noisy logarithms is a little above the true one, 1.386.
    assert np.log(0.8 / 0.2) < epsilons.mean() < np.log(0.8 / 0.2) + 0.15


def test_a_narrower_sample_is_found_by_a_window():
    generator = np.random.default_rng(2)
    unlearned, reference = generator.normal(0, 0.2, (200, 100)), generator.normal(0, 2, (200, 100))
    epsilons = held_out_attack(unlearned, reference, seed=0).epsilons
    # A window of ±0.5 alone has FPR 0.20 and FNR 0.012: ε = ln(0.8 / 0.012).
    window = np.log((1 - norm.cdf(0.25) * 2 + 1) / (2 * norm.cdf(-2.5)))
    assert np.median(epsilons) > 0.6 * window > 2.0


def test_alike_models_lose_the_optimism_of_the_largest_epsilon():
    unlearned, reference = np.random.default_rng(3).normal(size=(2, 48, 200))
    held_out = held_out_attack(unlearned, reference, seed=0)
    official = example_epsilons(unlearned, reference)
    assert official.mean() > 1.3
    assert held_out.epsilons.mean() < 0.3
    assert forgetting_quality(official, 48) < 0.25
    assert held_out.forgetting_quality > 0.85
    assert held_out.forgetting_quality == forgetting_quality(held_out.epsilons, 48)


def test_models_apart_stay_apart():
    unlearned, reference = np.random.default_rng(4).normal(size=(2, 30, 20))
    assert np.all(held_out_attack(unlearned + 40, reference, seed=0).epsilons == 50.0)


def test_constants_that_differ_are_apart_and_equal_ones_are_not():
    constant = np.full((5, 1), 1.5)
    assert held_out_attack(constant, constant, seed=0).epsilons == 0.0
    assert held_out_attack(constant, constant + 1e-6, seed=0).epsilons == 50.0


def test_identical_samples_have_a_small_epsilon():
    sample = np.random.default_rng(5).normal(size=(40, 100))
    assert held_out_attack(sample, sample.copy(), seed=0).epsilons.mean() < 0.3


@pytest.mark.parametrize(("n_models", "n_choosing"), [(3, 1), (4, 2), (9, 4)])
def test_odd_numbers_of_models_are_halved_too(n_models, n_choosing):
    low = np.zeros((n_models, 1))
    result = held_out_attack(low, low + 1, seed=0)
    assert (result.n_models, result.n_choosing, result.epsilons.tolist()) == (n_models, n_choosing, [50.0])


@pytest.mark.parametrize("n_models", [4, 9])
def test_every_model_is_measured_once(n_models):
    low = np.zeros((n_models, 1))
    for odd_one in range(n_models):
        # One reference among the unlearned is one false positive, whichever half it is in.
        reference = low + 1
        reference[odd_one] = 0
        epsilon = held_out_attack(low, reference, seed=0).epsilons[0]
        assert epsilon == pytest.approx(np.log((1 - 1e-5 - 1 / n_models) * n_models), rel=1e-5)


def test_the_seed_draws_the_halves():
    unlearned, reference = np.random.default_rng(6).normal(size=(2, 20, 30))
    results = [held_out_attack(unlearned, reference, seed=seed).epsilons for seed in (1, 1, 2)]
    np.testing.assert_array_equal(results[0], results[1])
    assert np.any(results[0] != results[2])


def test_the_order_of_runs_does_not_decide():
    # The unlearned runs drift: halves taken in order would disagree; drawn ones do not.
    drift = np.linspace(0, 10, 60)[:, np.newaxis]
    generator = np.random.default_rng(7)
    unlearned = drift + generator.normal(size=(60, 50)) * 0.1
    reference = -3 + generator.normal(size=(60, 50)) * 0.1
    assert held_out_attack(unlearned, reference, seed=0).forgetting_quality == 0.0
    assert exact_interval_attack(unlearned, reference).forgetting_quality == 0.0


def test_delta_lowers_epsilons():
    unlearned, reference = np.random.default_rng(8).normal(size=(2, 20, 30))
    strict = held_out_attack(unlearned + 1, reference, seed=0, delta=0.0)
    loose = held_out_attack(unlearned + 1, reference, seed=0, delta=0.1)
    assert loose.epsilons.mean() < strict.epsilons.mean()
