"""The attacks: rules that guess from one confidence whether a model was unlearned or retrained.

Every rule says "positive" to the confidences in one interval, so on sorted confidences it says it to
one slice, and its errors are two differences of running counts. Nothing is ever compared model by
model with each threshold.
"""

import numpy as np
from numpy.typing import NDArray

from scoring.thresholds import double_thresholds, single_thresholds

Confidences = NDArray[np.float64]
Counts = NDArray[np.intp]


class Example:
    """One forget example: its N unlearned and N reference confidences, sorted together once.

    The methods return **cells**: false positives · (N + 1) + false negatives, of one rule at each of its
    thresholds; a cell indexes the flat [N + 1, N + 1] table of epsilons.
    """

    def __init__(self, unlearned: Confidences, reference: Confidences) -> None:
        both = np.concatenate([unlearned, reference])
        order = np.argsort(both)
        self._n_models = unlearned.size
        self._values = both[order]
        self._unlearned_before = np.concatenate([[0], np.cumsum(order < unlearned.size)])
        unlearned_range, reference_range = float(np.ptp(unlearned)), float(np.ptp(reference))
        self._widths = sorted([unlearned_range, reference_range])
        self._unlearned_is_higher = bool(np.median(unlearned) >= np.median(reference))
        if unlearned_range == reference_range:
            self._unlearned_is_narrower = not self._unlearned_is_higher
        else:
            self._unlearned_is_narrower = unlearned_range < reference_range
        self._narrower = unlearned if self._unlearned_is_narrower else reference

    def range_ratio(self) -> float:
        """Return the smaller range over the larger, 0..1; 1 if both samples are constant."""
        smaller, larger = self._widths
        return smaller / larger if larger > 0.0 else 1.0

    def single_threshold_cells(self) -> Counts:
        """Guess the side with the larger median where x ≥ t, on the grid; [n] cells, maybe none."""
        thresholds = single_thresholds(float(self._values[0]), float(self._values[-1]))
        start = np.searchsorted(self._values, thresholds, side="left")
        stop = np.full_like(start, self._values.size)
        return self._cells(start, stop, unlearned_is_positive=self._unlearned_is_higher)

    def double_threshold_cells(self) -> Counts:
        """Guess the side with the smaller range where left ≤ x ≤ right, on the grid; [400, n_right] cells."""
        windows = double_thresholds(float(self._narrower.min()), float(self._narrower.max()))
        return self._within(windows.left, windows.right)

    def data_point_cells(self) -> Counts:
        """Apply both rules with every confidence, and every pair of them, as thresholds; [2N, 2N] cells."""
        # The windows are enough: those that end at an extreme make the guesses of the single thresholds,
        # or their opposites with the errors swapped, and epsilon is symmetric in its two errors.
        return self._within(self._values[:, np.newaxis], self._values)

    def _within(self, left: Confidences, right: Confidences) -> Counts:
        stop = np.searchsorted(self._values, right, side="right")
        # A left end beyond its right end leaves an empty slice, never a negative one.
        start = np.minimum(np.searchsorted(self._values, left, side="left"), stop)
        return self._cells(start, stop, unlearned_is_positive=self._unlearned_is_narrower)

    def _cells(self, start: Counts, stop: Counts, *, unlearned_is_positive: bool) -> Counts:
        """Count the errors of guessing positive for the sorted values in [start, stop)."""
        before = np.arange(self._values.size + 1)
        positives = self._unlearned_before if unlearned_is_positive else before - self._unlearned_before
        # Both error counts in one number, so that one subtraction counts both.
        code = (before - positives) * (self._n_models + 1) - positives
        cells: Counts = code[stop] + self._n_models - code[start]
        return cells
