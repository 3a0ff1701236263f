import numpy as np
import pytest

from scoring.equivalence import equivalence

N_MODELS = 8


def confidences(generator, *, n_models=N_MODELS, n_examples=8):
    """Models that are all sure or all unsure: the examples of one model go together."""
    of_model = generator.normal(size=(n_models, 1))
    return of_model + 0.2 * generator.normal(size=(n_models, n_examples))


def p_values(n):
    for seed in range(n):
        generator = np.random.default_rng(seed)
        sides = confidences(generator), confidences(generator)
        yield equivalence(*sides, seed=seed, n_permutations=19).p_value


def test_one_distribution_is_rejected_as_often_as_the_level_says():
    found = np.fromiter(p_values(300), float)
    for level in (0.05, 0.25, 0.5):
        assert np.mean(found <= level) <= level + 3 * np.sqrt(level * (1 - level) / 300)
        assert np.mean(found <= level) >= level - 3 * np.sqrt(level * (1 - level) / 300) - 0.02


def test_small_shift_is_told_apart_by_many_models():
    generator = np.random.default_rng(0)
    one, other = (generator.normal(shift, size=(64, 40)) for shift in (0.0, 0.5))
    assert equivalence(one, other, seed=0, n_permutations=39).p_value == 1 / 40


def test_same_seed_gives_the_same_answer():
    generator = np.random.default_rng(0)
    sides = confidences(generator), confidences(generator)
    first, again, other = (equivalence(*sides, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.null_epsilons, again.null_epsilons)
    assert not np.array_equal(first.null_epsilons, other.null_epsilons)
    assert first.p_value == again.p_value
    assert first.null_epsilons.shape == (199,)


def test_inputs_are_left_as_they_were():
    generator = np.random.default_rng(0)
    sides = confidences(generator), confidences(generator)
    copies = [side.copy() for side in sides]
    equivalence(*sides, seed=0, n_permutations=3)
    assert all(map(np.array_equal, sides, copies))


def test_no_permutation_is_an_error():
    sides = (np.zeros((3, 1)),) * 2
    with pytest.raises(ValueError, match="at least 1, got 0"):
        equivalence(*sides, seed=0, n_permutations=0)
