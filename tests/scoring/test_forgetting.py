"""H and F, bucket by bucket."""

import numpy as np
import pytest

from scoring import forgetting_quality


def released_loop(epsilons, n_models):
    """F as the released metric adds it up: a list of buckets, walked for every example."""
    points, start, buckets = 1.0, 0.0, []
    while start + 0.5 <= np.ceil(np.log(n_models - 1)):
        buckets.append((start + 0.5, points))
        points, start = points / 2, start + 0.5
    total = 0.0
    for epsilon in epsilons:
        total += next((points for end, points in buckets if epsilon < end), 0.0)
    return total / len(epsilons)


@pytest.mark.parametrize(
    ("epsilon", "points"),
    [(0.0, 1.0), (0.4999, 1.0), (0.5, 0.5), (1.0, 0.25), (3.999, 2**-7), (4.0, 0.0), (50.0, 0.0)],
)
def test_one_epsilon_earns_the_points_of_its_bucket(epsilon, points):
    assert forgetting_quality(np.array([epsilon]), 32) == points  # ceil(ln 31) = 4


@pytest.mark.parametrize("n_models", [3, 4, 8, 9, 16, 24, 64, 512])
def test_quality_equals_the_released_loop(n_models):
    epsilons = np.random.default_rng(n_models).uniform(0, 9, 101)
    assert forgetting_quality(epsilons, n_models) == released_loop(epsilons, n_models)


def test_quality_of_too_few_models_is_refused():
    for n_models in (2, 3.5):
        with pytest.raises(ValueError, match=f"at least 3 models, got {n_models}"):
            forgetting_quality(np.array([0.0]), n_models)


@pytest.mark.parametrize("bad", [np.nan, -0.1, np.inf, 50.5])
def test_an_epsilon_that_cannot_be_is_refused_with_its_place(bad):
    epsilons = np.zeros(1500)
    epsilons[[700, 900]] = bad
    with pytest.raises(ValueError, match=rf"example 700 is {bad}, not within 0\.\.50 \(2 such"):
        forgetting_quality(epsilons, 8)


@pytest.mark.parametrize("shape", [(0,), (2, 3)])
def test_epsilons_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"\[n_examples\], but are"):
        forgetting_quality(np.zeros(shape), 8)
