"""The epsilon of one rule, cell by cell."""

import numpy as np
import pytest

from scoring.audits.held_out_epsilon import held_out_epsilons


def epsilon(false_positives, false_negatives, n_models=10, delta=0.0):
    errors = np.array([false_positives]), np.array([false_negatives])
    found = held_out_epsilons(*errors, n_models=n_models, delta=delta)
    assert found.dtype == np.float64
    return found[0]


@pytest.mark.parametrize(
    ("false_positives", "false_negatives", "expected"),
    [
        (2, 4, np.log(0.6 / 0.2)),
        (4, 2, np.log(0.6 / 0.2)),
        (5, 5, 0.0),
        (9, 8, 0.0),  # worse than chance is no better than chance
        (10, 10, 0.0),
        (0, 0, 50.0),
        (0, 4, np.log(0.6 / 0.1)),  # as (1, 4)
        (4, 0, np.log(0.6 / 0.1)),
        (10, 0, 0.0),
        (0, 10, 0.0),
    ],
)
def test_epsilon_of_errors_in_ten(false_positives, false_negatives, expected):
    assert epsilon(false_positives, false_negatives) == pytest.approx(expected, rel=1e-6)


def test_delta_is_subtracted_from_what_is_left():
    assert epsilon(2, 4, delta=0.1) == pytest.approx(np.log(0.5 / 0.2), rel=1e-6)
