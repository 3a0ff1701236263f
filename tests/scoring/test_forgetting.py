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
    with pytest.raises(ValueError, match="at least 3 models, got 2"):
        forgetting_quality(np.array([0.0]), 2)


@pytest.mark.parametrize("epsilons", [[], [np.nan], [-0.1], [np.inf]])
def test_quality_of_epsilons_that_cannot_be_is_refused(epsilons):
    with pytest.raises(ValueError, match=r"within 0\.\.50"):
        forgetting_quality(np.array(epsilons), 8)
