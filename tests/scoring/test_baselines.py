"""The ceiling and the floor: which models stand on which side."""

import numpy as np
import pytest

from scoring import Measurements, score
from scoring.baselines import CeilingKind, ceiling, floor
from scoring.simulation import Population, simulate

SIDES = simulate(Population(n_examples=60), 16, np.random.default_rng(0))


def numbered(n_models):
    rows = np.arange(n_models, dtype=np.float64)
    return Measurements(rows[:, np.newaxis] * np.ones(2), rows / 100, rows / 100)


def test_a_second_set_is_the_ceiling_where_there_is_one():
    kind, (unlearned, reference) = ceiling(SIDES.reference, SIDES.unlearned)
    assert kind is CeilingKind.SECOND_SET
    assert (unlearned, reference) == (SIDES.unlearned, SIDES.reference)


@pytest.mark.parametrize("n_models", [6, 7])
def test_without_one_the_halves_of_the_references_are_the_ceiling(n_models):
    kind, (unlearned, reference) = ceiling(numbered(n_models), None)
    assert kind is CeilingKind.SPLIT_HALVES
    assert unlearned.confidences[:, 0].tolist() == [0, 2, 4]
    assert reference.confidences[:, 0].tolist() == [1, 3, 5]


def test_halves_of_fewer_than_three_models_are_no_ceiling():
    assert ceiling(numbered(5), None) is None


def test_the_floor_is_the_original_as_often_as_there_are_references():
    original = SIDES.unlearned.take(np.array([0]))
    unlearned, reference = floor(SIDES.reference, original)
    assert reference is SIDES.reference
    assert unlearned.confidences.shape == (16, 60)
    assert np.all(unlearned.confidences == original.confidences)
    assert np.all(unlearned.test_accuracies == original.test_accuracies)
    # A constant sample gives itself away.
    assert score(unlearned, reference).forgetting_quality == 0.0


def test_a_floor_of_two_models_is_refused():
    with pytest.raises(ValueError, match="one original model, not of 2"):
        floor(SIDES.reference, SIDES.unlearned.take(np.array([0, 1])))
