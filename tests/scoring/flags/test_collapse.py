"""Collapsed variance: a shrunk spread is seen, and a spread at the tolerated limit in 1 % of the cases."""

from dataclasses import replace

import numpy as np
import pytest

from scoring.flags import collapsed_variance
from scoring.simulation import Population, simulate


def shrunk(factor, n_models=16, seed=0):
    """References, and runs that are the references again, their spread times a factor, and moved."""
    reference = simulate(Population(n_examples=50), n_models, np.random.default_rng(seed)).reference
    means = reference.confidences.mean(axis=0)
    return replace(reference, confidences=3.0 + means + factor * (reference.confidences - means)), reference


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0, 2.0])
def test_statistic_is_how_much_narrower_the_runs_spread(factor):
    assert collapsed_variance(*shrunk(factor), seed=0).statistic == pytest.approx(1.0 - factor)


@pytest.mark.parametrize(("factor", "raised"), [(0.05, True), (0.1, True), (0.25, False), (0.6, False)])
def test_only_spreads_far_below_the_references_are_flagged(factor, raised):
    flag = collapsed_variance(*shrunk(factor), seed=0)
    assert flag.raised == raised
    assert f"{factor:.2f} times" in flag.sentence


@pytest.mark.parametrize("common", [0.0, 0.8])
def test_a_quarter_of_the_spread_is_flagged_in_one_percent_of_the_cases(common):
    population = Population(n_examples=20, common=common, shift=1.0, spread_ratio=0.25)
    generator = np.random.default_rng(int(10 * common))
    n_raised = sum(
        collapsed_variance(*simulate(population, 8, generator), seed=seed).raised for seed in range(300)
    )
    assert n_raised <= 9  # 3 expected; 99.9 % of such counts


def test_equal_runs_have_collapsed_wholly():
    runs, reference = shrunk(1.0)
    equal = runs.take(np.zeros(16, dtype=np.intp))
    flag = collapsed_variance(equal, reference, seed=0)
    assert (flag.raised, flag.statistic) == (True, 1.0)


def test_examples_on_which_references_are_equal_do_not_count():
    runs, reference = shrunk(0.1)
    confidences = reference.confidences.copy()
    confidences[:, :40] = 1.7
    assert collapsed_variance(runs, replace(reference, confidences=confidences), seed=0).raised


def test_constant_references_judge_nothing():
    runs, reference = shrunk(0.1)
    flag = collapsed_variance(runs, reference.take(np.zeros(16, dtype=np.intp)), seed=0)
    assert (flag.raised, flag.statistic, flag.threshold) == (False, None, None)


def test_two_valued_models_cause_no_warning():
    signs = np.where(np.arange(8) < 4, 1.0, -1.0)[:, np.newaxis]
    reference = replace(shrunk(1.0, n_models=8)[1], confidences=signs)
    runs = replace(reference, confidences=0.25 * signs)
    flags = [collapsed_variance(runs, reference, seed=seed) for seed in range(20)]
    assert all(np.isfinite(flag.threshold) for flag in flags)
