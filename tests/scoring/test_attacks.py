"""The cells of every rule against counting, confidence by confidence, what each threshold gets wrong."""

import numpy as np
import pytest

from scoring.attacks import Example
from scoring.thresholds import double_thresholds, single_thresholds

# Chosen so that thresholds fall exactly on confidences: both grids start and end on round numbers.
NARROW = np.array([0.0, 0.5, 0.5, 1.0])
WIDE_HIGHER = np.array([-1.0, 0.5, 2.0, 3.0])
WIDE_LOWER = np.array([-3.0, -1.0, 0.0, 3.0])
SAME_MEDIAN = np.array([0.0, 0.25, 0.75, 2.0])
AS_WIDE_HIGHER = np.array([0.5, 0.75, 1.0, 1.5])


def counted_cells(positive, negative, left, right):
    left, right = np.broadcast_arrays(left, right)
    cells = np.empty(left.shape, int)
    for place in np.ndindex(left.shape):
        false_positives = sum(left[place] <= x <= right[place] for x in negative)
        false_negatives = sum(not left[place] <= x <= right[place] for x in positive)
        cells[place] = false_positives * (len(positive) + 1) + false_negatives
    return cells


@pytest.mark.parametrize(
    ("unlearned", "reference", "higher"),
    [
        (NARROW, WIDE_HIGHER, "reference"),
        (WIDE_HIGHER, NARROW, "unlearned"),
        (NARROW, SAME_MEDIAN, "unlearned"),
        (SAME_MEDIAN, NARROW, "unlearned"),
    ],
)
def test_single_threshold_guesses_the_larger_median_from_the_threshold_upwards(unlearned, reference, higher):
    positive, negative = (unlearned, reference) if higher == "unlearned" else (reference, unlearned)
    every = np.concatenate([unlearned, reference])
    thresholds = single_thresholds(every.min(), every.max())
    assert set(thresholds) & set(every)
    expected = counted_cells(positive, negative, thresholds, np.inf)
    np.testing.assert_array_equal(Example(unlearned, reference).single_threshold_cells(), expected)


@pytest.mark.parametrize(
    ("unlearned", "reference", "narrower"),
    [
        (NARROW, WIDE_HIGHER, "unlearned"),
        (WIDE_LOWER, NARROW, "reference"),
        (NARROW, AS_WIDE_HIGHER, "unlearned"),  # equal ranges: the one that is not higher
        (AS_WIDE_HIGHER, NARROW, "reference"),
        (NARROW, NARROW, "reference"),
    ],
)
def test_double_threshold_guesses_the_smaller_range_inside_the_window(unlearned, reference, narrower):
    positive, negative = (unlearned, reference) if narrower == "unlearned" else (reference, unlearned)
    left, right = double_thresholds(positive.min(), positive.max())
    expected = counted_cells(positive, negative, left, right)
    np.testing.assert_array_equal(Example(unlearned, reference).double_threshold_cells(), expected)


def test_data_points_serve_as_the_ends_of_every_window():
    for positive, negative in ((NARROW, WIDE_HIGHER), (NARROW, WIDE_LOWER)):
        every = np.sort(np.concatenate([positive, negative]))
        expected = counted_cells(positive, negative, every[:, np.newaxis], every)
        np.testing.assert_array_equal(Example(positive, negative).data_point_cells(), expected)


def test_range_ratio_is_the_smaller_range_over_the_larger():
    assert Example(NARROW, WIDE_HIGHER).range_ratio() == Example(WIDE_HIGHER, NARROW).range_ratio() == 0.25
    assert Example(NARROW * 0, NARROW).range_ratio() == 0.0
    assert Example(NARROW * 0, NARROW * 0).range_ratio() == 1.0
