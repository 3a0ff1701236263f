"""The errors of every rule, compiled and not, against counting what each threshold gets wrong."""

import numpy as np
import pytest

from scoring import attacks, kernel
from scoring.attacks import sort_samples
from scoring.thresholds import double_thresholds, single_thresholds

# Chosen so that thresholds fall exactly on confidences: both grids start and end on round numbers.
NARROW = np.array([0.0, 0.5, 0.5, 1.0])
WIDE_HIGHER = np.array([-1.0, 0.5, 2.0, 3.0])
WIDE_LOWER = np.array([-3.0, -1.0, 0.0, 3.0])
SAME_MEDIAN = np.array([0.0, 0.25, 0.75, 2.0])
AS_WIDE_HIGHER = np.array([0.5, 0.75, 1.0, 1.5])


# Who is positive in each rule: (unlearned, reference, has the larger median, has the smaller range).
PAIRS = [
    (NARROW, WIDE_HIGHER, "reference", "unlearned"),
    (WIDE_HIGHER, NARROW, "unlearned", "reference"),
    (NARROW, WIDE_LOWER, "unlearned", "unlearned"),
    (WIDE_LOWER, NARROW, "reference", "reference"),
    (NARROW, SAME_MEDIAN, "unlearned", "unlearned"),
    (SAME_MEDIAN, NARROW, "unlearned", "reference"),
    (NARROW, AS_WIDE_HIGHER, "reference", "unlearned"),  # equal ranges: the one that is not higher
    (AS_WIDE_HIGHER, NARROW, "unlearned", "reference"),
    (NARROW, NARROW, "unlearned", "reference"),
]


def column(values):
    return values[:, np.newaxis]


def reached_cells(best, n_models):
    """The cells of the table of epsilons that an attack reaches: one is put apart at a time."""
    cells = set()
    for cell in range((n_models + 1) ** 2):
        table = np.full((n_models + 1) ** 2, -np.inf, np.float32)
        table[cell] = 1.0
        if best(table) == 1.0:
            cells.add(cell)
    return cells


def counted_cells(positive, negative, left, right):
    left, right = np.broadcast_arrays(left, right)
    cells = set()
    for place in np.ndindex(left.shape):
        false_positives = sum(left[place] <= x <= right[place] for x in negative)
        false_negatives = sum(not left[place] <= x <= right[place] for x in positive)
        cells.add(false_positives * (len(positive) + 1) + false_negatives)
    return cells


@pytest.mark.parametrize("implementation", [attacks, kernel])
@pytest.mark.parametrize(("unlearned", "reference", "higher", "narrower"), PAIRS)
def test_grids_reach_the_errors_of_both_rules(implementation, unlearned, reference, higher, narrower):
    sides = {"unlearned": (unlearned, reference), "reference": (reference, unlearned)}
    every = np.concatenate([unlearned, reference])
    thresholds = single_thresholds(every.min(), every.max())
    assert set(thresholds) & set(every)
    left, right = double_thresholds(sides[narrower][0].min(), sides[narrower][0].max())
    single = counted_cells(*sides[higher], thresholds, np.inf)
    double = counted_cells(*sides[narrower], left, right)
    assert single - double or double - single

    samples = sort_samples(column(unlearned), column(reference))
    reached = reached_cells(lambda table: implementation.best_on_grids(samples, table)[0], len(unlearned))
    assert reached == single | double


@pytest.mark.parametrize("other", [WIDE_HIGHER, WIDE_LOWER])
def test_data_points_serve_as_the_ends_of_every_window(other):
    every = np.sort(np.concatenate([NARROW, other]))
    samples = sort_samples(column(NARROW), column(other))
    reached = reached_cells(lambda table: attacks.best_at_data_points(samples, 0, table), len(NARROW))
    assert reached == counted_cells(NARROW, other, column(every), every)


def test_range_ratio_is_the_smaller_range_over_the_larger():
    unlearned = np.stack([NARROW, WIDE_HIGHER, NARROW * 0, NARROW * 0], axis=1)
    reference = np.stack([WIDE_HIGHER, NARROW, NARROW, NARROW * 0], axis=1)
    np.testing.assert_array_equal(sort_samples(unlearned, reference).range_ratio, [0.25, 0.25, 0.0, 1.0])


@pytest.mark.parametrize("seed", range(12))
def test_compiled_grids_end_at_the_same_floats(seed):
    generator = np.random.default_rng(seed)
    narrow = generator.normal(size=4)
    left, right = double_thresholds(narrow.min(), narrow.max())
    for edge in (right[-1], left[-1, generator.integers(400)], left[0, generator.integers(400)]):
        around = [np.nextafter(edge, -np.inf), edge]  # one float decides whether a threshold passes
        wide = np.array([narrow.min() - 5, *around, narrow.max() + 5])
        samples = sort_samples(column(narrow), column(wide))
        plain, compiled = (
            reached_cells(lambda table, by=by: by.best_on_grids(samples, table)[0], 4)  # noqa: B023
            for by in (attacks, kernel)
        )
        assert plain == compiled
