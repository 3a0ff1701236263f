"""Exact intervals against every interval tried by comparison, and against the official epsilon."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import example_epsilons, forgetting_quality
from scoring.audits import exact_interval_attack
from scoring.epsilon import epsilon_table


def every_interval(unlearned, reference):
    """The largest epsilon of "left ≤ x ≤ right" for all pairs of confidences and both guesses."""
    n_models = len(unlearned)
    table = epsilon_table(n_models, delta=1e-5)
    best = -np.inf
    for left in {*unlearned, *reference}:
        for right in {*unlearned, *reference}:
            n_unlearned = sum(left <= x <= right for x in unlearned)
            n_reference = sum(left <= x <= right for x in reference)
            best = max(best, table[n_reference, n_models - n_unlearned])
            best = max(best, table[n_unlearned, n_models - n_reference])
    ranges = sorted([np.ptp(unlearned), np.ptp(reference)])
    collapsed = ranges[0] < 0.01 * ranges[1]
    return 50.0 if collapsed else float(min(max(best, 0.0), 50.0))


def column(values):
    return np.asarray(values, dtype=np.float64)[:, np.newaxis]


def one(unlearned, reference):
    return exact_interval_attack(column(unlearned), column(reference)).epsilons[0]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_epsilon_equals_that_of_every_interval_tried(data):
    n_models = data.draw(st.integers(3, 9))
    value = data.draw(st.sampled_from([st.floats(-104, 104), st.integers(-4, 4), st.integers(0, 40)]))
    unlearned, reference = (data.draw(st.lists(value, min_size=n_models, max_size=n_models)) for _ in "ab")
    assert one(unlearned, reference) == every_interval(unlearned, reference)


def test_epsilon_of_many_models_equals_that_of_every_interval_tried():
    generator = np.random.default_rng(5)
    unlearned, reference = generator.normal(size=(2, 70))
    assert one(unlearned + 0.5, reference) == every_interval(unlearned + 0.5, reference)


def test_epsilon_by_hand():
    # Inside 1..3: three unlearned and one reference; one error of either kind in four.
    epsilon = one([0.0, 1.0, 2.0, 3.0], [2.5, 3.5, 4.5, 5.5])
    assert epsilon == pytest.approx(np.log((1 - 1e-5 - 0.25) / 0.25), rel=1e-6)


def test_exact_epsilons_are_never_below_the_official_ones():
    with np.load(Path(__file__).parents[1] / "golden" / "forgetting_quality.npz") as archive:
        cases = sorted({key.split("/")[0] for key in archive})
        assert cases
        for case in cases:
            unlearned, reference = archive[f"{case}/unlearned"], archive[f"{case}/retrained"]
            found = exact_interval_attack(unlearned, reference)
            official = example_epsilons(unlearned, reference)
            assert np.all(found.epsilons >= official)
            assert found.forgetting_quality == forgetting_quality(found.epsilons, len(unlearned))
            assert found.forgetting_quality <= forgetting_quality(official, len(unlearned))


def test_a_difference_between_two_thresholds_of_the_grid_is_found():
    spread = np.linspace(-2.0, 2.0, 8)
    # Apart by 0.001 where the grid steps by 0.01.
    assert one(spread, spread + 0.001) > example_epsilons(column(spread), column(spread + 0.001))[0]


def test_collapsed_and_constant_samples_have_the_official_epsilons():
    spread = np.linspace(-3.0, 3.0, 9)
    assert one(spread * 0.009, spread) == 50.0
    assert one(np.full(5, 1.5), np.full(5, 1.5)) == 0.0
    assert one(np.full(5, 1.5), np.full(5, 2.5)) == 50.0


def test_delta_lowers_epsilons():
    unlearned, reference = np.random.default_rng(3).normal(size=(2, 12, 7))
    strict = exact_interval_attack(unlearned, reference, delta=0.0)
    loose = exact_interval_attack(unlearned, reference, delta=0.2)
    assert np.all(loose.epsilons < strict.epsilons)
