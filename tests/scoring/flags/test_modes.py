"""Multimodality: coin flips between two methods are seen, and one mode of any shape is not."""

from dataclasses import replace

import numpy as np
import pytest

from scoring.flags import multimodality
from scoring.simulation import Population, simulate

N_MODELS = 64


def coin_flip(n_other, *, common=0.0, seed=0):
    """Runs as references but for the last ones, of which each example is moved its own way."""
    generator = np.random.default_rng(seed)
    pair = simulate(Population(n_examples=100, common=common), N_MODELS, generator)
    moves = np.outer(np.arange(N_MODELS) >= N_MODELS - n_other, generator.normal(0.0, 1.0, 100))
    runs = replace(pair.unlearned, confidences=pair.unlearned.confidences + moves)
    return runs.take(generator.permutation(N_MODELS)), pair.reference


@pytest.mark.parametrize("n_other", [32, 42, 20])
def test_a_coin_flip_is_flagged_with_the_smaller_group(n_other):
    flag = multimodality(*coin_flip(n_other))
    assert flag.raised
    assert f"the smaller has {min(n_other, N_MODELS - n_other)} of 64 runs" in flag.sentence


def test_runs_that_are_surer_of_everything_hide_no_groups():
    assert multimodality(*coin_flip(32, common=0.6)).raised


@pytest.mark.parametrize("n_other", [0, 1, 2, 64])
def test_a_few_odd_runs_are_no_second_group(n_other):
    assert not multimodality(*coin_flip(n_other)).raised


@pytest.mark.parametrize("n_models", [8, 24])
def test_honest_runs_are_hardly_ever_flagged_even_if_uniform(n_models):
    generator = np.random.default_rng(n_models)
    reference = simulate(Population(n_examples=20), n_models, generator).reference
    n_raised = 0
    for _ in range(300):
        of_model = generator.uniform(-1.0, 1.0, (n_models, 1))
        confidences = of_model * generator.normal(size=20) + 0.1 * generator.normal(size=(n_models, 20))
        n_raised += multimodality(replace(reference, confidences=confidences), reference).raised
    assert n_raised <= 9  # 3 expected at most; 99.9 % of such counts


def test_references_in_groups_judge_nothing():
    runs, reference = coin_flip(32)
    flag = multimodality(runs, runs)
    assert (flag.raised, flag.statistic) == (False, None)
    assert multimodality(runs, reference).raised


def test_two_sets_of_equal_runs_are_two_groups():
    runs, reference = coin_flip(0)
    flag = multimodality(runs.take(np.arange(N_MODELS) % 2), reference)
    assert flag.raised
    assert flag.statistic == pytest.approx(0.25)


def test_equal_runs_are_one_group():
    runs, reference = coin_flip(0)
    flag = multimodality(runs.take(np.zeros(N_MODELS, dtype=np.intp)), reference)
    assert (flag.raised, flag.statistic) == (False, 0.0)
