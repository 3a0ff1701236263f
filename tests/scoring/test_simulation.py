"""Simulated models: many of them have the moments that their population states."""

from dataclasses import replace

import numpy as np
import pytest

from scoring.simulation import Population, draw_examples, simulate

MANY = 20_000
POPULATION = Population(n_examples=8, shift=1.5, shift_sd=0.5, spread_ratio=0.7, common=0.3)


def drawn(population, *, n_models=MANY, seed=0):
    """Return examples, and models of them."""
    generator = np.random.default_rng(seed)
    examples = draw_examples(population, generator)
    return examples, simulate(population, n_models, generator, examples=examples)


def test_models_have_the_means_and_sds_of_their_examples():
    examples, (unlearned, reference) = drawn(POPULATION)
    for side, means, sds in (
        (reference, examples.means, examples.sds),
        (unlearned, examples.means + examples.shifts * examples.sds, 0.7 * examples.sds),
    ):
        np.testing.assert_allclose(side.confidences.mean(axis=0), means, atol=0.05)
        np.testing.assert_allclose(side.confidences.std(axis=0), sds, rtol=0.05)


@pytest.mark.parametrize("common", [0.0, 0.3, 1.0])
def test_examples_correlate_over_models_as_stated(common):
    _, sides = drawn(replace(POPULATION, common=common))
    for side in sides:
        correlations = np.corrcoef(side.confidences.T)[~np.eye(8, dtype=bool)]
        np.testing.assert_allclose(correlations, common, atol=0.04)


def test_the_two_sides_and_their_accuracies_are_independent():
    _, sides = drawn(POPULATION)
    columns = [side.confidences.mean(axis=1) for side in sides]
    columns += [accuracies for side in sides for accuracies in (side.retain_accuracies, side.test_accuracies)]
    np.testing.assert_allclose(np.corrcoef(columns), np.eye(6), atol=0.04)


def test_fewer_degrees_of_freedom_are_heavier_tails_at_the_same_sd():
    far = {}
    for degrees in (4.0, 30.0):
        examples, (_, reference) = drawn(replace(POPULATION, degrees_of_freedom=degrees, common=0.0))
        deviations = (reference.confidences - examples.means) / examples.sds
        assert deviations.std() == pytest.approx(1.0, abs=0.03)
        far[degrees] = np.mean(np.abs(deviations) > 4)
    assert far[4.0] > 10 * far[30.0] > 0


def test_accuracies_have_their_ratios_and_stay_fractions():
    _, (unlearned, reference) = drawn(replace(POPULATION, retain_ratio=0.9, test_ratio=0.8))
    for name, ratio in (("retain_accuracies", 0.9), ("test_accuracies", 0.8)):
        ours, theirs = getattr(unlearned, name), getattr(reference, name)
        assert ours.mean() / theirs.mean() == pytest.approx(ratio, rel=1e-3)
        assert 0 < theirs.std() < 0.02
    useless = drawn(replace(POPULATION, retain_ratio=0.0))[1].unlearned.retain_accuracies
    assert useless.min() == 0.0 < useless.max()


def test_examples_of_a_population_are_spread_as_stated():
    means, sds, shifts = draw_examples(replace(POPULATION, n_examples=MANY), np.random.default_rng(1))
    assert (means.mean(), means.std()) == pytest.approx((0.5, 2.0), abs=0.05)
    assert (shifts.mean(), shifts.std()) == pytest.approx((1.5, 0.5), abs=0.02)
    assert 0.6 <= sds.min() < 0.61
    assert 1.49 < sds.max() <= 1.5


def test_given_examples_stay_and_others_are_drawn_anew():
    generator = np.random.default_rng(2)
    examples = draw_examples(POPULATION, generator)
    same, again = (simulate(POPULATION, MANY, generator, examples=examples) for _ in range(2))
    other = simulate(POPULATION, MANY, generator)
    means = [sides.reference.confidences.mean(axis=0) for sides in (same, again, other)]
    np.testing.assert_allclose(means[0], means[1], atol=0.08)
    assert np.abs(means[0] - means[2]).max() > 1.0
    assert not np.array_equal(same.reference.confidences, again.reference.confidences)


def test_the_same_generator_state_gives_the_same_models():
    first, second = (drawn(POPULATION, n_models=5, seed=3)[1] for _ in range(2))
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours.confidences, theirs.confidences)
        np.testing.assert_array_equal(ours.test_accuracies, theirs.test_accuracies)
