"""Interval rules: guess which side a model is of by whether its confidence lies in an interval."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.attacks import Confidences

Gains = NDArray[np.floating[Any]]
Counts = NDArray[np.int64]

_STARTS_AT_ONCE = 64  # keeps a block of intervals in the processor's cache


class Rule(NamedTuple):
    """Guess "unlearned" inside left < x < right, or outside of it.

    Attributes:
        left: half way to the next data point outside; −inf if there is none.
        right: the same above; +inf if there is none.
        unlearned_inside: whether inside means "unlearned"; otherwise inside means "reference".
    """

    left: float
    right: float
    unlearned_inside: bool

    def calls_unlearned(self, confidences: Confidences) -> NDArray[np.bool_]:
        """Return the guess for each confidence."""
        inside: NDArray[np.bool_] = (self.left < confidences) & (confidences < self.right)
        return inside if self.unlearned_inside else ~inside


class Choice(NamedTuple):
    """The best rule of one example, and its gain on the models that chose it."""

    rule: Rule
    gain: float


class Errors(NamedTuple):
    """The errors of one rule per example, on models that had no part in choosing it.

    Attributes:
        false_positives: [n_examples] int64, reference models called unlearned.
        false_negatives: [n_examples] int64, unlearned models called reference.
    """

    false_positives: Counts
    false_negatives: Counts


def gains_inside(table: Gains) -> Gains:
    """Return what an interval gains, by what lies in it, with the better of its two guesses.

    Args:
        table: [N + 1, N + 1] float, the gain by false positives (row) and false negatives (column);
            symmetric, as every function of two interchangeable kinds of errors.

    Returns:
        The same by unlearned (row) and reference models (column) inside; −inf for an interval with none.
    """
    inside_is_reference = table[:, ::-1]
    gains = np.maximum(inside_is_reference, inside_is_reference.T)
    gains[0, 0] = -np.inf
    return gains


def best_rule(unlearned: Confidences, reference: Confidences, gains: Gains) -> Choice:
    """Return the interval between data points that gains most; of equal ones the first, then the shortest.

    Args:
        unlearned: [N] float64, one example's confidences.
        reference: [N] float64.
        gains: [N + 1, N + 1] float, from `gains_inside`.

    Every interval of neighbouring data points is tried, O(N²) of them. One that begins or ends at an extreme
    is a single threshold. Equal values are inside together or not at all.
    """
    both = np.concatenate([unlearned, reference])
    order = np.argsort(both)
    values = both[order]
    edges = np.flatnonzero(np.concatenate([[True], values[1:] > values[:-1], [True]]))
    unlearned_before = np.concatenate([[0], np.cumsum(order < unlearned.size)])[edges]
    # Both counts in one number, so that one subtraction counts both.
    code = unlearned_before * len(gains) + edges - unlearned_before
    start, stop = _best_pair(code, gains.ravel())
    n_unlearned, n_reference = divmod(int(code[stop] - code[start]), len(gains))
    between = (values[edges[1:-1] - 1] + values[edges[1:-1]]) / 2
    cuts = np.concatenate([[-np.inf], between, [np.inf]])
    rule = Rule(float(cuts[start]), float(cuts[stop]), unlearned_inside=n_unlearned >= n_reference)
    return Choice(rule, float(gains[n_unlearned, n_reference]))


def errors_elsewhere(
    unlearned: Confidences,
    reference: Confidences,
    *,
    choosing: NDArray[np.int64],
    measured: NDArray[np.int64],
    gains: Gains,
) -> Errors:
    """Choose every example's best rule on some models, and count its errors on others.

    Args:
        unlearned: [n_models, n_examples] float64.
        reference: the same.
        choosing: [n] indices of the models of either side that choose.
        measured: [m] indices of those that are measured; none of them chooses.
        gains: [n + 1, n + 1] float, what the choice maximises, from `gains_inside`.

    Returns:
        Counts of 0..m.
    """
    false_positives, false_negatives = np.empty((2, unlearned.shape[1]), dtype=np.int64)
    for example, (of_unlearned, of_reference) in enumerate(zip(unlearned.T, reference.T, strict=True)):
        rule = best_rule(of_unlearned[choosing], of_reference[choosing], gains).rule
        false_positives[example] = rule.calls_unlearned(of_reference[measured]).sum()
        false_negatives[example] = measured.size - rule.calls_unlearned(of_unlearned[measured]).sum()
    return Errors(false_positives, false_negatives)


def _best_pair(code: Counts, gains: Gains) -> tuple[int, int]:
    """Return start < stop with the largest gain of what lies between; the first pair of several."""
    best, pair = -np.inf, (0, code.size - 1)
    for first in range(0, code.size - 1, _STARTS_AT_ONCE):
        starts = code[first : first + _STARTS_AT_ONCE]
        # Pairs the wrong way round have codes below 0; "clip" makes them empty intervals, which gain −inf.
        found = gains.take(code[first + 1 :] - starts[:, np.newaxis], mode="clip")
        start, stop = divmod(int(found.argmax()), found.shape[1])
        if found[start, stop] > best:
            best, pair = float(found[start, stop]), (first + start, first + 1 + stop)
    return pair
