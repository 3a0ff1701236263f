"""Drift: order in confidences or accuracies is seen, and its absence in 99 % of the cases."""

from dataclasses import replace

import numpy as np
import pytest

from scoring.flags import drift
from scoring.simulation import Population, simulate


def honest(n_models, seed=0, **population):
    return simulate(Population(**population), n_models, np.random.default_rng(seed)).unlearned


def moved(runs, course):
    """Move each example by a course over the runs, up or down in turn, so that the mean stays."""
    signs = np.where(np.arange(runs.confidences.shape[1]) % 2, 1.0, -1.0)
    return replace(runs, confidences=runs.confidences + np.outer(course, signs))


@pytest.mark.parametrize(
    "course",
    [np.linspace(0.0, 1.5, 32), np.where(np.arange(32) < 16, 0.0, 1.0), np.cos(np.arange(32) / 5.0)],
    ids=["trend", "step", "swing"],
)
def test_confidences_that_follow_the_run_order_are_flagged(course):
    flag = drift(moved(honest(32), course), seed=0)
    assert flag.raised
    assert flag.sentence.startswith("The confidences follow the order of the runs")


@pytest.mark.parametrize("kind", ["retain_accuracies", "test_accuracies"])
def test_an_accuracy_that_follows_the_run_order_is_flagged(kind):
    runs = honest(32)
    accuracies = getattr(runs, kind) * np.linspace(0.93, 1.0, 32)
    flag = drift(replace(runs, **{kind: accuracies}), seed=0)
    assert flag.raised
    assert kind.replace("_", " ") in flag.sentence


def test_the_same_runs_in_another_order_are_not_flagged():
    runs = moved(honest(32), np.linspace(0.0, 1.5, 32))
    shuffled = runs.take(np.random.default_rng(1).permutation(32))
    assert not drift(shuffled, seed=0).raised


@pytest.mark.parametrize("common", [0.0, 0.9])
@pytest.mark.parametrize("n_models", [8, 20])
def test_honest_runs_are_flagged_in_one_percent_of_the_cases(n_models, common):
    population = Population(n_examples=30, common=common, degrees_of_freedom=3.0)
    generator = np.random.default_rng(n_models)
    n_raised = sum(
        drift(simulate(population, n_models, generator).unlearned, seed=seed).raised for seed in range(300)
    )
    assert n_raised <= 9  # 3 expected; 99.9 % of such counts


def test_equal_runs_do_not_drift():
    flag = drift(honest(16).take(np.zeros(16, dtype=np.intp)), seed=0)
    assert (flag.raised, flag.statistic, flag.threshold) == (False, 0.0, 0.0)
