"""The attacks: rules that guess from one confidence whether a model was unlearned or retrained.

Every rule says "positive" to the confidences in one interval, so on sorted confidences it says it to
one slice, and its errors are two differences of running counts. Nothing is ever compared model by
model with each threshold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.thresholds import double_thresholds, single_thresholds

Confidences = NDArray[np.float64]
Counts = NDArray[np.int64]

DISCARDED = np.float32(-np.inf)


@dataclass(frozen=True)
class Samples:
    """Every forget example's N unlearned and N reference confidences, sorted together once.

    The two **codes** are running counts of the sorted values, for the side that each rule guesses: guessing
    positive for the slice [start, stop) makes `code[stop] + n_models − code[start]`, which is
    false positives · (N + 1) + false negatives: the place of these errors in the flat table of epsilons.

    Attributes:
        values: [n_examples, 2N] float64, ascending.
        single_code: [n_examples, 2N + 1] int64, of the single-threshold rule: positive is the side with the
            larger median, the unlearned one on a tie.
        double_code: the same of the double-threshold rule: positive is the side with the smaller range; of
            equal ranges the side that is not positive in the other rule.
        narrow_low: [n_examples] float64, the lowest confidence of the side with the smaller range.
        narrow_high: [n_examples] float64, its highest.
        range_ratio: [n_examples] float64, the smaller range over the larger, 0..1; 1 if both are constant.
    """

    values: Confidences
    single_code: Counts
    double_code: Counts
    narrow_low: Confidences
    narrow_high: Confidences
    range_ratio: Confidences

    @property
    def n_models(self) -> int:
        """N, the models of one side."""
        return self.values.size // len(self.values) // 2


def sort_samples(unlearned: Confidences, reference: Confidences) -> Samples:
    """Sort two [n_models, n_examples] arrays of finite confidences, example by example."""
    n_models, n_examples = unlearned.shape
    both = np.concatenate([unlearned, reference]).T
    order = np.argsort(both, axis=1)
    unlearned_before = np.zeros((n_examples, 2 * n_models + 1), dtype=np.int64)
    np.cumsum(order < n_models, axis=1, out=unlearned_before[:, 1:])

    ranges = np.ptp(unlearned, axis=0), np.ptp(reference, axis=0)
    smaller, larger = np.minimum(*ranges), np.maximum(*ranges)
    unlearned_is_higher = np.median(unlearned, axis=0) >= np.median(reference, axis=0)
    unlearned_is_narrower = np.where(ranges[0] == ranges[1], ~unlearned_is_higher, ranges[0] < ranges[1])
    narrower = np.where(unlearned_is_narrower, unlearned, reference)
    return Samples(
        values=np.take_along_axis(both, order, axis=1),
        single_code=_code(unlearned_before, unlearned_is_higher),
        double_code=_code(unlearned_before, unlearned_is_narrower),
        narrow_low=narrower.min(axis=0),
        narrow_high=narrower.max(axis=0),
        range_ratio=np.divide(smaller, larger, out=np.ones(n_examples), where=larger > 0.0),
    )


def _code(unlearned_before: Counts, unlearned_is_positive: NDArray[np.bool_]) -> Counts:
    n_both = unlearned_before.shape[1] - 1
    before = np.arange(n_both + 1)
    positives = np.where(unlearned_is_positive[:, np.newaxis], unlearned_before, before - unlearned_before)
    # Both error counts in one number, so that one subtraction counts both.
    code: Counts = (before - positives) * (n_both // 2 + 1) - positives
    return code


def best_on_grids(samples: Samples, table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest epsilon over the released grids of thresholds, of every example.

    Args:
        samples: the sorted examples.
        table: [(N + 1)²] float32, ε by errors, as `epsilon_table` gives it, flat.

    Returns:
        [n_examples] float32; −inf where every threshold is discarded.
    """
    best = np.empty(len(samples.values), dtype=np.float32)
    for example, values in enumerate(samples.values):
        single = single_thresholds(float(values[0]), float(values[-1]))
        windows = double_thresholds(float(samples.narrow_low[example]), float(samples.narrow_high[example]))
        best[example] = max(
            _best(values, samples.single_code[example], (single, np.full_like(single, np.inf)), table),
            _best(values, samples.double_code[example], windows, table),
        )
    return best


def best_at_data_points(samples: Samples, example: int, table: NDArray[np.float32]) -> np.float32:
    """Return the largest epsilon with every pair of one example's confidences as a window; else as the grids.

    The windows are enough: those that end at an extreme make the guesses of the single thresholds, or their
    opposites with the errors swapped, and epsilon is symmetric in its two errors.
    """
    values = samples.values[example]
    return _best(values, samples.double_code[example], (values[:, np.newaxis], values), table)


def _best(
    values: Confidences, code: Counts, windows: tuple[Confidences, Confidences], table: NDArray[np.float32]
) -> np.float32:
    """Return the largest epsilon of guessing positive where left ≤ x ≤ right, over windows of one example."""
    left, right = windows
    stop = np.searchsorted(values, right, side="right")
    # A left end beyond its right end leaves an empty slice, never a negative one.
    start = np.minimum(np.searchsorted(values, left, side="left"), stop)
    cells = code[stop] + values.size // 2 - code[start]
    best: np.float32 = table[cells].max(initial=DISCARDED)
    return best
