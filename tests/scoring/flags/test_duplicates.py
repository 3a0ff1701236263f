"""Duplicate runs: repeats are counted, near repeats too, and honest runs never."""

from dataclasses import replace

import numpy as np
import pytest

from scoring.flags import duplicate_runs
from scoring.simulation import Population, simulate


def honest(n_models, n_examples, seed=0):
    return simulate(Population(n_examples=n_examples), n_models, np.random.default_rng(seed))


@pytest.mark.parametrize("n_examples", [1, 5, 100])
def test_repeated_runs_are_counted(n_examples):
    pair = honest(8, n_examples)
    runs = pair.unlearned.take(np.array([0, 1, 0, 2, 1, 0, 3, 4]))
    flag = duplicate_runs(runs, pair.reference)
    assert (flag.raised, flag.statistic) == (True, 3.0)
    assert flag.sentence == "5 of 8 runs are distinct; 3 repeat an earlier one."


def test_equal_runs_are_one_even_if_there_are_three():
    pair = honest(3, 30)
    flag = duplicate_runs(pair.unlearned.take(np.array([1, 1, 1])), pair.reference)
    assert (flag.raised, flag.statistic) == (True, 2.0)


@pytest.mark.parametrize(("noise", "n_repeats"), [(1e-3, 15.0), (0.1, 0.0)])
def test_noise_of_a_thousandth_of_the_spread_hides_no_repeat(noise, n_repeats):
    pair = honest(16, 60)
    shape, spread = pair.unlearned.confidences.shape, pair.reference.confidences.std(axis=0)
    jitter = noise * spread * np.random.default_rng(1).normal(size=shape)
    runs = replace(pair.unlearned, confidences=pair.unlearned.confidences[0] + jitter)
    assert duplicate_runs(runs, pair.reference).statistic == n_repeats


def test_a_near_repeat_on_a_few_examples_does_not_count():
    pair = honest(8, 19)
    runs = replace(pair.unlearned, confidences=pair.unlearned.confidences[0] + 1e-6 * np.eye(8, 19))
    assert not duplicate_runs(runs, pair.reference).raised


@pytest.mark.parametrize(("n_shared", "raised"), [(94, False), (95, True)])
def test_runs_must_agree_on_95_percent_of_the_examples(n_shared, raised):
    pair = honest(4, 100)
    confidences = pair.unlearned.confidences.copy()
    confidences[3, :n_shared] = confidences[1, :n_shared]
    confidences[3, n_shared:] = confidences[1, n_shared:] + 1.0
    assert duplicate_runs(replace(pair.unlearned, confidences=confidences), pair.reference).raised == raised


def test_constant_references_leave_only_equality():
    pair = honest(4, 30)
    constant = pair.reference.take(np.zeros(4, dtype=np.intp))
    assert not duplicate_runs(pair.unlearned, constant).raised


@pytest.mark.parametrize("n_examples", [1, 20])
def test_honest_runs_of_one_will_are_not_flagged(n_examples):
    population = Population(n_examples=n_examples, common=0.9, spread_ratio=0.3)
    generator = np.random.default_rng(0)
    assert not any(duplicate_runs(*simulate(population, 64, generator)).raised for _ in range(50))
